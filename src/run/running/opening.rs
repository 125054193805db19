//! How a run begins, in a new folder, and how it is taken up again.

use std::path::Path;
use std::time::Instant;

use super::{History, Run, keeps_start, make_folder, names};
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::files::remove_stale;
use crate::network::{Network, RECURRENT};
use crate::run::difference::difference;
use crate::run::{Resources, RunConfig, Start, checkpoint, growth, neurons, start};
use crate::train::{MemoryEstimate, Position, Trainer};

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
        let whole = std::path::absolute(folder).map_err(|source| Error::io(folder, "find", source))?;
        Self::begin(config.starting_from(whole.join(names::START)), folder, resources.into(), Some(start), tell)
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
        let trainer = config.prepare(start, resources, tell)?;
        make_folder(folder)?;
        clear_stale(folder)?;
        let mut run = Self::with(config, folder, trainer);
        run.history.warning = growth::warning(run.trainer.network(), run.trainer.data().train().form().steps);
        run.warning = run.history.warning.clone();
        if let Some(&answer) = run.trainer.outputs(1).iter().find(|answer| !answer.is_finite()) {
            let why = run.history.warning.as_deref().unwrap_or("expected smaller weights");
            return Err(Error::setting("init", format!("the network answers {answer} before any training; {why}")));
        }
        if let Some((config, pruned)) = notes {
            let (network, optimizer) = (run.trainer.network(), run.trainer.optimizer());
            let moments = Some(optimizer).filter(|state| state.updates > 0);
            start::write(&run.path(names::START), network, config, moments, &pruned)?;
        }
        run.write_checkpoint()?;
        neurons::write(&run.path(names::NEURONS), run.trainer.network().wiring().neuron_table())?;
        // last: a folder with a configuration is a run, and a run has a checkpoint
        run.write_config()?;
        Ok(run)
    }

    /// Goes on with the run in `folder` from its last checkpoint. Only the number of epochs may differ from the
    /// configuration that it began with; the instruction set and the memory limit are not part of it. A run that started
    /// from a model goes on from its own copy; `start` may be left out, or name a model that is still the same.
    ///
    /// # Errors
    /// If there is no run, if it is of another configuration, if its checkpoint cannot be read, or if it has done
    /// more epochs than the configuration asks for.
    pub fn resume(config: RunConfig, folder: &Path, resources: impl Into<Resources>) -> Result<Self> {
        Self::resume_with(config, folder, resources, &mut |_| ())
    }

    /// As [`resume`](Self::resume); `tell` hears what memory the run will take, before anything large is allocated.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn resume_with(
        config: RunConfig,
        folder: &Path,
        resources: impl Into<Resources>,
        tell: &mut dyn FnMut(&MemoryEstimate),
    ) -> Result<Self> {
        if !folder.join(names::CONFIG).exists() {
            return Err(Error::content(folder, "holds no run to resume (no config.toml)"));
        }
        let resources = resources.into();
        let began_with = RunConfig::read(&folder.join(names::CONFIG))?;
        let (config, start) = start::own(config, &began_with, folder, resources.exec.isa())?;
        if let Some(key) = difference(&config, &began_with).filter(|key| key != "epochs") {
            let problem =
                format!("holds a run of another configuration (`{key}` differs); it cannot be resumed with this one");
            return Err(Error::content(folder, problem));
        }
        clear_stale(folder)?;
        let trainer = config.prepare(start, resources, tell)?;
        let mut run = Self::with(config, folder, trainer);
        let path = run.path(names::CHECKPOINT);
        let checkpoint = checkpoint::read(&path)?;
        if checkpoint.inputs != run.history.inputs {
            let problem = "the start of its run was another: did an input file change?";
            return Err(Error::content(&path, problem));
        }
        let before = checkpoint.instruction_sets.join(", ");
        run.history.instruction_sets.splice(0..0, checkpoint.instruction_sets.iter().cloned());
        run.history.instruction_sets.dedup();
        run.history.warning = checkpoint.warning.clone();
        let isa = run.trainer.exec().isa();
        if before != isa.name() {
            run.warning = Some(format!(
                "the run went so far with {before} instructions and goes on with {isa}: results will differ in the \
                 last bits"
            ));
        }
        (run.rows, run.seconds_before) = (checkpoint.rows.clone(), checkpoint.seconds);
        checkpoint.restore(&path, &mut run.trainer)?;
        let Position { epoch, step } = run.trainer.position();
        let begun = epoch + usize::from(step > 0);
        if begun > run.config.epochs {
            let problem = format!(
                "{}, but the run in {} is in epoch {begun} already; expected at least {begun}",
                run.config.epochs,
                folder.display()
            );
            return Err(Error::setting("epochs", problem));
        }
        if run.config != began_with {
            run.write_config()?;
        }
        Ok(run)
    }

    fn with(config: RunConfig, folder: &Path, trainer: Trainer) -> Self {
        Self {
            start: keeps_start(&config).then(|| trainer.network().parameters()[RECURRENT].clone()),
            folder: folder.into(),
            history: History {
                inputs: trainer.fingerprint(),
                instruction_sets: vec![trainer.exec().isa().name().into()],
                warning: None,
            },
            config,
            trainer,
            rows: Vec::new(),
            seconds_before: 0.0,
            began: Instant::now(),
            warning: None,
        }
    }
}

/// Removes the temporary files of a process that was killed while it wrote this run.
fn clear_stale(folder: &Path) -> Result<()> {
    for folder in [folder.to_path_buf(), folder.join(names::FIGURES)] {
        if folder.is_dir() {
            remove_stale(folder)?;
        }
    }
    Ok(())
}
