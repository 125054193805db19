//! Figure 3: what pruning does to networks that Dale's backprop trained, at once and after training on; and how much of
//! the maximum spanning tree survives.

mod figure;
mod text;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use daleian_kernels::Isa;
use rayon::prelude::*;
use serde::Serialize;

use super::csv_file::{self, Entry, label, write_text};
use super::fig2::jobs_of;
use super::scale::part_of;
use super::{Job, Outcome, PaperTask, PrunedStart, Settings, Spread, Told, paper, run_all};
use crate::analysis::tree_overlap::{TheoryRow, sparsities, theory};
use crate::analysis::{Histogram, largest_magnitude};
use crate::error::{Error, Result};
use crate::figure::panels::panels;
use crate::network::{Network, RECURRENT};
use crate::prune::{PruneMethod, PruneTarget, Pruning, keep_probabilities, prune};
use crate::run::{Method, RunConfig, names};
use crate::train::Evaluation;

/// What Figure 3 came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fig3 {
    /// Said where less was trained than the paper did.
    pub warning: Option<String>,
    /// A result a task.
    pub tasks: Vec<TaskPruned>,
}

/// A task of Figure 3.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskPruned {
    /// The task.
    pub task: &'static str,
    /// Where our data come from, if the name of the task does not say it.
    pub data: Option<String>,
    /// What its errors are.
    pub error: &'static str,
    /// The connection probability that networks were retrained from.
    pub retrained_from: f64,
    /// The seeds of the networks.
    pub seeds: Vec<u64>,
    /// Test errors of the networks before pruning.
    pub unpruned: Spread,
    /// Seconds that their training took, each.
    pub seconds: Spread,
    /// Seconds of one run on the paper's GPU, where they are known.
    pub paper_seconds: Option<f64>,
    /// A result a way of pruning.
    pub methods: Vec<PrunedResult>,
}

/// A way of pruning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrunedResult {
    /// Its name.
    pub pruning: &'static str,
    /// Test errors straight after pruning, `[networks][connection probabilities]`.
    pub errors: Vec<Vec<f64>>,
    /// Their mean over networks and probabilities.
    pub mean: Option<f64>,
    /// Their median.
    pub median: Option<f64>,
    /// The paper's mean, where it pruned this way.
    pub paper_mean: Option<f64>,
    /// The paper's median.
    pub paper_median: Option<f64>,
    /// Errors straight after pruning to `retrained_from`.
    pub at_once: Spread,
    /// Errors after training on with the synapses that were left.
    pub retrained: Spread,
    /// Seconds that it took, each.
    pub seconds: Spread,
}

/// Which of the paper's connection probabilities networks are retrained from (0.086, about 90 % sparse).
const RETRAINED: usize = 2;
/// The sparsity whose surviving weights are shown.
const SURVIVING: f64 = 0.9;
/// Samples evaluated at a time.
const BATCH: usize = 256;
/// Bins of a distribution.
const BINS: usize = 60;
/// Sizes of the theory, with how many matrices are drawn of each.
const THEORY: [(usize, usize); 4] = [(10, 200), (50, 50), (100, 20), (1000, 2)];
/// The seed of the theory's matrices.
const THEORY_SEED: u64 = 1;

/// A trained network that was pruned in every way.
pub(super) struct Tested {
    pub seed: u64,
    /// `[ways][connection probabilities]`.
    pub errors: Vec<Vec<f64>>,
    /// Weights that survive at sparsity 0.9, a way each; those of the first network are drawn.
    pub surviving: Vec<Histogram>,
}

/// A task with its networks and what became of them.
pub(super) struct Group {
    pub task: PaperTask,
    /// Runs of Dale's backprop, in the order of seeds. One that diverged has no network.
    pub trained: Vec<(Job, Outcome)>,
    /// The networks of the others.
    pub tested: Vec<Tested>,
    /// Runs from pruned networks, `[ways]`, in the order of seeds.
    pub retrained: Vec<Vec<(Job, Outcome)>>,
}

/// What an error is.
pub(super) fn error_name(task: PaperTask) -> &'static str {
    if task == PaperTask::Images { "Test cross-entropy" } else { "Test mean squared error" }
}

impl PaperTask {
    /// Epochs of retraining in the paper.
    fn retraining_epochs(self) -> usize {
        match self {
            Self::FlipFlop => 40,
            Self::Wave => 10,
            Self::Images => 25,
        }
    }

    /// The paper's errors straight after pruning, `[runs][connection probabilities]`; none of its own by magnitude.
    fn paper_errors(self, method: PruneMethod) -> &'static [Vec<f64>] {
        match method {
            PruneMethod::TopProb => &paper::pruned(self).topprob,
            PruneMethod::Random => &paper::pruned(self).random,
            PruneMethod::Magnitude => &[],
        }
    }
}

/// Prunes, tests and retrains what Dale's backprop trained (which is trained first where it is not there yet), and
/// writes `fig3/fig3.svg`, `fig3/fig3.csv` and `fig3/report.md` into the folder of `settings`. `begin` hears of all
/// runs before the first begins, `tell` how they go on (of none from a network that diverged). `None` if `stop` was set before all were over;
/// called again, it goes on.
///
/// # Errors
/// If a setting is wrong, a run folder holds a run of another configuration, or a file cannot be read or written.
pub fn fig3(
    settings: &Settings,
    isa: Isa,
    stop: &AtomicBool,
    begin: &mut dyn FnMut(&[Job]),
    tell: &(dyn Fn(Told) + Sync),
) -> Result<Option<Fig3>> {
    settings.check()?;
    let mut trained = Vec::new();
    for &task in &settings.tasks {
        trained.extend(jobs_of(settings, task, Method::Dale)?);
    }
    let again: Vec<Job> = PruneMethod::ALL
        .iter()
        .flat_map(|&method| trained.iter().map(move |job| retraining(settings, job, method)))
        .collect();
    begin(&[trained.as_slice(), &again].concat());
    let Some(outcomes) = run_all(&trained, isa, settings.threads, stop, tell)? else { return Ok(None) };
    let count = trained.len();
    let trained: Vec<(Job, Outcome)> = trained.into_iter().zip(outcomes).collect();

    // a run that diverged has no network
    let (places, again): (Vec<usize>, Vec<Job>) =
        again.into_iter().enumerate().filter(|(place, _)| trained[place % count].1.is_finished()).unzip();
    let later = |told: Told| tell(told.numbered(|job| count + places[job]));
    let Some(outcomes) = run_all(&again, isa, settings.threads, stop, &later)? else { return Ok(None) };
    let runs: Vec<(Job, Outcome)> = again.into_iter().zip(outcomes).collect();

    tell(Told::Doing("pruning and testing the networks"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build();
    let pool = pool.map_err(|error| Error::setting("--threads", error))?;
    let networks: Vec<&Job> = trained.iter().filter(|(_, outcome)| outcome.is_finished()).map(|(job, _)| job).collect();
    let tested = pool.install(|| {
        networks
            .par_iter()
            .map(|job| if stop.load(Ordering::Relaxed) { Ok(None) } else { test(job, isa).map(Some) })
            .collect::<Result<Option<Vec<_>>>>()
    })?;
    let Some(tested) = tested else { return Ok(None) };
    let mut tested: Vec<(PaperTask, Tested)> = networks.iter().map(|job| job.task).zip(tested).collect();
    let mut groups = Vec::new();
    for &task in &settings.tasks {
        let of = |method: PruneMethod| {
            let ours = |job: &Job| job.task == task && job.start.as_ref().is_some_and(|start| start.method == method);
            runs.iter().filter(|(job, _)| ours(job)).cloned().collect()
        };
        groups.push(Group {
            task,
            trained: trained.iter().filter(|(job, _)| job.task == task).cloned().collect(),
            tested: tested.extract_if(.., |(other, _)| *other == task).map(|(_, tested)| tested).collect(),
            retrained: PruneMethod::ALL.map(of).into(),
        });
    }
    tell(Told::Doing("overlap with the spanning tree"));
    let kept = |weights: &[f32], share: f64| keep_probabilities(weights, share * weights.len() as f64);
    let theory: Vec<TheoryRow> = pool
        .install(|| THEORY.iter().flat_map(|&(n, draws)| theory(n, &sparsities(), draws, THEORY_SEED, kept)).collect());
    let result =
        Fig3 { warning: settings.scale.warning(&settings.tasks), tasks: groups.iter().map(Group::result).collect() };
    write(settings, &groups, &theory, &result)?;
    Ok(Some(result))
}

fn write(settings: &Settings, groups: &[Group], theory: &[TheoryRow], result: &Fig3) -> Result<()> {
    let folder = settings.out.join("fig3");
    fs::create_dir_all(&folder).map_err(|source| Error::io(&folder, "make the folder", source))?;
    write_text(&folder.join("fig3.csv"), &csv_file::text(&entries(groups, theory, result)))?;
    write_text(&folder.join("fig3.svg"), &panels(&figure::figure(result.warning.as_deref(), groups, theory)))?;
    write_text(&folder.join("report.md"), &text::report(settings, groups, theory, result))
}

/// The run that goes on from `job`'s network, pruned.
fn retraining(settings: &Settings, job: &Job, method: PruneMethod) -> Job {
    let epochs = part_of(job.task.retraining_epochs(), settings.scale.part(job.task).epochs);
    let config = RunConfig { epochs, name: format!("{}-{}", job.config.name, method.name()), ..job.config.clone() };
    let start = PrunedStart {
        model: job.folder.join(names::MODEL),
        method,
        density: paper::probabilities()[RETRAINED],
        seed: job.config.seed,
    };
    let folder = settings.out.join("runs").join(job.task.name()).join(format!("dale-{}", method.name()));
    let folder = folder.join(format!("seed{}", job.config.seed));
    Job { task: job.task, method: job.method, config, folder, start: Some(start) }
}

/// Prunes the network of a finished run in every way to every connection probability, and tests what is left.
fn test(job: &Job, isa: Isa) -> Result<Tested> {
    let network = Network::load(job.folder.join(names::MODEL))?;
    let data = job.config.task.load(job.config.seed, Path::new(""))?;
    let objective = job.config.objective();
    let left = |method, density| -> Result<Network> {
        let pruning = Pruning { method, target: PruneTarget::Whole(density), redistribute: true };
        Ok(prune(&network, &pruning, job.config.seed)?.network)
    };
    let limit = f64::from(largest_magnitude(&network.parameters()[RECURRENT])).max(f64::MIN_POSITIVE);
    let (mut errors, mut surviving) = (Vec::new(), Vec::new());
    for method in PruneMethod::ALL {
        let error = |&density: &f64| -> Result<f64> {
            let network = left(method, density)?;
            let mut evaluation = Evaluation::new(&network, isa, data.test(), BATCH);
            Ok(evaluation.run(&network, data.test(), &objective).loss)
        };
        errors.push(paper::probabilities().iter().map(error).collect::<Result<_>>()?);
        let mut histogram = Histogram::new(-limit, limit, BINS);
        left(method, 1.0 - SURVIVING)?.parameters()[RECURRENT].iter().for_each(|&w| histogram.add(f64::from(w)));
        surviving.push(histogram);
    }
    Ok(Tested { seed: job.config.seed, errors, surviving })
}

impl Group {
    fn result(&self) -> TaskPruned {
        let full = paper::probabilities().len() - 1;
        let methods = PruneMethod::ALL.iter().enumerate().map(|(way, &method)| {
            let errors: Vec<Vec<f64>> = self.tested.iter().map(|tested| tested.errors[way].clone()).collect();
            let (all, theirs) = (Spread::new(errors.concat()), Spread::new(self.task.paper_errors(method).concat()));
            let last = |(_, outcome): &(Job, Outcome)| outcome.report().map_or(f64::NAN, |report| report.test_loss);
            PrunedResult {
                pruning: method.name(),
                mean: all.mean,
                median: all.median,
                paper_mean: theirs.mean,
                paper_median: theirs.median,
                at_once: Spread::new(errors.iter().map(|errors| errors[RETRAINED]).collect()),
                retrained: Spread::new(self.retrained[way].iter().map(last).collect()),
                seconds: seconds(&self.retrained[way]),
                errors,
            }
        });
        TaskPruned {
            task: self.task.name(),
            data: self.trained.iter().find_map(|(job, _)| job.config.task.data_label()),
            error: error_name(self.task),
            retrained_from: paper::probabilities()[RETRAINED],
            seeds: self.tested.iter().map(|tested| tested.seed).collect(),
            seconds: seconds(&self.trained),
            paper_seconds: self.task.paper_seconds(Method::Dale),
            // nothing is taken away at connection probability 1
            unpruned: Spread::new(self.tested.iter().map(|tested| tested.errors[0][full]).collect()),
            methods: methods.collect(),
        }
    }
}

/// Seconds of each run that finished.
fn seconds(runs: &[(Job, Outcome)]) -> Spread {
    Spread::new(runs.iter().filter_map(|(_, outcome)| outcome.report()).map(|report| report.seconds).collect())
}

/// Every number of the figure, one a row.
fn entries(groups: &[Group], theory: &[TheoryRow], result: &Fig3) -> Vec<Entry> {
    let mut out = Vec::new();
    for (group, task) in groups.iter().zip(&result.tasks) {
        let entry = Entry { figure: "fig3", task: task.task, method: "dale", ..Entry::default() };
        for (job, outcome) in &group.trained {
            times(&mut out, &Entry { source: "ours", ..entry.clone() }, job, outcome);
        }
        if let Some(value) = task.paper_seconds {
            out.push(Entry { panel: "time", source: "paper", metric: "seconds", value, ..entry.clone() });
        }
        for (way, (&method, result)) in PruneMethod::ALL.iter().zip(&task.methods).enumerate() {
            let entry = Entry { pruning: method.name(), source: "ours", ..entry.clone() };
            let theirs = (1..).zip(group.task.paper_errors(method)).map(|(seed, errors)| ("paper", seed, errors));
            let ours = group.tested.iter().map(|tested| ("ours", tested.seed, &tested.errors[way]));
            for (source, seed, errors) in ours.chain(theirs) {
                for (&x, &value) in paper::probabilities().iter().zip(errors) {
                    let entry = Entry { panel: "pruned", source, seed: Some(seed), x: Some(x), ..entry.clone() };
                    out.push(Entry { metric: "test_loss", value, ..entry });
                }
            }
            for (source, metric, value) in [
                ("ours", "test_loss_mean", result.mean),
                ("ours", "test_loss_median", result.median),
                ("paper", "test_loss_mean", result.paper_mean),
                ("paper", "test_loss_median", result.paper_median),
                ("ours", "retrained_test_loss_mean", result.retrained.mean),
                ("ours", "retrained_test_loss_median", result.retrained.median),
            ] {
                if let Some(value) = value {
                    out.push(Entry { panel: "summary", source, metric, value, ..entry.clone() });
                }
            }
            for (job, outcome) in &group.retrained[way] {
                times(&mut out, &entry, job, outcome);
                for row in outcome.rows() {
                    let (seed, epoch) = (Some(job.config.seed), Some(row.epoch));
                    let entry = Entry { panel: "recovery", seed, epoch, ..entry.clone() };
                    out.push(Entry { metric: "test_loss", value: row.test_loss, ..entry });
                }
            }
            for tested in &group.tested {
                for (bin, &count) in tested.surviving[way].counts.iter().enumerate() {
                    let (seed, x) = (Some(tested.seed), Some(tested.surviving[way].edge(bin)));
                    let entry = Entry { panel: "surviving", seed, x, ..entry.clone() };
                    out.push(Entry { metric: "synapses_in_bin_from_x", value: count as f64, ..entry });
                }
            }
        }
    }
    for task in &result.tasks {
        label(&mut out, task.task, task.data.as_deref());
    }
    for row in theory {
        let task = ["theory-n10", "theory-n50", "theory-n100", "theory-n1000"]
            [THEORY.iter().position(|&(n, _)| n == row.n).unwrap_or_default()];
        let (pruning, x) = (row.method, Some(row.sparsity));
        let entry = Entry { figure: "fig3", panel: "tree", task, pruning, source: "ours", x, ..Entry::default() };
        for (metric, value) in [("overlap_mean", row.mean), ("overlap_sd", row.spread), ("overlap_bound", row.bound)] {
            out.push(Entry { metric, value, ..entry.clone() });
        }
    }
    out
}

fn times(out: &mut Vec<Entry>, entry: &Entry, job: &Job, outcome: &Outcome) {
    if let Some(report) = outcome.report() {
        let entry = Entry { panel: "time", seed: Some(job.config.seed), ..entry.clone() };
        out.push(Entry { metric: "seconds", value: report.seconds, ..entry });
    }
}
