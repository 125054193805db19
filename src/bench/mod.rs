//! How fast this machine is, and the kernels and a training step on it, against the step with full matrices.
//!
//! Everything here measures; nothing prints. Times are medians of runs on random numbers, never zeros, after one run
//! that is not counted. Sparse and dense run in turns, so that a disturbance hits both.

mod cell;
mod crossover;
mod dense;
mod kernels;
mod one_lane;
mod roofs;
mod sides;

pub use cell::{Cell, TABLE, sweep};
pub use crossover::{Crossover, crossovers};
pub use dense::{AdamSettings, Dense};
pub use kernels::{KernelRate, kernel_rates};
pub use one_lane::one_lane_rate;
pub use roofs::{Roof, floor, roof_of, roofs};
pub use sides::{DENSE_BYTES, Sides, StepTimes, check_memory, connectome, random};
