//! `y[i, lane] = Σ_j W[i,j] x[j, lane]`, a tile of columns at a time.

use std::array;
use std::ops::Range;

use super::{AHEAD, Part, Tiled};
use crate::isa::Isa;
use crate::operand::{add_column, by_vectors, check_lanes, with_groups};
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
                    let cols = tiled.cols_of(tile);
                    match (G, tile) {
                        (1, 0) => self.part::<S, 4, true>(s, part, cols, states, out),
                        (1, _) => self.part::<S, 4, false>(s, part, cols, states, out),
                        (2, 0) => self.part::<S, 2, true>(s, part, cols, states, out),
                        (2, _) => self.part::<S, 2, false>(s, part, cols, states, out),
                        (_, 0) => self.part::<S, 1, true>(s, part, cols, states, out),
                        (_, _) => self.part::<S, 1, false>(s, part, cols, states, out),
                    }
                }
            }
        }
    }
}

impl<const G: usize> Product<'_, G> {
    /// Adds what one tile, of `cols` columns, gives to the rows of one block, with `U` partial sums a lane; `FIRST`, it
    /// starts from nothing.
    ///
    /// # Safety
    /// `part` is a part of the matrix; `states` are those of the first column of its tile, `out` of the first row of
    /// its block, 16 G elements a column and row.
    #[inline(always)]
    unsafe fn part<S: Simd, const U: usize, const FIRST: bool>(
        &self,
        s: S,
        part: [Part; 2],
        cols: usize,
        states: *const f32,
        out: *mut f32,
    ) {
        let tiled = self.tiled;
        let (mut columns, mut values) = (tiled.columns.as_ptr(), self.values.as_ptr());
        let mut places = tiled.places.as_ptr();
        // SAFETY: the runs of a part have as many segments and entries as the part; a place is a row of the block, a
        // column one of the tile; segments that have all columns of it have the same.
        unsafe {
            columns = columns.add(part[0].entry as usize);
            values = values.add(part[0].entry as usize);
            places = places.add(part[0].segment as usize);
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                let (len, count) = (run.len as usize, run.count as usize);
                if len == cols {
                    s.apart(Full::<G, U, FIRST> { places, columns, values, len, count, states, out });
                    // full rows are the longest, so nothing follows them
                    continue;
                }
                for _ in 0..count {
                    segments::<S, G, U, 1, FIRST>(s, places, columns, values, len, states, out);
                    places = places.add(1);
                    columns = columns.add(len);
                    values = values.add(len);
                }
            }
        }
    }
}

/// The segments of rows that have all columns of a tile: several at once, so that each state is loaded once for all.
///
/// It is made by [`Product::part`] alone, as [`segments`] asks for it.
struct Full<const G: usize, const U: usize, const FIRST: bool> {
    places: *const u16,
    columns: *const u16,
    values: *const f32,
    len: usize,
    count: usize,
    states: *const f32,
    out: *mut f32,
}

impl<const G: usize, const U: usize, const FIRST: bool> Kernel for Full<G, U, FIRST> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { places, columns, values, len, count, states, out } = self;
        let mut k = 0;
        while k < count {
            // SAFETY: there are `count` segments of `len` entries, and all have the same columns.
            unsafe {
                let (places, values) = (places.add(k), values.add(k * len));
                if k + 4 <= count {
                    segments::<S, G, U, 4, FIRST>(s, places, columns, values, len, states, out);
                    k += 4;
                } else {
                    segments::<S, G, U, 1, FIRST>(s, places, columns, values, len, states, out);
                    k += 1;
                }
            }
        }
    }
}

/// Adds `R` segments of `len` entries, one after the other and with the same columns, to the rows at the first `places`.
///
/// # Safety
/// As [`Product::part`]; `places`, `columns` and `values` are those of the first of the segments.
#[inline(always)]
unsafe fn segments<S: Simd, const G: usize, const U: usize, const R: usize, const FIRST: bool>(
    s: S,
    places: *const u16,
    mut columns: *const u16,
    mut values: *const f32,
    len: usize,
    states: *const f32,
    out: *mut f32,
) {
    s.prefetch(values.wrapping_add(AHEAD));
    s.prefetch(columns.wrapping_add(AHEAD).cast());
    let mut sums = [[[s.splat(0.0); G]; R]; U];
    // SAFETY: as the caller promises.
    unsafe {
        let mut rows = [out; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = out.add(usize::from(*places.add(r)) * (WIDTH * G));
            if !FIRST {
                for (g, sum) in sums[0][r].iter_mut().enumerate() {
                    *sum = s.load(row.add(g * WIDTH));
                }
            }
        }
        if R > 1 && !S::TWINS {
            let total = by_vectors::<S, _, G, R, U>(s, sums[0], columns, values, len, states);
            for (row, total) in rows.iter().zip(total) {
                for (g, total) in total.into_iter().enumerate() {
                    s.store(row.add(g * WIDTH), total);
                }
            }
            return;
        }
        let mut left = len;
        while left >= U {
            for ((u, sums), col) in sums.iter_mut().enumerate().zip(next::<U>(columns)) {
                *sums = add_column(s, *sums, states.add(usize::from(col) * (WIDTH * G)), values.add(u), len);
            }
            columns = columns.add(U);
            values = values.add(U);
            left -= U;
        }
        for _ in 0..left {
            sums[0] = add_column(s, sums[0], states.add(usize::from(*columns) * (WIDTH * G)), values, len);
            columns = columns.add(1);
            values = values.add(1);
        }
        for (r, row) in rows.iter().enumerate() {
            for g in 0..G {
                let mut total = sums[0][r][g];
                for sums in &sums[1..] {
                    total = s.add(total, sums[r][g]);
                }
                s.store(row.add(g * WIDTH), total);
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
