//! Recorded data as the task of a run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Description;

/// Arrays of a `.npz` file (see [`npz`](crate::data::npz)): `train_inputs`, `train_targets`, `test_inputs`, `test_targets`,
/// optional masks and lengths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recorded {
    /// The file.
    pub file: PathBuf,
    /// For class labels: how many classes there are, which is the number of outputs. Left out: the highest label of
    /// either split, plus 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
}

/// What recorded data are, in words.
pub const RECORDED: Description = Description {
    learned: "what recorded data have: a value or a class for each step, or a class after the last one",
    inputs: "arrays train_inputs, test_inputs of a .npz file: [samples, steps, channels]",
    targets: "arrays train_targets, test_targets: [samples, steps, outputs], or class labels [samples] or [samples, steps]; \
              may have a mask and lengths",
    source: "a file of your own, as numpy.savez writes it",
};
