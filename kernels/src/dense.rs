//! C ← A B + beta C with full matrices: what the sparse products are measured against.

use gemm_common::Parallelism;

/// A full matrix whose element (i, k) is `elements[i · strides[0] + k · strides[1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// The elements.
    pub elements: &'a [f32],
    /// From one row to the next, and from one column to the next.
    pub strides: [usize; 2],
}

/// C ← A B + beta C, where A is `[m, k]`, B `[k, n]` and C `[m, n]` with rows `stride` apart, on the calling thread.
///
/// `beta` is 0 (what C held before is not read) or 1. The product is that of the crate `gemm`, which chooses its
/// instruction set by itself.
///
/// # Panics
/// If a size is 0, if `beta` is neither 0 nor 1, if a matrix reaches beyond its elements, or if C is not `m · stride`
/// elements long.
pub fn gemm([m, k, n]: [usize; 3], a: Matrix, b: Matrix, beta: f32, c: &mut [f32], stride: usize) {
    assert!(m > 0 && k > 0 && n > 0, "a product of [{m}, {k}] and [{k}, {n}]");
    assert!(beta == 0.0 || beta == 1.0, "beta is 0 or 1");
    for (matrix, [rows, cols]) in [(a, [m, k]), (b, [k, n])] {
        let along = |size: usize, stride: usize| (size - 1).checked_mul(stride);
        let last = along(rows, matrix.strides[0]).zip(along(cols, matrix.strides[1]));
        let last = last.and_then(|(rows, cols)| rows.checked_add(cols));
        let len = matrix.elements.len();
        assert!(last.is_some_and(|last| last < len), "[{rows}, {cols}] with strides {:?} in {len}", matrix.strides);
    }
    assert!(n <= stride && m.checked_mul(stride) == Some(c.len()), "C is [{m}, {n}] with rows {stride} apart");
    let step = |stride: usize| isize::try_from(stride).expect("a stride within a slice");
    let ([rsa, csa], [rsb, csb], rsc) = (a.strides.map(step), b.strides.map(step), step(stride));
    let (a, b) = (a.elements.as_ptr(), b.elements.as_ptr());
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    // The crate wants the columns of its result contiguous, so it is asked for Cᵀ ← Bᵀ Aᵀ + beta Cᵀ.
    // SAFETY: the last element of A and of B lies in its slice and no stride is negative, so all do; the rows of C lie
    // in its slice and do not overlap, and it is borrowed alone. The function was chosen by what the processor has.
    unsafe {
        multiply(
            n,
            m,
            k,
            c.as_mut_ptr(),
            rsc,
            1,
            beta != 0.0,
            b,
            rsb,
            csb,
            a,
            rsa,
            csa,
            beta,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_product_by_hand() {
        // [1 2; 3 4] [5 6; 7 8], C with rows three apart
        let a = Matrix { elements: &[1.0, 2.0, 3.0, 4.0], strides: [2, 1] };
        let b = Matrix { elements: &[5.0, 6.0, 7.0, 8.0], strides: [2, 1] };
        let mut c = [f32::NAN, f32::NAN, -1.0, f32::NAN, f32::NAN, -1.0];
        gemm([2, 2, 2], a, b, 0.0, &mut c, 3);
        assert_eq!(c, [19.0, 22.0, -1.0, 43.0, 50.0, -1.0]);
        // Aᵀ is a matter of strides
        let transposed = Matrix { strides: [1, 2], ..a };
        gemm([2, 2, 2], transposed, b, 1.0, &mut c, 3);
        assert_eq!(c, [19.0 + 26.0, 22.0 + 30.0, -1.0, 43.0 + 38.0, 50.0 + 44.0, -1.0]);
    }

    proptest! {
        #[test]
        fn products_are_those_of_three_loops(m in 1usize..40, k in 1usize..40, n in 1usize..40, pad in 0usize..3) {
            let number = |i: usize| (i % 13) as f32 - 6.0;
            let (a, b): (Vec<f32>, Vec<f32>) = ((0..m * k).map(number).collect(), (0..k * n).map(number).collect());
            let mut c = vec![1.0; m * (n + pad)];
            let by_row = |elements, cols| Matrix { elements, strides: [cols, 1] };
            gemm([m, k, n], by_row(&a, k), by_row(&b, n), 1.0, &mut c, n + pad);
            for i in 0..m {
                for j in 0..n {
                    let want = 1.0 + (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f32>();
                    prop_assert_eq!(c[i * (n + pad) + j], want);
                }
                prop_assert!(c[i * (n + pad) + n..(i + 1) * (n + pad)].iter().all(|&c| c == 1.0));
            }
        }
    }

    #[test]
    #[should_panic(expected = "[2, 2] with strides [3, 1] in 4")]
    fn matrices_stay_in_their_elements() {
        let a = Matrix { elements: &[0.0; 4], strides: [3, 1] };
        gemm([2, 2, 2], a, Matrix { strides: [2, 1], ..a }, 0.0, &mut [0.0; 4], 2);
    }

    #[test]
    #[should_panic(expected = "C is [2, 2] with rows 1 apart")]
    fn rows_of_the_result_do_not_overlap() {
        let a = Matrix { elements: &[0.0; 4], strides: [2, 1] };
        gemm([2, 2, 2], a, a, 0.0, &mut [0.0; 2], 1);
    }
}
