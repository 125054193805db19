//! The five parameter vectors of a network; gradients and moments have the same form.

use daleian_kernels::Aligned;

use super::{ParameterName, Wiring};

/// One vector a parameter: values, gradients or moments. A vector may be empty where its parameter is frozen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// W at the entries of its pattern, `[synapses]`.
    pub recurrent: Aligned,
    /// b, `[neurons]`.
    pub bias: Aligned,
    /// U at the entries of its pattern (dense: `[neurons, channels]`).
    pub input: Aligned,
    /// V at the entries of its pattern (dense: `[outputs, neurons]`).
    pub readout: Aligned,
    /// c, `[outputs]`.
    pub readout_bias: Aligned,
}

impl ParameterName {
    /// All five, in the order of the model file.
    pub const ALL: [Self; 5] =
        [Self::RecurrentWeights, Self::RecurrentBias, Self::InputWeights, Self::ReadoutWeights, Self::ReadoutBias];

    /// The name of its tensor in files.
    pub fn tensor(self) -> &'static str {
        match self {
            Self::RecurrentWeights => "recurrent.values",
            Self::RecurrentBias => "recurrent.bias",
            Self::InputWeights => "input.weight",
            Self::ReadoutWeights => "readout.weight",
            Self::ReadoutBias => "readout.bias",
        }
    }
}

impl Parameters {
    /// Zeros for every parameter that is `wanted`, nothing for the others.
    pub fn zeros(wiring: &Wiring, wanted: impl Fn(ParameterName) -> bool) -> Self {
        let mut out = Self::default();
        for name in ParameterName::ALL {
            if wanted(name) {
                *out.get_mut(name) = Aligned::zeros(wiring.size(name));
            }
        }
        out
    }

    /// The vector of a parameter.
    pub fn get(&self, name: ParameterName) -> &Aligned {
        match name {
            ParameterName::RecurrentWeights => &self.recurrent,
            ParameterName::RecurrentBias => &self.bias,
            ParameterName::InputWeights => &self.input,
            ParameterName::ReadoutWeights => &self.readout,
            ParameterName::ReadoutBias => &self.readout_bias,
        }
    }

    /// The vector of a parameter, to change.
    pub fn get_mut(&mut self, name: ParameterName) -> &mut Aligned {
        match name {
            ParameterName::RecurrentWeights => &mut self.recurrent,
            ParameterName::RecurrentBias => &mut self.bias,
            ParameterName::InputWeights => &mut self.input,
            ParameterName::ReadoutWeights => &mut self.readout,
            ParameterName::ReadoutBias => &mut self.readout_bias,
        }
    }

    /// The lengths of the vectors, in the order of [`ParameterName::ALL`].
    pub fn sizes(&self) -> [usize; 5] {
        ParameterName::ALL.map(|name| self.get(name).len())
    }

    /// Sets every element to zero.
    pub fn clear(&mut self) {
        for name in ParameterName::ALL {
            self.get_mut(name).fill(0.0);
        }
    }
}
