//! The states of a lane group under way: what is kept, what is passed by, what is computed again.

use daleian_kernels::Aligned;

use super::plan::Lanes;
use super::slots::Slots;
use super::storage::{Segments, Sizes, Storage, passing};
use crate::cell::noise::Moment;
use crate::network::Wiring;
use crate::network::step::{After, Before, Step};

/// Memory that lane groups pass through one after the other, each with as much of it as its lanes need.
#[derive(Debug)]
pub(super) struct Workspace {
    /// s of the segment under way, after the backward pass r, and behind it the states that segments before it restart
    /// from. Without training what is passed by.
    pub states: Slots,
    /// What the cell keeps beside the states of the segment under way; empty where it keeps nothing.
    memo: Slots,
    /// r of this step and the one before, `[2, neurons, lanes]`; empty where r = s.
    rates: Aligned,
    /// δ of the last few steps, a ring; without training room for one step's output.
    pub delta: Slots,
    /// The derivative that goes from state to state, `[neurons, lanes]`; empty where the cell carries none.
    carried: Aligned,
    /// The noise of the step under way, `[neurons, lanes]`; empty where the cell has none.
    noise: Aligned,
}

/// What a step forward gives.
pub(super) struct Passed<'a> {
    pub states: &'a [f32],
    pub rates: &'a [f32],
}

/// The buffers of a step backward.
pub(super) struct BackwardStep<'a> {
    pub states: &'a mut [f32],
    pub memo: &'a [f32],
    pub delta: &'a mut [f32],
    /// δ of the step after.
    pub later: &'a [f32],
    pub carried: &'a mut [f32],
}

impl Workspace {
    /// For training lane groups of these lanes.
    pub fn training(wiring: &Wiring, storage: &Storage, groups: &[Lanes]) -> Self {
        Self::of(storage.sizes(wiring, groups))
    }

    /// For running a lane group forward only.
    pub fn forward_only(wiring: &Wiring, group: Lanes) -> Self {
        Self::of(Sizes::forward_only(wiring, group))
    }

    fn of(sizes: Sizes) -> Self {
        let slots = |size: u64| Slots::zeros(size as usize);
        let buffer = |size: u64| Aligned::zeros(size as usize);
        Self {
            states: slots(sizes.states),
            memo: slots(sizes.memo),
            rates: buffer(sizes.rates),
            delta: slots(sizes.delta),
            carried: buffer(sizes.carried),
            noise: buffer(sizes.noise),
        }
    }

    /// Step `moment.step` of the forward pass. Without `segments` no states are kept.
    pub fn forward(&mut self, step: &Step, segments: Option<&Segments>, moment: Moment, input: &[f32]) -> Passed<'_> {
        let (t, size) = (moment.step as usize, size(step));
        // states are kept from here on
        let kept = segments.map_or(usize::MAX, Segments::twice);
        let one_passes = passing(step.wiring) == 1;
        let slot_of = |t: usize| match t.checked_sub(kept) {
            Some(slot) => slot,
            None if one_passes => 0,
            // the last step that is only passed by leaves slot 0 to the first that is kept
            None => (kept - t) % 2,
        };
        self.step(step, t.checked_sub(1).map(slot_of), slot_of(t), t >= kept, moment, input);
        if let Some(restart) = segments.and_then(|segments| segments.restart_after(t)) {
            self.states.copy(slot_of(t), restart, size);
        }
        let states = self.states.get(slot_of(t), size);
        Passed { states, rates: if self.rates.is_empty() { states } else { part(&self.rates, t % 2, size) } }
    }

    /// Step `moment.step` of segment `k` once more, after the steps of the segment before it, with the same bits.
    pub fn forward_again(&mut self, step: &Step, segments: &Segments, k: usize, moment: Moment, input: &[f32]) {
        let (t, start) = (moment.step as usize, segments.range(k).start);
        let before = match segments.restart(k) {
            _ if t == 0 => None,
            Some(slot) if t == start => {
                self.restart(step, slot, t);
                Some(slot)
            }
            _ => Some(t - 1 - start),
        };
        self.step(step, before, t - start, true, moment, input);
    }

    /// Finds the rates before step `t` anew, from the states kept in `slot`.
    fn restart(&mut self, step: &Step, slot: usize, t: usize) {
        if !self.rates.is_empty() {
            let size = size(step);
            let rates = part_mut(&mut self.rates, (t - 1) % 2, size);
            rates.copy_from_slice(self.states.get(slot, size));
            step.equations().kernels.rates(step.isa, rates);
        }
    }

    /// A step from the states in slot `before`, or from rest, to those in slot `to`.
    fn step(&mut self, step: &Step, before: Option<usize>, to: usize, keep_memo: bool, moment: Moment, input: &[f32]) {
        let size = size(step);
        let (t, sends_state) = (moment.step as usize, self.rates.is_empty());
        let (even, odd) = self.rates.split_at_mut(if sends_state { 0 } else { size });
        let (other, own) = if t.is_multiple_of(2) { (odd, even) } else { (even, odd) };
        let rates_before = &other[..if sends_state { 0 } else { size }];
        let rates = &mut own[..rates_before.len()];
        let reads_state = step.equations().kernels.reads_state();
        let (states, before) = match before {
            None => (self.states.get_mut(to, size), Before { rates: None, states: None }),
            Some(slot) if sends_state || reads_state => {
                let (states, before) = self.states.two(to, slot, size);
                let rates = if sends_state { before } else { rates_before };
                (states, Before { rates: Some(rates), states: reads_state.then_some(before) })
            }
            Some(_) => (self.states.get_mut(to, size), Before { rates: Some(rates_before), states: None }),
        };
        let memo = if keep_memo { self.memo.get_mut_or_empty(to, size) } else { &mut [] };
        let noise = &mut self.noise[..if step.cell().noise().is_some() { size } else { 0 }];
        step.forward(before, input, moment, After { states, memo, rates, noise });
    }

    /// Before the first step backward.
    pub fn begin_backward(&mut self) {
        self.carried.fill(0.0);
    }

    /// The buffers of a step backward, whose states are in slot `slot`, whose δ goes to ring place `own`, and that of the step
    /// after is in ring place `later`.
    pub fn backward(&mut self, slot: usize, [own, later]: [usize; 2], size: usize) -> BackwardStep<'_> {
        let (delta, later) = self.delta.two(own, later, size);
        let carries = !self.carried.is_empty();
        BackwardStep {
            states: self.states.get_mut(slot, size),
            memo: self.memo.get_or_empty(slot, size),
            delta,
            later,
            carried: &mut self.carried[..if carries { size } else { 0 }],
        }
    }
}

/// Elements of one step of all neurons.
fn size(step: &Step) -> usize {
    step.wiring.neurons() * step.lanes
}

/// Part `k` of a buffer of equal parts.
pub(super) fn part(buffer: &[f32], k: usize, size: usize) -> &[f32] {
    &buffer[k * size..][..size]
}

pub(super) fn part_mut(buffer: &mut [f32], k: usize, size: usize) -> &mut [f32] {
    &mut buffer[k * size..][..size]
}
