//! `z[i] += Σ_j W[i,j] r[j]` over the neurons that send something: which they are, and their columns.

use crate::blocks::load;
use crate::columns::Columns;
use crate::isa::Isa;
use crate::simd::{Kernel, Simd, WIDTH};
use crate::tuning::{COLUMN_BYTES_AHEAD, COLUMNS_AHEAD};

/// What an active neuron sends in a time step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Event {
    /// The neuron.
    pub from: u32,
    /// Its rate.
    pub rate: f32,
}

/// A range of rows of a sparse matrix by columns, and the vector that it multiplies, of which most is 0.
#[derive(Clone, Copy, Debug)]
pub struct EventProduct<'a> {
    /// The matrix; its rows are those of the call.
    pub columns: &'a Columns,
    /// What of the vector is not 0, rising: see [`list_events`].
    pub events: &'a [Event],
}

/// Bytes of a cache line.
const LINE: usize = 64;

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

/// `z[i] += Σ_j W[i,j] r[j]` over the events, in their order: a row's sum does not depend on which rows are with it.
///
/// # Safety
/// `z` has an element for each row of the columns.
#[inline(always)]
pub(crate) unsafe fn add_events<S: Simd>(s: S, product: &EventProduct, z: &mut [f32]) {
    let columns = product.columns;
    for (k, &Event { from, rate }) in product.events.iter().enumerate() {
        if let Some(later) = product.events.get(k + COLUMNS_AHEAD) {
            let packed = columns.stretch(later.from as usize);
            // to the end of the last line that it reaches into, wherever in a line it begins
            let begins = packed.as_ptr() as usize % LINE;
            for line in (0..(begins + packed.len()).min(COLUMN_BYTES_AHEAD)).step_by(LINE) {
                s.prefetch(packed.as_ptr().wrapping_add(line).cast());
            }
        }
        let (values, targets) = columns.column(from as usize);
        let (values, _) = values.as_chunks();
        // one by one: writing the lanes of a vector to sixteen places costs more
        let mut add = |value: [u8; 4], target: u16| {
            // SAFETY: a target is below the number of rows.
            let z = unsafe { z.get_unchecked_mut(usize::from(target)) };
            *z = s.mul_add_one(f32::from_ne_bytes(value), rate, *z);
        };
        // four targets in one load
        let (fours, rest) = values.as_chunks::<4>();
        let (of_fours, of_rest) = targets.as_chunks::<8>();
        for (values, &targets) in fours.iter().zip(of_fours) {
            let targets = u64::from_le_bytes(targets);
            for (k, &value) in values.iter().enumerate() {
                add(value, (targets >> (16 * k)) as u16);
            }
        }
        for (&value, &target) in rest.iter().zip(of_rest.as_chunks::<2>().0) {
            add(value, u16::from_le_bytes(target));
        }
    }
}
