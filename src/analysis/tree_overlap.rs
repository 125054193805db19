//! How much of the maximum spanning tree survives pruning: `|tree ∩ kept| / min(|tree|, |kept|)`.
//!
//! The tree is that of [`super::spanning_tree`]; W with every entry has one of 2n - 1 edges. The measure, both bounds
//! and the setting of [`theory`] are those of Balwani et al. 2025, Fig. 3.

use rand::RngExt;
use rand::distr::{Distribution, Open01};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Serialize;

use super::spanning_tree::maximum_spanning_forest;
use crate::random::{Purpose, stream};
use crate::sparse::Pattern;

/// The overlap of a kept set: tree edges in it, over as many as could be, `min(|tree|, |kept|)`. 0 where nothing is
/// kept, or there is no tree.
///
/// Both are entry numbers, ascending: `tree` as [`maximum_spanning_forest`] gives it.
///
/// # Panics
/// If one of them does not rise strictly.
pub fn overlap(tree: &[u32], kept: &[u32]) -> f64 {
    let rises = |entries: &[u32]| entries.is_sorted_by(|a, b| a < b);
    assert!(rises(tree) && rises(kept), "entry numbers rise");
    let survivors = tree.iter().filter(|edge| kept.binary_search(edge).is_ok()).count();
    share(survivors, tree.len(), kept.len())
}

fn share(survivors: usize, tree: usize, kept: usize) -> f64 {
    if survivors == 0 { 0.0 } else { survivors as f64 / tree.min(kept) as f64 }
}

/// The expected [`overlap`] where `kept` of `entries` are kept at random, each set of so many as likely as another.
///
/// How many of the `tree` edges are kept is then hypergeometric, with mean `tree · kept / entries`; over
/// `min(tree, kept)` that is `max(tree, kept) / entries`. So while at least as many entries are kept as the tree has
/// edges, it is the kept fraction; with fewer it stays at `tree / entries`, as each kept entry is a tree edge with
/// that probability. 0 where nothing is kept.
///
/// # Panics
/// If `tree` or `kept` is more than `entries`, or `kept` is negative or NaN.
pub fn random_expectation(tree: usize, entries: usize, kept: f64) -> f64 {
    assert!(tree <= entries && (0.0..=entries as f64).contains(&kept), "tree and kept are among the entries");
    if tree == 0 || kept == 0.0 { 0.0 } else { kept.max(tree as f64) / entries as f64 }
}

/// A lower bound on the expected overlap of top-prob pruning for an n × n matrix with every entry, whose weights are
/// independent draws from one distribution. `probabilities[k]` is the probability that entry `k` is kept, 0 to 1.
///
/// With P(k) the probability of the kth heaviest entry (the paper's formula):
///
/// ```text
/// ( P(1) + P(2) + P(3) + Σ_{k=4..n} P(k) (n-k)² / (n²-k) ) / min(2n-1, kept),   kept = Σ_k P(k)
/// ```
///
/// The numerator counts heavy entries that are kept and surely in the tree. A cycle in a bipartite graph has at least
/// four edges, so Kruskal's algorithm takes the three heaviest whatever they join. The k - 1 entries heavier than the
/// kth lie in at most k - 1 rows and k - 1 columns. If the kth has a row and a column beside these it closes no cycle
/// and is taken. As the weights are independent of their places, it is equally likely at each of the n² - k + 1 places
/// left, of which at least (n-k+1)² are such: a probability of at least (n-k+1)²/(n²-k+1), and the paper's
/// (n-k)²/(n²-k) is a little less than that. Lighter entries than the nth, and heavier ones that share a row or column
/// with one before, are mostly in the tree too; the bound counts none of them, so it is far from tight (all entries
/// kept: 1/6 for large n, where the overlap is 1).
///
/// It bounds the expected number of surviving edges over `min(2n-1, kept)`, kept being an expectation too; in
/// [`theory`] each draw is taken over its own number of kept entries. 0 where nothing is kept.
///
/// # Panics
/// If n is 0, or there are not n² weights and probabilities, or a weight is NaN, or a probability is not in 0 to 1.
pub fn top_prob_lower_bound(n: usize, weights: &[f32], probabilities: &[f64]) -> f64 {
    assert!(n > 0 && weights.len() == n * n && probabilities.len() == n * n, "n² weights and probabilities");
    assert!(weights.iter().all(|weight| !weight.is_nan()), "weights are numbers");
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "probabilities are in 0 to 1");
    let kept: f64 = probabilities.iter().sum();
    if kept == 0.0 {
        return 0.0;
    }
    let count = n.max(3).min(n * n);
    let heavier = |a: &u32, b: &u32| {
        let magnitude = |entry: &u32| weights[*entry as usize].abs();
        magnitude(b).total_cmp(&magnitude(a)).then(a.cmp(b))
    };
    let mut order: Vec<u32> = (0..(n * n) as u32).collect();
    order.select_nth_unstable_by(count - 1, heavier);
    order.truncate(count);
    order.sort_unstable_by(heavier);
    let size = n as f64;
    let survivors = order.iter().zip(1u32..).map(|(&entry, k)| {
        let rank = f64::from(k);
        let joins = if k <= 3 { 1.0 } else { (size - rank).powi(2) / (size * size - rank) };
        probabilities[entry as usize] * joins
    });
    survivors.sum::<f64>() / kept.min(2.0 * size - 1.0)
}

/// Overlap of one method at one sparsity, over draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TheoryRow {
    /// Rows and columns of W.
    pub n: usize,
    /// Share of the entries that pruning removes.
    pub sparsity: f64,
    /// `random` or `top-prob`.
    pub method: &'static str,
    /// The mean [`overlap`] over draws.
    pub mean: f64,
    /// Its standard deviation over draws; 0 for one draw.
    pub spread: f64,
    /// For `random` the [expectation](random_expectation), for `top-prob` the [lower bound](top_prob_lower_bound),
    /// averaged over the draws of W.
    pub bound: f64,
}

/// Sparsities of the paper: 0, 0.05, … 1.
pub fn sparsities() -> Vec<f64> {
    (0..=20).map(|k| f64::from(k) / 20.0).collect()
}

/// Overlap against sparsity for full n × n matrices: `draws` times |W| uniform in (0, 1), scaled to a maximum of 1,
/// each pruned afresh at every sparsity. Two rows a sparsity, `random` before `top-prob`.
///
/// `random` keeps exactly `(1 - sparsity) · n²` entries, rounded. `top-prob` keeps each entry with the probability
/// that `keep(weights, 1 - sparsity)` gives it, so their number varies, and its overlap is taken over the number kept.
///
/// Draws run on all threads of the pool; the numbers do not depend on how many there are. A draw takes about 30 bytes
/// an entry.
///
/// # Panics
/// If n or `draws` is 0 or above 65,535, a sparsity is not in 0 to 1, or `keep` gives something else than n²
/// probabilities.
pub fn theory(
    n: usize,
    sparsities: &[f64],
    draws: usize,
    seed: u64,
    keep: impl Fn(&[f32], f64) -> Vec<f64> + Sync,
) -> Vec<TheoryRow> {
    let small = 1..=usize::from(u16::MAX);
    assert!(small.contains(&n) && small.contains(&draws), "n and draws are from 1 to 65,535");
    assert!(sparsities.iter().all(|sparsity| (0.0..=1.0).contains(sparsity)), "sparsities are in 0 to 1");
    let pattern = Pattern::dense(n, n);
    let one = |draw: usize| draw_overlaps(&pattern, sparsities, seed, draw, &keep);
    let overlaps: Vec<Vec<Overlaps>> = (0..draws).into_par_iter().map(one).collect();
    let row = |k: usize, method, get: fn(&Overlaps) -> (f64, f64)| {
        let count = draws as f64;
        let mean = overlaps.iter().map(|of| get(&of[k]).0).sum::<f64>() / count;
        let squares: f64 = overlaps.iter().map(|of| (get(&of[k]).0 - mean).powi(2)).sum();
        let bound = overlaps.iter().map(|of| get(&of[k]).1).sum::<f64>() / count;
        let spread = (squares / (count - 1.0).max(1.0)).sqrt();
        TheoryRow { n, sparsity: sparsities[k], method, mean, spread, bound }
    };
    let rows = |k| [row(k, "random", |of| of.random), row(k, "top-prob", |of| of.top_prob)];
    (0..sparsities.len()).flat_map(rows).collect()
}

/// Overlap and bound of each method, of one draw at one sparsity.
struct Overlaps {
    random: (f64, f64),
    top_prob: (f64, f64),
}

fn draw_overlaps(
    pattern: &Pattern,
    sparsities: &[f64],
    seed: u64,
    draw: usize,
    keep: &impl Fn(&[f32], f64) -> Vec<f64>,
) -> Vec<Overlaps> {
    let (n, entries) = (pattern.rows(), pattern.nnz());
    // matrices of different size share no stream
    let mut rng = stream(seed, Purpose::TreeOverlap, (n as u32) << 16 | draw as u32);
    let mut weights: Vec<f32> = (0..entries).map(|_| Open01.sample(&mut rng)).collect();
    let largest = weights.iter().fold(0.0_f32, |largest, &weight| largest.max(weight));
    weights.iter_mut().for_each(|weight| *weight /= largest);
    let tree = maximum_spanning_forest(pattern, &weights);
    let mut in_tree = vec![false; entries];
    tree.iter().for_each(|&edge| in_tree[edge as usize] = true);
    let mut order: Vec<u32> = (0..entries as u32).collect();
    let mut at = |&sparsity: &f64| {
        let kept = ((1.0 - sparsity) * entries as f64).round() as usize;
        let (chosen, _) = order.partial_shuffle(&mut rng, kept);
        let survivors = chosen.iter().filter(|&&entry| in_tree[entry as usize]).count();
        let expected = random_expectation(tree.len(), entries, kept as f64);
        let random = (share(survivors, tree.len(), kept), expected);

        let probabilities = keep(&weights, 1.0 - sparsity);
        let bound = top_prob_lower_bound(n, &weights, &probabilities);
        let (mut survivors, mut kept) = (0, 0);
        for (&probability, &edge) in probabilities.iter().zip(&in_tree) {
            let keeps = rng.random::<f64>() < probability;
            kept += usize::from(keeps);
            survivors += usize::from(keeps && edge);
        }
        Overlaps { random, top_prob: (share(survivors, tree.len(), kept), bound) }
    };
    sparsities.iter().map(&mut at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} should be {want}");
    }

    #[test]
    fn overlaps_by_hand() {
        assert_eq!(overlap(&[0, 2, 5], &[0, 1, 2, 3]), 2.0 / 3.0);
        // fewer kept than the tree has edges
        assert_eq!(overlap(&[0, 2, 5], &[2, 4]), 0.5);
        assert_eq!(overlap(&[0, 2, 5], &[0, 1, 2, 3, 4, 5]), 1.0);
        assert_eq!([overlap(&[0, 1], &[]), overlap(&[], &[0])], [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "entry numbers rise")]
    fn entries_out_of_order_are_refused() {
        overlap(&[0, 2, 1], &[0]);
    }

    /// All sets of so many of nine entries, against a tree of five.
    #[test]
    fn the_random_expectation_is_the_mean_over_all_sets() {
        let tree = [0, 3, 4, 7, 8];
        for kept in 1..=9u32 {
            let sets = (0..1u32 << 9).filter(|set| set.count_ones() == kept);
            let all: Vec<f64> = sets
                .map(|set| overlap(&tree, &(0..9).filter(|entry| set >> entry & 1 == 1).collect::<Vec<_>>()))
                .collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            close(random_expectation(5, 9, f64::from(kept)), mean);
        }
        // the kept fraction from five on, five ninths below
        close(random_expectation(5, 9, 6.0), 6.0 / 9.0);
        close(random_expectation(5, 9, 2.0), 5.0 / 9.0);
        assert_eq!([random_expectation(5, 9, 0.0), random_expectation(0, 9, 3.0)], [0.0, 0.0]);
    }

    #[test]
    fn the_lower_bound_by_hand() {
        // by |w|: entries 1, 4, 8, then the rest
        let weights = [0.1, -9.0, 0.2, 0.3, 8.0, 0.4, 0.5, 0.6, -7.0];
        let probabilities = [0.25, 1.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.5, 0.5];
        // n = 3: the first three; 3 kept, fewer than 5 edges
        close(top_prob_lower_bound(3, &weights, &probabilities), (1.0 + 0.75 + 0.5) / 3.0);
        close(top_prob_lower_bound(3, &weights, &[1.0; 9]), 3.0 / 5.0);
        close(top_prob_lower_bound(1, &[0.5], &[0.5]), 1.0);
        close(top_prob_lower_bound(2, &[1.0, 2.0, 3.0, 4.0], &[0.5, 1.0, 1.0, 1.0]), 1.0);
        assert_eq!(top_prob_lower_bound(2, &[1.0; 4], &[0.0; 4]), 0.0);

        // n = 6, all kept: 4/32 for the fourth, 1/31 for the fifth, nothing for the sixth; the tree has 11 edges
        let weights: Vec<f32> = (0..36).map(|k| (36 - k) as f32).collect();
        close(top_prob_lower_bound(6, &weights, &[1.0; 36]), (3.0 + 4.0 / 32.0 + 1.0 / 31.0) / 11.0);
        let halves: Vec<f64> = (1..=36).map(|k| if k <= 5 { 1.0 / f64::from(k) } else { 0.0 }).collect();
        let kept = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0 + 1.0 / 5.0;
        let survivors = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 4.0 / 32.0 / 4.0 + 1.0 / 31.0 / 5.0;
        close(top_prob_lower_bound(6, &weights, &halves), survivors / kept);
    }

    /// min(1, K |w|), the excess handed equally to those below 1 until none is over.
    fn top_prob(weights: &[f32], keep: f64) -> Vec<f64> {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let factor = keep * weights.len() as f64 / total;
        let mut out: Vec<f64> = weights.iter().map(|&weight| factor * f64::from(weight)).collect();
        loop {
            let excess: f64 = out.iter().map(|p| (p - 1.0).max(0.0)).sum();
            out.iter_mut().for_each(|p| *p = p.min(1.0));
            let below = out.iter().filter(|&&p| p < 1.0).count();
            if excess < 1e-9 || below == 0 {
                return out;
            }
            out.iter_mut().filter(|p| **p < 1.0).for_each(|p| *p += excess / below as f64);
        }
    }

    #[test]
    fn theory_on_seeded_cases() {
        for (n, draws) in [(10, 200), (50, 20)] {
            let rows = theory(n, &sparsities(), draws, 1, top_prob);
            assert_eq!(rows.len(), 42);
            for pair in rows.chunks_exact(2) {
                let [random, top] = pair else { unreachable!() };
                assert_eq!((random.method, top.method, random.sparsity), ("random", "top-prob", top.sparsity));
                // four standard errors of the mean
                let error = 4.0 * random.spread / (draws as f64).sqrt();
                assert!((random.mean - random.bound).abs() <= error, "{random:?}");
                assert!(top.mean >= top.bound, "{top:?}");
                if (0.3..0.99).contains(&top.sparsity) {
                    assert!(top.mean > random.mean + error, "{random:?} {top:?}");
                }
            }
            let ends = [&rows[0], &rows[1], &rows[40], &rows[41]].map(|row| (row.mean, row.spread));
            assert_eq!(ends, [(1.0, 0.0), (1.0, 0.0), (0.0, 0.0), (0.0, 0.0)]);
            close(rows[0].bound, 1.0);
            // half of the entries
            close(rows[20].bound, 0.5);
        }
    }

    #[test]
    fn the_same_for_any_number_of_threads_and_draws_of_their_own() {
        let rows = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| theory(8, &[0.5, 0.9], 5, seed, top_prob))
        };
        assert_eq!(rows(1, 3), rows(3, 3));
        assert_ne!(rows(1, 3), rows(1, 4));
        assert!(rows(1, 3).iter().all(|row| row.spread > 0.0));
        let one = theory(1, &[0.0], 1, 1, top_prob);
        assert_eq!((one[1].mean, one[1].spread, one[1].bound), (1.0, 0.0, 1.0));
    }
}
