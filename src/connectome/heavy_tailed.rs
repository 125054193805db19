//! Drawing the synapses of one connection with heavy-tailed degrees on both sides, in time and memory of the synapses.
//!
//! A weight of each presynaptic and each postsynaptic neuron is drawn from a log-normal, exp(σ N(0, 1)), all of them
//! independent. Expected degrees are proportional to the weights (F. Chung & L. Lu, Ann. Combinatorics 6, 125, 2002),
//! cut off at what distinct pairs allow:
//!
//! * in-degree of row i: d_i = min(s u_i, sources), with s such that Σ d_i is the number of synapses wanted, M; rounded
//!   by systematic sampling, k_i = ⌊Σ_{≤i} d + θ⌋ - ⌊Σ_{<i} d + θ⌋ with one θ uniform in [0, 1), so that Σ k_i = M
//!   exactly and each k_i is one of the two whole numbers next to d_i.
//! * the k_i presynaptic neurons of a row, one after the other: each with probability proportional to its weight v_j
//!   among those that are not in the row yet. So a hub whose share M v_j / Σ v comes near the number of rows gets
//!   less than its share, and the others the rest.
//!
//! One draw is from an alias table (A. J. Walker 1977), drawn again where it is in the row already. Where that happens
//! too often, the rest of the row is taken by exponential keys, the smallest E_j / v_j (Efraimidis & Spirakis, Inf.
//! Process. Lett. 97, 181, 2006): the same distribution, in time of the presynaptic neurons.

use rand::RngExt;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, Exp1, LogNormal};

use crate::random::Stream;

/// Draws that a row of k synapses may take for each of them before it goes on by exponential keys.
const PATIENCE: usize = 8;

/// The degrees of one connection and the table that presynaptic neurons are drawn from.
pub(super) struct HeavyTailed {
    /// k_i, one a row of the block.
    degrees: Vec<u32>,
    /// v_j, one a presynaptic neuron, and its alias table.
    weights: Vec<f64>,
    table: WeightedAliasIndex<f64>,
    /// Scratch: (E_j / v_j, j).
    keys: Vec<(f64, u32)>,
}

impl HeavyTailed {
    /// Degrees for rows that may have at most `limits[i]` synapses, `mean_degree` on average, from `sources`
    /// presynaptic neurons.
    ///
    /// # Panics
    /// If `sigma` is not finite and above 0, or more synapses are wanted than the limits allow.
    pub fn new(limits: &[u32], sources: usize, mean_degree: f64, sigma: f64, stream: &mut Stream) -> Self {
        let weight = LogNormal::new(0.0, sigma).expect("a finite spread above 0");
        let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| weight.sample(stream)).collect() };
        let (rows, weights) = (draw(limits.len()), draw(sources));
        let wanted = (mean_degree * limits.len() as f64).round();
        let degrees = round(&expected(&rows, limits, wanted), limits, wanted as u64, stream.random());
        let table = WeightedAliasIndex::new(weights.clone()).expect("weights above 0");
        Self { degrees, weights, table, keys: Vec::new() }
    }

    /// M, exactly.
    pub fn synapses(&self) -> u64 {
        self.degrees.iter().map(|&degree| u64::from(degree)).sum()
    }

    /// Appends the presynaptic neurons of row `row`, counted from the first of the block, in no order and without
    /// `left_out`. `taken` is true for what was appended and must be false before.
    pub fn row(
        &mut self,
        row: usize,
        left_out: Option<u32>,
        taken: &mut [bool],
        stream: &mut Stream,
        out: &mut Vec<u32>,
    ) {
        let degree = self.degrees[row] as usize;
        let end = out.len() + degree;
        for _ in 0..PATIENCE * degree {
            if out.len() == end {
                return;
            }
            let pick = self.table.sample(stream);
            if !taken[pick] && left_out != Some(pick as u32) {
                taken[pick] = true;
                out.push(pick as u32);
            }
        }
        self.rest(end - out.len(), left_out, taken, stream, out);
    }

    /// The last `missing` of a row, by exponential keys.
    fn rest(
        &mut self,
        missing: usize,
        left_out: Option<u32>,
        taken: &mut [bool],
        stream: &mut Stream,
        out: &mut Vec<u32>,
    ) {
        if missing == 0 {
            return;
        }
        self.keys.clear();
        for (pick, weight) in (0u32..).zip(&self.weights) {
            if !taken[pick as usize] && left_out != Some(pick) {
                let key: f64 = Exp1.sample(stream);
                self.keys.push((key / weight, pick));
            }
        }
        if missing < self.keys.len() {
            self.keys.select_nth_unstable_by(missing, |a, b| a.partial_cmp(b).expect("keys are numbers"));
        }
        for &(_, pick) in &self.keys[..missing] {
            taken[pick as usize] = true;
            out.push(pick);
        }
    }
}

/// min(s wᵢ, limitᵢ), with s such that they add up to `wanted`.
///
/// # Panics
/// If the limits do not allow for so many.
fn expected(weights: &[f64], limits: &[u32], wanted: f64) -> Vec<f64> {
    let room: f64 = limits.iter().map(|&limit| f64::from(limit)).sum();
    assert!(wanted <= room, "{wanted} synapses wanted, but there are {room} pairs");
    // rows that reach their limit first come first
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let reach = |row: usize| f64::from(limits[row]) / weights[row];
    order.sort_by(|&a, &b| reach(a).total_cmp(&reach(b)));
    let mut out = vec![0.0; weights.len()];
    let (mut left, mut sum) = (wanted, weights.iter().sum::<f64>());
    let mut rows = order.iter();
    for &row in rows.by_ref() {
        if left * weights[row] < f64::from(limits[row]) * sum {
            out[row] = left * weights[row] / sum;
            break;
        }
        out[row] = f64::from(limits[row]);
        left = (left - out[row]).max(0.0);
        sum -= weights[row];
    }
    let scale = left / sum;
    for &row in rows {
        out[row] = scale * weights[row];
    }
    out
}

/// Whole numbers next to `expected` that add up to `total`, by systematic sampling with the offset `theta`.
fn round(expected: &[f64], limits: &[u32], total: u64, theta: f64) -> Vec<u32> {
    let mut sum = theta;
    let mut before = 0u64;
    let mut degrees: Vec<u32> = expected
        .iter()
        .zip(limits)
        .map(|(&degree, &limit)| {
            sum += degree;
            let now = (sum.floor() as u64).min(total);
            let degree = (now - before).min(u64::from(limit));
            before += degree;
            degree as u32
        })
        .collect();
    // what rounding of the sums themselves left over: nearly always nothing
    let mut missing = total - before;
    for (degree, &limit) in degrees.iter_mut().zip(limits) {
        let more = missing.min(u64::from(limit - *degree));
        *degree += more as u32;
        missing -= more;
    }
    degrees
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn expected_degrees_by_hand() {
        assert_eq!(expected(&[1.0, 2.0, 5.0], &[10, 10, 10], 16.0), [2.0, 4.0, 10.0]);
        // the last would get 10 but may have 4: 12 are left for the others, of which the second would get 8
        assert_eq!(expected(&[1.0, 2.0, 5.0], &[10, 10, 4], 16.0), [4.0, 8.0, 4.0]);
        assert_eq!(expected(&[1.0, 2.0, 5.0], &[10, 7, 4], 16.0), [5.0, 7.0, 4.0]);
        assert_eq!(expected(&[1.0, 1.0], &[3, 2], 5.0), [3.0, 2.0]);
    }

    #[test]
    fn rounding_by_hand() {
        // sums 0.6, 1.2, 1.8, 3.0 with θ = 0; with θ = 0.5: 1.1, 1.7, 2.3, 3.5
        assert_eq!(round(&[0.6, 0.6, 0.6, 1.2], &[9; 4], 3, 0.0), [0, 1, 0, 2]);
        assert_eq!(round(&[0.6, 0.6, 0.6, 1.2], &[9; 4], 3, 0.5), [1, 0, 1, 1]);
        // a sum that fell short by rounding is made up for
        assert_eq!(round(&[0.999_999, 1.0], &[1, 2], 2, 0.0), [1, 1]);
    }

    /// Rows by exponential keys alone have the distribution of rows by rejection alone.
    #[test]
    fn both_ways_of_drawing_agree() {
        // weights 1, 2, 6: pairs of the ordered draws, by hand: P({a, b}) = a/9 · b/(9-a) + b/9 · a/(9-b)
        let pair = |a: f64, b: f64| a / 9.0 * b / (9.0 - a) + b / 9.0 * a / (9.0 - b);
        let expected = [pair(1.0, 2.0), pair(1.0, 6.0), pair(2.0, 6.0)];
        assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let weights = vec![1.0, 2.0, 6.0];
        let mut rng = stream(3, Purpose::Connectivity, 0);
        for by_keys in [false, true] {
            let mut drawer = HeavyTailed {
                degrees: vec![2],
                table: WeightedAliasIndex::new(weights.clone()).unwrap(),
                weights: weights.clone(),
                keys: Vec::new(),
            };
            let mut counts = [0.0; 3];
            let rounds = 40_000;
            for _ in 0..rounds {
                let (mut taken, mut out) = ([false; 3], vec![]);
                if by_keys {
                    drawer.rest(2, None, &mut taken, &mut rng, &mut out);
                } else {
                    drawer.row(0, None, &mut taken, &mut rng, &mut out);
                }
                out.sort_unstable();
                counts[match out[..] {
                    [0, 1] => 0,
                    [0, 2] => 1,
                    [1, 2] => 2,
                    _ => panic!("{out:?}"),
                }] += 1.0;
            }
            for (count, p) in counts.iter().zip(expected) {
                let (mean, sigma) = (f64::from(rounds) * p, (f64::from(rounds) * p * (1.0 - p)).sqrt());
                assert!((count - mean).abs() < 6.0 * sigma, "by keys: {by_keys}, {counts:?}, expected {expected:?}");
            }
        }
    }
}
