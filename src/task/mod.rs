//! What to learn: one file per task; and recorded data.
//!
//! To add a task, write one file with its settings and their [`Task`], and one line in `list.rs`.

mod flip_flop;
mod fresh;
mod images;
mod list;
mod memory;
mod recorded;
mod waves;

pub use flip_flop::FlipFlop;
pub use fresh::Fresh;
pub use images::{Images, Scan};
pub use list::TaskSpec;
pub use memory::Memory;
pub use recorded::{RECORDED, Recorded};
pub use waves::{Waves, WavesVersion};

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Data, Dataset};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, stream};

/// What a task is, in words: a phrase each, without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Description {
    /// What the network learns.
    pub learned: &'static str,
    /// What goes in, with its shape.
    pub inputs: &'static str,
    /// What should come out, with its shape.
    pub targets: &'static str,
    /// Where the task comes from.
    pub source: &'static str,
}

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

/// What samples are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// To learn from.
    Training,
    /// To test on.
    Test,
}

impl Split {
    /// The setting that says how many there are.
    pub fn key(self) -> &'static str {
        match self {
            Self::Training => "task.train-samples",
            Self::Test => "task.test-samples",
        }
    }

    /// Of two things, for training and for testing, the one of this split.
    pub fn of<T>(self, [training, test]: [T; 2]) -> T {
        match self {
            Self::Training => training,
            Self::Test => test,
        }
    }

    /// Which streams its samples come from.
    pub fn purpose(self) -> Purpose {
        self.of([Purpose::TrainSamples, Purpose::TestSamples])
    }

    /// The stream of `draw` that its trials come from, one after the other.
    pub fn stream(self, draw: u64) -> Stream {
        stream(draw, self.purpose(), 0)
    }
}

/// A generated task: settings from which samples are drawn.
pub trait Task: Debug + Send + Sync {
    /// Its name, as `kind` in a configuration.
    fn name(&self) -> &'static str;

    /// What it is, in words.
    fn describe(&self) -> Description;

    /// Settings to begin with.
    fn example() -> Self
    where
        Self: Sized;

    /// Samples to learn from and to test on.
    fn samples(&self) -> [usize; 2];

    /// Sets how many samples there are to learn from and to test on. Fewer are the first ones of more.
    fn set_samples(&mut self, samples: [usize; 2]);

    /// How often the training samples are drawn.
    fn drawn(&self) -> Drawn;

    /// The file or folder that samples are read from, if any.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// The same, to change it.
    fn path_mut(&mut self) -> Option<&mut PathBuf> {
        None
    }

    /// Where the samples come from, for tables and figures, if the name does not say it.
    fn data_label(&self) -> Option<String> {
        None
    }

    /// Draws the samples of a split from the streams of `draw`. What is drawn once per run, and stays the same however
    /// often samples are drawn, comes from those of `seed`.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key (`task.…`) of the first setting that is wrong.
    fn split(&self, split: Split, seed: u64, draw: u64) -> Result<Dataset>;

    /// Draws the training samples from the streams of `draw`: see [`split`](Self::split).
    ///
    /// # Errors
    /// As [`split`](Self::split).
    fn training(&self, seed: u64, draw: u64) -> Result<Dataset> {
        self.split(Split::Training, seed, draw)
    }

    /// Draws the test samples from the streams of `seed`.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    fn test(&self, seed: u64) -> Result<Dataset> {
        self.split(Split::Test, seed, seed)
    }

    /// Draws both splits from the streams of `seed`: the same seed and settings give the same bits, and the size of
    /// one split does not change the other.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    fn generate(&self, seed: u64) -> Result<Data> {
        Data::new(self.training(seed, seed)?, self.test(seed)?)
    }
}

/// Sizes that must be at least 1, with their keys.
fn check_sizes(sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((key, _)) => Err(Error::setting(key, "0; expected at least 1")),
        None => Ok(()),
    }
}

/// Zeros for generated samples of this shape; `key` is the setting to blame where they do not fit in memory.
fn zeros(key: &str, shape: [usize; 3]) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    let length = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    match length.map(|length| (length, values.try_reserve_exact(length))) {
        Some((length, Ok(()))) => values.resize(length, 0.0),
        _ => {
            let problem = format!("{shape:?} (samples, steps, channels) do not fit in memory; expected less");
            return Err(Error::setting(key, problem));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_specification_is_the_task_it_names() {
        let spec: TaskSpec =
            toml::from_str("kind = 'flip-flop'\nsteps = 5\nprobability = 0.5\ntrain-samples = 4\ntest-samples = 2\n")
                .unwrap();
        let task = FlipFlop {
            channels: 1,
            steps: 5,
            probability: 0.5,
            train_samples: 4,
            test_samples: 2,
            samples: Drawn::Fixed,
        };
        assert_eq!(spec.load(3, Path::new("")).unwrap(), task.generate(3).unwrap());
        assert!(toml::to_string(&spec).unwrap().contains(&format!("kind = \"{}\"", task.name())));
    }

    #[test]
    fn a_memory_task_has_keys_of_its_own() {
        let spec: TaskSpec =
            toml::from_str("kind = 'memory'\nsteps = 9\ndelay = 5\ntrain-samples = 4\ntest-samples = 2\n").unwrap();
        let task = Memory {
            channels: 1,
            steps: 9,
            cue: 1,
            delay: 5,
            train_samples: 4,
            test_samples: 2,
            samples: Drawn::Fixed,
        };
        assert_eq!(spec.load(3, Path::new("")).unwrap(), task.generate(3).unwrap());
        assert!(toml::to_string(&spec).unwrap().contains(&format!("kind = \"{}\"", task.name())));
    }

    #[test]
    fn waves_come_in_two_versions() {
        let spec = |version: &str| -> Result<TaskSpec, toml::de::Error> {
            toml::from_str(&format!(
                "kind = 'waves'\nversion = '{version}'\nsteps = 9\ntrain-samples = 4\ntest-samples = 2\n"
            ))
        };
        for (name, version) in [("as-run", WavesVersion::AsRun), ("meant", WavesVersion::Meant)] {
            let task = Waves { version, steps: 9, train_samples: 4, test_samples: 2, samples: Drawn::Fixed };
            assert_eq!(spec(name).unwrap().load(3, Path::new("")).unwrap(), task.generate(3).unwrap());
        }
        let error = spec("published").unwrap_err().to_string();
        assert!(error.contains("`published`") && error.contains("`as-run`") && error.contains("`meant`"), "{error}");
    }

    #[test]
    fn tasks_are_listed_once_and_go_through_toml() {
        let tasks = TaskSpec::generated();
        let names: Vec<&str> = tasks.iter().map(TaskSpec::name).collect();
        for (at, spec) in tasks.iter().enumerate() {
            assert!(!names[..at].contains(&spec.name()), "{names:?}");
            let text = toml::to_string(spec).unwrap();
            assert!(text.contains(&format!("kind = \"{}\"", spec.name())), "{text}");
            assert_eq!(toml::from_str::<TaskSpec>(&text).unwrap(), *spec);
            let words = spec.describe();
            for text in [words.learned, words.inputs, words.targets, words.source] {
                assert!(text.len() > 20 && !text.ends_with('.'), "{text}");
            }
        }
    }

    #[test]
    fn fewer_samples_are_the_first_ones() {
        for spec in TaskSpec::generated() {
            let whole = spec.clone().with_samples(9, 8).load(5, Path::new("")).unwrap();
            let few = spec.with_samples(1, 3).load(5, Path::new("")).unwrap();
            assert_eq!([few.train().samples(), few.test().samples()], [1, 3]);
            for (few, whole) in [(few.train(), whole.train()), (few.test(), whole.test())] {
                assert_eq!(few.inputs(), &whole.inputs()[..few.inputs().len()]);
            }
        }
        let data = TaskSpec::Data(Recorded { file: "data.npz".into(), classes: None });
        assert_eq!(data.clone().with_samples(1, 3), data);
    }

    #[test]
    fn recorded_data_are_looked_for_beside_the_configuration() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let data = TaskSpec::Data(Recorded { file: "series.npz".into(), classes: None }).load(1, &base).unwrap();
        assert_eq!(data.train().samples(), 3);
        let missing =
            TaskSpec::Data(Recorded { file: "nowhere.npz".into(), classes: None }).load(1, &base).unwrap_err();
        assert!(missing.to_string().contains("nowhere.npz: cannot open"), "{missing}");
    }
}
