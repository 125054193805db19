//! `dW[i,j] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` at the stored entries only.

mod block;
mod eights;
mod row;
mod short;

use std::ops::Range;

pub(crate) use block::{Block, add_block};
pub(crate) use eights::{Segment, add_segments};
pub(crate) use row::{Deltas, add_row};
use short::add_short;

use crate::element::Element;
use crate::isa::Isa;
use crate::operand::check_lanes;
use crate::pattern::Pattern;
use crate::simd::{Kernel, Simd, WIDTH};
use crate::tuning::{PASS_BYTES, PASS_VECTORS, ROWS_AHEAD, SHORT_COLUMNS, TURNED_COLUMNS, TURNED_ROWS};

/// What one time step adds to the gradient.
#[derive(Clone, Copy)]
pub struct Outer<'a, E = f32> {
    /// δ, the derivative by the sum of each row, `[rows, lanes]` of the whole matrix.
    pub delta: &'a [E],
    /// What the matrix multiplied, `[cols, lanes]`.
    pub states: &'a [E],
}

/// Time steps that one pass over the entries adds for a matrix of `cols` columns and a tile of `lanes`: narrow tiles
/// take several, so that the index and the folding of a sum are shared by as many products as in a wide one, but no
/// more than whose states stay near; with 16 lanes at least two, for a single product costs less than its index. One, two
/// or four, so that passes of narrow tiles end where those of wide ones do.
pub fn steps_per_pass(cols: usize, lanes: usize) -> usize {
    let least = (2 * WIDTH / lanes).max(1);
    let steps = near(cols, lanes).clamp(least, (PASS_VECTORS * WIDTH / lanes).max(1));
    1 << steps.ilog2()
}

/// Time steps whose states of `cols` columns stay near.
pub(crate) fn near(cols: usize, lanes: usize) -> usize {
    PASS_BYTES / (cols * lanes * size_of::<f32>()).max(1)
}

/// `gradient[e] += Σ_t Σ_lane δ_t[i, lane] r_t[j, lane]` for each entry e = (i, j) of the rows given.
///
/// `gradient` holds the entries of `rows`. Each entry adds its products over time and vectors of lanes into one
/// vector, folds that, and adds the sum, [`steps_per_pass`] steps at a time: the order depends on the number of steps
/// and lanes alone.
///
/// # Panics
/// If a shape does not fit.
pub fn gradient<E: Element>(
    isa: Isa,
    rows: &Range<usize>,
    lanes: usize,
    pattern: &Pattern,
    steps: &[Outer<E>],
    gradient: &mut [E],
) {
    check_lanes(lanes);
    assert!(rows.start <= rows.end && rows.end <= pattern.rows(), "rows {rows:?} of {pattern:?}");
    assert_eq!(gradient.len(), pattern.entries_of(rows).len(), "one gradient an entry of the rows");
    for step in steps {
        assert_eq!(Some(step.delta.len()), pattern.rows().checked_mul(lanes), "delta is [rows, lanes]");
        assert_eq!(Some(step.states.len()), pattern.cols().checked_mul(lanes), "states are [cols, lanes]");
    }
    E::add_gradient(isa, Entries { rows, lanes, pattern, steps, gradient });
}

/// A call of [`gradient`] that was checked: only that makes one.
pub struct Entries<'a, E> {
    rows: &'a Range<usize>,
    lanes: usize,
    pattern: &'a Pattern,
    steps: &'a [Outer<'a, E>],
    gradient: &'a mut [E],
}

/// In passes of several steps, with the instructions of `isa`.
pub(crate) fn add_passes(isa: Isa, entries: Entries<f32>) {
    let Entries { rows, lanes, pattern, steps, gradient } = entries;
    let rows = Rows { isa, rows, pattern, gradient: gradient.as_mut_ptr() };
    for steps in steps.chunks(steps_per_pass(pattern.cols(), lanes)) {
        pass(lanes, steps, &rows);
    }
}

/// Entry by entry, in plain code.
pub(crate) fn add_plainly(entries: Entries<f64>) {
    let Entries { rows, lanes, pattern, steps, gradient } = entries;
    let mut gradient = gradient.iter_mut();
    for row in rows.clone() {
        for (&col, sum) in pattern.row(row).iter().zip(&mut gradient) {
            for step in steps {
                let (delta, states) =
                    (&step.delta[row * lanes..][..lanes], &step.states[col as usize * lanes..][..lanes]);
                *sum += delta.iter().zip(states).map(|(delta, state)| delta * state).sum::<f64>();
            }
        }
    }
}

/// What one pass over the entries does.
pub(crate) trait Pass<'a> {
    /// Adds T time steps of 16 G lanes.
    fn add<const G: usize, const T: usize>(&self, steps: [Outer<'a>; T]);
}

/// Adds as many `steps` as one pass takes.
pub(crate) fn pass<'a>(lanes: usize, steps: &[Outer<'a>], pass: &impl Pass<'a>) {
    match (lanes / WIDTH, steps) {
        (1, &[a]) => pass.add::<1, 1>([a]),
        (1, &[a, b]) => pass.add::<1, 2>([a, b]),
        (1, &[a, b, c]) => pass.add::<1, 3>([a, b, c]),
        (1, &[a, b, c, d]) => pass.add::<1, 4>([a, b, c, d]),
        (2, &[a]) => pass.add::<2, 1>([a]),
        (2, &[a, b]) => pass.add::<2, 2>([a, b]),
        (3, &[a]) => pass.add::<3, 1>([a]),
        (4, &[a]) => pass.add::<4, 1>([a]),
        (_, steps) => unreachable!("{} steps of {lanes} lanes in one pass", steps.len()),
    }
}

/// The δ of `row` at each of the steps.
///
/// # Safety
/// The row is of the matrix, and each δ has 16 G elements a row.
#[inline(always)]
pub(crate) unsafe fn deltas<S: Simd, const G: usize, const T: usize>(
    s: S,
    steps: &[Outer; T],
    row: usize,
) -> Deltas<S, G, T> {
    let mut deltas = [[s.splat(0.0); G]; T];
    for (step, delta) in steps.iter().zip(&mut deltas) {
        for (g, delta) in delta.iter_mut().enumerate() {
            // SAFETY: as the caller promises.
            *delta = unsafe { s.load(step.delta.as_ptr().add((row * G + g) * WIDTH)) };
        }
    }
    deltas
}

struct Rows<'a> {
    isa: Isa,
    rows: &'a Range<usize>,
    pattern: &'a Pattern,
    gradient: *mut f32,
}

impl<'a> Pass<'a> for Rows<'_> {
    fn add<const G: usize, const T: usize>(&self, steps: [Outer<'a>; T]) {
        self.isa.run(RowByRow::<G, T> { rows: self, steps });
    }
}

struct RowByRow<'a, const G: usize, const T: usize> {
    rows: &'a Rows<'a>,
    steps: [Outer<'a>; T],
}

impl<const G: usize, const T: usize> Kernel for RowByRow<'_, G, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Rows { rows, pattern, gradient, .. } = *self.rows;
        let ahead = pattern.streams().then_some(ROWS_AHEAD);
        let states = self.steps.map(|step| step.states.as_ptr());
        let mut out = gradient;
        if !S::TWINS {
            let segments = rows.clone().map(
                #[inline(always)]
                |row| Segment { row, len: pattern.entries(row).len() },
            );
            let columns = pattern.indices()[pattern.entries_of(rows)].as_ptr();
            // SAFETY: `gradient` checked δ, states and output; the segments are the rows given, and `columns` those of their
            // entries.
            unsafe { add_segments::<_, _, G, T>(s.halves(), segments, &self.steps, &states, columns, out, ahead) };
            return;
        }
        let mut row = rows.start;
        while row < rows.end {
            let columns = pattern.row(row);
            let short = (1..=SHORT_COLUMNS).contains(&columns.len());
            let full = columns.len() >= TURNED_COLUMNS;
            let count = if short || full { pattern.twins_of(row..rows.end) } else { 1 };
            // SAFETY: `gradient` checked that δ and states have 16 G elements a row and a column of the pattern, and
            // that there is one gradient an entry of the rows; the `count` rows have the same columns.
            unsafe {
                let mut done = 0;
                if short {
                    done = add_short::<S, G, T>(s, row, count, columns, &self.steps, out);
                } else if full && count >= TURNED_ROWS {
                    let block = Block { row: move |k| row + k, count, columns };
                    add_block::<S, _, _, G, T>(s, block, self.steps, states, out);
                    done = count;
                }
                if done == 0 {
                    let delta = deltas::<S, G, T>(s, &self.steps, row);
                    add_row(s, &delta, &states, columns.as_ptr(), columns.len(), out, ahead);
                    done = 1;
                }
                out = out.add(done * columns.len());
                row += done;
            }
        }
    }
}
