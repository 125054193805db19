//! The loss of a lane group and its derivative by the readout's sum V a + c.
//!
//! Mean squared error: L = Σ m (y - y*)² / N with weights m (1 without a mask) and N = Σ m over the whole batch.
//! Cross-entropy: L = -Σ_lane ln softmax(y_T)[class] / N over the lanes of the batch, last step only.

use daleian_kernels::Activation;

/// What a lane group should have answered.
#[derive(Debug, Clone)]
pub enum Target {
    /// Values at every step.
    Series {
        /// `[steps, outputs, lanes]`.
        values: daleian_kernels::Aligned,
        /// Weights of the same shape; 0 in lanes of padding.
        mask: daleian_kernels::Aligned,
    },
    /// A class a lane, for the last step.
    Classes {
        /// `[lanes]`; those of padding are not read.
        labels: Vec<u32>,
        /// Lanes whose largest output was the right one, after the forward pass.
        correct: usize,
    },
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
fn slope(activation: Activation, y: f32) -> f32 {
    match activation {
        Activation::Tanh => 1.0 - y * y,
        _ => 1.0,
    }
}

/// Adds up `-ln softmax(y)[class]` over the lanes used; replaces `y`, `[outputs, lanes]`, by the derivative of
/// `scale` times that sum by the readout's sum, where g is `activation` (identity or tanh). Gives the sum and how many
/// lanes had the largest output at their class.
pub(super) fn cross_entropy(
    y: &mut [f32],
    lanes: usize,
    labels: &[u32],
    scale: f32,
    activation: Activation,
) -> (f64, usize) {
    let outputs = y.len() / lanes;
    let (mut sum, mut correct) = (0.0f64, 0);
    for (lane, &label) in labels.iter().enumerate() {
        let at = |output: usize| output * lanes + lane;
        // NaN must reach the loss: a plain maximum would step over it
        let largest =
            (0..outputs).map(|o| y[at(o)]).fold(f32::NEG_INFINITY, |m, x| if x > m || x.is_nan() { x } else { m });
        let total: f64 = (0..outputs).map(|o| f64::from(y[at(o)] - largest).exp()).sum();
        let own = y[at(label as usize)];
        sum += total.ln() - f64::from(own - largest);
        correct += usize::from((0..outputs).all(|o| o == label as usize || y[at(o)] < own));
        for o in 0..outputs {
            let p = f64::from(y[at(o)] - largest).exp() / total;
            let wanted = if o == label as usize { 1.0 } else { 0.0 };
            y[at(o)] = scale * (p - wanted) as f32 * slope(activation, y[at(o)]);
        }
    }
    for row in y.chunks_exact_mut(lanes) {
        row[labels.len()..].fill(0.0);
    }
    (sum, correct)
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
        let (sum, correct) = cross_entropy(&mut y, 4, &[1, 0, 0], 2.0, Activation::Identity);
        let expected = -(0.75f64.ln() + 0.25f64.ln());
        assert!((sum - expected).abs() < 1e-6, "{sum}");
        assert_eq!(correct, 2);
        for (got, want) in y.iter().zip([0.5, -1.5, 0.0, 0.0, -0.5, 1.5, 0.0, 0.0]) {
            assert!((got - want).abs() < 1e-6, "{y:?}");
        }
    }

    #[test]
    fn cross_entropy_of_tanh_by_hand() {
        // two classes, one lane; y = tanh(z) = (1/2, 1/2): p = (1/2, 1/2), g' = 1 - 1/4
        let mut y = [0.5, 0.5];
        let (sum, _) = cross_entropy(&mut y, 1, &[1], 2.0, Activation::Tanh);
        assert!((sum - 2f64.ln()).abs() < 1e-12, "{sum}");
        assert_eq!(y, [2.0 * 0.5 * 0.75, -2.0 * 0.5 * 0.75]);
        // unlike slopes: p = softmax(1/2, 0)
        let mut y = [0.5, 0.0];
        cross_entropy(&mut y, 1, &[0], 1.0, Activation::Tanh);
        let p = 0.5f32.exp() / (0.5f32.exp() + 1.0);
        for (got, want) in y.iter().zip([(p - 1.0) * 0.75, 1.0 - p]) {
            assert!((got - want).abs() < 1e-6, "{y:?}");
        }
    }

    #[test]
    fn cross_entropy_shows_nan() {
        let mut y = [0.0, f32::NAN];
        assert!(cross_entropy(&mut y, 1, &[0], 1.0, Activation::Identity).0.is_nan());
    }
}
