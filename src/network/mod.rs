//! Parameters on the pattern; one step, forward and adjoint; the readout.

mod block_matrix;
mod builder;
mod connection_blocks;
pub(crate) mod file;
pub(crate) mod init;
mod matrices;
pub(crate) mod matrix_tensors;
mod neuron_tensors;
mod one_lane;
mod parameter;
mod parameters;
mod spec;
mod spectrum;
pub(crate) mod step;
mod stepper;
mod wiring;

pub use builder::NetworkBuilder;
pub(crate) use builder::or_whole;
pub use connection_blocks::{BlockInit, BlockRule, InputBlock, Numbers, ReadoutBlock};
pub use matrices::Matrices;
pub use one_lane::OneLane;
#[cfg(feature = "cli")]
pub(crate) use one_lane::slices;
pub use parameter::{BIAS, COMMON_NAMES, INPUT, Parameter, ParameterId, READOUT, READOUT_BIAS, RECURRENT, Shape};
pub use parameters::Parameters;
pub use spec::{Fan, InitSpec, InitWeights, OutputSpec};
pub use spectrum::leading_eigenvalue;
pub use stepper::{State, Stepper};
pub use wiring::Wiring;

pub use crate::cell::{ActivationName, CellKind, CellSpec, ReadName};
use crate::connectome::Connectome;

/// A recurrent network: wiring that never changes and the parameters on it.
#[derive(Debug, Clone)]
pub struct Network {
    pub(crate) wiring: Wiring,
    pub(crate) parameters: Parameters,
}

impl Network {
    /// Makes a network on `connectome` piece by piece.
    pub fn builder(connectome: &Connectome) -> NetworkBuilder<'_> {
        NetworkBuilder::new(connectome)
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
        self.wiring.is_same(&other.wiring) && self.parameters == other.parameters
    }

    /// Weights against the sign of their presynaptic neuron: 0 under Dale's law.
    pub fn sign_violations(&self) -> usize {
        let signs = self.wiring.signs();
        let sign_of = |&col: &u32| f32::from(signs[col as usize]);
        let indices = self.wiring.recurrent().indices();
        indices.iter().zip(&*self.parameters[RECURRENT]).filter(|(col, w)| sign_of(col) * **w < 0.0).count()
    }
}
