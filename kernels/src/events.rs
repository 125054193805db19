//! Which neurons send something, and what.

use crate::blocks::load;
use crate::isa::Isa;
use crate::simd::{Kernel, Simd, WIDTH};

/// What an active neuron sends in a time step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Event {
    /// The neuron.
    pub from: u32,
    /// Its rate.
    pub rate: f32,
}

struct ListEvents<'a>(&'a [f32], &'a mut [Event]);

impl Kernel for ListEvents<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Option<usize> {
        let Self(rates, list) = self;
        let mut count = 0;
        for start in (0..rates.len()).step_by(WIDTH) {
            let mut left = s.nonzero(load(s, rates, start, WIDTH.min(rates.len() - start)));
            let list = list.get_mut(count..count + left.count_ones() as usize)?;
            count += list.len();
            for event in list {
                let from = start as u32 + left.trailing_zeros();
                *event = Event { from, rate: rates[from as usize] };
                left &= left - 1;
            }
        }
        Some(count)
    }
}

/// Writes the neurons whose rate is not 0 to the front of `list`, rising, and says how many they are: `None` (and anything in
/// `list`) where they are more than it has room for. NaN is not 0. Meant for few: it takes longer the more there are.
///
/// # Panics
/// If there are 2^32 rates or more.
pub fn list_events(isa: Isa, rates: &[f32], list: &mut [Event]) -> Option<usize> {
    assert!(u32::try_from(rates.len()).is_ok(), "a neuron is a number of four bytes");
    isa.run(ListEvents(rates, list))
}
