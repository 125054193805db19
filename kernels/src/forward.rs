//! `z = W r + U x + b`, and from it the new states: one time step of a range of neurons, fused.

use std::array;
use std::ops::Range;

use crate::element::{Element, LaneKernel};
use crate::isa::Isa;
use crate::operand::{Operand, Product, Several, accumulate, accumulate_few, check_lanes, walk, with_groups};
use crate::rule::{Given, MOST_CONSTANTS, Rule};
use crate::simd::{Vector, WIDTH};

/// What one call of [`CellKernels::forward`](crate::CellKernels::forward) computes. `lanes` is 16, 32, 48 or 64.
///
/// `s[i, lane]` becomes what the [`Rule`] makes of `z = Σ_j W[i,j] r[j, lane] + Σ_k U[i,k] x[k, lane] + b[i]`, for i in
/// `rows`. A row's result depends on nothing but the row, so any cut into ranges gives the same bits.
#[derive(Clone, Copy)]
pub struct Forward<'a, E = f32> {
    /// The rows to compute.
    pub rows: &'a Range<usize>,
    /// Lanes of the tile.
    pub lanes: usize,
    /// W r, with r `[cols, lanes]`: zero at the first step; one that was made before stands in the new states.
    pub recurrent: Product<'a, E>,
    /// U and x; `None` without input.
    pub input: Option<Operand<'a, E>>,
    /// b, one for each row of the whole matrix.
    pub bias: &'a [E],
    /// The constants of the rule, each one for each row of the whole matrix; those that it has not are not read.
    pub constants: [&'a [E]; MOST_CONSTANTS],
    /// The states before, `[rows.len(), lanes]`, for a rule that reads them; `None` where they are 0.
    pub before: Option<&'a [E]>,
    /// Noise, `[rows.len(), lanes]`; `None` where there is none.
    pub noise: Option<&'a [E]>,
}

impl<'a, E> Forward<'a, E> {
    /// Of such rows and lanes, with a product and biases and nothing else: for the caller to fill in the rest.
    pub fn new(rows: &'a Range<usize>, lanes: usize, recurrent: Product<'a, E>, bias: &'a [E]) -> Self {
        Self { rows, lanes, recurrent, input: None, bias, constants: [&[]; MOST_CONSTANTS], before: None, noise: None }
    }
}

/// What a step forward writes, each `[rows.len(), lanes]`.
pub struct NewStates<'a, E = f32> {
    /// The states. What stands in them is read only where the product was [made](Product::Made) before.
    pub states: &'a mut [E],
    /// What else the backward pass needs, for a rule that keeps it; `None` where it is not wanted.
    pub memo: Option<&'a mut [E]>,
    /// The rates, where they are wanted.
    pub rates: Option<&'a mut [E]>,
}

impl<'a, E> From<&'a mut [E]> for NewStates<'a, E> {
    /// The states alone.
    fn from(states: &'a mut [E]) -> Self {
        Self { states, memo: None, rates: None }
    }
}

/// See [`Forward`].
pub(crate) fn forward<E: Element, R: Rule<E>>(isa: Isa, rule: &R, call: &Forward<E>, out: NewStates<E>) {
    const { assert!(R::CONSTANTS <= MOST_CONSTANTS) };
    check_lanes(call.lanes);
    let size = call.rows.len().checked_mul(call.lanes);
    for operand in [call.recurrent.operand(), call.input.as_ref()].into_iter().flatten() {
        operand.check(call.rows, call.lanes);
    }
    assert!(call.rows.start <= call.rows.end && call.rows.end <= call.bias.len(), "one bias a row");
    check_constants(&call.constants[..R::CONSTANTS], call.rows);
    for (given, what) in [(call.before, "states before"), (call.noise, "noise")] {
        assert!(given.is_none_or(|given| Some(given.len()) == size), "{what} are [rows, lanes]");
    }
    assert_eq!(Some(out.states.len()), size, "states are [rows, lanes]");
    assert!(out.memo.as_ref().is_none_or(|memo| Some(memo.len()) == size), "the memo is [rows, lanes]");
    assert!(out.rates.as_ref().is_none_or(|rates| Some(rates.len()) == size), "rates are [rows, lanes]");
    let (states, memo) = (out.states.as_mut_ptr(), out.memo.map(<[E]>::as_mut_ptr));
    let rates = out.rates.map(<[E]>::as_mut_ptr);
    with_groups!(call.lanes, G => E::run(isa, Rows::<E, R, G> { rule, call, states, memo, rates }));
}

/// Panics unless each of the constants has one element for each of the rows.
pub(crate) fn check_constants<E>(constants: &[&[E]], rows: &Range<usize>) {
    assert!(constants.iter().all(|constant| rows.end <= constant.len()), "one of each constant a row");
}

struct Rows<'a, E, R, const G: usize> {
    rule: &'a R,
    call: &'a Forward<'a, E>,
    states: *mut E,
    memo: Option<*mut E>,
    rates: Option<*mut E>,
}

impl<E: Element, R: Rule<E>, const G: usize> LaneKernel<E> for Rows<'_, E, R, G> {
    #[inline(always)]
    fn run<S: Vector<E = E>>(self, s: S) {
        // SAFETY: `forward` checked `recurrent` against the rows.
        unsafe { walk(s, self.call.rows, self.call.recurrent.operand(), &self) }
    }
}

/// The constants of one row, each in all lanes of a vector.
#[inline(always)]
pub(crate) fn constants_of<S: Vector, R: Rule<S::E>>(
    s: S,
    constants: &[&[S::E]; MOST_CONSTANTS],
    row: usize,
) -> [S::V; MOST_CONSTANTS] {
    array::from_fn(
        #[inline(always)]
        |k| s.splat(if k < R::CONSTANTS { constants[k][row] } else { S::E::ZERO }),
    )
}

/// `G` vectors of a buffer.
///
/// # Safety
/// 16 G elements can be read.
#[inline(always)]
pub(crate) unsafe fn load_all<S: Vector, const G: usize>(s: S, p: *const S::E) -> [S::V; G] {
    let mut out = [s.splat(S::E::ZERO); G];
    for (g, out) in out.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        *out = unsafe { s.load(p.add(g * WIDTH)) };
    }
    out
}

/// Writes `G` vectors.
///
/// # Safety
/// 16 G elements can be written.
#[inline(always)]
pub(crate) unsafe fn store_all<S: Vector, const G: usize>(s: S, p: *mut S::E, vectors: [S::V; G]) {
    for (g, v) in vectors.into_iter().enumerate() {
        // SAFETY: as the caller promises.
        unsafe { s.store(p.add(g * WIDTH), v) };
    }
}

impl<E: Element, R: Rule<E>, const G: usize> Rows<'_, E, R, G> {
    /// W r + U x + b of `N` rows.
    ///
    /// # Safety
    /// They are rows of the call, and each but the last is a twin of the next in its recurrent matrix.
    #[inline(always)]
    unsafe fn sum<S: Vector<E = E>, const N: usize>(&self, s: S, row: usize) -> [[S::V; G]; N] {
        let call = self.call;
        let mut acc = [[s.splat(E::ZERO); G]; N];
        // SAFETY: `forward` checked the operands against `rows` and `lanes` = 16 G; the states hold
        // rows.len() · 16 G elements.
        unsafe {
            for (r, acc) in acc.iter_mut().enumerate() {
                *acc = [s.splat(call.bias[row + r]); G];
                if let Some(input) = &call.input {
                    *acc = accumulate_few(s, *acc, input, row + r);
                }
            }
            match &call.recurrent {
                Product::Zero => {}
                Product::Of(recurrent) => acc = accumulate(s, acc, recurrent, row),
                Product::Made => {
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let made = load_all::<S, G>(s, self.states.add(self.at(row + r)));
                        for (acc, made) in acc.iter_mut().zip(made) {
                            *acc = s.add(*acc, made);
                        }
                    }
                }
            }
        }
        acc
    }

    /// Where a row starts in the outputs.
    #[inline(always)]
    fn at(&self, row: usize) -> usize {
        (row - self.call.rows.start) * G * WIDTH
    }
}

impl<E: Element, R: Rule<E>, const G: usize> Several<E> for Rows<'_, E, R, G> {
    #[inline(always)]
    unsafe fn sums<S: Vector<E = E>, const N: usize>(&self, s: S, row: usize) {
        // SAFETY: as the caller promises; the states hold rows.len() · 16 G elements.
        unsafe {
            for (r, &acc) in self.sum::<S, N>(s, row).iter().enumerate() {
                store_all(s, self.states.add(self.at(row + r)), acc);
            }
        }
    }

    #[inline(always)]
    unsafe fn row<S: Vector<E = E>>(&self, s: S, row: usize, made: bool) {
        let (call, at) = (self.call, self.at(row));
        let zero = [s.splat(E::ZERO); G];
        // SAFETY: as the caller promises; what is given and the outputs hold rows.len() · 16 G elements each.
        unsafe {
            let z = if made {
                load_all(s, self.states.add(at))
            } else {
                let [acc] = self.sum::<S, 1>(s, row);
                acc
            };
            let state = match call.before {
                Some(before) if R::READS_STATE => load_all(s, before.as_ptr().add(at)),
                _ => zero,
            };
            let noise = call.noise.map_or(zero, |noise| load_all(s, noise.as_ptr().add(at)));
            let constants = constants_of::<S, R>(s, &call.constants, row);
            // which phi is asked here rather than once a call: then the sums, which are most of the code, are there once
            // for all
            let stepped = self.rule.forward(s, Given { z, state, noise, constants });
            store_all(s, self.states.add(at), stepped.state);
            if let Some(memo) = self.memo.filter(|_| R::KEEPS_MEMO) {
                store_all(s, memo.add(at), stepped.memo);
            }
            if let Some(rates) = self.rates {
                store_all(s, rates.add(at), self.rule.rate(s, stepped.state));
            }
        }
    }
}
