//! Named arrays in a safetensors file, with one JSON object under the metadata key `daleian`.
//!
//! One key only: with more the format's writer gives them in random order, and the same run would not give the same
//! bytes. Tensors are written straight from memory, without a second copy of the file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};
use serde_json::Value;

use super::write_atomic;
use crate::error::{Error, Result};

const KEY: &str = "daleian";

// bytes are written and read as they lie in memory
const _: () = assert!(cfg!(target_endian = "little"), "safetensors files are little-endian");

/// A named array, borrowed, to be written.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    name: &'a str,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: &'a [u8],
}

macro_rules! constructors {
    ($($name:ident: $type:ty, $dtype:ident;)*) => {$(
        #[doc = concat!("An array of ", stringify!($type), ".")]
        ///
        /// # Panics
        /// If `values` are not as many as `shape` says.
        pub fn $name(name: &'a str, shape: &[usize], values: &'a [$type]) -> Self {
            assert_eq!(shape.iter().product::<usize>(), values.len(), "values of `{name}`, shape {shape:?}");
            Self { name, shape: shape.into(), dtype: Dtype::$dtype, bytes: bytemuck::cast_slice(values) }
        }
    )*};
}

impl<'a> Tensor<'a> {
    constructors! {
        f32: f32, F32;
        f64: f64, F64;
        i64: i64, I64;
        i32: i32, I32;
        i8: i8, I8;
    }
}

/// Writes `tensors` (in any order; names differ) and `metadata` to `path`. The same input gives the same bytes.
///
/// # Errors
/// If the file cannot be written; whatever was there before is then still there.
///
/// # Panics
/// If two tensors have one name.
pub fn write_tensors(path: &Path, metadata: &Value, tensors: &[Tensor]) -> Result<()> {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    // larger elements first keeps every tensor aligned to its elements
    sorted.sort_by(|a, b| b.dtype.cmp(&a.dtype).then(a.name.cmp(b.name)));
    assert!(sorted.windows(2).all(|pair| pair[0].name != pair[1].name), "tensors with different names");
    let mut offset = 0;
    let infos = sorted.iter().map(|tensor| {
        let data_offsets = (offset, offset + tensor.bytes.len());
        offset = data_offsets.1;
        (tensor.name.to_string(), TensorInfo { dtype: tensor.dtype, shape: tensor.shape.clone(), data_offsets })
    });
    let metadata = HashMap::from([(KEY.to_string(), metadata.to_string())]);
    let header = Metadata::new(Some(metadata), infos.collect()).expect("offsets that follow each other");
    let mut header = serde_json::to_string(&header).expect("names, shapes and offsets").into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    write_atomic(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        sorted.iter().try_for_each(|tensor| out.write_all(tensor.bytes))
    })
}

/// An open tensor file. Every promise of its header was checked against its size.
#[derive(Debug)]
pub struct TensorReader {
    path: PathBuf,
    bytes: Vec<u8>,
    infos: HashMap<String, TensorInfo>,
    /// Where the tensors' bytes begin.
    start: usize,
    metadata: Value,
}

macro_rules! readers {
    ($($name:ident: $type:ty, $dtype:ident;)*) => {$(
        #[doc = concat!("The values of an array of ", stringify!($type), ", of this shape where one is given.")]
        ///
        /// # Errors
        /// If it is missing or has another type or shape.
        pub fn $name(&self, name: &str, shape: Option<&[usize]>) -> Result<Vec<$type>> {
            let bytes = self.bytes(name, Dtype::$dtype, shape)?;
            let element = |chunk: &[u8]| <$type>::from_le_bytes(chunk.try_into().expect("chunks of this size"));
            Ok(bytes.chunks_exact(size_of::<$type>()).map(element).collect())
        }
    )*};
}

impl TensorReader {
    /// Reads a file and checks its header.
    ///
    /// # Errors
    /// If it cannot be read, is cut off, or is not a safetensors file.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|source| Error::io(path, "read", source))?;
        let wrong = |problem: String| Error::content(path, problem);
        let (length, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| wrong(format!("not a whole safetensors file: {error}")))?;
        let metadata = match header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)) {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| wrong(format!("its metadata `{KEY}` is not JSON: {error}")))?,
            None => return Err(wrong(format!("not written by daleian: its metadata have no key `{KEY}`"))),
        };
        let infos = header.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        Ok(Self { path: path.into(), infos, start: size_of::<u64>() + length, metadata, bytes })
    }

    /// The JSON object that the file was written with.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.infos.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// If it is missing.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.info(name)?.shape)
    }

    readers! {
        f32: f32, F32;
        f64: f64, F64;
        i64: i64, I64;
        i32: i32, I32;
        i8: i8, I8;
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.infos.get(name).ok_or_else(|| {
            let problem = format!("has no tensor `{name}`; there are {}", self.names().join(", "));
            Error::content(&self.path, problem)
        })
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: Option<&[usize]>) -> Result<&[u8]> {
        let info = self.info(name)?;
        if info.dtype != dtype {
            let problem = format!("`{name}` is {}; {dtype} would be right", info.dtype);
            return Err(Error::content(&self.path, problem));
        }
        if let Some(shape) = shape.filter(|&shape| shape != info.shape) {
            let problem = format!("`{name}` has shape {:?}; {shape:?} would be right", info.shape);
            return Err(Error::content(&self.path, problem));
        }
        let (from, to) = info.data_offsets;
        Ok(&self.bytes[self.start + from..self.start + to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(path: &Path) {
        let (values, ids, signs) = ([1.5f32, -0.25, 3.0], [7i64, -1], [1i8, 0, -1]);
        let tensors = [
            Tensor::i8("sign", &[3], &signs),
            Tensor::f32("values", &[3, 1], &values),
            Tensor::i64("ids", &[2], &ids),
            Tensor::f32("nothing", &[0], &[]),
        ];
        write_tensors(path, &serde_json::json!({"format": "test", "n": 3}), &tensors).unwrap();
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        example(&path);
        let reader = TensorReader::open(&path).unwrap();
        assert_eq!(reader.names(), ["ids", "nothing", "sign", "values"]);
        assert_eq!(reader.metadata()["n"], 3);
        assert_eq!(reader.f32("values", Some(&[3, 1])).unwrap(), [1.5, -0.25, 3.0]);
        assert_eq!(reader.i64("ids", None).unwrap(), [7, -1]);
        assert_eq!(reader.i8("sign", Some(&[3])).unwrap(), [1, 0, -1]);
        assert!(reader.f32("nothing", None).unwrap().is_empty());
        let again = folder.path().join("b.safetensors");
        example(&again);
        assert_eq!(fs::read(path).unwrap(), fs::read(again).unwrap());
    }

    #[test]
    fn what_is_missing_or_other_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        example(&path);
        let reader = TensorReader::open(&path).unwrap();
        let says = |result: Result<Vec<f32>>, words: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("a.safetensors"), "{error}");
        };
        says(reader.f32("weights", None), "has no tensor `weights`; there are ids, nothing, sign, values");
        says(reader.f32("ids", None), "`ids` is I64; F32 would be right");
        says(reader.f32("values", Some(&[1, 3])), "`values` has shape [3, 1]; [1, 3] would be right");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        example(&path);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = TensorReader::open(&path).unwrap_err().to_string();
            assert!(error.contains("not a whole safetensors file"), "{length}: {error}");
        }
    }

    #[test]
    fn hostile_headers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let metadata = r#""__metadata__":{"daleian":"{}"}"#;
        for header in [
            "not json".to_string(),
            format!("{{{metadata},\"a\":{{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,8]}}}}"),
            format!(
                "{{{metadata},\"a\":{{\"dtype\":\"F32\",\"shape\":[18446744073709551615,4],\"data_offsets\":[0,8]}}}}"
            ),
            format!("{{{metadata},\"a\":{{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}}}"),
            format!(
                "{{{metadata},\"a\":{{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}},\
                 \"b\":{{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}}}"
            ),
            r#"{"__metadata__":{"daleian":"{"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#.into(),
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#.into(),
        ] {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.extend([0; 8]);
            fs::write(&path, &bytes).unwrap();
            assert!(TensorReader::open(&path).is_err(), "{header}");
        }
        fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
        assert!(TensorReader::open(&path).is_err());
    }
}
