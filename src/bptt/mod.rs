//! Unroll through time: what to keep, backward, gradients.
//!
//! A [`Bptt`] holds the memory of one training step for batches of one size. The caller fills the lane groups' inputs and
//! targets, then asks for the gradient. Gradients exist at stored entries only. Where not every state fits in memory, a
//! [`Storage`] says which are kept; the others are computed twice, with the same bits.

#[cfg(test)]
mod cell_tests;
mod lane_group;
mod layout;
mod loss;
mod memory;
mod objective;
mod outside;
mod plan;
mod slots;
mod storage;
mod unroll;
mod workspace;

use daleian_kernels::{Isa, add_assign, sum_parts, sum_squares};
use rayon::prelude::*;

pub use lane_group::LaneGroup;
pub use layout::Layout;
pub use loss::{Target, TargetKind};
pub use memory::{BpttMemory, check_memory};
pub use objective::{LossName, Objective, Outcome};
pub use outside::{FurtherDerivatives, LossDerivatives};
pub use plan::{Lanes, Plan, PlanSummary, cut, widest};
#[cfg(feature = "cli")]
pub(crate) use slots::Slots;
pub use storage::{Segments, Storage};
pub use unroll::{Precision, Unroll, Unrolled};

use crate::exec::Exec;
use crate::network::step::{Backward, Direction};
use crate::network::{Network, ParameterId, Parameters, RECURRENT, Wiring};
use crate::tree::{self, Fold};

use lane_group::{Context, Hold, Scales, Totals};
use outside::Outside;
use workspace::Workspace;

/// The memory and the plan of a training step for batches of one size.
#[derive(Debug)]
pub struct Bptt {
    exec: Exec,
    steps: usize,
    plan: Plan,
    groups: Vec<LaneGroup>,
    /// Of so many lane groups each as [`Storage::in_turn`] says; running forward only, of one each.
    workspaces: Vec<Workspace>,
    backward: Option<Backward>,
    /// Where gradients of lane groups that go one after the other wait to be added.
    spare: Vec<Parameters>,
    trainable: Vec<ParameterId>,
    /// Whether every lane group has gone forward and none back since.
    ready: bool,
    first_sequence: u64,
}

impl Bptt {
    /// Memory to train on batches of `batch` samples of `steps` time steps, with gradients of `trainable`. All states
    /// are kept.
    ///
    /// # Panics
    /// If `batch` or `steps` is 0.
    pub fn new(
        network: &Network,
        exec: impl Into<Exec>,
        targets: impl Into<TargetKind>,
        batch: usize,
        steps: usize,
        trainable: &[ParameterId],
    ) -> Self {
        let storage = Storage::whole(network.wiring(), batch, steps);
        Self::with_storage(network, exec, targets, batch, trainable, storage)
    }

    /// As [`new`](Self::new), with less memory: `storage` is for such batches of this network.
    ///
    /// # Panics
    /// If `batch` or the steps are 0.
    pub fn with_storage(
        network: &Network,
        exec: impl Into<Exec>,
        targets: impl Into<TargetKind>,
        batch: usize,
        trainable: &[ParameterId],
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
        let mut groups = groups(wiring, &plan, targets.into(), steps, true);
        let zeros = || Parameters::zeros(wiring, |name| trainable.contains(&name));
        let mut spare = Vec::new();
        if plan.apart {
            groups.iter_mut().for_each(|group| group.gradients = zeros());
        } else {
            spare.resize_with(tree::waiting(groups.len()), zeros);
        }
        let (exec, backward, trainable) = (exec.into(), Some(backward), trainable.to_vec());
        Self { exec, steps, plan, groups, workspaces, backward, spare, trainable, ready: false, first_sequence: 0 }
    }

    /// Memory to run batches forward only: states are not kept.
    ///
    /// # Panics
    /// If `batch` or `steps` is 0.
    pub fn forward_only(
        network: &Network,
        exec: impl Into<Exec>,
        targets: impl Into<TargetKind>,
        batch: usize,
        steps: usize,
    ) -> Self {
        let wiring = network.wiring();
        assert!(batch > 0 && steps > 0, "a batch of at least one sample and one step");
        let plan = Plan::new(wiring, None, None, batch);
        let groups = groups(wiring, &plan, targets.into(), steps, false);
        let workspaces = plan.groups.iter().map(|&lanes| Workspace::forward_only(wiring, lanes)).collect();
        let (exec, backward, spare, trainable) = (exec.into(), None, Vec::new(), Vec::new());
        Self { exec, steps, plan, groups, workspaces, backward, spare, trainable, ready: false, first_sequence: 0 }
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

    /// Samples of the batch under way.
    fn samples(&self) -> usize {
        self.groups.iter().map(|group| group.lanes.used).sum()
    }

    /// Which noise a cell that has any is given: the first sample of the next batches is sequence `first`, the one after it
    /// the next, and so on. The same sequence has the same noise, whatever batch it is in.
    pub fn set_first_sequence(&mut self, first: u64) {
        self.first_sequence = first;
    }

    /// How the step is cut up.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Room for the gradient: a vector for each trainable parameter, nothing for the others.
    pub fn gradients(&self, network: &Network) -> Parameters {
        Parameters::zeros(network.wiring(), |name| self.trainable.contains(&name))
    }

    /// Runs the filled lane groups forward and reads the loss. Where this was made [forward only](Self::forward_only),
    /// outputs stay readable.
    pub fn evaluate(&mut self, network: &Network, objective: &Objective) -> Outcome {
        self.ready = false;
        let weight = self.weight();
        let (isa, steps) = (self.exec.isa(), self.steps);
        let scales = self.scales(network, objective, weight);
        if let Some(backward) = &mut self.backward {
            backward.forward_alone(network.parameters());
        }
        let context = Context::new(network, isa, &self.plan, steps, scales, self.first_sequence);
        let in_tiles = self.backward.as_ref().and_then(Backward::tiles);
        context.beside_each_other(&mut self.workspaces, &mut self.groups, |workspace, group| {
            group.forward(&context, in_tiles, workspace, &mut []);
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
        self.ready = false;
        let weight = self.weight();
        let scales = self.scales(network, objective, weight);
        self.refresh(network);
        self.add_up(network, scales, Pass::Whole, gradients);
        if objective.l2_weights > 0.0 && !gradients[RECURRENT].is_empty() {
            let decay = objective.l2_weights as f32;
            let weights = network.parameters()[RECURRENT].par_chunks(CHUNK);
            gradients[RECURRENT].par_chunks_mut(CHUNK).zip(weights).with_min_len(LEAST).for_each(
                |(gradient, weights)| {
                    gradient.iter_mut().zip(weights).for_each(|(g, &w)| *g += decay * w);
                },
            );
        }
        self.outcome(network, objective, weight)
    }

    /// Takes over the parameters for both directions.
    fn refresh(&mut self, network: &Network) {
        let backward = self.backward.as_mut().expect("memory for training, not for running forward only");
        backward.refresh(network.wiring(), network.parameters());
    }

    /// Takes every lane group through `pass`; `gradients` becomes the sum of theirs.
    fn add_up(&mut self, network: &Network, scales: Scales, pass: Pass, gradients: &mut Parameters) {
        let (isa, steps) = (self.exec.isa(), self.steps);
        let (plan, (wiring, parameters)) = (&self.plan, (network.wiring(), network.parameters()));
        let backward = self.backward.as_mut().expect("memory for training, not for running forward only");
        let context = Context::new(network, isa, plan, steps, scales, self.first_sequence);
        let outside = pass.outside();
        if plan.apart {
            let shared = &*backward;
            context.beside_each_other(&mut self.workspaces, &mut self.groups, |workspace, group| {
                let mut own = std::mem::take(&mut group.gradients);
                own.clear();
                if let Pass::Whole = pass {
                    group.forward(&context, shared.tiles(), workspace, &mut []);
                    group.loss(&context, workspace);
                }
                group.backward(&context, Hold::Shared(shared), workspace, &outside, &mut own);
                group.gradients = own;
            });
            let in_tiles = backward.tiles().is_some();
            for id in gradients.ids() {
                let used = self.groups.iter().take_while(|group| group.lanes.used > 0);
                let parts: Vec<&[f32]> = used.map(|group| &*group.gradients[id]).collect();
                let gradient = &mut gradients[id];
                if id == RECURRENT && in_tiles && !gradient.is_empty() {
                    backward.carry_back(isa, Some(&parts), gradient);
                } else {
                    sum_all(isa, gradient, &parts);
                }
            }
        } else {
            let spare = &mut self.spare;
            let mut first = Some(std::mem::take(gradients));
            let mut sum = Fold::default();
            let add = |spare: &mut Vec<_>, before: Parameters, mut later: Parameters| {
                add_to(isa, &mut later, &before);
                spare.push(before);
                later
            };
            for (workspace, groups) in self.workspaces.iter_mut().zip(self.groups.chunks_mut(plan.in_turn())) {
                for group in groups.iter_mut().filter(|group| group.lanes.used > 0) {
                    // the first lane group takes the caller's memory, later ones what is spare
                    let own = first.take().or_else(|| spare.pop());
                    let mut own = own.expect("room for each gradient that waits and the one under way");
                    own.clear();
                    if let Pass::Whole = pass {
                        backward.turn(Direction::Forward, wiring, parameters);
                        group.forward(&context, backward.tiles(), workspace, &mut []);
                        group.loss(&context, workspace);
                    }
                    group.backward(&context, Hold::Alone(backward), workspace, &outside, &mut own);
                    sum.push(own, |before, later| add(spare, before, later));
                }
            }
            *gradients = sum.total(|before, later| add(spare, before, later)).expect("a batch has a sample");
            if !gradients[RECURRENT].is_empty() {
                backward.carry_back(isa, None, &mut gradients[RECURRENT]);
            }
        }
    }

    /// What the loss is a mean over.
    fn weight(&self) -> f64 {
        let used = self.groups.iter().take_while(|group| group.lanes.used > 0);
        tree::sum(&used.map(|group| group.target.weight(group.lanes.used)).collect::<Vec<_>>())
    }

    fn outcome(&self, network: &Network, objective: &Objective, weight: f64) -> Outcome {
        let used = || self.groups.iter().take_while(|group| group.lanes.used > 0);
        let sum = tree::sum(&used().map(|group| group.totals.loss).collect::<Vec<_>>());
        let loss = if weight > 0.0 { sum / weight } else { sum };
        let mut whole = loss;
        if objective.l2_weights > 0.0 {
            whole += objective.l2_weights / 2.0 * sum_squares(self.exec.isa(), &network.parameters()[RECURRENT]);
        }
        if objective.l2_rates > 0.0 {
            let rates = tree::sum(&used().map(|group| group.totals.rates).collect::<Vec<_>>());
            whole += objective.l2_rates * rates / self.states(network) as f64;
        }
        let sum_of = |of: fn(&Totals) -> usize| used().map(|group| of(&group.totals)).sum();
        let (asked, correct) = (sum_of(|totals| totals.asked), sum_of(|totals| totals.correct));
        Outcome { objective: whole, loss, weight, asked, correct }
    }

    fn scales(&self, network: &Network, objective: &Objective, weight: f64) -> Scales {
        Scales {
            // a batch whose mask keeps nothing has no loss and no gradient
            loss: if weight > 0.0 { (1.0 / weight) as f32 } else { 0.0 },
            rate_decay: (2.0 * objective.l2_rates / self.states(network) as f64) as f32,
            sum_rates: objective.l2_rates > 0.0,
        }
    }

    /// Steps of all samples · neurons.
    fn states(&self, network: &Network) -> usize {
        let steps =
            |group: &LaneGroup| group.lengths[..group.lanes.used].iter().map(|&length| length as usize).sum::<usize>();
        self.groups.iter().map(steps).sum::<usize>() * network.wiring().neurons()
    }
}

/// Which way every lane group goes.
#[derive(Clone, Copy)]
enum Pass<'a> {
    /// Forward, through the loss, and back.
    Whole,
    /// Back, from derivatives that the lane groups have already, and these.
    Back(Outside<'a>),
}

impl Pass<'_> {
    fn outside(&self) -> Outside<'_> {
        match *self {
            Self::Whole => Outside::default(),
            Self::Back(outside) => outside,
        }
    }
}

fn groups(wiring: &Wiring, plan: &Plan, targets: TargetKind, steps: usize, training: bool) -> Vec<LaneGroup> {
    plan.groups.iter().map(|&lanes| LaneGroup::new(wiring, lanes, steps, targets, training)).collect()
}

/// Elements of a parameter that are added in one go.
const CHUNK: usize = 1 << 14;
/// Chunks below which a task is not worth waking a thread for.
const LEAST: usize = 8;

/// `total = Σ parts`, by a [tree], on all threads.
fn sum_all(isa: Isa, total: &mut [f32], parts: &[&[f32]]) {
    total.par_chunks_mut(CHUNK).enumerate().with_min_len(LEAST).for_each(|(k, total)| {
        sum_parts(isa, parts, k * CHUNK, total);
    });
}

/// `total += other`, parameter by parameter, on all threads.
fn add_to(isa: Isa, total: &mut Parameters, other: &Parameters) {
    for id in total.ids() {
        let pieces = total[id].par_chunks_mut(CHUNK).zip(other[id].par_chunks(CHUNK));
        pieces.with_min_len(LEAST).for_each(|(total, other)| add_assign(isa, total, other));
    }
}

#[cfg(test)]
mod tests {
    use daleian_kernels::Aligned;

    use super::*;
    use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};

    /// Lane groups with gradients of their own and lane groups that go one after the other are added by the same tree, and
    /// those of a smaller batch that have no sample are left out.
    #[test]
    fn both_ways_of_adding_give_the_same_bits() {
        let population = [PopulationSpec::new("exc", 20, Sign::Excitatory)];
        let connectome = Connectome::from_rules(&population, &[ConnectionSpec::probability(0.5)], 1).unwrap();
        let network = Network::builder(&connectome).input(2).readout(1).build().unwrap();
        let objective = Objective { loss: LossName::Mse, l2_weights: 0.1, l2_rates: 0.1 };
        for (batch, samples) in [(300, 300), (300, 190), (420, 420)] {
            let mut bptt = Bptt::new(&network, Isa::available()[0], LossName::Mse, batch, 4, &ParameterId::COMMON);
            assert!(bptt.plan.apart && bptt.groups.len() >= 5);
            bptt.set_samples(samples);
            for (k, group) in bptt.groups.iter_mut().enumerate() {
                let number = |i: usize| ((i * 37 + k * 11) % 101) as f32 / 50.0 - 1.0;
                group.input.iter_mut().enumerate().for_each(|(i, x)| *x = number(i));
                let Target::Series { values, mask } = &mut group.target else { panic!("a series") };
                values.iter_mut().enumerate().for_each(|(i, y)| *y = number(i + 50));
                let lanes = group.lanes;
                mask.chunks_mut(lanes.stored).for_each(|row| row[..lanes.used].fill(1.0));
            }
            let inputs: Vec<Aligned> = bptt.groups.iter().map(|group| group.input.clone()).collect();
            let mut gradients = [bptt.gradients(&network), bptt.gradients(&network)];
            let apart = bptt.gradient(&network, &objective, &mut gradients[0]);
            bptt.plan.apart = false;
            bptt.spare.resize_with(tree::waiting(bptt.groups.len()), || gradients[1].clone());
            for (group, input) in bptt.groups.iter_mut().zip(inputs) {
                group.input = input;
            }
            assert_eq!(bptt.gradient(&network, &objective, &mut gradients[1]), apart);
            assert_eq!(gradients[0], gradients[1]);
            assert!(gradients[0][RECURRENT].iter().any(|&x| x != 0.0));
            assert_eq!(bptt.spare.len(), tree::waiting(bptt.groups.len()), "what was lent came back");
        }
    }
}
