//! What each command does, as a user sees it: files, exit codes, stdout and stderr.

use std::process::Stdio;

use crate::command::{
    CHANNELS, NEURONS, OUTPUTS, Place, STEPS, TEST_SAMPLES, classes, config, edited, floats, inputs, npz, numbers,
    rules, series, take_apart, tensor, with_element, without_seconds,
};

const FILES: [&str; 7] = [
    "checkpoint.safetensors",
    "config.toml",
    "figures",
    "metrics.csv",
    "model.safetensors",
    "neurons.csv",
    "summary.json",
];
const FIGURES: [&str; 4] = ["distribution.svg", "loss.svg", "trials.svg", "weights.svg"];

fn shape(file: &[u8], name: &str) -> Vec<u64> {
    let (header, _) = take_apart(file);
    header[name]["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect()
}

fn summary(place: &Place, folder: &str) -> serde_json::Value {
    serde_json::from_slice(&place.read(format!("{folder}/summary.json"))).unwrap()
}

/// Trains `text` into a folder of its own and gives it back.
fn train(text: &str, data: Vec<u8>) -> Place {
    let place = Place::own();
    place.write("own.toml", text);
    place.write("data.npz", data);
    place.done("train own.toml --out run");
    let mut files = FILES.to_vec();
    if text.contains("weights = \"edges\"") {
        // such a start cannot be drawn again
        files.push("start.safetensors");
        files.sort();
    }
    assert_eq!(place.names("run"), files);
    assert_eq!(place.names("run/figures"), FIGURES);
    place
}

#[test]
fn a_run_on_own_data_and_wiring() {
    let place = Place::own();
    let answer = place.done("train own.toml --out run");
    assert_eq!(place.names("run"), FILES);
    // row i of W is neuron i of this table
    let neurons = place.text("run/neurons.csv");
    assert_eq!(neurons.lines().next(), Some("index,id,type,sign"));
    assert_eq!(neurons.lines().nth(1), Some("0,n0,exc,1"));
    assert_eq!(neurons.lines().count(), NEURONS + 1);
    assert_eq!(place.names("run/figures"), FIGURES);
    // results on stdout, talk on stderr
    for words in ["test loss", "synapses", "sign violations", "instruction set", "threads", "run folder", "run"] {
        assert!(answer.out.contains(words), "{words}: {answer:?}");
    }
    assert!(!answer.out.contains("epoch") && !answer.err.contains("sign violations"), "{answer:?}");
    assert!(answer.err.contains("own: 8 neurons, 24 synapses, 3 epochs"), "{answer:?}");
    assert!(answer.err.contains("epoch 1 of 3, loss ") && answer.err.contains("epoch 3 of 3"), "{answer:?}");

    let metrics = place.text("run/metrics.csv");
    assert_eq!(metrics.lines().count(), 4);
    let model = place.read("run/model.safetensors");
    for (name, want) in [
        ("recurrent.indptr", vec![NEURONS + 1]),
        ("recurrent.indices", vec![24]),
        ("recurrent.values", vec![24]),
        ("recurrent.bias", vec![NEURONS]),
        ("dale.sign", vec![NEURONS]),
        ("neurons.type.bytes", vec![3 * NEURONS]),
        ("neurons.type.offsets", vec![NEURONS + 1]),
        ("neurons.id.offsets", vec![NEURONS + 1]),
        ("input.weight", vec![NEURONS, CHANNELS]),
        ("readout.weight", vec![OUTPUTS, NEURONS]),
        ("readout.bias", vec![OUTPUTS]),
    ] {
        assert_eq!(shape(&model, name), want.iter().map(|&size| size as u64).collect::<Vec<_>>(), "{name}");
    }
    let summary = summary(&place, "run");
    assert_eq!(
        (&summary["sign_violations"], &summary["synapses"], &summary["seed"]),
        (&0.into(), &24.into(), &3.into())
    );

    // the resolved configuration is the same run again
    place.done("train run/config.toml --out again");
    assert!(place.read("again/model.safetensors") == model);
    assert!(place.read("again/config.toml") == place.read("run/config.toml"));
    assert_eq!(without_seconds(&place.text("again/metrics.csv")), without_seconds(&metrics));
    for figure in FIGURES {
        assert_eq!(
            place.read(format!("again/figures/{figure}")),
            place.read(format!("run/figures/{figure}")),
            "{figure}"
        );
    }

    // from any folder
    std::fs::create_dir(place.path("elsewhere")).unwrap();
    let moved = place
        .command(["train", "../run/config.toml", "--out", "there"])
        .current_dir(place.path("elsewhere"))
        .output()
        .unwrap();
    assert!(moved.status.success(), "{moved:?}");
    // but for the way from there to the data
    assert!(take_apart(&place.read("elsewhere/there/model.safetensors")).1 == take_apart(&model).1);
}

#[test]
fn seed_epochs_and_threads_as_typed() {
    let place = Place::own();
    place.done("train own.toml --out a");
    place.done("train own.toml --out b --seed 4 --epochs 2");
    assert_eq!((&summary(&place, "b")["seed"], &summary(&place, "b")["epochs"]), (&4.into(), &2.into()));
    assert!(place.text("b/config.toml").contains("seed = 4\nepochs = 2\n"));
    let numbers_of = |run: &str| take_apart(&place.read(format!("{run}/model.safetensors"))).1;
    assert!(numbers_of("a") != numbers_of("b"));
    // the data come from a file, so only epochs that are there count
    place.done("train own.toml --out c --epochs 1 --threads 1");
    place.done("train own.toml --out c --epochs 3 --threads 2 --resume");
    assert!(place.read("a/model.safetensors") == place.read("c/model.safetensors"));
    assert_eq!(without_seconds(&place.text("a/metrics.csv")), without_seconds(&place.text("c/metrics.csv")));
    assert!(place.read("a/config.toml") == place.read("c/config.toml"));
}

#[test]
fn json_is_all_that_stdout_has() {
    let place = Place::own();
    let trained = place.done("train own.toml --out run --json").json();
    assert_eq!(trained, summary(&place, "run"));
    assert_eq!(trained["neurons"], 8);
    assert!(trained["test_loss"].as_f64().unwrap() > 0.0 && trained["test_accuracy"].is_null());
    let evaluated = place.done("evaluate run/model.safetensors data.npz --json").json();
    assert_eq!(evaluated["samples"], TEST_SAMPLES);
    let gradient = place.done("gradient run/model.safetensors data.npz --out g.safetensors --json").json();
    assert!(gradient["loss"].as_f64().unwrap() > 0.0 && gradient["gradient_norm"].as_f64().unwrap() > 0.0);
    assert_eq!(gradient["file"], "g.safetensors");
}

#[test]
fn evaluate_finds_the_loss_that_training_ended_with() {
    let place = train(&config(&[]), series());
    let want = summary(&place, "run")["test_loss"].as_f64().unwrap();
    for file in ["model", "checkpoint"] {
        let found = place.done(&format!("evaluate run/{file}.safetensors data.npz --json --outputs out.npz")).json();
        assert!((found["loss"].as_f64().unwrap() - want).abs() < 1e-6, "{found} {want}");
    }
    // the outputs are those that the loss was taken of
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(place.read("out.npz"))).unwrap();
    assert_eq!(archive.len(), 1);
    let file = npyz::NpyFile::new(archive.by_name("outputs.npy").unwrap()).unwrap();
    assert_eq!(file.shape(), [TEST_SAMPLES as u64, STEPS as u64, OUTPUTS as u64]);
    let outputs: Vec<f32> = file.into_vec().unwrap();
    let targets = numbers(TEST_SAMPLES * STEPS * OUTPUTS, 100 + TEST_SAMPLES as u64);
    let squares: f64 = outputs.iter().zip(&targets).map(|(y, t)| f64::from(y - t).powi(2)).sum();
    assert!((squares / targets.len() as f64 - want).abs() < 1e-6);

    let answer = place.done("evaluate run/model.safetensors data.npz");
    assert!(answer.out.contains(&format!("{want:.6}")) && answer.err.is_empty(), "{answer:?}");
    let on_train = place.done("evaluate run/model.safetensors data.npz --split train --json").json();
    assert_eq!(on_train["samples"], 20);
}

#[test]
fn gradients_are_those_of_the_loss() {
    let place = train(&config(&[("rectified = true", "rectified = false")]), series());
    place.done("gradient run/model.safetensors data.npz --out g.safetensors");
    let (model, gradient) = (place.read("run/model.safetensors"), place.read("g.safetensors"));
    let (header, _) = take_apart(&gradient);
    let mut names: Vec<&String> = header.as_object().unwrap().keys().filter(|name| *name != "__metadata__").collect();
    names.sort();
    let tensors = ["input.weight", "readout.bias", "readout.weight", "recurrent.bias", "recurrent.values"];
    assert_eq!(names, [&["input.weight", "loss"], &tensors[1..]].concat());
    assert_eq!(shape(&gradient, "loss"), [1]);

    let loss = |model: &[u8]| {
        place.write("moved.safetensors", model);
        let found = place.done("evaluate moved.safetensors data.npz --split train --json").json();
        found["loss"].as_f64().unwrap()
    };
    assert!((loss(&model) - f64::from(tensor(&gradient, "loss")[0])).abs() < 1e-6);
    for name in tensors {
        assert_eq!(shape(&gradient, name), shape(&model, name), "{name}");
        let (values, slopes) = (tensor(&model, name), tensor(&gradient, name));
        let steepest = (0..slopes.len()).max_by(|&a, &b| slopes[a].abs().total_cmp(&slopes[b].abs())).unwrap();
        // rounding of the loss (about 1e-7) and the third derivative (h²) leave about three digits
        let h = 1e-2;
        let moved = |by: f32| loss(&with_element(&model, name, steepest, values[steepest] + by));
        let slope = (moved(h) - moved(-h)) / (2.0 * f64::from(h));
        let want = f64::from(slopes[steepest]);
        assert!((slope - want).abs() < 1e-2 * want.abs() + 1e-5, "{name}: {slope}, but the gradient is {want}");
    }
}

#[test]
fn every_part_of_a_configuration_does_something() {
    let plain = train(&config(&[]), series()).read("run/model.safetensors");
    let (_, plain_numbers) = take_apart(&plain);
    let numbers_of = |place: &Place| take_apart(&place.read("run/model.safetensors")).1;
    let rates = |place: &Place| -> Vec<f64> {
        let metrics = place.text("run/metrics.csv");
        metrics.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
    };
    // readout in blocks: 2 outputs, 2 populations
    let population = |k, name| format!("[[readout]]\noutputs = [{k}]\nfrom = \"{name}\"\n");
    let both = format!("{}{}[optimizer]", population(0, "exc"), population(1, "inh"));
    let blocks = train(&config(&[("[optimizer]", &both)]), series());
    let weights = tensor(&blocks.read("run/model.safetensors"), "readout.values");
    assert!(weights.len() == NEURONS && weights.iter().all(|&w| w != 0.0));

    // frozen parameters, weights from the edge list
    let frozen = ["recurrent.values", "input.weight"]
        .map(|name| format!("[[parameter]]\nname = \"{name}\"\ntrained = false\n"))
        .concat();
    let edits = [("[optimizer]", format!("{frozen}[init]\nweights = \"edges\"\n[optimizer]"))];
    let edits: Vec<(&str, &str)> = edits.iter().map(|(from, to)| (*from, to.as_str())).collect();
    let place = train(&config(&edits), series());
    let model = place.read("run/model.safetensors");
    let mut kept = tensor(&model, "recurrent.values");
    kept.sort_by(f32::total_cmp);
    let by_hand = [(-0.8f32, 2), (-0.4, 2), (-0.2, 2), (0.1, 6), (0.2, 6), (0.4, 6)];
    assert_eq!(kept, by_hand.iter().flat_map(|&(w, times)| std::iter::repeat_n(w, times)).collect::<Vec<_>>());
    assert_ne!(tensor(&model, "readout.weight"), tensor(&plain, "readout.weight"));

    // SGD with momentum, schedules, clipping, penalties
    let sgd = ("kind = \"adam\"\nlearning-rate = 0.01", "kind = \"sgd\"\nlearning-rate = 0.1\nmomentum = 0.9");
    let cosine = ("[connectome]", "[schedule]\nkind = \"cosine\"\nperiod = 2\nminimum = 0.02\n[connectome]");
    let place = train(&config(&[sgd, cosine]), series());
    let near = |got: Vec<f64>, want: [f64; 3]| {
        assert!(got.len() == 3 && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    };
    near(rates(&place), [0.1, 0.06, 0.02]);
    let step = ("[connectome]", "[schedule]\nkind = \"step\"\nevery = 2\nfactor = 0.5\n[connectome]");
    let clip = ("batch = 8", "batch = 8\nclip-norm = 0.01");
    let stepped = train(&config(&[sgd, step]), series());
    near(rates(&stepped), [0.1, 0.1, 0.05]);
    let clipped = train(&config(&[sgd, step, clip]), series());
    // three steps an epoch of length rate * 0.01 / (1 - 0.9) at most
    let start =
        train(&config(&[sgd, step, clip, ("epochs = 3", "epochs = 1"), ("rate = 0.1", "rate = 1e-30")]), series());
    let biases = |place: &Place| tensor(&place.read("run/model.safetensors"), "recurrent.bias");
    let moved = |place: &Place| -> f32 { biases(place).iter().zip(biases(&start)).map(|(a, b)| (a - b).abs()).sum() };
    assert!(moved(&clipped) > 0.0 && moved(&clipped) < moved(&stepped) / 2.0);
    let penalty = ("[connectome]", "[penalty]\nl2-weights = 0.1\nl2-rates = 0.1\n[connectome]");
    let place = train(&config(&[penalty]), series());
    for line in place.text("run/metrics.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(cells[3].parse::<f64>().unwrap() > cells[4].parse::<f64>().unwrap(), "{line}");
    }
    assert!(numbers_of(&place) != plain_numbers);

    // constraints
    for constraint in ["rectified", "absolute", "exponentiated", "none"] {
        let place = train(&config(&[("\"dale\"", &format!("\"{constraint}\""))]), series());
        assert!(numbers_of(&place) != plain_numbers, "{constraint}");
    }
}

#[test]
fn masks_leave_out_what_they_say() {
    let masked = |junk: f32| {
        let mut arrays = Vec::from(inputs());
        for (targets, mask, samples) in
            [("train_targets", "train_mask", 20), ("test_targets", "test_mask", TEST_SAMPLES)]
        {
            let mut values = numbers(samples * STEPS * OUTPUTS, samples as u64 + 7);
            let keep: Vec<f32> = (0..samples * STEPS).map(|k| f32::from(k % 3 != 0)).collect();
            for (k, value) in values.iter_mut().enumerate().filter(|(k, _)| keep[k / OUTPUTS] == 0.0) {
                *value = junk * (k as f32);
            }
            arrays.push(floats(targets, &[samples, STEPS, OUTPUTS], &values));
            arrays.push(floats(mask, &[samples, STEPS], &keep));
        }
        npz(&arrays)
    };
    let (zeros, junk) = (train(&config(&[]), masked(0.0)), train(&config(&[]), masked(1000.0)));
    let numbers_of = |place: &Place| take_apart(&place.read("run/model.safetensors")).1;
    assert!(numbers_of(&zeros) == numbers_of(&junk));
    assert_eq!(summary(&zeros, "run")["test_loss"], summary(&junk, "run")["test_loss"]);
}

#[test]
fn classes_are_learnt_with_cross_entropy() {
    let place = train(&config(&[("\"mse\"", "\"cross-entropy\"")]), classes(3));
    let summary = summary(&place, "run");
    assert!((0.0..=1.0).contains(&summary["test_accuracy"].as_f64().unwrap()));
    let found = place.done("evaluate run/model.safetensors data.npz --json").json();
    assert_eq!(found["accuracy"], summary["test_accuracy"]);
    assert!((found["loss"].as_f64().unwrap() - summary["test_loss"].as_f64().unwrap()).abs() < 1e-6);
    assert!(place.done("evaluate run/model.safetensors data.npz").out.contains("accuracy"));
    // fewer classes in a file than the model has are fine
    place.write("data.npz", classes(2));
    place.done("evaluate run/model.safetensors data.npz");
}

#[test]
fn wiring_by_rules() {
    let place = train(&rules(&[]), series());
    let (header, data) = take_apart(&place.read("run/model.safetensors"));
    let numbers = |name: &str, size: usize| -> Vec<i64> {
        let bytes = data[crate::command::place_of(&header, name)].chunks_exact(size);
        bytes
            .map(|x| {
                if size == 8 {
                    i64::from_le_bytes(x.try_into().unwrap())
                } else {
                    i32::from_le_bytes(x.try_into().unwrap()).into()
                }
            })
            .collect()
    };
    let (indptr, indices) = (numbers("recurrent.indptr", 8), numbers("recurrent.indices", 4));
    for (row, ends) in indptr.windows(2).enumerate() {
        let columns = &indices[ends[0] as usize..ends[1] as usize];
        assert_eq!(columns.iter().filter(|&&pre| pre >= 12).count(), 3, "row {row}: {columns:?}");
        assert!(row < 12 || !columns.contains(&(row as i64)), "row {row}: {columns:?}");
    }
    let drawn = indices.iter().filter(|&&pre| pre < 12).count();
    assert!((60..=132).contains(&drawn), "{drawn} of 192 pairs with probability 0.5");
    assert_eq!(summary(&place, "run")["sign_violations"], 0);
}

#[test]
fn presets_are_listed_printed_and_trained() {
    let place = Place::empty();
    let list = place.done("presets");
    assert!(list.out.contains("flip-flop") && list.err.is_empty(), "{list:?}");
    let text = place.done("presets flip-flop").out;
    let small = edited(&text, "train-samples = 6000", "train-samples = 64");
    let small = edited(&small, "test-samples = 1000", "test-samples = 16");
    let small = edited(&edited(&small, "batch = 200 ", "batch = 32 "), "size = 102", "size = 10");
    place.write("mine.toml", edited(&small, "size = 26", "size = 4"));
    place.done("train mine.toml --epochs 2");
    assert_eq!(place.names("runs"), ["flip-flop-seed1"]);
    assert_eq!(place.names("runs/flip-flop-seed1"), FILES);
}

#[test]
fn folders_are_numbered_and_the_last_is_resumed() {
    let place = Place::own();
    place.done("train own.toml --epochs 1");
    let answer = place.done("train own.toml --epochs 1");
    assert!(answer.out.contains("runs/own-seed3-2"), "{answer:?}");
    place.done("train own.toml --epochs 1 --seed 9");
    assert_eq!(place.names("runs"), ["own-seed3", "own-seed3-2", "own-seed9"]);
    let first = place.read("runs/own-seed3/metrics.csv");
    let answer = place.done("train own.toml --resume");
    assert!(answer.out.contains("runs/own-seed3-2"), "{answer:?}");
    assert_eq!(place.text("runs/own-seed3-2/metrics.csv").lines().count(), 4);
    assert!(place.read("runs/own-seed3/metrics.csv") == first);
    // a finished run that is resumed stays as it is
    let before = place.read("runs/own-seed3-2/model.safetensors");
    place.done("train own.toml --resume");
    assert!(place.read("runs/own-seed3-2/model.safetensors") == before);
}

#[test]
fn help_and_version_are_results() {
    let place = Place::empty();
    for words in
        ["--help", "--version", "train --help", "evaluate --help", "gradient --help", "presets --help", "tasks --help"]
    {
        let answer = place.done(words);
        assert!(!answer.out.is_empty() && answer.err.is_empty(), "{words}: {answer:?}");
    }
    for command in ["train", "evaluate", "gradient", "presets", "tasks"] {
        assert!(place.done("--help").out.contains(command), "{command}");
    }
}

/// `| head`: whoever reads has gone before the first word is written.
#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_panic() {
    let place = Place::own();
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for words in ["presets flip-flop", "presets", "train own.toml --out a"] {
        let output = place.command(words.split(' ')).stdout(closed()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !err.contains("panicked"), "{words}: {err}");
    }
    let output = place.command(["train", "own.toml", "--out", "b"]).stderr(closed()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(place.read("a/model.safetensors") == place.read("b/model.safetensors"));
    let output = place.command(["train", "none.toml"]).stderr(closed()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// The form of `daleian bench --json`, and that a cell with numbers in it was measured; never how fast.
#[test]
fn bench_measures_a_cell() {
    let place = Place::own();
    let answer = place.done("bench --cell 64,0.2,16,3 --cell 64,1,16,3 --json --out ratio.svg --threads 2");
    let found: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let positive = |value: &serde_json::Value| value.as_f64().is_some_and(|number| number > 0.0 && number.is_finite());
    let names: Vec<_> = found["roofs"].as_array().unwrap().iter().map(|roof| roof["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["L1", "L2", "L3", "memory"]);
    assert!(found["roofs"].as_array().unwrap().iter().all(|roof| positive(&roof["gflops"])), "{found}");
    let kernels = found["kernels"].as_array().unwrap();
    for (kernel, name) in kernels.iter().zip(["forward", "adjoint", "gradient", "one lane"].iter().cycle()) {
        let lanes = if *name == "one lane" { 1 } else { 16 };
        assert_eq!((&kernel["name"], &kernel["n"], &kernel["lanes"]), (&(*name).into(), &64.into(), &lanes.into()));
        assert!(["density", "gflops", "fraction"].iter().all(|key| positive(&kernel[key])), "{kernel}");
    }
    assert_eq!(kernels.len(), 8);
    let steps = found["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    for (step, density) in steps.iter().zip([0.2, 1.0]) {
        assert_eq!((&step["n"], &step["lanes"], &step["steps"]), (&64.into(), &16.into(), &3.into()));
        assert_eq!(step["density"], density);
        assert!(["sparse_s", "dense_s", "ratio"].iter().all(|key| positive(&step[key])), "{step}");
    }
    assert_eq!((&steps[1]["synapses"], &found["threads"]), (&4096.into(), &2.into()));
    assert_eq!(found["crossovers"].as_array().unwrap().len(), 1);
    assert!(answer.err.contains("n=64 20% B=16 T=3: sparse "), "{answer:?}");
    assert!(place.text("ratio.svg").starts_with("<svg"));
}
