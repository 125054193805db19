//! `y[i, lane] = Σ_j W[i,j] x[j, lane]`, a tile of columns at a time.

use std::array;
use std::ops::Range;

use super::{Part, Tiled};
use crate::isa::Isa;
use crate::operand::{add_column, add_states, by_vectors, check_lanes, with_groups};
use crate::simd::{Kernel, Simd, WIDTH, four_short};
use crate::tuning::{TILES_AHEAD, TILES_FAR_AHEAD};

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
    let out = out.as_mut_ptr();
    with_groups!(lanes, G => if tiled.streams() {
        isa.run(Product::<G, TILES_FAR_AHEAD> { tiled, blocks, values, states, out });
    } else {
        isa.run(Product::<G, TILES_AHEAD> { tiled, blocks, values, states, out });
    });
}

/// [`tiled_product`], values and columns asked for `A` entries before their use: a constant, as one read from a register made
/// products at fly size 2 % slower.
struct Product<'a, const G: usize, const A: usize> {
    tiled: &'a Tiled,
    blocks: Range<usize>,
    values: &'a [f32],
    states: &'a [f32],
    out: *mut f32,
}

impl<const G: usize, const A: usize> Kernel for Product<'_, G, A> {
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
                    // Narrow tiles have too few sums in flight to hide the latency of the multiply-add, and so has one
                    // segment at a time; with 32 lanes two sums a lane do, and two segments were slower.
                    let cols = tiled.cols_of(tile);
                    match (G, tile) {
                        (1, 0) => self.part::<S, 4, 3, true>(s, part, cols, states, out),
                        (1, _) => self.part::<S, 4, 3, false>(s, part, cols, states, out),
                        (2, 0) => self.part::<S, 2, 1, true>(s, part, cols, states, out),
                        (2, _) => self.part::<S, 2, 1, false>(s, part, cols, states, out),
                        (_, 0) => self.part::<S, 1, 2, true>(s, part, cols, states, out),
                        (_, _) => self.part::<S, 1, 2, false>(s, part, cols, states, out),
                    }
                }
            }
        }
    }
}

impl<const G: usize, const A: usize> Product<'_, G, A> {
    /// Adds what one tile, of `cols` columns, gives to the rows of one block, with `U` partial sums a lane and, where there
    /// are registers for it, `P` segments at once; `FIRST`, it starts from nothing.
    ///
    /// # Safety
    /// `part` is a part of the matrix; `states` are those of the first column of its tile, `out` of the first row of
    /// its block, 16 G elements a column and row.
    #[inline(always)]
    unsafe fn part<S: Simd, const U: usize, const P: usize, const FIRST: bool>(
        &self,
        s: S,
        part: [Part; 2],
        cols: usize,
        states: *const f32,
        out: *mut f32,
    ) {
        let tiled = self.tiled;
        let mut next = Segments::<A> {
            places: tiled.places.as_ptr(),
            columns: tiled.columns.as_ptr(),
            values: self.values.as_ptr(),
            len: 0,
        };
        // SAFETY: the runs of a part have as many segments and entries as the part; a place is a row of the block, a
        // column one of the tile; segments that have all columns of it have the same.
        unsafe {
            next.columns = next.columns.add(part[0].entry as usize);
            next.values = next.values.add(part[0].entry as usize);
            next.places = next.places.add(part[0].segment as usize);
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                next.len = run.len as usize;
                let mut left = run.count as usize;
                if next.len == cols {
                    s.apart(Full::<G, U, FIRST, A> { first: next, count: left, states, out });
                    // full rows are the longest, so nothing follows them
                    continue;
                }
                // as all of a run are of one length, the multiply-adds of one fill the time that those of another wait
                while P > 1 && S::TWINS && left >= P {
                    next.each_with_its_columns::<S, G, U, P, FIRST>(s, states, out);
                    next = next.after(P);
                    left -= P;
                }
                next = next.one_by_one::<S, G, U, FIRST>(s, left, states, out);
            }
        }
    }
}

/// The segments of rows that have all columns of a tile: several at once, so that each state is loaded once for all.
///
/// It is made by [`Product::part`] alone, as [`Segments`] asks for it.
struct Full<const G: usize, const U: usize, const FIRST: bool, const A: usize> {
    first: Segments<A>,
    count: usize,
    states: *const f32,
    out: *mut f32,
}

impl<const G: usize, const U: usize, const FIRST: bool, const A: usize> Kernel for Full<G, U, FIRST, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { first: mut next, count: mut left, states, out } = self;
        // SAFETY: there are `count` segments, and all have the same columns.
        unsafe {
            while left >= 4 {
                next.all_with_the_same::<S, G, U, 4, FIRST>(s, states, out);
                next = next.after(4);
                left -= 4;
            }
            next.one_by_one::<S, G, U, FIRST>(s, left, states, out);
        }
    }
}

/// Segments of `len` entries, one after the other: the place of each, and its columns and values, asked for `A` entries ahead.
#[derive(Clone, Copy)]
struct Segments<const A: usize> {
    places: *const u16,
    columns: *const u16,
    values: *const f32,
    len: usize,
}

impl<const A: usize> Segments<A> {
    /// Those after the first `count`.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    unsafe fn after(self, count: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            Self {
                places: self.places.add(count),
                columns: self.columns.add(count * self.len),
                values: self.values.add(count * self.len),
                ..self
            }
        }
    }

    /// The rows of the first `R`, and the sums that stand there, or zeros if this is the `FIRST` tile.
    ///
    /// # Safety
    /// There are `R`; `out` has 16 G elements a row from the first of the block on.
    #[inline(always)]
    unsafe fn rows<S: Simd, const G: usize, const R: usize, const FIRST: bool>(
        self,
        s: S,
        out: *mut f32,
    ) -> ([*mut f32; R], [[S::V; G]; R]) {
        let (mut rows, mut sums) = ([out; R], [[s.splat(0.0); G]; R]);
        // SAFETY: as the caller promises.
        unsafe {
            for (r, row) in rows.iter_mut().enumerate() {
                *row = out.add(usize::from(*self.places.add(r)) * (WIDTH * G));
                if !FIRST {
                    for (g, sum) in sums[r].iter_mut().enumerate() {
                        *sum = s.load(row.add(g * WIDTH));
                    }
                }
            }
        }
        (rows, sums)
    }

    /// Asks for what stands `A` entries after the start of segment `r`.
    #[inline(always)]
    fn prefetch<S: Simd>(self, s: S, r: usize) {
        s.prefetch(self.values.wrapping_add(r * self.len + A));
        s.prefetch(self.columns.wrapping_add(r * self.len + A).cast());
    }

    /// Adds the first `count` to their rows, and gives those after them.
    ///
    /// # Safety
    /// As [`each_with_its_columns`](Self::each_with_its_columns).
    #[inline(always)]
    unsafe fn one_by_one<S: Simd, const G: usize, const U: usize, const FIRST: bool>(
        mut self,
        s: S,
        count: usize,
        states: *const f32,
        out: *mut f32,
    ) -> Self {
        for _ in 0..count {
            // SAFETY: as the caller promises.
            unsafe {
                self.each_with_its_columns::<S, G, U, 1, FIRST>(s, states, out);
                self = self.after(1);
            }
        }
        self
    }

    /// Adds the first `P` to their rows.
    ///
    /// # Safety
    /// There are `P`; `states` has 16 G elements a column of the tile, `out` a row from the first of the block on.
    #[inline(always)]
    unsafe fn each_with_its_columns<S: Simd, const G: usize, const U: usize, const P: usize, const FIRST: bool>(
        self,
        s: S,
        states: *const f32,
        out: *mut f32,
    ) {
        let len = self.len;
        // SAFETY: as the caller promises.
        unsafe {
            for p in 0..P {
                self.prefetch(s, p);
            }
            let (rows, first) = self.rows::<S, G, P, FIRST>(s, out);
            let mut sums = [[[s.splat(0.0); G]; U]; P];
            for (sums, first) in sums.iter_mut().zip(first) {
                sums[0] = first;
            }
            let columns: [*const u16; P] = array::from_fn(|p| self.columns.add(p * len));
            let values: [*const f32; P] = array::from_fn(|p| self.values.add(p * len));
            let mut k = 0;
            while k + 4 <= len {
                for p in 0..P {
                    sums[p] = add_four(s, sums[p], columns[p].add(k), states, values[p].add(k));
                }
                k += 4;
            }
            // of partial sums that divide four only two leave whole turns here
            while U == 2 && k + U <= len {
                for p in 0..P {
                    for (u, sums) in sums[p].iter_mut().enumerate() {
                        let states = states.add(usize::from(*columns[p].add(k + u)) * (WIDTH * G));
                        [*sums] = add_column(s, [*sums], states, values[p].add(k + u), len);
                    }
                }
                k += U;
            }
            while k < len {
                for p in 0..P {
                    let states = states.add(usize::from(*columns[p].add(k)) * (WIDTH * G));
                    [sums[p][0]] = add_column(s, [sums[p][0]], states, values[p].add(k), len);
                }
                k += 1;
            }
            for (row, sums) in rows.into_iter().zip(sums) {
                store(s, row, sums);
            }
        }
    }

    /// Adds the first `R`, which have the same columns, to their rows.
    ///
    /// # Safety
    /// As [`each_with_its_columns`](Self::each_with_its_columns), and they have.
    #[inline(always)]
    unsafe fn all_with_the_same<S: Simd, const G: usize, const U: usize, const R: usize, const FIRST: bool>(
        self,
        s: S,
        states: *const f32,
        out: *mut f32,
    ) {
        let Self { mut columns, mut values, len, .. } = self;
        // SAFETY: as the caller promises.
        unsafe {
            self.prefetch(s, 0);
            let (rows, first) = self.rows::<S, G, R, FIRST>(s, out);
            if !S::TWINS {
                let total = by_vectors::<S, _, G, R, U>(s, first, columns, values, len, states);
                for (row, total) in rows.into_iter().zip(total) {
                    store(s, row, [total]);
                }
                return;
            }
            let mut sums = [[[s.splat(0.0); G]; R]; U];
            sums[0] = first;
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
            for (r, row) in rows.into_iter().enumerate() {
                store(s, row, sums.map(|sums| sums[r]));
            }
        }
    }
}

/// Adds the products of the states of four columns with the next four values, each to the next of the `U` partial sums. The
/// values take one load, where one by one they would be a fifth of all loads with 64 lanes, and half with 16.
///
/// # Safety
/// Four columns and values can be read, and 16 G states of each of these columns.
#[inline(always)]
unsafe fn add_four<S: Simd, const G: usize, const U: usize>(
    s: S,
    mut sums: [[S::V; G]; U],
    columns: *const u16,
    states: *const f32,
    values: *const f32,
) -> [[S::V; G]; U] {
    const { assert!(4 % U == 0, "the first of four columns goes to the first sum") };
    // SAFETY: as the caller promises.
    unsafe {
        for (k, (col, weight)) in four_short(columns).into_iter().zip(s.splat_four(values)).enumerate() {
            let states = states.add(usize::from(col) * (WIDTH * G));
            [sums[k % U]] = add_states(s, [sums[k % U]], states, [weight]);
        }
    }
    sums
}

/// Adds up the `U` partial sums of a row, in their order, and stores them.
///
/// # Safety
/// 16 G elements can be written.
#[inline(always)]
unsafe fn store<S: Simd, const G: usize, const U: usize>(s: S, row: *mut f32, sums: [[S::V; G]; U]) {
    for g in 0..G {
        let mut total = sums[0][g];
        for sums in &sums[1..] {
            total = s.add(total, sums[g]);
        }
        // SAFETY: as the caller promises.
        unsafe { s.store(row.add(g * WIDTH), total) };
    }
}

/// The next `U` columns, by one load where they are four.
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
        let four = four_short(columns);
        array::from_fn(|u| four[u])
    }
}
