//! The kernels against plain f64 loops, on every instruction set of this machine.
//!
//! Bound: |got - want| ≤ c·eps·(k+1)·Σ|a||b| for sums of k products; exact on small integers. Outputs are poisoned with
//! NaN before each call.

#[cfg(asan)]
mod sanitizer;
mod sparse;
mod support;
mod tiled;
mod vector;
