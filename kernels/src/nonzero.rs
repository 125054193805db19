//! Which elements are not 0: how many, and where.

use crate::blocks::load;
use crate::isa::Isa;
use crate::simd::{Kernel, Simd, WIDTH};

struct CountNonzero<'a>(&'a [f32]);

impl Kernel for CountNonzero<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> usize {
        let mut count = 0;
        for start in (0..self.0.len()).step_by(WIDTH) {
            count += s.nonzero(load(s, self.0, start, WIDTH.min(self.0.len() - start))).count_ones() as usize;
        }
        count
    }
}

/// How many elements are not 0. NaN is not 0.
pub fn count_nonzero(isa: Isa, x: &[f32]) -> usize {
    isa.run(CountNonzero(x))
}

struct ListNonzero<'a>(&'a [f32], &'a mut [u32]);

impl Kernel for ListNonzero<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> usize {
        let Self(x, list) = self;
        let mut count = 0;
        for start in (0..x.len()).step_by(WIDTH) {
            let mut left = s.nonzero(load(s, x, start, WIDTH.min(x.len() - start)));
            while left != 0 {
                list[count] = start as u32 + left.trailing_zeros();
                count += 1;
                left &= left - 1;
            }
        }
        count
    }
}

/// Writes the places of the elements that are not 0, rising, to the front of `list`, and says how many they are. NaN is not
/// 0. Meant for few: it takes longer the more there are.
///
/// # Panics
/// If `list` is shorter than `x`, or `x` has 2^32 elements or more.
pub fn list_nonzero(isa: Isa, x: &[f32], list: &mut [u32]) -> usize {
    assert!(x.len() <= list.len() && u32::try_from(x.len()).is_ok(), "room for the place of every element");
    isa.run(ListNonzero(x, list))
}
