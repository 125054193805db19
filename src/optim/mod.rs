//! From gradients to steps: Adam, SGD, schedules, clipping.

mod schedule;
mod spec;

use std::ops::Range;

use daleian_kernels::{AdamStep, Aligned, Bounds, Isa, SgdStep, WIDTH, adam, sgd, sum_squares};
use rayon::prelude::*;

pub use spec::{OptimizerSpec, ScheduleSpec};

use crate::network::{Network, ParameterId, Parameters, RECURRENT, Wiring};
use crate::tree;

/// An optimizer and its moments. Frozen parameters have none.
#[derive(Debug, Clone)]
pub struct Optimizer {
    spec: OptimizerSpec,
    updates: u64,
    moments: Vec<Parameters>,
}

/// Elements that one task takes; every element stands for itself, so the cut does not show in the bits. Signs are kept in
/// sixteens.
const CHUNK: usize = 1 << 15;
const _: () = assert!(CHUNK.is_multiple_of(WIDTH));
/// Chunks below which a task is not worth waking a thread for.
const LEAST: usize = 2;

impl Optimizer {
    /// An optimizer that has made no step, for the parameters that are `trainable`.
    pub fn new(spec: OptimizerSpec, wiring: &Wiring, trainable: &[ParameterId]) -> Self {
        let count = Self::moments_of(spec);
        let zeros = || Parameters::zeros(wiring, |name| trainable.contains(&name));
        Self { spec, updates: 0, moments: (0..count).map(|_| zeros()).collect() }
    }

    /// How many moments a parameter has.
    pub(crate) fn moments_of(spec: OptimizerSpec) -> usize {
        match spec {
            OptimizerSpec::Adam { .. } => 2,
            OptimizerSpec::Sgd { .. } => 1,
        }
    }

    /// Steps made so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The moments: mean of the gradient and of its square (Adam), or the velocity (SGD).
    pub fn moments(&self) -> &[Parameters] {
        &self.moments
    }

    /// Whether `moments` are as many as this optimizer keeps, and as large.
    pub fn has_moments_like(&self, moments: &[Parameters]) -> bool {
        let sizes = |moments: &[Parameters]| -> Vec<Vec<usize>> {
            moments.iter().map(|moments| moments.sizes().collect()).collect()
        };
        sizes(&self.moments) == sizes(moments)
    }

    /// Takes over what another optimizer of the same settings had come to.
    ///
    /// # Panics
    /// If the moments differ in number or size.
    pub fn restore(&mut self, updates: u64, moments: Vec<Parameters>) {
        assert!(self.has_moments_like(&moments), "moments of the same settings");
        (self.updates, self.moments) = (updates, moments);
    }

    /// One step with learning rate `rate`, for recurrent weights times their factor. The gradient is multiplied by
    /// `scale` first (see [`clip`]); recurrent weights are held within `bounds` in the same pass, which is called with ranges
    /// that start with a multiple of 16.
    ///
    /// Parameters whose gradient is empty stay as they are.
    pub fn step<'a>(
        &mut self,
        isa: Isa,
        network: &mut Network,
        gradients: &Parameters,
        rate: f64,
        scale: f64,
        bounds: impl Fn(Range<usize>) -> Bounds<'a> + Sync,
    ) {
        self.updates += 1;
        for id in gradients.ids() {
            let gradient = &gradients[id];
            if gradient.is_empty() {
                continue;
            }
            let within = |range: Range<usize>| match id {
                RECURRENT => bounds(range),
                _ => Bounds::Free,
            };
            let rate = match id {
                RECURRENT => rate * self.spec.recurrent_factor(),
                _ => rate,
            };
            let values = &mut network.parameters[id];
            self.update(isa, id, values, gradient, rate, scale, within);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the terms of one update")]
    fn update<'a>(
        &mut self,
        isa: Isa,
        id: ParameterId,
        values: &mut Aligned,
        gradient: &Aligned,
        rate: f64,
        scale: f64,
        bounds: impl Fn(Range<usize>) -> Bounds<'a> + Sync,
    ) {
        let mut moments = self.moments.iter_mut().map(|moments| &mut moments[id]);
        let (mut none, mut none_either) = (Aligned::default(), Aligned::default());
        let first = moments.next().unwrap_or(&mut none);
        let second = moments.next().unwrap_or(&mut none_either);
        let range = |k: usize, len: usize| k * CHUNK..k * CHUNK + len;
        let pieces = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).enumerate().with_min_len(LEAST);
        match self.spec {
            OptimizerSpec::Adam { beta1, beta2, epsilon, .. } => {
                let mut step = AdamStep::new(self.updates, rate, beta1, beta2, epsilon);
                step.gradient_scale = scale as f32;
                pieces.zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK))).for_each(
                    |((k, (w, g)), (m, v))| {
                        let bounds = bounds(range(k, w.len()));
                        adam(isa, &step, w, g, m, v, bounds);
                    },
                );
            }
            OptimizerSpec::Sgd { momentum, .. } => {
                let step = SgdStep { rate: rate as f32, momentum: momentum as f32, gradient_scale: scale as f32 };
                pieces.zip(first.par_chunks_mut(CHUNK)).for_each(|((k, (w, g)), v)| {
                    sgd(isa, &step, w, g, v, bounds(range(k, w.len())));
                });
            }
        }
    }
}

/// The norm of all gradients taken as one vector: squares are added in fixed blocks, and the sums of blocks by a
/// [tree], so that the bits do not depend on who adds which.
pub fn norm(isa: Isa, gradients: &Parameters) -> f64 {
    let sum = |id| -> f64 {
        let pieces = gradients[id].par_chunks(CHUNK).with_min_len(2 * LEAST);
        let sums: Vec<f64> = pieces.map(|piece| sum_squares(isa, piece)).collect();
        tree::sum(&sums)
    };
    gradients.ids().map(sum).sum::<f64>().sqrt()
}

/// What to multiply a gradient of norm `norm` by so that its norm is at most `limit` (Pascanu et al. 2013).
pub fn clip(norm: f64, limit: f64) -> f64 {
    if norm > limit { limit / norm } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_by_hand() {
        assert_eq!(clip(4.0, 1.0), 0.25);
        assert_eq!(clip(0.5, 1.0), 1.0);
    }
}
