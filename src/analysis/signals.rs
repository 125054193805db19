//! Signals over time made small enough to look at: softmax, extremes and means of pieces.

/// `exp(y_i - max y) / Σ_j exp(y_j - max y)`: what cross-entropy makes of outputs. NaN everywhere if one is NaN.
pub fn softmax(outputs: &[f32]) -> Vec<f64> {
    let top = outputs.iter().fold(f64::NEG_INFINITY, |top, &y| top.max(f64::from(y)));
    let powers: Vec<f64> = outputs.iter().map(|&y| (f64::from(y) - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// One channel of `[steps, channels]` as (step from 1, value); of more than `2 * pieces` steps only the least and the
/// greatest finite value of each of `pieces` pieces, in their order.
///
/// # Panics
/// If `channel` is not below `channels`, or `pieces` is 0.
pub fn extremes(values: &[f32], channels: usize, channel: usize, pieces: usize) -> Vec<(f64, f64)> {
    assert!(channel < channels && pieces > 0, "an existing channel and at least one piece");
    let steps = values.len() / channels;
    let point = |step: usize| ((step + 1) as f64, f64::from(values[step * channels + channel]));
    if steps <= 2 * pieces {
        return (0..steps).map(point).collect();
    }
    let mut points = Vec::with_capacity(2 * pieces);
    for piece in 0..pieces {
        let all = (steps * piece / pieces..steps * (piece + 1) / pieces).map(point).filter(|point| point.1.is_finite());
        let least = all.clone().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = all.max_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(least), Some(most)) = (least, most) else {
            points.push(point(steps * piece / pieces));
            continue;
        };
        points.push(if least.0 <= most.0 { least } else { most });
        if least.0 != most.0 {
            points.push(if least.0 <= most.0 { most } else { least });
        }
    }
    points
}

/// `[steps, channels]` as an image: row = channel, column = time, each cell the mean of the finite values in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Rows of the image.
    pub rows: usize,
    /// Columns of the image.
    pub cols: usize,
    /// Means, `[rows, cols]`; `None` where no value is finite.
    pub means: Vec<Option<f64>>,
}

/// Makes an image of at most `max_rows` × `max_cols` cells.
///
/// # Panics
/// If `channels`, `max_rows` or `max_cols` is 0.
pub fn strip(values: &[f32], channels: usize, max_rows: usize, max_cols: usize) -> Strip {
    assert!(channels > 0 && max_rows > 0 && max_cols > 0, "channels, rows and columns are at least 1");
    let steps = values.len() / channels;
    let (rows, cols) = (channels.min(max_rows), steps.min(max_cols));
    let mut sums = vec![(0.0_f64, 0_u32); rows * cols];
    for (step, channel_values) in values.chunks_exact(channels).enumerate() {
        for (channel, &value) in channel_values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let cell = &mut sums[channel * rows / channels * cols + step * cols / steps];
            *cell = (cell.0 + f64::from(value), cell.1 + 1);
        }
    }
    let means = sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    Strip { rows, cols, means }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_by_hand() {
        assert_eq!(softmax(&[2.0, 2.0]), [0.5, 0.5]);
        let got = softmax(&[0.0, 3.0_f32.ln(), -1e30]);
        assert!((got[0] - 0.25).abs() < 1e-7 && (got[1] - 0.75).abs() < 1e-7 && got[2] == 0.0);
        assert_eq!(softmax(&[1e30, 0.0]), [1.0, 0.0]);
        assert!(softmax(&[]).is_empty());
        assert!(softmax(&[f32::NAN, 0.0]).iter().all(|p| p.is_nan()));
    }

    #[test]
    fn extremes_by_hand() {
        let values = [1.0, 9.0, 2.0, 8.0, 3.0, 7.0];
        assert_eq!(extremes(&values, 2, 1, 2), [(1.0, 9.0), (2.0, 8.0), (3.0, 7.0)]);
        let values = [0.0, 5.0, -1.0, 2.0, f32::NAN, f32::NAN, f32::NAN, 4.0, 4.0];
        let got = extremes(&values, 1, 0, 3);
        assert_eq!(got[..2], [(2.0, 5.0), (3.0, -1.0)]);
        assert_eq!(got[2], (4.0, 2.0));
        assert_eq!(got.last(), Some(&(9.0, 4.0)));
    }

    #[test]
    fn strips_by_hand() {
        // Channel 0: 1 2 3 4; channel 1: NaN NaN 6 8.
        let values = [1.0, f32::NAN, 2.0, f32::NAN, 3.0, 6.0, 4.0, 8.0];
        let got = strip(&values, 2, 2, 2);
        assert_eq!((got.rows, got.cols), (2, 2));
        assert_eq!(got.means, [Some(1.5), Some(3.5), None, Some(7.0)]);
        assert_eq!(strip(&values, 2, 1, 9).means, [Some(1.0), Some(2.0), Some(4.5), Some(6.0)]);
        assert!(strip(&[], 3, 5, 5).means.is_empty());
    }
}
