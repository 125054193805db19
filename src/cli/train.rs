//! `daleian train PRESET|CONFIG.toml`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daleian::connectome::{Contradictions, Duplicates};
use daleian::train::{Ending, MemoryEstimate, Report, Run, RunConfig, names, presets};
use daleian::{Error, Isa, Result};

use super::args::{self, Train};
use super::progress::Progress;
use super::{INTERRUPTED, isa, on_threads, print, print_json, say, table};

pub fn run(args: Train) -> Result<ExitCode> {
    let isa = isa()?;
    let config = config(&args)?;
    if args.dry_run {
        let memory = config.memory()?;
        if args.json {
            print_json(&memory)?
        } else {
            print(&account(&memory))?
        }
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.out.clone().unwrap_or_else(|| default_folder(&config, args.resume));
    let stop = stop_flag()?;
    match on_threads(args.threads, || train(config, &out, args.resume, isa, &stop))? {
        Ending::Finished(report) => {
            if args.json {
                print_json(&*report)?;
            } else {
                print(&summary(&report, &out))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Ending::Interrupted(position) => {
            say(format_args!(
                "stopped after {} epochs and {} steps; the checkpoint is in {}\nto go on: daleian train {} --resume",
                position.epoch,
                position.step,
                out.display(),
                again(&args, &out),
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn train(config: RunConfig, out: &Path, resume: bool, isa: Isa, stop: &AtomicBool) -> Result<Ending> {
    let mut tell = |memory: &MemoryEstimate| say(format_args!("memory: about {} at the peak", size(memory.total)));
    let mut run = match resume {
        true => Run::resume_with(config, out, isa, &mut tell)?,
        false => Run::create_with(config, out, isa, &mut tell)?,
    };
    if let Some(warning) = run.warning() {
        say(format_args!("warning: {warning}"));
    }
    let wiring = run.trainer().network().wiring();
    say(format_args!(
        "{}: {} neurons, {} synapses, {} epochs, {isa}, {} threads, into {}",
        run.config().name,
        wiring.neurons(),
        wiring.recurrent().nnz(),
        run.config().epochs,
        rayon::current_num_threads(),
        out.display()
    ));
    let (steps, position) = (run.trainer().steps_per_epoch(), run.trainer().position());
    let mut progress = Progress::new(run.config().epochs, steps, position.epoch * steps + position.step);
    let ending = run.go(stop, &mut |event| progress.tell(event));
    progress.finish();
    ending
}

/// The configuration as typed: a file if there is one or the name ends in `.toml`, else a preset.
fn config(args: &Train) -> Result<RunConfig> {
    let path = Path::new(&args.config);
    let mut config = if path.is_file() || path.extension().is_some_and(|extension| extension == "toml") {
        RunConfig::read(path)?
    } else {
        presets::config(&args.config)?
    };
    config.seed = args.seed.unwrap_or(config.seed);
    config.epochs = args.epochs.unwrap_or(config.epochs);
    let needs_edges = |option: &str| Error::Setting {
        key: option.into(),
        problem: "only means something with the edge list of a `[connectome]`".into(),
    };
    if let Some(what) = args.duplicates {
        let connectome = config.connectome.as_mut().ok_or_else(|| needs_edges("--duplicates"))?;
        connectome.duplicates = match what {
            args::Duplicates::Error => Duplicates::Error,
            args::Duplicates::Sum => Duplicates::Sum,
        };
    }
    if let Some(what) = args.contradictions {
        let connectome = config.connectome.as_mut().ok_or_else(|| needs_edges("--contradictions"))?;
        connectome.contradictions = match what {
            args::Contradictions::Error => Contradictions::Error,
            args::Contradictions::Clamp => Contradictions::Clamp,
        };
    }
    config.validate()?;
    Ok(config)
}

/// runs/NAME-seedN; where that is taken, the first free runs/NAME-seedN-K, or to resume the last one taken.
fn default_folder(config: &RunConfig, resume: bool) -> PathBuf {
    let name = |k: usize| {
        let number = if k == 1 { String::new() } else { format!("-{k}") };
        Path::new("runs").join(format!("{}-seed{}{number}", config.name, config.seed))
    };
    let free = (1..).find(|&k| !name(k).join(names::CONFIG).exists()).expect("numbers do not end");
    name(if resume { free.max(2) - 1 } else { free })
}

/// Set at the first Ctrl-C; the second ends the process at once.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        say("\nstopping after this step; once more to stop at once");
    };
    ctrlc::set_handler(handler).map_err(|error| Error::Setting { key: "Ctrl-C".into(), problem: error.to_string() })?;
    Ok(stop)
}

/// What was typed, with the folder, for a shell to read again.
fn again(args: &Train, out: &Path) -> String {
    let mut words = vec![quoted(&args.config)];
    words.extend(args.seed.map(|seed| format!("--seed {seed}")));
    words.extend(args.epochs.map(|epochs| format!("--epochs {epochs}")));
    words.extend(args.threads.map(|threads| format!("--threads {threads}")));
    words.extend(args.duplicates.map(|what| format!("--duplicates {what:?}").to_lowercase()));
    words.extend(args.contradictions.map(|what| format!("--contradictions {what:?}").to_lowercase()));
    words.push(format!("--out {}", quoted(&out.to_string_lossy())));
    words.join(" ")
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Predicted memory as a table.
fn account(memory: &MemoryEstimate) -> String {
    let mut rows: Vec<(&str, String)> = memory.parts().map(|(what, bytes)| (what, size(bytes))).into();
    rows.push(("total", size(memory.total)));
    table(&rows)
}

/// Bytes for a person.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1e6 => format!("{:.1} KiB", bytes / 1024.0),
        1e6..1e9 => format!("{:.1} MiB", bytes / 1024f64.powi(2)),
        _ => format!("{:.2} GiB", bytes / 1024f64.powi(3)),
    }
}

fn summary(report: &Report, folder: &Path) -> String {
    let mut rows = vec![("test loss", format!("{:.6}", report.test_loss))];
    rows.extend(report.test_accuracy.map(|share| ("test accuracy", format!("{:.2} %", 100.0 * share))));
    rows.extend([
        ("time", format!("{:.1} s", report.seconds)),
        ("synapses", format!("{} ({} silent)", report.synapses, report.silent_synapses)),
        ("sign violations", report.sign_violations.to_string()),
        ("instruction set", report.instruction_set.clone()),
        ("threads", report.threads.to_string()),
        ("run folder", folder.display().to_string()),
    ]);
    table(&rows)
}
