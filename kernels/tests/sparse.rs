//! The sparse kernels against plain f64 loops, on every instruction set of this machine.
//!
//! Bound: |got - want| ≤ c·eps·(k+1)·Σ|a||b| for sums of k products; exact on small integers. Outputs are poisoned
//! with NaN before each call; rows may be empty, and tiles have one to four vectors.

use daleian_kernels::{Activation, Adjoint, Aligned, Forward, Isa, Operand, Outer, Pattern};
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

struct Sparse {
    pattern: Pattern,
    values: Aligned,
    states: Aligned,
}

impl Sparse {
    fn new(numbers: &mut Numbers, rows: usize, cols: usize, lanes: usize, exact: bool) -> Self {
        let pattern = numbers.pattern(rows, cols);
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
                    let (recurrent, input) = (Some(w.operand()), Some(u.operand()));
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
                recurrent: Some(w.operand()),
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
                recurrent: Some(operand),
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
                recurrent: None,
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
                        recurrent: whole.then_some(w.operand()),
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

#[test]
fn gradient_agrees_with_f64_and_adds() {
    let mut numbers = Numbers(4);
    for lanes in [16, 32, 48, 64] {
        for (rows, cols) in [(1, 1), (9, 4), (30, 41)] {
            let pattern = numbers.pattern(rows.max(2), cols);
            let rows = pattern.rows();
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

/// The order of a sum is the row's and the tile's: cutting the rows elsewhere changes no bit.
#[test]
fn any_cut_of_the_rows_gives_the_same_bits() {
    let mut numbers = Numbers(6);
    let w = Sparse::new(&mut numbers, 50, 50, 32, false);
    let bias = numbers.fill(50, false);
    for isa in Isa::available() {
        let run = |cuts: &[usize]| -> Vec<u32> {
            let mut out = Vec::new();
            for pair in cuts.windows(2) {
                let rows = pair[0]..pair[1];
                let mut a = Aligned::zeros(rows.len() * 32);
                let call = Forward {
                    rows: &rows,
                    lanes: 32,
                    recurrent: Some(w.operand()),
                    input: None,
                    bias: &bias,
                    activation: Activation::Tanh,
                };
                forward(isa, &call, &mut a, None);
                out.extend(a.iter().map(|a| a.to_bits()));
            }
            out
        };
        assert_eq!(run(&[0, 50]), run(&[0, 2, 17, 18, 50]), "{isa}");
    }
}

#[test]
#[should_panic(expected = "states are [cols, lanes]")]
fn wrong_shapes_stop_at_the_door() {
    let pattern = Pattern::dense(2, 2);
    let operand = Operand { pattern: &pattern, values: &[0.0; 4], states: &[0.0; 16] };
    let call = Forward {
        rows: &(0..2),
        lanes: 16,
        recurrent: Some(operand),
        input: None,
        bias: &[0.0; 2],
        activation: Activation::Tanh,
    };
    forward(Isa::available()[0], &call, &mut [0.0; 32], None);
}
