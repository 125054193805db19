//! Model files that are damaged, hostile or of another version.

use serde_json::json;

use super::refused;
use crate::command::{NEURONS, Place, place_of, put_together, take_apart, with_element};

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
            &["`recurrent.indptr`: element 1 is -3; expected at least 0"],
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
            &["is -1; expected at least 0"],
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
            "type that is not UTF-8",
            bytes_with("neurons.type.bytes", 1, &[255]),
            &["`neurons.type.bytes`: the text of neuron 0 is not UTF-8"],
        ),
        (
            "sign that is none",
            bytes_with("dale.sign", 0, &[2, 2, 2, 2, 2, 2]),
            &["`dale.sign`: neuron 0: \"2\" is no sign"],
        ),
        (
            "types that overlap",
            bytes_with("neurons.type.offsets", 8, &99i64.to_le_bytes()),
            &["`neurons.type.offsets`: expected offsets that rise from 0 to 24"],
        ),
        (
            "ids of two neurons",
            bytes_with("neurons.id.bytes", 1, b"1"),
            &["`ids`: neurons 0 and 1 are both called \"n1\""],
        ),
        (
            "later version",
            metadata_with("version", json!(3)),
            &["format version 3", "reads up to 2", "newer one is needed"],
        ),
        (
            "earlier version",
            metadata_with("version", json!(1)),
            &["format version 1, which had no neuron table", "reads version 2: train again"],
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
            &["`input.weight` has shape [4, 4]", "expected"],
        ),
        (
            "input weights flat",
            header_with(&|header| header["input.weight"]["shape"] = json!([16])),
            &["`input.weight` has shape [16]; expected [8, channels]"],
        ),
        (
            "readout of another size",
            header_with(&|header| header["readout.weight"]["shape"] = json!([4, 4])),
            &["`readout.weight` has shape [4, 4]", "expected"],
        ),
        (
            "type of another kind",
            header_with(&|header| header["recurrent.bias"]["dtype"] = json!("I32")),
            &["`recurrent.bias` has type I32; expected F32"],
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
