//! Gradient descent with momentum.

use daleian_kernels::{Bounds, Isa, SgdStep, sgd};
use serde::{Deserialize, Serialize};

use super::{Optimizer, Update};
use crate::error::Result;
use crate::ranges::share;

/// Gradient descent with momentum (torch's form: `v <- momentum v + g`, `w <- w - lr v`). One moment: the velocity v.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// From 0 (none) to below 1.
    #[serde(default)]
    pub momentum: f64,
}

impl Optimizer for Sgd {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        1
    }

    fn validate(&self) -> Result<()> {
        share("optimizer.momentum", self.momentum)
    }

    fn step(&self, isa: Isa, update: &Update, w: &mut [f32], g: &[f32], moments: &mut [&mut [f32]], bounds: Bounds) {
        let [velocity] = moments else { panic!("one moment") };
        let Update { rate, gradient_scale, .. } = *update;
        let step = SgdStep { rate: rate as f32, momentum: self.momentum as f32, gradient_scale: gradient_scale as f32 };
        sgd(isa, &step, w, g, velocity, bounds);
    }
}
