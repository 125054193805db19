//! A model and the samples to run it on.

use std::path::Path;

use daleian::bptt::{LossName, Objective};
use daleian::data::{Dataset, Targets, npz};
use daleian::network::Network;
use daleian::train::check_shapes;
use daleian::{Error, Result};

use super::args::Split;

/// The samples of the split asked for, or of `preferred` if the file has it, or of the other. The loss is the one
/// that goes with their targets.
pub fn read(path: &Path, network: &Network, asked: Option<Split>, preferred: Split) -> Result<(Dataset, Objective)> {
    let wiring = network.wiring();
    let splits = npz::read_splits(path, Some(wiring.outputs()))?;
    let (first, second) = match asked.unwrap_or(preferred) {
        Split::Train => (splits.train, splits.test),
        Split::Test => (splits.test, splits.train),
    };
    let data = match (first, asked) {
        (Some(data), _) => data,
        (None, None) => second.ok_or_else(|| wrong(path, "neither train_inputs nor test_inputs"))?,
        (None, Some(Split::Train)) => return Err(wrong(path, "no train_inputs")),
        (None, Some(Split::Test)) => return Err(wrong(path, "no test_inputs")),
    };
    check_shapes(wiring, &data, "given").map_err(|error| wrong(path, error))?;
    let loss = match data.targets() {
        Targets::Series { .. } => LossName::Mse,
        Targets::Classes { .. } => LossName::CrossEntropy,
    };
    Ok((data, Objective { loss, l2_weights: 0.0, l2_rates: 0.0 }))
}

fn wrong(path: &Path, problem: impl ToString) -> Error {
    Error::Content { path: path.into(), problem: problem.to_string() }
}
