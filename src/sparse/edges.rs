//! A pattern from unsorted edges: entries in any order become compressed sparse rows.
//!
//! Two stable counting sorts, by column and then by row, so that time and memory are O(entries + rows + columns)
//! and entries of the same place keep the order they came in.

use daleian_kernels::{Pattern, PatternError};

/// What to do with a place that is given more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It is an error that names the two edges.
    Refuse,
    /// One entry, whose value is the sum, added in the order given.
    Sum,
}

/// What is wrong with edges that should have become a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// The arrays are not equally long.
    #[error("there are {rows} row indices, but {got} {what}: expected one of each an edge")]
    Lengths {
        /// Number of row indices.
        rows: usize,
        /// The array that is of another length.
        what: &'static str,
        /// Its length.
        got: usize,
    },
    /// A row or column that the matrix does not have.
    #[error("edge {position} is in {axis} {index}, but there are only {size} {axis}s")]
    OutOfRange {
        /// Which edge, counted from 0.
        position: usize,
        /// "row" or "column".
        axis: &'static str,
        /// The offending index.
        index: u32,
        /// Rows or columns of the matrix.
        size: usize,
    },
    /// The same place twice.
    #[error("edges {first} and {second} are both in row {row}, column {col}; repeated edges in all: {repeats}")]
    Repeated {
        /// The edge that was first in its place, counted from 0.
        first: usize,
        /// The first edge, in the order given, whose place was taken.
        second: usize,
        /// Its row.
        row: u32,
        /// Its column.
        col: u32,
        /// Number of edges whose place was taken.
        repeats: usize,
    },
    /// More than a pattern can hold.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// Builds the pattern of `rows` × `cols` whose entries are `(edge_rows[k], edge_cols[k])`, in any order.
///
/// With `values` (one an edge) the second result is the values in the pattern's order; without, it is `None`.
/// Values are only moved and added, not looked at: a NaN stays a NaN.
///
/// # Errors
/// If the arrays differ in length, an index is out of range, a place is given twice (for [`Repeats::Refuse`]), or
/// there is more than a pattern can hold.
pub fn from_edges(
    rows: usize,
    cols: usize,
    edge_rows: &[u32],
    edge_cols: &[u32],
    values: Option<&[f32]>,
    repeats: Repeats,
) -> Result<(Pattern, Option<Vec<f32>>), EdgeError> {
    check(rows, cols, edge_rows, edge_cols, values)?;
    let edges = edge_rows.len();

    let by_column = stable_order(0..edges as u32, edge_cols, cols).0;
    let (order, mut indptr) = stable_order(by_column.iter().copied(), edge_rows, rows);
    drop(by_column);

    let mut indices: Vec<u32> = order.iter().map(|&edge| edge_cols[edge as usize]).collect();
    let mut sorted: Option<Vec<f32>> = values.map(|values| order.iter().map(|&edge| values[edge as usize]).collect());

    if let Some(error) = find_repeats(&indptr, &indices, &order) {
        if repeats == Repeats::Refuse {
            return Err(error);
        }
        drop(order);
        merge(&mut indptr, &mut indices, &mut sorted);
    }
    Ok((Pattern::new(rows, cols, indptr, indices)?, sorted))
}

fn check(
    rows: usize,
    cols: usize,
    edge_rows: &[u32],
    edge_cols: &[u32],
    values: Option<&[f32]>,
) -> Result<(), EdgeError> {
    for (what, got) in [("column indices", edge_cols.len()), ("values", values.map_or(edge_rows.len(), <[f32]>::len))] {
        if got != edge_rows.len() {
            return Err(EdgeError::Lengths { rows: edge_rows.len(), what, got });
        }
    }
    // Before anything is allocated: the sizes may be anything.
    for (what, value, limit) in [
        ("the number of rows", rows, i32::MAX as usize),
        ("the number of columns", cols, i32::MAX as usize),
        ("the number of edges", edge_rows.len(), u32::MAX as usize),
    ] {
        if value > limit {
            return Err(PatternError::TooLarge { what, value, limit }.into());
        }
    }
    for (axis, size, indices) in [("row", rows, edge_rows), ("column", cols, edge_cols)] {
        if let Some(position) = indices.iter().position(|&index| index as usize >= size) {
            return Err(EdgeError::OutOfRange { position, axis, index: indices[position], size });
        }
    }
    Ok(())
}

/// Sorts `edges` by `key[edge]`, below `size`, equal keys in the order they come in. Also: where each key starts,
/// `[size + 1]`.
fn stable_order(edges: impl Iterator<Item = u32>, key: &[u32], size: usize) -> (Vec<u32>, Vec<usize>) {
    let mut starts = vec![0; size + 1];
    for &k in key {
        starts[k as usize + 1] += 1;
    }
    for k in 0..size {
        starts[k + 1] += starts[k];
    }
    let mut next = starts.clone();
    let mut order = vec![0; key.len()];
    for edge in edges {
        let place = &mut next[key[edge as usize] as usize];
        order[*place] = edge;
        *place += 1;
    }
    (order, starts)
}

/// The error for the first repeated edge in the order given, if there is one.
fn find_repeats(indptr: &[usize], indices: &[u32], order: &[u32]) -> Option<EdgeError> {
    let mut found: Option<(usize, usize)> = None;
    let mut repeats = 0;
    for (row, ends) in indptr.windows(2).enumerate() {
        for at in ends[0] + 1..ends[1] {
            if indices[at] == indices[at - 1] {
                repeats += 1;
                if found.is_none_or(|(before, _)| order[at] < order[before]) {
                    found = Some((at, row));
                }
            }
        }
    }
    found.map(|(second, row)| {
        let start = indptr[row];
        let first = start + indices[start..second].partition_point(|&col| col < indices[second]);
        EdgeError::Repeated {
            first: order[first] as usize,
            second: order[second] as usize,
            row: row as u32,
            col: indices[second],
            repeats,
        }
    })
}

/// Makes one entry of neighbours in the same column, in place, adding their values.
fn merge(indptr: &mut [usize], indices: &mut Vec<u32>, values: &mut Option<Vec<f32>>) {
    let mut kept = 0;
    let mut start = 0;
    for row in 0..indptr.len() - 1 {
        let end = indptr[row + 1];
        let row_start = kept;
        for at in start..end {
            if kept > row_start && indices[kept - 1] == indices[at] {
                if let Some(values) = values {
                    values[kept - 1] += values[at];
                }
            } else {
                indices[kept] = indices[at];
                if let Some(values) = values {
                    values[kept] = values[at];
                }
                kept += 1;
            }
        }
        start = end;
        indptr[row + 1] = kept;
    }
    indices.truncate(kept);
    indices.shrink_to_fit();
    if let Some(values) = values {
        values.truncate(kept);
        values.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sorts_a_small_case_worked_by_hand() {
        // . 5 .
        // . . .
        // 3 . 4
        let (pattern, values) =
            from_edges(3, 3, &[2, 0, 2], &[2, 1, 0], Some(&[4.0, 5.0, 3.0]), Repeats::Refuse).unwrap();
        assert_eq!(pattern.indptr(), [0, 1, 1, 3]);
        assert_eq!(pattern.indices(), [1, 0, 2]);
        assert_eq!(values.unwrap(), [5.0, 3.0, 4.0]);
        let (same, none) = from_edges(3, 3, &[2, 0, 2], &[2, 1, 0], None, Repeats::Refuse).unwrap();
        assert_eq!((same, none), (pattern, None));
    }

    #[test]
    fn no_edges_and_no_rows_are_fine() {
        let (pattern, values) = from_edges(2, 5, &[], &[], Some(&[]), Repeats::Refuse).unwrap();
        assert_eq!((pattern, values), (Pattern::empty(2, 5), Some(vec![])));
        assert_eq!(from_edges(0, 0, &[], &[], None, Repeats::Sum).unwrap().0, Pattern::empty(0, 0));
    }

    #[test]
    fn names_the_first_repeated_edge_in_the_order_given() {
        // Edge 3 repeats edge 2 in row 1; edge 4 repeats edge 0, in an earlier row; edge 5 once more.
        let (rows, cols) = ([0, 0, 1, 1, 0, 0], [1, 0, 2, 2, 1, 1]);
        let error = from_edges(2, 3, &rows, &cols, None, Repeats::Refuse).unwrap_err();
        assert_eq!(error, EdgeError::Repeated { first: 2, second: 3, row: 1, col: 2, repeats: 3 });
        let error = from_edges(2, 3, &rows[..2], &[1, 1], None, Repeats::Refuse).unwrap_err();
        assert_eq!(error, EdgeError::Repeated { first: 0, second: 1, row: 0, col: 1, repeats: 1 });
    }

    #[test]
    fn sums_repeated_edges() {
        let (rows, cols) = ([0, 0, 1, 1, 0, 0], [1, 0, 2, 2, 1, 1]);
        let values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let (pattern, values) = from_edges(2, 3, &rows, &cols, Some(&values), Repeats::Sum).unwrap();
        assert_eq!((pattern.indptr(), pattern.indices()), (&[0, 2, 3][..], &[0, 1, 2][..]));
        assert_eq!(values.unwrap(), [2.0, 49.0, 12.0]);
        // The last column of a row and the first of the next are not the same place.
        let (pattern, _) = from_edges(2, 3, &[0, 1, 1], &[2, 2, 2], None, Repeats::Sum).unwrap();
        assert_eq!((pattern.indptr(), pattern.indices()), (&[0, 1, 2][..], &[2, 2][..]));
    }

    #[test]
    fn refuses_what_is_wrong() {
        let refused = |rows, cols, r: &[u32], c: &[u32], v| from_edges(rows, cols, r, c, v, Repeats::Sum).unwrap_err();
        assert_eq!(refused(2, 2, &[0], &[], None), EdgeError::Lengths { rows: 1, what: "column indices", got: 0 });
        assert_eq!(
            refused(2, 2, &[0], &[0], Some(&[1.0, 2.0])),
            EdgeError::Lengths { rows: 1, what: "values", got: 2 }
        );
        assert_eq!(
            refused(2, 3, &[0, 2], &[0, 0], None),
            EdgeError::OutOfRange { position: 1, axis: "row", index: 2, size: 2 }
        );
        assert_eq!(
            refused(2, 3, &[0, 1], &[3, 0], None),
            EdgeError::OutOfRange { position: 0, axis: "column", index: 3, size: 3 }
        );
        assert!(matches!(refused(usize::MAX, 3, &[], &[], None), EdgeError::Pattern(PatternError::TooLarge { .. })));
        assert!(matches!(refused(3, 1 << 31, &[], &[], None), EdgeError::Pattern(PatternError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn equals_a_sorted_map(
            (rows, cols, edges) in (1u32..12, 1u32..12).prop_flat_map(|(rows, cols)| {
                (Just(rows), Just(cols), prop::collection::vec((0..rows, 0..cols, -8i8..8), 0..80))
            })
        ) {
            let edge_rows: Vec<u32> = edges.iter().map(|e| e.0).collect();
            let edge_cols: Vec<u32> = edges.iter().map(|e| e.1).collect();
            let values: Vec<f32> = edges.iter().map(|e| f32::from(e.2)).collect();
            let mut map = BTreeMap::<(u32, u32), (usize, f32)>::new();
            let mut repeated = None;
            for (position, &(row, col, value)) in edges.iter().enumerate() {
                match map.get_mut(&(row, col)) {
                    None => drop(map.insert((row, col), (position, f32::from(value)))),
                    Some(entry) => {
                        repeated = repeated.or(Some((entry.0, position)));
                        entry.1 += f32::from(value);
                    }
                }
            }
            let (rows, cols) = (rows as usize, cols as usize);
            let (pattern, sums) =
                from_edges(rows, cols, &edge_rows, &edge_cols, Some(&values), Repeats::Sum).unwrap();
            let sums = sums.unwrap();
            let got: Vec<_> = (0..rows)
                .flat_map(|row| pattern.entries(row).map(move |at| (row, at)))
                .map(|(row, at)| ((row as u32, pattern.indices()[at]), sums[at]))
                .collect();
            let want: Vec<_> = map.iter().map(|(&place, &(_, sum))| (place, sum)).collect();
            prop_assert_eq!(got, want);

            match (repeated, from_edges(rows, cols, &edge_rows, &edge_cols, None, Repeats::Refuse)) {
                (None, got) => prop_assert_eq!(got, Ok((pattern, None))),
                (Some((f, s)), Err(EdgeError::Repeated { first, second, repeats, .. })) => {
                    prop_assert_eq!((first, second, repeats), (f, s, edges.len() - map.len()));
                }
                (_, other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
