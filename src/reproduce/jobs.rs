//! Runs side by side: each on one thread, as many as there are threads, whatever is finished left as it is.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use daleian_kernels::Isa;

use super::PaperTask;
use super::scale::samples;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::prune::{PruneMethod, PruneTarget, Pruning, prune};
use crate::run::{Ending, Event, Finished, Method, Report, Run, RunConfig, finished, metrics_of, names};
use crate::train::Row;

/// One run to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its task.
    pub task: PaperTask,
    /// Its method.
    pub method: Method,
    /// Its settings, the seed among them.
    pub config: RunConfig,
    /// Its folder.
    pub folder: PathBuf,
    /// The pruned network that it starts from; `None` for a start of its own.
    pub start: Option<PrunedStart>,
}

/// A trained network, pruned as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct PrunedStart {
    /// The file of the trained network.
    pub model: PathBuf,
    /// How entries are chosen.
    pub method: PruneMethod,
    /// The connection probability that is kept.
    pub density: f64,
    /// The seed of the draw.
    pub seed: u64,
}

impl PrunedStart {
    fn network(&self) -> Result<Network> {
        let pruning = Pruning { method: self.method, target: PruneTarget::Whole(self.density), redistribute: true };
        Ok(prune(&Network::load(&self.model)?, &pruning, self.seed)?.network)
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All epochs are done.
    Finished(Box<Finished>),
    /// Something was not finite.
    Diverged {
        /// What was, and where.
        message: String,
        /// The epochs before.
        rows: Vec<Row>,
    },
}

/// What is told while runs go on, from any thread.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// The runs are over, and something else begins that takes its time.
    Doing(&'static str),
    /// Run number `job` is this share through.
    Share {
        /// Which run.
        job: usize,
        /// From 0 to 1.
        share: f64,
    },
    /// Run number `job` is over.
    Over {
        /// Which run.
        job: usize,
        /// How it ended.
        outcome: &'a Outcome,
        /// Whether it was finished before.
        before: bool,
    },
}

impl Told<'_> {
    /// The same of the run that has this number elsewhere.
    pub(super) fn numbered(self, number: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Doing(what) => Self::Doing(what),
            Self::Share { job, share } => Self::Share { job: number(job), share },
            Self::Over { job, outcome, before } => Self::Over { job: number(job), outcome, before },
        }
    }
}

impl Outcome {
    /// Whether all epochs are done.
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    /// What its folder says of it, if it is finished.
    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Self::Finished(finished) => Some(&finished.report),
            Self::Diverged { .. } => None,
        }
    }

    /// The epochs that were recorded.
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Finished(finished) => &finished.rows,
            Self::Diverged { rows, .. } => rows,
        }
    }
}

impl Job {
    /// A name for people.
    pub fn name(&self) -> String {
        let pruned = self.start.as_ref().map(|start| format!(", {} to {:.3}", start.method.name(), start.density));
        let pruned = pruned.unwrap_or_default();
        format!("{}, {}{pruned}, seed {}", self.task.name(), self.method.name(), self.config.seed)
    }

    /// About what it costs, in no unit: epochs, samples and steps together.
    pub fn cost(&self) -> f64 {
        let steps = match self.task {
            PaperTask::FlipFlop => 50.0,
            PaperTask::Wave => 500.0,
            PaperTask::Images => 28.0,
        };
        let (train, test) = samples(&self.config.task).unwrap_or((1, 0));
        // going back costs about twice what going forward does
        self.config.epochs as f64 * steps * (train as f64 + test as f64 / 3.0)
    }

    /// The configuration as its folder has it once it was begun: of a run from a network, the network takes the place of
    /// populations and connections.
    fn begun(&self) -> Result<RunConfig> {
        let path = self.folder.join(names::CONFIG);
        if self.start.is_none() || !path.exists() {
            return Ok(self.config.clone());
        }
        let RunConfig { start, connectome, population, connection, .. } = RunConfig::read(&path)?;
        Ok(RunConfig { start, connectome, population, connection, ..self.config.clone() })
    }

    /// What the run came to, if it is finished.
    fn finished(&self) -> Result<Option<Outcome>> {
        Ok(finished(&self.begun()?, &self.folder)?.map(|finished| Outcome::Finished(Box::new(finished))))
    }

    fn run(&self, isa: Isa, stop: &AtomicBool, tell: &mut dyn FnMut(f64)) -> Result<Option<Outcome>> {
        let begun = self.folder.join(names::CONFIG).exists();
        let mut run = match &self.start {
            _ if begun => Run::resume(self.begun()?, &self.folder, isa)?,
            Some(start) => Run::create_from(self.config.clone(), &self.folder, isa, start.network()?)?,
            None => Run::create(self.config.clone(), &self.folder, isa)?,
        };
        let steps = run.trainer().steps_per_epoch() as f64;
        let epochs = self.config.epochs as f64;
        let ending = run.go(stop, &mut |event| {
            if let Event::Step { position, .. } = event {
                tell((position.epoch as f64 + position.step as f64 / steps) / epochs);
            }
        });
        match ending {
            Ok(Ending::Finished(_)) => self.finished(),
            Ok(Ending::Interrupted(_)) => Ok(None),
            Err(error @ Error::Diverged { .. }) => {
                Ok(Some(Outcome::Diverged { message: error.to_string(), rows: metrics_of(&self.folder)? }))
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes all runs that are not finished yet, `threads` side by side, each in a pool of one thread: no result depends
/// on the number. `None` if `stop` was set before all were over: then each has finished its step and written its
/// checkpoint, and calling this again goes on. A run that diverges is an outcome like another.
///
/// # Errors
/// Of the first run that failed for another reason; the others are then stopped as by `stop`.
pub fn run_all(
    jobs: &[Job],
    isa: Isa,
    threads: usize,
    stop: &AtomicBool,
    tell: &(dyn Fn(Told) + Sync),
) -> Result<Option<Vec<Outcome>>> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(jobs.len());
    for (job, run) in jobs.iter().enumerate() {
        let outcome = run.finished()?;
        if let Some(outcome) = &outcome {
            tell(Told::Over { job, outcome, before: true });
        }
        outcomes.push(outcome);
    }
    // the long ones first, so that none is left alone at the end
    let mut order: Vec<usize> = (0..jobs.len()).filter(|&job| outcomes[job].is_none()).collect();
    order.sort_by(|&a, &b| jobs[b].cost().total_cmp(&jobs[a].cost()));
    let (next, halt) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (ended, failed) = (Mutex::new(Vec::new()), Mutex::new(None));
    let work = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| Error::setting("--threads", error))?;
        while let Some(&job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) || halt.load(Ordering::Relaxed) {
                break;
            }
            let outcome = pool.install(|| {
                jobs[job].run(isa, &halt, &mut |share| {
                    tell(Told::Share { job, share });
                    if stop.load(Ordering::Relaxed) {
                        halt.store(true, Ordering::Relaxed);
                    }
                })
            })?;
            if let Some(outcome) = outcome {
                tell(Told::Over { job, outcome: &outcome, before: false });
                ended.lock().expect("no run panicked").push((job, outcome));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(order.len()) {
            scope.spawn(|| {
                if let Err(error) = work() {
                    halt.store(true, Ordering::Relaxed);
                    failed.lock().expect("no run panicked").get_or_insert(error);
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().expect("no run panicked") {
        return Err(error);
    }
    for (job, outcome) in ended.into_inner().expect("no run panicked") {
        outcomes[job] = Some(outcome);
    }
    Ok(outcomes.into_iter().collect())
}
