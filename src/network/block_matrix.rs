//! From blocks of connections to the pattern of one matrix: U of all `[[input]]`, V of all `[[readout]]`.

use std::collections::HashSet;
use std::sync::Arc;

use rand::RngExt;

use super::connection_blocks::{Block, BlockRule};
use crate::connectome::NeuronTable;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream, stream};
use crate::sparse::Pattern;

/// Which of the two matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// U, `[neurons, channels]`.
    Input,
    /// V, `[outputs, neurons]`.
    Readout,
}

/// The pattern that blocks make together.
#[derive(Debug)]
pub(super) struct BlockMatrix {
    pub pattern: Arc<Pattern>,
    /// Of each entry the number of its block; none: there is one block.
    blocks: Option<Vec<u32>>,
}

/// A connection: row, column, and number of the block.
type Entry = (u32, u32, u32);

impl Side {
    pub fn key(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Readout => "readout",
        }
    }

    /// What stands on the other side of the neurons.
    fn units(self) -> &'static str {
        match self {
            Self::Input => "channels",
            Self::Readout => "outputs",
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::Input => Purpose::InputBlocks,
            Self::Readout => Purpose::ReadoutBlocks,
        }
    }

    fn entry(self, unit: u32, neuron: u32, block: u32) -> Entry {
        match self {
            Self::Input => (neuron, unit, block),
            Self::Readout => (unit, neuron, block),
        }
    }

    fn shape(self, units: usize, neurons: usize) -> (usize, usize) {
        match self {
            Self::Input => (neurons, units),
            Self::Readout => (units, neurons),
        }
    }
}

impl BlockMatrix {
    /// The matrix of `blocks` between `count` channels or outputs and the neurons of `table`, with random numbers from
    /// `seed`: one stream per block.
    ///
    /// # Errors
    /// If there is no channel or output, or too many; if a block is wrong, selects what is not there, or has a pair that
    /// another block has too; if an output reads nothing by any block.
    pub fn new(side: Side, count: usize, blocks: &[Block], table: &NeuronTable, seed: u64) -> Result<Self> {
        let (key, neurons) = (side.key(), table.len());
        if count == 0 {
            let one = side.units().trim_end_matches('s');
            return Err(Error::setting(key, format!("there is none; at least one {one} is needed")));
        }
        let (rows, cols) = side.shape(count, neurons);
        for (k, block) in blocks.iter().enumerate() {
            block.validate(&format!("{key}[{k}]"))?;
        }
        if let [block] = blocks
            && block.is_whole()
        {
            let pattern = Pattern::try_dense(rows, cols)
                .map_err(|error| Error::setting(key, format!("a dense matrix: {error}")))?;
            return Ok(Self { pattern: pattern.into(), blocks: None });
        }
        if count > i32::MAX as usize {
            return Err(too_many(side, 0, count as u128 * neurons as u128));
        }
        let mut entries = Vec::new();
        let mut named = vec![false; rows];
        for (k, block) in blocks.iter().enumerate() {
            add(side, k, block, count, table, seed, &mut entries, &mut named)?;
        }
        if let (Side::Readout, Some(output)) = (side, named.iter().position(|named| !named)) {
            return Err(Error::setting(
                key,
                format!("output {output} reads no neuron; expected it in a `[[readout]]`"),
            ));
        }
        entries.sort_unstable();
        if let Some(pair) = entries.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1)) {
            let ((row, col, first), (.., second)) = (pair[0], pair[1]);
            let (unit, neuron) = if side == Side::Input { (col, row) } else { (row, col) };
            let problem = format!(
                "{} {unit} and neuron {neuron} are connected by {key}[{first}] already; expected each pair in one block",
                side.units().trim_end_matches('s')
            );
            return Err(Error::setting(format!("{key}[{second}]"), problem));
        }
        let indptr = (0..=rows as u64).map(|row| entries.partition_point(|&(at, ..)| u64::from(at) < row)).collect();
        let pattern = Pattern::new(rows, cols, indptr, entries.iter().map(|&(_, col, _)| col).collect())
            .map_err(|error| Error::setting(key, error))?;
        Ok(Self { pattern: pattern.into(), blocks: Some(entries.iter().map(|&(.., block)| block).collect()) })
    }

    /// The number of the block that entry `at` comes from.
    pub fn block_of(&self, at: usize) -> usize {
        self.blocks.as_ref().map_or(0, |blocks| blocks[at] as usize)
    }

    /// Of each entry whether it is trained; none: all are.
    pub fn trained(&self, blocks: &[Block]) -> Option<Arc<[bool]>> {
        let all = blocks.iter().all(|block| block.trained);
        (!all).then(|| (0..self.pattern.nnz()).map(|at| blocks[self.block_of(at)].trained).collect())
    }
}

/// Adds the connections of block `k`, and marks the rows that it names where these are outputs.
#[expect(clippy::too_many_arguments, reason = "one loop body with a name")]
fn add(
    side: Side,
    k: usize,
    block: &Block,
    count: usize,
    table: &NeuronTable,
    seed: u64,
    entries: &mut Vec<Entry>,
    named: &mut [bool],
) -> Result<()> {
    let key = |field: &str| format!("{}[{k}].{field}", side.key());
    let units = match block.units {
        Some(numbers) => {
            numbers.resolve(count, side.units()).map_err(|problem| Error::setting(key(block.units_key), problem))?
        }
        None => (0..count as u32).collect(),
    };
    let mut stream = stream(seed, side.purpose(), k as u32);
    let neurons = neurons(block, table, &mut stream, &key)?;
    if side == Side::Readout {
        units.iter().for_each(|&unit| named[unit as usize] = true);
    }
    let (pairs, block_number) = (units.len() as u128 * neurons.len() as u128, k as u32);
    if entries.len() as u128 + pairs > i32::MAX as u128 {
        return Err(too_many(side, k, pairs));
    }
    match block.rule {
        BlockRule::OneToOne if units.len() != neurons.len() => {
            let problem = format!(
                "`one-to-one` between {} {} and {} neurons; expected as many of each",
                units.len(),
                side.units(),
                neurons.len()
            );
            return Err(Error::setting(key("rule"), problem));
        }
        BlockRule::OneToOne => {
            entries.extend(units.iter().zip(&neurons).map(|(&unit, &neuron)| side.entry(unit, neuron, block_number)));
        }
        BlockRule::Dense | BlockRule::Probability => {
            let probability = block.probability.unwrap_or(1.0);
            for &neuron in &neurons {
                for &unit in &units {
                    if probability == 1.0 || stream.random::<f64>() < probability {
                        entries.push(side.entry(unit, neuron, block_number));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The neurons of a block: ascending, or in the order of its ids.
fn neurons(block: &Block, table: &NeuronTable, stream: &mut Stream, key: &impl Fn(&str) -> String) -> Result<Vec<u32>> {
    let mut neurons = match block.ids {
        [] => table.select(block.neurons).map_err(|problem| Error::setting(key(block.neurons_key), problem))?,
        ids => by_id(ids, table).map_err(|problem| Error::setting(key("ids"), problem))?,
    };
    if let Some(fraction) = block.fraction {
        // each is taken with the probability that fills up the number wanted: every subset is as likely
        let mut wanted = ((fraction * neurons.len() as f64).round() as usize).max(1);
        let mut rest = neurons.len();
        neurons.retain(|_| {
            let taken = stream.random::<f64>() * (rest as f64) < wanted as f64;
            rest -= 1;
            wanted -= usize::from(taken);
            taken
        });
    }
    Ok(neurons)
}

fn by_id(ids: &[String], table: &NeuronTable) -> Result<Vec<u32>, String> {
    let places = table.by_id().ok_or("the neurons have no ids; expected a selection by columns")?;
    let mut seen = HashSet::new();
    let mut neurons = Vec::with_capacity(ids.len());
    for id in ids {
        neurons.push(*places.get(id.as_str()).ok_or_else(|| format!("no neuron has the id {id:?}"))?);
        if !seen.insert(id) {
            return Err(format!("{id:?} is named twice; expected once"));
        }
    }
    Ok(neurons)
}

fn too_many(side: Side, k: usize, pairs: u128) -> Error {
    let problem = format!("{pairs} more pairs of {} and neurons; expected at most {} in all", side.units(), i32::MAX);
    Error::setting(format!("{}[{k}]", side.key()), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{Selection, Sign, Words};
    use crate::network::{BlockRule, InputBlock, Numbers, ReadoutBlock};

    /// Neurons a to d; a and b are of type exc, c and d of type inh.
    fn table() -> NeuronTable {
        let (e, i) = (Sign::Excitatory, Sign::Inhibitory);
        let table = NeuronTable::new(vec![e, e, i, i]).unwrap();
        let types: Words = ["exc", "exc", "inh", "inh"].into_iter().collect();
        let table = table.with_column("type", types).unwrap();
        table.with_ids(["a", "b", "c", "d"].map(String::from).to_vec()).unwrap()
    }

    fn input(channels: usize, blocks: &[InputBlock]) -> Result<BlockMatrix> {
        let blocks: Vec<Block> = blocks.iter().map(InputBlock::block).collect();
        BlockMatrix::new(Side::Input, channels, &blocks, &table(), 1)
    }

    fn readout(outputs: usize, blocks: &[ReadoutBlock], seed: u64) -> Result<BlockMatrix> {
        let blocks: Vec<Block> = blocks.iter().map(ReadoutBlock::block).collect();
        BlockMatrix::new(Side::Readout, outputs, &blocks, &table(), seed)
    }

    /// Row and column of each entry, in the order of the pattern.
    fn pairs(matrix: &BlockMatrix) -> Vec<(usize, u32)> {
        let pattern = &matrix.pattern;
        (0..pattern.rows()).flat_map(|row| pattern.row(row).iter().map(move |&col| (row, col))).collect()
    }

    #[test]
    fn each_rule_by_hand() {
        assert!(input(2, &[InputBlock::default()]).unwrap().pattern.is_full());
        // channel 1 reaches exc, channel 0 reaches inh, channel 2 nobody
        let matrix = input(3, &[InputBlock::new([1], "exc"), InputBlock::new([0], "inh")]).unwrap();
        assert_eq!(pairs(&matrix), [(0, 1), (1, 1), (2, 0), (3, 0)]);
        assert_eq!([0, 1, 2, 3].map(|at| matrix.block_of(at)), [0, 0, 1, 1]);
        // in the order of channels and ids
        let ids = ["d", "b"].map(String::from).to_vec();
        let one = InputBlock { channels: Some([2, 0].into()), ids, rule: BlockRule::OneToOne, ..InputBlock::default() };
        assert_eq!(pairs(&input(3, std::slice::from_ref(&one)).unwrap()), [(1, 0), (3, 2)]);
        let all = InputBlock { rule: BlockRule::OneToOne, ..InputBlock::default() };
        assert_eq!(pairs(&input(4, &[all]).unwrap()), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        // an output is a row
        let range = Numbers::Range("0..2".into());
        let matrix = readout(2, &[ReadoutBlock::new(range, "inh"), ReadoutBlock::new([1], "exc")], 1).unwrap();
        assert_eq!(pairs(&matrix), [(0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]);
        assert_eq!([2, 3, 4, 5].map(|at| matrix.block_of(at)), [1, 1, 0, 0]);
    }

    #[test]
    fn what_is_drawn_is_the_same_for_a_seed() {
        let half = ReadoutBlock { fraction: Some(0.5), ..ReadoutBlock::default() };
        let drawn = |seed| pairs(&readout(1, std::slice::from_ref(&half), seed).unwrap());
        assert_eq!(drawn(1), drawn(1));
        let mut counts = [0; 4];
        for seed in 0..600 {
            let pairs = drawn(seed);
            assert_eq!(pairs.len(), 2);
            pairs.iter().for_each(|&(_, neuron)| counts[neuron as usize] += 1);
        }
        // each neuron in half of the draws
        assert!(counts.iter().all(|count| (250..350).contains(count)), "{counts:?}");
        let some = ReadoutBlock { rule: BlockRule::Probability, probability: Some(0.25), ..ReadoutBlock::default() };
        let drawn = |seed| pairs(&readout(3, std::slice::from_ref(&some), seed).unwrap()).len();
        assert_eq!(drawn(5), drawn(5));
        let mean = (0..600).map(drawn).sum::<usize>() as f64 / 600.0;
        assert!((2.7..3.3).contains(&mean), "{mean} of 12 pairs");
        let least = ReadoutBlock { fraction: Some(0.01), ..ReadoutBlock::default() };
        assert_eq!(readout(1, &[least], 1).unwrap().pattern.nnz(), 1);
    }

    #[test]
    fn what_is_trained_by_hand() {
        let frozen = InputBlock { trained: false, ..InputBlock::new([0], "inh") };
        let blocks = [InputBlock::new([1], Selection::all()), frozen];
        let matrix = input(2, &blocks).unwrap();
        let mask = |blocks: &[InputBlock]| matrix.trained(&blocks.iter().map(InputBlock::block).collect::<Vec<_>>());
        assert_eq!(pairs(&matrix), [(0, 1), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]);
        assert_eq!(*mask(&blocks).unwrap(), [true, true, false, true, false, true]);
        assert_eq!(mask(&[blocks[0].clone(), blocks[0].clone()]), None);
    }

    #[test]
    fn wrong_blocks_are_named() {
        let one = |block: InputBlock| input(2, &[block]).unwrap_err().to_string();
        let ids = |ids: &[&str]| InputBlock {
            ids: ids.iter().map(|id| id.to_string()).collect(),
            rule: BlockRule::OneToOne,
            ..InputBlock::default()
        };
        for (error, says) in [
            (one(InputBlock::new([2], "exc")), "`input[0].channels`: 2; there are 2 channels, from 0 to 1"),
            (one(InputBlock::new([0], "vip")), "`input[0].to`: no neuron has type `vip`; there are `exc`, `inh`"),
            (one(ids(&["a", "z"])), "`input[0].ids`: no neuron has the id \"z\""),
            (one(ids(&["a", "a"])), "`input[0].ids`: \"a\" is named twice"),
            (one(ids(&["a"])), "`input[0].rule`: `one-to-one` between 2 channels and 1 neurons; expected as many"),
            (
                input(2, &[InputBlock::new([0], "inh"), InputBlock::default()]).unwrap_err().to_string(),
                "`input[1]`: channel 0 and neuron 2 are connected by input[0] already; expected each pair in one block",
            ),
            (
                readout(2, &[ReadoutBlock::new([1], "inh")], 1).unwrap_err().to_string(),
                "`readout`: output 0 reads no neuron; expected it in a `[[readout]]`",
            ),
            (
                readout(0, &[ReadoutBlock::default()], 1).unwrap_err().to_string(),
                "`readout`: there is none; at least one output is needed",
            ),
        ] {
            assert!(error.contains(says), "{error} does not say: {says}");
        }
        let half = InputBlock { fraction: Some(0.5), ..InputBlock::default() };
        for channels in [1 << 31, 1 << 40] {
            let error = input(channels, std::slice::from_ref(&half)).unwrap_err().to_string();
            assert!(error.contains("`input[0]`: ") && error.contains("expected at most 2147483647"), "{error}");
        }
    }
}
