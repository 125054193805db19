//! Drawing the synapses of one connection, row by row, in time and memory of the synapses drawn.
//!
//! * every pair: the columns as they are.
//! * each pair independently with probability p: the pairs of the block, row after row, stand in one line; the number
//!   passed over before the next synapse is geometric, P(k) = (1-p)^k p (Batagelj & Brandes, Phys. Rev. E 71, 036113,
//!   2005).
//! * k different presynaptic neurons a row: R. Floyd's sampling (Bentley & Floyd, CACM 30, 754, 1987): for j from m-k
//!   to m-1 take t uniform in 0..=j, or j itself if t is taken already.
//! * heavy-tailed degrees: see [`super::heavy_tailed`].

use rand::RngExt;
use rand_distr::{Distribution, Geometric};

use super::heavy_tailed::HeavyTailed;
use crate::random::Stream;

/// The pairs of one connection: neurons ascending.
pub(super) struct Block {
    pub pre: Vec<u32>,
    pub post: Vec<u32>,
    pub autapses: bool,
    pub draw: Draw,
    pub stream: Stream,
    /// Rows that were drawn.
    pub rows: usize,
}

/// How synapses are drawn from the pairs.
pub(super) enum Draw {
    All,
    Probability(Skips),
    InDegree(u32),
    HeavyTailed(HeavyTailed),
}

/// Where the next synapse stands in the line of all pairs of a block.
pub(super) struct Skips {
    gap: Geometric,
    probability: f64,
    next: u64,
}

impl Skips {
    /// # Panics
    /// If `probability` is not above 0 and at most 1.
    pub fn new(probability: f64, stream: &mut Stream) -> Self {
        assert!(probability > 0.0 && probability <= 1.0, "a probability above 0 and at most 1");
        let gap = Geometric::new(probability).expect("a probability");
        Self { gap, probability, next: gap.sample(stream) }
    }
}

impl Block {
    /// Number of pairs that may be connected.
    pub fn pairs(&self) -> u64 {
        let selves = if self.autapses { 0 } else { self.post.iter().filter(|post| self.has_source(**post)).count() };
        self.pre.len() as u64 * self.post.len() as u64 - selves as u64
    }

    /// The fewest presynaptic neurons that any row can choose from.
    pub fn sources(&self) -> usize {
        let meets_itself = || self.post.iter().any(|post| self.has_source(*post));
        self.pre.len() - usize::from(!self.autapses && meets_itself())
    }

    /// Whether `neuron` is among the presynaptic ones.
    pub fn has_source(&self, neuron: u32) -> bool {
        self.pre.binary_search(&neuron).is_ok()
    }

    /// The number of synapses expected.
    pub fn expected(&self) -> f64 {
        match &self.draw {
            Draw::All => self.pairs() as f64,
            Draw::Probability(skips) => self.pairs() as f64 * skips.probability,
            Draw::InDegree(k) => f64::from(*k) * self.post.len() as f64,
            Draw::HeavyTailed(degrees) => degrees.synapses() as f64,
        }
    }

    /// Appends the columns of row `post` to `columns`, ascending. Rows must be asked for in order, each once.
    ///
    /// `taken` is scratch, at least as long as the presynaptic neurons, all false before and after.
    pub fn row(&mut self, post: u32, taken: &mut [bool], columns: &mut Vec<u32>) {
        let row = self.rows;
        self.rows += 1;
        debug_assert_eq!(self.post[row], post);
        // The place of the neuron itself, if it must be left out.
        let left_out = if self.autapses { None } else { self.pre.binary_search(&post).ok() };
        let first = columns.len();
        match &mut self.draw {
            Draw::All => {
                let others = self.pre.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
                columns.extend(others.map(|(_, &pre)| pre));
                return;
            }
            Draw::Probability(skips) => {
                let width = self.pre.len() as u64;
                let start = row as u64 * width;
                while skips.next < start + width {
                    let place = (skips.next - start) as usize;
                    // Left out after the draw: the other pairs, being independent, do not notice.
                    if Some(place) != left_out {
                        columns.push(self.pre[place]);
                    }
                    skips.next = skips.next.saturating_add(1).saturating_add(skips.gap.sample(&mut self.stream));
                }
                return;
            }
            Draw::InDegree(k) => {
                let sources = self.pre.len() as u32 - u32::from(left_out.is_some());
                for j in sources - *k..sources {
                    let t = self.stream.random_range(0..=j);
                    let pick = if taken[t as usize] { j } else { t };
                    taken[pick as usize] = true;
                    columns.push(pick);
                }
            }
            Draw::HeavyTailed(degrees) => {
                degrees.row(row, left_out.map(|place| place as u32), taken, &mut self.stream, columns);
            }
        }
        // places so far, which become neurons
        let skips_itself = matches!(self.draw, Draw::InDegree(_));
        let picked = &mut columns[first..];
        picked.sort_unstable();
        for pick in picked {
            taken[*pick as usize] = false;
            let beyond = skips_itself && left_out.is_some_and(|left_out| *pick as usize >= left_out);
            *pick = self.pre[*pick as usize + usize::from(beyond)];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::random::{Purpose, stream};

    fn block(pre: Range<u32>, post: Range<u32>, autapses: bool, draw: impl FnOnce(&mut Stream) -> Draw) -> Block {
        let mut stream = stream(7, Purpose::Connectivity, 0);
        let draw = draw(&mut stream);
        Block { pre: pre.collect(), post: post.collect(), autapses, draw, stream, rows: 0 }
    }

    fn rows(mut block: Block) -> Vec<Vec<u32>> {
        let mut taken = vec![false; block.pre.len()];
        let rows = block.post.clone().into_iter().map(|post| {
            let mut columns = vec![];
            block.row(post, &mut taken, &mut columns);
            assert!(columns.is_sorted_by(|a, b| a < b), "{columns:?}");
            assert!(columns.iter().all(|pre| block.pre.contains(pre)), "{columns:?}");
            assert!(block.autapses || !columns.contains(&post), "{columns:?}");
            columns
        });
        let rows = rows.collect();
        assert!(!taken.contains(&true));
        rows
    }

    #[test]
    fn every_pair_by_hand() {
        assert_eq!(rows(block(1..3, 2..4, true, |_| Draw::All)), [[1, 2], [1, 2]]);
        assert_eq!(rows(block(1..3, 2..4, false, |_| Draw::All)), [vec![1], vec![1, 2]]);
        assert_eq!(rows(block(0..2, 2..4, false, |_| Draw::All)), [[0, 1], [0, 1]]);
    }

    #[test]
    fn counts_pairs_and_sources() {
        let count = |pre, post, autapses| {
            let block = block(pre, post, autapses, |_| Draw::All);
            (block.pairs(), block.sources(), block.expected())
        };
        assert_eq!(count(0..4, 0..4, true), (16, 4, 16.0));
        assert_eq!(count(0..4, 0..4, false), (12, 3, 12.0));
        assert_eq!(count(0..4, 2..6, false), (14, 3, 14.0));
        assert_eq!(count(0..2, 2..6, false), (8, 2, 8.0));
        assert_eq!(count(2..6, 0..2, false), (8, 4, 8.0));
        let half = block(0..4, 0..4, false, |s| Draw::Probability(Skips::new(0.5, s)));
        assert_eq!(half.expected(), 6.0);
        assert_eq!(block(0..9, 2..5, true, |_| Draw::InDegree(2)).expected(), 6.0);
    }

    #[test]
    fn probability_1_is_every_pair() {
        for autapses in [true, false] {
            let certain = rows(block(1..4, 2..6, autapses, |s| Draw::Probability(Skips::new(1.0, s))));
            assert_eq!(certain, rows(block(1..4, 2..6, autapses, |_| Draw::All)));
        }
    }

    #[test]
    fn a_hopeless_probability_draws_nothing() {
        let never = rows(block(0..1000, 0..1000, true, |s| Draw::Probability(Skips::new(1e-300, s))));
        assert!(never.iter().all(Vec::is_empty));
    }

    /// Every count of the binomial: within 6 sigma, in all, in each row and in each column.
    #[test]
    fn probability_is_the_one_asked_for() {
        for p in [0.003, 0.1, 0.5, 0.9] {
            let (width, height) = (1500, 1200);
            let drawn = rows(block(100..100 + width, 0..height, true, |s| Draw::Probability(Skips::new(p, s))));
            let close = |count: usize, trials: u32| {
                let (mean, sigma) = (f64::from(trials) * p, (f64::from(trials) * p * (1.0 - p)).sqrt());
                // A count of a few is skewed: one more is let pass.
                assert!((count as f64 - mean).abs() < 6.0 * sigma + 1.0, "p = {p}: {count} of {trials}");
            };
            close(drawn.iter().map(Vec::len).sum(), width * height);
            let mut columns = vec![0; width as usize];
            for row in &drawn {
                close(row.len(), width);
                row.iter().for_each(|&pre| columns[(pre - 100) as usize] += 1);
            }
            columns.iter().for_each(|&count| close(count, height));
        }
    }

    #[test]
    fn in_degree_is_exact_and_uniform() {
        for (k, autapses) in [(1, true), (7, false), (30, true), (39, false), (40, true)] {
            let (sources, posts) = (40u32, 4000u32);
            let drawn = rows(block(10..10 + sources, 0..posts, autapses, |_| Draw::InDegree(k)));
            let mut columns = vec![0u32; sources as usize];
            for row in &drawn {
                assert_eq!(row.len(), k as usize);
                row.iter().for_each(|&pre| columns[(pre - 10) as usize] += 1);
            }
            let p = f64::from(k) / f64::from(sources);
            let (mean, sigma) = (f64::from(posts) * p, (f64::from(posts) * p * (1.0 - p)).sqrt());
            for count in columns {
                assert!((f64::from(count) - mean).abs() <= 6.0 * sigma + 1.0, "k = {k}: {count}, mean {mean}");
            }
        }
    }

    /// All 10 ways to choose 2 of 5 come about equally often.
    #[test]
    fn every_choice_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for row in rows(block(0..5, 5..20_005, false, |_| Draw::InDegree(2))) {
            *counts.entry(row).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 10);
        let sigma = (20_000.0f64 * 0.1 * 0.9).sqrt();
        assert!(counts.values().all(|&count| (f64::from(count) - 2000.0).abs() < 6.0 * sigma), "{counts:?}");
    }
}
