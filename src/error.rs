//! What can be wrong with something from outside: files, configuration, sizes.
//!
//! A broken contract inside the library panics with the contract's words; everything here is a `Result`.

use std::io;
use std::path::{Path, PathBuf};

/// An error that names the culprit and says what is expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as in "cannot {action}".
        action: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// A file was read, but its content is wrong.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where in it, what is wrong and what is expected ("row 3, column `pre`: …", "`train_inputs`: …").
        problem: String,
    },
    /// A setting is wrong, whether typed in a configuration or passed to the library.
    #[error("`{key}`: {problem}")]
    Setting {
        /// The key, dotted (`optimizer.learning-rate`).
        key: String,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// Something was not finite. If it was the loss or the gradient of a step, that step did not touch the parameters.
    #[error("training diverged: {what} was {value} in epoch {epoch}, step {step}")]
    Diverged {
        /// What was not finite (the loss, or the norm of the gradient).
        what: &'static str,
        /// Its value.
        value: f64,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step in the epoch, counted from 1.
        step: usize,
    },
}

/// A result whose error names the culprit.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn io(path: impl AsRef<Path>, action: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.as_ref().into(), action, source }
    }

    pub(crate) fn content(path: impl AsRef<Path>, problem: impl ToString) -> Self {
        Self::Content { path: path.as_ref().into(), problem: problem.to_string() }
    }

    pub(crate) fn setting(key: impl ToString, problem: impl ToString) -> Self {
        Self::Setting { key: key.to_string(), problem: problem.to_string() }
    }
}
