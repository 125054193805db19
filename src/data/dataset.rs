//! What a network learns from: inputs, and what its outputs should be, checked once.

use crate::bptt::LossName;
use crate::error::{Error, Result};

/// The most classes that labels may tell apart; more are taken for a mistake in the file.
const MAX_CLASSES: usize = 1 << 20;

/// What the outputs should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A value for each output at each step.
    Series {
        /// `[samples, steps, outputs]`, row-major.
        values: Vec<f32>,
        /// Outputs of the network.
        outputs: usize,
        /// How much each value counts, at least 0: `[samples, steps, outputs]`. [`Dataset::new`] also takes
        /// `[samples, steps]` and repeats it for each output.
        mask: Option<Vec<f32>>,
    },
    /// One class a sample.
    Classes {
        /// `[samples]`, each below `classes`.
        labels: Vec<u32>,
        /// Number of classes: the outputs of the network.
        classes: usize,
    },
}

/// One split of the data. At least one sample, step, channel and output; every number finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Vec<f32>,
    samples: usize,
    steps: usize,
    channels: usize,
    targets: Targets,
}

impl Dataset {
    /// Checks what [`Dataset`] promises. `inputs` is `[samples, steps, channels]`, row-major.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `inputs`, `targets` or `mask`: a size of 0, lengths that do not follow from the
    /// sizes, a number that is not finite, a label that is no class, a negative mask or one that keeps nothing.
    pub fn new(inputs: Vec<f32>, [samples, steps, channels]: [usize; 3], mut targets: Targets) -> Result<Self> {
        for (what, size) in [("samples", samples), ("steps", steps), ("channels", channels)] {
            if size == 0 {
                return Err(Error::setting("inputs", format!("0 {what}; expected at least 1")));
            }
        }
        if u32::try_from(samples).is_err() {
            return Err(Error::setting("inputs", format!("{samples} samples; at most {} are supported", u32::MAX)));
        }
        check_numbers("inputs", &inputs, &[samples, steps, channels])?;
        match &mut targets {
            Targets::Series { values, outputs, mask } => {
                let outputs = *outputs;
                if outputs == 0 {
                    return Err(Error::setting("targets", "0 outputs; expected at least 1"));
                }
                check_numbers("targets", values, &[samples, steps, outputs])?;
                if let Some(mask) = mask {
                    check_mask(mask, [samples, steps, outputs])?;
                }
            }
            Targets::Classes { labels, classes } => check_labels(labels, *classes, samples)?,
        }
        Ok(Self { inputs, samples, steps, channels, targets })
    }

    /// Samples (trials).
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Time steps of each sample.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Input channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Outputs that the network must have: values a step, or classes.
    pub fn outputs(&self) -> usize {
        match self.targets {
            Targets::Series { outputs, .. } => outputs,
            Targets::Classes { classes, .. } => classes,
        }
    }

    /// `[samples, steps, channels]`, row-major.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs
    }

    /// What the outputs should be; a mask has its full shape.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Bytes that inputs, targets and mask take.
    pub fn bytes(&self) -> usize {
        let targets = match &self.targets {
            Targets::Series { values, mask, .. } => values.len() + mask.as_ref().map_or(0, Vec::len),
            Targets::Classes { labels, .. } => labels.len(),
        };
        (self.inputs.len() + targets) * size_of::<f32>()
    }

    /// Whether these targets can be learnt with this loss.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `loss`: mean squared error needs series, cross-entropy needs class labels.
    pub fn check_loss(&self, loss: LossName) -> Result<()> {
        match (loss, &self.targets) {
            (LossName::Mse, Targets::Series { .. }) | (LossName::CrossEntropy, Targets::Classes { .. }) => Ok(()),
            (LossName::Mse, Targets::Classes { .. }) => Err(Error::setting(
                "loss",
                "`mse` needs targets of shape [samples, steps, outputs], but the data have class labels; expected \
                 `cross-entropy`",
            )),
            (LossName::CrossEntropy, Targets::Series { .. }) => Err(Error::setting(
                "loss",
                "`cross-entropy` needs integer class labels of shape [samples], but the data have a value for each \
                 step; expected `mse`",
            )),
        }
    }
}

/// Both splits of the data. They agree in channels, outputs and the kind of targets; steps may differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    train: Dataset,
    test: Dataset,
}

impl Data {
    /// Puts the splits together.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `test_inputs` or `test_targets`, if the splits do not agree.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self> {
        if train.channels != test.channels {
            let problem = format!(
                "{} channels, but `train_inputs` has {}; expected the same number",
                test.channels, train.channels
            );
            return Err(Error::setting("test_inputs", problem));
        }
        let kind = |targets: &Targets| match targets {
            Targets::Series { .. } => "values of each step",
            Targets::Classes { .. } => "class labels",
        };
        let (train_kind, test_kind) = (kind(&train.targets), kind(&test.targets));
        if train_kind != test_kind {
            let problem = format!("{test_kind}, but `train_targets` has {train_kind}; expected the same kind");
            return Err(Error::setting("test_targets", problem));
        }
        if train.outputs() != test.outputs() {
            let problem = format!(
                "{} outputs, but `train_targets` has {}; expected the same number",
                test.outputs(),
                train.outputs()
            );
            return Err(Error::setting("test_targets", problem));
        }
        Ok(Self { train, test })
    }

    /// What is learnt from.
    pub fn train(&self) -> &Dataset {
        &self.train
    }

    /// What is tested on.
    pub fn test(&self) -> &Dataset {
        &self.test
    }
}

/// Right length for the shape, and every number finite.
fn check_numbers(key: &str, values: &[f32], shape: &[usize]) -> Result<()> {
    let wanted = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if wanted != Some(values.len()) {
        return Err(Error::setting(key, format!("{} numbers, which is not what shape {shape:?} holds", values.len())));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Error::setting(
            key,
            format!("{} at {:?}; expected numbers that are finite as float32", values[at], index(at, shape)),
        )),
        None => Ok(()),
    }
}

/// Checks a mask and gives it its full shape.
fn check_mask(mask: &mut Vec<f32>, [samples, steps, outputs]: [usize; 3]) -> Result<()> {
    let per_step = mask.len() == samples * steps;
    let shape = [samples, steps, if per_step { 1 } else { outputs }];
    check_numbers("mask", mask, &shape)?;
    if let Some(at) = mask.iter().position(|&value| value < 0.0) {
        let problem = format!("{} at {:?}; expected 0 (left out) or more", mask[at], index(at, &shape));
        return Err(Error::setting("mask", problem));
    }
    if mask.iter().all(|&value| value == 0.0) {
        return Err(Error::setting("mask", "every value is 0, so there is nothing to learn; more than 0 is kept"));
    }
    if per_step && outputs > 1 {
        *mask = mask.iter().flat_map(|&value| std::iter::repeat_n(value, outputs)).collect();
    }
    Ok(())
}

fn check_labels(labels: &[u32], classes: usize, samples: usize) -> Result<()> {
    if labels.len() != samples {
        let problem = format!("{} labels for {samples} samples; expected one a sample", labels.len());
        return Err(Error::setting("targets", problem));
    }
    if let Some(at) = labels.iter().position(|&label| label as usize >= MAX_CLASSES) {
        let problem = format!("label {} at [{at}]; labels count from 0 to at most {}", labels[at], MAX_CLASSES - 1);
        return Err(Error::setting("targets", problem));
    }
    if classes == 0 || classes > MAX_CLASSES {
        return Err(Error::setting("targets", format!("{classes} classes; expected 1 to {MAX_CLASSES}")));
    }
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(at) => Err(Error::setting(
            "targets",
            format!("label {} at [{at}], but with {classes} classes; expected 0 to {}", labels[at], classes - 1),
        )),
        None => Ok(()),
    }
}

/// Where the element at a row-major position stands.
fn index(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &size) in index.iter_mut().zip(shape).rev() {
        *place = at % size;
        at /= size;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: Vec<f32>, outputs: usize, mask: Option<Vec<f32>>) -> Targets {
        Targets::Series { values, outputs, mask }
    }

    /// 2 samples, 3 steps, 1 channel.
    fn with(targets: Targets) -> Result<Dataset> {
        Dataset::new(vec![0.5; 6], [2, 3, 1], targets)
    }

    fn problem<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn sizes_are_what_was_given() {
        let dataset = with(series(vec![1.0; 12], 2, None)).unwrap();
        assert_eq!([dataset.samples(), dataset.steps(), dataset.channels(), dataset.outputs()], [2, 3, 1, 2]);
        let dataset = with(Targets::Classes { labels: vec![0, 4], classes: 5 }).unwrap();
        assert_eq!(dataset.outputs(), 5);
    }

    #[test]
    fn a_mask_per_step_is_repeated_for_each_output() {
        let mask = vec![1.0, 0.0, 0.5, 0.0, 2.0, 1.0];
        let dataset = with(series(vec![1.0; 12], 2, Some(mask))).unwrap();
        let Targets::Series { mask: Some(mask), .. } = dataset.targets() else { panic!("a mask was given") };
        assert_eq!(mask, &[1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 2.0, 2.0, 1.0, 1.0]);
    }

    #[test]
    fn wrong_numbers_are_named_with_their_place() {
        let mut values = vec![0.0; 12];
        values[9] = f32::NAN;
        let text = problem(with(series(values, 2, None)));
        assert!(text.contains("`targets`: NaN at [1, 1, 1]"), "{text}");
        let text = problem(with(series(vec![0.0; 6], 1, Some(vec![1.0, 1.0, 1.0, 1.0, -1.0, 1.0]))));
        assert!(text.contains("`mask`: -1 at [1, 1, 0]"), "{text}");
        let mut inputs = vec![0.0; 6];
        inputs[5] = f32::INFINITY;
        let text = problem(Dataset::new(inputs, [2, 3, 1], series(vec![0.0; 6], 1, None)));
        assert!(text.contains("`inputs`: inf at [1, 2, 0]"), "{text}");
    }

    #[test]
    fn wrong_sizes_are_errors() {
        for shape in [[0, 3, 1], [2, 0, 1], [2, 3, 0]] {
            let text = problem(Dataset::new(vec![], shape, series(vec![], 1, None)));
            assert!(text.contains("`inputs`: 0 "), "{text}");
        }
        assert!(problem(with(series(vec![0.0; 7], 1, None))).contains("7 numbers"));
        assert!(problem(with(series(vec![], 0, None))).contains("0 outputs"));
        assert!(problem(with(series(vec![0.0; 12], 2, Some(vec![1.0; 5])))).contains("`mask`: 5 numbers"));
        assert!(problem(with(series(vec![0.0; 6], 1, Some(vec![0.0; 6])))).contains("nothing to learn"));
        let overflowing = [1 << 20, 1 << 30, 1 << 30];
        assert!(problem(Dataset::new(vec![], overflowing, series(vec![], 1, None))).contains("0 numbers"));
    }

    #[test]
    fn labels_must_be_classes() {
        let labels = |labels: &[u32], classes| with(Targets::Classes { labels: labels.to_vec(), classes });
        assert!(problem(labels(&[0], 2)).contains("1 labels for 2 samples"));
        assert!(problem(labels(&[0, 2], 2)).contains("label 2 at [1], but with 2 classes; expected 0 to 1"));
        assert!(problem(labels(&[0, 0], 0)).contains("0 classes"));
        assert!(problem(labels(&[0, u32::MAX], 1 << 32)).contains("label 4294967295 at [1]"));
    }

    #[test]
    fn the_loss_must_fit_the_targets() {
        let values = with(series(vec![0.0; 6], 1, None)).unwrap();
        let labels = with(Targets::Classes { labels: vec![0, 1], classes: 2 }).unwrap();
        assert!(values.check_loss(LossName::Mse).is_ok() && labels.check_loss(LossName::CrossEntropy).is_ok());
        assert!(problem(values.check_loss(LossName::CrossEntropy)).contains("expected `mse`"));
        assert!(problem(labels.check_loss(LossName::Mse)).contains("expected `cross-entropy`"));
    }

    #[test]
    fn splits_must_agree_but_for_steps() {
        let make = |steps: usize, channels: usize, outputs: usize| {
            let targets = series(vec![0.0; steps * outputs], outputs, None);
            Dataset::new(vec![0.0; steps * channels], [1, steps, channels], targets).unwrap()
        };
        assert!(Data::new(make(3, 2, 1), make(5, 2, 1)).is_ok());
        assert!(problem(Data::new(make(3, 2, 1), make(3, 1, 1))).contains("`test_inputs`: 1 channels"));
        assert!(problem(Data::new(make(3, 2, 1), make(3, 2, 4))).contains("`test_targets`: 4 outputs"));
        let labels = Dataset::new(vec![0.0; 2], [1, 1, 2], Targets::Classes { labels: vec![0], classes: 1 }).unwrap();
        assert!(problem(Data::new(make(3, 2, 1), labels)).contains("`test_targets`: class labels"));
    }
}
