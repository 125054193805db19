//! `Σ acc ← w · x + acc` with x streamed from memory: the fastest that a multiply-add with one load can run.

use std::time::Instant;

use crate::aligned::Aligned;
use crate::isa::Isa;
use crate::simd::{Kernel, Simd, WIDTH};

/// Vectors added up side by side: enough to hide the latency of the multiply-add. With those of AVX2, of two registers each,
/// fewer, as eight would be all sixteen registers: sums lived in memory, and the roof read a little more than half.
const SUMS: usize = 8;
const SUMS_OF_FEW_REGISTERS: usize = 6;

/// Multiply-adds with a memory operand, in GFLOP/s (2 a multiply-add), over a buffer of `bytes`, on this thread.
///
/// The buffer is passed over again and again for about `seconds`; the best of several slices counts, so that what
/// else the machine does shows as little as possible. `bytes` decides which cache holds it.
pub fn multiply_add_rate(isa: Isa, bytes: usize, seconds: f64) -> f64 {
    let block = SUMS * SUMS_OF_FEW_REGISTERS * WIDTH;
    let len = (bytes / size_of::<f32>()).next_multiple_of(block).max(block);
    let x: Aligned = (0..len).map(|k| (k % 17) as f32 * 0.01 - 0.08).collect();
    // a slice of about a millisecond from L1
    let repeats = (4_000_000 / len).max(1);
    let (began, mut best) = (Instant::now(), f64::INFINITY);
    let mut sum = 0.0;
    while began.elapsed().as_secs_f64() < seconds || best.is_infinite() {
        let slice = Instant::now();
        sum += isa.run(Stream { x: &x, repeats });
        best = best.min(slice.elapsed().as_secs_f64());
    }
    assert!(f32::is_finite(sum), "the sum is used, so that it is computed");
    2.0 * (len * repeats) as f64 / best / 1e9
}

struct Stream<'a> {
    x: &'a [f32],
    repeats: usize,
}

impl Kernel for Stream<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        if S::TWINS { self.sums::<S, SUMS>(s) } else { self.sums::<S, SUMS_OF_FEW_REGISTERS>(s) }
    }
}

impl Stream<'_> {
    #[inline(always)]
    fn sums<S: Simd, const N: usize>(self, s: S) -> f32 {
        let mut sums = [s.splat(0.0); N];
        let mut weight = 0.5;
        for _ in 0..self.repeats {
            // another weight each time, so that no pass can be left out
            weight = -weight * 0.999;
            let w = s.splat(weight);
            for block in self.x.chunks_exact(N * WIDTH) {
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the block has N vectors.
                    let x = unsafe { s.load(block.as_ptr().add(k * WIDTH)) };
                    *sum = s.mul_add(w, x, *sum);
                }
            }
        }
        let total = sums.into_iter().reduce(
            #[inline(always)]
            |a, b| s.add(a, b),
        );
        s.sum(total.expect("more than one sum"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_has_a_rate() {
        for isa in Isa::available() {
            assert!(multiply_add_rate(isa, 1 << 14, 0.001) > 0.0, "{isa}");
        }
    }
}
