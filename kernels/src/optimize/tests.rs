//! Optimizer steps against torch's formulas in f64, and what the bounds promise.

use super::*;
use crate::pattern::Pattern;
use proptest::prelude::*;

mod signed;

const INF: f32 = f32::INFINITY;
const SIZES: [usize; 7] = [0, 1, 15, 16, 17, 31, 100];

/// Numbers in [-1, 1], different for each `salt`.
fn numbers(n: usize, salt: u32) -> Vec<f32> {
    let mut state = salt.wrapping_mul(2_654_435_769).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

#[test]
fn adam_follows_its_formula_for_ten_steps() {
    let (rate, beta1, beta2, epsilon, scale) = (1e-2, 0.9, 0.999, 1e-8, 0.5);
    for isa in Isa::available() {
        for n in SIZES {
            let mut w = numbers(n, 1);
            let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
            let mut want: Vec<[f64; 3]> = w.iter().map(|&w| [f64::from(w), 0.0, 0.0]).collect();
            for t in 1..=10 {
                let g = numbers(n, 100 + t);
                let step = AdamStep {
                    gradient_scale: scale as f32,
                    ..AdamStep::new(u64::from(t), rate, beta1, beta2, epsilon)
                };
                adam(isa, &step, &mut w, &g, &mut m, &mut v, Bounds::Free);
                for (&g, [w, m, v]) in g.iter().zip(&mut want) {
                    let g = f64::from(g) * scale;
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    let (c1, c2) = (1.0 - beta1.powi(t as i32), 1.0 - beta2.powi(t as i32));
                    *w -= rate / c1 * *m / ((*v / c2).sqrt() + epsilon);
                }
            }
            for (i, want) in want.iter().enumerate() {
                for (got, want) in [w[i], m[i], v[i]].into_iter().zip(want) {
                    assert!((f64::from(got) - want).abs() < 2e-6, "{got} is not {want} at {i} of {n} on {isa}");
                }
            }
        }
    }
}

/// First step of Adam: m/(1-β₁) = g and v/(1-β₂) = g², so w moves by the rate against the sign of g.
#[test]
fn adam_starts_with_steps_of_the_rate() {
    for isa in Isa::available() {
        let (mut w, g) = ([1.0f32; 3], [1e-3, -7.0, 0.0]);
        let step = AdamStep::new(1, 0.25, 0.9, 0.999, 1e-8);
        adam(isa, &step, &mut w, &g, &mut [0.0; 3], &mut [0.0; 3], Bounds::Free);
        for (got, want) in w.into_iter().zip([0.75, 1.25, 1.0]) {
            assert!((got - want).abs() < 1e-5, "{got} is not {want} on {isa}");
        }
    }
}

/// Worked by hand: v = 0.5·2 + 0.5·4 = 3, w = 8 - 0.25·3 = 7.25.
#[test]
fn sgd_is_exact_on_small_numbers() {
    let step = SgdStep { rate: 0.25, momentum: 0.5, gradient_scale: 0.5 };
    for isa in Isa::available() {
        for n in SIZES {
            let (mut w, mut v) = (vec![8.0; n], vec![2.0; n]);
            sgd(isa, &step, &mut w, &vec![4.0; n], &mut v, Bounds::Free);
            assert_eq!((w, v), (vec![7.25; n], vec![3.0; n]));
        }
    }
}

/// The signs of two rows of columns of these signs.
fn two_rows(signs: &[i8]) -> EntrySigns {
    EntrySigns::new(&Pattern::dense(2, signs.len()), signs)
}

#[test]
fn dale_holds_each_column_and_passes_nan() {
    // more than sixteen entries: the last four are the second row's
    let signs = two_rows(&[1, -1, 0, 1, 1, 1, 1, 1, -1, -1]);
    for isa in Isa::available() {
        let mut w = [[-3.0; 10], [3.0; 10]].concat();
        clamp(isa, &mut w, Bounds::Dale(signs.of(0..20)));
        let first = [0.0, -3.0, -3.0, 0.0, 0.0, 0.0, 0.0, 0.0, -3.0, -3.0];
        let second = [3.0, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.0, 0.0];
        assert_eq!(w, [first, second].concat());
        let mut w = [f32::NAN; 20];
        clamp(isa, &mut w, Bounds::Dale(signs.of(0..20)));
        assert!(w.iter().all(|w| w.is_nan()), "NaN is hidden on {isa}");
        let mut w = [-INF, -INF, -INF, INF, INF, INF, INF, INF, INF, INF, -INF, INF, INF];
        clamp(isa, &mut w, Bounds::Dale(signs.of(0..13)));
        assert_eq!(w, [0.0, -INF, -INF, INF, INF, INF, INF, INF, 0.0, 0.0, 0.0, 0.0, INF]);
        // the part of the entries from 16 on: columns 6 to 8
        let mut w = [-5.0, 5.0, 5.0];
        clamp(isa, &mut w, Bounds::Dale(signs.of(16..19)));
        assert_eq!(w, [0.0, 5.0, 0.0]);
    }
}

#[test]
fn rectified_takes_the_sign_of_the_column() {
    let signs = two_rows(&[1, -1, 0]);
    for isa in Isa::available() {
        let bounds = Bounds::Rectified(signs.of(0..6));
        let mut w = [-2.0, -2.0, -2.0, 3.0, 3.0, 3.0];
        clamp(isa, &mut w, bounds);
        assert_eq!(w.map(f32::to_bits), [0.0, 0.0, -2.0, 3.0, -3.0, 3.0].map(f32::to_bits));
        let mut w = [f32::NAN; 6];
        clamp(isa, &mut w, bounds);
        assert!(w.iter().all(|w| w.is_nan()), "NaN is hidden on {isa}");
    }
}

#[test]
fn a_clamped_parameter_can_come_back() {
    let signs = EntrySigns::new(&Pattern::dense(1, 1), &[1]);
    let step = SgdStep { rate: 1.0, momentum: 0.0, gradient_scale: 1.0 };
    let bounds = Bounds::Dale(signs.of(0..1));
    for isa in Isa::available() {
        let mut w = [1.0];
        sgd(isa, &step, &mut w, &[2.0], &mut [0.0], bounds);
        assert_eq!(w, [0.0]);
        sgd(isa, &step, &mut w, &[-0.5], &mut [0.0], bounds);
        assert_eq!(w, [0.5]);
    }
}

#[test]
fn negative_zero_never_stays() {
    let (zero, minus) = ([0.0f32; 20], [-0.0f32; 20]);
    let [excited, inhibited, free] = [1, -1, 0].map(|sign| EntrySigns::new(&Pattern::dense(1, 20), &[sign; 20]));
    for isa in Isa::available() {
        for bounds in [
            Bounds::Free,
            Bounds::Dale(excited.of(0..20)),
            Bounds::Dale(inhibited.of(0..20)),
            Bounds::Dale(free.of(0..20)),
            Bounds::Rectified(inhibited.of(0..20)),
            Bounds::Rectified(free.of(0..20)),
            Bounds::Reflected(inhibited.of(0..20)),
            Bounds::Reflected(free.of(0..20)),
            Bounds::Exponentiated(inhibited.of(0..20)),
            Bounds::Exponentiated(free.of(0..20)),
        ] {
            let mut w = minus;
            clamp(isa, &mut w, bounds);
            assert_eq!(w.map(f32::to_bits), [0; 20], "{bounds:?} on {isa}");
            let (mut w, mut m, mut v) = (minus, zero, zero);
            adam(isa, &AdamStep::new(1, 0.1, 0.9, 0.999, 1e-8), &mut w, &zero, &mut m, &mut v, bounds);
            assert_eq!(w.map(f32::to_bits), [0; 20], "{bounds:?} on {isa}");
        }
    }
}

proptest! {
    /// Dale's law after every step, whatever the gradients; the parameters of free columns move as without bounds.
    #[test]
    fn signs_hold_after_every_step(
        (signs, gradients) in (1usize..40).prop_flat_map(|n| (
            prop::collection::vec(-1i8..=1, n),
            prop::collection::vec(prop::collection::vec(-10.0f32..10.0, 3 * n), 1..6),
        )),
        with_adam: bool,
    ) {
        let pattern = Pattern::dense(3, signs.len());
        let (nnz, of_entries) = (pattern.nnz(), EntrySigns::new(&pattern, &signs));
        let dale = Bounds::Dale(of_entries.of(0..nnz));
        for isa in Isa::available() {
            let mut held = [vec![0.0; nnz], vec![0.0; nnz], vec![0.0; nnz]];
            let mut free = held.clone();
            for (t, g) in gradients.iter().enumerate() {
                for ([w, m, v], bounds) in [(&mut held, dale), (&mut free, Bounds::Free)] {
                    if with_adam {
                        adam(isa, &AdamStep::new(t as u64 + 1, 0.1, 0.9, 0.99, 1e-8), w, g, m, v, bounds);
                    } else {
                        let (momentum, gradient_scale) = (0.9, 1.0);
                        let step = SgdStep { rate: 0.1, momentum, gradient_scale };
                        sgd(isa, &step, w, g, v, bounds);
                    }
                }
                for (e, &col) in pattern.indices().iter().enumerate() {
                    let (w, sign) = (held[0][e], signs[col as usize]);
                    prop_assert!(w * f32::from(sign) >= 0.0);
                    prop_assert!(w != 0.0 || w.is_sign_positive());
                    prop_assert!(sign != 0 || w == free[0][e]);
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "gradient and moments for each parameter")]
fn lengths_are_checked() {
    let step = AdamStep::new(1, 0.1, 0.9, 0.999, 1e-8);
    adam(Isa::available()[0], &step, &mut [0.0; 3], &[0.0; 3], &mut [0.0; 2], &mut [0.0; 3], Bounds::Free);
}

#[test]
#[should_panic(expected = "one sign for each parameter")]
fn parameters_are_checked() {
    let signs = two_rows(&[1, -1, 0, 0]);
    clamp(Isa::available()[0], &mut [0.0; 9], Bounds::Rectified(signs.of(0..8)));
}
