//! A connectome from files: edges in any format of the list and, at will, neurons in CSV.

use super::csv_neurons;
use crate::connectome::{Connectome, EdgeListSpec, Policy, WeightMeaning};
use crate::error::{Error, Result};

impl Connectome {
    /// Reads the files, plain or gzipped, and assembles them by what `spec` says. Columns are found by name, in any
    /// order.
    ///
    /// Neurons keep the order of their file. Without such a file they are those that the edges name: see
    /// [`Connectome::assemble`].
    ///
    /// # Errors
    /// If a file cannot be read or a row is wrong; the error names file, row (its line) and column. Otherwise as
    /// [`Connectome::assemble`].
    pub fn from_edge_list(spec: &EdgeListSpec) -> Result<Self> {
        if !(spec.scale > 0.0 && spec.scale <= f64::from(f32::MAX)) {
            let problem = format!("{}; expected a number above 0 that float32 can hold", spec.scale);
            return Err(Error::setting("connectome.scale", problem));
        }
        let neurons = spec.neurons.as_deref().map(csv_neurons::read).transpose()?;
        let edges = (super::edges(&spec.edges).read)(&spec.edges, spec.weights != WeightMeaning::Unused)?;
        Self::assemble(neurons, edges.among(spec.neurons.clone()), &Policy::from(spec))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::connectome::{Contradictions, Duplicates, Sign};

    struct Files {
        folder: tempfile::TempDir,
        spec: EdgeListSpec,
    }

    fn edges(text: &str) -> Files {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edges.csv");
        fs::write(&path, text).unwrap();
        let (duplicates, contradictions) = (Duplicates::Error, Contradictions::Error);
        Files { folder, spec: EdgeListSpec { duplicates, contradictions, ..EdgeListSpec::new(path) } }
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

        fn magnitude(mut self, scale: f64) -> Self {
            (self.spec.weights, self.spec.scale) = (WeightMeaning::Magnitude, scale);
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
        let neurons = connectome.neuron_table();
        assert_eq!(neurons.ids().unwrap(), ["7", "30", "100"]);
        assert_eq!((neurons.signs(), neurons.columns().count()), (&[Sign::Unconstrained; 3][..], 0));
        assert_eq!(connectome.pattern().indptr(), [0, 1, 2, 3]);
        assert_eq!(connectome.pattern().indices(), [1, 0, 1]);
        assert_eq!(connectome.weights().unwrap(), [0.5, -2.0, 1.0]);
    }

    #[test]
    fn names_come_in_the_order_they_appear_in() {
        let connectome = edges("post,pre\nb,a\nb,c\nd,7\n").connectome();
        assert_eq!(connectome.neuron_table().ids().unwrap(), ["a", "b", "c", "7", "d"]);
        assert_eq!(connectome.pattern().row(1), [0, 2]);
        assert_eq!(connectome.pattern().row(4), [3]);
        assert_eq!(connectome.weights(), None);
    }

    #[test]
    fn reads_neurons_beside() {
        let connectome = edges("pre,post,weight\ni1,e1,-1\ne1,i1,2\ni1,e2,0\n").neurons(NEURONS).connectome();
        let neurons = connectome.neuron_table();
        // the file's order, whatever the types
        assert_eq!(neurons.ids().unwrap(), ["e2", "i1", "e1"]);
        assert_eq!(neurons.signs(), [Sign::Excitatory, Sign::Inhibitory, Sign::Excitatory]);
        assert_eq!(neurons.types()[0].neurons, [0, 2]);
        assert_eq!(connectome.pattern().indptr(), [0, 1, 2, 3]);
        assert_eq!(connectome.pattern().indices(), [1, 2, 1]);
        assert_eq!(connectome.weights().unwrap(), [0.0, 2.0, -1.0]);
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
             presynaptic neuron in all: 2; correct them, set contradictions = \"clamp\" to make them 0, or weights = \
             \"magnitude\" where they are counts without a sign"
        );
        let connectome = edges(text).neurons(NEURONS).clamp().connectome();
        assert_eq!(connectome.pattern().indices(), [2, 0, 1, 1]);
        let weights = connectome.weights().unwrap();
        assert_eq!(weights, [0.0, 1.0, 0.0, 0.0]);
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

    #[test]
    fn counts_take_the_sign_of_their_neuron() {
        // an inhibitory neuron, whose counts of two neuropils add up
        let text = "pre,post,neuropil,count\ne1,i1,AL,6\ni1,e1,AL,2\ni1,e1,LH,3\n";
        let connectome = edges(text).neurons(NEURONS).sum().magnitude(0.5).connectome();
        assert_eq!(connectome.pattern().indices(), [2, 1]);
        assert_eq!(connectome.weights().unwrap(), [3.0, -2.5]);
        let problem = edges(text).neurons(NEURONS).sum().problem();
        assert!(
            problem.contains("row 3, column `count`: 5 from \"i1\"") && problem.contains("\"magnitude\""),
            "{problem}"
        );
        let problem = edges(text).sum().magnitude(1.0).problem();
        assert!(problem.starts_with("`connectome.weights`: `magnitude` needs the sign"), "{problem}");
        for scale in [0.0, -1.0, f64::NAN, 1e300] {
            let problem = edges(text).neurons(NEURONS).magnitude(scale).problem();
            assert!(problem.starts_with("`connectome.scale`"), "{problem}");
        }
    }

    #[test]
    fn weights_that_are_not_used_are_not_read() {
        let mut files = edges("pre,post,weight\ne2,i1,strong\ni1,e1,0.5\n").neurons(NEURONS);
        files.spec.weights = WeightMeaning::Unused;
        assert_eq!(files.connectome().weights(), None);
    }
}
