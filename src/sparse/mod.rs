//! Sparse structure without biology: patterns, their transposed index, partitions balanced by entries.

mod partition;
mod transpose;

pub use daleian_kernels::{Pattern, PatternError};

pub use partition::Partition;
pub use transpose::Transposed;
