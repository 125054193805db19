//! The portable path: `wide`, whose instruction set is fixed when the crate is compiled (SSE2 in a baseline x86-64
//! build, NEON on AArch64).

use wide::{f32x8, f32x16, i32x16};

use super::{Halves, Kernel, Lanes, Sealed, Simd, Vector, single_functions};

/// The portable path needs no proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

#[inline(always)]
fn bits(a: f32x16) -> i32x16 {
    bytemuck::cast(a)
}

#[inline(always)]
fn float(a: i32x16) -> f32x16 {
    bytemuck::cast(a)
}

impl Sealed for Portable {}

impl Lanes for Portable {
    type E = f32;
    type V = f32x16;
    type Mask = f32x16;

    #[inline(always)]
    fn splat(self, x: f32) -> f32x16 {
        f32x16::splat(x)
    }

    #[inline(always)]
    fn add(self, a: f32x16, b: f32x16) -> f32x16 {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: f32x16, b: f32x16) -> f32x16 {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
        a * b
    }

    #[inline(always)]
    fn div(self, a: f32x16, b: f32x16) -> f32x16 {
        a / b
    }

    #[inline(always)]
    fn sqrt(self, a: f32x16) -> f32x16 {
        a.sqrt()
    }

    #[inline(always)]
    fn mul_add(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn neg_mul_add(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
        a.mul_neg_add(b, c)
    }

    #[inline(always)]
    fn max(self, a: f32x16, b: f32x16) -> f32x16 {
        // a comparison with NaN is false, so `a` stays
        self.select(self.gt(b, a), b, a)
    }

    #[inline(always)]
    fn min(self, a: f32x16, b: f32x16) -> f32x16 {
        self.select(self.gt(a, b), b, a)
    }

    #[inline(always)]
    fn neg_abs(self, a: f32x16) -> f32x16 {
        float(bits(a) | i32x16::splat(i32::MIN))
    }

    #[inline(always)]
    fn copy_sign(self, a: f32x16, b: f32x16) -> f32x16 {
        float((bits(a) & i32x16::splat(i32::MAX)) | (bits(b) & i32x16::splat(i32::MIN)))
    }

    #[inline(always)]
    fn gt(self, a: f32x16, b: f32x16) -> f32x16 {
        a.simd_gt(b)
    }

    #[inline(always)]
    fn select(self, mask: f32x16, yes: f32x16, no: f32x16) -> f32x16 {
        mask.bitselect(yes, no)
    }

    single_functions!();
}

impl Vector for Portable {
    const TWINS: bool = false;

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> f32x16 {
        // SAFETY: the caller promises 16 readable elements.
        f32x16::from(unsafe { p.cast::<[f32; 16]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: f32x16) {
        // SAFETY: the caller promises 16 writable elements.
        unsafe { p.cast::<[f32; 16]>().write_unaligned(v.to_array()) }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, len: usize) -> f32x16 {
        let mut whole = [0.0f32; 16];
        // SAFETY: the caller promises `len` readable elements, and `len` is at most 16.
        unsafe { core::ptr::copy_nonoverlapping(p, whole.as_mut_ptr(), len) };
        f32x16::from(whole)
    }

    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: f32x16, len: usize) {
        let whole = v.to_array();
        // SAFETY: the caller promises `len` writable elements, and `len` is at most 16.
        unsafe { core::ptr::copy_nonoverlapping(whole.as_ptr(), p, len) };
    }

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[inline(always)]
    fn sum(self, a: f32x16) -> f32 {
        let mut x = a.to_array();
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                x[k] += x[k + half];
            }
        }
        x[0]
    }
}

impl Simd for Portable {
    type Halves = Self;

    #[inline(always)]
    fn halves(self) -> Self {
        self
    }

    #[inline(never)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: *const u32, len: usize) -> f32x16 {
        let mut whole = [0.0f32; 16];
        for (k, x) in whole.iter_mut().enumerate().take(len) {
            // SAFETY: the caller promises `len` readable indices and a readable element at each.
            *x = unsafe { *base.add(*index.add(k) as usize) };
        }
        f32x16::from(whole)
    }

    #[inline(always)]
    unsafe fn gather_short(self, base: *const f32, index: *const u16, len: usize) -> f32x16 {
        let mut whole = [0.0f32; 16];
        for (k, x) in whole.iter_mut().enumerate().take(len) {
            // SAFETY: the caller promises `len` readable indices and a readable element at each.
            *x = unsafe { *base.add(usize::from(*index.add(k))) };
        }
        f32x16::from(whole)
    }

    #[inline(always)]
    fn exp2_of_sum(self, sum: f32x16) -> f32x16 {
        float(bits(sum) << 23)
    }

    #[inline(always)]
    fn mask(self, bits: u16) -> f32x16 {
        let lanes = i32x16::new(std::array::from_fn(|lane| 1 << lane));
        float((i32x16::splat(i32::from(bits)) & lanes).simd_eq(lanes))
    }

    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        f32x16::splat(a).mul_add(f32x16::splat(b), f32x16::splat(c)).to_array()[0]
    }

    #[inline(always)]
    fn nonzero(self, a: f32x16) -> u16 {
        a.to_array().into_iter().rev().fold(0, |bits, x| bits << 1 | u16::from(x != 0.0))
    }

    #[inline(always)]
    fn sums(self, a: [f32x16; 16]) -> f32x16 {
        f32x16::from(a.map(|a| {
            let x = a.to_array();
            let quad = |q: usize| (x[4 * q] + x[4 * q + 2]) + (x[4 * q + 1] + x[4 * q + 3]);
            (quad(0) + quad(1)) + (quad(2) + quad(3))
        }))
    }
}

impl Halves for Portable {
    type H = f32x8;
    const ENDS: bool = false;

    #[inline(always)]
    fn zero_half(self) -> f32x8 {
        f32x8::ZERO
    }
    #[inline(always)]
    unsafe fn load_half(self, p: *const f32) -> f32x8 {
        // SAFETY: the caller promises 8 readable elements.
        f32x8::from(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store_half(self, p: *mut f32, v: f32x8) {
        // SAFETY: the caller promises 8 writable elements.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(v.to_array()) }
    }
    #[inline(always)]
    fn mul_add_half(self, a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn add_half(self, a: f32x8, b: f32x8) -> f32x8 {
        a + b
    }
    #[inline(always)]
    fn fold_halves(self, a: [f32x8; 8]) -> f32x8 {
        f32x8::from(a.map(|a| {
            let x = a.to_array();
            let quad = |q: usize| (x[4 * q] + x[4 * q + 2]) + (x[4 * q + 1] + x[4 * q + 3]);
            quad(0) + quad(1)
        }))
    }
}
