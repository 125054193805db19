//! Every task there is, by the name that a configuration gives it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Description, Drawn, Fresh, RECORDED, Recorded, Task};
use crate::data::{Data, Sources, npz};
use crate::error::Result;

/// Makes [`TaskSpec`] from the list of generated tasks: `kind` in a configuration is the name in kebab-case.
macro_rules! tasks {
    ($($file:ident::$name:ident,)*) => {
        /// What the network learns: a generated task with its settings, or recorded data (`[task]`).
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum TaskSpec {
            $(#[doc = concat!("See [`", stringify!($name), "`](super::", stringify!($name), ").")]
            $name(super::$file::$name),)*
            /// Arrays of a `.npz` file: see [`Recorded`].
            Data(Recorded),
        }

        impl TaskSpec {
            /// Every generated task once, with settings to begin with.
            pub fn generated() -> Vec<Self> {
                vec![$(Self::$name(super::$file::$name::example()),)*]
            }

            /// The generated task; `None` for recorded data.
            pub fn task(&self) -> Option<&dyn Task> {
                match self {
                    $(Self::$name(task) => Some(task),)*
                    Self::Data(_) => None,
                }
            }

            /// The same, to change its settings.
            pub fn task_mut(&mut self) -> Option<&mut dyn Task> {
                match self {
                    $(Self::$name(task) => Some(task),)*
                    Self::Data(_) => None,
                }
            }

            /// The generated task on its own.
            fn boxed(&self) -> Option<Box<dyn Task>> {
                match self {
                    $(Self::$name(task) => Some(Box::new(task.clone())),)*
                    Self::Data(_) => None,
                }
            }
        }
    };
}

tasks! {
    flip_flop::FlipFlop,
    waves::Waves,
    memory::Memory,
    images::Images,
}

impl TaskSpec {
    /// The same task with so many samples, which are the first ones of more; recorded data stay as they are.
    pub fn with_samples(mut self, train: usize, test: usize) -> Self {
        if let Some(task) = self.task_mut() {
            task.set_samples([train, test]);
        }
        self
    }

    /// Its name, as `kind` in a configuration.
    pub fn name(&self) -> &'static str {
        self.task().map_or("data", |task| task.name())
    }

    /// What it is, in words.
    pub fn describe(&self) -> Description {
        self.task().map_or(RECORDED, |task| task.describe())
    }

    /// How often training samples are drawn.
    pub fn drawn(&self) -> Drawn {
        self.task().map_or(Drawn::Fixed, |task| task.drawn())
    }

    /// Generates the task, with training samples that are drawn once, or reads the recorded data; a relative path is
    /// looked for in the folder `base` (that of the configuration).
    ///
    /// # Errors
    /// As [`Task::generate`] and [`npz::read`].
    pub fn load(&self, seed: u64, base: &Path) -> Result<Data> {
        match self {
            Self::Data(Recorded { file, classes }) => npz::read(base.join(file), *classes),
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

    /// The generated task on its own; a relative path is looked for in `base`.
    fn task_in(&self, base: &Path) -> Option<Box<dyn Task>> {
        let mut task = self.boxed()?;
        if let Some(path) = task.path_mut() {
            *path = base.join(&path);
        }
        Some(task)
    }

    /// Where the data come from, for tables and figures, if the name of the task does not say it.
    pub fn data_label(&self) -> Option<String> {
        self.task().and_then(|task| task.data_label())
    }

    /// The file or folder that the data are read from.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Data(Recorded { file, .. }) => Some(file),
            _ => self.task().and_then(|task| task.path()),
        }
    }

    /// The same, to change it.
    pub(crate) fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Data(Recorded { file, .. }) => Some(file),
            _ => self.task_mut().and_then(|task| task.path_mut()),
        }
    }
}
