//! What a configuration says of the data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Scan;

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
    /// Name a handwritten digit that is seen row by row, `[samples, 28, 28]`, or pixel by pixel, `[samples, 784, 1]`.
    Images {
        /// What a time step is.
        by: Scan,
        /// Images to learn from, the first ones of the file; left out: all of them, or 60,000 drawn ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        train_samples: Option<usize>,
        /// Images to test on; left out: all of the file, or 10,000 drawn ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_samples: Option<usize>,
        /// The folder with MNIST's four files, plain or gzipped; left out: digits are drawn, which are not MNIST's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<PathBuf>,
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
