//! The entries of a pattern with column indices of two bytes instead of four.
//!
//! One lane reads every index once a time step, so that a product moves 6 bytes an entry instead of 8.

use std::ops::Range;

use crate::pattern::Pattern;
use crate::tuning::ENTRIES_PER_BLOCK;

/// Columns of a block: as many as two bytes can tell apart.
pub(crate) const BLOCK: usize = 1 << 16;

/// The column indices of a [`Pattern`], two bytes each: offsets within blocks of 65,536 columns. The entries keep their
/// order.
///
/// The kernels read states at these offsets without looking again. Only [`Compressed::new`] makes one, from a pattern,
/// and nothing changes it, so that:
///
/// * `starts` has `rows · blocks + 1` elements, starts at 0, never falls, and ends at `offsets.len()`;
/// * between `starts[row · blocks + b]` and the next, each offset plus 65,536 b is below `cols`.
#[derive(Debug, Clone)]
pub struct Compressed {
    rows: usize,
    cols: usize,
    blocks: usize,
    starts: Vec<u32>,
    offsets: Vec<u16>,
}

impl Compressed {
    /// The indices of `pattern`; `None` where there are so many columns for so few entries that it does not pay.
    pub fn new(pattern: &Pattern) -> Option<Self> {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        let blocks = cols.div_ceil(BLOCK);
        if blocks == 0 || (blocks > 1 && pattern.nnz() / blocks < ENTRIES_PER_BLOCK * rows) {
            return None;
        }
        Some(Self::of(pattern, blocks))
    }

    fn of(pattern: &Pattern, blocks: usize) -> Self {
        let (rows, cols) = (pattern.rows(), pattern.cols());
        let mut starts = Vec::with_capacity(rows * blocks + 1);
        for row in 0..rows {
            let (start, columns) = (pattern.entries(row).start, pattern.row(row));
            for block in 0..blocks {
                let before = columns.partition_point(|&col| (col as usize) < block * BLOCK);
                // a pattern has fewer than 2^32 entries
                starts.push((start + before) as u32);
            }
        }
        starts.push(pattern.nnz() as u32);
        // what is cut off is the block
        let offsets = pattern.indices().iter().map(|&col| col as u16).collect();
        Self { rows, cols, blocks, starts, offsets }
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Entries of the matrix.
    pub fn nnz(&self) -> usize {
        self.offsets.len()
    }

    /// Memory that this takes.
    pub fn bytes(&self) -> usize {
        self.starts.len() * size_of::<u32>() + self.offsets.len() * size_of::<u16>()
    }

    /// The entries of `row` in each block of columns.
    #[inline(always)]
    pub(crate) fn segments(&self, row: usize) -> impl Iterator<Item = Range<usize>> {
        let starts = &self.starts[row * self.blocks..=(row + 1) * self.blocks];
        starts.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
    }

    /// The offset of each entry in its block of columns.
    #[inline(always)]
    pub(crate) fn offsets(&self) -> &[u16] {
        &self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The column indices that the offsets stand for, row by row.
    fn columns(compressed: &Compressed) -> Vec<Vec<u32>> {
        let row = |row| {
            let of_block = |(block, entries): (usize, Range<usize>)| {
                compressed.offsets()[entries].iter().map(move |&k| (block * BLOCK) as u32 + u32::from(k))
            };
            compressed.segments(row).enumerate().flat_map(of_block).collect()
        };
        (0..compressed.rows()).map(row).collect()
    }

    #[test]
    fn stands_for_the_same_columns() {
        for cols in [1, 65_535, 65_536, 65_537, 70_000, 131_072, 140_000] {
            let all: Vec<u32> = [0, 5, 65_534, 65_535, 65_536, 65_600, 131_071, 131_072, 139_999]
                .into_iter()
                .filter(|&col| (col as usize) < cols)
                .collect();
            let indptr = vec![0, 0, all.len(), all.len(), all.len() + 1];
            let indices = all.iter().copied().chain([cols as u32 - 1]).collect();
            let pattern = Pattern::new(4, cols, indptr, indices).unwrap();
            let compressed = Compressed::of(&pattern, cols.div_ceil(BLOCK));
            assert_eq!(columns(&compressed), (0..4).map(|row| pattern.row(row).to_vec()).collect::<Vec<_>>());
            assert_eq!((compressed.cols(), compressed.nnz()), (cols, pattern.nnz()));
        }
    }

    #[test]
    fn is_made_only_where_it_pays() {
        assert!(Compressed::new(&Pattern::empty(3, 65_536)).is_some());
        assert!(Compressed::new(&Pattern::empty(3, 0)).is_none());
        let wide = |entries: u32| Pattern::new(1, 70_000, vec![0, entries as usize], (0..entries).collect()).unwrap();
        assert!(Compressed::new(&wide(47)).is_none());
        let made = Compressed::new(&wide(48)).unwrap();
        assert_eq!(made.bytes(), 2 * 48 + 4 * 3);
    }
}
