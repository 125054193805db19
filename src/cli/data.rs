//! A model and the samples to run it on.

use std::path::Path;

use daleian::bptt::Objective;
use daleian::data::{Dataset, npz};
use daleian::network::Network;
use daleian::train::check_shapes;
use daleian::{Error, Result};

use super::args::Split;

/// The samples of the split asked for, or of `preferred` if the file has it, or of the other; inputs alone are enough. The
/// loss is the one that goes with their targets, if there are any.
pub fn read(
    path: &Path,
    network: &Network,
    asked: Option<Split>,
    preferred: Split,
) -> Result<(Dataset, Option<Objective>)> {
    let wiring = network.wiring();
    let splits = npz::read_to_evaluate(path, wiring.outputs())?;
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
    check_shapes(wiring, data.form(), "given").map_err(|error| wrong(path, error))?;
    let loss = data.targets().kind().loss();
    Ok((data, loss.map(Objective::from)))
}

pub fn wrong(path: &Path, problem: impl ToString) -> Error {
    Error::Content { path: path.into(), problem: problem.to_string() }
}
