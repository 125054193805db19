//! What a configuration says of neurons and synapses.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Sign;

/// A named range of neurons with one sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PopulationSpec {
    /// Its name, unique in the network.
    pub name: String,
    /// Number of neurons, at least 1.
    pub size: usize,
    /// The sign of everything its neurons send.
    pub sign: Sign,
}

impl PopulationSpec {
    /// A population of `size` neurons that all send with `sign`.
    pub fn new(name: impl Into<String>, size: usize, sign: Sign) -> Self {
        Self { name: name.into(), size, sign }
    }
}

/// How synapses between two populations are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// Every pair.
    All,
    /// Each pair independently, with `probability`.
    Probability,
    /// Every postsynaptic neuron gets `in-degree` different presynaptic ones.
    InDegree,
    /// Log-normal in- and out-degrees: `mean-degree` presynaptic neurons on average, with the spread `sigma`.
    HeavyTailed,
}

/// A connection rule between populations (`[[connection]]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ConnectionSpec {
    /// Presynaptic population; left out: all neurons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre: Option<String>,
    /// Postsynaptic population; left out: all neurons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// The rule.
    pub rule: RuleName,
    /// For `probability`: above 0, at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// For `in-degree`: at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_degree: Option<usize>,
    /// For `heavy-tailed`: presynaptic neurons that a postsynaptic one has on average, above 0. The number of synapses
    /// is this times the postsynaptic neurons, rounded, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_degree: Option<f64>,
    /// For `heavy-tailed`: the standard deviation of the logarithm of degrees, above 0 and at most 4. At 1 the
    /// standard deviation of degrees is 1.3 times their mean, and the largest of 100,000 about 40 times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Whether a neuron may connect to itself.
    #[serde(default = "yes")]
    pub autapses: bool,
}

impl ConnectionSpec {
    /// Every pair of neurons, autapses included.
    pub fn all() -> Self {
        Self {
            pre: None,
            post: None,
            rule: RuleName::All,
            probability: None,
            in_degree: None,
            mean_degree: None,
            sigma: None,
            autapses: true,
        }
    }

    /// Each pair of neurons with `probability`, autapses included.
    pub fn probability(probability: f64) -> Self {
        Self { rule: RuleName::Probability, probability: Some(probability), ..Self::all() }
    }

    /// `in_degree` presynaptic neurons for each neuron, autapses included.
    pub fn in_degree(in_degree: usize) -> Self {
        Self { rule: RuleName::InDegree, in_degree: Some(in_degree), ..Self::all() }
    }

    /// Log-normal in- and out-degrees with the mean `mean_degree` and the spread `sigma`, autapses included.
    pub fn heavy_tailed(mean_degree: f64, sigma: f64) -> Self {
        Self { rule: RuleName::HeavyTailed, mean_degree: Some(mean_degree), sigma: Some(sigma), ..Self::all() }
    }
}

/// A connectome read from CSV files (`[connectome]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EdgeListSpec {
    /// Edge list, header `pre,post[,weight]`.
    pub edges: PathBuf,
    /// Neurons, header `id,population,sign`; left out: the neurons are those of the edges, in one population without
    /// a sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neurons: Option<PathBuf>,
    /// What to do with an edge that stands there twice.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// What to do with a weight against the sign of its presynaptic neuron.
    #[serde(default)]
    pub contradictions: Contradictions,
}

/// What to do with an edge that stands in the list twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// Refuse the file and name the rows.
    #[default]
    Error,
    /// Add their weights.
    Sum,
}

/// What to do with a weight against the sign of its presynaptic neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contradictions {
    /// Refuse the file, count them and name the first.
    #[default]
    Error,
    /// Set the weight to 0; the synapse stays.
    Clamp,
}

fn yes() -> bool {
    true
}
