//! What a network learns from: inputs, and what its outputs should be, checked once.

use super::source::{Form, Source, Sources, check_agreement};
use super::targets::{Targets, check_size, not_finite};
use crate::bptt::{LaneGroup, LossName};
use crate::error::{Error, Result};

/// One split of the data. At least one sample, step, channel and output; every number that counts is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Vec<f32>,
    samples: usize,
    steps: usize,
    channels: usize,
    targets: Targets,
    lengths: Option<Vec<u32>>,
}

impl Dataset {
    /// Checks what [`Dataset`] promises. `inputs` is `[samples, steps, channels]`, row-major.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `inputs`, `targets` or `mask`: a size of 0, lengths that do not follow from the
    /// sizes, a number that is not finite and counts, a label that is no class, a negative mask or one that keeps
    /// nothing.
    pub fn new(inputs: Vec<f32>, shape: [usize; 3], targets: Targets) -> Result<Self> {
        Self::with_lengths(inputs, shape, targets, None)
    }

    /// As [`new`](Self::new), of samples that may end early: sample k has `lengths[k]` steps, from 1 to all. What stands
    /// behind them counts for nothing and may be any number; inputs there are kept as 0. With one class per sample, the
    /// answer is asked for at the last step that the sample has.
    ///
    /// # Errors
    /// As [`new`](Self::new), or with the key `lengths`.
    pub fn with_lengths(
        mut inputs: Vec<f32>,
        [samples, steps, channels]: [usize; 3],
        targets: Targets,
        lengths: Option<Vec<u32>>,
    ) -> Result<Self> {
        for (what, size) in [("samples", samples), ("steps", steps), ("channels", channels)] {
            if size == 0 {
                return Err(Error::setting("inputs", format!("0 {what}; expected at least 1")));
            }
        }
        for (what, size) in [("samples", samples), ("steps", steps)] {
            if u32::try_from(size).is_err() {
                return Err(Error::setting("inputs", format!("{size} {what}; at most {} are supported", u32::MAX)));
            }
        }
        let shape = [samples, steps, channels];
        check_size("inputs", inputs.len(), &shape)?;
        if let Some(lengths) = &lengths {
            check_lengths(lengths, samples, steps)?;
            for (sample, &length) in inputs.chunks_exact_mut(steps * channels).zip(lengths) {
                sample[length as usize * channels..].fill(0.0);
            }
        }
        if let Some(at) = inputs.iter().position(|value| !value.is_finite()) {
            return Err(not_finite("inputs", inputs[at], at, &shape, ""));
        }
        let targets = targets.checked(samples, steps, lengths.as_deref())?;
        Ok(Self { inputs, samples, steps, channels, targets, lengths })
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

    /// Outputs that the network must have: values per step, or classes.
    pub fn outputs(&self) -> usize {
        self.targets.outputs()
    }

    /// `[samples, steps, channels]`, row-major.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs
    }

    /// What the outputs should be; a mask has its full shape.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Steps that each sample has, `[samples]`, where they may be fewer than all.
    pub fn lengths(&self) -> Option<&[u32]> {
        self.lengths.as_deref()
    }

    /// Steps that a sample has.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn length(&self, sample: usize) -> usize {
        assert!(sample < self.samples, "sample {sample} of {}", self.samples);
        self.lengths.as_ref().map_or(self.steps, |lengths| lengths[sample] as usize)
    }

    /// The sizes that a network has to fit.
    pub fn form(&self) -> Form {
        let (steps, channels, outputs) = (self.steps, self.channels, self.outputs());
        Form { steps, channels, outputs, targets: self.targets.kind() }
    }

    /// Bytes that inputs, targets, mask and lengths take.
    pub fn bytes(&self) -> usize {
        let lengths = self.lengths.as_ref().map_or(0, Vec::len);
        (self.inputs.len() + lengths) * size_of::<f32>() + self.targets.bytes()
    }

    /// Whether these targets can be learnt with this loss.
    ///
    /// # Errors
    /// As [`Form::check_loss`].
    pub fn check_loss(&self, loss: LossName) -> Result<()> {
        self.form().check_loss(loss)
    }

    /// A checksum (CRC-32) of all of it.
    pub fn fingerprint(&self) -> u32 {
        let mut sum = flate2::Crc::new();
        let mut add = |bytes: &[u8]| sum.update(bytes);
        add(bytemuck::cast_slice(&self.inputs));
        match &self.targets {
            Targets::Series { values, .. } => add(bytemuck::cast_slice(values)),
            Targets::Classes { labels, .. } | Targets::StepClasses { labels, .. } => {
                add(bytemuck::cast_slice(labels));
            }
            Targets::Missing { .. } => {}
        }
        add(bytemuck::cast_slice(self.targets.mask().unwrap_or_default()));
        add(bytemuck::cast_slice(self.lengths.as_deref().unwrap_or_default()));
        sum.sum()
    }
}

impl Source for Dataset {
    fn form(&self) -> Form {
        self.form()
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn bytes(&self) -> u64 {
        self.bytes() as u64
    }

    fn fingerprint(&self) -> u32 {
        self.fingerprint()
    }

    /// The same samples in every epoch.
    fn fill(&mut self, _epoch: usize, samples: &[u32], groups: &mut [LaneGroup]) -> Result<()> {
        self.gather(samples, groups);
        Ok(())
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
        check_agreement(train.form(), test.form())?;
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

impl From<Data> for Sources {
    fn from(data: Data) -> Self {
        Self::new(data.train, data.test).expect("both splits agree")
    }
}

fn check_lengths(lengths: &[u32], samples: usize, steps: usize) -> Result<()> {
    if lengths.len() != samples {
        let problem = format!("{} lengths for {samples} samples; expected one per sample", lengths.len());
        return Err(Error::setting("lengths", problem));
    }
    match lengths.iter().position(|&length| !(1..=steps).contains(&(length as usize))) {
        Some(at) => Err(Error::setting("lengths", format!("{} at [{at}]; expected 1 to {steps} steps", lengths[at]))),
        None => Ok(()),
    }
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

    fn labels_per_step(labels: &[u32], classes: usize, mask: Option<&[f32]>) -> Result<Dataset> {
        with(Targets::StepClasses { labels: labels.to_vec(), classes, mask: mask.map(<[f32]>::to_vec) })
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

    #[test]
    fn a_target_that_counts_for_nothing_may_be_any_number() {
        let mask = vec![1.0, 0.0, 0.5, 0.0, 2.0, 1.0];
        let values = vec![1.0, f32::NAN, 2.0, f32::INFINITY, 3.0, 4.0];
        let dataset = with(series(values, 1, Some(mask.clone()))).unwrap();
        assert_eq!(dataset.targets(), &series(vec![1.0, 0.0, 2.0, 0.0, 3.0, 4.0], 1, Some(mask.clone())));
        let text = problem(with(series(vec![0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0], 1, Some(mask))));
        assert!(text.contains("NaN at [0, 2, 0]") && text.contains("its mask is 0.5"), "{text}");
        let text = problem(with(series(vec![f32::NAN; 6], 1, None)));
        assert!(text.contains("a mask that is 0"), "{text}");
    }

    #[test]
    fn labels_per_step_are_classes_where_they_count() {
        let mask = [1.0, 0.0, 1.0, 1.0, 1.0, 0.5];
        let dataset = labels_per_step(&[0, u32::MAX, 2, 1, 1, 0], 3, Some(&mask)).unwrap();
        let wanted = Targets::StepClasses { labels: vec![0, 0, 2, 1, 1, 0], classes: 3, mask: Some(mask.to_vec()) };
        assert_eq!((dataset.targets(), dataset.outputs()), (&wanted, 3));
        assert!(dataset.check_loss(LossName::CrossEntropy).is_ok());
        assert!(problem(dataset.check_loss(LossName::Mse)).contains("expected `cross-entropy`"));
        let text = problem(labels_per_step(&[0, 3, 2, 1, 1, 0], 3, None));
        assert!(text.contains("`targets`: label 3 at [0, 1], but with 3 classes; expected 0 to 2"), "{text}");
        assert!(problem(labels_per_step(&[0; 5], 3, None)).contains("5 numbers"));
        assert!(problem(labels_per_step(&[0; 6], 3, Some(&[1.0; 5]))).contains("`mask`: 5 numbers"));
        assert!(problem(labels_per_step(&[0; 6], 3, Some(&[0.0; 6]))).contains("nothing to learn"));
    }

    #[test]
    fn nothing_counts_behind_the_end_of_a_sample() {
        let nan = f32::NAN;
        let make = |targets, lengths: &[u32]| {
            Dataset::with_lengths(vec![1.0, 2.0, 3.0, 4.0, nan, nan], [2, 3, 1], targets, Some(lengths.to_vec()))
        };
        let dataset = make(series(vec![1.0, 2.0, 3.0, 4.0, nan, nan], 1, None), &[3, 1]).unwrap();
        assert_eq!(dataset.inputs(), [1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
        let mask = vec![1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        assert_eq!(dataset.targets(), &series(vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0], 1, Some(mask)));
        assert_eq!([dataset.length(0), dataset.length(1)], [3, 1]);
        // a mask stays what it was where the sample goes on
        let mask = Some(vec![0.0, 2.0, 1.0, 0.5, 1.0, 1.0]);
        let dataset = make(series(vec![0.0; 6], 1, mask), &[3, 1]).unwrap();
        assert_eq!(dataset.targets().mask(), Some(&[0.0, 2.0, 1.0, 0.5, 0.0, 0.0][..]));
        let classes = || Targets::Classes { labels: vec![0, 1], classes: 2 };
        assert!(make(classes(), &[3, 1]).is_ok());
        assert!(problem(make(classes(), &[3])).contains("`lengths`: 1 lengths for 2 samples"));
        assert!(problem(make(classes(), &[3, 0])).contains("`lengths`: 0 at [1]; expected 1 to 3 steps"));
        assert!(problem(make(classes(), &[4, 1])).contains("`lengths`: 4 at [0]; expected 1 to 3 steps"));
        assert!(problem(make(classes(), &[3, 2])).contains("`inputs`: NaN at [1, 1, 0]"));
        let late = Some(vec![0.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
        assert!(problem(make(series(vec![0.0; 6], 1, late), &[2, 1])).contains("nothing to learn"));
    }

    #[test]
    fn a_fingerprint_tells_what_is_learnt() {
        let plain = with(series(vec![1.0; 6], 1, None)).unwrap();
        assert_eq!(plain.fingerprint(), plain.clone().fingerprint());
        for other in [
            with(series(vec![2.0; 6], 1, None)).unwrap(),
            with(series(vec![1.0; 6], 1, Some(vec![2.0; 6]))).unwrap(),
            labels_per_step(&[0; 6], 2, None).unwrap(),
            Dataset::with_lengths(vec![0.5; 6], [2, 3, 1], series(vec![1.0; 6], 1, None), Some(vec![3, 2])).unwrap(),
        ] {
            assert_ne!(plain.fingerprint(), other.fingerprint(), "{other:?}");
        }
    }
}
