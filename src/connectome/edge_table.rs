//! The edge table: one row per synapse as it came, before any policy.

use std::path::PathBuf;

use super::NeuronTable;
use crate::error::{Error, Result};

/// Synapses as they came: row k goes from neuron `pre[k]` to neuron `post[k]`, with `weights[k]` if there are weights.
///
/// Nothing is checked here; [`super::Connectome::assemble`] does.
#[derive(Debug, Clone)]
pub struct EdgeTable {
    pub(super) pre: Vec<u32>,
    pub(super) post: Post,
    pub(super) weights: Option<Vec<f32>>,
    /// What the numbers in `pre` and `post` stand for; `None`: they are rows of the neuron table.
    pub(super) ids: Option<Vec<String>>,
    pub(super) file: Option<EdgeFile>,
}

/// The postsynaptic ends.
#[derive(Debug, Clone)]
pub(super) enum Post {
    /// One per edge, in any order.
    Listed(Vec<u32>),
    /// Edges sorted by their postsynaptic neuron: those of neuron i are `starts[i]..starts[i + 1]`.
    Sorted(Vec<usize>),
}

/// The file that edges were read from, for messages.
#[derive(Debug, Clone)]
pub(crate) struct EdgeFile {
    pub path: PathBuf,
    /// The file of the neurons that the ends should be among.
    pub neurons: Option<PathBuf>,
    /// The column of the weights.
    pub weight: &'static str,
    /// Of each edge its line in the file.
    pub lines: Lines,
}

impl EdgeTable {
    /// Edges in any order, between rows of a neuron table.
    pub fn new(pre: Vec<u32>, post: Vec<u32>, weights: Option<Vec<f32>>) -> Self {
        Self { pre, post: Post::Listed(post), weights, ids: None, file: None }
    }

    /// Edges sorted by their postsynaptic neuron and, of each, by the presynaptic one: those of neuron i are
    /// `starts[i]..starts[i + 1]`. They become a pattern without a copy.
    pub fn sorted(starts: Vec<usize>, pre: Vec<u32>, weights: Option<Vec<f32>>) -> Self {
        Self { pre, post: Post::Sorted(starts), weights, ids: None, file: None }
    }

    /// Edges between neurons called `ids[pre[k]]` and `ids[post[k]]`.
    pub(crate) fn named(
        ids: Vec<String>,
        (pre, post): (Vec<u32>, Vec<u32>),
        weights: Option<Vec<f32>>,
        file: EdgeFile,
    ) -> Self {
        Self { pre, post: Post::Listed(post), weights, ids: Some(ids), file: Some(file) }
    }

    /// The file that holds the neurons, for messages about ends that are not among them.
    pub(crate) fn among(mut self, neurons: Option<PathBuf>) -> Self {
        if let Some(file) = &mut self.file {
            file.neurons = neurons;
        }
        self
    }

    /// Number of edges.
    pub fn len(&self) -> usize {
        self.pre.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pre.is_empty()
    }

    /// Gives the ends that are called `ids` their rows in the neuron table.
    ///
    /// # Errors
    /// If one of them is not there; the error names the first edge that has it.
    pub(super) fn find_in(&mut self, neurons: &NeuronTable, ids: &[String]) -> Result<()> {
        let rows = neurons.by_id().ok_or_else(|| {
            Error::setting("neurons", "they have no ids, by which the edges name them; expected one per neuron")
        })?;
        let found: Vec<Option<u32>> = ids.iter().map(|id| rows.get(id.as_str()).copied()).collect();
        if found.contains(&None) {
            return Err(self.missing(&found, ids));
        }
        self.renumber(|old| found[old as usize].expect("none is missing"));
        Ok(())
    }

    fn missing(&self, found: &[Option<u32>], ids: &[String]) -> Error {
        let lost = |&neuron: &u32| found[neuron as usize].is_none();
        let listed = match &self.post {
            Post::Listed(post) => post.as_slice(),
            Post::Sorted(_) => &[],
        };
        let mut ends = self.pre.iter().zip(listed).enumerate();
        let (edge, column, neuron) = ends
            .find_map(|(edge, (pre, post))| match (lost(pre), lost(post)) {
                (true, _) => Some((edge, "pre", *pre)),
                (false, true) => Some((edge, "post", *post)),
                (false, false) => None,
            })
            .expect("every id is that of an edge");
        let id = &ids[neuron as usize];
        match &self.file {
            None => Error::setting("edges", format!("edge {edge}: `{column}` {id:?} is not among the neurons")),
            Some(file) => {
                let place =
                    file.neurons.as_deref().map_or("the neuron table".into(), |path| path.display().to_string());
                let problem =
                    format!("row {}, column `{column}`: {id:?} is not among the ids in {place}", file.lines.line(edge));
                Error::content(&file.path, problem)
            }
        }
    }

    /// Other numbers for the ends.
    pub(super) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        self.pre.iter_mut().for_each(|neuron| *neuron = new(*neuron));
        if let Post::Listed(post) = &mut self.post {
            post.iter_mut().for_each(|neuron| *neuron = new(*neuron));
        }
    }
}

/// The lines of many rows, in little memory: only where a row is not in the line after the one before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    rows: usize,
    /// Row, counted from 0, and its line, from which on they rise together.
    steps: Vec<(usize, u64)>,
}

impl Lines {
    pub fn push(&mut self, line: u64) {
        if self.rows == 0 || self.line(self.rows) != line {
            self.steps.push((self.rows, line));
        }
        self.rows += 1;
    }

    /// The line of `row`, counted from 0.
    pub fn line(&self, row: usize) -> u64 {
        let (start, line) = self.steps[self.steps.partition_point(|&(start, _)| start <= row) - 1];
        line + (row - start) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_what_was_pushed() {
        let pushed = [2, 3, 4, 7, 8, 20, 21];
        let mut lines = Lines::default();
        pushed.iter().for_each(|&line| lines.push(line));
        assert_eq!((0..7).map(|row| lines.line(row)).collect::<Vec<_>>(), pushed);
        assert_eq!(lines.steps.len(), 3);
    }
}
