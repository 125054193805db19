//! What can be learned is listed, described and drawn.

use serde_json::Value;

use crate::command::Place;

const KINDS: [&str; 5] = ["flip-flop", "waves", "memory", "images", "data"];

/// The texts of a drawing, which must be XML.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().into()).collect()
}

fn drawn(place: &Place, words: &str) -> Vec<String> {
    place.done(&format!("tasks {words} --plot trials.svg"));
    texts(&place.text("trials.svg"))
}

fn has(texts: &[String], wanted: &[&str]) {
    for text in wanted {
        assert!(texts.iter().any(|got| got == text), "{text} is missing in {texts:?}");
    }
}

#[test]
fn every_task_is_listed() {
    let place = Place::empty();
    let list = place.done("tasks").out;
    for kind in KINDS {
        assert!(list.lines().any(|line| line.split_whitespace().eq(["task", kind])), "{kind}: {list}");
    }
    assert!(list.contains("[samples, steps, 2]") && list.contains("wave, wave-meant"), "{list}");
    let tasks = place.done("tasks --json").json();
    let tasks = tasks.as_array().unwrap();
    for kind in KINDS {
        let task = tasks.iter().find(|task| task["name"] == kind).unwrap();
        for words in ["learned", "inputs", "targets", "source"] {
            assert!(list.contains(task[words].as_str().unwrap()), "{words} of {kind}");
        }
    }
    let waves = tasks.iter().find(|task| task["name"] == "waves").unwrap();
    assert_eq!(waves["presets"], serde_json::json!(["wave", "wave-meant"]));
    assert_eq!(waves["settings"]["version"], "as-run");
    // every preset stands with its task
    let presets = place.done("presets").out;
    for preset in presets.lines().map(|line| line.split_whitespace().next().unwrap()) {
        let uses = |task: &Value| task["presets"].as_array().unwrap().contains(&preset.into());
        assert_eq!(tasks.iter().filter(|task| uses(task)).count(), 1, "{preset}");
    }
    assert_eq!(place.tree().len(), 0);
}

#[test]
fn a_task_is_described_by_its_name_and_by_its_preset() {
    let place = Place::empty();
    let task = place.done("tasks waves").out;
    assert!(task.contains("kind = \"waves\"") && task.contains("version = \"as-run\""), "{task}");
    assert!(!task.contains("flip-flop"), "{task}");
    let meant = place.done("tasks wave-meant --json").json();
    assert_eq!((&meant["name"], &meant["settings"]["version"]), (&"waves".into(), &"meant".into()));
    let recorded = place.done("tasks data").out;
    assert!(recorded.contains("train_inputs") && !recorded.contains("settings"), "{recorded}");
}

#[test]
fn trials_are_drawn() {
    let place = Place::empty();
    let texts = drawn(&place, "flip-flop");
    has(&texts, &["flip-flop: test trials of seed 1", "Trial 1", "Trial 3", "Input", "Target", "target", "Time step"]);
    let first = place.read("trials.svg");
    let texts = drawn(&place, "wave-meant --seed 2");
    has(&texts, &["wave-meant: test trials of seed 2", "Input 1", "Input 2", "Target 1", "Target 2"]);
    assert!(!texts.iter().any(|text| text.contains("utput") || text == "Trial 4"), "{texts:?}");
    has(&drawn(&place, "fly"), &["fly: test trials of seed 1", "Input 2", "Target 2"]);
    // drawn digits are called that
    for (name, input) in [("images", "Input channel"), ("images-pixels", "Input")] {
        let title = format!("{name}: test trials of seed 1 (drawn digits, not MNIST)");
        has(&drawn(&place, name), &[&title, input, "Time step"]);
    }
    drawn(&place, "flip-flop");
    // the seed alone decides
    drawn(&place, "flip-flop --seed 1");
    assert_eq!(place.read("trials.svg"), first);
    drawn(&place, "flip-flop --seed 2");
    assert_ne!(place.read("trials.svg"), first);
    assert_eq!(place.names("."), ["trials.svg"]);
}

#[test]
fn wrong_words_are_answered() {
    let place = Place::empty();
    let answer = place.typed("tasks wavelet --plot trials.svg");
    let message = answer.message(2);
    for word in ["`wavelet`", "flip-flop", "waves", "memory", "data", "wave-meant", "fly"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    assert!(place.typed("tasks data --plot trials.svg").message(2).contains("`data`: recorded data"));
    assert!(place.typed("tasks waves --plot nowhere/trials.svg").message(2).contains("nowhere"));
    assert_eq!(place.typed("tasks --plot trials.svg").code, Some(2));
    assert_eq!(place.typed("tasks waves --seed 2").code, Some(2));
    assert_eq!(place.typed("tasks waves --plot trials.svg --seed two").code, Some(2));
    assert_eq!(place.tree().len(), 0);
}

/// A small network learns them: input channels and outputs meet their populations.
#[test]
fn waves_are_trained_in_both_versions() {
    let place = Place::empty();
    for name in ["wave", "wave-meant"] {
        let text = place.done(&format!("presets {name}")).out;
        let small = text.replace("= 1000 ", "= 10 ").replace("= 1000\n", "= 10\n").replace("batch = 100", "batch = 5");
        place.write("small.toml", small);
        let summary = place.done(&format!("train small.toml --epochs 2 --out {name} --json")).json();
        assert!(summary["test_loss"].as_f64().unwrap() < 3.0, "{summary}");
        assert_eq!(summary["sign_violations"], 0);
        has(&texts(&place.text(format!("{name}/figures/trials.svg"))), &["Input 2", "Output 2", "target"]);
    }
}
