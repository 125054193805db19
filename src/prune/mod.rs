//! Pruning: which entries of W stay, and everything on them made smaller together.
//!
//! * top-prob: entry ij stays with probability `min(1, K|w_ij|)`, K = keep / Σ|w|, the excess over 1 handed equally to the
//!   entries still below 1 until none is over (Balwani et al. 2025).
//! * random: each entry stays with the same probability.
//! * magnitude: the largest |w| stay, a yardstick.
//!
//! Of the whole matrix or block by block (population × population), on the entries alone, never on n × n. Memory is a
//! few bytes an entry, time linear in the entries.

mod blocks;
mod probabilities;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use daleian_kernels::Aligned;
use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use blocks::{BlockDensity, fill_blocks, read_blocks};
pub use probabilities::{cut_probabilities, keep_probabilities};

use crate::error::{Error, Result};
use crate::network::{Network, Parameters, RECURRENT, Wiring};
use crate::random::{Purpose, Stream, stream};
use crate::sparse::Pattern;
use blocks::Block;
use probabilities::Chance;

/// How the entries that stay are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PruneMethod {
    /// Each with a probability that grows with |w|.
    TopProb,
    /// Each with the same probability.
    Random,
    /// The largest |w|: exactly as many as asked for, to the nearest whole number; among equals those first in the
    /// pattern.
    Magnitude,
}

impl PruneMethod {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TopProb, Self::Random, Self::Magnitude];

    /// Its name in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopProb => "top-prob",
            Self::Random => "random",
            Self::Magnitude => "magnitude",
        }
    }
}

/// How much should stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PruneTarget {
    /// The density of W: synapses over n², from 0 to 1.
    Whole(f64),
    /// The density of some blocks, each once; the others stay as they are.
    Blocks(Vec<BlockDensity>),
}

/// What to prune, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pruning {
    /// How entries are chosen.
    pub method: PruneMethod,
    /// How many.
    pub target: PruneTarget,
    /// Whether top-prob hands on what exceeds 1. The other methods take no notice.
    pub redistribute: bool,
}

/// What pruning made of a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockCount {
    /// The postsynaptic neurons: a type, or `region=V1,type=SST`; none: all.
    pub post: Option<String>,
    /// The presynaptic neurons; none: all.
    pub pre: Option<String>,
    /// Pairs of neurons, those of a neuron with itself among them.
    pub pairs: u64,
    /// Synapses before.
    pub before: usize,
    /// The density asked for.
    pub target: f64,
    /// The number of synapses that stay on average over seeds: `target · pairs`, or less where top-prob hands nothing
    /// on; for magnitude the exact number.
    pub expected: f64,
    /// Synapses that stayed.
    pub obtained: usize,
}

impl BlockCount {
    /// Synapses that stayed, over pairs.
    pub fn density(&self) -> f64 {
        self.obtained as f64 / self.pairs as f64
    }
}

/// A pruned network.
#[derive(Debug, Clone)]
pub struct Pruned {
    /// Same neurons, same input and readout; fewer entries in W, with the values that they had.
    pub network: Network,
    /// The number that each entry of the new pattern had in the old one, rising, `[synapses]`.
    pub kept: Vec<u32>,
    /// Counts of what was pruned, in the order asked for.
    pub blocks: Vec<BlockCount>,
}

impl Pruned {
    /// Moments or gradients of the network before, for the network now. An empty vector (a frozen parameter) stays
    /// empty.
    ///
    /// # Panics
    /// If `parameters` has fewer recurrent elements than the network before.
    pub fn compact(&self, parameters: &Parameters) -> Parameters {
        let mut parameters = parameters.clone();
        if !parameters[RECURRENT].is_empty() {
            parameters[RECURRENT] = compact(&parameters[RECURRENT], &self.kept);
        }
        parameters
    }
}

/// The values at the entries that stayed.
///
/// # Panics
/// If an entry is beyond the values.
pub fn compact(values: &[f32], kept: &[u32]) -> Aligned {
    kept.iter().map(|&entry| values[entry as usize]).collect()
}

/// Checks that a network with this wiring can be pruned like this.
///
/// # Errors
/// As [`prune`], but for weights, which are not looked at.
pub fn check(wiring: &Wiring, pruning: &Pruning) -> Result<()> {
    let blocks = blocks::of(&pruning.target, wiring.neuron_table())?;
    check_overlap(&blocks, wiring.recurrent())?;
    for block in blocks {
        block.keep(block.entries(wiring.recurrent()).iter().map(Range::len).sum())?;
    }
    Ok(())
}

/// Checks that no synapse is in two blocks.
fn check_overlap(blocks: &[Block], pattern: &Pattern) -> Result<()> {
    // every neuron has one type
    if blocks.iter().all(Block::is_of_types) {
        return Ok(());
    }
    let mut had = vec![false; pattern.nnz()];
    for block in blocks {
        for entry in block.entries(pattern).into_iter().flatten() {
            if std::mem::replace(&mut had[entry], true) {
                return Err(block.overlaps());
            }
        }
    }
    Ok(())
}

/// Prunes W, with random numbers from `seed` (magnitude needs none). One number is drawn an entry, in the order of the
/// entries of a block, from a stream that belongs to that block: which other blocks are pruned does not change it.
///
/// Pattern and weights are made smaller here, optimizer moments by [`Pruned::compact`]. The transposed index is
/// not kept in a network or a file: [`crate::bptt::Bptt`] counts it from the pattern when it is made, in one pass, which is
/// what making it smaller along would take too.
///
/// # Errors
/// If a density is not from 0 to 1, a block selects neurons that are not there, is named twice or shares synapses, a target is above what exists, or
/// a weight is not finite.
pub fn prune(network: &Network, pruning: &Pruning, seed: u64) -> Result<Pruned> {
    let wiring = network.wiring();
    let (pattern, weights) = (wiring.recurrent(), &network.parameters()[RECURRENT]);
    if let Some(at) = weights.iter().position(|w| !w.is_finite()) {
        return Err(Error::setting("network", format!("weight {at} is {}, not a finite number", weights[at])));
    }
    let blocks = blocks::of(&pruning.target, wiring.neuron_table())?;
    check_overlap(&blocks, pattern)?;
    let mut stays = vec![true; pattern.nnz()];
    let mut counts = Vec::with_capacity(blocks.len());
    for block in &blocks {
        let ranges = block.entries(pattern);
        let before = ranges.iter().map(Range::len).sum();
        let keep = block.keep(before)?;
        let (expected, obtained) = match ranges.as_slice() {
            // values in one piece are taken as they are
            [one] => choose(pruning, &weights[one.clone()], keep, block.stream(seed), &mut stays[one.clone()]),
            many => {
                let values: Vec<f32> = many.iter().flat_map(|range| &weights[range.clone()]).copied().collect();
                let mut chosen = vec![true; before];
                let counted = choose(pruning, &values, keep, block.stream(seed), &mut chosen);
                let mut rest = chosen.as_slice();
                for range in many {
                    let (here, behind) = rest.split_at(range.len());
                    stays[range.clone()].copy_from_slice(here);
                    rest = behind;
                }
                counted
            }
        };
        counts.push(block.count(before, expected, obtained));
    }
    let kept: Vec<u32> = (0..pattern.nnz() as u32).filter(|&entry| stays[entry as usize]).collect();
    let mut parameters = network.parameters().clone();
    parameters[RECURRENT] = compact(weights, &kept);
    let wiring = wiring.with_recurrent(Arc::new(smaller(pattern, &kept)));
    Ok(Pruned { network: Network::from_parts(wiring, parameters), kept, blocks: counts })
}

/// Marks what stays of the entries of one block; gives the number expected and the number obtained.
fn choose(pruning: &Pruning, values: &[f32], keep: f64, mut stream: Stream, stays: &mut [bool]) -> (f64, usize) {
    let chance = match pruning.method {
        PruneMethod::TopProb => Chance::top_prob(values, keep, pruning.redistribute),
        PruneMethod::Random => Chance::equal(values.len(), keep),
        PruneMethod::Magnitude => {
            let count = keep.round() as usize;
            largest(values, count, stays);
            return (count as f64, count);
        }
    };
    let (mut expected, mut obtained) = (0.0, 0);
    for (stays, &w) in stays.iter_mut().zip(values) {
        let probability = chance.of(w);
        // from 0 to below 1: what has probability 1 stays, what has 0 goes
        *stays = stream.random::<f64>() < probability;
        expected += probability;
        obtained += usize::from(*stays);
    }
    (expected, obtained)
}

/// Marks the `count` largest magnitudes; among equals those that come first.
fn largest(values: &[f32], count: usize, stays: &mut [bool]) {
    stays.fill(count == values.len());
    if count == 0 || count == values.len() {
        return;
    }
    // the bits of numbers that are not negative rise with them
    let key = |(w, at): (&f32, u64)| u64::from(u32::MAX - w.abs().to_bits()) << 32 | at;
    let mut keys: Vec<u64> = values.iter().zip(0u64..).map(key).collect();
    keys.select_nth_unstable(count - 1);
    keys[..count].iter().for_each(|key| stays[*key as u32 as usize] = true);
}

/// The pattern of the entries `kept`.
fn smaller(pattern: &Pattern, kept: &[u32]) -> Pattern {
    let indices = kept.iter().map(|&entry| pattern.indices()[entry as usize]).collect();
    let mut rest = kept;
    let mut indptr = Vec::with_capacity(pattern.indptr().len());
    for &end in pattern.indptr() {
        rest = &rest[rest.partition_point(|&entry| (entry as usize) < end)..];
        indptr.push(kept.len() - rest.len());
    }
    Pattern::new(pattern.rows(), pattern.cols(), indptr, indices).expect("part of a pattern is a pattern")
}

impl Block {
    fn stream(&self, seed: u64) -> Stream {
        stream(seed, Purpose::Pruning, self.number)
    }
}
