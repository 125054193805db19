//! Train recurrent networks wired like brains: sparse connectivity fixed by anatomy, and Dale's law.
#![forbid(unsafe_code)]

pub mod error;
pub mod files;
pub mod random;

pub mod analysis;
pub mod bptt;
pub mod connectome;
pub mod constraint;
pub mod network;
pub mod optim;
pub mod sparse;
pub mod task;
pub mod train;

pub use daleian_kernels::Isa;
pub use error::{Error, Result};
