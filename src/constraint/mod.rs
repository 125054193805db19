//! What holds the signs of the weights, and [pruning](prune) that takes synapses away.
//!
//! Dale's backprop (Balwani et al. 2025): after each optimizer step every stored w_ij is clamped to the sign of its
//! presynaptic neuron j: max(w, 0) for +1, min(w, 0) for -1, as it is for 0. The entry stays in the pattern: a
//! clamped synapse is silent, and a later gradient can revive it.

pub mod prune;

use std::ops::Range;

use daleian_kernels::{Bounds, Isa, clamp};
use serde::{Deserialize, Serialize};

use crate::network::{Network, ParameterName, Wiring};
use crate::sparse::Pattern;

/// What is done to the recurrent weights after each optimizer step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// Dale's backprop: each stored weight is clamped to the sign of its presynaptic neuron.
    Dale,
    /// The naive baseline of the paper: `max(w, 0)` times the sign of the presynaptic neuron (the paper's sign of the
    /// start, which is the same where no weight starts at 0), so that an inhibitory column is wiped at the first step.
    /// Columns without a sign are left alone.
    Rectified,
    /// Nothing.
    None,
}

/// A constraint made ready for one wiring.
#[derive(Debug, Clone)]
pub struct Guard {
    constraint: Constraint,
    low: Vec<f32>,
    high: Vec<f32>,
    sign: Vec<f32>,
}

impl Guard {
    /// The constraint with the signs of `wiring`.
    pub fn new(constraint: Constraint, wiring: &Wiring) -> Self {
        let signs = wiring.signs();
        let per_neuron = |value: fn(i8) -> f32, used: bool| -> Vec<f32> {
            if used { signs.iter().map(|&sign| value(sign)).collect() } else { Vec::new() }
        };
        Self {
            constraint,
            low: per_neuron(|sign| if sign > 0 { 0.0 } else { f32::NEG_INFINITY }, constraint == Constraint::Dale),
            high: per_neuron(|sign| if sign < 0 { 0.0 } else { f32::INFINITY }, constraint == Constraint::Dale),
            sign: per_neuron(f32::from, constraint == Constraint::Rectified),
        }
    }

    /// What the weights at `entries` of `pattern` are held within.
    pub fn bounds<'a>(&'a self, pattern: &'a Pattern, entries: Range<usize>) -> Bounds<'a> {
        match self.constraint {
            Constraint::Dale => Bounds::Columns { pattern, entries, low: &self.low, high: &self.high },
            Constraint::Rectified => Bounds::Rectified { pattern, entries, sign: &self.sign },
            Constraint::None => Bounds::Free,
        }
    }

    /// Applies the constraint to the recurrent weights of `network` once.
    pub fn project(&self, isa: Isa, network: &mut Network) {
        let pattern = network.wiring().recurrent().clone();
        let bounds = self.bounds(&pattern, 0..pattern.nnz());
        clamp(isa, network.parameter_mut(ParameterName::RecurrentWeights), bounds);
    }
}
