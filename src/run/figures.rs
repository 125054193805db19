//! The drawings of a finished run.

use crate::analysis::{block_grid, largest_magnitude, weight_distribution};
use crate::bptt::LossName;
use crate::figure::{Curve, LossFigure, loss_curves, trials, weight_distribution as draw_distribution, weight_maps};

use super::{FirstTrials, RunConfig};
use crate::network::RECURRENT;
use crate::sparse::Pattern;
use crate::train::{Row, Trainer};

/// Cells along each side of a weight map.
const CELLS: usize = 128;
/// Bars of a weight distribution.
const BINS: usize = 80;
/// Test trials shown.
const TRIALS: usize = 3;

/// File names and their content. The start is its pattern and its weights.
pub(super) fn draw(
    config: &RunConfig,
    trainer: &mut Trainer,
    (start_pattern, start): (&Pattern, &[f32]),
    rows: &[Row],
) -> Vec<(&'static str, String)> {
    let mut out = vec![("loss.svg", loss(config, rows)), ("trials.svg", test_trials(config, trainer))];
    let network = trainer.network();
    let wiring = network.wiring();
    let end = &network.parameters()[RECURRENT];
    let populations = wiring.neuron_table().types();
    let pattern = wiring.recurrent();
    let grid = |pattern, values| block_grid(pattern, values, &populations, CELLS);
    let title = self::title(config, ": recurrent weights W[post, pre]");
    out.push((
        "weights.svg",
        weight_maps(&title, &[("Start", &grid(start_pattern, start)), ("End", &grid(pattern, end))]),
    ));
    let limit = match largest_magnitude(start).max(largest_magnitude(end)) {
        0.0 => 1.0,
        limit => limit,
    };
    let signs = wiring.signs();
    let spread = |pattern, values| weight_distribution(pattern, values, &signs, limit, BINS);
    let title = self::title(config, ": weights by sign of the presynaptic neuron");
    let panels = [("Start", &spread(start_pattern, start)), ("End", &spread(pattern, end))];
    out.push(("distribution.svg", draw_distribution(&title, &panels)));
    out
}

/// The title of a drawing; it says where the data come from if the name of the task does not.
fn title(config: &RunConfig, what: &str) -> String {
    let label = config.task.data_label().map(|label| format!(" ({label})")).unwrap_or_default();
    format!("{}{what}{label}", config.name)
}

fn loss(config: &RunConfig, rows: &[Row]) -> String {
    let points =
        |value: fn(&Row) -> f64| -> Vec<(f64, f64)> { rows.iter().map(|row| (row.epoch as f64, value(row))).collect() };
    let (train, test) = (points(|row| row.train_loss), points(|row| row.test_loss));
    let rate = points(|row| row.learning_rate);
    loss_curves(&LossFigure {
        title: &title(config, ""),
        value: match config.loss {
            LossName::Mse => "mean squared error",
            LossName::CrossEntropy => "cross-entropy (nats)",
        },
        curves: &[
            Curve { name: "training", points: &train, band: &[] },
            Curve { name: "test", points: &test, band: &[] },
        ],
        learning_rate: &rate,
    })
}

fn test_trials(config: &RunConfig, trainer: &mut Trainer) -> String {
    let count = TRIALS.min(trainer.data().test().samples());
    let outputs = trainer.outputs(count);
    let shown = FirstTrials::new(trainer.data().test(), TRIALS, Some(&outputs));
    trials(&title(config, ": test trials"), &shown.trials())
}
