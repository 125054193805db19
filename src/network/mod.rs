//! Parameters on the pattern; one step, forward and adjoint; the readout.

pub(crate) mod file;
pub(crate) mod init;
mod matrices;
mod neuron_tensors;
mod one_lane;
mod parameter;
mod parameters;
mod spec;
mod spectrum;
pub(crate) mod step;
mod stepper;
mod wiring;

pub use matrices::Matrices;
pub use one_lane::OneLane;
#[cfg(feature = "cli")]
pub(crate) use one_lane::slices;
pub use parameter::{BIAS, COMMON_NAMES, INPUT, Parameter, ParameterId, READOUT, READOUT_BIAS, RECURRENT, Shape};
pub use parameters::Parameters;
pub use spec::{Blocks, Fan, InitSpec, InitWeights, InputSpec, ReadoutSpec};
pub use spectrum::leading_eigenvalue;
pub use stepper::{State, Stepper};
pub use wiring::Wiring;

pub use crate::cell::{ActivationName, CellKind, CellSpec, ReadName};
use crate::connectome::Connectome;
use crate::error::Result;

/// A recurrent network: wiring that never changes and the parameters on it.
#[derive(Debug, Clone)]
pub struct Network {
    pub(crate) wiring: Wiring,
    pub(crate) parameters: Parameters,
}

impl Network {
    /// A network on `connectome` with parameters drawn from `seed`.
    ///
    /// `input` and `readout` are the number of channels or outputs and their settings.
    ///
    /// # Errors
    /// As [`Wiring::new`]; and if the weights should come from a connectome without weights.
    pub fn new(
        connectome: &Connectome,
        cell: CellSpec,
        input: (usize, InputSpec),
        readout: (usize, ReadoutSpec),
        init: &InitSpec,
        seed: u64,
    ) -> Result<Self> {
        let wiring = Wiring::new(connectome, cell, input, readout)?;
        let parameters = init::draw(&wiring, connectome, init, seed)?;
        Ok(Self { wiring, parameters })
    }

    /// A network from its two parts.
    ///
    /// # Panics
    /// If a parameter has not the size that the wiring gives it.
    pub fn from_parts(wiring: Wiring, parameters: Parameters) -> Self {
        assert_eq!(parameters.sizes().count(), wiring.parameter_list().len(), "one vector per parameter");
        for (size, parameter) in parameters.sizes().zip(wiring.parameter_list()) {
            assert_eq!(size, parameter.shape.size(), "size of {}", parameter.name);
        }
        Self { wiring, parameters }
    }

    /// What is fixed.
    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The values of a parameter, to change. Their number stays.
    pub fn parameter_mut(&mut self, id: ParameterId) -> &mut [f32] {
        &mut self.parameters[id]
    }

    /// Whether the other network has the same neurons, entries and values.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.wiring, &other.wiring);
        ours.neuron_table() == theirs.neuron_table()
            && [ours.recurrent(), ours.input(), ours.readout()]
                == [theirs.recurrent(), theirs.input(), theirs.readout()]
            && self.parameters == other.parameters
    }

    /// Weights against the sign of their presynaptic neuron: 0 under Dale's law.
    pub fn sign_violations(&self) -> usize {
        let signs = self.wiring.signs();
        let sign_of = |&col: &u32| f32::from(signs[col as usize]);
        let indices = self.wiring.recurrent().indices();
        indices.iter().zip(&*self.parameters[RECURRENT]).filter(|(col, w)| sign_of(col) * **w < 0.0).count()
    }
}
