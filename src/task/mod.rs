//! What to learn: one file a task; and recorded data.

mod dataset;
mod lanes;
pub mod npz;
mod order;
mod spec;

pub use dataset::{Data, Dataset, Targets};
pub use order::{batches_per_epoch, check_batch, epoch_order};
pub use spec::{LossName, TaskSpec};
