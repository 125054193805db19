//! The step that the sparse one is measured against: the same network as full matrices, through `matrixmultiply`.
//!
//! Written to be as fast as a dense step in Rust can easily be; nothing but the sparsity is missing. Each thread has
//! a band of neurons and does everything for it between one barrier and the next: input and bias, its rows of W R,
//! tanh, rectification. Histories are `[neurons, steps · batch]`, so that dW is one product over all steps and lanes.
//! The bias is the weight of a channel that is always 1. Mask, Adam and Dale's clamp are
//! one pass over the n² entries.

use daleian::network::Network;
use daleian_kernels::{Activation, AdamStep, Aligned, Bounds, Isa, activate, adam, rectify, scale_by_slope};
use rayon::prelude::*;

/// A parameter, its gradient and Adam's moments.
struct Trained {
    values: Aligned,
    gradient: Aligned,
    mean: Aligned,
    square: Aligned,
}

impl Trained {
    fn new(values: Vec<f32>) -> Self {
        let zeros = || Aligned::zeros(values.len());
        Self { gradient: zeros(), mean: zeros(), square: zeros(), values: values.into() }
    }

    /// One step of Adam on all of it.
    fn step(&mut self, isa: Isa, step: &AdamStep) {
        adam(isa, step, &mut self.values, &self.gradient, &mut self.mean, &mut self.square, Bounds::Free);
    }
}

/// Adam as the sparse side runs it.
#[derive(Clone, Copy)]
pub struct AdamSettings {
    pub rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
}

/// A dense network of tanh neurons with rectified rates and a linear readout, its batch and its memory.
pub struct Dense {
    isa: Isa,
    adam: AdamSettings,
    updates: u64,
    neurons: usize,
    outputs: usize,
    batch: usize,
    steps: usize,
    /// Neurons in the band of one thread.
    band: usize,
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
}

impl Dense {
    /// The dense form of `network`, with inputs `[channels, steps, batch]` and targets `[outputs, steps, batch]`.
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
        let lanes = steps * batch;
        assert_eq!(inputs.len(), channels * lanes);
        assert_eq!(targets.len(), outputs * lanes);
        // rows that lie a power of two apart would fall on the same few lines of the cache
        let stride = if neurons.is_multiple_of(512) { neurons + 16 } else { neurons };
        let (mut recurrent, mut mask) = (vec![0.0; neurons * stride], Aligned::zeros(neurons * stride));
        for (at, &w) in entries(network, stride).zip(&*parameters.recurrent) {
            (recurrent[at], mask[at]) = (w, 1.0);
        }
        let rows = parameters.input.chunks_exact(channels).zip(&*parameters.bias);
        let input = rows.flat_map(|(u, b)| u.iter().chain([b]).copied()).collect();
        let by_neuron = |k: usize| parameters.readout[k % outputs * neurons + k / outputs];
        let ones = std::iter::repeat_n(1.0, lanes);
        let signs = wiring.signs();
        let per_column = |sign: i8, bound: f32| signs.iter().map(|&s| if s == sign { 0.0 } else { bound }).collect();
        Self {
            isa,
            adam,
            updates: 0,
            neurons,
            outputs,
            batch,
            steps,
            band: neurons.div_ceil(rayon::current_num_threads()).next_multiple_of(16),
            stride,
            recurrent: Trained::new(recurrent),
            mask,
            low: per_column(1, f32::NEG_INFINITY),
            high: per_column(-1, f32::INFINITY),
            input: Trained::new(input),
            readout: Trained::new((0..neurons * outputs).map(by_neuron).collect()),
            readout_bias: Trained::new(parameters.readout_bias.to_vec()),
            x: inputs.iter().copied().chain(ones).collect(),
            target: targets.into(),
            y: vec![0.0; outputs * lanes],
            states: Aligned::zeros(neurons * lanes),
            delta: Aligned::zeros(neurons * lanes),
            before: Aligned::zeros(neurons * batch),
            after: Aligned::zeros(neurons * batch),
        }
    }

    /// One training step; gives the loss before it.
    pub fn step(&mut self) -> f64 {
        let loss = self.gradient();
        self.update();
        loss
    }

    /// Forward, loss, backward.
    pub fn gradient(&mut self) -> f64 {
        self.forward();
        let loss = self.loss();
        self.backward();
        loss
    }

    fn forward(&mut self) {
        let Self { isa, neurons, batch, band, stride, .. } = *self;
        let lanes = self.steps * batch;
        let wide = self.x.len() / lanes;
        let (w, u, x) = (&self.recurrent.values, &self.input.values, &self.x);
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
        let (outputs, v) = (self.outputs, &self.readout.values);
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
        for (y, &c) in self.y.chunks_exact_mut(lanes).zip(&*self.readout_bias.values) {
            y.fill(c);
        }
        for part in &parts {
            add_scaled(1.0, part, &mut self.y);
        }
    }

    /// The mean of (y - y*)²; `y` becomes its derivative.
    fn loss(&mut self) -> f64 {
        let count = self.y.len() as f64;
        let scale = (2.0 / count) as f32;
        let mut sum = 0.0;
        for (y, &target) in self.y.iter_mut().zip(&*self.target) {
            let error = *y - target;
            sum += f64::from(error) * f64::from(error);
            *y = scale * error;
        }
        sum / count
    }

    fn backward(&mut self) {
        let Self { isa, neurons, batch, band, outputs, stride, .. } = *self;
        let lanes = self.steps * batch;
        let wide = self.x.len() / lanes;
        let (w, v, dy) = (&self.recurrent.values, &self.readout.values, &self.y);
        let dy_by_lane = Matrix { elements: dy, strides: [1, lanes] };
        let bands = self.readout.gradient.par_chunks_mut(band * outputs).zip(self.states.par_chunks(band * lanes));
        bands.for_each(|(dv, states)| {
            let states_of = Matrix { elements: states, strides: [lanes, 1] };
            gemm([dv.len() / outputs, lanes, outputs], states_of, dy_by_lane, 0.0, dv, outputs);
        });
        for (dc, dy) in self.readout_bias.gradient.iter_mut().zip(dy.chunks_exact(lanes)) {
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
        let gradients = self.recurrent.gradient.par_chunks_mut(band * stride);
        let gradients = gradients.zip(self.input.gradient.par_chunks_mut(band * wide));
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

    /// Mask, Adam and Dale's clamp on W, a row at a time while it is in the cache; Adam on the others.
    fn update(&mut self) {
        self.updates += 1;
        let (isa, adam_) = (self.isa, self.adam);
        let step = AdamStep::new(self.updates, adam_.rate, adam_.beta1, adam_.beta2, adam_.epsilon);
        let (stride, low, high) = (self.stride, &self.low, &self.high);
        let Trained { values, gradient, mean, square } = &mut self.recurrent;
        let parameters = values.par_chunks_mut(stride).zip(gradient.par_chunks_mut(stride));
        let moments = mean.par_chunks_mut(stride).zip(square.par_chunks_mut(stride));
        parameters.zip(moments).zip(self.mask.par_chunks(stride)).for_each(|(((w, g), (m, s)), mask)| {
            for (g, &mask) in g.iter_mut().zip(mask) {
                *g *= mask;
            }
            adam(isa, &step, w, g, m, s, Bounds::Free);
            for ((w, &low), &high) in w.iter_mut().zip(low).zip(high) {
                let held = if *w < low { low } else { *w };
                *w = if held > high { high } else { held };
            }
        });
        for parameter in [&mut self.input, &mut self.readout, &mut self.readout_bias] {
            parameter.step(isa, &step);
        }
    }

    /// The gradients in the order and form of the sparse ones: W at the synapses of `network`, b, U, V, c.
    pub fn gradients(&self, network: &Network) -> [Vec<f32>; 5] {
        let (outputs, wide) = (self.outputs, self.input.gradient.len() / self.neurons);
        let rows = || self.input.gradient.chunks_exact(wide);
        let v = &self.readout.gradient;
        [
            entries(network, self.stride).map(|at| self.recurrent.gradient[at]).collect(),
            rows().map(|row| row[wide - 1]).collect(),
            rows().flat_map(|row| row[..wide - 1].iter().copied()).collect(),
            (0..v.len()).map(|k| v[k % self.neurons * outputs + k / self.neurons]).collect(),
            self.readout_bias.gradient.to_vec(),
        ]
    }
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

/// A matrix whose element (i, k) is `elements[i · strides[0] + k · strides[1]]`.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    elements: &'a [f32],
    strides: [usize; 2],
}

/// C ← A B + beta C, where A is `[m, k]`, B `[k, n]` and C `[m, n]` with rows `stride` apart, on the calling thread.
///
/// # Panics
/// If a matrix reaches beyond its elements.
fn gemm([m, k, n]: [usize; 3], a: Matrix, b: Matrix, beta: f32, c: &mut [f32], stride: usize) {
    for (matrix, [rows, cols]) in [(a, [m, k]), (b, [k, n])] {
        let last = (rows - 1) * matrix.strides[0] + (cols - 1) * matrix.strides[1];
        assert!(last < matrix.elements.len(), "element {last} of {}", matrix.elements.len());
    }
    assert!(n <= stride && c.len() == m * stride, "C is [{m}, {n}] with rows {stride} apart");
    let strides = |matrix: Matrix| matrix.strides.map(|stride| stride as isize);
    let ([rsa, csa], [rsb, csb]) = (strides(a), strides(b));
    let (a, b) = (a.elements.as_ptr(), b.elements.as_ptr());
    // SAFETY: the last element of A and of B lies in its slice and no stride is negative, so all do; the rows of C lie
    // in its slice and do not overlap, and it is borrowed alone.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, rsa, csa, b, rsb, csb, beta, c.as_mut_ptr(), stride as isize, 1) }
}
