//! What holds the signs of the weights.
//!
//! Dale's backprop (Balwani et al. 2025): after each optimizer step every stored w_ij is clamped to the sign of its
//! presynaptic neuron j: max(w, 0) for +1, min(w, 0) for -1, as it is for 0. The entry stays in the pattern: a
//! clamped synapse is silent, and a later gradient can revive it.
//!
//! Beside it stand the baselines. One step of gradient descent, with rate 1 and no momentum, on two neurons, of which
//! the first excites and the second inhibits:
//!
//! ```text
//!            W               gradient
//!  0.5   -0.5              1     -1
//!  0.25  -0.25            -0.25   0.25
//!
//! none         dale         rectified     absolute            exponentiated
//! -0.5   0.5   0     0      0    -0.5     0.5  -0.5           0.5 exp(-1)     -0.5 exp(-1)
//!  0.5  -0.5   0.5  -0.5    0.5   0       0.5  -0.5           0.25 exp(0.25)  -0.25 exp(0.25)
//! ```
//!
//! The first row would cross 0: it is let through, clamped, or reflected; the exponentiated step shrinks it. The naive
//! rectifier also turns over what an inhibitory column had against its sign and wipes what it had with it.

use std::ops::Range;

use daleian_kernels::{Bounds, EntrySigns, Isa, clamp};
use serde::{Deserialize, Serialize};

use crate::network::{Network, RECURRENT, Wiring};

/// How the recurrent weights take the step of the optimizer. Columns without a sign take it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Constraint {
    /// Dale's backprop: each stored weight is clamped to the sign of its presynaptic neuron.
    Dale,
    /// The naive baseline of the paper: `max(w, 0)` times the sign of the presynaptic neuron, so that an inhibitory
    /// column is wiped at the first step.
    ///
    /// The paper multiplies by the sign of each weight's start. That is the same wherever the start is on the side of
    /// its neuron and not 0. A weight that starts at 0 has sign 0 there and stays 0 for ever; here it is trained with
    /// its column. A column without a sign keeps the signs of its start there; here it is free.
    Rectified,
    /// w = |θ| · sign, with θ trained by its true gradient dL/dθ = dL/dw · sign · sgn(θ) (PsychRNN, Ehrlich et al.
    /// 2021; PyCog, Song et al. 2016). θ starts at w, and need not be stored: see [`Bounds::Reflected`].
    Absolute,
    /// Exponentiated gradient (Kivinen & Warmuth 1997; for brains, Cornford et al. 2024): w · exp(sign · Δ), where Δ is
    /// the step that the optimizer would add. With plain gradient descent that is -η dL/dw, and this the algorithm of
    /// the books; with Adam, its normalised step. Signs are kept by construction.
    ///
    /// A step is relative to the weight, so its size means something else than for the other parameters:
    /// the settings of a parameter have a factor for that. A weight of 0 stays 0 whatever its gradient.
    Exponentiated,
    /// Nothing.
    None,
}

impl Constraint {
    /// Whether weights are brought to the side of their sign before the first step, so that signs hold from the start.
    ///
    /// Not for the naive rectifier: it, too, leaves every weight on its side after a step, but applied to the start it
    /// would wipe inhibitory columns before anything was learnt, where the paper's wipes them with the first step.
    pub fn keeps_signs(self) -> bool {
        match self {
            Self::Dale | Self::Absolute | Self::Exponentiated => true,
            Self::Rectified | Self::None => false,
        }
    }
}

/// A constraint made ready for one wiring.
#[derive(Debug, Clone)]
pub struct Guard {
    constraint: Constraint,
    /// Of each recurrent synapse; of none where nothing is held.
    signs: EntrySigns,
}

impl Guard {
    /// The constraint with the signs of `wiring`.
    pub fn new(constraint: Constraint, wiring: &Wiring) -> Self {
        let signs = match constraint {
            Constraint::None => EntrySigns::default(),
            _ => EntrySigns::new(wiring.recurrent(), &wiring.signs()),
        };
        Self { constraint, signs }
    }

    /// Nothing is held.
    pub fn free() -> Self {
        Self { constraint: Constraint::None, signs: EntrySigns::default() }
    }

    /// Bytes that the constraint takes beside a network with this wiring.
    pub(crate) fn bytes(constraint: Constraint, wiring: &Wiring) -> u64 {
        if constraint == Constraint::None { 0 } else { EntrySigns::bytes(wiring.recurrent().nnz() as u64) }
    }

    /// What the recurrent weights of the synapses `entries` are held within.
    ///
    /// # Panics
    /// If these are not synapses of the wiring, or the number of the first is not a multiple of 16.
    pub fn bounds(&self, entries: Range<usize>) -> Bounds<'_> {
        match self.constraint {
            Constraint::Dale => Bounds::Dale(self.signs.of(entries)),
            Constraint::Rectified => Bounds::Rectified(self.signs.of(entries)),
            Constraint::Absolute => Bounds::Reflected(self.signs.of(entries)),
            Constraint::Exponentiated => Bounds::Exponentiated(self.signs.of(entries)),
            Constraint::None => Bounds::Free,
        }
    }

    /// Brings the recurrent weights of `network` to where the constraint would have them, without a step. Weights
    /// against their sign become 0 under Dale's law; where only their size is trained (absolute,
    /// exponentiated) they turn over.
    pub fn project(&self, isa: Isa, network: &mut Network) {
        let bounds = self.bounds(0..network.wiring().recurrent().nnz());
        clamp(isa, network.parameter_mut(RECURRENT), bounds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{Connectome, NeuronTable, PopulationSpec, Sign};
    use crate::sparse::Pattern;
    use daleian_kernels::{SgdStep, sgd};

    /// The table at the top of this file.
    #[test]
    fn one_step_of_each_by_hand() {
        let populations = [("exc", Sign::Excitatory), ("inh", Sign::Inhibitory)];
        let populations = populations.map(|(name, sign)| PopulationSpec::new(name, 1, sign));
        let neurons = NeuronTable::from_populations(&populations).unwrap();
        let connectome = Connectome::new(neurons, Pattern::dense(2, 2), None).unwrap();
        let wiring = Network::builder(&connectome).input(1).readout(1).wiring().unwrap();
        let step = SgdStep { rate: 1.0, momentum: 0.0, gradient_scale: 1.0 };
        let (down, up) = (0.5 * (-1f32).exp(), 0.25 * 0.25f32.exp());
        for (constraint, want, velocity) in [
            (Constraint::None, [-0.5, 0.5, 0.5, -0.5], [1.0, -1.0, -0.25, 0.25]),
            (Constraint::Dale, [0.0, 0.0, 0.5, -0.5], [1.0, -1.0, -0.25, 0.25]),
            (Constraint::Rectified, [0.0, -0.5, 0.5, 0.0], [1.0, -1.0, -0.25, 0.25]),
            (Constraint::Absolute, [0.5, -0.5, 0.5, -0.5], [-1.0, 1.0, -0.25, 0.25]),
            (Constraint::Exponentiated, [down, -down, up, -up], [1.0, -1.0, -0.25, 0.25]),
        ] {
            let guard = Guard::new(constraint, &wiring);
            for isa in Isa::available() {
                let (mut w, mut v) = ([0.5, -0.5, 0.25, -0.25], [0.0; 4]);
                let bounds = guard.bounds(0..4);
                sgd(isa, &step, &mut w, &[1.0, -1.0, -0.25, 0.25], &mut v, bounds);
                for (got, want) in w.into_iter().zip(want) {
                    assert!((got - want).abs() <= 2.0 * f32::EPSILON * want.abs(), "{constraint:?}: {w:?} on {isa}");
                }
                assert_eq!(v, velocity, "{constraint:?}");
            }
        }
    }
}
