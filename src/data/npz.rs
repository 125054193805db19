//! Recorded data in numpy's `.npz`: `train_inputs`, `train_targets`, `test_inputs`, `test_targets`, and masks.
//!
//! | array | type | shape |
//! | --- | --- | --- |
//! | `…_inputs` | float16, float32, float64 | `[samples, steps, channels]` |
//! | `…_targets` | float16, float32, float64 | `[samples, steps, outputs]` |
//! | `…_targets` (class labels) | any integer, bool | `[samples]` |
//! | `…_mask` (may be missing) | float, integer, bool | `[samples, steps, outputs]`, `[samples, steps, 1]`, `[samples, steps]` |
//!
//! As written by `numpy.savez` or `numpy.savez_compressed`: either byte order, C or Fortran order. Arrays of other
//! names may stand beside them, unless they begin with `train_` or `test_`: that is taken for a slip.

mod array;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

pub use write::{Compression, write_npz};

use crate::data::{Data, Dataset, Targets};
use crate::error::{Error, Result};
use array::{Archive, Entry, Kind};

const SPLITS: [&str; 2] = ["train", "test"];
const ARRAYS: [&str; 3] = ["inputs", "targets", "mask"];

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
    let [train, test] = splits(&mut archive, classes)?;
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
    let mut archive = open(path.as_ref())?;
    let [train, test] = splits(&mut archive, classes)?;
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

/// What a split holds, before the number of classes is known.
struct Recorded {
    inputs: Vec<f32>,
    shape: [usize; 3],
    targets: RecordedTargets,
}

enum RecordedTargets {
    Series { values: Vec<f32>, outputs: usize, mask: Option<Vec<f32>> },
    Labels(Vec<u32>),
}

/// Train and test, where they are there.
fn splits(archive: &mut Archive, classes: Option<usize>) -> Result<[Option<Dataset>; 2]> {
    let mut recorded = [None, None];
    for (place, split) in recorded.iter_mut().zip(SPLITS) {
        *place = read_split(archive, split)?;
    }
    let highest = recorded.iter().flatten().filter_map(|split| match &split.targets {
        RecordedTargets::Labels(labels) => labels.iter().max(),
        RecordedTargets::Series { .. } => None,
    });
    let classes = classes.unwrap_or_else(|| highest.max().map_or(0, |&label| label as usize + 1));
    let mut datasets = [None, None];
    for ((place, recorded), split) in datasets.iter_mut().zip(recorded).zip(SPLITS) {
        if let Some(Recorded { inputs, shape, targets }) = recorded {
            let targets = match targets {
                RecordedTargets::Series { values, outputs, mask } => Targets::Series { values, outputs, mask },
                RecordedTargets::Labels(labels) => Targets::Classes { labels, classes },
            };
            let prefix = format!("{split}_");
            let dataset = Dataset::new(inputs, shape, targets);
            *place = Some(dataset.map_err(|error| in_file(archive.path(), &prefix, error))?);
        }
    }
    Ok(datasets)
}

fn read_split(archive: &mut Archive, split: &str) -> Result<Option<Recorded>> {
    let [inputs_name, targets_name, mask_name] = ARRAYS.map(|array| format!("{split}_{array}"));
    if ![&inputs_name, &targets_name, &mask_name].iter().any(|name| archive.has(name)) {
        return Ok(None);
    }
    let (has_mask, path) = (archive.has(&mask_name), archive.path());

    let entry = archive.entry(&inputs_name)?;
    let (Kind::Float, &[samples, steps, channels]) = (entry.kind(), entry.shape()) else {
        return Err(entry.unlike("expected floats of shape [samples, steps, channels] (`.astype(\"float32\")`)"));
    };
    check_not_empty(&entry, &["samples", "steps", "channels"])?;
    let inputs = entry.floats()?;

    let entry = archive.entry(&targets_name)?;
    let targets = match (entry.kind(), entry.shape()) {
        (Kind::Float, &[s, t, outputs]) => {
            if [s, t] != [samples, steps] {
                return Err(entry.unlike(&format!(
                    "expected [{samples}, {steps}, outputs], as `{inputs_name}` is {:?}",
                    [samples, steps, channels]
                )));
            }
            check_not_empty(&entry, &["samples", "steps", "outputs"])?;
            let values = entry.floats()?;
            let mask =
                if has_mask { Some(read_mask(archive.entry(&mask_name)?, [samples, steps, outputs])?) } else { None };
            RecordedTargets::Series { values, outputs, mask }
        }
        (Kind::Float, [_]) => {
            return Err(entry.unlike("class labels must be integers: expected `.astype(\"int64\")`"));
        }
        (_, &[s]) => {
            if s != samples {
                let shape = [samples, steps, channels];
                return Err(entry.unlike(&format!("expected [{samples}], as `{inputs_name}` is {shape:?}")));
            }
            if has_mask {
                let problem = format!("`{mask_name}`: `{targets_name}` has class labels, for which there is no mask");
                return Err(Error::content(path, problem));
            }
            RecordedTargets::Labels(entry.labels()?)
        }
        (_, [_, _, _]) => {
            return Err(entry.unlike("a value for each step must be a float: expected `.astype(\"float32\")`"));
        }
        _ => {
            return Err(entry.unlike(
                "expected floats of shape [samples, steps, outputs], or integer class labels of shape [samples]",
            ));
        }
    };
    Ok(Some(Recorded { inputs, shape: [samples, steps, channels], targets }))
}

fn read_mask(entry: Entry, [samples, steps, outputs]: [usize; 3]) -> Result<Vec<f32>> {
    let fits = match *entry.shape() {
        [s, t] => [s, t] == [samples, steps],
        [s, t, o] => [s, t] == [samples, steps] && (o == outputs || o == 1),
        _ => false,
    };
    if !fits {
        return Err(entry.unlike(&format!(
            "expected [{samples}, {steps}, {outputs}], [{samples}, {steps}, 1] or [{samples}, {steps}]"
        )));
    }
    entry.floats()
}

fn check_not_empty(entry: &Entry, names: &[&str]) -> Result<()> {
    match entry.shape().iter().zip(names).find(|(size, _)| **size == 0) {
        Some((_, name)) => Err(entry.unlike(&format!("0 {name}; expected at least 1"))),
        None => Ok(()),
    }
}

/// What a constructor says of `targets`, said of `train_targets` in the file.
fn in_file(path: &Path, prefix: &str, error: Error) -> Error {
    match error {
        Error::Setting { key, problem } => Error::content(path, format!("`{prefix}{key}`: {problem}")),
        other => other,
    }
}
