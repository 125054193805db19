//! A model file is read back bit by bit, is what its table says to others, and is refused by name where it is damaged.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use daleian::Error;
use daleian::connectome::{ConnectionSpec, Connectome, EdgeTable, NeuronTable, Policy, PopulationSpec, Sign, Words};
use daleian::network::{
    ActivationName, BIAS, COMMON_NAMES, CellSpec, INPUT, InputBlock, Network, NetworkBuilder, ParameterId, READOUT,
    RECURRENT,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::support::{Blocks, bits, connectome, isa};

/// 5 excitatory, 3 inhibitory and 2 unconstrained neurons; three inputs and outputs, dense or a population each.
fn in_blocks(connectome: &Connectome, blocks: Blocks) -> NetworkBuilder<'_> {
    let (input, readout) = blocks.of(connectome);
    Network::builder(connectome).input(3).input_blocks(input).readout(3).readout_blocks(readout)
}

fn model(blocks: Blocks, seed: u64) -> Network {
    let connectome = connectome([5, 3, 2], ConnectionSpec::probability(0.4), seed);
    let cell = CellSpec { activation: ActivationName::Softplus, ..CellSpec::default() };
    in_blocks(&connectome, blocks).cell(cell).output_activation(ActivationName::Tanh).seed(seed).build().unwrap()
}

fn assert_same(a: &Network, b: &Network) {
    assert_eq!(bits(a.parameters()), bits(b.parameters()));
    let (a, b) = (a.wiring(), b.wiring());
    assert!(a.recurrent() == b.recurrent() && a.input() == b.input() && a.readout() == b.readout());
    assert_eq!(a.neuron_table(), b.neuron_table());
    assert_eq!((a.signs(), a.cell(), a.output_spec()), (b.signs(), b.cell(), b.output_spec()));
    assert_eq!((a.input_blocks(), a.readout_blocks()), (b.input_blocks(), b.readout_blocks()));
    assert_eq!(a.parameter_list(), b.parameter_list());
}

/// What goes in comes out: through a file, and through a second one with the same bytes.
fn round_trip(network: &Network, config: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    network.save_with(&first, config).unwrap();
    let (loaded, with) = Network::load_with(&first).unwrap();
    assert_same(network, &loaded);
    assert_eq!(&with, config);
    loaded.save_with(&second, &with).unwrap();
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap(), "saved again it has the same bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_saved_is_loaded(
        sizes in [4usize..9, 1usize..9, 1usize..9],
        probability in 0.3f64..1.0,
        blocks: bool,
        seed: u64,
        value in proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO,
    ) {
        let blocks = if blocks { Blocks::Population } else { Blocks::Dense };
        let connectome = connectome(sizes, ConnectionSpec::probability(probability), seed);
        let mut network = in_blocks(&connectome, blocks).seed(seed).build().unwrap();
        // -0.0 is saved as 0.0
        let value = if value == 0.0 { 0.0 } else { value };
        network.parameter_mut(BIAS)[0] = value;
        network.parameter_mut(INPUT)[0] = value;
        network.parameter_mut(READOUT)[0] = value;
        round_trip(&network, &Value::Null);
    }
}

#[test]
fn networks_at_the_edge_are_saved_and_loaded() {
    let one = [PopulationSpec::new("a name with “signs” and \"quotes\", \\ and 神経", 1, Sign::Inhibitory)];
    for edges in [&[][..], &[0]] {
        let connectome = daleian::connectome::Connectome::from_edges(&one, edges, edges, None).unwrap();
        let network = Network::builder(&connectome).input(1).readout(1).build().unwrap();
        round_trip(&network, &json!({"name": "a \"name\"", "numbers": [1, 2.5, null]}));
    }
    for blocks in [Blocks::Dense, Blocks::Population] {
        round_trip(&model(blocks, 3), &json!({"seed": 3}));
    }
}

/// The same outputs, to the bit, after a file.
#[test]
fn a_loaded_model_answers_as_the_saved_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let network = model(Blocks::Dense, 3);
    network.save(&path).unwrap();
    let loaded = Network::load(&path).unwrap();
    let answer = |network: &Network| {
        let mut state = network.state(2);
        for t in 0..5 {
            network.stepper(isa()).step(&mut state, &[0.1 * t as f32, 0.3, -0.2, 1.0, -1.0, 0.5]);
        }
        state.readout().iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(answer(&network), answer(&loaded));
}

fn ints<const N: usize>(bytes: &[u8]) -> Vec<i64> {
    let wide = |chunk: &[u8]| -> i64 {
        let mut wide = if chunk[N - 1] & 0x80 == 0 { [0; 8] } else { [0xff; 8] };
        wide[..N].copy_from_slice(chunk);
        i64::from_le_bytes(wide)
    };
    bytes.chunks_exact(N).map(wide).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect()
}

/// The file as others see it, through the plain format's own library: the table of tensors, and what scipy and torch
/// would do with them.
#[test]
fn a_model_is_what_its_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for blocks in [Blocks::Dense, Blocks::Population] {
        let network = model(blocks, 3);
        network.save_with(&path, &json!({"seed": 3})).unwrap();
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let nnz = network.wiring().recurrent().nnz();
        let mut want: BTreeMap<&str, (Dtype, Vec<usize>)> = BTreeMap::from([
            ("recurrent.indptr", (Dtype::I64, vec![11])),
            ("recurrent.indices", (Dtype::I32, vec![nnz])),
            ("recurrent.values", (Dtype::F32, vec![nnz])),
            ("recurrent.bias", (Dtype::F32, vec![10])),
            ("dale.sign", (Dtype::I8, vec![10])),
            ("neurons.type.bytes", (Dtype::U8, vec![15 + 9 + 8])),
            ("neurons.type.offsets", (Dtype::I64, vec![11])),
            ("readout.bias", (Dtype::F32, vec![3])),
        ]);
        match blocks {
            Blocks::Dense => want
                .extend([("input.weight", (Dtype::F32, vec![10, 3])), ("readout.weight", (Dtype::F32, vec![3, 10]))]),
            // by rows, one entry per neuron
            Blocks::Population => want.extend([
                ("input.indptr", (Dtype::I64, vec![11])),
                ("input.indices", (Dtype::I32, vec![10])),
                ("input.values", (Dtype::F32, vec![10])),
                ("readout.indptr", (Dtype::I64, vec![4])),
                ("readout.indices", (Dtype::I32, vec![10])),
                ("readout.values", (Dtype::F32, vec![10])),
            ]),
        }
        let got: Vec<_> = file.tensors();
        let got: BTreeMap<&str, _> =
            got.iter().map(|(name, t)| (name.as_str(), (t.dtype(), t.shape().to_vec()))).collect();
        assert_eq!(got, want);
        let data = |name: &str| file.tensor(name).unwrap().data().to_vec();

        let (indptr, indices) = (ints::<8>(&data("recurrent.indptr")), ints::<4>(&data("recurrent.indices")));
        assert_eq!((indptr[0], indptr[10]), (0, nnz as i64));
        for row in indptr.windows(2) {
            let row = &indices[row[0] as usize..row[1] as usize];
            assert!(row.is_sorted_by(|a, b| a < b) && row.iter().all(|col| (0..10).contains(col)), "{row:?}");
        }
        assert_eq!(ints::<1>(&data("dale.sign")), [1, 1, 1, 1, 1, -1, -1, -1, 0, 0]);
        assert_eq!(data("neurons.type.bytes"), b"excexcexcexcexcinhinhinhfreefree");
        assert_eq!(ints::<8>(&data("neurons.type.offsets")), [0, 3, 6, 9, 12, 15, 18, 21, 24, 28, 32]);
        let values = floats(&data("recurrent.values"));
        assert_eq!(values, network.parameters()[RECURRENT][..]);
        assert!(values.iter().all(|w| w.to_bits() != (-0.0f32).to_bits()));

        let values = if blocks == Blocks::Dense { "weight" } else { "values" };
        assert_eq!(floats(&data(&format!("input.{values}"))), network.parameters()[INPUT][..]);
        assert_eq!(floats(&data(&format!("readout.{values}"))), network.parameters()[READOUT][..]);
        if blocks == Blocks::Population {
            assert_eq!(ints::<8>(&data("input.indptr")), (0..=10).collect::<Vec<_>>());
            assert_eq!(ints::<4>(&data("input.indices")), [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]);
            assert_eq!(ints::<8>(&data("readout.indptr")), [0, 5, 8, 10]);
            assert_eq!(ints::<4>(&data("readout.indices")), (0..10).collect::<Vec<_>>());
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["daleian"]).unwrap();
        assert_eq!(metadata["format"], "daleian-model");
        assert_eq!(metadata["version"], 2);
        assert_eq!(metadata["columns"], json!(["type"]));
        assert_eq!(metadata["config"], json!({"seed": 3}));
        assert_eq!(metadata["cell"]["activation"], "softplus");
    }
}

/// A model file taken apart, to be put together with something wrong in it.
struct Parts {
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    metadata: Value,
}

impl Parts {
    fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let take = |(name, t): (String, TensorView)| (name, (t.dtype(), t.shape().to_vec(), t.data().to_vec()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = serde_json::from_str(&header.metadata().as_ref().unwrap()["daleian"]).unwrap();
        Self { tensors: file.tensors().into_iter().map(take).collect(), metadata }
    }

    fn write(&self, path: &Path) {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).expect("bytes that fill the shape"))
        });
        let metadata = HashMap::from([("daleian".to_string(), self.metadata.to_string())]);
        fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
    }

    /// Overwrites element `at` of a tensor with these bytes.
    fn set<const N: usize>(&mut self, name: &str, at: usize, element: [u8; N]) {
        self.tensors.get_mut(name).unwrap().2[at * N..][..N].copy_from_slice(&element);
    }

    fn swap<const N: usize>(&mut self, name: &str, a: usize, b: usize) {
        let bytes = &mut self.tensors.get_mut(name).unwrap().2;
        (0..N).for_each(|k| bytes.swap(a * N + k, b * N + k));
    }

    /// Gives a tensor another shape, and zeros for its elements.
    fn reshape(&mut self, name: &str, shape: &[usize]) {
        let (dtype, old, bytes) = self.tensors.get_mut(name).unwrap();
        *old = shape.into();
        *bytes = vec![0; shape.iter().product::<usize>() * dtype.bitsize() / 8];
    }
}

/// The problem that loading `path` is refused with; it begins with the name of the file.
fn problem(path: &Path) -> String {
    let error = Network::load(path).expect_err("this should be refused").to_string();
    assert!(error.starts_with(&format!("{}: ", path.display())), "the file is named first: {error}");
    error
}

/// Applies `damage` to a good model (with blocks), and expects every word in what loading it is refused with.
fn damaged(damage: impl FnOnce(&mut Parts), words: &[&str]) {
    damaged_of(Blocks::Population, damage, words);
}

/// The same of a model with dense or sparse input and readout.
fn damaged_of(blocks: Blocks, damage: impl FnOnce(&mut Parts), words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model(blocks, 3).save(&path).unwrap();
    let mut parts = Parts::of(&path);
    damage(&mut parts);
    parts.write(&path);
    let error = problem(&path);
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}

/// Taking apart and putting together is no damage.
#[test]
fn an_edited_file_is_read_if_nothing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let network = model(Blocks::Population, 3);
    network.save(&path).unwrap();
    Parts::of(&path).write(&path);
    assert_same(&network, &Network::load(&path).unwrap());
}

#[test]
fn a_wrong_pattern_is_refused() {
    let (indptr, indices) = ("recurrent.indptr", "recurrent.indices");
    let nnz = model(Blocks::Population, 3).wiring().recurrent().nnz();
    damaged(|parts| parts.set(indptr, 0, 1i64.to_le_bytes()), &[indptr, "indptr[0] is 1, but should be 0"]);
    damaged(|parts| parts.set(indptr, 4, 1000i64.to_le_bytes()), &[indptr, "indptr[4] is 1000"]);
    damaged(|parts| parts.set(indptr, 6, 1i64.to_le_bytes()), &[indptr, "indptr[6] is 1, but should be from"]);
    damaged(|parts| parts.set(indptr, 5, (-1i64).to_le_bytes()), &[indptr, "element 5 is -1"]);
    damaged(|parts| parts.set(indptr, 10, (nnz as i64 - 1).to_le_bytes()), &[indptr, "indptr[10]", &nnz.to_string()]);
    damaged(|parts| parts.set(indices, nnz - 1, 10i32.to_le_bytes()), &[indices, "column 10", "only 10 columns"]);
    damaged(|parts| parts.set(indices, 0, (-2i32).to_le_bytes()), &[indices, "element 0 is -2"]);
    // the first row of this model has several entries
    assert!(model(Blocks::Population, 3).wiring().recurrent().row(0).len() > 1);
    damaged(|parts| parts.swap::<4>(indices, 0, 1), &[indices, "row 0", "rise strictly"]);
    damaged(|parts| parts.tensors.get_mut(indices).unwrap().2.copy_within(0..4, 4), &[indices, "rise strictly"]);
    damaged(|parts| parts.reshape(indptr, &[0]), &[indptr]);
    damaged(|parts| parts.reshape(indptr, &[1]), &[indptr]);
    damaged(|parts| parts.reshape(indices, &[nnz - 1]), &[indices]);
}

#[test]
fn wrong_signs_and_types_are_refused() {
    let (sign, bytes, offsets) = ("dale.sign", "neurons.type.bytes", "neurons.type.offsets");
    damaged(|parts| parts.set(sign, 5, 2i8.to_le_bytes()), &[sign, "neuron 5", "\"2\" is no sign"]);
    damaged(|parts| parts.reshape(sign, &[9]), &[sign, "[9]", "expected [10]"]);
    for (at, offset) in [(0, 1i64), (1, 28), (1, -5), (10, 31), (10, 33), (10, i64::MAX), (9, i64::MIN)] {
        damaged(|parts| parts.set(offsets, at, offset.to_le_bytes()), &[offsets, "from 0 to 32"]);
    }
    damaged(|parts| parts.reshape(offsets, &[10]), &[offsets, "[10]", "expected [11]"]);
    damaged(|parts| parts.reshape(bytes, &[31]), &[offsets, "from 0 to 31"]);
    damaged(|parts| parts.reshape(bytes, &[4, 8]), &[bytes, "[4, 8]", "one dimension"]);
    damaged(|parts| parts.set(bytes, 4, [0xff]), &[bytes, "neuron 1 is not UTF-8"]);
    damaged(|parts| parts.metadata["columns"] = json!(["type", "tau"]), &["`neurons.tau.bytes` is missing"]);
    damaged(|parts| parts.metadata["columns"] = json!(["type", "type"]), &["neurons.type", "two columns"]);
    damaged(|parts| parts.metadata["columns"] = json!("type"), &["metadata"]);
}

/// Signs are per neuron, whatever the type; numbers, text and ids come back.
#[test]
fn a_neuron_table_travels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let network = table_model();
    network.save(&path).unwrap();
    let loaded = Network::load(&path).unwrap();
    assert_same(&network, &loaded);
    let parts = Parts::of(&path);
    assert_eq!(parts.metadata["columns"], json!(["type", "tau", "région"]));
    assert_eq!(floats(&parts.tensors["neurons.tau"].2), [20.0, 0.5, -3.0]);
    assert_eq!(parts.tensors["neurons.id.bytes"].2, "7204é1".as_bytes());
    assert_eq!(ints::<8>(&parts.tensors["neurons.id.offsets"].2), [0, 3, 6, 7]);
    assert_eq!(ints::<1>(&parts.tensors["dale.sign"].2), [1, -1, 0]);
    assert_eq!(parts.tensors["neurons.région.bytes"].2, b"V1V1");
    round_trip(&network, &Value::Null);

    let damaged = |damage: &dyn Fn(&mut Parts), words: &[&str]| {
        let mut parts = Parts::of(&path);
        damage(&mut parts);
        let path = folder.path().join("damaged.safetensors");
        parts.write(&path);
        let error = problem(&path);
        words.iter().for_each(|word| assert!(error.contains(word), "{word:?} is missing in: {error}"));
    };
    damaged(&|parts| parts.set("neurons.tau", 1, f32::NAN.to_le_bytes()), &["neurons.tau", "neuron 1 has NaN"]);
    damaged(&|parts| parts.reshape("neurons.tau", &[2]), &["neurons.tau", "[2]", "expected [3]"]);
    damaged(&|parts| parts.set("neurons.id.offsets", 1, 0i64.to_le_bytes()), &["`ids`: neuron 0 has an empty one"]);
    damaged(&|parts| drop(parts.tensors.remove("neurons.id.offsets")), &["`neurons.id.offsets` is missing"]);
    let twice = |parts: &mut Parts| {
        parts.tensors.get_mut("neurons.id.bytes").unwrap().2.copy_from_slice(b"7207201");
    };
    damaged(&twice, &["neurons 0 and 1 are both called \"720\""]);
    damaged(&|parts| parts.metadata["columns"] = json!(["id"]), &["neurons.id", "cannot be the name of a column"]);
}

/// Three neurons that have everything a table can have.
fn table_model() -> Network {
    let neurons = NeuronTable::new(vec![Sign::Excitatory, Sign::Inhibitory, Sign::Unconstrained]).unwrap();
    let words = |words: [&'static str; 3]| words.into_iter().collect::<Words>();
    let neurons = neurons.with_column("type", words(["a", "a", "b"])).unwrap();
    let neurons = neurons.with_column("tau", vec![20.0, 0.5, -3.0]).unwrap();
    let neurons = neurons.with_column("région", words(["V1", "", "V1"])).unwrap();
    let neurons = neurons.with_ids(["720", "4é", "1"].map(String::from).to_vec()).unwrap();
    let edges = EdgeTable::new(vec![0, 1, 2], vec![1, 2, 0], None);
    let connectome = Connectome::assemble(neurons, edges, &Policy::default()).unwrap();
    let (input, _) = Blocks::Population.of(&connectome);
    Network::builder(&connectome).input(2).input_blocks(input).readout(1).build().unwrap()
}

#[test]
fn numbers_that_are_none_are_refused() {
    for (name, at) in [
        ("recurrent.values", 4),
        ("recurrent.bias", 9),
        ("input.weight", 0),
        ("readout.weight", 1),
        ("readout.bias", 2),
    ] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let element = format!("element {at}");
            let set = |parts: &mut Parts| parts.set(name, at, value.to_le_bytes());
            damaged_of(Blocks::Dense, set, &[name, &element, "not a finite number"]);
        }
    }
}

#[test]
fn missing_and_mistyped_tensors_are_refused() {
    for (blocks, count) in [(Blocks::Dense, 10), (Blocks::Population, 14)] {
        let names: Vec<String> = {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.safetensors");
            model(blocks, 3).save(&path).unwrap();
            Parts::of(&path).tensors.into_keys().collect()
        };
        assert_eq!(names.len(), count);
        for name in &names {
            damaged_of(blocks, |parts| drop(parts.tensors.remove(name)), &["is missing", name]);
            let wrong = |parts: &mut Parts| {
                let tensor = parts.tensors.get_mut(name).unwrap();
                let elements = tensor.1.iter().product::<usize>();
                (tensor.0, tensor.2) = (Dtype::F64, vec![0; elements * 8]);
            };
            damaged_of(blocks, wrong, &[name, "F64", "expected"]);
        }
    }
    let damaged = |damage: &dyn Fn(&mut Parts), words: &[&str]| damaged_of(Blocks::Dense, damage, words);
    for (name, shape) in [
        ("recurrent.values", &[3][..]),
        ("recurrent.bias", &[10, 1]),
        ("input.weight", &[3, 3]),
        ("readout.weight", &[3, 11]),
        ("readout.weight", &[3, 10, 1]),
        ("readout.bias", &[2]),
    ] {
        damaged(&|parts| parts.reshape(name, shape), &[name, &format!("{shape:?}"), "expected"]);
    }
    damaged(&|parts| parts.reshape("input.weight", &[30]), &["input.weight", "[30]", "expected [10, channels]"]);
    damaged(&|parts| parts.reshape("readout.weight", &[]), &["readout.weight", "expected [outputs, 10]"]);
    damaged(&|parts| parts.reshape("readout.weight", &[0, 10]), &["readout"]);
}

#[test]
fn wrong_metadata_are_refused() {
    damaged(|parts| parts.metadata["version"] = json!(3), &["version 3", "reads up to 2", "newer"]);
    damaged(|parts| parts.metadata["version"] = json!(1), &["version 1", "no neuron table", "train again"]);
    damaged(|parts| parts.metadata["version"] = json!("one"), &["not a daleian model"]);
    damaged(|parts| parts.metadata["format"] = json!("notes"), &["\"notes\"", "daleian-model"]);
    damaged(|parts| parts.metadata["cell"]["activation"] = json!("swish"), &["metadata", "swish", "tanh"]);
    damaged(|parts| parts.metadata["output"]["activation"] = json!("relu"), &["output.activation", "tanh"]);
    damaged(|parts| drop(parts.metadata.as_object_mut().unwrap().remove("columns")), &["metadata", "columns"]);
    damaged(|parts| parts.metadata = json!([1, 2]), &["metadata", "must be a JSON object"]);
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model(Blocks::Dense, 3).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = problem(&path);
        assert!(error.contains("was cut"), "{length} bytes: {error}");
    }
    fs::write(&path, [whole, vec![0; 4]].concat()).unwrap();
    assert!(problem(&path).contains("something was appended"), "bytes at the end");
    fs::write(&path, "pre,post,weight\n1,2,0.5\n").unwrap();
    assert!(problem(&path).contains("no safetensors file"));
    // somebody else's safetensors
    let tensors = [("weight", TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap())];
    fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    assert!(problem(&path).contains("daleian did not write this file"));

    assert!(problem(folder.path()).contains("not a file"));
    let error = Network::load(folder.path().join("nowhere.safetensors")).unwrap_err();
    assert!(matches!(&error, Error::Io { .. }) && error.to_string().contains("cannot open"), "{error}");
}

/// No cut and no flipped byte makes the reader panic.
#[test]
fn random_damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model(Blocks::Population, 3).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        drop(Network::load(&path));
    }
}

#[test]
fn a_folder_that_is_not_there_is_named_when_saving() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("model.safetensors");
    let error = model(Blocks::Dense, 3).save(&path).unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("cannot write"), "{error}");
    assert!(!path.exists());
}

/// A tensor without elements may claim any other size; nothing may be made of that size before it is checked.
#[test]
fn huge_claims_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (name, shape) in [("input.weight", [0, 1 << 40]), ("readout.weight", [1 << 40, 0])] {
        model(Blocks::Dense, 3).save(&path).unwrap();
        let mut parts = Parts::of(&path);
        parts.reshape(name, &shape);
        parts.write(&path);
        let error = problem(&path);
        assert!(error.contains(name), "{error}");
    }
}

/// The table gives the pattern's arrays one dimension.
#[test]
fn a_pattern_in_another_shape_is_refused() {
    let shape = |name: &'static str| move |parts: &mut Parts| parts.tensors.get_mut(name).unwrap().1.push(1);
    damaged(shape("recurrent.indptr"), &["recurrent.indptr", "[11, 1]"]);
    damaged(shape("recurrent.indices"), &["recurrent.indices", "expected one dimension"]);
}

/// `parameter_mut` lets a caller store -0.0, which no saved file may hold.
#[test]
fn no_negative_zero_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for blocks in [Blocks::Dense, Blocks::Population] {
        let mut network = model(blocks, 3);
        for name in ParameterId::COMMON {
            network.parameter_mut(name)[0] = -0.0;
        }
        network.save(&path).unwrap();
        for name in ParameterId::COMMON {
            let name = COMMON_NAMES[name.index()];
            let name = if blocks == Blocks::Dense { name.into() } else { name.replace(".weight", ".values") };
            let values = floats(&Parts::of(&path).tensors[&name].2);
            assert_eq!(values[0].to_bits(), 0, "{name}");
        }
    }
}

/// Input and readout by rows, and which of their entries are trained.
#[test]
fn wrong_sparse_matrices_are_refused() {
    damaged(
        |parts| parts.set("input.indices", 0, 3i32.to_le_bytes()),
        &["input.indices", "column 3", "only 3 columns"],
    );
    damaged(|parts| parts.set("readout.indptr", 3, 9i64.to_le_bytes()), &["readout.indptr", "indptr[3]"]);
    damaged(|parts| parts.reshape("input.values", &[9]), &["input.values", "[9]", "expected [10]"]);
    damaged(|parts| parts.reshape("input.indptr", &[10]), &["input.indptr"]);
    damaged(|parts| parts.metadata["channels"] = json!(1u64 << 40), &["input.indptr", "the number of columns"]);
    damaged(|parts| parts.metadata["channels"] = json!(0), &["input"]);
    damaged(|parts| parts.set("input.values", 2, f32::NAN.to_le_bytes()), &["input.values", "element 2 is NaN"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let connectome = connectome([5, 3, 2], ConnectionSpec::probability(0.4), 3);
    let block = InputBlock { trained: false, ..InputBlock::new([0], "inh") };
    let blocks = [block, InputBlock::new([1], "exc")];
    let network = Network::builder(&connectome).input(2).input_blocks(blocks).readout(1).build().unwrap();
    round_trip(&network, &json!({}));
    network.save(&path).unwrap();
    let mut parts = Parts::of(&path);
    assert_eq!(ints::<1>(&parts.tensors["input.trained"].2), [1, 1, 1, 1, 1, 0, 0, 0]);
    parts.set("input.trained", 1, 2i8.to_le_bytes());
    parts.write(&path);
    assert!(problem(&path).contains("`input.trained`: element 1 is 2; expected 0 or 1"));
}

/// A file that claims no neurons would leave the other sizes free.
#[test]
fn a_model_without_neurons_is_refused() {
    let empty = |parts: &mut Parts| {
        for (name, shape) in [
            ("recurrent.indptr", &[1][..]),
            ("recurrent.indices", &[0]),
            ("recurrent.values", &[0]),
            ("recurrent.bias", &[0]),
            ("dale.sign", &[0]),
            ("neurons.type.bytes", &[0]),
            ("neurons.type.offsets", &[1]),
            ("input.weight", &[0, 1 << 40]),
            ("readout.weight", &[1 << 40, 0]),
        ] {
            parts.reshape(name, shape);
        }
    };
    damaged_of(Blocks::Dense, empty, &["`neurons`: there is none"]);
}
