//! `elman`, the paper's cell: `a = phi(z)`, `r = rho(a)`, rho the identity or max(a, 0).
//!
//! Balwani, Wang, Najafi, Choi (Science Advances 2025). The state is a; it reads nothing of its own past. δ = phi'(a) ∘
//! (Vᵀ dy + rho'(a) ∘ (Wᵀ δ' + κ r)) where the readout reads a, δ = phi'(a) ∘ rho'(a) ∘ (Vᵀ dy + Wᵀ δ' + κ r) where it reads r.

use std::sync::Arc;

use daleian_kernels::{Activation, Elman as Rule, MOST_CONSTANTS, OneLaneKernels, Reads};

use super::{Cell, CellSpec, Equations};

#[derive(Debug)]
struct Elman {
    rule: Rule,
    reads: Reads,
}

/// As `spec` says. The readout reads a unless it says otherwise.
pub(super) fn build(spec: &CellSpec) -> Arc<dyn Cell> {
    let rule = Rule { activation: spec.activation.into(), rectified: spec.rectified };
    Arc::new(Elman { rule, reads: spec.readout.map_or(Reads::State, Reads::from) })
}

impl Cell for Elman {
    fn single(&self) -> Equations<'_, f32> {
        Equations { kernels: self.rule.single(), constants: [&[]; MOST_CONSTANTS] }
    }

    fn double(&self) -> Equations<'_, f64> {
        Equations { kernels: self.rule.double(), constants: [&[]; MOST_CONSTANTS] }
    }

    fn one_lane(&self) -> &dyn OneLaneKernels {
        self.rule.one_lane()
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    fn can_be_silent(&self) -> bool {
        self.rule.rectified || self.rule.activation == Activation::Relu
    }
}
