//! The tasks of Figures 2 and 3, and what is measured in each.

use crate::error::{Error, Result};
use crate::run::{Method, RunConfig, presets};
use crate::train::Row;

/// A final test MSE above this counts as failed: between what a trained flip-flop reaches (below 0.005) and the error
/// of one that answers wrongly in every twentieth trial or never learned (0.1 to 0.7).
pub const FAILED_ABOVE: f64 = 0.01;

/// A task of the paper's Figures 2 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperTask {
    /// Hold the last pulse.
    FlipFlop,
    /// Two waves, one step ahead.
    Wave,
    /// Digits, a row of pixels a step.
    Images,
}

/// What a task is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Mean squared error on the test samples; less is better.
    Mse,
    /// Share of test samples answered rightly, in percent; more is better.
    Accuracy,
}

impl PaperTask {
    /// All, in the order of the paper.
    pub const ALL: [Self; 3] = [Self::FlipFlop, Self::Wave, Self::Images];

    /// Its name: also that of its preset.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlipFlop => "flip-flop",
            Self::Wave => "wave",
            Self::Images => "images",
        }
    }

    /// Its name in the paper's tables.
    pub fn paper_name(self) -> &'static str {
        match self {
            Self::FlipFlop => "flip-flop",
            Self::Wave => "wave reconstruction",
            Self::Images => "sequential MNIST",
        }
    }

    /// Its name in heads: with where our data come from, if the name does not say it, and what the paper calls it.
    pub(super) fn titled(self, data: Option<&str>) -> String {
        let data = data.map(|data| format!(": {data}")).unwrap_or_default();
        match self.name() == self.paper_name() {
            true => format!("{}{data}", self.name()),
            false => format!("{}{data} (the paper: {})", self.name(), self.paper_name()),
        }
    }

    /// What it is judged by.
    pub fn measure(self) -> Measure {
        match self {
            Self::FlipFlop | Self::Wave => Measure::Mse,
            Self::Images => Measure::Accuracy,
        }
    }

    /// Whether the baselines fail by chance here, so that many seeds are run.
    pub fn fails_by_chance(self) -> bool {
        self == Self::FlipFlop
    }

    /// Seconds that one run took on the paper's GPU, where the notebooks print it.
    pub fn paper_seconds(self, method: Method) -> Option<f64> {
        match (self, method) {
            (Self::FlipFlop, Method::Conventional) => Some(286.0),
            (Self::FlipFlop, Method::Rectified) => Some(320.0),
            (Self::Wave, Method::Dale) => Some(720.0),
            (Self::Images, Method::Dale) => Some(2055.0),
            _ => None,
        }
    }

    /// The preset.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn config(self) -> Result<RunConfig> {
        presets::config(self.name())
    }

    /// The task of this name.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::setting("--task", format!("`{name}` is no task of the paper's figures; expected one of {known}"))
        })
    }
}

impl Measure {
    /// Its value after an epoch.
    pub fn of(self, row: &Row) -> f64 {
        match self {
            Self::Mse => row.test_loss,
            Self::Accuracy => 100.0 * row.test_accuracy,
        }
    }

    /// Its name and unit, for axes and tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mse => "Test mean squared error",
            Self::Accuracy => "Test accuracy (%)",
        }
    }

    /// Its name in CSV files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Mse => "test_mse",
            Self::Accuracy => "test_accuracy_percent",
        }
    }

    /// The value as a table has it.
    pub fn text(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => "diverged".into(),
            Self::Mse => format!("{value:.5}"),
            Self::Accuracy => format!("{value:.2}"),
        }
    }

    /// Whether a final value counts as failed: an MSE above [`FAILED_ABOVE`], or none at all.
    pub fn failed(self, value: f64) -> bool {
        !value.is_finite() || self == Self::Mse && value > FAILED_ABOVE
    }
}
