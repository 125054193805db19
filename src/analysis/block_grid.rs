//! A large sparse matrix as a grid of few cells, none of which crosses the boundary of a population.

use super::weights::group_of;
use crate::connectome::Group;
use crate::sparse::Pattern;

/// W in cells: rows postsynaptic, columns presynaptic, the same cuts on both axes.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockGrid {
    /// Cell i holds the neurons `edges[i]..edges[i + 1]`, counted in the order of the populations.
    pub edges: Vec<usize>,
    /// Where the populations lie on either axis, without those that have no neuron.
    pub populations: Vec<PopulationBand>,
    /// Sum of the finite weights, `[cells, cells]`, row-major.
    pub sums: Vec<f64>,
    /// Number of finite weights, `[cells, cells]`.
    pub counts: Vec<u64>,
    /// Weights left out because they are NaN or infinite.
    pub not_finite: u64,
}

/// Where a population lies on an axis of a grid, in cells.
#[derive(Debug, Clone, PartialEq)]
pub struct PopulationBand {
    /// Its name.
    pub name: String,
    /// +1 excitatory, -1 inhibitory, 0 unconstrained or of several signs.
    pub sign: i8,
    /// Where it starts. Not a whole number only where there are more populations than cells.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl BlockGrid {
    /// Number of cells on either axis.
    pub fn cells(&self) -> usize {
        self.edges.len() - 1
    }

    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        self.edges[self.cells()]
    }

    /// Number of finite weights.
    pub fn synapses(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Mean weight over the synapses present in a cell; `None` where there is none.
    pub fn mean_of_present(&self, row: usize, col: usize) -> Option<f64> {
        let cell = row * self.cells() + col;
        (self.counts[cell] > 0).then(|| self.sums[cell] / self.counts[cell] as f64)
    }

    /// Mean weight over all pairs of neurons in a cell, absent synapses counted as 0; `None` where there is none.
    ///
    /// This is what the drawings show: it is what a neuron of the row gets on average from one of the column, so a
    /// block that is dense and one that is strong both stand out, and sampling few synapses a cell adds less noise.
    /// Where a cell is a single pair it equals [`Self::mean_of_present`].
    pub fn mean_of_pairs(&self, row: usize, col: usize) -> Option<f64> {
        let cell = row * self.cells() + col;
        let size = |i: usize| (self.edges[i + 1] - self.edges[i]) as f64;
        (self.counts[cell] > 0).then(|| self.sums[cell] / (size(row) * size(col)))
    }

    /// All that [`Self::mean_of_pairs`] gives, row by row.
    pub fn means_of_pairs(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        (0..self.cells()).flat_map(move |row| (0..self.cells()).map(move |col| self.mean_of_pairs(row, col)))
    }
}

/// Puts W into at most `max_cells` × `max_cells` cells of about equally many neurons, in one pass over its entries.
///
/// No cell crosses the boundary of a population, unless there are more populations than cells. Without populations
/// all neurons are taken as one. Neurons are ordered by population.
///
/// # Panics
/// If the pattern is not square, `values` does not fit it, a neuron is in no population (if there are any) or in two, or
/// `max_cells` is 0.
pub fn block_grid(pattern: &Pattern, values: &[f32], populations: &[Group], max_cells: usize) -> BlockGrid {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    assert!(max_cells > 0, "a grid needs at least one cell");
    let neurons = pattern.rows();
    let all = [Group { name: "all neurons".into(), neurons: (0..neurons as u32).collect(), sign: None }];
    let populations = if populations.is_empty() { &all } else { populations };
    group_of(pattern, populations);

    let edges = cut(neurons, populations, max_cells);
    let cells = edges.len() - 1;
    let mut cell_of = vec![0u32; neurons];
    let mut cell = 0;
    for (place, &neuron) in populations.iter().flat_map(|population| &population.neurons).enumerate() {
        cell += usize::from(place == edges[cell + 1]);
        cell_of[neuron as usize] = cell as u32;
    }
    let mut sums = vec![0.0; cells * cells];
    let mut counts = vec![0; cells * cells];
    let mut not_finite = 0;
    for (row, &cell_row) in cell_of.iter().enumerate() {
        let first = cell_row as usize * cells;
        for (&col, &weight) in pattern.row(row).iter().zip(&values[pattern.entries(row)]) {
            if weight.is_finite() {
                let cell = first + cell_of[col as usize] as usize;
                sums[cell] += f64::from(weight);
                counts[cell] += 1;
            } else {
                not_finite += 1;
            }
        }
    }

    let position = |neuron: usize| match edges.binary_search(&neuron) {
        Ok(cell) => cell as f64,
        Err(next) => {
            let (low, high) = (edges[next - 1], edges[next]);
            (next - 1) as f64 + (neuron - low) as f64 / (high - low) as f64
        }
    };
    let mut end = 0;
    let bands = populations.iter().filter(|population| !population.neurons.is_empty()).map(|population| {
        let start = end;
        end += population.neurons.len();
        let sign = population.sign.map_or(0, i8::from);
        PopulationBand { name: population.name.clone(), sign, start: position(start), end: position(end) }
    });
    let populations = bands.collect();
    BlockGrid { edges, populations, sums, counts, not_finite }
}

/// Cuts the neurons: the least width that leaves at most `max_cells`, each population cut evenly.
fn cut(neurons: usize, populations: &[Group], max_cells: usize) -> Vec<usize> {
    let sizes: Vec<usize> = populations.iter().map(|p| p.neurons.len()).filter(|&size| size > 0).collect();
    let sizes = if sizes.len() > max_cells { vec![neurons] } else { sizes };
    let cells = |width: usize| sizes.iter().map(|size| size.div_ceil(width)).sum::<usize>();
    let (mut low, mut high) = (1, neurons.max(1));
    while low < high {
        let middle = low.midpoint(high);
        if cells(middle) <= max_cells { high = middle } else { low = middle + 1 }
    }
    let mut edges = vec![0];
    for size in sizes {
        let (start, parts) = (edges[edges.len() - 1], size.div_ceil(low));
        edges.extend((1..=parts).map(|part| start + size * part / parts));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view(name: &str, start: usize, end: usize) -> Group {
        Group::range(name, start..end, 0)
    }

    #[test]
    fn one_neuron_a_cell_where_they_fit() {
        let pattern = Pattern::new(2, 2, vec![0, 1, 3], vec![1, 0, 1]).unwrap();
        let got = block_grid(&pattern, &[0.5, -1.0, f32::NAN], &[], 128);
        assert_eq!(got.edges, [0, 1, 2]);
        assert_eq!(got.means_of_pairs().collect::<Vec<_>>(), [None, Some(0.5), Some(-1.0), None]);
        assert_eq!((got.not_finite, got.synapses(), got.neurons()), (1, 2, 2));
        assert_eq!(got.populations, [PopulationBand { name: "all neurons".into(), sign: 0, start: 0.0, end: 2.0 }]);
    }

    /// Populations of 4 and 1 neurons in 3 cells: 0-1, 2-3, 4.
    #[test]
    fn means_by_hand() {
        let pattern = Pattern::new(5, 5, vec![0, 3, 4, 4, 4, 6], vec![0, 1, 4, 0, 2, 4]).unwrap();
        let values = [1.0, 2.0, -4.0, 3.0, 8.0, -1.0];
        let got = block_grid(&pattern, &values, &[view("a", 0, 4), view("none", 4, 4), view("b", 4, 5)], 3);
        assert_eq!(got.edges, [0, 2, 4, 5]);
        assert_eq!(got.mean_of_present(0, 0), Some(2.0));
        assert_eq!(got.mean_of_pairs(0, 0), Some(1.5));
        assert_eq!(got.mean_of_pairs(0, 1), None);
        assert_eq!((got.mean_of_present(0, 2), got.mean_of_pairs(0, 2)), (Some(-4.0), Some(-2.0)));
        assert_eq!((got.mean_of_pairs(2, 1), got.mean_of_pairs(2, 2)), (Some(4.0), Some(-1.0)));
        assert_eq!(got.populations.len(), 2, "the population without neurons has no place");
        assert_eq!((got.populations[1].start, got.populations[1].end), (2.0, 3.0));
    }

    /// Neurons 0 and 2 are of one population, 1 of another: ordered 0, 2, 1.
    #[test]
    fn neurons_are_ordered_by_population() {
        let pattern = Pattern::new(3, 3, vec![0, 1, 2, 3], vec![2, 0, 1]).unwrap();
        let mixed = Group { name: "a".into(), neurons: vec![0, 2], sign: None };
        let got = block_grid(&pattern, &[1.0, 2.0, 3.0], &[mixed, view("b", 1, 2)], 3);
        let (none, some) = (None, Some);
        assert_eq!(
            got.means_of_pairs().collect::<Vec<_>>(),
            [none, some(1.0), none, none, none, some(3.0), some(2.0), none, none]
        );
        assert_eq!((got.populations[0].end, got.populations[0].sign), (2.0, 0));
    }

    #[test]
    fn edges_of_the_input() {
        let got = block_grid(&Pattern::empty(0, 0), &[], &[], 4);
        assert_eq!((got.cells(), got.neurons(), got.synapses()), (0, 0, 0));
        assert_eq!(block_grid(&Pattern::dense(1, 1), &[2.0], &[], 4).mean_of_pairs(0, 0), Some(2.0));
        let names: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        let many: Vec<_> = names.iter().enumerate().map(|(i, name)| view(name, i, i + 1)).collect();
        let got = block_grid(&Pattern::empty(10, 10), &[], &many, 4);
        assert!(got.cells() <= 4);
        assert!((got.populations[9].end - got.cells() as f64).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn cells_are_few_and_keep_the_boundaries(
            sizes in prop::collection::vec(0usize..400, 1..12), max_cells in 12usize..200
        ) {
            let mut start = 0;
            let populations: Vec<_> = sizes.iter().map(|&size| {
                start += size;
                view("p", start - size, start)
            }).collect();
            let edges = cut(start, &populations, max_cells);
            prop_assert!(edges.len() - 1 <= max_cells);
            prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(edges[edges.len() - 1], start);
            let mut start = 0;
            for p in &populations {
                prop_assert!(p.neurons.is_empty() || edges.binary_search(&start).is_ok());
                start += p.neurons.len();
            }
            if start <= max_cells {
                prop_assert_eq!(edges.len() - 1, start);
            }
        }
    }
}
