//! Methods side by side: the same start, data and seeds; what is asked on the command line is what is trained.

use daleian::run::{Method, RunConfig, presets};

use crate::command::{Place, config, tensor, without_seconds};
use crate::support::{bits, isa};

/// The flip-flop, smaller, by `method`.
fn small(method: Method) -> RunConfig {
    let mut config = presets::config("flip-flop").unwrap();
    config.task = daleian::task::TaskSpec::FlipFlop(daleian::task::FlipFlop {
        channels: 1,
        steps: 6,
        probability: 0.2,
        train_samples: 40,
        test_samples: 9,
        samples: daleian::task::Drawn::Fixed,
    });
    config.batch = 20;
    method.apply(&mut config);
    config
}

#[test]
fn methods_share_start_and_data() {
    let dale = small(Method::Dale).trainer(isa()).unwrap();
    for method in Method::ALL {
        let mut trainer = small(method).trainer(isa()).unwrap();
        assert_eq!(bits(trainer.network().parameters()), bits(dale.network().parameters()), "{method:?}");
        assert_eq!(trainer.data().train().fingerprint(), dale.data().train().fingerprint(), "{method:?}");
        assert_eq!(trainer.data().test(), dale.data().test(), "{method:?}");
        assert_eq!(trainer.fingerprint(), dale.fingerprint(), "{method:?}");
        trainer.step().unwrap();
        assert_ne!(trainer.fingerprint(), dale.fingerprint(), "{method:?} has made a step");
    }
}

#[test]
fn a_method_typed_is_the_method_trained_and_resumed() {
    let place = Place::own();
    let weights = |folder: &str| tensor(&place.read(format!("{folder}/model.safetensors")), "recurrent.values");
    let mut seen = Vec::new();
    for method in Method::ALL {
        let name = method.name();
        place.done(&format!("train own.toml --method {name} --out {name}"));
        let resolved = RunConfig::read(&place.path(format!("{name}/config.toml"))).unwrap();
        let mut want = RunConfig::read(&place.path("own.toml")).unwrap();
        method.apply(&mut want);
        assert_eq!(resolved, want, "{name}");
        assert!(!seen.contains(&weights(name)), "{name} is another method's result");
        seen.push(weights(name));
        // more epochs by what was typed, and by what the run wrote down
        place.done(&format!("train own.toml --method {name} --epochs 4 --out {name} --resume"));
        place.done(&format!("train {name}/config.toml --epochs 5 --out {name} --resume"));
        place.done(&format!("train own.toml --method {name} --epochs 5 --out {name}-whole"));
        assert_eq!(weights(name), weights(&format!("{name}-whole")), "{name}");
        let metrics = |folder: &str| without_seconds(&place.text(format!("{folder}/metrics.csv")));
        assert_eq!(metrics(name), metrics(&format!("{name}-whole")), "{name}");
    }
    // another method's run is not gone on with
    let answer = place.typed("train own.toml --method dale --out conventional --resume");
    assert!(answer.message(2).contains("cannot be resumed"), "{answer:?}");
}

/// A model whose weights stand against their signs can be gone on from by what keeps signs, and that run resumed.
#[test]
fn methods_that_keep_signs_start_from_a_model_without() {
    let place = Place::own();
    place.write("free.toml", config(&[("learning-rate = 0.01", "learning-rate = 0.1"), ("\"dale\"", "\"none\"")]));
    place.done("train free.toml --epochs 8 --out first");
    let violations = |folder: &str| {
        let summary: serde_json::Value = serde_json::from_slice(&place.read(format!("{folder}/summary.json"))).unwrap();
        summary["sign_violations"].as_u64().unwrap()
    };
    assert!(violations("first") > 0);
    for method in [Method::Dale, Method::Absolute, Method::Exponentiated] {
        let name = method.name();
        let words = format!("train own.toml --method {name} --from first/model.safetensors --out {name}");
        place.done(&words);
        place.done(&format!("{words} --epochs 4 --resume"));
        assert_eq!(violations(name), 0, "{name}");
    }
}

#[test]
fn a_folder_of_its_own_for_each_method() {
    let place = Place::own();
    place.write("own.toml", config(&[("epochs = 3", "epochs = 1")]));
    place.done("train own.toml");
    place.done("train own.toml --method rectified");
    place.done("train own.toml --method rectified --resume");
    assert_eq!(place.names("runs"), ["own-rectified-seed3", "own-seed3"]);
}

#[test]
fn an_unknown_method_is_an_error_that_lists_the_known() {
    let place = Place::own();
    let answer = place.typed("train own.toml --method dales");
    for method in Method::ALL {
        assert!(answer.message(2).contains(method.name()), "{answer:?}");
    }
    let help = place.done("train --help").out;
    for method in Method::ALL {
        assert!(help.contains(method.name()), "{help}");
    }
}
