//! A network piece by piece.

use std::sync::Arc;

use super::block_matrix::{BlockMatrix, Side};
use super::wiring::{Matrix, Parts};
use super::{ActivationName, CellSpec, InitSpec, InputBlock, Network, OutputSpec, ReadoutBlock, Wiring, init};
use crate::connectome::Connectome;
use crate::error::Result;

/// Makes a [`Network`] on a connectome; see [`Network::builder`].
///
/// ```
/// use daleian::connectome::{Connectome, ConnectionSpec, PopulationSpec, Sign};
/// use daleian::network::{InputBlock, Network};
///
/// let populations = [PopulationSpec::new("exc", 8, Sign::Excitatory), PopulationSpec::new("inh", 2, Sign::Inhibitory)];
/// let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::all()], 1)?;
/// // channel 0 reaches the excitatory neurons; its weights are 1 and stay so
/// let block = InputBlock { value: Some(1.0), trained: false, ..InputBlock::new([0], "exc") };
/// let network = Network::builder(&connectome).input(1).input_blocks([block]).readout(3).seed(7).build()?;
/// assert_eq!([network.wiring().input().nnz(), network.wiring().readout().nnz()], [8, 3 * 10]);
/// # Ok::<(), daleian::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct NetworkBuilder<'a> {
    connectome: &'a Connectome,
    cell: CellSpec,
    channels: usize,
    outputs: usize,
    input_blocks: Vec<InputBlock>,
    readout_blocks: Vec<ReadoutBlock>,
    output: OutputSpec,
    init: InitSpec,
    seed: u64,
}

/// What the entries of U and V come from, for their start.
pub(super) struct Sources {
    pub input: BlockMatrix,
    pub readout: BlockMatrix,
}

impl<'a> NetworkBuilder<'a> {
    pub(super) fn new(connectome: &'a Connectome) -> Self {
        Self {
            connectome,
            cell: CellSpec::default(),
            channels: 0,
            outputs: 0,
            input_blocks: Vec::new(),
            readout_blocks: Vec::new(),
            output: OutputSpec::default(),
            init: InitSpec::default(),
            seed: 1,
        }
    }

    /// The cell; left out: the paper's under Dale's law.
    pub fn cell(self, cell: CellSpec) -> Self {
        Self { cell, ..self }
    }

    /// How many input channels there are, at least one.
    pub fn input(self, channels: usize) -> Self {
        Self { channels, ..self }
    }

    /// Which channels reach which neurons; left out or empty: each reaches all.
    pub fn input_blocks(self, blocks: impl Into<Vec<InputBlock>>) -> Self {
        Self { input_blocks: blocks.into(), ..self }
    }

    /// How many outputs there are, at least one.
    pub fn readout(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }

    /// Which outputs read which neurons; left out or empty: each reads all.
    pub fn readout_blocks(self, blocks: impl Into<Vec<ReadoutBlock>>) -> Self {
        Self { readout_blocks: blocks.into(), ..self }
    }

    /// g, the activation of the outputs: identity (left out) or tanh.
    pub fn output_activation(self, activation: ActivationName) -> Self {
        Self { output: OutputSpec { activation }, ..self }
    }

    /// Recurrent weights at the start; left out: uniform, as in the paper.
    pub fn init(self, init: InitSpec) -> Self {
        Self { init, ..self }
    }

    /// The seed of everything that is drawn; left out: 1.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The wiring alone, without parameters.
    ///
    /// # Errors
    /// If there is no channel or output or there are too many; if a block of input or readout is wrong, selects neurons
    /// that are not there, or has a pair that another block has; if an output reads nothing; or if the outputs have
    /// another activation than identity and tanh. The error names the block.
    pub fn wiring(&self) -> Result<Wiring> {
        Ok(self.wire()?.0)
    }

    /// The network, with parameters drawn from the seed.
    ///
    /// # Errors
    /// As [`wiring`](Self::wiring); and if the weights should come from a connectome without weights.
    pub fn build(&self) -> Result<Network> {
        let (wiring, sources) = self.wire()?;
        let parameters = init::draw(&wiring, &sources, self.connectome, &self.init, self.seed)?;
        Ok(Network { wiring, parameters })
    }

    fn wire(&self) -> Result<(Wiring, Sources)> {
        let table = self.connectome.neuron_table();
        let input_blocks = or_whole(&self.input_blocks);
        let readout_blocks = or_whole(&self.readout_blocks);
        let parts: Vec<_> = input_blocks.iter().map(InputBlock::block).collect();
        let input = BlockMatrix::new(Side::Input, self.channels, &parts, table, self.seed)?;
        let input_trained = input.trained(&parts);
        let parts: Vec<_> = readout_blocks.iter().map(ReadoutBlock::block).collect();
        let readout = BlockMatrix::new(Side::Readout, self.outputs, &parts, table, self.seed)?;
        let readout_trained = readout.trained(&parts);
        let wiring = Wiring::from_parts(Parts {
            neurons: table.clone(),
            recurrent: self.connectome.pattern().clone(),
            input: Matrix { pattern: input.pattern.clone(), trained: input_trained },
            readout: Matrix { pattern: readout.pattern.clone(), trained: readout_trained },
            cell: self.cell,
            input_blocks,
            readout_blocks,
            output: self.output,
        })?;
        Ok((wiring, Sources { input, readout }))
    }
}

/// The blocks, or one of everything where there are none.
pub(crate) fn or_whole<T: Clone + Default>(blocks: &[T]) -> Arc<[T]> {
    if blocks.is_empty() { [T::default()].into() } else { blocks.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{ConnectionSpec, PopulationSpec, Sign};

    #[test]
    fn too_many_channels_are_refused_before_anything_is_made_of_them() {
        let population = [PopulationSpec::new("exc", 3, Sign::Excitatory)];
        let connectome = Connectome::from_rules(&population, &[ConnectionSpec::all()], 1).unwrap();
        let wiring = |channels, outputs| {
            Network::builder(&connectome).input(channels).readout(outputs).wiring().unwrap_err().to_string()
        };
        let error = wiring(1 << 40, 1);
        assert!(error.starts_with("`input`: a dense matrix: the number of columns is 1099511627776"), "{error}");
        let error = wiring(1, 1 << 31);
        assert!(error.starts_with("`readout`: a dense matrix: the number of rows is 2147483648"), "{error}");
        let error = wiring((1 << 31) - 1, 1);
        assert!(error.starts_with("`input`: a dense matrix: the number of entries is 6442450941"), "{error}");
    }
}
