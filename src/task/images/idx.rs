//! MNIST's IDX files: 0, 0, type of number, number of axes, each axis as a big-endian u32, then the numbers.
//!
//! Source: the format's description beside the MNIST files. Images are bytes of shape `[samples, rows, columns]`, labels
//! bytes of shape `[samples]`, in files of four names, each plain or gzipped. Nothing that a file declares is trusted
//! before the file has been read to its end once.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// Classes of digits.
pub const CLASSES: usize = 10;

/// Images and labels of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// `[samples, rows, columns]`, values from 0 to 1.
    pub pixels: Vec<f32>,
    /// Samples, rows, columns; each at least 1.
    pub shape: [usize; 3],
    /// `[samples]`, each at most 9.
    pub labels: Vec<u32>,
}

/// Reads a split, `train` or `t10k`, from `folder`: its first `samples`, or all.
///
/// `key` is the setting to blame where there are fewer.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] with the file and what is expected: a file that is missing, is no IDX file of
/// bytes, has other axes, does not end where its sizes say, or has a label above 9; or images and labels that differ
/// in number. [`Error::Setting`] with `key`, if more samples are wanted than there are.
pub fn read(folder: &Path, split: &str, samples: Option<usize>, key: &str) -> Result<Split> {
    let images = Idx::<3>::find(folder, &format!("{split}-images"))?;
    let labels = Idx::<1>::find(folder, &format!("{split}-labels"))?;
    let ([all, rows, columns], [labelled]) = (images.shape, labels.shape);
    if all != labelled {
        let problem = format!("{labelled} labels, but {} has {all} images; expected one a label", name(&images.path));
        return Err(Error::content(&labels.path, problem));
    }
    let samples = samples.unwrap_or(all);
    if samples > all {
        let problem = format!("{samples}, but {} has {all} images; expected at most {all}", images.path.display());
        return Err(Error::setting(key, problem));
    }
    let labels = labels.first(labelled, |at, byte| match byte {
        0..10 => Ok(u32::from(byte)),
        _ => Err(format!("label {byte} at [{at}]; expected 0 to {}", CLASSES - 1)),
    })?;
    let pixels = images.first(samples * rows * columns, |_, byte| Ok(f32::from(byte) / 255.0))?;
    Ok(Split { pixels, shape: [samples, rows, columns], labels: labels[..samples].to_vec() })
}

/// A file that holds what its header says: bytes along `AXES` axes, none of them 0.
struct Idx<const AXES: usize> {
    path: PathBuf,
    shape: [usize; AXES],
}

impl<const AXES: usize> Idx<AXES> {
    /// The file of this name that the folder has, under any of the usual endings.
    fn find(folder: &Path, stem: &str) -> Result<Self> {
        let names = ["-", "."].map(|dot| ["", ".gz"].map(|packed| format!("{stem}{dot}idx{AXES}-ubyte{packed}")));
        let names = names.as_flattened();
        if !folder.is_dir() {
            let problem = format!("is no folder; expected one with {} and MNIST's other files", names[0]);
            return Err(Error::content(folder, problem));
        }
        match names.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
            Some(path) => Self::open(path),
            None => {
                Err(Error::content(folder, format!("none of {} is there; one of them is needed", names.join(", "))))
            }
        }
    }

    /// Reads the header, and the rest to see that it is as long as the header says.
    fn open(path: PathBuf) -> Result<Self> {
        let mut reader = reader(&path)?;
        let mut magic = [0; 4];
        read_exact(&path, &mut reader, &mut magic)?;
        if magic != Self::magic() {
            let problem = format!(
                "begins with the bytes {magic:?}; expected {:?} (an IDX file of bytes with {AXES} axes)",
                Self::magic()
            );
            return Err(Error::content(path, problem));
        }
        let mut sizes = [[0; 4]; AXES];
        read_exact(&path, &mut reader, sizes.as_flattened_mut())?;
        let sizes = sizes.map(u32::from_be_bytes);
        let right = "expected a file that was written to its end";
        // three u32 may not even fit in u64
        let declared = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(u64::from(size)));
        let declared = declared.filter(|&declared| usize::try_from(declared).is_ok() && declared < u64::MAX);
        let Some(declared) = declared else {
            return Err(Error::content(
                path,
                format!("shape {sizes:?} is declared, more than any file holds; {right}"),
            ));
        };
        if declared == 0 {
            let problem = format!("shape {sizes:?} is declared; expected at least 1 along each axis");
            return Err(Error::content(path, problem));
        }
        let held =
            io::copy(&mut (&mut reader).take(declared), &mut io::sink()).map_err(|error| damaged(&path, &error))?;
        if held < declared {
            let problem = format!("shape {sizes:?} is declared, {declared} bytes, but there are {held}; {right}");
            return Err(Error::content(path, problem));
        }
        // the checksum of a packed file is only looked at behind the last byte
        if !reader.fill_buf().map_err(|error| damaged(&path, &error))?.is_empty() {
            let problem = format!("shape {sizes:?} is declared, {declared} bytes, but more follow; {right}");
            return Err(Error::content(path, problem));
        }
        Ok(Self { path, shape: sizes.map(|size| size as usize) })
    }

    const fn magic() -> [u8; 4] {
        [0, 0, 8, AXES as u8]
    }

    /// The first bytes behind the header, converted; `convert` gets the place of each and may say what is wrong.
    fn first<T>(&self, count: usize, convert: impl Fn(usize, u8) -> Result<T, String>) -> Result<Vec<T>> {
        let path = &self.path;
        let mut values = Vec::new();
        if values.try_reserve_exact(count).is_err() {
            return Err(Error::content(path, format!("{count} numbers do not fit in memory; expected less")));
        }
        let mut reader = reader(path)?;
        read_exact(path, &mut reader, &mut [[0; 4]; AXES].as_flattened_mut()[..])?;
        read_exact(path, &mut reader, &mut [0; 4])?;
        let mut chunk = [0; 1 << 14];
        while values.len() < count {
            let now = chunk.len().min(count - values.len());
            read_exact(path, &mut reader, &mut chunk[..now])?;
            for &byte in &chunk[..now] {
                values.push(convert(values.len(), byte).map_err(|problem| Error::content(path, problem))?);
            }
        }
        Ok(values)
    }
}

/// The content of a file, unpacked if it begins as gzip does.
fn reader(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        // a folder can be opened like a file, and then fails in a way that does not say so
        return Err(Error::io(path, "read", io::ErrorKind::IsADirectory.into()));
    }
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let start = reader.fill_buf().map_err(|error| Error::io(path, "read", error))?;
    match start.starts_with(&[0x1f, 0x8b]) {
        true => Ok(Box::new(BufReader::new(MultiGzDecoder::new(reader)))),
        false => Ok(Box::new(reader)),
    }
}

fn read_exact(path: &Path, reader: &mut dyn BufRead, into: &mut [u8]) -> Result<()> {
    reader.read_exact(into).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &io::Error) -> Error {
    Error::content(path, format!("cannot be read to its end ({error}); the file is damaged or was cut off"))
}

/// The last part of a path, for a message that has named its folder.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
