//! Reading tensors from a file that may have been cut, damaged or forged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde_json::{Map, Value};

use super::{CHUNK, HEADER_LIMIT, KEY};
use crate::error::{Error, Result};

/// An open safetensors file whose header was checked: every tensor lies within the file, without holes or overlaps.
///
/// A tensor's data are read when they are asked for, straight into the vector that is handed out.
#[derive(Debug)]
pub struct TensorReader {
    path: PathBuf,
    file: RefCell<File>,
    start: u64,
    metadata: Result<Value, String>,
    tensors: BTreeMap<String, TensorInfo>,
}

impl TensorReader {
    /// Opens `path` and checks the header against the length of the file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Content`] if it is no safetensors file, was cut, or its header
    /// contradicts itself.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        let about = file.metadata().map_err(|error| Error::io(path, "read", error))?;
        if !about.is_file() {
            return Err(Error::content(path, "not a file; expected a .safetensors file"));
        }
        let header = read_header(&mut file, about.len()).map_err(|failure| failure.at(path))?;
        let start = 8 + header.len() as u64;
        let (metadata, tensors) =
            parse_header(&header, about.len() - start).map_err(|problem| Error::content(path, problem))?;
        Ok(Self { path: path.into(), file: file.into(), start, metadata, tensors })
    }

    /// The file this reads.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the tensors, ascending.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The metadata, a JSON object.
    ///
    /// # Errors
    /// [`Error::Content`] if there are none under the key `daleian`: another program wrote the file.
    pub fn metadata(&self) -> Result<&Value> {
        self.metadata.as_ref().map_err(|problem| Error::content(&self.path, problem))
    }

    /// The shape of `name`.
    ///
    /// # Errors
    /// [`Error::Content`] if there is no such tensor.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.info(name)?.shape)
    }

    /// The number of elements of `name`, which must have one dimension.
    ///
    /// # Errors
    /// [`Error::Content`] if there is no such tensor, or it has another number of dimensions.
    pub fn length(&self, name: &str) -> Result<usize> {
        match self.shape(name)? {
            &[length] => Ok(length),
            shape => Err(self.error(format!("`{name}` has shape {shape:?}; expected one dimension"))),
        }
    }

    /// The elements of `name`, an F32 tensor of this shape, in row-major order.
    ///
    /// # Errors
    /// [`Error::Content`] if there is no such tensor, or its type or shape is another; [`Error::Io`] if reading fails.
    /// The same holds for the other types.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.read(name, Dtype::F32, shape, f32::from_le_bytes)
    }

    /// The elements of `name`, an F64 tensor of this shape; see [`f32`](Self::f32).
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        self.read(name, Dtype::F64, shape, f64::from_le_bytes)
    }

    /// The elements of `name`, an I8 tensor of this shape; see [`f32`](Self::f32).
    pub fn i8(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>> {
        self.read(name, Dtype::I8, shape, i8::from_le_bytes)
    }

    /// The elements of `name`, a U8 tensor of this shape; see [`f32`](Self::f32).
    pub fn u8(&self, name: &str, shape: &[usize]) -> Result<Vec<u8>> {
        self.read(name, Dtype::U8, shape, u8::from_le_bytes)
    }

    /// The elements of `name`, an I32 tensor of this shape; see [`f32`](Self::f32).
    pub fn i32(&self, name: &str, shape: &[usize]) -> Result<Vec<i32>> {
        self.read(name, Dtype::I32, shape, i32::from_le_bytes)
    }

    /// The elements of `name`, an I64 tensor of this shape; see [`f32`](Self::f32).
    pub fn i64(&self, name: &str, shape: &[usize]) -> Result<Vec<i64>> {
        self.read(name, Dtype::I64, shape, i64::from_le_bytes)
    }

    /// The elements of `name`, a U64 tensor of this shape; see [`f32`](Self::f32).
    pub fn u64(&self, name: &str, shape: &[usize]) -> Result<Vec<u64>> {
        self.read(name, Dtype::U64, shape, u64::from_le_bytes)
    }

    /// An error about this file's content, for checks beyond type and shape.
    pub fn error(&self, problem: impl ToString) -> Error {
        Error::content(&self.path, problem)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.get(name).ok_or_else(|| {
            let present: Vec<_> = self.names().map(|name| format!("`{name}`")).collect();
            let present = if present.is_empty() { "there are none".into() } else { present.join(", ") };
            self.error(format!("tensor `{name}` is missing; present: {present}"))
        })
    }

    fn read<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        from: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>> {
        let info = self.info(name)?;
        if info.dtype != dtype {
            return Err(self.error(format!("`{name}` has type {}; expected {dtype}", info.dtype)));
        }
        if info.shape != shape {
            return Err(self.error(format!("`{name}` has shape {:?}; expected {shape:?}", info.shape)));
        }
        // The header was checked: the offsets lie within the file and span exactly the elements of the shape.
        let (start, end) = info.data_offsets;
        let mut file = self.file.borrow_mut();
        let mut fill = || -> io::Result<Vec<T>> {
            file.seek(SeekFrom::Start(self.start + start as u64))?;
            let mut values = Vec::new();
            values.try_reserve_exact((end - start) / N)?;
            let mut buffer = vec![0; CHUNK.min(end - start)];
            for at in (start..end).step_by(CHUNK) {
                let bytes = &mut buffer[..CHUNK.min(end - at)];
                file.read_exact(bytes)?;
                values.extend(bytes.as_chunks().0.iter().map(|&bytes| from(bytes)));
            }
            Ok(values)
        };
        fill().map_err(|error| Error::io(&self.path, "read", error))
    }
}

enum Failure {
    Io(io::Error),
    Content(String),
}

impl Failure {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Io(error) => Error::io(path, "read", error),
            Self::Content(problem) => Error::content(path, problem),
        }
    }
}

fn read_header(file: &mut File, length: u64) -> Result<Vec<u8>, Failure> {
    if length < 8 {
        return Err(Failure::Content(format!("{length} bytes long; a safetensors file has at least 8: it was cut")));
    }
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(Failure::Io)?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT {
        let problem = format!("a header of {size} bytes; expected at most {HEADER_LIMIT}: no safetensors file");
        return Err(Failure::Content(problem));
    }
    if size > length - 8 {
        let problem = format!("the header is {size} bytes long, but only {} follow: it was cut", length - 8);
        return Err(Failure::Content(problem));
    }
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header).map_err(Failure::Io)?;
    Ok(header)
}

type Parsed = (Result<Value, String>, BTreeMap<String, TensorInfo>);

fn parse_header(header: &[u8], data: u64) -> Result<Parsed, String> {
    let mut entries: Map<String, Value> =
        serde_json::from_slice(header).map_err(|error| format!("the header is no JSON object: {error}"))?;
    let metadata = parse_metadata(entries.remove("__metadata__"));
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        let info: TensorInfo = serde_json::from_value(entry)
            .map_err(|error| format!("`{name}`: {error}; expected `dtype`, `shape` and `data_offsets` of a tensor"))?;
        tensors.insert(name, info);
    }
    check_layout(&tensors, data)?;
    Ok((metadata, tensors))
}

fn parse_metadata(entry: Option<Value>) -> Result<Value, String> {
    let foreign = || format!("the metadata have no key `{KEY}`: daleian did not write this file");
    let entry = entry.ok_or_else(foreign)?;
    let text = entry.get(KEY).and_then(Value::as_str).ok_or_else(foreign)?;
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(format!("the metadata under `{KEY}` must be a JSON object")),
        Err(error) => Err(format!("the metadata under `{KEY}` are no JSON: {error}")),
    }
}

/// As the format demands: in the order of their offsets the tensors follow each other without a hole, from the first
/// byte of the data to the last, and each spans exactly its elements.
fn check_layout(tensors: &BTreeMap<String, TensorInfo>, data: u64) -> Result<(), String> {
    let mut ordered: Vec<_> = tensors.iter().collect();
    ordered.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in ordered {
        let (from, to) = info.data_offsets;
        if from != end || to < from {
            return Err(format!("`{name}` lies at bytes {from} to {to} of the data; expected a start at {end}"));
        }
        let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, &size| bits.checked_mul(size));
        if bits.is_none() || bits != (to - from).checked_mul(8) {
            let (dtype, shape, bytes) = (info.dtype, &info.shape, to - from);
            return Err(format!("`{name}` has {bytes} bytes, which is not what {dtype} of shape {shape:?} takes"));
        }
        if to as u64 > data {
            return Err(format!("`{name}` ends at byte {to} of the data, but there are {data}: the file was cut"));
        }
        end = to;
    }
    if end as u64 != data {
        return Err(format!("{data} bytes of data, but the tensors take {end}: something was appended"));
    }
    Ok(())
}
