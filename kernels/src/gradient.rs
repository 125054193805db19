//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` at the stored entries only.

use std::ops::Range;

use crate::isa::Isa;
use crate::operand::{AHEAD, check_lanes};
use crate::pattern::Pattern;
use crate::simd::{Kernel, Simd, WIDTH};

/// What one time step adds to the gradient.
#[derive(Clone, Copy)]
pub struct Outer<'a> {
    /// δ, the derivative by the sum of each row, `[rows, lanes]` of the whole matrix.
    pub delta: &'a [f32],
    /// What the matrix multiplied, `[cols, lanes]`.
    pub states: &'a [f32],
}

/// Vectors of δ that one pass over the entries keeps in registers, beside sixteen sums.
const VECTORS: usize = 4;

/// Bytes of states that one pass may read at random: with more they leave the second-level cache.
const NEAR: usize = 768 << 10;

/// Time steps that one pass over the entries adds for a matrix of `cols` columns and a tile of `lanes`: narrow tiles
/// take several, so that the index and the folding of a sum are shared by as many products as in a wide one, but no
/// more than whose states stay near; with 16 lanes at least two, for a single product costs less than its index. One, two
/// or four, so that passes of narrow tiles end where those of wide ones do.
pub fn steps_per_pass(cols: usize, lanes: usize) -> usize {
    let near = NEAR / (cols * lanes * size_of::<f32>()).max(1);
    let least = (2 * WIDTH / lanes).max(1);
    let steps = near.clamp(least, (VECTORS * WIDTH / lanes).max(1));
    1 << steps.ilog2()
}

/// `gradient[e] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` for each entry e = (i, j) of the rows given.
///
/// `gradient` holds the entries of `rows`. Each entry adds its products over time and vectors of lanes into one
/// vector, folds that, and adds the sum, [`steps_per_pass`] steps at a time: the order depends on the number of steps
/// and lanes alone.
///
/// # Panics
/// If a shape does not fit.
pub fn gradient(isa: Isa, rows: &Range<usize>, lanes: usize, pattern: &Pattern, steps: &[Outer], gradient: &mut [f32]) {
    check_lanes(lanes);
    assert!(rows.start <= rows.end && rows.end <= pattern.rows(), "rows {rows:?} of {pattern:?}");
    assert_eq!(gradient.len(), pattern.entries_of(rows).len(), "one gradient an entry of the rows");
    for step in steps {
        assert_eq!(Some(step.delta.len()), pattern.rows().checked_mul(lanes), "delta is [rows, lanes]");
        assert_eq!(Some(step.states.len()), pattern.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
    let gradient = gradient.as_mut_ptr();
    for steps in steps.chunks(steps_per_pass(pattern.cols(), lanes)) {
        match (lanes / WIDTH, steps) {
            (1, &[a]) => isa.run(Rows::<1, 1> { rows, pattern, steps: [a], gradient }),
            (1, &[a, b]) => isa.run(Rows::<1, 2> { rows, pattern, steps: [a, b], gradient }),
            (1, &[a, b, c]) => isa.run(Rows::<1, 3> { rows, pattern, steps: [a, b, c], gradient }),
            (1, &[a, b, c, d]) => isa.run(Rows::<1, 4> { rows, pattern, steps: [a, b, c, d], gradient }),
            (2, &[a]) => isa.run(Rows::<2, 1> { rows, pattern, steps: [a], gradient }),
            (2, &[a, b]) => isa.run(Rows::<2, 2> { rows, pattern, steps: [a, b], gradient }),
            (3, &[a]) => isa.run(Rows::<3, 1> { rows, pattern, steps: [a], gradient }),
            (4, &[a]) => isa.run(Rows::<4, 1> { rows, pattern, steps: [a], gradient }),
            (_, steps) => unreachable!("{} steps of {lanes} lanes in one pass", steps.len()),
        }
    }
}

struct Rows<'a, const G: usize, const T: usize> {
    rows: &'a Range<usize>,
    pattern: &'a Pattern,
    steps: [Outer<'a>; T],
    gradient: *mut f32,
}

impl<const G: usize, const T: usize> Kernel for Rows<'_, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut out = self.gradient;
        let streams = self.pattern.streams();
        for row in self.rows.clone() {
            let mut delta = [[s.splat(0.0); G]; T];
            for (step, delta) in self.steps.iter().zip(&mut delta) {
                for (g, delta) in delta.iter_mut().enumerate() {
                    // SAFETY: each δ holds 16 G elements a row, which `gradient` checked.
                    *delta = unsafe { s.load(step.delta.as_ptr().add((row * G + g) * WIDTH)) };
                }
            }
            for cols in self.pattern.row(row).chunks(WIDTH) {
                if streams {
                    s.prefetch(cols.as_ptr().wrapping_add(AHEAD).cast());
                    s.prefetch(out.wrapping_add(AHEAD));
                }
                // SAFETY: the columns are of the pattern, and the output has one element an entry of the rows.
                unsafe {
                    if let Ok(cols) = cols.try_into() {
                        let sums = self.sixteen(s, &delta, cols);
                        s.store(out, s.add(s.load(out), sums));
                    } else {
                        let sums = self.fewer(s, &delta, cols);
                        s.store_first(out, s.add(s.load_first(out, cols.len()), sums), cols.len());
                    }
                    out = out.add(cols.len());
                }
            }
        }
    }
}

impl<const G: usize, const T: usize> Rows<'_, G, T> {
    /// The sums of sixteen entries, one a lane. Their number is known, so that all sums stay in registers.
    ///
    /// # Safety
    /// The columns are of the pattern, and `gradient` checked the steps.
    #[inline(always)]
    unsafe fn sixteen<S: Simd>(&self, s: S, delta: &[[S::V; G]; T], cols: &[u32; WIDTH]) -> S::V {
        let mut products = [s.splat(0.0); WIDTH];
        for (product, &col) in products.iter_mut().zip(cols) {
            // SAFETY: as the caller promises.
            *product = unsafe { self.product(s, delta, col) };
        }
        s.sums(products)
    }

    /// The sums of fewer than sixteen entries in the first lanes, made in the same way.
    ///
    /// # Safety
    /// As [`sixteen`](Self::sixteen).
    #[inline(always)]
    unsafe fn fewer<S: Simd>(&self, s: S, delta: &[[S::V; G]; T], cols: &[u32]) -> S::V {
        let mut products = [s.splat(0.0); WIDTH];
        for (product, &col) in products.iter_mut().zip(cols) {
            // SAFETY: as the caller promises.
            *product = unsafe { self.product(s, delta, col) };
        }
        s.sums(products)
    }

    /// Σ_t Σ_g δ_t r_t of the entry in column `col`, still a vector of lanes.
    ///
    /// # Safety
    /// As [`sixteen`](Self::sixteen).
    #[inline(always)]
    unsafe fn product<S: Simd>(&self, s: S, delta: &[[S::V; G]; T], col: u32) -> S::V {
        let mut acc = s.splat(0.0);
        for (step, delta) in self.steps.iter().zip(delta) {
            // SAFETY: a column of the pattern is below `cols`, so its row of 16 G states can be read.
            unsafe {
                let states = step.states.as_ptr().add(col as usize * (WIDTH * G));
                for (g, &delta) in delta.iter().enumerate() {
                    acc = s.mul_add(delta, s.load(states.add(g * WIDTH)), acc);
                }
            }
        }
        acc
    }
}
