//! One sparse factor of a product over lanes, and the loop that all products share.

use std::ops::Range;

use crate::element::Element;
use crate::pattern::Pattern;
use crate::simd::{Vector, WIDTH};
use crate::tuning::ROWS_AHEAD;

/// Lanes in the widest tile: four vectors, so that the sums of a row stay in registers.
pub const MAX_LANES: usize = 4 * WIDTH;

/// A sparse matrix and the dense one that it multiplies.
#[derive(Clone, Copy)]
pub struct Operand<'a, E = f32> {
    /// Where the sparse matrix has entries.
    pub pattern: &'a Pattern,
    /// Its values, `[nnz]`.
    pub values: &'a [E],
    /// The dense matrix, `[cols, lanes]`, lanes contiguous.
    pub states: &'a [E],
}

impl<E> Operand<'_, E> {
    /// The door: panics unless the shapes agree.
    pub(crate) fn check(&self, rows: &Range<usize>, lanes: usize) {
        assert!(rows.start <= rows.end && rows.end <= self.pattern.rows(), "rows {rows:?} of {:?}", self.pattern);
        assert_eq!(self.values.len(), self.pattern.nnz(), "one value an entry");
        assert_eq!(Some(self.states.len()), self.pattern.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
}

/// A sparse product as a term of a sum.
#[derive(Clone, Copy, Default)]
pub enum Product<'a, E = f32> {
    /// It is zero.
    #[default]
    Zero,
    /// It is to be made.
    Of(Operand<'a, E>),
    /// It was made before, and stands where the sum will be written.
    Made,
}

impl<'a, E> Product<'a, E> {
    /// The operand of a product that is to be made.
    pub(crate) fn operand(&self) -> Option<&Operand<'a, E>> {
        match self {
            Self::Of(operand) => Some(operand),
            Self::Zero | Self::Made => None,
        }
    }
}

impl<'a, E> From<Option<Operand<'a, E>>> for Product<'a, E> {
    /// Zero where there is none.
    fn from(operand: Option<Operand<'a, E>>) -> Self {
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

/// A kernel that computes a row in two parts: the sum with its recurrent product, which can be made for several rows at once,
/// and what follows from it.
pub(crate) trait Several<E> {
    /// Stores the sums of `R` rows from `row` on where the results will stand.
    ///
    /// # Safety
    /// They are rows of the call, which has a recurrent matrix, and each but the last is a [twin](Pattern::twins) of the
    /// next in it.
    unsafe fn sums<S: Vector<E = E>, const R: usize>(&self, s: S, row: usize);

    /// Computes a row, from the sum that stands in its place if that was `made`.
    ///
    /// # Safety
    /// It is a row of the call.
    unsafe fn row<S: Vector<E = E>>(&self, s: S, row: usize, made: bool);
}

/// Computes every row of `rows`: the sums of four that are twins in `recurrent` at once, or of two where there are
/// registers for all of them.
///
/// # Safety
/// `rows` are those of the kernel's call, and `recurrent` its recurrent matrix.
#[inline(always)]
pub(crate) unsafe fn walk<S: Vector>(
    s: S,
    rows: &Range<usize>,
    recurrent: Option<&Operand<S::E>>,
    kernel: &impl Several<S::E>,
) {
    let twins = |row: usize| row + 1 < rows.end && recurrent.is_some_and(|recurrent| recurrent.pattern.twins(row));
    let mut row = rows.start;
    while row < rows.end {
        // SAFETY: the row is of the call, and several are taken only where all are and each is a twin of the next.
        unsafe {
            let mut count = 1;
            if S::TOGETHER {
                if twins(row) && twins(row + 1) && twins(row + 2) {
                    kernel.sums::<S, 4>(s, row);
                    count = 4;
                } else if S::TWINS && twins(row) {
                    kernel.sums::<S, 2>(s, row);
                    count = 2;
                }
            }
            // one call for all, so that there is one copy of the code
            for row in row..row + count {
                kernel.row(s, row, count > 1);
            }
            row += count;
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
pub(crate) unsafe fn accumulate<S: Vector, const G: usize, const R: usize>(
    s: S,
    acc: [[S::V; G]; R],
    operand: &Operand<S::E>,
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

/// [`accumulate`] of one row of a matrix that may have few columns and all entries, as those of input and readout often are.
/// Where each entry stands is known then, and finding it would take as long as the products. The order of addition is the
/// same.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
pub(crate) unsafe fn accumulate_few<S: Vector, const G: usize>(
    s: S,
    acc: [S::V; G],
    operand: &Operand<S::E>,
    row: usize,
) -> [S::V; G] {
    let full = operand.pattern.is_full();
    let states = operand.states.as_ptr();
    // SAFETY: as the caller promises; row i of a full pattern has the entries from i · cols on.
    unsafe {
        let values = |cols: usize| operand.values.as_ptr().add(row * cols);
        match operand.pattern.cols() {
            1 if full => add_columns::<S, G, 1>(s, acc, values(1), states),
            2 if full => add_columns::<S, G, 2>(s, acc, values(2), states),
            3 if full => add_columns::<S, G, 3>(s, acc, values(3), states),
            _ => {
                let [acc] = accumulate(s, [acc], operand, row);
                acc
            }
        }
    }
}

/// `acc[lane] + Σ_k values[k] · states[k, lane]` over `C` columns, three at most, added as [`accumulate`] does.
///
/// # Safety
/// `C` values can be read, and 16 G states of each column.
#[inline(always)]
unsafe fn add_columns<S: Vector, const G: usize, const C: usize>(
    s: S,
    acc: [S::V; G],
    values: *const S::E,
    states: *const S::E,
) -> [S::V; G] {
    const { assert!(C <= 3, "of four partial sums, the first two are kept") };
    let partial = match G {
        1 => 4,
        2 => 2,
        _ => 1,
    };
    // entries that go to the partial sums in turn; what is left over goes to the first
    let whole = C - C % partial;
    let mut sums = [acc, [s.splat(S::E::ZERO); G]];
    for k in 0..C {
        let sum = &mut sums[if k < whole { k % partial } else { 0 }];
        // SAFETY: as the caller promises.
        [*sum] = unsafe { add_column(s, [*sum], states.add(k * (WIDTH * G)), values.add(k), C) };
    }
    let [mut total, second] = sums;
    if partial > 1 {
        // of four partial sums all but the first are 0 here, and 0 is as well added once as thrice
        for (total, second) in total.iter_mut().zip(second) {
            *total = s.add(*total, second);
        }
    }
    total
}

/// [`accumulate`] with `U` partial sums a lane.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn accumulate_by<S: Vector, const G: usize, const R: usize, const U: usize>(
    s: S,
    acc: [[S::V; G]; R],
    operand: &Operand<S::E>,
    row: usize,
) -> [[S::V; G]; R] {
    let entries = operand.pattern.entries(row);
    if R > 1 && !S::TWINS {
        // SAFETY: the entries lie in the pattern; else as the caller promises.
        unsafe {
            let (columns, values) = (operand.pattern.indices().as_ptr(), operand.values.as_ptr());
            let (columns, values) = (columns.add(entries.start), values.add(entries.start));
            return by_vectors::<S, _, G, R, U>(s, acc, columns, values, entries.len(), operand.states.as_ptr());
        }
    }
    let mut sums = [[[s.splat(S::E::ZERO); G]; R]; U];
    sums[0] = acc;
    let mut entry = entries.start;
    // SAFETY: the entries lie in the pattern, so indices and values can be read; an index is below `cols`, so its row
    // of 16 G states can be read; twins have as many entries, so that those of row r begin `len` further on.
    unsafe {
        if operand.pattern.streams() {
            while entry + WIDTH <= entries.end {
                s.prefetch(operand.pattern.indices().as_ptr().wrapping_add(entry + ROWS_AHEAD).cast());
                s.prefetch(operand.values.as_ptr().wrapping_add(entry + ROWS_AHEAD).cast());
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
unsafe fn add_entry<S: Vector, const G: usize, const R: usize>(
    s: S,
    sums: [[S::V; G]; R],
    operand: &Operand<S::E>,
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
pub(crate) unsafe fn add_column<S: Vector, const G: usize, const R: usize>(
    s: S,
    sums: [[S::V; G]; R],
    states: *const S::E,
    values: *const S::E,
    len: usize,
) -> [[S::V; G]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut weights = [s.splat(S::E::ZERO); R];
        for (r, weight) in weights.iter_mut().enumerate() {
            *weight = s.splat(*values.add(r * len));
        }
        add_states(s, sums, states, weights)
    }
}

/// Adds the products of the states of one column with R values, each in all lanes of a vector.
///
/// # Safety
/// 16 G states can be read.
#[inline(always)]
pub(crate) unsafe fn add_states<S: Vector, const G: usize, const R: usize>(
    s: S,
    mut sums: [[S::V; G]; R],
    states: *const S::E,
    weights: [S::V; R],
) -> [[S::V; G]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        for g in 0..G {
            let state = s.load(states.add(g * WIDTH));
            for (sums, &weight) in sums.iter_mut().zip(&weights) {
                sums[g] = s.mul_add(weight, state, sums[g]);
            }
        }
    }
    sums
}

/// `acc[r][lane] + Σ_k values[k + r · len] · states[columns[k], lane]` over `len` columns, for instruction sets without
/// registers for the sums of several rows: one vector of lanes after the other, and one of the `U` partial sums after the
/// other. The same order, and so the same bits, as with all at once.
///
/// # Safety
/// `len` columns can be read, and R times as many values; of each column 16 G states.
#[inline(always)]
pub(crate) unsafe fn by_vectors<S: Vector, C: Copy + Into<u32>, const G: usize, const R: usize, const U: usize>(
    s: S,
    acc: [[S::V; G]; R],
    columns: *const C,
    values: *const S::E,
    len: usize,
    states: *const S::E,
) -> [[S::V; G]; R] {
    let mut total = acc;
    let whole = len - len % U;
    for g in 0..G {
        for u in 0..U {
            let mut sums = [[s.splat(S::E::ZERO)]; R];
            if u == 0 {
                for (sum, acc) in sums.iter_mut().zip(&acc) {
                    *sum = [acc[g]];
                }
            }
            let mut k = u;
            // SAFETY: as the caller promises, for k below `len`.
            unsafe {
                while k < whole {
                    let col: u32 = (*columns.add(k)).into();
                    sums = add_column(s, sums, states.add((col as usize * G + g) * WIDTH), values.add(k), len);
                    k += U;
                }
                // what is left over goes to the first of the partial sums
                let mut k = if u == 0 { whole } else { len };
                while k < len {
                    let col: u32 = (*columns.add(k)).into();
                    sums = add_column(s, sums, states.add((col as usize * G + g) * WIDTH), values.add(k), len);
                    k += 1;
                }
            }
            for (total, [sum]) in total.iter_mut().zip(sums) {
                total[g] = if u == 0 { sum } else { s.add(total[g], sum) };
            }
        }
    }
    total
}
