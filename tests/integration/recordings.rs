//! Recordings of every form, from the file to the trained model: classes of each step, trials of unlike length, targets
//! that are not known everywhere or not at all.

use crate::command::{
    Array, CHANNELS, NEURONS, OUTPUTS, Place, STEPS, TEST_SAMPLES, config, floats, inputs, integers, npz, numbers,
    series,
};

const SPLITS: [(&str, &str, &str, usize); 2] =
    [("train_targets", "train_mask", "train_lengths", 20), ("test_targets", "test_mask", "test_lengths", TEST_SAMPLES)];

/// A class for each step of trials of unlike length, unknown (-1) under a mask and behind the end.
fn step_labels() -> Vec<Array> {
    let mut arrays = Vec::from(inputs());
    for (targets, mask, lengths, samples) in SPLITS {
        let length = |k: usize| 1 + k % STEPS;
        let counts = |k: usize| k % 3 != 1 && k % STEPS < length(k / STEPS);
        let labels: Vec<i64> =
            (0..samples * STEPS).map(|k| if counts(k) { (k % OUTPUTS) as i64 } else { -1 }).collect();
        let weights: Vec<f32> = (0..samples * STEPS).map(|k| f32::from(k % 3 != 1) * 0.5).collect();
        arrays.push(integers(targets, &[samples, STEPS], &labels));
        arrays.push(floats(mask, &[samples, STEPS], &weights));
        arrays.push(integers(lengths, &[samples], &(0..samples).map(|k| length(k) as i64).collect::<Vec<_>>()));
    }
    arrays
}

/// An array of a written file.
fn array(file: &[u8], name: &str) -> (Vec<u64>, Vec<f32>) {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    let array = npyz::NpyFile::new(zip.by_name(&format!("{name}.npy")).unwrap()).unwrap();
    (array.shape().to_vec(), array.into_vec().unwrap())
}

#[test]
fn classes_of_each_step_are_learnt() {
    let place = Place::own();
    place.write("own.toml", config(&[("\"mse\"", "\"cross-entropy\"")]));
    place.write("data.npz", npz(&step_labels()));
    place.done("train own.toml --out run");
    let summary: serde_json::Value = serde_json::from_str(&place.text("run/summary.json")).unwrap();
    let found = place.done("evaluate run/model.safetensors data.npz --json").json();
    assert_eq!(found["accuracy"], summary["test_accuracy"]);
    assert!((0.0..=1.0).contains(&found["accuracy"].as_f64().unwrap()));
    assert!((found["loss"].as_f64().unwrap() - summary["test_loss"].as_f64().unwrap()).abs() < 1e-6);
    place.done("gradient run/model.safetensors data.npz --out gradient.safetensors");
    let drawing = place.text("run/figures/trials.svg");
    assert!(drawing.contains(">answered<") && drawing.contains(">Class<"), "the classes of each step are drawn");
    // mean squared error has no use for them
    place.write("own.toml", config(&[]));
    let answer = place.typed("train own.toml --out other");
    assert!(answer.message(2).contains("expected `cross-entropy`"), "{answer:?}");
}

/// What stands where nothing counts changes no bit, whatever it is.
#[test]
fn what_is_not_known_does_not_show() {
    let model = |junk: f32| {
        let mut arrays = Vec::from(inputs());
        for (targets, mask, _, samples) in SPLITS {
            let weights: Vec<f32> = (0..samples * STEPS).map(|k| [0.0, 1.0, 0.25][k % 3]).collect();
            let mut values = numbers(samples * STEPS * OUTPUTS, samples as u64);
            for (k, value) in values.iter_mut().enumerate().filter(|(k, _)| weights[k / OUTPUTS] == 0.0) {
                *value = junk * (k + 1) as f32;
            }
            arrays.push(floats(targets, &[samples, STEPS, OUTPUTS], &values));
            arrays.push(floats(mask, &[samples, STEPS], &weights));
        }
        let place = Place::own();
        place.write("data.npz", npz(&arrays));
        place.done("train own.toml --out run");
        (place.read("run/model.safetensors"), place.read("run/figures/trials.svg"))
    };
    let zeros = model(0.0);
    assert!(model(f32::NAN) == zeros && model(f32::INFINITY) == zeros && model(7.0) == zeros);
}

#[test]
fn trials_of_unlike_length_are_learnt() {
    let place = Place::own();
    let model = |long: bool| {
        let mut arrays = Vec::from(inputs());
        for (targets, _, lengths, samples) in SPLITS {
            let values = numbers(samples * STEPS * OUTPUTS, samples as u64);
            arrays.push(floats(targets, &[samples, STEPS, OUTPUTS], &values));
            let steps = |k: usize| if long { STEPS } else { 1 + k % STEPS };
            arrays.push(integers(lengths, &[samples], &(0..samples).map(|k| steps(k) as i64).collect::<Vec<_>>()));
        }
        place.write("data.npz", npz(&arrays));
        let folder = if long { "long" } else { "short" };
        place.done(&format!("train own.toml --out {folder}"));
        place.read(format!("{folder}/model.safetensors"))
    };
    let (long, short) = (model(true), model(false));
    assert!(long != short);
    // all steps of all samples are what there is without lengths
    let mut arrays = Vec::from(inputs());
    for (targets, _, _, samples) in SPLITS {
        let values = numbers(samples * STEPS * OUTPUTS, samples as u64);
        arrays.push(floats(targets, &[samples, STEPS, OUTPUTS], &values));
    }
    place.write("data.npz", npz(&arrays));
    place.done("train own.toml --out whole");
    assert!(place.read("whole/model.safetensors") == long);
}

#[test]
fn inputs_alone_are_evaluated() {
    let place = Place::own();
    place.write("data.npz", series());
    place.done("train own.toml --out run");
    place.write("inputs.npz", npz(&inputs()));
    let model = "evaluate run/model.safetensors";
    let table = place.done(&format!("{model} inputs.npz --outputs outputs.npz --rates rates.npz")).out;
    assert!(table.contains("none, as the file has no targets") && table.contains("rates.npz"), "{table}");
    let found = place.done(&format!("{model} inputs.npz --json")).json();
    assert!(found["loss"].is_null() && found["accuracy"].is_null() && found["samples"] == TEST_SAMPLES, "{found}");
    // targets do not show in outputs and rates
    place.done(&format!("{model} data.npz --outputs known.npz --rates known-rates.npz"));
    assert!(place.read("outputs.npz") == place.read("known.npz"));
    assert!(place.read("rates.npz") == place.read("known-rates.npz"));
    let (shape, rates) = array(&place.read("rates.npz"), "rates");
    assert_eq!(shape, [TEST_SAMPLES, STEPS, NEURONS].map(|size| size as u64));
    assert!(rates.iter().all(|&rate| rate >= 0.0) && rates.iter().any(|&rate| rate > 0.0));
    // neither a gradient nor training can do without
    let message = |words: &str| place.typed(words).message(2).to_string();
    let text = message("gradient run/model.safetensors inputs.npz --out g.safetensors");
    assert!(text.contains("inputs.npz") && text.contains("expected targets"), "{text}");
    place.write("data.npz", npz(&inputs()));
    let text = message("train own.toml --out other");
    assert!(text.contains("`train_targets` is missing"), "{text}");
}

/// Rates are those that stepping by hand gives.
#[test]
fn rates_are_those_of_the_steps() {
    let place = Place::own();
    place.write("data.npz", series());
    place.done("train own.toml --out run");
    place.done("evaluate run/model.safetensors data.npz --rates rates.npz");
    let (_, rates) = array(&place.read("rates.npz"), "rates");
    let network = daleian::network::Network::load(place.path("run/model.safetensors")).unwrap();
    let inputs = numbers(TEST_SAMPLES * STEPS * CHANNELS, TEST_SAMPLES as u64);
    let stepper = network.stepper(crate::support::isa());
    for sample in 0..TEST_SAMPLES {
        let mut state = network.state(1);
        for step in 0..STEPS {
            let at = sample * STEPS + step;
            stepper.step(&mut state, &inputs[at * CHANNELS..][..CHANNELS]);
            for (neuron, &rate) in rates[at * NEURONS..][..NEURONS].iter().enumerate() {
                let error = (rate - state.rate(neuron, 0)).abs();
                assert!(error <= 1e-5, "sample {sample}, step {step}, neuron {neuron}: {error}");
            }
        }
    }
}
