//! How a run begins, in a new folder.

use std::path::Path;
use std::time::Instant;

use super::{Run, make_folder};
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::files::remove_stale;
use crate::network::Network;
use crate::run::checkpoint::Record;
use crate::run::difference::difference;
use crate::run::inputs::Inputs;
use crate::run::{Resources, RunConfig, Start, growth, names, neurons, start};
use crate::train::MemoryEstimate;

impl Run {
    /// A new run in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If a setting or input is wrong, if the memory limit cannot be met, or if the folder already holds a run: nothing
    /// in it is touched then.
    pub fn create(config: RunConfig, folder: &Path, resources: impl Into<Resources>) -> Result<Self> {
        Self::create_with(config, folder, resources, &mut |_| ())
    }

    /// As [`create`](Self::create); `tell` hears what memory the run will take, before anything large is allocated.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(
        config: RunConfig,
        folder: &Path,
        resources: impl Into<Resources>,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Self> {
        match config.read_start()? {
            Some(start) => Self::create_from_start(config, folder, resources, start, tell),
            None => Self::begin(config, folder, resources.into(), None, tell),
        }
    }

    /// A new run in `folder` that starts from `network`: its neurons, synapses, signs and parameters, which the rest of
    /// `config` has to fit. Optimizer moments start at zero. The folder keeps a copy, so that the run can be resumed
    /// without the network.
    ///
    /// # Errors
    /// As [`create`](Self::create); and if cell, input or readout of the configuration are not those of the network.
    pub fn create_from(config: RunConfig, folder: &Path, exec: impl Into<Exec>, network: Network) -> Result<Self> {
        Self::create_from_start(config, folder, exec.into(), network.into(), &mut |_| ())
    }

    /// As [`create_from`](Self::create_from), with the moments of `start` where it has any; `tell` as in
    /// [`create_with`](Self::create_with).
    ///
    /// # Errors
    /// As [`create_from`](Self::create_from); and if the moments are not those of the optimizer and of the parameters
    /// that are trained.
    pub fn create_from_start(
        config: RunConfig,
        folder: &Path,
        resources: impl Into<Resources>,
        start: Start,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Self> {
        Self::begin(config.starting_from(folder.join(names::START)), folder, resources.into(), Some(start), tell)
    }

    fn begin(
        config: RunConfig,
        folder: &Path,
        resources: Resources,
        start: Option<Start>,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Self> {
        if folder.join(names::CONFIG).exists() {
            let other = RunConfig::read(&folder.join(names::CONFIG))?;
            let problem = match difference(&config, &other) {
                Some(key) => {
                    format!("holds a run of another configuration (`{key}` differs); name another folder with --out")
                }
                None => {
                    "holds this run already; add --resume to go on with it, or name another folder with --out".into()
                }
            };
            return Err(Error::content(folder, problem));
        }
        let notes = start.as_ref().map(|start| (start.config.clone(), start.pruned.clone()));
        let trainer = config.prepare(start, resources.clone(), tell)?;
        let config = config.with_blocks_read(trainer.network().wiring(), None)?;
        config.check_first_pruning(trainer.network().wiring())?;
        let (model, pruned) = notes.unwrap_or_default();
        let record = Record {
            phase: 0,
            updates_before: trainer.optimizer().updates,
            rows: Vec::new(),
            phases: Vec::new(),
            pruned,
            instruction_sets: vec![trainer.exec().isa().name().into()],
            warning: growth::warning(trainer.network(), trainer.data().train().form().steps),
            inputs: Inputs::of(&config, trainer.data())?,
        };
        config.kept_in(folder).check_paths(folder)?;
        let mut run = Self {
            config,
            folder: folder.into(),
            resources,
            trainer: Some(trainer),
            warning: record.warning.clone(),
            record,
            seconds_before: 0.0,
            began: Instant::now(),
        };
        if let Some(answer) = run.answer_not_finite() {
            let why = run.record.warning.as_deref().unwrap_or("expected smaller weights");
            return Err(Error::setting("init", format!("the network answers {answer} before any training; {why}")));
        }
        make_folder(folder)?;
        clear_stale(folder)?;
        if run.config.keeps_start() {
            let (network, optimizer) = (run.trainer().network(), run.trainer().optimizer());
            let moments = Some(optimizer).filter(|state| state.updates > 0);
            let path = run.path(names::START);
            start::write_model(&path, network, start::config_for(&path, model), moments, &run.record.pruned)?;
        }
        run.write_checkpoint()?;
        neurons::write(&run.path(names::NEURONS), run.trainer().network().wiring().neuron_table())?;
        // last: a folder with a configuration is a run, and a run has a checkpoint
        run.write_config()?;
        Ok(run)
    }
}

/// Removes the temporary files of a process that was killed while it wrote this run.
pub(super) fn clear_stale(folder: &Path) -> Result<()> {
    for folder in [folder.to_path_buf(), folder.join(names::FIGURES)] {
        if folder.is_dir() {
            remove_stale(folder)?;
        }
    }
    Ok(())
}
