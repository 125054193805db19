//! What a configuration says of neurons and synapses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Policy, Selection, Sign};

/// Neurons of one type and sign (`[[population]]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PopulationSpec {
    /// The type of its neurons, that of no other population.
    pub name: String,
    /// Number of neurons, at least 1.
    pub size: usize,
    /// The sign of everything its neurons send.
    pub sign: Sign,
    /// What else is known of its neurons: every further key is a column of the neuron table, such as `region` or
    /// `tau`.
    #[serde(flatten)]
    pub columns: BTreeMap<String, ColumnValue>,
}

/// A value in a column of the neuron table, as a configuration writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text or a number")]
pub enum ColumnValue {
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

impl PopulationSpec {
    /// A population of `size` neurons that all send with `sign`.
    pub fn new(name: impl Into<String>, size: usize, sign: Sign) -> Self {
        Self { name: name.into(), size, sign, columns: BTreeMap::new() }
    }

    /// The same population with a value in one more column.
    pub fn with(mut self, column: impl Into<String>, value: impl Into<ColumnValue>) -> Self {
        self.columns.insert(column.into(), value.into());
        self
    }
}

impl From<&str> for ColumnValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<f64> for ColumnValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// How synapses between two populations are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    /// Presynaptic neurons; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre: Option<Selection>,
    /// Postsynaptic neurons; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Selection>,
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
    #[serde(default = "crate::defaults::yes")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EdgeListSpec {
    /// Edge list, header `pre,post[,weight]`, or `count` instead of `weight`.
    pub edges: PathBuf,
    /// Neurons, header `id,sign` and at will `type`, `region`, `tau` and further columns; left out: the neurons are
    /// those of the edges, without a sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neurons: Option<PathBuf>,
    /// What to do with an edge that stands there twice.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// What to do with a weight against the sign of its presynaptic neuron.
    #[serde(default)]
    pub contradictions: Contradictions,
    /// What the weights mean.
    #[serde(default)]
    pub weights: WeightMeaning,
    /// What every weight is multiplied by, above 0.
    #[serde(default = "crate::defaults::one")]
    pub scale: f64,
}

impl EdgeListSpec {
    /// Edges alone, with the default policy.
    pub fn new(edges: impl Into<PathBuf>) -> Self {
        Self {
            edges: edges.into(),
            neurons: None,
            duplicates: Duplicates::default(),
            contradictions: Contradictions::default(),
            weights: WeightMeaning::default(),
            scale: 1.0,
        }
    }
}

impl From<&EdgeListSpec> for Policy {
    fn from(spec: &EdgeListSpec) -> Self {
        let EdgeListSpec { duplicates, contradictions, weights, scale, .. } = *spec;
        Self { duplicates, contradictions, weights, scale }
    }
}

/// What the weights of edges mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightMeaning {
    /// They have their sign.
    #[default]
    Signed,
    /// Magnitudes such as synapse counts, which take the sign of their presynaptic neuron.
    Magnitude,
    /// Nothing: they are neither read nor checked.
    Unused,
}

/// What to do with an edge that stands in the list twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Contradictions {
    /// Refuse the file, count them and name the first.
    #[default]
    Error,
    /// Set the weight to 0; the synapse stays.
    Clamp,
}
