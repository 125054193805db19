//! Recorded data in numpy's `.npz`: `train_inputs`, `train_targets`, `test_inputs`, `test_targets`, masks and lengths.
//!
//! | array | type | shape |
//! | --- | --- | --- |
//! | `…_inputs` | float16, float32, float64 | `[samples, steps, channels]` |
//! | `…_targets` | float16, float32, float64 | `[samples, steps, outputs]` |
//! | `…_targets` (class labels) | any integer, bool | `[samples]`, or `[samples, steps]` for a class at each step |
//! | `…_mask` (may be missing) | float, integer, bool | `[samples, steps, outputs]`, `[samples, steps, 1]`, `[samples, steps]` |
//! | `…_lengths` (may be missing) | any integer | `[samples]`, each from 1 to steps |
//!
//! A mask says how much each target counts, from 0 on; a target under a mask of 0 may be anything, NaN and -1 included.
//! So may all that stands behind the length of a sample. As written by `numpy.savez` or `numpy.savez_compressed`: either
//! byte order, C or Fortran order. Arrays of other names may stand beside them, unless they begin with `train_` or
//! `test_`: that is taken for a slip.

mod array;
mod split;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

pub use write::{Compression, write_npz, write_npz_in_parts};

use crate::data::{Data, Dataset};
use crate::error::{Error, Result};
use array::Archive;
use split::{ARRAYS, Needed};

const SPLITS: [&str; 2] = ["train", "test"];

/// The splits that a file has; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// From the arrays `train_…`.
    pub train: Option<Dataset>,
    /// From the arrays `test_…`.
    pub test: Option<Dataset>,
}

/// Reads both splits.
///
/// `classes` is the number of classes where the targets are labels; `None`: the highest label of both splits, and 1.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened or read, else [`Error::Content`], which names the array and what would
/// be right: an array that is missing or unknown, has the wrong type or shape, holds a number that is not finite, a
/// negative mask or a label that is no class, or splits that do not agree.
pub fn read(path: impl AsRef<Path>, classes: Option<usize>) -> Result<Data> {
    let path = path.as_ref();
    let mut archive = open(path)?;
    let [train, test] = splits(&mut archive, classes, Needed::Targets)?;
    let train = train.ok_or_else(|| archive.missing("train_inputs"))?;
    let test = test.ok_or_else(|| archive.missing("test_inputs"))?;
    Data::new(train, test).map_err(|error| in_file(path, "", error))
}

/// Reads the splits that the file has. `classes` is as for [`read`].
///
/// # Errors
/// As [`read`], but a split may be missing altogether. A file with neither is an error. If it has both they need not
/// agree.
pub fn read_splits(path: impl AsRef<Path>, classes: Option<usize>) -> Result<Splits> {
    read_either(path.as_ref(), classes, Needed::Targets)
}

/// As [`read_splits`], of a file to run a network of so many `outputs` on: without targets, inputs alone are enough.
///
/// # Errors
/// As [`read_splits`]; a mask or lengths without inputs are an error, as is a mask without targets.
pub fn read_to_evaluate(path: impl AsRef<Path>, outputs: usize) -> Result<Splits> {
    read_either(path.as_ref(), Some(outputs), Needed::Inputs { outputs })
}

fn read_either(path: &Path, classes: Option<usize>, needed: Needed) -> Result<Splits> {
    let mut archive = open(path)?;
    let [train, test] = splits(&mut archive, classes, needed)?;
    if train.is_none() && test.is_none() {
        return Err(archive.missing("test_inputs"));
    }
    Ok(Splits { train, test })
}

/// Opens the file and looks at the names in it.
fn open(path: &Path) -> Result<Archive<'_>> {
    let archive = Archive::open(path)?;
    let known = |name: &str, split: &str| match name.strip_prefix(split).and_then(|rest| rest.strip_prefix('_')) {
        Some(array) => ARRAYS.contains(&array),
        None => true,
    };
    match archive.names().iter().find(|name| !SPLITS.iter().all(|split| known(name, split))) {
        Some(name) => {
            let right = SPLITS.map(|split| ARRAYS.map(|array| format!("`{split}_{array}`")).join(", ")).join(", ");
            Err(Error::content(path, format!("`{name}`: no array of this name is known; expected {right}")))
        }
        None => Ok(archive),
    }
}

/// Train and test, where they are there.
fn splits(archive: &mut Archive, classes: Option<usize>, needed: Needed) -> Result<[Option<Dataset>; 2]> {
    let mut recorded = [None, None];
    for (place, split) in recorded.iter_mut().zip(SPLITS) {
        *place = split::read(archive, split, needed)?;
    }
    let highest = recorded.iter().flatten().filter_map(|split| split.highest_label()).max();
    let classes = classes.unwrap_or_else(|| highest.map_or(0, |label| label as usize + 1));
    let mut datasets = [None, None];
    for ((place, recorded), split) in datasets.iter_mut().zip(recorded).zip(SPLITS) {
        if let Some(recorded) = recorded {
            let prefix = format!("{split}_");
            let dataset = recorded.dataset(classes);
            *place = Some(dataset.map_err(|error| in_file(archive.path(), &prefix, error))?);
        }
    }
    Ok(datasets)
}

/// What a constructor says of `targets`, said of `train_targets` in the file.
fn in_file(path: &Path, prefix: &str, error: Error) -> Error {
    match error {
        Error::Setting { key, problem } => Error::content(path, format!("`{prefix}{key}`: {problem}")),
        other => other,
    }
}
