//! Sums by a fixed binary tree: neighbours in pairs, then pairs of pairs, a neighbour that is not there left out.
//!
//! Terms 0 to 6 are added as ((0 + 1) + (2 + 3)) + ((4 + 5) + 6). A run of 2^m terms that starts with a multiple of 2^m is a
//! subtree of its own, which another process can add, with the same bits in the end. A term that is not there is left out
//! and not taken as 0, as -0 + 0 is not -0.

/// Σ terms; 0 of none.
pub(crate) fn sum(terms: &[f64]) -> f64 {
    let add = |before, later| before + later;
    let mut fold = Fold::default();
    terms.iter().for_each(|&term| fold.push(term, add));
    fold.total(add).unwrap_or(0.0)
}

/// Folds terms that come one after the other; `add` gives the sum of what comes first and what comes later.
pub(crate) struct Fold<T> {
    /// Sums of whole subtrees, the largest first: at most one per binary digit of the number of terms.
    waiting: Vec<T>,
    terms: usize,
}

impl<T> Default for Fold<T> {
    fn default() -> Self {
        Self { waiting: Vec::new(), terms: 0 }
    }
}

impl<T> Fold<T> {
    /// The next term.
    pub fn push(&mut self, mut term: T, mut add: impl FnMut(T, T) -> T) {
        // term k ends as many subtrees as k has ones at its end
        for _ in 0..self.terms.trailing_ones() {
            let before = self.waiting.pop().expect("a subtree waits for each one of the number");
            term = add(before, term);
        }
        self.waiting.push(term);
        self.terms += 1;
    }

    /// The sum of all; `None` if there were none.
    pub fn total(mut self, mut add: impl FnMut(T, T) -> T) -> Option<T> {
        let last = self.waiting.pop()?;
        Some(self.waiting.into_iter().rev().fold(last, |sum, before| add(before, sum)))
    }
}

/// How many sums wait at most while one of `terms` is made.
pub(crate) fn waiting(terms: usize) -> usize {
    terms.checked_ilog2().unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(terms: usize) -> (String, usize) {
        let add = |a: String, b: String| format!("({a}{b})");
        let mut fold = Fold::default();
        let mut most = 0;
        for k in 0..terms {
            most = most.max(fold.waiting.len());
            fold.push(k.to_string(), add);
        }
        (fold.total(add).unwrap_or_default(), most)
    }

    #[test]
    fn trees_by_hand() {
        let want =
            ["", "0", "(01)", "((01)2)", "((01)(23))", "(((01)(23))4)", "(((01)(23))(45))", "(((01)(23))((45)6))"];
        for (terms, want) in want.into_iter().enumerate() {
            assert_eq!(written(terms).0, want);
        }
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[1e300, 1.0, -1e300, 1.0]), 0.0);
        assert_eq!(sum(&[1.0, 1e300, -1e300]), 0.0);
        assert!(sum(&[-0.0]).is_sign_negative());
    }

    #[test]
    fn no_more_wait_than_is_counted() {
        for terms in 1..70 {
            assert_eq!(written(terms).1, waiting(terms), "{terms}");
        }
    }
}
