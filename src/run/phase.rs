//! What a configuration says of a phase (`[[phase]]`).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ParameterSpec, PenaltySpec};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::Wiring;
use crate::optim::{OptimizerSpec, ScheduleSpec};
use crate::prune::{BlockDensity, PruneMethod, PruneTarget, Pruning, fill_blocks, read_blocks};
use crate::ranges::check;

/// One phase of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PhaseSpec {
    /// Some epochs of training.
    Train(TrainPhase),
    /// Take synapses away.
    Prune(PrunePhase),
}

/// A phase of training. What is left out is as the configuration has it outside of its phases.
///
/// The order of samples counts epochs through all phases, the schedule those of the phase. Moments go on from the phase
/// before where that is training with an optimizer of the same kind and the same parameters trained; else they start at 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainPhase {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples per step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// What holds the signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<Constraint>,
    /// The global norm that a gradient is scaled down to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The optimizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerSpec>,
    /// The learning rate over the epochs of the phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    /// Penalties added to the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<PenaltySpec>,
    /// What training does with single parameters, instead of all that the configuration says of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Vec<ParameterSpec>>,
}

/// A phase of pruning, as the command `prune` does it. The first of a run draws its random numbers from the seed of the run,
/// the second from the next seed, and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrunePhase {
    /// How the synapses that stay are chosen.
    pub method: PruneMethod,
    /// The density of the whole of W, from 0 to 1; or `blocks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
    /// For `blocks`: what happens to blocks that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// Whether `top-prob` hands on what exceeds a probability of 1.
    #[serde(default = "crate::defaults::yes")]
    pub redistribute: bool,
    /// Whether the optimizer goes on with the moments of the synapses that stay.
    #[serde(default)]
    pub moments: MomentsAfter,
    /// The density of each block. A run folder keeps the content of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<BlocksSpec>,
}

/// What happens to blocks that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// They stay as they are.
    Keep,
    /// Nothing stays of them.
    Drop,
}

/// What the optimizer has after pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MomentsAfter {
    /// Moments of 0, as at the start of a run.
    #[default]
    Zero,
    /// The moments that it had, where the next phase trains the same parameters with an optimizer of the same kind.
    Keep,
}

/// Densities of blocks, from a file or one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a CSV file, or a list of { pre, post, density }")]
pub enum BlocksSpec {
    /// A CSV file with the columns `pre`, `post` and `density`.
    File(PathBuf),
    /// The densities.
    Given(Vec<BlockDensity>),
}

impl PhaseSpec {
    /// The phase, if it is one of training.
    pub fn as_train(&self) -> Option<&TrainPhase> {
        match self {
            Self::Train(phase) => Some(phase),
            Self::Prune(_) => None,
        }
    }

    /// Its kind, as in a configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Prune(_) => "prune",
        }
    }

    pub(super) fn epochs(&self) -> usize {
        self.as_train().map_or(0, |phase| phase.epochs)
    }
}

impl fmt::Display for PhaseSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Train(phase) => write!(f, "train for {} epochs", phase.epochs),
            Self::Prune(phase) => {
                write!(f, "prune by {}", phase.method.name())?;
                match (phase.density, &phase.blocks) {
                    (Some(density), _) => write!(f, " to density {density}"),
                    (None, Some(BlocksSpec::Given(blocks))) => write!(f, ", {} blocks", blocks.len()),
                    (None, _) => f.write_str(", block by block"),
                }
            }
        }
    }
}

impl PrunePhase {
    /// What is pruned of a network with this wiring.
    ///
    /// # Errors
    /// If the file of blocks cannot be read or is wrong.
    pub(super) fn pruning(&self, wiring: &Wiring) -> Result<Pruning> {
        let target = match (self.density, &self.blocks) {
            (Some(density), _) => PruneTarget::Whole(density),
            (None, Some(BlocksSpec::File(file))) => PruneTarget::Blocks(read_blocks(file, wiring.neuron_table())?),
            (None, Some(BlocksSpec::Given(blocks))) => PruneTarget::Blocks(blocks.clone()),
            (None, None) => return Err(Error::setting("phase", NO_TARGET)),
        };
        let target = match (target, self.rest) {
            (PruneTarget::Blocks(blocks), Some(Rest::Drop)) => {
                PruneTarget::Blocks(fill_blocks(blocks, wiring.neuron_table(), 0.0)?)
            }
            (target, _) => target,
        };
        Ok(Pruning { method: self.method, target, redistribute: self.redistribute })
    }

    pub(super) fn validate(&self) -> Result<()> {
        match (self.density, &self.blocks) {
            (Some(_), Some(_)) => Err(Error::setting("blocks", "expected one of `density` and `blocks`, not both")),
            (None, None) => Err(Error::setting("density", NO_TARGET)),
            (Some(_), None) if self.rest.is_some() => {
                Err(Error::setting("rest", "only means something with `blocks`; expected none"))
            }
            (Some(density), None) => check("density", (0.0..=1.0).contains(&density), density, "a density from 0 to 1"),
            (None, Some(_)) => Ok(()),
        }?;
        let handed_on = self.redistribute || self.method == PruneMethod::TopProb;
        check("redistribute", handed_on, false, "false only with the method `top-prob`")
    }
}

const NO_TARGET: &str = "expected `density`, or `blocks`";
