//! What a training step needs of memory, counted from sizes before anything is allocated.

use daleian_kernels::steps_per_pass;

use super::LossName;
use super::plan::{apart, cut};
use crate::error::{Error, Result};
use crate::network::{ParameterName, Wiring};
use crate::sparse::Pattern;

/// Bytes of an `f32` or an index.
const WORD: u64 = 4;

/// Bytes that a [`Bptt`](super::Bptt) takes. Sizes beyond all memory stay at `u64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BpttMemory {
    /// W and V by presynaptic neuron: their patterns, where each entry stands in the original, and the values.
    pub transposed: u64,
    /// Gradients that tiles sum apart, where they do.
    pub gradients: u64,
    /// a of every step, `steps · neurons · lanes · 4`; running forward only, of one step.
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
        loss: LossName,
        batch: usize,
        steps: usize,
        trainable: Option<&[ParameterName]>,
    ) -> Self {
        let tiles = cut(wiring.neurons(), batch);
        let neurons = wiring.neurons();
        let mut out = Self::default();
        for tile in &tiles {
            let lanes = tile.stored;
            let add = |sum: &mut u64, sizes: &[usize]| *sum = sum.saturating_add(words(sizes));
            add(&mut out.states, &[if trainable.is_some() { steps } else { 1 }, neurons, lanes]);
            if wiring.rectified() || trainable.is_none() {
                add(&mut out.rates, &[2, neurons, lanes]);
            }
            match trainable {
                Some(_) => add(&mut out.rates, &[steps_per_pass(neurons, lanes) + 1, neurons, lanes]),
                None => add(&mut out.rates, &[wiring.outputs(), lanes]),
            }
            add(&mut out.batch, &[steps, wiring.channels(), lanes]);
            let series = if loss == LossName::Mse { 3 } else { 1 };
            add(&mut out.batch, &[series, steps, wiring.outputs(), lanes]);
        }
        if let Some(trainable) = trainable {
            let transposed = |pattern: &Pattern| {
                let entries = words(&[3, pattern.nnz()]);
                entries.saturating_add(2 * words(&[pattern.cols() + 1]))
            };
            out.transposed = transposed(wiring.recurrent()).saturating_add(transposed(wiring.readout()));
            if apart(wiring, tiles.len()) {
                let sizes: usize = trainable.iter().map(|&name| wiring.size(name)).sum();
                out.gradients = words(&[tiles.len(), sizes]);
            }
        }
        out
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        [self.gradients, self.states, self.rates, self.batch].into_iter().fold(self.transposed, u64::saturating_add)
    }
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
/// [`Error::Setting`] with the key `batch` and what they need.
pub fn check_memory(wiring: &Wiring, batch: usize, steps: usize, training: bool) -> Result<()> {
    let memory = BpttMemory::new(wiring, LossName::Mse, batch, steps, training.then_some(&[]));
    let bytes = memory.total() - memory.transposed;
    if usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok()) {
        return Ok(());
    }
    let problem = format!(
        "{batch} samples of {steps} steps of {} neurons do not fit in memory (about {:.0} GB); fewer samples or \
         steps would be right",
        wiring.neurons(),
        bytes as f64 / 1e9
    );
    Err(Error::setting("batch", problem))
}
