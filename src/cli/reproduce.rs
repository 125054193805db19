//! `daleian reproduce fig2|fig3`: the paper's figures, ours beside theirs.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use daleian::Result;
use daleian::reproduce::{Fig2, Fig3, Job, Outcome, PaperTask, QUICK, Scale, Settings, Spread, Told, fig2, fig3};
use daleian::run::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::args::{Figure, Reproduce};
use super::train::{quoted, stop_flag};
use super::{INTERRUPTED, exec, print, print_json, say};

/// Runs and baseline runs as the paper's figures need them.
const RUNS: usize = 5;
const BASELINE_RUNS: usize = 20;
/// Plain lines come at most this often.
const PAUSE: Duration = Duration::from_secs(10);

pub fn run(args: Reproduce) -> Result<ExitCode> {
    let isa = exec(None)?.isa();
    let settings = settings(&args)?;
    settings.check()?;
    let stop = stop_flag()?;
    let progress = Progress::default();
    let mut begin = |jobs: &[Job]| progress.begin(jobs, settings.threads);
    let tell = |told: Told| progress.tell(told);
    let result = match args.figure {
        Figure::Fig2 => fig2(&settings, isa, &stop, &mut begin, &tell).map(|result| result.map(Made::Fig2)),
        Figure::Fig3 => fig3(&settings, isa, &stop, &mut begin, &tell).map(|result| result.map(Made::Fig3)),
    };
    progress.finish();
    let Some(result) = result? else {
        say(format_args!("stopped; every run has its checkpoint\nto go on: daleian reproduce {}", again(&args)));
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if args.json {
        print_json(&result)?;
    } else {
        match &result {
            Made::Fig2(result) => print(&tables(result, &settings.out))?,
            Made::Fig3(result) => print(&pruned_tables(result, &settings.out))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was made.
#[derive(Serialize)]
#[serde(untagged)]
enum Made {
    Fig2(Fig2),
    Fig3(Fig3),
}

fn settings(args: &Reproduce) -> Result<Settings> {
    let tasks = match args.task.as_str() {
        "all" => PaperTask::ALL.to_vec(),
        name => vec![PaperTask::named(name)?],
    };
    let base = if args.quick { QUICK } else { Scale::whole(RUNS, BASELINE_RUNS) };
    let scale = Scale {
        runs: args.runs.unwrap_or(base.runs),
        baseline_runs: args.baseline_runs.unwrap_or(base.baseline_runs),
        ..base
    };
    let folder = if args.quick { "reproduce-quick" } else { "reproduce" };
    Ok(Settings {
        out: args.out.clone().unwrap_or_else(|| PathBuf::from(folder)),
        tasks,
        methods: Method::ALL.to_vec(),
        scale,
        threads: match args.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        },
        data: args.data.as_ref().map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.clone())),
    })
}

/// What was typed, for a shell to read again.
fn again(args: &Reproduce) -> String {
    let figure = match args.figure {
        Figure::Fig2 => "fig2",
        Figure::Fig3 => "fig3",
    };
    let mut words = vec![figure.to_string()];
    if args.task != "all" {
        words.push(format!("--task {}", quoted(&args.task)));
    }
    words.extend(args.runs.map(|runs| format!("--runs {runs}")));
    words.extend(args.baseline_runs.map(|runs| format!("--baseline-runs {runs}")));
    words.extend(args.quick.then(|| "--quick".into()));
    let folder = |option: &str, path: &Path| format!("{option} {}", quoted(&path.to_string_lossy()));
    words.extend(args.out.as_deref().map(|out| folder("--out", out)));
    words.extend(args.threads.map(|threads| format!("--threads {threads}")));
    words.extend(args.data.as_deref().map(|data| folder("--data", data)));
    words.extend(args.json.then(|| "--json".into()));
    words.join(" ")
}

fn tables(result: &Fig2, out: &Path) -> String {
    let mut text = String::new();
    for task in &result.tasks {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["", "", "runs", "mean", "median", "worst", "failed", "seconds a run"]);
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.5}"));
        for method in &task.methods {
            let row = |name: &str, source: &str, spread: &Spread, failed: usize, seconds: Option<f64>| {
                let worst = if task.measure == "test_mse" { spread.greatest } else { spread.least };
                let mut cells = vec![name.to_string(), source.into(), spread.values.len().to_string()];
                cells.extend([spread.mean, spread.median, worst].map(number));
                cells.push(failed.to_string());
                cells.push(seconds.map_or_else(|| "–".into(), |seconds| format!("{seconds:.1}")));
                cells
            };
            table.add_row(row(method.method, "ours", &method.ours, method.failed, method.seconds.median));
            if !method.paper.values.is_empty() {
                table.add_row(row("", "paper", &method.paper, method.paper_failed, method.paper_seconds));
            }
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().into()).collect();
        text += &format!("{}: {}\n{}\n\n", headed(task.task, task.data.as_deref()), task.measure, lines.join("\n"));
    }
    if let Some(warning) = &result.warning {
        text += &format!("{warning}\n");
    }
    text + &format!("figure, numbers and report in {}", out.join("fig2").display())
}

/// A task, and where its data come from if its name does not say it.
fn headed(task: &str, data: Option<&str>) -> String {
    data.map_or_else(|| task.into(), |data| format!("{task} ({data})"))
}

fn pruned_tables(result: &Fig3, out: &Path) -> String {
    let mut text = String::new();
    for task in &result.tasks {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["", "mean error", "paper", "unpruned", "just pruned", "retrained"]);
        let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.5}"));
        for method in &task.methods {
            let recovery = [&task.unpruned, &method.at_once, &method.retrained].map(|spread| number(spread.median));
            let mut cells = vec![method.pruning.to_string(), number(method.mean), number(method.paper_mean)];
            cells.extend(recovery);
            table.add_row(cells);
        }
        let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().into()).collect();
        text += &format!(
            "{}: {}, medians at connection probability {}\n{}\n\n",
            headed(task.task, task.data.as_deref()),
            task.error,
            task.retrained_from,
            lines.join("\n")
        );
    }
    if let Some(warning) = &result.warning {
        text += &format!("{warning}\n");
    }
    text + &format!("figure, numbers and report in {}", out.join("fig3").display())
}

/// All runs together: a bar on a terminal, plain lines elsewhere; both on stderr.
#[derive(Default)]
struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    names: Vec<String>,
    /// How far each run is, from 0 to 1, and its weight among all.
    shares: Vec<(f64, f64)>,
    over: usize,
    began: Option<Instant>,
    /// The share of all that was done before.
    before: f64,
    last_line: Option<Instant>,
}

impl Progress {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it tells")
    }

    fn begin(&self, jobs: &[Job], threads: usize) {
        let mut state = self.state();
        let all: f64 = jobs.iter().map(Job::cost).sum();
        state.shares = jobs.iter().map(|job| (0.0, job.cost() / all)).collect();
        state.names = jobs.iter().map(Job::name).collect();
        state.began = Some(Instant::now());
        state.bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent} %, {msg}, {eta} left");
            ProgressBar::new(10_000).with_style(style.expect("a fixed template"))
        });
        state.line(&format!("{} runs, {} side by side, one thread each", jobs.len(), threads.min(jobs.len())));
    }

    fn tell(&self, told: Told) {
        let mut state = self.state();
        match told {
            Told::Doing(what) => state.line(what),
            Told::Share { job, share } => state.shares[job].0 = share,
            Told::Over { job, outcome, before } => {
                state.shares[job].0 = 1.0;
                state.over += 1;
                if before {
                    state.before += state.shares[job].1;
                }
                let line = format!("{}: {}", state.names[job], ending(outcome, before));
                state.line(&line);
            }
        }
        state.show();
    }

    fn finish(&self) {
        if let Some(bar) = self.state().bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    fn show(&mut self) {
        let done: f64 = self.shares.iter().map(|(share, weight)| share * weight).sum();
        let runs = format!("{} of {} runs done", self.over, self.shares.len());
        if let Some(bar) = &self.bar {
            bar.set_position((done * 10_000.0) as u64);
            bar.set_message(runs);
            return;
        }
        let Some(began) = self.began else { return };
        if self.last_line.unwrap_or(began).elapsed() < PAUSE || done <= self.before {
            return;
        }
        self.last_line = Some(Instant::now());
        let left = began.elapsed().as_secs_f64() * (1.0 - done) / (done - self.before);
        say(format_args!("{:.0} %, {runs}, about {left:.0} s left", 100.0 * done));
    }
}

fn ending(outcome: &Outcome, before: bool) -> String {
    match outcome {
        Outcome::Diverged { message, .. } => message.clone(),
        Outcome::Finished(finished) => {
            let report = &finished.report;
            let accuracy = report.test_accuracy.map(|share| format!(", accuracy {:.2} %", 100.0 * share));
            let when = if before { ", finished before" } else { "" };
            format!("test loss {:.6}{}, {:.1} s{when}", report.test_loss, accuracy.unwrap_or_default(), report.seconds)
        }
    }
}
