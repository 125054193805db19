//! What an optimizer had come to, beside a network in a file or on its way into a trainer.

use crate::network::Parameters;

/// What an optimizer had come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Steps made so far.
    pub updates: u64,
    /// Mean of the gradient and of its square (Adam), or the velocity (SGD).
    pub values: Vec<Parameters>,
}
