//! A loss of one's own: forward, then back from derivatives that come from outside, to derivatives that go outside.
//!
//! Arrays from and to outside are in the order of numpy, `[samples, steps, …]`, row-major.

use std::sync::Mutex;

use daleian_kernels::{Aligned, Operand};

use super::lane_group::{Context, Scales};
use super::plan::Lanes;
use super::{Bptt, LaneGroup, Pass, Storage, TargetKind};
use crate::exec::Exec;
use crate::network::step::{Direction, Step};
use crate::network::{INPUT, Network, ParameterId, Parameters};
use crate::sparse::Transposed;

/// The derivatives of a loss of one's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossDerivatives<'a> {
    /// By the outputs y, `[samples, steps, outputs]`; `None` where they are zero.
    pub by_outputs: Option<&'a [f32]>,
    /// By the rates r, `[samples, steps, neurons]`; `None` where they are zero.
    pub by_rates: Option<&'a [f32]>,
}

/// Where the backward pass writes derivatives beside the gradients of parameters; `None` saves their work.
#[derive(Debug, Default)]
pub struct FurtherDerivatives<'a> {
    /// By the inputs, `[samples, steps, channels]`: for an encoder in front of the network.
    pub by_inputs: Option<&'a mut [f32]>,
    /// By the rates before the first step, `[samples, neurons]` (they are 0, as every trial starts from rest).
    pub by_initial: Option<&'a mut [f32]>,
}

impl Bptt {
    /// Memory for a loss of one's own, on batches of `batch` samples of `steps` time steps, with gradients of
    /// `trainable`: for [`forward`](Self::forward) and [`backward`](Self::backward). All states are kept.
    ///
    /// # Panics
    /// If `batch` or `steps` is 0.
    pub fn for_own_loss(
        network: &Network,
        exec: impl Into<Exec>,
        batch: usize,
        steps: usize,
        trainable: &[ParameterId],
    ) -> Self {
        let storage = Storage::side_by_side(network.wiring(), batch, steps);
        Self::with_storage(network, exec, TargetKind::Missing, batch, trainable, storage)
    }

    /// Fills the inputs of the next batch, `[samples, steps, channels]`; every sample has all steps.
    ///
    /// # Panics
    /// If `inputs` are not whole samples, are none, or are more than this was made for.
    pub fn set_inputs(&mut self, network: &Network, inputs: &[f32]) {
        let channels = network.wiring().channels();
        let width = self.steps * channels;
        assert!(inputs.len().is_multiple_of(width), "inputs are [samples, {}, {channels}]", self.steps);
        self.set_samples(inputs.len() / width);
        let steps = self.steps;
        for group in &mut self.groups {
            group.lengths.fill(steps as u32);
            let Lanes { stored, .. } = group.lanes;
            for (t, out) in group.input.chunks_exact_mut(channels * stored).enumerate() {
                to_lanes(inputs, group.lanes, [t, steps], out);
            }
        }
    }

    /// Runs the filled lane groups forward and takes no loss: then [`outputs`](Self::outputs) are readable and, in memory
    /// for training, [`backward`](Self::backward) may follow. `rates` becomes r, `[samples, steps, neurons]`, where it is
    /// given.
    ///
    /// # Panics
    /// If `rates` have another length.
    pub fn forward(&mut self, network: &Network, rates: Option<&mut [f32]>) {
        let (wiring, steps) = (network.wiring(), self.steps);
        if let Some(backward) = &mut self.backward {
            backward.refresh(wiring, network.parameters());
            backward.turn(Direction::Forward, wiring, network.parameters());
        }
        let width = steps * wiring.neurons();
        let mut rest = rates.unwrap_or_default();
        let wanted = !rest.is_empty();
        let samples = self.samples();
        assert!(!wanted || rest.len() == samples * width, "rates are [{samples}, {steps}, {}]", wiring.neurons());
        let mut parts = Vec::new();
        for group in &self.groups {
            let (part, behind) = rest.split_at_mut(if wanted { group.lanes.used * width } else { 0 });
            parts.push((group.lanes.first, Mutex::new(part)));
            rest = behind;
        }
        let context = Context::new(network, self.exec.isa(), &self.plan, steps, Scales::default(), self.first_sequence);
        let in_tiles = self.backward.as_ref().and_then(|backward| backward.tiles());
        context.beside_each_other(&mut self.workspaces, &mut self.groups, |workspace, group| {
            let part = parts.iter().find(|(first, _)| *first == group.lanes.first).expect("a part for each lane group");
            // of lane groups that begin at the same sample all but one are empty, and those look at no rates
            let mut rates = part.1.lock().expect("no other lane group panicked");
            let rates = if group.lanes.used == 0 { &mut [] } else { &mut **rates };
            group.forward(&context, in_tiles, workspace, rates);
        });
        self.ready = self.backward.is_some();
    }

    /// y after [`forward`](Self::forward), `[samples, steps, outputs]`.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn outputs(&self, network: &Network, out: &mut [f32]) {
        let outputs = network.wiring().outputs();
        let samples = self.samples();
        assert_eq!(out.len(), samples * self.steps * outputs, "outputs are [{samples}, {}, {outputs}]", self.steps);
        let mut rest = out;
        for group in &self.groups {
            let (part, behind) = rest.split_at_mut(group.lanes.used * self.steps * outputs);
            for (t, y) in group.output().chunks_exact(outputs * group.lanes.stored).enumerate() {
                to_samples(y, group.lanes, [t, self.steps], part);
            }
            rest = behind;
        }
    }

    /// Goes back from the derivatives of a loss: `gradients` becomes the gradient of every trainable parameter, and
    /// `further` what it has room for. `network` is as it was in [`forward`](Self::forward), which must come before each
    /// call.
    ///
    /// The bits do not depend on the number of threads. Given the derivatives that a loss of this crate has, they are those
    /// of [`gradient`](Self::gradient).
    ///
    /// # Panics
    /// If `forward` was not called since the last call, if lane groups take turns in the same memory (see
    /// [`Storage::side_by_side`]), if a length is wrong, or if `gradients` are of another [`Bptt`].
    pub fn backward(
        &mut self,
        network: &Network,
        loss: &LossDerivatives,
        further: FurtherDerivatives,
        gradients: &mut Parameters,
    ) {
        assert!(std::mem::take(&mut self.ready), "going back needs a forward pass in memory for training before it");
        assert_eq!(self.plan.in_turn(), 1, "lane groups take turns in the same memory; expected each to have its own");
        let (wiring, steps) = (network.wiring(), self.steps);
        let samples = self.samples();
        let fits = |what: &str, length: Option<usize>, shape: &[usize]| {
            let size = shape.iter().product::<usize>();
            assert!(length.is_none_or(|length| length == size), "{what} are {shape:?}");
        };
        let (channels, outputs, neurons) = (wiring.channels(), wiring.outputs(), wiring.neurons());
        fits("derivatives by outputs", loss.by_outputs.map(<[f32]>::len), &[samples, steps, outputs]);
        fits("derivatives by rates", loss.by_rates.map(<[f32]>::len), &[samples, steps, neurons]);
        fits("derivatives by inputs", further.by_inputs.as_ref().map(|out| out.len()), &[samples, steps, channels]);
        fits("derivatives by initial rates", further.by_initial.as_ref().map(|out| out.len()), &[samples, neurons]);

        let context = Context::new(network, self.exec.isa(), &self.plan, steps, Scales::default(), self.first_sequence);
        let encoder = further.by_inputs.is_some().then(|| {
            let transposed = Transposed::new(wiring.input());
            let mut values = Aligned::zeros(wiring.input().nnz());
            transposed.carry(&network.parameters()[INPUT], &mut values);
            (transposed, values)
        });
        for group in &mut self.groups {
            match loss.by_outputs {
                Some(by_outputs) => group.derive(&context, by_outputs),
                None => group.derive_nothing(steps),
            }
        }
        let outside = Outside {
            by_rates: loss.by_rates,
            encoder: encoder.as_ref().map(|(transposed, values)| (transposed, &**values)),
            initial: further.by_initial.is_some(),
        };
        self.add_up(network, Scales::default(), Pass::Back(outside), gradients);
        let scatter = |out: Option<&mut [f32]>, width: usize, steps: usize, of: fn(&Beyond) -> &Aligned| {
            let mut rest = out.unwrap_or_default();
            for group in self.groups.iter().filter(|group| !of(&group.beyond).is_empty()) {
                let (part, behind) = rest.split_at_mut(group.lanes.used * steps * width);
                for (t, values) in of(&group.beyond).chunks_exact(width * group.lanes.stored).enumerate() {
                    to_samples(values, group.lanes, [t, steps], part);
                }
                rest = behind;
            }
        };
        scatter(further.by_inputs, channels, steps, |beyond| &beyond.inputs);
        scatter(further.by_initial, neurons, 1, |beyond| &beyond.initial);
        self.groups.iter_mut().for_each(|group| group.beyond = Beyond::default());
    }
}

/// What the backward pass of every lane group takes from outside, and gives there.
#[derive(Clone, Copy, Default)]
pub(super) struct Outside<'a> {
    /// Derivatives by the rates, `[samples, steps, neurons]` of the batch.
    pub by_rates: Option<&'a [f32]>,
    /// U by channel with its values, where derivatives by the inputs are wanted.
    pub encoder: Option<(&'a Transposed, &'a [f32])>,
    /// Whether derivatives by the rates before the first step are wanted.
    pub initial: bool,
}

/// What the backward pass of a lane group gives beside the gradients; empty where it is not wanted.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// By the inputs, `[steps, channels, lanes]`.
    pub inputs: Aligned,
    /// By the rates before the first step, `[neurons, lanes]`.
    pub initial: Aligned,
}

impl Beyond {
    /// Room for what is wanted.
    pub fn new(outside: &Outside, group: &LaneGroup, steps: usize, neurons: usize) -> Self {
        let channels = outside.encoder.map_or(0, |(transposed, _)| transposed.pattern().rows());
        let initial = if outside.initial { neurons * group.lanes.stored } else { 0 };
        Self { inputs: Aligned::zeros(steps * channels * group.lanes.stored), initial: Aligned::zeros(initial) }
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.initial.is_empty()
    }

    /// The derivative by the input of step `t`, `Uᵀ δ`.
    pub fn add_step(&mut self, outside: &Outside, step: &Step, t: usize, delta: &[f32]) {
        if let Some((transposed, values)) = outside.encoder {
            let pattern = transposed.pattern();
            let size = pattern.rows() * step.lanes;
            step.product(Operand { pattern, values, states: delta }, &mut self.inputs[t * size..][..size]);
        }
    }
}

/// `values`, `[width, lanes]` of step `t`, into the samples of the lane group, `[samples, steps, width]`.
pub(super) fn to_samples(values: &[f32], lanes: Lanes, [t, steps]: [usize; 2], out: &mut [f32]) {
    let width = values.len() / lanes.stored;
    for (lane, sample) in out.chunks_exact_mut(steps * width).take(lanes.used).enumerate() {
        for (k, out) in sample[t * width..][..width].iter_mut().enumerate() {
            *out = values[k * lanes.stored + lane];
        }
    }
}

/// Step `t` of a batch, `[samples, steps, width]`, into `out`, `[width, lanes]`; lanes of padding become 0.
pub(super) fn to_lanes(batch: &[f32], lanes: Lanes, [t, steps]: [usize; 2], out: &mut [f32]) {
    let width = out.len() / lanes.stored;
    for (k, row) in out.chunks_exact_mut(lanes.stored).enumerate() {
        let (present, absent) = row.split_at_mut(lanes.used);
        for (lane, value) in present.iter_mut().enumerate() {
            *value = batch[((lanes.first + lane) * steps + t) * width + k];
        }
        absent.fill(0.0);
    }
}
