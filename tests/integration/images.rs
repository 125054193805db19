//! Sequential images from the command line: from files, and never taken for MNIST where they are drawn.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::command::{Place, edited, numbers, take_apart};

const CONFIG: &str = r#"
name = "tiny"
epochs = 2
batch = 5
constraint = "dale"
loss = "cross-entropy"

[task]
kind = "images"
by = "rows"

[cell]
activation = "tanh"
rectified = true

[output]
activation = "identity"

[optimizer]
kind = "adam"
learning-rate = 0.01

[[population]]
name = "exc"
size = 12
sign = "E"

[[connection]]
rule = "all"
"#;

fn idx(sizes: &[u32], bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let header = [0, 0, 8, sizes.len() as u8].into_iter();
    header.chain(sizes.iter().flat_map(|size| size.to_be_bytes())).chain(bytes).collect()
}

/// `tiny.toml`, and 20 and 10 images of 6 x 5 pixels in the folder `digits`, those to test on packed.
fn place() -> Place {
    let place = Place::empty();
    place.write("tiny.toml", CONFIG);
    std::fs::create_dir(place.path("digits")).unwrap();
    for (split, samples, packed) in [("train", 20u32, false), ("t10k", 10, true)] {
        let pixels =
            numbers(samples as usize * 30, samples.into()).into_iter().map(|value| (value.abs() * 255.0) as u8);
        let files = [
            (format!("{split}-images-idx3-ubyte"), idx(&[samples, 6, 5], pixels)),
            (format!("{split}-labels-idx1-ubyte"), idx(&[samples], (0..samples).map(|k| (k % 10) as u8))),
        ];
        for (name, bytes) in files {
            if packed {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&bytes).unwrap();
                place.write(format!("digits/{name}.gz"), encoder.finish().unwrap());
            } else {
                place.write(format!("digits/{name}"), bytes);
            }
        }
    }
    place
}

#[test]
fn a_run_on_files() {
    let place = place();
    let answer = place.done("train tiny.toml --data digits --out run");
    let label = "IDX files from digits";
    assert!(answer.out.contains(label), "{answer:?}");
    let summary: serde_json::Value = serde_json::from_slice(&place.read("run/summary.json")).unwrap();
    assert_eq!(summary["data"], label);
    assert!(summary["test_accuracy"].is_f64());
    for figure in place.names("run/figures") {
        assert!(place.text(format!("run/figures/{figure}")).contains("IDX files from"), "{figure}");
    }
    // the resolved configuration names the folder, and is the same run again from anywhere
    let folder = place.path("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let again =
        place.command(["train", "../run/config.toml", "--out", "../again"]).current_dir(folder).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert!(place.read("again/model.safetensors") == place.read("run/model.safetensors"));
    // in a configuration the folder is beside it
    place.write("named.toml", edited(CONFIG, "by = \"rows\"", "by = \"rows\"\ndata = \"digits\""));
    let folder = place.path("elsewhere");
    let named = place.command(["train", "../named.toml", "--out", "../named"]).current_dir(folder).output().unwrap();
    assert!(named.status.success(), "{named:?}");
    let numbers_of = |run: &str| take_apart(&place.read(format!("{run}/model.safetensors"))).1;
    assert!(numbers_of("named") == numbers_of("run"));
    place.done("train tiny.toml --data digits --out run --resume --epochs 3");
}

#[test]
fn drawn_digits_are_called_that() {
    let place = Place::empty();
    let drawn = edited(CONFIG, "by = \"rows\"", "by = \"rows\"\ntrain-samples = 20\ntest-samples = 10");
    place.write("tiny.toml", drawn);
    let answer = place.done("train tiny.toml --out run");
    assert!(answer.out.contains("drawn digits, not MNIST"), "{answer:?}");
    assert!(place.text("run/summary.json").contains("\"data\": \"drawn digits, not MNIST\""));
    for figure in place.names("run/figures") {
        assert!(place.text(format!("run/figures/{figure}")).contains("drawn digits, not MNIST"), "{figure}");
    }
}

#[test]
fn wrong_folders_are_refused() {
    let place = place();
    std::fs::create_dir(place.path("empty")).unwrap();
    for (words, says) in [
        ("train tiny.toml --data nowhere", &["nowhere: is no folder", "train-images-idx3-ubyte"][..]),
        ("train tiny.toml --data empty", &["empty: none of", "train-images-idx3-ubyte.gz"]),
        ("train tiny.toml --data tiny.toml", &["tiny.toml: is no folder"]),
        ("train flip-flop --data digits", &["`--data`", "`images`"]),
        ("train fewer.toml --data digits", &["`task.train-samples`: 21", "at most 20"]),
    ] {
        place.write("fewer.toml", edited(CONFIG, "by = \"rows\"", "by = \"rows\"\ntrain-samples = 21"));
        let answer = place.typed(&format!("{words} --out run"));
        let message = answer.message(2);
        assert!(says.iter().all(|says| message.contains(says)), "{words}: {message}");
        assert!(!place.path("run").exists(), "{words}");
    }
    let labels = place.read("digits/train-labels-idx1-ubyte");
    place.write("digits/train-labels-idx1-ubyte", [&labels[..27], &[10]].concat());
    let answer = place.typed("train tiny.toml --data digits --out run");
    assert!(answer.message(2).contains("train-labels-idx1-ubyte: label 10 at [19]"), "{answer:?}");
}
