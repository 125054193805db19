//! The first trials of a data set, ready to be drawn.

use crate::data::{Dataset, Targets};
use crate::figure::{Channels, Target, Trial};

/// The first trials of a data set, with what a network answered. What counts for nothing is left out: targets under a
/// mask of 0, and all that stands behind the end of a trial.
#[derive(Debug)]
pub struct FirstTrials<'a> {
    data: &'a Dataset,
    count: usize,
    /// Values or classes of each step, NaN where there is nothing to draw; empty for one class per trial.
    targets: Vec<f32>,
    /// `[count, steps, outputs]`, or the class answered at each step, `[count, steps]`.
    outputs: Option<Vec<f32>>,
}

impl<'a> FirstTrials<'a> {
    /// The first `count` samples, or as many as there are; `outputs`, `[count, steps, outputs]`, is what a network answered.
    ///
    /// # Panics
    /// If `outputs` are fewer.
    pub fn new(data: &'a Dataset, count: usize, outputs: Option<&[f32]>) -> Self {
        let count = count.min(data.samples());
        let counted = |values: &[f32]| match data.targets().mask() {
            Some(mask) => values.iter().zip(mask).map(|(&value, &m)| if m == 0.0 { f32::NAN } else { value }).collect(),
            None => values.to_vec(),
        };
        let size = count * data.steps();
        let targets = match data.targets() {
            Targets::Series { values, outputs, .. } => counted(&values[..size * outputs]),
            Targets::StepClasses { labels, .. } => {
                counted(&labels[..size].iter().map(|&label| label as f32).collect::<Vec<_>>())
            }
            Targets::Classes { .. } | Targets::Missing { .. } => Vec::new(),
        };
        let outputs = outputs.map(|outputs| drawn_outputs(data, &outputs[..size * data.outputs()]));
        Self { data, count, targets, outputs }
    }

    /// The trials, to draw with [`trials`](crate::figure::trials).
    pub fn trials(&self) -> Vec<Trial<'_>> {
        let data = self.data;
        let per_step = matches!(data.targets(), Targets::StepClasses { .. });
        let outputs = if per_step { 1 } else { data.outputs() };
        (0..self.count)
            .map(|k| Trial {
                inputs: channels(data.inputs(), data, data.channels(), k),
                target: match data.targets() {
                    Targets::Series { .. } => Target::Series(channels(&self.targets, data, data.outputs(), k)),
                    Targets::Classes { labels, .. } => Target::Class(labels[k] as usize),
                    Targets::StepClasses { .. } => Target::StepClasses(channels(&self.targets, data, 1, k)),
                    Targets::Missing { .. } => Target::Unknown,
                },
                outputs: self.outputs.as_ref().map(|values| channels(values, data, outputs, k)),
            })
            .collect()
    }
}

/// Trial `k` of `[samples, steps, count]`.
fn channels<'a>(values: &'a [f32], data: &Dataset, count: usize, k: usize) -> Channels<'a> {
    let size = data.steps() * count;
    Channels { values: &values[k * size..][..size], count }
}

/// Outputs up to the end of each trial, NaN behind it; for one class per trial its last step is put last, as the answer is
/// read there; with a class for each step, the class of the largest output.
fn drawn_outputs(data: &Dataset, outputs: &[f32]) -> Vec<f32> {
    let (steps, width) = (data.steps(), data.outputs());
    let mut drawn = Vec::with_capacity(outputs.len());
    for (k, trial) in outputs.chunks_exact(steps * width).enumerate() {
        let length = data.length(k);
        match data.targets() {
            Targets::StepClasses { .. } => {
                drawn.extend(trial.chunks_exact(width).take(length).map(largest));
                drawn.resize((k + 1) * steps, f32::NAN);
            }
            Targets::Classes { .. } => {
                drawn.extend(&trial[..(steps - 1) * width]);
                drawn.extend(&trial[(length - 1) * width..][..width]);
            }
            _ => {
                drawn.extend(&trial[..length * width]);
                drawn.resize((k + 1) * steps * width, f32::NAN);
            }
        }
    }
    drawn
}

/// The class of the largest output; NaN where one is NaN.
fn largest(outputs: &[f32]) -> f32 {
    if outputs.iter().any(|y| y.is_nan()) {
        return f32::NAN;
    }
    let best = outputs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(f32::NAN, |(class, _)| class as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 samples of 3 steps and 1 channel; the second has one step.
    fn data(targets: Targets) -> Dataset {
        Dataset::with_lengths(vec![0.5; 6], [2, 3, 1], targets, Some(vec![3, 1])).unwrap()
    }

    fn shown(values: &[f32]) -> Vec<Option<f32>> {
        values.iter().map(|&value| (!value.is_nan()).then_some(value)).collect()
    }

    #[test]
    fn masked_targets_are_left_out() {
        let mask = Some(vec![1.0, 0.0, 2.0, 1.0, 1.0, 1.0]);
        let data = data(Targets::Series { values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], outputs: 1, mask });
        let first = FirstTrials::new(&data, 9, Some(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]));
        let trials = first.trials();
        let Target::Series(one) = trials[0].target else { panic!("a series") };
        assert_eq!(shown(one.values), [Some(1.0), None, Some(3.0)]);
        let Target::Series(two) = trials[1].target else { panic!("a series") };
        assert_eq!(shown(two.values), [Some(4.0), None, None]);
        assert_eq!(shown(trials[0].outputs.unwrap().values), [Some(0.1), Some(0.2), Some(0.3)]);
        assert_eq!(shown(trials[1].outputs.unwrap().values), [Some(0.4), None, None]);
    }

    #[test]
    fn classes_of_each_step_are_compared_with_the_largest_output() {
        let data = data(Targets::StepClasses { labels: vec![0, 1, 1, 1, 0, 0], classes: 2, mask: None });
        let outputs = [1.0, 0.0, 0.0, 1.0, 0.5, 0.2, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        let first = FirstTrials::new(&data, 2, Some(&outputs));
        let trials = first.trials();
        let Target::StepClasses(one) = trials[0].target else { panic!("classes of each step") };
        assert_eq!(one.values, [0.0, 1.0, 1.0]);
        assert_eq!(trials[0].outputs.unwrap().values, [0.0, 1.0, 0.0]);
        assert_eq!(shown(trials[1].outputs.unwrap().values), [Some(1.0), None, None]);
    }

    #[test]
    fn the_answer_is_read_where_the_trial_ends() {
        let data = data(Targets::Classes { labels: vec![0, 1], classes: 2 });
        let outputs: Vec<f32> = (0..12).map(|k| k as f32).collect();
        let first = FirstTrials::new(&data, 2, Some(&outputs));
        let last = |k: usize| first.trials()[k].outputs.unwrap().values[4..].to_vec();
        assert_eq!([last(0), last(1)], [vec![4.0, 5.0], vec![6.0, 7.0]]);
        assert_eq!(first.trials()[1].target, Target::Class(1));
    }
}
