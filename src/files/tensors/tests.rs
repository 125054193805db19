//! Round trips, the same bytes as the reference library, and files that somebody cut, damaged or forged.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde_json::{Value, json};

use super::*;
use crate::error::Result;

const FLOATS: [f32; 6] = [1.0, -0.5, 0.0, f32::MIN_POSITIVE, 3.5e37, -7.0];

fn sample() -> Vec<Tensor<'static>> {
    vec![
        Tensor::new("recurrent.values", &[2, 3], &FLOATS[..]),
        Tensor::vector("loss", &[1.0 / 3.0_f64][..]),
        Tensor::vector("dale.sign", &[1_i8, 0, -1][..]),
        Tensor::vector("bytes", &[0_u8, 255][..]),
        Tensor::vector("recurrent.indices", &[0_u32, 7, i32::MAX as u32][..]),
        Tensor::vector("recurrent.indptr", &[0_usize, 3, 1 << 40][..]),
        Tensor::vector("signed", &[i32::MIN, 5][..]),
        Tensor::vector("wide", &[i64::MIN, 5][..]),
        Tensor::vector("seed", &[u64::MAX][..]),
        Tensor::new("empty", &[0, 4], &[][..] as &[f32]),
        Tensor::new("scalar", &[], &[2.5_f32][..]),
    ]
}

fn write(folder: &Path, tensors: &[Tensor], metadata: &Value) -> PathBuf {
    let path = folder.join("t.safetensors");
    write_tensors(&path, tensors, metadata).unwrap();
    path
}

/// The message of the error that reading these bytes ends with, if any of it fails.
fn refusal(folder: &Path, bytes: &[u8]) -> String {
    let path = folder.join("bad.safetensors");
    fs::write(&path, bytes).unwrap();
    let error = TensorReader::open(&path).unwrap_err();
    assert!(matches!(error, crate::Error::Content { .. }), "{error:?}");
    error.to_string()
}

/// A file with this header and so many bytes of data.
fn forged(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn round_trip_of_every_type() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let metadata = json!({"format": "daleian", "version": 1, "names": ["é", "\"quoted\""]});
    let reader = TensorReader::open(write(folder.path(), &sample(), &metadata))?;
    assert_eq!(reader.metadata()?, &metadata);
    assert_eq!(reader.names().count(), 11);
    assert!(reader.contains("loss") && !reader.contains("los"));
    assert_eq!(reader.shape("recurrent.values")?, [2, 3]);
    assert_eq!(reader.length("dale.sign")?, 3);
    assert_eq!(reader.f32("recurrent.values", &[2, 3])?, FLOATS);
    assert_eq!(reader.f64("loss", &[1])?, [1.0 / 3.0]);
    assert_eq!(reader.i8("dale.sign", &[3])?, [1, 0, -1]);
    assert_eq!(reader.u8("bytes", &[2])?, [0, 255]);
    assert_eq!(reader.i32("recurrent.indices", &[3])?, [0, 7, i32::MAX]);
    assert_eq!(reader.i64("recurrent.indptr", &[3])?, [0, 3, 1 << 40]);
    assert_eq!(reader.i32("signed", &[2])?, [i32::MIN, 5]);
    assert_eq!(reader.i64("wide", &[2])?, [i64::MIN, 5]);
    assert_eq!(reader.u64("seed", &[1])?, [u64::MAX]);
    assert_eq!(reader.f32("empty", &[0, 4])?, [0.0; 0]);
    assert_eq!(reader.f32("scalar", &[])?, [2.5]);
    Ok(())
}

#[test]
fn no_negative_zero_is_written() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let tensors = [Tensor::vector("a", &[-0.0_f32, -1e-45][..]), Tensor::vector("b", &[-0.0_f64, -5e-324][..])];
    let reader = TensorReader::open(write(folder.path(), &tensors, &json!({})))?;
    assert_eq!(reader.f32("a", &[2])?.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [0, (-1e-45_f32).to_bits()]);
    assert_eq!(reader.f64("b", &[2])?.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [0, (-5e-324_f64).to_bits()]);
    Ok(())
}

#[test]
fn a_tensor_longer_than_the_buffer() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let long: Vec<f32> = (0..CHUNK / 4 * 2 + 5).map(|i| i as f32).collect();
    let short = [-1.0_f64, 1.0];
    let tensors = [Tensor::vector("z", &long[..]), Tensor::vector("a", &short[..])];
    let reader = TensorReader::open(write(folder.path(), &tensors, &json!({})))?;
    assert_eq!(reader.f32("z", &[long.len()])?, long);
    assert_eq!(reader.f64("a", &[2])?, short);
    Ok(())
}

/// The bytes depend on names and content alone, and are those the reference library writes.
#[test]
fn bytes_are_those_of_the_reference_library() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = json!({"b": 1, "a": [2.5, null]});
    let forward = fs::read(write(folder.path(), &sample(), &metadata)).unwrap();
    let mut reversed = sample();
    reversed.reverse();
    assert_eq!(forward, fs::read(write(folder.path(), &reversed, &metadata)).unwrap());

    let theirs = SafeTensors::deserialize(&forward).unwrap();
    assert_eq!(theirs.tensor("recurrent.indices").unwrap().dtype(), Dtype::I32);
    assert_eq!(theirs.tensor("recurrent.indptr").unwrap().dtype(), Dtype::I64);
    let text = HashMap::from([("daleian".to_string(), metadata.to_string())]);
    assert_eq!(forward, serialize(theirs.tensors(), Some(text)).unwrap());
}

#[test]
fn every_truncation_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(write(folder.path(), &sample()[..3], &json!({"format": "daleian"}))).unwrap();
    for length in 0..bytes.len() {
        let message = refusal(folder.path(), &bytes[..length]);
        assert!(message.contains("it was cut") || message.contains("the file was cut"), "{length}: {message}");
    }
    let appended = [&bytes[..], b"x"].concat();
    assert!(refusal(folder.path(), &appended).contains("something was appended"));
}

#[test]
fn forged_headers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = |dtype: &str, shape: &str, from: &str, to: &str| {
        format!(r#""w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let max = u64::MAX.to_string();
    let cases = [
        (String::new(), "no JSON object"),
        ("[]".into(), "no JSON object"),
        ("{".into(), "no JSON object"),
        ("[".repeat(100_000), "no JSON object"),
        ("{\"w\":".repeat(100_000), "no JSON object"),
        (r#"{"w":{}}"#.into(), "`w`: missing field `dtype`"),
        (r#"{"w":[1,2]}"#.into(), "`w`: "),
        (format!("{{{}}}", tensor("F32", "[-2]", "0", "8")), "`w`: invalid value: integer `-2`"),
        (format!("{{{}}}", tensor("F32", "[2.5]", "0", "8")), "`w`: invalid type: floating point"),
        (format!("{{{}}}", tensor("F33", "[2]", "0", "8")), "`w`: unknown variant `F33`"),
        (format!("{{{}}}", tensor("F32", "[2]", "-1", "8")), "`w`: invalid value: integer `-1`"),
        (format!("{{{}}}", tensor("F32", "[2]", "0", "4")), "`w` has 4 bytes, which is not what F32 of shape [2]"),
        (format!("{{{}}}", tensor("F32", "[2]", "4", "12")), "`w` lies at bytes 4 to 12"),
        (format!("{{{}}}", tensor("F32", "[2]", "8", "0")), "`w` lies at bytes 8 to 0"),
        (format!("{{{}}}", tensor("F32", "[3]", "0", "12")), "`w` ends at byte 12 of the data, but there are 8"),
        (format!("{{{}}}", tensor("F32", &format!("[{max},4]"), "0", "8")), "`w` has 8 bytes, which is not what"),
        (format!("{{{}}}", tensor("F32", "[4611686018427387905]", "0", "4")), "`w` has 4 bytes, which is not what"),
        (format!("{{{}}}", tensor("U8", &format!("[{max}]"), "0", &max)), "`w` has 18446744073709551615 bytes"),
        (
            format!("{{{},{}}}", tensor("F32", "[2]", "0", "8"), tensor("F32", "[1]", "4", "8").replace("w", "v")),
            "`v` lies at bytes 4 to 8 of the data; expected a start at 8",
        ),
        ("{}".into(), "8 bytes of data, but the tensors take 0"),
    ];
    for (header, want) in cases {
        let message = refusal(folder.path(), &forged(&header, 8));
        assert!(message.contains(want), "{header:.60}: {message}");
        assert!(message.contains("bad.safetensors: "), "{message}");
    }
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend([0; 8]);
    assert!(refusal(folder.path(), &bytes).contains("a header of 18446744073709551615 bytes"));
    bytes[..8].copy_from_slice(&HEADER_LIMIT.to_le_bytes());
    assert!(refusal(folder.path(), &bytes).contains("only 8 follow: it was cut"));
    assert!(refusal(folder.path(), &forged("\u{feff}{}", 0)).contains("no JSON object"));
    assert!(refusal(folder.path(), b"\x02\0\0\0\0\0\0\0\xff\xff").contains("no JSON object"));
}

#[test]
fn wrong_type_shape_or_name() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let reader = TensorReader::open(write(folder.path(), &sample()[..3], &json!({})))?;
    let message = |result: Result<Vec<f32>>| result.unwrap_err().to_string();
    assert!(message(reader.f32("loss", &[1])).ends_with("t.safetensors: `loss` has type F64; expected F32"));
    assert!(
        message(reader.f32("recurrent.values", &[3, 2]))
            .ends_with("`recurrent.values` has shape [2, 3]; expected [3, 2]")
    );
    assert!(message(reader.f32("recurrent.values", &[6])).ends_with("has shape [2, 3]; expected [6]"));
    assert!(
        message(reader.f32("recurrent.bias", &[2]))
            .ends_with("tensor `recurrent.bias` is missing; present: `dale.sign`, `loss`, `recurrent.values`")
    );
    let length = reader.length("recurrent.values").unwrap_err().to_string();
    assert!(length.ends_with("`recurrent.values` has shape [2, 3]; expected one dimension"), "{length}");
    Ok(())
}

#[test]
fn files_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torch.safetensors");
    let view = TensorView::new(Dtype::BF16, vec![2], &[0; 4]).unwrap();
    let cases = [
        (None, "no key `daleian`: daleian did not write this file"),
        (Some(("format", "pt")), "no key `daleian`: daleian did not write this file"),
        (Some(("daleian", "[1]")), "must be a JSON object"),
        (Some(("daleian", "{")), "are no JSON"),
    ];
    for (entry, want) in cases {
        let metadata = entry.map(|(key, text)| HashMap::from([(key.to_string(), text.to_string())]));
        fs::write(&path, serialize([("weight", view.clone())], metadata).unwrap()).unwrap();
        let reader = TensorReader::open(&path).unwrap();
        let message = reader.metadata().unwrap_err().to_string();
        assert!(message.contains(want), "{message}");
        assert_eq!(reader.names().collect::<Vec<_>>(), ["weight"]);
        let message = reader.f32("weight", &[2]).unwrap_err().to_string();
        assert!(message.contains("`weight` has type BF16; expected F32"), "{message}");
    }
    let missing = TensorReader::open(folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none: cannot open: "), "{missing}");
    let directory = TensorReader::open(folder.path()).unwrap_err().to_string();
    assert!(directory.contains("not a file"), "{directory}");
}

#[test]
fn a_file_cut_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &sample()[..1], &json!({}));
    let reader = TensorReader::open(&path).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    let message = reader.f32("recurrent.values", &[2, 3]).unwrap_err().to_string();
    assert!(message.contains("t.safetensors: cannot read: "), "{message}");
}

#[test]
fn a_header_too_long_to_read_back_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    let metadata = json!({"text": "x".repeat(HEADER_LIMIT as usize)});
    let message = write_tensors(&path, &[], &metadata).unwrap_err().to_string();
    assert!(message.contains("long.safetensors: names and metadata take"), "{message}");
    assert!(!path.exists());
}

#[test]
#[should_panic(expected = "a shape of [2, 2] must hold all elements and no more")]
fn a_shape_that_does_not_fit_is_a_broken_contract() {
    Tensor::new("w", &[2, 2], &FLOATS[..]);
}

#[test]
#[should_panic(expected = "every tensor must have its own name")]
fn two_tensors_of_one_name_are_a_broken_contract() {
    let twice = [sample().remove(0), sample().remove(0)];
    let _ = write_tensors("unused", &twice, &json!({}));
}

proptest! {
    // Each case waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What is written is read back to the bit, NaN included; only -0.0 comes back as 0.0.
    #[test]
    fn floats_round_trip(bits in prop::collection::vec(any::<u32>(), 0..200), rows in 1_usize..5) {
        let folder = tempfile::tempdir().unwrap();
        let mut values: Vec<f32> = bits[..bits.len() / rows * rows].iter().map(|&b| f32::from_bits(b)).collect();
        let shape = [rows, values.len() / rows];
        let path = write(folder.path(), &[Tensor::new("w", &shape, &values[..])], &json!({}));
        let read = TensorReader::open(path).unwrap().f32("w", &shape).unwrap();
        values.iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 0.0);
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&values));
    }

}

proptest! {
    /// A damaged byte never makes the reader panic; if the file still opens, so does the reference library's.
    #[test]
    fn damage_never_panics(at in 0_usize..400, to in any::<u8>()) {
        static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let folder = tempfile::tempdir().unwrap();
            fs::read(write(folder.path(), &sample()[..3], &json!({"format": "daleian"}))).unwrap()
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.safetensors");
        let mut bytes = WHOLE.clone();
        let at = at % bytes.len();
        bytes[at] = to;
        fs::write(&path, &bytes).unwrap();
        if let Ok(reader) = TensorReader::open(&path) {
            prop_assert!(SafeTensors::deserialize(&bytes).is_ok() || reader.metadata().is_err());
            let names: Vec<_> = reader.names().map(String::from).collect();
            for name in names {
                let shape = reader.shape(&name).unwrap().to_vec();
                let _ = (reader.f32(&name, &shape), reader.f64(&name, &shape), reader.i8(&name, &shape));
            }
        }
    }
}
