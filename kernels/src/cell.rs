//! The kernels of a cell behind one pointer: what they are with one [`Rule`].

use crate::adjoint::{Adjoint, Adjoints, adjoint};
use crate::element::Element;
use crate::forward::{Forward, NewStates, forward};
use crate::isa::Isa;
use crate::reduce::{lane_squares, rates};
use crate::rule::Rule;
use crate::vector::{ForwardVector, NewVectors, forward_vector};

/// A time step of many lanes, forward and backward, and what is asked of states beside it.
///
/// Every [`Rule`] has these.
pub trait CellKernels<E: Element = f32>: Send + Sync {
    /// [`Rule::CONSTANTS`].
    fn constants(&self) -> usize;
    /// [`Rule::READS_STATE`].
    fn reads_state(&self) -> bool;
    /// [`Rule::KEEPS_MEMO`].
    fn keeps_memo(&self) -> bool;
    /// [`Rule::CARRIES_BACK`].
    fn carries_back(&self) -> bool;
    /// [`Rule::sends_state`].
    fn sends_state(&self) -> bool;

    /// A time step of a range of neurons: see [`Forward`].
    ///
    /// # Panics
    /// If a shape does not fit.
    fn forward(&self, isa: Isa, call: &Forward<E>, out: NewStates<E>);

    /// A time step backward of a range of neurons: see [`Adjoint`].
    ///
    /// # Panics
    /// If a shape does not fit.
    fn adjoint(&self, isa: Isa, call: &Adjoint<E>, out: Adjoints<E>);

    /// Turns states into rates, in place.
    fn rates(&self, isa: Isa, states: &mut [E]);

    /// out_k ← out_k + Σ_i r_ik² in f64, over the rows i of lane k: `states` is `[rows, lanes]`, `out` is `[lanes]`. The same
    /// bits on every instruction set where the rates are.
    ///
    /// # Panics
    /// If `lanes` is not 16, 32, 48 or 64, the states are not of whole rows, or `out` not one sum a lane.
    fn lane_squares(&self, isa: Isa, lanes: usize, states: &[E], out: &mut [f64]);
}

/// A time step of one lane.
///
/// Every [`Rule`] of `f32` has these.
pub trait OneLaneKernels: Send + Sync {
    /// A time step of a range of neurons: see [`ForwardVector`].
    ///
    /// # Panics
    /// If a shape does not fit, `rows` are not whole blocks of slices, or an event is from no column.
    fn forward_vector(&self, isa: Isa, call: &ForwardVector, out: NewVectors);
}

impl<E: Element, R: Rule<E>> CellKernels<E> for R {
    fn constants(&self) -> usize {
        R::CONSTANTS
    }
    fn reads_state(&self) -> bool {
        R::READS_STATE
    }
    fn keeps_memo(&self) -> bool {
        R::KEEPS_MEMO
    }
    fn carries_back(&self) -> bool {
        R::CARRIES_BACK
    }
    fn sends_state(&self) -> bool {
        Rule::sends_state(self)
    }
    fn forward(&self, isa: Isa, call: &Forward<E>, out: NewStates<E>) {
        forward(isa, self, call, out);
    }
    fn adjoint(&self, isa: Isa, call: &Adjoint<E>, out: Adjoints<E>) {
        adjoint(isa, self, call, out);
    }
    fn rates(&self, isa: Isa, states: &mut [E]) {
        rates(isa, self, states);
    }
    fn lane_squares(&self, isa: Isa, lanes: usize, states: &[E], out: &mut [f64]) {
        lane_squares(isa, self, lanes, states, out);
    }
}

impl<R: Rule<f32>> OneLaneKernels for R {
    fn forward_vector(&self, isa: Isa, call: &ForwardVector, out: NewVectors) {
        forward_vector(isa, self, call, out);
    }
}
