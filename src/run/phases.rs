//! The phases of a run, train, prune, train again: what holds in each, and whether they are possible.

use std::borrow::Cow;

use super::RunConfig;
use super::phase::{BlocksSpec, PhaseSpec, TrainPhase};
use crate::error::{Error, Result};
use crate::network::Wiring;
use crate::prune::{self, read_blocks};
use crate::ranges::{at_least_one, check};

impl RunConfig {
    /// The phases in their order: those of `[[phase]]`, or one of training.
    pub fn phases(&self) -> Cow<'_, [PhaseSpec]> {
        match self.phase.is_empty() {
            false => Cow::Borrowed(&self.phase),
            true => Cow::Owned(vec![PhaseSpec::Train(TrainPhase { epochs: self.epochs, ..TrainPhase::default() })]),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraint::Constraint;
    use crate::optim::OptimizerSpec;
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
