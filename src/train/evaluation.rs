//! Batches of a dataset through a network, and what they add up to.

use crate::bptt::{Bptt, Objective, Outcome, TargetKind};
use crate::data::{Dataset, Form};
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
    /// Answers that were right (classes).
    pub correct: f64,
    /// Answers asked for (classes): one per sample, or one for each step that counts.
    pub asked: f64,
}

/// What one pass over samples came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The loss with its penalties.
    pub objective: f64,
    /// The loss alone.
    pub loss: f64,
    /// For classes: the share of samples answered rightly at their last step or, with a class for each step, of the steps
    /// of a weight above 0 (each counts the same, whatever its weight).
    pub accuracy: Option<f64>,
}

impl Running {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.objective += outcome.objective * outcome.weight;
        self.loss += outcome.loss * outcome.weight;
        self.weight += outcome.weight;
        self.correct += outcome.correct as f64;
        self.asked += outcome.asked as f64;
    }

    pub(super) fn summary(&self, targets: TargetKind) -> Summary {
        Summary {
            objective: self.objective / self.weight,
            loss: self.loss / self.weight,
            accuracy: targets.has_classes().then(|| self.correct / self.asked),
        }
    }
}

/// Runs a network over a whole dataset, forward only, in batches.
#[derive(Debug)]
pub struct Evaluation {
    bptt: Bptt,
    batch: usize,
}

impl Evaluation {
    /// Memory to run `network` on datasets of the form of `data`, `batch` samples at a time (at most all).
    pub fn new(network: &Network, exec: impl Into<Exec>, data: &Dataset, batch: usize) -> Self {
        let batch = batch.min(data.samples());
        Self { bptt: Bptt::forward_only(network, exec, data.targets().kind(), batch, data.steps()), batch }
    }

    /// The loss over all samples of `data`.
    ///
    /// # Panics
    /// If the data have no targets.
    pub fn run(&mut self, network: &Network, data: &Dataset, objective: &Objective) -> Summary {
        assert_ne!(data.targets().kind(), TargetKind::Missing, "a loss is taken of targets");
        let mut running = Running::default();
        self.each_batch(data, data.samples(), |_, bptt| running.add(&bptt.evaluate(network, objective)));
        running.summary(data.targets().kind())
    }

    /// What the network answers to the first `samples` of `data`: `[samples, steps, outputs]`. Targets are not needed.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn outputs(&mut self, network: &Network, data: &Dataset, samples: usize) -> Vec<f32> {
        let width = data.steps() * network.wiring().outputs();
        let mut out = vec![0.0; samples * width];
        self.each_batch(data, samples, |batch, bptt| {
            bptt.forward(network, None);
            bptt.outputs(network, &mut out[batch[0] as usize * width..][..batch.len() * width]);
        });
        out
    }

    /// The rates of all neurons, `[samples, steps, neurons]`, a batch at a time: `take` is called with those of each batch
    /// in turn, until it fails. Targets are not needed.
    ///
    /// # Errors
    /// What `take` returned.
    pub fn rates<E>(
        &mut self,
        network: &Network,
        data: &Dataset,
        mut take: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = data.steps() * network.wiring().neurons();
        let mut rates = vec![0.0; self.batch * width];
        let mut taken = Ok(());
        self.each_batch(data, data.samples(), |batch, bptt| {
            if taken.is_ok() {
                let rates = &mut rates[..batch.len() * width];
                bptt.forward(network, Some(rates));
                taken = take(rates);
            }
        });
        taken
    }

    /// Fills each batch of the first `samples` in turn.
    fn each_batch(&mut self, data: &Dataset, samples: usize, mut seen: impl FnMut(&[u32], &mut Bptt)) {
        assert!(samples <= data.samples(), "{samples} of {} samples", data.samples());
        let samples: Vec<u32> = (0..samples as u32).collect();
        for batch in samples.chunks(self.batch) {
            fill(&mut self.bptt, data, batch);
            self.bptt.set_first_sequence(EVALUATED + u64::from(batch[0]));
            seen(batch, &mut self.bptt);
        }
    }
}

/// The sequence that the first sample evaluated is, beyond all that are trained on: their noise is another, and the same at
/// each evaluation.
const EVALUATED: u64 = 1 << 63;

/// Loads samples of a dataset into the lane groups.
pub fn fill(bptt: &mut Bptt, data: &Dataset, samples: &[u32]) {
    bptt.set_samples(samples.len());
    data.gather(samples, bptt.groups_mut());
}

/// Whether the channels and outputs of `data` are those of the network; `split` is for the message.
///
/// # Errors
/// If they are not.
pub fn check_shapes(wiring: &Wiring, data: Form, split: &str) -> Result<()> {
    for (key, what, got, want) in [
        ("inputs", "channels", data.channels, wiring.channels()),
        ("targets", "outputs", data.outputs, wiring.outputs()),
    ] {
        if got != want {
            let problem = format!("the {split} data have {got} {what}, the network has {want}");
            return Err(Error::setting(key, problem));
        }
    }
    Ok(())
}
