//! Unroll through time: what to keep, backward, gradients.
//!
//! A [`Bptt`] holds the memory of one training step for batches of one size. The caller fills the lane groups' inputs and
//! targets, then asks for the gradient. Gradients exist at stored entries only. Where not every state fits in memory, a
//! [`Storage`] says which are kept; the others are computed twice, with the same bits.

mod lane_group;
mod layout;
mod loss;
mod memory;
mod plan;
mod slots;
mod storage;
mod workspace;

use daleian_kernels::{Aligned, Isa, sum_parts, sum_squares};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use lane_group::LaneGroup;
pub use layout::Layout;
pub use loss::Target;
pub use memory::{BpttMemory, check_memory};
pub use plan::{Lanes, Plan, PlanSummary, cut, widest};
pub(crate) use slots::Slots;
pub use storage::{Segments, Storage};

use crate::network::step::{Backward, Direction};
use crate::network::{Network, ParameterName, Parameters, Wiring};

use lane_group::{Context, Hold, Scales};
use workspace::Workspace;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossName {
    /// Mean squared error over all samples, steps and outputs (where there is a mask: its weighted mean).
    Mse,
    /// Cross-entropy of the last step's outputs against the class, averaged over samples.
    CrossEntropy,
}

/// What is minimised: the loss and penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: LossName,
    /// `l2_weights / 2 · Σ w²` over the recurrent synapses is added. Its gradient `l2_weights · w` is included.
    pub l2_weights: f64,
    /// `l2_rates · mean r²` over samples, steps and neurons is added.
    pub l2_rates: f64,
}

impl From<LossName> for Objective {
    /// The loss without penalties.
    fn from(loss: LossName) -> Self {
        Self { loss, l2_weights: 0.0, l2_rates: 0.0 }
    }
}

/// What a pass found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Outcome {
    /// The loss with its penalties.
    pub objective: f64,
    /// The loss alone, a mean.
    pub loss: f64,
    /// What `loss` is the mean over: Σ m, or the number of samples.
    pub weight: f64,
    /// For classes: samples whose largest output was the right one.
    pub correct: usize,
}

/// The memory and the plan of a training step for batches of one size.
#[derive(Debug)]
pub struct Bptt {
    isa: Isa,
    steps: usize,
    plan: Plan,
    groups: Vec<LaneGroup>,
    /// Of so many lane groups each as [`Storage::in_turn`] says; running forward only, of one each.
    workspaces: Vec<Workspace>,
    backward: Option<Backward>,
    trainable: Vec<ParameterName>,
}

impl Bptt {
    /// Memory to train on batches of `batch` samples of `steps` time steps, with gradients of `trainable`. All states
    /// are kept.
    ///
    /// # Panics
    /// If `batch` or `steps` is 0.
    pub fn new(
        network: &Network,
        isa: Isa,
        loss: LossName,
        batch: usize,
        steps: usize,
        trainable: &[ParameterName],
    ) -> Self {
        let storage = Storage::whole(network.wiring(), batch, steps);
        Self::with_storage(network, isa, loss, batch, trainable, storage)
    }

    /// As [`new`](Self::new), with less memory: `storage` is for such batches of this network.
    ///
    /// # Panics
    /// If `batch` or the steps are 0.
    pub fn with_storage(
        network: &Network,
        isa: Isa,
        loss: LossName,
        batch: usize,
        trainable: &[ParameterName],
        storage: Storage,
    ) -> Self {
        let (wiring, steps) = (network.wiring(), storage.segments.steps());
        assert!(batch > 0 && steps > 0, "a batch of at least one sample and one step");
        let lanes = plan::groups_of(wiring, batch);
        let workspaces =
            lanes.chunks(storage.in_turn).map(|lanes| Workspace::training(wiring, &storage, lanes)).collect();
        let backward = match Layout::choose(wiring, batch) {
            Layout::Rows => Backward::new(wiring),
            Layout::Tiles { width, blocks } => {
                Backward::tiled(wiring, width, blocks, !plan::apart(wiring, lanes.len()))
            }
        };
        let plan = Plan::new(wiring, backward.transposed(), Some(storage), batch);
        let mut groups = groups(wiring, &plan, loss, steps, true);
        if plan.apart {
            for group in &mut groups {
                group.gradients = Parameters::zeros(wiring, |name| trainable.contains(&name));
            }
        }
        Self { isa, steps, plan, groups, workspaces, backward: Some(backward), trainable: trainable.to_vec() }
    }

    /// Memory to run batches forward only: states are not kept.
    ///
    /// # Panics
    /// If `batch` or `steps` is 0.
    pub fn forward_only(network: &Network, isa: Isa, loss: LossName, batch: usize, steps: usize) -> Self {
        let wiring = network.wiring();
        assert!(batch > 0 && steps > 0, "a batch of at least one sample and one step");
        let plan = Plan::new(wiring, None, None, batch);
        let groups = groups(wiring, &plan, loss, steps, false);
        let workspaces = plan.groups.iter().map(|&lanes| Workspace::forward_only(wiring, lanes)).collect();
        Self { isa, steps, plan, groups, workspaces, backward: None, trainable: Vec::new() }
    }

    /// The lane groups, to fill their inputs and targets and to read their outputs.
    pub fn groups(&self) -> &[LaneGroup] {
        &self.groups
    }

    /// The lane groups, to fill their inputs and targets.
    pub fn groups_mut(&mut self) -> &mut [LaneGroup] {
        &mut self.groups
    }

    /// The next batch has `samples` samples: at most as many as this was made for.
    ///
    /// # Panics
    /// If there are more, or none.
    pub fn set_samples(&mut self, samples: usize) {
        let room: usize = self.plan.groups.iter().map(|group| group.used).sum();
        assert!((1..=room).contains(&samples), "{samples} samples in a batch for up to {room}");
        for (group, whole) in self.groups.iter_mut().zip(&self.plan.groups) {
            group.lanes.first = whole.first.min(samples);
            group.lanes.used = whole.used.min(samples - group.lanes.first);
        }
    }

    /// How the step is cut up.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Room for the gradient: a vector for each trainable parameter, nothing for the others.
    pub fn gradients(&self, network: &Network) -> Parameters {
        Parameters::zeros(network.wiring(), |name| self.trainable.contains(&name))
    }

    /// Runs the filled lane groups forward and reads the loss; outputs stay readable.
    pub fn evaluate(&mut self, network: &Network, objective: &Objective) -> Outcome {
        let weight = self.weight();
        let (isa, steps) = (self.isa, self.steps);
        let scales = self.scales(network, objective, weight);
        if let Some(backward) = &mut self.backward {
            backward.forward_alone(network.parameters());
        }
        let context = Context::new(network, isa, &self.plan, steps, scales);
        let in_tiles = self.backward.as_ref().and_then(Backward::tiles);
        context.beside_each_other(&mut self.workspaces, &mut self.groups, |workspace, group| {
            group.forward(&context, in_tiles, workspace);
            group.loss(&context, workspace);
        });
        self.outcome(network, objective, weight)
    }

    /// Runs the filled lane groups forward and backward: `gradients` becomes the gradient of the objective.
    ///
    /// The bits do not depend on the number of threads.
    ///
    /// # Panics
    /// If this was made [forward only](Self::forward_only), or `gradients` by another [`Bptt`].
    pub fn gradient(&mut self, network: &Network, objective: &Objective, gradients: &mut Parameters) -> Outcome {
        let weight = self.weight();
        let (isa, steps) = (self.isa, self.steps);
        let scales = self.scales(network, objective, weight);
        let (plan, (wiring, parameters)) = (&self.plan, (network.wiring(), network.parameters()));
        let backward = self.backward.as_mut().expect("memory for training, not for running forward only");
        backward.refresh(wiring, parameters);
        let context = Context::new(network, isa, plan, steps, scales);
        if plan.apart {
            let shared = &*backward;
            context.beside_each_other(&mut self.workspaces, &mut self.groups, |workspace, group| {
                let mut own = std::mem::take(&mut group.gradients);
                own.clear();
                group.forward(&context, shared.tiles(), workspace);
                group.loss(&context, workspace);
                group.backward(&context, Hold::Shared(shared), workspace, &mut own);
                group.gradients = own;
            });
            let in_tiles = backward.tiles().is_some();
            for name in ParameterName::ALL {
                let parts: Vec<&[f32]> = self.groups.iter().map(|group| &**group.gradients.get(name)).collect();
                let gradient = gradients.get_mut(name);
                if name == ParameterName::RecurrentWeights && in_tiles && !gradient.is_empty() {
                    backward.carry_back(isa, Some(&parts), gradient);
                } else {
                    sum_all(isa, gradient, &parts);
                }
            }
        } else {
            gradients.clear();
            for (workspace, groups) in self.workspaces.iter_mut().zip(self.groups.chunks_mut(plan.in_turn())) {
                for group in groups {
                    backward.turn(Direction::Forward, wiring, parameters);
                    group.forward(&context, backward.tiles(), workspace);
                    group.loss(&context, workspace);
                    group.backward(&context, Hold::Alone(backward), workspace, gradients);
                }
            }
            if !gradients.recurrent.is_empty() {
                backward.carry_back(isa, None, &mut gradients.recurrent);
            }
        }
        if objective.l2_weights > 0.0 && !gradients.recurrent.is_empty() {
            let decay = objective.l2_weights as f32;
            let weights = network.parameters().recurrent.par_chunks(CHUNK);
            gradients.recurrent.par_chunks_mut(CHUNK).zip(weights).with_min_len(LEAST).for_each(
                |(gradient, weights)| {
                    gradient.iter_mut().zip(weights).for_each(|(g, &w)| *g += decay * w);
                },
            );
        }
        self.outcome(network, objective, weight)
    }

    /// What the loss is a mean over.
    fn weight(&self) -> f64 {
        let of = |group: &LaneGroup| match &group.target {
            Target::Series { mask, .. } => mask.iter().map(|&m| f64::from(m)).sum(),
            Target::Classes { .. } => group.lanes.used as f64,
        };
        self.groups.iter().map(of).sum()
    }

    fn outcome(&self, network: &Network, objective: &Objective, weight: f64) -> Outcome {
        let sum = self.groups.iter().map(|group| group.totals.loss).sum::<f64>();
        let loss = if weight > 0.0 { sum / weight } else { sum };
        let mut whole = loss;
        if objective.l2_weights > 0.0 {
            whole += objective.l2_weights / 2.0 * sum_squares(self.isa, &network.parameters().recurrent);
        }
        if objective.l2_rates > 0.0 {
            let rates: f64 = self.groups.iter().map(|group| group.totals.rates).sum();
            whole += objective.l2_rates * rates / self.states(network) as f64;
        }
        let correct = self.groups.iter().map(|group| match group.target {
            Target::Series { .. } => 0,
            Target::Classes { correct, .. } => correct,
        });
        Outcome { objective: whole, loss, weight, correct: correct.sum() }
    }

    fn scales(&self, network: &Network, objective: &Objective, weight: f64) -> Scales {
        Scales {
            // a batch whose mask keeps nothing has no loss and no gradient
            loss: if weight > 0.0 { (1.0 / weight) as f32 } else { 0.0 },
            rate_decay: (2.0 * objective.l2_rates / self.states(network) as f64) as f32,
            sum_rates: objective.l2_rates > 0.0,
        }
    }

    /// Samples · steps · neurons.
    fn states(&self, network: &Network) -> usize {
        let samples: usize = self.groups.iter().map(|group| group.lanes.used).sum();
        samples * self.steps * network.wiring().neurons()
    }
}

fn groups(wiring: &Wiring, plan: &Plan, loss: LossName, steps: usize, training: bool) -> Vec<LaneGroup> {
    let group = |&lanes: &Lanes| {
        let size = steps * wiring.outputs() * lanes.stored;
        let target = match loss {
            LossName::Mse => Target::Series { values: Aligned::zeros(size), mask: Aligned::zeros(size) },
            LossName::CrossEntropy => Target::Classes { labels: vec![0; lanes.stored], correct: 0 },
        };
        LaneGroup::new(wiring, lanes, steps, target, training)
    };
    plan.groups.iter().map(group).collect()
}

/// Elements of a parameter that are added in one go.
const CHUNK: usize = 1 << 14;
/// Chunks below which a task is not worth waking a thread for.
const LEAST: usize = 8;

/// `total = Σ parts`, in their order, on all threads.
fn sum_all(isa: Isa, total: &mut [f32], parts: &[&[f32]]) {
    total.par_chunks_mut(CHUNK).enumerate().with_min_len(LEAST).for_each(|(k, total)| {
        sum_parts(isa, parts, k * CHUNK, total);
    });
}
