//! The order of a sum is the row's and the tile's, however it is asked for.

use std::ops::Range;

use daleian_kernels::{Activation, Adjoint, Aligned, Elman, Forward, Isa, Outer, Pattern, Product, gradient};

use super::{Sparse, blocks, random, step, step_back};
use crate::support::{LANES, Numbers, bits};

/// The order of a sum is the row's and the tile's: cutting the rows elsewhere changes no bit. The cuts part neighbours
/// that have the same columns.
fn assert_cuts_do_not_show(what: &str, rows: usize, run: impl Fn(Range<usize>) -> Vec<u32>) {
    let whole = run(0..rows);
    for cuts in [&[0, 2, rows][..], &[0, 1, 3, rows], &[0, 2, 17, 18, 18, rows], &[0, 9, 32, 36, 40, 47, rows]] {
        let parts: Vec<u32> = cuts.windows(2).flat_map(|pair| run(pair[0]..pair[1])).collect();
        assert!(parts == whole, "{what}, cut at {cuts:?}");
    }
}

/// A matrix of few columns with every entry is multiplied without asking where its entries are: as if it were asked.
#[test]
fn few_columns_are_added_in_the_same_order() {
    let mut numbers = Numbers(12);
    let rows = 9;
    for (lanes, cols) in LANES.into_iter().flat_map(|lanes| (1..=5).map(move |cols| (lanes, cols))) {
        let mut full = Sparse::of(Pattern::dense(rows, cols), &mut numbers, lanes, false);
        // row 3 adds zeros of either sign to -0
        full.values[3 * cols..4 * cols].fill(0.0);
        // the same entries in a matrix with one column more
        let (indptr, indices) = full.pattern.clone().into_parts();
        let states = full.states.iter().copied().chain(numbers.fill(lanes, false).iter().copied()).collect();
        let wider = Pattern::new(rows, cols + 1, indptr, indices).unwrap();
        let wider = Sparse { pattern: wider, values: full.values.clone(), states };
        let (mut bias, activations) = (numbers.fill(rows, false), numbers.fill(rows * lanes, false));
        bias[3] = -0.0;
        let (range, elman) = (2..rows, Elman { activation: Activation::Tanh, rectified: true });
        for isa in Isa::available() {
            let both = [&full, &wider].map(|of| {
                let operand = Some(of.operand());
                let call = Forward { input: operand, ..Forward::new(&range, lanes, Product::Zero, &bias) };
                let mut a = Aligned::filled(range.len() * lanes, f32::NAN);
                step(isa, elman, &call, &mut a, None);
                let call = Adjoint::new(&range, lanes, Product::Zero, operand);
                let mut states: Aligned = activations[2 * lanes..].iter().copied().collect();
                let mut delta = Aligned::filled(states.len(), f32::NAN);
                step_back(isa, elman, &call, &mut states, &mut delta);
                [bits(&a), bits(&delta)].concat()
            });
            assert!(both[0] == both[1], "{cols} columns, {lanes} lanes on {isa}");
        }
    }
}

#[test]
fn any_cut_of_the_rows_gives_the_same_bits() {
    let mut numbers = Numbers(6);
    for lanes in LANES {
        for pattern in [random(&mut numbers, 50, 50), blocks()] {
            let (rows, cols) = (pattern.rows(), pattern.cols());
            let w = Sparse::of(pattern, &mut numbers, lanes, false);
            let u = Sparse::new(&mut numbers, rows, 7, lanes, false);
            assert!(w.pattern.twins(2) || w.pattern.twins(1));
            let bias = numbers.fill(rows, false);
            let decay = numbers.fill(lanes, false);
            let activations = numbers.fill(rows * lanes, false);
            let steps: Vec<[Aligned; 2]> =
                (0..5).map(|_| [rows, cols].map(|size| numbers.fill(size * lanes, false))).collect();
            let steps: Vec<Outer> = steps.iter().map(|[delta, states]| Outer { delta, states }).collect();
            let elman = Elman { activation: Activation::Tanh, rectified: true };
            let (recurrent, other) = (Product::Of(w.operand()), Some(u.operand()));
            for isa in Isa::available() {
                assert_cuts_do_not_show(&format!("forward, {lanes} lanes on {isa}"), rows, |rows| {
                    let (mut a, mut r) = (Aligned::zeros(rows.len() * lanes), Aligned::zeros(rows.len() * lanes));
                    let call = Forward { input: other, ..Forward::new(&rows, lanes, recurrent, &bias) };
                    step(isa, elman, &call, &mut a, Some(&mut r));
                    a.chunks(lanes).zip(r.chunks(lanes)).flat_map(|(a, r)| [bits(a), bits(r)].concat()).collect()
                });
                assert_cuts_do_not_show(&format!("adjoint, {lanes} lanes on {isa}"), rows, |rows| {
                    let mut states: Aligned =
                        activations[rows.start * lanes..rows.end * lanes].iter().copied().collect();
                    let mut delta = Aligned::zeros(states.len());
                    let call = Adjoint { rate_decay: Some(&decay), ..Adjoint::new(&rows, lanes, recurrent, other) };
                    step_back(isa, elman, &call, &mut states, &mut delta);
                    states
                        .chunks(lanes)
                        .zip(delta.chunks(lanes))
                        .flat_map(|(r, d)| [bits(r), bits(d)].concat())
                        .collect()
                });
                assert_cuts_do_not_show(&format!("gradient, {lanes} lanes on {isa}"), rows, |rows| {
                    let mut got = vec![0.5f32; w.pattern.entries_of(&rows).len()];
                    gradient(isa, &rows, lanes, &w.pattern, &steps, &mut got);
                    bits(&got)
                });
            }
        }
    }
}
