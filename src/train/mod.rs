//! Training without files: one step, one epoch, evaluation, and the memory that they take.

mod evaluation;
mod memory;
mod metrics;
mod moments;
mod trainer;

pub use evaluation::{Evaluation, Running, Summary, check_shapes, fill};
pub use memory::MemoryEstimate;
pub(crate) use metrics::COLUMNS;
pub use metrics::Row;
pub use moments::Moments;
pub use trainer::{Position, TrainSettings, Trainer};
