//! A run's configuration, as TOML: typed here, validated in `validate`, its phases in `phase`, its files in `paths`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ParameterSpec;
use super::blocks_key::blocks;
use super::changes::{Change, changed};
use super::phase::PhaseSpec;
use crate::bptt::LossName;
use crate::connectome::{ConnectionSpec, EdgeListSpec, PopulationSpec};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::{CellSpec, InitSpec, InputBlock, OutputSpec, ReadoutBlock};
use crate::optim::{OptimizerSpec, ScheduleSpec};
use crate::task::TaskSpec;

/// Every setting of a run. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunConfig {
    /// A name for tables and figures.
    pub name: String,
    /// The seed of every random stream.
    #[serde(default = "crate::defaults::one")]
    pub seed: u64,
    /// Passes over the training samples. With `[[phase]]` each phase of training has its own, and this is left out (0).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
    /// What holds the signs of the recurrent weights.
    pub constraint: Constraint,
    /// The global norm that a gradient is scaled down to; left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// A model or checkpoint file that the run starts from: neurons, synapses, signs and parameters are the file's, and
    /// `connectome`, `population`, `connection` and `init` say nothing then. A run folder keeps a copy and names that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<PathBuf>,
    /// What is minimised.
    pub loss: LossName,
    /// The data.
    pub task: TaskSpec,
    /// The cell.
    pub cell: CellSpec,
    /// The outputs.
    #[serde(default)]
    pub output: OutputSpec,
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
    /// What training does with single parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter: Vec<ParameterSpec>,
    /// Which channels reach which neurons; left out: each reaches all.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<InputBlock>,
    /// Which outputs read which neurons; left out: each reads all.
    #[serde(default, deserialize_with = "blocks", skip_serializing_if = "Vec::is_empty")]
    pub readout: Vec<ReadoutBlock>,
    /// Neurons and synapses from files; excludes `population` and `connection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connectome: Option<EdgeListSpec>,
    /// Populations, in the order of their neurons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub population: Vec<PopulationSpec>,
    /// Connection rules between populations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connection: Vec<ConnectionSpec>,
    /// The phases of the run, in their order; left out: one of training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phase: Vec<PhaseSpec>,
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

impl RunConfig {
    /// Reads a configuration from a TOML file; relative paths in it are taken from its folder.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, has an unknown key, or a setting is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_with(path, &[])
    }

    /// As [`read`](Self::read), with some settings changed.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`from_toml_with`](Self::from_toml_with).
    pub fn read_with(path: &Path, changes: &[Change]) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|source| Error::io(path, "read", source))?;
        Self::from_toml_with(&text, changes, path, path.parent().unwrap_or(Path::new("")))
    }

    /// A configuration from TOML text. `source` names it in errors; relative paths in it are taken from `folder`.
    ///
    /// # Errors
    /// If it is not TOML, has an unknown key, or a setting is wrong.
    pub fn from_toml(text: &str, source: impl AsRef<Path>, folder: impl AsRef<Path>) -> Result<Self> {
        Self::from_toml_with(text, &[], source, folder)
    }

    /// As [`from_toml`](Self::from_toml), with some settings changed.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml); and if a change names a place that cannot be there, or makes a setting wrong.
    pub fn from_toml_with(
        text: &str,
        changes: &[Change],
        source: impl AsRef<Path>,
        folder: impl AsRef<Path>,
    ) -> Result<Self> {
        let typed: Self = match changes {
            [] => toml::from_str(text).map_err(|error| Error::content(&source, error))?,
            _ => changed(text, changes, source.as_ref())?,
        };
        typed.validate().map_err(|error| Error::content(&source, error))?;
        let config = typed.based_at(folder.as_ref());
        config.check_paths(source.as_ref())?;
        Ok(config)
    }

    /// The configuration in the metadata of a model or checkpoint, whose relative paths are taken from its folder.
    ///
    /// # Errors
    /// If it is none that this version understands.
    pub fn from_model(config: &serde_json::Value, model: &Path) -> Result<Self> {
        let config = Self::deserialize(config).map_err(|error| {
            Error::content(model, format!("its configuration cannot be used ({error}); expected one of this version"))
        })?;
        Ok(config.based_at(model.parent().unwrap_or(Path::new(""))))
    }

    /// The same run from the model `start`, whose wiring takes the place of the configuration's.
    pub(super) fn starting_from(self, start: PathBuf) -> Self {
        Self { start: Some(start), connectome: None, population: Vec::new(), connection: Vec::new(), ..self }
    }

    /// Every setting, resolved, as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are plain data")
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
