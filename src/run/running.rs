//! A run in a folder: its phases, metrics, checkpoints, figures.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::checkpoint::{self, Record};
use super::phase::{PhaseSpec, TrainPhase};
use super::report::{PhaseReport, Report};
use super::{Resources, RunConfig, metrics_file, names};
use crate::data::batches_per_epoch;
use crate::error::{Error, Result};
use crate::files::write_atomic;
use crate::train::{Position, Row, Summary, Trainer};

mod finish;
mod opening;
mod pruning;
mod resuming;

/// A run and the folder that it writes.
#[derive(Debug)]
pub struct Run {
    config: RunConfig,
    folder: PathBuf,
    resources: Resources,
    /// Always there, but while one phase hands over to the next.
    trainer: Option<Trainer>,
    record: Record,
    /// Seconds of training before this process.
    seconds_before: f64,
    began: Instant,
    /// Said once: of weights at the start, or where a run goes on with other instructions than it began with.
    warning: Option<String>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A phase begins, or goes on after a pause. Not told where the configuration has no `[[phase]]`.
    PhaseBegan {
        /// Which one, from 1.
        number: usize,
        /// What it does.
        phase: &'a PhaseSpec,
    },
    /// A step is done; its loss was taken before it.
    Step {
        /// Epochs and steps done.
        position: Position,
        /// Steps done in all phases.
        done: usize,
        /// The loss of the batch.
        loss: f64,
    },
    /// An epoch is done.
    Epoch(&'a Row),
    /// A phase is over. Not told where the configuration has no `[[phase]]`.
    PhaseDone {
        /// Which one, from 1.
        number: usize,
        /// What it came to.
        report: &'a PhaseReport,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// All phases are done and everything is written.
    Finished(Box<Report>),
    /// It was asked to stop; the checkpoint is written.
    Interrupted(Position),
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

    /// The trainer of the phase under way.
    pub fn trainer(&self) -> &Trainer {
        self.trainer.as_ref().expect("there is a trainer between two calls")
    }

    fn trainer_mut(&mut self) -> &mut Trainer {
        self.trainer.as_mut().expect("there is a trainer between two calls")
    }

    /// The phase under way, counted from 1; after the last one it stays.
    pub fn phase(&self) -> usize {
        (self.record.phase + 1).min(self.config.phases().len())
    }

    /// Steps done in all phases.
    pub fn steps_done(&self) -> usize {
        let Position { epoch, step } = self.trainer().position();
        let within = epoch - self.config.epochs_before(self.record.phase);
        self.steps_before(self.record.phase) + within * self.trainer().steps_per_epoch() + step
    }

    /// Steps of all phases.
    pub fn total_steps(&self) -> usize {
        self.steps_before(usize::MAX)
    }

    /// Steps of the phases before number `at`, counted from 0.
    fn steps_before(&self, at: usize) -> usize {
        let samples = self.trainer().data().train().samples();
        let training = self.config.phases().into_owned().into_iter().take(at);
        let phases = training.filter_map(|phase| phase.as_train().map(|train| (train.epochs, train.batch)));
        phases.map(|(epochs, batch)| epochs * batches_per_epoch(samples, batch.unwrap_or(self.config.batch))).sum()
    }

    /// Something that the user should know before the run goes on.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Goes through the phases to the end, or until `stop` is set: then the step under way is finished and a checkpoint
    /// written.
    ///
    /// # Errors
    /// [`Error::Diverged`], with the last good checkpoint kept; or if a file cannot be written, or a pruning is not possible.
    pub fn go(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(Event)) -> Result<Ending> {
        self.began = Instant::now();
        let phases = self.config.phases().into_owned();
        let told = !self.config.phase.is_empty();
        while let Some(phase) = phases.get(self.record.phase) {
            let number = self.record.phase + 1;
            if told {
                tell(Event::PhaseBegan { number, phase });
            }
            let done = match phase {
                PhaseSpec::Train(train) => self.train(train, stop, tell)?,
                PhaseSpec::Prune(_) if stop.load(Ordering::Relaxed) => false,
                PhaseSpec::Prune(prune) => self.prune(prune)?,
            };
            if !done {
                self.write_checkpoint()?;
                metrics_file::write(&self.path(names::METRICS), &self.record.rows)?;
                return Ok(Ending::Interrupted(self.trainer().position()));
            }
            if told {
                tell(Event::PhaseDone { number, report: &self.record.phases[number - 1] });
            }
        }
        self.finish().map(|report| Ending::Finished(Box::new(report)))
    }

    /// Trains to the end of the phase and goes into the next; not to the end if `stop` is set.
    fn train(&mut self, phase: &TrainPhase, stop: &AtomicBool, tell: &mut dyn FnMut(Event)) -> Result<bool> {
        let end = self.config.epochs_before(self.record.phase) + phase.epochs;
        let mut steps = self.steps_done();
        while self.trainer().position().epoch < end {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let learning_rate = self.trainer().learning_rate();
            let (outcome, epoch) = self.trainer_mut().step()?;
            let position = self.trainer().position();
            steps += 1;
            tell(Event::Step { position, done: steps, loss: outcome.loss });
            if let Some(train) = epoch {
                let test = self.test()?;
                let row = self.row(learning_rate, &train, &test);
                self.record.rows.push(row);
                metrics_file::write(&self.path(names::METRICS), &self.record.rows)?;
                tell(Event::Epoch(&row));
            }
            if position.epoch == end || self.due(position, steps, epoch.is_some()) {
                self.write_checkpoint()?;
            }
        }
        // the last row was made by the parameters as they are now
        let last = *self.record.rows.last().expect("a phase of training has an epoch, and a row for each");
        let report =
            PhaseReport { epochs: phase.epochs, train_loss: Some(last.train_loss), ..self.phase_report("train") };
        self.record.phases.push(PhaseReport {
            test_loss: last.test_loss,
            test_accuracy: (!last.test_accuracy.is_nan()).then_some(last.test_accuracy),
            ..report
        });
        self.record.phase += 1;
        self.record.updates_before = self.trainer().optimizer().updates;
        if let Some(PhaseSpec::Train(_)) = self.config.phase.get(self.record.phase) {
            self.train_differently()?;
        }
        Ok(true)
    }

    /// What there is to say of a phase that leaves the network as it is now, but for losses.
    fn phase_report(&self, kind: &str) -> PhaseReport {
        let pattern = self.trainer().network().wiring().recurrent();
        PhaseReport {
            kind: kind.into(),
            epochs: 0,
            train_loss: None,
            test_loss: f64::NAN,
            test_accuracy: None,
            synapses: pattern.nnz(),
            density: pattern.density(),
        }
    }

    /// Whether a checkpoint is due after the step that led to `position`, number `steps` of the run.
    fn due(&self, position: Position, steps: usize, epoch_done: bool) -> bool {
        let spec = self.config.checkpoint;
        let by_epochs = spec.epochs.is_some_and(|every| epoch_done && position.epoch.is_multiple_of(every));
        by_epochs || spec.steps.is_some_and(|every| steps.is_multiple_of(every))
    }

    /// What the network comes to on the test samples.
    fn test(&mut self) -> Result<Summary> {
        let test = self.trainer_mut().test();
        match test.objective.is_finite() {
            true => Ok(test),
            false => Err(self.trainer().diverged("the test loss", test.objective)),
        }
    }

    fn row(&self, learning_rate: f64, train: &Summary, test: &Summary) -> Row {
        Row {
            epoch: self.trainer().position().epoch,
            phase: self.record.phase + 1,
            learning_rate,
            train_objective: train.objective,
            train_loss: train.loss,
            test_loss: test.loss,
            train_accuracy: train.accuracy.unwrap_or(f64::NAN),
            test_accuracy: test.accuracy.unwrap_or(f64::NAN),
            sign_violations: self.trainer().network().sign_violations(),
            seconds: self.seconds(),
        }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The configuration as the folder has it.
    fn kept_config(&self) -> RunConfig {
        self.config.kept_in(&self.folder)
    }

    fn write_config(&self) -> Result<()> {
        let text = self.kept_config().to_toml();
        write_atomic(self.path(names::CONFIG), |out| out.write_all(text.as_bytes()))
    }

    /// What the network answers to the first test sample that is no finite number.
    fn answer_not_finite(&mut self) -> Option<f32> {
        self.trainer_mut().outputs(1).into_iter().find(|answer| !answer.is_finite())
    }

    /// Writes a good checkpoint, or leaves the one before where training has diverged.
    fn write_checkpoint(&mut self) -> Result<()> {
        self.trainer().check_finite()?;
        // finite parameters can still be so large that nothing they answer is
        if let Some(answer) = self.answer_not_finite() {
            return Err(self.trainer().diverged("an output", f64::from(answer)));
        }
        let (path, seconds) = (self.path(names::CHECKPOINT), self.seconds());
        checkpoint::write(&path, &self.kept_config(), self.trainer(), &self.record, seconds)
    }
}

/// Makes a folder that is not there.
fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::io(folder, "make the folder", source))
}
