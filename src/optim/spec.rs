//! What a configuration says of the optimizer.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ranges::{above_zero, at_least_one, check, share};

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum OptimizerSpec {
    /// Kingma & Ba 2015, with torch's defaults.
    Adam {
        /// Step size.
        learning_rate: f64,
        /// Decay of the mean of the gradient.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean of its square.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// The learning rate of the recurrent weights is `learning-rate` times this.
        #[serde(default = "one")]
        recurrent_factor: f64,
    },
    /// Gradient descent with momentum (torch's form: `v <- momentum v + g`, `w <- w - lr v`).
    Sgd {
        /// Step size.
        learning_rate: f64,
        /// From 0 (none) to below 1.
        #[serde(default)]
        momentum: f64,
        /// The learning rate of the recurrent weights is `learning-rate` times this.
        #[serde(default = "one")]
        recurrent_factor: f64,
    },
}

impl OptimizerSpec {
    /// Adam with this learning rate and torch's other defaults.
    pub fn adam(learning_rate: f64) -> Self {
        Self::Adam { learning_rate, beta1: beta1(), beta2: beta2(), epsilon: epsilon(), recurrent_factor: one() }
    }

    /// Gradient descent with this learning rate and momentum (0: none).
    pub fn sgd(learning_rate: f64, momentum: f64) -> Self {
        Self::Sgd { learning_rate, momentum, recurrent_factor: one() }
    }

    /// The same with `factor` times the learning rate for the recurrent weights.
    pub fn with_recurrent_factor(mut self, factor: f64) -> Self {
        match &mut self {
            Self::Adam { recurrent_factor, .. } | Self::Sgd { recurrent_factor, .. } => *recurrent_factor = factor,
        }
        self
    }

    /// What the learning rate of the recurrent weights is of that of the other parameters.
    pub fn recurrent_factor(&self) -> f64 {
        match *self {
            Self::Adam { recurrent_factor, .. } | Self::Sgd { recurrent_factor, .. } => recurrent_factor,
        }
    }

    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::Adam { learning_rate, .. } | Self::Sgd { learning_rate, .. } => learning_rate,
        }
    }

    /// Checks that every number is within its range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) with the key of the first that is not, and what would be
    /// right.
    pub fn validate(&self) -> Result<()> {
        above_zero("optimizer.learning-rate", self.learning_rate())?;
        match *self {
            Self::Adam { beta1, beta2, epsilon, .. } => {
                share("optimizer.beta1", beta1)?;
                share("optimizer.beta2", beta2)?;
                above_zero("optimizer.epsilon", epsilon)?;
            }
            Self::Sgd { momentum, .. } => share("optimizer.momentum", momentum)?,
        }
        above_zero("optimizer.recurrent-factor", self.recurrent_factor())?;
        above_zero("optimizer.recurrent-factor times learning-rate", self.recurrent_factor() * self.learning_rate())
    }
}

/// How the learning rate changes from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// It does not. (With braces, because only then serde refuses unknown keys beside the tag.)
    Constant {},
    /// `min + (lr - min) (1 + cos(pi epoch / period)) / 2`, which rises again after `period` epochs (torch's
    /// `CosineAnnealingLR`, `T_max` = period).
    Cosine {
        /// Epochs from the highest to the lowest rate.
        period: usize,
        /// The lowest rate.
        #[serde(default)]
        minimum: f64,
    },
    /// Times `factor` every so many epochs.
    Step {
        /// Epochs between two changes.
        every: usize,
        /// What the rate is multiplied by.
        factor: f64,
    },
}

impl ScheduleSpec {
    /// Checks that every number is within its range, where the rate starts at `learning_rate`.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) with the key of the first that is not, and what would be
    /// right.
    pub fn validate(&self, learning_rate: f64) -> Result<()> {
        match *self {
            Self::Constant {} => Ok(()),
            Self::Cosine { period, minimum } => {
                at_least_one("schedule.period", period)?;
                let right = "from 0 to optimizer.learning-rate";
                check("schedule.minimum", (0.0..=learning_rate).contains(&minimum), minimum, right)
            }
            Self::Step { every, factor } => {
                at_least_one("schedule.every", every)?;
                above_zero("schedule.factor", factor)
            }
        }
    }
}

impl Default for ScheduleSpec {
    fn default() -> Self {
        Self::Constant {}
    }
}

fn one() -> f64 {
    1.0
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn epsilon() -> f64 {
    1e-8
}
