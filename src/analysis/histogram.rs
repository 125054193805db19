//! Histograms: bin i of b counts the values in [low + i·w, low + (i+1)·w), w = (high - low)/b; the last is closed.

/// Counts of values in bins of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin (which includes it).
    pub high: f64,
    /// Values in each bin.
    pub counts: Vec<u64>,
    /// Finite values below `low` or above `high`.
    pub outside: u64,
    /// Values that were NaN or infinite.
    pub not_finite: u64,
}

impl Histogram {
    /// A histogram of nothing yet, over `low..=high`.
    ///
    /// # Panics
    /// If `bins` is 0, or `low < high` does not hold with both finite.
    pub fn new(low: f64, high: f64, bins: usize) -> Self {
        assert!(bins > 0, "a histogram needs at least one bin");
        assert!(low < high && low.is_finite() && high.is_finite(), "a histogram needs low < high, both finite");
        Self { low, high, counts: vec![0; bins], outside: 0, not_finite: 0 }
    }

    /// Counts one value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
        } else if value < self.low || value > self.high {
            self.outside += 1;
        } else {
            let bins = self.counts.len();
            let bin = (value - self.low) / (self.high - self.low) * bins as f64;
            self.counts[(bin as usize).min(bins - 1)] += 1;
        }
    }

    /// Edge `i` of the bins, 0 to the number of bins.
    pub fn edge(&self, i: usize) -> f64 {
        let share = i as f64 / self.counts.len() as f64;
        self.low + (self.high - self.low) * share
    }

    /// Values in all bins together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The histogram of `values` over their own range; equal values get a range around them, no finite value 0 to 1.
///
/// # Panics
/// If `bins` is 0.
pub fn histogram(values: &[f32], bins: usize) -> Histogram {
    let finite = values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value));
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let (low, high) = match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => {
            // Beside a huge value 0.5 would be lost to rounding.
            let half = 0.5_f64.max(low.abs() * 1e-6);
            (low - half, low + half)
        }
        _ => (0.0, 1.0),
    };
    histogram_between(values, low, high, bins)
}

/// The histogram of `values` over `low..=high`.
///
/// # Panics
/// As [`Histogram::new`].
pub fn histogram_between(values: &[f32], low: f64, high: f64, bins: usize) -> Histogram {
    let mut histogram = Histogram::new(low, high, bins);
    values.iter().for_each(|&value| histogram.add(f64::from(value)));
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_by_hand() {
        let got = histogram(&[0.0, 0.5, 1.0, 1.5, 3.9, 4.0, f32::NAN, f32::INFINITY], 4);
        assert_eq!((got.low, got.high), (0.0, 4.0));
        assert_eq!(got.counts, [2, 2, 0, 2]);
        assert_eq!((got.outside, got.not_finite, got.total()), (0, 2, 6));
        assert_eq!([got.edge(0), got.edge(1), got.edge(4)], [0.0, 1.0, 4.0]);
        assert_eq!(histogram_between(&[-1.0, 0.0, 1.0, 1.5], 0.0, 1.0, 2).outside, 2);
    }

    #[test]
    fn edges_of_the_input() {
        assert_eq!(histogram(&[], 3).counts, [0, 0, 0]);
        assert_eq!(histogram(&[2.0, 2.0], 2).counts, [0, 2]);
        assert_eq!(histogram(&[f32::MAX, f32::MAX], 2).total(), 2);
        assert_eq!(histogram(&[f32::NAN], 2).not_finite, 1);
    }

    #[test]
    #[should_panic(expected = "at least one bin")]
    fn no_bins() {
        histogram(&[1.0], 0);
    }

    proptest! {
        #[test]
        fn every_value_is_counted_once(values in prop::collection::vec(any::<f32>(), 0..50), bins in 1usize..20) {
            let got = histogram(&values, bins);
            prop_assert_eq!(got.total() + got.not_finite, values.len() as u64);
            prop_assert_eq!(got.outside, 0);
        }
    }
}
