//! Pruning and what follows it: the pruned file is a model as any other, and retraining holds mask and signs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use daleian::network::{BIAS, INPUT, Network, ParameterId, RECURRENT};
use daleian::prune::{BlockDensity, PruneMethod, PruneTarget, Pruning, prune};
use daleian::run::{Run, RunConfig, Start, names};
use daleian::sparse::Pattern;

use crate::bad_input::refused;
use crate::command::{Place, config, rules, take_apart, without_seconds};
use crate::support::isa;

/// A run of 2 epochs in `first`: 8 neurons, 24 synapses.
fn trained() -> Place {
    let place = Place::own();
    place.done("train own.toml --epochs 2 --out first");
    place
}

fn load(place: &Place, name: &str) -> Network {
    Network::load(place.path(name)).unwrap()
}

fn pattern(place: &Place, name: &str) -> Arc<Pattern> {
    load(place, name).wiring().recurrent().clone()
}

fn is_part_of(part: &Pattern, whole: &Pattern) -> bool {
    (0..whole.rows()).all(|row| part.row(row).iter().all(|col| whole.row(row).binary_search(col).is_ok()))
}

/// Files of a finished run that must not depend on how it came about.
fn assert_same_run(place: &Place, a: &str, b: &str) {
    for name in [names::CONFIG, names::MODEL, names::START] {
        assert!(place.read(format!("{a}/{name}")) == place.read(format!("{b}/{name}")), "{name} of {a} and {b}");
    }
    let metrics = |folder| without_seconds(&place.text(format!("{folder}/{}", names::METRICS)));
    assert_eq!(metrics(a), metrics(b));
}

#[test]
fn prune_evaluate_retrain_resume() {
    let place = trained();
    let answer = place.done("prune first/model.safetensors --method top-prob --density 0.2 --seed 2 --out p --json");
    let found = answer.json();
    assert_eq!((&found["before"], &found["pairs"]), (&24.into(), &64.into()));
    assert_eq!((&found["blocks"][0]["before"], &found["blocks"][0]["target"]), (&24.into(), &0.2.into()));
    assert!((found["blocks"][0]["expected"].as_f64().unwrap() - 12.8).abs() < 1e-9);
    let pruned = pattern(&place, "p");
    assert_eq!(found["synapses"], pruned.nnz());
    assert!(pruned.nnz() < 24 && is_part_of(&pruned, &pattern(&place, "first/model.safetensors")));
    let (header, _) = take_apart(&place.read("p"));
    let metadata = header["__metadata__"].to_string();
    assert!(metadata.contains("top-prob") && metadata.contains("own"), "{metadata}");
    assert_eq!(Start::read(place.path("p")).unwrap().pruned[0]["obtained"], pruned.nnz());
    place.done("evaluate p data.npz");

    place.done("train --from p --epochs 4 --out whole");
    let text = place.text("whole/config.toml");
    assert!(text.contains("start = \"start.safetensors\"") && !text.contains("connectome"), "{text}");
    let end = load(&place, "whole/model.safetensors");
    assert_eq!(end.wiring().recurrent(), &pruned);
    assert_eq!((end.sign_violations(), end.wiring().signs()), (0, load(&place, "p").wiring().signs()));
    assert_ne!(end.parameters(), load(&place, "p").parameters());

    // neurons keep their ids and columns
    assert!(place.read("whole/neurons.csv") == place.read("first/neurons.csv"));
    assert_eq!(place.text("whole/neurons.csv").lines().last(), Some("7,n7,inh,-1"));

    // in parts; after the first, nothing but the folder is needed
    place.done("train --from p --epochs 1 --out parts");
    fs::rename(place.path("p"), place.path("elsewhere")).unwrap();
    place.done("train --resume --epochs 3 --out parts");
    place.done("train --resume --epochs 4 --out parts");
    assert_same_run(&place, "parts", "whole");

    // with the model, or with a configuration that says the same of all but the wiring; not with another model
    place.done("train --from elsewhere --resume --epochs 5 --out parts");
    place.done("train own.toml --resume --epochs 6 --out parts");
    let words = "train --from first/model.safetensors --resume --epochs 6 --out parts";
    refused(&place, words, "resume from another model", &["parts: holds a run that did not start from first/model"]);
    // and a run that was retrained can be pruned and retrained again
    place.done("prune whole/model.safetensors --method magnitude --density 0.05 --out p");
    place.done("train --from p --epochs 1 --out again");
    assert_eq!(pattern(&place, "again/model.safetensors").nnz(), 3);
}

#[test]
fn moments_are_pruned_along() {
    let place = trained();
    place.done("prune first/checkpoint.safetensors --method random --density 0.2 --out p");
    let (before, after) =
        (Start::read(place.path("first/checkpoint.safetensors")).unwrap(), Start::read(place.path("p")).unwrap());
    let (was, is) = (before.moments.unwrap(), after.moments.unwrap());
    assert_eq!((was.updates, is.updates, is.moments.len()), (6, 6, 2));
    let (old, new) = (before.network.wiring().recurrent(), after.network.wiring().recurrent());
    for (was, is) in was.moments.iter().zip(&is.moments) {
        assert_eq!((&was[BIAS], &was[INPUT]), (&is[BIAS], &is[INPUT]));
        for row in 0..8 {
            for entry in new.entries(row) {
                let place = old.row(row).binary_search(&new.indices()[entry]).unwrap();
                assert_eq!(is[RECURRENT][entry], was[RECURRENT][old.entries(row).start + place]);
            }
        }
    }
    place.done("train --from p --keep-moments --epochs 2 --out kept");
    place.done("train --from p --keep-moments --epochs 1 --out parts");
    fs::remove_file(place.path("p")).unwrap();
    place.done("train --resume --epochs 2 --out parts");
    assert_same_run(&place, "parts", "kept");
    let copy = Start::read(place.path("kept/start.safetensors")).unwrap();
    assert_eq!((copy.moments.unwrap(), copy.pruned.len()), (is, 1));
    place.done("train --from kept/start.safetensors --epochs 2 --out zero");
    assert_eq!(Start::read(place.path("zero/start.safetensors")).unwrap().moments, None);
    let parameters = |name| load(&place, name).parameters().clone();
    assert_ne!(parameters("kept/model.safetensors"), parameters("zero/model.safetensors"));
    // moments that do not fit
    place.write("sgd.toml", config(&[("kind = \"adam\"", "kind = \"sgd\"")]));
    let words = "train sgd.toml --from first/checkpoint.safetensors --keep-moments --out run";
    refused(&place, words, "moments of another optimizer", &["`keep-moments`", "another optimizer"]);
    let words = "train --from first/model.safetensors --keep-moments --out run";
    refused(&place, words, "no moments", &["first/model.safetensors: has no moments to keep"]);
}

#[test]
fn blocks_from_a_file() {
    let place = trained();
    let whole = pattern(&place, "first/model.safetensors");
    place.write("blocks.csv", "pre,post,density\nexc,inh,0.1\n");
    let out = place.done("prune first/model.safetensors --method random --blocks blocks.csv --out p").out;
    assert!(out.contains("exc -> inh") && out.contains("possible pairs") && !out.contains("inh -> exc"), "{out}");
    let kept = pattern(&place, "p");
    assert!((0..6).all(|row| kept.row(row) == whole.row(row)), "other blocks stay");
    // onto itself
    place.write("blocks.csv", "pre,post,density\nexc,inh,0.05\n");
    place.done("prune p --method random --blocks blocks.csv --rest drop --seed 3 --out p");
    let dropped = pattern(&place, "p");
    assert!(is_part_of(&dropped, &kept) && dropped.entries_of(&(0..6)).is_empty());
    assert!((6..8).all(|row| dropped.row(row).iter().all(|&pre| pre < 6)));
    assert_eq!(Start::read(place.path("p")).unwrap().pruned.len(), 2);
}

#[test]
fn a_model_without_synapses_is_one() {
    let place = trained();
    for method in ["top-prob", "random", "magnitude"] {
        place.done(&format!("prune first/checkpoint.safetensors --method {method} --density 0 --out p"));
        assert_eq!(pattern(&place, "p").nnz(), 0);
        place.done("evaluate p data.npz");
        place.done(&format!("train --from p --epochs 1 --out {method}"));
    }
}

/// The network given to the library rules over the configuration's populations, and the folder is all that a resumed
/// run needs.
#[test]
fn the_library_starts_from_a_network() {
    let place = trained();
    place.write("rules.toml", rules(&[("epochs = 3", "epochs = 1")]));
    let config = RunConfig::read(&place.path("rules.toml")).unwrap();
    let pruning = Pruning {
        method: PruneMethod::TopProb,
        target: PruneTarget::Blocks(vec![BlockDensity { post: "exc".into(), pre: "inh".into(), density: 0.1 }]),
        redistribute: false,
    };
    let pruned = prune(&load(&place, "first/model.safetensors"), &pruning, 5).unwrap();
    let start = pruned.network.clone();
    let folder = place.path("run");
    let go = |run: &mut Run| run.go(&AtomicBool::new(false), &mut |_| {}).unwrap();
    go(&mut Run::create_from(config.clone(), &folder, isa(), pruned.network).unwrap());
    let copy = Network::load(folder.join(names::START)).unwrap();
    assert_eq!(copy.parameters(), start.parameters());
    let longer = RunConfig { epochs: 2, ..config };
    let mut run = Run::resume(longer, &folder, isa()).unwrap();
    assert_eq!(run.trainer().position().epoch, 1);
    go(&mut run);
    let network = run.trainer().network();
    assert_eq!((network.wiring().recurrent(), network.sign_violations()), (start.wiring().recurrent(), 0));
    assert_eq!(network.wiring().neuron_table(), start.wiring().neuron_table());
    for name in ParameterId::COMMON {
        assert_ne!(&network.parameters()[name], &start.parameters()[name], "{name:?} is trained");
    }
    // a configuration of one's own can name a model too, from its folder
    let text = config_with_start(Path::new("p.safetensors"));
    start.save(place.path("p.safetensors")).unwrap();
    place.write("start.toml", text);
    let mut run =
        Run::create(RunConfig::read(&place.path("start.toml")).unwrap(), &place.path("named"), isa()).unwrap();
    go(&mut run);
    assert_eq!(run.trainer().network().wiring().recurrent(), start.wiring().recurrent());
    go(&mut Run::resume(RunConfig::read(&place.path("start.toml")).unwrap(), &place.path("named"), isa()).unwrap());
}

/// Neurons from a model instead of files.
fn config_with_start(model: &Path) -> String {
    let text = config(&[("seed = 3", &format!("seed = 3\nstart = \"{}\"", model.display()))]);
    text.split_once("[connectome]").unwrap().0.into()
}

#[test]
fn wrong_input_is_refused() {
    let place = trained();
    let model = "first/model.safetensors";
    let whole = place.read(model);
    place.write("cut.safetensors", &whole[..whole.len() / 2]);
    place.write("unknown.csv", "pre,post,density\nexc,vip,0.1\n");
    place.write("above.csv", "pre,post,density\ninh,exc,0.9\n");
    place.write("other-cell.toml", config(&[("rectified = true", "rectified = false")]));
    load(&place, model).save(place.path("bare.safetensors")).unwrap();
    let flip_flop = "kind = \"flip-flop\"\nsteps = 5\nprobability = 0.1\ntrain-samples = 8\ntest-samples = 8";
    place.write("other-task.toml", config(&[("kind = \"data\"\nfile = \"data.npz\"", flip_flop)]));
    let pruned = |rest: &str| format!("prune {model} --method top-prob --out p {rest}");
    for (case, words, says) in [
        ("density above 1", pruned("--density 1.5"), &["`density`: 1.5; expected a density from 0 to 1"][..]),
        ("density below 0", pruned("--density -0.5"), &["`density`: -0.5; expected a density from 0 to 1"]),
        ("density NaN", pruned("--density NaN"), &["`density`: NaN; expected a density from 0 to 1"]),
        ("density of words", pruned("--density half"), &["'half'", "--density", "expected a number"]),
        ("density above what exists", pruned("--density 0.5"), &["0.5 of 64 pairs is 32 synapses, but 24 exist"]),
        ("no target", pruned(""), &["--density <D>", "--blocks <FILE.csv>"]),
        ("two targets", pruned("--density 0.1 --blocks above.csv"), &["--density", "cannot be used with"]),
        ("rest without blocks", pruned("--density 0.1 --rest drop"), &["--rest", "cannot be used with", "--density"]),
        ("blocks that are not there", pruned("--blocks none.csv"), &["none.csv: cannot open"]),
        (
            "unknown population",
            pruned("--blocks unknown.csv"),
            &["unknown.csv: row 2, column `post`", "`vip`", "`inh`"],
        ),
        ("block above what exists", pruned("--blocks above.csv"), &["from `inh` to `exc`: 0.9 of 12 pairs is 10.8"]),
        ("unknown method", format!("prune {model} --method best --density 0.1 --out p"), &["'best'", "top-prob"]),
        (
            "handing on of another method",
            format!("prune {model} --method random --density 0.1 --no-redistribute --out p"),
            &["`--no-redistribute`", "top-prob"],
        ),
        ("no file to write", format!("prune {model} --method random --density 0.1"), &["--out <MODEL>"]),
        (
            "a folder that is not there",
            format!("prune {model} --method random --density 0.1 --out no/p"),
            &["no/p: cannot write: No such file"],
        ),
        (
            "truncated model",
            "prune cut.safetensors --method random --density 0.1 --out p".into(),
            &["cut.safetensors: "],
        ),
        ("data for a model", "prune data.npz --method random --density 0.1 --out p".into(), &["data.npz: "]),
        ("start from a truncated model", "train --from cut.safetensors --out run".into(), &["cut.safetensors: "]),
        (
            "start without configuration",
            "train --from bare.safetensors --out run".into(),
            &["carries no configuration"],
        ),
        ("neither configuration nor start", "train --out run".into(), &["<PRESET|CONFIG.toml>"]),
        ("resume of no folder", "train --resume".into(), &["`--resume`", "--out"]),
        ("resume of no run", "train --resume --out none".into(), &["none: holds no run to resume"]),
        ("moments of nothing", "train own.toml --keep-moments --out run".into(), &["--from <MODEL>"]),
        (
            "start with another cell",
            format!("train other-cell.toml --from {model} --out run"),
            &["`cell.rectified`: false, but the model that the run starts from has true"],
        ),
        (
            "start for another task",
            format!("train other-task.toml --from {model} --out run"),
            &["the training data have 1 channels, the network has 2"],
        ),
        (
            "a folder that holds a run",
            format!("train --from {model} --epochs 1 --out first"),
            &["first: holds a run of another configuration"],
        ),
    ] {
        refused(&place, &words, case, says);
    }
}
