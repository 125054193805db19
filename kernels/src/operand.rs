//! One sparse factor of a product over lanes, and the loop that all products share.

use std::ops::Range;

use crate::pattern::Pattern;
use crate::simd::{Simd, WIDTH};

/// Lanes in the widest tile: four vectors, so that the sums of a row stay in registers.
pub const MAX_LANES: usize = 4 * WIDTH;

/// A sparse matrix and the dense one that it multiplies.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    /// Where the sparse matrix has entries.
    pub pattern: &'a Pattern,
    /// Its values, `[nnz]`.
    pub values: &'a [f32],
    /// The dense matrix, `[cols, lanes]`, lanes contiguous.
    pub states: &'a [f32],
}

impl Operand<'_> {
    /// The door: panics unless the shapes agree.
    pub(crate) fn check(&self, rows: &Range<usize>, lanes: usize) {
        assert!(rows.start <= rows.end && rows.end <= self.pattern.rows(), "rows {rows:?} of {:?}", self.pattern);
        assert_eq!(self.values.len(), self.pattern.nnz(), "one value an entry");
        assert_eq!(self.states.len(), self.pattern.cols() * lanes, "states are [cols, lanes]");
    }
}

/// The door: panics unless `lanes` is 16, 32, 48 or 64.
pub(crate) fn check_lanes(lanes: usize) {
    assert!(
        lanes > 0 && lanes.is_multiple_of(WIDTH) && lanes <= MAX_LANES,
        "{lanes} lanes: a tile has 16, 32, 48 or 64"
    );
}

/// Runs `$body` with the constant `$G` = lanes / 16.
macro_rules! with_groups {
    ($lanes:expr, $G:ident => $body:expr) => {
        match $lanes / $crate::simd::WIDTH {
            1 => {
                const $G: usize = 1;
                $body
            }
            2 => {
                const $G: usize = 2;
                $body
            }
            3 => {
                const $G: usize = 3;
                $body
            }
            _ => {
                const $G: usize = 4;
                $body
            }
        }
    };
}
pub(crate) use with_groups;

/// `acc[lane] + Σ_k values[k] · states[indices[k], lane]` over the entries `from..to` of a pattern.
///
/// Narrow tiles have too few sums in flight to hide the latency of the multiply-add, so they keep several partial
/// sums; the order of addition depends on the row and the width of the tile alone.
///
/// # Safety
/// `operand` passed its [`Operand::check`] with `lanes = 16 G`, and `entries` lies in its pattern.
#[inline(always)]
pub(crate) unsafe fn accumulate<S: Simd, const G: usize>(
    s: S,
    acc: [S::V; G],
    operand: &Operand,
    entries: Range<usize>,
) -> [S::V; G] {
    // SAFETY: the entries lie in the pattern, so indices and values can be read; an index is below `cols`, so its
    // row of 16 G states can be read.
    unsafe {
        match G {
            1 => accumulate_by::<S, G, 4>(s, acc, operand, entries),
            2 => accumulate_by::<S, G, 2>(s, acc, operand, entries),
            _ => accumulate_by::<S, G, 1>(s, acc, operand, entries),
        }
    }
}

/// [`accumulate`] with `U` partial sums a lane.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn accumulate_by<S: Simd, const G: usize, const U: usize>(
    s: S,
    acc: [S::V; G],
    operand: &Operand,
    entries: Range<usize>,
) -> [S::V; G] {
    let indices = operand.pattern.indices().as_ptr();
    let values = operand.values.as_ptr();
    let states = operand.states.as_ptr();
    let mut sums = [[s.splat(0.0); G]; U];
    sums[0] = acc;
    let mut entry = entries.start;
    // SAFETY: as the caller promises; `entry + u` stays below `entries.end`.
    unsafe {
        while entry + U <= entries.end {
            for (u, sum) in sums.iter_mut().enumerate() {
                let row = states.add(*indices.add(entry + u) as usize * (WIDTH * G));
                let value = s.splat(*values.add(entry + u));
                for (g, sum) in sum.iter_mut().enumerate() {
                    *sum = s.mul_add(value, s.load(row.add(g * WIDTH)), *sum);
                }
            }
            entry += U;
        }
        while entry < entries.end {
            let row = states.add(*indices.add(entry) as usize * (WIDTH * G));
            let value = s.splat(*values.add(entry));
            for (g, sum) in sums[0].iter_mut().enumerate() {
                *sum = s.mul_add(value, s.load(row.add(g * WIDTH)), *sum);
            }
            entry += 1;
        }
    }
    let mut total = sums[0];
    for sum in &sums[1..] {
        for (total, &sum) in total.iter_mut().zip(sum) {
            *total = s.add(*total, sum);
        }
    }
    total
}
