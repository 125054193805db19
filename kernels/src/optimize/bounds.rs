//! What holds the parameters in an optimizer's step: w' = bounds(w - rate · direction).

use super::signs::Signs;
use crate::blocks::{Blocks, Walk};
use crate::isa::Isa;
use crate::math::exp_lanes;
use crate::simd::Simd;

/// How a parameter w takes the step w̃ = w - rate · direction of an optimizer (direction is m / (√v / √(1-β₂ᵗ) + ε) for
/// Adam, the velocity for gradient descent). In every case -0.0 becomes +0.0, and NaN stays NaN.
///
/// Of a signed matrix, sign is +1, -1 or 0 (none) for each of the parameters, of which there must be as many as signs.
#[derive(Clone, Copy, Debug)]
pub enum Bounds<'a> {
    /// w ← w̃.
    Free,
    /// Dale's law: w ← max(w̃, 0) where sign is +1, min(w̃, 0) where it is -1, else w̃.
    Dale(Signs<'a>),
    /// w ← max(w̃, 0) · sign where sign is not 0; else w̃.
    Rectified(Signs<'a>),
    /// w ← -w̃ and m ← -m where w̃ · sign < 0; else w ← w̃. Here m is the first moment (Adam), or the
    /// velocity (gradient descent).
    ///
    /// This is the optimizer working on θ, with w = sign |θ| and the true gradient
    /// dL/dθ = dL/dw · sign · sgn(θ), though θ is never stored. With σ = sign · sgn(θ), which is +1 or -1, w = σθ
    /// and dL/dθ = σ dL/dw. Both optimizers are odd: fed with -θ, -m and -g in place of θ, m and g they give -θ', -m'
    /// and the same v'. So a step of w with moments (σm, v) gives w̃ = σθ' and (σm', v'). While θ' keeps the sign of θ,
    /// so does σ, and w' = w̃. When θ crosses 0, w' = sign |θ'| = -w̃; σ turns over, and the first moment with it.
    /// Negation is exact, so every bit is that of θ's own path.
    ///
    /// At θ = 0 itself, where |θ| has no derivative, torch takes 0; here the side last taken counts, so that a parameter
    /// of 0 is moved by its gradient. As a projection (no step): w ← sign |w|.
    Reflected(Signs<'a>),
    /// w ← w · exp(-sign · rate · direction) where sign is not 0; else w̃.
    ///
    /// Exponentiated gradient (Kivinen & Warmuth 1997) with the sign of the column: the step of the optimizer is one of
    /// sign ln|w|. Signs never change, and 0 stays 0. Nothing is clamped: an exponential that overflows (an exponent
    /// over 88.7) makes w infinite, and 0 NaN. As a projection (no step): w ← sign |w|.
    Exponentiated(Signs<'a>),
}

/// Walks `pass` over its `len` parameters, held by `bounds`.
///
/// The kind of bounds is chosen here, once: each has its own compiled loop.
///
/// # Panics
/// If the bounds are not for `len` parameters.
pub(super) fn walk(isa: Isa, len: usize, pass: impl Pass, bounds: Bounds) {
    use Bounds as B;
    if let B::Dale(signs) | B::Rectified(signs) | B::Reflected(signs) | B::Exponentiated(signs) = bounds {
        assert_eq!(signs.len(), len, "one sign for each parameter");
    }
    match bounds {
        B::Free => isa.run(Walk { len, blocks: Held { pass, hold: Free } }),
        B::Dale(signs) => isa.run(Walk { len, blocks: Held { pass, hold: Dale(signs) } }),
        B::Rectified(signs) => isa.run(Walk { len, blocks: Held { pass, hold: Rectified(signs) } }),
        B::Reflected(signs) => isa.run(Walk { len, blocks: Held { pass, hold: Reflected(signs) } }),
        B::Exponentiated(signs) => isa.run(Walk { len, blocks: Held { pass, hold: Exponentiated(signs) } }),
    }
}

/// A pass over parameters in blocks, as [`Blocks`], whatever holds them.
pub(super) trait Pass {
    /// As [`Blocks::block`]. Must be `#[inline(always)]`.
    fn block<S: Simd>(&mut self, s: S, hold: &impl Hold, start: usize, len: usize);
}

struct Held<P, H> {
    pass: P,
    hold: H,
}

impl<P: Pass, H: Hold> Blocks for Held<P, H> {
    #[inline(always)]
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize) {
        self.pass.block(s, &self.hold, start, len);
    }
}

/// The step that an optimizer would take from `w`: the values of a block.
pub(super) struct Step<S: Simd> {
    pub w: S::V,
    pub rate: S::V,
    pub direction: S::V,
    /// The first moment, as it is after the step.
    pub moment: S::V,
}

impl<S: Simd> Step<S> {
    /// w̃.
    #[inline(always)]
    fn taken(&self, s: S) -> S::V {
        s.neg_mul_add(self.direction, self.rate, self.w)
    }
}

/// One kind of [`Bounds`] for the parameters of a pass. Every method must be `#[inline(always)]`.
pub(super) trait Hold {
    /// The parameters of the block from `start` on as they may be.
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize) -> S::V;

    /// The parameters of the block from `start` on after a step, and their first moment.
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize) -> (S::V, S::V) {
        (self.hold(s, step.taken(s), start), step.moment)
    }
}

/// -0.0 + 0.0 is +0.0.
#[inline(always)]
fn no_negative_zero<S: Simd>(s: S, w: S::V) -> S::V {
    s.add(w, s.splat(0.0))
}

/// Where `sign` is not 0.
#[inline(always)]
fn signed<S: Simd>(s: S, sign: S::V) -> S::Mask {
    s.gt(s.mul(sign, sign), s.splat(0.0))
}

/// sign |w|, or `w` where the sign is 0.
#[inline(always)]
fn on_its_side<S: Simd>(s: S, w: S::V, sign: S::V) -> S::V {
    no_negative_zero(s, s.select(signed(s, sign), s.copy_sign(w, sign), w))
}

struct Free;

impl Hold for Free {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, _start: usize) -> S::V {
        no_negative_zero(s, w)
    }
}

struct Dale<'a>(Signs<'a>);

impl Hold for Dale<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize) -> S::V {
        let ([positive, negative], zero) = (self.0.masks(s, start), s.splat(0.0));
        let held = s.select(positive, s.max(w, zero), s.select(negative, s.min(w, zero), w));
        no_negative_zero(s, held)
    }
}

struct Rectified<'a>(Signs<'a>);

impl Hold for Rectified<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize) -> S::V {
        let sign = self.0.get(s, start);
        let rectified = s.mul(s.max(w, s.splat(0.0)), sign);
        no_negative_zero(s, s.select(signed(s, sign), rectified, w))
    }
}

struct Reflected<'a>(Signs<'a>);

impl Hold for Reflected<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize) -> S::V {
        let sign = self.0.get(s, start);
        on_its_side(s, w, sign)
    }

    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize) -> (S::V, S::V) {
        let sign = self.0.get(s, start);
        let (w, zero) = (step.taken(s), s.splat(0.0));
        let across = s.gt(zero, s.mul(w, sign));
        let w = s.select(across, s.sub(zero, w), w);
        (no_negative_zero(s, w), s.select(across, s.sub(zero, step.moment), step.moment))
    }
}

struct Exponentiated<'a>(Signs<'a>);

impl Hold for Exponentiated<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize) -> S::V {
        let sign = self.0.get(s, start);
        on_its_side(s, w, sign)
    }

    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize) -> (S::V, S::V) {
        let sign = self.0.get(s, start);
        let exponent = s.neg_mul_add(s.mul(step.direction, step.rate), sign, s.splat(0.0));
        let w = s.select(signed(s, sign), s.mul(step.w, exp_lanes(s, exponent)), step.taken(s));
        (no_negative_zero(s, w), step.moment)
    }
}
