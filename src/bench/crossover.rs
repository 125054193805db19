//! The density from which full matrices are faster: where ratio = dense / sparse falls through 1.

use serde::Serialize;

use super::StepTimes;

/// Where a size of network and batch goes over from sparse to dense.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crossover {
    /// Neurons.
    pub n: usize,
    /// Samples in a batch.
    pub lanes: usize,
    /// Time steps.
    pub steps: usize,
    /// The density at which both take as long; `None` if one side was faster everywhere.
    pub density: Option<f64>,
    /// In words.
    pub verdict: String,
}

/// The crossover of each (n, lanes, steps) that was measured on both sides at two densities or more, in the order of
/// their first appearance.
pub fn crossovers(times: &[StepTimes]) -> Vec<Crossover> {
    let key = |times: &StepTimes| (times.n, times.lanes, times.steps);
    let mut keys: Vec<_> = Vec::new();
    for times in times {
        if !keys.contains(&key(times)) {
            keys.push(key(times));
        }
    }
    let of = |(n, lanes, steps)| {
        let same = times.iter().filter(|times| key(times) == (n, lanes, steps));
        let mut points: Vec<_> = same.filter_map(|times| Some((times.density, times.ratio?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by_key(|point| point.0);
        let (&(least, first), &(most, _)) = (points.first()?, points.last()?);
        if points.len() < 2 {
            return None;
        }
        let density = crossing(&points);
        let percent = |density: f64| format!("{} %", (density * 1e4).round() / 1e2);
        let verdict = match density {
            Some(density) => format!("sparse is faster below {}", percent(density)),
            None if first > 1.0 => format!("sparse is faster up to {}, the highest measured", percent(most)),
            None => format!("dense is faster from {} on, the lowest measured", percent(least)),
        };
        Some(Crossover { n, lanes, steps, density, verdict })
    };
    keys.into_iter().filter_map(of).collect()
}

/// Where the ratios, by rising density, last fall through 1: a straight line between the logarithms.
fn crossing(points: &[(f64, f64)]) -> Option<f64> {
    let pair = points.windows(2).rev().find(|pair| pair[0].1 > 1.0 && pair[1].1 <= 1.0)?;
    let [(d0, r0), (d1, r1)] = [pair[0], pair[1]].map(|(density, ratio)| (density.ln(), ratio.ln()));
    Some((d0 + (d1 - d0) * r0 / (r0 - r1)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_by_hand() {
        // from 4 to 1/4 is half way at 1, in logarithms: √(0.01 · 1)
        assert!((crossing(&[(0.01, 4.0), (1.0, 0.25)]).unwrap() - 0.1).abs() < 1e-12);
        // a third of the way from 2 to 1/4
        assert!((crossing(&[(0.001, 9.0), (0.01, 2.0), (0.08, 0.25)]).unwrap() - 0.02).abs() < 1e-12);
        assert_eq!(crossing(&[(0.1, 2.0), (0.2, 1.0)]), Some(0.2));
        assert_eq!(crossing(&[(0.1, 2.0), (0.2, 1.1)]), None);
        assert_eq!(crossing(&[(0.1, 0.9), (0.2, 0.5)]), None);
        assert_eq!(crossing(&[]), None);
    }

    #[test]
    fn sizes_are_kept_apart_and_sorted() {
        let times = |n, density, ratio| StepTimes {
            n,
            density,
            lanes: 16,
            steps: 3,
            synapses: 1,
            sparse_s: 1.0,
            dense_s: ratio,
            ratio,
            turns: 1,
            floor_s: None,
        };
        let all = [
            times(8, 1.0, Some(0.25)),
            times(9, 0.5, Some(3.0)),
            times(8, 0.01, Some(4.0)),
            times(9, 0.1, Some(5.0)),
            times(10, 0.1, None),
            times(10, 0.2, None),
            times(11, 0.2, Some(2.0)),
            times(12, 0.2, Some(0.5)),
            times(12, 0.4, Some(0.2)),
        ];
        let found = crossovers(&all);
        assert_eq!(found.iter().map(|found| found.n).collect::<Vec<_>>(), [8, 9, 12]);
        assert!((found[0].density.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(found[0].verdict, "sparse is faster below 10 %");
        assert_eq!(found[1].verdict, "sparse is faster up to 50 %, the highest measured");
        assert_eq!(found[2].verdict, "dense is faster from 20 % on, the lowest measured");
    }
}
