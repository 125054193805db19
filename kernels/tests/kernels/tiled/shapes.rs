//! What does not fit stops at the door.

use std::ops::Range;

use daleian_kernels::{Isa, Outer, Pattern, Tiled, tiled_gradient, tiled_product};

use crate::support::refuses;

/// A dense 4 by 5 matrix in blocks of 1 and 3 rows: the second has 15 of the 20 entries.
#[test]
#[expect(clippy::reversed_empty_ranges, reason = "bad input on purpose")]
fn wrong_shapes_stop_at_the_door() {
    let isa = Isa::available()[0];
    let (pattern, x) = (Pattern::dense(4, 5), [0.0; 128]);
    let tiled = Tiled::new(&pattern, 2, &[0, 1, 4]);
    let product = |lanes: usize, rows: Range<usize>, values: usize, states: usize, out: usize| {
        tiled_product(isa, lanes, &tiled, &rows, &x[..values], &x[..states], &mut vec![0.0; out]);
    };
    let gradient = |lanes: usize, rows: Range<usize>, delta: usize, states: usize, out: usize| {
        // the second step is the one that may be wrong
        let steps = [Outer { delta: &x[..64], states: &x[..80] }, Outer { delta: &x[..delta], states: &x[..states] }];
        tiled_gradient(isa, &rows, lanes, &tiled, &steps, &mut vec![0.0; out]);
    };
    product(16, 1..4, 20, 80, 48);
    gradient(16, 1..4, 64, 80, 15);
    for lanes in [0, 8, 20, 80] {
        refuses(&format!("{lanes} lanes: a tile has"), || product(lanes, 1..4, 20, 80, 48));
        refuses(&format!("{lanes} lanes: a tile has"), || gradient(lanes, 1..4, 64, 80, 15));
    }
    for rows in [0..2, 2..4, 1..5, 4..1] {
        let words = format!("rows {rows:?} are not whole blocks");
        refuses(&words, || product(16, rows.clone(), 20, 80, rows.len() * 16));
        refuses(&words, || gradient(16, rows.clone(), 64, 80, rows.len() * 5));
    }
    for wrong in [-15, -1, 1] {
        let off = |right: usize| right.wrapping_add_signed(wrong);
        refuses("one value an entry", || product(16, 1..4, off(20), 80, 48));
        refuses("states are [cols, lanes]", || product(16, 1..4, 20, off(80), 48));
        refuses("the output is [rows, lanes]", || product(16, 1..4, 20, 80, off(48)));
        refuses("delta is [rows, lanes]", || gradient(16, 1..4, off(64), 80, 15));
        refuses("states are [cols, lanes]", || gradient(16, 1..4, 64, off(80), 15));
        refuses("one gradient an entry of the rows", || gradient(16, 1..4, 64, 80, off(15)));
    }

    for (values, out) in [(15, 15), (21, 15), (20, 14), (20, 20)] {
        let (x, out) = (&x[..values], &mut vec![0.0; out][..]);
        refuses("one value an entry", || tiled.carry(1, x, out));
    }
    for (values, out) in [(14, 15), (15, 14), (20, 15), (20, 20)] {
        refuses("one value an entry", || tiled.carry_back(1, &x[..values], &mut vec![0.0; out]));
    }
    // tile 1 of the transposed has 8 entries
    let original = Pattern::dense(5, 4);
    let back = Tiled::transposed(&original, 2, &[0, 1, 4]);
    let transposed = |tiled: &Tiled, from: &Pattern, [values, out, scratch]: [usize; 3]| {
        tiled.carry_transposed(1, from, &x[..values], &mut vec![0.0; out], &mut vec![0; scratch]);
    };
    // two columns a tile, blocks of one row and of three
    transposed(&back, &original, [20, 8, 8]);
    for lens in [[8, 8, 8], [21, 8, 8], [20, 7, 8], [20, 20, 8]] {
        refuses("one value an entry", || transposed(&back, &original, lens));
    }
    refuses("scratch for the columns", || transposed(&back, &original, [20, 8, 7]));
    refuses("the transposed of", || transposed(&back, &pattern, [20, 8, 8]));
    refuses("made transposed", || transposed(&tiled, &original, [20, 8, 8]));
    // the entries of a block lie scattered there: their gradient would be written beside the output
    let step = Outer { delta: &x[..64], states: &x[..80] };
    refuses("", || tiled_gradient(isa, &(0..1), 16, &back, &[step], &mut [0.0; 64][..5]));
}
