//! One vector of sixteen lanes, the same width on every instruction set.
//!
//! AVX-512 holds it in one register, AVX2 in two, the portable path in a `wide::f32x16`. Because the width is
//! always sixteen, sums over lanes are made in the same order everywhere and a state buffer fits every set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod double;
mod lanes;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

pub(crate) use double::Double;
pub(crate) use lanes::single_functions;
pub use lanes::{Lanes, Sealed, Vector};

/// Lanes in a vector, and the unit to which batches are padded.
pub const WIDTH: usize = 16;

/// What added to an integer `k` leaves the biased exponent of 2^k, `k + 127`, in the lowest bits of the sum: 1.5·2^23 leaves
/// no room for a fraction, so that a sum that is not an integer is rounded to the nearest.
pub(crate) const EXPONENT_ORIGIN: f32 = 12_582_912.0 + 127.0;

/// Asks for the cache line at `p`, which need not be valid. Does nothing but on x86-64.
#[inline(always)]
pub(crate) fn prefetch(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless, and SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Four numbers of two bytes by one load: where loads are what is scarce.
///
/// # Safety
/// `p` is valid for reading four.
#[inline(always)]
pub(crate) unsafe fn four_short(p: *const u16) -> [u16; 4] {
    // SAFETY: as the caller promises.
    let four = unsafe { p.cast::<u64>().read_unaligned() };
    let place = |k| if cfg!(target_endian = "big") { 3 - k } else { k };
    std::array::from_fn(|k| (four >> (16 * place(k))) as u16)
}

/// Work that is written once and compiled for each instruction set.
pub(crate) trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`, as must all that it calls with `s`: only inlined into the frame does the code
    /// get the instructions.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// A token for an instruction set and its operations on sixteen lanes of `f32`.
///
/// Every method is `#[inline(always)]`.
pub(crate) trait Simd: Vector<E = f32> {
    type Halves: Halves;

    /// Runs `kernel` in a function of its own, so that it takes no registers from the code around it.
    fn apart<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same lanes as vectors of eight.
    fn halves(self) -> Self::Halves;

    /// Four elements from `p` on, each in all lanes of a vector: by one load where there is an instruction for it.
    /// # Safety
    /// `p` is valid for reading 4 `f32`.
    #[inline(always)]
    unsafe fn splat_four(self, p: *const f32) -> [Self::V; 4] {
        // SAFETY: as the caller promises.
        let four = unsafe { p.cast::<[f32; 4]>().read() };
        [self.splat(four[0]), self.splat(four[1]), self.splat(four[2]), self.splat(four[3])]
    }
    /// Elements `base[index[k]]` for the first `len` (0 to 16) indices, then zeros.
    /// # Safety
    /// `index` is valid for reading `len` `u32`; `base` is valid for reading at each of them.
    unsafe fn gather(self, base: *const f32, index: *const u32, len: usize) -> Self::V;
    /// Elements `base[index[k]]` for the first `len` (0 to 16) indices, then zeros.
    /// # Safety
    /// `index` is valid for reading `len` `u16`; `base` is valid for reading at each of them.
    unsafe fn gather_short(self, base: *const f32, index: *const u16, len: usize) -> Self::V;
    /// Writes the first `len` (0 to 16) elements to `base[index[k]]`.
    /// # Safety
    /// `index` is valid for reading `len` `u16`; `base` is valid for writing at each of them.
    #[inline(always)]
    unsafe fn scatter_short(self, base: *mut f32, index: *const u16, v: Self::V, len: usize) {
        let mut whole = [0.0f32; WIDTH];
        // SAFETY: as the caller promises.
        unsafe {
            self.store(whole.as_mut_ptr(), v);
            for (k, &x) in whole.iter().enumerate().take(len) {
                *base.add(usize::from(*index.add(k))) = x;
            }
        }
    }

    /// [`mul_add`](Self::mul_add) of one lane: the same bits.
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32;
    /// `2^k` for integral `k` in -126..=127; for NaN, any number.
    #[inline(always)]
    fn exp2_integer(self, k: Self::V) -> Self::V {
        self.exp2_of_sum(self.add(k, self.splat(EXPONENT_ORIGIN)))
    }
    /// `2^k` for the sum of `k` and [`EXPONENT_ORIGIN`], `k` in -126..=127; for NaN, any number.
    fn exp2_of_sum(self, sum: Self::V) -> Self::V;
    /// `a * 2^k`, rounded once even where it is subnormal, for `a` in [0.5, 2) or NaN and integral `k` in -150..=62.
    #[inline(always)]
    fn scale(self, a: Self::V, k: Self::V) -> Self::V {
        // 2^(k+64) and 2^-64 are normal numbers, and so is the product with the first
        let raised = self.mul(a, self.exp2_integer(self.add(k, self.splat(64.0))));
        self.mul(raised, self.splat(1.0 / (1u128 << 64) as f32))
    }
    /// Holds in the lanes whose bit is set, the first lane's being the lowest.
    fn mask(self, bits: u16) -> Self::Mask;
    /// A bit for each lane, from the lowest on: whether it is not 0. NaN is not, -0.0 is.
    fn nonzero(self, a: Self::V) -> u16;
    /// The sums over the lanes of sixteen vectors, one a lane. In each vector, with quads of lanes q0 to q3, a quad is
    /// (0+2)+(1+3), and the sum (q0+q1)+(q2+q3).
    fn sums(self, a: [Self::V; 16]) -> Self::V;
    /// Lane k of vector j of the result is lane j of vector k.
    #[inline(always)]
    fn transpose(self, a: [Self::V; 16]) -> [Self::V; 16] {
        let (mut rows, mut cols) = ([[0.0; WIDTH]; WIDTH], [[0.0; WIDTH]; WIDTH]);
        for (row, a) in rows.iter_mut().zip(a) {
            // SAFETY: a row has 16 elements.
            unsafe { self.store(row.as_mut_ptr(), a) };
        }
        for (j, col) in cols.iter_mut().enumerate() {
            for (element, row) in col.iter_mut().zip(&rows) {
                *element = row[j];
            }
        }
        let mut out = a;
        for (out, col) in out.iter_mut().zip(&cols) {
            // SAFETY: a column has 16 elements.
            *out = unsafe { self.load(col.as_ptr()) };
        }
        out
    }
}

/// Vectors of eight lanes, for instruction sets where a vector of sixteen is two registers or more.
pub(crate) trait Halves: Simd {
    type H: Copy;
    /// Whether the gradient has code of its own for each place where a row may end in a group of eight; else each entry of
    /// such a group reads a δ of its own.
    const ENDS: bool;

    fn zero_half(self) -> Self::H;
    /// # Safety
    /// `p` is valid for reading 8 `f32`.
    unsafe fn load_half(self, p: *const f32) -> Self::H;
    /// # Safety
    /// `p` is valid for writing 8 `f32`.
    unsafe fn store_half(self, p: *mut f32, v: Self::H);
    /// `a * b + c`, fused.
    fn mul_add_half(self, a: Self::H, b: Self::H, c: Self::H) -> Self::H;
    fn add_half(self, a: Self::H, b: Self::H) -> Self::H;
    /// The sums over the lanes of eight vectors, one a lane. In each, with quads of lanes q0 and q1, a quad is
    /// (0+2)+(1+3), and the sum q0+q1: half of what [`Simd::sums`] adds.
    fn fold_halves(self, a: [Self::H; 8]) -> Self::H;
    /// Adds `v` to eight elements at `p`.
    /// # Safety
    /// `p` is valid for reading and writing 8 `f32`.
    #[inline(always)]
    unsafe fn add_to(self, p: *mut f32, v: Self::H) {
        // SAFETY: as the caller promises.
        unsafe { self.store_half(p, self.add_half(self.load_half(p), v)) }
    }
}
