//! Wrong input: exit code 2, one message that names the culprit and what would be right, and nothing written.
//!
//! `cargo test --test integration bad_input -- --nocapture` prints every case with its message.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::command::{
    Answer, CHANNELS, NEURONS, OUTPUTS, Place, SAMPLES, STEPS, classes, config, edited, floats, inputs, integers, npz,
    numbers, place_of, put_together, rules, series, take_apart, with_element,
};

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
        ("0 epochs", "train own.toml --epochs 0", &["`epochs`: 0; at least 1"]),
        ("too many epochs", "train own.toml --epochs 9000000000000000000", &["`epochs`", "at most 2^31 - 1"]),
        ("too large a seed", "train own.toml --seed 18446744073709551615", &["`seed`", "at most 2^63 - 1"]),
        ("0 threads", "train own.toml --threads 0", &["`--threads`: 0; at least 1"]),
        ("0 threads", &format!("evaluate {model} data.npz --threads 0"), &["`--threads`: 0; at least 1"]),
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
        ("batch of 0", config(&[("batch = 8", "batch = 0")]), &["own.toml: `batch`: 0; at least 1"]),
        ("batch larger than the data", config(&[("batch = 8", "batch = 21")]), &["`batch`: 21", "20 training samples"]),
        (
            "loss of other targets",
            config(&[("\"mse\"", "\"cross-entropy\"")]),
            &["`loss`", "class labels", "`mse` would"],
        ),
        (
            "readout in blocks, outputs too few",
            rules(&[
                ("[readout]", "[readout]\nblocks = \"population\""),
                (
                    "[[connection]]\npre = \"exc\"",
                    "[[population]]\nname = \"vip\"\nsize = 2\nsign = -1\n[[connection]]\npre = \"exc\"",
                ),
            ]),
            &["`readout.blocks`", "3 not 2"],
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
        ("population of 0 neurons", population("0"), &["`population[0].size`", "\"exc\" has 0 neurons; at least 1"]),
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
            &["`connection[1].pre`", "exc, inh"],
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

/// Edges and neurons in CSV.
#[test]
fn edge_lists() {
    let edges = |text: &str| ("edges.csv", text.as_bytes().to_vec());
    let neurons = |text: &str| ("neurons.csv", text.as_bytes().to_vec());
    let fresh = Place::own();
    let (all_edges, all_neurons) = (fresh.text("edges.csv"), fresh.text("neurons.csv"));
    for (case, (file, content), says) in [
        (
            "column missing",
            edges("pre,to,weight\nn0,n1,1\n"),
            &["edges.csv: column `post` is missing; the header is `pre,to"][..],
        ),
        (
            "weight that is no number",
            edges("pre,post,weight\nn0,n1,strong\n"),
            &["edges.csv: row 2, column `weight`: \"strong\" is not"],
        ),
        (
            "weight NaN",
            edges("pre,post,weight\nn0,n1,1\nn1,n1,NaN\n"),
            &["edges.csv: row 3, column `weight`: \"NaN\" is not a finite"],
        ),
        (
            "edge that is there twice",
            edges("pre,post,weight\nn0,n1,1\nn1,n1,1\nn0,n1,2\n"),
            &["edges.csv: rows 2 and 4 are the same edge, from \"n0\" to \"n1\"", "duplicates = \"sum\""],
        ),
        (
            "id that is not among the neurons",
            edges("pre,post\nn0,n9\n"),
            &["edges.csv: row 2, column `post`: \"n9\" is not among", "neurons.csv"],
        ),
        (
            "weights against the sign",
            edges("pre,post,weight\nn0,n1,1\nn1,n2,-0.5\nn7,n2,3\n"),
            &[
                "edges.csv: row 3, column `weight`: -0.5 from \"n1\", which is excitatory",
                "in all: 2",
                "contradictions = \"clamp\"",
            ],
        ),
        ("no edge", edges("pre,post,weight\n"), &["edges.csv: there is no edge"]),
        ("empty file", edges(""), &["edges.csv: the file is empty; a header `pre,post[,weight]`"]),
        (
            "too few fields",
            edges("pre,post,weight\nn0,n1\n"),
            &["edges.csv: row 2: has 2 fields, but the header has 3"],
        ),
        (
            "not UTF-8",
            ("edges.csv", b"pre,post\nn0,n1\nn\xe9,n1\n".to_vec()),
            &["edges.csv: row 3, column `pre`: \"n\\xe9\" is not UTF-8"],
        ),
        ("gzip that is cut off", ("edges.csv", vec![0x1f, 0x8b, 8, 0, 0, 0]), &["edges.csv: cannot read"]),
        (
            "sign that is none",
            neurons(&edited(&all_neurons, "n3,exc,1", "n3,exc,2")),
            &["neurons.csv: row 5, column `sign`: \"2\" is no sign", "1, -1, 0, E, I, exc, inh"],
        ),
        (
            "two signs in a population",
            neurons(&edited(&all_neurons, "n3,exc,1", "n3,exc,-1")),
            &["neurons.csv: row 5, column `sign`", "in row 2"],
        ),
        (
            "neuron that is there twice",
            neurons(&edited(&all_neurons, "n3,exc,1", "n2,exc,1")),
            &["neurons.csv: row 5, column `id`: \"n2\" is in row 4 already"],
        ),
        ("column missing", neurons("id,type,sign\nn0,exc,1\n"), &["neurons.csv: column `population` is missing"]),
        ("empty file", neurons(""), &["neurons.csv: the file is empty; a header `id,population,sign`"]),
    ] {
        let place = Place::own();
        place.write(file, content);
        refused(&place, TRAIN, &format!("{file}: {case}"), says);
    }
    for file in ["edges.csv", "neurons.csv", "data.npz"] {
        let place = Place::own();
        fs::remove_file(place.path(file)).unwrap();
        refused(&place, TRAIN, &format!("{file} is missing"), &[file, "cannot open: No such file"]);
        fs::create_dir(place.path(file)).unwrap();
        refused(&place, TRAIN, &format!("{file} is a folder"), &[file, "Is a directory"]);
    }

    // what makes them right
    let place = Place::own();
    place.write("edges.csv", format!("{all_edges}n0,n1,1\n"));
    refused(&place, TRAIN, "duplicate, without a word on it", &["rows 2 and 26"]);
    let answer = place.done("train own.toml --out a --duplicates sum");
    assert!(
        answer.err.contains("24 synapses") && place.text("a/config.toml").contains("duplicates = \"sum\""),
        "{answer:?}"
    );
    place.write("edges.csv", edited(&all_edges, "n0,n1,0.1", "n0,n1,-0.1"));
    place.done("train own.toml --out b --contradictions clamp");
    for (excitatory, inhibitory) in [("E", "I"), ("exc", "inh"), ("+1", "-1"), ("0", "0")] {
        let place = Place::own();
        place.write(
            "neurons.csv",
            all_neurons.replace("exc,1", &format!("exc,{excitatory}")).replace("inh,-1", &format!("inh,{inhibitory}")),
        );
        place.done("train own.toml --out run --epochs 1");
    }
}

/// Arrays in `.npz`.
#[test]
fn data_files() {
    let with = |name: &'static str, array: crate::command::Array| -> Vec<u8> {
        let mut arrays = Vec::from(inputs());
        for (targets, samples) in [("train_targets", SAMPLES), ("test_targets", 10)] {
            arrays.push(floats(targets, &[samples, STEPS, OUTPUTS], &vec![0.5; samples * STEPS * OUTPUTS]));
        }
        arrays.retain(|old| old.name() != name);
        arrays.push(array);
        npz(&arrays)
    };
    let some =
        |name: &'static str, shape: &[usize]| with(name, floats(name, shape, &numbers(shape.iter().product(), 1)));
    let bad = |value: f32| {
        let mut values = numbers(SAMPLES * STEPS * CHANNELS, 1);
        values[STEPS * CHANNELS + 3] = value;
        with("train_inputs", floats("train_inputs", &[SAMPLES, STEPS, CHANNELS], &values))
    };
    let labels = |values: &[i64]| {
        let arrays = Vec::from(inputs()).into_iter();
        npz(&arrays
            .chain([integers("train_targets", &[SAMPLES], values), integers("test_targets", &[10], &[0; 10])])
            .collect::<Vec<_>>())
    };
    let whole = series();
    for (case, data, says) in [
        (
            "inputs of two dimensions",
            some("train_inputs", &[SAMPLES, STEPS]),
            &["data.npz: `train_inputs`", "[20, 6]", "[samples, steps, channels]"][..],
        ),
        (
            "targets of other steps",
            some("train_targets", &[SAMPLES, 5, OUTPUTS]),
            &["`train_targets`", "[20, 5, 2]", "[20, 6, outputs]"],
        ),
        (
            "targets of other samples",
            some("test_targets", &[9, STEPS, OUTPUTS]),
            &["`test_targets`", "[9, 6, 2]", "[10, 6, outputs]"],
        ),
        (
            "splits that disagree",
            some("test_inputs", &[10, STEPS, 3]),
            &["`test_inputs`: 3 channels", "`train_inputs` has 2"],
        ),
        ("mask of another shape", some("train_mask", &[SAMPLES, 5]), &["`train_mask`", "[20, 5]", "[20, 6]"]),
        ("negative mask", some("train_mask", &[SAMPLES, STEPS]), &["`train_mask`", "-0.", "0 (left out) or more"]),
        (
            "mask that keeps nothing",
            with("train_mask", floats("train_mask", &[SAMPLES, STEPS], &[0.0; SAMPLES * STEPS])),
            &["`train_mask`"],
        ),
        ("NaN", bad(f32::NAN), &["data.npz: `train_inputs`: NaN at [1, 1, 1]", "finite"]),
        ("infinity", bad(f32::INFINITY), &["data.npz: `train_inputs`: inf at [1, 1, 1]", "finite"]),
        ("zero samples", some("train_inputs", &[0, STEPS, CHANNELS]), &["`train_inputs`", "0 samples; at least 1"]),
        ("zero steps", some("train_inputs", &[SAMPLES, 0, CHANNELS]), &["`train_inputs`", "0 steps; at least 1"]),
        ("array that is not known", some("train_maks", &[SAMPLES, STEPS]), &["`train_maks`", "`train_mask`"]),
        ("negative label", labels(&[-1; SAMPLES]), &["`train_targets`: label -1 at [0]; labels count from 0"]),
        ("absurd label", labels(&[1 << 31; SAMPLES]), &["`train_targets`", "label 2147483648 at [0]"]),
        ("labels for mean squared error", classes(2), &["`loss`", "class labels", "`cross-entropy` would be right"]),
        (
            "array that is missing",
            npz(&inputs()),
            &["data.npz: `train_targets` is missing; the file has test_inputs, train_inputs"],
        ),
        (
            "only one split",
            npz(&[floats("train_inputs", &[1, 1, 1], &[0.0]), floats("train_targets", &[1, 1, 1], &[0.0])]),
            &["`test_inputs` is missing"],
        ),
        ("no array", npz(&[]), &["`train_inputs` is missing; the file has no array"]),
        ("cut off", whole[..whole.len() / 2].to_vec(), &["data.npz: no `.npz` file, or one that was cut off"]),
        ("not a zip", b"train_inputs, train_targets\n".to_vec(), &["data.npz: no `.npz` file", "numpy.savez"]),
        ("empty file", Vec::new(), &["data.npz: no `.npz` file", "numpy.savez"]),
    ] {
        let place = Place::own();
        place.write("data.npz", data);
        refused(&place, TRAIN, &format!("data.npz: {case}"), says);
    }
    let place = Place::own();
    place.write(
        "own.toml",
        rules(&[("\"mse\"", "\"cross-entropy\""), ("[readout]", "[readout]\nblocks = \"population\"")]),
    );
    place.write("data.npz", classes(3));
    refused(&place, TRAIN, "more classes than populations to read", &["`readout.blocks`", "2 not 3"]);
}

/// Data that a model cannot run on.
#[test]
fn data_of_another_network() {
    let place = Place::own();
    place.write("labels.toml", config(&[("\"mse\"", "\"cross-entropy\""), ("data.npz", "labels.npz")]));
    place.write("labels.npz", classes(2));
    place.done("train own.toml --out series");
    place.done("train labels.toml --out labels");
    let wide = |channels: usize, outputs: usize| {
        npz(&[
            floats("test_inputs", &[1, 1, channels], &vec![0.5; channels]),
            floats("test_targets", &[1, 1, outputs], &vec![0.5; outputs]),
        ])
    };
    place.write("channels.npz", wide(3, 2));
    place.write("outputs.npz", wide(2, 5));
    place.write("classes.npz", classes(4));
    for command in ["evaluate", "gradient --out g.safetensors"] {
        let says = ["channels.npz: `inputs`: ", "3 channels", "network has 2"];
        refused(
            &place,
            &format!("{command} series/model.safetensors channels.npz"),
            "channels of another network",
            &says,
        );
        let says = ["outputs.npz: `targets`: ", "5 outputs", "network has 2"];
        refused(
            &place,
            &format!("{command} series/model.safetensors outputs.npz"),
            "outputs of another network",
            &says,
        );
        let says = ["classes.npz: `train_targets`: label 2 at [2], but with 2 classes 0 to 1"];
        refused(&place, &format!("{command} labels/model.safetensors classes.npz"), "label without an output", &says);
        let says = ["outputs.npz: no train_inputs"];
        refused(
            &place,
            &format!("{command} series/model.safetensors outputs.npz --split train"),
            "split that is not there",
            &says,
        );
    }
}

/// Model files that are damaged, hostile or of another version.
#[test]
fn model_files() {
    let place = Place::own();
    place.done("train own.toml --out run");
    let whole = place.read("run/model.safetensors");
    let (header, data) = take_apart(&whole);
    let header_with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut header = header.clone();
        change(&mut header);
        put_together(&header, &data)
    };
    let metadata_with = |key: &str, value: serde_json::Value| {
        header_with(&|header| {
            let mut ours: serde_json::Value =
                serde_json::from_str(header["__metadata__"]["daleian"].as_str().unwrap()).unwrap();
            ours[key] = value.clone();
            header["__metadata__"]["daleian"] = ours.to_string().into();
        })
    };
    let bytes_with = |tensor: &str, at: usize, bytes: &[u8]| {
        let mut data = data.clone();
        data[place_of(&header, tensor)][at..at + bytes.len()].copy_from_slice(bytes);
        put_together(&header, &data)
    };
    let empty = json!({"dtype": "F32", "shape": [0, 1u64 << 60], "data_offsets": [data.len(), data.len()]});
    let turned = json!({"dtype": "F32", "shape": [1u64 << 60, 0], "data_offsets": [data.len(), data.len()]});
    let names = "recurrent.indptr";
    for (case, file, says) in [
        ("cut in half", whole[..whole.len() / 2].to_vec(), &["it was cut"][..]),
        ("cut in its header", whole[..100].to_vec(), &["it was cut"]),
        ("empty", Vec::new(), &["0 bytes long"]),
        ("a byte too many", [&whole[..], b"x"].concat(), &["something was appended"]),
        ("indptr not ascending", bytes_with(names, 16, &0i64.to_le_bytes()), &["`recurrent.indptr`", "indptr"]),
        (
            "indptr negative",
            bytes_with(names, 8, &(-3i64).to_le_bytes()),
            &["`recurrent.indptr`: element 1 is -3; at least 0"],
        ),
        (
            "indptr beyond the entries",
            bytes_with(names, 8 * NEURONS, &99i64.to_le_bytes()),
            &["`recurrent.indptr`", "99"],
        ),
        (
            "column out of range",
            bytes_with("recurrent.indices", 8, &100i32.to_le_bytes()),
            &["`recurrent.indices`: row 0 has an entry in column 100, but there are only 8 columns"],
        ),
        (
            "column negative",
            bytes_with("recurrent.indices", 0, &(-1i32).to_le_bytes()),
            &["is -1; at least 0 would be right"],
        ),
        (
            "columns not ascending",
            bytes_with("recurrent.indices", 0, &7i32.to_le_bytes()),
            &["`recurrent.indices`", "row 0"],
        ),
        (
            "NaN",
            with_element(&whole, "recurrent.bias", 2, f32::NAN),
            &["`recurrent.bias`: element 2 is NaN, not a finite"],
        ),
        (
            "signs in a population differ",
            bytes_with("dale.sign", 1, &[255]),
            &["`dale.sign`: neurons 0 and 1 of population `exc` differ"],
        ),
        (
            "sign that is none",
            bytes_with("dale.sign", 0, &[2, 2, 2, 2, 2, 2]),
            &["`dale.sign`: neuron 0: \"2\" is no sign"],
        ),
        (
            "populations that overlap",
            bytes_with("population.start", 8, &0i64.to_le_bytes()),
            &["`population.start`: [0, 0, 8] should rise"],
        ),
        (
            "later version",
            metadata_with("version", json!(2)),
            &["format version 2", "reads up to 1", "newer one is needed"],
        ),
        (
            "another format",
            metadata_with("format", json!("daleian-gradient")),
            &["format \"daleian-gradient\"", "`daleian-model`"],
        ),
        ("metadata incomplete", metadata_with("cell", json!(null)), &["not a daleian model"]),
        (
            "metadata of somebody else",
            header_with(&|header| header["__metadata__"] = json!({"format": "pt"})),
            &["daleian did not write this file"],
        ),
        (
            "tensor missing",
            header_with(&|header| {
                let moved = header["recurrent.bias"].take();
                header.as_object_mut().unwrap().remove("recurrent.bias");
                header["bias"] = moved
            }),
            &["tensor `recurrent.bias` is missing; present: "],
        ),
        (
            "input weights of another size",
            header_with(&|header| header["input.weight"]["shape"] = json!([4, 4])),
            &["`input.weight` has shape [4, 4]", "would be right"],
        ),
        (
            "input weights flat",
            header_with(&|header| header["input.weight"]["shape"] = json!([16])),
            &["`input.weight` has shape [16]; [8, channels]"],
        ),
        (
            "readout of another size",
            header_with(&|header| header["readout.weight"]["shape"] = json!([4, 4])),
            &["`readout.weight` has shape [4, 4]", "would be right"],
        ),
        (
            "type of another kind",
            header_with(&|header| header["recurrent.bias"]["dtype"] = json!("I32")),
            &["`recurrent.bias` has type I32; F32 would be right"],
        ),
        (
            "inputs beyond memory",
            header_with(&|header| {
                header["old"] = header["input.weight"].take();
                header["input.weight"] = empty.clone()
            }),
            &["`input.weight` has shape [0, 1152921504606846976]"],
        ),
        (
            "outputs beyond memory",
            header_with(&|header| {
                header["old"] = header["readout.weight"].take();
                header["readout.weight"] = turned.clone()
            }),
            &["`readout.weight` has 0 bytes, which is not what F32 of shape [1152921504606846976, 0] takes"],
        ),
    ] {
        place.write("m.safetensors", file);
        let says = [&["m.safetensors: "], says].concat();
        refused(&place, "evaluate m.safetensors data.npz --outputs o.npz", &format!("model: {case}"), &says);
        refused(
            &place,
            "gradient m.safetensors data.npz --out g.safetensors",
            &format!("model: {case} (gradient)"),
            &says,
        );
    }
    // a gradient is no model
    place.done("gradient run/model.safetensors data.npz --out g.safetensors");
    refused(
        &place,
        "evaluate g.safetensors data.npz",
        "a gradient for a model",
        &["g.safetensors: format \"daleian-gradient\"", "`daleian-model`"],
    );
}

/// Output folders that are not what they should be.
#[test]
fn run_folders() {
    let place = Place::own();
    place.done(TRAIN);
    refused(&place, TRAIN, "folder of the same run", &["run: holds this run already; add --resume"]);
    let says = ["run: holds a run of another configuration (`seed` differs)", "--out"];
    refused(&place, "train own.toml --out run --seed 4", "folder of another configuration", &says);
    refused(&place, "train flip-flop --out run", "folder of another configuration", &["run: holds a run of another"]);
    let says = ["(`seed` differs); it cannot be resumed"];
    refused(&place, "train own.toml --out run --resume --seed 4", "resumed with another seed", &says);
    let says = ["`epochs`: 2", "run is in epoch 3 already; at least 3"];
    refused(&place, "train own.toml --out run --resume --epochs 2", "resumed with fewer epochs", &says);
    place.write("edges.csv", edited(&place.text("edges.csv"), "n0,n4,", "n0,n5,"));
    let says = ["run/checkpoint.safetensors", "did an input file change?"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "resumed with other edges", &says);
    let checkpoint = place.read("run/checkpoint.safetensors");
    place.write("run/checkpoint.safetensors", &checkpoint[..checkpoint.len() / 2]);
    let says = ["run/checkpoint.safetensors: the header is"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "checkpoint cut in half", &says);
    place.write("run/checkpoint.safetensors", place.read("run/model.safetensors"));
    let says = ["run/checkpoint.safetensors: not a checkpoint"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "model for a checkpoint", &says);
    place.write("run/config.toml", "name = ");
    refused(&place, TRAIN, "folder with a damaged configuration", &["run/config.toml: TOML parse error"]);

    place.write("file", "a file");
    refused(&place, "train own.toml --out file", "output folder is a file", &["file: cannot make the folder"]);
    refused(
        &place,
        "train own.toml --out file/run",
        "output folder within a file",
        &["file/run: cannot make the folder"],
    );
}

/// Files that may not be read and folders that may not be written. Root may do everything, so that there is nothing
/// to see; then the system's own untouchable folder stands in.
#[cfg(target_os = "linux")]
#[test]
fn permissions() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::own();
    refused(
        &place,
        "train own.toml --out /proc/run",
        "output folder not writable",
        &["/proc/run: cannot make the folder"],
    );
    let says = ["/proc/g.safetensors: cannot write"];
    place.done(TRAIN);
    refused(&place, "gradient run/model.safetensors data.npz --out /proc/g.safetensors", "result not writable", &says);
    let forbid =
        |name: &str, mode: u32| fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    forbid("data.npz", 0o000);
    if fs::File::open(place.path("data.npz")).is_ok() {
        println!("not run: root may read every file");
        return;
    }
    refused(&place, "train own.toml --out new", "unreadable data", &["data.npz: cannot open: Permission denied"]);
    forbid("data.npz", 0o644);
    fs::create_dir(place.path("closed")).unwrap();
    forbid("closed", 0o555);
    refused(
        &place,
        "train own.toml --out closed",
        "output folder not writable",
        &["closed/config.toml: cannot write: Permission"],
    );
    refused(
        &place,
        "train own.toml --out closed/run",
        "output folder not writable",
        &["closed/run: cannot make the folder: Perm"],
    );
    forbid("closed", 0o755);
}

/// A folder whose name no configuration can hold.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::own();
    let odd = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(place.path(odd)).unwrap();
    for file in ["own.toml", "data.npz", "edges.csv", "neurons.csv"] {
        fs::copy(place.path(file), place.path(odd).join(file)).unwrap();
    }
    let mut command = place.command(["train", "own.toml"]);
    let case = "folder whose name is not UTF-8";
    refused_by(&place, command.current_dir(place.path(odd)), case, &["own.toml: ", "not UTF-8"]);
    // a result may be written there
    place.done("train own.toml --out run");
    let out = place.path(odd).join("g.safetensors");
    let mut command = place.command(["gradient", "run/model.safetensors", "data.npz", "--json", "--out"]);
    let answer = Answer::from(command.arg(&out).output().unwrap());
    assert!(answer.code == Some(0) && out.exists(), "{answer:?}");
    let mut command = place.command(["train", "own.toml", "--out"]);
    let answer = Answer::from(command.arg(place.path(odd).join("run")).output().unwrap());
    assert!(answer.code == Some(0), "{answer:?}");
}

/// Training that diverges: exit code 3, the last good checkpoint and the metrics before are kept.
#[test]
fn divergence() {
    let sgd = |rate: &str| format!("kind = \"sgd\"\nlearning-rate = {rate}");
    let adam = "kind = \"adam\"\nlearning-rate = 0.01";
    let relu = ("activation = \"tanh\"", "activation = \"relu\"");
    let linear = ("activation = \"tanh\"", "activation = \"identity\"");
    for (case, edits) in [
        ("relu", vec![relu, (adam, &*sgd("30.0"))]),
        ("identity", vec![linear, (adam, &*sgd("3.0")), ("rectified = true", "rectified = false")]),
        // the first step leaves parameters that are no numbers; with one step an epoch nothing sees them but the test
        ("beyond float32", vec![relu, (adam, &*sgd("1e38")), ("batch = 8", "batch = 20")]),
        (
            "beyond float32, in the last epoch",
            vec![relu, (adam, &*sgd("1e38")), ("batch = 8", "batch = 20"), ("epochs = 3", "epochs = 1")],
        ),
        (
            "checkpoints by steps",
            vec![relu, (adam, &*sgd("1e38")), ("[connectome]", "[checkpoint]\nsteps = 1\n[connectome]")],
        ),
    ] {
        let place = Place::own();
        let mut text = config(&edits);
        if !edits.iter().any(|(from, _)| from.starts_with("epochs")) {
            text = edited(&text, "epochs = 3", "epochs = 1000");
        }
        place.write("own.toml", text);
        let answer = place.typed(TRAIN);
        let message = answer.message(3);
        println!("| diverged: {case} | {} |", message.trim_end());
        let (_, at) = message.split_once(" in epoch ").expect("the epoch");
        let (epoch, step) = at.split_once(", step ").expect("the step");
        let (epoch, step): (usize, usize) = (epoch.parse().unwrap(), step.split(';').next().unwrap().parse().unwrap());
        assert!(epoch >= 1 && step >= 1 && message.contains("the last good checkpoint is kept"), "{case}: {message}");
        let found = place.done("evaluate run/checkpoint.safetensors data.npz --json").json();
        assert!(found["loss"].as_f64().is_some_and(f64::is_finite), "{case}: {found}");
        // the epochs before, each with its losses
        let metrics = fs::read_to_string(place.path("run/metrics.csv")).unwrap_or_default();
        let rows: Vec<&str> = metrics.lines().skip(1).collect();
        assert_eq!(rows.len(), epoch - 1, "{case}: {metrics}");
        for (k, row) in rows.iter().enumerate() {
            assert!(row.starts_with(&format!("{},", k + 1)), "{case}: {row}");
            assert!(
                row.split(',').skip(3).take(2).all(|loss| loss.parse::<f64>().unwrap().is_finite()),
                "{case}: {row}"
            );
        }
        let names = place.names("run");
        assert!(!names.iter().any(|name| name.ends_with(".tmp") || name == "model.safetensors"), "{case}: {names:?}");
    }
}

#[test]
fn cells_to_measure() {
    let place = Place::empty();
    for (words, says) in [
        ("bench --cell 0,2,x", ["--cell", "n,density,lanes,steps would be right"]),
        ("bench --cell 64,0.2,16,3 --cell 0,0.5,1,1", ["0,0.5,1,1", "n is `0`; a whole number from 2 to"]),
        ("bench --cell 64,2,16,3 --json", ["64,2,16,3", "above 0 and at most 1 would be right"]),
        ("bench --cell 64,0.2,16,3 --threads 0", ["--threads", "at least 1 would be right"]),
    ] {
        refused(&place, words, words, &says);
    }
    if cfg!(target_os = "linux") {
        let words = "bench --cell 4000000000,1,64,10";
        refused(&place, words, words, &["--cell", "bytes", "a smaller cell would be right"]);
    }
}
