//! How fast activity may grow: the leading eigenvalue of W.

use crate::sparse::Pattern;

/// Products with W that the estimate takes; growth is measured over the second half.
const PRODUCTS: u32 = 50;

/// About the magnitude of the largest eigenvalue of the matrix with these values, by the power method: v ← W v / |W v|
/// from a fixed vector that no pattern is likely to be orthogonal to; the geometric mean of |W v| over the last 25 of 50
/// products, so that a leading pair of complex eigenvalues, which makes |W v| oscillate, is told too. In f64; time is 50
/// products with W.
///
/// 0 where W sends every vector to 0, and not finite where its values are not.
///
/// # Panics
/// If the pattern is not square or `values` does not fit it.
pub fn leading_eigenvalue(pattern: &Pattern, values: &[f32]) -> f64 {
    assert_eq!((pattern.rows(), pattern.nnz()), (pattern.cols(), values.len()), "a square matrix");
    // multiples of the golden ratio, between 1/2 and 3/2: no two alike
    let mut vector: Vec<f64> = (0..pattern.rows()).map(|i| 0.5 + (i as f64 * 0.618_033_988_749_895).fract()).collect();
    let mut log_growth = 0.0;
    for product in 0..PRODUCTS {
        let row = |row: usize| {
            let entries = pattern.row(row).iter().zip(&values[pattern.entries(row)]);
            entries.map(|(&col, &weight)| f64::from(weight) * vector[col as usize]).sum::<f64>()
        };
        let mut next: Vec<f64> = (0..pattern.rows()).map(row).collect();
        let size = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        if size == 0.0 || !size.is_finite() {
            return size;
        }
        next.iter_mut().for_each(|x| *x /= size);
        vector = next;
        if product >= PRODUCTS / 2 {
            log_growth += size.ln();
        }
    }
    (log_growth / f64::from(PRODUCTS - PRODUCTS / 2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(n: usize, values: &[f32]) -> f64 {
        leading_eigenvalue(&Pattern::dense(n, n), values)
    }

    #[test]
    fn eigenvalues_by_hand() {
        // 3 and 1; a turn by 90 degrees that doubles, ±2i; one with eigenvalues 0 alone
        assert!((dense(2, &[2.0, 1.0, 1.0, 2.0]) - 3.0).abs() < 1e-9);
        assert!((dense(2, &[0.0, -2.0, 2.0, 0.0]) - 2.0).abs() < 1e-9);
        assert_eq!(dense(2, &[0.0, 1.0, 0.0, 0.0]), 0.0);
        assert!(dense(1, &[f32::NAN]).is_nan());
        // all neurons excite each other: n times the mean weight
        let n = 40;
        assert!((dense(n, &vec![0.25; n * n]) - 10.0).abs() < 1e-9);
        assert_eq!(leading_eigenvalue(&Pattern::empty(3, 3), &[]), 0.0);
    }
}
