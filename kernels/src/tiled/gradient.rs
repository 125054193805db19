//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` at the stored entries, a tile of columns at a time.

use std::ops::Range;

use super::{Part, Tiled};
use crate::gradient::{Outer, steps_per_pass};
use crate::isa::Isa;
use crate::operand::check_lanes;
use crate::simd::{Kernel, Simd, WIDTH};

/// `gradient[e] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` for each entry e = (i, j) of `rows`, which must be whole blocks
/// of `tiled`.
///
/// `gradient` holds the entries of `rows` in the order of `tiled`. Each entry adds its products over time and vectors of
/// lanes into one vector, folds that, and adds the sum, [`steps_per_pass`] steps of a tile at a time: the order depends on
/// the number of steps, of lanes and of columns of a tile alone.
///
/// # Panics
/// If a shape does not fit, `rows` are not whole blocks, or `tiled` was made [transposed](Tiled::transposed).
pub fn tiled_gradient(
    isa: Isa,
    rows: &Range<usize>,
    lanes: usize,
    tiled: &Tiled,
    steps: &[Outer],
    gradient: &mut [f32],
) {
    check_lanes(lanes);
    assert!(!tiled.by_tile, "made from the pattern itself, not transposed");
    let blocks = tiled.blocks_of(rows);
    let entries = tiled.entries[blocks.end] - tiled.entries[blocks.start];
    assert_eq!(gradient.len(), entries, "one gradient an entry of the rows");
    for step in steps {
        assert_eq!(Some(step.delta.len()), tiled.rows().checked_mul(lanes), "delta is [rows, lanes]");
        assert_eq!(Some(step.states.len()), tiled.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
    let gradient = gradient.as_mut_ptr();
    for steps in steps.chunks(steps_per_pass(tiled.width, lanes)) {
        let blocks = blocks.clone();
        match (lanes / WIDTH, steps) {
            (1, &[a]) => isa.run(Blocks::<1, 1> { blocks, tiled, steps: [a], gradient }),
            (1, &[a, b]) => isa.run(Blocks::<1, 2> { blocks, tiled, steps: [a, b], gradient }),
            (1, &[a, b, c]) => isa.run(Blocks::<1, 3> { blocks, tiled, steps: [a, b, c], gradient }),
            (1, &[a, b, c, d]) => isa.run(Blocks::<1, 4> { blocks, tiled, steps: [a, b, c, d], gradient }),
            (2, &[a]) => isa.run(Blocks::<2, 1> { blocks, tiled, steps: [a], gradient }),
            (2, &[a, b]) => isa.run(Blocks::<2, 2> { blocks, tiled, steps: [a, b], gradient }),
            (3, &[a]) => isa.run(Blocks::<3, 1> { blocks, tiled, steps: [a], gradient }),
            (4, &[a]) => isa.run(Blocks::<4, 1> { blocks, tiled, steps: [a], gradient }),
            (_, steps) => unreachable!("{} steps of {lanes} lanes in one pass", steps.len()),
        }
    }
}

struct Blocks<'a, const G: usize, const T: usize> {
    blocks: Range<usize>,
    tiled: &'a Tiled,
    steps: [Outer<'a>; T],
    gradient: *mut f32,
}

impl<const G: usize, const T: usize> Kernel for Blocks<'_, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for block in self.blocks.clone() {
            for tile in 0..self.tiled.tiles() {
                // SAFETY: the block and the tile are of the matrix, and `tiled_gradient` checked the steps and the output.
                unsafe { self.part(s, tile, self.tiled.bounds[block], self.tiled.part(tile, block)) };
            }
        }
    }
}

impl<const G: usize, const T: usize> Blocks<'_, G, T> {
    /// The entries of one part.
    ///
    /// # Safety
    /// `part` is that of `tile` and of the block that starts with `row`; `tiled_gradient` checked the steps and the output.
    #[inline(always)]
    unsafe fn part<S: Simd>(&self, s: S, tile: usize, row: usize, part: [Part; 2]) {
        let tiled = self.tiled;
        let first = tiled.entries[self.blocks.start];
        // SAFETY: the runs of a part have as many segments and entries as the part; a place is a row of the block and a
        // column one of the tile; the output holds the entries of the blocks, counted from the first of them.
        unsafe {
            let mut places = tiled.places.as_ptr().add(part[0].segment as usize);
            let mut columns = tiled.columns.as_ptr().add(part[0].entry as usize);
            let mut out = self.gradient.add(part[0].entry as usize - first);
            let states = self.steps.map(|step| step.states.as_ptr().add(tile * tiled.width * (WIDTH * G)));
            for run in &tiled.runs[part[0].run as usize..part[1].run as usize] {
                for _ in 0..run.count {
                    let at = row + usize::from(*places);
                    places = places.add(1);
                    let mut delta = [[s.splat(0.0); G]; T];
                    for (step, delta) in self.steps.iter().zip(&mut delta) {
                        for (g, delta) in delta.iter_mut().enumerate() {
                            *delta = s.load(step.delta.as_ptr().add((at * G + g) * WIDTH));
                        }
                    }
                    for _ in 0..run.len as usize / WIDTH {
                        let sums = sums::<S, G, T, 16>(s, &delta, &states, columns, WIDTH);
                        s.store(out, s.add(s.load(out), sums));
                        out = out.add(WIDTH);
                        columns = columns.add(WIDTH);
                    }
                    let count = run.len as usize % WIDTH;
                    if count > 0 {
                        // as many products as there are, to the next multiple of four: the same in a whole run
                        let sums = match count.div_ceil(4) {
                            1 => sums::<S, G, T, 4>(s, &delta, &states, columns, count),
                            2 => sums::<S, G, T, 8>(s, &delta, &states, columns, count),
                            3 => sums::<S, G, T, 12>(s, &delta, &states, columns, count),
                            _ => sums::<S, G, T, 16>(s, &delta, &states, columns, count),
                        };
                        s.store_first(out, s.add(s.load_first(out, count), sums), count);
                        out = out.add(count);
                        columns = columns.add(count);
                    }
                }
            }
        }
    }
}

/// The sums of the next `count` entries in the first lanes; `N` (a multiple of 4) is the next above.
///
/// # Safety
/// `count` columns can be read, and of each of them 16 G states of each step.
#[inline(always)]
unsafe fn sums<S: Simd, const G: usize, const T: usize, const N: usize>(
    s: S,
    delta: &[[S::V; G]; T],
    states: &[*const f32; T],
    columns: *const u16,
    count: usize,
) -> S::V {
    // SAFETY: as the caller promises.
    // Written out: sixteen sums in a loop would be kept in memory.
    let products = unsafe {
        [
            product::<S, G, T, N, 0>(s, delta, states, columns, count),
            product::<S, G, T, N, 1>(s, delta, states, columns, count),
            product::<S, G, T, N, 2>(s, delta, states, columns, count),
            product::<S, G, T, N, 3>(s, delta, states, columns, count),
            product::<S, G, T, N, 4>(s, delta, states, columns, count),
            product::<S, G, T, N, 5>(s, delta, states, columns, count),
            product::<S, G, T, N, 6>(s, delta, states, columns, count),
            product::<S, G, T, N, 7>(s, delta, states, columns, count),
            product::<S, G, T, N, 8>(s, delta, states, columns, count),
            product::<S, G, T, N, 9>(s, delta, states, columns, count),
            product::<S, G, T, N, 10>(s, delta, states, columns, count),
            product::<S, G, T, N, 11>(s, delta, states, columns, count),
            product::<S, G, T, N, 12>(s, delta, states, columns, count),
            product::<S, G, T, N, 13>(s, delta, states, columns, count),
            product::<S, G, T, N, 14>(s, delta, states, columns, count),
            product::<S, G, T, N, 15>(s, delta, states, columns, count),
        ]
    };
    s.sums(products)
}

/// Σ_t Σ_g δ_t r_t of entry `K`, still a vector of lanes; zero where `K` is not below `N`.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn product<S: Simd, const G: usize, const T: usize, const N: usize, const K: usize>(
    s: S,
    delta: &[[S::V; G]; T],
    states: &[*const f32; T],
    columns: *const u16,
    count: usize,
) -> S::V {
    let mut acc = s.splat(0.0);
    if K < N {
        // the last few may be too many: they are made from the last entry, and nobody reads them
        let at = if K + 4 > N { K.min(count - 1) } else { K };
        // SAFETY: as the caller promises. The read is volatile so that sixteen of them are not made one, whose parts
        // would have to be taken out again.
        unsafe {
            let col = usize::from(columns.add(at).read_volatile());
            for (states, delta) in states.iter().zip(delta) {
                let states = states.add(col * (WIDTH * G));
                for (g, &delta) in delta.iter().enumerate() {
                    acc = s.mul_add(delta, s.load(states.add(g * WIDTH)), acc);
                }
            }
        }
    }
    acc
}
