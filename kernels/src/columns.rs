//! A range of rows of a matrix by column: for each presynaptic neuron, whom it reaches and how strongly.

use std::ops::Range;

use crate::pattern::Pattern;

/// Rows that one [`Columns`] can hold: as many as two bytes can tell apart.
pub const MAX_ROWS: usize = 1 << 16;

/// The entries of a range of rows by column, with their values: 6 bytes an entry.
///
/// A column is one stretch of memory, its values and then its targets, as few columns are read and those lie scattered.
///
/// The kernels write at these rows without looking again. Only [`Columns::new`] makes one, from a pattern, and nothing
/// changes it, so that:
///
/// * `starts` has `cols + 1` elements, starts at 0, never falls, and ends at the number of entries, of which `packed` has
///   6 bytes each;
/// * the targets of a column rise strictly and are below `rows.len()`.
#[derive(Debug, Clone)]
pub struct Columns {
    rows: Range<usize>,
    starts: Vec<u32>,
    packed: Vec<u8>,
}

/// A value and a target.
const BYTES: usize = VALUE + TARGET;
const VALUE: usize = size_of::<f32>();
const TARGET: usize = size_of::<u16>();

impl Columns {
    /// The rows `rows` of the matrix with `values` on `pattern`.
    ///
    /// # Panics
    /// If there are more than 65,536 rows, if they are not rows of the pattern, or if there is not one value an entry.
    pub fn new(pattern: &Pattern, values: &[f32], rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= pattern.rows(), "rows {rows:?} of {pattern:?}");
        assert!(rows.len() <= MAX_ROWS, "{} rows: at most {MAX_ROWS}", rows.len());
        assert_eq!(values.len(), pattern.nnz(), "one value an entry");
        let entries = pattern.entries_of(&rows);
        // a pattern has fewer than 2^32 entries
        let mut starts = vec![0u32; pattern.cols() + 1];
        for &col in &pattern.indices()[entries.clone()] {
            starts[col as usize + 1] += 1;
        }
        for col in 0..pattern.cols() {
            starts[col + 1] += starts[col];
        }
        let mut next = starts.clone();
        let mut packed = vec![0u8; entries.len() * BYTES];
        for row in rows.clone() {
            for entry in pattern.entries(row) {
                let col = pattern.indices()[entry] as usize;
                let (start, end) = (starts[col] as usize, starts[col + 1] as usize);
                let k = next[col] as usize - start;
                next[col] += 1;
                let (of_values, of_targets) = packed[start * BYTES..end * BYTES].split_at_mut((end - start) * VALUE);
                of_values[k * VALUE..][..VALUE].copy_from_slice(&values[entry].to_ne_bytes());
                // so that the first of several read as one number is its lowest part
                of_targets[k * TARGET..][..TARGET].copy_from_slice(&((row - rows.start) as u16).to_le_bytes());
            }
        }
        Self { rows, starts, packed }
    }

    /// The rows.
    pub fn rows(&self) -> &Range<usize> {
        &self.rows
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> usize {
        self.starts.len() - 1
    }

    /// Memory that this takes.
    pub fn bytes(&self) -> usize {
        self.starts.len() * size_of::<u32>() + self.packed.len()
    }

    /// Column `col`: the value of each entry (in the order of bytes of this machine), and its row, counted from the first of
    /// the range (lowest byte first).
    #[inline(always)]
    pub(crate) fn column(&self, col: usize) -> (&[u8], &[u8]) {
        let packed = self.stretch(col);
        packed.split_at(packed.len() / BYTES * VALUE)
    }

    /// The memory of column `col`.
    #[inline(always)]
    pub(crate) fn stretch(&self, col: usize) -> &[u8] {
        &self.packed[self.starts[col] as usize * BYTES..self.starts[col + 1] as usize * BYTES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // [[1 . 2], [. 3 .], [. . .], [4 . 5]]
        let pattern = Pattern::new(4, 3, vec![0, 2, 3, 3, 5], vec![0, 2, 1, 0, 2]).unwrap();
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let list = |columns: &Columns| -> Vec<Vec<(u16, f32)>> {
            let column = |col| {
                let (values, targets) = columns.column(col);
                let values = values.as_chunks().0.iter().map(|&value| f32::from_ne_bytes(value));
                targets.as_chunks().0.iter().map(|&target| u16::from_le_bytes(target)).zip(values).collect()
            };
            (0..columns.cols()).map(column).collect()
        };
        let whole = Columns::new(&pattern, &values, 0..4);
        assert_eq!(list(&whole), [vec![(0, 1.0), (3, 4.0)], vec![(1, 3.0)], vec![(0, 2.0), (3, 5.0)]]);
        assert_eq!(whole.bytes(), 4 * 4 + 6 * 5);
        let last = Columns::new(&pattern, &values, 2..4);
        assert_eq!(list(&last), [vec![(1, 4.0)], vec![], vec![(1, 5.0)]]);
        assert_eq!(*last.rows(), 2..4);
    }

    #[test]
    #[should_panic(expected = "65537 rows: at most 65536")]
    fn too_many_rows_are_a_broken_contract() {
        Columns::new(&Pattern::empty(65_537, 1), &[], 0..65_537);
    }
}
