//! The figures of the paper (Balwani, Wang, Najafi, Choi, Science Advances 2025), ours beside theirs.
//!
//! [`fig2`] trains every task with every method and several seeds; [`fig3`] prunes what Dale's backprop trained, and
//! trains on. Each figure ends in three files in its own folder:
//! a drawing, a CSV of every number, and a report with tables. The runs stand beside the figures in
//! `runs/TASK/METHOD/seedN`, each a folder as [`Run`](crate::run::Run) writes it, so that whatever is finished is
//! not trained again.

mod csv_file;
mod fig2;
mod fig3;
mod jobs;
mod numbers;
pub mod paper;
mod report;
mod scale;
mod task;

pub use csv_file::Entry;
pub use fig2::{Fig2, MethodResult, TaskResult, fig2};
pub use fig3::{Fig3, PrunedResult, TaskPruned, fig3};
pub use jobs::{Job, Outcome, PrunedStart, Told, run_all};
pub use numbers::Spread;
pub use scale::{Part, QUICK, Scale};
pub use task::{FAILED_ABOVE, Measure, PaperTask};

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::run::Method;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The folder for `runs/` and a folder a figure.
    pub out: PathBuf,
    /// The tasks.
    pub tasks: Vec<PaperTask>,
    /// The methods of Figure 2, in the order of tables and figures.
    pub methods: Vec<Method>,
    /// How much of it.
    pub scale: Scale,
    /// Runs side by side, each on one thread. No result depends on it.
    pub threads: usize,
    /// A folder with MNIST's four files; digits of daleian's own where there is none.
    pub data: Option<PathBuf>,
}

impl Settings {
    /// # Errors
    /// If a number is out of range, or there is nothing to run.
    pub fn check(&self) -> Result<()> {
        self.scale.check()?;
        if self.threads == 0 {
            return Err(Error::setting("--threads", "0; expected at least 1"));
        }
        if self.tasks.is_empty() || self.methods.is_empty() {
            return Err(Error::setting("--task", "no task or no method; expected at least one of each"));
        }
        Ok(())
    }
}
