//! What a configuration says of the cell.

use std::fmt;

use daleian_kernels::{Activation, Reads};
use serde::{Deserialize, Serialize};

use super::CellKind;

/// phi, the activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActivationName {
    /// tanh(z).
    Tanh,
    /// max(z, 0).
    Relu,
    /// 1 / (1 + exp(-z)).
    Sigmoid,
    /// ln(1 + exp(z)).
    Softplus,
    /// z.
    Identity,
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        use ActivationName as Name;
        match name {
            Name::Tanh => Self::Tanh,
            Name::Relu => Self::Relu,
            Name::Sigmoid => Self::Sigmoid,
            Name::Softplus => Self::Softplus,
            Name::Identity => Self::Identity,
        }
    }
}

/// What the readout reads of a neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReadName {
    /// The state: a of `elman`.
    State,
    /// The rate r, which is what the other neurons are sent.
    Rate,
}

impl From<ReadName> for Reads {
    fn from(name: ReadName) -> Self {
        match name {
            ReadName::State => Self::State,
            ReadName::Rate => Self::Rate,
        }
    }
}

/// One neuron: `a = phi(z)`, `r = rho(a)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CellSpec {
    /// Which equations it has.
    #[serde(default = "elman")]
    pub kind: CellKind,
    /// phi.
    pub activation: ActivationName,
    /// Whether rho is `max(a, 0)` rather than the identity.
    pub rectified: bool,
    /// Whether the recurrent layer has a bias (without one it is 0 and stays 0).
    #[serde(default = "crate::defaults::yes")]
    pub bias: bool,
    /// What the readout reads; left out, what is usual for the cell: the state a of `elman`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readout: Option<ReadName>,
}

impl Default for CellSpec {
    /// The paper's cell under Dale's law: tanh, rectified, with a bias.
    fn default() -> Self {
        Self { kind: elman(), activation: ActivationName::Tanh, rectified: true, bias: true, readout: None }
    }
}

impl fmt::Display for CellSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Activation::from(self.activation))?;
        if self.rectified {
            write!(f, ", rates rectified")?;
        }
        match self.readout {
            Some(ReadName::Rate) => write!(f, ", readout of rates"),
            Some(ReadName::State) | None => Ok(()),
        }
    }
}

fn elman() -> CellKind {
    CellKind::Elman
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_and_what_is_read_may_be_left_out() {
        let spec: CellSpec = toml::from_str("activation = 'tanh'\nrectified = true").unwrap();
        assert_eq!(spec, CellSpec::default());
        assert_eq!(spec.build().reads(), Reads::State);
        let spec: CellSpec =
            toml::from_str("kind = 'elman'\nactivation = 'relu'\nrectified = false\nreadout = 'rate'").unwrap();
        assert_eq!((spec.readout, spec.build().reads()), (Some(ReadName::Rate), Reads::Rate));
        assert_eq!(spec.to_string(), "relu, readout of rates");
        assert_eq!(CellSpec::default().to_string(), "tanh, rates rectified");
        let error = toml::from_str::<CellSpec>("kind = 'ellman'\nactivation = 'relu'\nrectified = false").unwrap_err();
        assert!(error.to_string().contains("unknown variant `ellman`, expected `elman`"), "{error}");
    }

    #[test]
    fn neurons_can_be_silent_where_rates_are_cut_at_zero() {
        let silent =
            |activation, rectified| CellSpec { activation, rectified, ..CellSpec::default() }.build().can_be_silent();
        assert!(silent(ActivationName::Tanh, true) && silent(ActivationName::Relu, false));
        assert!(!silent(ActivationName::Sigmoid, false));
    }
}
