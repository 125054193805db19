//! The phases of a run: train, prune, train again (`[[phase]]`).

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ParameterSpec, PenaltySpec, RunConfig};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::Wiring;
use crate::optim::{OptimizerSpec, ScheduleSpec};
use crate::prune::{self, BlockDensity, PruneMethod, PruneTarget, Pruning, fill_blocks, read_blocks};
use crate::ranges::{at_least_one, check};

/// One phase of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    #[serde(default = "yes")]
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

    fn epochs(&self) -> usize {
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

    fn validate(&self) -> Result<()> {
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

impl RunConfig {
    /// The phases in their order: those of `[[phase]]`, or one of training.
    pub fn phases(&self) -> Cow<'_, [PhaseSpec]> {
        match self.phase.is_empty() {
            false => Cow::Borrowed(&self.phase),
            true => Cow::Owned(vec![PhaseSpec::Train(TrainPhase {
                epochs: self.epochs,
                batch: None,
                constraint: None,
                clip_norm: None,
                optimizer: None,
                schedule: None,
                penalty: None,
                parameter: None,
            })]),
        }
    }

    /// Epochs of all phases.
    pub fn total_epochs(&self) -> usize {
        self.epochs_before(usize::MAX)
    }

    /// Epochs of the phases before number `at`, counted from 0.
    pub(crate) fn epochs_before(&self, at: usize) -> usize {
        self.phases().iter().take(at).fold(0, |sum, phase| sum.saturating_add(phase.epochs()))
    }

    /// The configuration that holds in phase number `at`, counted from 0: without phases, as if that one were the whole run.
    /// A phase that does not train, and the end of the run, have the settings of the last that did, or else of the next.
    pub(crate) fn in_phase(&self, at: usize) -> Self {
        let phases = self.phases();
        let so_far = phases.iter().take(at.saturating_add(1)).rev().find_map(PhaseSpec::as_train);
        let Some(phase) = so_far.or_else(|| phases.iter().find_map(PhaseSpec::as_train)) else {
            return Self { phase: Vec::new(), ..self.clone() };
        };
        Self {
            epochs: phase.epochs,
            batch: phase.batch.unwrap_or(self.batch),
            constraint: phase.constraint.unwrap_or(self.constraint),
            clip_norm: phase.clip_norm.or(self.clip_norm),
            parameter: phase.parameter.clone().unwrap_or_else(|| self.parameter.clone()),
            optimizer: phase.optimizer.unwrap_or(self.optimizer),
            schedule: phase.schedule.unwrap_or(self.schedule),
            penalty: phase.penalty.unwrap_or(self.penalty),
            phase: Vec::new(),
            ..self.clone()
        }
    }

    /// The configuration of each phase that trains.
    pub(crate) fn training_phases(&self) -> impl Iterator<Item = Self> {
        let phases = self.phases().into_owned();
        (0..phases.len()).filter(move |&at| phases[at].as_train().is_some()).map(|at| self.in_phase(at))
    }

    /// Whether a phase takes synapses away.
    pub(super) fn prunes(&self) -> bool {
        self.phase.iter().any(|phase| matches!(phase, PhaseSpec::Prune(_)))
    }

    /// The seed of the pruning in phase number `at`.
    pub(super) fn pruning_seed(&self, at: usize) -> u64 {
        let before = self.phase[..at].iter().filter(|phase| matches!(phase, PhaseSpec::Prune(_))).count();
        self.seed.wrapping_add(before as u64)
    }

    /// The same with the content of files of blocks in place of their names, for a network with this wiring. A file that is
    /// not there any more has the content that the run folder kept of it.
    ///
    /// # Errors
    /// If a file cannot be read, or a block is not of this network.
    pub(super) fn with_blocks_read(mut self, wiring: &Wiring, kept: Option<&Self>) -> Result<Self> {
        for (at, phase) in self.phase.iter_mut().enumerate() {
            let PhaseSpec::Prune(phase) = phase else { continue };
            let Some(BlocksSpec::File(file)) = &phase.blocks else { continue };
            let before = match kept.and_then(|kept| kept.phase.get(at)) {
                Some(PhaseSpec::Prune(before)) if !file.exists() => before.blocks.clone(),
                _ => None,
            };
            phase.blocks = match before {
                Some(blocks) => Some(blocks),
                None => Some(BlocksSpec::Given(read_blocks(file, wiring.neuron_table())?)),
            };
        }
        Ok(self)
    }

    /// The same with no densities of blocks.
    pub(super) fn without_blocks(&self) -> Self {
        let mut config = self.clone();
        for phase in &mut config.phase {
            if let PhaseSpec::Prune(phase) = phase {
                phase.blocks = None;
            }
        }
        config
    }

    /// Checks that the first pruning of a run is possible from this wiring. What training leaves to a later one is not known.
    ///
    /// # Errors
    /// If a block is not of this network, or more would be kept than there is.
    pub(super) fn check_first_pruning(&self, wiring: &Wiring) -> Result<()> {
        for (at, phase) in self.phase.iter().enumerate() {
            if let PhaseSpec::Prune(phase) = phase {
                let checked = phase.pruning(wiring).and_then(|pruning| prune::check(wiring, &pruning));
                return checked.map_err(|error| in_phase(at, error));
            }
        }
        Ok(())
    }

    pub(super) fn validate_phases(&self) -> Result<()> {
        if self.phase.is_empty() {
            let right = "at least 1, or `[[phase]]` tables with theirs";
            return check("epochs", self.epochs > 0, self.epochs, right);
        }
        if self.epochs > 0 {
            let problem = "expected in each `[[phase]]` that trains, not beside them";
            return Err(Error::setting("epochs", problem));
        }
        if self.total_epochs() == 0 {
            return Err(Error::setting("phase", "no phase trains; expected at least one of kind `train` with epochs"));
        }
        for (at, phase) in self.phase.iter().enumerate() {
            match phase {
                PhaseSpec::Prune(phase) => phase.validate(),
                PhaseSpec::Train(phase) => {
                    at_least_one("epochs", phase.epochs).and_then(|()| self.in_phase(at).validate())
                }
            }
            .map_err(|error| in_phase(at, error))?;
        }
        Ok(())
    }
}

/// The error of a setting within phase number `at`, counted from 0.
pub(super) fn in_phase(at: usize, error: Error) -> Error {
    match error {
        Error::Setting { key, problem } => Error::setting(format!("phase.{}.{key}", at + 1), problem),
        other => other,
    }
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::presets;

    /// The flip-flop with `phases` in place of its epochs.
    fn with(phases: &str) -> Result<RunConfig> {
        let text = presets::text("flip-flop").unwrap();
        let epochs = text.lines().find(|line| line.starts_with("epochs = ")).unwrap();
        RunConfig::from_toml(&format!("{}\n{phases}", text.replacen(epochs, "", 1)), "test.toml", "")
    }

    const THREE: &str = r#"
        [[phase]]
        kind = "train"
        epochs = 7
        [[phase]]
        kind = "prune"
        method = "top-prob"
        density = 0.086
        [[phase]]
        kind = "train"
        epochs = 5
        batch = 50
        constraint = "none"
        parameter = [{ name = "input.weight", trained = false }]
        optimizer = { kind = "sgd", learning-rate = 0.1 }
    "#;

    #[test]
    fn each_phase_has_its_settings() {
        let config = with(THREE).unwrap();
        assert_eq!((config.total_epochs(), config.epochs_before(1), config.epochs_before(2)), (12, 7, 7));
        let [first, pruning, last, end] = [0, 1, 2, 3].map(|at| config.in_phase(at));
        assert_eq!((first.epochs, first.batch, first.constraint), (7, 200, Constraint::Dale));
        assert_eq!((last.epochs, last.batch, last.constraint), (5, 50, Constraint::None));
        assert_eq!((last.parameter.len(), last.optimizer), (1, OptimizerSpec::sgd(0.1, 0.0)));
        assert_eq!((&pruning, &end), (&first, &last));
        assert_eq!(config.training_phases().collect::<Vec<_>>(), [first, last]);
        assert!(config.prunes());
        let words: Vec<String> = config.phases().iter().map(ToString::to_string).collect();
        assert_eq!(words, ["train for 7 epochs", "prune by top-prob to density 0.086", "train for 5 epochs"]);
        assert_eq!(RunConfig::from_toml(&config.to_toml(), "again", "").unwrap(), config);
    }

    #[test]
    fn without_phases_the_run_is_one() {
        let config = presets::config("flip-flop").unwrap();
        assert_eq!((config.phases().len(), config.total_epochs(), config.prunes()), (1, 100, false));
        assert_eq!(config.in_phase(0), config);
    }

    #[test]
    fn seeds_of_prunings_follow_each_other() {
        let prune = "[[phase]]\nkind = \"prune\"\nmethod = \"random\"\ndensity = 0.5\n";
        let config = with(&format!("{prune}{prune}{THREE}")).unwrap();
        assert_eq!([0, 1, 3].map(|at| config.pruning_seed(at)), [1, 2, 3].map(|k| config.seed - 1 + k));
    }

    #[test]
    fn wrong_phases_are_named() {
        let edited = |from: &str, to: &str| {
            assert!(THREE.contains(from), "{from}");
            with(&THREE.replacen(from, to, 1)).expect_err(to).to_string()
        };
        for (from, to, key) in [
            ("epochs = 7", "epochs = 0", "`phase.1.epochs`: 0; expected at least 1"),
            ("density = 0.086", "density = 1.5", "`phase.2.density`: 1.5; expected a density from 0 to 1"),
            ("density = 0.086", "", "`phase.2.density`: expected `density`, or `blocks`"),
            ("density = 0.086", "density = 0.1\nblocks = \"b.csv\"", "`phase.2.blocks`: expected one of"),
            ("density = 0.086", "density = 0.1\nrest = \"drop\"", "`phase.2.rest`: only means something with"),
            ("density = 0.086", "blocks = 3", "expected the name of a CSV file, or a list of"),
            ("density = 0.086", "density = 0.1\nepochs = 3", "epochs"),
            ("\"top-prob\"", "\"random\"\nredistribute = false", "`phase.2.redistribute`: false; expected"),
            ("batch = 50", "batch = 0", "`phase.3.batch`: 0"),
            ("learning-rate = 0.1", "learning-rate = -0.1", "`phase.3.optimizer.learning-rate`: -0.1"),
            ("kind = \"prune\"", "kind = \"rest\"", "rest"),
        ] {
            let error = edited(from, to);
            assert!(error.contains(key), "{to}: {error}");
        }
        let prune = "[[phase]]\nkind = \"prune\"\nmethod = \"random\"\ndensity = 0.5\n";
        assert!(with(prune).unwrap_err().to_string().contains("`phase`: no phase trains"));
        let text = presets::text("flip-flop").unwrap();
        let error = RunConfig::from_toml(&format!("{text}\n{THREE}"), "test.toml", "").unwrap_err().to_string();
        assert!(error.contains("`epochs`: expected in each `[[phase]]`"), "{error}");
    }
}
