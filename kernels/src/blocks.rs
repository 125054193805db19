//! Slices walked in blocks of sixteen elements, the last one shorter: what every elementwise kernel has in common.

use crate::simd::{Kernel, Simd, Vector, WIDTH};

/// An elementwise kernel, given block by block.
pub(crate) trait Blocks {
    /// Works on the elements `start..start + len`; `len` is 16 but for the last block, which may be shorter.
    /// Must be `#[inline(always)]`, so that the whole blocks are compiled with `len` known.
    fn block<S: Simd>(&mut self, s: S, start: usize, len: usize);
}

/// The kernel that walks `blocks` over `len` elements.
pub(crate) struct Walk<B> {
    pub len: usize,
    pub blocks: B,
}

impl<B: Blocks> Kernel for Walk<B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let whole = self.len / WIDTH;
        for block in 0..whole {
            self.blocks.block(s, block * WIDTH, WIDTH);
        }
        if whole * WIDTH < self.len {
            self.blocks.block(s, whole * WIDTH, self.len - whole * WIDTH);
        }
    }
}

/// The elements `start..start + len` (at most 16) of `x`, then zeros.
#[inline(always)]
pub(crate) fn load<S: Vector>(s: S, x: &[S::E], start: usize, len: usize) -> S::V {
    let x = &x[start..start + len];
    if len == WIDTH {
        // SAFETY: `x` has 16 elements.
        unsafe { s.load(x.as_ptr()) }
    } else {
        assert!(len < WIDTH);
        // SAFETY: `x` has `len` elements, fewer than 16.
        unsafe { s.load_first(x.as_ptr(), len) }
    }
}

/// Writes the first `len` (at most 16) lanes to the elements `start..start + len` of `x`.
#[inline(always)]
pub(crate) fn store<S: Vector>(s: S, x: &mut [S::E], start: usize, len: usize, v: S::V) {
    let x = &mut x[start..start + len];
    if len == WIDTH {
        // SAFETY: `x` has 16 elements.
        unsafe { s.store(x.as_mut_ptr(), v) }
    } else {
        assert!(len < WIDTH);
        // SAFETY: `x` has `len` elements, fewer than 16.
        unsafe { s.store_first(x.as_mut_ptr(), v, len) }
    }
}
