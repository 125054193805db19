//! The equations of one neuron's step: one file per cell.
//!
//! For every cell `z_t = W r_{t-1} + U x_t + b`. What a neuron makes of z, which state it carries, what the backward pass
//! needs, and what the readout reads is said by its `Cell`; stepping by hand, training, evaluation and checkpointing in
//! time ask it and know no equation. The arithmetic is a [`Rule`](daleian_kernels::Rule), from which the kernels for every
//! instruction set, for `f32` and `f64`, and for one lane are compiled.
//!
//! A new cell is a file in this folder and a line in `list.rs`.

mod elman;
pub(crate) mod list;
pub(crate) mod noise;
mod spec;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use daleian_kernels::{CellKernels, Element, Elman, MOST_CONSTANTS, OneLaneKernels, Reads};

pub use list::CellKind;
pub(crate) use noise::Noise;
pub use spec::{ActivationName, CellSpec, ReadName};

/// What a cell is to the rest of the library.
///
/// Per neuron and time step it has a *state*, of which everything that later steps need follows, and a *rate*, which is what
/// W multiplies: the state itself or a function of it. Training keeps the state of each step (and, for some cells, a *memo*
/// beside it); the rates of a step that is computed a second time follow from the state before it.
pub(crate) trait Cell: fmt::Debug + Send + Sync {
    /// A step of many lanes in `f32`, forward and backward.
    fn single(&self) -> Equations<'_, f32>;

    /// The same in `f64`.
    fn double(&self) -> Equations<'_, f64>;

    /// A step of one lane.
    fn one_lane(&self) -> &dyn OneLaneKernels;

    /// What the readout reads.
    fn reads(&self) -> Reads;

    /// Whether many rates may be exactly 0, so that passing over the columns of silent neurons can pay.
    fn can_be_silent(&self) -> bool;

    /// The noise of its steps, if it has any.
    fn noise(&self) -> Option<&dyn Noise> {
        None
    }
}

impl dyn Cell + '_ {
    /// Whether the readout reads rates that are not the states themselves.
    pub fn reads_rates_apart(&self) -> bool {
        self.reads() == Reads::Rate && !self.single().kernels.sends_state()
    }
}

/// A cell in one precision: its kernels, and the constants of each neuron that they take.
#[derive(Clone, Copy)]
pub(crate) struct Equations<'a, E: Element> {
    pub kernels: &'a dyn CellKernels<E>,
    /// Each `[neurons]`; empty where the cell has none.
    pub constants: [&'a [E]; MOST_CONSTANTS],
}

/// The precisions that a network can be computed in.
pub(crate) trait Real: Element {
    /// A cell in this precision.
    fn equations(cell: &dyn Cell) -> Equations<'_, Self>;

    /// The kernels of [`Elman`], which readouts use too.
    fn elman(rule: &Elman) -> &dyn CellKernels<Self>;
}

impl Real for f32 {
    fn equations(cell: &dyn Cell) -> Equations<'_, f32> {
        cell.single()
    }

    fn elman(rule: &Elman) -> &dyn CellKernels<f32> {
        rule.single()
    }
}

impl Real for f64 {
    fn equations(cell: &dyn Cell) -> Equations<'_, f64> {
        cell.double()
    }

    fn elman(rule: &Elman) -> &dyn CellKernels<f64> {
        rule.double()
    }
}
