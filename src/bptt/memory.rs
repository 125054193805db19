//! What a training step needs of memory, counted from sizes before anything is allocated.

use super::plan::{apart, groups_of};
use super::storage::Sizes;
use super::{Layout, Storage, Target, TargetKind};
use crate::error::{Error, Result};
use crate::network::{ParameterId, Wiring};
use crate::sparse::{Pattern, Transposed};
use crate::tree::waiting;

/// Bytes of an `f32` or an index.
const WORD: u64 = 4;

/// Bytes that a [`Bptt`](super::Bptt) takes. Sizes beyond all memory stay at `u64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BpttMemory {
    /// W and V by presynaptic neuron: their patterns, where each entry stands in the original, and the values; W in tiles
    /// both ways, where it is taken so.
    pub transposed: u64,
    /// Gradients of lane groups beside the sum of all: one for each where they have their own, else those that wait in
    /// the tree by which they are added.
    pub gradients: u64,
    /// a of every step, `steps · neurons · lanes · 4` and at most a cache line more a step, or as much of it as is kept;
    /// running forward only, of one step.
    pub states: u64,
    /// r of two steps and δ of the last few.
    pub rates: u64,
    /// Inputs, outputs, targets and mask of the batch.
    pub batch: u64,
}

impl BpttMemory {
    /// Of [`Bptt::new`](super::Bptt::new), or, without `trainable`, of
    /// [`Bptt::forward_only`](super::Bptt::forward_only), for `batch` samples of `steps` time steps.
    pub fn new(
        wiring: &Wiring,
        targets: impl Into<TargetKind>,
        batch: usize,
        steps: usize,
        trainable: Option<&[ParameterId]>,
    ) -> Self {
        let targets = targets.into();
        if let Some(trainable) = trainable {
            return Self::with_storage(wiring, targets, batch, trainable, &Storage::whole(wiring, batch, steps));
        }
        let mut out = Self { batch: samples(wiring, targets, batch, steps), ..Self::default() };
        for group in groups_of(wiring, batch) {
            let sizes = Sizes::forward_only(wiring, group);
            out.states = out.states.saturating_add(sizes.kept().saturating_mul(WORD));
            out.rates = out.rates.saturating_add(sizes.passing().saturating_mul(WORD));
        }
        out
    }

    /// Of [`Bptt::with_storage`](super::Bptt::with_storage) for `batch` samples.
    pub fn with_storage(
        wiring: &Wiring,
        targets: impl Into<TargetKind>,
        batch: usize,
        trainable: &[ParameterId],
        storage: &Storage,
    ) -> Self {
        let groups = groups_of(wiring, batch).len();
        let recurrent = match Layout::choose(wiring, batch) {
            Layout::Rows => transposed(wiring.recurrent()),
            Layout::Tiles { width, blocks } => tiled(wiring.recurrent(), [width, blocks], !apart(wiring, groups)),
        };
        let sizes: usize = trainable.iter().map(|&name| wiring.size(name)).sum();
        Self {
            transposed: recurrent.saturating_add(transposed(wiring.readout())),
            gradients: words(&[if apart(wiring, groups) { groups } else { waiting(groups) }, sizes]),
            states: storage.states(wiring, batch),
            rates: storage.rates(wiring, batch),
            batch: samples(wiring, targets.into(), batch, storage.segments.steps()),
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        [self.gradients, self.states, self.rates, self.batch].into_iter().fold(self.transposed, u64::saturating_add)
    }
}

/// Bytes of a matrix by column: row pointers, and a row, a place and a value an entry.
fn transposed(pattern: &Pattern) -> u64 {
    let rest = Transposed::origin_bytes(pattern).saturating_add(2 * words(&[pattern.cols() + 1]));
    words(&[2, pattern.nnz()]).saturating_add(rest)
}

/// Bytes of W in tiles of `width` columns and about `blocks` blocks of rows both ways: a column of two bytes an entry each,
/// its value once where the directions take `turns` and twice otherwise, 8 bytes a segment, of which there are at most one
/// a row and tile, and for each tile scratch of 4 a column and 8 a row of an average block. (Where some rows have most of the
/// entries, the largest block has more. Beside the entries it is little.)
fn tiled(pattern: &Pattern, [width, blocks]: [usize; 2], turns: bool) -> u64 {
    let tiles = pattern.cols().div_ceil(width);
    let places = pattern.rows().saturating_mul(tiles);
    let values = words(&[if turns { 2 } else { 3 }, pattern.nnz()]);
    let scratch = words(&[pattern.cols()]).saturating_add(words(&[2, tiles, pattern.rows().div_ceil(blocks)]));
    values.saturating_add(words(&[2, pattern.nnz().min(places)])).saturating_add(scratch)
}

/// Bytes of inputs, outputs, targets and mask.
fn samples(wiring: &Wiring, targets: TargetKind, batch: usize, steps: usize) -> u64 {
    let sizes = groups_of(wiring, batch).into_iter().map(|group| {
        let channels = wiring.channels().saturating_add(wiring.outputs());
        let target = Target::words(targets, [steps, wiring.outputs(), group.stored]).saturating_mul(WORD);
        words(&[steps, channels, group.stored]).saturating_add(target)
    });
    sizes.fold(0, u64::saturating_add)
}

/// The product of `sizes`, times 4 bytes.
fn words(sizes: &[usize]) -> u64 {
    sizes.iter().fold(WORD, |product, &size| product.saturating_mul(size as u64))
}

/// Whether the states, inputs and outputs of batches of `batch` samples of `steps` time steps can be had: a
/// [`Bptt`](super::Bptt) would end the process if not. (Where the system promises more memory than it has, that they
/// can be had is no proof that they can be filled.)
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) with the key `batch` and what they need.
pub fn check_memory(wiring: &Wiring, batch: usize, steps: usize, training: bool) -> Result<()> {
    BpttMemory::new(wiring, TargetKind::Values, batch, steps, training.then_some(&[])).check(wiring, batch, steps)
}

impl BpttMemory {
    /// As [`check_memory`].
    pub(crate) fn check(&self, wiring: &Wiring, batch: usize, steps: usize) -> Result<()> {
        let bytes = self.total() - self.transposed;
        if usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok()) {
            return Ok(());
        }
        let problem = format!(
            "{batch} samples of {steps} steps of {} neurons do not fit in memory (about {:.0} GB); expected fewer samples or \
             steps",
            wiring.neurons(),
            bytes as f64 / 1e9
        );
        Err(Error::setting("batch", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::Tiles;

    /// Every term of what W takes in tiles, but for what a run and a block take.
    #[test]
    fn tiles_take_what_is_predicted() {
        for (neurons, width, blocks) in [(600, 50, 4), (1000, 300, 2)] {
            let pattern = Pattern::dense(neurons, neurons);
            let (forward, backward) = (Tiles::new(&pattern, width, blocks), Tiles::transposed(&pattern, width, blocks));
            let columns = 2 * (forward.tiled().nnz() + backward.tiled().nnz());
            let segments = 6 * forward.tiled().segments() + 2 * backward.tiled().segments();
            for turns in [false, true] {
                let values = 4 * pattern.nnz() * if turns { 1 } else { 2 };
                let taken = (columns + segments + values + 4 * backward.carry_scratch()) as f64;
                let predicted = tiled(&pattern, [width, blocks], turns) as f64;
                assert!((predicted / taken - 1.0).abs() < 0.001, "{predicted} predicted, {taken} taken");
            }
        }
    }
}
