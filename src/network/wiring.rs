//! What is fixed of a network: which entries its matrices have, the signs of the columns, the cell.

use std::sync::Arc;

use daleian_kernels::Activation;

use super::{BIAS, COMMON_NAMES, INPUT, InputBlock, OutputSpec, Parameter, ParameterId, READOUT, ReadoutBlock, Shape};
use crate::cell::{ActivationName, Cell, CellSpec};
use crate::connectome::NeuronTable;
use crate::error::{Error, Result};
use crate::sparse::Pattern;

/// Everything of a network but its parameters. Cheap to clone: the patterns are shared.
#[derive(Debug, Clone)]
pub struct Wiring {
    neurons: Arc<NeuronTable>,
    recurrent: Arc<Pattern>,
    input: Matrix,
    readout: Matrix,
    cell: CellSpec,
    dynamics: Arc<dyn Cell>,
    input_blocks: Arc<[InputBlock]>,
    readout_blocks: Arc<[ReadoutBlock]>,
    output: OutputSpec,
    /// In the order of their ids; made from the patterns and the cell.
    parameters: Arc<[Parameter]>,
}

/// The parts of a [`Wiring`].
pub(super) struct Parts {
    pub neurons: Arc<NeuronTable>,
    pub recurrent: Arc<Pattern>,
    pub input: Matrix,
    pub readout: Matrix,
    pub cell: CellSpec,
    pub input_blocks: Arc<[InputBlock]>,
    pub readout_blocks: Arc<[ReadoutBlock]>,
    pub output: OutputSpec,
}

/// Which entries a matrix has, and of each whether it is trained (none: all are).
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    pub pattern: Arc<Pattern>,
    pub trained: Option<Arc<[bool]>>,
}

impl Wiring {
    /// # Errors
    /// If the activation of the outputs is neither identity nor tanh.
    pub(super) fn from_parts(parts: Parts) -> Result<Self> {
        use ActivationName::{Identity, Tanh};
        if !matches!(parts.output.activation, Identity | Tanh) {
            return Err(Error::setting("output.activation", "expected `identity` or `tanh`"));
        }
        let Parts { neurons, recurrent, input, readout, cell, input_blocks, readout_blocks, output } = parts;
        let wiring = Self {
            neurons,
            recurrent,
            input,
            readout,
            cell,
            dynamics: cell.build(),
            input_blocks,
            readout_blocks,
            output,
            parameters: Arc::default(),
        };
        Ok(wiring.with_parameter_list())
    }

    /// The same neurons with other synapses.
    ///
    /// # Panics
    /// If the pattern is not of as many neurons.
    pub(crate) fn with_recurrent(&self, recurrent: Arc<Pattern>) -> Self {
        let n = self.neurons();
        assert_eq!((recurrent.rows(), recurrent.cols()), (n, n), "a pattern of the same neurons");
        Self { recurrent, ..self.clone() }.with_parameter_list()
    }

    /// Makes the list of parameters from the patterns and the cell.
    fn with_parameter_list(mut self) -> Self {
        let shapes = [
            Shape::OnPattern(self.recurrent.clone()),
            Shape::Dense(vec![self.neurons()]),
            Shape::OnPattern(self.input.pattern.clone()),
            Shape::OnPattern(self.readout.pattern.clone()),
            Shape::Dense(vec![self.outputs()]),
        ];
        let mut list: Vec<_> =
            COMMON_NAMES.into_iter().zip(shapes).map(|(name, shape)| Parameter::new(name, shape)).collect();
        list[BIAS.index()].trainable = self.cell.bias;
        list[INPUT.index()].trained = self.input.trained.clone();
        list[READOUT.index()].trained = self.readout.trained.clone();
        self.parameters = list.into();
        self
    }

    /// Number of neurons n.
    pub fn neurons(&self) -> usize {
        self.recurrent.rows()
    }

    /// Number of input channels.
    pub fn channels(&self) -> usize {
        self.input.pattern.cols()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.readout.pattern.rows()
    }

    /// What is known of each neuron.
    pub fn neuron_table(&self) -> &Arc<NeuronTable> {
        &self.neurons
    }

    /// Where W has entries, `[neurons, neurons]`: row = postsynaptic, column = presynaptic.
    pub fn recurrent(&self) -> &Arc<Pattern> {
        &self.recurrent
    }

    /// Where U has entries, `[neurons, channels]`.
    pub fn input(&self) -> &Arc<Pattern> {
        &self.input.pattern
    }

    /// Where V has entries, `[outputs, neurons]`.
    pub fn readout(&self) -> &Arc<Pattern> {
        &self.readout.pattern
    }

    /// What the configuration says of the cell.
    pub fn cell(&self) -> CellSpec {
        self.cell
    }

    /// The blocks that U comes from.
    pub fn input_blocks(&self) -> &[InputBlock] {
        &self.input_blocks
    }

    /// The blocks that V comes from.
    pub fn readout_blocks(&self) -> &[ReadoutBlock] {
        &self.readout_blocks
    }

    /// The settings of the outputs.
    pub fn output_spec(&self) -> OutputSpec {
        self.output
    }

    /// Whether the other has the same neurons, and the same entries in every matrix, of which the same are trained.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.neurons == other.neurons && self.parameters == other.parameters
    }

    /// The equations of a neuron.
    pub(crate) fn dynamics(&self) -> &dyn Cell {
        &*self.dynamics
    }

    /// The same with another cell, which no configuration describes.
    #[cfg(test)]
    pub(crate) fn with_cell(self, dynamics: Arc<dyn Cell>) -> Self {
        Self { dynamics, ..self }
    }

    /// g.
    pub fn readout_activation(&self) -> Activation {
        self.output.activation.into()
    }

    /// +1, -1 or 0 for each presynaptic neuron, `[neurons]`.
    pub fn signs(&self) -> Vec<i8> {
        self.neurons.signs().iter().map(|&sign| i8::from(sign)).collect()
    }

    /// Every parameter, in the order of their ids: the five that each network has, then those of the cell.
    pub fn parameter_list(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The ids of all parameters.
    pub fn parameter_ids(&self) -> impl Iterator<Item = ParameterId> + use<> {
        (0..self.parameters.len()).map(ParameterId::new)
    }

    /// What a parameter is.
    ///
    /// # Panics
    /// If this network has no such parameter. The same holds for [`size`](Self::size).
    pub fn parameter(&self, id: ParameterId) -> &Parameter {
        &self.parameters[id.index()]
    }

    /// Elements of a parameter.
    pub fn size(&self, id: ParameterId) -> usize {
        self.parameter(id).shape.size()
    }
}
