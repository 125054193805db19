//! What holds the parameters in an optimizer's step: w' = bounds(w - rate · direction).

use std::ops::Range;

use crate::blocks::{Blocks, Walk};
use crate::isa::Isa;
use crate::math::exp_lanes;
use crate::pattern::Pattern;
use crate::simd::{Simd, WIDTH};

/// How a parameter w takes the step w̃ = w - rate · direction of an optimizer (direction is m / (√v / √(1-β₂ᵗ) + ε) for
/// Adam, the velocity for gradient descent). In every case -0.0 becomes +0.0, and NaN stays NaN.
///
/// Of a signed matrix, sign_j is the sign of column j (+1, -1, or 0 for none), where j is the column of entry e.
#[derive(Clone, Debug)]
pub enum Bounds<'a> {
    /// w ← w̃.
    Free,
    /// w_e ← min(max(w̃_e, low_j), high_j).
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
    /// w_e ← max(w̃_e, 0) · sign_j where sign_j is not 0; else w̃_e.
    Rectified {
        /// Where the entries stand.
        pattern: &'a Pattern,
        /// Which entries of the pattern the parameters are.
        entries: Range<usize>,
        /// +1, -1 or 0 for each column, `[pattern.cols()]`.
        sign: &'a [f32],
    },
    /// w_e ← -w̃_e and m_e ← -m_e where w̃_e · sign_j < 0; else w_e ← w̃_e. Here m is the first moment (Adam), or the
    /// velocity (gradient descent).
    ///
    /// This is the optimizer working on θ, with w = sign_j |θ| and the true gradient
    /// dL/dθ = dL/dw · sign_j · sgn(θ), though θ is never stored. With σ = sign_j · sgn(θ), which is +1 or -1, w = σθ
    /// and dL/dθ = σ dL/dw. Both optimizers are odd: fed with -θ, -m and -g in place of θ, m and g they give -θ', -m'
    /// and the same v'. So a step of w with moments (σm, v) gives w̃ = σθ' and (σm', v'). While θ' keeps the sign of θ,
    /// so does σ, and w' = w̃. When θ crosses 0, w' = sign_j |θ'| = -w̃; σ turns over, and the first moment with it.
    /// Negation is exact, so every bit is that of θ's own path.
    ///
    /// At θ = 0 itself, where |θ| has no derivative, torch takes 0; here the side last taken counts, so that a parameter
    /// of 0 is moved by its gradient. As a projection (no step): w_e ← sign_j |w_e|.
    Reflected {
        /// Where the entries stand.
        pattern: &'a Pattern,
        /// Which entries of the pattern the parameters are.
        entries: Range<usize>,
        /// +1, -1 or 0 for each column, `[pattern.cols()]`.
        sign: &'a [f32],
    },
    /// w_e ← w_e · exp(-sign_j · rate · direction_e) where sign_j is not 0; else w̃_e.
    ///
    /// Exponentiated gradient (Kivinen & Warmuth 1997) with the sign of the column: the step of the optimizer is one of
    /// sign_j ln|w|. Signs never change, and 0 stays 0. Nothing is clamped: an exponential that overflows (an exponent
    /// over 88.7) makes w infinite, and 0 NaN. As a projection (no step): w_e ← sign_j |w_e|.
    Exponentiated {
        /// Where the entries stand.
        pattern: &'a Pattern,
        /// Which entries of the pattern the parameters are.
        entries: Range<usize>,
        /// +1, -1 or 0 for each column, `[pattern.cols()]`.
        sign: &'a [f32],
    },
}

/// Walks `pass` over its `len` parameters, held by `bounds`.
///
/// The kind of bounds is chosen here, once: each has its own compiled loop.
///
/// # Panics
/// If the bounds are not for `len` parameters.
pub(super) fn walk(isa: Isa, len: usize, pass: impl Pass, bounds: Bounds) {
    match bounds {
        Bounds::Free => isa.run(Walk { len, blocks: Held { pass, hold: Free } }),
        Bounds::Columns { pattern, entries, low, high } => {
            assert_eq!(low.len(), pattern.cols(), "one lower bound for each column");
            assert_eq!(high.len(), pattern.cols(), "one upper bound for each column");
            let hold = Between(Columns::new(pattern, entries, len, [low, high]));
            isa.run(Walk { len, blocks: Held { pass, hold } });
        }
        Bounds::Rectified { pattern, entries, sign } => {
            let hold = Rectified(signs(pattern, entries, len, sign));
            isa.run(Walk { len, blocks: Held { pass, hold } });
        }
        Bounds::Reflected { pattern, entries, sign } => {
            let hold = Reflected(signs(pattern, entries, len, sign));
            isa.run(Walk { len, blocks: Held { pass, hold } });
        }
        Bounds::Exponentiated { pattern, entries, sign } => {
            let hold = Exponentiated(signs(pattern, entries, len, sign));
            isa.run(Walk { len, blocks: Held { pass, hold } });
        }
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
    /// The parameters `start..start + len` as they may be.
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V;

    /// The parameters `start..start + len` after a step, and their first moment.
    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize, len: usize) -> (S::V, S::V) {
        (self.hold(s, step.taken(s), start, len), step.moment)
    }
}

/// -0.0 + 0.0 is +0.0.
#[inline(always)]
fn no_negative_zero<S: Simd>(s: S, w: S::V) -> S::V {
    s.add(w, s.splat(0.0))
}

/// Tables with a number for each column, and the column of each parameter, which lies within the tables.
struct Columns<'a, const N: usize> {
    columns: &'a [u32],
    tables: [&'a [f32]; N],
}

impl<'a, const N: usize> Columns<'a, N> {
    fn new(pattern: &'a Pattern, entries: Range<usize>, len: usize, tables: [&'a [f32]; N]) -> Self {
        assert!(entries.start <= entries.end && entries.end <= pattern.nnz(), "entries of the pattern");
        assert_eq!(entries.len(), len, "one parameter for each entry");
        assert!(tables.iter().all(|table| table.len() == pattern.cols()), "one number for each column");
        Self { columns: &pattern.indices()[entries], tables }
    }

    /// The numbers for the parameters `start..start + len`.
    #[inline(always)]
    fn get<S: Simd>(&self, s: S, start: usize, len: usize) -> [S::V; N] {
        assert!(len <= WIDTH);
        let columns = &self.columns[start..][..len];
        // a loop, because a closure might not be inlined, and would then lack the instructions
        let mut found = [s.splat(0.0); N];
        for (found, table) in found.iter_mut().zip(self.tables) {
            // SAFETY: there are `len` indices, at most 16, each below `cols` (the pattern's invariant), which is the
            // length of the table (checked in `new`).
            *found = unsafe { s.gather(table.as_ptr(), columns.as_ptr(), len) };
        }
        found
    }
}

type Signs<'a> = Columns<'a, 1>;

fn signs<'a>(pattern: &'a Pattern, entries: Range<usize>, len: usize, sign: &'a [f32]) -> Signs<'a> {
    assert_eq!(sign.len(), pattern.cols(), "one sign for each column");
    Columns::new(pattern, entries, len, [sign])
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
    fn hold<S: Simd>(&self, s: S, w: S::V, _start: usize, _len: usize) -> S::V {
        no_negative_zero(s, w)
    }
}

struct Between<'a>(Columns<'a, 2>);

impl Hold for Between<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V {
        let [low, high] = self.0.get(s, start, len);
        no_negative_zero(s, s.min(s.max(w, low), high))
    }
}

struct Rectified<'a>(Signs<'a>);

impl Hold for Rectified<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V {
        let [sign] = self.0.get(s, start, len);
        let rectified = s.mul(s.max(w, s.splat(0.0)), sign);
        no_negative_zero(s, s.select(signed(s, sign), rectified, w))
    }
}

struct Reflected<'a>(Signs<'a>);

impl Hold for Reflected<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V {
        let [sign] = self.0.get(s, start, len);
        on_its_side(s, w, sign)
    }

    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize, len: usize) -> (S::V, S::V) {
        let [sign] = self.0.get(s, start, len);
        let (w, zero) = (step.taken(s), s.splat(0.0));
        let across = s.gt(zero, s.mul(w, sign));
        let w = s.select(across, s.sub(zero, w), w);
        (no_negative_zero(s, w), s.select(across, s.sub(zero, step.moment), step.moment))
    }
}

struct Exponentiated<'a>(Signs<'a>);

impl Hold for Exponentiated<'_> {
    #[inline(always)]
    fn hold<S: Simd>(&self, s: S, w: S::V, start: usize, len: usize) -> S::V {
        let [sign] = self.0.get(s, start, len);
        on_its_side(s, w, sign)
    }

    #[inline(always)]
    fn step<S: Simd>(&self, s: S, step: Step<S>, start: usize, len: usize) -> (S::V, S::V) {
        let [sign] = self.0.get(s, start, len);
        let exponent = s.neg_mul_add(s.mul(step.direction, step.rate), sign, s.splat(0.0));
        let w = s.select(signed(s, sign), s.mul(step.w, exp_lanes(s, exponent)), step.taken(s));
        (no_negative_zero(s, w), step.moment)
    }
}
