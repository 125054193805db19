//! Step by hand in somebody else's loop: the same answers as in training, and no allocation in the step.

use daleian::Isa;
use daleian::bptt::LossName;
use daleian::connectome::ConnectionSpec;
use daleian::network::{ActivationName, Blocks, CellSpec, InitSpec, InputSpec, Network, ReadoutSpec};
use daleian::train::Evaluation;

use crate::support::{connectome, flip_flop, isa, network};

#[test]
fn a_step_allocates_nothing() {
    let connectome = connectome([30, 10, 5], ConnectionSpec::probability(0.2), 1);
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1.0f32; 100])));
    assert_eq!(counted.count_total, 1, "allocations are counted at all");
    for isa in Isa::available() {
        for rectified in [true, false] {
            for lanes in [1, 16, 33, 64] {
                let cell = CellSpec { rectified, ..CellSpec::default() };
                let (input, readout) = ((2, InputSpec::default()), (3, ReadoutSpec::default()));
                let network = Network::new(&connectome, cell, input, readout, &InitSpec::default(), 1).unwrap();
                let (stepper, mut state) = (network.stepper(isa), network.state(lanes));
                let input = vec![0.5; 2 * lanes];
                let mut sum = 0.0;
                // from the very first step on, changes to the state included
                let counted = allocation_counter::measure(|| {
                    for _ in 0..10 {
                        stepper.step(&mut state, &input);
                        sum += state.readout()[0] + state.rates()[0] + state.activations()[0];
                        state.rates_mut()[3 * 16] = 0.25;
                    }
                    state.reset();
                });
                assert!(sum.is_finite());
                assert_eq!(counted.count_total, 0, "{lanes} lanes on {isa}, rectified: {rectified}");
            }
        }
    }
}

/// One sample, step by step and through a whole evaluation: the same bits.
#[test]
fn steps_by_hand_answer_as_evaluation_does() {
    let connectome = connectome([30, 10, 5], ConnectionSpec::probability(0.2), 1);
    let data = flip_flop(9, 4, 1);
    let data = data.train();
    for rectified in [true, false] {
        let cell = CellSpec { activation: ActivationName::Sigmoid, rectified, bias: true };
        let readout = ReadoutSpec { blocks: Blocks::Dense, activation: ActivationName::Tanh };
        let init = InitSpec { gain: 3.0, ..InitSpec::default() };
        let network = Network::new(&connectome, cell, (1, InputSpec::default()), (1, readout), &init, 1).unwrap();
        for isa in Isa::available() {
            let mut evaluation = Evaluation::new(&network, isa, LossName::Mse, data, 4);
            let want = evaluation.outputs(&network, data, 4);
            let (stepper, mut state) = (network.stepper(isa), network.state(1));
            for (input, want) in data.inputs().chunks(9).zip(want.chunks(9)) {
                state.reset();
                for (x, want) in input.iter().zip(want) {
                    stepper.step(&mut state, &[*x]);
                    assert_eq!(state.readout()[0].to_bits(), want.to_bits());
                }
            }
        }
    }
}

/// A network of one cell, by hand: r = max(tanh(w r + u x + b), 0), y = v a + c.
#[test]
fn two_steps_by_hand() {
    use daleian::connectome::{Connectome, PopulationSpec, Sign};
    use daleian::network::ParameterName::*;
    let population = [PopulationSpec::new("exc", 1, Sign::Excitatory)];
    let connectome = Connectome::from_edges(&population, &[0], &[0], Some(&[0.5])).unwrap();
    let mut network = network(&connectome, 1, 1, 1);
    for (name, value) in
        [(RecurrentWeights, 0.5), (RecurrentBias, 0.1), (InputWeights, 2.0), (ReadoutWeights, 3.0), (ReadoutBias, -1.0)]
    {
        network.parameter_mut(name).fill(value);
    }
    let (stepper, mut state) = (network.stepper(isa()), network.state(1));
    let mut expect = |x: f32, activation: f64| {
        stepper.step(&mut state, &[x]);
        let close = |got: f32, want: f64| assert!((f64::from(got) - want).abs() < 1e-6, "{got} is not {want}");
        close(state.activations()[0], activation);
        close(state.rates()[0], activation.max(0.0));
        close(state.readout()[0], 3.0 * activation - 1.0);
    };
    let first = 0.9f64.tanh();
    expect(0.4, first);
    let second = (0.5 * first - 2.0 + 0.1).tanh();
    assert!(second < 0.0);
    expect(-1.0, second);
    expect(0.0, 0.1f64.tanh());
}

/// The accessors name what lies in the buffers, and padding is no lane.
#[test]
fn rates_and_outputs_by_neuron_and_lane() {
    let network = network(&connectome([3, 2, 1], ConnectionSpec::all(), 1), 1, 2, 1);
    let mut state = network.state(20);
    let input: Vec<f32> = (0..20).map(|lane| lane as f32 * 0.1).collect();
    network.stepper(isa()).step(&mut state, &input);
    assert_eq!(state.stride(), 32);
    assert_ne!(state.output(1, 18), state.output(1, 19));
    for lane in 0..20 {
        (0..6).for_each(|neuron| assert_eq!(state.rate(neuron, lane), state.rates()[neuron * 32 + lane]));
        (0..2).for_each(|k| assert_eq!(state.output(k, lane), state.readout()[k * 32 + lane]));
    }
}

#[test]
#[should_panic(expected = "row 0 of 6, lane 20 of 20")]
fn a_lane_of_the_padding_is_a_broken_contract() {
    network(&connectome([3, 2, 1], ConnectionSpec::all(), 1), 1, 1, 1).state(20).rate(0, 20);
}

#[test]
#[should_panic(expected = "input is [channels, lanes]")]
fn an_input_of_another_size_is_a_broken_contract() {
    let network = network(&connectome([3, 2, 1], ConnectionSpec::all(), 1), 2, 1, 1);
    network.stepper(isa()).step(&mut network.state(4), &[0.0; 4]);
}

#[test]
#[should_panic(expected = "a state has 1 to 64")]
fn a_state_of_too_many_lanes_is_a_broken_contract() {
    network(&connectome([3, 2, 1], ConnectionSpec::all(), 1), 2, 1, 1).state(65);
}
