//! Training, evaluation and stepping with a cell that has all that a cell can have: constants and noise, its own state, a memo,
//! rates that are not the state, and a derivative that goes from state to state.

use daleian_kernels::{Aligned, Isa, Reads};
use rayon::ThreadPoolBuilder;

use super::{Bptt, LossName, Objective, Outcome, Storage, Target, Unroll};
use crate::cell::CellSpec;
use crate::cell::testing::leaky;
use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use crate::network::{Network, OneLane, ParameterId, Parameters, READOUT, READOUT_BIAS};

const CHANNELS: usize = 2;
const OUTPUTS: usize = 2;
const STEPS: usize = 23;

fn network(neurons: usize, reads: Reads) -> Network {
    let population = [PopulationSpec::new("exc", neurons, Sign::Unconstrained)];
    let connectome = Connectome::from_rules(&population, &[ConnectionSpec::probability(0.3)], 5).unwrap();
    let network = Network::builder(&connectome).input(CHANNELS).readout(OUTPUTS).seed(2).build().unwrap();
    let (wiring, parameters) = (network.wiring().clone(), network.parameters().clone());
    Network::from_parts(wiring.with_cell(leaky(neurons, reads)), parameters)
}

/// x of a channel of a sample at a step; and what is wanted of an output.
fn value(sample: usize, t: usize, row: usize) -> f32 {
    ((sample * 31 + t * 17 + row * 7) % 23) as f32 / 11.5 - 1.0
}

fn fill(bptt: &mut Bptt) {
    for group in bptt.groups_mut() {
        let lanes = group.lanes;
        for (used, sample) in (lanes.first..lanes.first + lanes.used).enumerate() {
            for t in 0..STEPS {
                for row in 0..CHANNELS {
                    group.input[(t * CHANNELS + row) * lanes.stored + used] = value(sample, t, row);
                }
                let Target::Series { values, mask } = &mut group.target else { panic!("series") };
                for row in 0..OUTPUTS {
                    let at = (t * OUTPUTS + row) * lanes.stored + used;
                    (values[at], mask[at]) = (value(sample, t, row + 5), 1.0);
                }
            }
        }
    }
}

fn objective() -> Objective {
    Objective { l2_rates: 0.1, ..LossName::Mse.into() }
}

/// The gradient for batches of `batch` samples of which the first is sequence `first`.
fn train(network: &Network, batch: usize, storage: Storage, first: u64) -> (Outcome, Parameters) {
    let isa = Isa::available()[0];
    let mut bptt = Bptt::with_storage(network, isa, LossName::Mse, batch, &ParameterId::COMMON, storage);
    fill(&mut bptt);
    bptt.set_first_sequence(first);
    let mut gradients = bptt.gradients(network);
    (bptt.gradient(network, &objective(), &mut gradients), gradients)
}

fn whole(network: &Network, batch: usize) -> Storage {
    Storage::whole(network.wiring(), batch, STEPS)
}

fn bits(parameters: &Parameters) -> Vec<u32> {
    let all = parameters.matrices();
    [all.recurrent, all.bias, all.input, all.readout, all.readout_bias].concat().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn states_computed_twice_give_the_same_bits() {
    for (reads, batch) in [(Reads::State, 20), (Reads::Rate, 20), (Reads::Rate, 70)] {
        let network = network(40, reads);
        let (outcome, gradients) = train(&network, batch, whole(&network, batch), 3);
        let storage = Storage::least(network.wiring(), batch, STEPS);
        assert!(storage.segments.count() > 2, "segments that restart, {storage}");
        let (again, same) = train(&network, batch, storage, 3);
        assert_eq!((outcome, bits(&gradients)), (again, bits(&same)), "{reads:?}");
        // other sequences have other noise
        assert_ne!(bits(&train(&network, batch, whole(&network, batch), 4).1), bits(&gradients));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // enough synapses for time steps to be shared
    let network = network(400, Reads::State);
    let run = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&network, 17, whole(&network, 17), 0))
    };
    let (outcome, gradients) = run(1);
    for threads in [2, 7] {
        let (again, same) = run(threads);
        assert_eq!((outcome, bits(&gradients)), (again, bits(&same)), "{threads} threads");
    }
}

/// Against the plain way through time in `f64`, whose gradients are those of differences.
#[test]
fn training_agrees_with_the_unrolled_network() {
    for reads in [Reads::State, Reads::Rate] {
        let (network, batch) = (network(40, reads), 5);
        let bptt_objective = Objective { l2_rates: 0.0, ..objective() };
        let isa = Isa::available()[0];
        let mut bptt = Bptt::new(&network, isa, LossName::Mse, batch, STEPS, &ParameterId::COMMON);
        fill(&mut bptt);
        let mut gradients = bptt.gradients(&network);
        bptt.gradient(&network, &bptt_objective, &mut gradients);
        let double = network.parameters().matrices().map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        let values = double.as_ref().map(|values| &**values);
        let unroll = Unroll { wiring: network.wiring(), values, isa, first_sequence: 0 };
        let inputs: Vec<Aligned<f64>> = (0..STEPS).map(|t| rows(CHANNELS, batch, |row, k| value(k, t, row))).collect();
        let passed = unroll.forward(batch, &inputs);
        let weight = 2.0 / (batch * STEPS * OUTPUTS) as f64;
        let by_outputs = |t: usize| {
            let wanted = rows(OUTPUTS, batch, |row, k| value(k, t, row + 5));
            let errors = passed.outputs(t).iter().zip(&*wanted).enumerate();
            errors.map(|(at, (y, wanted))| if at % 16 < batch { weight * (y - wanted) } else { 0.0 }).collect()
        };
        let by_outputs: Vec<Aligned<f64>> = (0..STEPS).map(by_outputs).collect();
        let want = unroll.backward(&passed, &inputs, &by_outputs, None);
        let want =
            [want.recurrent, want.bias, want.input, want.readout, want.readout_bias].map(|v| v.to_vec()).concat();
        let got = bits(&gradients).into_iter().map(|bits| f64::from(f32::from_bits(bits)));
        let largest = want.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (k, (got, &want)) in got.zip(&want).enumerate() {
            assert!((got - want).abs() <= 1e-5 * largest, "{reads:?}, {k}: {got} is not {want}");
        }
    }
}

/// `[rows, 16]`, 0 in lanes of padding.
fn rows(rows: usize, used: usize, of: impl Fn(usize, usize) -> f32) -> Aligned<f64> {
    let mut out = Aligned::<f64>::zeroed(rows * 16);
    for row in 0..rows {
        for lane in 0..used {
            out[row * 16 + lane] = f64::from(of(row, lane));
        }
    }
    out
}

#[test]
fn frozen_recurrent_layers_leave_the_gradient_of_the_readout_as_it_is() {
    for reads in [Reads::State, Reads::Rate] {
        let network = network(40, reads);
        let (_, all) = train(&network, 5, whole(&network, 5), 0);
        let trainable = [READOUT, READOUT_BIAS];
        let mut bptt = Bptt::new(&network, Isa::available()[0], LossName::Mse, 5, STEPS, &trainable);
        fill(&mut bptt);
        let mut gradients = bptt.gradients(&network);
        bptt.gradient(&network, &objective(), &mut gradients);
        assert_eq!(gradients[READOUT], all[READOUT], "{reads:?}");
    }
}

#[test]
fn evaluation_and_steps_by_hand_give_the_outputs_of_training() {
    for (reads, lanes) in [(Reads::State, 1), (Reads::Rate, 1), (Reads::State, 3), (Reads::Rate, 20)] {
        let (network, isa) = (network(40, reads), Isa::available()[0]);
        let mut bptt = Bptt::forward_only(&network, isa, LossName::Mse, lanes, STEPS);
        fill(&mut bptt);
        bptt.set_first_sequence(6);
        let outcome = bptt.evaluate(&network, &objective());
        let (trained, _) = train(&network, lanes, whole(&network, lanes), 6);
        assert!((outcome.objective - trained.objective).abs() <= 1e-6 * trained.objective);
        let ways = if lanes == 1 { vec![OneLane::Plain, OneLane::EventDriven] } else { vec![OneLane::Plain] };
        for way in ways {
            let (stepper, mut state) = (network.stepper_with(isa, way), network.state(lanes));
            for _ in 0..2 {
                state.reset();
                state.set_sequence(6);
                for t in 0..STEPS {
                    let input: Vec<f32> =
                        (0..CHANNELS).flat_map(|row| (0..lanes).map(move |lane| value(lane, t, row))).collect();
                    stepper.step(&mut state, &input);
                    for (lane, row) in (0..lanes).flat_map(|lane| (0..OUTPUTS).map(move |row| (lane, row))) {
                        let group = bptt.groups().iter().rfind(|group| group.lanes.first <= lane).unwrap();
                        let (stored, place) = (group.lanes.stored, lane - group.lanes.first);
                        let want = group.output()[(t * OUTPUTS + row) * stored + place];
                        let got = state.output(row, lane);
                        assert!((got - want).abs() <= 1e-5, "{reads:?}, {lanes} lanes, step {t}: {got} is not {want}");
                    }
                }
            }
            let rate = |neuron: usize| state.activations()[neuron * state.stride()].max(0.0);
            assert!((0..40).all(|neuron| state.rate(neuron, 0) == rate(neuron)));
        }
    }
}

#[test]
fn memory_of_everything_that_the_cell_keeps_is_counted() {
    let (leaky, elman) = (network(40, Reads::State), network(40, Reads::State));
    let elman = elman.wiring().clone().with_cell(CellSpec::default().build());
    let of = |wiring| whole(&leaky, 5).bytes(wiring, 5);
    // a memo of each step, a carried derivative and the noise of a step; a slot is 41 cache lines
    assert_eq!(of(leaky.wiring()) - of(&elman), (STEPS as u64 * 41 * 16 + 2 * 640) * 4);
}
