//! What a finished run left in its folder.

use std::fs;
use std::path::Path;

use super::RunConfig;
use super::difference::difference;
use super::{Report, metrics_file, names};
use crate::error::{Error, Result};
use crate::train::Row;

/// A run that is over, as its folder tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// `summary.json`.
    pub report: Report,
    /// `metrics.csv`, an epoch a row.
    pub rows: Vec<Row>,
}

/// What the run of `config` in `folder` came to; `None` where there is none, or it is not finished yet.
///
/// # Errors
/// If the folder holds a run of another configuration, or a file in it cannot be read.
pub fn finished(config: &RunConfig, folder: &Path) -> Result<Option<Finished>> {
    if !folder.join(names::CONFIG).exists() {
        return Ok(None);
    }
    if let Some(key) = difference(config, &RunConfig::read(&folder.join(names::CONFIG))?) {
        let problem = format!("holds a run of another configuration (`{key}` differs); expected another folder");
        return Err(Error::content(folder, problem));
    }
    let path = folder.join(names::SUMMARY);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|source| Error::io(&path, "read", source))?;
    let report = serde_json::from_str(&text).map_err(|error| Error::content(&path, error))?;
    Ok(Some(Finished { report, rows: metrics_of(folder)? }))
}

/// The epochs that the run in `folder` has recorded; none where there is no `metrics.csv` yet.
///
/// # Errors
/// If the file cannot be read.
pub fn metrics_of(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(names::METRICS);
    if path.exists() { metrics_file::read(&path) } else { Ok(Vec::new()) }
}
