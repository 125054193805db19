//! `y[i, lane] = Σ_j W[i,j] x[j, lane]`, a tile of columns at a time.

use std::array;
use std::ops::Range;

use super::{AHEAD, Part, Tiled};
use crate::isa::Isa;
use crate::operand::{check_lanes, with_groups};
use crate::simd::{Kernel, Simd, WIDTH};

/// `out[i, lane] = Σ_j W[i,j] x[j, lane]` for i in `rows`, which must be whole blocks of `tiled`.
///
/// `lanes` is 16, 32, 48 or 64; `values` are in the order of `tiled`; `states` is x, `[cols, lanes]`, and `out` is
/// `[rows.len(), lanes]`. A row's sum depends on nothing but the row and the width of the tiles, so any cut into blocks
/// gives the same bits.
///
/// # Panics
/// If a shape does not fit, or `rows` are not whole blocks.
pub fn tiled_product(
    isa: Isa,
    lanes: usize,
    tiled: &Tiled,
    rows: &Range<usize>,
    values: &[f32],
    states: &[f32],
    out: &mut [f32],
) {
    check_lanes(lanes);
    let blocks = tiled.blocks_of(rows);
    assert_eq!(values.len(), tiled.nnz(), "one value an entry");
    assert_eq!(Some(states.len()), tiled.cols().checked_mul(lanes), "states are [cols, lanes]");
    assert_eq!(Some(out.len()), rows.len().checked_mul(lanes), "the output is [rows, lanes]");
    if tiled.tiles() == 0 {
        return out.fill(0.0);
    }
    with_groups!(lanes, G => isa.run(Product::<G> { tiled, blocks, values, states, out: out.as_mut_ptr() }));
}

struct Product<'a, const G: usize> {
    tiled: &'a Tiled,
    blocks: Range<usize>,
    values: &'a [f32],
    states: &'a [f32],
    out: *mut f32,
}

impl<const G: usize> Kernel for Product<'_, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tiled = self.tiled;
        let first = tiled.bounds[self.blocks.start];
        for block in self.blocks.clone() {
            for tile in 0..tiled.tiles() {
                // SAFETY: the block and the tile are of the matrix; the output holds the rows of the blocks, 16 G
                // elements each, and the states 16 G elements a column: `tiled_product` checked both.
                unsafe {
                    let out = self.out.add((tiled.bounds[block] - first) * (WIDTH * G));
                    let states = self.states.as_ptr().add(tile * tiled.width * (WIDTH * G));
                    if tile == 0 {
                        for &place in tiled.absent(block) {
                            for g in 0..G {
                                s.store(out.add((usize::from(place) * G + g) * WIDTH), s.splat(0.0));
                            }
                        }
                    }
                    let part = tiled.part(tile, block);
                    // narrow tiles have too few sums in flight to hide the latency of the multiply-add
                    match (G, tile) {
                        (1, 0) => self.part::<S, 4, true>(s, part, states, out),
                        (1, _) => self.part::<S, 4, false>(s, part, states, out),
                        (2, 0) => self.part::<S, 2, true>(s, part, states, out),
                        (2, _) => self.part::<S, 2, false>(s, part, states, out),
                        (_, 0) => self.part::<S, 1, true>(s, part, states, out),
                        (_, _) => self.part::<S, 1, false>(s, part, states, out),
                    }
                }
            }
        }
    }
}

impl<const G: usize> Product<'_, G> {
    /// Adds what one tile gives to the rows of one block, with `U` partial sums a lane; `FIRST`, it starts from nothing.
    ///
    /// # Safety
    /// `part` is a part of the matrix; `states` are those of the first column of its tile, `out` of the first row of
    /// its block, 16 G elements a column and row.
    #[inline(always)]
    unsafe fn part<S: Simd, const U: usize, const FIRST: bool>(
        &self,
        s: S,
        part: [Part; 2],
        states: *const f32,
        out: *mut f32,
    ) {
        let tiled = self.tiled;
        let (mut columns, mut values) = (tiled.columns.as_ptr(), self.values.as_ptr());
        let mut places = tiled.places.as_ptr();
        // SAFETY: the runs of a part have as many segments and entries as the part; a place is a row of the block, a
        // column one of the tile.
        unsafe {
            columns = columns.add(part[0].entry as usize);
            values = values.add(part[0].entry as usize);
            places = places.add(part[0].segment as usize);
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                let len = run.len as usize;
                for _ in 0..run.count {
                    let out = out.add(usize::from(*places) * (WIDTH * G));
                    places = places.add(1);
                    s.prefetch(values.wrapping_add(AHEAD));
                    s.prefetch(columns.wrapping_add(AHEAD).cast());
                    let mut sums = [[s.splat(0.0); G]; U];
                    if !FIRST {
                        for (g, sum) in sums[0].iter_mut().enumerate() {
                            *sum = s.load(out.add(g * WIDTH));
                        }
                    }
                    let mut left = len;
                    while left >= U {
                        for ((u, sums), col) in sums.iter_mut().enumerate().zip(next::<U>(columns)) {
                            *sums = add(s, *sums, col, *values.add(u), states);
                        }
                        columns = columns.add(U);
                        values = values.add(U);
                        left -= U;
                    }
                    for _ in 0..left {
                        sums[0] = add(s, sums[0], *columns, *values, states);
                        columns = columns.add(1);
                        values = values.add(1);
                    }
                    for g in 0..G {
                        let mut total = sums[0][g];
                        for sums in &sums[1..] {
                            total = s.add(total, sums[g]);
                        }
                        s.store(out.add(g * WIDTH), total);
                    }
                }
            }
        }
    }
}

/// The next `U` columns, four of them by one load: where a synapse is one multiply-add, loads are what is scarce.
///
/// # Safety
/// `U` columns can be read.
#[inline(always)]
unsafe fn next<const U: usize>(columns: *const u16) -> [u16; U] {
    // SAFETY: as the caller promises.
    unsafe {
        if U != 4 {
            return array::from_fn(|u| *columns.add(u));
        }
        let four = columns.cast::<u64>().read_unaligned();
        let place = |u| if cfg!(target_endian = "big") { 3 - u } else { u };
        array::from_fn(|u| (four >> (16 * place(u))) as u16)
    }
}

/// Adds one entry.
///
/// # Safety
/// `states` can be read at column `col`, 16 G elements.
#[inline(always)]
unsafe fn add<S: Simd, const G: usize>(
    s: S,
    mut sums: [S::V; G],
    col: u16,
    value: f32,
    states: *const f32,
) -> [S::V; G] {
    let value = s.splat(value);
    for (g, sum) in sums.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        *sum = s.mul_add(value, unsafe { s.load(states.add((usize::from(col) * G + g) * WIDTH)) }, *sum);
    }
    sums
}
