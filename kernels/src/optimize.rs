//! Optimizer steps: parameters, gradient, moments and the constraint on the parameters in one pass.

mod bounds;
mod signs;

pub use bounds::Bounds;
pub use signs::{EntrySigns, Signs};

use crate::blocks::{load, store};
use crate::isa::Isa;
use crate::simd::Simd;
use bounds::{Hold, Pass, Step, walk};

/// The scalars of one step of Adam, found in f64 and rounded once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    beta1: f32,
    beta2: f32,
    /// 1 - beta1.
    fresh1: f32,
    /// 1 - beta2.
    fresh2: f32,
    /// rate / (1 - beta1^t).
    rate: f32,
    /// 1 / sqrt(1 - beta2^t).
    root: f32,
    epsilon: f32,
    /// Multiplies the gradient first; from clipping. 1 at the start.
    pub gradient_scale: f32,
}

impl AdamStep {
    /// Step number `t`, the first being 1.
    ///
    /// # Panics
    /// If `t` is 0.
    pub fn new(t: u64, rate: f64, beta1: f64, beta2: f64, epsilon: f64) -> Self {
        assert!(t > 0, "the first step is number 1");
        let correction = |beta: f64| 1.0 - beta.powf(t as f64);
        Self {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            fresh1: (1.0 - beta1) as f32,
            fresh2: (1.0 - beta2) as f32,
            rate: (rate / correction(beta1)) as f32,
            root: (1.0 / correction(beta2).sqrt()) as f32,
            epsilon: epsilon as f32,
            gradient_scale: 1.0,
        }
    }
}

/// The scalars of one step of gradient descent with momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub rate: f32,
    /// μ, from 0 (none) to below 1.
    pub momentum: f32,
    /// Multiplies the gradient first; from clipping. 1 for none.
    pub gradient_scale: f32,
}

struct Adam<'a> {
    step: AdamStep,
    w: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Pass for Adam<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, hold: &impl Hold, start: usize, len: usize) {
        let step = &self.step;
        let w = load(s, self.w, start, len);
        let g = s.mul(load(s, self.g, start, len), s.splat(step.gradient_scale));
        let m = s.mul(load(s, self.m, start, len), s.splat(step.beta1));
        let m = s.mul_add(g, s.splat(step.fresh1), m);
        let v = s.mul(load(s, self.v, start, len), s.splat(step.beta2));
        let v = s.mul_add(s.mul(g, g), s.splat(step.fresh2), v);
        let scale = s.mul_add(s.sqrt(v), s.splat(step.root), s.splat(step.epsilon));
        let taken = Step { w, rate: s.splat(step.rate), direction: s.div(m, scale), moment: m };
        let (w, m) = hold.step(s, taken, start);
        store(s, self.m, start, len, m);
        store(s, self.v, start, len, v);
        store(s, self.w, start, len, w);
    }
}

/// One step of Adam, in torch's form:
///
/// g ← scale·g;  m ← β₁m + (1-β₁)g;  v ← β₂v + (1-β₂)g²;
/// w ← bounds(w - rate/(1-β₁ᵗ) · m / (√v / √(1-β₂ᵗ) + ε)). Some bounds then change m, too.
///
/// Kingma & Ba (2015), algorithm 1; ε stands where `torch.optim.Adam` has it. `g` itself is not changed.
///
/// # Panics
/// If the slices differ in length or the bounds are not for that length.
pub fn adam(isa: Isa, step: &AdamStep, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], bounds: Bounds) {
    let len = w.len();
    assert_eq!([g.len(), m.len(), v.len()], [len; 3], "gradient and moments for each parameter");
    walk(isa, len, Adam { step: *step, w, g, m, v }, bounds);
}

struct Sgd<'a> {
    step: SgdStep,
    w: &'a mut [f32],
    g: &'a [f32],
    v: &'a mut [f32],
}

impl Pass for Sgd<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, hold: &impl Hold, start: usize, len: usize) {
        let step = &self.step;
        let w = load(s, self.w, start, len);
        let g = s.mul(load(s, self.g, start, len), s.splat(step.gradient_scale));
        let v = s.mul_add(load(s, self.v, start, len), s.splat(step.momentum), g);
        let taken = Step { w, rate: s.splat(step.rate), direction: v, moment: v };
        let (w, v) = hold.step(s, taken, start);
        store(s, self.v, start, len, v);
        store(s, self.w, start, len, w);
    }
}

/// One step of gradient descent with momentum, in the form of `torch.optim.SGD`:
///
/// g ← scale·g;  v ← μv + g;  w ← bounds(w - rate·v). Some bounds then change v, too.
///
/// # Panics
/// If the slices differ in length or the bounds are not for that length.
pub fn sgd(isa: Isa, step: &SgdStep, w: &mut [f32], g: &[f32], v: &mut [f32], bounds: Bounds) {
    let len = w.len();
    assert_eq!([g.len(), v.len()], [len; 2], "gradient and momentum for each parameter");
    walk(isa, len, Sgd { step: *step, w, g, v }, bounds);
}

struct Clamp<'a> {
    w: &'a mut [f32],
}

impl Pass for Clamp<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, hold: &impl Hold, start: usize, len: usize) {
        let w = load(s, self.w, start, len);
        store(s, self.w, start, len, hold.hold(s, w, start));
    }
}

/// w ← bounds(w) without a step; [`Bounds`] says where that differs.
///
/// # Panics
/// If the bounds are not for the length of `w`.
pub fn clamp(isa: Isa, w: &mut [f32], bounds: Bounds) {
    walk(isa, w.len(), Clamp { w }, bounds);
}

#[cfg(test)]
mod tests;
