//! The loss of a lane group and its derivative by the readout's sum V a + c.
//!
//! Mean squared error: L = Σ m (y - y*)² / N with weights m (1 without a mask) and N = Σ m over the whole batch.
//! Cross-entropy: L = -Σ m ln softmax(y)[class] / N, with N = Σ m in the same way; for one class per sample m is 1 at the
//! sample's last step and 0 before, so that N is the number of samples.

use std::fmt;

use daleian_kernels::{Activation, Aligned};

use super::LossName;
use crate::cell::Real;

/// The kind of targets that a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetKind {
    /// A value for each output at each step: mean squared error.
    Values,
    /// One class per sample: cross-entropy at its last step.
    Classes,
    /// A class at each step: cross-entropy at each step.
    StepClasses,
    /// None: outputs can be had, but no loss.
    Missing,
}

impl TargetKind {
    /// The loss that goes with it.
    pub fn loss(self) -> Option<LossName> {
        match self {
            Self::Values => Some(LossName::Mse),
            Self::Classes | Self::StepClasses => Some(LossName::CrossEntropy),
            Self::Missing => None,
        }
    }

    /// Whether answers are right or wrong.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Classes | Self::StepClasses)
    }
}

impl From<LossName> for TargetKind {
    /// Values, or one class per sample.
    fn from(loss: LossName) -> Self {
        match loss {
            LossName::Mse => Self::Values,
            LossName::CrossEntropy => Self::Classes,
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Values => "values of each step",
            Self::Classes => "class labels, one per sample",
            Self::StepClasses => "class labels of each step",
            Self::Missing => "no targets",
        })
    }
}

/// What a lane group should have answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Target {
    /// Values at every step.
    Series {
        /// `[steps, outputs, lanes]`.
        values: Aligned,
        /// Weights of the same shape; 0 in lanes of padding.
        mask: Aligned,
    },
    /// A class per lane, for the last step of its sample.
    Classes {
        /// `[lanes]`; those of padding are not read.
        labels: Vec<u32>,
    },
    /// A class per step and lane.
    StepClasses {
        /// `[steps, lanes]`; those of weight 0 are not read.
        labels: Vec<u32>,
        /// Weights, `[steps, lanes]`; 0 in lanes of padding.
        mask: Aligned,
    },
    /// Nothing is known.
    Missing,
}

impl Target {
    /// Room for the targets of so many steps, outputs and lanes.
    pub(super) fn new(kind: TargetKind, steps: usize, outputs: usize, lanes: usize) -> Self {
        let (size, each) = (steps * outputs * lanes, steps * lanes);
        match kind {
            TargetKind::Values => Self::Series { values: Aligned::zeros(size), mask: Aligned::zeros(size) },
            TargetKind::Classes => Self::Classes { labels: vec![0; lanes] },
            TargetKind::StepClasses => Self::StepClasses { labels: vec![0; each], mask: Aligned::zeros(each) },
            TargetKind::Missing => Self::Missing,
        }
    }

    /// Numbers that [`new`](Self::new) makes room for, of four bytes each.
    pub(super) fn words(kind: TargetKind, [steps, outputs, lanes]: [usize; 3]) -> u64 {
        let each = (steps as u64).saturating_mul(lanes as u64);
        match kind {
            TargetKind::Values => each.saturating_mul(outputs as u64).saturating_mul(2),
            TargetKind::Classes => lanes as u64,
            TargetKind::StepClasses => each.saturating_mul(2),
            TargetKind::Missing => 0,
        }
    }

    /// Σ m over `used` lanes.
    pub(super) fn weight(&self, used: usize) -> f64 {
        match self {
            Self::Series { mask, .. } | Self::StepClasses { mask, .. } => mask.iter().map(|&m| f64::from(m)).sum(),
            Self::Classes { .. } => used as f64,
            Self::Missing => 0.0,
        }
    }
}

/// What answers to class labels came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Answers {
    /// Σ -m ln softmax(y)[class].
    pub loss: f64,
    /// Labels that count: those of a weight above 0.
    pub asked: usize,
    /// Those of them at which the largest output was that of the label.
    pub correct: usize,
}

/// Adds up `m (y - y*)²` of one step; replaces `y` (all `[outputs, lanes]`) by the derivative of `scale` times that
/// sum by the readout's sum, where g is `activation` (identity or tanh).
pub(super) fn squared_error(y: &mut [f32], target: &[f32], mask: &[f32], scale: f32, activation: Activation) -> f64 {
    let mut sum = 0.0f64;
    for ((y, &target), &mask) in y.iter_mut().zip(target).zip(mask) {
        let error = *y - target;
        // a masked-out element counts for nothing, even if the network's answer there is not finite
        if mask != 0.0 {
            sum += f64::from(mask) * f64::from(error) * f64::from(error);
        }
        *y = if mask != 0.0 { 2.0 * scale * mask * error * slope(activation, *y) } else { 0.0 };
    }
    sum
}

/// g' at the readout's sum, where `y` = g of it and g is `activation` (identity or tanh).
pub(super) fn slope<E: Real>(activation: Activation, y: E) -> E {
    match activation {
        Activation::Tanh => E::ONE + E::of(-1.0) * y * y,
        _ => E::ONE,
    }
}

/// Adds up `-m ln softmax(y)[class]` over the lanes used, with their labels and weights m; replaces `y`,
/// `[outputs, lanes]`, by the derivative of `scale` times that sum by the readout's sum, where g is `activation`
/// (identity or tanh).
pub(super) fn cross_entropy(
    y: &mut [f32],
    lanes: usize,
    labels: &[u32],
    weights: &[f32],
    scale: f32,
    activation: Activation,
) -> Answers {
    let outputs = y.len() / lanes;
    let mut found = Answers::default();
    for (lane, (&label, &weight)) in labels.iter().zip(weights).enumerate() {
        let at = |output: usize| output * lanes + lane;
        // what counts for nothing does so even if the network's answer is not finite
        if weight == 0.0 {
            (0..outputs).for_each(|o| y[at(o)] = 0.0);
            continue;
        }
        // NaN must reach the loss: a plain maximum would step over it
        let largest =
            (0..outputs).map(|o| y[at(o)]).fold(f32::NEG_INFINITY, |m, x| if x > m || x.is_nan() { x } else { m });
        let total: f64 = (0..outputs).map(|o| f64::from(y[at(o)] - largest).exp()).sum();
        let own = y[at(label as usize)];
        found.loss += f64::from(weight) * (total.ln() - f64::from(own - largest));
        found.asked += 1;
        found.correct += usize::from((0..outputs).all(|o| o == label as usize || y[at(o)] < own));
        for o in 0..outputs {
            let p = f64::from(y[at(o)] - largest).exp() / total;
            let wanted = if o == label as usize { 1.0 } else { 0.0 };
            y[at(o)] = scale * weight * (p - wanted) as f32 * slope(activation, y[at(o)]);
        }
    }
    for row in y.chunks_exact_mut(lanes) {
        row[labels.len()..].fill(0.0);
    }
    found
}

/// `y`, g of the readout's sum where g is `activation`, becomes the derivative by that sum; `dy` is the derivative by y.
pub(super) fn through_readout(y: &mut [f32], dy: impl Fn(usize) -> f32, activation: Activation) {
    for (at, y) in y.iter_mut().enumerate() {
        *y = dy(at) * slope(activation, *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squared_error_by_hand() {
        let mut y = [1.0, 0.5, f32::NAN];
        let sum = squared_error(&mut y, &[0.0, 1.0, 0.0], &[1.0, 2.0, 0.0], 0.5, Activation::Identity);
        assert_eq!(sum, 1.0 + 2.0 * 0.25);
        assert_eq!(y, [1.0, -1.0, 0.0]);
        let mut y = [0.5];
        squared_error(&mut y, &[0.0], &[1.0], 1.0, Activation::Tanh);
        assert_eq!(y, [2.0 * 0.5 * 0.75]);
    }

    #[test]
    fn squared_error_shows_nan() {
        let mut y = [f32::NAN];
        assert!(squared_error(&mut y, &[0.0], &[1.0], 1.0, Activation::Identity).is_nan());
        assert!(y[0].is_nan());
    }

    #[test]
    fn cross_entropy_by_hand() {
        // two classes, three lanes used of four; logits (0, ln 3): p = (1/4, 3/4)
        let l = 3f32.ln();
        let mut y = [0.0, 0.0, 500.0, 7.0, l, l, -500.0, 7.0];
        let found = cross_entropy(&mut y, 4, &[1, 0, 0], &[1.0; 3], 2.0, Activation::Identity);
        let expected = -(0.75f64.ln() + 0.25f64.ln());
        assert!((found.loss - expected).abs() < 1e-6, "{found:?}");
        assert_eq!((found.asked, found.correct), (3, 2));
        for (got, want) in y.iter().zip([0.5, -1.5, 0.0, 0.0, -0.5, 1.5, 0.0, 0.0]) {
            assert!((got - want).abs() < 1e-6, "{y:?}");
        }
    }

    #[test]
    fn cross_entropy_of_tanh_by_hand() {
        // two classes, one lane; y = tanh(z) = (1/2, 1/2): p = (1/2, 1/2), g' = 1 - 1/4
        let mut y = [0.5, 0.5];
        let found = cross_entropy(&mut y, 1, &[1], &[1.0], 2.0, Activation::Tanh);
        assert!((found.loss - 2f64.ln()).abs() < 1e-12, "{found:?}");
        assert_eq!(y, [2.0 * 0.5 * 0.75, -2.0 * 0.5 * 0.75]);
        // unlike slopes: p = softmax(1/2, 0)
        let mut y = [0.5, 0.0];
        cross_entropy(&mut y, 1, &[0], &[1.0], 1.0, Activation::Tanh);
        let p = 0.5f32.exp() / (0.5f32.exp() + 1.0);
        for (got, want) in y.iter().zip([(p - 1.0) * 0.75, 1.0 - p]) {
            assert!((got - want).abs() < 1e-6, "{y:?}");
        }
    }

    #[test]
    fn cross_entropy_shows_nan() {
        let mut y = [0.0, f32::NAN];
        assert!(cross_entropy(&mut y, 1, &[0], &[1.0], 1.0, Activation::Identity).loss.is_nan());
    }

    #[test]
    fn weights_of_cross_entropy_by_hand() {
        // two classes, two lanes: the first counts 3, the second nothing, although its answer is not finite
        let l = 3f32.ln();
        let mut y = [0.0, f32::NAN, l, 1.0];
        let found = cross_entropy(&mut y, 2, &[0, 1], &[3.0, 0.0], 0.5, Activation::Identity);
        assert!((found.loss - 3.0 * 4f64.ln()).abs() < 1e-6, "{found:?}");
        assert_eq!((found.asked, found.correct), (1, 0));
        for (got, want) in y.iter().zip([0.5 * 3.0 * -0.75, 0.0, 0.5 * 3.0 * 0.75, 0.0]) {
            assert!((got - want).abs() < 1e-6, "{y:?}");
        }
    }
}
