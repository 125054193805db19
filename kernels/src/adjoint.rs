//! `δ = phi'(a) ∘ (Vᵀ dy + rho'(a) ∘ (Wᵀ δ' + by_rates + κ r))`: one time step backward of a range of neurons, fused.

use std::ops::Range;

use crate::activation::{Activation, Phi, with_phi};
use crate::isa::Isa;
use crate::operand::{Operand, Product, Several, accumulate, accumulate_few, check_lanes, walk, with_groups};
use crate::simd::{Kernel, Simd, WIDTH};

/// What one call of [`adjoint`] computes. `lanes` is 16, 32, 48 or 64.
#[derive(Clone, Copy)]
pub struct Adjoint<'a> {
    /// The neurons to compute: rows of the transposed matrices.
    pub rows: &'a Range<usize>,
    /// Lanes of the tile.
    pub lanes: usize,
    /// Wᵀ δ', with δ of the step after `[n, lanes]`: zero at the last step; one that was made before stands in δ.
    pub recurrent: Product<'a>,
    /// Vᵀ and the derivative by the readout's sum, `[n_out, lanes]`; `None` where that is zero.
    pub readout: Option<Operand<'a>>,
    /// The derivative by the rates of something outside, `[rows.len(), lanes]`; `None` where that is zero.
    pub by_rates: Option<&'a [f32]>,
    /// κ, `[lanes]`: the penalty on rates adds κ r to the derivative by r; 0 in lanes of padding.
    pub rate_decay: Option<&'a [f32]>,
    /// phi.
    pub activation: Activation,
    /// Whether rho is max(a, 0).
    pub rectified: bool,
}

/// `δ[j] = phi'(a[j]) (Σ_o V[o,j] dy[o] + rho'(a[j]) (Σ_i W[i,j] δ'[i] + by_rates[j] + κ r[j]))` for j in `rows`, every lane.
///
/// `states` and `delta` are `[rows.len(), lanes]`. `states` comes in as activations a and goes out as rates
/// r = rho(a), which is what the gradient of W at the step after needs: states are stored once. phi' is a function
/// of a = phi(z). rho'(0) = 0. δ below 2^-96 is made 0.
///
/// # Panics
/// If a shape does not fit.
pub fn adjoint(isa: Isa, call: &Adjoint, states: &mut [f32], delta: &mut [f32]) {
    check_lanes(call.lanes);
    let size = call.rows.len().checked_mul(call.lanes);
    for operand in [call.recurrent.operand(), call.readout.as_ref()].into_iter().flatten() {
        operand.check(call.rows, call.lanes);
    }
    assert!(call.rate_decay.is_none_or(|decay| decay.len() == call.lanes), "rate decay is [lanes]");
    assert!(call.by_rates.is_none_or(|by| Some(by.len()) == size), "derivatives by rates are [rows, lanes]");
    assert_eq!(Some(states.len()), size, "states are [rows, lanes]");
    assert_eq!(Some(delta.len()), size, "delta is [rows, lanes]");
    with_groups!(call.lanes, G => {
        isa.run(Rows::<G> { call, states: states.as_mut_ptr(), delta: delta.as_mut_ptr() });
    });
}

/// δ smaller than this, 2^-96, is 0. It is too small to move a weight by any optimizer here, but on its way back through
/// time it would soon be subnormal, and each product with a subnormal number takes a processor a hundred times as long.
const TINY: f32 = f32::from_bits((127 - 96) << 23);

struct Rows<'a, const G: usize> {
    call: &'a Adjoint<'a>,
    states: *mut f32,
    delta: *mut f32,
}

impl<const G: usize> Kernel for Rows<'_, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: `adjoint` checked `recurrent` against the rows.
        unsafe { walk(s, self.call.rows, self.call.recurrent.operand(), &self) }
    }
}

impl<const G: usize> Rows<'_, G> {
    /// From the derivatives by r of one row to δ, and from activations to rates.
    ///
    /// # Safety
    /// `states` and `delta` are those of the row.
    #[inline(always)]
    unsafe fn finish<S: Simd, P: Phi>(&self, s: S, sums: [S::V; G], states: *mut f32, delta: *mut f32) {
        let zero = s.splat(0.0);
        for (g, acc) in sums.into_iter().enumerate() {
            // SAFETY: states and δ hold 16 G elements a row.
            unsafe {
                let a = s.load(states.add(g * WIDTH));
                let d = s.mul(acc, P::slope(s, a));
                // NaN compares false and stays
                let tiny = s.gt(s.neg_abs(d), s.splat(-TINY));
                s.store(delta.add(g * WIDTH), s.select(tiny, zero, d));
                if self.call.rectified {
                    s.store(states.add(g * WIDTH), s.max(a, zero));
                }
            }
        }
    }
}

impl<const G: usize> Several for Rows<'_, G> {
    #[inline(always)]
    unsafe fn sums<S: Simd, const R: usize>(&self, s: S, row: usize) {
        let Product::Of(recurrent) = &self.call.recurrent else { unreachable!("only rows of a matrix are twins") };
        // SAFETY: `adjoint` checked the operand against `rows` and `lanes` = 16 G; δ holds rows.len() · 16 G elements.
        unsafe {
            let delta = self.delta.add((row - self.call.rows.start) * G * WIDTH);
            let acc = accumulate(s, [[s.splat(0.0); G]; R], recurrent, row);
            for (k, &acc) in acc.as_flattened().iter().enumerate() {
                s.store(delta.add(k * WIDTH), acc);
            }
        }
    }

    #[inline(always)]
    unsafe fn row<S: Simd>(&self, s: S, row: usize, made: bool) {
        let call = self.call;
        let zero = s.splat(0.0);
        let mut acc = [zero; G];
        // SAFETY: `adjoint` checked the operands against `rows` and `lanes` = 16 G; states and δ hold
        // rows.len() · 16 G elements, as do the derivatives by rates, κ holds 16 G.
        unsafe {
            let at = (row - call.rows.start) * G * WIDTH;
            let (states, delta) = (self.states.add(at), self.delta.add(at));
            match &call.recurrent {
                Product::Of(recurrent) if !made => [acc] = accumulate(s, [acc], recurrent, row),
                Product::Zero => {}
                Product::Of(_) | Product::Made => {
                    for (g, acc) in acc.iter_mut().enumerate() {
                        *acc = s.load(delta.add(g * WIDTH));
                    }
                }
            }
            for (g, acc) in acc.iter_mut().enumerate() {
                let a = s.load(states.add(g * WIDTH));
                if let Some(by_rates) = call.by_rates {
                    *acc = s.add(*acc, s.load(by_rates.as_ptr().add(at + g * WIDTH)));
                }
                if let Some(decay) = call.rate_decay {
                    *acc = s.mul_add(s.load(decay.as_ptr().add(g * WIDTH)), a, *acc);
                }
                if call.rectified {
                    *acc = s.select(s.gt(a, zero), *acc, zero);
                }
            }
            if let Some(readout) = &call.readout {
                acc = accumulate_few(s, acc, readout, row);
            }
            with_phi!(call.activation, P => self.finish::<S, P>(s, acc, states, delta));
        }
    }
}
