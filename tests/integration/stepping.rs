//! Step by hand in somebody else's loop: the same answers as in training, and no allocation in the step.

use daleian::Isa;
use daleian::connectome::ConnectionSpec;
use daleian::network::{
    ActivationName, BIAS, CellSpec, INPUT, InitSpec, Network, OneLane, READOUT, READOUT_BIAS, RECURRENT,
};
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
                let network = Network::builder(&connectome).cell(cell).input(2).readout(3).build().unwrap();
                let (stepper, mut state) = (network.stepper(isa), network.state(lanes));
                let input = vec![0.5; 2 * lanes];
                let mut sum = 0.0;
                // from the very first step on, changes to the state included
                let counted = allocation_counter::measure(|| {
                    for _ in 0..10 {
                        stepper.step(&mut state, &input);
                        sum += state.readout()[0] + state.rates()[0] + state.activations()[0];
                        let stride = state.stride();
                        state.rates_mut()[3 * stride] = 0.25;
                    }
                    state.reset();
                });
                assert!(sum.is_finite());
                assert_eq!(counted.count_total, 0, "{lanes} lanes on {isa}, rectified: {rectified}");
            }
        }
    }
}

/// Step by step and through a whole evaluation: the same bits with several lanes, the same to rounding with one.
#[test]
fn steps_by_hand_answer_as_evaluation_does() {
    let connectome = connectome([30, 10, 5], ConnectionSpec::probability(0.2), 1);
    let data = flip_flop(9, 4, 1);
    let data = data.train();
    for rectified in [true, false] {
        let cell = CellSpec { activation: ActivationName::Sigmoid, rectified, ..CellSpec::default() };
        let init = InitSpec { gain: 3.0, ..InitSpec::default() };
        let builder = Network::builder(&connectome).cell(cell).input(1).readout(1).init(init);
        let network = builder.output_activation(ActivationName::Tanh).build().unwrap();
        for isa in Isa::available() {
            let mut evaluation = Evaluation::new(&network, isa, data, 4);
            let want = evaluation.outputs(&network, data, 4);
            for lanes in [1, 2] {
                let (stepper, mut state) = (network.stepper(isa), network.state(lanes));
                for (input, want) in data.inputs().chunks(9).zip(want.chunks(9)) {
                    state.reset();
                    for (x, &want) in input.iter().zip(want) {
                        stepper.step(&mut state, &vec![*x; lanes]);
                        let got = state.output(0, lanes - 1);
                        assert!((got - want).abs() <= 1e-5, "{got} is not {want} with {lanes} lanes on {isa}");
                        assert!(lanes == 1 || got.to_bits() == want.to_bits(), "{got} is not {want} on {isa}");
                    }
                }
            }
        }
    }
}

const WAYS: [OneLane; 4] = [OneLane::Plain, OneLane::Compressed, OneLane::Sliced, OneLane::EventDriven];

/// About half a million synapses, which threads share.
fn large() -> Network {
    let connectome = connectome([700, 200, 124], ConnectionSpec::probability(0.5), 1);
    let cell = CellSpec::default();
    Network::builder(&connectome).cell(cell).input(3).readout(2).build().unwrap()
}

/// Sets every `1 / share`-th rate, or none.
fn activate(rates: &mut [f32], share: f64) {
    for (k, rate) in rates.iter_mut().enumerate() {
        let active = (k as f64 * share).floor() != ((k + 1) as f64 * share).floor();
        *rate = if active { 0.1 + (k % 7) as f32 * 0.05 } else { 0.0 };
    }
}

/// Every way of one lane against plain f64 loops, from few active neurons to all, on every instruction set.
#[test]
fn one_lane_by_plain_loops() {
    let network = large();
    let (wiring, parameters) = (network.wiring(), network.parameters());
    let x = [0.5f32, -1.0, 0.25];
    for share in [0.0, 0.1, 0.3, 1.0] {
        let mut rates = vec![0.0; wiring.neurons()];
        activate(&mut rates, share);
        let product = |row: usize| {
            let b = f64::from(parameters[BIAS][row]);
            let mut sums = (b, b.abs(), 1);
            for (pattern, values, x) in
                [(wiring.recurrent(), &parameters[RECURRENT], &rates[..]), (wiring.input(), &parameters[INPUT], &x[..])]
            {
                for entry in pattern.entries(row) {
                    let term = f64::from(values[entry]) * f64::from(x[pattern.indices()[entry] as usize]);
                    sums = (sums.0 + term, sums.1 + term.abs(), sums.2 + 1);
                }
            }
            sums
        };
        let want: Vec<_> = (0..wiring.neurons()).map(product).collect();
        for (isa, way) in Isa::available().into_iter().flat_map(|isa| WAYS.map(|way| (isa, way))) {
            let (stepper, mut state) = (network.stepper_with(isa, way), network.state(1));
            state.rates_mut().copy_from_slice(&rates);
            stepper.step(&mut state, &x);
            let eps = f64::from(f32::EPSILON);
            for (neuron, &(z, terms, count)) in want.iter().enumerate() {
                // tanh is within 2 ulp, and its slope at most 1
                let bound = eps * (count + 1) as f64 * terms + 2.0 * eps;
                let got = f64::from(state.activations()[neuron]);
                assert!((got - z.tanh()).abs() <= bound, "{way:?} on {isa}, share {share}, neuron {neuron}: {got}");
                assert_eq!(state.rate(neuron, 0), state.activations()[neuron].max(0.0));
            }
        }
    }
}

/// Whatever the number of threads, and of those that the stepper was made on.
#[test]
fn one_lane_gives_the_same_bits_on_any_number_of_threads() {
    assert_same_bits(&large());
}

/// The same where W is taken in slices, and the bytes that they take.
#[test]
fn slices_give_the_same_bits_on_any_number_of_threads() {
    let network = wide(30, ActivationName::Tanh, true);
    assert_same_bits(&network);
    let synapses = network.wiring().recurrent().nnz();
    let bytes = |way| network.stepper_with(isa(), way).bytes() as f64 / synapses as f64;
    assert!((6.0..7.0).contains(&bytes(OneLane::Sliced)), "{}", bytes(OneLane::Sliced));
    assert!((12.0..14.0).contains(&bytes(OneLane::EventDriven)), "{}", bytes(OneLane::EventDriven));
    // and the same rates but for rounding
    let rates = |way| {
        let (stepper, mut state) = (network.stepper_with(isa(), way), network.state(1));
        (0..3).for_each(|_| stepper.step(&mut state, &[0.5, -1.0, 0.25]));
        state.rates().to_vec()
    };
    let [rows, slices] = [OneLane::Plain, OneLane::Sliced].map(rates);
    assert!(rows.iter().any(|&rate| rate > 0.01));
    assert!(rows.iter().zip(&slices).all(|(a, b)| (a - b).abs() <= 1e-6));
}

/// More neurons than a tile of slices has columns, with so many synapses each.
fn wide(in_degree: usize, activation: ActivationName, rectified: bool) -> Network {
    let connectome = connectome([6000, 2000, 1000], ConnectionSpec::in_degree(in_degree), 1);
    let cell = CellSpec { activation, rectified, ..CellSpec::default() };
    Network::builder(&connectome).cell(cell).input(3).readout(2).build().unwrap()
}

/// The same where columns are cut for threads as well, and where rates are the activations themselves.
#[test]
fn columns_beside_slices_give_the_same_bits_on_any_number_of_threads() {
    assert_same_bits(&wide(70, ActivationName::Tanh, true));
    assert_same_bits(&wide(70, ActivationName::Relu, false));
}

/// A state made once and stepped by whoever comes, many at a time or from outside of any pool.
#[test]
fn a_state_may_go_from_pool_to_pool() {
    let network = wide(70, ActivationName::Relu, false);
    let pools = [1, 2, 5].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let steppers = pools.each_ref().map(|pool| pool.install(|| network.stepper_with(isa(), OneLane::EventDriven)));
    let mut start = network.state(1);
    activate(start.rates_mut(), 0.05);
    let steps: Vec<(usize, usize)> = (0..3).flat_map(|stepper| (0..4).map(move |pool| (stepper, pool))).collect();
    let run = |order: &[(usize, usize)]| {
        let mut state = start.clone();
        for &(stepper, pool) in order {
            match pools.get(pool) {
                Some(pool) => pool.install(|| steppers[stepper].step(&mut state, &[0.5, -1.0, 0.25])),
                None => steppers[stepper].step(&mut state, &[0.5, -1.0, 0.25]),
            }
            activate(state.rates_mut(), 0.05);
        }
        state.activations().iter().map(|a| a.to_bits()).collect::<Vec<_>>()
    };
    let want = run(&[(0, 0); 12]);
    assert!(run(&steps) == want, "one after the other");
    std::thread::scope(|scope| {
        for k in 0..6 {
            let (mut order, run, want) = (steps.clone(), &run, &want);
            order.rotate_left(k);
            scope.spawn(move || assert!(run(&order) == *want, "beside others, from step {k}"));
        }
    });
}

fn assert_same_bits(network: &Network) {
    let run = |made_on: usize, threads: usize, way: OneLane| -> Vec<u32> {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let stepper = pool(made_on).install(|| network.stepper_with(isa(), way));
        pool(threads).install(|| {
            let mut state = network.state(1);
            let mut bits = Vec::new();
            for share in [0.0, 0.05, 0.3, 1.0] {
                activate(state.rates_mut(), share);
                for _ in 0..3 {
                    stepper.step(&mut state, &[0.5, -1.0, 0.25]);
                    bits.extend(state.rates().iter().chain(state.readout()).map(|x| x.to_bits()));
                }
            }
            bits
        })
    };
    for way in WAYS {
        let want = run(1, 1, way);
        for (made_on, threads) in [(1, 7), (2, 2), (7, 1), (7, 7)] {
            assert!(run(made_on, threads, way) == want, "{way:?} made on {made_on} threads, run on {threads}");
        }
    }
    assert_ne!(run(1, 1, OneLane::Plain), run(1, 1, OneLane::EventDriven), "few active neurons are listed");
}

#[test]
fn one_lane_shared_among_threads_allocates_nothing() {
    let network = large();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| {
        for way in WAYS {
            let (stepper, mut state) = (network.stepper_with(isa(), way), network.state(1));
            let counted = allocation_counter::measure(|| {
                for share in [0.05, 1.0, 0.05] {
                    activate(state.rates_mut(), share);
                    (0..20).for_each(|_| stepper.step(&mut state, &[0.5, -1.0, 0.25]));
                }
            });
            assert_eq!(counted.count_total, 0, "{way:?}");
        }
    });
}

/// What the ways keep, in bytes a synapse.
#[test]
fn one_lane_says_its_memory() {
    let network = large();
    let synapses = network.wiring().recurrent().nnz();
    let bytes = |way| network.stepper_with(isa(), way).bytes() as f64 / synapses as f64;
    assert_eq!(bytes(OneLane::Plain), 0.0);
    assert!((2.0..2.1).contains(&bytes(OneLane::Compressed)));
    // too few neurons for slices
    assert_eq!(bytes(OneLane::Sliced), bytes(OneLane::Compressed));
    assert!((8.0..8.2).contains(&bytes(OneLane::EventDriven)));
    // silent neurons are to be expected of rectified rates
    assert_eq!(network.stepper(isa()).bytes(), network.stepper_with(isa(), OneLane::EventDriven).bytes());
}

/// A network of one cell, by hand: r = max(tanh(w r + u x + b), 0), y = v a + c.
#[test]
fn two_steps_by_hand() {
    use daleian::connectome::{Connectome, PopulationSpec, Sign};
    let population = [PopulationSpec::new("exc", 1, Sign::Excitatory)];
    let connectome = Connectome::from_edges(&population, &[0], &[0], Some(&[0.5])).unwrap();
    let mut network = network(&connectome, 1, 1, 1);
    for (name, value) in [(RECURRENT, 0.5), (BIAS, 0.1), (INPUT, 2.0), (READOUT, 3.0), (READOUT_BIAS, -1.0)] {
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
