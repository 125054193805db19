//! `checkpoint.safetensors`: a model file with the optimizer, the position and what was recorded so far.
//!
//! Random numbers need no state: every stream is found from the seed, its purpose and the position. A run that goes
//! on from here makes the very same steps as one that was never stopped.

use std::path::Path;

use daleian_kernels::Aligned;
use serde::{Deserialize, Serialize};

use super::metrics::{COLUMNS, Row};
use super::{Position, RunConfig, Running, Trainer};
use crate::error::{Error, Result};
use crate::files::{Tensor, write_tensors};
use crate::network::{Network, ParameterName, Parameters, file};

/// What a checkpoint adds to the metadata of a model.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    epoch: usize,
    step: usize,
    updates: u64,
    moments: usize,
    instruction_set: String,
}

/// What a run had come to.
pub(super) struct Checkpoint {
    pub rows: Vec<Row>,
    pub seconds: f64,
    pub instruction_set: String,
    position: Position,
    updates: u64,
    running: Running,
    network: Network,
    moments: Vec<Parameters>,
}

pub(super) fn write(path: &Path, config: &RunConfig, trainer: &Trainer, rows: &[Row], seconds: f64) -> Result<()> {
    let network = trainer.network();
    let (position, running) = (trainer.position(), trainer.running());
    let optimizer = trainer.optimizer();
    let progress = Progress {
        epoch: position.epoch,
        step: position.step,
        updates: optimizer.updates(),
        moments: optimizer.moments().len(),
        instruction_set: trainer.isa().name().into(),
    };
    let json = |value| serde_json::to_value(value).expect("settings are plain data");
    let config = serde_json::to_value(config).expect("settings are plain data");
    let header = network.header("daleian-checkpoint", config, json(progress));
    let arrays = network.arrays();
    let mut tensors = network.tensors(&arrays);
    let table: Vec<f64> = rows.iter().flat_map(|row| row.to_numbers()).collect();
    let sums = [running.objective, running.loss, running.weight, running.correct, running.samples, seconds];
    tensors.push(Tensor::f64("metrics", &[rows.len(), COLUMNS], &table));
    tensors.push(Tensor::f64("progress.sums", &[sums.len()], &sums));
    let names: Vec<(String, &Aligned)> = optimizer
        .moments()
        .iter()
        .enumerate()
        .flat_map(|(k, moments)| {
            ParameterName::ALL.map(|name| (format!("optimizer.{k}.{}", name.tensor()), moments.get(name)))
        })
        .collect();
    for (name, moment) in &names {
        tensors.push(Tensor::f32(name, &[moment.len()], moment));
    }
    write_tensors(path, &file::to_json(&header), &tensors)
}

/// Reads a checkpoint of a run whose optimizer keeps moments for the parameters that are not frozen.
///
/// # Errors
/// If it cannot be read or is not a checkpoint.
pub(super) fn read(path: &Path) -> Result<Checkpoint> {
    let (network, header, reader) = Network::read(path)?;
    let progress: Progress = serde_json::from_value(header.run)
        .map_err(|error| Error::content(path, format!("not a checkpoint: its metadata lack a part ({error})")))?;
    let table = reader.f64("metrics", None)?;
    let sums = reader.f64("progress.sums", Some(&[6]))?;
    let row = |chunk: &[f64]| Row::from_numbers(chunk.try_into().expect("chunks have this size"));
    if progress.moments > 2 || table.len() % COLUMNS != 0 {
        return Err(Error::content(path, "not a checkpoint of this version: its tables have other sizes"));
    }
    let moments = (0..progress.moments)
        .map(|k| {
            let mut moments = Parameters::default();
            for name in ParameterName::ALL {
                *moments.get_mut(name) = reader.f32(&format!("optimizer.{k}.{}", name.tensor()), None)?.into();
            }
            Ok(moments)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Checkpoint {
        rows: table.chunks_exact(COLUMNS).map(row).collect(),
        seconds: sums[5],
        instruction_set: progress.instruction_set,
        position: Position { epoch: progress.epoch, step: progress.step },
        updates: progress.updates,
        running: Running { objective: sums[0], loss: sums[1], weight: sums[2], correct: sums[3], samples: sums[4] },
        network,
        moments,
    })
}

impl Checkpoint {
    /// Puts a fresh trainer of the same configuration where the checkpoint stood.
    ///
    /// # Errors
    /// If the checkpoint is of another network: its pattern or sizes differ.
    pub fn restore(self, path: &Path, trainer: &mut Trainer) -> Result<()> {
        let (ours, theirs) = (trainer.network().wiring(), self.network.wiring());
        let same = ours.recurrent() == theirs.recurrent()
            && ours.input() == theirs.input()
            && ours.readout() == theirs.readout()
            && ours.signs() == theirs.signs();
        let sizes = |moments: &[Parameters]| -> Vec<[usize; 5]> {
            moments.iter().map(|m| ParameterName::ALL.map(|name| m.get(name).len())).collect()
        };
        if !same || sizes(&self.moments) != sizes(trainer.optimizer().moments()) {
            let problem = "its network is not the one that the configuration describes: did an input file change?";
            return Err(Error::content(path, problem));
        }
        if self.position.step >= trainer.steps_per_epoch() {
            return Err(Error::content(path, "its position lies beyond the end of an epoch"));
        }
        trainer.restore(self.network.parameters().clone(), self.updates, self.moments, self.position, self.running);
        Ok(())
    }
}
