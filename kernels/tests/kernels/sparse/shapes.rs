//! What does not fit stops at the door.

use std::ops::Range;

use daleian_kernels::{Activation, Adjoint, Elman, Forward, Isa, Operand, Outer, Pattern, Product, gradient};

use super::{step, step_back};
use crate::support::refuses;

/// Sizes of the slices of a call; those of the right one are in [`RIGHT`].
#[derive(Clone)]
struct Sizes {
    rows: Range<usize>,
    lanes: usize,
    values: usize,
    states: usize,
    /// Bias of the forward pass, κ of the adjoint.
    third: usize,
    first_out: usize,
    second_out: usize,
}

/// Rows 1 and 2 of a dense 3 by 4 matrix, 16 lanes. The third slice is long enough for a bias and is κ.
const RIGHT: Sizes = Sizes { rows: 1..3, lanes: 16, values: 12, states: 64, third: 16, first_out: 32, second_out: 32 };

fn call_forward(isa: Isa, sizes: &Sizes, as_input: bool) {
    let pattern = Pattern::dense(3, 4);
    let (values, states) = (vec![0.0; sizes.values], vec![0.0; sizes.states]);
    let operand = Some(Operand { pattern: &pattern, values: &values, states: &states });
    let (recurrent, input) = if as_input { (Product::Zero, operand) } else { (operand.into(), None) };
    let bias = vec![0.0; sizes.third];
    let call = Forward { input, ..Forward::new(&sizes.rows, sizes.lanes, recurrent, &bias) };
    let elman = Elman { activation: Activation::Tanh, rectified: true };
    step(isa, elman, &call, &mut vec![0.0; sizes.first_out], Some(&mut vec![0.0; sizes.second_out]));
}

fn call_adjoint(isa: Isa, sizes: &Sizes, as_readout: bool) {
    let pattern = Pattern::dense(3, 4);
    let (values, states) = (vec![0.0; sizes.values], vec![0.0; sizes.states]);
    let operand = Some(Operand { pattern: &pattern, values: &values, states: &states });
    let (recurrent, readout) = if as_readout { (Product::Zero, operand) } else { (operand.into(), None) };
    let decay = vec![0.0; sizes.third];
    let rate_decay = Some(&decay[..]);
    let call = Adjoint { rate_decay, ..Adjoint::new(&sizes.rows, sizes.lanes, recurrent, readout) };
    let elman = Elman { activation: Activation::Tanh, rectified: true };
    step_back(isa, elman, &call, &mut vec![0.0; sizes.first_out], &mut vec![0.0; sizes.second_out]);
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "bad input on purpose")]
fn wrong_shapes_stop_at_the_door() {
    let isa = Isa::available()[0];
    // what is wrong, and the words of the forward pass and of the adjoint
    let table = [
        (Sizes { lanes: 20, ..RIGHT }, ["20 lanes: a tile has 16, 32, 48 or 64"; 2]),
        (Sizes { lanes: 0, ..RIGHT }, ["0 lanes: a tile has"; 2]),
        (Sizes { lanes: 80, ..RIGHT }, ["80 lanes: a tile has"; 2]),
        (Sizes { rows: 2..4, ..RIGHT }, ["rows 2..4 of"; 2]),
        (Sizes { rows: 2..1, ..RIGHT }, ["rows 2..1 of"; 2]),
        (Sizes { values: 11, ..RIGHT }, ["one value an entry"; 2]),
        (Sizes { values: 13, ..RIGHT }, ["one value an entry"; 2]),
        (Sizes { states: 63, ..RIGHT }, ["states are [cols, lanes]"; 2]),
        (Sizes { states: 48, ..RIGHT }, ["states are [cols, lanes]"; 2]),
        (Sizes { third: 2, ..RIGHT }, ["one bias a row", "rate decay is [lanes]"]),
        (Sizes { first_out: 31, ..RIGHT }, ["states are [rows, lanes]"; 2]),
        (Sizes { first_out: 48, ..RIGHT }, ["states are [rows, lanes]"; 2]),
        (Sizes { second_out: 31, ..RIGHT }, ["rates are [rows, lanes]", "delta is [rows, lanes]"]),
    ];
    for other in [false, true] {
        call_forward(isa, &RIGHT, other);
        call_adjoint(isa, &RIGHT, other);
        for (sizes, [of_forward, of_adjoint]) in &table {
            refuses(of_forward, || call_forward(isa, sizes, other));
            refuses(of_adjoint, || call_adjoint(isa, sizes, other));
        }
    }
    // rows, lanes, δ, states and gradient
    let call = |rows: Range<usize>, lanes: usize, delta: usize, states: usize, out: usize| {
        let pattern = Pattern::dense(3, 4);
        let (right, delta, states) = (vec![0.0; 64], vec![0.0; delta], vec![0.0; states]);
        // the second step is the one that may be wrong
        let steps = [Outer { delta: &right[..48], states: &right }, Outer { delta: &delta, states: &states }];
        gradient(isa, &rows, lanes, &pattern, &steps, &mut vec![0.0; out]);
    };
    call(1..3, 16, 48, 64, 8);
    refuses("20 lanes: a tile has", || call(1..3, 20, 48, 64, 8));
    refuses("rows 2..4 of", || call(2..4, 16, 48, 64, 8));
    refuses("rows 2..1 of", || call(2..1, 16, 48, 64, 0));
    refuses("delta is [rows, lanes]", || call(1..3, 16, 32, 64, 8));
    refuses("states are [cols, lanes]", || call(1..3, 16, 48, 48, 8));
    refuses("one gradient an entry of the rows", || call(1..3, 16, 48, 64, 7));
    refuses("one gradient an entry of the rows", || call(1..3, 16, 48, 64, 12));
}
