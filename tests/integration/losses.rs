//! Losses of each step: weights, class labels of each step, trials of unlike length; by hand and against differences.

use daleian::Isa;
use daleian::bptt::{Bptt, LossName, Objective, Outcome, Storage};
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::data::{Dataset, Targets};
use daleian::network::{
    ActivationName, CellSpec, INPUT, InitSpec, Network, ParameterId, Parameters, READOUT, READOUT_BIAS, RECURRENT,
};
use daleian::random::{Purpose, stream};
use daleian::train::{Evaluation, fill};
use rand::{Rng, RngExt};

use crate::dense::{Answers, Dense, Problem};
use crate::gradients::relative_error;
use crate::support::{bits, connectome, isa};

/// A network that answers (0, x) to the input x, whatever came before: the probabilities of two classes that have the
/// ratio 1 to e^x.
fn echo() -> Network {
    let population = [PopulationSpec::new("one", 1, Sign::Unconstrained)];
    let connectome = Connectome::from_rules(&population, &[ConnectionSpec::all()], 1).unwrap();
    let cell = CellSpec { activation: ActivationName::Identity, rectified: false, bias: false, ..CellSpec::default() };
    let mut network = Network::builder(&connectome).cell(cell).input(1).readout(2).build().unwrap();
    network.parameter_mut(RECURRENT).fill(0.0);
    network.parameter_mut(INPUT).fill(1.0);
    network.parameter_mut(READOUT).copy_from_slice(&[0.0, 1.0]);
    network.parameter_mut(READOUT_BIAS).fill(0.0);
    network
}

/// What the echo comes to on 2 samples of 3 steps, with the logarithms of these ratios as inputs.
fn outcome(ratios: [f32; 6], targets: Targets, lengths: Option<Vec<u32>>) -> Outcome {
    let data = Dataset::with_lengths(ratios.map(f32::ln).to_vec(), [2, 3, 1], targets, lengths).unwrap();
    let network = echo();
    let mut bptt = Bptt::forward_only(&network, isa(), data.targets().kind(), 2, 3);
    fill(&mut bptt, &data, &[0, 1]);
    bptt.evaluate(&network, &data.targets().kind().loss().unwrap().into())
}

fn close(got: Outcome, want: f64, weight: f64, right: [usize; 2]) {
    assert!((got.loss - want).abs() < 1e-6, "{got:?}, not {want}");
    assert_eq!((got.weight, [got.correct, got.asked]), (weight, right));
}

#[test]
fn classes_of_each_step_by_hand() {
    // probabilities of class 1: 3/4, 1/2, 1/4 and 3/4, 3/4, 1/2
    let ratios = [3.0, 1.0, 1.0 / 3.0, 3.0, 3.0, 1.0];
    let labels = || vec![1, 0, 0, 0, 1, 1];
    let losses = [0.75f64, 0.5, 0.75, 0.25, 0.75, 0.5].map(|p| -p.ln());
    let targets = Targets::StepClasses { labels: labels(), classes: 2, mask: None };
    // where both are as probable, no answer is right
    close(outcome(ratios, targets, None), losses.iter().sum::<f64>() / 6.0, 6.0, [3, 6]);
    let mask = [0.0, 2.0, 1.0, 1.0, 0.0, 0.5];
    let weighted: f64 = losses.iter().zip(mask).map(|(loss, m)| loss * m).sum();
    let with_mask =
        || Targets::StepClasses { labels: labels(), classes: 2, mask: Some(mask.map(|m| m as f32).to_vec()) };
    close(outcome(ratios, with_mask(), None), weighted / 4.5, 4.5, [1, 4]);
    // the second sample has one step
    let shorter = (2.0 * losses[1] + losses[2] + losses[3]) / 4.0;
    close(outcome(ratios, with_mask(), Some(vec![3, 1])), shorter, 4.0, [1, 3]);
}

#[test]
fn one_class_is_asked_for_at_the_last_step_of_its_sample() {
    let ratios = [3.0, 1.0, 1.0 / 3.0, 3.0, 1.0, 1.0];
    let targets = || Targets::Classes { labels: vec![0, 1], classes: 2 };
    close(outcome(ratios, targets(), None), -(0.75f64.ln() + 0.5f64.ln()) / 2.0, 2.0, [1, 2]);
    close(outcome(ratios, targets(), Some(vec![2, 1])), -(0.5f64.ln() + 0.75f64.ln()) / 2.0, 2.0, [1, 2]);
}

#[test]
fn weighted_values_by_hand() {
    let ratios = [1f32.exp(), 1.0, 2f32.exp(), 1.0, 1.0, 3f32.exp()];
    // answers (0, x) with x = 1, 0, 2 and 0, 0, 3; targets are 0 but where they do not count
    let mut values = vec![0.0; 12];
    values[11] = f32::NAN;
    let mask = vec![1.0, 2.0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    let targets = Targets::Series { values: values.clone(), outputs: 2, mask: Some(mask) };
    close(outcome(ratios, targets, None), (2.0 + 0.5 * 4.0) / 8.5, 8.5, [0, 0]);
    let targets = Targets::Series { values, outputs: 2, mask: None };
    close(outcome(ratios, targets, Some(vec![3, 2])), (1.0 + 4.0) / 10.0, 10.0, [0, 0]);
}

/// The kinds of targets whose gradients are checked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Series,
    Classes,
    StepClasses,
    WeightedStepClasses,
}

const SIZES: [usize; 3] = [19, 5, 3];

fn network(kind: Kind) -> Network {
    let connectome = connectome([9, 4, 6], ConnectionSpec::probability(0.4), 8);
    let g = if kind == Kind::Series { ActivationName::Tanh } else { ActivationName::Identity };
    let builder = Network::builder(&connectome).input(3).readout(SIZES[2]).output_activation(g);
    builder.init(InitSpec { gain: 2.0, ..InitSpec::default() }).seed(8).build().unwrap()
}

/// Random trials of unlike length, for the library and for the dense implementation.
fn problem(kind: Kind) -> (Dataset, Problem) {
    let [samples, steps, width] = SIZES;
    let mut rng = stream(9, Purpose::TrainSamples, 99);
    let mut numbers = |count: usize| (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect::<Vec<f32>>();
    let (inputs, values) = (numbers(samples * steps * 3), numbers(samples * steps * width));
    let mask: Vec<f32> = numbers(values.len()).into_iter().map(|m| (m + 0.5).max(0.0)).collect();
    let labels: Vec<u32> = (0..samples * steps).map(|_| rng.next_u32() % width as u32).collect();
    let lengths: Vec<u32> = (0..samples).map(|_| 1 + rng.next_u32() % steps as u32).collect();
    let nested = |flat: &[f32], width: usize| -> Vec<Vec<Vec<f64>>> {
        let row = |row: &[f32]| row.iter().map(|&x| f64::from(x)).collect();
        flat.chunks(steps * width).map(|sample| sample.chunks(width).map(row).collect()).collect()
    };
    let each: Vec<f32> = mask.iter().copied().take(samples * steps).collect();
    let (targets, answers) = match kind {
        Kind::Series => (
            Targets::Series { values: values.clone(), outputs: width, mask: Some(mask.clone()) },
            Answers::Series { values: nested(&values, width), mask: nested(&mask, width) },
        ),
        Kind::Classes => {
            let labels = labels[..samples].to_vec();
            let answers = Answers::Classes(labels.iter().map(|&label| label as usize).collect());
            (Targets::Classes { labels, classes: width }, answers)
        }
        Kind::StepClasses | Kind::WeightedStepClasses => {
            let weighted = kind == Kind::WeightedStepClasses;
            let weights = if weighted { each.clone() } else { vec![1.0; samples * steps] };
            let by_step = |row: &[u32]| row.iter().map(|&label| label as usize).collect();
            let answers = Answers::StepClasses {
                labels: labels.chunks(steps).map(by_step).collect(),
                mask: weights.chunks(steps).map(|row| row.iter().map(|&m| f64::from(m)).collect()).collect(),
            };
            (Targets::StepClasses { labels, classes: width, mask: weighted.then_some(each) }, answers)
        }
    };
    let problem = Problem {
        inputs: nested(&inputs, 3),
        answers,
        lengths: lengths.iter().map(|&length| length as usize).collect(),
        l2_weights: 0.01,
        l2_rates: 0.1,
    };
    (Dataset::with_lengths(inputs, [samples, steps, 3], targets, Some(lengths)).unwrap(), problem)
}

fn gradient(network: &Network, data: &Dataset, isa: Isa, storage: Storage) -> (Outcome, Parameters) {
    let kind = data.targets().kind();
    let mut bptt = Bptt::with_storage(network, isa, kind, data.samples(), &ParameterId::COMMON, storage);
    let mut gradients = bptt.gradients(network);
    fill(&mut bptt, data, &(0..data.samples() as u32).collect::<Vec<_>>());
    let objective = Objective { loss: kind.loss().unwrap(), l2_weights: 0.01, l2_rates: 0.1 };
    (bptt.gradient(network, &objective, &mut gradients), gradients)
}

#[test]
fn gradients_of_trials_of_unlike_length_agree_with_finite_differences() {
    let [samples, steps, _] = SIZES;
    for kind in [Kind::Series, Kind::Classes, Kind::StepClasses, Kind::WeightedStepClasses] {
        let network = network(kind);
        let (data, problem) = problem(kind);
        let dense = Dense::of(&network);
        let want = dense.objective(&problem);
        for isa in Isa::available() {
            let whole = Storage::whole(network.wiring(), samples, steps);
            let (got, gradients) = gradient(&network, &data, isa, whole);
            assert!((got.objective - want).abs() <= 1e-5 * want, "{kind:?} on {isa}: {got:?} is not {want}");
            for id in ParameterId::COMMON {
                let error = relative_error(&network, &dense, &problem, id, &gradients[id]);
                assert!(error <= 1e-4, "{id:?} is off by {error:e} on {isa} with {kind:?}");
            }
            let least = Storage::least(network.wiring(), samples, steps);
            let (again, fewer) = gradient(&network, &data, isa, least);
            assert!(again == got && bits(&fewer) == bits(&gradients), "{kind:?} with fewer states");
        }
    }
}

/// Batches of any size come to the same loss and accuracy.
#[test]
fn evaluation_weighs_batches_by_what_counts_in_them() {
    for kind in [Kind::Series, Kind::Classes, Kind::StepClasses, Kind::WeightedStepClasses] {
        let (network, (data, _)) = (network(kind), problem(kind));
        let objective = Objective::from(data.targets().kind().loss().unwrap());
        let run = |batch| Evaluation::new(&network, isa(), &data, batch).run(&network, &data, &objective);
        let (whole, parts) = (run(SIZES[0]), run(4));
        assert!((whole.loss - parts.loss).abs() <= 1e-6 * whole.loss, "{kind:?}: {whole:?} {parts:?}");
        assert_eq!(whole.accuracy, parts.accuracy);
        assert_eq!(whole.accuracy.is_some(), objective.loss == LossName::CrossEntropy);
    }
}
