//! One lane: by rows, with compressed columns, in slices, and by events.

mod shapes;

use daleian_kernels::{Activation, Aligned, Columns, Compressed, Isa, Pattern, Sliced};
use daleian_kernels::{
    Elman, Event, EventProduct, ForwardVector, NewVectors, Recurrent, RowProduct, Rows, SlicedProduct, list_events,
};
use proptest::prelude::*;

use crate::support::{EPS, Numbers, bits, on_each_set};

/// Rows with the numbers of entries in `lengths`, in turn.
fn with_lengths(numbers: &mut Numbers, rows: usize, cols: usize, lengths: &[usize]) -> Pattern {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for row in 0..rows {
        let wanted = lengths[row % lengths.len()].min(cols);
        let mut picked = std::collections::BTreeSet::new();
        while picked.len() < wanted {
            picked.insert(numbers.below(cols) as u32);
        }
        indices.extend(picked);
        indptr.push(indices.len());
    }
    Pattern::new(rows, cols, indptr, indices).unwrap()
}

struct Case {
    w: Pattern,
    u: Pattern,
    weights: Aligned,
    input_weights: Aligned,
    bias: Aligned,
    rates: Aligned,
    input: Aligned,
}

impl Case {
    /// W of `rows` × `cols` with rows of `lengths` entries, U with one to five channels; a share `active` of the rates
    /// is not 0.
    fn new(numbers: &mut Numbers, (rows, cols): (usize, usize), lengths: &[usize], active: f64, exact: bool) -> Self {
        let w = with_lengths(numbers, rows, cols, lengths);
        let u = with_lengths(numbers, rows, 40, &[1, 0, 5, 40]);
        let (weights, input_weights) = (numbers.fill(w.nnz(), exact), numbers.fill(u.nnz(), exact));
        let mut rates = numbers.fill(cols, exact);
        for rate in rates.iter_mut() {
            if numbers.below(1000) as f64 >= active * 1000.0 {
                *rate = if numbers.below(2) == 0 { 0.0 } else { -0.0 };
            } else if *rate == 0.0 {
                *rate = 3.0;
            }
        }
        let (bias, input) = (numbers.fill(rows, exact), numbers.fill(40, exact));
        Self { w, u, weights, input_weights, bias, rates, input }
    }

    /// z of a row, Σ|terms| and the number of terms.
    fn reference(&self, row: usize) -> (f64, f64, usize) {
        let b = f64::from(self.bias[row]);
        let mut sums = (b, b.abs(), 1);
        for (pattern, values, x) in [(&self.w, &self.weights, &self.rates), (&self.u, &self.input_weights, &self.input)]
        {
            for entry in pattern.entries(row) {
                let term = f64::from(values[entry]) * f64::from(x[pattern.indices()[entry] as usize]);
                sums = (sums.0 + term, sums.1 + term.abs(), sums.2 + 1);
            }
        }
        sums
    }

    fn run(&self, isa: Isa, how: How, cut: &[usize], activation: Activation) -> (Aligned, Aligned) {
        let n = self.w.rows();
        let (mut a, mut r) = (Aligned::filled(n, f32::NAN), Aligned::filled(n, f32::NAN));
        let mut sums = Aligned::filled(n, f32::NAN);
        let compressed = Compressed::new(&self.w);
        let mut list = vec![Event::default(); self.w.cols()];
        let count = list_events(isa, &self.rates, &mut list).expect("room for all");
        let mut bounds: Vec<usize> = [0].into_iter().chain(cut.iter().copied()).chain([n]).collect();
        bounds.dedup();
        let width = (self.w.cols() / 3).clamp(1, 40_000);
        let matrix = (how == How::Slices).then(|| Sliced::new(&self.w, &self.weights, width, &bounds));
        let mut start = 0;
        for end in cut.iter().copied().chain([n]) {
            let rows = start..end;
            let full = |rows| Recurrent::Full(RowProduct { rows, values: &self.weights, states: &self.rates });
            let columns;
            let recurrent = match how {
                How::Plain => full(Rows::Pattern(&self.w)),
                How::Compressed => full(Rows::Compressed(compressed.as_ref().expect("enough entries"))),
                How::Slices => {
                    let matrix = matrix.as_ref().expect("made above");
                    Recurrent::Slices(SlicedProduct { matrix, states: &self.rates })
                }
                How::Events => {
                    columns = Columns::new(&self.w, &self.weights, rows.clone());
                    Recurrent::Events(EventProduct { columns: &columns, events: &list[..count] })
                }
            };
            let input = RowProduct { rows: Rows::Pattern(&self.u), values: &self.input_weights, states: &self.input };
            let call = ForwardVector { input: Some(input), ..ForwardVector::new(&rows, recurrent, &self.bias) };
            let (states, rates) = (&mut a[rows.clone()], Some(&mut r[rows.clone()]));
            let out = NewVectors { sums: &mut sums, states, rates };
            Elman { activation, rectified: true }.one_lane().forward_vector(isa, &call, out);
            start = end;
        }
        (a, r)
    }
}

/// z itself.
fn sums_alone(isa: Isa, call: &ForwardVector, sums: &mut [f32], states: &mut [f32]) {
    let out = NewVectors { sums, states, rates: None };
    Elman::plain(Activation::Identity).one_lane().forward_vector(isa, call, out);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Plain,
    Compressed,
    Slices,
    Events,
}

const WAYS: [How; 4] = [How::Plain, How::Compressed, How::Slices, How::Events];
/// Lengths around every edge of the loops: none, short, one vector, four, and what is left over.
const LENGTHS: [usize; 14] = [0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 100, 0, 200, 333];

#[test]
fn every_way_agrees_with_f64() {
    let mut numbers = Numbers(1);
    for active in [0.0, 0.1, 1.0] {
        for (shape, lengths) in [((0, 3), &[0usize][..]), ((1, 1), &[1]), ((17, 9), &[3, 0, 9]), ((61, 500), &LENGTHS)]
        {
            let case = Case::new(&mut numbers, shape, lengths, active, false);
            for (isa, how) in on_each_set(WAYS) {
                let (a, r) = case.run(isa, how, &[], Activation::Identity);
                for row in 0..shape.0 {
                    let (want, terms, count) = case.reference(row);
                    let (got, bound) = (f64::from(a[row]), EPS * (count + 1) as f64 * terms);
                    assert!((got - want).abs() <= bound, "{how:?} on {isa}, row {row}: {got} is not {want}");
                    assert_eq!(r[row], a[row].max(0.0), "{how:?} on {isa}, row {row}");
                }
            }
        }
    }
}

/// Whole slices of sixteen rows, of every length, and what is left over.
#[test]
fn many_rows_of_one_length_agree_with_f64() {
    let mut numbers = Numbers(5);
    for exact in [false, true] {
        let case = Case::new(&mut numbers, (700, 90), &[3, 8, 0, 1, 30], 0.8, exact);
        for (isa, how) in on_each_set(WAYS) {
            let (a, _) = case.run(isa, how, &[1, 333], Activation::Identity);
            for row in 0..700 {
                let (want, terms, count) = case.reference(row);
                let bound = if exact { 0.0 } else { EPS * (count + 1) as f64 * terms };
                let got = f64::from(a[row]);
                assert!((got - want).abs() <= bound, "{how:?} on {isa}, row {row}: {got} is not {want}");
            }
        }
    }
}

/// Blocks of columns of unequal width, and their edges.
#[test]
fn wide_matrices_are_exact_on_integers() {
    let mut numbers = Numbers(2);
    for cols in [65_535, 65_536, 65_537, 70_000, 140_000] {
        for active in [0.0, 0.1, 1.0] {
            let mut case = Case::new(&mut numbers, (40, cols), &[100, 0, 300, 33], active, true);
            // the columns at the edges, in one row
            let edges: Vec<u32> = [0, 65_535, 65_536, 131_071, 131_072, cols as u32 - 1]
                .into_iter()
                .filter(|&col| col < cols as u32)
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            let (mut indptr, mut indices) = case.w.into_parts();
            indptr.push(indptr[40] + edges.len());
            indices.extend(edges);
            case.w = Pattern::new(41, cols, indptr, indices).unwrap();
            let (mut indptr, indices) = case.u.into_parts();
            indptr.push(indices.len());
            case.u = Pattern::new(41, 40, indptr, indices).unwrap();
            case.weights = numbers.fill(case.w.nnz(), true);
            case.bias = numbers.fill(41, true);
            for (isa, how) in on_each_set(WAYS) {
                let (a, _) = case.run(isa, how, &[], Activation::Identity);
                for row in 0..41 {
                    assert_eq!(f64::from(a[row]), case.reference(row).0, "{how:?} on {isa}, {cols} columns, row {row}");
                }
            }
        }
    }
}

/// As many rows as two bytes can tell apart: the last is reached.
#[test]
fn columns_reach_the_last_row() {
    let (rows, last) = (65_536usize, 65_535usize);
    let indptr = (0..rows).map(|row| usize::from(row > 0)).chain([3]).collect();
    let w = Pattern::new(rows, 2, indptr, vec![1, 0, 1]).unwrap();
    let columns = Columns::new(&w, &[2.0, 3.0, 4.0], 0..rows);
    for isa in Isa::available() {
        let (mut a, mut sums) = (Aligned::filled(rows, f32::NAN), Aligned::filled(rows + 9, f32::NAN));
        let recurrent = Recurrent::Events(EventProduct { columns: &columns, events: &[Event { from: 1, rate: 5.0 }] });
        let bias = Aligned::filled(rows, 1.0);
        sums_alone(isa, &ForwardVector::new(&(0..rows), recurrent, &bias), &mut sums, &mut a);
        assert_eq!((a[0], a[last]), (11.0, 21.0), "{isa}");
        assert!(a[1..last].iter().all(|&a| a == 1.0), "{isa}");
    }
}

proptest! {
    /// Ranges of rows, as threads would take them, change no bit; nor does a row's place among its neighbours.
    #[test]
    fn any_cut_gives_the_same_bits(seed: u64, mut cut in prop::collection::vec(0usize..=61, 0..5), active in 0.0f64..1.0) {
        cut.sort_unstable();
        let case = Case::new(&mut Numbers(seed), (61, 500), &LENGTHS, active, false);
        for (isa, how) in on_each_set(WAYS) {
            let whole = case.run(isa, how, &[], Activation::Tanh);
            let parts = case.run(isa, how, &cut, Activation::Tanh);
            prop_assert_eq!((bits(&whole.0), bits(&whole.1)), (bits(&parts.0), bits(&parts.1)), "{:?} on {}", how, isa);
        }
    }
}

/// A NaN that a neuron sends is active, and reaches those that it reaches, and no other.
#[test]
fn nan_is_not_hidden() {
    let mut numbers = Numbers(3);
    let mut case = Case::new(&mut numbers, (61, 500), &LENGTHS, 0.1, false);
    case.rates[123] = f32::NAN;
    for (isa, how) in on_each_set(WAYS) {
        let (a, r) = case.run(isa, how, &[30], Activation::Tanh);
        for row in 0..61 {
            let reached = case.w.row(row).contains(&123);
            assert_eq!((a[row].is_nan(), r[row].is_nan()), (reached, reached), "{how:?} on {isa}, row {row}");
        }
    }
}

#[test]
fn nothing_sent_leaves_bias_and_input() {
    let case = Case::new(&mut Numbers(4), (20, 30), &[0], 1.0, true);
    for isa in Isa::available() {
        let mut a = Aligned::filled(20, f32::NAN);
        sums_alone(isa, &ForwardVector::new(&(0..20), Recurrent::Zero, &case.bias), &mut [0.0; 2], &mut a);
        assert_eq!(a, case.bias);
    }
}

#[test]
fn what_is_not_zero_is_an_event() {
    let x = [0.0, 1.0, -0.0, f32::NAN, 0.0, f32::MIN_POSITIVE / 2.0, -2.0];
    for isa in Isa::available() {
        let mut list = [Event { from: 9, rate: 9.0 }; 7];
        assert_eq!(list_events(isa, &x, &mut list), Some(4), "{isa}");
        assert_eq!(list.map(|event| event.from), [1, 3, 5, 6, 9, 9, 9], "{isa}");
        assert!(list[..4].iter().all(|event| event.rate.to_bits() == x[event.from as usize].to_bits()), "{isa}");
        assert_eq!([4, 3, 0].map(|room| list_events(isa, &x, &mut list[..room])), [Some(4), None, None], "{isa}");
        for len in [0, 15, 16, 17, 40] {
            let x: Vec<f32> = (1..=len).map(|k| -0.5 * k as f32).collect();
            let mut list = vec![Event::default(); len];
            assert_eq!(list_events(isa, &x, &mut list), Some(len), "{isa}");
            assert!(list.iter().zip(0..).all(|(event, k)| *event == Event { from: k, rate: x[k as usize] }), "{isa}");
            assert_eq!(list_events(isa, &x, &mut list[..len.saturating_sub(1)]), (len == 0).then_some(0), "{isa}");
        }
    }
}

/// Such inputs are summed sixteen rows at once; others row by row, in this order.
#[test]
fn few_inputs_are_summed_as_one_by_one() {
    let mut numbers = Numbers(11);
    for isa in Isa::available() {
        for cols in 0..9 {
            let (rows, u) = (37, Pattern::dense(37, cols));
            let (mut weights, bias) = (numbers.fill(rows * cols, false), numbers.fill(rows, false));
            if cols > 0 {
                weights[10 * cols + cols - 1] = 0.0;
            }
            let mut input = numbers.fill(cols, false);
            for (range, last) in
                [0..rows, 0..16, 3..20, 5..5, 7..30].into_iter().zip([0.5, 0.0, 1.5, 1.0, f32::INFINITY])
            {
                if let Some(x) = input.last_mut() {
                    *x = last;
                }
                let product = RowProduct { rows: Rows::Pattern(&u), values: &weights, states: &input };
                let zero = Recurrent::Zero;
                let call = ForwardVector { input: Some(product), ..ForwardVector::new(&range, zero, &bias) };
                let mut a = vec![f32::NAN; range.len()];
                sums_alone(isa, &call, &mut [0.0; 2], &mut a);
                let sum = |row: usize| (0..cols).fold(0.0, |sum, k| sum + weights[row * cols + k] * input[k]);
                let want: Vec<f32> = range.clone().map(|row| bias[row] + sum(row)).collect();
                // 0 · ∞ is NaN in the row that has it, and nowhere else
                let bound = if cols < 8 { 0.0 } else { 1e-5 };
                let same = |a: f32, want: f32| a == want || (a - want).abs() <= bound || a.is_nan() && want.is_nan();
                assert!(a.iter().zip(&want).all(|(&a, &want)| same(a, want)), "{cols} inputs, {range:?} on {isa}");
                assert_eq!(want.iter().filter(|x| x.is_nan()).count(), usize::from(last == f32::INFINITY && cols > 0));
            }
        }
    }
}
