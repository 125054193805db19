//! Tables and policy become a connectome: the only place that decides about duplicates, missing neurons, signs and
//! weights.

use super::edge_table::Post;
use super::{
    Connectome, Contradictions, Duplicates, EdgeTable, NeuronTable, Sign, WeightMeaning, contradictions, place,
};
use crate::error::{Error, Result};
use crate::sparse::{EdgeError, Pattern, Repeats, from_edges};

/// What to do where tables leave a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// What to do with an edge that is there twice.
    pub duplicates: Duplicates,
    /// What to do with a weight against the sign of its presynaptic neuron.
    pub contradictions: Contradictions,
    /// What the weights of the edges mean.
    pub weights: WeightMeaning,
    /// What every weight is multiplied by; above 0.
    pub scale: f64,
}

impl Default for Policy {
    /// Refuse duplicates and contradictions; weights as they are.
    fn default() -> Self {
        Self {
            duplicates: Duplicates::default(),
            contradictions: Contradictions::default(),
            weights: WeightMeaning::default(),
            scale: 1.0,
        }
    }
}

impl Connectome {
    /// Puts tables together by `policy`.
    ///
    /// Without a neuron table the neurons are those that the edges name by id, without sign, in the order of their ids
    /// if every id is a whole number, else in the order they first appear in (`pre` before `post` in each row).
    ///
    /// Weights of the same edge are added in the order of the table, magnitudes first taken where `weights` says so:
    /// it is the sum that is compared with the sign. Then w becomes scale · w, or sign · scale · w of a magnitude
    /// (a neuron of sign 0 keeps +).
    ///
    /// Edges that are sorted become the pattern as they are, others in time and memory linear in edges and neurons.
    ///
    /// # Errors
    /// If an end of an edge is no neuron, an edge is there twice or a weight is against its sign (where the policy
    /// refuses that), a weight is not finite, or magnitudes have no signs. An edge from a file is named by its row.
    pub fn assemble(neurons: impl Into<Option<NeuronTable>>, mut edges: EdgeTable, policy: &Policy) -> Result<Self> {
        let (neurons, has_signs) = match (neurons.into(), edges.ids.take()) {
            (Some(neurons), Some(ids)) => {
                edges.find_in(&neurons, &ids)?;
                (neurons, true)
            }
            (Some(neurons), None) => (neurons, true),
            (None, Some(ids)) => (neurons_of(&mut edges, ids)?, false),
            (None, None) => {
                return Err(Error::setting("neurons", "the edges have numbers alone; expected a neuron table"));
            }
        };
        match policy.weights {
            WeightMeaning::Signed => (),
            WeightMeaning::Unused => edges.weights = None,
            WeightMeaning::Magnitude if !has_signs => {
                let problem = "`magnitude` needs the sign of every presynaptic neuron; expected a file `neurons`";
                return Err(Error::setting("connectome.weights", problem));
            }
            WeightMeaning::Magnitude => edges.weights.iter_mut().flatten().for_each(|weight| *weight = weight.abs()),
        }
        let (pattern, mut weights) = edges.pattern(&neurons, policy.duplicates)?;
        if let Some(weights) = &mut weights {
            scale(&pattern, weights, neurons.signs(), policy);
            edges.check_sums(&pattern, weights, &neurons)?;
            edges.settle(policy.contradictions, &pattern, weights, &neurons)?;
        }
        Self::new(neurons, pattern, weights)
    }
}

/// The neurons that edges name.
fn neurons_of(edges: &mut EdgeTable, mut ids: Vec<String>) -> Result<NeuronTable> {
    let values: Option<Vec<i128>> = ids.iter().map(|id| id.parse().ok()).collect();
    if let Some(values) = values {
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&old| values[old as usize]);
        let mut renumbered = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&old, new)| renumbered[old as usize] = new);
        ids = order.iter().map(|&old| std::mem::take(&mut ids[old as usize])).collect();
        edges.renumber(|old| renumbered[old as usize]);
    }
    NeuronTable::new(vec![Sign::Unconstrained; ids.len()])?.with_ids(ids)
}

/// Multiplies weights by the scale and magnitudes by the sign of their column.
fn scale(pattern: &Pattern, weights: &mut [f32], signs: &[Sign], policy: &Policy) {
    for (weight, &pre) in weights.iter_mut().zip(pattern.indices()) {
        let negative = policy.weights == WeightMeaning::Magnitude && signs[pre as usize] == Sign::Inhibitory;
        let factor = if negative { -policy.scale } else { policy.scale };
        // no -0.0
        *weight = (f64::from(*weight) * factor) as f32 + 0.0;
    }
}

impl EdgeTable {
    /// The pattern and the weights in its order; the ends stay for messages about them.
    fn pattern(&mut self, neurons: &NeuronTable, duplicates: Duplicates) -> Result<(Pattern, Option<Vec<f32>>)> {
        let n = neurons.len();
        let repeats = match duplicates {
            Duplicates::Error => Repeats::Refuse,
            Duplicates::Sum => Repeats::Sum,
        };
        match &mut self.post {
            Post::Sorted(starts) => {
                let pattern = Pattern::new(n, n, std::mem::take(starts), std::mem::take(&mut self.pre))
                    .map_err(|error| Error::setting("edges", error))?;
                Ok((pattern, self.weights.take()))
            }
            Post::Listed(post) => from_edges(n, n, post, &self.pre, self.weights.as_deref(), repeats)
                .map_err(|error| self.refuse(&error, neurons)),
        }
    }

    fn refuse(&self, error: &EdgeError, neurons: &NeuronTable) -> Error {
        let Some(file) = &self.file else {
            return Error::setting("edges", format!("{error} (row: postsynaptic, column: presynaptic)"));
        };
        let EdgeError::Repeated { first, second, row, col, repeats } = *error else {
            return Error::content(&file.path, error);
        };
        let others = if repeats == 1 { String::new() } else { format!("; repeated edges in all: {repeats}") };
        let problem = format!(
            "rows {} and {} are the same edge, from {:?} to {:?}{others}; keep one of them, or set duplicates = \"sum\"",
            file.lines.line(first),
            file.lines.line(second),
            neurons.id(col as usize),
            neurons.id(row as usize),
        );
        Error::content(&file.path, problem)
    }

    /// Sums and products of finite weights may be infinite.
    fn check_sums(&self, pattern: &Pattern, weights: &[f32], neurons: &NeuronTable) -> Result<()> {
        let (Some(file), Some(at)) = (&self.file, weights.iter().position(|weight| !weight.is_finite())) else {
            return Ok(());
        };
        let (post, pre) = place(pattern, at);
        let problem = format!(
            "the weights from {:?} to {:?} add up to {}, not a finite number",
            neurons.id(pre),
            neurons.id(post),
            weights[at]
        );
        Err(Error::content(&file.path, problem))
    }

    /// Refuses or clamps weights against the sign of their presynaptic neuron.
    fn settle(&self, how: Contradictions, pattern: &Pattern, weights: &mut [f32], neurons: &NeuronTable) -> Result<()> {
        let against: Vec<usize> = contradictions(pattern, weights, neurons.signs()).collect();
        if against.is_empty() {
            return Ok(());
        }
        if how == Contradictions::Clamp {
            against.iter().for_each(|&at| weights[at] = 0.0);
            return Ok(());
        }
        let (Some(file), Post::Listed(post)) = (&self.file, &self.post) else {
            // the connectome refuses it and names the neurons
            return Ok(());
        };
        let entry = |edge: usize| {
            let entries = pattern.entries(post[edge] as usize);
            let within = pattern.indices()[entries.clone()].binary_search(&self.pre[edge]);
            entries.start + within.expect("every edge is in the pattern")
        };
        let first = (0..self.pre.len()).find(|&edge| against.binary_search(&entry(edge)).is_ok());
        let first = first.expect("every entry comes from an edge");
        let pre = self.pre[first] as usize;
        let problem = format!(
            "row {}, column `{}`: {} from {:?}, which is {}; weights against the sign of their presynaptic neuron in \
             all: {}; correct them, set contradictions = \"clamp\" to make them 0, or weights = \"magnitude\" where \
             they are counts without a sign",
            file.lines.line(first),
            file.weight,
            weights[entry(first)],
            neurons.id(pre),
            neurons.signs()[pre],
            against.len()
        );
        Err(Error::content(&file.path, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Excitatory, inhibitory and of no sign.
    fn neurons() -> NeuronTable {
        NeuronTable::new(vec![Sign::Excitatory, Sign::Inhibitory, Sign::Unconstrained]).unwrap()
    }

    fn edges(weights: &[f32]) -> EdgeTable {
        EdgeTable::new(vec![0, 1, 2, 1], vec![1, 0, 0, 2], Some(weights.into()))
    }

    fn policy(weights: WeightMeaning, scale: f64) -> Policy {
        Policy { weights, scale, ..Policy::default() }
    }

    #[test]
    fn magnitudes_take_the_sign_of_their_column_and_the_scale() {
        let counts = edges(&[4.0, 6.0, -2.0, 0.0]);
        let connectome = Connectome::assemble(neurons(), counts, &policy(WeightMeaning::Magnitude, 0.5)).unwrap();
        assert_eq!(connectome.pattern().indices(), [1, 2, 0, 1]);
        let weights = connectome.weights().unwrap();
        assert_eq!(weights, [-3.0, 1.0, 2.0, 0.0]);
        assert!(weights[3].is_sign_positive());
        // counts of one pair add up before they take the sign
        let twice = EdgeTable::new(vec![1, 1], vec![0, 0], Some(vec![3.0, 4.0]));
        let sum = Policy { duplicates: Duplicates::Sum, ..policy(WeightMeaning::Magnitude, 1.0) };
        assert_eq!(Connectome::assemble(neurons(), twice, &sum).unwrap().weights().unwrap(), [-7.0]);
    }

    #[test]
    fn weights_that_are_not_used_are_dropped_unseen() {
        let wrong = edges(&[-4.0, 6.0, f32::NAN, 0.0]);
        let connectome = Connectome::assemble(neurons(), wrong, &policy(WeightMeaning::Unused, 1.0)).unwrap();
        assert_eq!((connectome.pattern().nnz(), connectome.weights()), (4, None));
    }

    #[test]
    fn signed_weights_are_scaled_and_checked() {
        let right = edges(&[4.0, -6.0, -2.0, -1.0]);
        let connectome = Connectome::assemble(neurons(), right, &policy(WeightMeaning::Signed, 2.0)).unwrap();
        assert_eq!(connectome.weights().unwrap(), [-12.0, -4.0, 8.0, -2.0]);
        let wrong = || edges(&[4.0, 6.0, -2.0, -1.0]);
        let problem = Connectome::assemble(neurons(), wrong(), &Policy::default()).unwrap_err().to_string();
        assert!(problem.contains("the first is 6 from neuron 1 (inhibitory) to 0"), "{problem}");
        let clamp = Policy { contradictions: Contradictions::Clamp, ..Policy::default() };
        assert_eq!(
            Connectome::assemble(neurons(), wrong(), &clamp).unwrap().weights().unwrap(),
            [0.0, -2.0, 4.0, -1.0]
        );
        let large = edges(&[3e38, 0.0, 0.0, 0.0]);
        let problem = Connectome::assemble(neurons(), large, &policy(WeightMeaning::Signed, 2.0)).unwrap_err();
        assert!(problem.to_string().contains("from neuron 0 to 1 is inf"), "{problem}");
    }

    #[test]
    fn sorted_edges_are_the_pattern() {
        let sorted = EdgeTable::sorted(vec![0, 2, 2, 3], vec![0, 2, 1], Some(vec![1.0, -2.0, -3.0]));
        let connectome = Connectome::assemble(neurons(), sorted, &Policy::default()).unwrap();
        assert_eq!((connectome.pattern().row(0), connectome.pattern().row(2)), (&[0, 2][..], &[1][..]));
        assert_eq!(connectome.weights().unwrap(), [1.0, -2.0, -3.0]);
        let wrong = EdgeTable::sorted(vec![0, 2, 2, 3], vec![2, 0, 1], None);
        assert!(
            Connectome::assemble(neurons(), wrong, &Policy::default()).unwrap_err().to_string().contains("`edges`")
        );
    }

    #[test]
    fn numbers_need_a_neuron_table() {
        let problem = Connectome::assemble(None, edges(&[0.0; 4]), &Policy::default()).unwrap_err().to_string();
        assert!(problem.contains("expected a neuron table"), "{problem}");
    }
}
