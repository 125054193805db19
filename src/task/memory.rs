//! Delayed memory: a cue of ±1 on one channel, silence, then the answer must be the cue.
//!
//! A trial has three parts: `cue` steps in which one channel, drawn with equal chance, is +1 or -1 and the others are 0;
//! `delay` steps in which all are 0; and the rest, in which they stay 0 and the output of that channel must be the cue,
//! those of the others 0. Only this last part counts: the mask is 1 there and 0 before.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::task::{Description, Drawn, Split, Task};

/// The settings of delayed memory. Inputs, targets and mask `[samples, steps, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    /// Channels that the cue may come on, and outputs.
    #[serde(default = "crate::defaults::one")]
    pub channels: usize,
    /// Time steps of a trial: cue, delay, and at least one for the answer.
    pub steps: usize,
    /// Steps of the cue, at least 1.
    #[serde(default = "crate::defaults::one")]
    pub cue: usize,
    /// Steps of silence between the cue and the answer.
    pub delay: usize,
    /// Trials to learn from.
    pub train_samples: usize,
    /// Trials to test on.
    pub test_samples: usize,
    /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
    #[serde(default)]
    pub samples: Drawn,
}

impl Task for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn describe(&self) -> Description {
        Description {
            learned: "remember a cue over a delay: answer with it after the silence",
            inputs: "a cue of +1 or -1 on one channel, then silence: [samples, steps, channels]",
            targets: "after the delay, the cue on its channel; before, nothing counts: [samples, steps, channels]",
            source: "delayed memory, a standard test of working memory; not in the paper",
        }
    }

    fn example() -> Self {
        Self { channels: 2, steps: 50, cue: 5, delay: 35, train_samples: 32, test_samples: 16, samples: Drawn::Fixed }
    }

    fn samples(&self) -> [usize; 2] {
        [self.train_samples, self.test_samples]
    }

    fn set_samples(&mut self, samples: [usize; 2]) {
        [self.train_samples, self.test_samples] = samples;
    }

    fn drawn(&self) -> Drawn {
        self.samples
    }

    fn split(&self, split: Split, _seed: u64, draw: u64) -> Result<Dataset> {
        self.check()?;
        let (key, samples, mut stream) = (split.key(), split.of(self.samples()), split.stream(draw));
        super::check_sizes(&[(key, samples)])?;
        let shape = [samples, self.steps, self.channels];
        let mut inputs = super::zeros(key, shape)?;
        let mut values = super::zeros(key, shape)?;
        let mut mask = super::zeros(key, shape)?;
        let trial = self.steps * self.channels;
        let (cue, answer) = (self.cue * self.channels, (self.cue + self.delay) * self.channels);
        let trials =
            inputs.chunks_exact_mut(trial).zip(values.chunks_exact_mut(trial)).zip(mask.chunks_exact_mut(trial));
        for ((inputs, values), mask) in trials {
            let channel = stream.random_range(0..self.channels);
            let sign = if stream.random_bool(0.5) { 1.0 } else { -1.0 };
            inputs[..cue].iter_mut().skip(channel).step_by(self.channels).for_each(|x| *x = sign);
            values[answer..].iter_mut().skip(channel).step_by(self.channels).for_each(|y| *y = sign);
            mask[answer..].fill(1.0);
        }
        Dataset::new(inputs, shape, Targets::Series { values, outputs: self.channels, mask: Some(mask) })
    }
}

impl Memory {
    /// Whether the settings of a trial are within their ranges.
    fn check(&self) -> Result<()> {
        super::check_sizes(&[("task.channels", self.channels), ("task.steps", self.steps), ("task.cue", self.cue)])?;
        if self.cue >= self.steps {
            let problem = format!(
                "{}; expected from 1 to {}: an answer needs a step of {} too",
                self.cue,
                self.steps - 1,
                self.steps
            );
            return Err(Error::setting("task.cue", problem));
        }
        let most = self.steps - self.cue - 1;
        if self.delay > most {
            let problem = format!(
                "{}; expected at most {most}: the cue takes {} of {} steps, and an answer at least 1",
                self.delay, self.cue, self.steps
            );
            return Err(Error::setting("task.delay", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Memory =
        Memory { channels: 2, steps: 6, cue: 2, delay: 1, train_samples: 40, test_samples: 10, samples: Drawn::Fixed };

    fn parts(dataset: &Dataset) -> (&[f32], &[f32], &[f32]) {
        let Targets::Series { values, mask: Some(mask), .. } = dataset.targets() else { panic!("series with a mask") };
        (dataset.inputs(), values, mask)
    }

    #[test]
    fn the_four_trials_by_hand() {
        let trial = |channel: usize, sign: f32| {
            let on = |k: usize| if k == channel { sign } else { 0.0 };
            let (cue, none) = ([on(0), on(1)], [0.0, 0.0]);
            (
                [cue, cue, none, none, none, none].concat(),
                [none, none, none, cue, cue, cue].concat(),
                [none, none, none, [1.0; 2], [1.0; 2], [1.0; 2]].concat(),
            )
        };
        let expected = [trial(0, 1.0), trial(0, -1.0), trial(1, 1.0), trial(1, -1.0)];
        let data = SMALL.generate(1).unwrap();
        let (inputs, values, mask) = parts(data.train());
        let mut seen = [0; 4];
        for ((inputs, values), mask) in inputs.chunks(12).zip(values.chunks(12)).zip(mask.chunks(12)) {
            let found = (inputs.to_vec(), values.to_vec(), mask.to_vec());
            seen[expected.iter().position(|trial| *trial == found).expect("one of the four")] += 1;
        }
        assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
        assert_eq!([data.train().samples(), data.train().steps(), data.train().channels()], [40, 6, 2]);
        assert_eq!([data.test().samples(), data.test().outputs()], [10, 2]);
    }

    #[test]
    fn cues_are_fair() {
        let task = Memory {
            channels: 4,
            steps: 3,
            cue: 1,
            delay: 0,
            train_samples: 8000,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let data = task.generate(5).unwrap();
        for channel in 0..4 {
            for sign in [1.0, -1.0] {
                let cues = parts(data.train()).0.chunks(12).filter(|trial| trial[channel] == sign).count();
                // 1,000 of each with a deviation of sqrt(8000 · 1/8 · 7/8) = 30
                assert!((850..=1150).contains(&cues), "{channel} {sign}: {cues}");
            }
        }
    }

    #[test]
    fn data_follow_from_the_seed_and_splits_are_apart() {
        let data = SMALL.generate(1).unwrap();
        assert_eq!(data, SMALL.generate(1).unwrap());
        assert_ne!(data, SMALL.generate(2).unwrap());
        let same_size = Memory { test_samples: 40, ..SMALL }.generate(1).unwrap();
        assert_eq!(same_size.train(), data.train());
        assert_ne!(same_size.train().inputs(), same_size.test().inputs());
    }

    /// Recorded seeds must mean the same on every machine and in every version.
    #[test]
    fn cues_are_the_recorded_ones() {
        let task = Memory {
            channels: 3,
            steps: 2,
            cue: 1,
            delay: 0,
            train_samples: 4,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let data = task.generate(1).unwrap();
        let cues: Vec<&[f32]> = parts(data.train()).0.chunks(6).map(|trial| &trial[..3]).collect();
        assert_eq!(cues, [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    }

    #[test]
    fn wrong_settings_are_named() {
        let problem = |task: Memory| task.generate(1).unwrap_err().to_string();
        assert!(problem(Memory { channels: 0, ..SMALL }).starts_with("`task.channels`: 0"));
        assert!(problem(Memory { steps: 0, ..SMALL }).starts_with("`task.steps`: 0"));
        assert!(problem(Memory { cue: 0, ..SMALL }).starts_with("`task.cue`: 0"));
        assert!(problem(Memory { cue: 6, ..SMALL }).starts_with("`task.cue`: 6; expected from 1 to 5"));
        assert!(problem(Memory { delay: 4, ..SMALL }).starts_with("`task.delay`: 4; expected at most 3"));
        assert!(problem(Memory { delay: usize::MAX, ..SMALL }).starts_with("`task.delay`"));
        assert!(problem(Memory { train_samples: 0, ..SMALL }).starts_with("`task.train-samples`: 0"));
        assert!(problem(Memory { test_samples: 0, ..SMALL }).starts_with("`task.test-samples`: 0"));
        let huge = problem(Memory { steps: 1 << 50, ..SMALL });
        assert!(huge.starts_with("`task.train-samples`") && huge.contains("memory"), "{huge}");
        assert!(Memory { delay: 3, ..SMALL }.generate(1).is_ok());
    }
}
