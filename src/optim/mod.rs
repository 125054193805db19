//! From gradients to steps: one file per optimizer, schedules, clipping.
//!
//! To add an optimizer, write one file that implements [`Optimizer`] for its settings, and one line in `list.rs`.

mod adam;
mod list;
mod schedule;
mod sgd;
mod state;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt::Debug;

use daleian_kernels::{Bounds, Isa, sum_squares};
use rayon::prelude::*;

pub use adam::Adam;
pub use list::OptimizerSpec;
pub use schedule::ScheduleSpec;
pub use sgd::Sgd;
pub use state::OptimizerState;

use crate::error::Result;
use crate::network::Parameters;
use crate::tree;

/// How a gradient becomes a step: the settings of an optimizer, which keeps what it has come to in an [`OptimizerState`].
///
/// Each value is updated from its own gradient and moments alone. Where a gradient was 0 in every step, moments are 0 and
/// the value must stay as it is: single entries of a parameter are frozen so.
pub trait Optimizer: Debug + Sync {
    /// The step size before any schedule.
    fn learning_rate(&self) -> f64;

    /// How many numbers it keeps per value: none, or any number. They start at 0.
    fn moments(&self) -> usize;

    /// Checks that every setting but the learning rate is within its range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) with the key of the first that is not, and what is expected.
    fn validate(&self) -> Result<()>;

    /// Updates the values `w` of one parameter, or a part of them, with their gradient `g` and their moments, all of the
    /// same length. `bounds` says how the constraint has the step taken.
    fn step(&self, isa: Isa, update: &Update, w: &mut [f32], g: &[f32], moments: &mut [&mut [f32]], bounds: Bounds);
}

/// What is the same for all values of a parameter in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// Which step of the optimizer this is, from 1 on.
    pub number: u64,
    /// The learning rate of this parameter, schedule and factor included.
    pub rate: f64,
    /// Multiplies the gradient first; from clipping, 1 for none.
    pub gradient_scale: f64,
}

/// Elements that one task takes for the norm, and how many of them are worth waking a thread for.
const CHUNK: usize = 1 << 15;
const LEAST: usize = 4;

/// The norm of all gradients taken as one vector: squares are added in fixed blocks, and the sums of blocks by a
/// fixed binary tree, so that the bits do not depend on who adds which.
pub fn norm(isa: Isa, gradients: &Parameters) -> f64 {
    let sum = |id| -> f64 {
        let pieces = gradients[id].par_chunks(CHUNK).with_min_len(LEAST);
        let sums: Vec<f64> = pieces.map(|piece| sum_squares(isa, piece)).collect();
        tree::sum(&sums)
    };
    gradients.ids().map(sum).sum::<f64>().sqrt()
}

/// What to multiply a gradient of norm `norm` by so that its norm is at most `limit` (Pascanu et al. 2013).
pub fn clip(norm: f64, limit: f64) -> f64 {
    if norm > limit { limit / norm } else { 1.0 }
}
