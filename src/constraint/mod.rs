//! What holds the signs of the weights.

use serde::{Deserialize, Serialize};

/// What is done to the recurrent weights after each optimizer step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// Dale's backprop: each stored weight is clamped to the sign of its presynaptic neuron.
    Dale,
    /// The naive baseline: `max(w, 0)` times the sign of the presynaptic neuron.
    Rectified,
    /// Nothing.
    None,
}
