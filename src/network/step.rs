//! One time step of a network and its adjoint, for one lane group.
//!
//! z = W r + U x + b, of which the [cell](crate::cell) makes the state s and the rate r; y = g(V s + c), or g(V r + c). Nothing
//! outside this folder knows how the matrices meet, but for the forward step of one lane beside it.

use std::ops::Range;

use daleian_kernels::{Activation, Aligned, Elman, Forward, Isa, NewStates, Operand, Product};

use super::{Matrices, Wiring};
use crate::cell::noise::{self, Moment};
use crate::cell::{Cell, Equations, Real};
use crate::sparse::{Partition, Tiles};

pub(crate) use adjoint::{BackStep, Derivatives};
pub(crate) use backward::{Backward, Direction};

mod adjoint;
mod backward;
mod gradients;

/// How the rows of a matrix are walked: in one go, or in ranges on all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    Whole(usize),
    Split(&'a Partition),
}

impl Rows<'_> {
    fn for_each<T: Send, const K: usize>(
        self,
        outputs: [&mut [T]; K],
        cut: impl Fn(usize, usize) -> usize + Sync,
        work: impl Fn(&Range<usize>, [&mut [T]; K]) + Sync,
    ) {
        match self {
            Self::Whole(rows) => work(&(0..rows), outputs),
            Self::Split(partition) => partition.for_each(outputs, &cut, &work),
        }
    }
}

/// A network, the instructions to run it with, and the width of the lane group.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a, E = f32> {
    pub wiring: &'a Wiring,
    pub values: Matrices<&'a [E]>,
    pub isa: Isa,
    /// Lanes of the group: 16, 32, 48 or 64.
    pub lanes: usize,
    /// How the neurons are walked forward and in the gradient.
    pub rows: Rows<'a>,
    /// W tile by tile, with its values in that order; `None` where it is taken row by row.
    pub tiles: Option<(&'a Tiles, &'a Aligned)>,
}

/// What a step starts from; `None` where it is zero.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a, E = f32> {
    /// What W multiplies.
    pub rates: Option<&'a [E]>,
    /// Read only by a cell that reads its own state.
    pub states: Option<&'a [E]>,
}

/// Where the results of a step go, each `[neurons, lanes]`.
pub(crate) struct After<'a, E = f32> {
    pub states: &'a mut [E],
    /// Empty where it is not kept.
    pub memo: &'a mut [E],
    /// Empty where rates are the states themselves.
    pub rates: &'a mut [E],
    /// Room for the noise of the step; empty where the cell has none.
    pub noise: &'a mut [E],
}

impl<'a, E: Real> Step<'a, E> {
    pub fn cell(&self) -> &'a dyn Cell {
        self.wiring.dynamics()
    }

    pub fn equations(&self) -> Equations<'a, E> {
        E::equations(self.cell())
    }

    /// States and rates from `before` and `input`, with W r made by `recurrent` of some rows. What stands in the states
    /// after it is the product where it says that it was [made](Product::Made).
    fn forward_with<'p>(
        &self,
        before: Before<E>,
        input: &[E],
        moment: Moment,
        after: After<E>,
        recurrent: impl Fn(&Range<usize>, &mut [E]) -> Product<'p, E> + Sync,
    ) where
        E: 'p,
    {
        let Equations { kernels, constants } = self.equations();
        let noise = self.cell().noise();
        let outputs = [after.states, after.memo, after.rates, after.noise];
        let stored = outputs.each_ref().map(|output| !output.is_empty());
        assert_eq!(stored[3], noise.is_some(), "room for noise where there is noise");
        let cut = |k: usize, row: usize| if stored[k] { row * self.lanes } else { 0 };
        self.rows.for_each(outputs, cut, |rows, [states, memo, rates, noises]| {
            if let Some(noise) = noise {
                noise::fill(noise, moment, rows, self.lanes, noises);
            }
            let call = Forward {
                input: Some(Operand { pattern: self.wiring.input(), values: self.values.input, states: input }),
                constants,
                before: before.states.map(|states| &states[rows.start * self.lanes..rows.end * self.lanes]),
                noise: stored[3].then_some(&*noises),
                ..Forward::new(rows, self.lanes, recurrent(rows, states), self.values.bias)
            };
            let (memo, rates) = (stored[1].then_some(memo), stored[2].then_some(rates));
            kernels.forward(self.isa, &call, NewStates { states, memo, rates });
        });
    }

    /// W r of all rows, where W is taken row by row.
    fn by_rows<'p>(&self, rates: Option<&'p [E]>) -> Product<'p, E>
    where
        'a: 'p,
    {
        let operand = |states| Operand { pattern: self.wiring.recurrent(), values: self.values.recurrent, states };
        rates.map(operand).into()
    }

    /// [`forward`](Step::forward) in any precision, with W taken row by row.
    pub fn forward_by_rows(&self, before: Before<E>, input: &[E], moment: Moment, after: After<E>) {
        self.forward_with(before, input, moment, after, |_, _| self.by_rows(before.rates));
    }

    /// `output = g(V read + c)`, `[outputs, lanes]`; `read` are states or rates, as the cell says.
    pub fn readout(&self, read: &[E], output: &mut [E]) {
        let rows = 0..self.wiring.outputs();
        let operand = Operand { pattern: self.wiring.readout(), values: self.values.readout, states: read };
        let call = Forward::new(&rows, self.lanes, Product::Of(operand), self.values.readout_bias);
        let rule = Elman::plain(self.wiring.readout_activation());
        E::elman(&rule).forward(self.isa, &call, output.into());
    }
}

impl Step<'_> {
    /// A matrix times states, with nothing added: `[rows, lanes]`.
    pub fn product(&self, operand: Operand, out: &mut [f32]) {
        let (rows, bias) = (0..operand.pattern.rows(), vec![0.0; operand.pattern.rows()]);
        let call = Forward::new(&rows, self.lanes, Product::Of(operand), &bias);
        Elman::plain(Activation::Identity).single().forward(self.isa, &call, out.into());
    }

    /// States and rates from `before` and `input`: see [`Forward`].
    pub fn forward(&self, before: Before, input: &[f32], moment: Moment, after: After) {
        let Some((tiles, values)) = self.tiles else { return self.forward_by_rows(before, input, moment, after) };
        let product = |rows: &Range<usize>, out: &mut [f32]| match before.rates {
            None => Product::Zero,
            Some(rates) => {
                tiles.product(self.isa, self.lanes, rows, values, rates, out);
                Product::Made
            }
        };
        self.forward_with(before, input, moment, after, product);
    }
}
