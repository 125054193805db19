//! One whole training step (forward, loss, backward, Adam, Dale's clamp) of ours against the same step with full
//! matrices.
//!
//! Criterion times each side; at the end, both sides run in turns, which a change of the machine's mood hits alike,
//! and their medians make a table. Before anything is timed, both must find the same gradient.

mod common;
mod dense;

use std::hint::black_box;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets::NOTHING};
use criterion::{Criterion, SamplingMode};
use daleian::Isa;
use daleian::bptt::{Bptt, LossName, Objective};
use daleian::constraint::Constraint;
use daleian::network::{ActivationName, Blocks, CellSpec, InitSpec, InputSpec, Network, ParameterName, ReadoutSpec};
use daleian::optim::{OptimizerSpec, ScheduleSpec};
use daleian::task::{Data, Dataset, Targets};
use daleian::train::{TrainSettings, Trainer, fill};

use common::{SEED, connectome, random};
use dense::{AdamSettings, Dense};

/// A size of network and batch.
#[derive(Clone, Copy)]
struct Cell {
    neurons: usize,
    density: f64,
    batch: usize,
    steps: usize,
}

const CELLS: [Cell; 4] = [
    Cell { neurons: 128, density: 1.0, batch: 200, steps: 50 },
    Cell { neurons: 1440, density: 0.05, batch: 200, steps: 7 },
    Cell { neurons: 4096, density: 0.01, batch: 32, steps: 20 },
    Cell { neurons: 4096, density: 0.05, batch: 32, steps: 20 },
];
const CHANNELS: usize = 2;
const OUTPUTS: usize = 2;

/// A small rate, so that the network stays near its start however often it is stepped: the arithmetic is the same.
const ADAM: AdamSettings = AdamSettings { rate: 1e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const OBJECTIVE: Objective = Objective { loss: LossName::Mse, l2_weights: 0.0, l2_rates: 0.0 };
/// How far the gradients of the two sides may lie apart, of their norm.
const TOLERANCE: f64 = 1e-3;
/// Times that each side runs for the table.
const TURNS: usize = 10;

impl Cell {
    fn name(self) -> String {
        let Self { neurons, density, batch, steps } = self;
        format!("n={neurons} {}% B={batch} T={steps}", density * 100.0)
    }
}

/// Both sides of a cell, with the same network and batch.
struct Sides {
    sparse: Trainer,
    dense: Dense,
}

impl Sides {
    /// Makes both and checks that they agree.
    fn new(cell: Cell, isa: Isa) -> Self {
        let Cell { neurons, density, batch, steps } = cell;
        let spec = CellSpec { activation: ActivationName::Tanh, rectified: true, bias: true };
        let input = (CHANNELS, InputSpec { blocks: Blocks::Dense });
        let readout = (OUTPUTS, ReadoutSpec { blocks: Blocks::Dense, activation: ActivationName::Identity });
        let connectome = connectome(neurons, density);
        let network = Network::new(&connectome, spec, input, readout, &InitSpec::default(), SEED);
        let network = network.expect("a network of one rule");
        let inputs = random(batch * steps * CHANNELS, 0);
        let targets = random(batch * steps * OUTPUTS, 1);
        let lanes_last = |values: &[f32], width: usize| -> Vec<f32> {
            let at = |k: usize| ((k % batch) * steps + k / batch % steps) * width + k / (batch * steps);
            (0..values.len()).map(|k| values[at(k)]).collect()
        };
        let (x, target) = (lanes_last(&inputs, CHANNELS), lanes_last(&targets, OUTPUTS));
        let mut dense = Dense::new(&network, isa, ADAM, [batch, steps], &x, &target);
        let series = Targets::Series { values: targets, outputs: OUTPUTS, mask: None };
        let train = Dataset::new(inputs, [batch, steps, CHANNELS], series).expect("finite samples");
        check(&network, &train, isa, &mut dense);
        let settings = TrainSettings {
            seed: SEED,
            batch,
            objective: OBJECTIVE,
            constraint: Constraint::Dale,
            optimizer: OptimizerSpec::Adam {
                learning_rate: ADAM.rate,
                beta1: ADAM.beta1,
                beta2: ADAM.beta2,
                epsilon: ADAM.epsilon,
            },
            schedule: ScheduleSpec::Constant {},
            clip_norm: None,
            frozen: Vec::new(),
        };
        let nothing = Targets::Series { values: vec![0.0; steps * OUTPUTS], outputs: OUTPUTS, mask: None };
        let test = Dataset::new(vec![0.0; steps * CHANNELS], [1, steps, CHANNELS], nothing).expect("one test sample");
        let data = Data::new(train, test).expect("splits of one form");
        let sparse = Trainer::new(network, data, settings, isa).expect("data that fit the network");
        Self { sparse, dense }
    }

    fn sparse_step(&mut self) -> f64 {
        self.sparse.step().expect("a finite loss").0.loss
    }

    fn dense_step(&mut self) -> f64 {
        self.dense.step()
    }

    /// The median times of both, sparse first, when they run in turns.
    fn in_turns(&mut self, turns: usize) -> [Duration; 2] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..turns {
            let steps: [fn(&mut Self) -> f64; 2] = [Self::sparse_step, Self::dense_step];
            for (step, times) in steps.iter().zip(&mut times) {
                let start = Instant::now();
                black_box(step(self));
                times.push(start.elapsed());
            }
        }
        times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        })
    }
}

/// Panics unless both sides find the same loss and gradient.
fn check(network: &Network, samples: &Dataset, isa: Isa, dense: &mut Dense) {
    let (batch, steps) = (samples.samples(), samples.steps());
    let mut bptt = Bptt::new(network, isa, OBJECTIVE.loss, batch, steps, &ParameterName::ALL);
    let mut gradients = bptt.gradients(network);
    fill(&mut bptt, samples, &(0..batch as u32).collect::<Vec<_>>());
    let sparse_loss = bptt.gradient(network, &OBJECTIVE, &mut gradients).loss;
    let dense_loss = dense.gradient();
    assert!((sparse_loss - dense_loss).abs() <= TOLERANCE * dense_loss, "loss {sparse_loss}, dense {dense_loss}");
    for (name, dense) in ParameterName::ALL.into_iter().zip(dense.gradients(network)) {
        let sparse = gradients.get(name);
        assert_eq!(sparse.len(), dense.len(), "{}", name.tensor());
        let norm = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let off = norm(&mut sparse.iter().zip(&dense).map(|(a, b)| a - b));
        let size = norm(&mut dense.iter().copied());
        assert!(size > 0.0 && off <= TOLERANCE * size, "gradient of {}: off by {off:e} of {size:e}", name.tensor());
    }
}

/// One row of the table.
struct Row {
    cell: Cell,
    synapses: usize,
    times: [Duration; 2],
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let isa = Isa::choose().expect("the instruction set that the environment asks for");
    // under `cargo test` (without --bench) and with --test everything runs once, to see that it does
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    let turns = if asked("--bench") && !asked("--test") { TURNS } else { 1 };
    let mut rows = Vec::new();
    for cell in CELLS {
        // made by the first side that is not filtered out
        let mut sides: Option<Sides> = None;
        let mut group = criterion.benchmark_group(cell.name());
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        group.bench_function("sparse", |b| {
            let sides = sides.get_or_insert_with(|| Sides::new(cell, isa));
            b.iter(|| sides.sparse_step());
        });
        group.bench_function("dense", |b| {
            let sides = sides.get_or_insert_with(|| Sides::new(cell, isa));
            b.iter(|| sides.dense_step());
        });
        group.finish();
        if let Some(mut sides) = sides {
            let times = sides.in_turns(turns);
            rows.push(Row { cell, synapses: sides.sparse.network().wiring().recurrent().nnz(), times });
        }
    }
    criterion.final_summary();
    if !rows.is_empty() {
        print(&rows, isa, turns);
    }
}

fn print(rows: &[Row], isa: Isa, turns: usize) {
    println!("One training step, sparse and dense in turns: medians of {turns}.");
    println!("{} on {} threads. GFLOP/s count 2·k·B·(T-1)·3, where k is", isa, rayon::current_num_threads());
    println!("the number of synapses (sparse) or n² (dense): forward, adjoint and gradient products from the second");
    println!("time step on; everything else takes time and counts for nothing.");
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header([
        "network",
        "synapses",
        "sparse ms",
        "dense ms",
        "sparse GFLOP/s",
        "dense GFLOP/s",
        "dense/sparse",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for Row { cell, synapses, times } in rows {
        let [sparse, dense] = times.map(|time| time.as_secs_f64());
        let flops = |entries: usize| (2 * entries * cell.batch * (cell.steps - 1) * 3) as f64;
        table.add_row([
            cell.name(),
            synapses.to_string(),
            format!("{:.2}", sparse * 1e3),
            format!("{:.2}", dense * 1e3),
            format!("{:.1}", flops(*synapses) / sparse / 1e9),
            format!("{:.1}", flops(cell.neurons * cell.neurons) / dense / 1e9),
            format!("{:.2}", dense / sparse),
        ]);
    }
    println!("{table}");
}
