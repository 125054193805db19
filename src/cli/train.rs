//! `daleian train PRESET|CONFIG.toml`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daleian::connectome::{Contradictions, Duplicates};
use daleian::run::{Ending, Method, Report, Resources, Run, RunConfig, Start, names, presets};
use daleian::task::TaskSpec;
use daleian::train::MemoryEstimate;
use daleian::{Error, Result};

use super::args::{self, Train};
use super::progress::Progress;
use super::{INTERRUPTED, exec, print, print_json, say, table};

pub fn run(args: Train) -> Result<ExitCode> {
    let exec = exec(args.threads)?;
    let start = args.from.as_ref().filter(|_| !args.resume || args.config.is_none()).map(Start::read).transpose()?;
    let config = config(&args, start.as_ref())?;
    if args.dry_run {
        let memory = config.memory_within(args.memory_limit)?;
        if args.json {
            print_json(&memory)?
        } else {
            print(&account(&memory))?
        }
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.out.clone().unwrap_or_else(|| default_folder(&config, args.method, args.resume));
    let stop = stop_flag()?;
    if let (true, false, Some(path), Some(Start { moments: None, .. })) =
        (args.keep_moments, args.resume, &args.from, &start)
    {
        let problem = "has no moments to keep; expected a checkpoint, or what `prune` made of one".into();
        return Err(Error::Content { path: path.clone(), problem });
    }
    let start = start.filter(|_| !args.resume).map(|start| match args.keep_moments {
        true => start,
        false => Start { moments: None, ..start },
    });
    let resources = Resources { exec: exec.clone(), memory_limit: args.memory_limit };
    match exec.install(|| train(config, &out, args.resume, start, resources, &stop))? {
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

fn train(
    config: RunConfig,
    out: &Path,
    resume: bool,
    start: Option<Start>,
    resources: Resources,
    stop: &AtomicBool,
) -> Result<Ending> {
    let mut tell = |memory: &MemoryEstimate| {
        say(format_args!("memory: about {} at the peak", size(memory.total)));
        if memory.storage.segments.count() > 1 {
            say(format_args!("to save memory, {}", memory.storage));
        }
    };
    let isa = resources.exec.isa();
    let mut run = match (resume, start) {
        (true, _) => Run::resume_with(config, out, resources, &mut tell)?,
        (false, Some(start)) => Run::create_from_start(config, out, resources, start, &mut tell)?,
        (false, None) => Run::create_with(config, out, resources, &mut tell)?,
    };
    if let Some(warning) = run.warning() {
        say(format_args!("warning: {warning}"));
    }
    let wiring = run.trainer().network().wiring();
    say(format_args!(
        "{}: {} neurons, {} synapses, {} epochs, {}, {} threads, into {}",
        run.config().name,
        wiring.neurons(),
        wiring.recurrent().nnz(),
        run.config().total_epochs(),
        isa,
        rayon::current_num_threads(),
        out.display()
    ));
    let mut progress = Progress::new(&run);
    let ending = run.go(stop, &mut |event| progress.tell(event));
    progress.finish();
    ending
}

/// The configuration as typed: a file if there is one or the name ends in `.toml`, else a preset; none: that of the
/// model to start from, or of the run folder to resume.
fn config(args: &Train, start: Option<&Start>) -> Result<RunConfig> {
    let mut config = match (&args.config, &args.from, start) {
        (Some(config), ..) => {
            let path = Path::new(config);
            match path.is_file() || path.extension().is_some_and(|extension| extension == "toml") {
                true => RunConfig::read_with(path, &args.set)?,
                false => presets::config_with(config, &args.set)?,
            }
        }
        (None, Some(model), Some(start)) => stored(model, start, args)?,
        _ => match &args.out {
            Some(out) if out.join(names::CONFIG).exists() => RunConfig::read_with(&out.join(names::CONFIG), &args.set)?,
            Some(out) => {
                let problem = "holds no run to resume (no config.toml)".into();
                return Err(Error::Content { path: out.clone(), problem });
            }
            None => {
                let problem = "without a configuration, the run folder is needed: name it with --out".into();
                return Err(Error::Setting { key: "--resume".into(), problem });
            }
        },
    };
    if let Some(method) = args.method {
        method.apply(&mut config);
    }
    if let Some(model) = &args.from {
        config.start = Some(model.clone());
    }
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(epochs) = args.epochs {
        if !config.phase.is_empty() {
            let problem = "each phase has epochs of its own; expected --set phase.N.epochs=…".into();
            return Err(Error::Setting { key: "--epochs".into(), problem });
        }
        config.epochs = epochs;
    }
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
    if let Some(place) = &args.data {
        set_data(&mut config, place)?;
    }
    config.validate()?;
    Ok(config)
}

/// Says where the data are, as typed: relative to the current folder.
fn set_data(config: &mut RunConfig, place: &Path) -> Result<()> {
    let wrong = |problem: &str| Error::Setting { key: "--data".into(), problem: problem.into() };
    // the configuration of a run is text
    if place.to_str().is_none() {
        return Err(wrong("not UTF-8; expected another name"));
    }
    match &mut config.task {
        TaskSpec::Images(images) => images.data = Some(place.into()),
        TaskSpec::Data(_) => config.name_data(place),
        _ => return Err(wrong("only means something with the tasks `data` and `images`")),
    }
    Ok(())
}

/// The configuration that a model was trained with. Its data are looked for where they were, and in the current folder.
fn stored(model: &Path, start: &Start, args: &Train) -> Result<RunConfig> {
    let wrong = |problem| Error::Content { path: model.into(), problem };
    if start.config.is_null() {
        return Err(wrong("carries no configuration; expected a preset or CONFIG.toml beside --from".into()));
    }
    let mut config: RunConfig = serde_json::from_value(start.config.clone()).map_err(|error| {
        wrong(format!("its configuration cannot be used ({error}); expected a preset or CONFIG.toml beside --from"))
    })?;
    if let (None, Some(before)) = (&args.data, config.task.path().map(Path::to_path_buf)) {
        let here = before.file_name().map(Path::new).filter(|here| here.exists());
        match here {
            _ if before.exists() => {}
            Some(here) => config.name_data(here),
            None => {
                let problem = format!(
                    "the data that it was trained on are not at {}; expected `--data` to say where data are",
                    before.display()
                );
                return Err(wrong(problem));
            }
        }
    }
    match args.set.as_slice() {
        [] => Ok(config),
        changes => RunConfig::from_toml_with(&config.to_toml(), changes, model, ""),
    }
}

/// runs/NAME-seedN, or runs/NAME-METHOD-seedN; where that is taken, the first free one with -K behind, or to resume the
/// last one taken.
fn default_folder(config: &RunConfig, method: Option<Method>, resume: bool) -> PathBuf {
    let method = method.map(|method| format!("-{}", method.name())).unwrap_or_default();
    let name = |k: usize| {
        let number = if k == 1 { String::new() } else { format!("-{k}") };
        Path::new("runs").join(format!("{}{method}-seed{}{number}", config.name, config.seed))
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
    // a run from a model has all it needs in its folder
    let mut words: Vec<String> =
        args.config.iter().filter(|_| args.from.is_none()).map(|config| quoted(config)).collect();
    words.extend(args.seed.map(|seed| format!("--seed {seed}")));
    words.extend(args.epochs.map(|epochs| format!("--epochs {epochs}")));
    words.extend(args.set.iter().map(|change| format!("--set {}", quoted(&change.to_string()))));
    words.extend(args.method.map(|method| format!("--method {}", method.name())));
    words.extend(args.threads.map(|threads| format!("--threads {threads}")));
    words.extend(args.data.as_ref().map(|folder| format!("--data {}", quoted(&folder.to_string_lossy()))));
    words.extend(args.memory_limit.map(|bytes| format!("--memory-limit {bytes}")));
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
    rows.extend(memory.limit.map(|limit| ("limit", size(limit))));
    format!("{}\n{}", table(&rows), memory.storage)
}

/// Bytes for a person.
pub(super) fn size(bytes: u64) -> String {
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
    rows.extend(report.data.clone().map(|label| ("data", label)));
    rows.extend([
        ("time", format!("{:.1} s", report.seconds)),
        ("synapses", format!("{} ({} silent)", report.synapses, report.silent_synapses)),
        ("sign violations", report.sign_violations.to_string()),
        ("instruction set", report.instruction_set.clone()),
        ("threads", report.threads.to_string()),
        ("run folder", folder.display().to_string()),
    ]);
    let phases: Vec<(String, String)> = report
        .phases
        .iter()
        .zip(1..)
        .map(|(phase, number)| {
            let what =
                format!("{}, density {:.4} %, test loss {:.6}", phase.kind, 100.0 * phase.density, phase.test_loss);
            (format!("phase {number}"), what)
        })
        .collect();
    rows.extend(phases.iter().map(|(name, what)| (name.as_str(), what.clone())));
    table(&rows)
}
