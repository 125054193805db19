//! What an optimizer has come to, and one step of it over all parameters.

use std::ops::Range;

use daleian_kernels::{Bounds, Isa, WIDTH};
use rayon::prelude::*;

use super::{OptimizerSpec, Update};
use crate::network::{Network, ParameterId, Parameters, Wiring};

/// Elements that one task takes; every element stands for itself, so the cut does not show in the bits. Signs are kept in
/// sixteens.
const CHUNK: usize = 1 << 15;
const _: () = assert!(CHUNK.is_multiple_of(WIDTH));
/// Chunks below which a task is not worth waking a thread for.
const LEAST: usize = 2;

/// What an optimizer has come to: beside a network in training, in a file, or on its way into a trainer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Steps made so far.
    pub updates: u64,
    /// As many as [`Optimizer::moments`](super::Optimizer::moments) says, in its order. Those of parameters that are not
    /// trained are empty.
    pub moments: Vec<Parameters>,
}

/// A part of one parameter.
struct Piece<'a> {
    start: usize,
    values: &'a mut [f32],
    gradient: &'a [f32],
    moments: Vec<&'a mut [f32]>,
}

impl OptimizerState {
    /// Before the first step: moments of 0 for the parameters that are `trained`.
    pub fn new(optimizer: OptimizerSpec, wiring: &Wiring, trained: &[ParameterId]) -> Self {
        let zeros = || Parameters::zeros(wiring, |id| trained.contains(&id));
        Self { updates: 0, moments: (0..optimizer.optimizer().moments()).map(|_| zeros()).collect() }
    }

    /// Whether the other has as many moments of the same sizes.
    pub fn fits(&self, other: &Self) -> bool {
        let sizes = |state: &Self| -> Vec<Vec<usize>> {
            state.moments.iter().map(|moments| moments.sizes().collect()).collect()
        };
        sizes(self) == sizes(other)
    }

    /// One step of `optimizer` with the learning rate that `rate` gives for a parameter. Gradients are multiplied by
    /// `scale` first (see [`clip`](super::clip)). Values are held within `bounds` in the same pass, which is called with
    /// ranges that start with a multiple of 16.
    ///
    /// Parameters whose gradient is empty stay as they are.
    ///
    /// # Panics
    /// If this is not the state of such an optimizer for parameters of these sizes.
    #[expect(clippy::too_many_arguments, reason = "the terms of one update")]
    pub fn step<'a>(
        &mut self,
        isa: Isa,
        optimizer: OptimizerSpec,
        network: &mut Network,
        gradients: &Parameters,
        scale: f64,
        rate: impl Fn(ParameterId) -> f64,
        bounds: impl Fn(ParameterId, Range<usize>) -> Bounds<'a> + Sync,
    ) {
        self.updates += 1;
        let optimizer = optimizer.optimizer();
        assert_eq!(self.moments.len(), optimizer.moments(), "moments of this optimizer");
        for id in gradients.ids().filter(|&id| !gradients[id].is_empty()) {
            let update = Update { number: self.updates, rate: rate(id), gradient_scale: scale };
            let pieces = pieces(&mut network.parameters, gradients, &mut self.moments, id);
            pieces.into_par_iter().with_min_len(LEAST).for_each(|mut piece| {
                let bounds = bounds(id, piece.start..piece.start + piece.values.len());
                optimizer.step(isa, &update, piece.values, piece.gradient, &mut piece.moments, bounds);
            });
        }
    }
}

/// The values of a parameter in chunks, each with its gradient and moments.
fn pieces<'a>(
    values: &'a mut Parameters,
    gradients: &'a Parameters,
    moments: &'a mut [Parameters],
    id: ParameterId,
) -> Vec<Piece<'a>> {
    let mut moments: Vec<_> = moments.iter_mut().map(|moments| moments[id].chunks_mut(CHUNK)).collect();
    let chunks = values[id].chunks_mut(CHUNK).zip(gradients[id].chunks(CHUNK)).enumerate();
    let piece = |(k, (values, gradient))| Piece {
        start: k * CHUNK,
        values,
        gradient,
        moments: moments.iter_mut().map(|chunks| chunks.next().expect("a moment per value")).collect(),
    };
    chunks.map(piece).collect()
}
