//! The gradient of every parameter against finite differences in f64 of the dense implementation.

use daleian::Isa;
use daleian::bptt::{Bptt, Layout, LossName, Objective};
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, RuleName, Sign};
use daleian::data::{Dataset, Targets};
use daleian::network::{
    ActivationName, BIAS, CellSpec, INPUT, InitSpec, Network, ParameterId, Parameters, READOUT, READOUT_BIAS, RECURRENT,
};
use daleian::random::{Purpose, stream};
use daleian::train::fill;
use rand::{Rng, RngExt};

use crate::dense::{Answers, Dense, Problem};
use crate::support::Blocks;

/// One of the kinds of network that the gradient is checked on.
#[derive(Clone, Copy, Debug)]
struct Case {
    activation: ActivationName,
    rectified: bool,
    blocks: Blocks,
    readout: ActivationName,
    loss: LossName,
    masked: bool,
    penalties: bool,
    samples: usize,
    steps: usize,
}

const CASES: [Case; 8] = {
    use ActivationName::{Identity, Relu, Sigmoid, Softplus, Tanh};
    let base = Case {
        activation: Tanh,
        rectified: true,
        blocks: Blocks::Dense,
        readout: Tanh,
        loss: LossName::Mse,
        masked: false,
        penalties: false,
        samples: 5,
        steps: 7,
    };
    [
        base,
        Case { rectified: false, blocks: Blocks::Population, readout: Identity, masked: true, ..base },
        Case { activation: Relu, rectified: true, penalties: true, samples: 70, steps: 3, ..base },
        Case { activation: Sigmoid, loss: LossName::CrossEntropy, readout: Identity, penalties: true, ..base },
        Case { activation: Softplus, rectified: false, masked: true, samples: 17, steps: 10, ..base },
        Case { activation: Identity, loss: LossName::CrossEntropy, readout: Identity, samples: 33, ..base },
        Case { loss: LossName::CrossEntropy, samples: 19, ..base },
        Case { samples: 1, steps: 1, ..base },
    ]
};

fn network(case: &Case, seed: u64) -> Network {
    let population = |name: &str, size, sign| PopulationSpec::new(name, size, sign);
    let connectome = Connectome::from_rules(
        &[
            population("exc", 9, Sign::Excitatory),
            population("inh", 4, Sign::Inhibitory),
            population("free", 6, Sign::Unconstrained),
        ],
        &[ConnectionSpec {
            pre: None,
            post: None,
            rule: RuleName::Probability,
            probability: Some(0.4),
            in_degree: None,
            mean_degree: None,
            sigma: None,
            autapses: true,
        }],
        seed,
    )
    .unwrap();
    let cell = CellSpec { activation: case.activation, rectified: case.rectified, ..CellSpec::default() };
    let (input, readout) = case.blocks.of(&connectome);
    let builder = Network::builder(&connectome).cell(cell).input(3).input_blocks(input);
    let builder = builder.readout(3).readout_blocks(readout).output_activation(case.readout);
    builder.init(InitSpec { gain: 2.0, ..InitSpec::default() }).seed(seed).build().unwrap()
}

/// Random inputs and answers: for the library and for the dense implementation.
fn problem(case: &Case, seed: u64) -> (Dataset, Problem) {
    let mut rng = stream(seed, Purpose::TrainSamples, 99);
    let mut cube = |low: f64, high: f64, channels: usize| -> Vec<Vec<Vec<f64>>> {
        let mut value = || f64::from((low + (high - low) * rng.random::<f64>()) as f32);
        (0..case.samples).map(|_| (0..case.steps).map(|_| (0..channels).map(|_| value()).collect()).collect()).collect()
    };
    let inputs = cube(-1.0, 1.0, 3);
    let values = cube(-1.0, 1.0, 3);
    let mut mask = cube(0.0, 2.0, 3);
    for m in mask.iter_mut().flatten().flatten() {
        // some weights are exactly 0, and without a mask all are 1
        *m = if !case.masked {
            1.0
        } else if *m < 0.5 {
            0.0
        } else {
            *m
        };
    }
    let labels: Vec<u32> = (0..case.samples).map(|_| rng.next_u32() % 3).collect();
    let flat = |cube: &[Vec<Vec<f64>>]| cube.iter().flatten().flatten().map(|&x| x as f32).collect::<Vec<f32>>();
    let targets = match case.loss {
        LossName::Mse => Targets::Series { values: flat(&values), outputs: 3, mask: case.masked.then(|| flat(&mask)) },
        LossName::CrossEntropy => Targets::Classes { labels: labels.clone(), classes: 3 },
        _ => panic!("{:?} has no reference here", case.loss),
    };
    let dataset = Dataset::new(flat(&inputs), [case.samples, case.steps, 3], targets).unwrap();
    let answers = match case.loss {
        LossName::Mse => Answers::Series { values, mask },
        LossName::CrossEntropy => Answers::Classes(labels.iter().map(|&label| label as usize).collect()),
        _ => panic!("{:?} has no reference here", case.loss),
    };
    let (l2_weights, l2_rates) = if case.penalties { (0.01, 0.1) } else { (0.0, 0.0) };
    let lengths = vec![case.steps; case.samples];
    (dataset, Problem { inputs, answers, lengths, l2_weights, l2_rates })
}

fn objective(case: &Case, problem: &Problem) -> Objective {
    Objective { loss: case.loss, l2_weights: problem.l2_weights, l2_rates: problem.l2_rates }
}

fn ours(
    case: &Case,
    network: &Network,
    data: &Dataset,
    problem: &Problem,
    isa: Isa,
    trainable: &[ParameterId],
) -> (f64, Parameters) {
    let mut bptt = Bptt::new(network, isa, case.loss, case.samples, case.steps, trainable);
    let mut gradients = bptt.gradients(network);
    let samples: Vec<u32> = (0..case.samples as u32).collect();
    fill(&mut bptt, data, &samples);
    let outcome = bptt.gradient(network, &objective(case, problem), &mut gradients);
    (outcome.objective, gradients)
}

/// Relative error of the whole gradient of a parameter: |ours - differences| / |differences|.
#[test]
fn every_gradient_agrees_with_finite_differences() {
    for (seed, case) in (1..).zip(&CASES) {
        let network = network(case, seed);
        let (data, problem) = problem(case, seed);
        let dense = Dense::of(&network);
        let objective = dense.objective(&problem);
        for isa in Isa::available() {
            let (got, gradients) = ours(case, &network, &data, &problem, isa, &ParameterId::COMMON);
            assert!((got - objective).abs() <= 1e-5 * objective, "{case:?} on {isa}: {got} is not {objective}");
            for name in ParameterId::COMMON {
                let error = relative_error(&network, &dense, &problem, name, &gradients[name]);
                assert!(error <= 1e-4, "{name:?} is off by {error:e} on {isa} in {case:?}");
            }
        }
    }
}

/// Leaving parameters out saves their work and changes no bit of the others.
#[test]
fn what_is_frozen_does_not_show_in_the_other_gradients() {
    let subsets: [&[ParameterId]; 7] = [
        &[RECURRENT],
        &[INPUT],
        &[BIAS],
        &[READOUT, READOUT_BIAS],
        &[READOUT_BIAS],
        &[RECURRENT, READOUT],
        &[RECURRENT, BIAS, INPUT],
    ];
    let bits = |gradient: &[f32]| gradient.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    for (seed, case) in (1..).zip(&CASES) {
        let network = network(case, seed);
        let (data, problem) = problem(case, seed);
        for isa in Isa::available() {
            let (objective, full) = ours(case, &network, &data, &problem, isa, &ParameterId::COMMON);
            for trainable in subsets {
                let (got, gradients) = ours(case, &network, &data, &problem, isa, trainable);
                assert_eq!(got.to_bits(), objective.to_bits());
                for name in ParameterId::COMMON {
                    let want = if trainable.contains(&name) { bits(&full[name]) } else { Vec::new() };
                    assert!(bits(&gradients[name]) == want, "{name:?} of {trainable:?} on {isa} in {case:?}");
                }
            }
        }
    }
}

/// W in tiles of columns, near ones and wider ones, full and nearly full lane groups: a few weights of each matrix.
#[test]
fn gradients_in_tiles_agree_with_finite_differences() {
    for (seed, (neurons, density, samples)) in (1..).zip([(420, 0.1, 60), (520, 0.04, 50)]) {
        let case = Case { samples, steps: 3, readout: ActivationName::Identity, ..CASES[0] };
        let sizes = [neurons - 140, 90, 50];
        let connectome = crate::support::connectome(sizes, ConnectionSpec::probability(density), seed);
        let network = crate::support::network(&connectome, 3, 3, seed);
        assert!(matches!(Layout::choose(network.wiring(), samples), Layout::Tiles { .. }));
        let (data, problem) = problem(&case, seed);
        let dense = Dense::of(&network);
        for isa in Isa::available() {
            let (got, gradients) = ours(&case, &network, &data, &problem, isa, &ParameterId::COMMON);
            let objective = dense.objective(&problem);
            assert!((got - objective).abs() <= 1e-5 * objective, "{neurons} on {isa}: {got} is not {objective}");
            for name in [RECURRENT, INPUT, BIAS] {
                let some = |k: usize, all: usize| k % (all / 8) == 3;
                let error = relative_error_of(&network, &dense, &problem, name, &gradients[name], some);
                assert!(error <= 1e-4, "{name:?} is off by {error:e} on {isa} with {neurons} neurons");
            }
        }
    }
}

pub fn relative_error(network: &Network, dense: &Dense, problem: &Problem, name: ParameterId, ours: &[f32]) -> f64 {
    relative_error_of(network, dense, problem, name, ours, |_, _| true)
}

/// Of those entries `k` of `all` that `some` picks.
fn relative_error_of(
    network: &Network,
    dense: &Dense,
    problem: &Problem,
    name: ParameterId,
    ours: &[f32],
    some: impl Fn(usize, usize) -> bool,
) -> f64 {
    let wiring = network.wiring();
    let cells: Vec<(usize, usize)> = match name {
        BIAS => (0..wiring.neurons()).map(|i| (i, 0)).collect(),
        READOUT_BIAS => (0..wiring.outputs()).map(|i| (i, 0)).collect(),
        _ => {
            let pattern = match name {
                RECURRENT => wiring.recurrent(),
                INPUT => wiring.input(),
                _ => wiring.readout(),
            };
            (0..pattern.rows()).flat_map(|row| pattern.row(row).iter().map(move |&col| (row, col as usize))).collect()
        }
    };
    assert_eq!(cells.len(), ours.len());
    let (mut off, mut size) = (0.0, 0.0);
    let picked = cells.iter().zip(ours).enumerate().filter(|&(k, _)| some(k, cells.len()));
    for (_, (&(row, col), &ours)) in picked {
        let wanted = dense.difference(problem, name, row, col);
        off += (f64::from(ours) - wanted).powi(2);
        size += wanted.powi(2);
    }
    // at one step W has no gradient at all
    if size == 0.0 { off.sqrt() } else { (off / size).sqrt() }
}
