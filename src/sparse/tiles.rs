//! A matrix in tiles of columns, its rows cut into blocks for threads, and its values carried into that order and back.

use std::ops::Range;

use daleian_kernels::{Aligned, Isa, MAX_TILE, Outer, Tiled, sum_parts, tiled_gradient, tiled_product};

use super::{Partition, Pattern};

/// Where a matrix has entries, tile by tile (see [`Tiled`]), and the blocks of rows that threads share.
///
/// No result depends on the blocks.
#[derive(Debug, Clone)]
pub struct Tiles {
    tiled: Tiled,
    blocks: Partition,
    /// The tiles one by one.
    tiles: Partition,
}

/// What is done once a row costs about as much as so many entries.
const OVERHEAD: usize = 8;

impl Tiles {
    /// `pattern` in tiles of `width` columns and about `blocks` blocks of rows.
    ///
    /// # Panics
    /// If `width` is 0 or above 65,536, or `blocks` is 0.
    pub fn new(pattern: &Pattern, width: usize, blocks: usize) -> Self {
        let blocks = Partition::balanced_within(&[pattern], blocks, OVERHEAD, MAX_TILE);
        Self::with(Tiled::new(pattern, width, blocks.bounds()), blocks)
    }

    /// The transposed of `original`, whose values are [those of the original](Self::carry_transposed).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn transposed(original: &Pattern, width: usize, blocks: usize) -> Self {
        let blocks = Partition::balanced_columns(original, blocks, OVERHEAD, MAX_TILE);
        Self::with(Tiled::transposed(original, width, blocks.bounds()), blocks)
    }

    fn with(tiled: Tiled, blocks: Partition) -> Self {
        Self { tiles: Partition::singles(tiled.tiles()), tiled, blocks }
    }

    /// The blocks of rows.
    pub fn blocks(&self) -> &Partition {
        &self.blocks
    }

    /// The structure.
    pub fn tiled(&self) -> &Tiled {
        &self.tiled
    }

    /// The block that starts with `row`; where there is none, the number of blocks.
    fn block(&self, row: usize) -> usize {
        self.blocks.part(row)
    }

    /// Where the entries of the block that starts with `row` start.
    pub fn entry(&self, row: usize) -> usize {
        let block = self.block(row);
        if block < self.tiled.blocks() { self.tiled.entries(block).start } else { self.tiled.nnz() }
    }

    /// Takes `values` from the order of the pattern over into that of the tiles, on all threads.
    ///
    /// # Panics
    /// If a length does not fit, or this was made [transposed](Self::transposed).
    pub fn carry(&self, values: &[f32], out: &mut [f32]) {
        self.blocks.for_each([out], &|_, row| self.entry(row), &|rows, [out]| {
            self.tiled.carry(self.block(rows.start), values, out);
        });
    }

    /// The way back: takes `values` from the order of the tiles over into that of the pattern, on all threads. Where `parts` are
    /// given, in the order of the tiles too, `values` are first overwritten with their sum.
    ///
    /// # Panics
    /// As [`carry`](Self::carry), or if a part has not as many values.
    pub fn carry_back(&self, isa: Isa, parts: Option<&[&[f32]]>, values: &mut [f32], out: &mut [f32]) {
        let cut = |_: usize, row: usize| self.entry(row);
        self.blocks.for_each([values, out], &cut, &|rows, [values, out]| {
            if let Some(parts) = parts {
                sum_parts(isa, parts, self.entry(rows.start), values);
            }
            self.tiled.carry_back(self.block(rows.start), values, out);
        });
    }

    /// Takes the values of `original`, of which this is the transposed, over into the order of the tiles, on all threads.
    /// `scratch` has [`carry_scratch`](Self::carry_scratch) elements.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn carry_transposed(&self, original: &Pattern, values: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        let (tiled, each) = (&self.tiled, self.tiled.carry_scratch());
        let cut = |k: usize, tile: usize| match k {
            0 if tile < tiled.tiles() => tiled.entries_of_tile(tile).start,
            0 => tiled.nnz(),
            _ => tile * each,
        };
        self.tiles.for_each([out, scratch], &cut, &|tiles, [out, scratch]| {
            tiled.carry_transposed(tiles.start, original, values, out, bytemuck::cast_slice_mut(scratch));
        });
    }

    /// Elements of scratch that [`carry_transposed`](Self::carry_transposed) needs.
    pub fn carry_scratch(&self) -> usize {
        self.tiled.tiles() * self.tiled.carry_scratch()
    }

    /// `out = W states` for rows that are whole blocks: see [`tiled_product`].
    ///
    /// # Panics
    /// If a shape does not fit.
    pub fn product(
        &self,
        isa: Isa,
        lanes: usize,
        rows: &Range<usize>,
        values: &Aligned,
        states: &[f32],
        out: &mut [f32],
    ) {
        tiled_product(isa, lanes, &self.tiled, rows, values, states, out);
    }

    /// Adds to the gradient of rows that are whole blocks, in the order of the tiles: see [`tiled_gradient`].
    ///
    /// # Panics
    /// If a shape does not fit.
    pub fn gradient(&self, isa: Isa, lanes: usize, rows: &Range<usize>, steps: &[Outer], gradient: &mut [f32]) {
        tiled_gradient(isa, rows, lanes, &self.tiled, steps, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row i of 40 has every column that i + 1 divides, so that blocks and tiles have segments of many lengths.
    #[test]
    fn sums_of_parts_are_carried_back_whatever_the_blocks() {
        let (mut indptr, mut indices) = (vec![0], Vec::new());
        for divisor in 1..=40 {
            indices.extend((0..40).filter(|col| col % divisor == 0));
            indptr.push(indices.len());
        }
        let pattern = Pattern::new(40, 40, indptr, indices).unwrap();
        let nnz = pattern.nnz();
        let original = |factor: usize| (0..nnz).map(|entry| (factor * entry) as f32).collect::<Vec<_>>();
        for blocks in [1, 2, 7] {
            let tiles = Tiles::new(&pattern, 9, blocks);
            assert!(blocks == 1 || tiles.blocks().parts() > 1);
            let parts = [1, 10, 100].map(|factor| {
                let mut part = vec![f32::NAN; nnz];
                tiles.carry(&original(factor), &mut part);
                part
            });
            let parts = parts.each_ref().map(|part| &part[..]);
            let (mut sums, mut out) = (vec![f32::NAN; nnz], vec![f32::NAN; nnz]);
            tiles.carry_back(Isa::available()[0], Some(&parts), &mut sums, &mut out);
            assert_eq!(out, original(111));
            out.fill(f32::NAN);
            tiles.carry_back(Isa::available()[0], None, &mut sums, &mut out);
            assert_eq!(out, original(111));
        }
    }
}
