//! A step with one lane, z = W r + U x + b and what the cell makes of it, y = g(V s + c) or g(V r + c), and how W is kept for
//! it.
//!
//! With one lane a step reads each weight once, so that the bytes moved are what it takes: W's column indices are
//! compressed, large matrices are kept in slices, and the weights of silent presynaptic neurons are passed over where
//! these are many.

use std::ops::Range;

use daleian_kernels::{
    Columns, Compressed, Elman, Event, EventProduct, ForwardVector, Isa, MAX_ROWS, NewVectors, Recurrent, RowProduct,
    Rows, SUMS_APART, Sliced, SlicedProduct, list_events,
};
use rayon::prelude::*;

use super::step::Before;
use super::{Network, RECURRENT, Wiring};
use crate::cell::noise::{self, Moment};
use crate::sparse::{Partition, Pattern, keep_awake};

/// How a [`Stepper`](super::Stepper) keeps W for steps of one lane. More lanes use none of it.
///
/// Bytes are counted a synapse, beyond those of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OneLane {
    /// As the network has it: no more memory, and a step moves 8 bytes a synapse.
    Plain,
    /// With column indices of two bytes where that is less: 2 bytes more, and a step moves 6.
    Compressed,
    /// A copy of the weights in slices of sixteen rows (see [`Sliced`]) where there are more than 8,192 neurons: 6 to 7
    /// bytes more. A step moves 6, and gathers rates from the nearest cache. Smaller networks are compressed.
    #[default]
    Sliced,
    /// Sliced, and once more by presynaptic neuron: 8 to 13 bytes more. A step in which few enough neurons are active
    /// moves about 6 a synapse *of those*.
    EventDriven,
}

/// Share of active neurons up to which their columns are faster than all rows. Measured, an entry of a column takes about
/// twice as long as one of a row, ...
const FEW_ACTIVE: f64 = 1.0 / 3.0;
/// ... and three to five times as long as one of a slice.
const FEWER_ACTIVE: f64 = 1.0 / 5.0;
/// Columns of a tile of slices: 32 KiB of rates. Where they are all, rows are as fast.
const TILE: usize = 8192;
/// Entries that a row should have in a tile: with fewer, reading and writing its sum takes too much.
const IN_A_TILE: usize = 2;
/// Rows of a block of slices at most: 128 KiB of sums.
const BLOCK: usize = 1 << 15;
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
    sliced: Option<Sliced>,
    rows: Partition,
    outgoing: Option<Outgoing>,
}

/// W by presynaptic neuron, a range of rows at a time.
#[derive(Debug)]
struct Outgoing {
    rows: Partition,
    columns: Vec<Columns>,
}

/// What one step writes: s, r (empty where that is s) and y; where active neurons are listed and their effects summed, [with
/// room](Room) for them; and the noise of the step, where the cell has any.
pub(super) struct Output<'a> {
    pub states: &'a mut [f32],
    pub rates: &'a mut [f32],
    pub readout: &'a mut [f32],
    pub events: &'a mut [Event],
    pub sums: &'a mut [f32],
    pub noise: &'a mut [f32],
}

impl Plan {
    pub fn new(network: &Network, kept: OneLane) -> Self {
        let wiring = network.wiring();
        let pattern = wiring.recurrent();
        let sliced = matches!(kept, OneLane::Sliced | OneLane::EventDriven)
            .then(|| slices(pattern, &network.parameters()[RECURRENT], rayon::current_num_threads))
            .flatten();
        let compressed = if kept == OneLane::Plain || sliced.is_some() { None } else { Compressed::new(pattern) };
        // what is done once a neuron costs about as much as a handful of entries
        let rows = match &sliced {
            Some((_, blocks)) => blocks.clone(),
            None => Partition::balanced(&[pattern, wiring.input()], tasks(pattern), 8),
        };
        let outgoing = (kept == OneLane::EventDriven).then(|| Outgoing::new(pattern, &network.parameters()[RECURRENT]));
        Self { compressed, sliced: sliced.map(|(sliced, _)| sliced), rows, outgoing }
    }

    /// Memory that this takes.
    pub fn bytes(&self) -> usize {
        let columns = self.outgoing.iter().flat_map(|outgoing| &outgoing.columns);
        let all = self.compressed.as_ref().map_or(0, Compressed::bytes) + self.sliced.as_ref().map_or(0, Sliced::bytes);
        all + columns.map(Columns::bytes).sum::<usize>()
    }

    /// One time step.
    ///
    /// Which way W is multiplied depends on the rates alone, and neither way on the number of threads.
    pub fn step(&self, network: &Network, isa: Isa, before: Before, input: &[f32], moment: Moment, output: Output) {
        let (wiring, values) = (&network.wiring, network.parameters.matrices());
        let Output { states, rates: next, readout, events: list, sums, noise: noises } = output;
        let few = self.outgoing.as_ref().zip(before.rates).and_then(|(outgoing, rates)| {
            let share = if self.sliced.is_some() { FEWER_ACTIVE } else { FEW_ACTIVE };
            let list = &mut list[..most_active(rates.len(), share)];
            // a caller that is no thread of the pool enters it once a step, below
            let shared = outgoing.rows.parts() > 1 && rayon::current_thread_index().is_some();
            let count = alone(shared, || list_events(isa, rates, list))?;
            Some((outgoing, &list[..count]))
        });
        let all = match &self.compressed {
            Some(compressed) => Rows::Compressed(compressed),
            None => Rows::Pattern(wiring.recurrent()),
        };
        let (cell, constants) = (wiring.dynamics(), wiring.dynamics().single().constants);
        let stored = [true, !next.is_empty(), true, !noises.is_empty()];
        let ranges = few.map_or(&self.rows, |(outgoing, _)| &outgoing.rows);
        let apart = apart(sums.len(), wiring.neurons(), ranges.parts());
        let cut = |k: usize, row: usize| match k {
            _ if !stored[k] => 0,
            2 => row + apart * ranges.part(row),
            _ => row,
        };
        let neurons = |rows: &Range<usize>, [states, next, sums, noises]: [&mut [f32]; 4]| {
            let recurrent = match (few, before.rates) {
                (Some((outgoing, events)), _) => {
                    Recurrent::Events(EventProduct { columns: outgoing.of(rows.start), events })
                }
                (None, Some(states)) => match &self.sliced {
                    Some(matrix) => Recurrent::Slices(SlicedProduct { matrix, states }),
                    None => Recurrent::Full(RowProduct { rows: all, values: values.recurrent, states }),
                },
                (None, None) => Recurrent::Zero,
            };
            if let Some(noise) = cell.noise() {
                noise::fill(noise, moment, rows, 1, noises);
            }
            let call = ForwardVector {
                input: Some(RowProduct { rows: Rows::Pattern(wiring.input()), values: values.input, states: input }),
                constants,
                before: before.states.map(|states| &states[rows.clone()]),
                noise: stored[3].then_some(&*noises),
                ..ForwardVector::new(rows, recurrent, values.bias)
            };
            cell.one_lane().forward_vector(isa, &call, NewVectors { sums, states, rates: stored[1].then_some(next) });
        };
        let outputs = |read: &[f32], readout: &mut [f32]| {
            let product = RowProduct { rows: Rows::Pattern(wiring.readout()), values: values.readout, states: read };
            let rows = 0..wiring.outputs();
            let call = ForwardVector::new(&rows, Recurrent::Full(product), values.readout_bias);
            let out = NewVectors { sums: &mut [], states: readout, rates: None };
            Elman::plain(wiring.readout_activation()).one_lane().forward_vector(isa, &call, out);
        };
        let shared = ranges.parts() > 1;
        inside(shared, || {
            ranges.for_each([&mut *states, &mut *next, sums, noises], &cut, &neurons);
            let read = if cell.reads_rates_apart() { next } else { states };
            alone(shared, || outputs(read, readout));
        });
    }
}

/// Does what one thread does alone, while another stays awake if parts that they share come next.
fn alone<R: Send>(shared: bool, work: impl FnOnce() -> R + Send) -> R {
    if shared { keep_awake(work) } else { work() }
}

/// Does work that threads share parts of on one of the pool's: a caller from outside waits each time that it enters.
fn inside(shared: bool, work: impl FnOnce() + Send) {
    if shared && rayon::current_thread_index().is_none() {
        rayon::join(work, || ());
    } else {
        work();
    }
}

/// What the [`State`](super::State) of one lane has room for; of several lanes nothing.
#[derive(Default)]
pub(super) struct Room {
    /// Active neurons, where they are few.
    pub events: usize,
    /// Sums of their effects, each thread's range of neurons apart from the others.
    pub sums: usize,
}

impl Room {
    pub fn of(wiring: &Wiring) -> Self {
        let neurons = wiring.neurons();
        let gaps = match tasks(wiring.recurrent()) {
            1 => 0,
            ranges => ranges * SUMS_APART,
        };
        Self { events: most_active(neurons, FEW_ACTIVE), sums: neurons + gaps }
    }
}

/// How many of the neurons may be active where `share` of them is the most.
fn most_active(neurons: usize, share: f64) -> usize {
    (neurons as f64 * share) as usize
}

/// Tasks that W is work for.
fn tasks(pattern: &Pattern) -> usize {
    (pattern.nnz() / TASK).clamp(1, PARTS)
}

/// Elements between the sums of one of `ranges` and those of the next, where there is room for `room` sums.
fn apart(room: usize, neurons: usize, ranges: usize) -> usize {
    ((room - neurons) / ranges).min(SUMS_APART)
}

impl Outgoing {
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
        &self.columns[self.rows.part(row)]
    }
}

/// W in slices and its blocks of rows, one for each thread where W is work enough; `None` where rows are as fast. (The sum
/// of a row goes from tile to tile whatever the block, so that no bit depends on the cut.)
pub(crate) fn slices(pattern: &Pattern, values: &[f32], threads: impl Fn() -> usize) -> Option<(Sliced, Partition)> {
    let tiles = pattern.cols().div_ceil(TILE);
    if tiles < 2 || pattern.nnz() < IN_A_TILE * tiles * pattern.rows() {
        return None;
    }
    // a small network leaves the threads asleep
    let threads = match tasks(pattern) {
        1 => 1,
        useful => useful.min(threads()),
    };
    let wanted = pattern.rows().div_ceil(BLOCK).next_multiple_of(threads);
    let blocks = Partition::balanced_within(&[pattern], wanted, 8, BLOCK);
    Some((Sliced::new(pattern, values, pattern.cols().div_ceil(tiles), blocks.bounds()), blocks))
}

/// Cuts the rows into ranges of at most `most` rows: one for each thread where W is work enough, as shorter columns take
/// longer an entry. (The sum of a row runs over the active neurons in their order whatever the range, so that no bit depends
/// on the cut.)
fn ranges(pattern: &Pattern, threads: impl Fn() -> usize, most: usize) -> Partition {
    let in_a_column = pattern.nnz() / pattern.cols().max(1);
    let useful = (in_a_column / COLUMN).clamp(1, tasks(pattern));
    let wanted = match useful {
        1 => 1,
        useful => match threads() {
            1 => 1,
            threads => match pattern.rows().div_ceil(most) {
                // as many for each thread
                least if least > threads => least.next_multiple_of(threads),
                least => useful.min(threads).max(least),
            },
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
        // one for every thread, in columns of 32 entries and more
        let dense = Pattern::dense(1024, 1024);
        assert_eq!([1, 2, 7, 16].map(|threads| ranges(&dense, || threads, MAX_ROWS).parts()), [1, 2, 7, 8]);
        // where rows are many, as many for each
        let wide = Pattern::dense(64, 8192);
        assert_eq!([64, 22].map(|most| ranges(&wide, || 2, most).parts()), [2, 4]);
    }

    #[test]
    fn sums_lie_apart_as_far_as_there_is_room() {
        assert_eq!(apart(100 + 4 * SUMS_APART, 100, 4), SUMS_APART);
        assert_eq!(apart(100 + 4 * SUMS_APART, 100, 1), SUMS_APART);
        // more ranges than there is room for: less, or nothing
        assert_eq!(
            [5, 4 * SUMS_APART, 4 * SUMS_APART + 1].map(|ranges| apart(100 + 4 * SUMS_APART, 100, ranges)),
            [204, 1, 0]
        );
        assert_eq!(apart(100, 100, 3), 0);
    }
}
