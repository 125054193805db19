//! Neurons, edges and connection rules: tables, and the one assembler that makes a pattern and signs of them.

mod assemble;
mod draw;
mod edge_table;
mod heavy_tailed;
mod neuron_table;
mod populations;
mod rules;
mod selection;
mod sign;
mod spec;

use std::sync::Arc;

pub use assemble::Policy;
pub use edge_table::EdgeTable;
pub(crate) use edge_table::{EdgeFile, Lines};
pub use neuron_table::{Column, Group, NeuronTable, Words};
pub use selection::Selection;
pub use sign::Sign;
pub use spec::{
    ColumnValue, ConnectionSpec, Contradictions, Duplicates, EdgeListSpec, PopulationSpec, RuleName, WeightMeaning,
};

use crate::error::{Error, Result};
use crate::sparse::Pattern;

/// Neurons, and which of them are connected: n neurons, a pattern of n × n, at will a weight a synapse.
///
/// Always true: the pattern is as large as the neuron table; weights are finite and none is against the sign of its
/// presynaptic neuron.
#[derive(Debug, Clone, PartialEq)]
pub struct Connectome {
    neurons: Arc<NeuronTable>,
    pattern: Arc<Pattern>,
    weights: Option<Vec<f32>>,
}

impl Connectome {
    /// Puts the parts together: `pattern` as `W[post, pre]`, and `weights`, if there are any, in the order of the
    /// pattern's entries.
    ///
    /// A pattern without entries is right here: pruning may leave nothing.
    ///
    /// # Errors
    /// If one of the invariants of [`Connectome`] does not hold; the error names the entry.
    pub fn new(
        neurons: impl Into<Arc<NeuronTable>>,
        pattern: impl Into<Arc<Pattern>>,
        weights: Option<Vec<f32>>,
    ) -> Result<Self> {
        let (neurons, pattern) = (neurons.into(), pattern.into());
        let n = neurons.len();
        if (pattern.rows(), pattern.cols()) != (n, n) {
            let (rows, cols) = (pattern.rows(), pattern.cols());
            let problem = format!("it is {rows} × {cols}, but there are {n} neurons: expected {n} × {n}");
            return Err(Error::setting("pattern", problem));
        }
        let connectome = Self { neurons, pattern, weights: None };
        if let Some(weights) = &weights {
            connectome.check_weights(weights)?;
        }
        Ok(Self { weights, ..connectome })
    }

    /// A connectome from edges in any order: edge k goes from neuron `pre[k]` to neuron `post[k]`, with `weights[k]`
    /// if there are weights. The neurons of each population follow those of the one before.
    ///
    /// # Errors
    /// As [`NeuronTable::from_populations`] and [`Connectome::assemble`].
    pub fn from_edges(
        populations: &[PopulationSpec],
        pre: &[u32],
        post: &[u32],
        weights: Option<&[f32]>,
    ) -> Result<Self> {
        let edges = EdgeTable::new(pre.into(), post.into(), weights.map(Into::into));
        Self::assemble(NeuronTable::from_populations(populations)?, edges, &Policy::default())
    }

    /// Number of neurons n.
    pub fn neurons(&self) -> usize {
        self.neurons.len()
    }

    /// What is known of each neuron.
    pub fn neuron_table(&self) -> &Arc<NeuronTable> {
        &self.neurons
    }

    /// The sign of each neuron, which is that of W's column: n of them.
    pub fn signs(&self) -> &[Sign] {
        self.neurons.signs()
    }

    /// Which synapses exist: an entry in row i, column j is a synapse from neuron j to neuron i.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The weights of the synapses in the order of the pattern's entries, if the connectome came with any.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
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
        let mut against = contradictions(&self.pattern, weights, self.signs());
        if let Some(first) = against.next() {
            let (post, pre) = place(&self.pattern, first);
            let problem = format!(
                "{} against the sign of the presynaptic neuron; the first is {} from neuron {pre} ({}) to {post}",
                1 + against.count(),
                weights[first],
                self.signs()[pre]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn population(name: &str, size: usize, sign: Sign) -> PopulationSpec {
        PopulationSpec::new(name, size, sign)
    }

    fn neurons() -> NeuronTable {
        NeuronTable::from_populations(&specs()).unwrap()
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
        let types = connectome.neuron_table().types();
        let types: Vec<_> = types.iter().map(|group| (group.name.as_str(), &group.neurons[..])).collect();
        assert_eq!(types, [("exc", &[0, 1][..]), ("inh", &[2]), ("free", &[3])]);
        assert_eq!(connectome.signs().iter().map(|&sign| i8::from(sign)).collect::<Vec<_>>(), [1, 1, -1, 0]);
        assert_eq!(connectome.pattern().indptr(), [0, 2, 3, 3, 3]);
        assert_eq!(connectome.pattern().indices(), [2, 3, 0]);
        assert_eq!(connectome.weights().unwrap(), [-0.5, -1.0, 2.0]);
        assert_eq!(connectome.clone().take_weights().unwrap(), [-0.5, -1.0, 2.0]);
    }

    #[test]
    fn a_pattern_without_entries_is_fine() {
        let connectome = Connectome::new(neurons(), Pattern::empty(4, 4), Some(vec![])).unwrap();
        assert_eq!((connectome.pattern().nnz(), connectome.neuron_table().ids()), (0, None));
    }

    #[test]
    fn refuses_a_pattern_of_another_size() {
        let text = problem(Connectome::new(neurons(), Pattern::empty(4, 3), None));
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
        let text = problem(Connectome::new(neurons(), Pattern::dense(4, 4), Some(vec![0.0; 15])));
        assert!(text.contains("there are 15, but the pattern has 16 entries"), "{text}");
    }

    #[test]
    fn refuses_wrong_edges() {
        let text = problem(Connectome::from_edges(&specs(), &[4], &[0], None));
        assert!(text.contains("`edges`: edge 0 is in column 4"), "{text}");
        let text = problem(Connectome::from_edges(&specs(), &[1, 0, 1], &[3, 0, 3], None));
        assert!(text.contains("edges 0 and 2 are both in row 3, column 1"), "{text}");
    }
}
