//! What training needs beside the network: W and V by presynaptic neuron, and W in tiles where it is taken so.

use std::ops::Range;

use daleian_kernels::{Aligned, Isa, Operand, Product};

use super::{BackStep, Derivatives, Rows, Step};
use crate::network::{Parameters, READOUT, RECURRENT, Wiring};
use crate::sparse::{Pattern, Tiles, Transposed};

/// Which way W is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// W r.
    Forward,
    /// Wᵀ δ.
    Backward,
}

/// W and V by presynaptic neuron, with their values.
#[derive(Debug, Clone)]
pub(crate) struct Backward {
    recurrent: Recurrent,
    readout: Transposed,
    readout_values: Aligned,
}

/// W, as the products take it.
#[derive(Debug, Clone)]
enum Recurrent {
    /// Forward as the network has it; backward transposed.
    Rows { transposed: Transposed, values: Aligned },
    /// Both ways in tiles.
    Tiles(Box<BothWays>),
}

#[derive(Debug, Clone)]
struct BothWays {
    forward: Tiles,
    backward: Tiles,
    /// The values of W in the order of the forward tiles; those of the backward tiles, while these use the same memory.
    values: Aligned,
    /// The values in the order of the backward tiles; empty where the directions take turns.
    backward_values: Aligned,
    /// For carrying values over to the backward tiles.
    scratch: Aligned,
}

impl Backward {
    /// With W row by row.
    pub fn new(wiring: &Wiring) -> Self {
        let transposed = Transposed::new(wiring.recurrent());
        let values = Aligned::zeros(wiring.recurrent().nnz());
        Self::with(wiring, Recurrent::Rows { transposed, values })
    }

    /// With W in tiles of `width` columns and about `blocks` blocks of rows. Where the directions take `turns`, they
    /// share the memory of the values, which are carried over once more each time.
    pub fn tiled(wiring: &Wiring, width: usize, blocks: usize, turns: bool) -> Self {
        let pattern = wiring.recurrent();
        let backward = Tiles::transposed(pattern, width, blocks);
        let both = BothWays {
            forward: Tiles::new(pattern, width, blocks),
            values: Aligned::zeros(pattern.nnz()),
            backward_values: Aligned::zeros(if turns { 0 } else { pattern.nnz() }),
            scratch: Aligned::zeros(backward.carry_scratch()),
            backward,
        };
        Self::with(wiring, Recurrent::Tiles(Box::new(both)))
    }

    fn with(wiring: &Wiring, recurrent: Recurrent) -> Self {
        let readout = Transposed::new(wiring.readout());
        Self { recurrent, readout_values: Aligned::zeros(wiring.readout().nnz()), readout }
    }

    /// Takes over the values of `parameters`; to be called whenever they changed. Where the directions take turns, those
    /// of W are taken over by [`turn`](Self::turn).
    pub fn refresh(&mut self, wiring: &Wiring, parameters: &Parameters) {
        self.readout.carry(&parameters[READOUT], &mut self.readout_values);
        match &mut self.recurrent {
            Recurrent::Rows { transposed, values } => transposed.carry(&parameters[RECURRENT], values),
            Recurrent::Tiles(both) if both.takes_turns() => {}
            Recurrent::Tiles(both) => {
                let BothWays { forward, backward, values, backward_values, scratch } = &mut **both;
                forward.carry(&parameters[RECURRENT], values);
                backward.carry_transposed(wiring.recurrent(), &parameters[RECURRENT], backward_values, scratch);
            }
        }
    }

    /// Takes over what the forward product alone needs of `parameters`.
    pub fn forward_alone(&mut self, parameters: &Parameters) {
        if let Recurrent::Tiles(both) = &mut self.recurrent {
            both.forward.carry(&parameters[RECURRENT], &mut both.values);
        }
    }

    /// W is multiplied this way from here on.
    pub fn turn(&mut self, direction: Direction, wiring: &Wiring, parameters: &Parameters) {
        let Recurrent::Tiles(both) = &mut self.recurrent else { return };
        if !both.takes_turns() {
            return;
        }
        match direction {
            Direction::Forward => self.forward_alone(parameters),
            Direction::Backward => {
                let BothWays { backward, values, scratch, .. } = &mut **both;
                backward.carry_transposed(wiring.recurrent(), &parameters[RECURRENT], values, scratch);
            }
        }
    }

    /// The pattern of Wᵀ, where it is taken row by row.
    pub fn transposed(&self) -> Option<&Pattern> {
        match &self.recurrent {
            Recurrent::Rows { transposed, .. } => Some(transposed.pattern()),
            Recurrent::Tiles(_) => None,
        }
    }

    /// W in tiles, with the values that the forward product needs, where it is taken so.
    pub fn tiles(&self) -> Option<(&Tiles, &Aligned)> {
        match &self.recurrent {
            Recurrent::Rows { .. } => None,
            Recurrent::Tiles(both) => Some((&both.forward, &both.values)),
        }
    }

    /// Wᵀ in tiles, where it is taken so.
    pub fn backward_tiles(&self) -> Option<&Tiles> {
        match &self.recurrent {
            Recurrent::Rows { .. } => None,
            Recurrent::Tiles(both) => Some(&both.backward),
        }
    }

    /// Brings a gradient of W in tiles, first made the sum of `parts` where they are given, into the order of the pattern: it
    /// changes places with the values in tiles, which are not needed any more. Does nothing where W is taken row by row.
    pub fn carry_back(&mut self, isa: Isa, parts: Option<&[&[f32]]>, gradient: &mut Aligned) {
        if let Recurrent::Tiles(both) = &mut self.recurrent {
            both.forward.carry_back(isa, parts, gradient, &mut both.values);
            std::mem::swap(gradient, &mut both.values);
        }
    }

    /// One step backward of `step`, the neurons walked by `rows`.
    pub fn adjoint(&self, step: &Step, rows: Rows, given: Derivatives, out: BackStep) {
        let readout = Operand { pattern: self.readout.pattern(), values: &self.readout_values, states: &[] };
        let recurrent = |rows: &Range<usize>, delta: &mut [f32]| match (given.later, &self.recurrent) {
            (None, _) => Product::Zero,
            (Some(states), Recurrent::Rows { transposed, values }) => {
                Product::Of(Operand { pattern: transposed.pattern(), values, states })
            }
            (Some(later), Recurrent::Tiles(both)) => {
                both.backward.product(step.isa, step.lanes, rows, both.backward_values(), later, delta);
                Product::Made
            }
        };
        step.adjoint_with(rows, given, readout, out, recurrent);
    }

    /// The derivative by the rates before a step, `Wᵀ δ`, from δ of the step (both `[neurons, lanes]`).
    pub fn by_rates_before(&self, step: &Step, delta: &[f32], out: &mut [f32]) {
        match &self.recurrent {
            Recurrent::Rows { transposed, values } => {
                step.product(Operand { pattern: transposed.pattern(), values, states: delta }, out);
            }
            Recurrent::Tiles(both) => {
                let rows = 0..step.wiring.neurons();
                both.backward.product(step.isa, step.lanes, &rows, both.backward_values(), delta, out);
            }
        }
    }
}

impl BothWays {
    fn takes_turns(&self) -> bool {
        self.backward_values.is_empty()
    }

    fn backward_values(&self) -> &Aligned {
        if self.takes_turns() { &self.values } else { &self.backward_values }
    }
}
