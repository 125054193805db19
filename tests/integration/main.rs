//! The promises of daleian, a module each.

mod dense;
mod gradients;
#[cfg(target_os = "linux")]
mod large;
mod models;
mod reproducible;
mod signs;
mod stepping;
mod support;
