//! Sparse structure without biology: patterns, their transposed index, partitions balanced by entries.

pub use daleian_kernels::{Pattern, PatternError};
