//! One whole training step (forward, loss, backward, Adam, Dale's clamp) of ours and of full matrices, in turns.

use std::hint::black_box;
use std::time::Instant;

use daleian_kernels::Isa;
use rand::RngExt;
use serde::Serialize;

use super::{AdamSettings, Cell, Dense};
use crate::bptt::{Bptt, LossName, Objective};
use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use crate::data::{Data, Dataset, Targets};
use crate::error::{Error, Result};
use crate::network::{COMMON_NAMES, CellSpec, Network, ParameterId};
use crate::optim::{Adam, OptimizerSpec};
use crate::random::{Purpose, stream};
use crate::train::{TrainSettings, Trainer};

/// The seed of everything that is drawn.
const SEED: u64 = 1;
const CHANNELS: usize = 2;
const OUTPUTS: usize = 2;
/// A small rate, so that the network stays near its start however often it is stepped: the arithmetic is the same.
const ADAM: AdamSettings = AdamSettings { rate: 1e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/// How far the losses of the two sides may lie apart, of their size.
const TOLERANCE: f64 = 1e-3;
/// The dense side is left out where it would take more than this.
pub const DENSE_BYTES: u128 = 4 << 30;
/// Seconds of a step that is long.
const LONG: f64 = 0.06;
/// Turns that are enough for a median, whatever time is left.
const TURNS: usize = 15;

/// `neurons` neurons, four fifths excitatory and the rest inhibitory, each pair connected with probability `density`.
pub fn connectome(neurons: usize, density: f64) -> Connectome {
    let excitatory = neurons * 4 / 5;
    let populations = [
        PopulationSpec::new("exc", excitatory, Sign::Excitatory),
        PopulationSpec::new("inh", neurons - excitatory, Sign::Inhibitory),
    ];
    let everywhere = ConnectionSpec { autapses: true, ..ConnectionSpec::probability(density) };
    Connectome::from_rules(&populations, &[everywhere], SEED).expect("a connectome drawn by one rule")
}

/// `count` numbers, uniform between -1 and 1, none of them 0. Different `index`, different numbers.
pub fn random(count: usize, index: u32) -> Vec<f32> {
    let mut rng = stream(SEED, Purpose::TrainSamples, index);
    let mut number = || {
        let x = 2.0 * rng.random::<f32>() - 1.0;
        if x == 0.0 { 0.5 } else { x }
    };
    (0..count).map(|_| number()).collect()
}

pub(super) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds that a step takes in training, after another of its kind: the first of a turn finds in the caches what the
/// other side left there. Of a long step this is not seen.
fn settled<T>(mut step: impl FnMut() -> T) -> f64 {
    let mut time = || {
        let start = Instant::now();
        black_box(step());
        start.elapsed().as_secs_f64()
    };
    let first = time();
    if first < LONG { time() } else { first }
}

/// What a step took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTimes {
    /// Neurons.
    pub n: usize,
    /// Probability of a synapse.
    pub density: f64,
    /// Samples in a batch.
    pub lanes: usize,
    /// Time steps.
    pub steps: usize,
    /// Synapses drawn.
    pub synapses: usize,
    /// Seconds of the sparse step, a median.
    pub sparse_s: f64,
    /// Seconds of the dense step, a median; `None` where it would not fit in memory.
    pub dense_s: Option<f64>,
    /// `dense_s / sparse_s`.
    pub ratio: Option<f64>,
    /// Steps that the medians are of.
    pub turns: usize,
    /// Seconds that its three sparse products would take at the roof (see [`floor`](super::floor)), where it is known.
    pub floor_s: Option<f64>,
}

/// Both sides of a cell, with the same network and batch.
pub struct Sides {
    cell: Cell,
    isa: Isa,
    sparse: Trainer,
    dense: Option<Dense>,
}

impl Sides {
    /// Makes both; the dense side only where it takes at most [`DENSE_BYTES`].
    ///
    /// # Errors
    /// [`Error::Setting`] with the bytes needed if the cell does not fit in the memory that is free.
    pub fn new(cell: Cell, isa: Isa) -> Result<Self> {
        let Cell { neurons, density, lanes, steps } = cell;
        check_memory(&cell)?;
        let with_dense = dense_bytes(&cell) <= DENSE_BYTES;
        let spec = CellSpec::default();
        let connectome = connectome(neurons, density);
        let network = Network::builder(&connectome).cell(spec).input(CHANNELS).readout(OUTPUTS).seed(SEED).build()?;
        drop(connectome);
        let inputs = random(lanes * steps * CHANNELS, 0);
        let targets = random(lanes * steps * OUTPUTS, 1);
        let lanes_last = |values: &[f32], width: usize| -> Vec<f32> {
            let at = |k: usize| ((k % lanes) * steps + k / lanes % steps) * width + k / (lanes * steps);
            (0..values.len()).map(|k| values[at(k)]).collect()
        };
        let dense = with_dense.then(|| {
            let (x, target) = (lanes_last(&inputs, CHANNELS), lanes_last(&targets, OUTPUTS));
            Dense::new(&network, isa, ADAM, [lanes, steps], &x, &target)
        });
        let series = |values| Targets::Series { values, outputs: OUTPUTS, mask: None };
        let train = Dataset::new(inputs, [lanes, steps, CHANNELS], series(targets))?;
        let test = Dataset::new(vec![0.0; CHANNELS], [1, 1, CHANNELS], series(vec![0.0; OUTPUTS]))?;
        let optimizer = OptimizerSpec::Adam(Adam {
            learning_rate: ADAM.rate,
            beta1: ADAM.beta1,
            beta2: ADAM.beta2,
            epsilon: ADAM.epsilon,
        });
        let settings = TrainSettings::new(LossName::Mse, lanes, optimizer);
        let sparse = Trainer::new(network, Data::new(train, test)?, settings, isa)?;
        Ok(Self { cell, isa, sparse, dense })
    }

    /// Whether there is a dense side.
    pub fn has_dense(&self) -> bool {
        self.dense.is_some()
    }

    /// The synapses drawn.
    pub fn synapses(&self) -> usize {
        self.sparse.network().wiring().recurrent().nnz()
    }

    /// A sparse training step; gives the loss before it.
    pub fn sparse_step(&mut self) -> f64 {
        self.sparse.step().expect("a finite loss").0.loss
    }

    /// A dense training step, if there is a dense side; gives the loss before it.
    pub fn dense_step(&mut self) -> Option<f64> {
        self.dense.as_mut().map(Dense::step)
    }

    /// The gradients of both sides before the first step: for each parameter, how far they lie apart and how large
    /// they are (norms). `None` without a dense side.
    pub fn compare_gradients(&mut self) -> Option<[(ParameterId, f64, f64); 5]> {
        let dense = self.dense.as_mut()?;
        let network = self.sparse.network();
        let mut bptt =
            Bptt::new(network, self.isa, LossName::Mse, self.cell.lanes, self.cell.steps, &ParameterId::COMMON);
        let mut gradients = bptt.gradients(network);
        let samples: Vec<u32> = (0..self.cell.lanes as u32).collect();
        self.sparse.load(&mut bptt, &samples).expect("arrays in memory");
        let network = self.sparse.network();
        bptt.gradient(network, &Objective::from(LossName::Mse), &mut gradients);
        dense.gradient();
        let found = dense.gradients(network);
        let norm = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let mut found = ParameterId::COMMON.into_iter().zip(&found);
        Some([(); 5].map(|()| {
            let (name, dense) = found.next().expect("five parameters");
            let sparse = &gradients[name];
            assert_eq!(sparse.len(), dense.len(), "{}", COMMON_NAMES[name.index()]);
            let off = norm(&mut sparse.iter().zip(dense).map(|(a, b)| a - b));
            (name, off, norm(&mut dense.iter().copied()))
        }))
    }

    /// Steps both in turns for about `seconds`, at least twice and at most fifteen times, after a step that is not counted;
    /// short steps follow one of their own kind.
    ///
    /// # Panics
    /// If the two find different losses: then they would not do the same work.
    pub fn in_turns(&mut self, seconds: f64) -> StepTimes {
        let (began, mut sparse, mut dense) = (Instant::now(), Vec::new(), Vec::new());
        let losses = (self.sparse_step(), self.dense_step());
        if let (ours, Some(theirs)) = losses {
            assert!((ours - theirs).abs() <= TOLERANCE * theirs, "loss {ours} sparse, {theirs} dense");
        }
        while sparse.len() < 2 || (sparse.len() < TURNS && began.elapsed().as_secs_f64() < seconds) {
            sparse.push(settled(|| self.sparse_step()));
            if self.has_dense() {
                dense.push(settled(|| self.dense_step()));
            }
        }
        let Cell { neurons: n, density, lanes, steps } = self.cell;
        let turns = sparse.len();
        let sparse_s = median(&mut sparse);
        let dense_s = self.has_dense().then(|| median(&mut dense));
        let ratio = dense_s.map(|dense| dense / sparse_s);
        StepTimes {
            n,
            density,
            lanes,
            steps,
            synapses: self.synapses(),
            sparse_s,
            dense_s,
            ratio,
            turns,
            floor_s: None,
        }
    }
}

fn dense_bytes(cell: &Cell) -> u128 {
    Dense::bytes([cell.neurons, cell.lanes, cell.steps], rayon::current_num_threads())
}

/// Whether both sides of `cell` (the dense one where it takes at most [`DENSE_BYTES`]) fit in the memory that is free.
///
/// # Errors
/// [`Error::Setting`] with the bytes needed if not.
pub fn check_memory(cell: &Cell) -> Result<()> {
    let dense = dense_bytes(cell);
    let needed = cell.bytes() + if dense <= DENSE_BYTES { dense } else { 0 };
    let Some(free) = free_memory().filter(|&free| needed > free) else { return Ok(()) };
    let problem = format!(
        "{} needs about {needed} bytes ({:.1} GB), and {:.1} GB are free; expected a smaller cell",
        cell.name(),
        needed as f64 / 1e9,
        free as f64 / 1e9
    );
    Err(Error::setting("--cell", problem))
}

/// Bytes of memory that can be had without swapping, where the system says (Linux).
fn free_memory() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u128>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::RECURRENT;

    fn isa() -> Isa {
        Isa::choose().unwrap()
    }

    /// Split by lanes and by neurons, with one thread and more.
    #[test]
    fn dense_and_sparse_find_the_same_gradient() {
        for (neurons, density, lanes, steps) in
            [(60, 0.3, 40, 5), (600, 0.05, 20, 3), (16, 1.0, 1, 1), (600, 0.05, 64, 4), (420, 0.2, 70, 3)]
        {
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let mut sides = Sides::new(Cell { neurons, density, lanes, steps }, isa()).unwrap();
                    for (name, off, size) in sides.compare_gradients().unwrap() {
                        let empty = steps == 1 && name == RECURRENT;
                        assert!(size > 0.0 || empty, "{}", COMMON_NAMES[name.index()]);
                        assert!(off <= 1e-3 * size, "{}: off by {off:e} of {size:e}", COMMON_NAMES[name.index()]);
                    }
                });
            }
        }
    }

    #[test]
    fn steps_of_both_sides_go_the_same_way() {
        let mut sides = Sides::new(Cell { neurons: 64, density: 0.2, lanes: 33, steps: 4 }, isa()).unwrap();
        for _ in 0..3 {
            let (sparse, dense) = (sides.sparse_step(), sides.dense_step().unwrap());
            assert!((sparse - dense).abs() <= 1e-5 * dense, "{sparse} {dense}");
        }
    }

    #[test]
    fn what_does_not_fit_in_memory_is_refused() {
        let cell = Cell { neurons: 4_000_000_000, density: 1.0, lanes: 1, steps: 1 };
        if free_memory().is_some() {
            let error = Sides::new(cell, isa()).err().expect("too much").to_string();
            assert!(error.contains("bytes") && error.contains("expected a smaller cell"), "{error}");
        }
    }
}
