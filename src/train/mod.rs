//! Training without files: one step, one epoch, evaluation, and the memory that they take.

mod evaluation;
mod memory;
mod metrics;
mod parameter_settings;
mod trainer;

pub use evaluation::{Evaluation, Running, Summary, check_shapes, fill};
pub use memory::MemoryEstimate;
pub(crate) use metrics::COLUMNS;
pub use metrics::Row;
pub use parameter_settings::{ParameterSetting, ParameterSettings, Trained};
pub(crate) use parameter_settings::{held_by, unknown};
pub use trainer::{Position, TrainSettings, Trainer};
