//! `daleian presets [NAME]`.

use std::process::ExitCode;

use daleian::Result;
use daleian::run::presets;

use super::{args, print, table};

pub fn run(args: args::Presets) -> Result<ExitCode> {
    match args.name {
        Some(name) => print(presets::text(&name)?.trim_end())?,
        None => print(&table(&presets::list().map(|(name, about)| (name, about.to_string())).collect::<Vec<_>>()))?,
    }
    Ok(ExitCode::SUCCESS)
}
