//! What was typed → what was validated → run. Results go to stdout, talk to stderr.

mod args;
mod bench;
mod data;
mod evaluate;
mod gradient;
mod inspect;
mod presets;
mod progress;
mod prune;
mod reproduce;
mod tasks;
mod train;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use daleian::{Error, Exec, Result};

use args::{Args, Command};

/// A wrong input: a file, a setting, a word on the command line (which clap answers itself, with the same code).
const WRONG_INPUT: u8 = 2;
/// Training diverged.
const DIVERGED: u8 = 3;
/// Stopped by Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

pub fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Train(args) => train::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Gradient(args) => gradient::run(args),
        Command::Prune(args) => prune::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Reproduce(args) => reproduce::run(args),
        Command::Presets(args) => presets::run(args),
        Command::Tasks(args) => tasks::run(args),
    };
    done.unwrap_or_else(|error| {
        if matches!(error, Error::Diverged { .. }) {
            say(format_args!("error: {error}; the last good checkpoint is kept"));
            return ExitCode::from(DIVERGED);
        }
        say(format_args!("error: {error}"));
        ExitCode::from(WRONG_INPUT)
    })
}

/// Says something on stderr. That nobody listens any more is no error (`eprintln!` would panic).
fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a result. A reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io { path: "stdout".into(), action: "write", source })
        }
        _ => Ok(()),
    }
}

/// Prints a serialisable result as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value).expect("numbers and words"))
}

/// The instruction set that the machine and the environment give, on so many threads (all cores if not given).
fn exec(threads: Option<usize>) -> Result<Exec> {
    let exec = Exec::choose()?;
    let Some(threads) = threads else { return Ok(exec) };
    exec.with_threads(threads).map_err(|error| match error {
        Error::Setting { problem, .. } => Error::Setting { key: "--threads".into(), problem },
        other => other,
    })
}

/// Two columns of words, without frills.
fn table(rows: &[(&str, String)]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    for (name, value) in rows {
        table.add_row([name, value.as_str()]);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
