//! `summary.json`: what a finished run came to, and each of its phases.

use serde::{Deserialize, Serialize};

/// `summary.json`: what a finished run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the configuration.
    pub name: String,
    /// Where the data come from, if the name of the task does not say it ([`TaskSpec::data_label`]).
    ///
    /// [`TaskSpec::data_label`]: crate::task::TaskSpec::data_label
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Its seed.
    pub seed: u64,
    /// Epochs done.
    pub epochs: usize,
    /// The last epoch's training loss.
    pub train_loss: f64,
    /// The loss on the test samples at the end.
    pub test_loss: f64,
    /// The share of test samples answered rightly, for classes.
    pub test_accuracy: Option<f64>,
    /// Neurons.
    pub neurons: usize,
    /// Stored recurrent weights.
    pub synapses: usize,
    /// Recurrent weights that are exactly 0.
    pub silent_synapses: usize,
    /// Weights against the sign of their presynaptic neuron.
    pub sign_violations: usize,
    /// The instruction set of the kernels; several, in order, if the run was resumed with another.
    pub instruction_set: String,
    /// Threads.
    pub threads: usize,
    /// Seconds of training, pauses left out.
    pub seconds: f64,
    /// What was to be said of the weights at the start, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The version of daleian.
    pub version: String,
    /// The phases in their order; none if the configuration has no `[[phase]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseReport>,
}

/// What a phase came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PhaseReport {
    /// `train` or `prune`.
    pub kind: String,
    /// Epochs of this phase.
    pub epochs: usize,
    /// The last epoch's training loss; none where nothing was trained.
    pub train_loss: Option<f64>,
    /// The loss on the test samples when the phase was over.
    pub test_loss: f64,
    /// The share of test samples answered rightly, for classes.
    pub test_accuracy: Option<f64>,
    /// Stored recurrent weights.
    pub synapses: usize,
    /// Synapses over pairs of neurons.
    pub density: f64,
}
