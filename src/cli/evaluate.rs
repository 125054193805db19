//! `daleian evaluate MODEL DATA.npz`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use daleian::bptt::{Objective, check_memory};
use daleian::data::Dataset;
use daleian::data::npz::{Compression, write_npz, write_npz_in_parts};
use daleian::files::write_atomic;
use daleian::network::Network;
use daleian::train::{Evaluation, Summary};
use daleian::{Error, Isa, Result};
use serde::Serialize;

use super::args::{self, Split};
use super::{data, exec, print, print_json, table};

/// Samples run at a time.
const BATCH: usize = 256;
/// Bytes of rates that are in memory at a time, if those of one sample are not more.
const RATES: usize = 64 << 20;

#[derive(Serialize)]
struct Found {
    /// None of inputs alone.
    loss: Option<f64>,
    accuracy: Option<f64>,
    samples: usize,
    steps: usize,
    instruction_set: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rates: Option<PathBuf>,
}

pub fn run(args: args::Evaluate) -> Result<ExitCode> {
    let exec = exec(args.threads)?;
    let isa = exec.isa();
    let network = Network::load(&args.model)?;
    let (samples, objective) = data::read(&args.data, &network, args.split, Split::Test)?;
    check_memory(network.wiring(), BATCH.min(samples.samples()), samples.steps(), false)?;
    let summary = exec.install(|| -> Result<_> {
        let summary = loss_and_outputs(&network, isa, &samples, objective, args.outputs.as_deref())?;
        if let Some(path) = &args.rates {
            write_rates(&network, isa, &samples, path)?;
        }
        Ok(summary)
    })?;
    if let Some(Summary { loss, .. }) = summary.filter(|summary| !summary.loss.is_finite()) {
        let problem = format!("the loss of this model on {} is {loss}", args.data.display());
        return Err(Error::Content { path: args.model, problem });
    }
    let found = Found {
        loss: summary.map(|summary| summary.loss),
        accuracy: summary.and_then(|summary| summary.accuracy),
        samples: samples.samples(),
        steps: samples.steps(),
        instruction_set: isa.name(),
        outputs: args.outputs,
        rates: args.rates,
    };
    if args.json {
        print_json(&found)?;
    } else {
        print(&table(&found.rows(isa)))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Found {
    fn rows(&self, isa: Isa) -> Vec<(&'static str, String)> {
        let none = || "none, as the file has no targets".into();
        let mut rows = vec![("loss", self.loss.map_or_else(none, |loss| format!("{loss:.6}")))];
        rows.extend(self.accuracy.map(|share| ("accuracy", format!("{:.2} %", 100.0 * share))));
        rows.push(("samples", self.samples.to_string()));
        rows.push(("instruction set", isa.to_string()));
        let named = |name, path: &Option<PathBuf>| path.as_ref().map(|path| (name, path.display().to_string()));
        rows.extend(named("outputs", &self.outputs));
        rows.extend(named("rates", &self.rates));
        rows
    }
}

/// The loss, where there is one to take, and the outputs, written to `path`, where that is given.
fn loss_and_outputs(
    network: &Network,
    isa: Isa,
    samples: &Dataset,
    objective: Option<Objective>,
    path: Option<&Path>,
) -> Result<Option<Summary>> {
    let mut evaluation = Evaluation::new(network, isa, samples, BATCH);
    let summary = objective.map(|objective| evaluation.run(network, samples, &objective));
    if let Some(path) = path {
        let outputs = evaluation.outputs(network, samples, samples.samples());
        let shape = [samples.samples(), samples.steps(), network.wiring().outputs()];
        write_atomic(path, |out| write_npz(out, Compression::Deflated, &[("outputs", &shape, &outputs)]).map(drop))?;
    }
    Ok(summary)
}

/// Writes the rates of all neurons a batch at a time.
fn write_rates(network: &Network, isa: Isa, samples: &Dataset, path: &Path) -> Result<()> {
    let (steps, neurons) = (samples.steps(), network.wiring().neurons());
    let one = steps.saturating_mul(neurons).saturating_mul(size_of::<f32>());
    if Vec::<u8>::new().try_reserve_exact(one).is_err() {
        let problem = format!("the rates of one sample, {steps} steps of {neurons} neurons, do not fit in memory");
        return Err(Error::Setting { key: "--rates".into(), problem });
    }
    let mut evaluation = Evaluation::new(network, isa, samples, (RATES / one).clamp(1, BATCH));
    let shape = [samples.samples(), steps, neurons];
    write_atomic(path, |out| {
        write_npz_in_parts(out, Compression::Deflated, "rates", &shape, |take| evaluation.rates(network, samples, take))
            .map(drop)
    })
}
