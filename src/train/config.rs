//! A run's configuration, as TOML.

use serde::{Deserialize, Serialize};

use crate::bptt::LossName;
use crate::connectome::{ConnectionSpec, EdgeListSpec, PopulationSpec};
use crate::constraint::Constraint;
use crate::network::{CellSpec, InitSpec, InputSpec, ParameterName, ReadoutSpec};
use crate::optim::{OptimizerSpec, ScheduleSpec};
use crate::task::TaskSpec;

/// Every setting of a run. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunConfig {
    /// A name for tables and figures.
    pub name: String,
    /// The seed of every random stream.
    #[serde(default = "one")]
    pub seed: u64,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// What holds the signs.
    pub constraint: Constraint,
    /// The global norm that a gradient is scaled down to; left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Parameters that keep their start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<ParameterName>,
    /// What is minimised.
    pub loss: LossName,
    /// The data.
    pub task: TaskSpec,
    /// The cell.
    pub cell: CellSpec,
    /// Input weights.
    #[serde(default)]
    pub input: InputSpec,
    /// The readout.
    pub readout: ReadoutSpec,
    /// Recurrent weights at the start.
    #[serde(default)]
    pub init: InitSpec,
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// The learning rate over epochs.
    #[serde(default)]
    pub schedule: ScheduleSpec,
    /// Penalties added to the loss.
    #[serde(default)]
    pub penalty: PenaltySpec,
    /// When to write checkpoints.
    #[serde(default)]
    pub checkpoint: CheckpointSpec,
    /// Neurons and synapses from files; excludes `population` and `connection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connectome: Option<EdgeListSpec>,
    /// Populations, in the order of their neurons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub population: Vec<PopulationSpec>,
    /// Connection rules between populations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connection: Vec<ConnectionSpec>,
}

/// Penalties added to the loss.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PenaltySpec {
    /// `l2-weights / 2 · Σ w²` over the recurrent synapses (gradient `l2-weights · w`, torch's weight decay).
    #[serde(default)]
    pub l2_weights: f64,
    /// `l2-rates · mean r²` over samples, steps and neurons.
    #[serde(default)]
    pub l2_rates: f64,
}

/// When to write checkpoints: exactly one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckpointSpec {
    /// Every so many epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Every so many steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}

impl Default for CheckpointSpec {
    fn default() -> Self {
        Self { epochs: Some(1), steps: None }
    }
}

fn one() -> u64 {
    1
}

impl RunConfig {
    pub fn read(path: &std::path::Path) -> crate::Result<Self> {
        let t = std::fs::read_to_string(path).map_err(|e| crate::Error::io(path, "read", e))?;
        toml::from_str(&t).map_err(|e| crate::Error::content(path, e))
    }
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap()
    }
    pub fn validate(&self) -> crate::Result<()> {
        Ok(())
    }
}
