//! What can be typed.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args as Options, Parser, Subcommand, ValueEnum};
use daleian::run::{Change, Method};

/// Train recurrent networks wired like brains: sparse connectivity fixed by anatomy, and Dale's law.
#[derive(Debug, Parser)]
#[command(name = "daleian", version, arg_required_else_help = true, after_help = ENVIRONMENT)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const ENVIRONMENT: &str = "\
A wrong input ends with exit code 2, training that diverges with 3, a run stopped by Ctrl-C with 130.

Environment:
  DALEIAN_ISA          use this instruction set (avx512, avx2, portable) instead of the fastest
  DALEIAN_REQUIRE_ISA  fail unless this instruction set is present";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network and write a run folder.
    Train(Train),
    /// Loss, accuracy and outputs of a model on data.
    Evaluate(Evaluate),
    /// Loss and every gradient of one batch, as a safetensors file.
    Gradient(Gradient),
    /// Take synapses away from a model: by weight, at random, whole or block by block.
    Prune(Prune),
    /// How fast this machine is, and a training step on it, sparse against dense.
    Bench(Bench),
    /// What a model, checkpoint, run or configuration contains, and what is wrong with it.
    Inspect(Inspect),
    /// The paper's figures: every run, drawings, numbers and a report, ours beside theirs.
    Reproduce(Reproduce),
    /// List the embedded presets, or print one to start from.
    Presets(Presets),
    /// List the tasks, or say of one what is learned, and draw trials of it.
    Tasks(Tasks),
}

#[derive(Debug, Options)]
#[command(after_help = "Examples:
  daleian train flip-flop
  daleian train flip-flop --seed 2 --threads 4
  daleian train images --data mnist
  daleian train flip-flop --method conventional
  daleian train flip-flop --set optimizer.learning-rate=0.01 --set batch=100
  daleian train fly --dry-run
  daleian train fly --memory-limit 1GiB --dry-run
  daleian presets flip-flop > mine.toml && daleian train mine.toml --out runs/mine
  daleian train mine.toml --out runs/mine --resume
  daleian train --from pruned.safetensors --epochs 40 --out runs/pruned
  daleian train --out runs/pruned --resume
  daleian train --out runs/mine --resume --data /where/they/are/now.npz")]
pub struct Train {
    /// A preset (see `daleian presets`) or a configuration file.
    /// Left out: that of the model with --from, that of the run folder with --resume.
    #[arg(value_name = "PRESET|CONFIG.toml", required_unless_present_any = ["from", "resume"])]
    pub config: Option<String>,
    /// Start from this model or checkpoint: its neurons, synapses, signs and parameters.
    #[arg(long, value_name = "MODEL")]
    pub from: Option<PathBuf>,
    /// Go on with the optimizer moments that the file of --from has, instead of zero.
    #[arg(long, requires = "from")]
    pub keep_moments: bool,
    /// The run folder. Left out: runs/NAME-seedN (NAME-METHOD-seedN with --method), with a number where that is taken.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The seed of every random number, instead of the configuration's.
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub seed: Option<u64>,
    /// Passes over the training samples, instead of the configuration's.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub epochs: Option<usize>,
    /// Change a setting of the configuration, by its dotted name (lists count from 1: phase.2.density=0.1). Repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Change>,
    /// Train this way, whatever the configuration's constraint, cell.rectified and the rate-factor of recurrent.values say. Start,
    /// data and seeds stay the same, so that methods can be compared.
    #[arg(long, value_name = "NAME", value_parser = methods())]
    pub method: Option<Method>,
    /// Threads; no result depends on it. Left out: one a core.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub threads: Option<usize>,
    /// Take at most so much memory (4GiB, 512MiB, 2GB, or bytes), by computing time steps twice; no result depends on it.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory_limit: Option<u64>,
    /// Go on from the last checkpoint of the run folder. More epochs than it began with are welcome.
    #[arg(long)]
    pub resume: bool,
    /// Where the data are: the .npz file of the task `data`, or for `images` the folder with MNIST's four files, plain or
    /// gzipped (without it digits are drawn).
    #[arg(long, value_name = "FILE|DIR")]
    pub data: Option<PathBuf>,
    /// What to do with an edge that the edge list has twice.
    #[arg(long, value_name = "WHAT")]
    pub duplicates: Option<Duplicates>,
    /// What to do with weights against the sign of their presynaptic neuron.
    #[arg(long, value_name = "WHAT")]
    pub contradictions: Option<Contradictions>,
    /// Print what memory the run would take at its peak, and end: nothing is trained or written.
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Options)]
#[command(
    after_help = "Density is synapses over possible pairs of neurons, those of a neuron with itself among them. A file of
blocks has the columns pre, post (populations) and density. The input may be overwritten: the output replaces a file
only when it is complete. Moments of a checkpoint come along; `train --from MODEL --keep-moments` goes on with them.

Examples:
  daleian prune runs/flip-flop-seed1/model.safetensors --method top-prob --density 0.086 --out pruned.safetensors
  daleian prune model.safetensors --method random --blocks blocks.csv --rest drop --seed 2 --out pruned.safetensors"
)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["density", "blocks"])))]
pub struct Prune {
    /// A model or checkpoint file.
    pub model: PathBuf,
    /// How the synapses that stay are chosen.
    #[arg(long)]
    pub method: PruneMethod,
    /// The density of the whole matrix, from 0 to 1.
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = number)]
    pub density: Option<f64>,
    /// The density of each block, from a CSV file.
    #[arg(long, value_name = "FILE.csv")]
    pub blocks: Option<PathBuf>,
    /// What to do with blocks that the file does not name. Left out: keep.
    #[arg(long, value_name = "WHAT", conflicts_with = "density")]
    pub rest: Option<Rest>,
    /// Let probabilities above 1 be cut, and do not hand on the excess.
    #[arg(long)]
    pub no_redistribute: bool,
    /// The seed of the random numbers.
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<u64>)]
    pub seed: u64,
    /// The file to write.
    #[arg(long, value_name = "MODEL")]
    pub out: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PruneMethod {
    /// Each with a probability that grows with its weight.
    TopProb,
    /// Each with the same probability.
    Random,
    /// The largest weights.
    Magnitude,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Rest {
    /// They stay as they are.
    Keep,
    /// Nothing stays of them.
    Drop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Duplicates {
    /// Refuse the file and name the rows.
    Error,
    /// Add their weights.
    Sum,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Contradictions {
    /// Refuse the file, count them and name the first.
    Error,
    /// Set the weights to 0; the synapses stay.
    Clamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Split {
    /// `train_inputs`, `train_targets`, `train_mask`.
    Train,
    /// `test_inputs`, `test_targets`, `test_mask`.
    Test,
}

#[derive(Debug, Options)]
#[command(after_help = "Examples:
  daleian evaluate runs/flip-flop-seed1/model.safetensors data.npz
  daleian evaluate model.safetensors data.npz --outputs outputs.npz --json
  daleian evaluate model.safetensors inputs.npz --outputs outputs.npz --rates rates.npz")]
pub struct Evaluate {
    /// A model or checkpoint file.
    pub model: PathBuf,
    /// The data; inputs alone are enough.
    #[arg(value_name = "DATA.npz")]
    pub data: PathBuf,
    /// Which samples. Left out: the test samples, or the training samples where there are no others.
    #[arg(long)]
    pub split: Option<Split>,
    /// Write what the network answers, `outputs` [samples, steps, outputs], to this file.
    #[arg(long, value_name = "FILE.npz")]
    pub outputs: Option<PathBuf>,
    /// Write the rates of all neurons, `rates` [samples, steps, neurons], to this file.
    #[arg(long, value_name = "FILE.npz")]
    pub rates: Option<PathBuf>,
    /// Threads; no result depends on it. Left out: one a core.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub threads: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Options)]
#[command(
    after_help = "The file has `loss` [1] and the gradients `recurrent.values`, `recurrent.bias`, `input.weight`,
`readout.weight`, `readout.bias` in the shapes of the model file. The loss is that of the data alone (mean squared
error, or cross-entropy for class labels); penalties of the run's configuration are not part of it.

Example:
  daleian gradient model.safetensors data.npz --out gradient.safetensors"
)]
pub struct Gradient {
    /// A model or checkpoint file.
    pub model: PathBuf,
    /// The data, all samples taken as one batch.
    #[arg(value_name = "DATA.npz")]
    pub data: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "G.safetensors")]
    pub out: PathBuf,
    /// Which samples. Left out: the training samples, or the test samples where there are no others.
    #[arg(long)]
    pub split: Option<Split>,
    /// Threads; no result depends on it. Left out: one a core.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub threads: Option<usize>,
    /// Print the loss and the norm as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Options)]
#[command(
    after_help = "Measures, in less than two minutes on a machine that does nothing else: the roofs (multiply-adds
with an operand from each cache and from memory), the three sparse kernels on one thread, and a whole training step
with existing synapses only against full matrices.

Examples:
  daleian bench --out crossover.svg
  daleian bench --cell 1440,0.05,200,7 --cell 1440,0.2,200,7 --json"
)]
pub struct Bench {
    /// Measure only this size: neurons, density (1 is full), samples in a batch, time steps. Repeatable.
    #[arg(long = "cell", value_name = "N,DENSITY,LANES,STEPS")]
    pub cells: Vec<String>,
    /// Draw the ratio of the times against density into this file.
    #[arg(long, value_name = "FILE.svg")]
    pub out: Option<PathBuf>,
    /// Threads of the training steps; the kernels run on one. Left out: one a core.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub threads: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Options)]
#[command(
    after_help = "Says populations, synapses, degrees and weights; where there is a configuration also the memory that
training takes, and how a training step is cut up and why. Nothing is trained or written. Ends with 0 if the file could
be read, whatever it found in it: `problems` has what is wrong.

Examples:
  daleian inspect runs/flip-flop-seed1
  daleian inspect model.safetensors --json
  daleian inspect fly"
)]
pub struct Inspect {
    /// A model or checkpoint (.safetensors), a run folder, a configuration (.toml) or a preset.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Options)]
#[command(after_help = "Writes into the output folder: runs/TASK/METHOD/seedN, a run folder each, shared by all
figures; and FIGURE/FIGURE.svg, FIGURE/FIGURE.csv (every number) and FIGURE/report.md (ours beside the
paper's). Whatever is finished there is not run again: the same line goes on after Ctrl-C. As many runs go
side by side as there are threads, each on one; no result depends on it.

Examples:
  daleian reproduce fig2 --quick
  daleian reproduce fig2 --task flip-flop
  daleian reproduce fig2 --runs 5 --out paper")]
pub struct Reproduce {
    /// The figure.
    pub figure: Figure,
    /// A task (flip-flop, wave, images), or all.
    #[arg(long, value_name = "TASK", default_value = "all")]
    pub task: String,
    /// Seeds of each task and method, from 1. Left out: 5, as in the paper, or 1 with --quick.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub runs: Option<usize>,
    /// Seeds of the conventional and the rectified flip-flop, which fail by chance. Left out: 20, or 2 with --quick.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub baseline_runs: Option<usize>,
    /// A taste in about a minute: fewer runs, epochs and samples, and everything written says so.
    #[arg(long)]
    pub quick: bool,
    /// The output folder. Left out: reproduce, or reproduce-quick with --quick.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Runs side by side. Left out: one a core.
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub threads: Option<usize>,
    /// A folder with MNIST's four files, for the images. Left out: digits that daleian draws itself.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print the table as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Training with and without Dale's law: loss curves, final weights, every run's end.
    Fig2,
    /// Pruning what Dale's backprop trained: errors, recovery, the spanning tree.
    Fig3,
}

#[derive(Debug, Options)]
pub struct Presets {
    /// The preset to print.
    pub name: Option<String>,
}

#[derive(Debug, Options)]
#[command(after_help = "Examples:
  daleian tasks
  daleian tasks waves
  daleian tasks wave-meant --plot trials.svg --seed 2")]
pub struct Tasks {
    /// The task to describe, or a preset whose task to describe.
    #[arg(value_name = "TASK|PRESET")]
    pub name: Option<String>,
    /// Draw three test trials, inputs and targets, into this file.
    #[arg(long, value_name = "FILE.svg", requires = "name")]
    pub plot: Option<PathBuf>,
    /// The seed of the trials. Left out: the preset's, or 1.
    #[arg(long, value_name = "N", value_parser = whole::<u64>, requires = "plot")]
    pub seed: Option<u64>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The methods by name, each with its line.
fn methods() -> impl TypedValueParser<Value = Method> {
    let names = Method::ALL.map(|method| PossibleValue::new(method.name()).help(method.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Method>())
}

/// A number, and what is expected where it is none.
fn number(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "expected a number")
}

/// A whole number, and what is expected where it is none.
fn whole<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "expected a whole number, 0 or more,")
}

/// Bytes, with a unit or without.
fn bytes(text: &str) -> Result<u64, &'static str> {
    let size = text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64()).filter(|&bytes| bytes > 0);
    size.ok_or("expected a size like 4GiB, 512MiB, 2GB or 1000000000 (bytes)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn sizes() {
        for (text, want) in [
            ("4GiB", 4 << 30),
            ("512MiB", 512 << 20),
            ("2GB", 2_000_000_000),
            ("1.5 GiB", 3 << 29),
            ("100 kB", 100_000),
            ("16KiB", 16 << 10),
            ("1TiB", 1 << 40),
            ("123", 123),
            ("123B", 123),
        ] {
            assert_eq!(bytes(text), Ok(want), "{text}");
        }
        for text in
            ["", " ", "GiB", "-1GiB", "4 GiBs", "1,5GiB", "four", "0", "0GiB", "NaN", "inf", "1e9", "1.2.3MB", "4Gi B"]
        {
            assert!(bytes(text).is_err(), "{text} is {:?}", bytes(text));
        }
    }
}
