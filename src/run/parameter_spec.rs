//! What a configuration says of single parameters.

use serde::{Deserialize, Serialize};

use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::{COMMON_NAMES, RECURRENT};
use crate::train::{ParameterSetting, ParameterSettings, Trained, unknown};

/// One `[[parameter]]`: what training does with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ParameterSpec {
    /// Its name, as the model file has it: `recurrent.values`, `recurrent.bias`, `input.weight`, `readout.weight`,
    /// `readout.bias`.
    pub name: String,
    /// Whether it is trained at all, or keeps its start.
    #[serde(default = "crate::defaults::yes")]
    pub trained: bool,
    /// Its learning rate is `optimizer.learning-rate` times this.
    #[serde(default = "crate::defaults::one")]
    pub rate_factor: f64,
    /// What holds its values. Of the recurrent weights that is said by the key `constraint` of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<Constraint>,
}

impl ParameterSpec {
    /// Nothing out of the ordinary with the parameter called `name`.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), trained: true, rate_factor: 1.0, constraint: None }
    }
}

/// The settings of all parameters, where `constraint` holds the recurrent weights.
///
/// # Errors
/// If a name is unknown or stands there twice, the constraint of the recurrent weights is said twice, or every parameter is
/// frozen.
pub(super) fn settings(constraint: Constraint, specs: &[ParameterSpec]) -> Result<ParameterSettings> {
    let mut settings = ParameterSettings::new(constraint);
    for (k, spec) in specs.iter().enumerate() {
        let key = |field: &str| format!("parameter[{k}].{field}");
        if !COMMON_NAMES.contains(&&*spec.name) {
            return Err(unknown(key("name"), &spec.name, &COMMON_NAMES));
        }
        if let Some(before) = specs[..k].iter().position(|before| before.name == spec.name) {
            let problem = format!("`{}` stands in parameter[{before}] already; expected once", spec.name);
            return Err(Error::setting(key("name"), problem));
        }
        let recurrent = spec.name == COMMON_NAMES[RECURRENT.index()];
        if recurrent && spec.constraint.is_some() {
            let problem =
                "that of the recurrent weights is said by the key `constraint` at the top; expected there only";
            return Err(Error::setting(key("constraint"), problem));
        }
        *settings.of_mut(&spec.name) = ParameterSetting {
            trained: if spec.trained { Trained::All } else { Trained::Frozen },
            rate_factor: spec.rate_factor,
            constraint: if recurrent { constraint } else { spec.constraint.unwrap_or(Constraint::None) },
        };
    }
    if COMMON_NAMES.iter().all(|name| settings.of(name).trained == Trained::Frozen) {
        return Err(Error::setting("parameter", "every parameter is frozen; nothing is left to train"));
    }
    Ok(settings)
}
