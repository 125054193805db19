//! Sparse structure without biology: patterns, their transposed index, partitions balanced by entries.

mod edges;
mod interop;

pub use daleian_kernels::{Pattern, PatternError};
pub use edges::{EdgeError, Repeats, from_edges};
pub use interop::{SprsError, from_sprs, to_sprs};
