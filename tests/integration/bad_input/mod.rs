//! Wrong input: exit code 2, one message that names the culprit and what is expected, and nothing written.
//!
//! `cargo test --test integration bad_input -- --nocapture` prints every case with its message.

mod arrays;
mod edge_lists;
mod model_files;
mod places;

use std::fs;
use std::process::Command;

use crate::command::{Answer, Place, config, edited, rules};

/// Asserts that `command` is refused, with every one of `says` in the message, and changes no file.
fn refused_by(place: &Place, command: &mut Command, case: &str, says: &[&str]) {
    let before = place.tree();
    let answer = Answer::from(command.output().unwrap());
    let message = answer.message(2);
    for words in says {
        assert!(message.to_lowercase().contains(&words.to_lowercase()), "{case}: {words:?} is not in {message}");
    }
    assert!(place.tree() == before, "{case}: something was written");
    let base = format!("{}/", place.path("").display());
    let short = message.replace(&base, "").replace(base.trim_end_matches('/'), ".");
    let words: Vec<&str> = short.split_whitespace().collect();
    println!("| {case} | {} |", words.join(" "));
}

pub fn refused(place: &Place, words: &str, case: &str, says: &[&str]) {
    refused_by(place, &mut place.command(words.split_whitespace()), case, says);
}

const TRAIN: &str = "train own.toml --out run";

/// What is typed.
#[test]
fn words_on_the_command_line() {
    let place = Place::own();
    place.done("train own.toml --out done --epochs 1");
    let model = "done/model.safetensors";
    for (case, words, says) in [
        ("unknown preset", "train flipflop", &["`flipflop`", "no such preset", "flip-flop"][..]),
        ("unknown preset to print", "presets flipflop", &["`flipflop`", "flip-flop"]),
        ("configuration that is not there", "train none.toml", &["none.toml", "cannot read", "No such file"]),
        ("a folder for a configuration", "train done", &["`done`", "flip-flop"]),
        ("unknown command", "trian own.toml", &["'trian'", "'train'"]),
        ("unknown option", "train own.toml --epoch 3", &["'--epoch'", "'--epochs'"]),
        ("no configuration", "train", &["<PRESET|CONFIG.toml>"]),
        ("no data", "evaluate done/model.safetensors", &["<DATA.npz>"]),
        ("a word for a number", "train own.toml --seed one", &["'one'", "--seed", "a whole number"]),
        ("a negative number", "train own.toml --epochs=-1", &["'-1'", "--epochs", "a whole number"]),
        ("0 epochs", "train own.toml --epochs 0", &["`epochs`: 0; expected at least 1"]),
        ("too many epochs", "train own.toml --epochs 9000000000000000000", &["`epochs`", "at most 2^31 - 1"]),
        ("too large a seed", "train own.toml --seed 18446744073709551615", &["`seed`", "at most 2^63 - 1"]),
        ("0 threads", "train own.toml --threads 0", &["`--threads`: 0; expected 1 to"]),
        ("0 threads", &format!("evaluate {model} data.npz --threads 0"), &["`--threads`: 0; expected 1 to"]),
        ("duplicates of no edge list", "train flip-flop --duplicates sum", &["`--duplicates`", "[connectome]"]),
        ("unknown word for duplicates", "train own.toml --duplicates maybe", &["'maybe'", "error, sum"]),
        ("unknown split", &format!("evaluate {model} data.npz --split both"), &["'both'", "train, test"]),
        ("nothing to resume", "train own.toml --out run --resume", &["run: holds no run to resume"]),
        ("nothing to resume, no folder named", "train own.toml --resume", &["runs/own-seed3: holds no run to resume"]),
        ("model that is not there", "evaluate none.safetensors data.npz", &["none.safetensors: cannot open: No such"]),
        ("data that are not there", &format!("evaluate {model} none.npz"), &["none.npz: cannot open: No such file"]),
        ("data for a model", "evaluate data.npz data.npz", &["data.npz: a header of"]),
        ("model for data", &format!("evaluate {model} {model}"), &["model.safetensors: no `.npz` file"]),
        ("a folder for a model", "evaluate done data.npz", &["done: not a file"]),
        ("a folder for data", &format!("evaluate {model} done"), &["done: cannot read: "]),
        (
            "outputs into a folder that is not there",
            &format!("evaluate {model} data.npz --outputs no/o.npz"),
            &["no/o.npz: cannot write: No such file"],
        ),
        (
            "outputs onto a folder",
            &format!("evaluate {model} data.npz --outputs done"),
            &["done: cannot write: Is a dir"],
        ),
        ("gradient without a file", &format!("gradient {model} data.npz"), &["--out <G.safetensors>"]),
        (
            "gradient into a folder that is not there",
            &format!("gradient {model} data.npz --out no/g.safetensors"),
            &["no/g.safetensors: cannot write: No such file or directory (os error 2)\n"],
        ),
    ] {
        refused(&place, words, case, says);
    }
    for (variable, says) in [
        ("DALEIAN_ISA", ["DALEIAN_ISA=nonsense", "avx512, avx2, portable"]),
        ("DALEIAN_REQUIRE_ISA", ["DALEIAN_REQUIRE_ISA=nonsense", "avx512, avx2, portable"]),
    ] {
        for words in [TRAIN.to_string(), format!("evaluate {model} data.npz")] {
            let mut command = place.command(words.split(' '));
            refused_by(&place, command.env(variable, "nonsense"), &format!("unknown {variable}"), &says);
        }
    }
}

/// Settings of a configuration file. Ranges of every setting are tried beside their validation.
#[test]
fn settings() {
    let place = Place::own();
    let population = |size: &str| rules(&[("size = 12", &format!("size = {size}"))]);
    let huge = rules(&[(
        "kind = \"data\"\nfile = \"data.npz\"",
        "kind = \"flip-flop\"\nsteps = 1000000000000\nprobability = 0.1\ntrain-samples = 8\ntest-samples = 8",
    )]);
    let long = [("steps = 1000000000000", "steps = 1000000"), ("size = 12", "size = 200000"), ("0.5", "1e-6")]
        .iter()
        .fold(huge.clone(), |text, (from, to)| edited(&text, from, to));
    for (case, text, says) in [
        ("TOML that is none", config(&[("seed = 3", "seed = = 3")]), &["own.toml: TOML parse error at line 3"][..]),
        ("unknown key", config(&[("seed = 3", "sede = 3")]), &["own.toml", "unknown field `sede`", "`seed`"]),
        (
            "unknown key in a table",
            config(&[("rectified", "rectifeid")]),
            &["unknown field `rectifeid`", "`rectified`"],
        ),
        ("missing key", config(&[("batch = 8\n", "")]), &["own.toml", "missing field `batch`"]),
        ("unknown word", config(&[("\"dale\"", "\"dales\"")]), &["own.toml", "unknown variant `dales`", "`dale`"]),
        ("text for a number", config(&[("seed = 3", "seed = \"3\"")]), &["own.toml", "line 3", "invalid type: string"]),
        ("batch of 0", config(&[("batch = 8", "batch = 0")]), &["own.toml: `batch`: 0; expected at least 1"]),
        ("batch larger than the data", config(&[("batch = 8", "batch = 21")]), &["`batch`: 21", "20 training samples"]),
        (
            "loss of other targets",
            config(&[("\"mse\"", "\"cross-entropy\"")]),
            &["`loss`", "class labels", "expected `mse`"],
        ),
        (
            "readout in blocks, outputs too few",
            rules(&[("[optimizer]", "[[readout]]\noutputs = \"0..3\"\nfrom = \"exc\"\n[optimizer]")]),
            &["`readout[0].outputs`", "there are 2 outputs, from 0 to 1"],
        ),
        (
            "probability 0",
            rules(&[("probability = 0.5", "probability = 0.0")]),
            &["`connection[0].probability`: 0 connects"],
        ),
        (
            "probability above 1",
            rules(&[("probability = 0.5", "probability = 5.0")]),
            &["probability`: 5 is no", "at most 1"],
        ),
        (
            "population of 0 neurons",
            population("0"),
            &["`population[0].size`", "\"exc\" has 0 neurons; expected at least 1"],
        ),
        ("population of a negative size", population("-1"), &["own.toml", "`-1`"]),
        ("population of 10^15 neurons", population("1000000000000000"), &["`population[0].size`", "2147483647"]),
        (
            "in-degree too large",
            rules(&[("in-degree = 3", "in-degree = 4")]),
            &["`connection[1].in-degree`: 4 is", "3 neurons"],
        ),
        ("in-degree 0", rules(&[("in-degree = 3", "in-degree = 0")]), &["`connection[1].in-degree`: 0", "at least 1"]),
        (
            "population that is not there",
            rules(&[("pre = \"inh\"", "pre = \"Inh\"")]),
            &["`connection[1].pre`", "`exc`, `inh`"],
        ),
        (
            "sign that is none",
            rules(&[("sign = \"I\"", "sign = \"J\"")]),
            &["own.toml", "\"J\" is no sign", "-1, 0, E, I"],
        ),
        (
            "no synapse",
            rules(&[
                ("probability = 0.5", "probability = 1e-30"),
                ("in-degree = 3", "probability = 1e-30"),
                ("\"in-degree\"", "\"probability\""),
            ]),
            &["`connection`", "no synapse at all"],
        ),
        (
            "more synapses than can be",
            rules(&[("size = 12", "size = 100000"), ("rule = \"probability\"\nprobability = 0.5", "rule = \"all\"")]),
            &["`connection`", "about 1.000e10 synapses", "at most 4294967295"],
        ),
        ("no connections", rules(&[]).split("[[connection]]").next().unwrap().into(), &["`connection`: there is none"]),
        ("trials of 10^12 steps", huge.clone(), &["`task.train-samples`", "do not fit in memory"]),
        (
            "states that do not fit",
            long,
            &["`batch`: 8 samples of 1000000 steps of 200004 neurons do not fit in memory"],
        ),
        (
            "weights the edge list lacks",
            rules(&[("[optimizer]", "[init]\nweights = \"edges\"\n[optimizer]")]),
            &["`init.weights`", "[connectome]"],
        ),
    ] {
        place.write("own.toml", text);
        refused(&place, TRAIN, case, says);
    }
    fs::create_dir(place.path("folder.toml")).unwrap();
    refused(
        &place,
        "train folder.toml",
        "a folder named like a configuration",
        &["folder.toml: cannot read: Is a dir"],
    );
    place.write("own.toml", b"name = \"caf\xe9\"\n");
    refused(&place, TRAIN, "configuration that is not UTF-8", &["own.toml: cannot read", "UTF-8"]);
}

#[test]
fn cells_to_measure() {
    let place = Place::empty();
    for (words, says) in [
        ("bench --cell 0,2,x", ["--cell", "expected n,density,lanes,steps"]),
        ("bench --cell 64,0.2,16,3 --cell 0,0.5,1,1", ["0,0.5,1,1", "n is `0`; expected a whole number from 2 to"]),
        ("bench --cell 64,2,16,3 --json", ["64,2,16,3", "expected above 0 and at most 1"]),
        ("bench --cell 64,0.2,16,3 --threads 0", ["--threads", "expected 1 to"]),
    ] {
        refused(&place, words, words, &says);
    }
    if cfg!(target_os = "linux") {
        let words = "bench --cell 4000000000,1,64,10";
        refused(&place, words, words, &["--cell", "bytes", "expected a smaller cell"]);
    }
}
