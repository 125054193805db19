//! A network from a file as the start of a run, or to be pruned: with what is kept beside it.

use std::path::Path;

use daleian_kernels::Isa;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{RunConfig, checkpoint};
use crate::constraint::Guard;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::optim::OptimizerState;
use crate::prune::{BlockCount, Pruning, prune};
use crate::train::held_by;

/// A network, and what a model or checkpoint file keeps beside it.
#[derive(Debug, Clone)]
pub struct Start {
    /// The network.
    pub network: Network,
    /// The configuration that it was trained with, as JSON, or null. Relative paths in it start from the current folder; in
    /// a file they start from that of the file.
    pub config: Value,
    /// The optimizer's moments, where the file has any: a checkpoint, or what pruning made of one.
    pub moments: Option<OptimizerState>,
    /// A note of each pruning that led to it, in order.
    pub pruned: Vec<Value>,
}

/// What is kept in the metadata; a checkpoint has more there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Beside {
    updates: u64,
    moments: usize,
    pruned: Vec<Value>,
}

impl From<Network> for Start {
    fn from(network: Network) -> Self {
        Self { network, config: Value::Null, moments: None, pruned: Vec::new() }
    }
}

impl Start {
    /// Reads a model or checkpoint file.
    ///
    /// # Errors
    /// As [`Network::load`]; and if the moments do not fit the network or are not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (network, header, reader) = Network::read(path)?;
        let beside: Beside = match header.run {
            Value::Null => Beside::default(),
            run => serde_json::from_value(run)
                .map_err(|error| Error::content(path, format!("what its metadata say of moments: {error}")))?,
        };
        let values = checkpoint::read_moments(&reader, network.wiring(), beside.moments)?;
        for moments in &values {
            for id in moments.ids() {
                let (values, size) = (&moments[id], network.wiring().size(id));
                if ![0, size].contains(&values.len()) || values.iter().any(|x| !x.is_finite()) {
                    let problem = format!(
                        "the moments of `{}` are not {size} finite numbers",
                        network.wiring().parameter(id).name
                    );
                    return Err(reader.error(problem));
                }
            }
        }
        let moments = (!values.is_empty()).then_some(OptimizerState { updates: beside.updates, moments: values });
        let folder = folder_of(path);
        let config = with_paths(header.config, |config| config.based_at(folder));
        Ok(Self { network, config, moments, pruned: beside.pruned })
    }

    /// Writes a model file that [`Self::read`] and [`Network::load`] read.
    ///
    /// # Errors
    /// If the file cannot be written; whatever was there before is then still there.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, config) = (path.as_ref(), self.config.clone());
        write_model(path, &self.network, config_for(path, config), self.moments.as_ref(), &self.pruned)
    }

    /// Prunes the network and, along with it, the moments; adds a note of it: method, seed, target and counts.
    ///
    /// # Errors
    /// As [`prune`]; the start is as it was then.
    pub fn prune(&mut self, pruning: &Pruning, seed: u64) -> Result<Vec<BlockCount>> {
        let pruned = prune(&self.network, pruning, seed)?;
        if let Some(state) = &mut self.moments {
            state.moments.iter_mut().for_each(|values| *values = pruned.compact(values));
        }
        self.pruned.push(json!({
            "method": pruning.method,
            "redistribute": pruning.redistribute,
            "seed": seed,
            "before": self.network.wiring().recurrent().nnz(),
            "obtained": pruned.kept.len(),
            "blocks": pruned.blocks,
        }));
        self.network = pruned.network;
        Ok(pruned.blocks)
    }
}

/// A configuration whose paths start from the current folder, as the file `path` has it: they start from its folder.
pub(super) fn config_for(path: &Path, config: Value) -> Value {
    with_paths(config, |config| config.seen_from(folder_of(path)))
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// JSON with other paths, if it is a configuration.
fn with_paths(config: Value, change: impl FnOnce(RunConfig) -> RunConfig) -> Value {
    let changed = RunConfig::deserialize(&config).ok().map(change);
    changed.and_then(|config| serde_json::to_value(config).ok()).unwrap_or(config)
}

/// Writes a network with moments and notes beside it, and a configuration whose paths start from the folder of the file.
pub(super) fn write_model(
    path: &Path,
    network: &Network,
    config: Value,
    state: Option<&OptimizerState>,
    pruned: &[Value],
) -> Result<()> {
    let (updates, moments) = state.map_or((0, &[][..]), |state| (state.updates, &state.moments[..]));
    if moments.is_empty() && pruned.is_empty() {
        return network.save_with(path, &config);
    }
    let beside = Beside { updates, moments: moments.len(), pruned: pruned.into() };
    let beside = serde_json::to_value(beside).expect("numbers and words");
    let moments = checkpoint::moment_tensors(network.wiring(), moments);
    network.write(path, "daleian-model", config, beside, moments)
}

/// The configuration with the start that the run in `folder` has of its own.
///
/// # Errors
/// If it cannot be read, or `config` names another model.
pub(super) fn own(config: RunConfig, began_with: &RunConfig, folder: &Path, isa: Isa) -> Result<RunConfig> {
    let Some(own) = &began_with.start else { return Ok(config) };
    if let Some(given) = config.start.as_ref().filter(|given| *given != own) {
        let mut other = Network::load(given)?;
        let held_by = held_by(&config.in_phase(0).settings()?.parameters.resolve(other.wiring())?);
        if held_by.keeps_signs() {
            // as at the start of training
            Guard::new(held_by, other.wiring()).project(isa, &mut other);
        }
        if !other.is_same(&Network::load(own)?) {
            let problem = format!("holds a run that did not start from {}; name another folder", given.display());
            return Err(Error::content(folder, problem));
        }
    }
    Ok(config.starting_from(own.clone()))
}
