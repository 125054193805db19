//! Writing tensors: the header, then one tensor after the other, straight from the caller's memory.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::{CHUNK, HEADER_LIMIT, KEY};
use crate::error::{Error, Result};
use crate::files::write_atomic;

/// A tensor to be written.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    data: TensorData<'a>,
}

/// The elements of a tensor, in row-major order, borrowed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TensorData<'a> {
    /// F32.
    F32(&'a [f32]),
    /// F64.
    F64(&'a [f64]),
    /// I8.
    I8(&'a [i8]),
    /// U8.
    U8(&'a [u8]),
    /// I32.
    I32(&'a [i32]),
    /// I64.
    I64(&'a [i64]),
    /// U64.
    U64(&'a [u64]),
    /// Column indices, written as I32; each below 2³¹.
    Indices(&'a [u32]),
    /// Row pointers, written as I64; each below 2⁶³.
    Offsets(&'a [usize]),
}

impl<'a> Tensor<'a> {
    /// The tensor `name` of the given shape.
    ///
    /// # Panics
    /// If the shape does not hold exactly the elements there are, or the name is one the format keeps for itself.
    pub fn new(name: impl Into<String>, shape: &[usize], data: impl Into<TensorData<'a>>) -> Self {
        let (name, data) = (name.into(), data.into());
        assert_ne!(name, "__metadata__", "a tensor must not be called `__metadata__`");
        let cells = shape.iter().try_fold(1usize, |cells, &size| cells.checked_mul(size));
        assert_eq!(cells, Some(data.len()), "`{name}`: a shape of {shape:?} must hold all elements and no more");
        Self { name, shape: shape.into(), data }
    }

    /// The tensor `name` of one dimension.
    pub fn vector(name: impl Into<String>, data: impl Into<TensorData<'a>>) -> Self {
        let data = data.into();
        Self::new(name, &[data.len()], data)
    }
}

macro_rules! from_slices {
    ($($variant:ident: $type:ty),*) => {$(
        impl<'a> From<&'a [$type]> for TensorData<'a> {
            fn from(data: &'a [$type]) -> Self {
                Self::$variant(data)
            }
        }
    )*};
}
from_slices!(F32: f32, F64: f64, I8: i8, U8: u8, I32: i32, I64: i64, U64: u64, Indices: u32, Offsets: usize);

impl TensorData<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::F64(data) => data.len(),
            Self::I8(data) => data.len(),
            Self::U8(data) => data.len(),
            Self::I32(data) => data.len(),
            Self::I64(data) => data.len(),
            Self::U64(data) => data.len(),
            Self::Indices(data) => data.len(),
            Self::Offsets(data) => data.len(),
        }
    }

    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::I8(_) => Dtype::I8,
            Self::U8(_) => Dtype::U8,
            Self::I32(_) | Self::Indices(_) => Dtype::I32,
            Self::I64(_) | Self::Offsets(_) => Dtype::I64,
            Self::U64(_) => Dtype::U64,
        }
    }

    fn bytes(&self) -> usize {
        self.len() * self.dtype().bitsize() / 8
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            // Not `x + 0.0`, which would change some NaN.
            Self::F32(data) => stream(data, |&x| if x == 0.0 { 0f32 } else { x }.to_le_bytes(), out),
            Self::F64(data) => stream(data, |&x| if x == 0.0 { 0f64 } else { x }.to_le_bytes(), out),
            Self::I8(data) => stream(data, |x| x.to_le_bytes(), out),
            Self::U8(data) => out.write_all(data),
            Self::I32(data) => stream(data, |x| x.to_le_bytes(), out),
            Self::I64(data) => stream(data, |x| x.to_le_bytes(), out),
            Self::U64(data) => stream(data, |x| x.to_le_bytes(), out),
            Self::Indices(data) => {
                stream(data, |&x| i32::try_from(x).expect("column indices are below 2³¹").to_le_bytes(), out)
            }
            Self::Offsets(data) => {
                stream(data, |&x| i64::try_from(x).expect("row pointers are below 2⁶³").to_le_bytes(), out)
            }
        }
    }
}

fn stream<T, const N: usize>(data: &[T], bytes: impl Fn(&T) -> [u8; N], out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK);
    for chunk in data.chunks(CHUNK / N) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(&bytes));
        out.write_all(&buffer)?;
    }
    Ok(())
}

/// Writes `tensors` and `metadata` to `path` as [`write_atomic`] does, without a second copy of the data in memory.
/// A float of -0.0 is written as 0.0, every other number as it is.
///
/// The same tensors and metadata give the same bytes, in whatever order the tensors come: the largest element types
/// first, and by name among equals (the order of the safetensors library, which keeps every tensor aligned to its
/// elements).
///
/// # Errors
/// [`Error::Io`] as [`write_atomic`]; [`Error::Content`] if names and metadata together are too long for a header.
///
/// # Panics
/// If two tensors have one name.
pub fn write_tensors(path: impl AsRef<Path>, tensors: &[Tensor], metadata: &Value) -> Result<()> {
    let path = path.as_ref();
    let names: BTreeSet<_> = tensors.iter().map(|tensor| &tensor.name).collect();
    assert_eq!(names.len(), tensors.len(), "every tensor must have its own name");
    let mut ordered: Vec<_> = tensors.iter().collect();
    ordered.sort_by(|a, b| b.data.dtype().cmp(&a.data.dtype()).then_with(|| a.name.cmp(&b.name)));

    let header = header(&ordered, metadata);
    let length = header.len() as u64;
    if length > HEADER_LIMIT {
        let problem = format!("names and metadata take {length} bytes; a header holds at most {HEADER_LIMIT}");
        return Err(Error::content(path, problem));
    }
    write_atomic(path, |out| {
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&header)?;
        ordered.iter().try_for_each(|tensor| tensor.data.write(out))
    })
}

fn header(ordered: &[&Tensor], metadata: &Value) -> Vec<u8> {
    let mut end = 0;
    let infos = ordered.iter().map(|tensor| {
        let start = end;
        end += tensor.data.bytes();
        let info = TensorInfo { dtype: tensor.data.dtype(), shape: tensor.shape.clone(), data_offsets: (start, end) };
        (tensor.name.clone(), info)
    });
    let text = HashMap::from([(KEY.to_string(), metadata.to_string())]);
    let header = Metadata::new(Some(text), infos.collect()).expect("offsets without holes, shapes that match");
    let mut header = serde_json::to_vec(&header).expect("a header of names and numbers");
    // Spaces up to a multiple of eight, so that the data start aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}
