//! Wave reconstruction: two sine waves in, the same waves one step later out.
//!
//! exc(t) = 1.5 sin(s1 π t/50), inh(t) = 0.75 sin(s3 π t/50 + φ), t = 0, 0.2, …, 500; meant was more: plus
//! 0.5 sin(s2 π t/50), and plus 1.875 sin(s4 π t/50 + φ). s1 … s4 are integers from 1 to 5 and φ = -m π/6 with m from 4
//! to 6, drawn once a run; samples are windows at random starts.
//!
//! Source: the paper's second task, as its published notebook ran it and as its text means it.

use std::f64::consts::PI;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::random::{self, Purpose, Stream};
use crate::task::{Description, Drawn, Split, Task};

/// Points of the waves, 0.2 apart.
const POINTS: usize = 2501;
/// Points in a unit of time.
const PER_UNIT: f64 = 5.0;
/// Excitatory and inhibitory.
const CHANNELS: usize = 2;

/// Which waves: what the paper ran, or what it meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WavesVersion {
    /// One sine a channel.
    AsRun,
    /// Two sines a channel.
    Meant,
}

/// The settings of wave reconstruction. Inputs `[samples, steps, 2]`, targets `[samples, steps, 2]`: channel and output
/// 0 are the excitatory wave, 1 the inhibitory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waves {
    /// Which waves.
    pub version: WavesVersion,
    /// Time steps of a window, at most 2,500; the paper has 500.
    pub steps: usize,
    /// Windows to learn from.
    pub train_samples: usize,
    /// Windows to test on.
    pub test_samples: usize,
    /// Whether each epoch has training samples of its own (`"fresh"`) or all have the same (`"fixed"`, the default).
    #[serde(default)]
    pub samples: Drawn,
}

impl Task for Waves {
    fn name(&self) -> &'static str {
        "waves"
    }

    fn describe(&self) -> Description {
        Description {
            learned: "continue two waves: answer with the value of each one step later",
            inputs: "2 waves, from windows at random starts: [samples, steps, 2]",
            targets: "the same waves one step later: [samples, steps, 2]",
            source: "the paper's wave reconstruction (Fig. 2), as it was run and as it was meant",
        }
    }

    fn example() -> Self {
        Self {
            version: WavesVersion::AsRun,
            steps: 500,
            train_samples: 1000,
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

    /// Windows of the waves of `seed`.
    fn split(&self, split: Split, seed: u64, draw: u64) -> Result<Dataset> {
        if !(1..POINTS).contains(&self.steps) {
            let problem = format!("{}; expected 1 to {}: the waves have {POINTS} points", self.steps, POINTS - 1);
            return Err(Error::setting("task.steps", problem));
        }
        let (key, samples, mut stream) = (split.key(), split.of(self.samples()), split.stream(draw));
        super::check_sizes(&[(key, samples)])?;
        let waves = Parameters::draw(random::stream(seed, Purpose::TaskParameters, 0)).waves(self.version);
        let shape = [samples, self.steps, CHANNELS];
        let mut inputs = super::zeros(key, shape)?;
        let mut values = super::zeros(key, shape)?;
        let window = self.steps * CHANNELS;
        for (inputs, values) in inputs.chunks_exact_mut(window).zip(values.chunks_exact_mut(window)) {
            // the target needs a point more than the input
            let start = stream.random_range(0..POINTS - self.steps) * CHANNELS;
            inputs.copy_from_slice(&waves[start..][..window]);
            values.copy_from_slice(&waves[start + CHANNELS..][..window]);
        }
        Dataset::new(inputs, shape, Targets::Series { values, outputs: CHANNELS, mask: None })
    }
}

/// What is drawn once a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    /// s1 … s4.
    frequencies: [u32; 4],
    /// m: φ = -m π/6.
    lag: u32,
}

impl Parameters {
    /// All of them, so that both versions of a seed have the same first waves.
    fn draw(mut stream: Stream) -> Self {
        Self { frequencies: std::array::from_fn(|_| stream.random_range(1..=5)), lag: stream.random_range(4..=6) }
    }

    /// `[POINTS, 2]`, row-major.
    fn waves(&self, version: WavesVersion) -> Vec<f32> {
        let [s1, s2, s3, s4] = self.frequencies.map(f64::from);
        let phi = -f64::from(self.lag) * PI / 6.0;
        let second = match version {
            WavesVersion::AsRun => 0.0,
            WavesVersion::Meant => 1.0,
        };
        let at = |point: usize| {
            let angle = PI * (point as f64 / PER_UNIT) / 50.0;
            let exc = 1.5 * (s1 * angle).sin() + second * 0.5 * (s2 * angle).sin();
            let inh = 0.75 * (s3 * angle + phi).sin() + second * 1.875 * (s4 * angle + phi).sin();
            [exc as f32, inh as f32]
        };
        (0..POINTS).flat_map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use proptest::prelude::*;

    const PAPER: Waves =
        Waves { version: WavesVersion::AsRun, steps: 500, train_samples: 30, test_samples: 20, samples: Drawn::Fixed };

    fn values(dataset: &Dataset) -> &[f32] {
        let Targets::Series { values, mask: None, .. } = dataset.targets() else { panic!("series without a mask") };
        values
    }

    #[test]
    fn the_waves_by_hand() {
        let parameters = Parameters { frequencies: [1, 3, 3, 1], lag: 6 };
        let close = |got: &[f32], want: [f64; 2]| {
            for (&got, want) in got.iter().zip(want) {
                assert!((f64::from(got) - want).abs() < 1e-6, "{got} {want}");
            }
        };
        // t = 0, 25, 50, 75, 500: sin(s π t/50) with s = 1 is 0, 1, 0, -1, 0 and with s = 3 is 0, -1, 0, 1, 0;
        // φ = -π turns the sign of the inhibitory waves around
        let points = [0, 125, 250, 375, 2500];
        let run = parameters.waves(WavesVersion::AsRun);
        assert_eq!(run.len(), 2501 * 2);
        for (point, want) in points.into_iter().zip([[0.0, 0.0], [1.5, 0.75], [0.0, 0.0], [-1.5, -0.75], [0.0, 0.0]]) {
            close(&run[2 * point..], want);
        }
        let meant = parameters.waves(WavesVersion::Meant);
        for (point, want) in points.into_iter().zip([[0.0, 0.0], [1.0, -1.125], [0.0, 0.0], [-1.0, 1.125], [0.0, 0.0]])
        {
            close(&meant[2 * point..], want);
        }
        // φ = -4 π/6 at t = 0, and the first step: π 0.2/50
        let run = Parameters { frequencies: [5, 1, 3, 1], lag: 4 }.waves(WavesVersion::AsRun);
        close(&run, [0.0, -0.75 * 0.75f64.sqrt()]);
        close(&run[2..], [1.5 * (PI / 50.0).sin(), 0.75 * (3.0 * PI / 250.0 - 2.0 * PI / 3.0).sin()]);
    }

    #[test]
    fn parameters_are_of_their_ranges_and_all_are_drawn() {
        let (mut frequencies, mut lags) = ([[0; 7]; 4], [0; 8]);
        for seed in 0..2000 {
            let drawn = Parameters::draw(random::stream(seed, Purpose::TaskParameters, 0));
            drawn.frequencies.iter().zip(&mut frequencies).for_each(|(&s, counts)| counts[s as usize] += 1);
            lags[drawn.lag as usize] += 1;
        }
        for counts in frequencies {
            assert_eq!((counts[0], counts[6]), (0, 0));
            // 400 each with a deviation of 18
            assert!(counts[1..6].iter().all(|count| (300..=500).contains(count)), "{counts:?}");
        }
        // 667 each with a deviation of 21
        assert_eq!(lags[4..7].iter().sum::<i32>(), 2000);
        assert!(lags[4..7].iter().all(|count| (560..=770).contains(count)), "{lags:?}");
    }

    #[test]
    fn windows_of_a_version_are_of_one_pair_of_waves() {
        for version in [WavesVersion::AsRun, WavesVersion::Meant] {
            let data = Waves { version, ..PAPER }.generate(4).unwrap();
            let waves = Parameters::draw(stream(4, Purpose::TaskParameters, 0)).waves(version);
            for dataset in [data.train(), data.test()] {
                assert_eq!([dataset.steps(), dataset.channels(), dataset.outputs()], [500, 2, 2]);
                for window in dataset.inputs().chunks(1000) {
                    assert!((0..=2000).any(|start| waves[2 * start..][..1000] == *window), "no window of the waves");
                }
            }
            assert_eq!([data.train().samples(), data.test().samples()], [30, 20]);
        }
    }

    #[test]
    fn starts_reach_both_ends() {
        // 2 starts are possible: at point 0 and at point 1
        let task = Waves { steps: 2499, ..PAPER };
        let data = task.generate(1).unwrap();
        let waves = Parameters::draw(stream(1, Purpose::TaskParameters, 0)).waves(WavesVersion::AsRun);
        for start in [0, 1] {
            assert!(data.train().inputs().chunks(2 * 2499).any(|window| window == &waves[2 * start..][..2 * 2499]));
        }
        let whole = Waves { steps: 2500, ..PAPER }.generate(1).unwrap();
        assert_eq!(whole.test().inputs()[..5000], waves[..5000]);
        assert_eq!(values(whole.test())[..5000], waves[2..]);
    }

    #[test]
    fn data_follow_from_the_seed_and_splits_are_apart() {
        let data = PAPER.generate(1).unwrap();
        assert_eq!(data, PAPER.generate(1).unwrap());
        assert_ne!(data, PAPER.generate(2).unwrap());
        let same_size = Waves { test_samples: 30, ..PAPER }.generate(1).unwrap();
        assert_eq!(same_size.train(), data.train());
        assert_ne!(same_size.train().inputs(), same_size.test().inputs());
        assert_eq!(same_size.test().inputs()[..20 * 1000], *data.test().inputs());
    }

    /// Recorded seeds must mean the same on every machine and in every version.
    #[test]
    fn parameters_are_the_recorded_ones() {
        let drawn = Parameters::draw(stream(1, Purpose::TaskParameters, 0));
        assert_eq!(drawn, Parameters { frequencies: [1, 5, 4, 4], lag: 4 });
    }

    #[test]
    fn wrong_settings_are_named() {
        let problem = |task: Waves| task.generate(1).unwrap_err().to_string();
        assert!(problem(Waves { steps: 0, ..PAPER }).starts_with("`task.steps`: 0; expected 1 to 2500"));
        assert!(problem(Waves { steps: 2501, ..PAPER }).starts_with("`task.steps`: 2501; expected 1 to 2500"));
        assert!(problem(Waves { train_samples: 0, ..PAPER }).starts_with("`task.train-samples`: 0"));
        assert!(problem(Waves { test_samples: 0, ..PAPER }).starts_with("`task.test-samples`: 0"));
        let huge = problem(Waves { train_samples: 1 << 50, ..PAPER });
        assert!(huge.starts_with("`task.train-samples`") && huge.contains("memory"), "{huge}");
    }

    proptest! {
        #[test]
        fn targets_are_the_inputs_one_step_later(seed: u64, steps in 2usize..40, meant: bool) {
            let version = if meant { WavesVersion::Meant } else { WavesVersion::AsRun };
            let data = Waves { version, steps, train_samples: 5, test_samples: 3, samples: Drawn::Fixed }.generate(seed).unwrap();
            for dataset in [data.train(), data.test()] {
                for (input, target) in dataset.inputs().chunks(2 * steps).zip(values(dataset).chunks(2 * steps)) {
                    prop_assert_eq!(&input[2..], &target[..2 * steps - 2]);
                }
                let most = if meant { [2.0, 2.625] } else { [1.5, 0.75] };
                for point in dataset.inputs().chunks(2) {
                    prop_assert!(point[0].abs() <= most[0] && point[1].abs() <= most[1], "{point:?}");
                }
            }
        }
    }
}
