//! What a configuration says of the data.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Data, Sources, npz};
use crate::error::Result;
use crate::task::{Description, FlipFlop, Fresh, Images, Memory, Scan, Task, Waves, WavesVersion, images};

/// How often the training samples of a generated task are drawn. Test samples are drawn once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawn {
    /// Once: every epoch has the same, in another order.
    #[default]
    Fixed,
    /// For each epoch anew.
    Fresh,
}

/// What the network learns: a generated task or recorded data (`[task]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum TaskSpec {
    /// Hold the last pulse (the paper's flip-flop).
    FlipFlop {
        /// Independent channels; the paper has 1.
        #[serde(default = "one")]
        channels: usize,
        /// Time steps of a trial.
        steps: usize,
        /// Probability of a pulse at a step.
        probability: f64,
        /// Trials to learn from.
        train_samples: usize,
        /// Trials to test on.
        test_samples: usize,
        /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
        #[serde(default)]
        samples: Drawn,
    },
    /// Answer with a cue after a delay: inputs, targets and mask `[samples, steps, channels]`; only the answer, the
    /// steps behind cue and delay, counts.
    Memory {
        /// Channels that the cue may come on, and outputs.
        #[serde(default = "one")]
        channels: usize,
        /// Time steps of a trial: cue, delay, and at least one for the answer.
        steps: usize,
        /// Steps of the cue, at least 1.
        #[serde(default = "one")]
        cue: usize,
        /// Steps of silence between the cue and the answer.
        delay: usize,
        /// Trials to learn from.
        train_samples: usize,
        /// Trials to test on.
        test_samples: usize,
        /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
        #[serde(default)]
        samples: Drawn,
    },
    /// Continue two waves (the paper's wave reconstruction).
    Waves {
        /// As the paper ran it, or as it meant it.
        version: WavesVersion,
        /// Time steps of a window, at most 2,500.
        steps: usize,
        /// Windows to learn from.
        train_samples: usize,
        /// Windows to test on.
        test_samples: usize,
        /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
        #[serde(default)]
        samples: Drawn,
    },
    /// Name a handwritten digit that is seen row by row, `[samples, 28, 28]`, or pixel by pixel, `[samples, 784, 1]`.
    Images {
        /// What a time step is.
        by: Scan,
        /// Images to learn from, the first ones of the file; left out: all of them, or 60,000 drawn ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        train_samples: Option<usize>,
        /// Images to test on; left out: all of the file, or 10,000 drawn ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_samples: Option<usize>,
        /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
        #[serde(default)]
        samples: Drawn,
        /// The folder with MNIST's four files, plain or gzipped; left out: digits are drawn, which are not MNIST's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<PathBuf>,
    },
    /// Arrays of a `.npz` file: `train_inputs`, `train_targets`, `test_inputs`, `test_targets`, optional
    /// `train_mask`, `test_mask`.
    Data {
        /// The file.
        file: PathBuf,
        /// For class labels: how many classes there are, which is the number of outputs. Left out: the highest label
        /// of either split, plus 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<usize>,
    },
}

impl TaskSpec {
    /// Every generated task once, with settings to begin with: those of its first preset.
    pub fn generated() -> Vec<Self> {
        let samples = Drawn::Fixed;
        let paper = Self::FlipFlop {
            channels: 1,
            steps: 50,
            probability: 0.05,
            train_samples: 6000,
            test_samples: 1000,
            samples,
        };
        let version = WavesVersion::AsRun;
        vec![
            paper,
            Self::Waves { version, steps: 500, train_samples: 1000, test_samples: 1000, samples },
            Self::Memory { channels: 2, steps: 50, cue: 5, delay: 35, train_samples: 32, test_samples: 16, samples },
            Self::Images { by: Scan::Rows, train_samples: None, test_samples: None, samples, data: None },
        ]
    }

    /// The generated task; `None` for recorded data.
    pub fn task(&self) -> Option<Box<dyn Task>> {
        Some(match *self {
            Self::FlipFlop { channels, steps, probability, train_samples, test_samples, .. } => {
                Box::new(FlipFlop { channels, steps, probability, train_samples, test_samples })
            }
            Self::Memory { channels, steps, cue, delay, train_samples, test_samples, .. } => {
                Box::new(Memory { channels, steps, cue, delay, train_samples, test_samples })
            }
            Self::Waves { version, steps, train_samples, test_samples, .. } => {
                Box::new(Waves { version, steps, train_samples, test_samples })
            }
            Self::Images { by, train_samples, test_samples, ref data, .. } => {
                Box::new(Images { by, train_samples, test_samples, data: data.clone() })
            }
            Self::Data { .. } => return None,
        })
    }

    /// The same task with so many samples, which are the first ones of more; recorded data stay as they are.
    pub fn with_samples(mut self, train: usize, test: usize) -> Self {
        match &mut self {
            Self::FlipFlop { train_samples, test_samples, .. }
            | Self::Waves { train_samples, test_samples, .. }
            | Self::Memory { train_samples, test_samples, .. } => (*train_samples, *test_samples) = (train, test),
            Self::Images { train_samples, test_samples, .. } => {
                (*train_samples, *test_samples) = (Some(train), Some(test));
            }
            Self::Data { .. } => {}
        }
        self
    }

    /// Its name, as `kind` in a configuration.
    pub fn name(&self) -> &'static str {
        self.task().map_or("data", |task| task.name())
    }

    /// What it is, in words.
    pub fn describe(&self) -> Description {
        self.task().map_or(super::RECORDED, |task| task.describe())
    }

    /// How often training samples are drawn.
    pub fn drawn(&self) -> Drawn {
        match *self {
            Self::FlipFlop { samples, .. }
            | Self::Memory { samples, .. }
            | Self::Waves { samples, .. }
            | Self::Images { samples, .. } => samples,
            Self::Data { .. } => Drawn::Fixed,
        }
    }

    /// Generates the task, with training samples that are drawn once, or reads the recorded data; a relative path is
    /// looked for in the folder `base` (that of the configuration).
    ///
    /// # Errors
    /// As [`Task::generate`] and [`npz::read`].
    pub fn load(&self, seed: u64, base: &Path) -> Result<Data> {
        match self {
            Self::Data { file, classes } => npz::read(base.join(file), *classes),
            _ => self.task_in(base).expect("all but data are generated").generate(seed),
        }
    }

    /// What a run learns from, drawn as often as the task says, and what it is tested on. Paths are as in
    /// [`load`](Self::load).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn sources(&self, seed: u64, base: &Path) -> Result<Sources> {
        match (self.drawn(), self.task_in(base)) {
            (Drawn::Fresh, Some(task)) => {
                let test = task.test(seed);
                Sources::new(Fresh::new(task, seed)?, test?)
            }
            _ => Ok(self.load(seed, base)?.into()),
        }
    }

    /// As [`task`](Self::task); a relative path is looked for in `base`.
    fn task_in(&self, base: &Path) -> Option<Box<dyn Task>> {
        let mut spec = self.clone();
        if let Some(path) = spec.path_mut() {
            *path = base.join(&path);
        }
        spec.task()
    }

    /// Where the data come from, for tables and figures, if the name of the task does not say it.
    pub fn data_label(&self) -> Option<String> {
        match self {
            Self::Images { data, .. } => Some(images::source(data.as_deref())),
            _ => None,
        }
    }

    /// The file or folder that the data are read from.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Data { file, .. } => Some(file),
            Self::Images { data, .. } => data.as_deref(),
            _ => None,
        }
    }

    /// The same, to change it.
    pub(crate) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Data { file, .. } => Some(file),
            Self::Images { data, .. } => data.as_mut(),
            _ => None,
        }
    }
}

fn one() -> usize {
    1
}
