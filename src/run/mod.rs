//! A run: its configuration, its folder, checkpoint and resume, presets.

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
mod method;
mod metrics_file;
mod neurons;
mod parameter_spec;
pub mod presets;
mod running;
mod setup;
mod start;
mod validate;

pub use config::{CheckpointSpec, PenaltySpec, RunConfig};
pub use finished::{Finished, finished, metrics_of};
#[cfg(feature = "plot")]
pub use first_trials::FirstTrials;
pub use gradient_file::save_gradient;
pub use method::Method;
pub use parameter_spec::ParameterSpec;
pub use running::{Ending, Event, Report, Run, names};
pub use setup::Resources;
pub use start::Start;
