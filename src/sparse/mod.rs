//! Sparse structure without biology: patterns, their transposed index, partitions balanced by entries; building them
//! from edges, sharing them with `sprs`.

mod edges;
mod interop;
mod partition;
mod transpose;

pub use daleian_kernels::{Pattern, PatternError};

pub use edges::{EdgeError, Repeats, from_edges};
pub use interop::{SprsError, from_sprs, to_sprs};
pub use partition::Partition;
pub use transpose::Transposed;
