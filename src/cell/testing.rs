//! A cell for tests that has all that a cell can have: `s' = (1 - α) s + α phi(z + noise)` with α and a noise of its own for
//! each neuron, and rates `r = max(s, 0)` that are not the state.

use std::sync::Arc;

use daleian_kernels::{
    Activation, Aligned, Backward, CellKernels, Derivatives, Element, Given, Lanes, OneLaneKernels, Reads, Rule,
    Stepped,
};

use super::{Cell, Equations, Noise};

/// Training keeps s and, for phi', phi(z + noise) of every step; the derivative by s goes on to the step before by 1 - α.
#[derive(Debug, Clone, Copy)]
struct LeakyRule;

const PHI: Activation = Activation::Tanh;

impl<E: Element> Rule<E> for LeakyRule {
    const CONSTANTS: usize = 1;
    const READS_STATE: bool = true;
    const KEEPS_MEMO: bool = true;
    const CARRIES_BACK: bool = true;

    #[inline(always)]
    fn sends_state(&self) -> bool {
        false
    }

    #[inline(always)]
    fn forward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Given<L::V, G>) -> Stepped<L::V, G> {
        let (mut z, mut state) = (given.z, given.state);
        for (z, noise) in z.iter_mut().zip(given.noise) {
            *z = l.add(*z, noise);
        }
        let memo = PHI.of(l, z);
        for (state, &memo) in state.iter_mut().zip(&memo) {
            *state = l.mul_add(given.constants[0], l.sub(memo, *state), *state);
        }
        Stepped { state, memo }
    }

    #[inline(always)]
    fn rate<L: Lanes<E = E>, const G: usize>(&self, l: L, state: [L::V; G]) -> [L::V; G] {
        state.map(|s| l.max(s, l.splat(E::ZERO)))
    }

    #[inline(always)]
    fn through_rate<L: Lanes<E = E>, const G: usize>(
        &self,
        l: L,
        state: [L::V; G],
        mut by_rate: [L::V; G],
    ) -> [L::V; G] {
        let zero = l.splat(E::ZERO);
        for (by_rate, state) in by_rate.iter_mut().zip(state) {
            *by_rate = l.select(l.gt(state, zero), *by_rate, zero);
        }
        by_rate
    }

    #[inline(always)]
    fn backward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Derivatives<L::V, G>) -> Backward<L::V, G> {
        let (alpha, kept) = (given.constants[0], l.sub(l.splat(E::ONE), given.constants[0]));
        let slope = PHI.slope(l, given.memo);
        let (mut delta, mut carried) = (given.by_state, given.carried);
        for g in 0..G {
            let by_state = l.add(given.by_state[g], given.carried[g]);
            delta[g] = l.mul(l.mul(alpha, slope[g]), by_state);
            carried[g] = l.mul(kept, by_state);
        }
        Backward { delta, carried }
    }
}

#[derive(Debug)]
struct Leaky {
    single: Aligned,
    double: Aligned<f64>,
    reads: Reads,
}

/// Of so many neurons, whose α lie between 0.2 and 0.8.
pub(crate) fn leaky(neurons: usize, reads: Reads) -> Arc<dyn Cell> {
    // exact in both precisions
    let alpha = |neuron: usize| 0.25 + (neuron % 5) as f64 / 8.0;
    let double: Aligned<f64> = (0..neurons).map(alpha).collect();
    Arc::new(Leaky { single: double.iter().map(|&x| x as f32).collect(), double, reads })
}

impl Cell for Leaky {
    fn single(&self) -> Equations<'_, f32> {
        Equations { kernels: &LeakyRule as &dyn CellKernels<f32>, constants: [&self.single, &[]] }
    }

    fn double(&self) -> Equations<'_, f64> {
        Equations { kernels: &LeakyRule as &dyn CellKernels<f64>, constants: [&self.double, &[]] }
    }

    fn one_lane(&self) -> &dyn OneLaneKernels {
        &LeakyRule
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    fn can_be_silent(&self) -> bool {
        true
    }

    fn noise(&self) -> Option<&dyn Noise> {
        Some(self)
    }
}

impl Noise for Leaky {
    /// Between -0.25 and 0.25, in steps that are exact in both precisions.
    fn sample(&self, sequence: u64, step: u64, neuron: usize) -> f64 {
        let mixed = (sequence * 7919 + step * 104_729 + neuron as u64 * 1_299_709).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 54) as f64 / 2048.0 - 0.25
    }
}
