//! The promises of daleian, a module each.

mod dense;
mod gradients;

mod bad_input;
mod cli;
mod command;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(unix)]
mod interrupt;
