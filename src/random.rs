//! Random numbers: one seed, one named stream a purpose.
//!
//! A stream is ChaCha with the seed as key and (purpose, index) as stream number, so that adding a purpose never
//! moves another, and "epoch 17's shuffle" can be had without drawing the sixteen before it: a run resumes from
//! its seed and its position alone.

use rand::SeedableRng;
pub use rand::rngs::ChaCha8Rng as Stream;

/// What random numbers are drawn for. A number, once given, is never used again for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Purpose {
    /// Which synapses exist.
    Connectivity = 1,
    /// Recurrent weights at the start.
    RecurrentWeights = 2,
    /// Recurrent bias at the start.
    RecurrentBias = 3,
    /// Input weights at the start.
    InputWeights = 4,
    /// Readout weights and bias at the start.
    Readout = 5,
    /// Training samples of a generated task.
    TrainSamples = 6,
    /// Test samples of a generated task.
    TestSamples = 7,
    /// The order of samples in an epoch (index = epoch).
    Shuffle = 8,
    /// Which entries pruning keeps.
    Pruning = 9,
    /// Parameters that a task draws once a run (frequencies, phases).
    TaskParameters = 10,
    /// Weights of the theory of tree overlap, and what pruning keeps of them.
    TreeOverlap = 11,
    /// Which neurons and pairs a block of input connections has (index = block).
    InputBlocks = 30,
    /// The same for the readout.
    ReadoutBlocks = 31,
    /// Seeds of the training samples that a task draws anew for each epoch (index = epoch).
    FreshSamples = 20,
}

/// The stream of `seed` for `purpose`; `index` tells streams of the same purpose apart (block, epoch).
pub fn stream(seed: u64, purpose: Purpose, index: u32) -> Stream {
    let mut stream = Stream::seed_from_u64(seed);
    stream.set_stream((purpose as u64) << 32 | u64::from(index));
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_reproducible_and_apart() {
        let draw = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let base = draw(1, Purpose::Shuffle, 0);
        assert_eq!(base, draw(1, Purpose::Shuffle, 0));
        assert_ne!(base, draw(2, Purpose::Shuffle, 0));
        assert_ne!(base, draw(1, Purpose::Pruning, 0));
        assert_ne!(base, draw(1, Purpose::Shuffle, 1));
    }

    /// Recorded seeds must mean the same on every machine and in every version.
    #[test]
    fn numbers_are_the_recorded_ones() {
        let mut s = stream(1, Purpose::RecurrentWeights, 0);
        assert_eq!([s.next_u64(), s.next_u64()], [12795579138090321347, 12854206894772625101]);
    }
}
