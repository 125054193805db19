//! Flip-flop: at each step ±1 with probability p, else 0; the target is the last input so far that was not 0.
//!
//! Source: the paper's first task (there 1 channel, 50 steps, p = 0.05). Each channel is a bit of its own, held by
//! the output of the same number; before its first pulse the target is 0.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::task::{Description, Drawn, Split, Task};

/// The flip-flop's settings. Inputs `[samples, steps, channels]`, targets `[samples, steps, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FlipFlop {
    /// Independent channels, and outputs.
    #[serde(default = "crate::defaults::one")]
    pub channels: usize,
    /// Time steps of a trial.
    pub steps: usize,
    /// Probability of a pulse at a step, from 0 to 1.
    pub probability: f64,
    /// Trials to learn from.
    pub train_samples: usize,
    /// Trials to test on.
    pub test_samples: usize,
    /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
    #[serde(default)]
    pub samples: Drawn,
}

impl Task for FlipFlop {
    fn name(&self) -> &'static str {
        "flip-flop"
    }

    fn describe(&self) -> Description {
        Description {
            learned: "hold a bit for each channel: answer with the last pulse, +1 or -1, that it brought",
            inputs: "rare pulses of +1 and -1, else 0: [samples, steps, channels]",
            targets: "the last pulse of each channel, 0 before the first: [samples, steps, channels]",
            source: "the paper's flip-flop (Fig. 2) with 1 channel; with k channels, k bits at once",
        }
    }

    fn example() -> Self {
        Self {
            channels: 1,
            steps: 50,
            probability: 0.05,
            train_samples: 6000,
            test_samples: 1000,
            samples: Drawn::Fixed,
        }
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
        let trial = self.steps * self.channels;
        for (inputs, values) in inputs.chunks_exact_mut(trial).zip(values.chunks_exact_mut(trial)) {
            for at in 0..trial {
                if stream.random_bool(self.probability) {
                    inputs[at] = if stream.random_bool(0.5) { 1.0 } else { -1.0 };
                    values[at] = inputs[at];
                } else if let Some(before) = at.checked_sub(self.channels) {
                    values[at] = values[before];
                }
            }
        }
        Dataset::new(inputs, shape, Targets::Series { values, outputs: self.channels, mask: None })
    }
}

impl FlipFlop {
    /// Whether the settings of a trial are within their ranges.
    fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.probability) {
            let problem = format!("{}; expected a probability from 0 to 1", self.probability);
            return Err(Error::setting("task.probability", problem));
        }
        super::check_sizes(&[("task.channels", self.channels), ("task.steps", self.steps)])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: FlipFlop = FlipFlop {
        channels: 3,
        steps: 20,
        probability: 0.2,
        train_samples: 50,
        test_samples: 10,
        samples: Drawn::Fixed,
    };

    fn values(dataset: &Dataset) -> &[f32] {
        let Targets::Series { values, mask: None, .. } = dataset.targets() else { panic!("series without a mask") };
        values
    }

    #[test]
    fn targets_hold_the_last_pulse_of_their_channel() {
        let data = SMALL.generate(1).unwrap();
        for dataset in [data.train(), data.test()] {
            assert_eq!([dataset.steps(), dataset.channels(), dataset.outputs()], [20, 3, 3]);
            let mut held = [0.0; 3];
            for (at, (&input, &target)) in dataset.inputs().iter().zip(values(dataset)).enumerate() {
                if at % (20 * 3) == 0 {
                    held = [0.0; 3];
                }
                if input != 0.0 {
                    held[at % 3] = input;
                }
                assert_eq!(target, held[at % 3], "at {at}");
            }
        }
        assert_eq!([data.train().samples(), data.test().samples()], [50, 10]);
    }

    #[test]
    fn pulses_have_their_probability_and_fair_signs() {
        let task = FlipFlop {
            channels: 1,
            steps: 50,
            probability: 0.05,
            train_samples: 6000,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let data = task.generate(7).unwrap();
        let count = |value: f32| data.train().inputs().iter().filter(|&&input| input == value).count() as f64;
        let (up, down, none) = (count(1.0), count(-1.0), count(0.0));
        assert_eq!(up + down + none, 300_000.0);
        // 15,000 pulses with a deviation of 119; signs with a deviation of 61.
        assert!((up + down - 15_000.0).abs() < 600.0, "{up} {down}");
        assert!((up - down).abs() < 600.0, "{up} {down}");
    }

    /// Three bits, each of its own pulses: every pair of held values comes up.
    #[test]
    fn channels_are_independent_bits() {
        let task = FlipFlop {
            channels: 3,
            steps: 100,
            probability: 0.1,
            train_samples: 100,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let data = task.generate(3).unwrap();
        let mut pairs = [[[0; 3]; 3]; 3];
        for (k, (one, other)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
            for held in values(data.train()).chunks(3) {
                pairs[k][(held[one] + 1.0) as usize][(held[other] + 1.0) as usize] += 1;
            }
            // about 2,000 of each pair of signs (10,000 steps, 9 % before the first pulse), few of them independent
            for (a, b) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
                assert!((1200..=2800).contains(&pairs[k][a][b]), "{pairs:?}");
            }
        }
        // both pulse in 1 % of 10,000 steps, with a deviation of 10
        let both = data.train().inputs().chunks(3).filter(|pulses| pulses[0] != 0.0 && pulses[1] != 0.0).count();
        assert!((60..=140).contains(&both), "{both}");
    }

    #[test]
    fn probability_0_and_1_are_allowed() {
        let silent = FlipFlop { probability: 0.0, ..SMALL }.generate(1).unwrap();
        assert!(values(silent.train()).iter().all(|&value| value == 0.0));
        let busy = FlipFlop { probability: 1.0, ..SMALL }.generate(1).unwrap();
        assert!(busy.train().inputs().iter().all(|value| value.abs() == 1.0));
        assert_eq!(busy.train().inputs(), values(busy.train()));
    }

    #[test]
    fn data_follow_from_the_seed_and_splits_are_apart() {
        let data = SMALL.generate(1).unwrap();
        assert_eq!(data, SMALL.generate(1).unwrap());
        assert_ne!(data, SMALL.generate(2).unwrap());
        let same_size = FlipFlop { test_samples: 50, ..SMALL }.generate(1).unwrap();
        assert_eq!(same_size.train(), data.train());
        assert_ne!(same_size.train().inputs(), same_size.test().inputs());
    }

    /// Recorded seeds must mean the same on every machine and in every version.
    #[test]
    fn pulses_are_the_recorded_ones() {
        let task = FlipFlop {
            channels: 1,
            steps: 12,
            probability: 0.5,
            train_samples: 1,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let pulses = [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 1.0, 0.0];
        assert_eq!(task.generate(1).unwrap().train().inputs(), pulses);
    }

    #[test]
    fn wrong_settings_are_named() {
        let problem = |task: FlipFlop| task.generate(1).unwrap_err().to_string();
        for probability in [-0.1, 1.1, f64::NAN] {
            assert!(problem(FlipFlop { probability, ..SMALL }).starts_with("`task.probability`"));
        }
        assert!(problem(FlipFlop { channels: 0, ..SMALL }).starts_with("`task.channels`: 0"));
        assert!(problem(FlipFlop { steps: 0, ..SMALL }).starts_with("`task.steps`: 0"));
        assert!(problem(FlipFlop { train_samples: 0, ..SMALL }).starts_with("`task.train-samples`: 0"));
        assert!(problem(FlipFlop { test_samples: 0, ..SMALL }).starts_with("`task.test-samples`: 0"));
        let huge = problem(FlipFlop { steps: usize::MAX, ..SMALL });
        assert!(huge.starts_with("`task.train-samples`") && huge.contains("memory"), "{huge}");
        let huge = problem(FlipFlop { steps: 1 << 50, ..SMALL });
        assert!(huge.starts_with("`task.train-samples`") && huge.contains("memory"), "{huge}");
    }
}
