//! Every number of Figure 2, one a row.

use super::super::Entry;
use super::super::csv_file::label;
use super::figure::Weights;
use super::{Fig2, Group, Outcome, PaperTask, Spread, paper};

pub(super) fn all(tasks: &[(PaperTask, &[Group])], result: &Fig2, weights: &[Weights]) -> Vec<Entry> {
    let mut out = Vec::new();
    for ((task, groups), task_result) in tasks.iter().zip(&result.tasks) {
        for (group, method_result) in groups.iter().zip(&task_result.methods) {
            let entry = Entry { figure: "fig2", task: task.name(), method: group.method.name(), ..Entry::default() };
            curves(&mut out, group, &entry);
            finals(&mut out, group, &entry);
            let measure = task.measure();
            for (source, spread, failed) in [
                ("ours", &method_result.ours, method_result.failed),
                ("paper", &method_result.paper, method_result.paper_failed),
            ] {
                let entry = Entry { panel: "summary", source, ..entry.clone() };
                summary(&mut out, &entry, measure.key(), spread);
                if !spread.values.is_empty() {
                    out.push(Entry { metric: "failed_runs", value: failed as f64, ..entry });
                }
            }
            if let Some(seconds) = method_result.paper_seconds {
                out.push(Entry { panel: "time", source: "paper", metric: "seconds", value: seconds, ..entry.clone() });
            }
        }
    }
    for weights in weights {
        distribution(&mut out, weights);
    }
    for task in &result.tasks {
        label(&mut out, task.task, task.data.as_deref());
    }
    out
}

fn curves(out: &mut Vec<Entry>, group: &Group, entry: &Entry) {
    let measure = group.task.measure();
    let entry = Entry { panel: "curves", ..entry.clone() };
    for (job, outcome) in &group.runs {
        for row in outcome.rows() {
            let entry = Entry { source: "ours", seed: Some(job.config.seed), epoch: Some(row.epoch), ..entry.clone() };
            out.push(Entry { metric: "train_loss", value: row.train_loss, ..entry.clone() });
            out.push(Entry { metric: "test_loss", value: row.test_loss, ..entry.clone() });
            out.push(Entry { metric: measure.key(), value: measure.of(row), ..entry });
        }
    }
    for (seed, run) in (1..).zip(paper::curves(group.task, group.method)) {
        for (epoch, &value) in (1..).zip(run) {
            let entry = Entry { source: "paper", seed: Some(seed), epoch: Some(epoch), ..entry.clone() };
            out.push(Entry { metric: measure.key(), value, ..entry });
        }
    }
}

fn finals(out: &mut Vec<Entry>, group: &Group, entry: &Entry) {
    let measure = group.task.measure();
    for (job, outcome) in &group.runs {
        let entry = Entry { source: "ours", seed: Some(job.config.seed), ..entry.clone() };
        out.push(Entry { panel: "final", metric: measure.key(), value: group.last(outcome), ..entry.clone() });
        if let Outcome::Finished(finished) = outcome {
            out.push(Entry { panel: "time", metric: "seconds", value: finished.report.seconds, ..entry });
        }
    }
    for (seed, value) in (1..).zip(paper::finals(group.task, group.method)) {
        let entry = Entry { source: "paper", seed: Some(seed), ..entry.clone() };
        out.push(Entry { panel: "final", metric: measure.key(), value, ..entry });
    }
}

/// Mean, median, least and greatest of the final values.
fn summary(out: &mut Vec<Entry>, entry: &Entry, key: &'static str, spread: &Spread) {
    let words = match key {
        "test_mse" => ["test_mse_mean", "test_mse_median", "test_mse_least", "test_mse_greatest"],
        _ => [
            "test_accuracy_percent_mean",
            "test_accuracy_percent_median",
            "test_accuracy_percent_least",
            "test_accuracy_percent_greatest",
        ],
    };
    let values = [spread.mean, spread.median, spread.least, spread.greatest];
    for (metric, value) in words.into_iter().zip(values) {
        if let Some(value) = value {
            out.push(Entry { metric, value, ..entry.clone() });
        }
    }
}

fn distribution(out: &mut Vec<Entry>, weights: &Weights) {
    let entry = Entry {
        figure: "fig2",
        panel: "weights",
        task: weights.task.name(),
        method: weights.method.name(),
        source: "ours",
        seed: Some(weights.seed),
        ..Entry::default()
    };
    out.push(Entry { metric: "silent_synapses", value: weights.silent as f64, ..entry.clone() });
    // the bins at the ends hold all beyond them too
    for (bin, &count) in weights.histogram.counts.iter().enumerate() {
        let x = Some(weights.histogram.edge(bin));
        out.push(Entry { x, metric: "synapses_in_bin_from_x", value: count as f64, ..entry.clone() });
    }
}
