//! `z = W r + U x + b` with one lane, and from it the new states: one time step of a range of neurons, where r is a vector.
//!
//! With one lane there is nothing to vectorise over but the entries of a row: their states are gathered. Sixteen rows
//! are summed side by side, then folded together into one vector of z, so that short rows cost no fold of their own.
//! The states stay in a near cache; values and indices stream by once, and what moves them is the roof.

use std::array;
use std::ops::Range;

use crate::blocks::{load, store};
use crate::compressed::{BLOCK, Compressed};
use crate::events::{EventProduct, add_events};
use crate::forward::check_constants;
use crate::isa::Isa;
use crate::pattern::Pattern;
use crate::rule::{Given, MOST_CONSTANTS, Rule};
use crate::simd::{Kernel, Simd, WIDTH};
use crate::tiled::SlicedProduct;
use crate::tuning::{ONE_BY_ONE, ONE_LANE_AHEAD};

/// Where a matrix has entries, row by row.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Column indices of four bytes.
    Pattern(&'a Pattern),
    /// Column indices of two bytes.
    Compressed(&'a Compressed),
}

/// A sparse matrix by rows, and the vector that it multiplies.
#[derive(Clone, Copy, Debug)]
pub struct RowProduct<'a> {
    /// Where the matrix has entries.
    pub rows: Rows<'a>,
    /// Its values, `[nnz]`.
    pub values: &'a [f32],
    /// The vector, `[cols]`.
    pub states: &'a [f32],
}

/// W r.
#[derive(Clone, Copy, Debug)]
pub enum Recurrent<'a> {
    /// r is zero (the first step).
    Zero,
    /// Every entry of W is multiplied.
    Full(RowProduct<'a>),
    /// The same, with W in slices.
    Slices(SlicedProduct<'a>),
    /// Only the columns of active neurons are.
    Events(EventProduct<'a>),
}

/// What one call of [`OneLaneKernels::forward_vector`](crate::OneLaneKernels::forward_vector) computes.
///
/// `s[i]` becomes what the [`Rule`] makes of `z = Σ_j W[i,j] r[j] + Σ_k U[i,k] x[k] + b[i]`, for i in `rows`. A row's result
/// depends on nothing but the row and on how W is given: any cut into ranges gives the same bits. [`Recurrent::Full`],
/// [`Recurrent::Slices`] and [`Recurrent::Events`] add in different orders and so agree to rounding, for finite values: the
/// last multiplies no inactive state, the others do, and 0 · ∞ is NaN.
#[derive(Clone, Copy, Debug)]
pub struct ForwardVector<'a> {
    /// The rows to compute.
    pub rows: &'a Range<usize>,
    /// W and r.
    pub recurrent: Recurrent<'a>,
    /// U and x; `None` without input.
    pub input: Option<RowProduct<'a>>,
    /// b, one for each row of the whole matrix.
    pub bias: &'a [f32],
    /// The constants of the rule, each one for each row of the whole matrix; those that it has not are not read.
    pub constants: [&'a [f32]; MOST_CONSTANTS],
    /// The states before, `[rows.len()]`, for a rule that reads them; `None` where they are 0.
    pub before: Option<&'a [f32]>,
    /// Noise, `[rows.len()]`; `None` where there is none.
    pub noise: Option<&'a [f32]>,
}

impl<'a> ForwardVector<'a> {
    /// Of such rows, with a product and biases and nothing else: for the caller to fill in the rest.
    pub fn new(rows: &'a Range<usize>, recurrent: Recurrent<'a>, bias: &'a [f32]) -> Self {
        Self { rows, recurrent, input: None, bias, constants: [&[]; MOST_CONSTANTS], before: None, noise: None }
    }
}

/// What a step of one lane writes.
pub struct NewVectors<'a> {
    /// Where z of events is summed: an element for each row or more (it may be empty otherwise). Threads keep theirs
    /// [apart](crate::SUMS_APART).
    pub sums: &'a mut [f32],
    /// The states, `[rows.len()]`.
    pub states: &'a mut [f32],
    /// The rates, `[rows.len()]`, where they are wanted.
    pub rates: Option<&'a mut [f32]>,
}

impl RowProduct<'_> {
    /// The door: panics unless the shapes agree.
    fn check(&self, rows: &Range<usize>) {
        let (count, cols, nnz) = match self.rows {
            Rows::Pattern(pattern) => (pattern.rows(), pattern.cols(), pattern.nnz()),
            Rows::Compressed(compressed) => (compressed.rows(), compressed.cols(), compressed.nnz()),
        };
        assert!(rows.start <= rows.end && rows.end <= count, "rows {rows:?} of {count}");
        assert_eq!(self.values.len(), nnz, "one value an entry");
        assert_eq!(self.states.len(), cols, "one state a column");
    }
}

/// See [`ForwardVector`].
pub(crate) fn forward_vector<R: Rule<f32>>(isa: Isa, rule: &R, call: &ForwardVector, out: NewVectors) {
    let rows = call.rows;
    match &call.recurrent {
        Recurrent::Zero => {}
        Recurrent::Full(product) => product.check(rows),
        Recurrent::Slices(product) => product.check(rows),
        Recurrent::Events(product) => {
            assert_eq!(product.columns.rows(), rows, "the rows of the columns");
            assert!(out.sums.len() >= rows.len(), "room for the sum of each row");
        }
    }
    if let Some(input) = &call.input {
        input.check(rows);
    }
    assert!(rows.start <= rows.end && rows.end <= call.bias.len(), "one bias a row");
    check_constants(&call.constants[..R::CONSTANTS], rows);
    for (given, what) in [(call.before, "state before"), (call.noise, "number of noise")] {
        assert!(given.is_none_or(|given| given.len() == rows.len()), "one {what} a row");
    }
    assert_eq!(out.states.len(), rows.len(), "one state a row");
    assert!(out.rates.as_ref().is_none_or(|rates| rates.len() == rows.len()), "one rate a row");
    isa.run(Forward { rule, call, out });
}

struct Forward<'a, 'b, R> {
    rule: &'a R,
    call: &'a ForwardVector<'a>,
    out: NewVectors<'b>,
}

impl<R: Rule<f32>> Kernel for Forward<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let call = self.call;
        let (start, len) = (call.rows.start, call.rows.len());
        let few = call.input.as_ref().and_then(FewColumns::of);
        for first in (0..len).step_by(WIDTH) {
            let count = WIDTH.min(len - first);
            let rows = start + first..start + first + count;
            let mut z = load(s, call.bias, start + first, count);
            if let Some(input) = &call.input {
                // SAFETY: `forward_vector` checked the product against all rows.
                z = s.add(z, unsafe { input_rows(s, input, rows.clone(), few) });
            }
            if let Recurrent::Full(product) = &call.recurrent {
                // SAFETY: as above.
                z = s.add(z, unsafe { sixteen_rows(s, product, rows) });
            }
            match &call.recurrent {
                Recurrent::Events(_) => store(s, self.out.sums, first, count, z),
                Recurrent::Slices(_) => store(s, self.out.states, first, count, z),
                Recurrent::Zero | Recurrent::Full(_) => self.finish(s, first, count, z),
            }
        }
        let in_sums = match &call.recurrent {
            Recurrent::Events(product) => {
                // SAFETY: `forward_vector` made sure that there is a sum for each row of the columns.
                unsafe { add_events(s, product, self.out.sums) };
                true
            }
            Recurrent::Slices(product) => {
                // SAFETY: `forward_vector` checked the product, and there is a state for each of the rows.
                unsafe { product.add(s, call.rows, self.out.states.as_mut_ptr()) };
                false
            }
            Recurrent::Zero | Recurrent::Full(_) => return,
        };
        for first in (0..len).step_by(WIDTH) {
            let count = WIDTH.min(len - first);
            let z = load(s, if in_sums { self.out.sums } else { self.out.states }, first, count);
            self.finish(s, first, count, z);
        }
    }
}

impl<R: Rule<f32>> Forward<'_, '_, R> {
    /// From z to states and rates, for up to sixteen rows.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, s: S, first: usize, count: usize, z: S::V) {
        let (call, start) = (self.call, self.call.rows.start + first);
        let zero = s.splat(0.0);
        let state = match call.before {
            Some(before) if R::READS_STATE => load(s, before, first, count),
            _ => zero,
        };
        let noise = call.noise.map_or(zero, |noise| load(s, noise, first, count));
        let mut constants = [zero; MOST_CONSTANTS];
        for (constant, given) in constants.iter_mut().zip(&call.constants).take(R::CONSTANTS) {
            *constant = load(s, given, start, count);
        }
        let stepped = self.rule.forward(s, Given { z: [z], state: [state], noise: [noise], constants });
        let [state] = stepped.state;
        store(s, self.out.states, first, count, state);
        if let Some(rates) = &mut self.out.rates {
            let [rate] = self.rule.rate(s, [state]);
            store(s, rates, first, count, rate);
        }
    }
}

/// A matrix of a few columns, fewer than [`ONE_BY_ONE`], that has every entry, as U often is: then lane k takes the entries of
/// row k, and all rows are summed at once. To the same bits as one by one.
#[derive(Clone, Copy)]
struct FewColumns {
    cols: usize,
    /// Where row k starts, for up to sixteen rows.
    starts: [u32; WIDTH],
}

impl FewColumns {
    fn of(product: &RowProduct) -> Option<Self> {
        let Rows::Pattern(pattern) = product.rows else { return None };
        let cols = pattern.cols();
        let few = cols < ONE_BY_ONE && pattern.is_full();
        few.then(|| Self { cols, starts: array::from_fn(|k| (k * cols) as u32) })
    }
}

/// As [`sixteen_rows`], of a matrix that may have `few` columns. What is in the lanes after the rows means nothing.
///
/// # Safety
/// As [`sixteen_rows`]; `few` is of the matrix.
#[inline(always)]
unsafe fn input_rows<S: Simd>(s: S, product: &RowProduct, rows: Range<usize>, few: Option<FewColumns>) -> S::V {
    // SAFETY: as the caller promises; a full matrix has the entries of row k from k · cols on.
    unsafe {
        let Some(FewColumns { cols, starts }) = few else { return sixteen_rows(s, product, rows) };
        let mut sums = s.splat(0.0);
        for (col, &x) in product.states.iter().enumerate() {
            let values = product.values.as_ptr().add(rows.start * cols + col);
            let values = match cols {
                1 => s.load_first(values, rows.len()),
                _ => s.gather(values, starts.as_ptr(), rows.len()),
            };
            sums = s.add(sums, s.mul(values, s.splat(x)));
        }
        sums
    }
}

/// Σ_k w[k] x[k] of up to sixteen rows, one a lane, then zeros.
///
/// # Safety
/// `product` passed its [`RowProduct::check`], and the rows are its own.
#[inline(always)]
unsafe fn sixteen_rows<S: Simd>(s: S, product: &RowProduct, rows: Range<usize>) -> S::V {
    let mut sums = [s.splat(0.0); WIDTH];
    let mut short = [0.0f32; WIDTH];
    let first = rows.start;
    for row in rows {
        let k = row - first;
        match product.rows {
            Rows::Pattern(pattern) => {
                let entries = pattern.entries(row);
                let (values, indices) = (&product.values[entries.clone()], &pattern.indices()[entries]);
                if indices.len() < ONE_BY_ONE {
                    for (&w, &col) in values.iter().zip(indices) {
                        short[k] += w * product.states[col as usize];
                    }
                } else {
                    // SAFETY: a pattern's indices are below its columns, and there are as many states.
                    let parts = unsafe { segment(s, [s.splat(0.0); 4], values, indices, product.states.as_ptr()) };
                    sums[k] = fold(s, parts);
                }
            }
            Rows::Compressed(compressed) => {
                let mut parts = [s.splat(0.0); 4];
                for (block, entries) in compressed.segments(row).enumerate() {
                    let (values, offsets) = (&product.values[entries.clone()], &compressed.offsets()[entries]);
                    // SAFETY: an offset plus the start of its block is below the columns, and there are as many states.
                    unsafe {
                        let states = product.states.as_ptr().wrapping_add(block * BLOCK);
                        parts = segment(s, parts, values, offsets, states);
                    }
                }
                sums[k] = fold(s, parts);
            }
        }
    }
    let short = load(s, &short, 0, WIDTH);
    s.add(s.sums(sums), short)
}

/// An index of a state.
trait Index: Copy {
    /// # Safety
    /// `index` is valid for reading `len` (0 to 16) indices, `states` for reading at each of them.
    unsafe fn gather<S: Simd>(s: S, states: *const f32, index: *const Self, len: usize) -> S::V;
}

impl Index for u32 {
    #[inline(always)]
    unsafe fn gather<S: Simd>(s: S, states: *const f32, index: *const Self, len: usize) -> S::V {
        // SAFETY: as the caller promises.
        unsafe { s.gather(states, index, len) }
    }
}

impl Index for u16 {
    #[inline(always)]
    unsafe fn gather<S: Simd>(s: S, states: *const f32, index: *const Self, len: usize) -> S::V {
        // SAFETY: as the caller promises.
        unsafe { s.gather_short(states, index, len) }
    }
}

/// Adds the entries of one segment of a row to four partial sums, which hide the latency of the multiply-add.
///
/// # Safety
/// There are as many indices as values, and `states` can be read at each index.
#[inline(always)]
unsafe fn segment<S: Simd, I: Index>(
    s: S,
    mut parts: [S::V; 4],
    values: &[f32],
    indices: &[I],
    states: *const f32,
) -> [S::V; 4] {
    let (values, indices, len) = (values.as_ptr(), indices.as_ptr(), values.len());
    // SAFETY: at most `len` values and indices are read; the indices are as the caller promises.
    unsafe {
        let mut at = 0;
        while at + 4 * WIDTH <= len {
            for (k, part) in parts.iter_mut().enumerate() {
                let at = at + k * WIDTH;
                s.prefetch(values.wrapping_add(at + ONE_LANE_AHEAD));
                s.prefetch(indices.wrapping_add(at + ONE_LANE_AHEAD).cast());
                *part = s.mul_add(s.load(values.add(at)), I::gather(s, states, indices.add(at), WIDTH), *part);
            }
            at += 4 * WIDTH;
        }
        let mut k = 0;
        while at + WIDTH <= len {
            s.prefetch(values.wrapping_add(at + ONE_LANE_AHEAD));
            s.prefetch(indices.wrapping_add(at + ONE_LANE_AHEAD).cast());
            parts[k] = s.mul_add(s.load(values.add(at)), I::gather(s, states, indices.add(at), WIDTH), parts[k]);
            at += WIDTH;
            k += 1;
        }
        let rest = len - at;
        if rest > 0 {
            let x = I::gather(s, states, indices.add(at), rest);
            parts[3] = s.mul_add(s.load_first(values.add(at), rest), x, parts[3]);
        }
    }
    parts
}

#[inline(always)]
fn fold<S: Simd>(s: S, parts: [S::V; 4]) -> S::V {
    s.add(s.add(parts[0], parts[1]), s.add(parts[2], parts[3]))
}
