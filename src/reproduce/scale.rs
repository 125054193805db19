//! How much of a figure is run: as the paper, or a taste of it.

use crate::error::{Error, Result};
use crate::task::TaskSpec;
use crate::train::{Method, RunConfig};

use super::PaperTask;

/// Runs, epochs and samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Seeds of each task and method, from 1.
    pub runs: usize,
    /// Seeds of the conventional and the rectified method where they fail by chance; at least `runs` are run.
    pub baseline_runs: usize,
    /// The share of the preset's epochs, above 0 and at most 1.
    pub epochs: f64,
    /// The share of the preset's samples, above 0 and at most 1.
    pub samples: f64,
}

/// A taste: about a minute a figure on two cores.
pub const QUICK: Scale = Scale { runs: 1, baseline_runs: 2, epochs: 0.3, samples: 0.25 };

impl Scale {
    /// As the paper: `runs` seeds, every epoch and sample.
    pub fn whole(runs: usize, baseline_runs: usize) -> Self {
        Self { runs, baseline_runs, epochs: 1.0, samples: 1.0 }
    }

    /// Whether less is trained than the paper did.
    pub fn is_quick(&self) -> bool {
        self.epochs < 1.0 || self.samples < 1.0
    }

    /// What figures and tables say where less is trained.
    pub fn warning(&self) -> Option<String> {
        self.is_quick().then(|| {
            format!(
                "QUICK: {:.0} % of the epochs and {:.0} % of the samples of the paper. Not the numbers to compare.",
                100.0 * self.epochs,
                100.0 * self.samples
            )
        })
    }

    /// # Errors
    /// If a number is out of range.
    pub fn check(&self) -> Result<()> {
        if self.runs == 0 {
            return Err(Error::setting("--runs", "0; at least 1 would be right"));
        }
        for (key, share) in [("epochs", self.epochs), ("samples", self.samples)] {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::setting(key, format!("{share}; above 0 and at most 1 would be right")));
            }
        }
        Ok(())
    }

    /// The seeds of a task and a method.
    pub fn seeds(&self, task: PaperTask, method: Method) -> std::ops::RangeInclusive<u64> {
        let baseline = matches!(method, Method::Conventional | Method::Rectified) && task.fails_by_chance();
        let runs = if baseline { self.baseline_runs.max(self.runs) } else { self.runs };
        1..=runs as u64
    }

    /// Makes a configuration smaller.
    pub fn apply(&self, config: &mut RunConfig) {
        let part = |whole: usize, share: f64| ((whole as f64 * share).round() as usize).clamp(1, whole.max(1));
        config.epochs = part(config.epochs, self.epochs);
        if self.samples < 1.0
            && let Some((train, test)) = samples(&config.task)
        {
            let (train, test) = (part(train, self.samples), part(test, self.samples));
            config.task = config.task.clone().with_samples(train, test);
            config.batch = config.batch.min(train);
        }
    }
}

/// The numbers of samples of a generated task, to learn from and to test on.
fn samples(task: &TaskSpec) -> Option<(usize, usize)> {
    match *task {
        TaskSpec::FlipFlop { train_samples, test_samples, .. }
        | TaskSpec::Waves { train_samples, test_samples, .. }
        | TaskSpec::Memory { train_samples, test_samples, .. } => Some((train_samples, test_samples)),
        // as many as MNIST has
        TaskSpec::Images { train_samples, test_samples, .. } => {
            Some((train_samples.unwrap_or(60_000), test_samples.unwrap_or(10_000)))
        }
        TaskSpec::Data { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_that_fail_by_chance_have_more_seeds() {
        let scale = Scale::whole(5, 20);
        assert_eq!(scale.seeds(PaperTask::FlipFlop, Method::Rectified), 1..=20);
        assert_eq!(scale.seeds(PaperTask::FlipFlop, Method::Dale), 1..=5);
        assert_eq!(scale.seeds(PaperTask::Wave, Method::Rectified), 1..=5);
        // never fewer than the other methods have
        assert_eq!(Scale::whole(5, 0).seeds(PaperTask::FlipFlop, Method::Conventional), 1..=5);
    }

    #[test]
    fn a_taste_is_smaller_and_says_so() {
        let mut config = PaperTask::FlipFlop.config().unwrap();
        Scale { epochs: 0.031, samples: 0.01, ..Scale::whole(1, 1) }.apply(&mut config);
        let TaskSpec::FlipFlop { train_samples, test_samples, .. } = config.task else { panic!("a flip-flop") };
        assert_eq!((config.epochs, config.batch, train_samples, test_samples), (3, 60, 60, 10));
        config.validate().unwrap();
        assert!(QUICK.warning().unwrap().starts_with("QUICK: 30 % of the epochs"));

        let mut whole = PaperTask::FlipFlop.config().unwrap();
        Scale::whole(5, 20).apply(&mut whole);
        assert_eq!(whole, PaperTask::FlipFlop.config().unwrap());
        assert_eq!(Scale::whole(5, 20).warning(), None);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert!(Scale::whole(0, 0).check().unwrap_err().to_string().contains("`--runs`: 0; at least 1"));
        let error = Scale { epochs: 0.0, ..Scale::whole(1, 1) }.check().unwrap_err().to_string();
        assert!(error.contains("`epochs`: 0; above 0"), "{error}");
        QUICK.check().unwrap();
    }
}
