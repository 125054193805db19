//! What does not fit stops at the door.

use daleian_kernels::{
    Activation, Columns, Event, EventProduct, ForwardVector, Isa, Pattern, Recurrent, RowProduct, Rows,
};
use daleian_kernels::{Sliced, SlicedProduct, forward_vector};

fn call(values: usize, states: usize, bias: usize, out: usize) {
    let pattern = Pattern::dense(2, 3);
    let product = RowProduct { rows: Rows::Pattern(&pattern), values: &vec![0.0; values], states: &vec![0.0; states] };
    let call = ForwardVector {
        rows: &(0..2),
        recurrent: Recurrent::Full(product),
        input: None,
        bias: &vec![0.0; bias],
        activation: Activation::Identity,
    };
    forward_vector(Isa::available()[0], &call, &mut [0.0; 2], &mut vec![0.0; out], None);
}

#[test]
fn the_right_shapes_are_right() {
    call(6, 3, 2, 2);
}

#[test]
#[should_panic(expected = "one value an entry")]
fn values() {
    call(5, 3, 2, 2);
}

#[test]
#[should_panic(expected = "one state a column")]
fn states() {
    call(6, 4, 2, 2);
}

#[test]
#[should_panic(expected = "one bias a row")]
fn bias() {
    call(6, 3, 1, 2);
}

#[test]
#[should_panic(expected = "one activation a row")]
fn activations() {
    call(6, 3, 2, 3);
}

fn slices(rows: std::ops::Range<usize>, values: usize, states: usize) {
    let matrix = Sliced::new(&Pattern::dense(4, 3), &vec![1.0; values], 2, &[0, 1, 4]);
    assert_eq!((matrix.cols(), matrix.bounds()), (3, &[0, 1, 4][..]));
    let recurrent = Recurrent::Slices(SlicedProduct { matrix: &matrix, states: &vec![2.0; states] });
    let (bias, activation) = (&[0.5; 4][..], Activation::Identity);
    let mut out = vec![f32::NAN; rows.len()];
    let call = ForwardVector { rows: &rows, recurrent, input: None, bias, activation };
    forward_vector(Isa::available()[0], &call, &mut [0.0; 2], &mut out, None);
    assert_eq!(out, vec![6.5; rows.len()]);
}

#[test]
fn whole_blocks_are_right() {
    [0..4, 0..1, 1..4, 1..1].into_iter().for_each(|rows| slices(rows, 12, 3));
}

#[test]
#[should_panic(expected = "are not whole blocks")]
fn whole_blocks() {
    slices(0..2, 12, 3);
}

#[test]
#[should_panic(expected = "one value an entry")]
fn values_of_slices() {
    slices(0..4, 11, 3);
}

#[test]
#[should_panic(expected = "one state a column")]
fn states_of_slices() {
    slices(0..4, 12, 4);
}

fn events(rows: std::ops::Range<usize>, sums: usize, events: &[Event]) {
    let pattern = Pattern::dense(2, 3);
    let columns = Columns::new(&pattern, &[0.0; 6], 0..2);
    let recurrent = Recurrent::Events(EventProduct { columns: &columns, events });
    let (bias, activation) = (&[0.0; 2][..], Activation::Identity);
    let call = ForwardVector { rows: &rows, recurrent, input: None, bias, activation };
    forward_vector(Isa::available()[0], &call, &mut vec![0.0; sums], &mut vec![0.0; rows.len()], None);
}

#[test]
#[should_panic(expected = "the rows of the columns")]
fn rows_of_the_columns() {
    events(0..1, 2, &[]);
}

#[test]
#[should_panic(expected = "room for the sum of each row")]
fn sums_of_events() {
    events(0..2, 1, &[]);
}

#[test]
#[should_panic(expected = "out of bounds")]
fn active_neurons() {
    events(0..2, 2, &[Event { from: 3, rate: 1.0 }]);
}
