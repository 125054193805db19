//! The one-step equations and their adjoint, for one tile of lanes.
//!
//! z = W r + U x + b, a = phi(z), r' = rho(a), y = g(V a + c); backward, with dy the derivative by V a + c,
//! δ = phi'(z) ∘ (Vᵀ dy + rho'(a) ∘ (Wᵀ δ' + κ r)). Nothing outside this file knows them, but for the forward step of one
//! lane beside it.

use std::ops::Range;

use daleian_kernels::{self as kernels, Aligned, Forward, Isa, Operand, Outer, Product};

use super::{BIAS, INPUT, Network, Parameters, READOUT, READOUT_BIAS, RECURRENT};
use crate::sparse::{Partition, Tiles};

pub(crate) use backward::{Backward, Direction};

mod backward;

/// How the rows of a matrix are walked: in one go, or in ranges on all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    Whole(usize),
    Split(&'a Partition),
}

impl Rows<'_> {
    fn for_each<const K: usize>(
        self,
        outputs: [&mut [f32]; K],
        cut: impl Fn(usize, usize) -> usize + Sync,
        work: impl Fn(&Range<usize>, [&mut [f32]; K]) + Sync,
    ) {
        match self {
            Self::Whole(rows) => work(&(0..rows), outputs),
            Self::Split(partition) => partition.for_each(outputs, &cut, &work),
        }
    }
}

/// A network, the instructions to run it with, and the width of the tile.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub network: &'a Network,
    pub isa: Isa,
    /// Lanes of the tile: 16, 32, 48 or 64.
    pub lanes: usize,
    /// How the neurons are walked forward and in the gradient.
    pub rows: Rows<'a>,
    /// W tile by tile, with its values in that order; `None` where it is taken row by row.
    pub tiles: Option<(&'a Tiles, &'a Aligned)>,
}

impl Step<'_> {
    /// `activations = phi(W rates + U input + b)`, `next = rho(activations)`.
    ///
    /// `rates` is `None` where they are zero; `next` is empty where rates are the activations themselves.
    pub fn forward(&self, rates: Option<&[f32]>, input: &[f32], activations: &mut [f32], next: &mut [f32]) {
        let Network { wiring, parameters } = self.network;
        let stored = !next.is_empty();
        let cut = |k: usize, row: usize| if k == 0 || stored { row * self.lanes } else { 0 };
        self.rows.for_each([activations, next], cut, |rows, [activations, next]| {
            let recurrent = match (rates, self.tiles) {
                (None, _) => Product::Zero,
                (Some(states), None) => {
                    Product::Of(Operand { pattern: wiring.recurrent(), values: &parameters[RECURRENT], states })
                }
                (Some(states), Some((tiles, values))) => {
                    tiles.product(self.isa, self.lanes, rows, values, states, activations);
                    Product::Made
                }
            };
            let call = Forward {
                rows,
                lanes: self.lanes,
                recurrent,
                input: Some(Operand { pattern: wiring.input(), values: &parameters[INPUT], states: input }),
                bias: &parameters[BIAS],
                activation: wiring.activation(),
            };
            kernels::forward(self.isa, &call, activations, stored.then_some(next));
        });
    }

    /// `output = g(V activations + c)`, `[outputs, lanes]`.
    pub fn readout(&self, activations: &[f32], output: &mut [f32]) {
        let Network { wiring, parameters } = self.network;
        let call = Forward {
            rows: &(0..wiring.outputs()),
            lanes: self.lanes,
            recurrent: Product::Of(Operand {
                pattern: wiring.readout(),
                values: &parameters[READOUT],
                states: activations,
            }),
            input: None,
            bias: &parameters[READOUT_BIAS],
            activation: wiring.readout_activation(),
        };
        kernels::forward(self.isa, &call, output, None);
    }

    /// A matrix times states, with nothing added: `[rows, lanes]`.
    pub fn product(&self, operand: Operand, out: &mut [f32]) {
        let rows = 0..operand.pattern.rows();
        let call = Forward {
            rows: &rows,
            lanes: self.lanes,
            recurrent: Product::Of(operand),
            input: None,
            bias: &vec![0.0; rows.end],
            activation: kernels::Activation::Identity,
        };
        kernels::forward(self.isa, &call, out, None);
    }

    /// The rate of one activation: rho(a).
    pub fn rate(&self, activation: f32) -> f32 {
        // written so that NaN stays
        if self.network.wiring.rectified() && activation <= 0.0 { 0.0 } else { activation }
    }
}

impl Step<'_> {
    /// Adds what a few time steps contribute to dW, dU and db. Empty vectors of `gradients` are frozen parameters.
    ///
    /// `recurrent` pairs each δ with the rates that W multiplied, `input` each δ with the input. dW is in the order of the
    /// tiles where there are any.
    pub fn add_gradients(&self, recurrent: &[Outer], input: &[Outer], gradients: &mut Parameters) {
        let wiring = &self.network.wiring;
        let frozen = [gradients[RECURRENT].is_empty(), gradients[INPUT].is_empty(), gradients[BIAS].is_empty()];
        let cut = |k: usize, row: usize| match (k, self.tiles) {
            _ if frozen[k] => 0,
            (0, Some((tiles, _))) => tiles.entry(row),
            (0, None) => wiring.recurrent().indptr()[row],
            (1, _) => wiring.input().indptr()[row],
            _ => row,
        };
        let outputs = gradients.several_mut([RECURRENT, INPUT, BIAS]).map(|values| &mut **values);
        self.rows.for_each(outputs, cut, |rows, [recurrent_out, input_out, bias_out]| {
            let add = kernels::gradient;
            match self.tiles {
                _ if frozen[0] => {}
                Some((tiles, _)) => tiles.gradient(self.isa, self.lanes, rows, recurrent, recurrent_out),
                None => add(self.isa, rows, self.lanes, wiring.recurrent(), recurrent, recurrent_out),
            }
            if !frozen[1] {
                add(self.isa, rows, self.lanes, wiring.input(), input, input_out);
            }
            if !frozen[2] {
                for outer in input {
                    let delta = &outer.delta[rows.start * self.lanes..rows.end * self.lanes];
                    kernels::row_sums(self.isa, self.lanes, delta, bias_out);
                }
            }
        });
    }

    /// Adds what one time step contributes to dV and dc; `dy` is the derivative by V a + c, `[outputs, lanes]`.
    pub fn add_readout_gradients(&self, dy: &[f32], activations: &[f32], gradients: &mut Parameters) {
        let wiring = &self.network.wiring;
        if !gradients[READOUT].is_empty() {
            let outer = [Outer { delta: dy, states: activations }];
            let rows = 0..wiring.outputs();
            kernels::gradient(self.isa, &rows, self.lanes, wiring.readout(), &outer, &mut gradients[READOUT]);
        }
        if !gradients[READOUT_BIAS].is_empty() {
            kernels::row_sums(self.isa, self.lanes, dy, &mut gradients[READOUT_BIAS]);
        }
    }
}
