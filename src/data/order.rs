//! The order of samples in an epoch, and how it falls into batches.
//!
//! A batch is a slice of the order: `order.chunks(batch)`. The last one may be smaller and is kept, as torch's
//! `DataLoader` does by default.

use rand::seq::SliceRandom;

use crate::error::{Error, Result};
use crate::random::{Purpose, stream};

/// Fills `out` with `0..samples` in the order of an epoch (Fisher-Yates, from the epoch's own stream).
///
/// Every epoch can be had without those before it. `out` is reused: it allocates only when it grows.
///
/// # Panics
/// If `samples` is above `u32::MAX`.
pub fn epoch_order(seed: u64, epoch: u32, samples: usize, out: &mut Vec<u32>) {
    let samples = u32::try_from(samples).expect("sample numbers must fit in u32");
    out.clear();
    out.extend(0..samples);
    out.shuffle(&mut stream(seed, Purpose::Shuffle, epoch));
}

/// Batches in an epoch, the last incomplete one included.
///
/// # Panics
/// If `batch` is 0.
pub fn batches_per_epoch(samples: usize, batch: usize) -> usize {
    samples.div_ceil(batch)
}

/// Whether a batch of this size can be had.
///
/// # Errors
/// [`Error::Setting`] with the key `batch`, if it is 0 or more than the training samples.
pub fn check_batch(batch: usize, samples: usize) -> Result<()> {
    if batch == 0 || batch > samples {
        let problem = format!("{batch}, but there are {samples} training samples; expected 1 to {samples}");
        return Err(Error::setting("batch", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(seed: u64, epoch: u32, samples: usize) -> Vec<u32> {
        let mut out = vec![99; 3];
        epoch_order(seed, epoch, samples, &mut out);
        out
    }

    /// Recorded seeds must mean the same on every machine and in every version.
    #[test]
    fn the_order_is_the_recorded_one() {
        assert_eq!(order(1, 0, 10), [4, 6, 8, 3, 5, 1, 2, 7, 0, 9]);
        assert_eq!(order(1, 1, 10), [5, 0, 4, 7, 9, 3, 8, 1, 6, 2]);
    }

    #[test]
    fn every_place_is_reached_equally_often() {
        // 4,000 orders of 4: each sample stands at each place 1,000 times, with a deviation of sqrt(750) = 27.
        let mut counts = [[0u32; 4]; 4];
        for epoch in 0..4000 {
            for (place, &sample) in order(3, epoch, 4).iter().enumerate() {
                counts[place][sample as usize] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|count| (850..=1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn batches_keep_the_rest() {
        assert_eq!(batches_per_epoch(10, 5), 2);
        assert_eq!(batches_per_epoch(11, 5), 3);
        assert_eq!(order(1, 0, 11).chunks(5).count(), 3);
        assert!(check_batch(10, 10).is_ok());
        assert!(check_batch(0, 10).is_err());
        let text = check_batch(11, 10).unwrap_err().to_string();
        assert_eq!(text, "`batch`: 11, but there are 10 training samples; expected 1 to 10");
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation(seed: u64, epoch: u32, samples in 0usize..300) {
            let mut sorted = order(seed, epoch, samples);
            prop_assert_eq!(&sorted, &order(seed, epoch, samples));
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..samples as u32).collect::<Vec<_>>());
        }
    }
}
