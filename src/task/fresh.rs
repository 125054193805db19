//! Trials that are drawn anew for each epoch.

use rand::Rng;

use super::Task;
use crate::bptt::LaneGroup;
use crate::data::{Dataset, Form, Source};
use crate::error::Result;
use crate::random::{Purpose, stream};

/// The training samples of a task, drawn anew for each epoch: no trial is seen twice.
///
/// Those of an epoch follow from the seed and the number of the epoch alone; those of one epoch are in memory at a time.
#[derive(Debug)]
pub struct Fresh {
    task: Box<dyn Task>,
    seed: u64,
    /// The epoch in memory and its samples.
    drawn: Option<(usize, Dataset)>,
    form: Form,
    samples: usize,
    bytes: u64,
    fingerprint: u32,
}

impl Fresh {
    /// Trials of `task`; those of the first epoch are drawn at once.
    ///
    /// # Errors
    /// As [`Task::split`].
    pub fn new(task: Box<dyn Task>, seed: u64) -> Result<Self> {
        let first = draw(&*task, seed, 0)?;
        let (form, samples, bytes) = (first.form(), first.samples(), first.bytes() as u64);
        // the trials of the first epoch tell the seed and every setting
        let fingerprint = first.fingerprint().wrapping_add(1);
        Ok(Self { task, seed, drawn: Some((0, first)), form, samples, bytes, fingerprint })
    }

    /// The samples of an epoch, counted from 0.
    ///
    /// # Errors
    /// As [`Task::split`].
    pub fn epoch(&mut self, epoch: usize) -> Result<&Dataset> {
        if self.drawn.as_ref().is_none_or(|(drawn, _)| *drawn != epoch) {
            // the samples before go first, so that there are never two epochs in memory
            self.drawn = None;
            self.drawn = Some((epoch, draw(&*self.task, self.seed, epoch)?));
        }
        Ok(&self.drawn.as_ref().expect("it was drawn").1)
    }
}

fn draw(task: &dyn Task, seed: u64, epoch: usize) -> Result<Dataset> {
    task.training(seed, stream(seed, Purpose::FreshSamples, epoch as u32).next_u64())
}

impl Source for Fresh {
    fn form(&self) -> Form {
        self.form
    }

    fn samples(&self) -> usize {
        self.samples
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    fn fill(&mut self, epoch: usize, samples: &[u32], groups: &mut [LaneGroup]) -> Result<()> {
        self.epoch(epoch)?.gather(samples, groups);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Drawn, FlipFlop, TaskSpec, Waves, WavesVersion};
    use std::path::Path;

    const TASK: FlipFlop =
        FlipFlop { channels: 1, steps: 9, probability: 0.3, train_samples: 5, test_samples: 2, samples: Drawn::Fixed };

    fn fresh(seed: u64) -> Fresh {
        Fresh::new(Box::new(TASK), seed).unwrap()
    }

    #[test]
    fn each_epoch_has_trials_of_its_own_in_any_order() {
        let mut fresh = fresh(1);
        let epochs: Vec<Dataset> = [0, 1, 7].map(|epoch| fresh.epoch(epoch).unwrap().clone()).into();
        for (k, one) in epochs.iter().enumerate() {
            assert!(epochs[..k].iter().all(|other| other.inputs() != one.inputs()), "{k}");
            assert_eq!((one.form(), one.samples()), (fresh.form(), 5));
        }
        assert_eq!(fresh.epoch(1).unwrap(), &epochs[1]);
        assert_eq!(self::fresh(1).epoch(7).unwrap(), &epochs[2]);
        assert_ne!(self::fresh(2).epoch(7).unwrap(), &epochs[2]);
        // fixed trials are others, as are their fingerprints
        let fixed = TASK.training(1, 1).unwrap();
        assert_ne!(fixed.inputs(), epochs[0].inputs());
        assert_eq!(fresh.fingerprint(), self::fresh(1).fingerprint());
        assert_ne!(fresh.fingerprint(), self::fresh(2).fingerprint());
    }

    /// Every trial, of whatever epoch, is a window of the same two waves.
    #[test]
    fn what_is_drawn_once_per_run_stays() {
        let task = Waves {
            version: WavesVersion::AsRun,
            steps: 2500,
            train_samples: 1,
            test_samples: 1,
            samples: Drawn::Fixed,
        };
        let mut fresh = Fresh::new(Box::new(task), 4).unwrap();
        let whole = task.generate(4).unwrap();
        for epoch in [0, 3] {
            assert_eq!(fresh.epoch(epoch).unwrap().inputs(), whole.train().inputs());
        }
    }

    #[test]
    fn a_configuration_asks_for_fresh_samples_by_a_key() {
        let text = "kind = 'flip-flop'\nsteps = 9\nprobability = 0.3\ntrain-samples = 5\ntest-samples = 2\n";
        let spec: TaskSpec = toml::from_str(&format!("{text}samples = 'fresh'\n")).unwrap();
        let data = spec.sources(1, Path::new("")).unwrap();
        assert_eq!(data.train().fingerprint(), fresh(1).fingerprint());
        assert_eq!(data.test(), TASK.generate(1).unwrap().test());
        let fixed: TaskSpec = toml::from_str(text).unwrap();
        assert_eq!(fixed.drawn(), Drawn::Fixed);
        assert_eq!(
            fixed.sources(1, Path::new("")).unwrap().train().fingerprint(),
            TASK.training(1, 1).unwrap().fingerprint()
        );
        for spec in TaskSpec::generated() {
            let fresh = toml::to_string(&spec).unwrap().replace("\"fixed\"", "\"fresh\"");
            let spec: TaskSpec = toml::from_str(&fresh).unwrap();
            assert_eq!(spec.drawn(), Drawn::Fresh, "{fresh}");
        }
        let files: TaskSpec = toml::from_str("kind = 'images'\nby = 'rows'\ndata = 'x'\nsamples = 'fresh'\n").unwrap();
        let text = files.sources(1, Path::new("")).unwrap_err().to_string();
        assert!(text.starts_with("`task.samples`: `fresh`, but images from files"), "{text}");
    }
}
