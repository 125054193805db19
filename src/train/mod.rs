//! One step, the run, checkpoint and resume.

mod checkpoint;
mod config;
mod figures;
mod metrics;
mod run;
mod setup;
mod trainer;

pub use config::{CheckpointSpec, PenaltySpec, RunConfig};
pub use metrics::Row;
pub use run::{Ending, Event, Report, Run, names};
pub use trainer::{Evaluation, Position, Running, Summary, TrainSettings, Trainer, fill};
