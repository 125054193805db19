//! The two ways to keep signs while stepping: reflection against an explicit θ, exponentiated steps against their formula.

use super::*;

/// Three rows on columns of sign +1, -1 and 0 in turn.
struct Signed {
    pattern: Pattern,
    sign: Vec<i8>,
    of_entries: EntrySigns,
}

impl Signed {
    fn new(cols: usize) -> Self {
        let (pattern, sign) = (Pattern::dense(3, cols), (0..cols).map(|col| [1, -1, 0][col % 3]).collect::<Vec<_>>());
        Self { of_entries: EntrySigns::new(&pattern, &sign), pattern, sign }
    }

    fn reflected(&self) -> Bounds<'_> {
        Bounds::Reflected(self.of_entries.of(0..self.pattern.nnz()))
    }

    fn exponentiated(&self) -> Bounds<'_> {
        Bounds::Exponentiated(self.of_entries.of(0..self.pattern.nnz()))
    }

    /// The sign of each entry.
    fn signs(&self) -> Vec<f32> {
        self.pattern.indices().iter().map(|&col| f32::from(self.sign[col as usize])).collect()
    }

    /// Weights on their side, none of them 0.
    fn weights(&self, salt: u32) -> Vec<f32> {
        let on_side = |(w, s): (f32, f32)| if s == 0.0 { w } else { s * (w.abs() + 1e-3) };
        numbers(self.pattern.nnz(), salt).into_iter().zip(self.signs()).map(on_side).collect()
    }
}

const COLUMNS: [usize; 5] = [1, 3, 5, 16, 23];

/// One optimizer with its moments.
struct Steps {
    with_adam: bool,
    t: u64,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Steps {
    const RATE: f64 = 0.03;
    const BETAS: [f64; 2] = [0.9, 0.99];
    const EPSILON: f64 = 1e-8;
    const MOMENTUM: f64 = 0.75;
    const SCALE: f64 = 0.5;

    fn new(with_adam: bool, n: usize) -> Self {
        Self { with_adam, t: 0, m: vec![0.0; n], v: vec![0.0; n] }
    }

    fn step(&mut self, isa: Isa, w: &mut [f32], g: &[f32], bounds: Bounds) {
        self.t += 1;
        let gradient_scale = Self::SCALE as f32;
        if self.with_adam {
            let step = AdamStep::new(self.t, Self::RATE, Self::BETAS[0], Self::BETAS[1], Self::EPSILON);
            adam(isa, &AdamStep { gradient_scale, ..step }, w, g, &mut self.m, &mut self.v, bounds);
        } else {
            let step = SgdStep { rate: Self::RATE as f32, momentum: Self::MOMENTUM as f32, gradient_scale };
            sgd(isa, &step, w, g, &mut self.m, bounds);
        }
    }
}

/// The same optimizer on one number in f64.
#[derive(Clone, Copy, Default)]
struct Reference {
    m: f64,
    v: f64,
}

impl Reference {
    /// What is added to the parameter at step `t`.
    fn delta(&mut self, with_adam: bool, t: i32, g: f64) -> f64 {
        let g = g * Steps::SCALE;
        if !with_adam {
            self.m = Steps::MOMENTUM * self.m + g;
            return -Steps::RATE * self.m;
        }
        let [beta1, beta2] = Steps::BETAS;
        self.m = beta1 * self.m + (1.0 - beta1) * g;
        self.v = beta2 * self.v + (1.0 - beta2) * g * g;
        let (c1, c2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        -Steps::RATE * (self.m / c1) / ((self.v / c2).sqrt() + Steps::EPSILON)
    }
}

/// A gradient that drives weights to targets on both sides of 0, and a little noise.
fn gradient(w: f64, target: f32, noise: f32) -> f64 {
    w - f64::from(target) + 0.3 * f64::from(noise)
}

/// w = sign |θ| with dL/dθ = dL/dw · sign · sgn(θ), θ stored and stepped without bounds: bit for bit the same path.
#[test]
fn reflection_is_the_path_of_theta_to_the_last_bit() {
    for isa in Isa::available() {
        for (cols, with_adam) in COLUMNS.into_iter().flat_map(|cols| [(cols, true), (cols, false)]) {
            let signed = Signed::new(cols);
            let (n, signs) = (signed.pattern.nnz(), signed.signs());
            let (mut w, target) = (signed.weights(1), numbers(n, 2));
            // θ may start on either side
            let mut theta: Vec<f32> = w.iter().enumerate().map(|(k, &w)| if k % 4 < 2 { w } else { -w }).collect();
            for (theta, (&w, &s)) in theta.iter_mut().zip(w.iter().zip(&signs)) {
                *theta = if s == 0.0 { w } else { *theta };
            }
            let (mut of_w, mut of_theta) = (Steps::new(with_adam, n), Steps::new(with_adam, n));
            let mut crossings = 0;
            for t in 0..400 {
                let noise = numbers(n, 10 + t);
                let g: Vec<f32> = (0..n).map(|e| gradient(f64::from(w[e]), target[e], noise[e]) as f32).collect();
                let side = |e: usize| if signs[e] == 0.0 { 1.0 } else { signs[e] * theta[e].signum() };
                let g_theta: Vec<f32> = (0..n).map(|e| g[e] * side(e)).collect();
                let before = theta.clone();
                of_w.step(isa, &mut w, &g, signed.reflected());
                of_theta.step(isa, &mut theta, &g_theta, Bounds::Free);
                for e in 0..n {
                    let s = signs[e];
                    let (want, side) = match s {
                        0.0 => (theta[e], 1.0),
                        _ => (s * theta[e].abs(), s * theta[e].signum()),
                    };
                    assert_eq!(w[e], want, "entry {e} of {n}, step {t}, Adam {with_adam}, {isa}");
                    assert_eq!(of_w.m[e], side * of_theta.m[e], "first moment");
                    crossings += usize::from(s != 0.0 && before[e].signum() != theta[e].signum());
                }
                assert_eq!(of_w.v, of_theta.v, "second moment");
            }
            assert!(crossings > cols, "{crossings} crossings test nothing");
        }
    }
}

/// The same against θ in f64.
#[test]
fn reflection_follows_an_explicit_theta_in_f64() {
    for isa in Isa::available() {
        for with_adam in [true, false] {
            let signed = Signed::new(23);
            let (n, signs) = (signed.pattern.nnz(), signed.signs());
            let (mut w, target) = (signed.weights(3), numbers(n, 4));
            let mut theta: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
            let mut references = vec![Reference::default(); n];
            let mut steps = Steps::new(with_adam, n);
            let mut crossings = 0;
            for t in 1..=200 {
                let noise = numbers(n, 10 + t);
                let weight = |theta: f64, s: f32| if s == 0.0 { theta } else { f64::from(s) * theta.abs() };
                // the gradient both get is that of the reference, so that only the step is compared
                let g: Vec<f64> = (0..n).map(|e| gradient(weight(theta[e], signs[e]), target[e], noise[e])).collect();
                let single: Vec<f32> = g.iter().map(|&g| g as f32).collect();
                steps.step(isa, &mut w, &single, signed.reflected());
                for e in 0..n {
                    let side = if signs[e] == 0.0 { 1.0 } else { f64::from(signs[e]) * theta[e].signum() };
                    let before = theta[e];
                    theta[e] += references[e].delta(with_adam, t as i32, f64::from(single[e]) * side);
                    crossings += usize::from(signs[e] != 0.0 && before * theta[e] < 0.0);
                    let want = weight(theta[e], signs[e]);
                    let near = (f64::from(w[e]) - want).abs() < 2e-5;
                    assert!(near, "{} is not {want} at {e}, step {t}, Adam {with_adam}, {isa}", w[e]);
                }
            }
            assert!(crossings > 50, "{crossings} crossings test nothing");
        }
    }
}

/// Worked by hand: w̃ = 1 - 1·3 = -2 crosses 0, so w = 2 and the velocity 3 becomes -3; the next gradient is 0, and half
/// the velocity carries w on, away from 0: 2 + 1.5.
#[test]
fn a_reflected_weight_takes_its_velocity_along() {
    let signs = EntrySigns::new(&Pattern::dense(1, 3), &[1, -1, 0]);
    let bounds = Bounds::Reflected(signs.of(0..3));
    let step = SgdStep { rate: 1.0, momentum: 0.5, gradient_scale: 1.0 };
    for isa in Isa::available() {
        let (mut w, mut v) = ([1.0, -1.0, 1.0], [0.0; 3]);
        sgd(isa, &step, &mut w, &[3.0, -3.0, 3.0], &mut v, bounds);
        assert_eq!((w, v), ([2.0, -2.0, -2.0], [-3.0, 3.0, 3.0]));
        sgd(isa, &step, &mut w, &[0.0; 3], &mut v, bounds);
        assert_eq!((w, v), ([3.5, -3.5, -3.5], [-1.5, 1.5, 1.5]));
    }
}

/// Gradient descent without momentum is w exp(-rate · sign · g), exactly exponentiated gradient.
#[test]
fn exponentiated_steps_follow_their_formula() {
    for isa in Isa::available() {
        for (cols, with_adam) in COLUMNS.into_iter().flat_map(|cols| [(cols, true), (cols, false)]) {
            let signed = Signed::new(cols);
            let (n, signs) = (signed.pattern.nnz(), signed.signs());
            let mut w = signed.weights(5);
            let mut want: Vec<f64> = w.iter().map(|&w| f64::from(w)).collect();
            let mut references = vec![Reference::default(); n];
            let mut steps = Steps::new(with_adam, n);
            for t in 1..=100 {
                let g = numbers(n, 10 + t);
                steps.step(isa, &mut w, &g, signed.exponentiated());
                for e in 0..n {
                    let delta = references[e].delta(with_adam, t as i32, f64::from(g[e]));
                    match f64::from(signs[e]) {
                        0.0 => want[e] += delta,
                        s => want[e] *= (s * delta).exp(),
                    }
                    let size = if signs[e] == 0.0 { 1.0 } else { want[e].abs() };
                    let near = (f64::from(w[e]) - want[e]).abs() < 5e-5 * size;
                    assert!(near, "{} is not {} at {e} of {n}, step {t}, Adam {with_adam}, {isa}", w[e], want[e]);
                }
            }
        }
    }
}

/// A weight that grows beyond all numbers is infinite, not held at the largest; one that shrinks below them is 0, and 0
/// stays. NaN is passed on.
#[test]
fn exponentiated_steps_hide_nothing() {
    let signs = EntrySigns::new(&Pattern::dense(1, 6), &[1, -1, 1, -1, 1, -1]);
    let bounds = Bounds::Exponentiated(signs.of(0..6));
    let step = SgdStep { rate: 1.0, momentum: 0.0, gradient_scale: 1.0 };
    for isa in Isa::available() {
        let mut w = [1e30, -1e30, 1e-30, -1e-30, 0.0, 0.0];
        sgd(isa, &step, &mut w, &[-80.0, 80.0, 80.0, -80.0, -3.0, 80.0], &mut [0.0; 6], bounds);
        assert_eq!(w.map(f32::to_bits), [INF, -INF, 0.0, 0.0, 0.0, 0.0].map(f32::to_bits), "{isa}");
        let mut w = [1.0, -1.0, 1.0, -1.0, 0.0, -1.0];
        sgd(isa, &step, &mut w, &[-100.0, 100.0, f32::NAN, f32::NAN, -100.0, 0.0], &mut [0.0; 6], bounds);
        assert_eq!((w[0], w[1], w[5]), (INF, -INF, -1.0), "{isa}");
        assert!(w[2..5].iter().all(|w| w.is_nan()), "{w:?} on {isa}");
        let mut w = [f32::NAN; 6];
        sgd(isa, &step, &mut w, &[0.0; 6], &mut [0.0; 6], bounds);
        assert!(w.iter().all(|w| w.is_nan()), "{w:?} on {isa}");
    }
}

#[test]
fn reflection_passes_nan() {
    let signed = Signed::new(6);
    for isa in Isa::available() {
        let (mut w, nan) = (signed.weights(1), [f32::NAN; 18]);
        let mut steps = Steps::new(true, 18);
        steps.step(isa, &mut w, &nan, signed.reflected());
        assert!(w.iter().chain(&steps.m).chain(&steps.v).all(|x| x.is_nan()), "{isa}");
    }
}

/// Without a step, weights that come in on the wrong side are turned over to theirs.
#[test]
fn projection_keeps_the_size() {
    let signed = Signed::new(3);
    for isa in Isa::available() {
        for bounds in [signed.reflected(), signed.exponentiated()] {
            let mut w = [1.0, 2.0, 3.0, -1.0, -2.0, -3.0, -0.0, 0.0, f32::NAN];
            clamp(isa, &mut w, bounds);
            let want = [1.0f32, -2.0, 3.0, 1.0, -2.0, -3.0, 0.0, 0.0];
            assert_eq!(w[..8].iter().map(|w| w.to_bits()).collect::<Vec<_>>(), want.map(f32::to_bits));
            assert!(w[8].is_nan());
        }
    }
}

proptest! {
    /// Every stored weight keeps its sign after any step, whatever the gradients and wherever a piece begins; columns
    /// without a sign move as if there were no bounds.
    #[test]
    fn signs_are_kept_by_any_step(
        cols in 1usize..40,
        gradients in prop::collection::vec(prop::collection::vec(-10.0f32..10.0, 120), 1..6),
        cut in 0usize..8,
        with_adam: bool,
        exponentiated: bool,
    ) {
        let signed = Signed::new(cols);
        let (n, signs) = (signed.pattern.nnz(), signed.signs());
        let entries = 16 * cut.min(n / 16)..n;
        let part = signed.of_entries.of(entries.clone());
        let bounds = if exponentiated { Bounds::Exponentiated(part) } else { Bounds::Reflected(part) };
        for isa in Isa::available() {
            let (mut held, mut free) = (signed.weights(6)[entries.clone()].to_vec(), signed.weights(6)[entries.clone()].to_vec());
            let (mut of_held, mut of_free) = (Steps::new(with_adam, held.len()), Steps::new(with_adam, held.len()));
            for g in &gradients {
                of_held.step(isa, &mut held, &g[entries.clone()], bounds);
                of_free.step(isa, &mut free, &g[entries.clone()], Bounds::Free);
                for (k, (&w, &s)) in held.iter().zip(&signs[entries.clone()]).enumerate() {
                    prop_assert!(w.is_finite() && w * s >= 0.0 && w.to_bits() != (-0.0f32).to_bits(), "{w} of sign {s}");
                    prop_assert!(!exponentiated || s == 0.0 || w * s > 0.0, "{w} of sign {s}");
                    prop_assert!(s != 0.0 || w == free[k]);
                }
            }
        }
    }
}
