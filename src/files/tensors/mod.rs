//! Named tensors in a safetensors file, little-endian, with one JSON object of metadata.
//!
//! The format (<https://github.com/huggingface/safetensors>): eight bytes, the length of the header; the header, a JSON
//! object from names to type, shape and offsets; the data, without holes. The metadata stand in the header under
//! `__metadata__`, as text under the one key `daleian`: with more keys the order of their bytes would be random.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::TensorReader;
pub use write::{Tensor, TensorData, write_tensors};

/// The key under which the metadata stand.
const KEY: &str = "daleian";

/// The longest header that is written or read, in bytes. It bounds what a hostile file makes the reader allocate.
const HEADER_LIMIT: u64 = 16 << 20;

/// Bytes converted at a time.
const CHUNK: usize = 1 << 16;
