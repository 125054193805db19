//! AVX-512: one register a vector.

use core::arch::x86_64::*;
use core::hint::black_box;

use super::avx2::Avx2;
use super::{Kernel, Lanes, Sealed, Simd, Vector, four_short, single_functions};

/// Proof that AVX-512 F, VL, DQ and BW, with AVX2 and FMA, are present.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512 {
    /// Whether the processor's own gather is faster than sixteen loads: on Intel's by a fifth to a third, on AMD's (Zen 4)
    /// not. The elements are the same.
    gathers: bool,
    /// As [`Avx2::nought`].
    nought: i32,
}

fn is_intel() -> bool {
    let vendor = __cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma"))
        .then(|| Self { gathers: is_intel(), nought: black_box(0) })
    }

    #[inline]
    pub(crate) fn frame<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        #[inline(never)]
        fn inner<K: Kernel>(token: Avx512, kernel: K) -> K::Output {
            kernel.run(token)
        }
        // SAFETY: a token is only made by `detect`, which found these features.
        unsafe { inner(self, kernel) }
    }
}

/// The elements at four places, one by one: faster than the gather of a processor that makes it of many small steps.
///
/// # Safety
/// AVX-512 is present; `base` is valid for reading at each of them.
#[inline(always)]
unsafe fn four(base: *const f32, at: [usize; 4]) -> __m128 {
    // SAFETY: as the caller promises.
    unsafe {
        let a = _mm_load_ss(base.add(at[0]));
        let a = _mm_insert_ps::<0x10>(a, _mm_load_ss(base.add(at[1])));
        let a = _mm_insert_ps::<0x20>(a, _mm_load_ss(base.add(at[2])));
        _mm_insert_ps::<0x30>(a, _mm_load_ss(base.add(at[3])))
    }
}

/// The elements at sixteen places, `at(k)` giving the four from the 4 k-th on.
///
/// # Safety
/// As [`four`], for what `at` gives for k below 4.
#[inline(always)]
unsafe fn sixteen(base: *const f32, at: impl Fn(usize) -> [usize; 4]) -> __m512 {
    // SAFETY: as the caller promises.
    unsafe {
        let low = _mm256_set_m128(four(base, at(1)), four(base, at(0)));
        let high = _mm256_set_m128(four(base, at(3)), four(base, at(2)));
        _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
    }
}

/// The lowest `len` bits set.
#[inline(always)]
fn first(len: usize) -> __mmask16 {
    debug_assert!(len <= 16);
    ((1u32 << len) - 1) as __mmask16
}

macro_rules! ops {
    ($($name:ident($($arg:ident),*) = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: __m512),*) -> __m512 {
            // SAFETY: the token proves that the features are present.
            unsafe { $body }
        }
    )*};
}

impl Sealed for Avx512 {}

impl Lanes for Avx512 {
    type E = f32;
    type V = __m512;
    type Mask = __mmask16;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm512_set1_ps(x) }
    }

    ops! {
        add(a, b) = _mm512_add_ps(a, b);
        sub(a, b) = _mm512_sub_ps(a, b);
        mul(a, b) = _mm512_mul_ps(a, b);
        div(a, b) = _mm512_div_ps(a, b);
        sqrt(a) = _mm512_sqrt_ps(a);
        mul_add(a, b, c) = _mm512_fmadd_ps(a, b, c);
        neg_mul_add(a, b, c) = _mm512_fnmadd_ps(a, b, c);
        // maxps and minps give the second operand when either is NaN
        max(a, b) = _mm512_max_ps(b, a);
        min(a, b) = _mm512_min_ps(b, a);
        neg_abs(a) = _mm512_or_ps(_mm512_set1_ps(-0.0), a);
        copy_sign(a, b) = _mm512_or_ps(
            _mm512_andnot_ps(_mm512_set1_ps(-0.0), a),
            _mm512_and_ps(_mm512_set1_ps(-0.0), b),
        );
    }

    #[inline(always)]
    fn gt(self, a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    single_functions!();
}

impl Vector for Avx512 {
    const TWINS: bool = true;

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: the caller promises 16 readable elements.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: the caller promises 16 writable elements.
        unsafe { _mm512_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, len: usize) -> __m512 {
        // SAFETY: the caller promises `len` readable elements; masked-off ones are not touched.
        unsafe { _mm512_maskz_loadu_ps(first(len), p) }
    }

    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, v: __m512, len: usize) {
        // SAFETY: the caller promises `len` writable elements; masked-off ones are not touched.
        unsafe { _mm512_mask_storeu_ps(p, first(len), v) }
    }

    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        // SAFETY: the token proves that the features are present.
        unsafe {
            let a = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            super::avx2::sum8(a)
        }
    }
}

impl Simd for Avx512 {
    type Halves = Avx2;

    #[inline(always)]
    fn halves(self) -> Avx2 {
        // a token of this set proves that AVX2 and FMA are present
        Avx2 { nought: self.nought }
    }

    #[inline(always)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        self.frame(kernel)
    }

    #[inline(always)]
    unsafe fn splat_four(self, p: *const f32) -> [__m512; 4] {
        // SAFETY: the caller promises four readable elements.
        unsafe {
            let fours = _mm512_broadcast_f32x4(_mm_loadu_ps(p));
            [
                _mm512_permutevar_ps(fours, _mm512_set1_epi32(self.nought)),
                _mm512_permutevar_ps(fours, _mm512_set1_epi32(self.nought + 1)),
                _mm512_permutevar_ps(fours, _mm512_set1_epi32(self.nought + 2)),
                _mm512_permutevar_ps(fours, _mm512_set1_epi32(self.nought + 3)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: *const u32, len: usize) -> __m512 {
        // SAFETY: the caller promises `len` readable indices and a readable element at each; masked-off ones are
        // not touched. An index is below 2^31 (the pattern holds to that), so the signed offset is the unsigned.
        unsafe {
            if len == 16 && !self.gathers {
                return sixteen(base, |k| std::array::from_fn(|j| *index.add(4 * k + j) as usize));
            }
            let mask = first(len);
            let index = _mm512_maskz_loadu_epi32(mask, index.cast());
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, index, base)
        }
    }

    #[inline(always)]
    unsafe fn gather_short(self, base: *const f32, index: *const u16, len: usize) -> __m512 {
        // SAFETY: the caller promises `len` readable indices and a readable element at each; masked-off ones are
        // not touched.
        unsafe {
            if len == 16 && !self.gathers {
                return sixteen(base, |k| four_short(index.add(4 * k)).map(usize::from));
            }
            let mask = first(len);
            let index = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, index.cast()));
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, index, base)
        }
    }

    #[inline(always)]
    unsafe fn scatter_short(self, base: *mut f32, index: *const u16, v: __m512, len: usize) {
        let mask = first(len);
        // SAFETY: the caller promises `len` readable indices and a writable element at each; masked-off ones are not
        // touched.
        unsafe {
            let index = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, index.cast()));
            _mm512_mask_i32scatter_ps::<4>(base, mask, index, v);
        }
    }

    ops! {
        exp2_of_sum(sum) = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(sum)));
        scale(a, k) = _mm512_scalef_ps(a, k);
    }

    #[inline(always)]
    fn mask(self, bits: u16) -> __mmask16 {
        bits
    }

    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c))) }
    }

    #[inline(always)]
    fn nonzero(self, a: __m512) -> u16 {
        // SAFETY: the token proves that the features are present.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, _mm512_setzero_ps()) }
    }

    #[inline(always)]
    fn sums(self, a: [__m512; 16]) -> __m512 {
        /// Each 128-bit part of the result holds the sums of four vectors over the quad of that part.
        #[inline(always)]
        fn quads(a: &[__m512]) -> __m512 {
            // SAFETY: only reached through a token, which proves that the features are present.
            unsafe {
                let x = _mm512_add_ps(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
                let y = _mm512_add_ps(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
                let (x, y) = (_mm512_castps_pd(x), _mm512_castps_pd(y));
                let (low, high) = (_mm512_unpacklo_pd(x, y), _mm512_unpackhi_pd(x, y));
                _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
            }
        }
        /// Neighbouring 128-bit parts added: those of `x`, then those of `y`.
        #[inline(always)]
        fn fold(x: __m512, y: __m512) -> __m512 {
            // SAFETY: only reached through a token, which proves that the features are present.
            unsafe {
                let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(x, y);
                _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(x, y))
            }
        }
        fold(fold(quads(&a[..4]), quads(&a[4..8])), fold(quads(&a[8..12]), quads(&a[12..])))
    }

    #[inline(always)]
    fn transpose(self, a: [__m512; 16]) -> [__m512; 16] {
        /// Each 128-bit part of vector k of the result holds element k of that part of the four vectors.
        #[inline(always)]
        fn quads(a: &[__m512]) -> [__m512; 4] {
            // SAFETY: only reached through a token, which proves that the features are present.
            unsafe {
                let (x, y) = (_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
                let (z, w) = (_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
                let (x, y, z, w) = (_mm512_castps_pd(x), _mm512_castps_pd(y), _mm512_castps_pd(z), _mm512_castps_pd(w));
                [
                    _mm512_castpd_ps(_mm512_unpacklo_pd(x, z)),
                    _mm512_castpd_ps(_mm512_unpackhi_pd(x, z)),
                    _mm512_castpd_ps(_mm512_unpacklo_pd(y, w)),
                    _mm512_castpd_ps(_mm512_unpackhi_pd(y, w)),
                ]
            }
        }
        // vector k of `parts[q]` has in part p lane 4 p + k of the vectors from 4 q to 4 q + 4
        let parts = [quads(&a[..4]), quads(&a[4..8]), quads(&a[8..12]), quads(&a[12..])];
        let mut out = a;
        for k in 0..4 {
            let [x, y, z, w] = [parts[0][k], parts[1][k], parts[2][k], parts[3][k]];
            // SAFETY: the token proves that the features are present.
            unsafe {
                let (xy02, zw02) =
                    (_mm512_shuffle_f32x4::<0b10_00_10_00>(x, y), _mm512_shuffle_f32x4::<0b10_00_10_00>(z, w));
                let (xy13, zw13) =
                    (_mm512_shuffle_f32x4::<0b11_01_11_01>(x, y), _mm512_shuffle_f32x4::<0b11_01_11_01>(z, w));
                out[k] = _mm512_shuffle_f32x4::<0b10_00_10_00>(xy02, zw02);
                out[8 + k] = _mm512_shuffle_f32x4::<0b11_01_11_01>(xy02, zw02);
                out[4 + k] = _mm512_shuffle_f32x4::<0b10_00_10_00>(xy13, zw13);
                out[12 + k] = _mm512_shuffle_f32x4::<0b11_01_11_01>(xy13, zw13);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Both<'a>(&'a [f32], &'a [u32; 16], &'a [u16; 16]);

    impl Kernel for Both<'_> {
        type Output = [[f32; 16]; 2];
        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [[f32; 16]; 2] {
            let mut out = [[0.0; 16]; 2];
            // SAFETY: the indices are below the length of the elements.
            unsafe {
                s.store(out[0].as_mut_ptr(), s.gather(self.0.as_ptr(), self.1.as_ptr(), 16));
                s.store(out[1].as_mut_ptr(), s.gather_short(self.0.as_ptr(), self.2.as_ptr(), 16));
            }
            out
        }
    }

    #[test]
    fn either_way_of_gathering_finds_the_same() {
        if Avx512::detect().is_none() {
            return;
        }
        let elements: Vec<f32> = (0..100).map(|k| k as f32 / 3.0).collect();
        let index: [u32; 16] = std::array::from_fn(|k| (k * 37 % 100) as u32);
        let short = index.map(|k| k as u16);
        let want = index.map(|k| elements[k as usize]);
        for gathers in [false, true] {
            let token = Avx512 { gathers, nought: 0 };
            assert_eq!(token.frame(Both(&elements, &index, &short)), [want, want]);
        }
    }
}
