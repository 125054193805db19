//! What the outputs should be, and what of it counts: values or class labels, weights, trials of unlike length.

use crate::bptt::TargetKind;
use crate::error::{Error, Result};

/// The most classes that labels may tell apart; more are taken for a mistake in the file.
const MAX_CLASSES: usize = 1 << 20;

/// What the outputs should be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Targets {
    /// A value for each output at each step.
    Series {
        /// `[samples, steps, outputs]`, row-major. What counts for nothing may be NaN or infinite; it is kept as 0.
        values: Vec<f32>,
        /// Outputs of the network.
        outputs: usize,
        /// How much each value counts, at least 0: `[samples, steps, outputs]`. [`Dataset::new`](super::Dataset::new)
        /// also takes `[samples, steps]` and repeats it for each output. `None`: every value counts 1.
        mask: Option<Vec<f32>>,
    },
    /// One class per sample, asked for at its last step.
    Classes {
        /// `[samples]`, each below `classes`.
        labels: Vec<u32>,
        /// Number of classes: the outputs of the network.
        classes: usize,
    },
    /// A class at each step.
    StepClasses {
        /// `[samples, steps]`, each below `classes`. What counts for nothing may be any number; it is kept as 0.
        labels: Vec<u32>,
        /// Number of classes: the outputs of the network.
        classes: usize,
        /// How much each step counts, at least 0: `[samples, steps]`. `None`: every step counts 1.
        mask: Option<Vec<f32>>,
    },
    /// Nothing is known: the inputs can be answered, but no loss can be taken.
    Missing {
        /// Outputs of the network.
        outputs: usize,
    },
}

impl Targets {
    /// Outputs that the network must have: values per step, or classes.
    pub fn outputs(&self) -> usize {
        match *self {
            Self::Series { outputs, .. } | Self::Missing { outputs } => outputs,
            Self::Classes { classes, .. } | Self::StepClasses { classes, .. } => classes,
        }
    }

    /// Which kind of targets these are.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Series { .. } => TargetKind::Values,
            Self::Classes { .. } => TargetKind::Classes,
            Self::StepClasses { .. } => TargetKind::StepClasses,
            Self::Missing { .. } => TargetKind::Missing,
        }
    }

    /// How much each value or step counts, where that is not 1 for all.
    pub fn mask(&self) -> Option<&[f32]> {
        match self {
            Self::Series { mask, .. } | Self::StepClasses { mask, .. } => mask.as_deref(),
            Self::Classes { .. } | Self::Missing { .. } => None,
        }
    }

    /// Bytes that targets and mask take.
    pub(super) fn bytes(&self) -> usize {
        let targets = match self {
            Self::Series { values, .. } => values.len(),
            Self::Classes { labels, .. } | Self::StepClasses { labels, .. } => labels.len(),
            Self::Missing { .. } => 0,
        };
        (targets + self.mask().map_or(0, <[f32]>::len)) * size_of::<f32>()
    }

    /// Checks them and brings them into the form that [`Dataset`](super::Dataset) keeps: masks of full shape, 0 behind
    /// the end of a sample, and 0 in place of what counts for nothing.
    pub(super) fn checked(self, samples: usize, steps: usize, lengths: Option<&[u32]>) -> Result<Self> {
        match self {
            Self::Series { mut values, outputs, mask } => {
                if outputs == 0 {
                    return Err(Error::setting("targets", "0 outputs; expected at least 1"));
                }
                let shape = [samples, steps, outputs];
                check_size("targets", values.len(), &shape)?;
                let mask = mask_of(mask, shape, lengths)?;
                check_values(&mut values, mask.as_deref(), &shape)?;
                Ok(Self::Series { values, outputs, mask })
            }
            Self::Classes { labels, classes } => {
                if labels.len() != samples {
                    let problem = format!("{} labels for {samples} samples; expected one per sample", labels.len());
                    return Err(Error::setting("targets", problem));
                }
                check_labels(&labels, classes, |at| format!("[{at}]"))?;
                Ok(Self::Classes { labels, classes })
            }
            Self::StepClasses { mut labels, classes, mask } => {
                check_size("targets", labels.len(), &[samples, steps])?;
                let mask = mask_of(mask, [samples, steps, 1], lengths)?;
                let ignored = labels.iter_mut().zip(mask.iter().flatten()).filter(|(_, mask)| **mask == 0.0);
                ignored.for_each(|(label, _)| *label = 0);
                check_labels(&labels, classes, |at| format!("{:?}", [at / steps, at % steps]))?;
                Ok(Self::StepClasses { labels, classes, mask })
            }
            Self::Missing { outputs } => Ok(Self::Missing { outputs }),
        }
    }
}

/// Whether so many numbers fill the shape.
pub(super) fn check_size(key: &str, count: usize, shape: &[usize]) -> Result<()> {
    match shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)) == Some(count) {
        true => Ok(()),
        false => Err(Error::setting(key, format!("{count} numbers, which is not what shape {shape:?} holds"))),
    }
}

/// The error that the number at a row-major position is not finite.
pub(super) fn not_finite(key: &str, value: f32, at: usize, shape: &[usize], unless: &str) -> Error {
    let place = index(at, shape);
    Error::setting(key, format!("{value} at {place:?}; expected numbers that are finite as float32{unless}"))
}

/// Whether every value that counts is finite; those that do not count and are not finite become 0.
fn check_values(values: &mut [f32], mask: Option<&[f32]>, shape: &[usize]) -> Result<()> {
    for (at, value) in values.iter_mut().enumerate().filter(|(_, value)| !value.is_finite()) {
        match mask.map(|mask| mask[at]) {
            Some(0.0) => *value = 0.0,
            Some(weight) => {
                let unless = format!(" (its mask is {weight}; where the mask is 0, any number is allowed)");
                return Err(not_finite("targets", *value, at, shape, &unless));
            }
            None => {
                let unless = " (or a mask that is 0 where there is no target)";
                return Err(not_finite("targets", *value, at, shape, unless));
            }
        }
    }
    Ok(())
}

/// Checks a mask of `[samples, steps]` or the full shape, gives it its full shape, and makes it 0 behind the end of each
/// sample. `None` where everything counts 1.
fn mask_of(mask: Option<Vec<f32>>, shape: [usize; 3], lengths: Option<&[u32]>) -> Result<Option<Vec<f32>>> {
    let [samples, steps, outputs] = shape;
    let mut mask = match (mask, lengths) {
        (None, None) => return Ok(None),
        (None, Some(_)) => vec![1.0; samples * steps * outputs],
        (Some(mask), _) => whole_mask(mask, shape)?,
    };
    for (sample, &length) in mask.chunks_exact_mut(steps * outputs).zip(lengths.unwrap_or_default()) {
        sample[length as usize * outputs..].fill(0.0);
    }
    if mask.iter().all(|&weight| weight == 0.0) {
        return Err(Error::setting("mask", "every value is 0, so there is nothing to learn; more than 0 is kept"));
    }
    Ok(Some(mask))
}

fn whole_mask(mask: Vec<f32>, [samples, steps, outputs]: [usize; 3]) -> Result<Vec<f32>> {
    let per_step = mask.len() == samples * steps;
    let shape = [samples, steps, if per_step { 1 } else { outputs }];
    check_size("mask", mask.len(), &shape)?;
    if let Some(at) = mask.iter().position(|value| !value.is_finite()) {
        return Err(not_finite("mask", mask[at], at, &shape, ""));
    }
    if let Some(at) = mask.iter().position(|&value| value < 0.0) {
        let problem = format!("{} at {:?}; expected 0 (left out) or more", mask[at], index(at, &shape));
        return Err(Error::setting("mask", problem));
    }
    Ok(match per_step && outputs > 1 {
        true => mask.iter().flat_map(|&value| std::iter::repeat_n(value, outputs)).collect(),
        false => mask,
    })
}

/// Whether labels are classes; `place` says where the label at a position stands.
fn check_labels(labels: &[u32], classes: usize, place: impl Fn(usize) -> String) -> Result<()> {
    if let Some(at) = labels.iter().position(|&label| label as usize >= MAX_CLASSES) {
        let (label, most) = (labels[at], MAX_CLASSES - 1);
        let problem = format!("label {label} at {}; labels count from 0 to at most {most}", place(at));
        return Err(Error::setting("targets", problem));
    }
    if classes == 0 || classes > MAX_CLASSES {
        return Err(Error::setting("targets", format!("{classes} classes; expected 1 to {MAX_CLASSES}")));
    }
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(at) => {
            let (label, most, place) = (labels[at], classes - 1, place(at));
            let problem = format!("label {label} at {place}, but with {classes} classes; expected 0 to {most}");
            Err(Error::setting("targets", problem))
        }
        None => Ok(()),
    }
}

/// Where the element at a row-major position stands.
pub(super) fn index(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &size) in index.iter_mut().zip(shape).rev() {
        *place = at % size;
        at /= size;
    }
    index
}
