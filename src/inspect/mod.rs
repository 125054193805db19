//! What a model, a checkpoint, a run or a configuration contains, and what is wrong with it.

mod contents;
mod source;

pub use contents::{NetworkContents, ParameterContents, PopulationContents, WeightContents};

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::bptt::{Plan, PlanSummary, Storage};
use crate::caches::caches;
use crate::data::Sources;
use crate::error::{Error, Result};
use crate::network::Wiring;
use crate::run::RunConfig;
use crate::train::{MemoryEstimate, check_shapes};

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// `model.safetensors`.
    Model,
    /// `checkpoint.safetensors`.
    Checkpoint,
    /// A run folder.
    Run,
    /// A configuration file or a preset.
    Configuration,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Checkpoint => "checkpoint",
            Self::Run => "run",
            Self::Configuration => "configuration",
        })
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What it is.
    pub kind: Kind,
    /// The name in its configuration, if it has one.
    pub name: Option<String>,
    /// The seed in its configuration.
    pub seed: Option<u64>,
    /// How far training has come, of a checkpoint or run.
    pub progress: Option<Progress>,
    /// The network. A run's is that of its checkpoint; a configuration's has no weights yet.
    pub network: NetworkContents,
    /// What training takes, where there is a configuration whose data can be had.
    pub training: Option<Training>,
    /// What is wrong, a sentence each; empty if nothing is.
    pub problems: Vec<String>,
}

/// How far training has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Whole epochs done.
    pub epochs: usize,
    /// Steps done in the epoch under way.
    pub steps: usize,
    /// Epochs that the configuration asks for, if there is one.
    pub of: Option<usize>,
    /// The phase under way, from 1, of a run that has phases; after the last one it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<usize>,
    /// How many phases there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phases: Option<usize>,
}

/// What training by a configuration takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Training {
    /// Samples a step.
    pub batch: usize,
    /// Time steps of a sample.
    pub steps: usize,
    /// Memory at the peak, in bytes, by what takes it.
    pub memory: MemoryEstimate,
    /// How a training step is cut up, and why.
    pub plan: PlanSummary,
    /// The smallest cache of this machine that holds [`PlanSummary::state_bytes`]: `L1`, `L2`, `L3` or `memory`.
    pub states_fit: &'static str,
    /// The size of that cache in bytes; `None` for memory.
    pub cache_bytes: Option<usize>,
}

/// Looks at `source`: a model or checkpoint file, a run folder, a configuration (`.toml`) or the name of a preset.
///
/// Wiring and data of a configuration are drawn or read to count them; nothing is trained or written. What is wrong
/// but leaves something to report (numbers that are not finite, signs broken, data that cannot be read, parts of a run
/// that are missing) goes into [`Inspection::problems`].
///
/// # Errors
/// If it cannot be read at all: missing, cut, not of daleian, or a setting of a configuration is wrong.
pub fn inspect(source: &Path) -> Result<Inspection> {
    let extension = source.extension().and_then(|extension| extension.to_str());
    if source.is_dir() {
        return source::run(source);
    }
    match extension {
        Some("toml") => source::configuration(&RunConfig::read(source)?),
        Some("safetensors") => source::stored(source).map(source::Stored::report),
        _ if source.exists() => source::stored(source).map(source::Stored::report).map_err(|error| match error {
            Error::Content { path, problem } => {
                let right = "expected a model or checkpoint (.safetensors), a run folder or a configuration (.toml)";
                Error::Content { path, problem: format!("{problem}; {right}") }
            }
            other => other,
        }),
        _ => source::configuration(&crate::run::presets::config(&source.to_string_lossy())?),
    }
}

/// What training `wiring` by `config` takes; what keeps it from being said is added to `problems`.
fn training(config: &RunConfig, wiring: &Wiring, problems: &mut Vec<String>) -> Option<Training> {
    let data = config.validate().and_then(|()| config.load_data());
    let checked = data.and_then(|data| check_shapes(wiring, data.train().form(), "training").map(|()| data));
    match checked.and_then(|data| training_on(config, wiring, &data)) {
        Ok(training) => Some(training),
        Err(error) => {
            problems.push(format!("what training takes cannot be said: {error}"));
            None
        }
    }
}

/// Of the phase that takes most memory.
fn training_on(config: &RunConfig, wiring: &Wiring, data: &Sources) -> Result<Training> {
    let memory = config.estimate(None, wiring, data)?;
    let total = |config: &RunConfig| config.estimate(None, wiring, data).map_or(0, |memory| memory.total);
    let config = &config.training_phases().max_by_key(total).unwrap_or_else(|| config.clone());
    let storage = Storage::whole(wiring, config.batch, data.train().form().steps);
    let plan = Plan::new(wiring, None, Some(storage), config.batch).summary(wiring);
    let cache = caches().into_iter().find(|cache| plan.state_bytes <= cache.bytes);
    Ok(Training {
        batch: config.batch,
        steps: data.train().form().steps,
        memory,
        states_fit: cache.as_ref().map_or("memory", |cache| cache.name),
        cache_bytes: cache.map(|cache| cache.bytes),
        plan,
    })
}
