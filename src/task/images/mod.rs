//! Sequential images: a digit is seen row by row or pixel by pixel, and named after the last step.
//!
//! Source: the paper's third task (MNIST, 28 rows of 28 pixels from 0 to 1, 60,000 to learn from and 10,000 to test
//! on). The images are read from MNIST's files, or, where none are named, drawn: they look like handwritten digits but
//! are not MNIST, and [`Images::source`] says so.

mod digits;
mod idx;
mod skeletons;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Data, Dataset, Targets};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream};
use crate::task::{Description, Drawn, Split, Task};

/// Drawn images to learn from and to test on where no number is given: as many as MNIST has.
const DRAWN: [usize; 2] = [60_000, 10_000];
/// What the files of each split are called by.
const FILES: [&str; 2] = ["train", "t10k"];

/// How an image is taken apart in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scan {
    /// A row a step, from the top: as many channels as columns.
    Rows,
    /// A pixel a step, row by row from the left: one channel.
    Pixels,
}

/// The settings of sequential images. Inputs `[samples, rows, columns]` or `[samples, rows · columns, 1]`, values from 0
/// to 1; targets are class labels from 0 to 9, `[samples]`, of 10 classes. Drawn images have 28 rows and columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Images {
    /// What a time step is.
    pub by: Scan,
    /// Images to learn from, the first ones of the file; left out: all of them, or 60,000 drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_samples: Option<usize>,
    /// Images to test on; left out: all of the file, or 10,000 drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<usize>,
    /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
    #[serde(default)]
    pub samples: Drawn,
    /// The folder with MNIST's four files, plain or gzipped; left out: images are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
}

impl Task for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn describe(&self) -> Description {
        Description {
            learned: "name a handwritten digit that is seen bit by bit",
            inputs: "rows of 28 pixels or single pixels from 0 to 1: [samples, 28, 28] or [samples, 784, 1]",
            targets: "the class after the last step, 0 to 9: [samples]",
            source: "the paper's sequential MNIST (Fig. 2); without MNIST's files, digits that daleian draws itself",
        }
    }

    fn example() -> Self {
        Self { by: Scan::Rows, train_samples: None, test_samples: None, samples: Drawn::Fixed, data: None }
    }

    fn samples(&self) -> [usize; 2] {
        [self.train_samples.unwrap_or(DRAWN[0]), self.test_samples.unwrap_or(DRAWN[1])]
    }

    fn set_samples(&mut self, [train, test]: [usize; 2]) {
        (self.train_samples, self.test_samples) = (Some(train), Some(test));
    }

    fn drawn(&self) -> Drawn {
        self.samples
    }

    fn path(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        self.data.as_mut()
    }

    fn data_label(&self) -> Option<String> {
        Some(self.source())
    }

    /// Files are the same for every seed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a wrong number of samples; [`Error::Io`] or [`Error::Content`], which name the file and
    /// what is expected, for files that are missing or broken.
    fn split(&self, split: Split, seed: u64, draw: u64) -> Result<Dataset> {
        let (key, samples) = (split.key(), split.of([self.train_samples, self.test_samples]));
        super::check_sizes(&[(key, samples.unwrap_or(1))])?;
        match &self.data {
            Some(_) if draw != seed => {
                let problem = "`fresh`, but images from files cannot be drawn anew; expected `fixed`";
                Err(Error::setting("task.samples", problem))
            }
            Some(folder) => self.dataset(idx::read(folder, split.of(FILES), samples, key)?),
            None => self.dataset(drawn(draw, split.purpose(), split.of(self.samples()), key)?),
        }
    }

    fn generate(&self, seed: u64) -> Result<Data> {
        if let Some(folder) = &self.data {
            return self.read_splits(folder);
        }
        super::check_sizes(&[(Split::Test.key(), self.test_samples.unwrap_or(1))])?;
        Data::new(self.training(seed, seed)?, self.test(seed)?)
    }
}

impl Images {
    /// Where the images come from, for tables and figures: drawn digits must not be taken for MNIST.
    pub fn source(&self) -> String {
        source(self.data.as_deref())
    }

    /// Both splits, which must have images of one size.
    fn read_splits(&self, folder: &Path) -> Result<Data> {
        let splits = [Split::Training, Split::Test]
            .map(|split| (split.of(FILES), split.key(), split.of([self.train_samples, self.test_samples])));
        for (_, key, samples) in splits {
            super::check_sizes(&[(key, samples.unwrap_or(1))])?;
        }
        let [train, test] = splits.map(|(name, key, samples)| idx::read(folder, name, samples, key));
        let (train, test) = (train?, test?);
        if train.shape[1..] != test.shape[1..] {
            let [size, other] = [&train, &test].map(|split| format!("{} x {}", split.shape[1], split.shape[2]));
            let problem = format!("images to learn from of {size} pixels, but {other} to test on; expected one size");
            return Err(Error::content(folder, problem));
        }
        Data::new(self.dataset(train)?, self.dataset(test)?)
    }

    fn dataset(&self, split: idx::Split) -> Result<Dataset> {
        let [samples, rows, columns] = split.shape;
        let shape = match self.by {
            Scan::Rows => [samples, rows, columns],
            Scan::Pixels => [samples, rows * columns, 1],
        };
        Dataset::new(split.pixels, shape, Targets::Classes { labels: split.labels, classes: idx::CLASSES })
    }
}

/// As [`Images::source`].
pub(super) fn source(folder: Option<&Path>) -> String {
    match folder {
        // not where the folder lies: what is written with it may be moved or published
        Some(folder) => match folder.file_name() {
            Some(name) => format!("IDX files from {}", name.display()),
            None => "IDX files".into(),
        },
        None => "drawn digits, not MNIST".into(),
    }
}

/// Draws a split: each image, and its digit, from a stream of its own.
fn drawn(seed: u64, purpose: Purpose, samples: usize, key: &str) -> Result<idx::Split> {
    if u32::try_from(samples).is_err() {
        return Err(Error::setting(key, format!("{samples}; expected at most {}", u32::MAX)));
    }
    let shape = [samples, digits::SIDE, digits::SIDE];
    let mut pixels = super::zeros(key, shape)?;
    let mut labels = vec![0; samples];
    let images = pixels.par_chunks_exact_mut(digits::SIDE * digits::SIDE).zip(&mut labels);
    images.enumerate().for_each(|(sample, (image, label))| {
        let mut stream = stream(seed, purpose, sample as u32);
        *label = stream.random_range(0..idx::CLASSES as u32);
        digits::draw(*label as usize, &mut stream, image);
    });
    Ok(idx::Split { pixels, shape, labels })
}
