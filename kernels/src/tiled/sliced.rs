//! `z[i] += Σ_j W[i,j] r[j]` with one lane, a tile of columns at a time and sixteen rows side by side.
//!
//! With one lane the entries of a row are too few in a tile to fill vectors. But the segments of a tile and a block are
//! sorted by length: sixteen neighbours of one length are a *slice*, whose entries are stored in turn, so that each row
//! is a lane of one vector. Nothing is folded, and states are gathered from the nearest cache.

use std::ops::Range;

use super::{Part, Tiled};
use crate::aligned::Aligned;
use crate::pattern::Pattern;
use crate::simd::{Simd, WIDTH};
use crate::tuning::SLICES_AHEAD;

/// A sparse matrix in slices of sixteen rows: 6 bytes an entry and 2 a segment.
///
/// Its order is that of [`Tiled`], but for the entries of a slice: the first of each of its rows, then the second of each,
/// and so on; the last slice of a run may have fewer rows. The sum of a row does not depend on which rows are with it.
#[derive(Debug, Clone)]
pub struct Sliced {
    /// The structure: its columns are in the order of slices, and it does not say where segments start in the pattern.
    tiled: Tiled,
    values: Aligned,
}

/// What is multiplied: a matrix in slices, and a vector.
#[derive(Clone, Copy, Debug)]
pub struct SlicedProduct<'a> {
    /// The matrix; the rows of the call are whole blocks of it.
    pub matrix: &'a Sliced,
    /// The vector, `[cols]`.
    pub states: &'a [f32],
}

impl Sliced {
    /// The matrix with the entries of `pattern` and these `values`, in tiles of `width` columns and blocks of rows from
    /// `bounds[k]` to `bounds[k + 1]`.
    ///
    /// # Panics
    /// If there is not a value for each entry, or as [`Tiled::new`].
    pub fn new(pattern: &Pattern, values: &[f32], width: usize, bounds: &[usize]) -> Self {
        assert_eq!(values.len(), pattern.nnz(), "one value an entry");
        let mut tiled = Tiled::new(pattern, width, bounds);
        let (mut columns, mut sliced) = (Vec::with_capacity(pattern.nnz()), Vec::with_capacity(pattern.nnz()));
        let (mut starts, mut entries) = (&tiled.starts[..], &tiled.columns[..]);
        for run in &tiled.runs {
            let (len, mut left) = (run.len as usize, run.count as usize);
            while left > 0 {
                let count = left.min(WIDTH);
                for k in 0..len {
                    columns.extend((0..count).map(|row| entries[row * len + k]));
                    sliced.extend((0..count).map(|row| values[starts[row] as usize + k]));
                }
                (starts, entries) = (&starts[count..], &entries[count * len..]);
                left -= count;
            }
        }
        (tiled.columns, tiled.starts, tiled.absent) = (columns, Vec::new(), Vec::new());
        tiled.absent_from.fill(0);
        Self { tiled, values: Aligned::from(sliced) }
    }

    /// Columns of the matrix.
    pub fn cols(&self) -> usize {
        self.tiled.cols()
    }

    /// The first row of each block, and behind them the number of rows.
    pub fn bounds(&self) -> &[usize] {
        self.tiled.bounds()
    }

    /// Memory that this takes.
    pub fn bytes(&self) -> usize {
        let Tiled { parts, runs, places, columns, .. } = &self.tiled;
        size_of_val(&parts[..])
            + size_of_val(&runs[..])
            + size_of_val(&places[..])
            + size_of_val(&columns[..])
            + size_of_val(&self.values[..])
    }
}

impl SlicedProduct<'_> {
    /// The door: panics unless the shapes agree and `rows` are whole blocks.
    pub(crate) fn check(&self, rows: &Range<usize>) {
        self.matrix.tiled.blocks_of(rows);
        assert_eq!(self.states.len(), self.matrix.cols(), "one state a column");
    }

    /// `z[i] += Σ_j W[i,j] r[j]` for `rows`.
    ///
    /// # Safety
    /// This passed its [`check`](Self::check) with `rows`, and `z` has an element for each of them.
    #[inline(always)]
    pub(crate) unsafe fn add<S: Simd>(&self, s: S, rows: &Range<usize>, z: *mut f32) {
        let tiled = &self.matrix.tiled;
        for block in tiled.blocks_of(rows) {
            for tile in 0..tiled.tiles() {
                // SAFETY: the block and the tile are of the matrix, and there is a state for each of its columns.
                unsafe {
                    let z = z.add(tiled.bounds[block] - rows.start);
                    let states = self.states.as_ptr().add(tile * tiled.width);
                    self.matrix.add_part(s, tiled.part(tile, block), states, z);
                }
            }
        }
    }
}

impl Sliced {
    /// Adds what one tile gives to the rows of one block.
    ///
    /// # Safety
    /// `part` is a part of the matrix; `states` are those from the first column of its tile on, `z` is that of the first
    /// row of its block.
    #[inline(always)]
    unsafe fn add_part<S: Simd>(&self, s: S, part: [Part; 2], states: *const f32, z: *mut f32) {
        let tiled = &self.tiled;
        // SAFETY: the runs of a part have as many segments and entries as the part; a place is a row of the block, and a
        // column one of the tile.
        unsafe {
            let mut places = tiled.places.as_ptr().add(part[0].segment as usize);
            let mut columns = tiled.columns.as_ptr().add(part[0].entry as usize);
            let mut values = self.values.as_ptr().add(part[0].entry as usize);
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                let (len, mut left) = (run.len as usize, run.count as usize);
                while left >= WIDTH {
                    let mut sums = [s.gather_short(z, places, WIDTH), s.splat(0.0)];
                    for _ in 0..len / 2 {
                        s.prefetch(columns.wrapping_add(WIDTH * SLICES_AHEAD).cast());
                        for (k, sum) in sums.iter_mut().enumerate() {
                            s.prefetch(values.wrapping_add(WIDTH * (SLICES_AHEAD + k)));
                            let x = s.gather_short(states, columns.add(WIDTH * k), WIDTH);
                            *sum = s.mul_add(s.load(values.add(WIDTH * k)), x, *sum);
                        }
                        columns = columns.add(2 * WIDTH);
                        values = values.add(2 * WIDTH);
                    }
                    if len % 2 == 1 {
                        s.prefetch(values.wrapping_add(WIDTH * SLICES_AHEAD));
                        sums[0] = s.mul_add(s.load(values), s.gather_short(states, columns, WIDTH), sums[0]);
                        columns = columns.add(WIDTH);
                        values = values.add(WIDTH);
                    }
                    s.scatter_short(z, places, s.add(sums[0], sums[1]), WIDTH);
                    places = places.add(WIDTH);
                    left -= WIDTH;
                }
                if left > 0 {
                    let mut sums = [s.gather_short(z, places, left), s.splat(0.0)];
                    for k in 0..len {
                        let x = s.gather_short(states, columns, left);
                        sums[k % 2] = s.mul_add(s.load_first(values, left), x, sums[k % 2]);
                        columns = columns.add(left);
                        values = values.add(left);
                    }
                    s.scatter_short(z, places, s.add(sums[0], sums[1]), left);
                    places = places.add(left);
                }
            }
        }
    }
}
