//! Batches of a dataset through a network, and what they add up to.

use rayon::prelude::*;

use crate::bptt::{Bptt, LossName, Objective, Outcome, Target};
use crate::data::{Dataset, Targets};
use crate::error::{Error, Result};
use crate::exec::Exec;
use crate::network::{Network, Wiring};

/// What an epoch has added up so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Running {
    /// Σ objective · weight.
    pub objective: f64,
    /// Σ loss · weight.
    pub loss: f64,
    /// Σ weight.
    pub weight: f64,
    /// Samples answered rightly (classes).
    pub correct: f64,
    /// Samples seen.
    pub samples: f64,
}

/// What one pass over samples came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The loss with its penalties.
    pub objective: f64,
    /// The loss alone.
    pub loss: f64,
    /// For classes: the share of samples answered rightly.
    pub accuracy: Option<f64>,
}

impl Running {
    pub(super) fn add(&mut self, outcome: &Outcome, samples: usize) {
        self.objective += outcome.objective * outcome.weight;
        self.loss += outcome.loss * outcome.weight;
        self.weight += outcome.weight;
        self.correct += outcome.correct as f64;
        self.samples += samples as f64;
    }

    pub(super) fn summary(&self, data: &Dataset) -> Summary {
        Summary {
            objective: self.objective / self.weight,
            loss: self.loss / self.weight,
            accuracy: matches!(data.targets(), Targets::Classes { .. }).then(|| self.correct / self.samples),
        }
    }
}

/// Runs a network over a whole dataset, forward only, in batches.
#[derive(Debug)]
pub struct Evaluation {
    bptt: Bptt,
    loss: LossName,
    batch: usize,
}

impl Evaluation {
    /// Memory to run `network` on datasets of the form of `data`, `batch` samples at a time (at most all).
    pub fn new(network: &Network, exec: impl Into<Exec>, loss: LossName, data: &Dataset, batch: usize) -> Self {
        let batch = batch.min(data.samples());
        Self { bptt: Bptt::forward_only(network, exec, loss, batch, data.steps()), loss, batch }
    }

    /// The loss over all samples of `data`.
    pub fn run(&mut self, network: &Network, data: &Dataset, objective: &Objective) -> Summary {
        let mut running = Running::default();
        self.each_batch(network, data, objective, data.samples(), |samples, outcome, _| {
            running.add(outcome, samples.len());
        });
        running.summary(data)
    }

    /// What the network answers to the first `samples` of `data`: `[samples, steps, outputs]`.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn outputs(&mut self, network: &Network, data: &Dataset, samples: usize) -> Vec<f32> {
        let (steps, outputs) = (data.steps(), data.outputs());
        let mut out = vec![0.0; samples * steps * outputs];
        let objective = Objective { loss: self.loss, l2_weights: 0.0, l2_rates: 0.0 };
        self.each_batch(network, data, &objective, samples, |batch, _, bptt| {
            for group in bptt.groups() {
                let lanes = group.lanes;
                for lane in 0..lanes.used {
                    let sample = batch[lanes.first + lane] as usize;
                    for (k, out) in out[sample * steps * outputs..][..steps * outputs].iter_mut().enumerate() {
                        *out = group.output()[k * lanes.stored + lane];
                    }
                }
            }
        });
        out
    }

    fn each_batch(
        &mut self,
        network: &Network,
        data: &Dataset,
        objective: &Objective,
        samples: usize,
        mut seen: impl FnMut(&[u32], &Outcome, &Bptt),
    ) {
        assert!(samples <= data.samples(), "{samples} of {} samples", data.samples());
        let samples: Vec<u32> = (0..samples as u32).collect();
        for batch in samples.chunks(self.batch) {
            fill(&mut self.bptt, data, batch);
            let outcome = self.bptt.evaluate(network, objective);
            seen(batch, &outcome, &self.bptt);
        }
    }
}

/// Loads samples of a dataset into the lane groups.
pub fn fill(bptt: &mut Bptt, data: &Dataset, samples: &[u32]) {
    bptt.set_samples(samples.len());
    bptt.groups_mut().par_iter_mut().for_each(|group| {
        let lanes = group.lanes;
        let samples = &samples[lanes.first..lanes.first + lanes.used];
        data.gather_inputs(samples, lanes.stored, &mut group.input);
        match &mut group.target {
            Target::Series { values, mask } => {
                data.gather_targets(samples, lanes.stored, values);
                data.gather_mask(samples, lanes.stored, mask);
            }
            Target::Classes { labels, .. } => data.gather_labels(samples, lanes.stored, labels),
        }
    });
}

/// Whether the channels and outputs of `data` are those of the network; `split` is for the message.
///
/// # Errors
/// If they are not.
pub fn check_shapes(wiring: &Wiring, data: &Dataset, split: &str) -> Result<()> {
    for (key, what, got, want) in [
        ("inputs", "channels", data.channels(), wiring.channels()),
        ("targets", "outputs", data.outputs(), wiring.outputs()),
    ] {
        if got != want {
            let problem = format!("the {split} data have {got} {what}, the network has {want}");
            return Err(Error::setting(key, problem));
        }
    }
    Ok(())
}
