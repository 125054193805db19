//! How much of a figure is run: as the paper, or a taste of it.

use crate::error::{Error, Result};
use crate::run::{Method, RunConfig};
use crate::task::TaskSpec;

use super::PaperTask;

/// Runs, epochs and samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Seeds of each task and method, from 1.
    pub runs: usize,
    /// Seeds of the conventional and the rectified method where they fail by chance; at least `runs` are run.
    pub baseline_runs: usize,
    /// How much of each task, in the order of [`PaperTask::ALL`].
    pub parts: [Part; PaperTask::ALL.len()],
}

/// How much of a task is trained; both shares are above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The share of the preset's epochs.
    pub epochs: f64,
    /// The share of the preset's samples and of its batch, so that an epoch has as many steps as the preset's.
    pub samples: f64,
}

impl Part {
    /// All of it.
    pub const WHOLE: Self = Self { epochs: 1.0, samples: 1.0 };

    fn is_whole(&self) -> bool {
        *self == Self::WHOLE
    }
}

/// A taste: about a minute a figure on two cores. What a network learns depends on its steps first of all, so most of
/// those are kept, and batches made small; the images have too many.
pub const QUICK: Scale = Scale {
    runs: 1,
    baseline_runs: 2,
    parts: [
        Part { epochs: 0.8, samples: 0.16 },
        Part { epochs: 0.8, samples: 0.16 },
        Part { epochs: 0.32, samples: 0.08 },
    ],
};

impl Scale {
    /// As the paper: `runs` seeds, every epoch and sample.
    pub fn whole(runs: usize, baseline_runs: usize) -> Self {
        Self { runs, baseline_runs, parts: [Part::WHOLE; PaperTask::ALL.len()] }
    }

    /// How much of a task.
    pub fn part(&self, task: PaperTask) -> Part {
        self.parts[task as usize]
    }

    /// What figures and tables of these tasks say where less is trained than the paper did.
    pub fn warning(&self, tasks: &[PaperTask]) -> Option<String> {
        let less = tasks.iter().map(|&task| (task, self.part(task))).filter(|(_, part)| !part.is_whole());
        let less: Vec<String> = less
            .map(|(task, Part { epochs, samples })| {
                format!("{} {:.0} % and {:.0} %", task.name(), 100.0 * epochs, 100.0 * samples)
            })
            .collect();
        (!less.is_empty()).then(|| {
            format!(
                "QUICK, not the numbers to compare. Of the paper\u{2019}s epochs, and of its samples and batch: {}.",
                less.join(", ")
            )
        })
    }

    /// # Errors
    /// If a number is out of range.
    pub fn check(&self) -> Result<()> {
        if self.runs == 0 {
            return Err(Error::setting("--runs", "0; expected at least 1"));
        }
        for (key, share) in self.parts.iter().flat_map(|part| [("epochs", part.epochs), ("samples", part.samples)]) {
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::setting(key, format!("{share}; expected above 0 and at most 1")));
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

    /// Makes the configuration of a task smaller.
    pub fn apply(&self, task: PaperTask, config: &mut RunConfig) {
        let Part { epochs, samples: share } = self.part(task);
        config.epochs = part_of(config.epochs, epochs);
        if share < 1.0
            && let Some((train, test)) = samples(&config.task)
        {
            config.task = config.task.clone().with_samples(part_of(train, share), part_of(test, share));
            config.batch = part_of(config.batch, share);
        }
    }
}

/// A share of a number of things, at least 1.
pub(super) fn part_of(whole: usize, share: f64) -> usize {
    ((whole as f64 * share).round() as usize).max(1)
}

/// The numbers of samples of a generated task, to learn from and to test on.
pub(super) fn samples(task: &TaskSpec) -> Option<(usize, usize)> {
    task.task().map(|task| task.samples().into())
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
        let part = Part { epochs: 0.031, samples: 0.01 };
        Scale { parts: [part, Part::WHOLE, Part::WHOLE], ..Scale::whole(1, 1) }.apply(PaperTask::FlipFlop, &mut config);
        assert_eq!((config.epochs, config.batch, samples(&config.task)), (3, 2, Some((60, 10))));
        config.validate().unwrap();
        let warning = QUICK.warning(&PaperTask::ALL).unwrap();
        assert!(
            warning.starts_with("QUICK") && warning.ends_with("wave 80 % and 16 %, images 32 % and 8 %."),
            "{warning}"
        );
        assert!(!QUICK.warning(&[PaperTask::Wave]).unwrap().contains("flip-flop"));

        for task in PaperTask::ALL {
            let mut whole = task.config().unwrap();
            Scale::whole(5, 20).apply(task, &mut whole);
            assert_eq!(whole, task.config().unwrap());
            QUICK.apply(task, &mut whole);
            let (train, _) = samples(&whole.task).unwrap();
            let (paper, _) = samples(&task.config().unwrap().task).unwrap();
            assert_eq!(train / whole.batch, paper / task.config().unwrap().batch, "{task:?}: steps an epoch");
            assert_eq!(train % whole.batch, 0, "{task:?}");
        }
        assert_eq!(Scale::whole(5, 20).warning(&PaperTask::ALL), None);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert!(Scale::whole(0, 0).check().unwrap_err().to_string().contains("`--runs`: 0; expected at least 1"));
        let nothing = Part { epochs: 0.0, samples: 1.0 };
        let error = Scale { parts: [nothing; 3], ..Scale::whole(1, 1) }.check().unwrap_err().to_string();
        assert!(error.contains("`epochs`: 0; expected above 0"), "{error}");
        QUICK.check().unwrap();
    }
}
