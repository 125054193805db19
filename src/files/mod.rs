//! Files that are whole or not there at all, and the tensors in them.

mod atomic;
mod tensors;

pub use atomic::{remove_stale, write_atomic};
pub use tensors::{Tensor, TensorReader, write_tensors};
