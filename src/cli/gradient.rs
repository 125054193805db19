//! `daleian gradient MODEL DATA.npz --out G`.

use std::process::ExitCode;

use daleian::Result;
use daleian::bptt::{Bptt, check_memory};
use daleian::network::Network;
use daleian::optim::norm;
use daleian::run::save_gradient;
use daleian::train::fill;

use super::args::{self, Split};
use super::{data, exec, print, print_json, table};

pub fn run(args: args::Gradient) -> Result<ExitCode> {
    let exec = exec(args.threads)?;
    let isa = exec.isa();
    let network = Network::load(&args.model)?;
    let (samples, objective) = data::read(&args.data, &network, args.split, Split::Train)?;
    let no_targets = || data::wrong(&args.data, "inputs alone; expected targets too, to take a gradient");
    let objective = objective.ok_or_else(no_targets)?;
    check_memory(network.wiring(), samples.samples(), samples.steps(), true)?;
    let (outcome, gradients, norm) = exec.install(|| -> Result<_> {
        let (count, steps) = (samples.samples(), samples.steps());
        let all: Vec<_> = network.parameters().ids().collect();
        let mut bptt = Bptt::new(&network, isa, samples.targets().kind(), count, steps, &all);
        fill(&mut bptt, &samples, &(0..count as u32).collect::<Vec<_>>());
        let mut gradients = bptt.gradients(&network);
        let outcome = bptt.gradient(&network, &objective, &mut gradients);
        let norm = norm(isa, &gradients);
        Ok((outcome, gradients, norm))
    })?;
    save_gradient(&args.out, &network, outcome.loss, &gradients)?;
    if args.json {
        print_json(&serde_json::json!({
            "loss": outcome.loss,
            "gradient_norm": norm,
            "samples": samples.samples(),
            "instruction_set": isa.name(),
            "file": args.out.display().to_string(),
        }))?;
    } else {
        print(&table(&[
            ("loss", format!("{:.6}", outcome.loss)),
            ("norm of the gradient", format!("{norm:.6}")),
            ("samples", samples.samples().to_string()),
            ("instruction set", isa.to_string()),
            ("written to", args.out.display().to_string()),
        ]))?;
    }
    Ok(ExitCode::SUCCESS)
}
