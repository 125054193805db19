//! What to learn: one file a task; and recorded data.

mod spec;

pub use spec::{LossName, TaskSpec};
