//! Weights at the start: balanced if asked for, and a word where they will blow activity up.

use daleian::network::{Network, RECURRENT};

use crate::command::{Place, rules};

/// Excitation that outweighs inhibition, with rates that nothing bounds.
fn place(init: &str, edits: &[(&str, &str)]) -> Place {
    let place = Place::own();
    let relu = ("activation = \"tanh\"", "activation = \"relu\"");
    let text = rules(&[&[relu], edits].concat());
    place.write("own.toml", format!("{text}[init]\n{init}\n"));
    place
}

#[test]
fn a_start_that_blows_up_is_told_and_balance_mends_it() {
    let warned = place("gain = 40.0", &[]);
    let answer = warned.done("train own.toml --out run --epochs 2");
    assert!(answer.err.contains("warning: the leading eigenvalue of the recurrent weights"), "{answer:?}");
    assert!(answer.err.contains("over 6 steps") && answer.err.contains("`balance = true`"), "{answer:?}");
    assert!(warned.text("run/summary.json").contains("leading eigenvalue"));
    // it is kept where the run was stopped and taken up again
    warned.done("train own.toml --out parts --epochs 1");
    warned.done("train own.toml --out parts --epochs 2 --resume");
    assert!(warned.text("parts/summary.json").contains("leading eigenvalue"));

    let balanced = place("gain = 1.0\nbalance = true", &[]);
    let answer = balanced.done("train own.toml --out run --epochs 2");
    assert!(!answer.err.contains("warning") && !balanced.text("run/summary.json").contains("eigenvalue"), "{answer:?}");
    let network = Network::load(balanced.path("run/model.safetensors")).unwrap();
    assert_eq!((network.sign_violations(), network.parameters()[RECURRENT].is_empty()), (0, false));
}

#[test]
fn a_start_that_answers_nothing_finite_is_refused() {
    let place = place("gain = 1e9", &[("epochs = 3", "epochs = 1")]);
    let answer = place.typed("train own.toml --out run");
    let message = answer.message(2);
    for words in ["`init`: the network answers", "before any training", "leading eigenvalue", "`balance = true`"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(!place.path("run").exists());
}
