//! Each sparse kernel alone on one thread, on one tile, as a fraction of the roof.

use std::time::Instant;

use daleian_kernels::{
    Activation, Adjoint, Aligned, Forward, Isa, Operand, Outer, adjoint, forward, gradient, steps_per_pass,
};
use serde::Serialize;

use super::sides::{connectome, median, random};
use super::{Cell, Roof, roof_of};
use crate::bptt::cut;
use crate::sparse::Transposed;

/// How fast a kernel runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelRate {
    /// `forward` (W r), `adjoint` (Wᵀ δ) or `gradient` (at stored entries); `one lane` is W r of a simulation.
    pub name: &'static str,
    /// Neurons.
    pub n: usize,
    /// Probability of a synapse.
    pub density: f64,
    /// Lanes of the tile, padding included.
    pub lanes: usize,
    /// 2 · synapses · lanes (· time steps) a second, a median.
    pub gflops: f64,
    /// Of the roof of one thread for `cache`.
    pub fraction: f64,
    /// The smallest cache that holds the states that the kernel gathers; with one lane, the entries.
    pub cache: &'static str,
}

/// The rates of the three kernels on the widest tile of `cell`, each measured for about `seconds`.
pub fn kernel_rates(isa: Isa, cell: &Cell, roofs: &[Roof], seconds: f64) -> [KernelRate; 3] {
    let n = cell.neurons;
    let lanes = cut(cell.neurons, cell.lanes).iter().map(|tile| tile.stored).max().expect("at least one lane");
    let steps = steps_per_pass(cell.neurons, lanes);
    let connectome = connectome(n, cell.density);
    let pattern = &**connectome.pattern();
    let transposed = Transposed::new(pattern);
    let numbers = |count, index| Aligned::from(random(count, index));
    let weights = numbers(pattern.nnz(), 0);
    let mut transposed_weights = Aligned::zeros(pattern.nnz());
    transposed.carry(&weights, &mut transposed_weights);
    let bias = numbers(n, 1);
    let states: Vec<Aligned> = (0..steps as u32).map(|t| numbers(n * lanes, 2 + t)).collect();
    let deltas: Vec<Aligned> = (0..steps as u32).map(|t| numbers(n * lanes, 10 + t)).collect();
    let (mut out, mut in_place) = (Aligned::zeros(n * lanes), numbers(n * lanes, 20));
    let mut sums = Aligned::zeros(pattern.nnz());
    let (rows, activation) = (0..n, Activation::Identity);
    let rate = |name, steps: usize, run: &mut dyn FnMut()| {
        let flops = (2 * pattern.nnz() * lanes * steps) as f64;
        let gflops = flops / time(seconds, run) / 1e9;
        let roof = roof_of(roofs, n * lanes * steps * size_of::<f32>());
        KernelRate { name, n, density: cell.density, lanes, gflops, fraction: gflops / roof.gflops, cache: roof.name }
    };

    let recurrent = Some(Operand { pattern, values: &weights, states: &states[0] });
    let call = Forward { rows: &rows, lanes, recurrent, input: None, bias: &bias, activation };
    let first = rate("forward", 1, &mut || forward(isa, &call, &mut out, None));
    let call = Adjoint {
        rows: &rows,
        lanes,
        recurrent: Some(Operand { pattern: transposed.pattern(), values: &transposed_weights, states: &deltas[0] }),
        readout: None,
        rate_decay: None,
        activation,
        rectified: false,
    };
    let second = rate("adjoint", 1, &mut || adjoint(isa, &call, &mut in_place, &mut out));
    // as training calls it: several time steps in one pass over the entries
    let pairs: Vec<Outer> = states.iter().zip(&deltas).map(|(states, delta)| Outer { delta, states }).collect();
    let third = rate("gradient", steps, &mut || gradient(isa, &rows, lanes, pattern, &pairs, &mut sums));
    [first, second, third]
}

/// The median time of a call, over calls for about `seconds` and at least three.
pub(super) fn time(seconds: f64, run: &mut dyn FnMut()) -> f64 {
    run();
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || began.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        run();
        times.push(start.elapsed().as_secs_f64());
    }
    median(&mut times)
}
