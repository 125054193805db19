//! One lane group through time and back.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};

use daleian_kernels::{Aligned, Isa, MAX_LANES, Outer, lane_squares};

use rayon::prelude::*;

use super::loss::{Target, cross_entropy, squared_error};
use super::plan::{Lanes, Plan};
use super::workspace::{Workspace, part, part_mut};
use crate::network::step::{Backward, Direction, Rows, Step};
use crate::network::{BIAS, INPUT, Network, Parameters, RECURRENT, Wiring};
use crate::sparse::{Partition, Tiles};

/// The input, the wanted answer and the answer of one lane group. Its states are elsewhere, as lane groups may share memory.
#[derive(Debug)]
pub struct LaneGroup {
    /// Which samples of the batch these are.
    pub lanes: Lanes,
    /// x, `[steps, channels, lanes]`; lanes of padding are 0.
    pub input: Aligned,
    /// What should have been answered.
    pub target: Target,
    /// y, after the loss its derivative by V a + c: `[steps, outputs, lanes]`.
    output: Aligned,
    training: bool,
    /// κ, `[lanes]`; empty without a penalty on rates.
    rate_decay: Aligned,
    /// This lane group's own gradient, where lane groups run apart.
    pub(super) gradients: Parameters,
    pub(super) totals: Totals,
}

/// What a lane group adds up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Σ m (y - y*)² or Σ -ln p.
    pub loss: f64,
    /// Σ r².
    pub rates: f64,
}

/// What every lane group of a step shares.
pub(super) struct Context<'a> {
    pub network: &'a Network,
    pub isa: Isa,
    pub plan: &'a Plan,
    pub steps: usize,
    pub scales: Scales,
    /// Where lane groups run beside each other: those (or, where several share memory, groups of them) that are not through yet.
    running: AtomicUsize,
}

/// W in tiles, with the values of the forward product; `None` where it is taken row by row.
type InTiles<'a> = Option<(&'a Tiles, &'a Aligned)>;

/// What the backward pass of a lane group needs beside the network.
pub(super) enum Hold<'a> {
    /// Other lane groups use it at the same time.
    Shared(&'a Backward),
    /// This lane group alone, so that it can turn from one direction to the other.
    Alone(&'a mut Backward),
}

impl Hold<'_> {
    fn get(&self) -> &Backward {
        match self {
            Self::Shared(backward) => backward,
            Self::Alone(backward) => backward,
        }
    }

    fn turn(&mut self, direction: Direction, network: &Network) {
        if let Self::Alone(backward) = self {
            backward.turn(direction, network.wiring(), network.parameters());
        }
    }
}

/// What the objective multiplies its sums by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scales {
    /// 1 / N of the loss.
    pub loss: f32,
    /// 2 λ / (samples · steps · neurons), for the penalty on rates.
    pub rate_decay: f32,
    /// Whether Σ r² is wanted.
    pub sum_rates: bool,
}

impl<'a> Context<'a> {
    pub fn new(network: &'a Network, isa: Isa, plan: &'a Plan, steps: usize, scales: Scales) -> Self {
        let running = AtomicUsize::new(plan.groups.len().div_ceil(plan.in_turn()));
        Self { network, isa, plan, steps, scales, running }
    }

    /// Calls `run` for every lane group, each with its workspace: beside each other, but one after the other where they share one.
    pub fn beside_each_other(
        &self,
        workspaces: &mut [Workspace],
        groups: &mut [LaneGroup],
        run: impl Fn(&mut Workspace, &mut LaneGroup) + Sync,
    ) {
        // one by one, so that no thread keeps a lane group that another could take
        let groups = workspaces.par_iter_mut().zip(groups.par_chunks_mut(self.plan.in_turn())).with_max_len(1);
        groups.for_each(|(workspace, groups)| {
            groups.iter_mut().for_each(|group| run(workspace, group));
            self.running.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Whether threads share the next time step: not where enough lane groups run beside each other to keep all busy. When there
    /// are fewer left than threads, those that are through help with the last. (No bit depends on it.)
    fn split(&self) -> bool {
        self.plan.shared && (!self.plan.apart || self.running.load(Ordering::Relaxed) < rayon::current_num_threads())
    }

    /// The rows of a matrix in the next time step: in tiles, or else as its partition cuts it.
    fn rows<'b>(&self, partition: Option<&'b Partition>, tiles: Option<&'b Tiles>) -> Rows<'b> {
        match tiles.map(Tiles::blocks).or(partition) {
            Some(parts) if self.split() => Rows::Split(parts),
            _ => Rows::Whole(self.network.wiring().neurons()),
        }
    }

    fn step<'b>(&'b self, lanes: usize, tiles: InTiles<'b>) -> Step<'b> {
        let rows = self.rows(self.plan.forward.as_ref(), tiles.map(|(tiles, _)| tiles));
        Step { network: self.network, isa: self.isa, lanes, rows, tiles }
    }
}

/// Steps that the narrowest lane group adds to the gradient in one pass.
const MOST_STEPS: usize = 4;

impl LaneGroup {
    pub(super) fn new(wiring: &Wiring, lanes: Lanes, steps: usize, target: Target, training: bool) -> Self {
        Self {
            lanes,
            input: Aligned::zeros(steps * wiring.channels() * lanes.stored),
            target,
            output: Aligned::zeros(steps * wiring.outputs() * lanes.stored),
            training,
            rate_decay: Aligned::default(),
            gradients: Parameters::default(),
            totals: Totals::default(),
        }
    }

    /// y, `[steps, outputs, lanes]`, after a pass that did not go backward.
    pub fn output(&self) -> &[f32] {
        &self.output
    }

    /// The states and readouts of all steps, from rest. Of the states what the [`Plan`] says is kept.
    pub(super) fn forward(&mut self, context: &Context, tiles: InTiles, workspace: &mut Workspace) {
        self.totals = Totals::default();
        if self.lanes.used == 0 {
            return;
        }
        let wiring = context.network.wiring();
        let (inputs, outputs) = (wiring.channels() * self.lanes.stored, wiring.outputs() * self.lanes.stored);
        let segments = context.plan.storage.as_ref().map(|storage| &storage.segments);
        // where every state is kept, the readout waits: threads that share time steps need not wait for it each time
        let waits = segments.is_some_and(|segments| segments.count() == 1);
        let squares = &mut [0.0; MAX_LANES][..self.lanes.stored];
        for t in 0..context.steps {
            let step = context.step(self.lanes.stored, tiles);
            let activations = workspace.forward(&step, segments, t, part(&self.input, t, inputs));
            if !waits {
                step.readout(activations, part_mut(&mut self.output, t, outputs));
            }
            if context.scales.sum_rates {
                lane_squares(context.isa, self.lanes.stored, wiring.rectified(), activations, squares);
            }
        }
        self.totals.rates = squares[..self.lanes.used].iter().sum();
        if waits {
            let size = wiring.neurons() * self.lanes.stored;
            let step = context.step(self.lanes.stored, tiles);
            let read = |(t, output): (usize, &mut [f32])| step.readout(workspace.states.get(t, size), output);
            let output = &mut self.output[..context.steps * outputs];
            if context.split() {
                output.par_chunks_mut(outputs).enumerate().for_each(read);
            } else {
                output.chunks_mut(outputs).enumerate().for_each(read);
            }
        }
    }

    /// Adds up the loss of the outputs and, in training, turns them into derivatives by V a + c.
    pub(super) fn loss(&mut self, context: &Context, workspace: &mut Workspace) {
        if self.lanes.used == 0 {
            if let Target::Classes { correct, .. } = &mut self.target {
                *correct = 0;
            }
            return;
        }
        let wiring = context.network.wiring();
        let size = wiring.outputs() * self.lanes.stored;
        let (output, training) = (&mut self.output, self.training);
        let mut derive = |t: usize, loss: &mut dyn FnMut(&mut [f32])| {
            let y = part_mut(output, t, size);
            if training {
                return loss(y);
            }
            let scratch = workspace.delta.get_mut(0, size);
            scratch.copy_from_slice(y);
            loss(scratch);
        };
        let mut sum = 0.0;
        match &mut self.target {
            Target::Series { values, mask } => {
                for t in 0..context.steps {
                    let (values, mask) = (part(values, t, size), part(mask, t, size));
                    derive(t, &mut |y| {
                        sum += squared_error(y, values, mask, context.scales.loss, wiring.readout_activation());
                    });
                }
            }
            Target::Classes { labels, correct } => derive(context.steps - 1, &mut |y| {
                let (labels, g) = (&labels[..self.lanes.used], wiring.readout_activation());
                (sum, *correct) = cross_entropy(y, self.lanes.stored, labels, context.scales.loss, g);
            }),
        }
        self.totals.loss = sum;
    }

    /// From the derivatives by the outputs to the gradients, which are added to `gradients`.
    pub(super) fn backward(
        &mut self,
        context: &Context,
        mut hold: Hold,
        workspace: &mut Workspace,
        gradients: &mut Parameters,
    ) {
        if self.lanes.used == 0 {
            return;
        }
        let storage = context.plan.storage.as_ref().expect("a plan for training");
        let segments = &storage.segments;
        let lanes = self.lanes.stored;
        let wiring = context.network.wiring();
        let size = wiring.neurons() * self.lanes.stored;
        let (inputs, outputs) = (wiring.channels() * self.lanes.stored, wiring.outputs() * self.lanes.stored);
        let every_step = matches!(self.target, Target::Series { .. });
        let only_readout = gradients[RECURRENT].is_empty() && gradients[INPUT].is_empty() && gradients[BIAS].is_empty();
        if context.scales.rate_decay != 0.0 {
            self.rate_decay = Aligned::zeros(self.lanes.stored);
            self.rate_decay[..self.lanes.used].fill(context.scales.rate_decay);
        }
        let decay = (context.scales.rate_decay != 0.0).then_some(&*self.rate_decay);
        let together = storage.together(self.lanes.stored);
        // slots of δ: those of one pass, and the one under way
        let slots = together + 1;
        // δ of the steps `flushed..` (counted downward) are already in the gradient
        let mut flushed = context.steps;
        // for the same reason as in the forward pass; δ, which it does not need, turns activations into rates
        let whole = segments.count() == 1;
        if whole {
            let first = if every_step { 0 } else { context.steps - 1 };
            let step = context.step(lanes, None);
            for t in (first..context.steps).rev() {
                let states = workspace.states.get(t, size);
                step.add_readout_gradients(part(&self.output, t, outputs), states, gradients);
            }
        }
        for k in (0..segments.count()).rev() {
            let segment = segments.range(k);
            if segment.end < context.steps {
                if only_readout && !every_step {
                    break;
                }
                hold.turn(Direction::Forward, context.network);
                for t in segment.clone() {
                    let step = context.step(lanes, hold.get().tiles());
                    workspace.forward_again(&step, segments, k, t, part(&self.input, t, inputs));
                }
            }
            hold.turn(Direction::Backward, context.network);
            let backward = hold.get();
            for t in segment.clone().rev() {
                let step = context.step(lanes, backward.tiles());
                let rows = context.rows(context.plan.backward.as_ref(), backward.backward_tiles());
                let last = t + 1 == context.steps;
                let dy = (every_step || last).then(|| part(&self.output, t, outputs));
                let states = workspace.states.get_mut(t - segment.start, size);
                if let Some(dy) = dy.filter(|_| !whole) {
                    step.add_readout_gradients(dy, states, gradients);
                }
                if only_readout {
                    continue;
                }
                let (own, later) = workspace.delta.two(t % slots, (t + 1) % slots, size);
                let later = (!last).then_some(later);
                backward.adjoint(&step, rows, later, dy, decay, states, own);
                // steps t+1..flushed have their δ and the rates before them; step 0 has no rates before it
                if flushed - (t + 1) == together || t == 0 {
                    // those rates are of this segment, as it starts where a pass ends
                    let outer = |k: usize, before: usize| Outer {
                        delta: workspace.delta.get(k % slots, size),
                        states: workspace.states.get(before - segment.start, size),
                    };
                    let pairs: [Outer; MOST_STEPS] = array::from_fn(|k| {
                        let k = (t + 1 + k).min(flushed - 1);
                        outer(k, k.saturating_sub(1))
                    });
                    let with_input: [Outer; MOST_STEPS] = array::from_fn(|k| {
                        let k = (t + 1 + k).min(flushed - 1);
                        Outer { delta: workspace.delta.get(k % slots, size), states: part(&self.input, k, inputs) }
                    });
                    let count = flushed - (t + 1);
                    step.add_gradients(&pairs[..count], &with_input[..count], gradients);
                    flushed = t + 1;
                }
            }
        }
        if only_readout {
            return;
        }
        let step = context.step(lanes, hold.get().tiles());
        let first = [Outer { delta: workspace.delta.get(0, size), states: part(&self.input, 0, inputs) }];
        step.add_gradients(&[], &first, gradients);
    }
}
