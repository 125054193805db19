//! Files as numpy writes them (`tests/data/`), and files that are wrong on purpose.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::data::Targets;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// An `.npy` file: its header as given, then the bytes.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    raw_npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

fn raw_npy(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), header.as_bytes(), data].concat()
}

fn f32s(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let shape = shape.iter().map(|size| format!("{size},")).collect::<String>();
    npy("<f4", &format!("({shape})"), &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

fn zipped(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What reading these bytes says.
fn problem_of(bytes: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let text = read_splits(file.path(), None).unwrap_err().to_string();
    assert!(text.starts_with(&file.path().display().to_string()), "{text}");
    text
}

/// What is said of a file with one sample, two steps, one channel and one output, with some arrays put over it.
fn problem_with(arrays: &[(&str, Vec<u8>)]) -> String {
    let mut all = vec![("train_inputs", f32s(&[1, 2, 1], &[0.0; 2])), ("train_targets", f32s(&[1, 2, 1], &[0.0; 2]))];
    for (name, bytes) in arrays {
        all.retain(|(other, _)| other != name);
        all.push((name, bytes.clone()));
    }
    problem_of(&zipped(&all))
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn series_are_read_as_numpy_wrote_them() {
    let data = read(fixture("series.npz"), None).unwrap();
    let (train, test) = (data.train(), data.test());
    assert_eq!([train.samples(), train.steps(), train.channels(), train.outputs()], [3, 4, 2, 1]);
    assert_eq!([test.samples(), test.steps(), test.channels(), test.outputs()], [2, 5, 2, 1]);
    assert_eq!(train.inputs(), (0..24).map(|k| k as f32 / 4.0).collect::<Vec<_>>());
    let Targets::Series { values, mask: None, .. } = train.targets() else { panic!("no mask was written") };
    assert_eq!(values, &(0..12).map(|k| -k as f32).collect::<Vec<_>>());
    let Targets::Series { mask: Some(mask), .. } = test.targets() else { panic!("a mask was written") };
    assert_eq!(mask, &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0]);
}

#[test]
fn type_order_and_compression_do_not_matter() {
    let data = read(fixture("series.npz"), None).unwrap();
    for name in ["series-f64.npz", "series-fortran.npz", "series-big-endian.npz"] {
        assert_eq!(read(fixture(name), None).unwrap(), data, "{name}");
    }
}

#[test]
fn labels_of_both_splits_give_the_classes() {
    let labels = |dataset: &Dataset| match dataset.targets() {
        Targets::Classes { labels, classes } => (labels.clone(), *classes),
        _ => panic!("labels were written"),
    };
    let data = read(fixture("labels.npz"), None).unwrap();
    assert_eq!(labels(data.train()), (vec![2, 0, 1], 5));
    assert_eq!(labels(data.test()), (vec![4, 0], 5));
    let data = read(fixture("labels-other.npz"), Some(10)).unwrap();
    assert_eq!(labels(data.train()), (vec![2, 0, 1], 10));
    assert_eq!(labels(data.test()), (vec![1, 0], 10));
    let text = read(fixture("labels.npz"), Some(4)).unwrap_err().to_string();
    assert_says(&text, &["labels.npz: `test_targets`: label 4 at [0]", "4 classes", "0 to 3"]);
}

#[test]
fn every_integer_type_can_be_a_label() {
    for (descr, bytes) in [
        ("|i1", vec![3]),
        ("|u1", vec![3]),
        ("<i2", vec![3, 0]),
        ("<u2", vec![3, 0]),
        ("<i4", vec![3, 0, 0, 0]),
        (">u4", vec![0, 0, 0, 3]),
        ("<i8", vec![3, 0, 0, 0, 0, 0, 0, 0]),
        (">u8", vec![0, 0, 0, 0, 0, 0, 0, 3]),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let arrays = [("test_inputs", f32s(&[1, 1, 1], &[0.0])), ("test_targets", npy(descr, "(1,)", &bytes))];
        file.write_all(&zipped(&arrays)).unwrap();
        let splits = read_splits(file.path(), None).unwrap();
        assert_eq!(splits.train, None);
        assert_eq!(splits.test.unwrap().targets(), &Targets::Classes { labels: vec![3], classes: 4 }, "{descr}");
        assert_says(&read(file.path(), None).unwrap_err().to_string(), &["`train_inputs` is missing"]);
    }
}

#[test]
fn missing_and_unknown_arrays_are_named() {
    let inputs = ("train_inputs", f32s(&[1, 1, 1], &[0.0]));
    let text = problem_of(&zipped(&[inputs.clone(), ("rate", f32s(&[], &[0.0]))]));
    assert_says(&text, &["`train_targets` is missing; the file has rate, train_inputs"]);
    assert_says(&problem_of(&zipped(&[])), &["`test_inputs` is missing; the file has no array"]);
    assert_says(&problem_of(&zipped(&[("train_mask", inputs.1)])), &["`train_inputs` is missing"]);
    let text = problem_with(&[("train_masks", f32s(&[1, 2], &[1.0; 2]))]);
    assert_says(&text, &["`train_masks`: no array of this name", "`train_mask`"]);
}

#[test]
fn wrong_shapes_are_named() {
    let says = |name: &'static str, shape: &[usize], parts: &[&str]| {
        let values = vec![1.0; shape.iter().product()];
        assert_says(&problem_with(&[(name, f32s(shape, &values))]), parts);
    };
    says("train_inputs", &[1, 2], &["`train_inputs`: float32 of shape [1, 2]", "[samples, steps, channels]"]);
    says("train_inputs", &[0, 2, 1], &["`train_inputs`", "0 samples; expected at least 1"]);
    says("train_inputs", &[1, 0, 1], &["`train_inputs`", "0 steps; expected at least 1"]);
    says("train_inputs", &[1, 2, 0], &["`train_inputs`", "0 channels; expected at least 1"]);
    says("train_targets", &[1, 2, 0], &["`train_targets`", "0 outputs; expected at least 1"]);
    says("train_targets", &[1, 3, 1], &["`train_targets`", "[1, 3, 1]", "[1, 2, outputs]", "[1, 2, 1]"]);
    says("train_targets", &[1, 2], &["`train_targets`", "[1, 2]", "[samples, steps, outputs]"]);
    says("train_mask", &[1, 3], &["`train_mask`", "[1, 3]", "[1, 2, 1] or [1, 2]"]);
    says("train_mask", &[1, 2, 2], &["`train_mask`", "[1, 2, 2]"]);
    says("train_mask", &[2], &["`train_mask`", "[2]"]);
    let text = problem_with(&[("train_targets", npy("|u1", "(3,)", &[0; 3]))]);
    assert_says(&text, &["`train_targets`: uint8 of shape [3]; expected [1]"]);
}

/// A file with these arrays, read for training.
fn splits_of(arrays: &[(&str, Vec<u8>)]) -> Splits {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&zipped(arrays)).unwrap();
    read_splits(file.path(), None).unwrap()
}

fn inputs_of(name: &'static str, shape: [usize; 3]) -> (&'static str, Vec<u8>) {
    (name, f32s(&shape, &vec![0.0; shape.iter().product()]))
}

#[test]
fn labels_of_each_step_come_with_a_mask_and_lengths() {
    let labels = ("test_targets", npy("|i1", "(2, 3)", &[0, 0xff, 4, 2, 0xff, 9]));
    let arrays = [
        inputs_of("test_inputs", [2, 3, 1]),
        labels,
        ("test_mask", f32s(&[2, 3], &[1.0, 0.0, 0.5, 1.0, 1.0, 1.0])),
        ("test_lengths", npy("<i8", "(2,)", &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])),
    ];
    let test = splits_of(&arrays).test.unwrap();
    // -1 and 9 stand where nothing counts; so the highest label is 4
    let mask = Some(vec![1.0, 0.0, 0.5, 1.0, 0.0, 0.0]);
    assert_eq!(test.targets(), &Targets::StepClasses { labels: vec![0, 0, 4, 2, 0, 0], classes: 5, mask });
    assert_eq!(test.lengths(), Some(&[3, 1][..]));
    // a mask of one number per step in any form
    let arrays = [
        inputs_of("test_inputs", [1, 2, 1]),
        ("test_targets", npy("|u1", "(1, 2)", &[1, 0])),
        ("test_mask", npy("|b1", "(1, 2, 1)", &[1, 0])),
    ];
    let mask = Some(vec![1.0, 0.0]);
    let wanted = Targets::StepClasses { labels: vec![1, 0], classes: 2, mask };
    assert_eq!(splits_of(&arrays).test.unwrap().targets(), &wanted);
}

#[test]
fn a_target_under_a_mask_of_0_may_be_nan() {
    let arrays = [
        inputs_of("train_inputs", [1, 2, 1]),
        ("train_targets", f32s(&[1, 2, 1], &[0.5, f32::NAN])),
        ("train_mask", f32s(&[1, 2], &[2.0, 0.0])),
    ];
    let wanted = Targets::Series { values: vec![0.5, 0.0], outputs: 1, mask: Some(vec![2.0, 0.0]) };
    assert_eq!(splits_of(&arrays).train.unwrap().targets(), &wanted);
    let nan = ("train_targets", f32s(&[1, 2, 1], &[0.5, f32::NAN]));
    let text = problem_with(&[nan.clone(), ("train_mask", f32s(&[1, 2], &[0.0, 1.0]))]);
    assert_says(&text, &["`train_targets`: NaN at [0, 1, 0]", "mask is 1", "where the mask is 0"]);
    assert_says(&problem_with(&[nan]), &["`train_targets`: NaN at [0, 1, 0]", "a mask that is 0"]);
}

#[test]
fn wrong_lengths_and_labels_of_steps_are_named() {
    let lengths = |descr, shape, bytes: &[u8]| problem_with(&[("train_lengths", npy(descr, shape, bytes))]);
    assert_says(&lengths("|i1", "(1,)", &[0]), &["`train_lengths`: 0 at [0]; expected 1 to 2 steps"]);
    assert_says(&lengths("|i1", "(1,)", &[3]), &["`train_lengths`: 3 at [0]; expected 1 to 2 steps"]);
    assert_says(&lengths("|i1", "(1,)", &[0xff]), &["`train_lengths`: -1 at [0]; expected a number of steps"]);
    assert_says(&lengths("|i1", "(2,)", &[1, 1]), &["`train_lengths`: int8 of shape [2]; expected integers", "[1]"]);
    assert_says(&lengths("|i1", "(1, 1)", &[1]), &["`train_lengths`", "[1, 1]", "integers of shape [1]"]);
    assert_says(&lengths("<f4", "(1,)", &1f32.to_le_bytes()), &["`train_lengths`: float32", "integers"]);
    let labels = |descr, shape, bytes: &[u8]| problem_with(&[("train_targets", npy(descr, shape, bytes))]);
    assert_says(&labels("|i1", "(1, 2)", &[0, 0xff]), &["`train_targets`: label -1 at [0, 1]; labels count from 0"]);
    assert_says(&labels("|i1", "(1, 3)", &[0; 3]), &["`train_targets`: int8 of shape [1, 3]; expected [1, 2]"]);
    assert_says(&labels("<f4", "(1, 2)", &[0; 8]), &["`train_targets`: float32", "integers", ".astype(\"int64\")"]);
    let step_labels = ("train_targets", npy("|i1", "(1, 2)", &[0, 1]));
    let text = problem_with(&[step_labels, ("train_mask", f32s(&[1, 2, 2], &[1.0; 4]))]);
    assert_says(&text, &["`train_mask`", "expected [1, 2, 1] or [1, 2]"]);
}

#[test]
fn inputs_alone_are_enough_to_evaluate() {
    let read = |arrays: &[(&str, Vec<u8>)]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&zipped(arrays)).unwrap();
        read_to_evaluate(file.path(), 3)
    };
    let inputs = inputs_of("test_inputs", [2, 3, 1]);
    let test = read(std::slice::from_ref(&inputs)).unwrap().test.unwrap();
    assert_eq!((test.targets(), test.outputs()), (&Targets::Missing { outputs: 3 }, 3));
    let mask = ("test_mask", f32s(&[2, 3], &[1.0; 6]));
    let text = read(&[inputs, mask]).unwrap_err().to_string();
    assert_says(&text, &["`test_targets` is missing; the file has test_inputs, test_mask"]);
    // with targets all is as for training
    let data = read_to_evaluate(fixture("labels.npz"), 5).unwrap();
    assert_eq!(data.train, read_splits(fixture("labels.npz"), None).unwrap().train);
}

#[test]
fn splits_that_disagree_are_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let zeros = |shape: &[usize]| f32s(shape, &vec![0.0; shape.iter().product()]);
    let bytes = zipped(&[
        ("train_inputs", zeros(&[1, 2, 1])),
        ("train_targets", zeros(&[1, 2, 1])),
        ("test_inputs", zeros(&[1, 2, 3])),
        ("test_targets", zeros(&[1, 2, 1])),
    ]);
    std::fs::write(file.path(), bytes).unwrap();
    let text = read(file.path(), None).unwrap_err().to_string();
    assert_says(&text, &["`test_inputs`: 3 channels, but `train_inputs` has 1"]);
}

#[test]
fn wrong_types_are_named() {
    let text = read_splits(fixture("objects.npz"), None).unwrap_err().to_string();
    assert_says(&text, &["objects.npz: `train_inputs`: Python objects", "float32"]);
    let text = read_splits(fixture("text.npz"), None).unwrap_err().to_string();
    assert_says(&text, &["text.npz: `train_inputs`: text", "float32"]);
    let text = problem_with(&[("train_inputs", npy("<i4", "(1, 2, 1)", &[0; 8]))]);
    assert_says(&text, &["`train_inputs`: int32", ".astype(\"float32\")"]);
    let text = problem_with(&[("train_inputs", npy("<c8", "(1, 2, 1)", &[0; 16]))]);
    assert_says(&text, &["`train_inputs`: complex64"]);
    let text = problem_with(&[("train_targets", npy("<i8", "(1, 2, 1)", &[0; 16]))]);
    assert_says(&text, &["`train_targets`: int64", ".astype(\"float32\")"]);
    let text = problem_with(&[("train_targets", f32s(&[1], &[3.0]))]);
    assert_says(&text, &["`train_targets`: float32", "integers", ".astype(\"int64\")"]);
}

#[test]
fn wrong_numbers_are_named_with_their_place() {
    let text = problem_with(&[("train_inputs", f32s(&[1, 2, 1], &[0.0, f32::NAN]))]);
    assert_says(&text, &["`train_inputs`: NaN at [0, 1, 0]"]);
    let text =
        problem_with(&[("train_targets", npy("<f8", "(1, 2, 1)", &[1e300f64, 0.0].map(f64::to_le_bytes).concat()))]);
    assert_says(&text, &["`train_targets`: inf at [0, 0, 0]", "finite as float32"]);
    let text = problem_with(&[("train_mask", f32s(&[1, 2], &[1.0, -0.5]))]);
    assert_says(&text, &["`train_mask`: -0.5 at [0, 1, 0]"]);
    let text = problem_with(&[("train_targets", npy("|i1", "(1,)", &[0xff]))]);
    assert_says(&text, &["`train_targets`: label -1 at [0]; labels count from 0"]);
    let text = problem_with(&[("train_targets", npy("<u8", "(1,)", &[0xff; 8]))]);
    assert_says(&text, &["`train_targets`: label 18446744073709551615"]);
    let text = problem_with(&[("train_targets", npy("<u4", "(1,)", &[0, 0, 0, 0x10]))]);
    assert_says(&text, &["`train_targets`: label 268435456 at [0]", "at most 1048575"]);
    let mask = ("train_mask", f32s(&[1, 2], &[1.0; 2]));
    let text = problem_with(&[mask, ("train_targets", npy("|i1", "(1,)", &[0]))]);
    assert_says(&text, &["`train_mask`", "class labels"]);
}

#[test]
fn headers_are_not_trusted() {
    let says = |bytes: Vec<u8>, parts: &[&str]| assert_says(&problem_with(&[("train_inputs", bytes)]), parts);
    says(npy("<f4", "(1000000, 1000000, 10)", &[0; 8]), &["[1000000, 1000000, 10]", "there are 8"]);
    says(npy("<f4", "(4294967296, 4294967296, 4294967296)", &[0; 8]), &["too large a shape"]);
    says(npy("<f4", "(0xffffffffffff, 0xffffffffffff)", &[0; 8]), &["too large a shape"]);
    says(npy("<f4", "(-1, 2, 1)", &[0; 8]), &["no numpy array", "negative"]);
    says(npy("<f4", "(1, 2, 1)", &[0; 7]), &["[1, 2, 1]", "there are 7"]);
    says(npy("<f4", "(1, 2, 1)", &[0; 9]), &["[1, 2, 1]", "there are 9"]);
    says(raw_npy(&"{".repeat(500), &[]), &["no plain array"]);
    says(raw_npy(&" ".repeat(5000), &[]), &["no plain array", "5000 bytes"]);
    says(raw_npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", &[0; 4]), &["records"]);
    says(b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), &["no plain array", "4294967295 bytes"]);
    says(b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), &["no numpy array"]);
    says(b"\x93NUM".to_vec(), &["no numpy array"]);
    says(b"PK and more bytes".to_vec(), &["no numpy array"]);
}

#[test]
fn damaged_archives_are_errors() {
    let whole = std::fs::read(fixture("series-f64.npz")).unwrap();
    assert_says(&problem_of(&whole[..whole.len() / 2]), &["no `.npz` file, or one that was cut off"]);
    assert_says(&problem_of(b"pre,post\n1,2\n"), &["no `.npz` file"]);
    assert_says(&problem_of(b""), &["no `.npz` file"]);
    let text = read_splits(fixture("nowhere.npz"), None).unwrap_err().to_string();
    assert_says(&text, &["nowhere.npz: cannot open"]);
    assert!(read_splits(fixture("."), None).is_err());

    // A changed bit in the numbers breaks their checksum.
    let mut bytes = zipped(&[("train_inputs", f32s(&[1, 2, 1], &[0.25; 2]))]);
    let at = bytes.windows(4).position(|window| window == 0.25f32.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    assert_says(&problem_of(&bytes), &["`train_inputs`: cannot be read to its end", "damaged"]);
}

/// A declared size that the stored bytes cannot have is refused before anything is allocated for it.
#[test]
fn sizes_in_the_archive_are_not_trusted() {
    let array = npy("<f4", "(100000, 100000, 1)", &[0; 8]);
    let length = u32::try_from(array.len()).unwrap();
    let mut bytes = zipped(&[("train_inputs", array)]);
    let lie = 4_000_000_000u32.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len() - 3).filter(|&at| bytes[at..at + 4] == length.to_le_bytes()).collect();
    // Packed and unpacked size, before the data and in the directory: the unpacked one is the second of each pair.
    assert_eq!(places.len(), 4);
    for pair in places.chunks(2) {
        bytes[pair[1]..][..4].copy_from_slice(&lie);
    }
    assert_says(&problem_of(&bytes), &["`train_inputs`: ", "4000000000 bytes are declared", "cannot hold"]);
}

#[test]
fn what_is_written_can_be_read() {
    for compression in [Compression::Stored, Compression::Deflated] {
        let (inputs, targets) = ([1.5, -2.0, 0.0, 4.0], [0.5, 0.25]);
        let arrays: [(&str, &[usize], &[f32]); 3] =
            [("test_inputs", &[1, 2, 2], &inputs), ("test_targets", &[1, 2, 1], &targets), ("scalar", &[], &[3.0])];
        let bytes = write_npz(Vec::new(), compression, &arrays).unwrap();
        assert_eq!(bytes, write_npz(Vec::new(), compression, &arrays).unwrap());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let test = read_splits(file.path(), None).unwrap().test.unwrap();
        assert_eq!(test.inputs(), inputs);
        let wanted = Targets::Series { values: targets.to_vec(), outputs: 1, mask: None };
        assert_eq!(test.targets(), &wanted);
    }
}

/// An array that is written a part at a time is the same file.
#[test]
fn parts_make_the_whole() {
    let values: Vec<f32> = (0..30).map(|k| k as f32).collect();
    let whole = write_npz(Vec::new(), Compression::Deflated, &[("rates", &[5, 3, 2], &values)]).unwrap();
    let parts = write_npz_in_parts(Vec::new(), Compression::Deflated, "rates", &[5, 3, 2], |take| {
        values.chunks(12).try_for_each(take)
    });
    assert_eq!(parts.unwrap(), whole);
}

#[test]
#[should_panic(expected = "`a` must hold what its shape says")]
fn written_parts_must_fill_the_shape() {
    let _ = write_npz_in_parts(Vec::new(), Compression::Stored, "a", &[3], |take| take(&[1.0]));
}

#[test]
#[should_panic(expected = "`a` must hold what its shape says")]
fn a_written_shape_must_fit() {
    let _ = write_npz(Vec::new(), Compression::Stored, &[("a", &[2], &[1.0])]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is damaged, reading ends with data or with an error, never a panic.
    #[test]
    fn damage_never_panics(at in 0usize..2000, byte: u8, cut in 0usize..4000) {
        for name in ["series.npz", "series-fortran.npz", "labels.npz"] {
            let mut bytes = std::fs::read(fixture(name)).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(at + 1));
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let _ = read(file.path(), None);
        }
    }
}
