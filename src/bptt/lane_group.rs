//! One lane group through time and back.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};

use daleian_kernels::{Aligned, Isa, MAX_LANES, Outer};

use rayon::prelude::*;

use super::loss::{Target, TargetKind};
use super::outside::{Beyond, Outside, to_lanes, to_samples};
use super::plan::{Lanes, Plan};
use super::workspace::{BackwardStep, Workspace, part, part_mut};
use crate::cell::noise::Moment;
use crate::network::step::{BackStep, Backward, Derivatives, Direction, Rows, Step};
use crate::network::{BIAS, INPUT, Network, Parameters, RECURRENT, Wiring};
use crate::sparse::{Partition, Tiles};

mod derivatives;

/// The input, the wanted answer and the answer of one lane group. Its states are elsewhere, as lane groups may share memory.
#[derive(Debug)]
pub struct LaneGroup {
    /// Which samples of the batch these are.
    pub lanes: Lanes,
    /// x, `[steps, channels, lanes]`; lanes of padding are 0.
    pub input: Aligned,
    /// What should have been answered.
    pub target: Target,
    /// Steps that the sample of each lane has, `[lanes]`: what comes later counts for nothing.
    pub lengths: Vec<u32>,
    /// y, after the loss its derivative by the readout's sum: `[steps, outputs, lanes]`.
    output: Aligned,
    /// The first step at which that derivative is not 0.
    derived_from: usize,
    training: bool,
    /// κ, `[lanes]`; empty without a penalty on rates.
    rate_decay: Aligned,
    /// This lane group's own gradient, where lane groups run apart.
    pub(super) gradients: Parameters,
    pub(super) totals: Totals,
    /// What the backward pass gives beside the gradients.
    pub(super) beyond: Beyond,
}

/// What a lane group adds up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Σ m (y - y*)² or Σ -ln p.
    pub loss: f64,
    /// Σ r².
    pub rates: f64,
    /// Class labels that count.
    pub asked: usize,
    /// Those of them that were answered rightly.
    pub correct: usize,
}

/// What every lane group of a step shares.
pub(super) struct Context<'a> {
    pub network: &'a Network,
    pub isa: Isa,
    pub plan: &'a Plan,
    pub steps: usize,
    pub scales: Scales,
    /// The sequence that the first sample of the batch is: which noise it has.
    pub first_sequence: u64,
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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scales {
    /// 1 / N of the loss.
    pub loss: f32,
    /// 2 λ / (samples · steps · neurons), for the penalty on rates.
    pub rate_decay: f32,
    /// Whether Σ r² is wanted.
    pub sum_rates: bool,
}

impl<'a> Context<'a> {
    pub fn new(
        network: &'a Network,
        isa: Isa,
        plan: &'a Plan,
        steps: usize,
        scales: Scales,
        first_sequence: u64,
    ) -> Self {
        let running = AtomicUsize::new(plan.groups.len().div_ceil(plan.in_turn()));
        Self { network, isa, plan, steps, scales, first_sequence, running }
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
        let (wiring, values) = (self.network.wiring(), self.network.parameters().matrices());
        Step { wiring, values, isa: self.isa, lanes, rows, tiles }
    }

    /// Which noise there is in step `t` of these lanes.
    fn moment(&self, lanes: Lanes, t: usize) -> Moment {
        Moment { first: self.first_sequence + lanes.first as u64, used: lanes.used, step: t as u64 }
    }
}

/// Steps that the narrowest lane group adds to the gradient in one pass.
const MOST_STEPS: usize = 4;

impl LaneGroup {
    pub(super) fn new(wiring: &Wiring, lanes: Lanes, steps: usize, targets: TargetKind, training: bool) -> Self {
        Self {
            lanes,
            input: Aligned::zeros(steps * wiring.channels() * lanes.stored),
            target: Target::new(targets, steps, wiring.outputs(), lanes.stored),
            lengths: vec![steps as u32; lanes.stored],
            derived_from: steps,
            output: Aligned::zeros(steps * wiring.outputs() * lanes.stored),
            training,
            rate_decay: Aligned::default(),
            gradients: Parameters::default(),
            totals: Totals::default(),
            beyond: Beyond::default(),
        }
    }

    /// Samples of this lane group that end with step `t`.
    fn ending(&self, t: usize) -> impl Iterator<Item = usize> {
        let lengths = self.lengths[..self.lanes.used].iter().enumerate();
        lengths.filter(move |&(_, &length)| length as usize == t + 1).map(|(lane, _)| lane)
    }

    /// y, `[steps, outputs, lanes]`, after a pass that did not go backward.
    pub fn output(&self) -> &[f32] {
        &self.output
    }

    /// The states and readouts of all steps, from rest. Of the states what the [`Plan`] says is kept. `rates` becomes
    /// those of this lane group's samples, `[samples, steps, neurons]`, if it is not empty.
    pub(super) fn forward(&mut self, context: &Context, tiles: InTiles, workspace: &mut Workspace, rates: &mut [f32]) {
        self.totals = Totals::default();
        if self.lanes.used == 0 {
            return;
        }
        let wiring = context.network.wiring();
        let (inputs, outputs) = (wiring.channels() * self.lanes.stored, wiring.outputs() * self.lanes.stored);
        let segments = context.plan.storage.as_ref().map(|storage| &storage.segments);
        let cell = wiring.dynamics();
        let kernels = cell.single().kernels;
        // where all that it reads is kept, the readout waits: threads that share time steps need not wait for it each time
        let waits = segments.is_some_and(|segments| segments.count() == 1) && !cell.reads_rates_apart();
        let squares = &mut [0.0; MAX_LANES][..self.lanes.stored];
        // Σ r² of each sample up to its end
        let ended = &mut [0.0; MAX_LANES][..self.lanes.used];
        for t in 0..context.steps {
            let step = context.step(self.lanes.stored, tiles);
            let moment = context.moment(self.lanes, t);
            let passed = workspace.forward(&step, segments, moment, part(&self.input, t, inputs));
            if !waits {
                let read = if cell.reads_rates_apart() { passed.rates } else { passed.states };
                step.readout(read, part_mut(&mut self.output, t, outputs));
            }
            if context.scales.sum_rates {
                kernels.lane_squares(context.isa, self.lanes.stored, passed.states, squares);
                self.ending(t).for_each(|lane| ended[lane] = squares[lane]);
            }
            if !rates.is_empty() {
                to_samples(passed.rates, self.lanes, [t, context.steps], rates);
            }
        }
        self.totals.rates = ended.iter().sum();
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

    /// From the derivatives by the outputs, and by the rates where `outside` has any, to the gradients, which are added
    /// to `gradients`, and to what [`Beyond`] has room for.
    pub(super) fn backward(
        &mut self,
        context: &Context,
        mut hold: Hold,
        workspace: &mut Workspace,
        outside: &Outside,
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
        self.beyond = Beyond::new(outside, self, context.steps, wiring.neurons());
        let only_readout = gradients[RECURRENT].is_empty()
            && gradients[INPUT].is_empty()
            && gradients[BIAS].is_empty()
            && self.beyond.is_empty();
        if context.scales.rate_decay != 0.0 {
            self.rate_decay = Aligned::zeros(self.lanes.stored);
        }
        let mut by_rates = Aligned::zeros(if outside.by_rates.is_some() { size } else { 0 });
        let together = storage.together(self.lanes.stored);
        // slots of δ: those of one pass, and the one under way
        let slots = together + 1;
        // δ of the steps `flushed..` (counted downward) are already in the gradient
        let mut flushed = context.steps;
        let kernels = wiring.dynamics().single().kernels;
        let reads_rates = wiring.dynamics().reads_rates_apart();
        // for the same reason as in the forward pass; δ, which it does not need, turns states into rates
        let at_once = segments.count() == 1 && !reads_rates;
        if at_once {
            let step = context.step(lanes, None);
            for t in (self.derived_from..context.steps).rev() {
                let states = workspace.states.get(t, size);
                step.add_readout_gradients(part(&self.output, t, outputs), states, gradients.matrices_mut());
            }
        }
        workspace.begin_backward();
        for k in (0..segments.count()).rev() {
            let segment = segments.range(k);
            if segment.end < context.steps {
                if only_readout && segment.end <= self.derived_from {
                    break;
                }
                hold.turn(Direction::Forward, context.network);
                for t in segment.clone() {
                    let step = context.step(lanes, hold.get().tiles());
                    let moment = context.moment(self.lanes, t);
                    workspace.forward_again(&step, segments, k, moment, part(&self.input, t, inputs));
                }
            }
            hold.turn(Direction::Backward, context.network);
            let backward = hold.get();
            for t in segment.clone().rev() {
                let step = context.step(lanes, backward.tiles());
                let rows = context.rows(context.plan.backward.as_ref(), backward.backward_tiles());
                let last = t + 1 == context.steps;
                let dy = (t >= self.derived_from).then(|| part(&self.output, t, outputs));
                let places = [t % slots, (t + 1) % slots];
                let BackwardStep { states, memo, delta, later, carried } =
                    workspace.backward(t - segment.start, places, size);
                let by_readout = dy.filter(|_| !at_once);
                if let Some(dy) = by_readout.filter(|_| !reads_rates) {
                    step.add_readout_gradients(dy, states, gradients.matrices_mut());
                }
                if only_readout {
                    if reads_rates {
                        kernels.rates(context.isa, states);
                    }
                } else {
                    if context.scales.rate_decay != 0.0 {
                        // a sample that is over has no rates to be small
                        for (decay, &length) in self.rate_decay.iter_mut().zip(&self.lengths[..self.lanes.used]) {
                            *decay = if t < length as usize { context.scales.rate_decay } else { 0.0 };
                        }
                    }
                    let rate_decay = (context.scales.rate_decay != 0.0).then_some(&*self.rate_decay);
                    let by_rates = outside.by_rates.map(|all| {
                        to_lanes(all, self.lanes, [t, context.steps], &mut by_rates);
                        &*by_rates
                    });
                    let later = (!last).then_some(later);
                    let given = Derivatives { later, by_sums: dy, by_rates, rate_decay, memo };
                    backward.adjoint(&step, rows, given, BackStep { states, delta, carried });
                    self.beyond.add_step(outside, &step, t, delta);
                    if t == 0 && !self.beyond.initial.is_empty() {
                        backward.by_rates_before(&step, delta, &mut self.beyond.initial);
                    }
                }
                if let Some(dy) = by_readout.filter(|_| reads_rates) {
                    step.add_readout_gradients(dy, states, gradients.matrices_mut());
                }
                if only_readout {
                    continue;
                }
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
                    step.add_gradients(&pairs[..count], &with_input[..count], gradients.matrices_mut());
                    flushed = t + 1;
                }
            }
        }
        if only_readout {
            return;
        }
        let step = context.step(lanes, hold.get().tiles());
        let first = [Outer { delta: workspace.delta.get(0, size), states: part(&self.input, 0, inputs) }];
        step.add_gradients(&[], &first, gradients.matrices_mut());
    }
}
