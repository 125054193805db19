//! How a run is taken up again.

use std::path::Path;
use std::time::Instant;

use super::Run;
use super::opening::clear_stale;
use crate::error::{Error, Result};
use crate::run::difference::difference;
use crate::run::{Resources, RunConfig, checkpoint, names, start};
use crate::train::MemoryEstimate;

impl Run {
    /// Goes on with the run in `folder` from its last checkpoint. Only the number of epochs may differ from the
    /// configuration that it began with (with phases: those of the last); the instruction set and the memory limit are not
    /// part of it. Neurons and synapses are those of the checkpoint, so that the files they came from are not needed; data are
    /// looked for where the configuration names them, where the run named them, in the run folder and in the current one. Where
    /// files are there, they must have the content that they had. A run that started from a model goes on from its own copy.
    ///
    /// # Errors
    /// If there is no run, if it is of another configuration, if its checkpoint cannot be read, if a file changed or the data
    /// are not found, or if it has done more epochs than the configuration asks for.
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
        config.validate()?;
        let began_with = RunConfig::read(&folder.join(names::CONFIG))?;
        let config = start::own(config, &began_with, folder, resources.exec.isa())?;
        // settings are compared before a large file is read; the content of files of blocks needs its wiring
        same_settings(&config.without_blocks(), &began_with.without_blocks(), folder)?;
        clear_stale(folder)?;
        let path = folder.join(names::CHECKPOINT);
        let checkpoint = checkpoint::read(&path)?;
        let mut config = config.with_blocks_read(checkpoint.network.wiring(), Some(&began_with))?;
        same_settings(&config, &began_with, folder)?;
        if let Some(key) = difference(&checkpoint.config, &began_with).filter(|key| key != "epochs") {
            let problem = format!("its configuration is not that of {} (`{key}` differs)", names::CONFIG);
            return Err(Error::content(&path, problem));
        }
        checkpoint.check(&path, &config)?;
        checkpoint.record.inputs.check_files(&config, folder)?;
        let data = checkpoint.record.inputs.find_data(&mut config, &began_with, folder)?;
        tell(&config.estimate(resources.memory_limit, checkpoint.network.wiring(), &data)?);
        let seconds_before = checkpoint.seconds;
        let (trainer, mut record) = checkpoint.restore(&path, &config, data, resources.clone())?;
        let (before, isa) = (record.instruction_sets.join(", "), resources.exec.isa());
        let warning = (before != isa.name()).then(|| {
            format!(
                "the run went so far with {before} instructions and goes on with {isa}: results will differ in the last \
                 bits"
            )
        });
        record.instruction_sets.push(isa.name().into());
        record.instruction_sets.dedup();
        let run = Self {
            config,
            folder: folder.into(),
            resources,
            trainer: Some(trainer),
            record,
            seconds_before,
            began: Instant::now(),
            warning,
        };
        if run.kept_config() != began_with.kept_in(folder) {
            run.write_config()?;
        }
        Ok(run)
    }
}

fn same_settings(config: &RunConfig, began_with: &RunConfig, folder: &Path) -> Result<()> {
    difference(config, began_with).filter(|key| key != "epochs").map_or(Ok(()), |key| {
        let problem =
            format!("holds a run of another configuration (`{key}` differs); it cannot be resumed with this one");
        Err(Error::content(folder, problem))
    })
}
