//! What a configuration says of the data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the network learns: a generated task or recorded data (`[task]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum TaskSpec {
    /// Hold the last pulse (the paper's flip-flop).
    FlipFlop {
        /// Independent channels; the paper has 1.
        #[serde(default = "one")]
        channels: usize,
        /// Time steps of a trial.
        steps: usize,
        /// Probability of a pulse at a step.
        probability: f64,
        /// Trials to learn from.
        train_samples: usize,
        /// Trials to test on.
        test_samples: usize,
    },
    /// Answer with a cue after a delay: inputs, targets and mask `[samples, steps, channels]`; only the answer, the
    /// steps behind cue and delay, counts.
    Memory {
        /// Channels that the cue may come on, and outputs.
        #[serde(default = "one")]
        channels: usize,
        /// Time steps of a trial: cue, delay, and at least one for the answer.
        steps: usize,
        /// Steps of the cue, at least 1.
        #[serde(default = "one")]
        cue: usize,
        /// Steps of silence between the cue and the answer.
        delay: usize,
        /// Trials to learn from.
        train_samples: usize,
        /// Trials to test on.
        test_samples: usize,
    },
    /// Arrays of a `.npz` file: `train_inputs`, `train_targets`, `test_inputs`, `test_targets`, optional
    /// `train_mask`, `test_mask`.
    Data {
        /// The file.
        file: PathBuf,
        /// For class labels: how many classes there are, which is the number of outputs. Left out: the highest label
        /// of either split, plus 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<usize>,
    },
}

fn one() -> usize {
    1
}
