//! The promises of daleian, a module each.

mod bad_input;
mod blocks;
mod cli;
mod command;
mod dense;
mod fresh;
#[cfg(target_os = "linux")]
mod full_disk;
mod gradients;
mod images;
mod inspect;
#[cfg(unix)]
mod interrupt;
#[cfg(target_os = "linux")]
mod large;
mod losses;
mod memory_limit;
mod methods;
mod models;
mod outside;
mod phases;
mod pruning;
mod recordings;
mod reproduce;
mod reproducible;
mod resume;
mod signs;
mod start;
mod stepping;
mod support;
mod tasks;
mod travel;
