//! One CSV of every number of a figure, in long format.

use std::path::Path;

use crate::error::Result;
use crate::files::write_atomic;

/// A row: one number, and all that says what it is. What does not apply is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// The figure.
    pub figure: &'static str,
    /// Its panel.
    pub panel: &'static str,
    /// The task.
    pub task: &'static str,
    /// Where its data come from, if its name does not say it.
    pub data: String,
    /// The method of training.
    pub method: &'static str,
    /// How W was pruned.
    pub pruning: &'static str,
    /// `ours` or `paper`.
    pub source: &'static str,
    /// Our seed, or the number of the paper's run, from 1.
    pub seed: Option<u64>,
    /// The epoch, from 1.
    pub epoch: Option<usize>,
    /// What else the value is a function of: a connection probability, a sparsity, the lower edge of a bin.
    pub x: Option<f64>,
    /// What the value is.
    pub metric: &'static str,
    /// The value; NaN, written as an empty cell, where a run diverged.
    pub value: f64,
}

const HEAD: [&str; 12] =
    ["figure", "panel", "task", "data", "method", "pruning", "source", "seed", "epoch", "x", "metric", "value"];

/// The text of the file.
pub(super) fn text(entries: &[Entry]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let number = |value: f64| if value.is_nan() { String::new() } else { value.to_string() };
    let whole = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut row = |cells: [&str; 12]| writer.write_record(cells).expect("writing into memory does not fail");
    row(HEAD);
    for entry in entries {
        row([
            entry.figure,
            entry.panel,
            entry.task,
            &entry.data,
            entry.method,
            entry.pruning,
            entry.source,
            &whole(entry.seed),
            &whole(entry.epoch.map(|epoch| epoch as u64)),
            &entry.x.map(number).unwrap_or_default(),
            entry.metric,
            &number(entry.value),
        ]);
    }
    let bytes = writer.into_inner().expect("writing into memory does not fail");
    String::from_utf8(bytes).expect("numbers and words")
}

/// Says of our numbers of a task where its data come from.
pub(super) fn label(entries: &mut [Entry], task: &str, data: Option<&str>) {
    for entry in entries.iter_mut().filter(|entry| entry.source == "ours" && entry.task == task) {
        entry.data = data.unwrap_or_default().into();
    }
}

/// Writes a text file of a figure.
pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    write_atomic(path, |out| out.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_numbers_are_of_our_data() {
        let entry = |task, source| Entry { task, source, ..Entry::default() };
        let mut entries = [entry("images", "ours"), entry("images", "paper"), entry("wave", "ours")];
        label(&mut entries, "images", Some("drawn"));
        assert_eq!(entries.map(|entry| entry.data), ["drawn", "", ""]);
    }

    #[test]
    fn what_does_not_apply_is_empty() {
        let entry = Entry { figure: "fig2", seed: Some(3), metric: "test_mse", value: 0.5, ..Entry::default() };
        let text = text(&[entry.clone(), Entry { value: f64::NAN, x: Some(0.25), epoch: Some(1), ..entry }]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "figure,panel,task,data,method,pruning,source,seed,epoch,x,metric,value");
        assert_eq!(lines[1..], ["fig2,,,,,,,3,,,test_mse,0.5", "fig2,,,,,,,3,1,0.25,test_mse,"]);
    }
}
