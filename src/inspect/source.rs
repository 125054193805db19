//! From a file or folder to its parts.

use std::path::Path;

use serde_json::Value;

use super::{Inspection, Kind, NetworkContents, Progress, training, training_on};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::run::{RunConfig, names};

/// A model or checkpoint file.
pub(super) struct Stored {
    kind: Kind,
    network: Network,
    config: Option<RunConfig>,
    progress: Option<Progress>,
    /// Phases that are over and written as such.
    phases_done: usize,
    problems: Vec<String>,
}

/// Reads a model or checkpoint file, even if some of its numbers are not finite.
pub(super) fn stored(path: &Path) -> Result<Stored> {
    let (network, header, _) = Network::read_numbers(path, false)?;
    let mut problems = Vec::new();
    // a model may carry any JSON
    let config = RunConfig::from_model(&header.config, path).ok();
    let kind = if header.format == "daleian-checkpoint" { Kind::Checkpoint } else { Kind::Model };
    let (mut progress, mut phases_done) = (None, 0);
    if kind == Kind::Checkpoint {
        let count =
            |key: &str| header.run.get(key).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        phases_done = count("phase").unwrap_or(0);
        progress = count("epoch").zip(count("step")).map(|(epochs, steps)| {
            let of = config.as_ref().map(RunConfig::total_epochs);
            let phases = config.as_ref().map(|config| config.phase.len()).filter(|&phases| phases > 0);
            let phase = phases.map(|phases| (phases_done + 1).min(phases));
            Progress { epochs, steps, of, phase, phases }
        });
        if progress.is_none() {
            problems.push("the metadata of the checkpoint do not say how many epochs and steps are done".into());
        }
        if config.is_none() {
            problems.push("the metadata of the checkpoint have no configuration that this daleian understands".into());
        }
    }
    Ok(Stored { kind, network, config, progress, phases_done, problems })
}

impl Stored {
    /// The report on this file alone.
    pub(super) fn report(self) -> Inspection {
        let mut problems = self.problems;
        let network = NetworkContents::of(&self.network);
        problems.extend(wrong_numbers(&network, self.config.as_ref()));
        let training = self.config.as_ref().and_then(|config| training(config, self.network.wiring(), &mut problems));
        Inspection {
            kind: self.kind,
            name: self.config.as_ref().map(|config| config.name.clone()),
            seed: self.config.as_ref().map(|config| config.seed),
            progress: self.progress,
            network,
            training,
            problems,
        }
    }
}

/// What is wrong with the numbers of a network.
fn wrong_numbers(network: &NetworkContents, config: Option<&RunConfig>) -> Vec<String> {
    let mut problems = Vec::new();
    for parameter in &network.parameters {
        let (name, count) = (parameter.name, parameter.count);
        if let Some(at) = parameter.first_not_finite {
            let bad = parameter.not_finite;
            problems.push(format!(
                "`{name}`: {bad} of {count} are NaN or infinite, the first is number {at} (from 0); no other command \
                 takes this file"
            ));
        }
        if parameter.negative_zeros > 0 {
            let bad = parameter.negative_zeros;
            problems.push(format!("`{name}`: {bad} of {count} are -0.0, which daleian never writes"));
        }
    }
    // without a constraint weights may change their sign
    let free = config.is_some_and(|config| config.constraint == Constraint::None);
    if network.sign_violations > 0 && !free {
        let bad = network.sign_violations;
        problems.push(format!(
            "{bad} of {} weights are against the sign of their presynaptic neuron: no Dale's law",
            network.synapses
        ));
    }
    problems
}

/// A configuration: its wiring is drawn or read.
pub(super) fn configuration(config: &RunConfig) -> Result<Inspection> {
    config.validate()?;
    let data = config.load_data()?;
    let wiring = config.builder(&config.connectome()?, &data).wiring()?;
    Ok(Inspection {
        kind: Kind::Configuration,
        name: Some(config.name.clone()),
        seed: Some(config.seed),
        progress: None,
        network: NetworkContents::without_weights(&wiring),
        training: Some(training_on(config, &wiring, &data)?),
        problems: Vec::new(),
    })
}

/// A run folder. What counts is its checkpoint, which is never older than its model.
pub(super) fn run(folder: &Path) -> Result<Inspection> {
    let path = |name: &str| folder.join(name);
    if !path(names::CONFIG).exists() {
        let problem = format!("a folder without {}; expected a run folder, or a file", names::CONFIG);
        return Err(Error::content(folder, problem));
    }
    let config = RunConfig::read(&path(names::CONFIG))?;
    let mut problems = Vec::new();
    let mut found = match stored(&path(names::CHECKPOINT)) {
        Ok(found) => found,
        Err(error) => {
            // the model alone still says something; without it the first error says most
            let Ok(model) = stored(&path(names::MODEL)) else { return Err(error) };
            problems.push(format!("it cannot be resumed: {error}"));
            model
        }
    };
    // a pruning at the end comes after the last epoch
    let pruned =
        config.phase.last().is_none_or(|last| last.as_train().is_some() || found.phases_done >= config.phase.len());
    let done = pruned && found.progress.is_some_and(|progress| progress.epochs >= config.total_epochs());
    if done {
        problems.extend(unlike(&path(names::MODEL), &found.network));
        for name in [names::METRICS, names::SUMMARY, names::FIGURES] {
            if !path(name).exists() {
                problems.push(format!("all epochs are done, but {} is missing", path(name).display()));
            }
        }
    }
    if let Some(progress) = &mut found.progress {
        progress.of = Some(config.total_epochs());
    }
    found.config = Some(config);
    found.kind = Kind::Run;
    found.problems.extend(problems);
    Ok(found.report())
}

/// What is wrong with the model file of a run whose last checkpoint holds `network`.
fn unlike(path: &Path, network: &Network) -> Option<String> {
    match Network::load(path) {
        Err(error) => Some(error.to_string()),
        Ok(model) => {
            let same = model.wiring().recurrent() == network.wiring().recurrent()
                && model.parameters() == network.parameters();
            (!same).then(|| format!("{}: its network is not that of the checkpoint", path.display()))
        }
    }
}
