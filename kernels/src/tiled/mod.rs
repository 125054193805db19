//! A sparse matrix cut into tiles of columns and blocks of rows, so that the states that a product gathers stay near.
//!
//! A product by rows reads states at random from all columns: from the second-level cache at best. Here the columns are
//! cut into tiles so narrow that the states of one stay in the first-level cache (or, of a very sparse matrix, in the
//! second) while all rows of a block gather from them. What a row has in a tile is a *segment*. Segments are short, and
//! a loop whose length cannot be foretold costs more than a near state wins: so the segments of a tile and a block are
//! sorted by length, and a *run* of equal ones is one loop after the other of the same length.
//!
//! The sum of a row goes through the tiles from left to right, whatever the blocks: no bit depends on how rows are cut.

mod carry;
mod gradient;
mod product;
mod sliced;
#[cfg(test)]
mod tests;

pub use gradient::tiled_gradient;
pub use product::tiled_product;
pub use sliced::{Sliced, SlicedProduct};

use std::ops::Range;

use crate::pattern::Pattern;
use crate::tuning::TILES_STREAM_FROM;

/// The most columns of a tile, and rows of a block: as many as two bytes can tell apart.
pub const MAX_TILE: usize = 1 << 16;

/// Where a sparse matrix has entries, in the order block, tile, segment, column: 2 bytes an entry and 6 a segment. Of a
/// [transposed](Self::transposed) matrix in the order tile, block, segment, column, with 2 bytes a segment.
///
/// The kernels read and write at these places without looking again. Only [`Tiled::new`] and
/// [`Tiled::transposed`] make one, from a pattern, and nothing changes it (but [`Sliced`], which keeps one of its own and
/// puts the columns of each run in another order), so that:
///
/// * `bounds` rises from 0 to `rows`, no block having more than 65,536 rows; `entries` says where the rows of each
///   block start in the pattern, or is empty where the order is by tiles;
/// * `parts` has an element for each block and tile, in their order, and one more; between one and the next, the runs
///   have as many segments in all, and the segments as many entries, as are between;
/// * `places` of a part are rows of its block, counted from its start, no two the same;
/// * `starts` says where each segment starts in the pattern, or is empty where the order is by tiles or slices;
/// * `absent`, from `absent_from` on for each block, are the rows of the block that have no segment in the first tile;
/// * `columns` of tile t plus t · `width` are below `cols`.
#[derive(Debug, Clone)]
pub struct Tiled {
    rows: usize,
    cols: usize,
    width: usize,
    bounds: Vec<usize>,
    entries: Vec<usize>,
    parts: Vec<Part>,
    runs: Vec<Run>,
    places: Vec<u16>,
    starts: Vec<u32>,
    columns: Vec<u16>,
    absent: Vec<u16>,
    absent_from: Vec<usize>,
    by_tile: bool,
}

/// Where a part starts. (A pattern has fewer than 2^32 entries.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    run: u32,
    segment: u32,
    entry: u32,
}

/// `count` segments of `len` entries, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    len: u32,
    count: u32,
}

impl Tiled {
    /// Cuts `pattern` into tiles of `width` columns and blocks of rows: block k has the rows from `bounds[k]` to
    /// `bounds[k + 1]`.
    ///
    /// # Panics
    /// If `width` is 0 or above [`MAX_TILE`], or if `bounds` are not those of blocks of 1 to [`MAX_TILE`] rows.
    pub fn new(pattern: &Pattern, width: usize, bounds: &[usize]) -> Self {
        let entries = bounds.iter().map(|&row| pattern.indptr()[row.min(pattern.rows())]).collect();
        let mut out = Self::empty([pattern.rows(), pattern.cols()], width, bounds, entries, false);
        let segments = segments(pattern, width);
        out.places.reserve_exact(segments);
        out.starts.reserve_exact(segments);
        out.columns.reserve_exact(pattern.nnz());
        // where what is left of each row starts
        let mut next = pattern.indptr()[..pattern.rows()].to_vec();
        let mut part: Vec<(u32, u16)> = Vec::new();
        for block in bounds.windows(2) {
            for tile in 0..out.tiles() {
                let end = ((tile + 1) * width).min(out.cols);
                part.clear();
                let left = |row: usize| &pattern.indices()[next[row]..pattern.entries(row).end];
                let len = |row: usize| left(row).iter().take_while(|&&col| (col as usize) < end).count();
                part.extend((block[0]..block[1]).map(|row| (len(row) as u32, (row - block[0]) as u16)));
                out.push_part(tile, &mut part, |out, len, place| {
                    let start = &mut next[block[0] + usize::from(place)];
                    let columns = &pattern.indices()[*start..*start + len as usize];
                    out.starts.push(*start as u32);
                    out.columns.extend(columns.iter().map(|&col| (col as usize - tile * width) as u16));
                    *start += len as usize;
                });
            }
        }
        out.begin_part();
        out
    }

    /// The transposed of `original`, tile by tile, so that each can be [carried over](Self::carry_transposed) on its own:
    /// `width` rows of `original` are a tile, and block k has the columns from `bounds[k]` to `bounds[k + 1]`.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn transposed(original: &Pattern, width: usize, bounds: &[usize]) -> Self {
        let mut out = Self::empty([original.cols(), original.rows()], width, bounds, Vec::new(), true);
        out.columns.reserve_exact(original.nnz());
        let mut part: Vec<(u32, u16)> = Vec::new();
        let mut by_column: Vec<u16> = Vec::new();
        for tile in 0..out.tiles() {
            let rows = tile * width..((tile + 1) * width).min(original.rows());
            // the entries of these rows by column: counted, then dealt out
            let mut starts = vec![0u32; out.rows + 1];
            for &col in &original.indices()[original.entries_of(&rows)] {
                starts[col as usize + 1] += 1;
            }
            for col in 0..out.rows {
                starts[col + 1] += starts[col];
            }
            let mut next = starts.clone();
            by_column.clear();
            by_column.resize(original.entries_of(&rows).len(), 0);
            for row in rows.clone() {
                for &col in original.row(row) {
                    by_column[next[col as usize] as usize] = (row - rows.start) as u16;
                    next[col as usize] += 1;
                }
            }
            for block in bounds.windows(2) {
                part.clear();
                let len = |col: usize| starts[col + 1] - starts[col];
                part.extend((block[0]..block[1]).map(|col| (len(col), (col - block[0]) as u16)));
                out.push_part(tile, &mut part, |out, _, place| {
                    let col = block[0] + usize::from(place);
                    out.columns.extend_from_slice(&by_column[starts[col] as usize..starts[col + 1] as usize]);
                });
            }
        }
        out.begin_part();
        out.places.shrink_to_fit();
        out
    }

    /// # Panics
    /// As [`new`](Self::new).
    fn empty([rows, cols]: [usize; 2], width: usize, bounds: &[usize], entries: Vec<usize>, by_tile: bool) -> Self {
        assert!((1..=MAX_TILE).contains(&width), "tiles of 1 to {MAX_TILE} columns, not {width}");
        assert!(bounds.first() == Some(&0) && bounds.last() == Some(&rows), "blocks from 0 to {rows}: {bounds:?}");
        assert!(
            bounds.windows(2).all(|block| block[0] < block[1] && block[1] - block[0] <= MAX_TILE),
            "blocks of 1 to {MAX_TILE} rows: {bounds:?}"
        );
        Self {
            rows,
            cols,
            width,
            bounds: bounds.to_vec(),
            entries,
            parts: Vec::new(),
            runs: Vec::new(),
            places: Vec::new(),
            starts: Vec::new(),
            columns: Vec::new(),
            absent: Vec::new(),
            absent_from: vec![0],
            by_tile,
        }
    }

    /// The next part, a part of `tile`, with the length and the place of each row of its block; `push` adds the columns of
    /// a segment.
    fn push_part(&mut self, tile: usize, part: &mut Vec<(u32, u16)>, mut push: impl FnMut(&mut Self, u32, u16)) {
        self.begin_part();
        if tile == 0 {
            self.absent.extend(part.iter().filter(|row| row.0 == 0).map(|row| row.1));
            self.absent_from.push(self.absent.len());
        }
        part.retain(|row| row.0 > 0);
        part.sort_unstable();
        for &(len, place) in &*part {
            self.places.push(place);
            push(self, len, place);
        }
        let runs = part.chunk_by(|a, b| a.0 == b.0);
        self.runs.extend(runs.map(|run| Run { len: run[0].0, count: run.len() as u32 }));
    }

    fn begin_part(&mut self) {
        let part =
            Part { run: self.runs.len() as u32, segment: self.places.len() as u32, entry: self.columns.len() as u32 };
        self.parts.push(part);
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
        self.columns.len()
    }

    /// Whether there are so many entries that they may come from memory each time.
    fn streams(&self) -> bool {
        self.nnz() >= TILES_STREAM_FROM
    }

    /// Columns of a tile; the last may have fewer.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tiles of columns.
    pub fn tiles(&self) -> usize {
        self.cols.div_ceil(self.width)
    }

    /// Row segments in all tiles.
    pub fn segments(&self) -> usize {
        self.places.len()
    }

    /// Blocks of rows.
    pub fn blocks(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The first row of each block, and behind them the number of rows.
    pub fn bounds(&self) -> &[usize] {
        &self.bounds
    }

    /// The entries of a block: the same range in the order of the pattern and in this one.
    ///
    /// # Panics
    /// If this was made [transposed](Self::transposed), where blocks lie scattered.
    pub fn entries(&self, block: usize) -> Range<usize> {
        assert!(!self.by_tile, "made from the pattern itself, not transposed");
        self.entries[block]..self.entries[block + 1]
    }

    /// The door: the blocks that `rows` are.
    ///
    /// # Panics
    /// If `rows` do not start and end where blocks do.
    fn blocks_of(&self, rows: &Range<usize>) -> Range<usize> {
        let find = |row: usize| self.bounds.binary_search(&row).ok();
        match (find(rows.start), find(rows.end)) {
            (Some(first), Some(last)) if first <= last => first..last,
            _ => panic!("rows {rows:?} are not whole blocks of {:?}", self.bounds),
        }
    }

    /// The rows of `block` without a segment in the first tile, counted from its start.
    #[inline(always)]
    fn absent(&self, block: usize) -> &[u16] {
        &self.absent[self.absent_from[block]..self.absent_from[block + 1]]
    }

    /// How many columns `tile` has.
    #[inline(always)]
    fn cols_of(&self, tile: usize) -> usize {
        self.width.min(self.cols - tile * self.width)
    }

    /// The part of `tile` and `block`.
    #[inline(always)]
    fn part(&self, tile: usize, block: usize) -> [Part; 2] {
        let at = if self.by_tile { tile * self.blocks() + block } else { block * self.tiles() + tile };
        [self.parts[at], self.parts[at + 1]]
    }
}

/// How many segments the rows of `pattern` have in tiles of `width` columns.
fn segments(pattern: &Pattern, width: usize) -> usize {
    let of_row = |row| {
        let tile = |col: u32| col as usize / width;
        pattern.row(row).chunk_by(|&a, &b| tile(a) == tile(b)).count()
    };
    (0..pattern.rows()).map(of_row).sum()
}
