//! What weights are like: by the sign of their column, and by pair of populations.

use crate::connectome::Group;
use crate::sparse::Pattern;

use super::Histogram;

/// A synapse counts as present from this |w| on (Balwani et al. 2025, Fig. 5).
pub const PRESENT: f32 = 1e-5;

/// Numbers about some weights. A weight that is not finite is counted apart and enters nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WeightSummary {
    /// Finite weights.
    pub count: u64,
    /// The least, if there is one.
    pub min: Option<f32>,
    /// The greatest, if there is one.
    pub max: Option<f32>,
    /// The mean, if there is one.
    pub mean: Option<f64>,
    /// Weights that are exactly 0: stored, but silent.
    pub silent: u64,
    /// Weights against the sign of their column.
    pub violations: u64,
    /// Weights that are NaN or infinite.
    pub not_finite: u64,
}

impl WeightSummary {
    /// Counts a weight; `mean` holds the sum until [`Self::finish`].
    #[inline]
    fn add(&mut self, weight: f32, sign: i8) {
        if !weight.is_finite() {
            self.not_finite += 1;
            return;
        }
        self.count += 1;
        self.min = Some(self.min.map_or(weight, |min| min.min(weight)));
        self.max = Some(self.max.map_or(weight, |max| max.max(weight)));
        self.mean = Some(self.mean.unwrap_or(0.0) + f64::from(weight));
        self.silent += u64::from(weight == 0.0);
        self.violations += u64::from((sign > 0 && weight < 0.0) || (sign < 0 && weight > 0.0));
    }

    fn finish(&mut self) {
        self.mean = self.mean.map(|sum| sum / self.count as f64);
    }
}

/// The weights of the columns of one sign.
#[derive(Debug, Clone, PartialEq)]
pub struct SignPart {
    /// The sign of the columns: +1, -1 or 0.
    pub sign: i8,
    /// Their weights in numbers.
    pub summary: WeightSummary,
    /// Their weights without the exactly silent ones.
    pub histogram: Histogram,
}

/// Weights by the sign of their column.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightDistribution {
    /// Excitatory, inhibitory, unconstrained, in this order, also where there are none.
    pub parts: [SignPart; 3],
}

/// Weights by the sign of their column (`signs`: one a column), with histograms over `-limit..=limit`.
///
/// Silent weights (exactly 0) stay out of the histograms: they would tower over the bin that starts at 0. An even
/// number of bins keeps the signs apart.
///
/// # Panics
/// If `values` does not fit the pattern, `signs` its columns, `limit` is not above 0 and finite, or `bins` is 0.
pub fn weight_distribution(
    pattern: &Pattern,
    values: &[f32],
    signs: &[i8],
    limit: f32,
    bins: usize,
) -> WeightDistribution {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    assert_eq!(signs.len(), pattern.cols(), "one sign a column of the pattern");
    let part = |sign| SignPart {
        sign,
        summary: WeightSummary::default(),
        histogram: Histogram::new(f64::from(-limit), f64::from(limit), bins),
    };
    let mut parts = [part(1), part(-1), part(0)];
    for (&col, &weight) in pattern.indices().iter().zip(values) {
        let part = match signs[col as usize] {
            0 => &mut parts[2],
            sign if sign < 0 => &mut parts[1],
            _ => &mut parts[0],
        };
        part.summary.add(weight, part.sign);
        if weight != 0.0 {
            part.histogram.add(f64::from(weight));
        }
    }
    parts.iter_mut().for_each(|part| part.summary.finish());
    WeightDistribution { parts }
}

/// All weights in numbers; `signs` has one a column.
///
/// # Panics
/// If `values` does not fit the pattern, or `signs` its columns.
pub fn weight_summary(pattern: &Pattern, values: &[f32], signs: &[i8]) -> WeightSummary {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    assert_eq!(signs.len(), pattern.cols(), "one sign a column of the pattern");
    let mut summary = WeightSummary::default();
    for (&col, &weight) in pattern.indices().iter().zip(values) {
        summary.add(weight, signs[col as usize]);
    }
    summary.finish();
    summary
}

/// The largest finite |w|; 0 if there is none.
pub fn largest_magnitude(values: &[f32]) -> f32 {
    values.iter().map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f32::max)
}

/// Weights by pair of populations: `[populations, populations]`, row = postsynaptic, column = presynaptic.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockMeans {
    /// Number of populations.
    pub populations: usize,
    /// Mean |w| over all pairs of neurons in the block, absent synapses counted as 0; weights that are not finite too.
    pub mean_magnitude: Vec<f64>,
    /// Share of the pairs of neurons with a synapse of |w| >= [`PRESENT`].
    pub present_share: Vec<f64>,
    /// Stored synapses, silent ones included.
    pub synapses: Vec<u64>,
}

/// Block means (Balwani et al. 2025, Fig. 5). A block without a pair of neurons has 0 everywhere.
///
/// # Panics
/// If the pattern is not square, `values` does not fit it, or a neuron is in no population or in two.
pub fn block_means(pattern: &Pattern, values: &[f32], populations: &[Group]) -> BlockMeans {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    let count = populations.len();
    let of_neuron = group_of(pattern, populations);
    let mut sums = vec![0.0_f64; count * count];
    let mut present = vec![0_u64; count * count];
    let mut synapses = vec![0_u64; count * count];
    for (row, &post) in of_neuron.iter().enumerate() {
        for (&col, &weight) in pattern.row(row).iter().zip(&values[pattern.entries(row)]) {
            let block = post * count + of_neuron[col as usize];
            synapses[block] += 1;
            if weight.is_finite() {
                sums[block] += f64::from(weight.abs());
                present[block] += u64::from(weight.abs() >= PRESENT);
            }
        }
    }
    let per_pair = |block: usize, sum: f64| {
        let size = |k: usize| populations[k].neurons.len() as f64;
        let pairs = size(block / count) * size(block % count);
        if pairs == 0.0 { 0.0 } else { sum / pairs }
    };
    BlockMeans {
        populations: count,
        mean_magnitude: sums.iter().enumerate().map(|(block, &sum)| per_pair(block, sum)).collect(),
        present_share: present.iter().enumerate().map(|(block, &n)| per_pair(block, n as f64)).collect(),
        synapses,
    }
}

/// Of each neuron the place of its group.
///
/// # Panics
/// If the pattern is not square, or a neuron is in no group or in two.
pub(super) fn group_of(pattern: &Pattern, groups: &[Group]) -> Vec<usize> {
    assert_eq!(pattern.rows(), pattern.cols(), "W is square");
    let mut of_neuron = vec![usize::MAX; pattern.rows()];
    for (place, group) in groups.iter().enumerate() {
        for &neuron in &group.neurons {
            let before = std::mem::replace(&mut of_neuron[neuron as usize], place);
            assert_eq!(before, usize::MAX, "neuron {neuron} is in one population");
        }
    }
    assert!(!of_neuron.contains(&usize::MAX), "every neuron is in a population");
    of_neuron
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, start: usize, end: usize, sign: i8) -> Group {
        Group::range(name, start..end, sign)
    }

    /// Columns 0 and 1 excitatory, column 2 inhibitory:
    ///
    ///     1    .   -2
    ///     0    3    .
    ///    -1    .    4
    fn small() -> (Pattern, Vec<f32>) {
        let pattern = Pattern::new(3, 3, vec![0, 2, 4, 6], vec![0, 2, 0, 1, 0, 2]).unwrap();
        (pattern, vec![1.0, -2.0, 0.0, 3.0, -1.0, 4.0])
    }

    #[test]
    fn summary_by_hand() {
        let (pattern, mut values) = small();
        let got = weight_summary(&pattern, &values, &[1, 1, -1]);
        let want = WeightSummary {
            count: 6,
            min: Some(-2.0),
            max: Some(4.0),
            mean: Some(5.0 / 6.0),
            silent: 1,
            violations: 2,
            not_finite: 0,
        };
        assert_eq!(got, want);
        assert_eq!(weight_summary(&pattern, &values, &[0, 0, 0]).violations, 0);
        values[3] = f32::NAN;
        let got = weight_summary(&pattern, &values, &[1, 1, -1]);
        assert_eq!((got.count, got.not_finite, got.mean), (5, 1, Some(0.4)));
        assert_eq!(weight_summary(&Pattern::empty(2, 2), &[], &[1, 1]), WeightSummary::default());
    }

    #[test]
    fn distribution_by_hand() {
        let (pattern, values) = small();
        let WeightDistribution { parts: [exc, inh, free] } =
            weight_distribution(&pattern, &values, &[1, 1, -1], 4.0, 4);
        assert_eq!((exc.sign, inh.sign, free.sign), (1, -1, 0));
        assert_eq!((exc.summary.count, exc.summary.silent, exc.summary.violations), (4, 1, 1));
        assert_eq!(exc.histogram.counts, [0, 1, 1, 1]);
        assert_eq!((inh.summary.count, inh.summary.mean, inh.summary.violations), (2, Some(1.0), 1));
        assert_eq!(inh.histogram.counts, [0, 1, 0, 1]);
        assert_eq!((free.summary.count, free.histogram.total()), (0, 0));
    }

    #[test]
    fn block_means_by_hand() {
        let (pattern, mut values) = small();
        let populations = [view("a", 0, 2, 1), view("none", 2, 2, 0), view("b", 2, 3, -1)];
        let got = block_means(&pattern, &values, &populations);
        assert_eq!(got.synapses, [3, 0, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(got.mean_magnitude, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.0, 4.0]);
        assert_eq!(got.present_share, [0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 1.0]);
        values[0] = f32::NAN;
        values[3] = 0.9e-5;
        let got = block_means(&pattern, &values, &populations);
        assert_eq!(got.present_share[0], 0.0);
        assert_eq!(block_means(&Pattern::empty(0, 0), &[], &[]).populations, 0);
    }

    #[test]
    fn populations_may_alternate() {
        let (pattern, values) = small();
        let mixed = Group { name: "a".into(), neurons: vec![0, 2], sign: None };
        let got = block_means(&pattern, &values, &[mixed, view("b", 1, 2, 1)]);
        assert_eq!(got.synapses, [4, 0, 1, 1]);
        assert_eq!(got.mean_magnitude, [2.0, 0.0, 0.0, 3.0]);
    }

    #[test]
    #[should_panic(expected = "every neuron is in a population")]
    fn a_gap_is_refused() {
        block_means(&Pattern::empty(3, 3), &[], &[view("a", 0, 1, 0), view("b", 2, 3, 0)]);
    }

    #[test]
    fn magnitudes() {
        assert_eq!(largest_magnitude(&[]), 0.0);
        assert_eq!(largest_magnitude(&[1.0, -3.0, f32::NAN, f32::NEG_INFINITY]), 3.0);
    }
}
