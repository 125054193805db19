//! The drawing of Figure 3: a row a task, and a row of theory.

use super::super::numbers::{Spread, over_runs};
use super::super::paper;
use super::{Group, RETRAINED, THEORY, error_name};
use crate::analysis::tree_overlap::TheoryRow;
use crate::figure::panels::{
    Content, Curves, Histograms, Key, Line, Mark, Outline, Panel, PanelFigure, PanelRow, Tint,
};
use crate::prune::PruneMethod;

pub(super) fn figure(warning: Option<&str>, groups: &[Group], theory: &[TheoryRow]) -> PanelFigure {
    let mut notes: Vec<String> = warning.map(Into::into).into_iter().collect();
    notes.push(
        "After Fig. 3 of Balwani, Wang, Najafi, Choi, Science Advances 2025. Line: mean over networks; band: least to \
         greatest; broken line: the paper\u{2019}s mean, from its published arrays."
            .into(),
    );
    let quick = if warning.is_some() { " (quick)" } else { "" };
    let title = format!("Figure 3{quick}: pruning what Dale\u{2019}s backprop trained");
    PanelFigure { title, notes, rows: groups.iter().map(row).chain([tree(theory)]).collect() }
}

fn ways() -> impl Iterator<Item = (usize, PruneMethod, Tint)> {
    PruneMethod::ALL.into_iter().enumerate().map(|(way, method)| (way, method, Tint::Series(way)))
}

fn legend(paper: &str, solid: &str, methods: usize) -> Vec<Key> {
    let mut keys: Vec<Key> =
        ways().take(methods).map(|(_, method, tint)| Key::new(Mark::Line, tint, method.name())).collect();
    keys.extend([Key::new(Mark::Dashed, Tint::Grey, paper), Key::new(Mark::Band, Tint::Grey, solid)]);
    keys
}

fn row(group: &Group) -> PanelRow {
    let data = group.trained.iter().find_map(|(job, _)| job.config.task.data_label());
    let density = paper::probabilities()[RETRAINED];
    let panel = |name: String, content| Panel { name, content };
    let outlines = group.tested.first().map(|tested| {
        ways().map(|(way, _, tint)| Outline { tint, histogram: tested.surviving[way].clone() }).collect()
    });
    let histograms =
        Histograms { x: "Weight".into(), y: "Synapses in a bin".into(), outlines: outlines.unwrap_or_default() };
    let seed = group.tested.first().map_or(0, |tested| tested.seed);
    let networks = match group.tested.len() {
        1 => "1 network".into(),
        count => format!("{count} networks"),
    };
    let mut legend = legend("paper, mean", "least to greatest network", 3);
    legend.push(Key::new(Mark::Line, Tint::Grey, "before pruning, mean"));
    PanelRow {
        name: format!("{}; {networks}", group.task.titled(data.as_deref())),
        legend,
        panels: vec![
            panel("Straight after pruning".into(), Content::Curves(errors(group))),
            panel(format!("Trained on from connection probability {density:.3}"), Content::Curves(recovery(group))),
            panel(format!("Weights left at sparsity 0.9, seed {seed}"), Content::Histograms(histograms)),
        ],
    }
}

fn errors(group: &Group) -> Curves {
    let points = |errors: &[f64]| paper::probabilities().iter().copied().zip(errors.iter().copied()).collect();
    let theirs = ways().filter_map(|(_, method, tint)| {
        let runs: Vec<Vec<(f64, f64)>> = group.task.paper_errors(method).iter().map(|run| points(run)).collect();
        let line = Line { tint, dashed: true, dots: false, points: over_runs(&runs).0, band: Vec::new() };
        (!runs.is_empty()).then_some(line)
    });
    let ours = ways().map(|(way, _, tint)| {
        let runs: Vec<Vec<(f64, f64)>> = group.tested.iter().map(|tested| points(&tested.errors[way])).collect();
        let (points, band) = over_runs(&runs);
        Line { tint, dashed: false, dots: true, points, band }
    });
    let y = error_name(group.task).into();
    Curves { x: "Connection probability".into(), y, whole: false, linear: false, lines: theirs.chain(ours).collect() }
}

/// Errors over epochs; epoch 0 is straight after pruning.
fn recovery(group: &Group) -> Curves {
    let last = group.retrained.iter().flatten().map(|(job, _)| job.config.epochs).max().unwrap_or(1);
    let full = paper::probabilities().len() - 1;
    let before = Spread::new(group.tested.iter().map(|tested| tested.errors[0][full]).collect()).mean;
    let points = before.into_iter().flat_map(|error| [(0.0, error), (last as f64, error)]).collect();
    let before = Line { tint: Tint::Grey, dashed: false, dots: false, points, band: Vec::new() };
    let lines = ways().map(|(way, _, tint)| {
        let runs: Vec<Vec<(f64, f64)>> = group.retrained[way]
            .iter()
            .map(|(job, outcome)| {
                let tested = group.tested.iter().find(|tested| tested.seed == job.config.seed);
                let start = tested.map(|tested| (0.0, tested.errors[way][RETRAINED]));
                start.into_iter().chain(outcome.rows().iter().map(|row| (row.epoch as f64, row.test_loss))).collect()
            })
            .collect();
        let (points, band) = over_runs(&runs);
        Line { tint, dashed: false, dots: false, points, band }
    });
    let lines = [before].into_iter().chain(lines).collect();
    Curves { x: "Epoch".into(), y: error_name(group.task).into(), whole: true, linear: false, lines }
}

fn tree(theory: &[TheoryRow]) -> PanelRow {
    let panel = |&(n, draws): &(usize, usize)| {
        let lines = ways().take(2).flat_map(|(_, method, tint)| {
            let rows: Vec<&TheoryRow> = theory.iter().filter(|row| row.n == n && row.method == method.name()).collect();
            let points = rows.iter().map(|row| (row.sparsity, row.mean)).collect();
            let band = rows
                .iter()
                .map(|row| (row.sparsity, (row.mean - row.spread).max(0.0), (row.mean + row.spread).min(1.0)))
                .collect();
            let bound = rows.iter().map(|row| (row.sparsity, row.bound)).collect();
            [
                Line { tint, dashed: true, dots: false, points: bound, band: Vec::new() },
                Line { tint, dashed: false, dots: false, points, band },
            ]
        });
        let (x, y) = ("Sparsity".into(), "Share of the tree that survives".into());
        let content = Content::Curves(Curves { x, y, whole: false, linear: false, lines: lines.collect() });
        Panel { name: format!("n = {n}, {draws} matrices"), content }
    };
    PanelRow {
        name: "Theory: overlap with the maximum spanning tree, |W| uniform".into(),
        legend: legend("expectation (random), lower bound (top-prob)", "one standard deviation", 2),
        panels: THEORY.iter().map(panel).collect(),
    }
}
