//! A run folder can be moved, copied and published: no file in it says where it lay, and nothing but data is needed to go on.

use std::fs;

use crate::command::{Place, config, edited, series, without_seconds};

/// `words` typed in the folder `folder` of the place.
fn typed_in(place: &Place, folder: &str, words: &str) -> crate::command::Answer {
    place.command(words.split_whitespace()).current_dir(place.path(folder)).output().unwrap().into()
}

fn assert_same_run(place: &Place, a: &str, b: &str) {
    let model = |run: &str| place.read(format!("{run}/model.safetensors"));
    assert!(crate::command::take_apart(&model(a)).1 == crate::command::take_apart(&model(b)).1, "{a} and {b}");
    let metrics = |run: &str| without_seconds(&place.text(format!("{run}/metrics.csv")));
    assert_eq!(metrics(a), metrics(b));
}

#[test]
fn no_file_names_an_absolute_path() {
    let place = Place::own();
    let root = place.path("").canonicalize().unwrap();
    let root = root.to_str().unwrap().trim_end_matches('/');
    // everything by its absolute path
    let text = config(&[
        ("\"data.npz\"", &format!("\"{root}/data.npz\"")),
        ("\"edges.csv\"", &format!("\"{root}/edges.csv\"")),
        ("\"neurons.csv\"", &format!("\"{root}/neurons.csv\"")),
    ]);
    place.write("whole.toml", format!("{text}[init]\nweights = \"edges\"\n"));
    place.done(&format!("train {root}/whole.toml --out {root}/one"));
    place.done("prune one/model.safetensors --method random --density 0.2 --out pruned.safetensors");
    place.done(&format!("train --from {root}/pruned.safetensors --out two"));
    place.done(&format!("train --resume --epochs 4 --out {root}/two"));
    place.done("train own.toml --out deep/down/three");
    for run in ["one", "two", "deep"] {
        for (name, content) in crate::command::tree(&place.path(run)) {
            let found = content.windows(root.len()).any(|part| part == root.as_bytes());
            assert!(!found, "{run}/{} names {root}", name.display());
        }
    }
    assert!(!String::from_utf8_lossy(&place.read("pruned.safetensors")).contains(root));
    assert!(place.text("one/config.toml").contains("edges = \"../edges.csv\""));
    assert!(place.text("deep/down/three/config.toml").contains("file = \"../../../data.npz\""));
}

/// The whole project moves between two commands.
#[test]
fn a_moved_project_goes_on() {
    let place = Place::empty();
    let files = Place::own();
    fs::create_dir(place.path("one")).unwrap();
    for name in ["own.toml", "data.npz", "edges.csv", "neurons.csv"] {
        fs::copy(files.path(name), place.path("one").join(name)).unwrap();
    }
    let done = |folder: &str, words: &str| {
        let answer = typed_in(&place, folder, words);
        assert_eq!(answer.code, Some(0), "{folder}, {words}: {answer:?}");
    };
    done("one", "train own.toml --out run");
    done("one", "train --from run/model.safetensors --out run2 --epochs 3");
    done("one", "train own.toml --out whole --epochs 6");
    fs::rename(place.path("one"), place.path("two")).unwrap();
    done("two", "train own.toml --out run --resume --epochs 4");
    done("two", "train --out run --resume --epochs 5");
    done("two", "train --out run2 --resume --epochs 5");
    done("", "train --out two/run --resume --epochs 6");
    assert_same_run(&place, "two/run", "two/whole");
    assert!(place.read("two/run/config.toml") == place.read("two/whole/config.toml"));
}

/// The run folder alone, far from the files that it was made from: neurons and synapses are in it.
#[test]
fn a_run_folder_needs_nothing_but_data() {
    let place = Place::own();
    place.done("train own.toml --out whole --epochs 5");
    place.done("train own.toml --out run --epochs 2");
    fs::create_dir(place.path("far")).unwrap();
    fs::rename(place.path("run"), place.path("far/run")).unwrap();
    for name in ["edges.csv", "neurons.csv"] {
        fs::rename(place.path(name), place.path(format!("away-{name}"))).unwrap();
    }
    fs::rename(place.path("data.npz"), place.path("samples.npz")).unwrap();
    let answer = place.typed("train --out far/run --resume --epochs 3");
    let message = answer.message(2);
    assert!(message.contains("far/run: the data of its run are not there") && message.contains("--data"), "{message}");
    place.done("train --out far/run --resume --epochs 3 --data samples.npz");
    // the folder remembers where they are now
    assert!(place.text("far/run/config.toml").contains("file = \"../../samples.npz\""));
    place.done("train --out far/run --resume --epochs 4");
    // beside the run's own files
    fs::rename(place.path("samples.npz"), place.path("far/run/samples.npz")).unwrap();
    place.done("train own.toml --out far/run --resume --epochs 5");
    assert_same_run(&place, "far/run", "whole");
    let answer = typed_in(&place, "far", "inspect run");
    assert!(answer.code == Some(0) && answer.out.contains("batches of 8 samples"), "{answer:?}");
}

#[test]
fn other_data_are_refused() {
    let place = Place::own();
    place.done("train own.toml --out run");
    let before = place.read("data.npz");
    place.write("data.npz", crate::command::classes(2));
    let answer = place.typed("train own.toml --out run --resume --epochs 4");
    assert!(answer.message(2).contains("data.npz"), "{answer:?}");
    let mut other = crate::command::inputs().into_iter().collect::<Vec<_>>();
    for (name, samples) in [("train_targets", 20), ("test_targets", 10)] {
        other.push(crate::command::floats(name, &[samples, 6, 2], &vec![0.5; samples * 12]));
    }
    place.write("data.npz", crate::command::npz(&other));
    let answer = place.typed("train own.toml --out run --resume --epochs 4");
    let says = "data.npz: its content is not what the run in run was trained on";
    assert!(answer.message(2).contains(says) && answer.err.contains("--data"), "{answer:?}");
    // the same arrays in another file
    place.write("copy.npz", series());
    place.done("train own.toml --out run --resume --epochs 4 --data copy.npz");
    // the right content wherever it is
    place.write("run/data.npz", before);
    place.done("train own.toml --out run --resume --epochs 5");
}

/// A model knows the name of its data; they may have moved since.
#[test]
fn a_model_finds_its_data() {
    let place = Place::own();
    place.done("train own.toml --out run");
    fs::create_dir(place.path("far")).unwrap();
    fs::copy(place.path("run/model.safetensors"), place.path("far/model.safetensors")).unwrap();
    fs::rename(place.path("data.npz"), place.path("samples.npz")).unwrap();
    let answer = place.typed("train --from far/model.safetensors --out a");
    assert!(
        answer.message(2).contains("far/model.safetensors: the data") && answer.err.contains("--data"),
        "{answer:?}"
    );
    place.done("train --from far/model.safetensors --data samples.npz --out a");
    fs::rename(place.path("samples.npz"), place.path("data.npz")).unwrap();
    place.done("train --from far/model.safetensors --out b");
    assert_same_run(&place, "a", "b");
}

/// Neither the network at the start nor figures are lost with the files of the connectome.
#[test]
fn weights_from_a_file_are_kept() {
    let place = Place::own();
    place.write("own.toml", config(&[("[connectome]", "[init]\nweights = \"edges\"\n[connectome]")]));
    place.done("train own.toml --out whole --epochs 3");
    place.done("train own.toml --out run --epochs 1");
    fs::remove_file(place.path("edges.csv")).unwrap();
    fs::remove_file(place.path("neurons.csv")).unwrap();
    place.done("train --out run --resume --epochs 3");
    assert_same_run(&place, "run", "whole");
    for figure in place.names("whole/figures") {
        let [got, want] = ["run", "whole"].map(|run| place.read(format!("{run}/figures/{figure}")));
        assert!(got == want, "{figure}");
    }
    let edit = edited(&place.text("own.toml"), "epochs = 3", "epochs = 4");
    place.write("own.toml", edit);
    place.done("train own.toml --out run --resume");
}
