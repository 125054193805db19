//! Whole sequences through time and back in either precision, in the plainest way: every state is kept, nothing is cut into
//! parts, and the losses are the caller's. In `f64` it is what gradients are checked against; the cell, the step and its
//! adjoint are those of training.

use daleian_kernels::{Activation, Aligned, Isa, Operand, Outer, Product, WIDTH};

use super::loss::slope;
use crate::cell::noise::Moment;
use crate::cell::{Cell, Real};
use crate::network::step::{After, BackStep, Before, Derivatives, Rows, Step};
use crate::network::{Matrices, Wiring};
use crate::sparse::Transposed;

/// The states and outputs of up to 64 sequences.
///
/// Arrays are `[steps, rows, lanes]` with [`lanes`](Self::lanes) lanes, those in use first.
#[derive(Debug, Clone)]
pub struct Unrolled<E: Precision = f32> {
    steps: usize,
    lanes: usize,
    states: Vec<Aligned<E>>,
    memos: Vec<Aligned<E>>,
    rates: Vec<Aligned<E>>,
    outputs: Vec<Aligned<E>>,
}

/// `f32` or `f64`.
#[expect(private_bounds, reason = "what a precision can do is the library's own affair")]
pub trait Precision: Real {}

impl Precision for f32 {}
impl Precision for f64 {}

/// A network that sequences run through: its wiring, and its parameters in the precision wanted.
#[derive(Clone, Copy)]
pub struct Unroll<'a, E: Precision = f32> {
    /// What is fixed.
    pub wiring: &'a Wiring,
    /// The parameters.
    pub values: Matrices<&'a [E]>,
    /// The instructions to run `f32` with; `f64` takes plain code.
    pub isa: Isa,
    /// The sequence in lane 0: which noise it has, where the cell has any.
    pub first_sequence: u64,
}

impl<E: Precision> Unrolled<E> {
    /// Lanes stored: the sequences rounded up to a multiple of 16.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// y at step `t`, `[outputs, lanes]`.
    pub fn outputs(&self, t: usize) -> &[E] {
        &self.outputs[t]
    }

    /// r at step `t`, `[neurons, lanes]`.
    pub fn rates(&self, t: usize) -> &[E] {
        &self.rates[t]
    }
}

impl<E: Precision> Unroll<'_, E> {
    fn step(&self, lanes: usize) -> Step<'_, E> {
        let rows = Rows::Whole(self.wiring.neurons());
        Step { wiring: self.wiring, values: self.values, isa: self.isa, lanes, rows, tiles: None }
    }

    fn cell(&self) -> &dyn Cell {
        self.wiring.dynamics()
    }

    /// Runs `used` sequences from rest through the inputs of each step, `[channels, lanes]`, lanes of padding 0.
    ///
    /// # Panics
    /// If there are no sequences or more than 64, or an input or a parameter has another size.
    pub fn forward(&self, used: usize, inputs: &[Aligned<E>]) -> Unrolled<E> {
        let (lanes, neurons) = (used.next_multiple_of(WIDTH), self.wiring.neurons());
        let (cell, kernels) = (self.cell(), E::equations(self.cell()).kernels);
        let step = self.step(lanes);
        let buffer = |rows: usize, wanted: bool| Aligned::<E>::zeroed(if wanted { rows * lanes } else { 0 });
        let mut noise = buffer(neurons, cell.noise().is_some());
        let mut out =
            Unrolled { steps: inputs.len(), lanes, states: vec![], memos: vec![], rates: vec![], outputs: vec![] };
        for (t, input) in inputs.iter().enumerate() {
            let mut states = buffer(neurons, true);
            let mut memo = buffer(neurons, kernels.keeps_memo());
            let mut rates = buffer(neurons, !kernels.sends_state());
            let before = Before {
                rates: out.rates.last().map(|rates| &**rates),
                states: out.states.last().map(|states| &**states),
            };
            let moment = Moment { first: self.first_sequence, used, step: t as u64 };
            let after = After { states: &mut states, memo: &mut memo, rates: &mut rates, noise: &mut noise };
            step.forward_by_rows(before, input, moment, after);
            if kernels.sends_state() {
                rates = states.clone();
            }
            let mut output = buffer(self.wiring.outputs(), true);
            step.readout(if cell.reads_rates_apart() { &rates } else { &states }, &mut output);
            out.states.push(states);
            out.memos.push(memo);
            out.rates.push(rates);
            out.outputs.push(output);
        }
        out
    }

    /// From the derivatives of a loss by the outputs y of each step, `[outputs, lanes]`, and (where there are any) by the rates,
    /// `[neurons, lanes]`, to its gradient by the parameters, summed over sequences. `inputs` are those of the forward pass.
    ///
    /// # Panics
    /// If a size does not fit.
    pub fn backward(
        &self,
        passed: &Unrolled<E>,
        inputs: &[Aligned<E>],
        by_outputs: &[Aligned<E>],
        by_rates: Option<&[Aligned<E>]>,
    ) -> Matrices<Aligned<E>> {
        assert_eq!([inputs.len(), by_outputs.len()], [passed.steps; 2], "inputs and derivatives of each step");
        let (wiring, lanes, neurons) = (self.wiring, passed.lanes, self.wiring.neurons());
        let (cell, kernels) = (self.cell(), E::equations(self.cell()).kernels);
        let step = self.step(lanes);
        let transposed = |pattern, values: &[E]| {
            let transposed = Transposed::new(pattern);
            let mut out = Aligned::<E>::zeroed(values.len());
            transposed.carry(values, &mut out);
            (transposed, out)
        };
        let (recurrent, recurrent_values) = transposed(wiring.recurrent(), self.values.recurrent);
        let (readout, readout_values) = transposed(wiring.readout(), self.values.readout);
        let mut gradients = self.values.map(|values| Aligned::<E>::zeroed(values.len()));
        let mut carried = Aligned::<E>::zeroed(if kernels.carries_back() { neurons * lanes } else { 0 });
        let mut later: Option<Aligned<E>> = None;
        for t in (0..passed.steps).rev() {
            let mut by_sums = by_outputs[t].clone();
            through_readout(wiring.readout_activation(), &passed.outputs[t], &mut by_sums);
            let (mut states, mut delta) = (passed.states[t].clone(), Aligned::<E>::zeroed(neurons * lanes));
            let given = Derivatives {
                later: later.as_deref(),
                by_sums: Some(&by_sums),
                by_rates: by_rates.map(|by| &*by[t]),
                rate_decay: None,
                memo: &passed.memos[t],
            };
            let product = || {
                let operand = |states| Operand { pattern: recurrent.pattern(), values: &recurrent_values, states };
                Product::from(later.as_deref().map(operand))
            };
            let of_readout = Operand { pattern: readout.pattern(), values: &readout_values, states: &[] };
            let out = BackStep { states: &mut states, delta: &mut delta, carried: &mut carried };
            step.adjoint_with(step.rows, given, of_readout, out, |_, _| product());
            let read = if cell.reads_rates_apart() { &passed.rates[t] } else { &passed.states[t] };
            step.add_readout_gradients(&by_sums, read, lent(&mut gradients));
            let before = t.checked_sub(1).map(|before| Outer { delta: &delta, states: &passed.rates[before] });
            let input = [Outer { delta: &delta, states: &inputs[t] }];
            step.add_gradients_by_rows(before.as_slice(), &input, lent(&mut gradients));
            later = Some(delta);
        }
        gradients
    }
}

fn lent<E: Precision>(values: &mut Matrices<Aligned<E>>) -> Matrices<&mut [E]> {
    values.as_mut().map(|values| &mut **values)
}

/// From the derivative by y = g(sum) to that by the sum.
fn through_readout<E: Precision>(activation: Activation, outputs: &[E], by: &mut [E]) {
    for (by, &y) in by.iter_mut().zip(outputs) {
        *by = *by * slope(activation, y);
    }
}

#[cfg(test)]
mod tests;
