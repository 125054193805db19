//! `daleian inspect FILE`.

use std::process::ExitCode;

use daleian::Result;
use daleian::inspect::{Inspection, NetworkContents, Progress, Training, inspect};

use super::train::size;
use super::{args, print, print_json, table};

type Rows = Vec<(String, String)>;

pub fn run(args: args::Inspect) -> Result<ExitCode> {
    let found = inspect(&args.file)?;
    if args.json {
        print_json(&found)?;
    } else {
        print(&text(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(found: &Inspection) -> String {
    let mut rows = Rows::new();
    let mut add = |name: &str, value: String| rows.push((name.into(), value));
    let of = found.name.as_ref().zip(found.seed).map(|(name, seed)| format!(" of {name}, seed {seed}"));
    add("what", format!("{}{}", found.kind, of.unwrap_or_default()));
    if let Some(progress) = &found.progress {
        add("epochs done", epochs(progress));
    }
    network(&found.network, &mut add);
    if let Some(training) = &found.training {
        cut_up(training, &mut add);
    }
    if found.problems.is_empty() {
        add("problems", "none".into());
    }
    found.problems.iter().for_each(|problem| add("problem", problem.clone()));
    table(&rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>())
}

fn epochs(progress: &Progress) -> String {
    let of = progress.of.map(|epochs| format!(" of {epochs}")).unwrap_or_default();
    let steps = if progress.steps == 0 { String::new() } else { format!(", and {} steps", progress.steps) };
    let phase = progress.phase.zip(progress.phases).map(|(phase, of)| format!("; phase {phase} of {of}"));
    format!("{}{of}{steps}{}", progress.epochs, phase.unwrap_or_default())
}

fn word(sign: i8) -> &'static str {
    match sign {
        0 => "unconstrained",
        1.. => "excitatory",
        _ => "inhibitory",
    }
}

fn network(network: &NetworkContents, add: &mut dyn FnMut(&str, String)) {
    add("neurons", network.neurons.to_string());
    for population in &network.populations {
        add(
            &format!("  {}", population.name),
            format!("{} {}", population.neurons, population.sign.map_or("of several signs", word)),
        );
    }
    add("cell", network.cell.to_string());
    add("inputs, outputs", format!("{}, {}", network.channels, network.outputs));
    add("synapses", format!("{}, density {:.4} %", network.synapses, 100.0 * network.density));
    for (name, degree) in [("  received", network.in_degree), ("  sent", network.out_degree)] {
        add(name, format!("{} to {} a neuron, median {}", degree.min, degree.max, degree.median));
    }
    if network.parameters.is_empty() {
        return;
    }
    for part in &network.weights {
        let number = |value: Option<f64>| value.map_or("none finite".into(), |value| format!("{value:.6}"));
        let range = [part.min.map(f64::from), part.max.map(f64::from)].map(number);
        let (count, silent, mean) = (part.synapses, part.silent, number(part.mean));
        let what = format!("{count}, {silent} silent, mean {mean}, {} to {}", range[0], range[1]);
        add(&format!("weights, {}", word(part.sign)), what);
    }
    let sum = |count: fn(&daleian::inspect::ParameterContents) -> usize| -> String {
        network.parameters.iter().map(count).sum::<usize>().to_string()
    };
    add("sign violations", network.sign_violations.to_string());
    add("NaN or infinite", sum(|parameter| parameter.not_finite));
    add("-0.0", sum(|parameter| parameter.negative_zeros));
}

/// Lanes of lane groups, equal neighbours together: `3 × 48 + 64`.
fn lanes(groups: &[usize]) -> String {
    let same = groups.chunk_by(|a, b| a == b).map(|run| match run {
        [lanes] => lanes.to_string(),
        _ => format!("{} × {}", run.len(), run[0]),
    });
    same.collect::<Vec<_>>().join(" + ")
}

fn cut_up(training: &Training, add: &mut dyn FnMut(&str, String)) {
    let plan = &training.plan;
    add("training", format!("batches of {} samples, {} time steps", training.batch, training.steps));
    add("  memory", format!("about {} at the peak", size(training.memory.total)));
    add("  lane groups", format!("{} lanes; {}", lanes(&plan.groups), plan.order));
    add("  rows", plan.rows.clone());
    add("  layout", plan.layout.clone());
    let cache = match training.cache_bytes {
        Some(bytes) => format!("fit {} ({})", training.states_fit, size(bytes as u64)),
        None => "fit no cache".into(),
    };
    add("  states", format!("{} a time step in the widest lane group {cache}", size(plan.state_bytes as u64)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_groups_in_words() {
        assert_eq!(lanes(&[48, 48, 48, 64]), "3 × 48 + 64");
        assert_eq!(lanes(&[16]), "16");
        assert_eq!(lanes(&[]), "");
    }
}
