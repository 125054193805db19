//! The paper's cell: `a = phi(z)`, `r = rho(a)`, and δ = phi'(a) ∘ (derivative by a).

use crate::activation::Activation;
use crate::cell::{CellKernels, OneLaneKernels};
use crate::element::Element;
use crate::rule::{Backward, Derivatives, Given, Rule, Stepped};
use crate::simd::Lanes;

/// `a = phi(z)`; the rate is `max(a, 0)` where rectified, else a itself. The state is a, and a step reads nothing of it.
///
/// Balwani, Wang, Najafi, Choi (Science Advances 2025), equations of the recurrent layer. phi' is a function of a.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elman {
    /// phi.
    pub activation: Activation,
    /// Whether rho is max(a, 0) rather than the identity. rho'(0) = 0.
    pub rectified: bool,
}

impl Elman {
    /// `a = phi(z)` and nothing more, as in a readout.
    pub fn plain(activation: Activation) -> Self {
        Self { activation, rectified: false }
    }

    // The three functions below are not generic, so that the kernels with this rule are compiled with this crate.

    /// The kernels with this rule, in `f32`.
    #[inline(never)]
    pub fn single(&self) -> &dyn CellKernels<f32> {
        self
    }

    /// The kernels with this rule, in `f64`.
    #[inline(never)]
    pub fn double(&self) -> &dyn CellKernels<f64> {
        self
    }

    /// The kernels with this rule for one lane.
    #[inline(never)]
    pub fn one_lane(&self) -> &dyn OneLaneKernels {
        self
    }
}

impl<E: Element> Rule<E> for Elman {
    #[inline(always)]
    fn sends_state(&self) -> bool {
        !self.rectified
    }

    #[inline(always)]
    fn forward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Given<L::V, G>) -> Stepped<L::V, G> {
        let a = self.activation.of(l, given.z);
        Stepped { state: a, memo: a }
    }

    /// max(a, 0), NaN staying NaN.
    #[inline(always)]
    fn rate<L: Lanes<E = E>, const G: usize>(&self, l: L, a: [L::V; G]) -> [L::V; G] {
        if !self.rectified {
            return a;
        }
        let zero = l.splat(E::ZERO);
        a.map(
            #[inline(always)]
            |a| l.max(a, zero),
        )
    }

    #[inline(always)]
    fn through_rate<L: Lanes<E = E>, const G: usize>(&self, l: L, a: [L::V; G], mut by_rate: [L::V; G]) -> [L::V; G] {
        if self.rectified {
            let zero = l.splat(E::ZERO);
            for (by_rate, a) in by_rate.iter_mut().zip(a) {
                *by_rate = l.select(l.gt(a, zero), *by_rate, zero);
            }
        }
        by_rate
    }

    #[inline(always)]
    fn backward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Derivatives<L::V, G>) -> Backward<L::V, G> {
        let mut delta = given.by_state;
        for (delta, slope) in delta.iter_mut().zip(self.activation.slope(l, given.state)) {
            *delta = l.mul(*delta, slope);
        }
        Backward { delta, carried: given.carried }
    }
}
