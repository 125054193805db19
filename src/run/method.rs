//! The five ways to train that are compared: what each sets in a configuration.

use std::str::FromStr;

use super::{ParameterSpec, RunConfig};
use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::{COMMON_NAMES, RECURRENT};

/// A way to train. What it does not set stays as the configuration has it, so that methods share start, data and seeds.
///
/// | method | `constraint` | `cell.rectified` | `rate-factor` of `recurrent.values` |
/// | --- | --- | --- | --- |
/// | `conventional` | `none` | no | 1 |
/// | `rectified` | `rectified` | no | 1 |
/// | `dale` | `dale` | yes | 1 |
/// | `absolute` | `absolute` | yes | 1 |
/// | `exponentiated` | `exponentiated` | yes | 10 |
///
/// The first three are the paper's (Balwani et al. 2025, Fig. 2), which rectifies the rates under Dale's backprop only.
/// The last two stand beside Dale's backprop, so rates are rectified there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// No constraint after a start with signs.
    Conventional,
    /// The naive baseline: max(w, 0) times the sign.
    Rectified,
    /// Dale's backprop.
    Dale,
    /// |θ| times the sign, trained by the true gradient of θ.
    Absolute,
    /// Exponentiated gradient.
    Exponentiated,
}

/// The step of exponentiated gradient is relative. Recurrent weights start near 1/√n, a tenth for a hundred neurons, so
/// that a step of the same number would move them a tenth as far as the other methods do. Of 3, 10 and 30, 10 did best on
/// the flip-flop (one seed, 40 epochs); nothing was tuned for the other methods.
const EXPONENTIATED_FACTOR: f64 = 10.0;

impl Method {
    /// All of them, the paper's first.
    pub const ALL: [Self; 5] = [Self::Conventional, Self::Rectified, Self::Dale, Self::Absolute, Self::Exponentiated];

    /// Its name in commands and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conventional => "conventional",
            Self::Rectified => "rectified",
            Self::Dale => "dale",
            Self::Absolute => "absolute",
            Self::Exponentiated => "exponentiated",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Conventional => "no constraint, rates not rectified",
            Self::Rectified => "the naive baseline: max(w, 0) times the sign of the neuron, rates not rectified",
            Self::Dale => "Dale's backprop: each weight clamped to the sign of its neuron, rates rectified",
            Self::Absolute => "weights |θ| times the sign of the neuron, θ trained, rates rectified",
            Self::Exponentiated => {
                "weights times exp(step), which keeps signs; ten times the learning rate, rates rectified"
            }
        }
    }

    /// Sets in `config` what the table says, whatever it was.
    pub fn apply(self, config: &mut RunConfig) {
        let (constraint, rectified, factor) = match self {
            Self::Conventional => (Constraint::None, false, 1.0),
            Self::Rectified => (Constraint::Rectified, false, 1.0),
            Self::Dale => (Constraint::Dale, true, 1.0),
            Self::Absolute => (Constraint::Absolute, true, 1.0),
            Self::Exponentiated => (Constraint::Exponentiated, true, EXPONENTIATED_FACTOR),
        };
        config.constraint = constraint;
        config.cell.rectified = rectified;
        set_recurrent_factor(config, factor);
    }
}

/// Sets the factor of the learning rate of the recurrent weights; what else is said of them stays.
fn set_recurrent_factor(config: &mut RunConfig, factor: f64) {
    let name = COMMON_NAMES[RECURRENT.index()];
    let at = config.parameter.iter().position(|parameter| parameter.name == name).unwrap_or_else(|| {
        config.parameter.push(ParameterSpec::new(name));
        config.parameter.len() - 1
    });
    config.parameter[at].rate_factor = factor;
    if config.parameter[at] == ParameterSpec::new(name) {
        config.parameter.remove(at);
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::setting("method", format!("`{name}`; expected one of {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::presets;

    #[test]
    fn names_lead_back() {
        for method in Method::ALL {
            assert_eq!(method.name().parse::<Method>().unwrap(), method);
        }
        let error = "dales".parse::<Method>().unwrap_err().to_string();
        assert!(error.contains("`dales`") && error.contains("absolute"), "{error}");
    }

    /// The preset is Dale's backprop; every method leads from every other to the same settings.
    #[test]
    fn a_method_sets_the_same_wherever_it_starts() {
        let preset = presets::config("flip-flop").unwrap();
        for method in Method::ALL {
            let mut want = preset.clone();
            method.apply(&mut want);
            assert_eq!(want == preset, method == Method::Dale, "{method:?}");
            want.validate().unwrap();
            assert_eq!(RunConfig::from_toml(&want.to_toml(), "again", "").unwrap(), want);
            for before in Method::ALL {
                let mut config = preset.clone();
                before.apply(&mut config);
                method.apply(&mut config);
                assert_eq!(config, want, "{before:?}, then {method:?}");
            }
        }
    }
}
