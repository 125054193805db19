//! Numbers over runs: mean, median, least and greatest of those that are finite.

use serde::Serialize;

/// Values of several runs and what they come to. A run that diverged has no value (NaN) and enters nothing but the
/// count of all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Every run's value, in the order of seeds; null in JSON where a run diverged.
    pub values: Vec<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The median; of an even number of values the mean of the two in the middle.
    pub median: Option<f64>,
    /// The least.
    pub least: Option<f64>,
    /// The greatest.
    pub greatest: Option<f64>,
}

impl Spread {
    /// Of these values.
    pub fn new(values: Vec<f64>) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        let some = |value: &dyn Fn() -> f64| (n > 0).then(value);
        Self {
            mean: some(&|| sorted.iter().sum::<f64>() / n as f64),
            median: some(&|| (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0),
            least: sorted.first().copied(),
            greatest: sorted.last().copied(),
            values,
        }
    }
}

/// (x, mean), x rising.
type Line = Vec<(f64, f64)>;
/// (x, least, greatest), x rising.
type Band = Vec<(f64, f64, f64)>;

/// For each x, the mean, the least and the greatest of several series of (x, y): (x, mean) and (x, least, greatest).
pub(super) fn over_runs(series: &[Vec<(f64, f64)>]) -> (Line, Band) {
    let mut xs: Vec<f64> = series.iter().flatten().map(|point| point.0).collect();
    xs.sort_unstable_by(f64::total_cmp);
    xs.dedup();
    let spread = xs.into_iter().filter_map(|x| {
        let ys = series.iter().filter_map(|points| points.iter().find(|point| point.0 == x)).map(|point| point.1);
        let spread = Spread::new(ys.collect());
        Some((x, spread.mean?, spread.least?, spread.greatest?))
    });
    spread.map(|(x, mean, least, greatest)| ((x, mean), (x, least, greatest))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        let odd = Spread::new(vec![3.0, 1.0, 8.0]);
        assert_eq!((odd.mean, odd.median, odd.least, odd.greatest), (Some(4.0), Some(3.0), Some(1.0), Some(8.0)));
        let even = Spread::new(vec![4.0, 1.0, f64::NAN, 2.0, 9.0]);
        assert_eq!((even.mean, even.median, even.least, even.greatest), (Some(4.0), Some(3.0), Some(1.0), Some(9.0)));
        assert_eq!(even.values.len(), 5);
        let none = Spread::new(vec![f64::NAN]);
        assert_eq!((none.mean, none.median, none.least), (None, None, None));
    }

    #[test]
    fn series_of_different_length_meet_at_each_x() {
        let (mean, band) = over_runs(&[vec![(1.0, 2.0), (2.0, 6.0)], vec![(1.0, 4.0), (2.0, f64::NAN)]]);
        assert_eq!(mean, [(1.0, 3.0), (2.0, 6.0)]);
        assert_eq!(band, [(1.0, 2.0, 4.0), (2.0, 6.0, 6.0)]);
        assert_eq!(over_runs(&[]), (vec![], vec![]));
    }
}
