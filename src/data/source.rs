//! Where the samples of an epoch come from, behind one trait: arrays in memory, or trials that are drawn anew.

use std::fmt::Debug;

use super::Dataset;
use crate::bptt::{LaneGroup, LossName, TargetKind};
use crate::error::{Error, Result};

/// The sizes of samples that a network has to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Time steps of each sample, of the longest where they differ.
    pub steps: usize,
    /// Input channels.
    pub channels: usize,
    /// Outputs that the network must have: values per step, or classes.
    pub outputs: usize,
    /// The kind of targets.
    pub targets: TargetKind,
}

/// Where the training samples of each epoch come from. The form and the number of samples are the same in every epoch.
///
/// What it gives must follow from the epoch and the numbers of the samples alone, not from the order of calls: then no
/// result depends on the size of batches, on threads, or on where a run was interrupted.
pub trait Source: Debug + Send + Sync {
    /// The sizes of the samples.
    fn form(&self) -> Form;

    /// Samples of an epoch.
    fn samples(&self) -> usize;

    /// Bytes that it keeps in memory.
    fn bytes(&self) -> u64;

    /// A checksum of everything that it will ever give: another one means other samples.
    fn fingerprint(&self) -> u32;

    /// Fills the lane groups with one batch: the samples of these numbers, of the epoch counted from 0. Group g takes
    /// `samples[g.lanes.first..][..g.lanes.used]`; lanes beyond them hold 0. A source that makes a [`Dataset`] for the
    /// epoch hands it on to [`Dataset::gather`].
    ///
    /// # Errors
    /// If the samples cannot be had.
    fn fill(&mut self, epoch: usize, samples: &[u32], groups: &mut [LaneGroup]) -> Result<()>;
}

/// What is learnt from, and what is tested on.
#[derive(Debug)]
pub struct Sources {
    train: Box<dyn Source>,
    test: Dataset,
}

impl Sources {
    /// Puts them together.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `test_inputs` or `test_targets`, if they do not agree in channels, outputs or the
    /// kind of targets. Steps may differ.
    pub fn new(train: impl Source + 'static, test: Dataset) -> Result<Self> {
        check_agreement(train.form(), test.form())?;
        Ok(Self { train: Box::new(train), test })
    }

    /// What is learnt from.
    pub fn train(&self) -> &dyn Source {
        &*self.train
    }

    /// The same, to fill batches from it.
    pub fn train_mut(&mut self) -> &mut dyn Source {
        &mut *self.train
    }

    /// What is tested on.
    pub fn test(&self) -> &Dataset {
        &self.test
    }

    /// A checksum of both: of the same checksum they are taken for the same samples, wherever they come from.
    pub fn fingerprint(&self) -> u32 {
        let mut sum = flate2::Crc::new();
        [self.train.fingerprint(), Source::fingerprint(&self.test)]
            .iter()
            .for_each(|part| sum.update(&part.to_le_bytes()));
        sum.sum()
    }
}

impl Form {
    /// Whether such targets can be learnt with this loss.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `loss`: mean squared error needs series, cross-entropy needs class labels.
    pub fn check_loss(&self, loss: LossName) -> Result<()> {
        let problem = match (loss, self.targets) {
            (LossName::Mse, TargetKind::Values) => return Ok(()),
            (LossName::CrossEntropy, TargetKind::Classes | TargetKind::StepClasses) => return Ok(()),
            (LossName::Mse, TargetKind::Classes | TargetKind::StepClasses) => {
                "`mse` needs targets of shape [samples, steps, outputs], but the data have class labels; expected \
                 `cross-entropy`"
            }
            (LossName::CrossEntropy, TargetKind::Values) => {
                "`cross-entropy` needs integer class labels of shape [samples] or [samples, steps], but the data have a \
                 value for each step; expected `mse`"
            }
            (_, TargetKind::Missing) => "the data have inputs alone; expected targets to take a loss of",
        };
        Err(Error::setting("loss", problem))
    }
}

/// Whether the test samples fit a network that learns from the others.
pub(super) fn check_agreement(train: Form, test: Form) -> Result<()> {
    let differ = |key, test, train| Err(Error::setting(key, format!("{test}, but {train}; expected the same")));
    if train.channels != test.channels {
        let trained = format!("`train_inputs` has {}", train.channels);
        return differ("test_inputs", format!("{} channels", test.channels), trained);
    }
    if train.targets != test.targets {
        return differ("test_targets", test.targets.to_string(), format!("`train_targets` has {}", train.targets));
    }
    if train.outputs != test.outputs {
        let trained = format!("`train_targets` has {}", train.outputs);
        return differ("test_targets", format!("{} outputs", test.outputs), trained);
    }
    Ok(())
}
