//! What training makes small, and what a pass over a batch came to.

use serde::{Deserialize, Serialize};

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossName {
    /// Mean squared error over all samples, steps and outputs (where there is a mask: its weighted mean).
    Mse,
    /// Cross-entropy of the outputs against the class: of a sample's last step, averaged over samples; with a class for
    /// each step, averaged over samples and steps (where there is a mask: its weighted mean).
    CrossEntropy,
}

/// What is minimised: the loss and penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: LossName,
    /// `l2_weights / 2 · Σ w²` over the recurrent synapses is added. Its gradient `l2_weights · w` is included.
    pub l2_weights: f64,
    /// `l2_rates · mean r²` over samples, their steps and neurons is added.
    pub l2_rates: f64,
}

impl From<LossName> for Objective {
    /// The loss without penalties.
    fn from(loss: LossName) -> Self {
        Self { loss, l2_weights: 0.0, l2_rates: 0.0 }
    }
}

/// What a pass found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Outcome {
    /// The loss with its penalties.
    pub objective: f64,
    /// The loss alone, a mean.
    pub loss: f64,
    /// What `loss` is the mean over: Σ m, or the number of samples.
    pub weight: f64,
    /// For classes: answers that were asked for. With one class per sample, one each; with a class for each step, one for
    /// each step whose weight is above 0.
    pub asked: usize,
    /// For classes: answers asked for whose largest output was the right one.
    pub correct: usize,
}
