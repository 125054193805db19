//! The paper's numbers, as its published notebooks print them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::PaperTask;
use crate::run::Method;

/// Figure 2: a task's runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    #[serde(rename = "metric")]
    _metric: String,
    #[serde(rename = "epochs")]
    _epochs: usize,
    runs: BTreeMap<String, Vec<Vec<f64>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fig2 {
    note: String,
    flip_flop: Runs,
    wave_recon: Runs,
    seq_mnist: Runs,
}

/// Figure 3: test errors straight after pruning, `[runs][connection probabilities]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruned {
    /// Pruned at random.
    pub random: Vec<Vec<f64>>,
    /// Pruned by top-prob.
    pub topprob: Vec<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fig3 {
    note: String,
    connection_probability: Vec<f64>,
    flipflop: Pruned,
    wave_recon: Pruned,
    seq_mnist: Pruned,
}

static FIG2: LazyLock<Fig2> =
    LazyLock::new(|| serde_json::from_str(include_str!("paper/fig2.json")).expect("the embedded numbers of Figure 2"));
static FIG3: LazyLock<Fig3> =
    LazyLock::new(|| serde_json::from_str(include_str!("paper/fig3.json")).expect("the embedded numbers of Figure 3"));

/// Where the numbers of Figure 2 come from.
pub fn fig2_note() -> &'static str {
    &FIG2.note
}

/// Where the numbers of Figure 3 come from.
pub fn fig3_note() -> &'static str {
    &FIG3.note
}

/// The measure of a task after each epoch, a run an item; none where the paper did not run the method.
pub fn curves(task: PaperTask, method: Method) -> &'static [Vec<f64>] {
    let runs = match task {
        PaperTask::FlipFlop => &FIG2.flip_flop,
        PaperTask::Wave => &FIG2.wave_recon,
        PaperTask::Images => &FIG2.seq_mnist,
    };
    runs.runs.get(method.name()).map_or(&[], Vec::as_slice)
}

/// Each run's value after the last epoch.
pub fn finals(task: PaperTask, method: Method) -> Vec<f64> {
    curves(task, method).iter().filter_map(|run| run.last().copied()).collect()
}

/// The connection probabilities of Figure 3.
pub fn probabilities() -> &'static [f64] {
    &FIG3.connection_probability
}

/// Test errors straight after pruning: mean squared error, cross-entropy for images.
pub fn pruned(task: PaperTask) -> &'static Pruned {
    match task {
        PaperTask::FlipFlop => &FIG3.flipflop,
        PaperTask::Wave => &FIG3.wave_recon,
        PaperTask::Images => &FIG3.seq_mnist,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Spread;
    use super::*;

    /// The means and medians that the paper's table has.
    #[test]
    fn numbers_are_the_papers() {
        let of = |task, method| Spread::new(finals(task, method));
        let near = |got: Option<f64>, want: f64, by: f64| assert!((got.unwrap() - want).abs() <= by, "{got:?} {want}");
        use Method::{Conventional, Dale, Rectified};
        use PaperTask::{FlipFlop, Images, Wave};
        near(of(FlipFlop, Conventional).mean, 0.00215, 5e-6);
        near(of(FlipFlop, Conventional).median, 0.00212, 5e-6);
        near(of(FlipFlop, Rectified).mean, 0.143, 5e-4);
        near(of(FlipFlop, Rectified).median, 0.00627, 5e-6);
        near(of(FlipFlop, Dale).mean, 0.00048, 5e-6);
        near(of(FlipFlop, Dale).median, 0.00033, 5e-6);
        near(of(FlipFlop, Dale).greatest, 0.00102, 5e-6);
        near(of(Wave, Conventional).mean, 0.00357, 5e-6);
        near(of(Wave, Rectified).mean, 0.00280, 5e-6);
        near(of(Wave, Dale).mean, 0.00281, 5e-6);
        near(of(Images, Conventional).mean, 96.85, 5e-3);
        near(of(Images, Rectified).mean, 78.2, 5e-2);
        near(of(Images, Dale).mean, 95.2, 5e-2);
        assert!(fig2_note().contains("Balwani"));
    }

    #[test]
    fn shapes_are_those_of_the_runs() {
        for (task, epochs) in [(PaperTask::FlipFlop, 100), (PaperTask::Wave, 25), (PaperTask::Images, 50)] {
            for method in [Method::Conventional, Method::Rectified, Method::Dale] {
                assert_eq!(curves(task, method).len(), 5);
                assert!(curves(task, method).iter().all(|run| run.len() == epochs));
            }
            let Pruned { random, topprob } = pruned(task);
            assert!(random.iter().chain(topprob).all(|run| run.len() == 15) && random.len() == 5 && topprob.len() == 5);
        }
        assert_eq!((probabilities().len(), probabilities()[2]), (15, 0.08615385));
        assert!(fig3_note().contains("Fig 3"));
    }

    /// Means over runs and values, as the paper's text has them.
    #[test]
    fn pruning_means_are_the_papers() {
        let mean = |runs: &[Vec<f64>]| Spread::new(runs.concat()).mean.unwrap();
        for (task, topprob, random, by) in [
            (PaperTask::FlipFlop, 0.260, 0.443, 5e-4),
            (PaperTask::Wave, 0.0898, 0.104, 5e-4),
            (PaperTask::Images, 2.19, 3.55, 5e-3),
        ] {
            let got = pruned(task);
            assert!((mean(&got.topprob) - topprob).abs() <= by, "{} {topprob}", mean(&got.topprob));
            assert!((mean(&got.random) - random).abs() <= by, "{} {random}", mean(&got.random));
        }
    }
}
