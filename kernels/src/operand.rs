//! One sparse factor of a product over lanes, and the loop that all products share.

use std::ops::Range;

use crate::pattern::Pattern;
use crate::simd::{Simd, WIDTH};

/// Lanes in the widest tile: four vectors, so that the sums of a row stay in registers.
pub const MAX_LANES: usize = 4 * WIDTH;

/// How many entries before their use values and indices are asked for, where they come from memory.
pub(crate) const AHEAD: usize = 256;

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
        assert_eq!(Some(self.states.len()), self.pattern.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
}

/// A sparse product as a term of a sum.
#[derive(Clone, Copy, Default)]
pub enum Product<'a> {
    /// It is zero.
    #[default]
    Zero,
    /// It is to be made.
    Of(Operand<'a>),
    /// It was made before, and stands where the sum will be written.
    Made,
}

impl<'a> Product<'a> {
    /// The operand of a product that is to be made.
    pub(crate) fn operand(&self) -> Option<&Operand<'a>> {
        match self {
            Self::Of(operand) => Some(operand),
            Self::Zero | Self::Made => None,
        }
    }
}

impl<'a> From<Option<Operand<'a>>> for Product<'a> {
    /// Zero where there is none.
    fn from(operand: Option<Operand<'a>>) -> Self {
        operand.map_or(Self::Zero, Self::Of)
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

/// A kernel that can compute several rows at once.
pub(crate) trait Several {
    /// Computes `R` rows from `row` on.
    ///
    /// # Safety
    /// They are rows of the call, and each but the last is a [twin](Pattern::twins) of the next in the recurrent
    /// matrix.
    unsafe fn rows<S: Simd, const R: usize>(&self, s: S, row: usize);
}

/// Computes every row of `rows`: four or two that are twins in `recurrent` at once where there are registers for it.
///
/// # Safety
/// `rows` are those of the kernel's call, and `recurrent` its recurrent matrix.
#[inline(always)]
pub(crate) unsafe fn walk<S: Simd>(s: S, rows: &Range<usize>, recurrent: Option<&Operand>, kernel: &impl Several) {
    let twins =
        |row: usize| S::TWINS && row + 1 < rows.end && recurrent.is_some_and(|recurrent| recurrent.pattern.twins(row));
    let mut row = rows.start;
    while row < rows.end {
        // SAFETY: the row is of the call, and several are taken only where all are and each is a twin of the next.
        unsafe {
            if !twins(row) {
                kernel.rows::<S, 1>(s, row);
                row += 1;
            } else if twins(row + 1) && twins(row + 2) {
                kernel.rows::<S, 4>(s, row);
                row += 4;
            } else {
                kernel.rows::<S, 2>(s, row);
                row += 2;
            }
        }
    }
}

/// `acc[r][lane] + Σ_k values[k] · states[indices[k], lane]` over the entries of row `row + r`, for R rows that follow
/// each other and have the same columns.
///
/// Narrow tiles have too few sums in flight to hide the latency of the multiply-add, so they keep several partial
/// sums; the order of addition depends on the row and the width of the tile alone, not on R.
///
/// # Safety
/// `operand` passed its [`Operand::check`] with `lanes = 16 G`; the rows lie in its pattern, and each but the last is a
/// [twin](Pattern::twins) of the next.
#[inline(always)]
pub(crate) unsafe fn accumulate<S: Simd, const G: usize, const R: usize>(
    s: S,
    acc: [[S::V; G]; R],
    operand: &Operand,
    row: usize,
) -> [[S::V; G]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        match G {
            1 => accumulate_by::<S, G, R, 4>(s, acc, operand, row),
            2 => accumulate_by::<S, G, R, 2>(s, acc, operand, row),
            _ => accumulate_by::<S, G, R, 1>(s, acc, operand, row),
        }
    }
}

/// [`accumulate`] with `U` partial sums a lane.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn accumulate_by<S: Simd, const G: usize, const R: usize, const U: usize>(
    s: S,
    acc: [[S::V; G]; R],
    operand: &Operand,
    row: usize,
) -> [[S::V; G]; R] {
    let entries = operand.pattern.entries(row);
    let mut sums = [[[s.splat(0.0); G]; R]; U];
    sums[0] = acc;
    let mut entry = entries.start;
    // SAFETY: the entries lie in the pattern, so indices and values can be read; an index is below `cols`, so its row
    // of 16 G states can be read; twins have as many entries, so that those of row r begin `len` further on.
    unsafe {
        if operand.pattern.streams() {
            while entry + WIDTH <= entries.end {
                s.prefetch(operand.pattern.indices().as_ptr().wrapping_add(entry + AHEAD).cast());
                s.prefetch(operand.values.as_ptr().wrapping_add(entry + AHEAD));
                for _ in 0..WIDTH / U {
                    for (u, sums) in sums.iter_mut().enumerate() {
                        *sums = add_entry(s, *sums, operand, entry + u, entries.len());
                    }
                    entry += U;
                }
            }
        }
        while entry + U <= entries.end {
            for (u, sums) in sums.iter_mut().enumerate() {
                *sums = add_entry(s, *sums, operand, entry + u, entries.len());
            }
            entry += U;
        }
        while entry < entries.end {
            sums[0] = add_entry(s, sums[0], operand, entry, entries.len());
            entry += 1;
        }
    }
    let mut total = sums[0];
    for sums in &sums[1..] {
        for (total, sum) in total.iter_mut().zip(sums) {
            for (total, &sum) in total.iter_mut().zip(sum) {
                *total = s.add(*total, sum);
            }
        }
    }
    total
}

/// Adds what one column gives to R rows: the states are loaded once.
///
/// # Safety
/// As [`accumulate`]; `entry` is of the first row, and `len` the number of its entries.
#[inline(always)]
unsafe fn add_entry<S: Simd, const G: usize, const R: usize>(
    s: S,
    sums: [[S::V; G]; R],
    operand: &Operand,
    entry: usize,
    len: usize,
) -> [[S::V; G]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        let col = *operand.pattern.indices().as_ptr().add(entry) as usize;
        add_column(s, sums, operand.states.as_ptr().add(col * (WIDTH * G)), operand.values.as_ptr().add(entry), len)
    }
}

/// Adds the products of the states of one column with R values that are `len` apart.
///
/// # Safety
/// 16 G states can be read, and each of the values.
#[inline(always)]
pub(crate) unsafe fn add_column<S: Simd, const G: usize, const R: usize>(
    s: S,
    mut sums: [[S::V; G]; R],
    states: *const f32,
    values: *const f32,
    len: usize,
) -> [[S::V; G]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut weights = [s.splat(0.0); R];
        for (r, weight) in weights.iter_mut().enumerate() {
            *weight = s.splat(*values.add(r * len));
        }
        for g in 0..G {
            let state = s.load(states.add(g * WIDTH));
            for (sums, &weight) in sums.iter_mut().zip(&weights) {
                sums[g] = s.mul_add(weight, state, sums[g]);
            }
        }
    }
    sums
}
