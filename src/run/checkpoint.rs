//! `checkpoint.safetensors`: a model file with the optimizer, the position and what was recorded so far.
//!
//! Random numbers need no state: every stream is found from the seed, its purpose and the position. A run that goes
//! on from here makes the very same steps as one that was never stopped.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs::Inputs;
use super::report::PhaseReport;
use super::{Resources, RunConfig};
use crate::data::Sources;
use crate::error::{Error, Result};
use crate::files::{Tensor, TensorReader};
use crate::network::{Network, Parameter, Parameters, Wiring};
use crate::optim::OptimizerState;
use crate::train::{COLUMNS, Position, Row, Running, Trainer};

/// What a run has come to, beside its trainer. A checkpoint has it in its metadata, but for the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// The phase under way, counted from 0; the number of phases when all are done.
    pub phase: usize,
    /// Steps that the optimizer had made when the phase began.
    pub updates_before: u64,
    /// A row per epoch.
    #[serde(skip)]
    pub rows: Vec<Row>,
    /// What each phase that is over came to.
    pub phases: Vec<PhaseReport>,
    /// A note of each pruning that led to the network, in order.
    pub pruned: Vec<Value>,
    /// The instruction sets that the run went on with, in order.
    pub instruction_sets: Vec<String>,
    /// What is to be said of the weights at its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What it was made from.
    pub inputs: Inputs,
}

/// What a checkpoint adds to the metadata of a model.
#[derive(Debug, Serialize, Deserialize)]
struct Progress<R> {
    epoch: usize,
    step: usize,
    updates: u64,
    moments: usize,
    #[serde(flatten)]
    record: R,
}

/// A run as it stood.
pub(super) struct Checkpoint {
    pub config: RunConfig,
    pub record: Record,
    pub network: Network,
    pub seconds: f64,
    position: Position,
    running: Running,
    optimizer: OptimizerState,
}

pub(super) fn write(path: &Path, config: &RunConfig, trainer: &Trainer, record: &Record, seconds: f64) -> Result<()> {
    let network = trainer.network();
    let (position, running) = (trainer.position(), trainer.running());
    let optimizer = trainer.optimizer();
    let progress = Progress {
        epoch: position.epoch,
        step: position.step,
        updates: optimizer.updates,
        moments: optimizer.moments.len(),
        record,
    };
    let config = serde_json::to_value(config).expect("settings are plain data");
    let table: Vec<f64> = record.rows.iter().flat_map(|row| row.to_numbers()).collect();
    let sums = [running.objective, running.loss, running.weight, running.correct, running.asked, seconds];
    let mut tensors = vec![
        Tensor::new("metrics", &[record.rows.len(), COLUMNS], &table[..]),
        Tensor::vector("progress.sums", &sums[..]),
    ];
    tensors.extend(moment_tensors(network.wiring(), &optimizer.moments));
    let progress = serde_json::to_value(progress).expect("settings are plain data");
    network.write(path, "daleian-checkpoint", config, progress, tensors)
}

/// The tensor of the `k`th moment of a parameter.
fn moment(k: usize, parameter: &Parameter) -> String {
    format!("optimizer.{k}.{}", parameter.name)
}

/// Moments as tensors of a file.
pub(super) fn moment_tensors<'a>(wiring: &Wiring, moments: &'a [Parameters]) -> Vec<Tensor<'a>> {
    let mut tensors = Vec::new();
    for (k, moments) in moments.iter().enumerate() {
        tensors.extend(moments.ids().map(|id| Tensor::vector(moment(k, wiring.parameter(id)), &moments[id][..])));
    }
    tensors
}

/// The moments of a file that has `count` per parameter of `wiring`.
///
/// # Errors
/// If they cannot be read.
pub(super) fn read_moments(reader: &TensorReader, wiring: &Wiring, count: usize) -> Result<Vec<Parameters>> {
    let read = |k| {
        let mut moments = Parameters::zeros(wiring, |_| false);
        for id in wiring.parameter_ids() {
            let tensor = moment(k, wiring.parameter(id));
            moments[id] = reader.f32(&tensor, &[reader.length(&tensor)?])?.into();
        }
        Ok(moments)
    };
    (0..count).map(read).collect()
}

/// Reads a checkpoint; relative paths in its configuration start from its folder.
///
/// # Errors
/// If it cannot be read or is not a checkpoint.
pub(super) fn read(path: &Path) -> Result<Checkpoint> {
    let (network, header, reader) = Network::read(path)?;
    let progress: Progress<Record> = serde_json::from_value(header.run)
        .map_err(|error| Error::content(path, format!("not a checkpoint: its metadata lack a part ({error})")))?;
    let config = RunConfig::from_model(&header.config, path)?;
    let moments = read_moments(&reader, network.wiring(), progress.moments)?;
    let epochs = reader.shape("metrics")?.first().copied().unwrap_or(0);
    let table = reader.f64("metrics", &[epochs, COLUMNS])?;
    let sums = reader.f64("progress.sums", &[6])?;
    let row = |chunk: &[f64]| Row::from_numbers(chunk.try_into().expect("chunks have this size"));
    Ok(Checkpoint {
        config,
        record: Record { rows: table.chunks_exact(COLUMNS).map(row).collect(), ..progress.record },
        network,
        seconds: sums[5],
        position: Position { epoch: progress.epoch, step: progress.step },
        running: Running { objective: sums[0], loss: sums[1], weight: sums[2], correct: sums[3], asked: sums[4] },
        optimizer: OptimizerState { updates: progress.updates, moments },
    })
}

impl Checkpoint {
    /// Checks that the checkpoint can stand in a run of `config`: its phase and epochs are there.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self, path: &Path, config: &RunConfig) -> Result<()> {
        let (record, phases) = (&self.record, config.phases().len());
        let Position { epoch, step } = self.position;
        let first = config.epochs_before(record.phase);
        let begun = epoch.saturating_add(usize::from(step > 0));
        if record.phase > phases || epoch < first || record.rows.len() != epoch || record.phases.len() != record.phase {
            return Err(Error::content(path, "its position, phases and metrics do not go together"));
        }
        // the last phase may have fewer epochs than it began with
        let last = config.epochs_before(record.phase.saturating_add(1));
        if begun > last {
            let (given, least) = (last - first, begun - first);
            let folder = path.parent().unwrap_or(Path::new("")).display();
            let problem =
                format!("{given}, but the run in {folder} is in epoch {least} already; expected at least {least}");
            return Err(Error::setting("epochs", problem));
        }
        Ok(())
    }

    /// A trainer that stands where the checkpoint stood, and what was recorded.
    ///
    /// # Errors
    /// If there can be no trainer of its network, or moments, position and updates are not those of one.
    pub fn restore(
        self,
        path: &Path,
        config: &RunConfig,
        data: Sources,
        resources: Resources,
    ) -> Result<(Trainer, Record)> {
        let mut trainer = config.phase_trainer(self.record.phase, self.network, data, resources)?;
        if !trainer.optimizer().fits(&self.optimizer) {
            return Err(Error::content(
                path,
                "its moments are not those of the optimizer and the parameters that are trained",
            ));
        }
        let Position { epoch, step } = self.position;
        // a fresh trainer stands at the first epoch of its phase
        let epochs = epoch.checked_sub(trainer.position().epoch);
        let steps = epochs.and_then(|epochs| epochs.checked_mul(trainer.steps_per_epoch())?.checked_add(step));
        let made = self.optimizer.updates.checked_sub(self.record.updates_before);
        let made = made.and_then(|made| usize::try_from(made).ok());
        if step >= trainer.steps_per_epoch() || steps.is_none() || steps != made {
            return Err(Error::content(path, "its position, updates and metrics do not go together"));
        }
        trainer.restore(self.optimizer, self.position, self.running);
        Ok((trainer, self.record))
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::OptimizerSpec;
    use crate::run::{Ending, Run, RunConfig, names};
    use daleian_kernels::Isa;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Optimizers of three moments and of none, which only tests have, stopped in the middle of an epoch and resumed.
    #[test]
    fn any_number_of_moments_goes_through_a_checkpoint() {
        for (kind, moments) in [("averaged", 3), ("plain", 0)] {
            let text = format!(
                r#"
                name = "moments"
                epochs = 2
                batch = 10
                loss = "mse"
                constraint = "dale"
                task = {{ kind = "flip-flop", channels = 1, steps = 5, probability = 0.3, train-samples = 30, test-samples = 5 }}
                cell = {{ activation = "tanh", rectified = true }}
                optimizer = {{ kind = "{kind}", learning-rate = 0.05 }}
                population = [{{ name = "exc", size = 4, sign = 1 }}]
                connection = [{{ rule = "all" }}]
                parameter = [{{ name = "readout.bias", trained = false }}]
                "#
            );
            let config = RunConfig::from_toml(&text, "test.toml", "").unwrap();
            assert_eq!(config.optimizer.optimizer().moments(), moments);
            let isa = Isa::available()[0];
            let folder = tempfile::tempdir().unwrap();
            let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
            let never = AtomicBool::new(false);
            let mut run = Run::create(config.clone(), &whole, isa).unwrap();
            run.go(&never, &mut |_| ()).unwrap();
            assert_eq!(run.trainer().optimizer().moments.len(), moments);
            let mut run = Run::create(config.clone(), &parts, isa).unwrap();
            // stopped after each step
            let step = |run: &mut Run| {
                let stop = AtomicBool::new(false);
                run.go(&stop, &mut |_| stop.store(true, Ordering::Relaxed)).unwrap()
            };
            while let Ending::Interrupted(_) = step(&mut run) {
                run = Run::resume(config.clone(), &parts, isa).unwrap();
            }
            assert_eq!(run.trainer().optimizer().updates, 6);
            for name in [names::MODEL, names::CHECKPOINT] {
                let read = |folder: &std::path::Path| crate::run::Start::read(folder.join(name)).unwrap();
                let (whole, parts) = (read(&whole), read(&parts));
                assert_eq!((whole.network.parameters(), whole.moments), (parts.network.parameters(), parts.moments));
            }
            assert!(matches!(config.optimizer, OptimizerSpec::Averaged(_) | OptimizerSpec::Plain(_)));
        }
    }
}
