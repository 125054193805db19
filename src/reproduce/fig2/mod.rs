//! Figure 2: every task with every method, several seeds; loss curves, final weights, and where each run ends.

mod entries;
mod figure;
mod text;

use std::fs;
use std::sync::atomic::AtomicBool;

use daleian_kernels::Isa;
use serde::Serialize;

use super::csv_file::{self, write_text};
use super::{Job, Measure, Outcome, PaperTask, Settings, Spread, Told, paper, run_all};
use crate::error::{Error, Result};
use crate::figure::panels::panels;
use crate::network::Network;
use crate::run::{Method, Report, names};
use crate::task::TaskSpec;

/// What Figure 2 came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fig2 {
    /// Said where less was trained than the paper did.
    pub warning: Option<String>,
    /// A result a task.
    pub tasks: Vec<TaskResult>,
}

/// A task of Figure 2.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskResult {
    /// The task.
    pub task: &'static str,
    /// Where our data come from, if the name of the task does not say it.
    pub data: Option<String>,
    /// What its values are.
    pub measure: &'static str,
    /// A result a method.
    pub methods: Vec<MethodResult>,
}

/// A method of a task: the final value of each run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// The method.
    pub method: &'static str,
    /// Our runs, in the order of their seeds, from 1.
    pub ours: Spread,
    /// Those of them that failed: diverged, or with a mean squared error above
    /// [`FAILED_ABOVE`](super::FAILED_ABOVE).
    pub failed: usize,
    /// Seconds of each.
    pub seconds: Spread,
    /// The paper's runs; none where it has no such method.
    pub paper: Spread,
    /// Those of them that failed.
    pub paper_failed: usize,
    /// Seconds of one run on the paper's GPU, where they are known.
    pub paper_seconds: Option<f64>,
}

/// A task and a method with their runs.
pub(super) struct Group {
    pub task: PaperTask,
    pub method: Method,
    /// Jobs with their outcomes, in the order of seeds.
    pub runs: Vec<(Job, Outcome)>,
}

impl Group {
    /// The measure after each recorded epoch of a run.
    fn curve(&self, outcome: &Outcome) -> Vec<(f64, f64)> {
        let measure = self.task.measure();
        outcome.rows().iter().map(|row| (row.epoch as f64, measure.of(row))).collect()
    }

    /// Where a run ended; NaN if it diverged.
    fn last(&self, outcome: &Outcome) -> f64 {
        match outcome {
            Outcome::Finished(finished) => finished.rows.last().map_or(f64::NAN, |row| self.task.measure().of(row)),
            Outcome::Diverged { .. } => f64::NAN,
        }
    }

    /// Reports of the runs that finished.
    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.runs.iter().filter_map(|(_, outcome)| outcome.report())
    }

    /// The network of the first run that finished, and its seed.
    fn first_network(&self) -> Result<Option<(u64, Network)>> {
        let Some((job, _)) = self.runs.iter().find(|(_, outcome)| outcome.is_finished()) else {
            return Ok(None);
        };
        Ok(Some((job.config.seed, Network::load(job.folder.join(names::MODEL))?)))
    }

    fn result(&self) -> MethodResult {
        let measure = self.task.measure();
        let failed = |values: &[f64]| values.iter().filter(|&&value| measure.failed(value)).count();
        let ours: Vec<f64> = self.runs.iter().map(|(_, outcome)| self.last(outcome)).collect();
        let theirs = paper::finals(self.task, self.method);
        MethodResult {
            method: self.method.name(),
            failed: failed(&ours),
            ours: Spread::new(ours),
            seconds: Spread::new(self.reports().map(|report| report.seconds).collect()),
            paper_failed: failed(&theirs),
            paper: Spread::new(theirs),
            paper_seconds: self.task.paper_seconds(self.method),
        }
    }
}

/// Where the data of a task come from, if its name does not say it.
fn data_label(groups: &[Group]) -> Option<String> {
    groups.iter().flat_map(|group| &group.runs).find_map(|(job, _)| job.config.task.data_label())
}

/// The runs of a task and a method.
pub(super) fn jobs_of(settings: &Settings, task: PaperTask, method: Method) -> Result<Vec<Job>> {
    let seeds = settings.scale.seeds(task, method);
    seeds
        .map(|seed| {
            let mut config = task.config()?;
            method.apply(&mut config);
            settings.scale.apply(task, &mut config);
            if let TaskSpec::Images(images) = &mut config.task {
                images.data.clone_from(&settings.data);
            }
            config.seed = seed;
            config.name = format!("{}-{}", task.name(), method.name());
            config.validate()?;
            let folder = settings.out.join("runs").join(task.name()).join(method.name()).join(format!("seed{seed}"));
            Ok(Job { task, method, config, folder, start: None })
        })
        .collect()
}

/// Makes the runs that are not there yet, and writes `fig2/fig2.svg`, `fig2/fig2.csv` and `fig2/report.md` into the
/// folder of `settings`. `begin` hears of all runs before the first begins, `tell` how they go on. `None` if `stop`
/// was set before all were over; called again, it goes on.
///
/// # Errors
/// If a setting is wrong, a run folder holds a run of another configuration, or a file cannot be read or written.
pub fn fig2(
    settings: &Settings,
    isa: Isa,
    stop: &AtomicBool,
    begin: &mut dyn FnMut(&[Job]),
    tell: &(dyn Fn(Told) + Sync),
) -> Result<Option<Fig2>> {
    settings.check()?;
    let mut groups = Vec::new();
    for &task in &settings.tasks {
        for &method in &settings.methods {
            groups.push((task, method, jobs_of(settings, task, method)?));
        }
    }
    let jobs: Vec<Job> = groups.iter().flat_map(|(_, _, jobs)| jobs.iter().cloned()).collect();
    begin(&jobs);
    let Some(outcomes) = run_all(&jobs, isa, settings.threads, stop, tell)? else { return Ok(None) };
    let mut outcomes = outcomes.into_iter();
    let groups: Vec<Group> = groups
        .into_iter()
        .map(|(task, method, jobs)| Group { task, method, runs: jobs.into_iter().zip(outcomes.by_ref()).collect() })
        .collect();
    let tasks: Vec<(PaperTask, &[Group])> =
        settings.tasks.iter().copied().zip(groups.chunks(settings.methods.len())).collect();

    let result = Fig2 {
        warning: settings.scale.warning(&settings.tasks),
        tasks: tasks
            .iter()
            .map(|(task, groups)| TaskResult {
                task: task.name(),
                data: data_label(groups),
                measure: task.measure().key(),
                methods: groups.iter().map(Group::result).collect(),
            })
            .collect(),
    };
    let (rows, weights) = figure::rows(&tasks)?;
    let folder = settings.out.join("fig2");
    fs::create_dir_all(&folder).map_err(|source| Error::io(&folder, "make the folder", source))?;
    write_text(&folder.join("fig2.csv"), &csv_file::text(&entries::all(&tasks, &result, &weights)))?;
    write_text(&folder.join("fig2.svg"), &panels(&figure::figure(result.warning.as_deref(), rows)))?;
    write_text(&folder.join("report.md"), &text::report(settings, &tasks, &result))?;
    Ok(Some(result))
}
