//! `f64`: a step forward, a step backward, gradients and sums, against plain loops.

use daleian_kernels::{
    Activation, Adjoint, Adjoints, Aligned, Elman, Forward, Isa, NewStates, Operand, Outer, Pattern, Product, Reads,
    gradient, row_sums,
};

use super::{phi, random, slope};
use crate::support::{LANES, Numbers};

/// To rounding of `f64`, for numbers of size 1 and sums of up to 40.
const EPS: f64 = 1e-14;

struct Sparse {
    pattern: Pattern,
    values: Vec<f64>,
    states: Vec<f64>,
}

fn fill(numbers: &mut Numbers, len: usize) -> Vec<f64> {
    // two draws, so that more digits than those of an `f32` matter
    (0..len).map(|_| numbers.next() as f64 / 2f64.powi(30) - 1.0 + numbers.next() as f64 * 2f64.powi(-60)).collect()
}

impl Sparse {
    fn new(numbers: &mut Numbers, rows: usize, cols: usize, lanes: usize) -> Self {
        let pattern = random(numbers, rows, cols);
        let values = fill(numbers, pattern.nnz());
        Self { pattern, values, states: fill(numbers, cols * lanes) }
    }
    fn operand(&self) -> Operand<'_, f64> {
        Operand { pattern: &self.pattern, values: &self.values, states: &self.states }
    }
    fn product(&self, row: usize, lane: usize, lanes: usize) -> f64 {
        let entries = self.pattern.entries(row);
        entries.map(|e| self.values[e] * self.states[self.pattern.indices()[e] as usize * lanes + lane]).sum()
    }
}

fn close(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() <= EPS * (1.0 + want.abs()), "{what}: {got} is not {want}");
}

#[test]
fn steps_forward_and_back_agree_with_loops() {
    let (mut numbers, isa) = (Numbers(21), Isa::available()[0]);
    for (lanes, activation) in
        LANES.into_iter().zip(Activation::ALL.into_iter().cycle()).chain([(16, Activation::Identity)])
    {
        for (rectified, reads) in [(false, Reads::State), (true, Reads::State), (true, Reads::Rate)] {
            let (n, channels, outputs) = (23, 3, 2);
            let w = Sparse::new(&mut numbers, n, n, lanes);
            let u = Sparse::new(&mut numbers, n, channels, lanes);
            let v = Sparse::new(&mut numbers, n, outputs, lanes);
            let (bias, decay) = (fill(&mut numbers, n), fill(&mut numbers, lanes));
            let by_rates = fill(&mut numbers, n * lanes);
            let elman = Elman { activation, rectified };
            let (mut a, mut r) = (vec![f64::NAN; n * lanes], vec![f64::NAN; n * lanes]);
            let rows = 0..n;
            let call =
                Forward { input: Some(u.operand()), ..Forward::new(&rows, lanes, Product::Of(w.operand()), &bias) };
            elman.double().forward(isa, &call, NewStates { states: &mut a, memo: None, rates: Some(&mut r) });
            let (mut states, mut delta) = (a.clone(), vec![f64::NAN; n * lanes]);
            let call = Adjoint::new(&rows, lanes, Product::Of(w.operand()), Some(v.operand()));
            let call = Adjoint { reads, rate_decay: Some(&decay), by_rates: Some(&by_rates), ..call };
            let out = Adjoints { states: &mut states, delta: &mut delta, carried: &mut [] };
            elman.double().adjoint(isa, &call, out);
            for row in rows {
                for (lane, decay) in decay.iter().enumerate() {
                    let at = row * lanes + lane;
                    let what = format!("{activation}, row {row}, lane {lane} of {lanes}");
                    let want = phi(activation, w.product(row, lane, lanes) + u.product(row, lane, lanes) + bias[row]);
                    close(a[at], want, &what);
                    let rate = if rectified { a[at].max(0.0) } else { a[at] };
                    assert_eq!((r[at], states[at]), (rate, rate), "{what}");
                    let kept = f64::from(u8::from(!rectified || a[at] > 0.0));
                    let by_rate = w.product(row, lane, lanes) + decay * rate + by_rates[at];
                    let readout = v.product(row, lane, lanes);
                    let by_state = match reads {
                        Reads::State => kept * by_rate + readout,
                        Reads::Rate => kept * (by_rate + readout),
                    };
                    close(delta[at], slope(activation, a[at]) * by_state, &what);
                }
            }
        }
    }
}

#[test]
fn gradients_and_sums_agree_with_loops() {
    let (mut numbers, isa) = (Numbers(22), Isa::available()[0]);
    for lanes in LANES {
        let pattern = random(&mut numbers, 9, 14);
        let steps: Vec<_> = (0..3).map(|_| [9, 14].map(|size| fill(&mut numbers, size * lanes))).collect();
        let outer: Vec<_> = steps.iter().map(|[delta, states]| Outer { delta, states }).collect();
        let mut got = Aligned::<f64>::zeroed(pattern.nnz());
        for rows in [0..4, 4..9] {
            let entries = pattern.entries_of(&rows);
            gradient(isa, &rows, lanes, &pattern, &outer, &mut got[entries]);
        }
        let mut sums = vec![0.5; 9];
        row_sums(isa, lanes, &steps[0][0], &mut sums);
        for row in 0..9 {
            close(sums[row], 0.5 + steps[0][0][row * lanes..][..lanes].iter().sum::<f64>(), "sum");
            for entry in pattern.entries(row) {
                let col = pattern.indices()[entry] as usize;
                let term = |[delta, states]: &[Vec<f64>; 2]| -> f64 {
                    (0..lanes).map(|lane| delta[row * lanes + lane] * states[col * lanes + lane]).sum()
                };
                close(got[entry], steps.iter().map(term).sum(), "gradient");
            }
        }
    }
}

#[test]
fn squares_are_of_rates() {
    let (states, mut out) = ([-2.0, 3.0, -4.0, 5.0].repeat(16), [0.5; 16]);
    Elman { activation: Activation::Relu, rectified: true }.double().lane_squares(
        Isa::available()[0],
        16,
        &states,
        &mut out,
    );
    assert_eq!(out[..4], [0.5, 36.5, 0.5, 100.5]);
}
