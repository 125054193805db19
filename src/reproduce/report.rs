//! Pieces of the reports: tables in Markdown, and how things were run.

use std::collections::BTreeSet;

use super::Settings;
use crate::run::Report;

/// A table in Markdown.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.into()).collect();
    let mut out = line(&head);
    out += &format!("|{}\n", " --- |".repeat(head.len()));
    for row in rows {
        out += &line(&row);
    }
    out
}

/// The paragraph that says with what a figure was made.
pub(super) fn made_with<'a>(settings: &Settings, reports: impl Iterator<Item = &'a Report>) -> String {
    let (mut versions, mut sets) = (BTreeSet::new(), BTreeSet::new());
    for report in reports {
        versions.insert(report.version.as_str());
        sets.insert(report.instruction_set.as_str());
    }
    let list = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join("; ");
    format!(
        "Made with daleian {}; runs by daleian {} with {} instructions, each on one thread, {} side by side at most \
         (no result depends on that; the time of a run does, where cores share caches and memory).\n",
        env!("CARGO_PKG_VERSION"),
        list(versions),
        list(sets),
        settings.threads,
    )
}

/// An optional number as a cell.
pub(super) fn cell(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".into(), text)
}
