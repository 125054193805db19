//! How the learning rate changes from epoch to epoch: constant, cosine or step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ranges::{above_zero, at_least_one, check};

/// How the learning rate changes from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
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
    /// [`Error::Setting`](crate::error::Error::Setting) with the key of the first that is not, and what is
    /// expected.
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

impl ScheduleSpec {
    /// The learning rate in `epoch` (counted from 0), where it starts at `base`.
    pub fn rate(&self, base: f64, epoch: usize) -> f64 {
        match *self {
            Self::Constant {} => base,
            Self::Cosine { period, minimum } => {
                let phase = PI * epoch as f64 / period as f64;
                minimum + (base - minimum) * (1.0 + phase.cos()) / 2.0
            }
            Self::Step { every, factor } => base * factor.powi((epoch / every) as i32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_falls_and_rises_again() {
        let cosine = ScheduleSpec::Cosine { period: 10, minimum: 0.1 };
        let near = |epoch, want: f64| assert!((cosine.rate(1.0, epoch) - want).abs() < 1e-12, "epoch {epoch}");
        near(0, 1.0);
        near(5, 0.55);
        near(10, 0.1);
        near(20, 1.0);
    }

    #[test]
    fn step_and_constant_by_hand() {
        let step = ScheduleSpec::Step { every: 3, factor: 0.5 };
        assert_eq!([0, 2, 3, 6].map(|epoch| step.rate(1.0, epoch)), [1.0, 1.0, 0.5, 0.25]);
        assert_eq!(ScheduleSpec::Constant {}.rate(0.3, 99), 0.3);
    }
}
