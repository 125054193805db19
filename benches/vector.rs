//! Steps of one lane, as a simulator makes them: every entry of W, and only the columns of active neurons.
//!
//! The throughput is that of the full product: 6 bytes an entry (weight and compressed index), whatever is read.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use daleian::Isa;
use daleian::bench::random;
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::network::{Network, OneLane};

/// Neurons and synapses each: 16,384 at 1 %; 4,096 at 31 % (31 MB); as many as the preset `fly`.
const SHAPES: [(usize, usize); 3] = [(16_384, 164), (4_096, 1_270), (139_000, 108)];
/// Percent of the neurons that send something.
const ACTIVE: [usize; 6] = [1, 10, 30, 40, 50, 100];

fn network(neurons: usize, in_degree: usize) -> Network {
    let population = [PopulationSpec::new("exc", neurons, Sign::Excitatory)];
    let connectome = Connectome::from_rules(&population, &[ConnectionSpec::in_degree(in_degree)], 1)
        .expect("as many inputs as there are neurons for");
    Network::builder(&connectome).input(1).readout(1).build().expect("a small network")
}

fn one_lane(criterion: &mut Criterion) {
    for (neurons, in_degree) in SHAPES {
        let network = network(neurons, in_degree);
        let numbers = random(neurons, 0);
        let mut group = criterion.benchmark_group(format!("n={neurons} in-degree {in_degree}"));
        group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        group.throughput(Throughput::Bytes(6 * network.wiring().recurrent().nnz() as u64));
        for isa in Isa::available() {
            let mut run = |way: OneLane, active: usize| {
                let (stepper, mut state) = (network.stepper_with(isa, way), network.state(1));
                let name = format!("{way:?} {active}% active").to_lowercase();
                group.bench_function(BenchmarkId::new(name, isa), |b| {
                    b.iter(|| {
                        // always the same rates, spread over all neurons: their copy is small beside the product
                        for (k, (rate, x)) in state.rates_mut().iter_mut().zip(&numbers).enumerate() {
                            *rate = if k * 37 % 100 < active { 0.1 + x.abs() } else { 0.0 };
                        }
                        stepper.step(&mut state, &[0.5]);
                    });
                });
            };
            run(OneLane::Plain, 100);
            run(OneLane::Compressed, 100);
            run(OneLane::Sliced, 100);
            for active in ACTIVE {
                run(OneLane::EventDriven, active);
            }
        }
        group.finish();
    }
}

criterion_group!(benches, one_lane);
criterion_main!(benches);
