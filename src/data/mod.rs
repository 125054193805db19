//! Where samples come from: arrays in memory, numpy's files; the order of an epoch; batches gathered into lanes.

mod dataset;
mod lanes;
pub mod npz;
mod order;
mod source;
mod targets;

pub use dataset::{Data, Dataset};
pub use order::{batches_per_epoch, check_batch, epoch_order};
pub use source::{Form, Source, Sources};
pub use targets::Targets;
