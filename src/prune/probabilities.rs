//! How likely pruning keeps an entry: `p = min(1, K|w| + c)`.
//!
//! Top-prob pruning (Balwani et al. 2025): `K = keep / Σ|w|`, and what exceeds 1 is handed in equal shares to the entries
//! still below 1, again and again until none is over. However many rounds that takes, an entry below 1 has got the same
//! shares as every other, so the end is `p = min(1, K|w| + c)` with the one c at which the probabilities add up to
//! `keep`; without handing on, c = 0. Random pruning is K = 0, c = keep / entries.

/// `p = min(1, scale·|w| + lift)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Chance {
    scale: f64,
    lift: f64,
}

impl Chance {
    /// Each of `count` entries alike.
    pub fn equal(count: usize, keep: f64) -> Self {
        check(count, keep);
        Self { scale: 0.0, lift: if count == 0 { 0.0 } else { keep / count as f64 } }
    }

    /// In proportion to `|w|`; what exceeds 1 is handed on if `redistribute`.
    ///
    /// A round lets every entry below 1 have an equal share of what is missing: it is a step of Newton's method towards
    /// c on a sum that is concave in c. So c rises and never passes its value, each round but the last brings another
    /// entry to 1, and (what is missing)·(entries below 1) falls at least fourfold a round: some 30 rounds are the most
    /// that millions of entries can need, and 3 to 8 are usual.
    pub fn top_prob(weights: &[f32], keep: f64, redistribute: bool) -> Self {
        let count = weights.len();
        check(count, keep);
        let magnitudes = || weights.iter().map(|w| f64::from(w.abs()));
        let total: f64 = magnitudes().sum();
        if total == 0.0 || keep == count as f64 {
            return Self::equal(count, keep);
        }
        let scale = keep / total;
        if !redistribute {
            return Self { scale, lift: 0.0 };
        }
        let (mut lift, mut below_before) = (0.0, count);
        loop {
            let (mut below, mut sum) = (0, 0.0);
            for x in magnitudes().map(|x| scale * x).filter(|x| x + lift < 1.0) {
                below += 1;
                sum += x;
            }
            if below == below_before || below == 0 {
                return Self { scale, lift };
            }
            lift = f64::max(lift, (keep - (count - below) as f64 - sum) / below as f64);
            below_before = below;
        }
    }

    /// The probability of an entry of weight `w`.
    pub fn of(self, w: f32) -> f64 {
        (self.scale * f64::from(w.abs()) + self.lift).min(1.0)
    }
}

fn check(count: usize, keep: f64) {
    assert!(keep >= 0.0 && keep <= count as f64, "the number to keep is within 0 and the {count} entries, not {keep}");
}

/// The probability of each entry under top-prob pruning, `[entries]`: `min(1, K|w|)`, K = `keep` / Σ|w|, the excess over 1
/// handed equally to the entries still below 1 until none is over (Balwani et al. 2025). They add up to `keep`, which
/// need not be a whole number. Where every weight is 0, each entry has `keep` / entries.
///
/// # Panics
/// If `keep` is not within 0 and the number of entries.
pub fn keep_probabilities(weights: &[f32], keep: f64) -> Vec<f64> {
    let chance = Chance::top_prob(weights, keep, true);
    weights.iter().map(|&w| chance.of(w)).collect()
}

/// As [`keep_probabilities`], without handing on what exceeds 1 (as for the paper's Fig. 4): `min(1, K|w|)`, which
/// add up to less than `keep` where an entry reaches 1.
///
/// # Panics
/// As [`keep_probabilities`].
pub fn cut_probabilities(weights: &[f32], keep: f64) -> Vec<f64> {
    let chance = Chance::top_prob(weights, keep, false);
    weights.iter().map(|&w| chance.of(w)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-9), "{got:?}, not {want:?}");
    }

    #[test]
    fn in_proportion_while_none_is_over() {
        // K = 2 / 10
        close(&keep_probabilities(&[1.0, -2.0, 3.0, -4.0], 2.0), &[0.2, 0.4, 0.6, 0.8]);
        assert_eq!(keep_probabilities(&[0.0, 4.0, 4.0], 1.0), [0.0, 0.5, 0.5]);
    }

    #[test]
    fn the_excess_goes_in_equal_shares_to_those_below() {
        // K = 2 / 10: 0.2, 0.2, 0.4, 1.2; the 0.2 over goes to three: 0.2 + 0.2/3, ...
        let share = 0.2 / 3.0;
        close(&keep_probabilities(&[1.0, 1.0, 2.0, 6.0], 2.0), &[0.2 + share, 0.2 + share, 0.4 + share, 1.0]);
        close(&cut_probabilities(&[1.0, 1.0, 2.0, 6.0], 2.0), &[0.2, 0.2, 0.4, 1.0]);
    }

    #[test]
    fn a_share_that_lifts_another_over_is_handed_on() {
        // K = 3 / 10: 0.15, 0.3, 0.75, 1.8; 0.8 / 3 lifts the third to 1.0167; its 0.0167 goes to the two left
        let (first, second) = (0.8 / 3.0, (0.75 + 0.8 / 3.0 - 1.0) / 2.0);
        let want = [0.15 + first + second, 0.3 + first + second, 1.0, 1.0];
        close(&keep_probabilities(&[0.5, -1.0, 2.5, 6.0], 3.0), &want);
        assert!((want.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn at_the_edges() {
        // nothing, everything, no weight that says anything, fewer of them than are to be kept
        assert_eq!(keep_probabilities(&[1.0, 0.0, 5.0], 0.0), [0.0; 3]);
        assert_eq!(keep_probabilities(&[1.0, 0.0, 5.0], 3.0), [1.0; 3]);
        assert_eq!(keep_probabilities(&[0.0, -0.0, 0.0, 0.0], 1.0), [0.25; 4]);
        assert_eq!(cut_probabilities(&[0.0; 4], 1.0), [0.25; 4]);
        close(&keep_probabilities(&[0.0, 0.0, 7.0], 2.0), &[0.5, 0.5, 1.0]);
        assert_eq!(keep_probabilities(&[], 0.0), [0.0; 0]);
        // the smallest and the largest numbers there are
        close(&keep_probabilities(&[f32::from_bits(1), f32::MAX], 1.0), &[0.0, 1.0]);
        close(&keep_probabilities(&[f32::from_bits(1), f32::from_bits(3)], 1.0), &[0.25, 0.75]);
    }

    #[test]
    #[should_panic(expected = "the number to keep is within 0 and the 2 entries, not 2.5")]
    fn more_than_there_are() {
        keep_probabilities(&[1.0, 2.0], 2.5);
    }

    /// The paper's words, literally.
    fn by_rounds(weights: &[f32], keep: f64) -> Vec<f64> {
        let total: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
        let mut p: Vec<f64> = weights.iter().map(|w| keep / total * f64::from(w.abs())).collect();
        for _ in 0..10_000 {
            let excess: f64 = p.iter().map(|p| (p - 1.0).max(0.0)).sum();
            p.iter_mut().for_each(|p| *p = p.min(1.0));
            let below = p.iter().filter(|&&p| p < 1.0).count();
            if excess < 1e-13 || below == 0 {
                break;
            }
            p.iter_mut().filter(|p| **p < 1.0).for_each(|p| *p += excess / below as f64);
        }
        p
    }

    proptest! {
        #[test]
        fn they_are_probabilities_that_add_up(
            weights in prop::collection::vec(prop_oneof![Just(0.0f32), -1.0f32..1.0, -1e-6f32..1e-6, -1e6f32..1e6], 1..200),
            share in 0.0f64..=1.0,
        ) {
            let keep = share * weights.len() as f64;
            let p = keep_probabilities(&weights, keep);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
            let sum: f64 = p.iter().sum();
            prop_assert!((sum - keep).abs() <= 1e-6 * keep, "{sum} for {keep}");
            prop_assert!(cut_probabilities(&weights, keep).iter().zip(&p).all(|(cut, p)| *cut <= p + 1e-12));
            for (w, p) in weights.iter().zip(&p) {
                prop_assert!(weights.iter().zip(keep_probabilities(&weights, keep)).all(|(v, q)| w.abs() > v.abs() || *p <= q));
            }
        }

        #[test]
        fn they_are_those_of_the_rounds(weights in prop::collection::vec(0.001f32..10.0, 1..60), share in 0.0f64..0.99) {
            let keep = share * weights.len() as f64;
            let (got, want) = (keep_probabilities(&weights, keep), by_rounds(&weights, keep));
            prop_assert!(got.iter().zip(&want).all(|(got, want)| (got - want).abs() < 1e-8), "{got:?} {want:?}");
        }
    }
}
