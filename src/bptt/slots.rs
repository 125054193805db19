//! States or δ of several time steps in one buffer.

use daleian_kernels::{Aligned, WIDTH};

/// Elements from one time step to the next, where a time step is `size` elements: whole cache lines, and an odd number.
///
/// A pass of the gradient reads what a neuron did at up to four steps, one after the other. With an even number of lines
/// from one to the next (a power of two above all) these would be even lines all, or odd ones, and reading them from the
/// second-level cache takes longer.
fn stride(size: u64) -> u64 {
    (size.div_ceil(WIDTH as u64) | 1).saturating_mul(WIDTH as u64)
}

/// A buffer of time steps, one [stride] after the other. How many elements one has is said with each call, as lane groups of several
/// widths pass through the same memory.
#[derive(Debug)]
pub(crate) struct Slots(Aligned);

impl Slots {
    /// Elements of a buffer for `count` time steps of `size` elements. Sizes beyond all memory stay at `u64::MAX`.
    pub fn elements(count: usize, size: u64) -> u64 {
        stride(size).saturating_mul(count as u64)
    }

    /// A buffer of so many elements, all 0.
    pub fn zeros(elements: usize) -> Self {
        Self(Aligned::zeros(elements))
    }

    /// Time step `k`.
    pub fn get(&self, k: usize, size: usize) -> &[f32] {
        &self.0[at(k, size)..][..size]
    }

    pub fn get_mut(&mut self, k: usize, size: usize) -> &mut [f32] {
        &mut self.0[at(k, size)..][..size]
    }

    /// Time step `k`; nothing of a buffer that was made without room.
    pub fn get_or_empty(&self, k: usize, size: usize) -> &[f32] {
        if self.0.is_empty() { &[] } else { self.get(k, size) }
    }

    /// As [`get_or_empty`](Self::get_or_empty), to change.
    pub fn get_mut_or_empty(&mut self, k: usize, size: usize) -> &mut [f32] {
        if self.0.is_empty() { &mut [] } else { self.get_mut(k, size) }
    }

    /// Time steps `a` and `b` (different): the first to write, the second to read.
    pub fn two(&mut self, a: usize, b: usize, size: usize) -> (&mut [f32], &[f32]) {
        let [a, b] = [a, b].map(|k| at(k, size));
        let [a, b] = self.0.get_disjoint_mut([a..a + size, b..b + size]).expect("two different steps that are there");
        (a, b)
    }

    /// Step `to` becomes what step `from` is.
    pub fn copy(&mut self, from: usize, to: usize, size: usize) {
        let from = at(from, size);
        self.0.copy_within(from..from + size, at(to, size));
    }
}

/// Where time step `k` starts.
fn at(k: usize, size: usize) -> usize {
    k * stride(size as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_by_hand() {
        assert_eq!([16, 32, 48, 64, 17].map(stride), [16, 48, 48, 80, 48]);
        assert_eq!(stride(16_384 * 16), 16_384 * 16 + 16);
        assert_eq!(stride(u64::MAX), u64::MAX);
    }

    #[test]
    fn steps_lie_apart() {
        let mut slots = Slots::zeros(Slots::elements(3, 32) as usize);
        assert_eq!(slots.0.len(), 3 * 48);
        for k in 0..3 {
            slots.get_mut(k, 32).fill(k as f32);
        }
        slots.copy(2, 0, 32);
        let (a, b) = slots.two(1, 0, 32);
        a[31] += b[31];
        assert_eq!([0, 1, 2].map(|k| slots.get(k, 32)[31]), [2.0, 3.0, 2.0]);
        assert_eq!((slots.get(1, 32)[0], slots.get_or_empty(1, 32)[0]), (1.0, 1.0));
        let mut none = Slots::zeros(0);
        assert!(none.get_or_empty(1, 32).is_empty() && none.get_mut_or_empty(1, 32).is_empty());
        assert!(slots.0.chunks(48).all(|slot| slot[32..].iter().all(|&x| x == 0.0)), "nothing between them is touched");
    }

    #[test]
    #[should_panic(expected = "two different steps")]
    fn one_step_is_not_two() {
        Slots::zeros(96).two(1, 1, 32);
    }
}
