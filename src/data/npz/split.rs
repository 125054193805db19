//! The arrays of one split: which there are, their types and shapes.

use super::array::{Archive, Entry, Kind};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};

/// The arrays that a split may have.
pub(super) const ARRAYS: [&str; 4] = ["inputs", "targets", "mask", "lengths"];

/// What a split must have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needed {
    /// Inputs and targets.
    Targets,
    /// Inputs; without targets, those of a network of so many outputs are missing.
    Inputs { outputs: usize },
}

/// What a split holds, before the number of classes is known.
pub(super) struct Recorded {
    inputs: Vec<f32>,
    shape: [usize; 3],
    lengths: Option<Vec<u32>>,
    mask: Option<Vec<f32>>,
    targets: Recording,
}

enum Recording {
    Series { values: Vec<f32>, outputs: usize },
    Labels(Vec<u32>),
    StepLabels(Vec<u32>),
    Missing { outputs: usize },
}

impl Recorded {
    /// The highest class label.
    pub(super) fn highest_label(&self) -> Option<u32> {
        match &self.targets {
            Recording::Labels(labels) | Recording::StepLabels(labels) => labels.iter().max().copied(),
            Recording::Series { .. } | Recording::Missing { .. } => None,
        }
    }

    /// The samples, with so many classes where there are labels.
    ///
    /// # Errors
    /// As [`Dataset::with_lengths`].
    pub(super) fn dataset(self, classes: usize) -> Result<Dataset> {
        let mask = self.mask;
        let targets = match self.targets {
            Recording::Series { values, outputs } => Targets::Series { values, outputs, mask },
            Recording::Labels(labels) => Targets::Classes { labels, classes },
            Recording::StepLabels(labels) => Targets::StepClasses { labels, classes, mask },
            Recording::Missing { outputs } => Targets::Missing { outputs },
        };
        Dataset::with_lengths(self.inputs, self.shape, targets, self.lengths)
    }
}

/// Reads the arrays of `split`; `None` if it has none.
pub(super) fn read(archive: &mut Archive, split: &str, needed: Needed) -> Result<Option<Recorded>> {
    let names = ARRAYS.map(|array| format!("{split}_{array}"));
    if !names.iter().any(|name| archive.has(name)) {
        return Ok(None);
    }
    let [inputs_name, targets_name, mask_name, lengths_name] = &names;
    let entry = archive.entry(inputs_name)?;
    let (Kind::Float, &[samples, steps, channels]) = (entry.kind(), entry.shape()) else {
        return Err(entry.unlike("expected floats of shape [samples, steps, channels] (`.astype(\"float32\")`)"));
    };
    check_not_empty(&entry, &["samples", "steps", "channels"])?;
    let (inputs, shape) = (entry.floats()?, [samples, steps, channels]);
    let lengths = match archive.has(lengths_name) {
        true => Some(read_lengths(archive.entry(lengths_name)?, samples)?),
        false => None,
    };
    let mut mask = None;
    let targets = match needed {
        Needed::Inputs { .. } if !archive.has(targets_name) && archive.has(mask_name) => {
            return Err(archive.missing(targets_name));
        }
        Needed::Inputs { outputs } if !archive.has(targets_name) => Recording::Missing { outputs },
        Needed::Inputs { .. } | Needed::Targets => {
            let kind = kind_of(&archive.entry(targets_name)?, inputs_name, shape)?;
            if archive.has(mask_name) {
                if let Of::Labels = kind {
                    let problem = format!(
                        "`{mask_name}`: `{targets_name}` has one class per sample, for which there is no mask; expected \
                         class labels of shape [{samples}, {steps}] to weigh steps"
                    );
                    return Err(Error::content(archive.path(), problem));
                }
                mask = Some(read_mask(archive.entry(mask_name)?, samples, steps, kind)?);
            }
            let entry = archive.entry(targets_name)?;
            match kind {
                Of::Values { outputs } => Recording::Series { values: entry.floats()?, outputs },
                Of::Labels => Recording::Labels(entry.labels(|_| true)?),
                Of::StepLabels => {
                    let within =
                        |at: usize| lengths.as_ref().is_none_or(|lengths| at % steps < lengths[at / steps] as usize);
                    let counts = |at: usize| mask.as_ref().is_none_or(|mask| mask[at] != 0.0) && within(at);
                    Recording::StepLabels(entry.labels(counts)?)
                }
            }
        }
    };
    Ok(Some(Recorded { inputs, shape, lengths, mask, targets }))
}

/// What an array of targets says.
#[derive(Debug, Clone, Copy)]
enum Of {
    Values { outputs: usize },
    Labels,
    StepLabels,
}

/// What the targets say, if type and shape fit the inputs.
fn kind_of(entry: &Entry, inputs_name: &str, inputs: [usize; 3]) -> Result<Of> {
    let [samples, steps, _] = inputs;
    let expected = |shape: &str| Err(entry.unlike(&format!("expected {shape}, as `{inputs_name}` is {inputs:?}")));
    match (entry.kind(), entry.shape()) {
        (Kind::Float, &[s, t, outputs]) => {
            if [s, t] != [samples, steps] {
                return expected(&format!("[{samples}, {steps}, outputs]"));
            }
            check_not_empty(entry, &["samples", "steps", "outputs"])?;
            Ok(Of::Values { outputs })
        }
        (Kind::Float, [_] | [_, _]) if entry.shape()[0] == samples && entry.shape().get(1).is_none_or(|&t| t == steps) => {
            Err(entry.unlike(
                "class labels must be integers: expected `.astype(\"int64\")`, or values of shape [samples, steps, outputs]",
            ))
        }
        (Kind::Float, _) => Err(entry.unlike("expected floats of shape [samples, steps, outputs], or integer class labels")),
        (_, &[s]) if s == samples => Ok(Of::Labels),
        (_, [_]) => expected(&format!("[{samples}]")),
        (_, shape @ [_, _]) if shape == [samples, steps] => Ok(Of::StepLabels),
        (_, [_, _]) => expected(&format!("[{samples}, {steps}]")),
        (_, [_, _, _]) => Err(entry.unlike("a value for each step must be a float: expected `.astype(\"float32\")`")),
        _ => Err(entry.unlike(
            "expected floats of shape [samples, steps, outputs], or integer class labels of shape [samples] or \
             [samples, steps]",
        )),
    }
}

fn read_mask(entry: Entry, samples: usize, steps: usize, targets: Of) -> Result<Vec<f32>> {
    let outputs = match targets {
        Of::Values { outputs } => outputs,
        Of::Labels | Of::StepLabels => 1,
    };
    let fits = match *entry.shape() {
        [s, t] => [s, t] == [samples, steps],
        [s, t, o] => [s, t] == [samples, steps] && (o == outputs || o == 1),
        _ => false,
    };
    if !fits {
        let one = format!("[{samples}, {steps}, 1] or [{samples}, {steps}]");
        return Err(entry.unlike(&match targets {
            Of::Values { outputs } => format!("expected [{samples}, {steps}, {outputs}], {one}"),
            Of::Labels | Of::StepLabels => format!("expected {one}"),
        }));
    }
    entry.floats()
}

fn read_lengths(entry: Entry, samples: usize) -> Result<Vec<u32>> {
    match (entry.kind(), entry.shape()) {
        (Kind::Signed | Kind::Unsigned, &[s]) if s == samples => entry.counts("expected a number of steps, at least 1"),
        _ => Err(entry.unlike(&format!("expected integers of shape [{samples}]: the steps of each sample"))),
    }
}

fn check_not_empty(entry: &Entry, names: &[&str]) -> Result<()> {
    match entry.shape().iter().zip(names).find(|(size, _)| **size == 0) {
        Some((_, name)) => Err(entry.unlike(&format!("0 {name}; expected at least 1"))),
        None => Ok(()),
    }
}
