//! What one neuron does with the sum of its inputs, and the way of a derivative back through it: the part of a time step
//! that differs from cell to cell.
//!
//! The kernels make `z = W r + U x + b` for sixteen lanes at a time and hand it to a [`Rule`], which gives the new state;
//! backward they hand it the derivative by what a neuron sends. A rule is written once, in the safe arithmetic of
//! [`Lanes`], and serves every instruction set, `f32` and `f64`, and (in `f32`) one lane, where a vector holds sixteen
//! neurons instead.

use crate::element::Element;
use crate::simd::Lanes;

/// Constants that a neuron can have at most.
pub const MOST_CONSTANTS: usize = 2;

/// Which of a neuron's numbers the readout reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reads {
    /// The state s.
    #[default]
    State,
    /// The rate r.
    Rate,
}

/// What is known before a step of a neuron: `G` vectors of its lanes.
#[derive(Clone, Copy)]
pub struct Given<V, const G: usize> {
    /// The sum of its inputs.
    pub z: [V; G],
    /// Its state before the step, if the rule [reads it](Rule::READS_STATE); else 0.
    pub state: [V; G],
    /// Its noise in this step, 0 where there is none.
    pub noise: [V; G],
    /// Its constants; of those that the rule has not, 0.
    pub constants: [V; MOST_CONSTANTS],
}

/// What a step makes of it.
#[derive(Clone, Copy)]
pub struct Stepped<V, const G: usize> {
    /// The new state.
    pub state: [V; G],
    /// What else the backward pass needs of this step, if the rule [keeps it](Rule::KEEPS_MEMO).
    pub memo: [V; G],
}

/// What is known before a step backward.
#[derive(Clone, Copy)]
pub struct Derivatives<V, const G: usize> {
    /// The state after the step.
    pub state: [V; G],
    /// What the step kept beside it; 0 where it keeps nothing.
    pub memo: [V; G],
    /// The derivative by the state, through what the neuron sends and what the readout reads.
    pub by_state: [V; G],
    /// What the step after this one handed back as [`Backward::carried`]; 0 at the last step.
    pub carried: [V; G],
    /// The neuron's constants; of those that the rule has not, 0.
    pub constants: [V; MOST_CONSTANTS],
}

/// What a step backward makes of it.
#[derive(Clone, Copy)]
pub struct Backward<V, const G: usize> {
    /// δ, the derivative by z.
    pub delta: [V; G],
    /// The part of the derivative by the state before the step that does not go through z, if the rule
    /// [carries it back](Rule::CARRIES_BACK).
    pub carried: [V; G],
}

/// The equations of one neuron: from z and the state before to the state, from the state to the rate, and back.
///
/// Every method must be `#[inline(always)]`: only inlined into the kernel is it compiled for the instruction set. (Without
/// it the results are the same, slowly.)
pub trait Rule<E: Element>: Copy + Send + Sync + 'static {
    /// How many constants each neuron has, at most [`MOST_CONSTANTS`].
    const CONSTANTS: usize = 0;
    /// Whether a step reads the neuron's own state before it, beside the rates that come through W.
    const READS_STATE: bool = false;
    /// Whether the backward pass needs a second number of each neuron and step.
    const KEEPS_MEMO: bool = false;
    /// Whether the derivative by a state has a part that goes straight to the state before.
    const CARRIES_BACK: bool = false;

    /// Whether the rate is the state itself, so that it needs no memory of its own.
    fn sends_state(&self) -> bool;

    /// One step.
    fn forward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Given<L::V, G>) -> Stepped<L::V, G>;

    /// The rate, from the state.
    fn rate<L: Lanes<E = E>, const G: usize>(&self, l: L, state: [L::V; G]) -> [L::V; G];

    /// The derivative by the state, from the one by the rate.
    fn through_rate<L: Lanes<E = E>, const G: usize>(&self, l: L, state: [L::V; G], by_rate: [L::V; G]) -> [L::V; G];

    /// One step backward.
    fn backward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Derivatives<L::V, G>) -> Backward<L::V, G>;
}
