//! `daleian evaluate MODEL DATA.npz`.

use std::process::ExitCode;

use daleian::bptt::check_memory;
use daleian::data::npz::{Compression, write_npz};
use daleian::files::write_atomic;
use daleian::network::Network;
use daleian::train::Evaluation;
use daleian::{Error, Result};
use serde::Serialize;

use super::args::{self, Split};
use super::{data, exec, print, print_json, table};

/// Samples run at a time.
const BATCH: usize = 256;

#[derive(Serialize)]
struct Found {
    loss: f64,
    accuracy: Option<f64>,
    samples: usize,
    steps: usize,
    instruction_set: &'static str,
}

pub fn run(args: args::Evaluate) -> Result<ExitCode> {
    let exec = exec(args.threads)?;
    let isa = exec.isa();
    let network = Network::load(&args.model)?;
    let (samples, objective) = data::read(&args.data, &network, args.split, Split::Test)?;
    check_memory(network.wiring(), BATCH.min(samples.samples()), samples.steps(), false)?;
    let (summary, outputs) = exec.install(|| -> Result<_> {
        let mut evaluation = Evaluation::new(&network, isa, objective.loss, &samples, BATCH);
        let summary = evaluation.run(&network, &samples, &objective);
        let outputs = args.outputs.is_some().then(|| evaluation.outputs(&network, &samples, samples.samples()));
        Ok((summary, outputs))
    })?;
    if let (Some(path), Some(outputs)) = (&args.outputs, &outputs) {
        let shape = [samples.samples(), samples.steps(), samples.outputs()];
        write_atomic(path, |out| write_npz(out, Compression::Deflated, &[("outputs", &shape, outputs)]).map(drop))?;
    }
    if !summary.loss.is_finite() {
        let problem = format!("the loss of this model on {} is {}", args.data.display(), summary.loss);
        return Err(Error::Content { path: args.model, problem });
    }
    let found = Found {
        loss: summary.loss,
        accuracy: summary.accuracy,
        samples: samples.samples(),
        steps: samples.steps(),
        instruction_set: isa.name(),
    };
    if args.json {
        print_json(&found)?;
    } else {
        let mut rows = vec![("loss", format!("{:.6}", found.loss))];
        rows.extend(found.accuracy.map(|share| ("accuracy", format!("{:.2} %", 100.0 * share))));
        rows.push(("samples", found.samples.to_string()));
        rows.push(("instruction set", isa.to_string()));
        print(&table(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}
