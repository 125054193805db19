//! Values between the order of a pattern and that of its tiles.

use daleian_kernels::{Isa, Pattern, Tiled};
use proptest::prelude::*;

use super::{carried, carried_back, pattern_of, product};
use crate::support::{Numbers, bits};

/// A pattern, a width, and bounds of blocks of its rows and of its columns; any of them may be empty.
fn cut_patterns() -> impl Strategy<Value = (Pattern, usize, [Vec<usize>; 2])> {
    let cells = |(rows, cols)| (Just((rows, cols)), prop::collection::vec(prop::bool::weighted(0.4), rows * cols));
    let cuts = prop::collection::vec(prop::bool::weighted(0.3), 40);
    let parts = ((0..20usize, 0..40usize).prop_flat_map(cells), 1..45usize, cuts);
    parts.prop_map(|(((rows, cols), cells), width, cuts)| {
        let pattern = pattern_of(rows, cols, |row, col| cells[row * cols + col]);
        let bounds = |n: usize| (0..=n).filter(|&at| at == 0 || at == n || cuts[at]).collect();
        (pattern, width, [rows, cols].map(bounds))
    })
}

proptest! {
    #[test]
    fn carried_there_and_back_is_the_original((pattern, width, [bounds, _]) in cut_patterns()) {
        let values: Vec<f32> = (0..pattern.nnz()).map(|entry| entry as f32).collect();
        let tiled = Tiled::new(&pattern, width, &bounds);
        prop_assert_eq!(carried_back(&tiled, &carried(&tiled, &values)), values);
    }

    #[test]
    fn carried_from_the_transposed_is_carried_from_the_pattern((pattern, width, [_, bounds]) in cut_patterns()) {
        let values: Vec<f32> = (0..pattern.nnz()).map(|entry| entry as f32).collect();
        let find = |row: usize, col: usize| {
            pattern.row(row).binary_search(&(col as u32)).ok().map(|k| pattern.entries(row).start + k)
        };
        let transposed = pattern_of(pattern.cols(), pattern.rows(), |row, col| find(col, row).is_some());
        let by_column = (0..pattern.cols()).flat_map(|col| (0..pattern.rows()).filter_map(move |row| find(row, col)));
        let by_column: Vec<f32> = by_column.map(|entry| values[entry]).collect();
        let from_pattern = Tiled::new(&transposed, width, &bounds);
        let in_blocks = carried(&from_pattern, &by_column);

        let tiled = Tiled::transposed(&pattern, width, &bounds);
        let mut in_tiles = vec![f32::NAN; tiled.nnz()];
        let mut scratch = vec![u32::MAX; tiled.carry_scratch()];
        for tile in 0..tiled.tiles() {
            let out = &mut in_tiles[tiled.entries_of_tile(tile)];
            tiled.carry_transposed(tile, &pattern, &values, out, &mut scratch);
        }
        // the same parts, tile by tile
        let mut want = vec![Vec::new(); tiled.tiles()];
        let mut rest = &in_blocks[..];
        for (block, tile) in (0..tiled.blocks()).flat_map(|block| (0..tiled.tiles()).map(move |tile| (block, tile))) {
            let columns = &transposed.indices()[from_pattern.entries(block)];
            let len = columns.iter().filter(|&&col| col as usize / width == tile).count();
            want[tile].extend_from_slice(rest.split_off(..len).unwrap());
        }
        prop_assert_eq!(&in_tiles, &want.concat());

        // and whole or block by block, the product takes one as it takes the other
        let (isa, states) = (Isa::available()[0], Numbers(3).fill(tiled.cols() * 16, false));
        let y = product(isa, 16, &from_pattern, 0..tiled.rows(), &in_blocks, &states);
        prop_assert!(y.iter().all(|y| y.is_finite()));
        prop_assert_eq!(bits(&y), bits(&product(isa, 16, &tiled, 0..tiled.rows(), &in_tiles, &states)));
        let blocks = bounds.windows(2).flat_map(|rows| product(isa, 16, &tiled, rows[0]..rows[1], &in_tiles, &states));
        prop_assert_eq!(bits(&y), bits(&blocks.collect::<Vec<_>>()));
    }
}

/// So many entries that values are asked for ahead of time: all of them, so that every row and column ends one.
#[test]
fn a_large_matrix_is_carried_like_any_other() {
    const N: usize = 730;
    let pattern = Pattern::dense(N, N);
    assert!(pattern.nnz() > 1 << 19);
    let values: Vec<f32> = (0..N * N).map(|entry| entry as f32).collect();
    let (width, bounds) = (100, [0, 300, N]);
    let tiled = Tiled::new(&pattern, width, &bounds);
    assert!(carried_back(&tiled, &carried(&tiled, &values)) == values);
    let back = Tiled::transposed(&pattern, width, &bounds);
    for tile in 0..back.tiles() {
        let mut out = vec![f32::NAN; back.entries_of_tile(tile).len()];
        back.carry_transposed(tile, &pattern, &values, &mut out, &mut vec![u32::MAX; back.carry_scratch()]);
        // segments are of one length, so that they come column by column
        let rows = tile * width..((tile + 1) * width).min(N);
        let want = (0..N).flat_map(|col| rows.clone().map(move |row| (row * N + col) as f32));
        assert!(out.into_iter().eq(want), "tile {tile}");
    }
}
