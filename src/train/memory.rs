//! The memory that a run will take at its peak, counted from sizes before it is allocated.

use serde::Serialize;

use super::parameter_settings::{held_by, trained};
use super::{ParameterSetting, TrainSettings};
use crate::bptt::{BpttMemory, Storage};
use crate::constraint::Guard;
use crate::data::Sources;
use crate::error::{Error, Result};
use crate::network::{ParameterId, Wiring};
use crate::sparse::Pattern;

/// What the process takes beside all that grows with the network and the data: the program itself, threads, buffers of
/// files, drawings (measured).
const PROGRAM: u64 = 10 << 20;

/// Bytes of a limit, at most and as one part of it in so many, that are left for what cannot be counted: what the
/// allocator keeps of memory given back before the peak (3 to 11 MiB were measured).
const RESERVE: (u64, u64) = (16 << 20, 8);

/// Bytes that a run takes at its peak, by what takes them.
///
/// The peak is that of training. Reading an edge list takes up to about 60 bytes an edge for a moment, before the rest
/// is there, and is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// Which synapses exist: a column an entry, and row pointers; with those of input and readout. And two bits for the
    /// sign of each recurrent one, where signs are held; a byte per value where a parameter is trained in part.
    pub synapses: u64,
    /// Weights and biases; where they started from an edge list, the recurrent ones once more as they were.
    pub parameters: u64,
    /// Their gradients, with those that lane groups of a batch sum apart.
    pub gradients: u64,
    /// The optimizer's moments.
    pub moments: u64,
    /// The recurrent and readout weights by presynaptic neuron: rows, places and values.
    pub transposed: u64,
    /// States of every step of a batch, `steps · neurons · lanes · 4`, or as much of it as is kept under a limit; lanes
    /// are samples rounded up to 16.
    pub states: u64,
    /// Rates of two steps and derivatives of a few.
    pub rates: u64,
    /// Inputs, outputs, targets and mask of the batch.
    pub batch: u64,
    /// States and batch of the test samples, which are run forward only.
    pub evaluation: u64,
    /// Training and test samples.
    pub data: u64,
    /// The program itself.
    pub program: u64,
    /// All of it.
    pub total: u64,
    /// What the peak may be at most, where that was asked for; `total` is a little less, as a part is left free.
    pub limit: Option<u64>,
    /// Which states are kept.
    pub storage: Storage,
}

impl MemoryEstimate {
    /// Of training a network with this wiring, beside `others` bytes of what it was built from, with as many states kept
    /// as the limit allows. An eighth of the limit, or 16 MiB if that is less, is left free.
    ///
    /// # Errors
    /// If the limit cannot be met: with what could. And if a parameter that is named is not there, or none is trained.
    pub(crate) fn plan(settings: &TrainSettings, others: u64, wiring: &Wiring, data: &Sources) -> Result<Self> {
        let (batch, steps) = (settings.batch, data.train().form().steps);
        let parameters = settings.parameters.resolve(wiring)?;
        let with = |storage: Storage| Self::new(settings, &parameters, others, wiring, data, storage);
        let Some(limit) = settings.memory_limit else { return Ok(with(Storage::whole(wiring, batch, steps))) };
        let least = with(Storage::least(wiring, batch, steps));
        let rest = least.total.saturating_sub(least.states).saturating_sub(least.rates);
        let (most, part) = RESERVE;
        let counted = limit - (limit / part).min(most);
        let storage = counted.checked_sub(rest).and_then(|room| Storage::within(wiring, batch, steps, room));
        storage.map(with).ok_or_else(|| {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let problem = format!(
                "{} MiB, but at least {} MiB would be needed (the fewest states of a batch that can be kept, rates and \
                 derivatives are {} MiB of it; a smaller `batch` takes less)",
                limit >> 20,
                mib(least.total.saturating_add((least.total / (part - 1) + 1).min(most))),
                mib(least.states.saturating_add(least.rates)),
            );
            Error::setting("--memory-limit", problem)
        })
    }

    fn new(
        settings: &TrainSettings,
        parameters: &[ParameterSetting],
        others: u64,
        wiring: &Wiring,
        data: &Sources,
        storage: Storage,
    ) -> Self {
        let trainable = trained(parameters, wiring);
        let bytes = |names: &[ParameterId]| 4 * names.iter().map(|&name| wiring.size(name) as u64).sum::<u64>();
        let pattern = |pattern: &Pattern| 8 * (pattern.rows() as u64 + 1) + 4 * pattern.nnz() as u64;
        let masks: u64 = parameters.iter().map(|parameter| parameter.mask_bytes()).sum();
        let (train, test) = (data.train(), data.test());
        let step = BpttMemory::with_storage(wiring, train.form().targets, settings.batch, &trainable, &storage);
        let test_batch = settings.batch.min(test.samples());
        let mut out = Self {
            synapses: pattern(wiring.recurrent())
                + pattern(wiring.input())
                + pattern(wiring.readout())
                + masks
                + Guard::bytes(held_by(parameters), wiring),
            parameters: bytes(&wiring.parameter_ids().collect::<Vec<_>>()) + others,
            gradients: bytes(&trainable).saturating_add(step.gradients),
            moments: settings.optimizer.optimizer().moments() as u64 * bytes(&trainable),
            transposed: step.transposed,
            states: step.states,
            rates: step.rates,
            batch: step.batch,
            evaluation: BpttMemory::new(wiring, test.form().targets, test_batch, test.steps(), None).total(),
            data: train.bytes() + test.bytes() as u64,
            program: PROGRAM,
            total: 0,
            limit: settings.memory_limit,
            storage,
        };
        out.total = out.parts().iter().fold(0, |total, (_, bytes)| total.saturating_add(*bytes));
        out
    }

    /// What takes memory and how much, in bytes; their sum is `total`.
    pub fn parts(&self) -> [(&'static str, u64); 11] {
        [
            ("synapses", self.synapses),
            ("parameters", self.parameters),
            ("gradients", self.gradients),
            ("moments", self.moments),
            ("transposed copy", self.transposed),
            ("states", self.states),
            ("rates and deltas", self.rates),
            ("batch", self.batch),
            ("evaluation", self.evaluation),
            ("data", self.data),
            ("program", self.program),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::run::{ParameterSpec, presets};

    /// The flip-flop's 16,384 synapses, 1 channel, 1 output, 128 neurons; 200 samples in lane groups of 48, 48, 48 and 64
    /// lanes (208), 50 steps.
    #[test]
    fn the_flip_flop_by_hand() {
        let mut config = presets::config("flip-flop").unwrap();
        let memory = config.memory().unwrap();
        let (patterns, parameters) = (16_384 + 128 + 128, 16_384 + 3 * 128 + 1);
        // and two bits for each sign
        assert_eq!(memory.synapses, 4 * patterns + 8 * (129 + 129 + 2) + 16_384 / 4);
        assert_eq!([memory.parameters, memory.moments], [4 * parameters, 8 * parameters]);
        // and each of the four lane groups its own
        assert_eq!(memory.gradients, 5 * 4 * parameters);
        // a row, a place of two bytes and a value an entry; where the rows of W and of the readout start, both ways
        assert_eq!(memory.transposed, 10 * (16_384 + 128) + 8 * (129 + 129) + 4 * (128 + 1));
        // a cache line more a lane group from one step to the next
        let step = (128 * 208 + 4 * 16) * 4;
        assert_eq!(memory.states, 50 * step);
        // rates of 2 steps; 2 slots of δ a lane group, 3 in lane groups of up to 32 lanes
        assert_eq!(memory.rates, 2 * 128 * 208 * 4 + 2 * step);
        assert_eq!(memory.batch, 4 * 50 * 208 * 4);
        assert_eq!(memory.evaluation, (1 + 2) * 128 * 208 * 4 + 208 * 4 + 4 * 50 * 208 * 4);
        assert_eq!(memory.data, 2 * 7000 * 50 * 4);
        assert_eq!(memory.total, memory.parts().iter().map(|(_, bytes)| bytes).sum::<u64>());
        config.parameter = vec![ParameterSpec { trained: false, ..ParameterSpec::new("recurrent.values") }];
        let frozen = config.memory().unwrap();
        assert_eq!([frozen.parameters, frozen.moments], [4 * parameters, 8 * (3 * 128 + 1)]);
        assert_eq!(frozen.synapses, memory.synapses - 16_384 / 4);
    }
}
