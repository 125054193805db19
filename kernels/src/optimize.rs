//! Optimizer steps: parameters, gradient, moments and the constraint on the parameters in one pass.

use std::ops::Range;

use crate::blocks::{Blocks, Walk, load, store};
use crate::isa::Isa;
use crate::pattern::Pattern;
use crate::simd::Simd;

/// What is done to the parameters after a step. In every case -0.0 becomes +0.0, and NaN stays NaN.
#[derive(Clone, Debug)]
pub enum Bounds<'a> {
    /// w stays as it is.
    Free,
    /// w_e ← min(max(w_e, low_j), high_j), where j is the column of entry e.
    ///
    /// Dale's law is low = 0, high = ∞ for an excitatory presynaptic neuron, -∞ and 0 for an inhibitory one.
    Columns {
        /// Where the entries stand.
        pattern: &'a Pattern,
        /// Which entries of the pattern the parameters are.
        entries: Range<usize>,
        /// `[pattern.cols()]`.
        low: &'a [f32],
        /// `[pattern.cols()]`.
        high: &'a [f32],
    },
    /// w_e ← max(w_e, 0) · sign_j, where j is the column of entry e and sign_j is not 0; else untouched.
    Rectified {
        /// Where the entries stand.
        pattern: &'a Pattern,
        /// Which entries of the pattern the parameters are.
        entries: Range<usize>,
        /// +1, -1 or 0 for each column, `[pattern.cols()]`.
        sign: &'a [f32],
    },
}

impl Bounds<'_> {
    /// Panics unless the bounds are for `len` parameters. [`Bounds::hold`] rests on it.
    fn check(&self, len: usize) {
        let (pattern, entries) = match self {
            Bounds::Free => return,
            Bounds::Columns { pattern, entries, low, high } => {
                assert_eq!(low.len(), pattern.cols(), "one lower bound for each column");
                assert_eq!(high.len(), pattern.cols(), "one upper bound for each column");
                (pattern, entries)
            }
            Bounds::Rectified { pattern, entries, sign } => {
                assert_eq!(sign.len(), pattern.cols(), "one sign for each column");
                (pattern, entries)
            }
        };
        assert!(entries.start <= entries.end && entries.end <= pattern.nnz(), "entries of the pattern");
        assert_eq!(entries.len(), len, "one parameter for each entry");
    }

    /// The parameters `start..start + len` after the step, held to the bounds.
    ///
    /// # Safety
    /// [`Bounds::check`] passed.
    #[inline(always)]
    unsafe fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V {
        let zero = s.splat(0.0);
        let held = match self {
            Bounds::Free => w,
            Bounds::Columns { pattern, entries, low, high } => {
                let columns = &pattern.indices()[entries.start + start..][..len];
                // SAFETY: there are `len` indices, each below `cols` (the pattern's invariant), which is the length
                // of both tables (checked).
                let (low, high) = unsafe {
                    (s.gather(low.as_ptr(), columns.as_ptr(), len), s.gather(high.as_ptr(), columns.as_ptr(), len))
                };
                s.min(s.max(w, low), high)
            }
            Bounds::Rectified { pattern, entries, sign } => {
                let columns = &pattern.indices()[entries.start + start..][..len];
                // SAFETY: as above; the table is `sign`.
                let sign = unsafe { s.gather(sign.as_ptr(), columns.as_ptr(), len) };
                s.select(s.gt(s.mul(sign, sign), zero), s.mul(s.max(w, zero), sign), w)
            }
        };
        // -0.0 + 0.0 is +0.0
        s.add(held, zero)
    }
}

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
    bounds: Bounds<'a>,
}

impl Blocks for Adam<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let step = &self.step;
        let w = load(s, self.w, start, len);
        let g = s.mul(load(s, self.g, start, len), s.splat(step.gradient_scale));
        let m = s.mul(load(s, self.m, start, len), s.splat(step.beta1));
        let m = s.mul_add(g, s.splat(step.fresh1), m);
        let v = s.mul(load(s, self.v, start, len), s.splat(step.beta2));
        let v = s.mul_add(s.mul(g, g), s.splat(step.fresh2), v);
        let scale = s.mul_add(s.sqrt(v), s.splat(step.root), s.splat(step.epsilon));
        let w = s.neg_mul_add(s.div(m, scale), s.splat(step.rate), w);
        // SAFETY: `adam` checked the bounds.
        let w = unsafe { self.bounds.hold(s, w, start, len) };
        store(s, self.m, start, len, m);
        store(s, self.v, start, len, v);
        store(s, self.w, start, len, w);
    }
}

/// One step of Adam, in torch's form:
///
/// g ← scale·g;  m ← β₁m + (1-β₁)g;  v ← β₂v + (1-β₂)g²;
/// w ← bounds(w - rate/(1-β₁ᵗ) · m / (√v / √(1-β₂ᵗ) + ε)).
///
/// Kingma & Ba (2015), algorithm 1; ε stands where `torch.optim.Adam` has it. `g` itself is not changed.
///
/// # Panics
/// If the slices differ in length or the bounds are not for that length.
pub fn adam(isa: Isa, step: &AdamStep, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], bounds: Bounds) {
    let len = w.len();
    assert_eq!([g.len(), m.len(), v.len()], [len; 3], "gradient and moments for each parameter");
    bounds.check(len);
    isa.run(Walk { len, blocks: Adam { step: *step, w, g, m, v, bounds } });
}

struct Sgd<'a> {
    step: SgdStep,
    w: &'a mut [f32],
    g: &'a [f32],
    v: &'a mut [f32],
    bounds: Bounds<'a>,
}

impl Blocks for Sgd<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let step = &self.step;
        let w = load(s, self.w, start, len);
        let g = s.mul(load(s, self.g, start, len), s.splat(step.gradient_scale));
        let v = s.mul_add(load(s, self.v, start, len), s.splat(step.momentum), g);
        let w = s.neg_mul_add(v, s.splat(step.rate), w);
        // SAFETY: `sgd` checked the bounds.
        let w = unsafe { self.bounds.hold(s, w, start, len) };
        store(s, self.v, start, len, v);
        store(s, self.w, start, len, w);
    }
}

/// One step of gradient descent with momentum, in the form of `torch.optim.SGD`:
///
/// g ← scale·g;  v ← μv + g;  w ← bounds(w - rate·v).
///
/// # Panics
/// If the slices differ in length or the bounds are not for that length.
pub fn sgd(isa: Isa, step: &SgdStep, w: &mut [f32], g: &[f32], v: &mut [f32], bounds: Bounds) {
    let len = w.len();
    assert_eq!([g.len(), v.len()], [len; 2], "gradient and momentum for each parameter");
    bounds.check(len);
    isa.run(Walk { len, blocks: Sgd { step: *step, w, g, v, bounds } });
}

struct Clamp<'a> {
    w: &'a mut [f32],
    bounds: Bounds<'a>,
}

impl Blocks for Clamp<'_> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        let w = load(s, self.w, start, len);
        // SAFETY: `clamp` checked the bounds.
        let w = unsafe { self.bounds.hold(s, w, start, len) };
        store(s, self.w, start, len, w);
    }
}

/// w ← bounds(w).
///
/// # Panics
/// If the bounds are not for the length of `w`.
pub fn clamp(isa: Isa, w: &mut [f32], bounds: Bounds) {
    bounds.check(w.len());
    isa.run(Walk { len: w.len(), blocks: Clamp { w, bounds } });
}

#[cfg(test)]
mod tests;
