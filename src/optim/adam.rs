//! Adam.

use daleian_kernels::{AdamStep, Bounds, Isa, adam};
use serde::{Deserialize, Serialize};

use super::{Optimizer, Update};
use crate::error::Result;
use crate::ranges::{above_zero, share};

/// Adam (Kingma & Ba 2015), with torch's defaults. Two moments: the mean of the gradient and of its square.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of the gradient.
    #[serde(default = "beta1")]
    pub beta1: f64,
    /// Decay of the mean of its square.
    #[serde(default = "beta2")]
    pub beta2: f64,
    /// Added to the root of the second moment.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
}

impl Adam {
    /// With this learning rate and torch's other defaults.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, beta1: beta1(), beta2: beta2(), epsilon: epsilon() }
    }
}

impl Optimizer for Adam {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        2
    }

    fn validate(&self) -> Result<()> {
        share("optimizer.beta1", self.beta1)?;
        share("optimizer.beta2", self.beta2)?;
        above_zero("optimizer.epsilon", self.epsilon)
    }

    fn step(&self, isa: Isa, update: &Update, w: &mut [f32], g: &[f32], moments: &mut [&mut [f32]], bounds: Bounds) {
        let [mean, square] = moments else { panic!("two moments") };
        let mut step = AdamStep::new(update.number, update.rate, self.beta1, self.beta2, self.epsilon);
        step.gradient_scale = update.gradient_scale as f32;
        adam(isa, &step, w, g, mean, square, bounds);
    }
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
