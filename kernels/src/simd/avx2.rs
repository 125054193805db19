//! AVX2 with FMA: two registers a vector.

use core::arch::x86_64::*;
use core::hint::black_box;

use super::{Halves, Kernel, Lanes, Sealed, Simd, Vector, single_functions};

/// Proof that AVX2 and FMA are present.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2 {
    /// 0, which the compiler does not know: else it would make four loads of the load and the four shuffles of
    /// [`splat_four`](Simd::splat_four).
    pub(super) nought: i32,
}

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then(|| Self { nought: black_box(0) })
    }

    #[inline]
    pub(crate) fn frame<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        fn inner<K: Kernel>(token: Avx2, kernel: K) -> K::Output {
            kernel.run(token)
        }
        // SAFETY: a token is only made by `detect`, which found these features.
        unsafe { inner(self, kernel) }
    }
}

/// The sum of eight lanes, halves folded onto each other.
///
/// # Safety
/// AVX is present.
#[inline(always)]
pub(super) unsafe fn sum8(a: __m256) -> f32 {
    // SAFETY: the caller promises AVX.
    unsafe {
        let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
        let a = _mm_add_ss(a, _mm_shuffle_ps::<0b01>(a, a));
        _mm_cvtss_f32(a)
    }
}

macro_rules! ops {
    ($($name:ident($($arg:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: [__m256; 2]),*) -> [__m256; 2] {
            #[inline(always)]
            fn half($($arg: __m256),*) -> __m256 {
                // SAFETY: only reached through a token, which proves that the features are present.
                unsafe { $body }
            }
            [half($($arg[0]),*), half($($arg[1]),*)]
        }
    )*};
}

impl Sealed for Avx2 {}

impl Lanes for Avx2 {
    type E = f32;
    type V = [__m256; 2];
    type Mask = [__m256; 2];

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: the token proves that the features are present.
        [unsafe { _mm256_set1_ps(x) }; 2]
    }

    ops! {
        add(a, b) = _mm256_add_ps(a, b);
        sub(a, b) = _mm256_sub_ps(a, b);
        mul(a, b) = _mm256_mul_ps(a, b);
        div(a, b) = _mm256_div_ps(a, b);
        sqrt(a) = _mm256_sqrt_ps(a);
        mul_add(a, b, c) = _mm256_fmadd_ps(a, b, c);
        neg_mul_add(a, b, c) = _mm256_fnmadd_ps(a, b, c);
        // maxps and minps give the second operand when either is NaN
        max(a, b) = _mm256_max_ps(b, a);
        min(a, b) = _mm256_min_ps(b, a);
        neg_abs(a) = _mm256_or_ps(_mm256_set1_ps(-0.0), a);
        copy_sign(a, b) = _mm256_or_ps(
            _mm256_andnot_ps(_mm256_set1_ps(-0.0), a),
            _mm256_and_ps(_mm256_set1_ps(-0.0), b),
        );
    }

    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::Mask {
        // SAFETY: the token proves that the features are present.
        unsafe { [_mm256_cmp_ps::<_CMP_GT_OQ>(a[0], b[0]), _mm256_cmp_ps::<_CMP_GT_OQ>(a[1], b[1])] }
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, yes: Self::V, no: Self::V) -> Self::V {
        // SAFETY: the token proves that the features are present.
        unsafe { [_mm256_blendv_ps(no[0], yes[0], mask[0]), _mm256_blendv_ps(no[1], yes[1], mask[1])] }
    }

    single_functions!();
}

impl Vector for Avx2 {
    const TWINS: bool = false;

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller promises 16 readable elements.
        unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller promises 16 writable elements.
        unsafe {
            _mm256_storeu_ps(p, v[0]);
            _mm256_storeu_ps(p.add(8), v[1]);
        }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, len: usize) -> Self::V {
        let mut whole = [0.0f32; 16];
        // SAFETY: the caller promises `len` readable elements, and `len` is at most 16.
        unsafe {
            core::ptr::copy_nonoverlapping(p, whole.as_mut_ptr(), len);
            self.load(whole.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: Self::V, len: usize) {
        let mut whole = [0.0f32; 16];
        // SAFETY: the caller promises `len` writable elements, and `len` is at most 16.
        unsafe {
            self.store(whole.as_mut_ptr(), v);
            core::ptr::copy_nonoverlapping(whole.as_ptr(), p, len);
        }
    }

    #[inline(always)]
    fn sum(self, a: Self::V) -> f32 {
        // SAFETY: the token proves that the features are present.
        unsafe { sum8(_mm256_add_ps(a[0], a[1])) }
    }
}

impl Simd for Avx2 {
    type Halves = Self;

    #[inline(always)]
    fn halves(self) -> Self {
        self
    }

    #[inline(always)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        self.frame(kernel)
    }

    #[inline(always)]
    unsafe fn splat_four(self, p: *const f32) -> [Self::V; 4] {
        // SAFETY: the caller promises four readable elements.
        unsafe {
            let fours = _mm256_broadcast_ps(&_mm_loadu_ps(p));
            // written out: a closure would be a function of its own, without the instructions
            [
                [_mm256_permutevar_ps(fours, _mm256_set1_epi32(self.nought)); 2],
                [_mm256_permutevar_ps(fours, _mm256_set1_epi32(self.nought + 1)); 2],
                [_mm256_permutevar_ps(fours, _mm256_set1_epi32(self.nought + 2)); 2],
                [_mm256_permutevar_ps(fours, _mm256_set1_epi32(self.nought + 3)); 2],
            ]
        }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: *const u32, len: usize) -> Self::V {
        let mut whole = [0u32; 16];
        // SAFETY: the caller promises `len` readable indices and a readable element at each; lanes from `len` on are
        // masked off. An index is below 2^31 (the pattern holds to that), so the signed offset is the unsigned.
        unsafe {
            core::ptr::copy_nonoverlapping(index, whole.as_mut_ptr(), len);
            let count = _mm256_set1_epi32(len as i32);
            let lanes = [_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)];
            // written out: a closure here would be a function of its own, without the instructions
            let masks = [
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(count, lanes[0])),
                _mm256_castsi256_ps(_mm256_cmpgt_epi32(count, lanes[1])),
            ];
            let indices = [_mm256_loadu_si256(whole.as_ptr().cast()), _mm256_loadu_si256(whole.as_ptr().add(8).cast())];
            [
                _mm256_mask_i32gather_ps::<4>(_mm256_setzero_ps(), base, indices[0], masks[0]),
                _mm256_mask_i32gather_ps::<4>(_mm256_setzero_ps(), base, indices[1], masks[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gather_short(self, base: *const f32, index: *const u16, len: usize) -> Self::V {
        let mut whole = [0.0f32; 16];
        // SAFETY: the caller promises `len` readable indices and a readable element at each.
        unsafe {
            for (k, x) in whole.iter_mut().enumerate().take(len) {
                *x = *base.add(usize::from(*index.add(k)));
            }
            self.load(whole.as_ptr())
        }
    }

    ops! {
        exp2_of_sum(sum) = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(sum)));
    }

    #[inline(always)]
    fn mask(self, bits: u16) -> Self::Mask {
        // SAFETY: the token proves that the features are present.
        unsafe {
            // each lane keeps its own bit, and compares it with what it would be if set
            let lanes = _mm256_setr_epi32(1, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7);
            let low = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), lanes);
            let high = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits >> 8)), lanes);
            let (low, high) = (_mm256_cmpeq_epi32(low, lanes), _mm256_cmpeq_epi32(high, lanes));
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
    }

    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
    }

    #[inline(always)]
    fn nonzero(self, a: Self::V) -> u16 {
        // SAFETY: the token proves that the features are present.
        unsafe {
            let zero = _mm256_setzero_ps();
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a[0], zero));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a[1], zero));
            (low | high << 8) as u16
        }
    }

    #[inline(always)]
    fn sums(self, a: [Self::V; 16]) -> Self::V {
        /// The sums of eight half vectors over the two quads of each, added.
        #[inline(always)]
        fn eight(s: Avx2, a: &[[__m256; 2]], half: usize) -> __m256 {
            s.fold_halves([0, 1, 2, 3, 4, 5, 6, 7].map(
                #[inline(always)]
                |k| a[k][half],
            ))
        }
        let (low, high) = (&a[..8], &a[8..]);
        self.add([eight(self, low, 0), eight(self, high, 0)], [eight(self, low, 1), eight(self, high, 1)])
    }
}

impl Halves for Avx2 {
    type H = __m256;
    const ENDS: bool = true;

    #[inline(always)]
    fn zero_half(self) -> __m256 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm256_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn load_half(self, p: *const f32) -> __m256 {
        // SAFETY: the caller promises 8 readable elements.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store_half(self, p: *mut f32, v: __m256) {
        // SAFETY: the caller promises 8 writable elements.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    fn mul_add_half(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add_half(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn fold_halves(self, a: [__m256; 8]) -> __m256 {
        let [a, b, c, d, e, f, g, h] = a;
        // SAFETY: the token proves that the features are present.
        unsafe { pairs(quads(a, b, c, d), quads(e, f, g, h)) }
    }
}

/// Each 128-bit part of the result holds the sums of four vectors over the quad of that part: (0+2)+(1+3).
///
/// # Safety
/// AVX is present.
#[inline(always)]
unsafe fn quads(a: __m256, b: __m256, c: __m256, d: __m256) -> __m256 {
    /// In each part [a0 + a2, a1 + a3, b2 + b0, b3 + b1]: one shuffle and a blend, which more ports take.
    ///
    /// # Safety
    /// AVX is present.
    #[inline(always)]
    unsafe fn halves(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX.
        unsafe { _mm256_add_ps(_mm256_blend_ps::<0b1100_1100>(a, b), _mm256_shuffle_ps::<0b0100_1110>(a, b)) }
    }
    // SAFETY: the caller promises AVX.
    unsafe {
        let (x, y) = (halves(a, b), halves(c, d));
        _mm256_add_ps(_mm256_shuffle_ps::<0b1000_1000>(x, y), _mm256_shuffle_ps::<0b1101_1101>(x, y))
    }
}

/// The two parts of `x`, then those of `y`, added up.
///
/// # Safety
/// AVX is present.
#[inline(always)]
unsafe fn pairs(x: __m256, y: __m256) -> __m256 {
    // SAFETY: the caller promises AVX.
    unsafe { _mm256_add_ps(_mm256_blend_ps::<0b1111_0000>(x, y), _mm256_permute2f128_ps::<0x21>(x, y)) }
}
