//! A run in a folder: epochs, metrics, checkpoints, figures.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use daleian_kernels::Aligned;
use serde::{Deserialize, Serialize};

use super::{RunConfig, checkpoint, figures, metrics_file};
use crate::error::{Error, Result};
use crate::files::write_atomic;
use crate::network::{InitWeights, RECURRENT, init};
use crate::train::{Position, Row, Summary, Trainer};

mod opening;

/// A run and the folder that it writes.
#[derive(Debug)]
pub struct Run {
    config: RunConfig,
    folder: PathBuf,
    trainer: Trainer,
    rows: Vec<Row>,
    /// Recurrent weights at the start, for the figures, where they cannot be drawn again.
    start: Option<Aligned>,
    history: History,
    /// Seconds of training before this process.
    seconds_before: f64,
    began: Instant,
    /// Said once: of weights at the start, or where a run goes on with other instructions than it began with.
    warning: Option<String>,
}

/// What a run was made from and with: kept in its checkpoints.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// [`Trainer::fingerprint`] at the start.
    pub inputs: u32,
    /// The instruction sets it went on with, in order.
    pub instruction_sets: Vec<String>,
    /// What is to be said of the weights at its start.
    pub warning: Option<String>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A step is done; its loss was taken before it.
    Step {
        /// Epochs and steps done.
        position: Position,
        /// The loss of the batch.
        loss: f64,
    },
    /// An epoch is done.
    Epoch(&'a Row),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// All epochs are done and everything is written.
    Finished(Box<Report>),
    /// It was asked to stop; the checkpoint is written.
    Interrupted(Position),
}

/// `summary.json`: what a finished run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The name of the configuration.
    pub name: String,
    /// Where the data come from, if the name of the task does not say it ([`TaskSpec::data_label`]).
    ///
    /// [`TaskSpec::data_label`]: crate::task::TaskSpec::data_label
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Its seed.
    pub seed: u64,
    /// Epochs done.
    pub epochs: usize,
    /// The last epoch's training loss.
    pub train_loss: f64,
    /// The loss on the test samples at the end.
    pub test_loss: f64,
    /// The share of test samples answered rightly, for classes.
    pub test_accuracy: Option<f64>,
    /// Neurons.
    pub neurons: usize,
    /// Stored recurrent weights.
    pub synapses: usize,
    /// Recurrent weights that are exactly 0.
    pub silent_synapses: usize,
    /// Weights against the sign of their presynaptic neuron.
    pub sign_violations: usize,
    /// The instruction set of the kernels; several, in order, if the run was resumed with another.
    pub instruction_set: String,
    /// Threads.
    pub threads: usize,
    /// Seconds of training, pauses left out.
    pub seconds: f64,
    /// What was to be said of the weights at the start, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The version of daleian.
    pub version: String,
}

/// Names of the files of a run.
pub mod names {
    /// Every setting, resolved.
    pub const CONFIG: &str = "config.toml";
    /// One row an epoch.
    pub const METRICS: &str = "metrics.csv";
    /// The trained network.
    pub const MODEL: &str = "model.safetensors";
    /// The network that the run started from, where that was a model; with the moments that it began with, if any.
    pub const START: &str = "start.safetensors";
    /// The network, the optimizer and the position.
    pub const CHECKPOINT: &str = "checkpoint.safetensors";
    /// Which neuron each row and column of W is.
    pub const NEURONS: &str = "neurons.csv";
    /// What the run came to.
    pub const SUMMARY: &str = "summary.json";
    /// Drawings.
    pub const FIGURES: &str = "figures";
}

impl Run {
    /// The configuration.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Something that the user should know before the run goes on.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Trains to the last epoch, or until `stop` is set: then the step under way is finished and a checkpoint
    /// written.
    ///
    /// # Errors
    /// [`Error::Diverged`], with the last good checkpoint kept; or if a file cannot be written.
    pub fn go(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(Event)) -> Result<Ending> {
        self.began = Instant::now();
        while self.trainer.position().epoch < self.config.epochs {
            if stop.load(Ordering::Relaxed) {
                self.write_checkpoint()?;
                metrics_file::write(&self.path(names::METRICS), &self.rows)?;
                return Ok(Ending::Interrupted(self.trainer.position()));
            }
            let learning_rate = self.trainer.learning_rate();
            let (outcome, epoch) = self.trainer.step()?;
            let position = self.trainer.position();
            tell(Event::Step { position, loss: outcome.loss });
            if let Some(train) = epoch {
                let test = self.trainer.test();
                if !test.objective.is_finite() {
                    return Err(self.trainer.diverged("the test loss", test.objective));
                }
                self.rows.push(self.row(learning_rate, &train, &test));
                metrics_file::write(&self.path(names::METRICS), &self.rows)?;
                tell(Event::Epoch(&self.rows[self.rows.len() - 1]));
            }
            if self.due(position, epoch.is_some()) {
                self.write_checkpoint()?;
            }
        }
        self.finish().map(|report| Ending::Finished(Box::new(report)))
    }

    /// Whether a checkpoint is due after the step that led to `position`.
    fn due(&self, position: Position, epoch_done: bool) -> bool {
        let spec = self.config.checkpoint;
        let done = position.epoch == self.config.epochs;
        let by_epochs = spec.epochs.is_some_and(|every| epoch_done && position.epoch.is_multiple_of(every));
        let steps = position.epoch * self.trainer.steps_per_epoch() + position.step;
        done || by_epochs || spec.steps.is_some_and(|every| steps.is_multiple_of(every))
    }

    fn row(&self, learning_rate: f64, train: &Summary, test: &Summary) -> Row {
        Row {
            epoch: self.trainer.position().epoch,
            learning_rate,
            train_objective: train.objective,
            train_loss: train.loss,
            test_loss: test.loss,
            train_accuracy: train.accuracy.unwrap_or(f64::NAN),
            test_accuracy: test.accuracy.unwrap_or(f64::NAN),
            sign_violations: self.trainer.network().sign_violations(),
            seconds: self.seconds(),
        }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The configuration as the folder has it: the start is the copy beside it.
    fn kept_config(&self) -> RunConfig {
        let start = self.config.start.is_some().then(|| names::START.into());
        RunConfig { start, ..self.config.clone() }
    }

    fn write_config(&self) -> Result<()> {
        let text = self.kept_config().to_toml();
        write_atomic(self.path(names::CONFIG), |out| out.write_all(text.as_bytes()))
    }

    /// Writes a good checkpoint, or leaves the one before where training has diverged.
    fn write_checkpoint(&mut self) -> Result<()> {
        self.trainer.check_finite()?;
        // finite parameters can still be so large that nothing they answer is
        if let Some(&answer) = self.trainer.outputs(1).iter().find(|answer| !answer.is_finite()) {
            return Err(self.trainer.diverged("an output", f64::from(answer)));
        }
        let (path, seconds) = (self.path(names::CHECKPOINT), self.seconds());
        checkpoint::write(&path, &self.kept_config(), &self.trainer, &self.history, &self.rows, seconds)
    }

    /// Model, metrics, summary and figures.
    fn finish(&mut self) -> Result<Report> {
        // the last row was made by the parameters as they are now
        let last = *self.rows.last().expect("a finished run has at least one epoch, and a row for each");
        let network = self.trainer.network();
        let config = serde_json::to_value(self.kept_config()).expect("settings are plain data");
        network.save_with(self.path(names::MODEL), &config)?;
        metrics_file::write(&self.path(names::METRICS), &self.rows)?;
        let weights = &network.parameters()[RECURRENT];
        let report = Report {
            name: self.config.name.clone(),
            data: self.config.task.data_label(),
            seed: self.config.seed,
            epochs: self.trainer.position().epoch,
            train_loss: last.train_loss,
            test_loss: last.test_loss,
            test_accuracy: (!last.test_accuracy.is_nan()).then_some(last.test_accuracy),
            neurons: network.wiring().neurons(),
            synapses: weights.len(),
            silent_synapses: weights.iter().filter(|&&w| w == 0.0).count(),
            sign_violations: network.sign_violations(),
            instruction_set: self.history.instruction_sets.join(", "),
            threads: rayon::current_num_threads(),
            seconds: last.seconds,
            warning: self.history.warning.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        let (config, start, rows) = (&self.config, &self.start, &self.rows);
        let drawings = self.trainer.without_gradients(|trainer| match start {
            Some(start) => figures::draw(config, trainer, start, rows),
            None => {
                let start = init::recurrent(trainer.network().wiring(), &config.init, config.seed);
                figures::draw(config, trainer, &start, rows)
            }
        });
        let folder = self.path(names::FIGURES);
        make_folder(&folder)?;
        for (name, svg) in drawings {
            write_atomic(folder.join(name), |out| out.write_all(svg.as_bytes()))?;
        }
        let text = serde_json::to_string_pretty(&report).expect("numbers and words");
        write_atomic(self.path(names::SUMMARY), |out| writeln!(out, "{text}"))?;
        Ok(report)
    }
}

/// Whether a run keeps the weights that it starts with. Those drawn from the seed are drawn again when they are wanted.
pub(super) fn keeps_start(config: &RunConfig) -> bool {
    config.init.weights == InitWeights::Edges || config.start.is_some()
}

/// Makes a folder that is not there.
fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::io(folder, "make the folder", source))
}
