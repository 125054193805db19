//! One array of an `.npz` archive, read without trusting what its headers declare.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use npyz::half::f16;
use npyz::{DType, Deserialize, NpyFile, NpyHeader, Order, TypeChar};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::data::targets::index;
use crate::error::{Error, Result};

/// Deflate makes nothing smaller than by this factor.
const DEFLATE_LIMIT: u64 = 1032;

/// What numbers an array has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
}

/// An opened `.npz` file.
pub(super) struct Archive<'p> {
    path: &'p Path,
    bytes: u64,
    zip: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl<'p> Archive<'p> {
    pub(super) fn open(path: &'p Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        let metadata = file.metadata().map_err(|error| Error::io(path, "read", error))?;
        if metadata.is_dir() {
            // a folder can be opened like a file, and then fails in a way that does not say so
            return Err(Error::io(path, "read", io::ErrorKind::IsADirectory.into()));
        }
        let bytes = metadata.len();
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
            ZipError::Io(error) => Error::io(path, "read", error),
            error => {
                let right = "expected a whole file, as `numpy.savez` writes it,";
                Error::content(path, format!("no `.npz` file, or one that was cut off ({error}); {right}"))
            }
        })?;
        let mut names = Vec::new();
        for name in zip.file_names() {
            let name = name.map_err(|error| Error::content(path, format!("the name of an array: {error}")))?;
            names.extend(name.strip_suffix(".npy").map(String::from));
        }
        names.sort_unstable();
        Ok(Self { path, bytes, zip, names })
    }

    pub(super) fn path(&self) -> &'p Path {
        self.path
    }

    /// The arrays of the file, sorted.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|present| present == name)
    }

    /// The error that says which arrays there are instead.
    pub(super) fn missing(&self, name: &str) -> Error {
        let present = match self.names.as_slice() {
            [] => "no array".to_string(),
            names => names.join(", "),
        };
        Error::content(self.path, format!("`{name}` is missing; the file has {present}"))
    }

    /// Opens an array and reads its header.
    pub(super) fn entry(&mut self, name: &str) -> Result<Entry<'_>> {
        if !self.has(name) {
            return Err(self.missing(name));
        }
        let path = self.path;
        let wrong = |problem: &dyn Display| Error::content(path, format!("`{name}`: {problem}"));
        let file = self.zip.by_name(&format!("{name}.npy")).map_err(|error| wrong(&error))?;
        let (packed, unpacked) = (file.compressed_size(), file.size());
        if packed > self.bytes || unpacked / DEFLATE_LIMIT > packed {
            return Err(wrong(&format!(
                "{unpacked} bytes are declared, which {packed} bytes in a file of {} cannot hold",
                self.bytes
            )));
        }
        let mut reader = BufReader::new(file);
        let (header, header_bytes) = read_header(&mut reader).map_err(|problem| wrong(&problem))?;
        let (kind, item) = number_type(&header.dtype()).map_err(|problem| wrong(&problem))?;
        let shape = header.shape().iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect::<Vec<_>>();
        let declared = shape.iter().try_fold(item, |product, &size| product.checked_mul(size));
        let held = unpacked.saturating_sub(header_bytes);
        if declared.map(|bytes| bytes as u64) != Some(held) {
            let right = "expected a file that was written to its end";
            return Err(wrong(&format!(
                "shape {shape:?} of {item} bytes each is declared, but there are {held}; {right}"
            )));
        }
        Ok(Entry { path, name: name.to_string(), header, kind, item, shape, reader })
    }
}

/// An array whose header was read; its size is that of its shape.
pub(super) struct Entry<'a> {
    path: &'a Path,
    name: String,
    header: NpyHeader,
    kind: Kind,
    /// Bytes of a number.
    item: usize,
    shape: Vec<usize>,
    reader: BufReader<ZipFile<'a, BufReader<File>>>,
}

impl Entry<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The error that says what this array is, and then what is expected.
    pub(super) fn unlike(&self, right: &str) -> Error {
        self.wrong(format!("{} of shape {:?}; {right}", type_name(&self.header.dtype()), self.shape))
    }

    fn wrong(&self, problem: impl Display) -> Error {
        Error::content(self.path, format!("`{}`: {problem}", self.name))
    }

    /// All numbers as f32, row-major. (A float64 beyond f32 becomes infinite.)
    pub(super) fn floats(self) -> Result<Vec<f32>> {
        match (self.kind, self.item) {
            (Kind::Float, 2) => self.read(f16::to_f32),
            (Kind::Float, 4) => self.read(|value: f32| value),
            (Kind::Float, _) => self.read(|value: f64| value as f32),
            _ => self.integers(|value| value as f32),
        }
    }

    /// All numbers, which must be integers, as labels, row-major; where one does not count, it may be anything and is 0.
    ///
    /// # Errors
    /// If one that counts is negative or beyond u32.
    pub(super) fn labels(self, counts: impl Fn(usize) -> bool) -> Result<Vec<u32>> {
        self.whole("label", "labels count from 0", counts)
    }

    /// All numbers, which must be integers, as numbers of something, row-major.
    ///
    /// # Errors
    /// If one is negative or beyond u32; `rule` ends the message.
    pub(super) fn counts(self, rule: &str) -> Result<Vec<u32>> {
        self.whole("", rule, |_| true)
    }

    fn whole(self, what: &str, rule: &str, counts: impl Fn(usize) -> bool) -> Result<Vec<u32>> {
        let (path, name, shape) = (self.path, self.name.clone(), self.shape.clone());
        let number = |(at, value)| match u32::try_from(value) {
            _ if !counts(at) => Ok(0),
            Ok(number) => Ok(number),
            Err(_) => {
                let (place, what) = (index(at, &shape), format!("{what} {value}"));
                Err(Error::content(path, format!("`{name}`: {} at {place:?}; {rule}", what.trim_start())))
            }
        };
        self.integers(|value| value)?.into_iter().enumerate().map(number).collect()
    }

    /// Integers of every width and sign go through i128, which holds them all.
    fn integers<U: Copy>(self, convert: impl Fn(i128) -> U) -> Result<Vec<U>> {
        match (self.kind, self.item) {
            (Kind::Bool, _) => self.read(|value: bool| convert(value.into())),
            (Kind::Signed, 1) => self.read(|value: i8| convert(value.into())),
            (Kind::Signed, 2) => self.read(|value: i16| convert(value.into())),
            (Kind::Signed, 4) => self.read(|value: i32| convert(value.into())),
            (Kind::Signed, _) => self.read(|value: i64| convert(value.into())),
            (Kind::Unsigned, 1) => self.read(|value: u8| convert(value.into())),
            (Kind::Unsigned, 2) => self.read(|value: u16| convert(value.into())),
            (Kind::Unsigned, 4) => self.read(|value: u32| convert(value.into())),
            _ => self.read(|value: u64| convert(value.into())),
        }
    }

    /// All numbers, in C order.
    fn read<T: Deserialize, U: Copy>(mut self, convert: impl Fn(T) -> U) -> Result<Vec<U>> {
        let mut values = Vec::new();
        if values.try_reserve_exact(self.shape.iter().product()).is_err() {
            return Err(self.unlike("it does not fit in memory; expected less"));
        }
        match (self.read_to_end(convert, &mut values), self.header.order()) {
            (Ok(()), Order::C) => Ok(values),
            (Ok(()), Order::Fortran) => Ok(row_major(&values, &self.shape)),
            (Err(error), _) => {
                Err(self.wrong(format!("cannot be read to its end ({error}); the file is damaged or was cut off")))
            }
        }
    }

    /// Reads in the order of the file and then one byte more, as the checksum is only looked at behind the last.
    fn read_to_end<T: Deserialize, U>(&mut self, convert: impl Fn(T) -> U, values: &mut Vec<U>) -> io::Result<()> {
        let numbers = NpyFile::with_header(self.header.clone(), &mut self.reader).data().map_err(io::Error::other)?;
        for number in numbers {
            values.push(convert(number?));
        }
        match self.reader.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(io::Error::other("more bytes than declared")),
        }
    }
}

/// From Fortran order (the first index runs fastest) to C order (the last does).
fn row_major<U: Copy>(values: &[U], shape: &[usize]) -> Vec<U> {
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at = index.iter().zip(shape).rev().fold(0, |at, (&i, &size)| at * size + i);
        ordered.push(values[at]);
        for (i, &size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

/// Reads the header of an `.npy`, and says how many bytes it took.
///
/// The parser behind it takes Python literals of any depth and length, and multiplies the sizes of a shape without
/// looking: it only sees headers in which neither can do harm, as that of every array of numbers is.
fn read_header(reader: &mut impl Read) -> Result<(NpyHeader, u64), String> {
    let short = |error: io::Error| format!("no numpy array ({error}); the file may be damaged");
    let mut start = vec![0; 10];
    reader.read_exact(&mut start).map_err(short)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err("no numpy array: expected what `numpy.savez` writes".into());
    }
    let mut length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    if start[6] > 1 {
        let mut high = [0; 2];
        reader.read_exact(&mut high).map_err(short)?;
        length |= usize::from(u16::from_le_bytes(high)) << 16;
        start.extend(high);
    }
    let plain = "no plain array of numbers; expected float32";
    if length > 1024 {
        return Err(format!("{plain} (its header has {length} bytes)"));
    }
    let text = start.len();
    start.resize(text + length, 0);
    reader.read_exact(&mut start[text..]).map_err(short)?;
    let count = |wanted: fn(u8) -> bool| start[text..].iter().filter(|&&byte| wanted(byte)).count();
    // 18 digits of sizes multiply to less than 10^18; hexadecimal ones would not be counted.
    if count(|byte| byte.is_ascii_digit()) > 19 || count(|byte| byte == b'x' || byte == b'X') > 0 {
        return Err(format!("{plain} (its header declares too large a shape, or many fields)"));
    }
    if count(|byte| matches!(byte, b'(' | b'[' | b'{')) > 8 {
        return Err(format!("{plain} (its header has many fields)"));
    }
    let header = NpyHeader::from_reader(start.as_slice()).map_err(|error| format!("no numpy array ({error})"))?;
    Ok((header, start.len() as u64))
}

/// Which numbers, and how many bytes each has.
fn number_type(dtype: &DType) -> Result<(Kind, usize), String> {
    let right = "expected float32 or float64 (integers for class labels)";
    if let DType::Plain(plain) = dtype {
        match (plain.type_char(), plain.size_field()) {
            (TypeChar::Float, size @ (2 | 4 | 8)) => return Ok((Kind::Float, size as usize)),
            (TypeChar::Int, size @ (1 | 2 | 4 | 8)) => return Ok((Kind::Signed, size as usize)),
            (TypeChar::Uint, size @ (1 | 2 | 4 | 8)) => return Ok((Kind::Unsigned, size as usize)),
            (TypeChar::Bool, 1) => return Ok((Kind::Bool, 1)),
            _ => {}
        }
    }
    Err(format!("{}; {right}", type_name(dtype)))
}

/// What numpy calls the type.
fn type_name(dtype: &DType) -> String {
    let DType::Plain(plain) = dtype else { return format!("records {}", dtype.descr()) };
    let bits = plain.size_field().saturating_mul(8);
    match plain.type_char() {
        TypeChar::Bool => "bool".into(),
        TypeChar::Int => format!("int{bits}"),
        TypeChar::Uint => format!("uint{bits}"),
        TypeChar::Float => format!("float{bits}"),
        TypeChar::Complex => format!("complex{bits}"),
        TypeChar::Object => "Python objects".into(),
        TypeChar::ByteStr | TypeChar::UnicodeStr => "text".into(),
        _ => format!("type {}", dtype.descr()),
    }
}
