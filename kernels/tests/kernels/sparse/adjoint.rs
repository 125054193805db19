//! `δ = phi'(a) ∘ (Vᵀ dy + rho'(a) ∘ (Wᵀ δ' + by_rates + κ r))`.

use daleian_kernels::{Activation, Adjoint, Aligned, Elman, Isa, Operand, Pattern, Product};

use super::{Sparse, close, phi, slope, step_back};
use crate::support::{EPS, LANES, Numbers, on_each_set};

#[test]
fn adjoint_agrees_with_f64() {
    let mut numbers = Numbers(3);
    for lanes in LANES {
        for (n, outputs) in [(1, 1), (7, 3), (40, 2)] {
            let w = Sparse::new(&mut numbers, n, n, lanes, false);
            let v = Sparse::new(&mut numbers, n, outputs, lanes, false);
            let decay = numbers.fill(lanes, false);
            let by_rates = numbers.fill(n * lanes, false);
            for (isa, activation) in on_each_set(Activation::ALL) {
                for (rectified, whole) in [(false, true), (true, true), (true, false)] {
                    // activations that the activation can have
                    let z = numbers.fill(n * lanes, false);
                    let a: Aligned = z.iter().map(|&z| phi(activation, f64::from(z)) as f32).collect();
                    let mut states = a.clone();
                    let mut delta = Aligned::filled(n * lanes, f32::NAN);
                    let (recurrent, readout) = (whole.then_some(w.operand()).into(), whole.then_some(v.operand()));
                    let rows = 0..n;
                    let call = Adjoint::new(&rows, lanes, recurrent, readout);
                    let call = Adjoint { by_rates: whole.then_some(&*by_rates), rate_decay: Some(&decay), ..call };
                    step_back(isa, Elman { activation, rectified }, &call, &mut states, &mut delta);
                    for row in 0..n {
                        for lane in 0..lanes {
                            let at = row * lanes + lane;
                            let x = f64::from(a[at]);
                            let (zw, sw, kw) = if whole { w.product(row, lane, lanes) } else { (0.0, 0.0, 0) };
                            let (zv, sv, kv) = if whole { v.product(row, lane, lanes) } else { (0.0, 0.0, 0) };
                            let kept = f64::from(u8::from(!rectified || x > 0.0));
                            let by_rate = if whole { f64::from(by_rates[at]) } else { 0.0 };
                            let penalty = f64::from(decay[lane]) * x;
                            let want = slope(activation, x) * (zv + kept * (zw + by_rate + penalty));
                            let size = sv + kept * (sw + by_rate.abs() + penalty.abs());
                            let bound = EPS * (kw + kv + 5) as f64 * size * 2.0;
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
        let readout = Some(Operand { pattern: &pattern, values: &[1.0], states: &errors });
        let rows = 0..1;
        let call = Adjoint::new(&rows, 16, Product::Zero, readout);
        step_back(isa, Elman::plain(Activation::Identity), &call, &mut states, &mut delta);
        for (got, want) in delta.iter().zip(want) {
            assert!(*got == want || got.is_nan() && want.is_nan(), "{got} is not {want} on {isa}");
        }
    }
}
