//! What to learn: one file a task; and recorded data.

mod dataset;
mod flip_flop;
mod images;
mod lanes;
mod memory;
pub mod npz;
mod order;
mod spec;

use std::path::{Path, PathBuf};

pub use dataset::{Data, Dataset, Targets};
pub use flip_flop::FlipFlop;
pub use images::{Images, Scan};
pub use memory::Memory;
pub use order::{batches_per_epoch, check_batch, epoch_order};
pub use spec::TaskSpec;

use crate::error::{Error, Result};

/// A generated task: settings from which samples are drawn.
pub trait Task {
    /// Its name, as `kind` in a configuration.
    fn name(&self) -> &'static str;

    /// Draws both splits from the streams of `seed`: the same seed and settings give the same bits, and the size of
    /// one split does not change the other.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key (`task.…`) of the first setting that is wrong.
    fn generate(&self, seed: u64) -> Result<Data>;
}

impl TaskSpec {
    /// Generates the task, or reads the recorded data; a relative path is looked for in the folder `base` (that of
    /// the configuration).
    ///
    /// # Errors
    /// As [`Task::generate`] and [`npz::read`].
    pub fn load(&self, seed: u64, base: &Path) -> Result<Data> {
        match *self {
            Self::FlipFlop { channels, steps, probability, train_samples, test_samples } => {
                FlipFlop { channels, steps, probability, train_samples, test_samples }.generate(seed)
            }
            Self::Memory { channels, steps, cue, delay, train_samples, test_samples } => {
                Memory { channels, steps, cue, delay, train_samples, test_samples }.generate(seed)
            }
            Self::Images { by, train_samples, test_samples, ref data } => {
                let data = data.as_ref().map(|folder| base.join(folder));
                Images { by, train_samples, test_samples, data }.generate(seed)
            }
            Self::Data { ref file, classes } => npz::read(base.join(file), classes),
        }
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

/// Sizes that must be at least 1, with their keys.
fn check_sizes(sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((key, _)) => Err(Error::setting(key, "0; at least 1 would be right")),
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
            let problem = format!("{shape:?} (samples, steps, channels) do not fit in memory; less would be right");
            return Err(Error::setting(key, problem));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_the_task_it_names() {
        let spec: TaskSpec =
            toml::from_str("kind = 'flip-flop'\nsteps = 5\nprobability = 0.5\ntrain-samples = 4\ntest-samples = 2\n")
                .unwrap();
        let task = FlipFlop { channels: 1, steps: 5, probability: 0.5, train_samples: 4, test_samples: 2 };
        assert_eq!(spec.load(3, Path::new("")).unwrap(), task.generate(3).unwrap());
        assert!(toml::to_string(&spec).unwrap().contains(&format!("kind = \"{}\"", task.name())));
    }

    #[test]
    fn a_memory_task_has_keys_of_its_own() {
        let spec: TaskSpec =
            toml::from_str("kind = 'memory'\nsteps = 9\ndelay = 5\ntrain-samples = 4\ntest-samples = 2\n").unwrap();
        let task = Memory { channels: 1, steps: 9, cue: 1, delay: 5, train_samples: 4, test_samples: 2 };
        assert_eq!(spec.load(3, Path::new("")).unwrap(), task.generate(3).unwrap());
        assert!(toml::to_string(&spec).unwrap().contains(&format!("kind = \"{}\"", task.name())));
    }

    #[test]
    fn recorded_data_are_looked_for_beside_the_configuration() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let data = TaskSpec::Data { file: "series.npz".into(), classes: None }.load(1, &base).unwrap();
        assert_eq!(data.train().samples(), 3);
        let missing = TaskSpec::Data { file: "nowhere.npz".into(), classes: None }.load(1, &base).unwrap_err();
        assert!(missing.to_string().contains("nowhere.npz: cannot open"), "{missing}");
    }
}
