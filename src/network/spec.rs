//! What a configuration says of the inputs, the readout and the weights at the start.

use serde::{Deserialize, Serialize};

use crate::cell::ActivationName;

/// The outputs, `y = g(V a + c)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OutputSpec {
    /// g: identity or tanh; left out: identity.
    pub activation: ActivationName,
}

impl Default for OutputSpec {
    /// Without an activation.
    fn default() -> Self {
        Self { activation: ActivationName::Identity }
    }
}

/// Recurrent weights at the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InitSpec {
    /// Where they come from.
    #[serde(default)]
    pub weights: InitWeights,
    /// Uniform weights lie within `gain / sqrt(fan)` of 0, on the side of their column's sign.
    #[serde(default = "crate::defaults::one")]
    pub gain: f64,
    /// What `fan` is.
    #[serde(default)]
    pub fan: Fan,
    /// Whether what each neuron gets from excitatory and from inhibitory neurons is made equal: of row i of W, with
    /// E = Σ |w_ij| over excitatory and I over inhibitory columns j, the weights of the heavier side are multiplied by
    /// min(E, I) / max(E, I). Rows with one side alone, and weights of unconstrained columns, stay.
    #[serde(default)]
    pub balance: bool,
}

impl Default for InitSpec {
    fn default() -> Self {
        Self { weights: InitWeights::default(), gain: 1.0, fan: Fan::default(), balance: false }
    }
}

/// Where the recurrent weights at the start come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InitWeights {
    /// Drawn uniformly.
    #[default]
    Uniform,
    /// As the edge list says (a missing weight column is an error).
    Edges,
}

/// What the spread of uniform weights is divided by the root of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fan {
    /// The number of neurons n (the paper's networks; torch's default for a dense layer).
    #[default]
    Neurons,
    /// The number of synapses of each postsynaptic neuron.
    InDegree,
}

#[cfg(test)]
mod tests {
    use super::OutputSpec;

    #[test]
    fn outputs_without_keys_have_no_activation() {
        assert_eq!(toml::from_str::<OutputSpec>("").unwrap(), OutputSpec::default());
        assert!(toml::from_str::<OutputSpec>("activatoin = \"tanh\"").is_err());
    }
}
