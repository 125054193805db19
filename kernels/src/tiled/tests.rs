//! The order of entries, and values carried into it, by hand.

use super::*;

/// [[1 . 2 3 .], [. 4 . . 5], [. . . . .], [6 7 . . 8]]
fn pattern() -> Pattern {
    Pattern::new(4, 5, vec![0, 3, 5, 5, 8], vec![0, 2, 3, 1, 4, 0, 1, 4]).unwrap()
}

const VALUES: [f32; 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];

#[test]
fn by_hand() {
    let tiled = Tiled::new(&pattern(), 2, &[0, 3, 4]);
    assert_eq!((tiled.rows(), tiled.cols(), tiled.nnz(), tiled.tiles(), tiled.segments()), (4, 5, 8, 3, 6));
    assert_eq!([0, 1].map(|block| tiled.entries(block)), [0..5, 5..8]);
    assert_eq!(tiled.columns, [0, 1, 0, 1, 0, 0, 1, 0]);
    assert_eq!(tiled.places, [0, 1, 0, 1, 0, 0]);
    assert_eq!((tiled.absent(0), tiled.absent(1)), (&[2][..], &[][..]));
    assert_eq!((tiled.blocks_of(&(0..3)), tiled.blocks_of(&(0..4)), tiled.blocks_of(&(3..3))), (0..1, 0..2, 1..1));
    let mut there = [f32::NAN; 8];
    let mut back = there;
    for block in 0..2 {
        tiled.carry(block, &VALUES, &mut there[tiled.entries(block)]);
    }
    // row 0: 1 | 2 3, row 1: 4 | | 5, row 3: 6 7 | | 8
    assert_eq!(there, [1.0, 4.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0]);
    for block in 0..2 {
        tiled.carry_back(block, &there[tiled.entries(block)], &mut back[tiled.entries(block)]);
    }
    assert_eq!(back, VALUES);
}

#[test]
fn segments_of_a_part_are_sorted_by_length() {
    let tiled = Tiled::new(&pattern(), 5, &[0, 4]);
    assert_eq!(tiled.places, [1, 0, 3]);
    assert_eq!(tiled.runs, [Run { len: 2, count: 1 }, Run { len: 3, count: 2 }]);
}

#[test]
fn transposed_by_hand() {
    // rows of the transposed: 1 6 | 4 7 | 2 | 3 | 5 8, in columns 0 3 | 1 3 | 0 | 0 | 1 3
    let tiled = Tiled::transposed(&pattern(), 2, &[0, 2, 5]);
    assert_eq!((tiled.rows(), tiled.cols(), tiled.nnz(), tiled.segments()), (5, 4, 8, 8));
    assert_eq!(tiled.columns, [0, 1, 0, 0, 1, 1, 1, 1]);
    assert!(tiled.absent.is_empty());
    let mut out = [f32::NAN; 8];
    for tile in 0..2 {
        tiled.carry_transposed(tile, &pattern(), &VALUES, &mut out[tiled.entries_of_tile(tile)], &mut [7; 2 + 2 * 3]);
    }
    // tile 0 (rows 0 and 1 of the original): 1 4 | 2 3 5, tile 1: 6 7 | 8
    assert_eq!(out, [1.0, 4.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0]);
}

#[test]
fn empty_matrices_have_no_segment() {
    for (rows, cols) in [(0, 3), (3, 0), (3, 3)] {
        let bounds = if rows == 0 { vec![0] } else { vec![0, rows] };
        let tiled = Tiled::new(&Pattern::empty(rows, cols), 2, &bounds);
        assert_eq!((tiled.nnz(), tiled.segments()), (0, 0));
    }
}

#[test]
#[should_panic(expected = "rows 1..3 are not whole blocks of [0, 3, 4]")]
fn parts_of_blocks_are_a_broken_contract() {
    Tiled::new(&pattern(), 2, &[0, 3, 4]).blocks_of(&(1..3));
}

#[test]
#[should_panic(expected = "blocks of 1 to 65536 rows")]
fn empty_blocks_are_a_broken_contract() {
    Tiled::new(&pattern(), 2, &[0, 3, 3, 4]);
}

#[test]
#[should_panic(expected = "made from the pattern itself")]
fn a_transposed_one_has_no_order_to_carry_from() {
    Tiled::transposed(&pattern(), 2, &[0, 5]).carry(0, &VALUES, &mut [0.0; 8]);
}
