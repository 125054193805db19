//! Files that are either whole or absent, and files of named tensors.

mod atomic;
mod tensors;

pub use atomic::{remove_stale, write_atomic};
pub use tensors::{Tensor, TensorData, TensorReader, write_tensors};
