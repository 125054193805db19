//! The sparse kernels against plain f64 loops, on every instruction set of this machine.
//!
//! Bound: |got - want| ≤ c·eps·(k+1)·Σ|a||b| for sums of k products; exact on small integers. Outputs are poisoned
//! with NaN before each call; rows may be empty, and tiles have one to four vectors.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use daleian_kernels::{Activation, Adjoint, Aligned, Forward, Isa, Operand, Outer, Pattern, Product};
use daleian_kernels::{adjoint, forward, gradient};

const EPS: f64 = f32::EPSILON as f64;
const ACTIVATIONS: [Activation; 5] =
    [Activation::Tanh, Activation::Relu, Activation::Sigmoid, Activation::Softplus, Activation::Identity];

/// A small generator of its own, so that the test does not depend on a library's stream.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    /// In [-1, 1).
    fn unit(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }
    /// -4..=4.
    fn integer(&mut self) -> f32 {
        (self.next() % 9) as f32 - 4.0
    }
    fn fill(&mut self, len: usize, exact: bool) -> Aligned {
        (0..len).map(|_| if exact { self.integer() } else { self.unit() }).collect()
    }
    /// Rows of 0 to `cols` entries, some empty, one full.
    fn pattern(&mut self, rows: usize, cols: usize) -> Pattern {
        let mut indptr = vec![0];
        let mut indices = Vec::new();
        for row in 0..rows {
            // two full rows together, which are computed at once where there are registers for it
            let percent = if row == 1 || row == 2 { 100 } else { [0, 10, 50][self.next() as usize % 3] };
            indices.extend((0..cols as u32).filter(|_| self.next() % 100 < percent));
            indptr.push(indices.len());
        }
        Pattern::new(rows, cols, indptr, indices).unwrap()
    }
}

/// Rows with the same columns as their neighbours: 35 rows of 52, 32 of 24, 40 of 23 and 31 of 59, and among them rows of
/// their own.
fn blocks() -> Pattern {
    let runs = [(2, 5), (35, 61), (1, 0), (32, 28), (40, 27), (1, 9), (31, 69)];
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for (rows, cols) in runs {
        for row in 0..rows {
            let cols = if rows <= 2 { cols + row } else { cols };
            indices.extend((0..cols).filter(|col| col % 7 != 4));
            indptr.push(indices.len());
        }
    }
    Pattern::new(indptr.len() - 1, 70, indptr, indices).unwrap()
}

struct Sparse {
    pattern: Pattern,
    values: Aligned,
    states: Aligned,
}

impl Sparse {
    fn new(numbers: &mut Numbers, rows: usize, cols: usize, lanes: usize, exact: bool) -> Self {
        let pattern = numbers.pattern(rows, cols);
        Self::of(pattern, numbers, lanes, exact)
    }
    fn of(pattern: Pattern, numbers: &mut Numbers, lanes: usize, exact: bool) -> Self {
        let cols = pattern.cols();
        let values = numbers.fill(pattern.nnz(), exact);
        let states = numbers.fill(cols * lanes, exact);
        Self { pattern, values, states }
    }
    fn operand(&self) -> Operand<'_> {
        Operand { pattern: &self.pattern, values: &self.values, states: &self.states }
    }
    /// Σ w x, Σ |w x| and the number of terms at (row, lane).
    fn product(&self, row: usize, lane: usize, lanes: usize) -> (f64, f64, usize) {
        let mut sums = (0.0, 0.0, 0);
        for entry in self.pattern.entries(row) {
            let x = self.states[self.pattern.indices()[entry] as usize * lanes + lane];
            let term = f64::from(self.values[entry]) * f64::from(x);
            sums = (sums.0 + term, sums.1 + term.abs(), sums.2 + 1);
        }
        sums
    }
}

fn phi(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(0.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Activation::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        Activation::Identity => z,
    }
}

fn slope(activation: Activation, a: f64) -> f64 {
    match activation {
        Activation::Tanh => 1.0 - a * a,
        Activation::Relu => f64::from(u8::from(a > 0.0)),
        Activation::Sigmoid => a * (1.0 - a),
        Activation::Softplus => -(-a).exp_m1(),
        Activation::Identity => 1.0,
    }
}

fn close(got: f32, want: f64, bound: f64, what: &str) {
    assert!((f64::from(got) - want).abs() <= bound, "{what}: {got} is not {want} within {bound:e}");
}

#[test]
fn forward_agrees_with_f64() {
    let mut numbers = Numbers(1);
    for lanes in [16, 32, 48, 64] {
        for (n, channels) in [(1, 1), (7, 3), (40, 5)] {
            let w = Sparse::new(&mut numbers, n, n, lanes, false);
            let u = Sparse::new(&mut numbers, n, channels, lanes, false);
            let bias = numbers.fill(n, false);
            for (isa, activation) in Isa::available().into_iter().flat_map(|isa| ACTIVATIONS.map(|phi| (isa, phi))) {
                // in two ranges, as threads would
                for rows in [0..n / 2, n / 2..n] {
                    let mut a = Aligned::filled(rows.len() * lanes, f32::NAN);
                    let mut r = a.clone();
                    let (recurrent, input) = (Product::Of(w.operand()), Some(u.operand()));
                    let call = Forward { rows: &rows, lanes, recurrent, input, bias: &bias, activation };
                    forward(isa, &call, &mut a, Some(&mut r));
                    for (k, row) in rows.clone().enumerate() {
                        for lane in 0..lanes {
                            let (zw, sw, kw) = w.product(row, lane, lanes);
                            let (zu, su, ku) = u.product(row, lane, lanes);
                            let b = f64::from(bias[row]);
                            // |phi'| is at most 1, and phi itself is within 2 ulp
                            let want = phi(activation, zw + zu + b);
                            let bound = EPS * (kw + ku + 1) as f64 * (sw + su + b.abs()) + 2.0 * EPS * want.abs();
                            let what = format!("{activation:?} on {isa}, row {row}, lane {lane} of {lanes}");
                            close(a[k * lanes + lane], want, bound, &what);
                            assert_eq!(r[k * lanes + lane], a[k * lanes + lane].max(0.0), "{what}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn forward_is_exact_on_integers() {
    let mut numbers = Numbers(2);
    for isa in Isa::available() {
        for lanes in [16, 32, 48, 64] {
            let w = Sparse::new(&mut numbers, 23, 31, lanes, true);
            let bias = numbers.fill(23, true);
            let mut a = Aligned::filled(23 * lanes, f32::NAN);
            let call = Forward {
                rows: &(0..23),
                lanes,
                recurrent: Product::Of(w.operand()),
                input: None,
                bias: &bias,
                activation: Activation::Identity,
            };
            forward(isa, &call, &mut a, None);
            for row in 0..23 {
                for lane in 0..lanes {
                    let want = w.product(row, lane, lanes).0 + f64::from(bias[row]);
                    assert_eq!(f64::from(a[row * lanes + lane]), want, "{isa}, row {row}, lane {lane}");
                }
            }
        }
    }
}

/// `max(z, 0)` and every activation must pass NaN on, in its lane only.
#[test]
fn nan_stays_in_its_lane_and_is_not_hidden() {
    for isa in Isa::available() {
        for activation in ACTIVATIONS {
            let pattern = Pattern::dense(2, 2);
            let mut states = Aligned::filled(2 * 32, 0.5);
            states[17] = f32::NAN;
            let operand = Operand { pattern: &pattern, values: &[1.0; 4], states: &states };
            let (mut a, mut r) = (Aligned::zeros(2 * 32), Aligned::zeros(2 * 32));
            let call = Forward {
                rows: &(0..2),
                lanes: 32,
                recurrent: Product::Of(operand),
                input: None,
                bias: &[0.0; 2],
                activation,
            };
            forward(isa, &call, &mut a, Some(&mut r));
            for (k, (a, r)) in a.iter().zip(&*r).enumerate() {
                assert_eq!((a.is_nan(), r.is_nan()), (k % 32 == 17, k % 32 == 17), "{activation:?} on {isa}, {k}");
            }
            let mut delta = Aligned::zeros(2 * 32);
            let call = Adjoint {
                rows: &(0..2),
                lanes: 32,
                recurrent: Product::Zero,
                readout: Some(Operand { pattern: &pattern, values: &[1.0; 4], states: &[0.5; 64] }),
                rate_decay: None,
                activation,
                rectified: true,
            };
            adjoint(isa, &call, &mut a, &mut delta);
            for (k, r) in a.iter().enumerate() {
                assert_eq!(r.is_nan(), k % 32 == 17, "rate {k}, {activation:?} on {isa}");
            }
            if activation != Activation::Identity {
                for (k, d) in delta.iter().enumerate() {
                    assert_eq!(d.is_nan(), k % 32 == 17, "delta {k}, {activation:?} on {isa}");
                }
            }
        }
    }
}

#[test]
fn adjoint_agrees_with_f64() {
    let mut numbers = Numbers(3);
    for lanes in [16, 32, 48, 64] {
        for (n, outputs) in [(1, 1), (7, 3), (40, 2)] {
            let w = Sparse::new(&mut numbers, n, n, lanes, false);
            let v = Sparse::new(&mut numbers, n, outputs, lanes, false);
            let decay = numbers.fill(lanes, false);
            for (isa, activation) in Isa::available().into_iter().flat_map(|isa| ACTIVATIONS.map(|phi| (isa, phi))) {
                for (rectified, whole) in [(false, true), (true, true), (true, false)] {
                    // activations that the activation can have
                    let z = numbers.fill(n * lanes, false);
                    let a: Aligned = z.iter().map(|&z| phi(activation, f64::from(z)) as f32).collect();
                    let mut states = a.clone();
                    let mut delta = Aligned::filled(n * lanes, f32::NAN);
                    let call = Adjoint {
                        rows: &(0..n),
                        lanes,
                        recurrent: whole.then_some(w.operand()).into(),
                        readout: whole.then_some(v.operand()),
                        rate_decay: Some(&decay),
                        activation,
                        rectified,
                    };
                    adjoint(isa, &call, &mut states, &mut delta);
                    for row in 0..n {
                        for lane in 0..lanes {
                            let at = row * lanes + lane;
                            let x = f64::from(a[at]);
                            let (zw, sw, kw) = if whole { w.product(row, lane, lanes) } else { (0.0, 0.0, 0) };
                            let (zv, sv, kv) = if whole { v.product(row, lane, lanes) } else { (0.0, 0.0, 0) };
                            let kept = f64::from(u8::from(!rectified || x > 0.0));
                            let penalty = f64::from(decay[lane]) * x;
                            let want = slope(activation, x) * (zv + kept * (zw + penalty));
                            let size = sv + kept * (sw + penalty.abs());
                            let bound = EPS * (kw + kv + 4) as f64 * size * 2.0;
                            let what = format!("{activation:?} on {isa}, row {row}, lane {lane} of {lanes}");
                            close(delta[at], want, bound, &what);
                            let rate = if rectified { a[at].max(0.0) } else { a[at] };
                            assert_eq!(states[at], rate, "{what}");
                        }
                    }
                }
            }
        }
    }
}

/// So that no product is ever made with subnormal numbers, which are slow.
#[test]
fn tiny_deltas_are_zero() {
    let least = 2.0f32.powi(-96);
    let below = f32::from_bits(least.to_bits() - 1);
    let given = [least, -least, below, -below, 1e-40, -1e-40, 0.0, -0.0, 1.0, f32::NAN, f32::INFINITY];
    let want = [least, -least, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, f32::NAN, f32::INFINITY];
    let pattern = Pattern::dense(1, 1);
    let errors: Aligned = given.into_iter().chain([0.0; 5]).collect();
    for isa in Isa::available() {
        let (mut states, mut delta) = (Aligned::zeros(16), Aligned::filled(16, f32::NAN));
        let call = Adjoint {
            rows: &(0..1),
            lanes: 16,
            recurrent: Product::Zero,
            readout: Some(Operand { pattern: &pattern, values: &[1.0], states: &errors }),
            rate_decay: None,
            activation: Activation::Identity,
            rectified: false,
        };
        adjoint(isa, &call, &mut states, &mut delta);
        for (got, want) in delta.iter().zip(want) {
            assert!(*got == want || got.is_nan() && want.is_nan(), "{got} is not {want} on {isa}");
        }
    }
}

#[test]
fn gradient_agrees_with_f64_and_adds() {
    let mut numbers = Numbers(4);
    for lanes in [16, 32, 48, 64] {
        for pattern in [numbers.pattern(2, 1), numbers.pattern(9, 4), numbers.pattern(30, 41), blocks()] {
            let (rows, cols) = (pattern.rows(), pattern.cols());
            for steps in 0..=5 {
                let delta: Vec<Aligned> = (0..steps).map(|_| numbers.fill(rows * lanes, false)).collect();
                let states: Vec<Aligned> = (0..steps).map(|_| numbers.fill(cols * lanes, false)).collect();
                let outer: Vec<Outer> =
                    delta.iter().zip(&states).map(|(delta, states)| Outer { delta, states }).collect();
                for isa in Isa::available() {
                    for range in [0..rows / 2, rows / 2..rows] {
                        let entries = pattern.entries_of(&range);
                        let mut got = vec![1.0f32; entries.len()];
                        gradient(isa, &range, lanes, &pattern, &outer, &mut got);
                        for row in range {
                            for entry in pattern.entries(row) {
                                let col = pattern.indices()[entry] as usize;
                                let (mut want, mut size) = (1.0, 1.0);
                                for (delta, states) in delta.iter().zip(&states) {
                                    for lane in 0..lanes {
                                        let term = f64::from(delta[row * lanes + lane])
                                            * f64::from(states[col * lanes + lane]);
                                        (want, size) = (want + term, size + term.abs());
                                    }
                                }
                                let bound = EPS * (steps * lanes + 1) as f64 * size;
                                close(got[entry - entries.start], want, bound, &format!("entry {entry} on {isa}"));
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn gradient_is_exact_on_integers() {
    let mut numbers = Numbers(5);
    let pattern = numbers.pattern(12, 12);
    let (delta, states) = (numbers.fill(12 * 48, true), numbers.fill(12 * 48, true));
    for isa in Isa::available() {
        let mut got = vec![0.0f32; pattern.nnz()];
        gradient(isa, &(0..12), 48, &pattern, &[Outer { delta: &delta, states: &states }], &mut got);
        for row in 0..12 {
            for entry in pattern.entries(row) {
                let col = pattern.indices()[entry] as usize;
                let want: f32 = (0..48).map(|lane| delta[row * 48 + lane] * states[col * 48 + lane]).sum();
                assert_eq!(got[entry], want, "{isa}");
            }
        }
    }
}

/// The order of a sum is the row's and the tile's: cutting the rows elsewhere changes no bit. The cuts part neighbours
/// that have the same columns.
fn assert_cuts_do_not_show(what: &str, rows: usize, run: impl Fn(Range<usize>) -> Vec<u32>) {
    let whole = run(0..rows);
    for cuts in [&[0, 2, rows][..], &[0, 1, 3, rows], &[0, 2, 17, 18, 18, rows], &[0, 9, 32, 36, 40, 47, rows]] {
        let parts: Vec<u32> = cuts.windows(2).flat_map(|pair| run(pair[0]..pair[1])).collect();
        assert!(parts == whole, "{what}, cut at {cuts:?}");
    }
}

fn bits(x: &[f32]) -> impl Iterator<Item = u32> {
    x.iter().map(|x| x.to_bits())
}

/// A matrix of few columns with every entry is multiplied without asking where its entries are: as if it were asked.
#[test]
fn few_columns_are_added_in_the_same_order() {
    let mut numbers = Numbers(12);
    let rows = 9;
    for (lanes, cols) in [16, 32, 48, 64].into_iter().flat_map(|lanes| (1..=5).map(move |cols| (lanes, cols))) {
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
        let (range, recurrent, activation) = (2..rows, Product::Zero, Activation::Tanh);
        for isa in Isa::available() {
            let both = [&full, &wider].map(|of| {
                let operand = Some(of.operand());
                let call = Forward { rows: &range, lanes, recurrent, input: operand, bias: &bias, activation };
                let mut a = Aligned::filled(range.len() * lanes, f32::NAN);
                forward(isa, &call, &mut a, None);
                let (rows, readout, rate_decay) = (&range, operand, None);
                let call = Adjoint { rows, lanes, recurrent, readout, rate_decay, activation, rectified: true };
                let mut states: Aligned = activations[2 * lanes..].iter().copied().collect();
                let mut delta = Aligned::filled(states.len(), f32::NAN);
                adjoint(isa, &call, &mut states, &mut delta);
                bits(&a).chain(bits(&delta)).collect::<Vec<_>>()
            });
            assert!(both[0] == both[1], "{cols} columns, {lanes} lanes on {isa}");
        }
    }
}

#[test]
fn any_cut_of_the_rows_gives_the_same_bits() {
    let mut numbers = Numbers(6);
    for lanes in [16, 32, 48, 64] {
        for pattern in [numbers.pattern(50, 50), blocks()] {
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
            let (activation, recurrent, other) = (Activation::Tanh, Product::Of(w.operand()), Some(u.operand()));
            for isa in Isa::available() {
                assert_cuts_do_not_show(&format!("forward, {lanes} lanes on {isa}"), rows, |rows| {
                    let (mut a, mut r) = (Aligned::zeros(rows.len() * lanes), Aligned::zeros(rows.len() * lanes));
                    let call = Forward { rows: &rows, lanes, recurrent, input: other, bias: &bias, activation };
                    forward(isa, &call, &mut a, Some(&mut r));
                    a.chunks(lanes).zip(r.chunks(lanes)).flat_map(|(a, r)| bits(a).chain(bits(r))).collect()
                });
                assert_cuts_do_not_show(&format!("adjoint, {lanes} lanes on {isa}"), rows, |rows| {
                    let mut states: Aligned =
                        activations[rows.start * lanes..rows.end * lanes].iter().copied().collect();
                    let mut delta = Aligned::zeros(states.len());
                    let call = Adjoint {
                        rows: &rows,
                        lanes,
                        recurrent,
                        readout: other,
                        rate_decay: Some(&decay),
                        activation,
                        rectified: true,
                    };
                    adjoint(isa, &call, &mut states, &mut delta);
                    states.chunks(lanes).zip(delta.chunks(lanes)).flat_map(|(r, d)| bits(r).chain(bits(d))).collect()
                });
                assert_cuts_do_not_show(&format!("gradient, {lanes} lanes on {isa}"), rows, |rows| {
                    let mut got = vec![0.5f32; w.pattern.entries_of(&rows).len()];
                    gradient(isa, &rows, lanes, &w.pattern, &steps, &mut got);
                    bits(&got).collect()
                });
            }
        }
    }
}

/// Asserts that `call` panics with these words.
fn refuses(words: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(words);
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(said.is_some_and(|said| said.contains(words)), "{said:?} does not say: {words}");
}

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
    let (rows, lanes, activation) = (&sizes.rows, sizes.lanes, Activation::Tanh);
    let call = Forward { rows, lanes, recurrent, input, bias: &bias, activation };
    forward(isa, &call, &mut vec![0.0; sizes.first_out], Some(&mut vec![0.0; sizes.second_out]));
}

fn call_adjoint(isa: Isa, sizes: &Sizes, as_readout: bool) {
    let pattern = Pattern::dense(3, 4);
    let (values, states) = (vec![0.0; sizes.values], vec![0.0; sizes.states]);
    let operand = Some(Operand { pattern: &pattern, values: &values, states: &states });
    let (recurrent, readout) = if as_readout { (Product::Zero, operand) } else { (operand.into(), None) };
    let decay = vec![0.0; sizes.third];
    let (rows, lanes, rate_decay, activation) = (&sizes.rows, sizes.lanes, Some(&decay[..]), Activation::Tanh);
    let call = Adjoint { rows, lanes, recurrent, readout, rate_decay, activation, rectified: true };
    adjoint(isa, &call, &mut vec![0.0; sizes.first_out], &mut vec![0.0; sizes.second_out]);
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
        (Sizes { first_out: 31, ..RIGHT }, ["activations are [rows, lanes]", "states are [rows, lanes]"]),
        (Sizes { first_out: 48, ..RIGHT }, ["activations are [rows, lanes]", "states are [rows, lanes]"]),
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
