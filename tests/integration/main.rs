//! The promises of daleian, a module each.

mod dense;
mod gradients;
mod large;
mod models;
mod reproducible;
mod signs;
mod support;
