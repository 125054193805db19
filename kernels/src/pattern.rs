//! The immutable sparsity structure, checked once and then trusted.

use crate::tuning::ROWS_STREAM_FROM;
use std::ops::Range;

/// Where a sparse matrix has entries: row pointers and column indices of compressed sparse rows.
///
/// The kernels read state rows at these column indices without looking again, so the invariants below are what
/// their safety rests on. They are checked in [`Pattern::new`], the only way to make one, and nothing can change a
/// pattern afterwards:
///
/// * `indptr` has `rows + 1` elements, starts at 0, never falls, ends at `indices.len()`;
/// * in each row the indices rise strictly (so no entry is double) and lie below `cols`;
/// * `rows` and `cols` are below 2^31, the number of entries below 2^32.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    rows: usize,
    cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    /// For each row, whether the next one has the same columns (and both have any).
    twins: Vec<bool>,
}

/// What is wrong with arrays that should have been a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Too many rows, columns or entries.
    #[error("{what} is {value}, but at most {limit} are supported")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its value.
        value: usize,
        /// What is expected.
        limit: usize,
    },
    /// `indptr` has the wrong length.
    #[error("indptr has {got} elements, but {rows} rows need {}", rows + 1)]
    IndptrLength {
        /// Elements of `indptr`.
        got: usize,
        /// Rows of the matrix.
        rows: usize,
    },
    /// `indptr` does not start at 0, falls, or does not end at the number of entries.
    #[error("indptr[{at}] is {got}, but should be {expected}")]
    Indptr {
        /// Position in `indptr`.
        at: usize,
        /// What stands there.
        got: usize,
        /// What is expected, in words.
        expected: String,
    },
    /// A column index is not below `cols`.
    #[error("row {row} has an entry in column {col}, but there are only {cols} columns")]
    ColumnOutOfRange {
        /// The row.
        row: usize,
        /// The offending column.
        col: u32,
        /// Columns of the matrix.
        cols: usize,
    },
    /// The column indices of a row do not rise strictly.
    #[error("row {row} has column {col} after column {before}: indices must rise strictly in each row")]
    NotAscending {
        /// The row.
        row: usize,
        /// The column index before.
        before: u32,
        /// The offending column index.
        col: u32,
    },
}

const SIZE_LIMIT: usize = i32::MAX as usize;

impl Pattern {
    /// Checks the invariants and makes the pattern.
    ///
    /// # Errors
    /// If one of them does not hold; the error says which, and where.
    pub fn new(rows: usize, cols: usize, indptr: Vec<usize>, indices: Vec<u32>) -> Result<Self, PatternError> {
        check_sizes(rows, cols, indices.len())?;
        if indptr.len() != rows + 1 {
            return Err(PatternError::IndptrLength { got: indptr.len(), rows });
        }
        if indptr[0] != 0 {
            return Err(PatternError::Indptr { at: 0, got: indptr[0], expected: "0".into() });
        }
        if indptr[rows] != indices.len() {
            let expected = format!("{}, the number of entries", indices.len());
            return Err(PatternError::Indptr { at: rows, got: indptr[rows], expected });
        }
        // All of `indptr` first: with a wrong one the entries would be blamed on the wrong row.
        for row in 0..rows {
            let (start, end) = (indptr[row], indptr[row + 1]);
            if end < start || end > indices.len() {
                let expected = format!("from {start} to {}", indices.len());
                return Err(PatternError::Indptr { at: row + 1, got: end, expected });
            }
        }
        for row in 0..rows {
            let entries = &indices[indptr[row]..indptr[row + 1]];
            if let Some(pair) = entries.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(PatternError::NotAscending { row, before: pair[0], col: pair[1] });
            }
            if let Some(&col) = entries.last().filter(|&&col| col as usize >= cols) {
                return Err(PatternError::ColumnOutOfRange { row, col, cols });
            }
        }
        let row = |row: usize| &indices[indptr[row]..indptr[row + 1]];
        let twins = (0..rows).map(|k| k + 1 < rows && !row(k).is_empty() && row(k) == row(k + 1)).collect();
        Ok(Self { rows, cols, indptr, indices, twins })
    }

    /// Every entry present, for sizes from outside.
    ///
    /// # Errors
    /// If there are too many rows, columns or entries; nothing of that size is allocated.
    pub fn try_dense(rows: usize, cols: usize) -> Result<Self, PatternError> {
        check_sizes(rows, cols, rows.saturating_mul(cols))?;
        let indptr = (0..=rows).map(|row| row * cols).collect();
        let indices = (0..rows).flat_map(|_| 0..cols as u32).collect();
        Self::new(rows, cols, indptr, indices)
    }

    /// Every entry present.
    ///
    /// # Panics
    /// If `rows` or `cols` is 2^31 or more, or `rows * cols` 2^32 or more.
    pub fn dense(rows: usize, cols: usize) -> Self {
        Self::try_dense(rows, cols).unwrap_or_else(|error| panic!("a dense pattern of {rows} × {cols}: {error}"))
    }

    /// No entry at all.
    pub fn empty(rows: usize, cols: usize) -> Self {
        Self::new(rows, cols, vec![0; rows + 1], Vec::new()).expect("an empty pattern below the size limits")
    }

    /// Number of rows (postsynaptic neurons, for W).
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (presynaptic neurons, for W).
    #[inline]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of entries (synapses, for W).
    #[inline]
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Entries over `rows * cols`; 0 for a matrix without rows or columns.
    pub fn density(&self) -> f64 {
        let cells = self.rows as f64 * self.cols as f64;
        if cells == 0.0 { 0.0 } else { self.nnz() as f64 / cells }
    }

    /// Whether every place has an entry: row i has those from i · `cols` on, for each column in order.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.rows.checked_mul(self.cols) == Some(self.nnz())
    }

    /// Row pointers, `[rows + 1]`.
    #[inline]
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Column indices, `[nnz]`.
    #[inline]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The entries of `row`, as a range into the column indices and the values.
    #[inline]
    pub fn entries(&self, row: usize) -> Range<usize> {
        self.indptr[row]..self.indptr[row + 1]
    }

    /// The entries of a range of rows.
    #[inline]
    pub fn entries_of(&self, rows: &Range<usize>) -> Range<usize> {
        self.indptr[rows.start]..self.indptr[rows.end]
    }

    /// The column indices of `row`.
    #[inline]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.indices[self.entries(row)]
    }

    /// Whether `row` and the next one have the same columns, as in dense blocks: then one pass serves both.
    #[inline]
    pub fn twins(&self, row: usize) -> bool {
        self.twins[row]
    }

    /// How many of `rows`, from the first on, have the same columns as it.
    pub(crate) fn twins_of(&self, rows: Range<usize>) -> usize {
        self.twins[rows.start..rows.end - 1].iter().take_while(|&&twins| twins).count() + 1
    }

    /// Whether the entries are so many that no near cache holds them from one pass to the next: then a pass asks for
    /// them ahead of time.
    #[inline]
    pub(crate) fn streams(&self) -> bool {
        self.nnz() >= ROWS_STREAM_FROM
    }

    /// Gives the arrays back: `(indptr, indices)`.
    pub fn into_parts(self) -> (Vec<usize>, Vec<u32>) {
        (self.indptr, self.indices)
    }
}

fn check_sizes(rows: usize, cols: usize, entries: usize) -> Result<(), PatternError> {
    for (what, value, limit) in [
        ("the number of rows", rows, SIZE_LIMIT),
        ("the number of columns", cols, SIZE_LIMIT),
        ("the number of entries", entries, u32::MAX as usize),
    ] {
        if value > limit {
            return Err(PatternError::TooLarge { what, value, limit });
        }
    }
    Ok(())
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pattern {{ {} × {}, {} entries }}", self.rows, self.cols, self.nnz())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_is_right() {
        let pattern = Pattern::new(3, 4, vec![0, 2, 2, 3], vec![0, 3, 1]).unwrap();
        assert_eq!((pattern.rows(), pattern.cols(), pattern.nnz()), (3, 4, 3));
        assert_eq!(pattern.row(0), [0, 3]);
        assert!(pattern.row(1).is_empty());
        assert_eq!(Pattern::dense(2, 3).row(1), [0, 1, 2]);
        let twins = Pattern::new(5, 3, vec![0, 2, 4, 5, 5, 5], vec![0, 2, 0, 2, 1]).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|row| twins.twins(row)), [true, false, false, false, false]);
        assert_eq!(Pattern::empty(0, 0).density(), 0.0);
    }

    #[test]
    fn refuses_each_broken_invariant() {
        use PatternError::*;
        let new =
            |indptr: &[usize], indices: &[u32]| Pattern::new(2, 4, indptr.to_vec(), indices.to_vec()).unwrap_err();
        assert!(matches!(new(&[0, 1], &[0]), IndptrLength { got: 2, rows: 2 }));
        assert!(matches!(new(&[1, 1, 1], &[0]), Indptr { at: 0, .. }));
        assert!(matches!(new(&[0, 1, 1], &[0, 1]), Indptr { at: 2, .. }));
        assert!(matches!(new(&[0, 3, 2], &[0, 1]), Indptr { at: 1, .. }));
        assert!(matches!(new(&[0, 2, 2], &[0, 4]), ColumnOutOfRange { row: 0, col: 4, cols: 4 }));
        assert!(matches!(new(&[0, 0, 2], &[1, 1]), NotAscending { row: 1, before: 1, col: 1 }));
        assert!(matches!(new(&[0, 0, 2], &[2, 1]), NotAscending { row: 1, before: 2, col: 1 }));
        assert!(matches!(Pattern::new(usize::MAX, 1, vec![0], vec![]), Err(TooLarge { .. })));
        // the first row is wrong only because `indptr` is, further down
        let late = Pattern::new(3, 4, vec![0, 3, 2, 3], vec![0, 2, 1]);
        assert!(matches!(late, Err(Indptr { at: 2, got: 2, .. })));
    }

    #[test]
    fn refuses_dense_patterns_that_are_too_large() {
        for (rows, cols, culprit) in [
            (0, 1 << 32, "the number of columns"),
            (1 << 40, 0, "the number of rows"),
            (1, (1 << 32) + 1, "the number of columns"),
            (1 << 16, 1 << 16, "the number of entries"),
            (usize::MAX, usize::MAX, "the number of rows"),
        ] {
            let error = Pattern::try_dense(rows, cols).unwrap_err();
            assert!(
                matches!(error, PatternError::TooLarge { what, .. } if what == culprit),
                "{rows} × {cols}: {error}"
            );
        }
        assert_eq!(Pattern::dense(3, 0), Pattern::empty(3, 0));
    }

    #[test]
    #[should_panic(expected = "a dense pattern of 65536 × 65536: the number of entries is 4294967296, but at most")]
    fn a_dense_pattern_that_is_too_large_is_a_broken_contract() {
        Pattern::dense(1 << 16, 1 << 16);
    }
}
