//! The promises of daleian, a module each.

mod dense;
mod gradients;
