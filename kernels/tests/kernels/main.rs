//! The kernels against plain f64 loops, on every instruction set of this machine.
//!
//! Bound: |got - want| ≤ c·eps·(k+1)·Σ|a||b| for sums of k products; exact on small integers. What a kernel writes is
//! poisoned with NaN before each call; what it adds to is not zero.

#[cfg(asan)]
mod sanitizer;
mod sparse;
mod support;
mod tiled;
mod vector;
