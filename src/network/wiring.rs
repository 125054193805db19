//! What is fixed of a network: which entries its matrices have, the signs of the columns, the cell.

use std::sync::Arc;

use daleian_kernels::Activation;

use super::{BIAS, Blocks, COMMON_NAMES, InputSpec, Parameter, ParameterId, ReadoutSpec, Shape};
use crate::cell::{ActivationName, Cell, CellSpec};
use crate::connectome::{Connectome, NeuronTable};
use crate::error::{Error, Result};
use crate::sparse::Pattern;

/// Everything of a network but its parameters. Cheap to clone: the patterns are shared.
#[derive(Debug, Clone)]
pub struct Wiring {
    neurons: Arc<NeuronTable>,
    recurrent: Arc<Pattern>,
    input: Arc<Pattern>,
    readout: Arc<Pattern>,
    cell: CellSpec,
    dynamics: Arc<dyn Cell>,
    input_spec: InputSpec,
    readout_spec: ReadoutSpec,
    /// In the order of their ids; made from the patterns and the cell.
    parameters: Arc<[Parameter]>,
}

impl Wiring {
    /// The wiring of `connectome` with `channels` inputs and `outputs` outputs.
    ///
    /// # Errors
    /// If an input or readout in population blocks has not one channel or output per type of neuron, if there is no
    /// channel or output or there are too many, or if the readout's activation is neither identity nor tanh.
    pub fn new(
        connectome: &Connectome,
        cell: CellSpec,
        input: (usize, InputSpec),
        readout: (usize, ReadoutSpec),
    ) -> Result<Self> {
        use ActivationName::{Identity, Tanh};
        let table = connectome.neuron_table();
        let (channels, input) = input;
        let (outputs, readout) = readout;
        if !matches!(readout.activation, Identity | Tanh) {
            return Err(Error::setting("readout.activation", "a readout has `identity` or `tanh`"));
        }
        let neurons = connectome.pattern().rows();
        let by_population = |key: &str, what: &str, count: usize| {
            let types = table.types();
            if count == types.len() {
                return Ok(types);
            }
            let problem = format!("blocks by population need one {what} per type: {} not {count}", types.len());
            Err(Error::setting(key, problem))
        };
        for (key, count) in [("input", channels), ("readout", outputs)] {
            if count == 0 {
                return Err(Error::setting(key, "at least one channel is needed"));
            }
        }
        let dense = |key: &str, rows, cols| {
            Pattern::try_dense(rows, cols).map_err(|error| Error::setting(key, format!("a dense matrix: {error}")))
        };
        let input_pattern = match input.blocks {
            Blocks::Dense => dense("input", neurons, channels)?,
            Blocks::Population => {
                let types = by_population("input.blocks", "channel", channels)?;
                let mut indices = vec![0; neurons];
                for (group, channel) in types.iter().zip(0u32..) {
                    group.neurons.iter().for_each(|&neuron| indices[neuron as usize] = channel);
                }
                Pattern::new(neurons, channels, (0..=neurons).collect(), indices).expect("one entry a row")
            }
        };
        let readout_pattern = match readout.blocks {
            Blocks::Dense => dense("readout", outputs, neurons)?,
            Blocks::Population => {
                let types = by_population("readout.blocks", "output", outputs)?;
                let mut indptr = vec![0];
                indptr.extend(types.iter().scan(0, |end, group| {
                    *end += group.neurons.len();
                    Some(*end)
                }));
                let indices = types.into_iter().flat_map(|group| group.neurons).collect();
                Pattern::new(outputs, neurons, indptr, indices).expect("every neuron has one type")
            }
        };
        let wiring = Self {
            neurons: table.clone(),
            recurrent: connectome.pattern().clone(),
            input: Arc::new(input_pattern),
            readout: Arc::new(readout_pattern),
            cell,
            dynamics: cell.build(),
            input_spec: input,
            readout_spec: readout,
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
            Shape::OnPattern(self.input.clone()),
            Shape::OnPattern(self.readout.clone()),
            Shape::Dense(vec![self.outputs()]),
        ];
        let mut list: Vec<_> =
            COMMON_NAMES.into_iter().zip(shapes).map(|(name, shape)| Parameter::new(name, shape)).collect();
        list[BIAS.index()].trainable = self.cell.bias;
        self.parameters = list.into();
        self
    }

    /// Number of neurons n.
    pub fn neurons(&self) -> usize {
        self.recurrent.rows()
    }

    /// Number of input channels.
    pub fn channels(&self) -> usize {
        self.input.cols()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.readout.rows()
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
        &self.input
    }

    /// Where V has entries, `[outputs, neurons]`.
    pub fn readout(&self) -> &Arc<Pattern> {
        &self.readout
    }

    /// What the configuration says of the cell.
    pub fn cell(&self) -> CellSpec {
        self.cell
    }

    /// The settings of input and readout that the patterns come from.
    pub fn specs(&self) -> (InputSpec, ReadoutSpec) {
        (self.input_spec, self.readout_spec)
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
        self.readout_spec.activation.into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::{ConnectionSpec, PopulationSpec, Sign};

    #[test]
    fn too_many_channels_are_refused_before_anything_is_made_of_them() {
        let population = [PopulationSpec::new("exc", 3, Sign::Excitatory)];
        let connectome = Connectome::from_rules(&population, &[ConnectionSpec::all()], 1).unwrap();
        let wiring = |channels, outputs| {
            let (input, readout) = ((channels, InputSpec::default()), (outputs, ReadoutSpec::default()));
            Wiring::new(&connectome, CellSpec::default(), input, readout).unwrap_err().to_string()
        };
        let error = wiring(1 << 40, 1);
        assert!(error.starts_with("`input`: a dense matrix: the number of columns is 1099511627776"), "{error}");
        let error = wiring(1, 1 << 31);
        assert!(error.starts_with("`readout`: a dense matrix: the number of rows is 2147483648"), "{error}");
        let error = wiring((1 << 31) - 1, 1);
        assert!(error.starts_with("`input`: a dense matrix: the number of entries is 6442450941"), "{error}");
    }
}
