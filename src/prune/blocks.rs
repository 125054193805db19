//! Blocks of W (population × population), what density each should have, and a CSV file that says so.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{BlockCount, PruneTarget};
use crate::connectome::Population;
use crate::error::{Error, Result};
use crate::formats::Table;
use crate::sparse::Pattern;

/// Populations named in an error where there is no such one.
const NAMED: usize = 8;

/// The density that a block should have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockDensity {
    /// The postsynaptic population (rows of W).
    pub post: String,
    /// The presynaptic population (columns of W).
    pub pre: String,
    /// Synapses over pairs of neurons, from 0 to 1.
    pub density: f64,
}

/// A block, found in the network.
#[derive(Debug)]
pub(super) struct Block {
    /// Names of the populations; none: all of W.
    names: Option<(String, String)>,
    post: Range<usize>,
    pre: Range<u32>,
    neurons: usize,
    density: f64,
    /// Its place among all blocks, row by row: the number of its random stream.
    pub number: u32,
}

/// The blocks of `target`, in its order.
pub(super) fn of(target: &PruneTarget, populations: &[Population]) -> Result<Vec<Block>> {
    let neurons = populations.last().map_or(0, |population| population.neurons.end);
    let blocks = match target {
        PruneTarget::Whole(density) => {
            check_density(*density).map_err(|problem| Error::setting("density", problem))?;
            let (post, pre) = (0..neurons, 0..neurons as u32);
            return Ok(vec![Block { names: None, post, pre, neurons, density: *density, number: 0 }]);
        }
        PruneTarget::Blocks(blocks) => blocks,
    };
    let places = places(populations);
    let mut seen = HashSet::new();
    let find = |block: &BlockDensity| {
        let BlockDensity { post, pre, density } = block;
        let wrong = |problem: String| Error::setting("blocks", format!("from `{pre}` to `{post}`: {problem}"));
        let place = |name: &str| places.get(name).copied().ok_or_else(|| wrong(unknown(name, populations)));
        let (row, col) = (place(post)?, place(pre)?);
        check_density(*density).map_err(&wrong)?;
        if !seen.insert((row, col)) {
            return Err(wrong("named twice; expected once".into()));
        }
        let number = u32::try_from(row * populations.len() + col)
            .map_err(|_| wrong(format!("{} populations are too many for blocks", populations.len())))?;
        let pre_neurons = &populations[col].neurons;
        Ok(Block {
            names: Some((post.clone(), pre.clone())),
            post: populations[row].neurons.clone(),
            pre: pre_neurons.start as u32..pre_neurons.end as u32,
            neurons,
            density: *density,
            number,
        })
    };
    blocks.iter().map(find).collect()
}

impl Block {
    /// The entries of the block, a range for each row that has any; one range where they are all of the pattern.
    pub fn entries(&self, pattern: &Pattern) -> Vec<Range<usize>> {
        if self.pre.len() == self.neurons {
            return vec![pattern.entries_of(&self.post)];
        }
        let row = |row: usize| {
            let (columns, first) = (pattern.row(row), pattern.entries(row).start);
            let before = |neuron: u32| first + columns.partition_point(|&column| column < neuron);
            before(self.pre.start)..before(self.pre.end)
        };
        self.post.clone().map(row).filter(|range| !range.is_empty()).collect()
    }

    /// The number of synapses to keep of those there are.
    ///
    /// # Errors
    /// If they are too few.
    pub fn keep(&self, existing: usize) -> Result<f64> {
        let (wanted, existing) = (self.density * self.pairs() as f64, existing as f64);
        // a density that was computed from a count may be above it by its rounding
        if wanted <= existing * (1.0 + 1e-9) {
            return Ok(wanted.min(existing));
        }
        let (key, name) = match &self.names {
            None => ("density", String::new()),
            Some((post, pre)) => ("blocks", format!("from `{pre}` to `{post}`: ")),
        };
        let pairs = self.pairs();
        let problem = format!(
            "{name}{} of {pairs} pairs is {} synapses, but {existing} exist; expected at most {:.6}",
            self.density,
            (10.0 * wanted).round() / 10.0,
            (1e6 * existing / pairs as f64).floor() / 1e6
        );
        Err(Error::setting(key, problem))
    }

    fn pairs(&self) -> u64 {
        self.post.len() as u64 * self.pre.len() as u64
    }

    pub fn count(&self, before: usize, expected: f64, obtained: usize) -> BlockCount {
        let (post, pre) = self.names.clone().unzip();
        BlockCount { post, pre, pairs: self.pairs(), before, target: self.density, expected, obtained }
    }
}

/// Adds every block of `populations` that `blocks` does not name, with `density`: 0 to keep nothing elsewhere.
pub fn fill_blocks(mut blocks: Vec<BlockDensity>, populations: &[Population], density: f64) -> Vec<BlockDensity> {
    let named: HashSet<(String, String)> = blocks.iter().map(|block| (block.post.clone(), block.pre.clone())).collect();
    for post in populations {
        for pre in populations {
            let (post, pre) = (post.name.clone(), pre.name.clone());
            if !named.contains(&(post.clone(), pre.clone())) {
                blocks.push(BlockDensity { post, pre, density });
            }
        }
    }
    blocks
}

/// Reads target densities from a CSV file with the columns `pre`, `post` (names of `populations`) and `density`, in any
/// order, plain or gzipped; other columns are ignored.
///
/// # Errors
/// If the file cannot be read, has no row, names a population that is not there or a block twice, or a density is not
/// from 0 to 1; the error names the row.
pub fn read_blocks(path: &Path, populations: &[Population]) -> Result<Vec<BlockDensity>> {
    let mut table = Table::open(path, "pre,post,density")?;
    let (pre, post, density) = (table.column("pre")?, table.column("post")?, table.column("density")?);
    let places = places(populations);
    let mut rows = HashMap::new();
    let mut blocks = Vec::new();
    while let Some(row) = table.next_row()? {
        let name = |column| {
            let name = row.text(column)?;
            match places.contains_key(name) {
                true => Ok(name.to_string()),
                false => Err(row.error(column, unknown(name, populations))),
            }
        };
        let (pre, post) = (name(pre)?, name(post)?);
        let text = row.text(density)?;
        let value: f64 = text.parse().map_err(|_| row.error(density, format!("{text:?} is not a number")))?;
        check_density(value).map_err(|problem| row.error(density, problem))?;
        if let Some(before) = rows.insert((pre.clone(), post.clone()), row.line) {
            let problem = format!("rows {before} and {}: both from `{pre}` to `{post}`; expected one", row.line);
            return Err(Error::content(path, problem));
        }
        blocks.push(BlockDensity { post, pre, density: value });
    }
    if blocks.is_empty() {
        return Err(Error::content(path, "there is no block; expected a row for each"));
    }
    Ok(blocks)
}

fn places(populations: &[Population]) -> HashMap<&str, usize> {
    populations.iter().enumerate().map(|(at, population)| (population.name.as_str(), at)).collect()
}

fn check_density(density: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&density) {
        return Ok(());
    }
    Err(format!("{density}; expected a density from 0 to 1"))
}

fn unknown(name: &str, populations: &[Population]) -> String {
    let named: Vec<String> = populations.iter().take(NAMED).map(|p| format!("`{}`", p.name)).collect();
    let more = if populations.len() > NAMED { ", …" } else { "" };
    format!("no population `{name}`; there are {}{more}", named.join(", "))
}
