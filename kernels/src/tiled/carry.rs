//! Values between the order of a pattern and that of its tiles.

use std::ops::Range;

use super::Tiled;
use crate::pattern::Pattern;
use crate::simd::prefetch;
use crate::tuning::{SEGMENTS_AHEAD, VALUES_AHEAD};

/// Asks for the first and the last of `len` values from `start` on, whether they are there or not.
#[inline(always)]
fn ask_for(values: &[f32], start: usize, len: usize) {
    prefetch(values.as_ptr().wrapping_add(start));
    prefetch(values.as_ptr().wrapping_add(start + len - 1));
}

impl Tiled {
    /// Takes the values of `block` from the order of the pattern over into this one: `values` are those of the whole
    /// matrix, `out` those of the block.
    ///
    /// # Panics
    /// If a length does not fit, or this was made [transposed](Self::transposed).
    pub fn carry(&self, block: usize, values: &[f32], out: &mut [f32]) {
        assert_eq!((values.len(), out.len()), (self.nnz(), self.entries(block).len()), "one value an entry");
        self.each_segment(block, |start, entries, coming| {
            let len = entries.len();
            ask_for(values, coming, len);
            out[entries].copy_from_slice(&values[start..start + len]);
        });
    }

    /// The way back: takes the values of `block`, which `values` are in this order, over into that of the pattern.
    ///
    /// # Panics
    /// As [`carry`](Self::carry).
    pub fn carry_back(&self, block: usize, values: &[f32], out: &mut [f32]) {
        let entries = self.entries(block);
        assert_eq!([values.len(), out.len()], [entries.len(); 2], "one value an entry");
        self.each_segment(block, |start, own, coming| {
            let (start, len) = (start - entries.start, own.len());
            ask_for(out, coming - entries.start, len);
            out[start..start + len].copy_from_slice(&values[own]);
        });
    }

    /// Calls `segment(start, entries, coming)` for each segment of `block`: where it starts in the pattern, its entries
    /// in this order, counted from the first of the block, and where the one starts that is [`SEGMENTS_AHEAD`] turns ahead
    /// (of this block or a later one, mostly as long, as segments are sorted by length; at the very end, this one again).
    fn each_segment(&self, block: usize, mut segment: impl FnMut(usize, Range<usize>, usize)) {
        let parts = &self.parts[block * self.tiles()..=(block + 1) * self.tiles()];
        let (mut at, mut entry) = (parts[0].segment as usize, 0);
        for run in &self.runs[parts[0].run as usize..parts[self.tiles()].run as usize] {
            for _ in 0..run.count {
                let start = self.starts[at];
                let coming = *self.starts.get(at + SEGMENTS_AHEAD).unwrap_or(&start);
                segment(start as usize, entry..entry + run.len as usize, coming as usize);
                at += 1;
                entry += run.len as usize;
            }
        }
    }

    /// The entries of `tile`, where this was made [transposed](Self::transposed).
    pub fn entries_of_tile(&self, tile: usize) -> Range<usize> {
        assert!(self.by_tile, "made transposed: else tiles lie scattered");
        let part = |tile: usize| self.parts[tile * self.blocks()].entry as usize;
        part(tile)..part(tile + 1)
    }

    /// Takes the values of `tile` over from the transposed matrix: `values` are those of `original` in its order, and
    /// `out` those of the tile in this one. `scratch` has [`carry_scratch`](Self::carry_scratch) elements.
    ///
    /// # Panics
    /// If a length does not fit, or this was not made [transposed](Self::transposed). That it was from this very
    /// `original` is taken on trust: else values end in wrong places, or this panics.
    pub fn carry_transposed(
        &self,
        tile: usize,
        original: &Pattern,
        values: &[f32],
        out: &mut [f32],
        scratch: &mut [u32],
    ) {
        assert_eq!((original.cols(), original.rows()), (self.rows, self.cols), "the transposed of {original:?}");
        let entries = self.entries_of_tile(tile);
        assert_eq!((values.len(), out.len()), (self.nnz(), entries.len()), "one value an entry");
        assert_eq!(scratch.len(), self.carry_scratch(), "scratch for the columns of a tile and the rows of a block");
        let columns = &self.columns[entries];
        // A column here is a row of the original. Row after row of this takes the next value of each of its columns, so
        // that they come in order; it is the segments, not the values, that are written at random, as they are fewer.
        let (next, segments) = scratch.split_at_mut(self.width);
        let first = tile * self.width;
        for (row, next) in (first..original.rows()).zip(&mut *next) {
            *next = original.entries(row).start as u32;
        }
        let ahead = original.streams();
        let mut entry = 0;
        for block in 0..self.blocks() {
            // where the segment of each row starts and ends, in `out`
            let segments = &mut segments[..2 * (self.bounds[block + 1] - self.bounds[block])];
            segments.fill(0);
            let part = self.part(tile, block);
            let mut places = self.places[part[0].segment as usize..part[1].segment as usize].iter();
            for run in &self.runs[part[0].run as usize..part[1].run as usize] {
                for &place in places.by_ref().take(run.count as usize) {
                    let place = 2 * usize::from(place);
                    segments[place] = entry;
                    entry += run.len;
                    segments[place + 1] = entry;
                }
            }
            for segment in segments.chunks_exact(2) {
                let entries = segment[0] as usize..segment[1] as usize;
                for (out, &col) in out[entries.clone()].iter_mut().zip(&columns[entries]) {
                    let next = &mut next[usize::from(col)];
                    *out = values[*next as usize];
                    if ahead {
                        prefetch(values.as_ptr().wrapping_add(*next as usize + VALUES_AHEAD));
                    }
                    *next += 1;
                }
            }
        }
    }

    /// Elements of scratch that [`carry_transposed`](Self::carry_transposed) needs: one a column of a tile, and two a row of
    /// the largest block.
    pub fn carry_scratch(&self) -> usize {
        let block = self.bounds.windows(2).map(|block| block[1] - block[0]).max().unwrap_or(0);
        self.width + 2 * block
    }
}
