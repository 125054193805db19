//! A connectome read from CSV files: edges (`pre,post[,weight]`) and, at will, neurons (`id,population,sign`).

use std::path::Path;

use super::neurons::Neurons;
use super::{Connectome, Contradictions, Duplicates, EdgeListSpec, Sign, contradictions, place};
use crate::error::{Error, Result};
use crate::formats::{Lines, Table};
use crate::sparse::{EdgeError, Pattern, Repeats, from_edges};

/// The edges of a file, in its order.
struct Edges<'a> {
    path: &'a Path,
    pre: Vec<u32>,
    post: Vec<u32>,
    weights: Option<Vec<f32>>,
    lines: Lines,
}

impl Connectome {
    /// Reads the files; `.csv` or gzipped. Columns are found by name, in any order, and others are ignored; an id is
    /// any text, compared exactly but for spaces around it.
    ///
    /// With a file of neurons, populations come in the order they first appear in there, and the neurons of each in the
    /// file's order. Without, all neurons that the edges name are one population, `all`, of no sign, in the order of
    /// their numbers if every id is a whole number, else in the order they first appear in (`pre` before `post` in
    /// each row).
    ///
    /// Memory is that of the edges and ids; no text of an edge is kept.
    ///
    /// # Errors
    /// If a file cannot be read or a row is wrong; the error names file, row (its line) and column. What is done with
    /// a repeated edge, or with a weight against the sign of its presynaptic neuron, `spec` says. Where repeated edges
    /// are added, it is the sum that is compared with the sign.
    pub fn from_edge_list(spec: &EdgeListSpec) -> Result<Self> {
        let mut neurons = spec.neurons.as_deref().map_or_else(|| Ok(Neurons::default()), Neurons::read)?;
        let mut edges = Edges::read(&spec.edges, &mut neurons)?;
        let numbered = neurons.finish();
        if let Some(renumbered) = numbered.renumbered {
            edges.pre.iter_mut().chain(&mut edges.post).for_each(|neuron| *neuron = renumbered[*neuron as usize]);
        }

        let repeats = match spec.duplicates {
            Duplicates::Error => Repeats::Refuse,
            Duplicates::Sum => Repeats::Sum,
        };
        let (ids, n) = (numbered.ids, numbered.populations.iter().map(|population| population.size).sum());
        let (pattern, mut weights) = from_edges(n, n, &edges.post, &edges.pre, edges.weights.as_deref(), repeats)
            .map_err(|error| edges.refuse(&error, &ids))?;
        if let Some(weights) = &mut weights {
            let signs: Vec<Sign> =
                numbered.populations.iter().flat_map(|p| std::iter::repeat_n(p.sign, p.size)).collect();
            edges.check_sums(&pattern, weights, &ids)?;
            edges.settle(spec.contradictions, &pattern, weights, &signs, &ids)?;
        }
        Self::new(&numbered.populations, pattern, weights)?.with_ids(ids)
    }
}

impl<'a> Edges<'a> {
    fn read(path: &'a Path, neurons: &mut Neurons) -> Result<Self> {
        let mut table = Table::open(path, "pre,post[,weight]")?;
        let (pre, post) = (table.column("pre")?, table.column("post")?);
        let weight = table.optional_column("weight")?;
        let mut edges =
            Self { path, pre: vec![], post: vec![], weights: weight.map(|_| vec![]), lines: Lines::default() };
        while let Some(row) = table.next_row()? {
            for (column, ends) in [(pre, &mut edges.pre), (post, &mut edges.post)] {
                ends.push(neurons.number(row.text(column)?).map_err(|problem| row.error(column, problem))?);
            }
            if let (Some(column), Some(weights)) = (weight, &mut edges.weights) {
                weights.push(row.number(column)?);
            }
            edges.lines.push(row.line);
        }
        if edges.pre.is_empty() {
            return Err(Error::content(path, "there is no edge below the header; expected a row each"));
        }
        Ok(edges)
    }

    fn refuse(&self, error: &EdgeError, ids: &[String]) -> Error {
        let EdgeError::Repeated { first, second, row, col, repeats } = *error else {
            return Error::content(self.path, error);
        };
        let others = if repeats == 1 { String::new() } else { format!("; repeated edges in all: {repeats}") };
        let problem = format!(
            "rows {} and {} are the same edge, from {:?} to {:?}{others}; keep one of them, or set duplicates = \"sum\"",
            self.lines.line(first),
            self.lines.line(second),
            ids[col as usize],
            ids[row as usize],
        );
        Error::content(self.path, problem)
    }

    /// Sums of finite weights may be infinite.
    fn check_sums(&self, pattern: &Pattern, weights: &[f32], ids: &[String]) -> Result<()> {
        let Some(at) = weights.iter().position(|weight| !weight.is_finite()) else { return Ok(()) };
        let (post, pre) = place(pattern, at);
        let problem = format!(
            "the weights from {:?} to {:?} add up to {}, not a finite number",
            ids[pre], ids[post], weights[at]
        );
        Err(Error::content(self.path, problem))
    }

    /// Refuses or clamps weights against the sign of their presynaptic neuron.
    fn settle(
        &self,
        how: Contradictions,
        pattern: &Pattern,
        weights: &mut [f32],
        signs: &[Sign],
        ids: &[String],
    ) -> Result<()> {
        let against: Vec<usize> = contradictions(pattern, weights, signs).collect();
        if against.is_empty() {
            return Ok(());
        }
        if how == Contradictions::Clamp {
            against.iter().for_each(|&at| weights[at] = 0.0);
            return Ok(());
        }
        let entry = |edge: usize| {
            let entries = pattern.entries(self.post[edge] as usize);
            let within = pattern.indices()[entries.clone()].binary_search(&self.pre[edge]);
            entries.start + within.expect("every edge is in the pattern")
        };
        let first = (0..self.pre.len()).find(|&edge| against.binary_search(&entry(edge)).is_ok());
        let first = first.expect("every entry comes from an edge");
        let pre = self.pre[first] as usize;
        let problem = format!(
            "row {}, column `weight`: {} from {:?}, which is {}; weights against the sign of their presynaptic neuron \
             in all: {}; correct them, or set contradictions = \"clamp\" to make them 0",
            self.lines.line(first),
            weights[entry(first)],
            ids[pre],
            signs[pre],
            against.len()
        );
        Err(Error::content(self.path, problem))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    struct Files {
        folder: tempfile::TempDir,
        spec: EdgeListSpec,
    }

    fn edges(text: &str) -> Files {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edges.csv");
        fs::write(&path, text).unwrap();
        let (duplicates, contradictions) = (Duplicates::Error, Contradictions::Error);
        Files { folder, spec: EdgeListSpec { edges: path, neurons: None, duplicates, contradictions } }
    }

    impl Files {
        fn neurons(mut self, text: &str) -> Self {
            let path = self.folder.path().join("neurons.csv");
            fs::write(&path, text).unwrap();
            self.spec.neurons = Some(path);
            self
        }

        fn sum(mut self) -> Self {
            self.spec.duplicates = Duplicates::Sum;
            self
        }

        fn clamp(mut self) -> Self {
            self.spec.contradictions = Contradictions::Clamp;
            self
        }

        fn connectome(&self) -> Connectome {
            Connectome::from_edge_list(&self.spec).unwrap()
        }

        /// The message, without the folder.
        fn problem(&self) -> String {
            let text = Connectome::from_edge_list(&self.spec).unwrap_err().to_string();
            text.replace(&format!("{}/", self.folder.path().display()), "")
        }
    }

    /// Two excitatory neurons and an inhibitory one, not in the order of their numbers.
    const NEURONS: &str = "id,population,sign\ne2,exc,E\ni1,inh,I\ne1,exc,E\n";

    #[test]
    fn reads_edges_alone() {
        let connectome = edges("neuropil,post,weight,pre\nEB,7,0.5,30\nEB,30,-2,7\nFB,100,1,30\n").connectome();
        assert_eq!(connectome.ids().unwrap(), ["7", "30", "100"]);
        assert_eq!(connectome.populations().len(), 1);
        let population = connectome.population("all").unwrap();
        assert_eq!((population.neurons.clone(), population.sign), (0..3, Sign::Unconstrained));
        assert_eq!(connectome.pattern().indptr(), [0, 1, 2, 3]);
        assert_eq!(connectome.pattern().indices(), [1, 0, 1]);
        assert_eq!(connectome.weights().unwrap(), [0.5, -2.0, 1.0]);
    }

    #[test]
    fn names_come_in_the_order_they_appear_in() {
        let connectome = edges("post,pre\nb,a\nb,c\nd,7\n").connectome();
        assert_eq!(connectome.ids().unwrap(), ["a", "b", "c", "7", "d"]);
        assert_eq!(connectome.pattern().row(1), [0, 2]);
        assert_eq!(connectome.pattern().row(4), [3]);
        assert_eq!(connectome.weights(), None);
    }

    #[test]
    fn reads_neurons_beside() {
        let connectome = edges("pre,post,weight\ni1,e1,-1\ne1,i1,2\ni1,e2,0\n").neurons(NEURONS).connectome();
        assert_eq!(connectome.ids().unwrap(), ["e2", "e1", "i1"]);
        assert_eq!(connectome.signs().map(i8::from).collect::<Vec<_>>(), [1, 1, -1]);
        assert_eq!(connectome.pattern().indptr(), [0, 1, 2, 3]);
        assert_eq!(connectome.pattern().indices(), [2, 2, 1]);
        assert_eq!(connectome.weights().unwrap(), [0.0, -1.0, 2.0]);
    }

    #[test]
    fn reads_gzipped_edges() {
        let mut files = edges("");
        files.spec.edges = files.folder.path().join("edges.csv.gz");
        let file = fs::File::create(&files.spec.edges).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        encoder.write_all(b"pre,post\n1,2\n").unwrap();
        encoder.finish().unwrap();
        assert_eq!(files.connectome().pattern().indptr(), [0, 0, 1]);
    }

    #[test]
    fn repeated_edges_are_refused_or_added() {
        let text = "pre,post,weight\na,b,1\na,a,1\n\na,b,2\na,b,4\n";
        assert_eq!(
            edges(text).problem(),
            "edges.csv: rows 2 and 5 are the same edge, from \"a\" to \"b\"; repeated edges in all: 2; keep one of \
             them, or set duplicates = \"sum\""
        );
        assert!(edges("pre,post\na,b\na,b\n").problem().contains("from \"a\" to \"b\"; keep one"));
        let connectome = edges(text).sum().connectome();
        assert_eq!(connectome.pattern().indptr(), [0, 1, 2]);
        assert_eq!(connectome.weights().unwrap(), [1.0, 7.0]);
        let without = edges("pre,post\na,b\na,b\n").sum().connectome();
        assert_eq!((without.pattern().nnz(), without.weights()), (1, None));
        let text = edges("pre,post,weight\na,b,3e38\na,b,3e38\n").sum().problem();
        assert_eq!(text, "edges.csv: the weights from \"a\" to \"b\" add up to inf, not a finite number");
    }

    #[test]
    fn contradicting_weights_are_refused_or_clamped() {
        let text = "pre,post,weight\ne2,i1,1\n\ni1,e1,0.5\ne1,e2,-3\ni1,i1,-0\n";
        assert_eq!(
            edges(text).neurons(NEURONS).problem(),
            "edges.csv: row 4, column `weight`: 0.5 from \"i1\", which is inhibitory; weights against the sign of their \
             presynaptic neuron in all: 2; correct them, or set contradictions = \"clamp\" to make them 0"
        );
        let connectome = edges(text).neurons(NEURONS).clamp().connectome();
        assert_eq!(connectome.pattern().indices(), [1, 2, 0, 2]);
        let weights = connectome.weights().unwrap();
        assert_eq!(weights, [0.0, 0.0, 1.0, 0.0]);
        assert!(weights.iter().all(|weight| weight.is_sign_positive()));
        // Without signs nothing contradicts.
        assert_eq!(edges(text).connectome().weights().unwrap().len(), 4);
    }

    #[test]
    fn it_is_the_sum_that_must_not_contradict() {
        let positive = "pre,post,weight\ne1,e2,-1\ne1,e2,3\n";
        assert_eq!(edges(positive).neurons(NEURONS).sum().connectome().weights().unwrap(), [2.0]);
        let negative = "pre,post,weight\ne1,e1,1\ne1,e2,-4\ne1,e2,3\n";
        let text = edges(negative).neurons(NEURONS).sum().problem();
        assert!(text.contains("row 3, column `weight`: -1 from \"e1\", which is excitatory"), "{text}");
    }

    #[test]
    fn refuses_wrong_edges() {
        let problem = |text: &str| edges(text).neurons(NEURONS).problem();
        assert!(problem("").contains("edges.csv: the file is empty; expected a header `pre,post[,weight]`"));
        assert!(problem("pre,post\n").contains("edges.csv: there is no edge"));
        assert_eq!(
            problem("pre_root_id,post,syn_count\n"),
            "edges.csv: column `pre` is missing; the header is `pre_root_id,post,syn_count`"
        );
        assert_eq!(
            problem("pre,post\ne1,e2\ne1,e3\n"),
            "edges.csv: row 3, column `post`: \"e3\" is not among the ids in neurons.csv"
        );
        assert_eq!(problem("pre,post\n,e2\n"), "edges.csv: row 2, column `pre`: is empty");
        let weight = |text: &str| problem(&format!("pre,post,weight\ne1,e2,{text}\n"));
        assert_eq!(weight("strong"), "edges.csv: row 2, column `weight`: \"strong\" is not a number");
        assert!(weight("NaN").contains("row 2, column `weight`: \"NaN\" is not a finite number"));
        assert!(weight("inf").contains("row 2, column `weight`: \"inf\" is not a finite number"));
        assert!(weight("").contains("row 2, column `weight`: is empty"));
        assert!(problem("pre,post,weight\ne1,e2\n").contains("row 2: has 2 fields, but the header has 3"));
    }

    #[test]
    fn refuses_files_that_are_not_there() {
        let mut files = edges("pre,post\ne1,e2\n").neurons(NEURONS);
        fs::remove_file(files.spec.neurons.as_ref().unwrap()).unwrap();
        assert!(files.problem().contains("neurons.csv: cannot open"));
        files.spec.neurons = None;
        fs::remove_file(&files.spec.edges).unwrap();
        assert!(files.problem().contains("edges.csv: cannot open"));
    }
}
