//! Noise in the steps of a cell: a number for each sequence, time step and neuron, whoever computes it, and however often.

use std::ops::Range;

use daleian_kernels::Element;

/// Noise of a cell, scaled as its rule takes it.
pub(crate) trait Noise: Send + Sync {
    /// The number of one neuron at one step of one sequence. It depends on nothing else, so that steps computed a second
    /// time, other cuts into lane groups and other numbers of threads give the same bits.
    fn sample(&self, sequence: u64, step: u64, neuron: usize) -> f64;
}

/// Which sequences the lanes of a time step hold, and which step it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The sequence in lane 0; the next lanes hold those after it.
    pub first: u64,
    /// Lanes in use: those of padding have no noise.
    pub used: usize,
    /// The time step, from 0.
    pub step: u64,
}

/// Writes the noise of the neurons `rows` to `out`, `[rows.len(), lanes]`.
pub(crate) fn fill<E: Element>(noise: &dyn Noise, moment: Moment, rows: &Range<usize>, lanes: usize, out: &mut [E]) {
    for (neuron, out) in rows.clone().zip(out.chunks_exact_mut(lanes)) {
        for (sequence, out) in (moment.first..).zip(&mut out[..moment.used]) {
            *out = E::of(noise.sample(sequence, moment.step, neuron));
        }
        out[moment.used..].fill(E::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Digits;

    impl Noise for Digits {
        fn sample(&self, sequence: u64, step: u64, neuron: usize) -> f64 {
            (100 * sequence + 10 * step) as f64 + neuron as f64
        }
    }

    #[test]
    fn each_sequence_step_and_neuron_has_its_own() {
        let mut out = [f32::NAN; 8];
        fill(&Digits, Moment { first: 7, used: 3, step: 2 }, &(4..6), 4, &mut out);
        assert_eq!(out, [724.0, 824.0, 924.0, 0.0, 725.0, 825.0, 925.0, 0.0]);
    }
}
