//! A run: its configuration, its folder, checkpoint and resume, presets.

mod blocks_key;
mod changes;
mod checkpoint;
mod config;
mod difference;
#[cfg(feature = "plot")]
mod figures;
#[cfg(not(feature = "plot"))]
#[path = "no_figures.rs"]
mod figures;
mod finished;
#[cfg(feature = "plot")]
mod first_trials;
mod gradient_file;
mod growth;
mod inputs;
mod method;
mod metrics_file;
pub mod names;
mod neurons;
mod parameter_spec;
mod paths;
mod phase;
mod phases;
pub mod presets;
mod report;
mod running;
mod setup;
mod start;
mod validate;

pub use changes::Change;
pub use config::{CheckpointSpec, PenaltySpec, RunConfig};
pub use finished::{Finished, finished, metrics_of};
#[cfg(feature = "plot")]
pub use first_trials::FirstTrials;
pub use gradient_file::save_gradient;
pub use method::Method;
pub use parameter_spec::ParameterSpec;
pub use phase::{BlocksSpec, MomentsAfter, PhaseSpec, PrunePhase, Rest, TrainPhase};
pub use report::{PhaseReport, Report};
pub use running::{Ending, Event, Run};
pub use setup::Resources;
pub use start::Start;
