//! What time steps add to the gradients.

use std::ops::Range;

use daleian_kernels::{self as kernels, Outer};

use super::Step;
use crate::cell::Real;
use crate::network::Matrices;

impl<E: Real> Step<'_, E> {
    /// Adds what a few time steps contribute to dW (by `recurrent`, of some rows, whose entries start at `entry` of the first),
    /// dU and db.
    fn add_with(
        &self,
        input: &[Outer<E>],
        gradients: Matrices<&mut [E]>,
        entry: impl Fn(usize) -> usize + Sync,
        recurrent: impl Fn(&Range<usize>, &mut [E]) + Sync,
    ) {
        let outputs = [gradients.recurrent, gradients.input, gradients.bias];
        let frozen = outputs.each_ref().map(|output| output.is_empty());
        let cut = |k: usize, row: usize| match k {
            _ if frozen[k] => 0,
            0 => entry(row),
            1 => self.wiring.input().indptr()[row],
            _ => row,
        };
        self.rows.for_each(outputs, cut, |rows, [recurrent_out, input_out, bias_out]| {
            if !frozen[0] {
                recurrent(rows, recurrent_out);
            }
            if !frozen[1] {
                kernels::gradient(self.isa, rows, self.lanes, self.wiring.input(), input, input_out);
            }
            if !frozen[2] {
                for outer in input {
                    let delta = &outer.delta[rows.start * self.lanes..rows.end * self.lanes];
                    kernels::row_sums(self.isa, self.lanes, delta, bias_out);
                }
            }
        });
    }

    /// [`add_gradients`](Step::add_gradients) in any precision, with W taken row by row.
    pub fn add_gradients_by_rows(&self, recurrent: &[Outer<E>], input: &[Outer<E>], gradients: Matrices<&mut [E]>) {
        let pattern = self.wiring.recurrent();
        let add = |rows: &Range<usize>, out: &mut [E]| {
            kernels::gradient(self.isa, rows, self.lanes, pattern, recurrent, out);
        };
        self.add_with(input, gradients, |row| pattern.indptr()[row], add);
    }

    /// Adds what one time step contributes to dV and dc; `dy` is the derivative by the readout's sum, `[outputs, lanes]`, and
    /// `read` what the readout reads.
    pub fn add_readout_gradients(&self, dy: &[E], read: &[E], gradients: Matrices<&mut [E]>) {
        if !gradients.readout.is_empty() {
            let (outer, rows) = ([Outer { delta: dy, states: read }], 0..self.wiring.outputs());
            kernels::gradient(self.isa, &rows, self.lanes, self.wiring.readout(), &outer, gradients.readout);
        }
        if !gradients.readout_bias.is_empty() {
            kernels::row_sums(self.isa, self.lanes, dy, gradients.readout_bias);
        }
    }
}

impl Step<'_> {
    /// Adds what a few time steps contribute to dW, dU and db. Empty vectors of `gradients` are frozen parameters.
    ///
    /// `recurrent` pairs each δ with the rates that W multiplied, `input` each δ with the input. dW is in the order of the
    /// tiles where there are any.
    pub fn add_gradients(&self, recurrent: &[Outer], input: &[Outer], gradients: Matrices<&mut [f32]>) {
        let Some((tiles, _)) = self.tiles else { return self.add_gradients_by_rows(recurrent, input, gradients) };
        let add = |rows: &Range<usize>, out: &mut [f32]| tiles.gradient(self.isa, self.lanes, rows, recurrent, out);
        self.add_with(input, gradients, |row| tiles.entry(row), add);
    }
}
