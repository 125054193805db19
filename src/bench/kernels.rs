//! Each sparse kernel alone on one thread, on one tile, as a fraction of the roof.

use std::time::Instant;

use daleian_kernels::{
    Activation, Adjoint, Adjoints, Aligned, Elman, Forward, Isa, Operand, Outer, Product, gradient, steps_per_pass,
};
use serde::Serialize;

use super::sides::{connectome, median, random};
use super::{Cell, Roof, roof_of};
use crate::bptt::{Layout, Slots, widest};
use crate::sparse::{Tiles, Transposed};

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
    /// The smallest cache that holds the states of all neurons at one time step; with one lane, the entries.
    pub cache: &'static str,
}

/// The rates of the three kernels on the widest tile of `cell`, in the layout that training chooses, each measured for
/// about `seconds`.
pub fn kernel_rates(isa: Isa, cell: &Cell, roofs: &[Roof], seconds: f64) -> [KernelRate; 3] {
    let n = cell.neurons;
    let connectome = connectome(n, cell.density);
    let pattern = &**connectome.pattern();
    let lanes = widest(n, pattern.nnz(), cell.lanes);
    let layout = Layout::of(n, pattern.nnz(), lanes);
    // as training calls it: several time steps in one pass over the entries
    let steps = steps_per_pass(layout.columns(n), lanes);
    let numbers = |count, index| Aligned::from(random(count, index));
    let weights = numbers(pattern.nnz(), 0);
    let size = n * lanes;
    let slots = |index: u32| {
        let mut slots = Slots::zeros(Slots::elements(steps, size as u64) as usize);
        (0..steps).for_each(|t| slots.get_mut(t, size).copy_from_slice(&random(size, index + t as u32)));
        slots
    };
    let [states, deltas] = [2, 10].map(slots);
    let pairs: Vec<Outer> =
        (0..steps).map(|t| Outer { delta: deltas.get(t, size), states: states.get(t, size) }).collect();
    let (states, deltas) = (states.get(0, size), deltas.get(0, size));
    let mut out = Aligned::zeros(size);
    let mut sums = Aligned::zeros(pattern.nnz());
    let rows = 0..n;
    let rate = |name, steps: usize, run: &mut dyn FnMut()| {
        let flops = (2 * pattern.nnz() * lanes * steps) as f64;
        let gflops = flops / time(seconds, run) / 1e9;
        let roof = roof_of(roofs, size * size_of::<f32>());
        KernelRate { name, n, density: cell.density, lanes, gflops, fraction: gflops / roof.gflops, cache: roof.name }
    };

    if let Layout::Tiles { width, blocks } = layout {
        let tiles = Tiles::new(pattern, width, blocks);
        let back = Tiles::transposed(pattern, width, blocks);
        // the numbers are random in any order
        let first = rate("forward", 1, &mut || tiles.product(isa, lanes, &rows, &weights, states, &mut out));
        let second = rate("adjoint", 1, &mut || back.product(isa, lanes, &rows, &weights, deltas, &mut out));
        let third = rate("gradient", steps, &mut || tiles.gradient(isa, lanes, &rows, &pairs, &mut sums));
        return [first, second, third];
    }
    let transposed = Transposed::new(pattern);
    let mut transposed_weights = Aligned::zeros(pattern.nnz());
    transposed.carry(&weights, &mut transposed_weights);
    let (bias, mut in_place, plain) = (numbers(n, 1), numbers(size, 20), Elman::plain(Activation::Identity));
    let recurrent = Product::Of(Operand { pattern, values: &weights, states });
    let call = Forward::new(&rows, lanes, recurrent, &bias);
    let first = rate("forward", 1, &mut || plain.single().forward(isa, &call, (&mut *out).into()));
    let recurrent = Product::Of(Operand { pattern: transposed.pattern(), values: &transposed_weights, states: deltas });
    let call = Adjoint::new(&rows, lanes, recurrent, None);
    let second = rate("adjoint", 1, &mut || {
        plain.single().adjoint(isa, &call, Adjoints { states: &mut in_place, delta: &mut out, carried: &mut [] })
    });
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
