//! What does not fit stops at the door.

use daleian_kernels::{
    Columns, Event, EventProduct, ForwardVector, Isa, Pattern, Recurrent, RowProduct, Rows, Sliced, SlicedProduct,
};

use super::sums_alone;
use crate::support::refuses;

fn call(values: usize, states: usize, bias: usize, out: usize) {
    let pattern = Pattern::dense(2, 3);
    let product = RowProduct { rows: Rows::Pattern(&pattern), values: &vec![0.0; values], states: &vec![0.0; states] };
    let bias = vec![0.0; bias];
    let call = ForwardVector::new(&(0..2), Recurrent::Full(product), &bias);
    sums_alone(Isa::available()[0], &call, &mut [0.0; 2], &mut vec![0.0; out]);
}

#[test]
fn by_rows() {
    call(6, 3, 2, 2);
    refuses("one value an entry", || call(5, 3, 2, 2));
    refuses("one state a column", || call(6, 4, 2, 2));
    refuses("one bias a row", || call(6, 3, 1, 2));
    refuses("one state a row", || call(6, 3, 2, 3));
}

fn slices(rows: std::ops::Range<usize>, values: usize, states: usize) {
    let matrix = Sliced::new(&Pattern::dense(4, 3), &vec![1.0; values], 2, &[0, 1, 4]);
    assert_eq!((matrix.cols(), matrix.bounds()), (3, &[0, 1, 4][..]));
    let recurrent = Recurrent::Slices(SlicedProduct { matrix: &matrix, states: &vec![2.0; states] });
    let mut out = vec![f32::NAN; rows.len()];
    let call = ForwardVector::new(&rows, recurrent, &[0.5; 4]);
    sums_alone(Isa::available()[0], &call, &mut [0.0; 2], &mut out);
    assert_eq!(out, vec![6.5; rows.len()]);
}

#[test]
fn in_slices() {
    [0..4, 0..1, 1..4, 1..1].into_iter().for_each(|rows| slices(rows, 12, 3));
    refuses("are not whole blocks", || slices(0..2, 12, 3));
    refuses("one value an entry", || slices(0..4, 11, 3));
    refuses("one state a column", || slices(0..4, 12, 4));
}

fn events(rows: std::ops::Range<usize>, sums: usize, events: &[Event]) {
    let pattern = Pattern::dense(2, 3);
    let columns = Columns::new(&pattern, &[0.0; 6], 0..2);
    let recurrent = Recurrent::Events(EventProduct { columns: &columns, events });
    let call = ForwardVector::new(&rows, recurrent, &[0.0; 2]);
    sums_alone(Isa::available()[0], &call, &mut vec![0.0; sums], &mut vec![0.0; rows.len()]);
}

#[test]
fn by_events() {
    refuses("the rows of the columns", || events(0..1, 2, &[]));
    refuses("room for the sum of each row", || events(0..2, 1, &[]));
    refuses("out of bounds", || events(0..2, 2, &[Event { from: 3, rate: 1.0 }]));
}
