//! Data files: arrays that are damaged, of the wrong shape, or of another network.

use super::{TRAIN, refused};
use crate::command::{
    CHANNELS, OUTPUTS, Place, SAMPLES, STEPS, classes, config, floats, inputs, integers, npz, numbers, rules, series,
};

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
        (
            "zero samples",
            some("train_inputs", &[0, STEPS, CHANNELS]),
            &["`train_inputs`", "0 samples; expected at least 1"],
        ),
        (
            "zero steps",
            some("train_inputs", &[SAMPLES, 0, CHANNELS]),
            &["`train_inputs`", "0 steps; expected at least 1"],
        ),
        ("array that is not known", some("train_maks", &[SAMPLES, STEPS]), &["`train_maks`", "`train_mask`"]),
        ("negative label", labels(&[-1; SAMPLES]), &["`train_targets`: label -1 at [0]; labels count from 0"]),
        ("absurd label", labels(&[1 << 31; SAMPLES]), &["`train_targets`", "label 2147483648 at [0]"]),
        ("labels for mean squared error", classes(2), &["`loss`", "class labels", "expected `cross-entropy`"]),
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
        rules(&[("\"mse\"", "\"cross-entropy\""), ("[optimizer]", "[[readout]]\noutputs = [0, 1]\n[optimizer]")]),
    );
    place.write("data.npz", classes(3));
    refused(&place, TRAIN, "more classes than outputs that read", &["`readout`", "output 2 reads no neuron"]);
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
        let says = ["classes.npz: `train_targets`: label 2 at [2], but with 2 classes; expected 0 to 1"];
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
