//! Dale's law holds after every step; patterns never change; frozen parameters keep their bits; padding does not show.

use std::sync::Arc;

use daleian::Isa;
use daleian::bptt::{Bptt, LossName, Objective, cut};
use daleian::connectome::{ConnectionSpec, Connectome, NeuronTable, PopulationSpec, Sign};
use daleian::constraint::{Constraint, Guard};
use daleian::data::{Data, Dataset, Targets};
use daleian::network::{
    ActivationName, COMMON_NAMES, CellSpec, INPUT, Network, ParameterId, Parameters, READOUT, READOUT_BIAS, RECURRENT,
    State,
};
use daleian::optim::{Adam, OptimizerSpec, ScheduleSpec};
use daleian::sparse::Pattern;
use daleian::train::{ParameterSettings, TrainSettings, Trainer, fill};
use proptest::prelude::*;

use crate::support::{bits, connectome, flip_flop, isa, network};

fn settings(constraint: Constraint, optimizer: OptimizerSpec, batch: usize) -> TrainSettings {
    TrainSettings {
        parameters: ParameterSettings::new(constraint),
        ..TrainSettings::new(LossName::Mse, batch, optimizer)
    }
}

/// Every stored weight keeps to the sign of its column, and no zero is negative.
fn assert_lawful(network: &Network) {
    let signs = network.wiring().signs();
    let pattern = network.wiring().recurrent();
    for (&pre, &w) in pattern.indices().iter().zip(&*network.parameters()[RECURRENT]) {
        let sign = f32::from(signs[pre as usize]);
        assert!(sign * w >= 0.0, "{w} from a neuron of sign {sign}");
        assert!(w.to_bits() != (-0.0f32).to_bits(), "-0.0 from a neuron of sign {sign}");
    }
    assert_eq!(network.sign_violations(), 0);
}

/// The same with the recurrent weights' learning rate times `factor`.
fn with_factor(settings: TrainSettings, factor: f64) -> TrainSettings {
    TrainSettings { parameters: settings.parameters.rate_factor("recurrent.values", factor), ..settings }
}

/// The same with these parameters frozen.
fn frozen_in(settings: ParameterSettings, frozen: &[ParameterId]) -> ParameterSettings {
    frozen.iter().fold(settings, |settings, id| settings.frozen(COMMON_NAMES[id.index()]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn training_never_breaks_the_law(
        sizes in [4usize..12, 1usize..12, 1usize..6],
        probability in 0.3f64..1.0,
        rate in 0.001f64..0.5,
        constraint in proptest::sample::select(vec![
            Constraint::Dale, Constraint::Absolute, Constraint::Exponentiated,
        ]),
        adam: bool,
        steps in 1usize..8,
        seed: u64,
    ) {
        let connectome = connectome(sizes, ConnectionSpec::probability(probability), seed);
        let optimizer = if adam { OptimizerSpec::adam(rate) } else { OptimizerSpec::sgd(rate, 0.5) };
        for isa in Isa::available() {
            let start = network(&connectome, 1, 1, seed);
            let before = start.wiring().clone();
            let settings = settings(constraint, optimizer, 9);
            let mut trainer = Trainer::new(start, flip_flop(4, 20, 3), settings, isa).unwrap();
            for _ in 0..steps {
                trainer.step().unwrap();
                assert_lawful(trainer.network());
            }
            let after = trainer.network().wiring();
            prop_assert!(Arc::ptr_eq(before.recurrent(), after.recurrent()));
            prop_assert!(after.recurrent() == connectome.pattern());
            prop_assert_eq!(trainer.network().parameters()[RECURRENT].len(), connectome.pattern().nnz());
        }
    }

    #[test]
    fn frozen_parameters_keep_every_bit(frozen in proptest::sample::subsequence(&ParameterId::COMMON[..], 1..5), seed: u64) {
        let connectome = connectome([5, 4, 3], ConnectionSpec::probability(0.5), seed);
        let start = network(&connectome, 1, 1, seed);
        let before = bits(start.parameters());
        let penalties = Objective { loss: LossName::Mse, l2_weights: 0.1, l2_rates: 0.1 };
        let settings = TrainSettings {
            parameters: frozen_in(ParameterSettings::new(Constraint::Dale), &frozen),
            clip_norm: Some(0.1),
            ..TrainSettings::new(penalties, 9, OptimizerSpec::adam(0.01))
        };
        let mut trainer = Trainer::new(start, flip_flop(4, 20, 3), settings, isa()).unwrap();
        trainer.epoch().unwrap();
        let after = bits(trainer.network().parameters());
        for (k, name) in ParameterId::COMMON.into_iter().enumerate() {
            prop_assert_eq!(before[k] == after[k], frozen.contains(&name), "{:?}", name);
            for moments in &trainer.optimizer().moments {
                prop_assert_eq!(moments[name].is_empty(), frozen.contains(&name), "moments of {:?}", name);
            }
        }
    }
}

/// Two excitatory, two inhibitory and one unconstrained neuron, all connected; weights chosen by hand.
fn five(weights: &[f32]) -> Network {
    let populations = [("exc", 2, 1), ("inh", 2, -1), ("free", 1, 0)];
    let sign = |sign: i32| sign.to_string().parse::<Sign>().unwrap();
    let populations = populations.map(|(name, size, s)| PopulationSpec::new(name, size, sign(s)));
    let connectome =
        Connectome::new(NeuronTable::from_populations(&populations).unwrap(), Pattern::dense(5, 5), None).unwrap();
    let mut network = network(&connectome, 1, 1, 1);
    network.parameter_mut(RECURRENT).copy_from_slice(weights);
    network
}

#[rustfmt::skip]
const BROKEN: [f32; 25] = [
     1.0, -2.0,  3.0, -4.0,  5.0,
    -1.0,  2.0, -3.0,  4.0, -5.0,
     0.0, -0.0,  0.0, -0.0,  0.0,
     0.5,  0.5,  0.5,  0.5,  0.5,
    -0.5, -0.5, -0.5, -0.5, -0.5,
];

fn projected(constraint: Constraint) -> Network {
    let mut network = five(&BROKEN);
    for isa in Isa::available() {
        network = five(&BROKEN);
        Guard::new(constraint, network.wiring()).project(isa, &mut network);
    }
    network
}

#[test]
fn dale_by_hand() {
    #[rustfmt::skip]
    let want: [f32; 25] = [
        1.0, 0.0,  0.0, -4.0,  5.0,
        0.0, 2.0, -3.0,  0.0, -5.0,
        0.0, 0.0,  0.0,  0.0,  0.0,
        0.5, 0.5,  0.0,  0.0,  0.5,
        0.0, 0.0, -0.5, -0.5, -0.5,
    ];
    let network = projected(Constraint::Dale);
    assert_eq!(network.parameters()[RECURRENT][..], want);
    assert_lawful(&network);
}

/// W <- max(W, 0) · sign: a positive entry of an inhibitory column turns over, a negative one (all of a lawful column)
/// is wiped.
#[test]
fn rectified_by_hand() {
    #[rustfmt::skip]
    let want: [f32; 25] = [
        1.0, 0.0, -3.0,  0.0,  5.0,
        0.0, 2.0,  0.0, -4.0, -5.0,
        0.0, 0.0,  0.0,  0.0,  0.0,
        0.5, 0.5, -0.5, -0.5,  0.5,
        0.0, 0.0,  0.0,  0.0, -0.5,
    ];
    let network = projected(Constraint::Rectified);
    assert_eq!(network.parameters()[RECURRENT][..], want);
    assert!(network.parameters()[RECURRENT].iter().all(|w| w.to_bits() != (-0.0f32).to_bits()));
}

#[test]
fn none_leaves_weights_alone() {
    let network = projected(Constraint::None);
    assert_eq!(network.parameters()[RECURRENT][..], BROKEN);
    assert!(network.parameters()[RECURRENT].iter().all(|w| w.to_bits() != (-0.0f32).to_bits()));
    assert_eq!(network.sign_violations(), 8, "two in each row but the third");
}

/// Where only the size is trained, what comes in against its sign turns over.
#[test]
fn sizes_by_hand() {
    #[rustfmt::skip]
    let want: [f32; 25] = [
        1.0, 2.0, -3.0, -4.0,  5.0,
        1.0, 2.0, -3.0, -4.0, -5.0,
        0.0, 0.0,  0.0,  0.0,  0.0,
        0.5, 0.5, -0.5, -0.5,  0.5,
        0.5, 0.5, -0.5, -0.5, -0.5,
    ];
    for constraint in [Constraint::Absolute, Constraint::Exponentiated] {
        let network = projected(constraint);
        assert_eq!(network.parameters()[RECURRENT][..], want, "{constraint:?}");
        assert_lawful(&network);
    }
}

/// The naive baseline wipes inhibition at the first step; what then grows there is made by gradients alone.
#[test]
fn the_first_rectified_step_wipes_inhibitory_columns() {
    let connectome = connectome([6, 6, 2], ConnectionSpec::all(), 2);
    let start = network(&connectome, 1, 1, 2);
    let signs = start.wiring().signs();
    // a step too small to carry any weight across 0
    let settings = settings(Constraint::Rectified, OptimizerSpec::sgd(1e-9, 0.0), 10);
    let mut trainer = Trainer::new(start.clone(), flip_flop(4, 20, 3), settings, isa()).unwrap();
    assert_eq!(bits(trainer.network().parameters()), bits(start.parameters()), "nothing happens before a step");
    trainer.step().unwrap();
    let weights = start.parameters()[RECURRENT].iter().zip(&*trainer.network().parameters()[RECURRENT]);
    for (&pre, (&before, &after)) in connectome.pattern().indices().iter().zip(weights) {
        match signs[pre as usize] {
            -1 => assert_eq!((before < 0.0, after), (true, 0.0)),
            _ => assert!((before - after).abs() < 1e-6, "{before} became {after}"),
        }
    }
}

#[test]
fn training_without_a_constraint_breaks_the_law() {
    let connectome = connectome([8, 8, 1], ConnectionSpec::all(), 4);
    let data = flip_flop(6, 40, 3);
    let violations = |constraint| {
        let settings = settings(constraint, OptimizerSpec::adam(0.05), 20);
        let mut trainer = Trainer::new(network(&connectome, 1, 1, 4), data.clone(), settings, isa()).unwrap();
        for _ in 0..5 {
            trainer.epoch().unwrap();
        }
        trainer.network().sign_violations()
    };
    assert!(violations(Constraint::None) > 0);
    assert_eq!(violations(Constraint::Dale), 0);
}

/// Weights that come in against their sign are clamped before the first step, silent synapses among them.
#[test]
fn signs_hold_from_the_start() {
    for constraint in [Constraint::Dale, Constraint::Absolute, Constraint::Exponentiated] {
        let settings = settings(constraint, OptimizerSpec::sgd(1e-3, 0.0), 10);
        let trainer = Trainer::new(five(&BROKEN), flip_flop(4, 20, 3), settings, isa()).unwrap();
        assert_lawful(trainer.network());
    }
}

/// Exponentiated weights that start at 0 stay there; the others move, and a factor moves them further.
#[test]
fn exponentiated_zeros_stay_and_a_factor_counts() {
    let moved = |factor: f64| {
        let settings = with_factor(settings(Constraint::Exponentiated, OptimizerSpec::sgd(0.1, 0.0), 20), factor);
        let mut trainer = Trainer::new(five(&BROKEN), flip_flop(4, 20, 3), settings, isa()).unwrap();
        let start = trainer.network().parameters().clone();
        trainer.step().unwrap();
        let end = trainer.network().parameters();
        let mut sum = 0.0;
        for (e, (before, after)) in start[RECURRENT].iter().zip(&*end[RECURRENT]).enumerate() {
            // the last column has no sign and takes the step as it is
            assert!(*before != 0.0 || e % 5 == 4 || *after == 0.0, "entry {e} became {after}");
            if *before != 0.0 && e % 5 != 4 {
                sum += (after / before).ln().abs();
            }
        }
        (sum, bits(end))
    };
    let ((once, one), (thrice, three)) = (moved(1.0), moved(3.0));
    assert!(once > 0.0 && (thrice / once - 3.0).abs() < 1e-2, "{thrice} is not 3 times {once}");
    assert!(one[0] != three[0] && one[1..] == three[1..], "the factor is for the recurrent weights alone");
}

/// A weight that overflows is divergence, not a weight at the largest number.
#[test]
fn an_exponentiated_weight_that_overflows_is_divergence() {
    let settings = with_factor(settings(Constraint::Exponentiated, OptimizerSpec::adam(0.01), 20), 1e5);
    let connectome = connectome([6, 2, 1], ConnectionSpec::all(), 1);
    let mut trainer = Trainer::new(network(&connectome, 1, 1, 1), flip_flop(4, 20, 3), settings, isa()).unwrap();
    trainer.step().unwrap();
    let error = trainer.check_finite().unwrap_err().to_string();
    assert!(error.contains("diverged: recurrent.values was") && error.contains("inf"), "{error}");
}

fn refused(settings: TrainSettings, says: &str) {
    let error = Trainer::new(five(&BROKEN), flip_flop(4, 20, 3), settings, isa()).expect_err(says).to_string();
    assert!(error.contains(says), "{error} does not say: {says}");
}

/// What a configuration may not say, the library does not take either.
#[test]
fn a_trainer_refuses_numbers_out_of_range() {
    let adam = OptimizerSpec::adam(0.01);
    let beta = |beta1, beta2| OptimizerSpec::Adam(Adam { beta1, beta2, ..Adam::new(0.01) });
    let constant = ScheduleSpec::default();
    for (optimizer, schedule, says) in [
        (adam, ScheduleSpec::Step { every: 0, factor: 0.5 }, "`schedule.every`: 0; expected at least 1"),
        (adam, ScheduleSpec::Step { every: 1, factor: f64::NAN }, "`schedule.factor`: NaN; "),
        (adam, ScheduleSpec::Cosine { period: 0, minimum: 0.0 }, "`schedule.period`: 0; expected at least 1"),
        (adam, ScheduleSpec::Cosine { period: 5, minimum: 0.02 }, "`schedule.minimum`: 0.02; expected from 0 to "),
        (beta(1.0, 0.999), constant, "`optimizer.beta1`: 1; expected from 0 to below 1"),
        (beta(0.9, 1.0), constant, "`optimizer.beta2`: 1; expected from 0 to below 1"),
        (OptimizerSpec::adam(0.0), constant, "`optimizer.learning-rate`: 0; "),
        (OptimizerSpec::sgd(0.1, -0.5), constant, "`optimizer.momentum`: -0.5; "),
    ] {
        refused(TrainSettings { schedule, ..settings(Constraint::Dale, optimizer, 10) }, says);
    }
    let settings = with_factor(settings(Constraint::Dale, adam, 10), 0.0);
    refused(settings, "`parameter.recurrent.values.rate-factor`: 0; ");
}

/// Neuron 0 (excitatory) drives neuron 1 through one synapse, and the readout is a of neuron 1. All is linear:
/// r0(1) = x, y(2) = w x. With x = 1, y* = 1 and w = 0 the gradient is -2, so descent must open the synapse; with
/// y* = -1 it is +2, and w stays clamped at 0 for ever.
#[test]
fn a_silent_synapse_revives_when_the_gradient_asks_for_it() {
    let populations = [PopulationSpec::new("exc", 2, Sign::Excitatory)];
    let connectome = Connectome::from_edges(&populations, &[0], &[1], Some(&[0.0])).unwrap();
    let cell = CellSpec { activation: ActivationName::Identity, rectified: false, bias: false, ..CellSpec::default() };
    let mut start = Network::builder(&connectome).cell(cell).input(1).readout(1).build().unwrap();
    let values: [(ParameterId, &[f32]); 4] =
        [(RECURRENT, &[0.0]), (INPUT, &[1.0, 0.0]), (READOUT, &[0.0, 1.0]), (READOUT_BIAS, &[0.0])];
    for (name, values) in values {
        start.parameter_mut(name).copy_from_slice(values);
    }
    let weight_after = |target: f32, steps: usize| {
        // only the second step counts
        let targets = Targets::Series { values: vec![9.0, target], outputs: 1, mask: Some(vec![0.0, 1.0]) };
        let data = Dataset::new(vec![1.0, 0.0], [1, 2, 1], targets).unwrap();
        let settings = TrainSettings {
            parameters: frozen_in(ParameterSettings::new(Constraint::Dale), &ParameterId::COMMON[1..]),
            ..settings(Constraint::Dale, OptimizerSpec::sgd(0.25, 0.0), 1)
        };
        let data = Data::new(data.clone(), data).unwrap();
        let mut trainer = Trainer::new(start.clone(), data, settings, isa()).unwrap();
        for _ in 0..steps {
            trainer.step().unwrap();
        }
        trainer.network().parameters()[RECURRENT][0]
    };
    // w <- w - 0.25 · 2 (w - 1): half the way at each step
    assert_eq!([1, 2, 3].map(|steps| weight_after(1.0, steps)), [0.5, 0.75, 0.875]);
    assert_eq!([1, 2, 3].map(|steps| weight_after(-1.0, steps).to_bits()), [0; 3]);
}

/// The first `steps` of the flip-flop, of these samples in this order.
fn pick(data: &Dataset, samples: &[usize]) -> Dataset {
    let (steps, channels) = (data.steps(), data.channels());
    let Targets::Series { values, outputs, mask: None } = data.targets() else { panic!("series without a mask") };
    let rows = |from: &[f32], width: usize| samples.iter().flat_map(|&s| from[s * width..][..width].to_vec()).collect();
    let inputs = rows(data.inputs(), steps * channels);
    let targets = Targets::Series { values: rows(values, steps * outputs), outputs: *outputs, mask: None };
    Dataset::new(inputs, [samples.len(), steps, channels], targets).unwrap()
}

/// The objective and the gradient of these samples taken as one batch, in memory made for `room` samples.
fn gradient(network: &Network, data: &Dataset, samples: &[usize], room: usize, isa: Isa) -> (f64, Parameters) {
    let data = pick(data, samples);
    let objective = Objective { loss: LossName::Mse, l2_weights: 0.01, l2_rates: 0.1 };
    let mut bptt = Bptt::new(network, isa, LossName::Mse, room, data.steps(), &ParameterId::COMMON);
    let mut gradients = bptt.gradients(network);
    // once with other samples in every lane, so that padding holds what they left
    let all: Vec<u32> = (0..room).map(|k| (k % data.samples()) as u32).collect();
    fill(&mut bptt, &data, &all);
    bptt.gradient(network, &objective, &mut gradients);
    fill(&mut bptt, &data, &(0..samples.len() as u32).collect::<Vec<_>>());
    let outcome = bptt.gradient(network, &objective, &mut gradients);
    (outcome.objective, gradients)
}

/// Means over the same samples, however they lie in lanes and tiles: equal but for the rounding of sums.
#[test]
fn lanes_tiles_and_padding_do_not_show() {
    let connectome = connectome([12, 6, 4], ConnectionSpec::probability(0.4), 8);
    let network = network(&connectome, 1, 1, 8);
    let data = flip_flop(6, 5, 1);
    let data = data.train();
    let five = [0, 1, 2, 3, 4];
    let repeated = |count: usize| (0..count).map(|k| k % 5).collect::<Vec<usize>>();
    assert_eq!([5, 20, 65, 200].map(|batch| cut(9, 81, batch).len()), [1, 1, 2, 4]);
    for isa in Isa::available() {
        let (want, gradients) = gradient(&network, data, &five, 5, isa);
        let backwards: Vec<usize> = five.into_iter().rev().collect();
        let arrangements: [(Vec<usize>, usize); 6] = [
            (backwards, 5),
            (five.to_vec(), 64),  // fifty-nine lanes of padding
            (five.to_vec(), 200), // three tiles without a sample
            (repeated(20), 20),   // two vectors
            (repeated(65), 65),   // two tiles, padding in the last
            (repeated(200), 200), // four tiles
        ];
        for (samples, room) in arrangements {
            let (got, others) = gradient(&network, data, &samples, room, isa);
            let what = format!("{} samples in room for {room} on {isa}", samples.len());
            assert!((got - want).abs() <= 1e-6 * want, "{what}: {got} is not {want}");
            for name in ParameterId::COMMON {
                let size = gradients[name].iter().fold(0.0f32, |size, g| size.max(g.abs()));
                for (a, b) in gradients[name].iter().zip(&*others[name]) {
                    assert!((a - b).abs() <= 1e-5 * size, "{what}: {name:?} {b} is not {a}");
                }
            }
        }
    }
}

/// The step by hand gives a sample the same answer in every lane, with one neighbour or with many: to the last bit,
/// because no sum runs over lanes, and the width of the tile (which orders sums) is the same. A single lane goes another
/// way, whose sums have another order.
#[test]
fn a_lane_does_not_know_its_neighbours() {
    let connectome = connectome([12, 6, 4], ConnectionSpec::probability(0.4), 8);
    let network = network(&connectome, 2, 3, 8);
    let stimulus = |t: usize, lane: usize| ((t * 7 + lane * 5) % 11) as f32 / 5.0 - 1.0;
    for isa in Isa::available() {
        let stepper = network.stepper(isa);
        let mut together = network.state(13);
        let mut pairs: Vec<_> = (0..13).map(|_| network.state(2)).collect();
        let mut alone: Vec<_> = (0..13).map(|_| network.state(1)).collect();
        for t in 0..6 {
            let input: Vec<f32> = (0..2 * 13).map(|k| stimulus(t + k / 13, k % 13)).collect();
            stepper.step(&mut together, &input);
            for (lane, (pair, one)) in pairs.iter_mut().zip(&mut alone).enumerate() {
                let own = [stimulus(t, lane), stimulus(t + 1, lane)];
                stepper.step(pair, &[own[0], 0.5, own[1], -0.5]);
                stepper.step(one, &own);
                let of = |state: &State, values: &[f32], lane: usize| -> Vec<f32> {
                    values.chunks(state.stride()).map(|row| row[lane]).collect()
                };
                for values in [State::rates, State::readout] {
                    let many = of(&together, values(&together), lane);
                    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&many), bits(&of(pair, values(pair), 0)), "lane {lane}, step {t}");
                    for (a, b) in many.iter().zip(of(one, values(one), 0)) {
                        assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "lane {lane}, step {t}: {b} is not {a}");
                    }
                }
            }
        }
    }
}
