//! Sparse structure without biology: patterns, their transposed index, partitions balanced by entries, tiles of
//! columns; building them from edges, sharing them with `sprs`.

mod edges;
mod interop;
mod partition;
mod tiles;
mod transpose;

pub use daleian_kernels::{Pattern, PatternError};

pub use edges::{EdgeError, Repeats, from_edges};
pub use interop::{SprsError, from_sprs, to_sprs};
pub use partition::Partition;
pub(crate) use partition::keep_awake;
pub use tiles::Tiles;
pub use transpose::Transposed;
