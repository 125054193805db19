//! The maximum spanning tree of a weight matrix, taken as a weighted bipartite graph: post × pre, an edge a synapse.

use petgraph::unionfind::UnionFind;
use rayon::prelude::*;

use crate::sparse::Pattern;

/// The entries of the spanning forest whose |w| sum to the most, ascending.
///
/// Vertices are the rows (postsynaptic side) and, apart from them, the columns (presynaptic side): a neuron is two
/// vertices, one that receives and one that sends. Every entry is an edge of weight |w| between its row and its
/// column. Where the graph is connected the forest is a tree with `rows + cols - 1` edges, so 2n - 1 for W; else it
/// has a tree for each connected component, and one edge less for each component more (a row or column without an
/// entry is a component by itself).
///
/// A silent synapse, w = 0, is an edge of weight 0: it is taken last, and only where it joins what nothing else does.
/// So the number of edges depends on the pattern alone. Of equal |w| the entry of the lower number comes first.
///
/// Kruskal's algorithm, on entries sorted by |w|. Takes 12 bytes an entry beside the result.
///
/// # Panics
/// If `values` does not fit the pattern, or one of them is NaN (which has no place in an order).
pub fn maximum_spanning_forest(pattern: &Pattern, values: &[f32]) -> Vec<u32> {
    assert_eq!(values.len(), pattern.nnz(), "one value an entry of the pattern");
    assert!(values.iter().all(|value| !value.is_nan()), "weights are numbers");
    let row_of: Vec<u32> =
        (0..pattern.rows()).flat_map(|row| std::iter::repeat_n(row as u32, pattern.entries(row).len())).collect();
    // the bits of floats from 0 on rise with the floats; complemented, the heaviest come first
    let key = |(entry, value): (usize, &f32)| u64::from(!value.abs().to_bits()) << 32 | entry as u64;
    let mut order: Vec<u64> = values.par_iter().enumerate().map(key).collect();
    order.par_sort_unstable();
    let vertices = pattern.rows() + pattern.cols();
    let mut trees = UnionFind::<u32>::new(vertices);
    let mut forest = Vec::with_capacity(vertices.saturating_sub(1).min(values.len()));
    for entry in order.into_iter().map(|key| key as u32) {
        let (post, pre) = (row_of[entry as usize], pattern.rows() as u32 + pattern.indices()[entry as usize]);
        if trees.union(post, pre) {
            forest.push(entry);
            if forest.len() + 1 == vertices {
                break;
            }
        }
    }
    forest.sort_unstable();
    forest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows of a matrix, NaN where there is no entry.
    fn matrix<const N: usize>(rows: &[[f32; N]]) -> (Pattern, Vec<f32>) {
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in rows {
            for (col, &value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                indices.push(col as u32);
                values.push(value);
            }
            indptr.push(indices.len());
        }
        (Pattern::new(rows.len(), N, indptr, indices).unwrap(), values)
    }

    fn forest<const N: usize>(rows: &[[f32; N]]) -> Vec<u32> {
        let (pattern, values) = matrix(rows);
        maximum_spanning_forest(&pattern, &values)
    }

    const NONE: f32 = f32::NAN;

    /// The four entries of a 2 × 2 matrix are one cycle: its lightest is left out, whatever the signs.
    #[test]
    fn a_cycle_loses_its_lightest() {
        assert_eq!(forest(&[[4.0, -3.0], [1.0, -2.0]]), [0, 1, 3]);
        assert_eq!(forest(&[[-1.0, 3.0], [-4.0, 2.0]]), [1, 2, 3]);
        // of equals the last is left out
        assert_eq!(forest(&[[1.0, -1.0], [1.0, 1.0]]), [0, 1, 2]);
        assert_eq!(forest(&[[0.0, 0.0], [-0.0, 0.0]]), [0, 1, 2]);
    }

    /// 9 joins row 0 and column 0; 8: row 1, column 0; 7: row 1, column 1; 6, row 0 and column 1, closes a cycle of
    /// four; 5: row 2, column 1; 4, row 2 and column 0, closes one; 3: row 2, column 2, and all six are joined.
    #[test]
    fn three_by_three() {
        assert_eq!(forest(&[[9.0, 6.0, -1.0], [-8.0, 7.0, 2.0], [4.0, -5.0, 3.0]]), [0, 3, 4, 7, 8]);
    }

    #[test]
    fn what_is_not_connected_has_a_tree_each() {
        // rows 0 and 1 with columns 0 and 1; row 2 with column 2; column 3 alone
        let rows = [[1.0, 2.0, NONE, NONE], [3.0, 0.0, NONE, NONE], [NONE, NONE, 0.0, NONE]];
        assert_eq!(forest(&rows), [0, 1, 2, 4]);
        // a silent synapse joins where nothing else does
        let rows = [[0.0, 2.0, NONE, NONE], [0.0, NONE, NONE, NONE], [NONE, NONE, 0.0, NONE]];
        assert_eq!(forest(&rows), [0, 1, 2, 3]);
        assert!(maximum_spanning_forest(&Pattern::empty(3, 2), &[]).is_empty());
        assert!(maximum_spanning_forest(&Pattern::empty(0, 0), &[]).is_empty());
        assert_eq!(maximum_spanning_forest(&Pattern::dense(1, 1), &[0.0]), [0]);
        assert_eq!(maximum_spanning_forest(&Pattern::dense(1, 3), &[0.0, 1.0, f32::INFINITY]), [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "weights are numbers")]
    fn nan_is_refused() {
        maximum_spanning_forest(&Pattern::dense(1, 2), &[0.0, f32::NAN]);
    }

    #[test]
    #[should_panic(expected = "one value an entry")]
    fn values_must_fit() {
        maximum_spanning_forest(&Pattern::dense(1, 2), &[0.0]);
    }

    /// Components and whether there is a cycle, by spreading labels.
    fn components(pattern: &Pattern, chosen: impl Fn(usize) -> bool) -> (usize, bool) {
        let mut label: Vec<usize> = (0..pattern.rows() + pattern.cols()).collect();
        let mut cycle = false;
        for row in 0..pattern.rows() {
            for entry in pattern.entries(row).filter(|&entry| chosen(entry)) {
                let (from, to) = (label[row], label[pattern.rows() + pattern.indices()[entry] as usize]);
                cycle |= from == to;
                label.iter_mut().filter(|label| **label == from).for_each(|label| *label = to);
            }
        }
        let vertices = label.len();
        ((0..vertices).filter(|k| label.contains(k)).count(), cycle)
    }

    proptest! {
        /// Every set of entries is tried: none without a cycle and with as few components is heavier.
        #[test]
        fn no_spanning_forest_is_heavier(
            cells in prop::collection::vec(prop::option::weighted(0.8, -4i8..5), 9),
            rows in 1usize..4,
        ) {
            let row = |row: usize| [0, 1, 2].map(|col| cells[3 * row + col].map_or(NONE, f32::from));
            let (pattern, values) = matrix(&(0..rows).map(row).collect::<Vec<_>>());
            let got = maximum_spanning_forest(&pattern, &values);
            prop_assert!(got.is_sorted_by(|a, b| a < b));
            let (fewest, _) = components(&pattern, |_| true);
            prop_assert_eq!(components(&pattern, |entry| got.contains(&(entry as u32))), (fewest, false));
            prop_assert_eq!(got.len(), pattern.rows() + pattern.cols() - fewest);
            let weight = |set: u32| -> f32 {
                values.iter().enumerate().filter(|(k, _)| set >> k & 1 == 1).map(|(_, w)| w.abs()).sum()
            };
            let best = (0..1u32 << values.len())
                .filter(|set| components(&pattern, |entry| set >> entry & 1 == 1) == (fewest, false))
                .map(weight)
                .fold(0.0, f32::max);
            prop_assert_eq!(weight(got.iter().map(|entry| 1 << entry).sum()), best);
        }
    }
}
