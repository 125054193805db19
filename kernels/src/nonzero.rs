//! Which elements are not 0.

use crate::blocks::load;
use crate::isa::Isa;
use crate::simd::{Kernel, Simd, WIDTH};

struct ListNonzero<'a>(&'a [f32], &'a mut [u32]);

impl Kernel for ListNonzero<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Option<usize> {
        let Self(x, list) = self;
        let mut count = 0;
        for start in (0..x.len()).step_by(WIDTH) {
            let mut left = s.nonzero(load(s, x, start, WIDTH.min(x.len() - start)));
            let list = list.get_mut(count..count + left.count_ones() as usize)?;
            count += list.len();
            for place in list {
                *place = start as u32 + left.trailing_zeros();
                left &= left - 1;
            }
        }
        Some(count)
    }
}

/// Writes the places of the elements that are not 0, rising, to the front of `list`, and says how many they are: `None`
/// (and anything in `list`) where they are more than it has room for. NaN is not 0. Meant for few: it takes longer the more
/// there are.
///
/// # Panics
/// If `x` has 2^32 elements or more.
pub fn list_nonzero(isa: Isa, x: &[f32], list: &mut [u32]) -> Option<usize> {
    assert!(u32::try_from(x.len()).is_ok(), "a place is a number of four bytes");
    isa.run(ListNonzero(x, list))
}
