//! A network in numbers.

use serde::Serialize;

use crate::analysis::{Degrees, in_degrees, largest_magnitude, out_degrees, weight_distribution};
use crate::network::{CellSpec, Network, ParameterId, RECURRENT, Wiring};

/// What a network contains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkContents {
    /// Neurons.
    pub neurons: usize,
    /// Input channels.
    pub channels: usize,
    /// Outputs.
    pub outputs: usize,
    /// What a neuron does.
    #[serde(flatten)]
    pub cell: CellSpec,
    /// Neurons by type, in the order in which types first appear.
    pub populations: Vec<PopulationContents>,
    /// Stored recurrent weights.
    pub synapses: usize,
    /// Synapses over neurons squared.
    pub density: f64,
    /// Synapses that neurons receive.
    pub in_degree: Degrees,
    /// Synapses that neurons send.
    pub out_degree: Degrees,
    /// Recurrent weights by the sign of their presynaptic neuron: signs with a synapse, excitatory before inhibitory
    /// before unconstrained. Empty for a configuration.
    pub weights: Vec<WeightContents>,
    /// Weights against the sign of their presynaptic neuron.
    pub sign_violations: u64,
    /// All parameters; empty for a configuration.
    pub parameters: Vec<ParameterContents>,
}

/// The neurons of a type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PopulationContents {
    /// Its name.
    pub name: String,
    /// Its neurons.
    pub neurons: usize,
    /// +1 excitatory, -1 inhibitory, 0 unconstrained; `None` where they have several signs.
    pub sign: Option<i8>,
}

/// The weights that neurons of one sign send. What is not finite is left out of all but `synapses`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightContents {
    /// The sign: +1, -1 or 0.
    pub sign: i8,
    /// Their number.
    pub synapses: u64,
    /// How many are exactly 0.
    pub silent: u64,
    /// Their mean, silent ones included.
    pub mean: Option<f64>,
    /// The least.
    pub min: Option<f32>,
    /// The greatest.
    pub max: Option<f32>,
}

/// The numbers of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterContents {
    /// Its tensor in the model file.
    pub name: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many are NaN or infinite.
    pub not_finite: usize,
    /// The first of these, counted from 0.
    pub first_not_finite: Option<usize>,
    /// How many are -0.0.
    pub negative_zeros: usize,
}

impl NetworkContents {
    /// Of a network.
    pub fn of(network: &Network) -> Self {
        let (wiring, parameters) = (network.wiring(), network.parameters());
        let weights = &parameters[RECURRENT][..];
        let limit = largest_magnitude(weights).max(1.0);
        let parts = weight_distribution(wiring.recurrent(), weights, &wiring.signs(), limit, 2).parts;
        let part = parts.iter().map(|part| {
            let summary = &part.summary;
            WeightContents {
                sign: part.sign,
                synapses: summary.count + summary.not_finite,
                silent: summary.silent,
                mean: summary.mean,
                min: summary.min,
                max: summary.max,
            }
        });
        let parameter = |id: ParameterId| {
            let values = &parameters[id];
            ParameterContents {
                name: wiring.parameter(id).name,
                count: values.len(),
                not_finite: values.iter().filter(|value| !value.is_finite()).count(),
                first_not_finite: values.iter().position(|value| !value.is_finite()),
                negative_zeros: values.iter().filter(|value| **value == 0.0 && value.is_sign_negative()).count(),
            }
        };
        Self {
            weights: part.filter(|part| part.synapses > 0).collect(),
            sign_violations: network.sign_violations() as u64,
            parameters: parameters.ids().map(parameter).collect(),
            ..Self::without_weights(wiring)
        }
    }

    /// Of a network that has no parameters yet.
    pub fn without_weights(wiring: &Wiring) -> Self {
        let pattern = wiring.recurrent();
        let populations = wiring.neuron_table().types().into_iter().map(|group| PopulationContents {
            name: group.name,
            neurons: group.neurons.len(),
            sign: group.sign.map(i8::from),
        });
        Self {
            neurons: wiring.neurons(),
            channels: wiring.channels(),
            outputs: wiring.outputs(),
            cell: wiring.cell(),
            populations: populations.collect(),
            synapses: pattern.nnz(),
            density: pattern.density(),
            in_degree: in_degrees(pattern),
            out_degree: out_degrees(pattern),
            weights: Vec::new(),
            sign_violations: 0,
            parameters: Vec::new(),
        }
    }
}
