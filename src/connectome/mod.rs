//! Populations, signs, edge lists and connection rules: what becomes a pattern and the signs of its columns.

mod draw;
mod edge_list;
mod heavy_tailed;
mod neuron_table;
mod neurons;
mod rules;
mod selection;
mod sign;
mod spec;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

pub use neuron_table::{Column, Group, NeuronTable, Words};
pub use selection::Selection;
pub use sign::Sign;
pub use spec::{ConnectionSpec, Contradictions, Duplicates, EdgeListSpec, PopulationSpec, RuleName};

use crate::error::{Error, Result};
use crate::sparse::{Pattern, Repeats, from_edges};

/// A named range of neurons with one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// Its name, unique in the network.
    pub name: String,
    /// Its neurons, at least one.
    pub neurons: Range<usize>,
    /// The sign of everything its neurons send.
    pub sign: Sign,
}

/// Neurons in populations, and which of them are connected: n neurons, a pattern of n × n, at will a weight a synapse.
///
/// Always true: the populations follow each other from neuron 0 on, none is empty, no name is double; the pattern is
/// as large as they are; weights are finite and none is against the sign of its presynaptic neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct Connectome {
    populations: Vec<Population>,
    ids: Option<Vec<String>>,
    pattern: Arc<Pattern>,
    weights: Option<Vec<f32>>,
}

impl Connectome {
    /// Puts the parts together: populations in the order of their neurons, `pattern` as `W[post, pre]`, and `weights`,
    /// if there are any, in the order of the pattern's entries.
    ///
    /// A pattern without entries is right here: pruning may leave nothing.
    ///
    /// # Errors
    /// If one of the invariants of [`Connectome`] does not hold; the error names the population or the entry.
    pub fn new(
        populations: &[PopulationSpec],
        pattern: impl Into<Arc<Pattern>>,
        weights: Option<Vec<f32>>,
    ) -> Result<Self> {
        let populations = lay_out(populations)?;
        let pattern = pattern.into();
        let neurons = neurons(&populations);
        if (pattern.rows(), pattern.cols()) != (neurons, neurons) {
            let (rows, cols) = (pattern.rows(), pattern.cols());
            let problem = format!(
                "it is {rows} × {cols}, but the populations have {neurons} neurons: expected {neurons} × {neurons}"
            );
            return Err(Error::setting("pattern", problem));
        }
        let connectome = Self { populations, ids: None, pattern, weights: None };
        if let Some(weights) = &weights {
            connectome.check_weights(weights)?;
        }
        Ok(Self { weights, ..connectome })
    }

    /// A connectome from edges in any order: edge k goes from neuron `pre[k]` to neuron `post[k]`, with `weights[k]`
    /// if there are weights.
    ///
    /// # Errors
    /// As for [`Connectome::new`]; and if the arrays are not equally long, a neuron does not exist, or an edge is there
    /// twice.
    pub fn from_edges(
        populations: &[PopulationSpec],
        pre: &[u32],
        post: &[u32],
        weights: Option<&[f32]>,
    ) -> Result<Self> {
        let n = neurons(&lay_out(populations)?);
        let (pattern, weights) = from_edges(n, n, post, pre, weights, Repeats::Refuse)
            .map_err(|error| Error::setting("edges", format!("{error} (row: postsynaptic, column: presynaptic)")))?;
        Self::new(populations, pattern, weights)
    }

    /// Gives the neurons names, in their order.
    ///
    /// # Errors
    /// If there is not one a neuron, or one is empty or double.
    pub fn with_ids(mut self, ids: Vec<String>) -> Result<Self> {
        if ids.len() != self.neurons() {
            let problem = format!("there are {} for {} neurons: expected one a neuron", ids.len(), self.neurons());
            return Err(Error::setting("ids", problem));
        }
        let mut seen = HashMap::with_capacity(ids.len());
        for (neuron, id) in ids.iter().enumerate() {
            if id.is_empty() {
                return Err(Error::setting("ids", format!("neuron {neuron} has an empty one")));
            }
            if let Some(before) = seen.insert(id, neuron) {
                return Err(Error::setting("ids", format!("neurons {before} and {neuron} are both called {id:?}")));
            }
        }
        drop(seen);
        self.ids = Some(ids);
        Ok(self)
    }

    /// Number of neurons n.
    pub fn neurons(&self) -> usize {
        neurons(&self.populations)
    }

    /// The populations, in the order of their neurons.
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// The population of that name.
    pub fn population(&self, name: &str) -> Option<&Population> {
        self.populations.iter().find(|population| population.name == name)
    }

    /// Which population (its place in [`Self::populations`]) `neuron` belongs to.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn population_of(&self, neuron: usize) -> usize {
        assert!(neuron < self.neurons(), "neuron {neuron} of {}", self.neurons());
        self.populations.partition_point(|population| population.neurons.end <= neuron)
    }

    /// The sign of each neuron, which is that of W's column: n of them.
    pub fn signs(&self) -> impl Iterator<Item = Sign> + '_ {
        self.populations.iter().flat_map(|population| population.neurons.clone().map(|_| population.sign))
    }

    /// Which synapses exist: an entry in row i, column j is a synapse from neuron j to neuron i.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The weights of the synapses in the order of the pattern's entries, if the connectome came with any.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// What the neurons are called where they come from, if anything.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// Takes the weights out, and leaves a connectome without.
    pub fn take_weights(&mut self) -> Option<Vec<f32>> {
        self.weights.take()
    }

    fn check_weights(&self, weights: &[f32]) -> Result<()> {
        let entries = self.pattern.nnz();
        if weights.len() != entries {
            let problem = format!("there are {}, but the pattern has {entries} entries", weights.len());
            return Err(Error::setting("weights", problem));
        }
        if let Some(at) = weights.iter().position(|weight| !weight.is_finite()) {
            let (post, pre) = place(&self.pattern, at);
            let problem = format!("the one from neuron {pre} to {post} is {}, not a finite number", weights[at]);
            return Err(Error::setting("weights", problem));
        }
        let signs: Vec<Sign> = self.signs().collect();
        let mut against = contradictions(&self.pattern, weights, &signs);
        if let Some(first) = against.next() {
            let (post, pre) = place(&self.pattern, first);
            let problem = format!(
                "{} against the sign of the presynaptic neuron; the first is {} from neuron {pre} ({}) to {post}",
                1 + against.count(),
                weights[first],
                signs[pre]
            );
            return Err(Error::setting("weights", problem));
        }
        Ok(())
    }
}

/// The entries whose weight is against the sign of its column.
fn contradictions<'a>(pattern: &'a Pattern, weights: &'a [f32], signs: &'a [Sign]) -> impl Iterator<Item = usize> + 'a {
    let columns = pattern.indices().iter().zip(weights).enumerate();
    columns.filter(|(_, (pre, weight))| !signs[**pre as usize].allows(**weight)).map(|(at, _)| at)
}

/// Row and column of entry `at`.
fn place(pattern: &Pattern, at: usize) -> (usize, usize) {
    let row = pattern.indptr().partition_point(|&start| start <= at) - 1;
    (row, pattern.indices()[at] as usize)
}

fn neurons(populations: &[Population]) -> usize {
    populations.last().map_or(0, |population| population.neurons.end)
}

/// Gives each population its neurons, one population after the other.
fn lay_out(specs: &[PopulationSpec]) -> Result<Vec<Population>> {
    if specs.is_empty() {
        return Err(Error::setting("population", "there is none; expected at least one population of one neuron"));
    }
    let mut names = HashMap::with_capacity(specs.len());
    let mut populations: Vec<Population> = Vec::with_capacity(specs.len());
    for (at, PopulationSpec { name, size, sign }) in specs.iter().enumerate() {
        let key = |field: &str| format!("population[{at}].{field}");
        if name.trim().is_empty() {
            return Err(Error::setting(key("name"), "is empty; expected a name that no other population has"));
        }
        if let Some(before) = names.insert(name, at) {
            let problem = format!("population[{before}] is called {name:?} already; names must be unique");
            return Err(Error::setting(key("name"), problem));
        }
        if *size == 0 {
            return Err(Error::setting(key("size"), format!("population {name:?} has 0 neurons; expected at least 1")));
        }
        let start = neurons(&populations);
        let limit = i32::MAX as usize;
        let Some(end) = start.checked_add(*size).filter(|&end| end <= limit) else {
            let problem = format!("with {size} neurons in {name:?} there are more than {limit}, the most supported");
            return Err(Error::setting(key("size"), problem));
        };
        populations.push(Population { name: name.clone(), neurons: start..end, sign: *sign });
    }
    Ok(populations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(name: &str, size: usize, sign: Sign) -> PopulationSpec {
        PopulationSpec { name: name.into(), size, sign }
    }

    /// Two excitatory, one inhibitory, one unconstrained neuron.
    fn specs() -> Vec<PopulationSpec> {
        vec![
            population("exc", 2, Sign::Excitatory),
            population("inh", 1, Sign::Inhibitory),
            population("free", 1, Sign::Unconstrained),
        ]
    }

    fn problem(result: Result<Connectome>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn lays_populations_out_one_after_the_other() {
        let connectome = Connectome::from_edges(&specs(), &[3, 0, 2], &[0, 1, 0], Some(&[-1.0, 2.0, -0.5])).unwrap();
        assert_eq!(connectome.neurons(), 4);
        let ranges: Vec<_> = connectome.populations().iter().map(|p| p.neurons.clone()).collect();
        assert_eq!(ranges, [0..2, 2..3, 3..4]);
        assert_eq!((0..4).map(|i| connectome.population_of(i)).collect::<Vec<_>>(), [0, 0, 1, 2]);
        assert_eq!(connectome.signs().map(i8::from).collect::<Vec<_>>(), [1, 1, -1, 0]);
        assert_eq!(connectome.population("inh").unwrap().neurons, 2..3);
        assert!(connectome.population("Inh").is_none());
        assert_eq!(connectome.pattern().indptr(), [0, 2, 3, 3, 3]);
        assert_eq!(connectome.pattern().indices(), [2, 3, 0]);
        assert_eq!(connectome.weights().unwrap(), [-0.5, -1.0, 2.0]);
        assert_eq!(connectome.clone().take_weights().unwrap(), [-0.5, -1.0, 2.0]);
    }

    #[test]
    fn a_pattern_without_entries_is_fine() {
        let connectome = Connectome::new(&specs(), Pattern::empty(4, 4), Some(vec![])).unwrap();
        assert_eq!((connectome.pattern().nnz(), connectome.ids()), (0, None));
    }

    #[test]
    fn refuses_wrong_populations() {
        let build = |specs: &[PopulationSpec]| problem(Connectome::new(specs, Pattern::empty(1, 1), None));
        let text = build(&[]);
        assert!(text.contains("`population`") && text.contains("there is none"), "{text}");
        let text = build(&[population("a", 1, Sign::Excitatory), population("b", 0, Sign::Excitatory)]);
        assert!(text.contains("`population[1].size`") && text.contains("\"b\" has 0 neurons"), "{text}");
        let text = build(&[population(" ", 1, Sign::Excitatory)]);
        assert!(text.contains("`population[0].name`: is empty"), "{text}");
        let text = build(&[
            population("a", 1, Sign::Excitatory),
            population("b", 1, Sign::Excitatory),
            population("a", 1, Sign::Inhibitory),
        ]);
        assert!(text.contains("`population[2].name`: population[0] is called \"a\" already"), "{text}");
        for size in [1 << 31, usize::MAX] {
            let text = build(&[population("a", 1, Sign::Excitatory), population("b", size, Sign::Excitatory)]);
            assert!(text.contains("`population[1].size`") && text.contains("more than 2147483647"), "{text}");
        }
    }

    #[test]
    fn refuses_a_pattern_of_another_size() {
        let text = problem(Connectome::new(&specs(), Pattern::empty(4, 3), None));
        assert!(text.contains("it is 4 × 3") && text.contains("expected 4 × 4"), "{text}");
    }

    #[test]
    fn refuses_wrong_weights() {
        let with =
            |weights: &[f32]| problem(Connectome::from_edges(&specs(), &[0, 2, 3, 1], &[0, 1, 2, 3], Some(weights)));
        let text = with(&[1.0, 2.0, -3.0, -4.0]);
        assert!(text.contains("2 against the sign"), "{text}");
        assert!(text.contains("the first is 2 from neuron 2 (inhibitory) to 1"), "{text}");
        let text = with(&[1.0, 0.0, f32::NAN, 0.0]);
        assert!(text.contains("from neuron 3 to 2 is NaN"), "{text}");
        let text = problem(Connectome::new(&specs(), Pattern::dense(4, 4), Some(vec![0.0; 15])));
        assert!(text.contains("there are 15, but the pattern has 16 entries"), "{text}");
    }

    #[test]
    fn refuses_wrong_edges() {
        let text = problem(Connectome::from_edges(&specs(), &[4], &[0], None));
        assert!(text.contains("`edges`: edge 0 is in column 4"), "{text}");
        let text = problem(Connectome::from_edges(&specs(), &[1, 0, 1], &[3, 0, 3], None));
        assert!(text.contains("edges 0 and 2 are both in row 3, column 1"), "{text}");
    }

    #[test]
    fn ids_are_one_a_neuron_and_unique() {
        let connectome = || Connectome::new(&specs(), Pattern::empty(4, 4), None).unwrap();
        let ids = |ids: [&str; 4]| ids.map(String::from).to_vec();
        let named = connectome().with_ids(ids(["a", "b", "c", "d"])).unwrap();
        assert_eq!(named.ids().unwrap()[2], "c");
        assert!(problem(connectome().with_ids(vec!["a".into()])).contains("there are 1 for 4 neurons"));
        assert!(problem(connectome().with_ids(ids(["a", "b", "", "d"]))).contains("neuron 2 has an empty one"));
        let text = problem(connectome().with_ids(ids(["a", "b", "c", "b"])));
        assert!(text.contains("neurons 1 and 3 are both called \"b\""), "{text}");
    }
}
