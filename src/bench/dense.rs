//! The step that the sparse one is measured against: the same network as full matrices, through the crate `gemm`.
//!
//! Written to be as fast as a dense step in Rust can easily be; nothing but the sparsity is missing. Small networks
//! have their batch split among threads, and no thread waits for another before the gradients are added up. Larger
//! ones have their neurons split: each thread has a band and does everything for it between one barrier and the next
//! (input and bias, its rows of W R, tanh, rectification). Histories are `[neurons, steps · batch]`, so that dW is one
//! product over all steps and lanes. The bias is the weight of a channel that is always 1. Mask, Adam and Dale's clamp
//! are one pass over the n² entries.

use daleian_kernels::{
    Activation, AdamStep, Aligned, Bounds, Isa, Matrix, activate, adam, add_assign, gemm, rectify, scale_by_slope,
};
use rayon::prelude::*;

use crate::network::{BIAS, INPUT, Network, READOUT, READOUT_BIAS, RECURRENT};

/// Up to this many neurons the batch is split among threads rather than the neurons: a product of a time step is then
/// so short (41 µs at n = 128 with 100 lanes) that the barrier after it would weigh.
const SPLIT_BATCH: usize = 512;

/// Multiply-adds of a time step below which one thread alone is faster, as in the plan of the sparse step.
const SHARED_WORK: usize = 1 << 20;

/// A parameter and Adam's moments.
struct Trained {
    values: Aligned,
    mean: Aligned,
    square: Aligned,
}

impl Trained {
    fn new(values: Vec<f32>) -> Self {
        let zeros = || Aligned::zeros(values.len());
        Self { mean: zeros(), square: zeros(), values: values.into() }
    }

    /// One step of Adam on all of it.
    fn step(&mut self, isa: Isa, step: &AdamStep, gradient: &[f32]) {
        adam(isa, step, &mut self.values, gradient, &mut self.mean, &mut self.square, Bounds::Free);
    }
}

/// Adam as the sparse side runs it.
#[derive(Debug, Clone, Copy)]
pub struct AdamSettings {
    /// The learning rate.
    pub rate: f64,
    /// How much of the mean stays a step.
    pub beta1: f64,
    /// How much of the mean square stays a step.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
}

/// A dense network of tanh neurons with rectified rates and a linear readout, its batch and its memory.
pub struct Dense {
    adam: AdamSettings,
    updates: u64,
    weights: Weights,
    shares: Vec<Share>,
}

struct Weights {
    isa: Isa,
    neurons: usize,
    outputs: usize,
    /// Channels, and one for the bias.
    wide: usize,
    /// Elements from one row of W to the next.
    stride: usize,
    /// W, `[neurons, stride]`; 0 where there is no synapse.
    recurrent: Trained,
    /// 1 where there is a synapse, else 0.
    mask: Aligned,
    /// What Dale's law holds the weights of each column within.
    low: Vec<f32>,
    high: Vec<f32>,
    /// U and b, `[neurons, channels + 1]`.
    input: Trained,
    /// V by neuron, `[neurons, outputs]`.
    readout: Trained,
    /// c.
    readout_bias: Trained,
}

/// Some lanes of the batch, and the gradient of them.
struct Share {
    batch: usize,
    steps: usize,
    /// Neurons in the band of one thread.
    band: usize,
    /// x and a channel of 1, `[channels + 1, steps · batch]`.
    x: Aligned,
    /// y*, `[outputs, steps · batch]`.
    target: Aligned,
    /// y, after the loss its derivative.
    y: Vec<f32>,
    /// a, after the backward pass r: `[neurons, steps · batch]`.
    states: Aligned,
    /// δ, `[neurons, steps · batch]`.
    delta: Aligned,
    /// r or δ of two steps, `[neurons, batch]` each: the factor of the product, and what it becomes.
    before: Aligned,
    after: Aligned,
    /// The gradients of W, U with b, V and c, laid out as they are.
    recurrent: Aligned,
    input: Aligned,
    readout: Aligned,
    readout_bias: Aligned,
}

impl Dense {
    /// Bytes that the dense form of `neurons` with so many lanes and steps takes on `threads` threads: W, its mask, its
    /// moments, a gradient a share, and two histories.
    pub fn bytes([neurons, lanes, steps]: [usize; 3], threads: usize) -> u128 {
        let [n, lanes, steps] = [neurons, lanes, steps].map(|size| size as u128);
        let stride = stride_of(neurons) as u128;
        4 * (n * stride * (4 + shares_of(neurons, lanes as usize, threads) as u128) + 2 * n * lanes * (steps + 1))
    }

    /// The dense form of `network`, with inputs `[channels, steps, batch]` and targets `[outputs, steps, batch]`.
    ///
    /// # Panics
    /// If these are not so long.
    pub fn new(
        network: &Network,
        isa: Isa,
        adam: AdamSettings,
        [batch, steps]: [usize; 2],
        inputs: &[f32],
        targets: &[f32],
    ) -> Self {
        let (wiring, parameters) = (network.wiring(), network.parameters());
        let (neurons, channels, outputs) = (wiring.neurons(), wiring.channels(), wiring.outputs());
        assert_eq!(inputs.len(), channels * steps * batch, "inputs");
        assert_eq!(targets.len(), outputs * steps * batch, "targets");
        let stride = stride_of(neurons);
        let (mut recurrent, mut mask) = (vec![0.0; neurons * stride], Aligned::zeros(neurons * stride));
        for (at, &w) in entries(network, stride).zip(&*parameters[RECURRENT]) {
            (recurrent[at], mask[at]) = (w, 1.0);
        }
        let rows = parameters[INPUT].chunks_exact(channels).zip(&*parameters[BIAS]);
        let input = rows.flat_map(|(u, b)| u.iter().chain([b]).copied()).collect();
        let by_neuron = |k: usize| parameters[READOUT][k % outputs * neurons + k / outputs];
        let signs = wiring.signs();
        let per_column = |sign: i8, bound: f32| signs.iter().map(|&s| if s == sign { 0.0 } else { bound }).collect();
        let weights = Weights {
            isa,
            neurons,
            outputs,
            wide: channels + 1,
            stride,
            recurrent: Trained::new(recurrent),
            mask,
            low: per_column(1, f32::NEG_INFINITY),
            high: per_column(-1, f32::INFINITY),
            input: Trained::new(input),
            readout: Trained::new((0..neurons * outputs).map(by_neuron).collect()),
            readout_bias: Trained::new(parameters[READOUT_BIAS].to_vec()),
        };
        let threads = rayon::current_num_threads();
        let shares = shares_of(neurons, batch, threads);
        let bands = if shares > 1 || neurons * neurons * batch < SHARED_WORK { 1 } else { threads };
        let band = neurons.div_ceil(bands).next_multiple_of(16);
        let lanes_of = |values: &[f32], lanes: std::ops::Range<usize>| -> Vec<f32> {
            values.chunks_exact(batch).flat_map(|step| step[lanes.clone()].iter().copied()).collect()
        };
        let share = |k: usize| {
            let own = k * batch / shares..(k + 1) * batch / shares;
            let (batch, lanes) = (own.len(), own.len() * steps);
            let x = lanes_of(inputs, own.clone());
            Share {
                batch,
                steps,
                band,
                x: x.into_iter().chain(std::iter::repeat_n(1.0, lanes)).collect(),
                target: lanes_of(targets, own).into(),
                y: vec![0.0; outputs * lanes],
                states: Aligned::zeros(neurons * lanes),
                delta: Aligned::zeros(neurons * lanes),
                before: Aligned::zeros(neurons * batch),
                after: Aligned::zeros(neurons * batch),
                recurrent: Aligned::zeros(neurons * stride),
                input: Aligned::zeros(neurons * (channels + 1)),
                readout: Aligned::zeros(neurons * outputs),
                readout_bias: Aligned::zeros(outputs),
            }
        };
        Self { adam, updates: 0, weights, shares: (0..shares).map(share).collect() }
    }

    /// One training step; gives the loss before it.
    pub fn step(&mut self) -> f64 {
        let loss = self.gradient();
        self.update();
        loss
    }

    /// Forward, loss, backward.
    pub fn gradient(&mut self) -> f64 {
        let count: usize = self.shares.iter().map(|share| share.y.len()).sum();
        let weights = &self.weights;
        let pass = |share: &mut Share| {
            share.forward(weights);
            let errors = share.loss(count);
            share.backward(weights);
            errors
        };
        let errors: Vec<f64> = self.shares.par_iter_mut().map(pass).collect();
        errors.iter().sum::<f64>() / count as f64
    }

    /// Mask, Adam and Dale's clamp on W, a row at a time while it is in the cache; Adam on the others.
    fn update(&mut self) {
        self.updates += 1;
        let settings = self.adam;
        let step = AdamStep::new(self.updates, settings.rate, settings.beta1, settings.beta2, settings.epsilon);
        let Weights { isa, stride, ref low, ref high, .. } = self.weights;
        let (first, others) = self.shares.split_first_mut().expect("at least one share");
        let Trained { values, mean, square } = &mut self.weights.recurrent;
        let parameters = values.par_chunks_mut(stride).zip(first.recurrent.par_chunks_mut(stride));
        let moments = mean.par_chunks_mut(stride).zip(square.par_chunks_mut(stride));
        let rows = parameters.zip(moments).zip(self.weights.mask.par_chunks(stride)).enumerate();
        rows.with_min_len(4096 / stride + 1).for_each(|(row, (((w, g), (m, s)), mask))| {
            for other in &*others {
                add_assign(isa, g, &other.recurrent[row * stride..][..stride]);
            }
            for (g, &mask) in g.iter_mut().zip(mask) {
                *g *= mask;
            }
            adam(isa, &step, w, g, m, s, Bounds::Free);
            for ((w, &low), &high) in w.iter_mut().zip(low).zip(high) {
                let held = if *w < low { low } else { *w };
                *w = if held > high { high } else { held };
            }
        });
        for other in others {
            add_assign(isa, &mut first.input, &other.input);
            add_assign(isa, &mut first.readout, &other.readout);
            add_assign(isa, &mut first.readout_bias, &other.readout_bias);
        }
        self.weights.input.step(isa, &step, &first.input);
        self.weights.readout.step(isa, &step, &first.readout);
        self.weights.readout_bias.step(isa, &step, &first.readout_bias);
    }

    /// What [`gradient`](Self::gradient) found, in the order and form of the sparse gradients: W at the synapses of
    /// `network`, b, U, V, c.
    pub fn gradients(&self, network: &Network) -> [Vec<f32>; 5] {
        let Weights { neurons, outputs, wide, stride, .. } = self.weights;
        let sum = |of: fn(&Share) -> &Aligned, at: usize| self.shares.iter().map(|share| of(share)[at]).sum::<f32>();
        let input = |at| sum(|share| &share.input, at);
        [
            entries(network, stride).map(|at| sum(|share| &share.recurrent, at)).collect(),
            (0..neurons).map(|row| input(row * wide + wide - 1)).collect(),
            (0..neurons * wide).filter(|at| at % wide + 1 < wide).map(input).collect(),
            (0..neurons * outputs).map(|k| sum(|share| &share.readout, k % neurons * outputs + k / neurons)).collect(),
            (0..outputs).map(|k| sum(|share| &share.readout_bias, k)).collect(),
        ]
    }
}

impl Share {
    fn forward(&mut self, weights: &Weights) {
        let Weights { isa, neurons, outputs, wide, stride, .. } = *weights;
        let (batch, band) = (self.batch, self.band);
        let lanes = self.steps * batch;
        let (w, u, x) = (&weights.recurrent.values, &weights.input.values, &self.x);
        for t in 0..self.steps {
            let before = &self.before;
            let bands = self.after.par_chunks_mut(band * batch).zip(self.states.par_chunks_mut(band * lanes));
            bands.enumerate().for_each(|(k, (z, states))| {
                let rows = z.len() / batch;
                for (z, u) in z.chunks_exact_mut(batch).zip(u[k * band * wide..].chunks_exact(wide)) {
                    z.fill(u[wide - 1]);
                    for (&u, x) in u[..wide - 1].iter().zip(x.chunks_exact(lanes)) {
                        add_scaled(u, &x[t * batch..][..batch], z);
                    }
                }
                if t > 0 {
                    let w = Matrix { elements: &w[k * band * stride..], strides: [stride, 1] };
                    gemm([rows, neurons, batch], w, Matrix { elements: before, strides: [batch, 1] }, 1.0, z, batch);
                }
                activate(isa, Activation::Tanh, z);
                for (a, states) in z.chunks_exact(batch).zip(states.chunks_exact_mut(lanes)) {
                    states[t * batch..][..batch].copy_from_slice(a);
                }
                rectify(isa, z);
            });
            std::mem::swap(&mut self.before, &mut self.after);
        }
        // y = V a of all steps: each band of neurons gives a part of every sum
        let v = &weights.readout.values;
        let parts: Vec<Vec<f32>> = self
            .states
            .par_chunks(band * lanes)
            .enumerate()
            .map(|(k, states)| {
                let mut part = vec![0.0; outputs * lanes];
                let v = Matrix { elements: &v[k * band * outputs..], strides: [1, outputs] };
                let states_of = Matrix { elements: states, strides: [lanes, 1] };
                gemm([outputs, states.len() / lanes, lanes], v, states_of, 0.0, &mut part, lanes);
                part
            })
            .collect();
        for (y, &c) in self.y.chunks_exact_mut(lanes).zip(&*weights.readout_bias.values) {
            y.fill(c);
        }
        for part in &parts {
            add_scaled(1.0, part, &mut self.y);
        }
    }

    /// The sum of (y - y*)²; `y` becomes the derivative of the mean over `count`.
    fn loss(&mut self, count: usize) -> f64 {
        let scale = (2.0 / count as f64) as f32;
        let mut sum = 0.0;
        for (y, &target) in self.y.iter_mut().zip(&*self.target) {
            let error = *y - target;
            sum += f64::from(error) * f64::from(error);
            *y = scale * error;
        }
        sum
    }

    fn backward(&mut self, weights: &Weights) {
        let Weights { isa, neurons, outputs, wide, stride, .. } = *weights;
        let (batch, band) = (self.batch, self.band);
        let lanes = self.steps * batch;
        let (w, v, dy) = (&weights.recurrent.values, &weights.readout.values, &self.y);
        let dy_by_lane = Matrix { elements: dy, strides: [1, lanes] };
        let bands = self.readout.par_chunks_mut(band * outputs).zip(self.states.par_chunks(band * lanes));
        bands.for_each(|(dv, states)| {
            let states_of = Matrix { elements: states, strides: [lanes, 1] };
            gemm([dv.len() / outputs, lanes, outputs], states_of, dy_by_lane, 0.0, dv, outputs);
        });
        for (dc, dy) in self.readout_bias.iter_mut().zip(dy.chunks_exact(lanes)) {
            *dc = dy.iter().sum();
        }
        for t in (0..self.steps).rev() {
            let later = &self.before;
            let bands = self.after.par_chunks_mut(band * batch).enumerate();
            let histories = self.states.par_chunks_mut(band * lanes).zip(self.delta.par_chunks_mut(band * lanes));
            bands.zip(histories).for_each(|((k, own), (states, delta))| {
                let rows = own.len() / batch;
                if t + 1 < self.steps {
                    let transposed = Matrix { elements: &w[k * band..], strides: [1, stride] };
                    let later = Matrix { elements: later, strides: [batch, 1] };
                    gemm([rows, neurons, batch], transposed, later, 0.0, own, batch);
                } else {
                    own.fill(0.0);
                }
                let histories = states.chunks_exact_mut(lanes).zip(delta.chunks_exact_mut(lanes));
                let neurons = own.chunks_exact_mut(batch).zip(v[k * band * outputs..].chunks_exact(outputs));
                for ((own, v), (states, delta)) in neurons.zip(histories) {
                    let a = &mut states[t * batch..][..batch];
                    for (own, &a) in own.iter_mut().zip(&*a) {
                        *own = if a > 0.0 { *own } else { 0.0 };
                    }
                    for (&v, dy) in v.iter().zip(dy.chunks_exact(lanes)) {
                        add_scaled(v, &dy[t * batch..][..batch], own);
                    }
                    scale_by_slope(isa, Activation::Tanh, a, own);
                    delta[t * batch..][..batch].copy_from_slice(own);
                    rectify(isa, a);
                }
            });
            std::mem::swap(&mut self.before, &mut self.after);
        }
        // dW = Σ_t δ_t r_{t-1}ᵀ and dU = Σ_t δ_t x_tᵀ, each one product; r_{t-1} stands `batch` places before δ_t
        let (states, x, between) = (&self.states, &self.x, lanes - batch);
        let gradients = self.recurrent.par_chunks_mut(band * stride);
        let gradients = gradients.zip(self.input.par_chunks_mut(band * wide));
        gradients.zip(self.delta.par_chunks(band * lanes)).for_each(|((dw, du), delta)| {
            let rows = delta.len() / lanes;
            if between > 0 {
                let later = Matrix { elements: &delta[batch..], strides: [lanes, 1] };
                let rates = Matrix { elements: states, strides: [1, lanes] };
                gemm([rows, between, neurons], later, rates, 0.0, dw, stride);
            }
            let delta = Matrix { elements: delta, strides: [lanes, 1] };
            gemm([rows, lanes, wide], delta, Matrix { elements: x, strides: [1, lanes] }, 0.0, du, wide);
        });
    }
}

/// Elements from one row of W to the next: rows a power of two apart would fall on the same few lines of the cache.
fn stride_of(neurons: usize) -> usize {
    if neurons.is_multiple_of(512) { neurons + 16 } else { neurons }
}

/// Shares of the batch.
fn shares_of(neurons: usize, batch: usize, threads: usize) -> usize {
    if neurons <= SPLIT_BATCH { threads.min(batch.div_ceil(16)).max(1) } else { 1 }
}

/// Where the synapses of `network` stand in a full matrix whose rows lie `stride` apart, in their order.
fn entries(network: &Network, stride: usize) -> impl Iterator<Item = usize> {
    let pattern = network.wiring().recurrent();
    (0..pattern.rows()).flat_map(move |row| pattern.row(row).iter().map(move |&col| row * stride + col as usize))
}

/// sum ← sum + scale · x.
fn add_scaled(scale: f32, x: &[f32], sum: &mut [f32]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += scale * x;
    }
}
