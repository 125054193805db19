//! What all vectors of sixteen lanes can do, whatever their numbers: the public, safe part and the loads and stores.

use crate::element::Element;

/// Keeps [`Lanes`] to the instruction sets of this crate.
pub trait Sealed {}

/// Arithmetic on sixteen numbers at a time, by the instructions that the token `self` proves to be there.
///
/// This is what a [`Rule`](crate::Rule) is written in. Comparisons give a mask; a NaN operand compares false.
pub trait Lanes: Sealed + Copy + Send + Sync + 'static {
    /// The numbers: `f32` or `f64`.
    type E: Element;
    /// Sixteen of them.
    type V: Copy;
    /// For each lane, yes or no.
    type Mask: Copy;

    /// `x` in every lane.
    fn splat(self, x: Self::E) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, fused where the instruction set can.
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger; where `a` is NaN, NaN; where only `b` is, `a`.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; where `a` is NaN, NaN; where only `b` is, `a`.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The magnitude of `a`, made negative.
    fn neg_abs(self, a: Self::V) -> Self::V;
    /// The magnitude of `a` with the sign of `b`.
    fn copy_sign(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a > b`.
    fn gt(self, a: Self::V, b: Self::V) -> Self::Mask;
    /// `yes` where the mask holds, `no` elsewhere.
    fn select(self, mask: Self::Mask, yes: Self::V, no: Self::V) -> Self::V;
    /// tanh(x).
    fn tanh(self, x: Self::V) -> Self::V;
    /// 1 / (1 + exp(-x)).
    fn sigmoid(self, x: Self::V) -> Self::V;
    /// ln(1 + exp(x)).
    fn softplus(self, x: Self::V) -> Self::V;
    /// exp(y) - 1 for y ≤ 0, without cancellation near 0.
    fn expm1_negative(self, y: Self::V) -> Self::V;
}

/// Vectors that come from memory and go there.
pub trait Vector: Lanes {
    /// Whether there are registers for all lanes of several rows at once, or for sixteen sums of a row. Where there are
    /// not, rows with the same columns go one vector of lanes after the other, and gradients are added in
    /// [`halves`](super::Simd::halves).
    const TWINS: bool;
    /// Whether rows with the same columns are computed together at all.
    const TOGETHER: bool = true;

    /// # Safety
    /// `p` is valid for reading 16 numbers.
    unsafe fn load(self, p: *const Self::E) -> Self::V;
    /// # Safety
    /// `p` is valid for writing 16 numbers.
    unsafe fn store(self, p: *mut Self::E, v: Self::V);
    /// The first `len` (0 to 16) elements from `p`, then zeros.
    /// # Safety
    /// `p` is valid for reading `len` numbers.
    unsafe fn load_first(self, p: *const Self::E, len: usize) -> Self::V;
    /// Writes the first `len` (0 to 16) elements to `p`.
    /// # Safety
    /// `p` is valid for writing `len` numbers.
    unsafe fn store_first(self, p: *mut Self::E, v: Self::V, len: usize);
    /// Asks for the cache line at `p`, which need not be valid; does nothing where there is no such instruction.
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        super::prefetch(p);
    }
    /// The sum over the lanes, as ((0+8)+(4+12)) ...: halves folded onto each other, 16 to 8 to 4 to 2 to 1.
    fn sum(self, a: Self::V) -> Self::E;
}

/// The functions of [`Lanes`] for `f32`, from [`math`](crate::math).
macro_rules! single_functions {
    () => {
        #[inline(always)]
        fn tanh(self, x: Self::V) -> Self::V {
            $crate::math::tanh(self, x)
        }
        #[inline(always)]
        fn sigmoid(self, x: Self::V) -> Self::V {
            $crate::math::sigmoid(self, x)
        }
        #[inline(always)]
        fn softplus(self, x: Self::V) -> Self::V {
            $crate::math::softplus(self, x)
        }
        #[inline(always)]
        fn expm1_negative(self, y: Self::V) -> Self::V {
            $crate::math::expm1_negative(self, y)
        }
    };
}
pub(crate) use single_functions;
