//! One step, the run, checkpoint and resume.

mod checkpoint;
mod config;
mod difference;
mod evaluation;
mod figures;
mod finished;
mod gradient_file;
mod memory;
mod method;
mod metrics;
mod neurons;
pub mod presets;
mod run;
mod setup;
mod start;
mod trainer;
mod validate;

pub use config::{CheckpointSpec, PenaltySpec, RunConfig};
pub use evaluation::{Evaluation, Running, Summary, check_shapes, fill};
pub use figures::first_trials;
pub use finished::{Finished, finished, metrics_of};
pub use gradient_file::save_gradient;
pub use memory::MemoryEstimate;
pub use method::Method;
pub use metrics::Row;
pub use run::{Ending, Event, Report, Run, names};
pub use setup::Resources;
pub use start::{Moments, Start};
pub use trainer::{Position, TrainSettings, Trainer};
