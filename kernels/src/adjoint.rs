//! δ from `Vᵀ dy` and `Wᵀ δ' + by_rates + κ r`, as the rule of the cell says: one time step backward of a range of neurons, fused.

use std::ops::Range;

use crate::element::{Element, LaneKernel};
use crate::forward::{check_constants, constants_of, load_all, store_all};
use crate::isa::Isa;
use crate::operand::{Operand, Product, Several, accumulate, accumulate_few, check_lanes, walk, with_groups};
use crate::rule::{Derivatives, MOST_CONSTANTS, Reads, Rule};
use crate::simd::{Vector, WIDTH};

/// What one call of [`CellKernels::adjoint`](crate::CellKernels::adjoint) computes. `lanes` is 16, 32, 48 or 64.
///
/// For j in `rows` and every lane, the derivative by the rate, `λ[j] = Σ_i W[i,j] δ'[i] + by_rates[j] + κ r[j]`, goes back
/// through the rule to the derivative by the state, and that to `δ[j]`, the derivative by z. `Σ_o V[o,j] dy[o]` is added
/// to the derivative by the rate or to that by the state, whichever the readout reads. For [`Elman`](crate::Elman):
/// `δ = phi'(a) ∘ (Vᵀ dy + rho'(a) ∘ λ)`.
#[derive(Clone, Copy)]
pub struct Adjoint<'a, E = f32> {
    /// The neurons to compute: rows of the transposed matrices.
    pub rows: &'a Range<usize>,
    /// Lanes of the tile.
    pub lanes: usize,
    /// Wᵀ δ', with δ of the step after `[n, lanes]`: zero at the last step; one that was made before stands in δ.
    pub recurrent: Product<'a, E>,
    /// Vᵀ and the derivative by the readout's sum, `[n_out, lanes]`; `None` where that is zero.
    pub readout: Option<Operand<'a, E>>,
    /// What the readout reads.
    pub reads: Reads,
    /// The derivative by the rates of something outside, `[rows.len(), lanes]`; `None` where that is zero.
    pub by_rates: Option<&'a [E]>,
    /// κ, `[lanes]`: the penalty on rates adds κ r to the derivative by r; 0 in lanes of padding.
    pub rate_decay: Option<&'a [E]>,
    /// The constants of the rule, each one for each row of the whole matrix; those that it has not are not read.
    pub constants: [&'a [E]; MOST_CONSTANTS],
    /// What the step kept beside the states, `[rows.len(), lanes]`, for a rule that keeps it.
    pub memo: Option<&'a [E]>,
}

impl<'a, E> Adjoint<'a, E> {
    /// Of such rows and lanes, with a product and a readout and nothing else: for the caller to fill in the rest.
    pub fn new(
        rows: &'a Range<usize>,
        lanes: usize,
        recurrent: Product<'a, E>,
        readout: Option<Operand<'a, E>>,
    ) -> Self {
        let (reads, constants) = (Reads::State, [&[] as &[E]; MOST_CONSTANTS]);
        Self { rows, lanes, recurrent, readout, reads, by_rates: None, rate_decay: None, constants, memo: None }
    }
}

/// What a step backward reads and writes, each `[rows.len(), lanes]`.
pub struct Adjoints<'a, E = f32> {
    /// Comes in as states and goes out as rates, which is what the gradient of W at the step after needs: so they need no
    /// memory of their own.
    pub states: &'a mut [E],
    /// δ. What is below 2^-96 is made 0.
    pub delta: &'a mut [E],
    /// The derivative that goes from state to state, for a rule that carries it: in comes that of the step after (0 at
    /// the last), out goes that of this step. Empty for other rules.
    pub carried: &'a mut [E],
}

/// See [`Adjoint`].
pub(crate) fn adjoint<E: Element, R: Rule<E>>(isa: Isa, rule: &R, call: &Adjoint<E>, out: Adjoints<E>) {
    check_lanes(call.lanes);
    let size = call.rows.len().checked_mul(call.lanes);
    for operand in [call.recurrent.operand(), call.readout.as_ref()].into_iter().flatten() {
        operand.check(call.rows, call.lanes);
    }
    assert!(call.rate_decay.is_none_or(|decay| decay.len() == call.lanes), "rate decay is [lanes]");
    assert!(call.by_rates.is_none_or(|by| Some(by.len()) == size), "derivatives by rates are [rows, lanes]");
    check_constants(&call.constants[..R::CONSTANTS], call.rows);
    assert_eq!(Some(out.states.len()), size, "states are [rows, lanes]");
    assert_eq!(Some(out.delta.len()), size, "delta is [rows, lanes]");
    if R::KEEPS_MEMO {
        assert_eq!(call.memo.map(<[E]>::len), size, "the memo is [rows, lanes]");
    }
    if R::CARRIES_BACK {
        assert_eq!(Some(out.carried.len()), size, "carried derivatives are [rows, lanes]");
    }
    let (states, delta) = (out.states.as_mut_ptr(), out.delta.as_mut_ptr());
    let carried = out.carried.as_mut_ptr();
    let tiny = E::of(-TINY);
    with_groups!(call.lanes, G => E::run(isa, Rows::<E, R, G> { rule, call, states, delta, carried, tiny }));
}

/// δ smaller than this, 2^-96, is 0. It is too small to move a weight by any optimizer here, but on its way back through
/// time it would soon be subnormal, and each product with a subnormal number takes a processor a hundred times as long.
const TINY: f64 = 1.0 / (1u128 << 96) as f64;

struct Rows<'a, E, R, const G: usize> {
    rule: &'a R,
    call: &'a Adjoint<'a, E>,
    states: *mut E,
    delta: *mut E,
    carried: *mut E,
    /// -2^-96.
    tiny: E,
}

impl<E: Element, R: Rule<E>, const G: usize> LaneKernel<E> for Rows<'_, E, R, G> {
    #[inline(always)]
    fn run<S: Vector<E = E>>(self, s: S) {
        // SAFETY: `adjoint` checked `recurrent` against the rows.
        unsafe { walk(s, self.call.rows, self.call.recurrent.operand(), &self) }
    }
}

impl<E: Element, R: Rule<E>, const G: usize> Rows<'_, E, R, G> {
    /// Numbers too small to matter made 0.
    #[inline(always)]
    fn cut<S: Vector<E = E>>(&self, s: S, mut numbers: [S::V; G]) -> [S::V; G] {
        for x in &mut numbers {
            // NaN compares false and stays
            let tiny = s.gt(s.neg_abs(*x), s.splat(self.tiny));
            *x = s.select(tiny, s.splat(E::ZERO), *x);
        }
        numbers
    }
}

impl<E: Element, R: Rule<E>, const G: usize> Several<E> for Rows<'_, E, R, G> {
    #[inline(always)]
    unsafe fn sums<S: Vector<E = E>, const N: usize>(&self, s: S, row: usize) {
        let Product::Of(recurrent) = &self.call.recurrent else { unreachable!("only rows of a matrix are twins") };
        // SAFETY: `adjoint` checked the operand against `rows` and `lanes` = 16 G; δ holds rows.len() · 16 G elements.
        unsafe {
            let delta = self.delta.add((row - self.call.rows.start) * G * WIDTH);
            let acc = accumulate(s, [[s.splat(E::ZERO); G]; N], recurrent, row);
            for (k, &acc) in acc.as_flattened().iter().enumerate() {
                s.store(delta.add(k * WIDTH), acc);
            }
        }
    }

    #[inline(always)]
    unsafe fn row<S: Vector<E = E>>(&self, s: S, row: usize, made: bool) {
        let call = self.call;
        let zero = [s.splat(E::ZERO); G];
        let mut acc = zero;
        // SAFETY: `adjoint` checked the operands against `rows` and `lanes` = 16 G; what is given per row, states, δ and
        // (for a rule that has them) memo and carried derivatives hold rows.len() · 16 G elements, κ holds 16 G.
        unsafe {
            let at = (row - call.rows.start) * G * WIDTH;
            let (states, delta) = (self.states.add(at), self.delta.add(at));
            match &call.recurrent {
                Product::Of(recurrent) if !made => [acc] = accumulate(s, [acc], recurrent, row),
                Product::Zero => {}
                Product::Of(_) | Product::Made => acc = load_all(s, delta),
            }
            if let Some(by_rates) = call.by_rates {
                for (acc, by) in acc.iter_mut().zip(load_all::<S, G>(s, by_rates.as_ptr().add(at))) {
                    *acc = s.add(*acc, by);
                }
            }
            let state = load_all(s, states);
            if let Some(decay) = call.rate_decay {
                let (decay, rate) = (load_all::<S, G>(s, decay.as_ptr()), self.rule.rate(s, state));
                for ((acc, decay), rate) in acc.iter_mut().zip(decay).zip(rate) {
                    *acc = s.mul_add(decay, rate, *acc);
                }
            }
            if call.reads == Reads::State {
                acc = self.rule.through_rate(s, state, acc);
            }
            if let Some(readout) = &call.readout {
                acc = accumulate_few(s, acc, readout, row);
            }
            // once more from memory: during the sums there are no registers to spare
            let state = load_all(s, states);
            if call.reads == Reads::Rate {
                acc = self.rule.through_rate(s, state, acc);
            }
            let constants = constants_of::<S, R>(s, &call.constants, row);
            let memo = match call.memo {
                Some(memo) if R::KEEPS_MEMO => load_all(s, memo.as_ptr().add(at)),
                _ => zero,
            };
            let carried = if R::CARRIES_BACK { load_all(s, self.carried.add(at)) } else { zero };
            let given = Derivatives { state, memo, by_state: acc, carried, constants };
            let back = self.rule.backward(s, given);
            store_all(s, delta, self.cut(s, back.delta));
            if R::CARRIES_BACK {
                store_all(s, self.carried.add(at), self.cut(s, back.carried));
            }
            if !self.rule.sends_state() {
                store_all(s, states, self.rule.rate(s, state));
            }
        }
    }
}
