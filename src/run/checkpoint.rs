//! `checkpoint.safetensors`: a model file with the optimizer, the position and what was recorded so far.
//!
//! Random numbers need no state: every stream is found from the seed, its purpose and the position. A run that goes
//! on from here makes the very same steps as one that was never stopped.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunConfig;
use super::running::History;
use crate::error::{Error, Result};
use crate::files::{Tensor, TensorReader};
use crate::network::{Network, Parameter, Parameters, Wiring};
use crate::optim::OptimizerState;
use crate::train::{COLUMNS, Position, Row, Running, Trainer};

/// What a checkpoint adds to the metadata of a model.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    epoch: usize,
    step: usize,
    updates: u64,
    moments: usize,
    instruction_sets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    inputs: u32,
}

/// What a run had come to.
pub(super) struct Checkpoint {
    pub rows: Vec<Row>,
    pub seconds: f64,
    pub instruction_sets: Vec<String>,
    pub warning: Option<String>,
    pub inputs: u32,
    position: Position,
    running: Running,
    network: Network,
    optimizer: OptimizerState,
}

pub(super) fn write(
    path: &Path,
    config: &RunConfig,
    trainer: &Trainer,
    history: &History,
    rows: &[Row],
    seconds: f64,
) -> Result<()> {
    let network = trainer.network();
    let (position, running) = (trainer.position(), trainer.running());
    let optimizer = trainer.optimizer();
    let progress = Progress {
        epoch: position.epoch,
        step: position.step,
        updates: optimizer.updates,
        moments: optimizer.moments.len(),
        instruction_sets: history.instruction_sets.clone(),
        warning: history.warning.clone(),
        inputs: history.inputs,
    };
    let config = serde_json::to_value(config).expect("settings are plain data");
    let table: Vec<f64> = rows.iter().flat_map(|row| row.to_numbers()).collect();
    let sums = [running.objective, running.loss, running.weight, running.correct, running.asked, seconds];
    let mut tensors =
        vec![Tensor::new("metrics", &[rows.len(), COLUMNS], &table[..]), Tensor::vector("progress.sums", &sums[..])];
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

/// Reads a checkpoint of a run whose optimizer keeps moments for the parameters that are trained.
///
/// # Errors
/// If it cannot be read or is not a checkpoint.
pub(super) fn read(path: &Path) -> Result<Checkpoint> {
    let (network, header, reader) = Network::read(path)?;
    let progress: Progress = serde_json::from_value(header.run)
        .map_err(|error| Error::content(path, format!("not a checkpoint: its metadata lack a part ({error})")))?;
    let moments = read_moments(&reader, network.wiring(), progress.moments)?;
    let epochs = reader.shape("metrics")?.first().copied().unwrap_or(0);
    let table = reader.f64("metrics", &[epochs, COLUMNS])?;
    let sums = reader.f64("progress.sums", &[6])?;
    let row = |chunk: &[f64]| Row::from_numbers(chunk.try_into().expect("chunks have this size"));
    Ok(Checkpoint {
        rows: table.chunks_exact(COLUMNS).map(row).collect(),
        seconds: sums[5],
        instruction_sets: progress.instruction_sets,
        warning: progress.warning,
        inputs: progress.inputs,
        position: Position { epoch: progress.epoch, step: progress.step },
        running: Running { objective: sums[0], loss: sums[1], weight: sums[2], correct: sums[3], asked: sums[4] },
        network,
        optimizer: OptimizerState { updates: progress.updates, moments },
    })
}

impl Checkpoint {
    /// Puts a fresh trainer of the same configuration where the checkpoint stood.
    ///
    /// # Errors
    /// If the checkpoint is of another network: its pattern or sizes differ.
    pub fn restore(self, path: &Path, trainer: &mut Trainer) -> Result<()> {
        let (ours, theirs) = (trainer.network().wiring(), self.network.wiring());
        if !ours.is_same(theirs) || !trainer.optimizer().fits(&self.optimizer) {
            let problem = "its network is not the one that the configuration describes: did an input file change?";
            return Err(Error::content(path, problem));
        }
        let Position { epoch, step } = self.position;
        let steps = epoch.checked_mul(trainer.steps_per_epoch()).and_then(|steps| steps.checked_add(step));
        // the optimizer may have begun with the moments of an earlier run
        let made =
            self.optimizer.updates.checked_sub(trainer.optimizer().updates).and_then(|made| usize::try_from(made).ok());
        if step >= trainer.steps_per_epoch() || steps.is_none() || steps != made || self.rows.len() != epoch {
            return Err(Error::content(path, "its position, updates and metrics do not go together"));
        }
        trainer.restore(self.network.parameters, self.optimizer, self.position, self.running);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::optim::OptimizerSpec;
    use crate::run::{Ending, Run, RunConfig, names};
    use daleian_kernels::Isa;
    use std::sync::atomic::AtomicBool;

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
            let stop = AtomicBool::new(true);
            let mut run = Run::create(config.clone(), &parts, isa).unwrap();
            // stopped after each step
            while let Ending::Interrupted(_) = run.go(&stop, &mut |_| ()).unwrap() {
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
