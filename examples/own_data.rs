//! Train on your own data and wiring: an `.npz` of inputs and targets, an edge list and neurons in CSV, a TOML
//! configuration, a run in a folder that can be stopped and resumed.
//!
//! The files are written here first, so that there is something to read; yours would come from an experiment.
//!
//! `cargo run --release --example own_data [FOLDER]`

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use daleian::Isa;
use daleian::data::npz::{Compression, write_npz};
use daleian::run::{Ending, Event, Run, RunConfig};

fn main() -> Result<(), Box<dyn Error>> {
    // A folder that goes away again, unless one is named.
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or(temporary.path().to_path_buf(), PathBuf::from);
    fs::create_dir_all(&folder)?;
    write_data(&folder.join("recording.npz"))?;
    write_wiring(&folder)?;

    // Every key is described in `daleian::run::RunConfig`; an unknown one is an error.
    let path = |name: &str| toml::Value::String(folder.join(name).display().to_string());
    let text = format!(
        r#"
        name = "own-data"
        seed = 1
        epochs = 20
        batch = 32
        constraint = "dale"
        loss = "mse"
        clip-norm = 1.0

        [task]
        kind = "data"
        file = {data}

        [connectome]
        edges = {edges}
        neurons = {neurons}

        [cell]
        activation = "tanh"
        rectified = true

        [optimizer]
        kind = "adam"
        learning-rate = 0.01
        "#,
        data = path("recording.npz"),
        edges = path("edges.csv"),
        neurons = path("neurons.csv"),
    );
    let config: RunConfig = toml::from_str(&text)?;

    let out = folder.join("run");
    let isa = Isa::choose()?;
    // `go` ends at the next step where this is set, from a signal handler or another thread; the run can be resumed.
    let stop = AtomicBool::new(false);
    let mut run = if out.exists() { Run::resume(config, &out, isa)? } else { Run::create(config, &out, isa)? };
    let ending = run.go(&stop, &mut |event| {
        if let Event::Epoch(row) = event {
            println!("epoch {:2}: training {:.4}, test {:.4}", row.epoch, row.train_loss, row.test_loss);
        }
    })?;
    match ending {
        Ending::Finished(report) => println!(
            "{} synapses, {} of them silent, {} against their sign; all is in {}",
            report.synapses,
            report.silent_synapses,
            report.sign_violations,
            out.display()
        ),
        Ending::Interrupted(position) => println!("stopped in epoch {}", position.epoch + 1),
    }
    Ok(())
}

/// Two sines of random phase, to be answered by their product: inputs `[samples, steps, 2]`, targets
/// `[samples, steps, 1]`.
fn write_data(path: &Path) -> Result<(), Box<dyn Error>> {
    let steps = 25;
    let trial = |sample: usize| {
        let phase = sample as f32 * 0.7;
        (0..steps).map(move |t| {
            let t = t as f32 * 0.3;
            ((t + phase).sin(), (t * 0.5 + phase * phase).cos())
        })
    };
    let inputs =
        |samples: std::ops::Range<usize>| -> Vec<f32> { samples.flat_map(trial).flat_map(|(a, b)| [a, b]).collect() };
    let targets =
        |samples: std::ops::Range<usize>| -> Vec<f32> { samples.flat_map(trial).map(|(a, b)| a * b).collect() };
    let (train, test) = (256, 64);
    let file = fs::File::create(path)?;
    write_npz(
        file,
        Compression::Deflated,
        &[
            ("train_inputs", &[train, steps, 2], &inputs(0..train)),
            ("train_targets", &[train, steps, 1], &targets(0..train)),
            ("test_inputs", &[test, steps, 2], &inputs(train..train + test)),
            ("test_targets", &[test, steps, 1], &targets(train..train + test)),
        ],
    )?;
    Ok(())
}

/// Sixty neurons of two types with names, each hearing ten others.
fn write_wiring(folder: &Path) -> Result<(), Box<dyn Error>> {
    let name = |neuron: usize| if neuron < 48 { format!("pyr{neuron}") } else { format!("pv{neuron}") };
    let (mut neurons, mut edges) = (String::from("id,type,sign\n"), String::from("pre,post\n"));
    for neuron in 0..60 {
        let (population, sign) = if neuron < 48 { ("pyramidal", "exc") } else { ("pv", "inh") };
        writeln!(neurons, "{},{population},{sign}", name(neuron))?;
        for k in 1..=10 {
            writeln!(edges, "{},{}", name((neuron + k * (k + 1) / 2) % 60), name(neuron))?;
        }
    }
    fs::write(folder.join("neurons.csv"), neurons)?;
    fs::write(folder.join("edges.csv"), edges)?;
    Ok(())
}
