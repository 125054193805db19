//! The binary in a folder of its own: files to give it, and what it answered. No promise by itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A configuration on data and wiring of one's own; the other files of [`Place::own`] go with it.
pub const CONFIG: &str = r#"
name = "own"
seed = 3
epochs = 3
batch = 8
constraint = "dale"
loss = "mse"

[task]
kind = "data"
file = "data.npz"

[cell]
activation = "tanh"
rectified = true

[output]
activation = "identity"

[optimizer]
kind = "adam"
learning-rate = 0.01

[connectome]
edges = "edges.csv"
neurons = "neurons.csv"
"#;

/// Populations and rules in place of `[connectome]`.
pub const RULES: &str = r#"
[[population]]
name = "exc"
size = 12
sign = "E"

[[population]]
name = "inh"
size = 4
sign = "I"

[[connection]]
pre = "exc"
rule = "probability"
probability = 0.5

[[connection]]
pre = "inh"
rule = "in-degree"
in-degree = 3
autapses = false
"#;

pub const SAMPLES: usize = 20;
pub const TEST_SAMPLES: usize = 10;
pub const STEPS: usize = 6;
pub const CHANNELS: usize = 2;
pub const OUTPUTS: usize = 2;
/// Neurons of [`Place::own`]: 6 excitatory, 2 inhibitory.
pub const NEURONS: usize = 8;

/// `text` with `from`, which must be there once, replaced.
pub fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
    text.replacen(from, to, 1)
}

/// [`CONFIG`] with some text replaced.
pub fn config(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(CONFIG.into(), |text, (from, to)| edited(&text, from, to))
}

/// [`CONFIG`] with [`RULES`] for a connectome.
pub fn rules(edits: &[(&str, &str)]) -> String {
    let (head, _) = CONFIG.split_once("[connectome]").expect("the connectome is last");
    edits.iter().fold(format!("{head}{RULES}"), |text, (from, to)| edited(&text, from, to))
}

/// `count` numbers in -1..1 that look random.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// An array of a `.npz`.
pub struct Array {
    name: &'static str,
    kind: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    pub fn name(&self) -> &str {
        self.name
    }
}

pub fn floats(name: &'static str, shape: &[usize], values: &[f32]) -> Array {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    Array { name, kind: "<f4", shape: shape.into(), bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect() }
}

pub fn integers(name: &'static str, shape: &[usize], values: &[i64]) -> Array {
    assert_eq!(shape.iter().product::<usize>(), values.len());
    Array { name, kind: "<i8", shape: shape.into(), bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect() }
}

/// Arrays as `numpy.savez` would write them.
pub fn npz(arrays: &[Array]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for array in arrays {
        let shape: String = array.shape.iter().map(|size| format!("{size}, ")).collect();
        let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", array.kind);
        let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
        header = format!("{header:<width$}\n", width = length - 1);
        zip.start_file(format!("{}.npy", array.name), SimpleFileOptions::default()).unwrap();
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&(length as u16).to_le_bytes()).unwrap();
        zip.write_all(header.as_bytes()).unwrap();
        zip.write_all(&array.bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Inputs of both splits.
pub fn inputs() -> [Array; 2] {
    [("train_inputs", SAMPLES), ("test_inputs", TEST_SAMPLES)].map(|(name, samples)| {
        floats(name, &[samples, STEPS, CHANNELS], &numbers(samples * STEPS * CHANNELS, samples as u64))
    })
}

/// Inputs and a value for each step, of both splits.
pub fn series() -> Vec<u8> {
    let targets = [("train_targets", SAMPLES), ("test_targets", TEST_SAMPLES)].map(|(name, samples)| {
        floats(name, &[samples, STEPS, OUTPUTS], &numbers(samples * STEPS * OUTPUTS, 100 + samples as u64))
    });
    npz(&inputs().into_iter().chain(targets).collect::<Vec<_>>())
}

/// Inputs and class labels, of both splits: those below `classes` in turn.
pub fn classes(classes: usize) -> Vec<u8> {
    let targets = [("train_targets", SAMPLES), ("test_targets", TEST_SAMPLES)].map(|(name, samples)| {
        integers(name, &[samples], &(0..samples).map(|k| (k % classes) as i64).collect::<Vec<_>>())
    });
    npz(&inputs().into_iter().chain(targets).collect::<Vec<_>>())
}

/// Every file below a folder, with its content.
pub type Tree = BTreeMap<PathBuf, Vec<u8>>;

pub fn tree(folder: &Path) -> Tree {
    fn walk(base: &Path, folder: &Path, out: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(base).unwrap().to_owned();
            if path.is_dir() {
                out.insert(name.join(""), Vec::new());
                walk(base, &path, out);
            } else {
                // a file that may not be read is still there
                out.insert(name, fs::read(&path).unwrap_or_default());
            }
        }
    }
    let mut out = Tree::new();
    walk(folder, folder, &mut out);
    out
}

/// A folder, and the binary run in it.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With `own.toml`, `data.npz`, `edges.csv` (weights within the signs) and `neurons.csv`.
    pub fn own() -> Self {
        let place = Self::empty();
        place.write("own.toml", CONFIG);
        place.write("data.npz", series());
        let (mut neurons, mut edges) = (String::from("id,population,sign\n"), String::from("pre,post,weight\n"));
        for k in 0..NEURONS {
            neurons += &format!("n{k},{}\n", if k < 6 { "exc,1" } else { "inh,-1" });
            for step in 1..=4 {
                let weight = if k < 6 { 0.1 } else { -0.2 } * step as f64;
                edges += &format!("n{k},n{},{weight}\n", (k + step * step) % NEURONS);
            }
        }
        // 1, 4, 9, 16 modulo 8 are 1, 4, 1, 0: the third is the first again
        place.write("neurons.csv", neurons);
        let kept: Vec<&str> = edges.lines().enumerate().filter(|(k, _)| *k == 0 || k % 4 != 3).map(|x| x.1).collect();
        place.write("edges.csv", kept.join("\n") + "\n");
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn text(&self, name: impl AsRef<Path>) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn tree(&self) -> Tree {
        tree(self.0.path())
    }

    /// The names in a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daleian"));
        command.args(args).current_dir(self.0.path());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Answer {
        self.command(args).output().unwrap().into()
    }

    /// Words between spaces.
    pub fn typed(&self, words: &str) -> Answer {
        self.run(words.split_whitespace())
    }

    /// As [`Self::typed`], of a command that must succeed.
    pub fn done(&self, words: &str) -> Answer {
        let answer = self.typed(words);
        assert_eq!(answer.code, Some(0), "{words}: {answer:?}");
        answer
    }
}

/// What the binary answered.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one message of a run that failed with `code`: nothing on stdout, no panic, `error: ` once.
    pub fn message(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{self:?}");
        let lines = self.err.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(lines.count(), 1, "{self:?}");
        &self.err[self.err.find("error: ").unwrap()..]
    }
}

/// A safetensors file taken apart: the JSON header and the bytes behind it.
pub fn take_apart(file: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&file[8..8 + length]).unwrap(), file[8 + length..].to_vec())
}

/// The reverse of [`take_apart`].
pub fn put_together(header: &Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Where the bytes of a tensor lie behind the header.
pub fn place_of(header: &Value, name: &str) -> std::ops::Range<usize> {
    let offset = |k: usize| header[name]["data_offsets"][k].as_u64().unwrap() as usize;
    offset(0)..offset(1)
}

/// A tensor of f32.
pub fn tensor(file: &[u8], name: &str) -> Vec<f32> {
    let (header, data) = take_apart(file);
    assert_eq!(header[name]["dtype"], "F32", "{name}");
    data[place_of(&header, name)].chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
}

/// The file with one element of a tensor of f32 changed.
pub fn with_element(file: &[u8], name: &str, at: usize, value: f32) -> Vec<u8> {
    let (header, mut data) = take_apart(file);
    data[place_of(&header, name)][4 * at..][..4].copy_from_slice(&value.to_le_bytes());
    put_together(&header, &data)
}

/// `metrics.csv` without its last column, the seconds.
pub fn without_seconds(metrics: &str) -> Vec<String> {
    assert!(metrics.lines().next().unwrap().ends_with(",seconds"));
    metrics.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect()
}
