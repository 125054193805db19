//! Blocks of W (neurons × neurons), what density each should have, and a CSV file that says so.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BlockCount, PruneTarget};
use crate::connectome::{NeuronTable, Selection};
use crate::error::{Error, Result};
use crate::formats::Table;
use crate::sparse::Pattern;

/// The density that a block should have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockDensity {
    /// The postsynaptic neurons (rows of W).
    pub post: Selection,
    /// The presynaptic neurons (columns of W).
    pub pre: Selection,
    /// Synapses over pairs of neurons, from 0 to 1.
    pub density: f64,
}

/// A block, found in the network.
#[derive(Debug)]
pub(super) struct Block {
    /// Which neurons; none: all of W.
    names: Option<(Selection, Selection)>,
    post: Arc<[u32]>,
    pre: Arc<[u32]>,
    neurons: usize,
    density: f64,
    /// The number of its random stream: its place among all blocks of types, row by row, or else a number that follows
    /// from its selections alone.
    pub number: u32,
}

/// The blocks of `target`, in its order.
pub(super) fn of(target: &PruneTarget, neurons: &NeuronTable) -> Result<Vec<Block>> {
    let blocks = match target {
        PruneTarget::Whole(density) => {
            check_density(*density).map_err(|problem| Error::setting("density", problem))?;
            let all: Arc<[u32]> = (0..neurons.len() as u32).collect();
            let (post, pre, neurons) = (all.clone(), all, neurons.len());
            return Ok(vec![Block { names: None, post, pre, neurons, density: *density, number: 0 }]);
        }
        PruneTarget::Blocks(blocks) => blocks,
    };
    let types = neurons.types();
    let places: HashMap<&str, usize> = types.iter().zip(0..).map(|(group, at)| (group.name.as_str(), at)).collect();
    let place = |selection: &Selection| selection.single_type().and_then(|name| places.get(name).copied());
    let mut selected = HashMap::<&Selection, Arc<[u32]>>::new();
    let mut seen = HashSet::new();
    let mut out = Vec::with_capacity(blocks.len());
    for BlockDensity { post, pre, density } in blocks {
        let wrong = |problem: String| Error::setting("blocks", format!("from `{pre}` to `{post}`: {problem}"));
        for selection in [post, pre] {
            if !selected.contains_key(selection) {
                let found = neurons.select(selection).map_err(&wrong)?;
                selected.insert(selection, found.into());
            }
        }
        check_density(*density).map_err(&wrong)?;
        if !seen.insert((post, pre)) {
            return Err(wrong("named twice; expected once".into()));
        }
        let number = match (place(post), place(pre)) {
            (Some(row), Some(col)) => u32::try_from(row * types.len() + col)
                .map_err(|_| wrong(format!("{} types are too many for blocks", types.len())))?,
            _ => number_of(&format!("{post}\n{pre}")),
        };
        out.push(Block {
            names: Some((post.clone(), pre.clone())),
            post: selected[post].clone(),
            pre: selected[pre].clone(),
            neurons: neurons.len(),
            density: *density,
            number,
        });
    }
    Ok(out)
}

/// A number for a text, in the upper half of all: blocks of types rarely get there. FNV-1a (G. Fowler, L. C. Noll,
/// K.-P. Vo).
fn number_of(text: &str) -> u32 {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash | 1 << 31
}

impl Block {
    /// The entries of the block: ranges of entries in a row; one range where they are all of the pattern.
    pub fn entries(&self, pattern: &Pattern) -> Vec<Range<usize>> {
        if self.pre.len() == self.neurons && self.post.len() == self.neurons {
            return vec![pattern.entries_of(&(0..self.neurons))];
        }
        let (first, last) = (self.pre[0], self.pre[self.pre.len() - 1]);
        let in_one_piece = (last - first) as usize + 1 == self.pre.len();
        let mut ranges = Vec::new();
        for &row in self.post.iter() {
            let (columns, start) = (pattern.row(row as usize), pattern.entries(row as usize).start);
            if in_one_piece {
                let before = |neuron: u32| start + columns.partition_point(|&column| column < neuron);
                ranges.push(before(first)..before(last + 1));
            } else {
                let here = columns.iter().zip(start..).filter(|(column, _)| self.pre.binary_search(column).is_ok());
                ranges.extend(here.map(|(_, entry)| entry..entry + 1));
            }
        }
        ranges.retain(|range| !range.is_empty());
        ranges
    }

    /// Whether it is a block of types, which share no entry.
    pub fn is_of_types(&self) -> bool {
        self.names.as_ref().is_none_or(|(post, pre)| post.single_type().and(pre.single_type()).is_some())
    }

    /// The error of a block that shares entries with one before.
    pub fn overlaps(&self) -> Error {
        let (post, pre) = self.names.clone().unwrap_or_default();
        let problem = "shares synapses with a block before; expected each synapse in one block";
        Error::setting("blocks", format!("from `{pre}` to `{post}`: {problem}"))
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
        let (post, pre) = self.names.as_ref().map(|(post, pre)| (post.to_string(), pre.to_string())).unzip();
        BlockCount { post, pre, pairs: self.pairs(), before, target: self.density, expected, obtained }
    }
}

/// Adds every block of two types that `blocks` does not name, with `density`: 0 to keep nothing elsewhere.
///
/// # Errors
/// If a block is not one of two types: what is elsewhere cannot be said in types then.
pub fn fill_blocks(mut blocks: Vec<BlockDensity>, neurons: &NeuronTable, density: f64) -> Result<Vec<BlockDensity>> {
    if let Some(BlockDensity { post, pre, .. }) =
        blocks.iter().find(|block| block.post.single_type().and(block.pre.single_type()).is_none())
    {
        let problem = format!("from `{pre}` to `{post}`: expected types alone where the rest is dropped");
        return Err(Error::setting("blocks", problem));
    }
    let named: HashSet<(Selection, Selection)> =
        blocks.iter().map(|block| (block.post.clone(), block.pre.clone())).collect();
    let types = neurons.types();
    for post in &types {
        for pre in &types {
            let pair = (Selection::of_type(&post.name), Selection::of_type(&pre.name));
            if !named.contains(&pair) {
                let (post, pre) = pair;
                blocks.push(BlockDensity { post, pre, density });
            }
        }
    }
    Ok(blocks)
}

/// Reads target densities from a CSV file with the columns `pre`, `post` and `density`, in any order, plain or gzipped;
/// other columns are ignored. `pre` and `post` are types, or selections such as `region=V1,type=SST`.
///
/// # Errors
/// If the file cannot be read, has no row, names neurons that are not there or a block twice, or a density is not from
/// 0 to 1; the error names the row.
pub fn read_blocks(path: &Path, neurons: &NeuronTable) -> Result<Vec<BlockDensity>> {
    let mut table = Table::open(path, "pre,post,density")?;
    let (pre, post, density) = (table.column("pre")?, table.column("post")?, table.column("density")?);
    let mut known = HashMap::<String, Selection>::new();
    let mut rows = HashMap::new();
    let mut blocks = Vec::new();
    while let Some(row) = table.next_row()? {
        let mut selection = |column| {
            let text = row.text(column)?;
            if !known.contains_key(text) {
                let found = find(text, neurons).map_err(|problem| row.error(column, problem))?;
                known.insert(text.into(), found);
            }
            Ok(known[text].clone())
        };
        let (pre, post) = (selection(pre)?, selection(post)?);
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

/// What a text in the file selects: a type may have any name, so it comes first.
fn find(text: &str, neurons: &NeuronTable) -> Result<Selection, String> {
    let as_type = Selection::of_type(text);
    let selection = match neurons.select(&as_type) {
        Ok(_) => as_type,
        Err(_) => text.parse()?,
    };
    neurons.select(&selection).map(|_| selection)
}

fn check_density(density: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&density) {
        return Ok(());
    }
    Err(format!("{density}; expected a density from 0 to 1"))
}
