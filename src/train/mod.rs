//! One step, the run, checkpoint and resume.

mod config;

pub use config::{CheckpointSpec, PenaltySpec, RunConfig};
