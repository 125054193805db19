//! To and from `sprs`, the ecosystem's sparse matrices, without copying.

use daleian_kernels::{Pattern, PatternError};
use sprs::{CsMatI, CsMatViewI};

/// Why a matrix of `sprs` could not become a pattern with values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SprsError {
    /// The matrix is compressed by columns.
    #[error("the matrix is stored by columns (CSC); expected rows (CSR): convert it with `to_csr()` first")]
    Columns,
    /// Its arrays break an invariant of patterns.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// The matrix with these values on `pattern`, as `sprs` sees it: a CSR view of the same arrays.
///
/// # Panics
/// If there is not one value an entry.
pub fn to_sprs<'a>(pattern: &'a Pattern, values: &'a [f32]) -> CsMatViewI<'a, f32, u32, usize> {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    let shape = (pattern.rows(), pattern.cols());
    match CsMatViewI::try_new(shape, pattern.indptr(), pattern.indices(), values) {
        Ok(view) => view,
        Err((.., error)) => unreachable!("a checked pattern is a valid CSR matrix: {error}"),
    }
}

/// Takes a CSR matrix apart into pattern and values; they keep its arrays.
///
/// A matrix compressed by columns is refused, not converted: that would copy behind the caller's back.
///
/// # Errors
/// If the matrix is CSC, or larger than a pattern can be.
pub fn from_sprs(matrix: CsMatI<f32, u32, usize>) -> Result<(Pattern, Vec<f32>), SprsError> {
    if !matrix.is_csr() {
        return Err(SprsError::Columns);
    }
    let (rows, cols) = matrix.shape();
    let (indptr, indices, values) = matrix.into_raw_storage();
    Ok((Pattern::new(rows, cols, indptr, indices)?, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Pattern, Vec<f32>) {
        // . 5 .
        // 3 . 4
        (Pattern::new(2, 3, vec![0, 1, 3], vec![1, 0, 2]).unwrap(), vec![5.0, 3.0, 4.0])
    }

    #[test]
    fn views_the_same_arrays() {
        let (pattern, values) = small();
        let view = to_sprs(&pattern, &values);
        assert!(view.is_csr());
        assert_eq!((view.shape(), view.nnz()), ((2, 3), 3));
        assert_eq!([view.get(0, 1), view.get(1, 2), view.get(1, 1)], [Some(&5.0), Some(&4.0), None]);
        assert_eq!(view.indices().as_ptr(), pattern.indices().as_ptr());
        assert_eq!(view.data().as_ptr(), values.as_ptr());
        assert_eq!(view.indptr().raw_storage().as_ptr(), pattern.indptr().as_ptr());
        let empty = Pattern::empty(2, 3);
        assert_eq!(to_sprs(&empty, &[]).nnz(), 0);
    }

    #[test]
    fn takes_over_the_same_arrays() {
        let (pattern, values) = small();
        let matrix = to_sprs(&pattern, &values).to_owned();
        let pointers = (matrix.indptr().raw_storage().as_ptr(), matrix.indices().as_ptr(), matrix.data().as_ptr());
        let (back, same) = from_sprs(matrix).unwrap();
        assert_eq!((&back, &same), (&pattern, &values));
        assert_eq!((back.indptr().as_ptr(), back.indices().as_ptr(), same.as_ptr()), pointers);
    }

    #[test]
    fn refuses_columns_and_what_is_too_large() {
        let (pattern, values) = small();
        let by_columns = to_sprs(&pattern, &values).to_csc();
        assert_eq!(from_sprs(by_columns.clone()), Err(SprsError::Columns));
        assert_eq!(from_sprs(by_columns.to_csr()), Ok((pattern, values)));
        let wide = CsMatI::<f32, u32, usize>::new((1, 1 << 31), vec![0, 0], vec![], vec![]);
        assert!(matches!(from_sprs(wide), Err(SprsError::Pattern(PatternError::TooLarge { .. }))));
    }

    #[test]
    #[should_panic = "one value an entry"]
    fn wants_one_value_an_entry() {
        to_sprs(&Pattern::dense(2, 2), &[1.0]);
    }
}
