//! `a = phi(W r + U x + b)`.

use daleian_kernels::{Activation, Adjoint, Aligned, Elman, Forward, Isa, Operand, Pattern, Product};

use super::{Sparse, close, phi, step, step_back};
use crate::support::{EPS, LANES, Numbers, on_each_set};

#[test]
fn forward_agrees_with_f64() {
    let mut numbers = Numbers(1);
    for lanes in LANES {
        for (n, channels) in [(1, 1), (7, 3), (40, 5)] {
            let w = Sparse::new(&mut numbers, n, n, lanes, false);
            let u = Sparse::new(&mut numbers, n, channels, lanes, false);
            let bias = numbers.fill(n, false);
            for (isa, activation) in on_each_set(Activation::ALL) {
                // in two ranges, as threads would
                for rows in [0..n / 2, n / 2..n] {
                    let mut a = Aligned::filled(rows.len() * lanes, f32::NAN);
                    let mut r = a.clone();
                    let (recurrent, input) = (Product::Of(w.operand()), Some(u.operand()));
                    let call = Forward { input, ..Forward::new(&rows, lanes, recurrent, &bias) };
                    step(isa, Elman { activation, rectified: true }, &call, &mut a, Some(&mut r));
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
        for lanes in LANES {
            let w = Sparse::new(&mut numbers, 23, 31, lanes, true);
            let bias = numbers.fill(23, true);
            let mut a = Aligned::filled(23 * lanes, f32::NAN);
            let rows = 0..23;
            let call = Forward::new(&rows, lanes, Product::Of(w.operand()), &bias);
            step(isa, Elman::plain(Activation::Identity), &call, &mut a, None);
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
        for activation in Activation::ALL {
            let pattern = Pattern::dense(2, 2);
            let mut states = Aligned::filled(2 * 32, 0.5);
            states[17] = f32::NAN;
            let operand = Operand { pattern: &pattern, values: &[1.0; 4], states: &states };
            let (mut a, mut r) = (Aligned::zeros(2 * 32), Aligned::zeros(2 * 32));
            let (rows, elman) = (0..2, Elman { activation, rectified: true });
            let call = Forward::new(&rows, 32, Product::Of(operand), &[0.0; 2]);
            step(isa, elman, &call, &mut a, Some(&mut r));
            for (k, (a, r)) in a.iter().zip(&*r).enumerate() {
                assert_eq!((a.is_nan(), r.is_nan()), (k % 32 == 17, k % 32 == 17), "{activation:?} on {isa}, {k}");
            }
            let mut delta = Aligned::zeros(2 * 32);
            let readout = Some(Operand { pattern: &pattern, values: &[1.0; 4], states: &[0.5; 64] });
            let call = Adjoint::new(&rows, 32, Product::Zero, readout);
            step_back(isa, elman, &call, &mut a, &mut delta);
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
