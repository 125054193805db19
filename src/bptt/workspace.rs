//! The states of a lane group under way: what is kept, what is passed by, what is computed again.

use daleian_kernels::Aligned;

use super::plan::Lanes;
use super::slots::Slots;
use super::storage::{Segments, Storage};
use crate::network::Wiring;
use crate::network::step::Step;

/// Memory that lane groups pass through one after the other, each with as much of it as its lanes need.
#[derive(Debug)]
pub(super) struct Workspace {
    /// a of the segment under way, after the backward pass r, and behind it the rates that segments before it restart
    /// from. Without training one slot.
    pub states: Slots,
    /// r of this step and the one before, `[2, neurons, lanes]`; empty where r = a and states are kept.
    rates: Aligned,
    /// δ of the last few steps, a ring; without training room for one step's output.
    pub delta: Slots,
}

/// Where the rates before a step are.
enum Before {
    /// Nowhere: they are zero.
    Rest,
    /// In the half of `rates` that the step does not write.
    Rates,
    /// In this slot of the states.
    Slot(usize),
}

impl Workspace {
    /// For training lane groups of these lanes.
    pub fn training(wiring: &Wiring, storage: &Storage, groups: &[Lanes]) -> Self {
        let sizes = storage.sizes(wiring, groups);
        let [states, delta] = [sizes.states, sizes.delta].map(|size| Slots::zeros(size as usize));
        Self { states, rates: Aligned::zeros(sizes.rates as usize), delta }
    }

    /// For running a lane group forward only.
    pub fn forward_only(wiring: &Wiring, group: Lanes) -> Self {
        let size = wiring.neurons() * group.stored;
        Self {
            states: Slots::zeros(size),
            rates: Aligned::zeros(2 * size),
            delta: Slots::zeros(wiring.outputs() * group.stored),
        }
    }

    /// Step `t` of the forward pass; gives a. Without `segments` no states are kept.
    pub fn forward(&mut self, step: &Step, segments: Option<&Segments>, t: usize, input: &[f32]) -> &[f32] {
        let size = size(step);
        // states are kept from here on
        let kept = segments.map_or(usize::MAX, Segments::twice);
        let in_rates = !self.rates.is_empty();
        let slot_of = |t: usize| match t.checked_sub(kept) {
            Some(slot) => slot,
            None if in_rates => 0,
            // the last step that is only passed by leaves slot 0 to the first that is kept
            None => (kept - t) % 2,
        };
        let before = match t {
            0 => Before::Rest,
            _ if in_rates => Before::Rates,
            _ => Before::Slot(slot_of(t - 1)),
        };
        self.step(step, t, before, slot_of(t), input);
        if let Some(restart) = segments.and_then(|segments| segments.restart_after(t)) {
            if in_rates {
                let rates = part(&self.rates, t % 2, size);
                self.states.get_mut(restart, size).copy_from_slice(rates);
            } else {
                self.states.copy(slot_of(t), restart, size);
            }
        }
        self.states.get(slot_of(t), size)
    }

    /// Step `t` of segment `k` once more, after the steps of the segment before it, with the same bits.
    pub fn forward_again(&mut self, step: &Step, segments: &Segments, k: usize, t: usize, input: &[f32]) {
        let start = segments.range(k).start;
        let before = match segments.restart(k) {
            _ if t == 0 => Before::Rest,
            Some(slot) if t == start => Before::Slot(slot),
            _ if !self.rates.is_empty() => Before::Rates,
            _ => Before::Slot(t - 1 - start),
        };
        self.step(step, t, before, t - start, input);
    }

    /// Step `t`, whose states go into slot `to`.
    fn step(&mut self, step: &Step, t: usize, before: Before, to: usize, input: &[f32]) {
        let size = size(step);
        let half = if self.rates.is_empty() { 0 } else { size };
        let (even, odd) = self.rates.split_at_mut(half);
        let (other, own) = if t.is_multiple_of(2) { (odd, even) } else { (even, odd) };
        let (activations, before) = match before {
            Before::Rest => (self.states.get_mut(to, size), None),
            Before::Rates => (self.states.get_mut(to, size), Some(&other[..size])),
            Before::Slot(before) => {
                let (activations, before) = self.states.two(to, before, size);
                (activations, Some(before))
            }
        };
        if own.is_empty() {
            step.forward(before, input, activations, &mut []);
        } else if step.network.wiring().rectified() {
            step.forward(before, input, activations, &mut own[..size]);
        } else {
            step.forward(before, input, &mut own[..size], &mut []);
            activations.copy_from_slice(&own[..size]);
        }
    }
}

/// Elements of one step of all neurons.
fn size(step: &Step) -> usize {
    step.network.wiring().neurons() * step.lanes
}

/// Part `k` of a buffer of equal parts.
pub(super) fn part(buffer: &[f32], k: usize, size: usize) -> &[f32] {
    &buffer[k * size..][..size]
}

pub(super) fn part_mut(buffer: &mut [f32], k: usize, size: usize) -> &mut [f32] {
    &mut buffer[k * size..][..size]
}
