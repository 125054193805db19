//! Each sparse kernel alone, on one thread, on every instruction set of this machine.
//!
//! An element is one floating-point operation: 2 · entries · lanes (· time steps) a call, so Gelem/s is GFLOP/s.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use daleian::Isa;
use daleian::bench::{connectome, random};
use daleian::bptt::Layout;
use daleian::sparse::{Tiles, Transposed};
use daleian_kernels::{Activation, Adjoint, Adjoints, Aligned, Elman, Forward, Operand, Outer, Product, gradient};

/// Time steps of a gradient.
const STEPS: usize = 4;

/// Neurons, density and lanes of the tile: from a full small network to one of a fly's size.
const SHAPES: [(usize, f64, usize); 7] = [
    (128, 1.0, 64),
    (1440, 0.05, 64),
    (4096, 0.05, 32),
    (4096, 0.05, 64),
    (16384, 0.01, 16),
    (16384, 0.01, 64),
    (139_000, 0.000_781_5, 16),
];

fn kernels(criterion: &mut Criterion) {
    for (neurons, density, lanes) in SHAPES {
        let connectome = connectome(neurons, density);
        let pattern = connectome.pattern();
        let transposed = Transposed::new(pattern);
        let numbers = |count, index| Aligned::from(random(count, index));
        // random in any order: that of the rows, of the transposed rows and of the tiles
        let weights = numbers(pattern.nnz(), 0);
        let bias = numbers(neurons, 1);
        let size = neurons * lanes;
        let states: Vec<Aligned> = (0..STEPS as u32).map(|t| numbers(size, 2 + t)).collect();
        let deltas: Vec<Aligned> = (0..STEPS as u32).map(|t| numbers(size, 10 + t)).collect();
        // as training calls it: several time steps in one pass over the entries
        let steps: Vec<Outer> = states.iter().zip(&deltas).map(|(states, delta)| Outer { delta, states }).collect();
        let mut out = Aligned::zeros(size);
        let mut in_place = numbers(size, 20);
        let mut sums = Aligned::zeros(pattern.nnz());
        let rows = 0..neurons;
        let tiles = match Layout::of(neurons, pattern.nnz(), lanes) {
            Layout::Rows => None,
            Layout::Tiles { width, blocks } => {
                Some((Tiles::new(pattern, width, blocks), Tiles::transposed(pattern, width, blocks)))
            }
        };

        let mut group = criterion.benchmark_group(format!("n={neurons} {}% {lanes} lanes", density * 100.0));
        group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        let flops = 2 * pattern.nnz() as u64 * lanes as u64;
        for isa in Isa::available() {
            group.throughput(Throughput::Elements(flops));
            let recurrent = Product::Of(Operand { pattern, values: &weights, states: &states[0] });
            let plain = Elman::plain(Activation::Identity);
            let kernels = plain.single();
            let call = Forward::new(&rows, lanes, recurrent, &bias);
            group.bench_function(BenchmarkId::new("forward", isa), |b| {
                b.iter(|| kernels.forward(isa, &call, (&mut *out).into()))
            });
            let recurrent =
                Product::Of(Operand { pattern: transposed.pattern(), values: &weights, states: &deltas[0] });
            let call = Adjoint::new(&rows, lanes, recurrent, None);
            group.bench_function(BenchmarkId::new("adjoint", isa), |b| {
                b.iter(|| {
                    kernels.adjoint(isa, &call, Adjoints { states: &mut in_place, delta: &mut out, carried: &mut [] })
                });
            });
            group.throughput(Throughput::Elements(flops * STEPS as u64));
            group.bench_function(BenchmarkId::new("gradient", isa), |b| {
                b.iter(|| gradient(isa, &rows, lanes, pattern, &steps, &mut sums));
            });
            let Some((tiles, back)) = &tiles else { continue };
            group.bench_function(BenchmarkId::new("gradient in tiles", isa), |b| {
                b.iter(|| tiles.gradient(isa, lanes, &rows, &steps, &mut sums));
            });
            group.throughput(Throughput::Elements(flops));
            for (name, tiles, states) in
                [("forward in tiles", tiles, &states[0]), ("adjoint in tiles", back, &deltas[0])]
            {
                group.bench_function(BenchmarkId::new(name, isa), |b| {
                    b.iter(|| tiles.product(isa, lanes, &rows, &weights, states, &mut out));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
