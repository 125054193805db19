//! `daleian tasks [NAME]`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use daleian::figure::trials;
use daleian::files::write_atomic;
use daleian::run::{FirstTrials, presets};
use daleian::task::{Description, RECORDED, TaskSpec};
use daleian::{Error, Result};
use serde::Serialize;

use super::{args, print, print_json, table};

/// Trials drawn.
const TRIALS: usize = 3;
/// The seed where no preset gives one.
const SEED: u64 = 1;

/// A task as it is listed.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    #[serde(flatten)]
    description: Description,
    /// The presets that learn it.
    presets: Vec<&'static str>,
    /// `[task]` of a configuration; none for recorded data.
    settings: Option<TaskSpec>,
}

impl Listed {
    fn new(name: &'static str, description: Description, settings: Option<TaskSpec>) -> Result<Self> {
        let mut used = Vec::new();
        for (preset, _) in presets::list() {
            if presets::config(preset)?.task.name() == name {
                used.push(preset);
            }
        }
        Ok(Self { name, description, presets: used, settings })
    }

    fn of(spec: TaskSpec) -> Result<Self> {
        Self::new(spec.name(), spec.describe(), Some(spec))
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let words = self.description;
        let mut rows = vec![("task", self.name)];
        rows.extend([("learned", words.learned), ("inputs", words.inputs), ("targets", words.targets)]);
        rows.push(("source", words.source));
        let mut rows: Vec<_> = rows.into_iter().map(|(name, text)| (name, text.to_string())).collect();
        if !self.presets.is_empty() {
            rows.push(("presets", self.presets.join(", ")));
        }
        rows
    }
}

/// Every task, each kind once.
fn all() -> Result<Vec<Listed>> {
    let recorded = Listed::new("data", RECORDED, None);
    TaskSpec::generated().into_iter().map(Listed::of).chain([recorded]).collect()
}

pub fn run(args: args::Tasks) -> Result<ExitCode> {
    let Some(name) = &args.name else {
        let tasks = all()?;
        if args.json {
            print_json(&tasks)?;
        } else {
            print(&tasks.iter().map(|task| table(&task.rows())).collect::<Vec<_>>().join("\n\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (task, seed) = find(name)?;
    if let Some(path) = &args.plot {
        let Some(spec) = &task.settings else {
            let problem = "recorded data, of which there are none to draw without a file; expected another task";
            return Err(Error::Setting { key: name.clone(), problem: problem.into() });
        };
        plot(name, spec, args.seed.unwrap_or(seed), path)?;
    }
    if args.json {
        print_json(&task)?;
    } else {
        let mut rows = task.rows();
        let settings = task.settings.as_ref();
        rows.extend(settings.map(|spec| ("settings", toml::to_string(spec).expect("plain data").trim_end().into())));
        rows.extend(args.plot.map(|path| ("drawing", path.display().to_string())));
        print(&table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The task of this name, or that of the preset, with the seed.
fn find(name: &str) -> Result<(Listed, u64)> {
    let mut tasks = all()?;
    if let Some(at) = tasks.iter().position(|task| task.name == name) {
        return Ok((tasks.swap_remove(at), SEED));
    }
    let presets: Vec<&str> = presets::list().map(|(preset, _)| preset).collect();
    if presets.contains(&name) {
        let config = presets::config(name)?;
        return Ok((Listed::of(config.task)?, config.seed));
    }
    let tasks: Vec<&str> = tasks.iter().map(|task| task.name).collect();
    let problem = format!("no such task; the tasks are {}, the presets {}", tasks.join(", "), presets.join(", "));
    Err(Error::Setting { key: name.into(), problem })
}

/// Draws the first test trials, those that a run of this seed draws.
fn plot(name: &str, spec: &TaskSpec, seed: u64, path: &Path) -> Result<()> {
    let data = spec.clone().with_samples(1, TRIALS).load(seed, Path::new(""))?;
    let label = spec.data_label().map(|label| format!(" ({label})")).unwrap_or_default();
    let title = format!("{name}: test trials of seed {seed}{label}");
    let svg = trials(&title, &FirstTrials::new(data.test(), TRIALS, None).trials());
    write_atomic(path, |out| out.write_all(svg.as_bytes()))
}
