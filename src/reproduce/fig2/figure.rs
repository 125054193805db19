//! The drawing of Figure 2: a row a task; loss curves, final weights, their distribution, where each run ends.

use super::super::numbers::over_runs;
use super::{Group, Measure, PaperTask, data_label, paper};
use crate::analysis::{Histogram, block_grid};
use crate::error::Result;
use crate::figure::panels::{
    Content, Curves, Dots, Histograms, Key, Line, Maps, Mark, Outline, Panel, PanelFigure, PanelRow, Strip, Tint,
};
use crate::network::{Network, RECURRENT};
use crate::run::Method;

/// Cells along each side of a weight map.
const CELLS: usize = 128;
/// Bins of a distribution: even, so that none has weights of both signs.
const BINS: usize = 60;

/// The final weights of a task and a method in numbers.
pub(super) struct Weights {
    pub task: PaperTask,
    pub method: Method,
    pub seed: u64,
    /// Weights that are not 0; the bins at the ends hold whatever lies beyond them.
    pub histogram: Histogram,
    /// Weights that are exactly 0.
    pub silent: usize,
}

/// The colour of a method.
pub(super) fn tint(method: Method) -> Tint {
    Tint::Series(Method::ALL.iter().position(|&other| other == method).unwrap_or_default())
}

pub(super) fn figure(warning: Option<&str>, rows: Vec<PanelRow>) -> PanelFigure {
    let mut notes: Vec<String> = warning.map(Into::into).into_iter().collect();
    notes.push(
        "After Fig. 2 of Balwani, Wang, Najafi, Choi, Science Advances 2025. Line: mean over runs; band: least to \
         greatest; broken line and open dots: the paper's runs, from its published notebooks."
            .into(),
    );
    let quick = if warning.is_some() { " (quick)" } else { "" };
    PanelFigure { title: format!("Figure 2{quick}: training with and without Dale\u{2019}s law"), notes, rows }
}

/// A row a task, and the numbers of the weights in it.
pub(super) fn rows(tasks: &[(PaperTask, &[Group])]) -> Result<(Vec<PanelRow>, Vec<Weights>)> {
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (task, groups) in tasks {
        let (maps, weights) = weights(groups)?;
        let seeds: Vec<u64> = weights.iter().map(|weights| weights.seed).collect();
        let of = match seeds.first() {
            Some(first) if seeds.iter().all(|seed| seed == first) => format!("seed {first}"),
            _ => "first run that finished".into(),
        };
        let outlines =
            weights.iter().map(|w| Outline { tint: tint(w.method), histogram: w.histogram.clone() }).collect();
        let histograms = Histograms {
            x: "Weight (0 left out; all beyond in the end bins)".into(),
            y: "Synapses in a bin".into(),
            outlines,
        };
        let panel = |name: String, content| Panel { name, content };
        rows.push(PanelRow {
            name: described(*task, groups),
            legend: legend(groups),
            panels: vec![
                panel(task.measure().title().into(), Content::Curves(curves(*task, groups))),
                panel(format!("Final W, {of}"), Content::Maps(Maps { maps })),
                panel(format!("Final weights, {of}"), Content::Histograms(histograms)),
                panel("After the last epoch, every run".into(), Content::Dots(dots(*task, groups))),
            ],
        });
        all.extend(weights);
    }
    Ok((rows, all))
}

/// What stands in the head of a row.
fn described(task: PaperTask, groups: &[Group]) -> String {
    let epochs = groups.first().and_then(|group| group.runs.first()).map_or(0, |(job, _)| job.config.epochs);
    let runs: Vec<String> =
        groups.iter().map(|group| format!("{} {}", group.method.name(), group.runs.len())).collect();
    format!("{}; {epochs} epochs; runs: {}", task.titled(data_label(groups).as_deref()), runs.join(", "))
}

fn legend(groups: &[Group]) -> Vec<Key> {
    let mut keys: Vec<Key> =
        groups.iter().map(|group| Key::new(Mark::Line, tint(group.method), group.method.name())).collect();
    keys.extend([
        Key::new(Mark::Dashed, Tint::Grey, "paper, mean"),
        Key::new(Mark::Band, Tint::Grey, "least to greatest run"),
        Key::new(Mark::Dot, Tint::Grey, "our run"),
        Key::new(Mark::Ring, Tint::Grey, "the paper\u{2019}s run"),
        Key::new(Mark::Stroke, Tint::Grey, "median"),
    ]);
    keys
}

fn curves(task: PaperTask, groups: &[Group]) -> Curves {
    let theirs = groups.iter().filter_map(|group| {
        let runs: Vec<Vec<(f64, f64)>> = paper::curves(task, group.method)
            .iter()
            .map(|run| (1..).map(f64::from).zip(run.iter().copied()).collect())
            .collect();
        let (points, _) = over_runs(&runs);
        let line = Line { tint: tint(group.method), dashed: true, dots: false, points, band: Vec::new() };
        (!runs.is_empty()).then_some(line)
    });
    let ours = groups.iter().map(|group| {
        let runs: Vec<Vec<(f64, f64)>> = group.runs.iter().map(|(_, outcome)| group.curve(outcome)).collect();
        let (points, band) = over_runs(&runs);
        Line { tint: tint(group.method), dashed: false, dots: false, points, band }
    });
    Curves {
        x: "Epoch".into(),
        y: task.measure().title().into(),
        whole: true,
        linear: task.measure() == Measure::Accuracy,
        lines: theirs.chain(ours).collect(),
    }
}

fn dots(task: PaperTask, groups: &[Group]) -> Dots {
    let strips = groups.iter().map(|group| Strip {
        name: group.method.name().into(),
        tint: tint(group.method),
        ours: group.runs.iter().map(|(_, outcome)| group.last(outcome)).collect(),
        theirs: paper::finals(task, group.method),
    });
    let linear = task.measure() == Measure::Accuracy;
    Dots { value: task.measure().title().into(), linear, strips: strips.collect() }
}

type NamedMaps = Vec<(String, crate::analysis::BlockGrid)>;

fn weights(groups: &[Group]) -> Result<(NamedMaps, Vec<Weights>)> {
    let mut networks: Vec<(&Group, u64, Network)> = Vec::new();
    for group in groups {
        if let Some((seed, network)) = group.first_network()? {
            networks.push((group, seed, network));
        }
    }
    let limit = networks.iter().map(|(_, _, network)| usual(&network.parameters()[RECURRENT])).fold(0.0, f64::max);
    let limit = if limit > 0.0 { limit } else { 1.0 };
    let maps = networks.iter().map(|(group, _, network)| (group.method.name().into(), grid(network))).collect();
    let weights = networks.iter().map(|(group, seed, network)| {
        let values = &network.parameters()[RECURRENT];
        let mut histogram = Histogram::new(-limit, limit, BINS);
        values.iter().filter(|&&w| w != 0.0).for_each(|&w| histogram.add(f64::from(w).clamp(-limit, limit)));
        let silent = values.iter().filter(|&&w| w == 0.0).count();
        Weights { task: group.task, method: group.method, seed: *seed, histogram, silent }
    });
    Ok((maps, weights.collect()))
}

/// A magnitude that few weights exceed: a handful of large ones would leave no room for the others on an axis.
fn usual(weights: &[f32]) -> f64 {
    let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).filter(|size| *size > 0.0).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let Some(&most) = sizes.last() else { return 0.0 };
    let usual = 1.5 * sizes[(sizes.len() - 1) * 995 / 1000];
    f64::from(most.min(usual))
}

/// W of a network for a map.
pub(super) fn grid(network: &Network) -> crate::analysis::BlockGrid {
    let wiring = network.wiring();
    block_grid(wiring.recurrent(), &network.parameters()[RECURRENT], &wiring.neuron_table().types(), CELLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_large_weights_do_not_set_the_axis() {
        let mut weights = vec![-0.5f32; 1000];
        assert_eq!(usual(&weights), 0.5);
        weights.extend([8.0, 9.0]);
        assert_eq!(usual(&weights), 0.75);
        assert_eq!([usual(&[0.0, 0.0]), usual(&[])], [0.0; 2]);
    }
}
