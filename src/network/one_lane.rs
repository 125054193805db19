//! The one-step equations with one lane, z = W r + U x + b, a = phi(z), r' = rho(a), y = g(V a + c), and how W is kept
//! for them.
//!
//! With one lane a step reads each weight once, so that the bytes moved are what it takes: W's column indices are
//! compressed, and the weights of silent presynaptic neurons are passed over where these are many.

use daleian_kernels::{
    Columns, Compressed, EventProduct, ForwardVector, Isa, MAX_ROWS, Recurrent, RowProduct, Rows, count_nonzero,
    forward_vector, list_nonzero,
};
use rayon::prelude::*;

use super::Network;
use crate::sparse::{Partition, Pattern};

/// How a [`Stepper`](super::Stepper) keeps W for steps of one lane. More lanes use none of it.
///
/// Bytes are counted a synapse, beyond those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OneLane {
    /// As the network has it: no more memory, and a step moves 8 bytes a synapse.
    Plain,
    /// With column indices of two bytes where that is less: 2 bytes more, and a step moves 6.
    #[default]
    Compressed,
    /// Compressed, and once more by presynaptic neuron: 8 bytes more. A step in which few enough neurons are active
    /// moves about 6 a synapse *of those*.
    EventDriven,
}

/// Share of active neurons up to which their columns are faster than all rows. Measured, an entry of a column takes one to
/// two times as long as one of a row.
const FEW_ACTIVE: f64 = 1.0 / 3.0;
/// Entries that one task should have (about 30 µs of one core); a smaller W is no work to share.
const TASK: usize = 1 << 17;
/// Ranges of rows that W is cut into for threads, at most.
const PARTS: usize = 64;
/// Entries of a column that a range of rows should have on average, so that finding them is the smaller part.
const COLUMN: usize = 32;

/// W as [`OneLane`] says, and how its rows are cut for threads.
#[derive(Debug)]
pub(super) struct Plan {
    compressed: Option<Compressed>,
    rows: Partition,
    events: Option<Events>,
}

/// W by presynaptic neuron, a range of rows at a time.
#[derive(Debug)]
struct Events {
    rows: Partition,
    columns: Vec<Columns>,
}

/// What one step writes: a, r (empty where that is a) and y, and where active neurons are listed, `[neurons]`.
pub(super) struct Output<'a> {
    pub activations: &'a mut [f32],
    pub rates: &'a mut [f32],
    pub readout: &'a mut [f32],
    pub active: &'a mut [u32],
}

impl Plan {
    pub fn new(network: &Network, kept: OneLane) -> Self {
        let wiring = network.wiring();
        let pattern = wiring.recurrent();
        let compressed = if kept == OneLane::Plain { None } else { Compressed::new(pattern) };
        let parts = (pattern.nnz() / TASK).clamp(1, PARTS);
        // what is done once a neuron costs about as much as a handful of entries
        let rows = Partition::balanced(&[pattern, wiring.input()], parts, 8);
        let events = (kept == OneLane::EventDriven).then(|| Events::new(pattern, &network.parameters().recurrent));
        Self { compressed, rows, events }
    }

    /// Memory that this takes.
    pub fn bytes(&self) -> usize {
        let columns = self.events.iter().flat_map(|events| &events.columns);
        self.compressed.as_ref().map_or(0, Compressed::bytes) + columns.map(Columns::bytes).sum::<usize>()
    }

    /// One time step. `rates` is `None` where they are zero.
    ///
    /// Which way W is multiplied depends on the rates alone, and neither way on the number of threads.
    pub fn step(&self, network: &Network, isa: Isa, rates: Option<&[f32]>, input: &[f32], output: Output) {
        let Network { wiring, parameters } = network;
        let Output { activations, rates: next, readout, active } = output;
        let few = self.events.as_ref().zip(rates).filter(|(_, rates)| {
            let limit = (rates.len() as f64 * FEW_ACTIVE) as usize;
            count_nonzero(isa, rates) <= limit
        });
        let active = match few {
            Some((_, rates)) => {
                let count = list_nonzero(rates, active);
                &active[..count]
            }
            None => &[],
        };
        let all = match &self.compressed {
            Some(compressed) => Rows::Compressed(compressed),
            None => Rows::Pattern(wiring.recurrent()),
        };
        let stored = !next.is_empty();
        let cut = |k: usize, row: usize| if k == 0 || stored { row } else { 0 };
        few.map_or(&self.rows, |(events, _)| &events.rows).for_each([&mut *activations, next], &cut, &|rows,
                                                                                                       [
            activations,
            next,
        ]| {
            let recurrent = match (few, rates) {
                (Some((events, states)), _) => {
                    Recurrent::Events(EventProduct { columns: events.of(rows.start), states, active })
                }
                (None, Some(states)) => {
                    Recurrent::Full(RowProduct { rows: all, values: &parameters.recurrent, states })
                }
                (None, None) => Recurrent::Zero,
            };
            let input = RowProduct { rows: Rows::Pattern(wiring.input()), values: &parameters.input, states: input };
            let (bias, activation) = (&*parameters.bias, wiring.activation());
            let call = ForwardVector { rows, recurrent, input: Some(input), bias, activation };
            forward_vector(isa, &call, activations, stored.then_some(next));
        });
        let states = &*activations;
        let product = RowProduct { rows: Rows::Pattern(wiring.readout()), values: &parameters.readout, states };
        let call = ForwardVector {
            rows: &(0..wiring.outputs()),
            recurrent: Recurrent::Full(product),
            input: None,
            bias: &parameters.readout_bias,
            activation: wiring.readout_activation(),
        };
        forward_vector(isa, &call, readout, None);
    }
}

impl Events {
    fn new(pattern: &Pattern, values: &[f32]) -> Self {
        let rows = ranges(pattern, rayon::current_num_threads, MAX_ROWS);
        let range = |part| Columns::new(pattern, values, rows.rows(part));
        // a small network leaves the threads asleep
        let columns = match rows.parts() {
            1 => vec![range(0)],
            parts => (0..parts).into_par_iter().map(range).collect(),
        };
        Self { rows, columns }
    }

    /// The range that begins with `row`.
    fn of(&self, row: usize) -> &Columns {
        &self.columns[self.columns.partition_point(|columns| columns.rows().start < row)]
    }
}

/// Cuts the rows into ranges of at most `most` rows: a few for each thread where W is work enough. (The sum of a row runs
/// over the active neurons in their order whatever the range, so that no bit depends on the cut.)
fn ranges(pattern: &Pattern, threads: impl Fn() -> usize, most: usize) -> Partition {
    let in_a_column = pattern.nnz() / pattern.cols().max(1);
    let useful = (in_a_column / COLUMN).min(pattern.nnz() / TASK).clamp(1, PARTS);
    let wanted = match useful {
        1 => 1,
        useful => match threads() {
            1 => 1,
            threads => useful.min(2 * threads),
        },
    };
    Partition::balanced_within(&[pattern], wanted, 8, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 10 entries, then twenty times as many empty ones.
    fn lopsided() -> Pattern {
        let indptr = (0..=210).map(|row: usize| 10 * row.min(10)).collect();
        Pattern::new(210, 10, indptr, (0..10).cycle().take(100).collect()).unwrap()
    }

    #[test]
    fn ranges_hold_what_two_bytes_can_tell_apart() {
        let pattern = lopsided();
        for (threads, most) in [(1, 210), (1, 50), (2, 7), (7, 1)] {
            let rows = ranges(&pattern, || threads, most);
            let lengths: Vec<usize> = (0..rows.parts()).map(|part| rows.rows(part).len()).collect();
            assert_eq!(lengths.iter().sum::<usize>(), 210);
            assert!(lengths.iter().all(|&rows| (1..=most).contains(&rows)), "{threads} threads: {lengths:?}");
        }
        assert_eq!(ranges(&pattern, || 16, MAX_ROWS).parts(), 1);
        // two for every thread, in columns of 32 entries and more
        let dense = Pattern::dense(1024, 1024);
        assert_eq!([1, 2, 16].map(|threads| ranges(&dense, || threads, MAX_ROWS).parts()), [1, 4, 8]);
    }
}
