//! `daleian inspect`: what it finds in models, checkpoints, runs and configurations, and what it says is wrong.

use std::fs;

use crate::command::{Place, rules, series, tensor, with_element};

/// The run of [`Place::own`] in `run`.
fn trained() -> Place {
    let place = Place::own();
    place.done("train own.toml --out run");
    place
}

#[test]
fn a_model() {
    let place = trained();
    let answer = place.done("inspect run/model.safetensors");
    for words in [
        "model of own, seed 3",
        "exc",
        "6 excitatory",
        "2 inhibitory",
        "24, density 37.5000 %",
        "3 to 3 a neuron, median 3",
        "weights, excitatory",
        "batches of 8 samples, 6 time steps",
        "16 lanes; one lane group holds the batch",
        "rows stay whole: 24 synapses × 16 lanes",
    ] {
        assert!(answer.out.contains(words), "{words}: {}", answer.out);
    }
    assert!(answer.out.lines().any(|line| line.split_whitespace().eq(["problems", "none"])), "{}", answer.out);

    let found = place.done("inspect run/model.safetensors --json").json();
    let network = &found["network"];
    assert_eq!((&found["kind"], &found["name"], &found["seed"]), (&"model".into(), &"own".into(), &3.into()));
    assert!(found["progress"].is_null());
    assert_eq!(found["problems"], serde_json::json!([]));
    assert_eq!(
        (&network["neurons"], &network["synapses"], &network["density"]),
        (&8.into(), &24.into(), &0.375.into())
    );
    assert_eq!(
        (&network["channels"], &network["outputs"], &network["rectified"]),
        (&2.into(), &2.into(), &true.into())
    );
    assert_eq!(network["populations"][1], serde_json::json!({"name": "inh", "neurons": 2, "sign": -1}));
    assert_eq!(network["out_degree"], serde_json::json!({"min": 3, "median": 3.0, "max": 3}));
    let values = tensor(&place.read("run/model.safetensors"), "recurrent.values");
    let silent = values.iter().filter(|&&value| value == 0.0).count();
    let weights = network["weights"].as_array().unwrap();
    let sum = |key: &str| weights.iter().map(|part| part[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((weights.len(), sum("synapses"), sum("silent")), (2, 24, silent as u64));
    assert_eq!((&weights[0]["sign"], &weights[0]["synapses"]), (&1.into(), &18.into()));
    let training = &found["training"];
    assert_eq!((&training["batch"], &training["steps"]), (&8.into(), &6.into()));
    assert_eq!(training["plan"]["groups"], serde_json::json!([16]));
    assert_eq!((&training["plan"]["apart"], &training["plan"]["rows_cut"]), (&false.into(), &false.into()));
    // 8 neurons, 16 lanes
    assert_eq!((&training["plan"]["state_bytes"], &training["states_fit"]), (&512.into(), &"L1".into()));
    let memory = place.done("train own.toml --dry-run --json").json();
    assert_eq!(training["memory"], memory);
}

#[test]
fn a_checkpoint_and_a_run() {
    let place = trained();
    for (file, kind) in [("run/checkpoint.safetensors", "checkpoint"), ("run", "run")] {
        let found = place.done(&format!("inspect {file} --json")).json();
        assert_eq!(found["kind"], kind);
        assert_eq!(found["progress"], serde_json::json!({"epochs": 3, "steps": 0, "of": 3}), "{file}");
        assert_eq!(found["problems"], serde_json::json!([]), "{file}");
    }
    assert!(place.done("inspect run").out.contains("3 of 3"));

    // parts of a run that are missing or another's
    fs::remove_file(place.path("run/summary.json")).unwrap();
    let model = place.read("run/model.safetensors");
    place.write("run/model.safetensors", with_element(&model, "recurrent.bias", 0, 0.125));
    let answer = place.done("inspect run");
    assert!(answer.out.contains("model.safetensors: its network is not that of the checkpoint"), "{}", answer.out);
    assert!(answer.out.contains("all epochs are done, but run/summary.json is missing"), "{}", answer.out);
    place.write("run/checkpoint.safetensors", "");
    let found = place.done("inspect run --json").json();
    let problem = found["problems"][0].as_str().unwrap();
    assert!(problem.contains("cannot be resumed") && problem.contains("it was cut"), "{problem}");
    assert!(found["progress"].is_null());
    fs::remove_file(place.path("run/model.safetensors")).unwrap();
    let answer = place.typed("inspect run");
    assert!(answer.message(2).contains("run/checkpoint.safetensors: 0 bytes long"), "{answer:?}");
    let before = place.tree();
    fs::create_dir(place.path("empty")).unwrap();
    assert!(place.typed("inspect empty").message(2).contains("a folder without config.toml"));
    fs::remove_dir(place.path("empty")).unwrap();
    assert!(place.tree() == before);
}

#[test]
fn a_preset_and_a_configuration() {
    let place = Place::empty();
    let found = place.done("inspect flip-flop --json").json();
    assert_eq!((&found["kind"], &found["name"]), (&"configuration".into(), &"flip-flop".into()));
    assert_eq!((&found["network"]["synapses"], &found["network"]["density"]), (&16_384.into(), &1.0.into()));
    assert_eq!(found["network"]["weights"], serde_json::json!([]));
    assert_eq!(found["training"]["plan"]["groups"], serde_json::json!([48, 48, 48, 64]));
    assert_eq!(found["training"]["plan"]["apart"], true);
    let text = place.done("inspect flip-flop").out;
    for words in ["102 excitatory", "3 × 48 + 64 lanes; lane groups run apart", "rows are cut into 8 parts"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("weights,") && !text.contains("sign violations"), "{text}");

    place.write("data.npz", series());
    place.write("rules.toml", rules(&[]));
    let found = place.done("inspect rules.toml --json").json();
    assert_eq!(found["network"]["neurons"], 16);
    assert_eq!(place.names("."), ["data.npz", "rules.toml"]);
}

#[test]
fn wrong_numbers_are_said() {
    let place = trained();
    let mut model = place.read("run/model.safetensors");
    let values = tensor(&model, "recurrent.values");
    let first = values.iter().position(|&value| value > 0.0).unwrap();
    model = with_element(&model, "recurrent.values", first, -0.5);
    model = with_element(&model, "recurrent.bias", 3, f32::NAN);
    model = with_element(&model, "recurrent.bias", 5, f32::INFINITY);
    model = with_element(&model, "readout.bias", 1, -0.0);
    place.write("model.safetensors", &model);
    // gone, so that training cannot be told
    fs::remove_file(place.path("data.npz")).unwrap();
    let found = place.done("inspect model.safetensors --json").json();
    let problems: Vec<&str> = found["problems"].as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect();
    for (problem, words) in problems.iter().zip([
        "`recurrent.bias`: 2 of 8 are NaN or infinite, the first is number 3 (from 0)",
        "`readout.bias`: 1 of 2 are -0.0",
        "1 of 24 weights are against the sign of their presynaptic neuron",
        "what training takes cannot be said: ",
    ]) {
        assert!(problem.contains(words), "{words}: {problems:?}");
    }
    assert_eq!(problems.len(), 4);
    assert_eq!(found["network"]["sign_violations"], 1);
    assert!(found["training"].is_null());
    let text = place.done("inspect model.safetensors").out;
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("problem ")).count(), 4, "{text}");
}

#[test]
fn what_cannot_be_read() {
    let place = trained();
    let model = place.read("run/model.safetensors");
    place.write("cut.safetensors", &model[..model.len() - 5]);
    place.write("notes.txt", "nothing that daleian wrote");
    place.write("wrong.toml", "name = 3");
    for (file, words) in [
        ("cut.safetensors", "the file was cut"),
        ("notes.txt", "expected a model or checkpoint (.safetensors), a run folder or a configuration (.toml)"),
        ("wrong.toml", "wrong.toml: "),
        ("missing.safetensors", "missing.safetensors: cannot open"),
        ("missing.toml", "missing.toml: cannot read"),
        ("flipflop", "no such preset, and no file of that name; the presets are flip-flop"),
    ] {
        let answer = place.typed(&format!("inspect {file}"));
        assert!(answer.message(2).contains(words), "{file}: {answer:?}");
    }
}
