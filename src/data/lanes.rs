//! Gathers a batch into the layout that the kernels read: `[step][channel][lane]`, lanes contiguous.
//!
//! Lane `l` holds sample `samples[l]`; lanes beyond the samples are 0.

use daleian_kernels::WIDTH;

use rayon::prelude::*;

use crate::bptt::{LaneGroup, Target};
use crate::data::{Dataset, Targets};

impl Dataset {
    /// Fills lane groups with a batch: inputs, targets and lengths of `samples`, a share of them for each group.
    ///
    /// # Panics
    /// If there are fewer samples than the groups take, if one does not exist, or if the groups were made for data of
    /// another [form](Dataset::form).
    pub fn gather(&self, samples: &[u32], groups: &mut [LaneGroup]) {
        groups.par_iter_mut().for_each(|group| {
            let lanes = group.lanes;
            let samples = &samples[lanes.first..lanes.first + lanes.used];
            self.gather_inputs(samples, lanes.stored, &mut group.input);
            group.lengths.fill(self.steps() as u32);
            for (length, &sample) in group.lengths.iter_mut().zip(samples) {
                *length = self.length(sample as usize) as u32;
            }
            match &mut group.target {
                Target::Series { values, mask } => {
                    self.gather_targets(samples, lanes.stored, values);
                    self.gather_mask(samples, lanes.stored, mask);
                }
                Target::Classes { labels } => self.gather_labels(samples, lanes.stored, labels),
                Target::StepClasses { labels, mask } => {
                    self.gather_labels(samples, lanes.stored, labels);
                    self.gather_mask(samples, lanes.stored, mask);
                }
                Target::Missing => {}
            }
        });
    }

    /// Fills `out`, `[steps, channels, lanes]`, with the inputs of `samples`.
    ///
    /// # Panics
    /// If `lanes` is no multiple of 16 or fewer than the samples, if `out` has another length, or if a sample does not
    /// exist.
    pub fn gather_inputs(&self, samples: &[u32], lanes: usize, out: &mut [f32]) {
        gather(self.inputs(), self.steps() * self.channels(), samples, lanes, out);
    }

    /// Fills `out`, `[steps, outputs, lanes]`, with the target series of `samples`.
    ///
    /// # Panics
    /// As [`gather_inputs`](Self::gather_inputs), and if the targets are class labels.
    pub fn gather_targets(&self, samples: &[u32], lanes: usize, out: &mut [f32]) {
        let Targets::Series { values, outputs, .. } = self.targets() else {
            panic!("targets are gathered from series, labels with `gather_labels`")
        };
        gather(values, self.steps() * outputs, samples, lanes, out);
    }

    /// Fills `out`, `[steps, outputs, lanes]`, or `[steps, lanes]` for a class at each step, with the mask of `samples`;
    /// without a mask, 1 in the lanes of samples.
    ///
    /// # Panics
    /// As [`gather_inputs`](Self::gather_inputs), and if the targets have no mask, as one class per sample has none.
    pub fn gather_mask(&self, samples: &[u32], lanes: usize, out: &mut [f32]) {
        let width = match self.targets() {
            Targets::Series { outputs, .. } => self.steps() * outputs,
            Targets::StepClasses { .. } => self.steps(),
            Targets::Classes { .. } | Targets::Missing { .. } => panic!("only targets of each step have a mask"),
        };
        if let Some(mask) = self.targets().mask() {
            return gather(mask, width, samples, lanes, out);
        }
        check(width, samples, lanes, out.len());
        for row in out.chunks_exact_mut(lanes) {
            let (present, absent) = row.split_at_mut(samples.len());
            present.fill(1.0);
            absent.fill(0.0);
        }
    }

    /// Fills `out`, `[lanes]`, or `[steps, lanes]` for a class at each step, with the class labels of `samples`.
    ///
    /// # Panics
    /// As [`gather_inputs`](Self::gather_inputs), and if the targets are not class labels.
    pub fn gather_labels(&self, samples: &[u32], lanes: usize, out: &mut [u32]) {
        match self.targets() {
            Targets::Classes { labels, .. } => gather(labels, 1, samples, lanes, out),
            Targets::StepClasses { labels, .. } => gather(labels, self.steps(), samples, lanes, out),
            _ => panic!("labels are gathered from classes, series with `gather_targets`"),
        }
    }
}

fn check(width: usize, samples: &[u32], lanes: usize, out: usize) {
    assert!(lanes.is_multiple_of(WIDTH), "lanes ({lanes}) must be a multiple of {WIDTH}");
    assert!(samples.len() <= lanes, "{} samples do not fit in {lanes} lanes", samples.len());
    assert_eq!(out, width * lanes, "the gathered batch must hold {width} rows of {lanes} lanes");
}

/// `out[k][lane] = source[samples[lane]][k]` for `k < width`.
///
/// Sixteen lanes at a time: each row of them is one cache line to write, and the sixteen sources are read in order.
fn gather<T: Copy + Default>(source: &[T], width: usize, samples: &[u32], lanes: usize, out: &mut [T]) {
    check(width, samples, lanes, out.len());
    for (block, first) in (0..lanes).step_by(WIDTH).enumerate() {
        let chunk = samples.chunks(WIDTH).nth(block).unwrap_or_default();
        let mut rows: [&[T]; WIDTH] = [&[]; WIDTH];
        for (row, &sample) in rows.iter_mut().zip(chunk) {
            *row = &source[sample as usize * width..][..width];
        }
        let rows = &rows[..chunk.len()];
        for (k, out) in out.chunks_exact_mut(lanes).enumerate() {
            let (present, absent) = out[first..first + WIDTH].split_at_mut(rows.len());
            for (value, row) in present.iter_mut().zip(rows) {
                *value = row[k];
            }
            absent.fill(T::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(samples: usize, steps: usize, channels: usize, outputs: usize, mask: bool) -> Dataset {
        let count = |n: usize, start: f32| (0..n).map(|k| start + k as f32).collect::<Vec<_>>();
        let size = samples * steps * outputs;
        let targets = Targets::Series { values: count(size, -500.0), outputs, mask: mask.then(|| count(size, 2.0)) };
        Dataset::new(count(samples * steps * channels, 1.0), [samples, steps, channels], targets).unwrap()
    }

    #[test]
    fn two_samples_by_hand() {
        // Sample 0: steps (1, 2), (3, 4); sample 1: (5, 6), (7, 8).
        let dataset = numbered(2, 2, 2, 1, false);
        let mut out = [f32::NAN; 64];
        dataset.gather_inputs(&[1, 0], 16, &mut out);
        for (row, pair) in out.chunks(16).zip([[5.0, 1.0], [6.0, 2.0], [7.0, 3.0], [8.0, 4.0]]) {
            assert_eq!(row[..2], pair);
            assert_eq!(row[2..], [0.0; 14]);
        }
    }

    #[test]
    fn labels_follow_their_samples() {
        let targets = Targets::Classes { labels: vec![7, 8, 9], classes: 10 };
        let dataset = Dataset::new(vec![0.0; 3], [3, 1, 1], targets).unwrap();
        let mut out = [u32::MAX; 16];
        dataset.gather_labels(&[2, 0], 16, &mut out);
        assert_eq!(out[..3], [9, 7, 0]);
        assert_eq!(out[3..], [0; 13]);
    }

    #[test]
    fn labels_per_step_go_to_their_step_and_lane() {
        let targets = Targets::StepClasses { labels: vec![1, 2, 3, 4, 5, 6], classes: 7, mask: None };
        let dataset = Dataset::new(vec![0.0; 6], [2, 3, 1], targets).unwrap();
        let (mut labels, mut mask) = ([u32::MAX; 48], [f32::NAN; 48]);
        dataset.gather_labels(&[1, 0], 16, &mut labels);
        dataset.gather_mask(&[1, 0], 16, &mut mask);
        for (step, (labels, mask)) in labels.chunks(16).zip(mask.chunks(16)).enumerate() {
            assert_eq!(labels[..3], [4 + step as u32, 1 + step as u32, 0]);
            assert_eq!(mask[..3], [1.0, 1.0, 0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "multiple of 16")]
    fn lanes_must_fill_vectors() {
        numbered(1, 1, 1, 1, false).gather_inputs(&[0], 8, &mut [0.0; 8]);
    }

    #[test]
    #[should_panic(expected = "17 samples do not fit in 16 lanes")]
    fn samples_must_fit() {
        numbered(1, 1, 1, 1, false).gather_inputs(&[0; 17], 16, &mut [0.0; 16]);
    }

    #[test]
    #[should_panic(expected = "1 rows of 16 lanes")]
    fn the_target_must_have_the_right_size() {
        numbered(1, 1, 1, 1, false).gather_mask(&[0], 16, &mut [0.0; 32]);
    }

    proptest! {
        #[test]
        fn gathering_is_plain_indexing(
            steps in 1usize..5,
            channels in 1usize..4,
            outputs in 1usize..4,
            blocks in 1usize..4,
            mask: bool,
            picks in prop::collection::vec(0u32..9, 0..48),
        ) {
            let dataset = numbered(9, steps, channels, outputs, mask);
            let lanes = blocks * 16;
            let picks = &picks[..picks.len().min(lanes)];
            let Targets::Series { values, mask, .. } = dataset.targets() else { unreachable!() };
            let expect = |source: &dyn Fn(usize) -> f32, width: usize| {
                let mut expected = vec![0.0; width * lanes];
                for (lane, &sample) in picks.iter().enumerate() {
                    for k in 0..width {
                        expected[k * lanes + lane] = source(sample as usize * width + k);
                    }
                }
                expected
            };
            let mut out = vec![f32::NAN; steps * channels * lanes];
            dataset.gather_inputs(picks, lanes, &mut out);
            prop_assert_eq!(&out, &expect(&|at| dataset.inputs()[at], steps * channels));
            let mut out = vec![f32::NAN; steps * outputs * lanes];
            dataset.gather_targets(picks, lanes, &mut out);
            prop_assert_eq!(&out, &expect(&|at| values[at], steps * outputs));
            out.fill(f32::NAN);
            dataset.gather_mask(picks, lanes, &mut out);
            prop_assert_eq!(&out, &expect(&|at| mask.as_ref().map_or(1.0, |mask| mask[at]), steps * outputs));
        }
    }
}
