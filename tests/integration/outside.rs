//! A loss of one's own: derivatives by outputs and rates go in, those by inputs and initial rates come out.

use daleian::Isa;
use daleian::bptt::{Bptt, FurtherDerivatives, LossDerivatives, LossName, Storage, TargetKind};
use daleian::connectome::ConnectionSpec;
use daleian::data::{Dataset, Targets};
use daleian::network::{Network, ParameterId, READOUT};
use daleian::random::{Purpose, stream};
use daleian::train::fill;
use rand::RngExt;

use crate::dense::Dense;
use crate::support::{bits, connectome, isa, network};

fn numbers(count: usize, index: u32) -> Vec<f32> {
    let mut rng = stream(11, Purpose::TrainSamples, index);
    (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

/// Sizes of a network and its batch: by rows, in several lane groups, and in tiles of columns.
fn cases() -> [(Network, usize, usize); 3] {
    let of = |sizes, density| network(&connectome(sizes, ConnectionSpec::probability(density), 4), 3, 2, 4);
    [(of([9, 4, 6], 0.4), 5, 6), (of([9, 4, 6], 0.4), 150, 3), (of([500, 150, 50], 0.06), 40, 3)]
}

/// What mean squared error makes of the outputs, given back as if it came from outside, gives the same bits.
#[test]
fn the_derivatives_of_a_loss_of_this_crate_give_its_gradient() {
    for (network, samples, steps) in cases() {
        let (inputs, values) = (numbers(samples * steps * 3, 0), numbers(samples * steps * 2, 1));
        let targets = Targets::Series { values: values.clone(), outputs: 2, mask: None };
        let data = Dataset::new(inputs.clone(), [samples, steps, 3], targets).unwrap();
        let mut named = Bptt::new(&network, isa(), LossName::Mse, samples, steps, &ParameterId::COMMON);
        let mut want = named.gradients(&network);
        fill(&mut named, &data, &(0..samples as u32).collect::<Vec<_>>());
        named.gradient(&network, &LossName::Mse.into(), &mut want);

        let mut own = Bptt::for_own_loss(&network, isa(), samples, steps, &ParameterId::COMMON);
        let mut got = own.gradients(&network);
        let mut outputs = vec![0.0; values.len()];
        for round in 0..2 {
            own.set_inputs(&network, &inputs);
            own.forward(&network, None);
            own.outputs(&network, &mut outputs);
            let scale = (1.0 / values.len() as f64) as f32;
            let by_outputs: Vec<f32> = outputs.iter().zip(&values).map(|(y, want)| 2.0 * scale * (y - want)).collect();
            let loss = LossDerivatives { by_outputs: Some(&by_outputs), by_rates: None };
            own.backward(&network, &loss, FurtherDerivatives::default(), &mut got);
            assert!(bits(&got) == bits(&want), "round {round} of {samples} samples");
        }
    }
}

/// L = Σ d y + Σ e r² of an f64 run.
fn loss(dense: &Dense, inputs: &[f64], initial: &[f64], by_outputs: &[f32], weights: &[f32]) -> f64 {
    let inputs: Vec<Vec<f64>> = inputs.chunks(3).map(<[f64]>::to_vec).collect();
    let neurons = initial.len();
    let mut loss = 0.0;
    for (t, (rates, outputs)) in dense.run(&inputs, initial).into_iter().enumerate() {
        loss += outputs.iter().zip(&by_outputs[t * 2..]).map(|(y, &d)| y * f64::from(d)).sum::<f64>();
        loss += rates.iter().zip(&weights[t * neurons..]).map(|(r, &e)| r * r * f64::from(e)).sum::<f64>();
    }
    loss
}

#[test]
fn derivatives_by_inputs_and_initial_rates_agree_with_finite_differences() {
    for (network, samples, steps) in cases() {
        let neurons = network.wiring().neurons();
        let dense = Dense::of(&network);
        let (inputs, by_outputs) = (numbers(samples * steps * 3, 0), numbers(samples * steps * 2, 1));
        let weights = numbers(samples * steps * neurons, 2);
        for (isa, trainable) in Isa::available().into_iter().flat_map(|isa| [(isa, &[READOUT][..]), (isa, &[])]) {
            let mut bptt = Bptt::for_own_loss(&network, isa, samples, steps, trainable);
            let mut gradients = bptt.gradients(&network);
            let mut rates = vec![f32::NAN; weights.len()];
            bptt.set_inputs(&network, &inputs);
            bptt.forward(&network, Some(&mut rates));
            let by_rates: Vec<f32> = rates.iter().zip(&weights).map(|(r, e)| 2.0 * e * r).collect();
            let (mut by_inputs, mut by_initial) = (vec![f32::NAN; inputs.len()], vec![f32::NAN; samples * neurons]);
            let further = FurtherDerivatives { by_inputs: Some(&mut by_inputs), by_initial: Some(&mut by_initial) };
            let loss_by = LossDerivatives { by_outputs: Some(&by_outputs), by_rates: Some(&by_rates) };
            bptt.backward(&network, &loss_by, further, &mut gradients);
            assert!(by_inputs.iter().chain(&by_initial).all(|d| d.is_finite()));
            // of two samples every derivative, by differences of f64
            for sample in [0, samples - 1] {
                let part = |all: &[f32], width: usize| all[sample * width..][..width].to_vec();
                let (d, e) = (part(&by_outputs, steps * 2), part(&weights, steps * neurons));
                let own: Vec<f64> = part(&inputs, steps * 3).into_iter().map(f64::from).collect();
                let rest = vec![0.0; neurons];
                let check = |what: &str, got: &[f32], at: &dyn Fn(usize, f64) -> f64| {
                    let (mut off, mut size) = (0.0, 0.0);
                    for (k, &got) in got.iter().enumerate().step_by(1 + got.len() / 20) {
                        let want = (at(k, 1e-6) - at(k, -1e-6)) / 2e-6;
                        off += (f64::from(got) - want).powi(2);
                        size += want.powi(2);
                    }
                    let error = (off / f64::max(size, 1e-12)).sqrt();
                    assert!(error <= 1e-4, "by {what} off by {error:e} on {isa}, {samples} samples");
                };
                check("inputs", &part(&by_inputs, steps * 3), &|k, h| {
                    let mut other = own.clone();
                    other[k] += h;
                    loss(&dense, &other, &rest, &d, &e)
                });
                check("initial rates", &part(&by_initial, neurons), &|k, h| {
                    let mut other = rest.clone();
                    other[k] += h;
                    loss(&dense, &own, &other, &d, &e)
                });
            }
        }
    }
}

/// No bit depends on threads, nor on whether further derivatives are asked for; states may be computed twice.
#[test]
fn neither_threads_nor_storage_show() {
    let (network, samples, steps) = (&cases()[1].0, 150, 7);
    let (inputs, by_outputs) = (numbers(samples * steps * 3, 0), numbers(samples * steps * 2, 1));
    let by_rates = numbers(samples * steps * network.wiring().neurons(), 2);
    let run = |threads: usize, storage: Storage, further: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let kind = TargetKind::Missing;
            let mut bptt = Bptt::with_storage(network, isa(), kind, samples, &ParameterId::COMMON, storage);
            let (mut gradients, mut by_inputs) = (bptt.gradients(network), vec![0.0; inputs.len()]);
            bptt.set_inputs(network, &inputs);
            bptt.forward(network, None);
            let loss = LossDerivatives { by_outputs: Some(&by_outputs), by_rates: Some(&by_rates) };
            let by_inputs = further.then_some(&mut by_inputs[..]);
            bptt.backward(network, &loss, FurtherDerivatives { by_inputs, by_initial: None }, &mut gradients);
            bits(&gradients)
        })
    };
    let whole = || Storage::side_by_side(network.wiring(), samples, steps);
    let want = run(1, whole(), false);
    assert!(run(1, whole(), true) == want && run(5, whole(), true) == want);
    let mut least = Storage::least(network.wiring(), samples, steps);
    least.in_turn = 1;
    assert!(least.segments.count() > 1);
    assert!(run(2, least, true) == want);
}

#[test]
#[should_panic(expected = "needs a forward pass")]
fn going_back_needs_going_forward() {
    let [(network, samples, steps), ..] = cases();
    let mut bptt = Bptt::for_own_loss(&network, isa(), samples, steps, &ParameterId::COMMON);
    let mut gradients = bptt.gradients(&network);
    bptt.backward(&network, &LossDerivatives::default(), FurtherDerivatives::default(), &mut gradients);
}
