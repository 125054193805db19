//! Each sparse kernel alone, on one thread, on every instruction set of this machine.
//!
//! An element is one floating-point operation: 2 · entries · lanes (· time steps) a call, so Gelem/s is GFLOP/s.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use daleian::Isa;
use daleian::bench::{connectome, random};
use daleian::sparse::Transposed;
use daleian_kernels::{Activation, Adjoint, Aligned, Forward, Operand, Outer, adjoint, forward, gradient};

/// Neurons, density and lanes of the tile.
/// Time steps of a gradient.
const STEPS: usize = 4;

const SHAPES: [(usize, f64, usize); 3] = [(1440, 0.05, 64), (4096, 0.05, 32), (4096, 0.05, 64)];

fn kernels(criterion: &mut Criterion) {
    for (neurons, density, lanes) in SHAPES {
        let connectome = connectome(neurons, density);
        let pattern = connectome.pattern();
        let transposed = Transposed::new(pattern);
        let numbers = |count, index| Aligned::from(random(count, index));
        let weights = numbers(pattern.nnz(), 0);
        let mut transposed_weights = Aligned::zeros(pattern.nnz());
        transposed.carry(&weights, &mut transposed_weights);
        let bias = numbers(neurons, 1);
        let size = neurons * lanes;
        let states: Vec<Aligned> = (0..STEPS as u32).map(|t| numbers(size, 2 + t)).collect();
        let deltas: Vec<Aligned> = (0..STEPS as u32).map(|t| numbers(size, 10 + t)).collect();
        let mut out = Aligned::zeros(size);
        let mut in_place = numbers(size, 20);
        let mut sums = Aligned::zeros(pattern.nnz());
        let rows = 0..neurons;

        let mut group = criterion.benchmark_group(format!("n={neurons} {}% {lanes} lanes", density * 100.0));
        group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        let flops = 2 * pattern.nnz() as u64 * lanes as u64;
        for isa in Isa::available() {
            group.throughput(Throughput::Elements(flops));
            let recurrent = Some(Operand { pattern, values: &weights, states: &states[0] });
            let activation = Activation::Identity;
            let call = Forward { rows: &rows, lanes, recurrent, input: None, bias: &bias, activation };
            group.bench_function(BenchmarkId::new("forward", isa), |b| b.iter(|| forward(isa, &call, &mut out, None)));

            let pattern_back = transposed.pattern();
            let call = Adjoint {
                rows: &rows,
                lanes,
                recurrent: Some(Operand { pattern: pattern_back, values: &transposed_weights, states: &deltas[0] }),
                readout: None,
                rate_decay: None,
                activation,
                rectified: false,
            };
            group.bench_function(BenchmarkId::new("adjoint", isa), |b| {
                b.iter(|| adjoint(isa, &call, &mut in_place, &mut out));
            });

            // as training calls it: several time steps in one pass over the entries
            group.throughput(Throughput::Elements(flops * STEPS as u64));
            let pairs = states.iter().zip(&deltas);
            let steps: Vec<Outer> = pairs.map(|(states, delta)| Outer { delta, states }).collect();
            group.bench_function(BenchmarkId::new("gradient", isa), |b| {
                b.iter(|| gradient(isa, &rows, lanes, pattern, &steps, &mut sums));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
