//! From gradients to steps: Adam, SGD, schedules, clipping.

mod spec;

pub use spec::{OptimizerSpec, ScheduleSpec};
