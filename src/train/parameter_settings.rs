//! What training does with each parameter.

use std::sync::Arc;

use crate::constraint::Constraint;
use crate::error::{Error, Result};
use crate::network::{COMMON_NAMES, ParameterId, RECURRENT, Wiring};
use crate::ranges::above_zero;

/// Which values of a parameter are trained.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Trained {
    /// All.
    All,
    /// None: the parameter keeps its start, and has no gradient and no moments.
    Frozen,
    /// Those that are `true`, one per value. The gradient of the others is set to 0 before its norm is taken and the
    /// optimizer sees it. That is enough, as every [`Optimizer`](crate::optim::Optimizer) leaves a value alone whose
    /// gradients and moments have been 0 from the start. A constraint holds these values like the others.
    Entries(Arc<[bool]>),
}

/// What training does with one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSetting {
    /// Which values are trained.
    pub trained: Trained,
    /// The learning rate of this parameter is that of the optimizer times this.
    pub rate_factor: f64,
    /// What holds the values. All but the recurrent weights have [`Constraint::None`]: the others need the sign of a
    /// presynaptic neuron.
    pub constraint: Constraint,
}

impl ParameterSetting {
    /// Bytes that say which values are trained.
    pub(super) fn mask_bytes(&self) -> u64 {
        if let Trained::Entries(mask) = &self.trained { mask.len() as u64 } else { 0 }
    }
}

impl Default for ParameterSetting {
    /// Trained without a constraint, with the learning rate of the optimizer.
    fn default() -> Self {
        Self { trained: Trained::All, rate_factor: 1.0, constraint: Constraint::None }
    }
}

/// What training does with the parameters of a network, by their names. Those that are not named have the default setting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterSettings {
    named: Vec<(String, ParameterSetting)>,
}

impl ParameterSettings {
    /// The recurrent weights are held by `constraint`; every parameter is trained.
    pub fn new(constraint: Constraint) -> Self {
        let mut settings = Self::default();
        settings.of_mut(COMMON_NAMES[RECURRENT.index()]).constraint = constraint;
        settings
    }

    /// The same, where the parameter called `name` keeps its start.
    #[must_use]
    pub fn frozen(mut self, name: &str) -> Self {
        self.of_mut(name).trained = Trained::Frozen;
        self
    }

    /// The same, where the learning rate of the parameter called `name` is multiplied by `factor`.
    #[must_use]
    pub fn rate_factor(mut self, name: &str, factor: f64) -> Self {
        self.of_mut(name).rate_factor = factor;
        self
    }

    /// The setting of the parameter called `name`.
    pub fn of(&self, name: &str) -> ParameterSetting {
        self.named.iter().find(|(known, _)| known == name).map(|(_, setting)| setting.clone()).unwrap_or_default()
    }

    /// The setting of the parameter called `name`, to change.
    pub fn of_mut(&mut self, name: &str) -> &mut ParameterSetting {
        let at = self.named.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.named.push((name.into(), ParameterSetting::default()));
            self.named.len() - 1
        });
        &mut self.named[at].1
    }

    /// Checks what can be checked without a network: factors, where the optimizer has this learning rate, and constraints.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key of the first that is wrong, and what is expected.
    pub fn validate(&self, learning_rate: f64) -> Result<()> {
        for (name, setting) in &self.named {
            let key = format!("parameter.{name}.rate-factor");
            above_zero(&key, setting.rate_factor)?;
            above_zero(&format!("{key} times learning-rate"), setting.rate_factor * learning_rate)?;
            if setting.constraint != Constraint::None && name != COMMON_NAMES[RECURRENT.index()] {
                let problem = "only recurrent weights have the sign of a presynaptic neuron; expected `none`";
                return Err(Error::setting(format!("parameter.{name}.constraint"), problem));
            }
        }
        Ok(())
    }

    /// The settings of the parameters of `wiring`, in the order of its list.
    ///
    /// What blocks of input or readout freeze is not trained. A parameter that is not
    /// [trainable](crate::network::Parameter::trainable), has no value, or of which no value is trained is
    /// [`Trained::Frozen`].
    ///
    /// # Errors
    /// If a name is not that of a parameter, if there is not one `true` or `false` per value, or if nothing is left to
    /// train.
    pub fn resolve(&self, wiring: &Wiring) -> Result<Vec<ParameterSetting>> {
        let list = wiring.parameter_list();
        if let Some((name, _)) = self.named.iter().find(|(name, _)| list.iter().all(|known| known.name != name)) {
            let known: Vec<&str> = list.iter().map(|known| known.name).collect();
            return Err(unknown("parameter", name, &known));
        }
        let mut settings = Vec::with_capacity(list.len());
        for parameter in list {
            let mut setting = self.of(parameter.name);
            let size = parameter.shape.size();
            let mut masks: Vec<&[bool]> = parameter.trained.as_deref().into_iter().collect();
            if let Trained::Entries(mask) = &setting.trained {
                if mask.len() != size {
                    let problem = format!("{} values are trained or not; expected one per value: {size}", mask.len());
                    return Err(Error::setting(format!("parameter.{}.trained", parameter.name), problem));
                }
                masks.push(mask);
            }
            if setting.trained != Trained::Frozen && !masks.is_empty() {
                setting.trained = all_of(&masks, size);
            }
            if !parameter.trainable || size == 0 {
                setting.trained = Trained::Frozen;
            }
            settings.push(setting);
        }
        if settings.iter().all(|setting| setting.trained == Trained::Frozen) {
            return Err(Error::setting("parameter", "every parameter is frozen; nothing is left to train"));
        }
        Ok(settings)
    }
}

/// What every one of the masks lets train, of `size` values.
fn all_of(masks: &[&[bool]], size: usize) -> Trained {
    let mask: Arc<[bool]> = (0..size).map(|at| masks.iter().all(|mask| mask[at])).collect();
    match mask.iter().filter(|&&trained| trained).count() {
        0 => Trained::Frozen,
        count if count == size => Trained::All,
        _ => Trained::Entries(mask),
    }
}

/// Which parameters have a value that is trained.
pub(crate) fn trained(settings: &[ParameterSetting], wiring: &Wiring) -> Vec<ParameterId> {
    wiring.parameter_ids().filter(|id| settings[id.index()].trained != Trained::Frozen).collect()
}

/// What holds the recurrent weights: nothing where they are frozen.
pub(crate) fn held_by(settings: &[ParameterSetting]) -> Constraint {
    let setting = &settings[RECURRENT.index()];
    if setting.trained == Trained::Frozen { Constraint::None } else { setting.constraint }
}

/// The error that there is no parameter called `name`.
pub(crate) fn unknown(key: impl std::fmt::Display, name: &str, known: &[&str]) -> Error {
    Error::setting(key, format!("no parameter is called `{name}`; expected one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{Connectome, NeuronTable, PopulationSpec, Sign};
    use crate::network::{BIAS, CellSpec, Network, READOUT};
    use crate::sparse::Pattern;

    fn wiring() -> Wiring {
        let populations = [PopulationSpec::new("exc", 2, Sign::Excitatory)];
        let connectome =
            Connectome::new(NeuronTable::from_populations(&populations).unwrap(), Pattern::dense(2, 2), None).unwrap();
        let cell = CellSpec { bias: false, ..CellSpec::default() };
        Network::builder(&connectome).cell(cell).input(1).readout(1).wiring().unwrap()
    }

    fn masked(name: &str, mask: &[bool]) -> ParameterSettings {
        let mut settings = ParameterSettings::new(Constraint::Dale);
        settings.of_mut(name).trained = Trained::Entries(mask.into());
        settings
    }

    #[test]
    fn what_is_trained_by_hand() {
        let wiring = wiring();
        let resolved = ParameterSettings::new(Constraint::Dale).frozen("readout.weight").resolve(&wiring).unwrap();
        assert_eq!(resolved[RECURRENT.index()].constraint, Constraint::Dale);
        // a bias that is switched off is not trained, whatever is said of it
        assert_eq!([BIAS, READOUT].map(|id| resolved[id.index()].trained.clone()), [Trained::Frozen, Trained::Frozen]);
        assert_eq!(trained(&resolved, &wiring).len(), 3);
        for (mask, want) in [
            ([true, false], Trained::Entries([true, false].into())),
            ([true, true], Trained::All),
            ([false, false], Trained::Frozen),
        ] {
            let resolved = masked("input.weight", &mask).resolve(&wiring).unwrap();
            assert_eq!(resolved[2].trained, want);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let wiring = wiring();
        let error = |settings: ParameterSettings| settings.resolve(&wiring).unwrap_err().to_string();
        let text = error(ParameterSettings::default().frozen("readout.weights"));
        assert!(
            text.contains("no parameter is called `readout.weights`; expected one of recurrent.values, "),
            "{text}"
        );
        let text = error(masked("input.weight", &[true]));
        assert!(
            text.contains("`parameter.input.weight.trained`: 1 values are") && text.ends_with("value: 2"),
            "{text}"
        );
        let all = COMMON_NAMES.into_iter().fold(ParameterSettings::default(), |settings, name| settings.frozen(name));
        assert!(error(all).contains("`parameter`: every parameter is frozen"));
        let mut held = ParameterSettings::default();
        held.of_mut("input.weight").constraint = Constraint::Dale;
        let text = held.validate(0.1).unwrap_err().to_string();
        assert!(text.contains("`parameter.input.weight.constraint`") && text.contains("expected `none`"), "{text}");
    }
}
