//! The numbers that networks are computed in: `f32` with the instructions of an [`Isa`], `f64` in plain code.

use std::fmt;
use std::ops::{Add, AddAssign, Mul};

use crate::gradient::{Entries, add_passes, add_plainly};
use crate::isa::Isa;
use crate::simd::{Double, Kernel, Simd, Vector};

/// `f32`, in which networks run and are trained, or `f64`, in which gradients can be checked to many more digits.
///
/// The results of `f64` are the same whatever the instruction set.
pub trait Element:
    OnLanes
    + bytemuck::Pod
    + PartialOrd
    + fmt::Debug
    + Send
    + Sync
    + Default
    + Add<Output = Self>
    + AddAssign
    + Mul<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest to `x`.
    fn of(x: f64) -> Self;

    /// The same number.
    fn to_f64(self) -> f64;
}

/// Work on vectors of `E`, written once for all that such vectors can be.
pub trait LaneKernel<E> {
    /// Must be `#[inline(always)]`, as must all that it calls with `s`: see [`Kernel::run`].
    fn run<S: Vector<E = E>>(self, s: S);
}

/// How [`Element`]s come to their vectors; only this crate can say that.
pub trait OnLanes: Sized {
    /// Runs `kernel` with the instructions of `isa`, or in plain code.
    fn run(isa: Isa, kernel: impl LaneKernel<Self>);

    /// The gradient at the entries of a call that was checked.
    fn add_gradient(isa: Isa, entries: Entries<Self>);
}

struct InFrame<K>(K);

impl<K: LaneKernel<f32>> Kernel for InFrame<K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.0.run(s);
    }
}

impl OnLanes for f32 {
    #[inline]
    fn run(isa: Isa, kernel: impl LaneKernel<f32>) {
        isa.run(InFrame(kernel));
    }

    fn add_gradient(isa: Isa, entries: Entries<f32>) {
        add_passes(isa, entries);
    }
}

impl OnLanes for f64 {
    #[inline]
    fn run(_: Isa, kernel: impl LaneKernel<f64>) {
        kernel.run(Double);
    }

    fn add_gradient(_: Isa, entries: Entries<f64>) {
        add_plainly(entries);
    }
}

impl Element for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    fn of(x: f64) -> f32 {
        x as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    fn of(x: f64) -> f64 {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }
}
