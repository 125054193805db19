//! One step at a time, inside somebody else's loop.

use std::sync::Arc;

use daleian_kernels::{Activation, Aligned, Event, Isa, MAX_LANES, WIDTH};

use super::Network;
use super::one_lane::{OneLane, Output, Plan, Room};
use super::step::{Rows, Step};

/// Runs a network step by step. It borrows the network and owns nothing that changes, so that one serves many states;
/// a clone shares its memory.
///
/// A state of one lane takes a way of its own, which reads the weights at the speed of memory (see [`OneLane`]) and works
/// on all threads of the current rayon pool where the network is large; several lanes are computed side by side on
/// the calling thread.
#[derive(Clone)]
pub struct Stepper<'a> {
    network: &'a Network,
    isa: Isa,
    one_lane: Arc<Plan>,
}

/// The state of up to 64 lanes between two steps, and the memory that a step needs.
///
/// Buffers are neuron-major with `stride` (1 for one lane, else 16, 32, 48 or 64) floats a neuron: lane `k` of neuron
/// `i` is at `i * stride + k`. Lanes from `lanes` on are padding.
#[derive(Debug, Clone)]
pub struct State {
    lanes: usize,
    stride: usize,
    started: bool,
    input: Aligned,
    activations: Aligned,
    rates: [Aligned; 2],
    readout: Aligned,
    /// Where active neurons are listed, while they are few; empty with several lanes.
    events: Vec<Event>,
    /// Where their effects are summed, a range of neurons for each thread; empty with several lanes.
    sums: Aligned,
}

impl Network {
    /// Runs this network step by step with the instructions of `isa`.
    ///
    /// Keeps W in the form that is fastest for one lane: [`OneLane::EventDriven`] where neurons can be silent (their
    /// rates are rectified, or phi is relu), else [`OneLane::Sliced`]. To make that takes about as long as a few
    /// steps. A simulation of several lanes, or one with no memory to spare, asks for [`OneLane::Plain`] by
    /// [`stepper_with`](Self::stepper_with).
    pub fn stepper(&self, isa: Isa) -> Stepper<'_> {
        let silent = self.wiring.rectified() || self.wiring.activation() == Activation::Relu;
        self.stepper_with(isa, if silent { OneLane::EventDriven } else { OneLane::Sliced })
    }

    /// Runs this network step by step, with W kept for one lane as `one_lane` says.
    pub fn stepper_with(&self, isa: Isa, one_lane: OneLane) -> Stepper<'_> {
        Stepper { network: self, isa, one_lane: Arc::new(Plan::new(self, one_lane)) }
    }

    /// A state at rest (rates 0) for 1 to 64 lanes.
    ///
    /// # Panics
    /// If `lanes` is 0 or above 64: a larger batch is several states.
    pub fn state(&self, lanes: usize) -> State {
        assert!((1..=MAX_LANES).contains(&lanes), "{lanes} lanes: a state has 1 to {MAX_LANES}");
        let stride = if lanes == 1 { 1 } else { lanes.next_multiple_of(WIDTH) };
        let wiring = &self.wiring;
        let neurons = Aligned::zeros(wiring.neurons() * stride);
        let room = if lanes == 1 { Room::of(wiring) } else { Room::default() };
        State {
            lanes,
            stride,
            started: false,
            input: Aligned::zeros(wiring.channels() * stride),
            activations: neurons.clone(),
            rates: [neurons.clone(), neurons],
            readout: Aligned::zeros(wiring.outputs() * stride),
            events: vec![Event::default(); room.events],
            sums: Aligned::zeros(room.sums),
        }
    }
}

impl Stepper<'_> {
    /// Bytes that this keeps beside the network's: see [`OneLane`].
    pub fn bytes(&self) -> usize {
        self.one_lane.bytes()
    }

    /// One time step: rates from `input` and the rates before, then the readout. Allocates nothing. (Work that is
    /// shared among threads goes through rayon, whose queue takes a little memory now and then if the caller is no thread
    /// of the pool.)
    ///
    /// `input` is `[channels, lanes]`, lanes contiguous, without padding.
    ///
    /// The bits do not depend on the number of threads. With several lanes they are those of training, but where that takes
    /// W in tiles; then, as with one lane, sums have another order, and results agree to rounding. One lane adds in another
    /// order again where few neurons are active (which is decided from the share of rates that are not 0). The parameters are
    /// taken to be finite: where the columns of silent neurons are passed over, 0 · ∞ is not seen.
    ///
    /// # Panics
    /// If `input` has another size or `state` was made by a network of another size.
    pub fn step(&self, state: &mut State, input: &[f32]) {
        let wiring = &self.network.wiring;
        assert_eq!(input.len(), wiring.channels() * state.lanes, "input is [channels, lanes]");
        assert_eq!(state.activations.len(), wiring.neurons() * state.stride, "a state of this network");
        for (row, values) in state.input.chunks_exact_mut(state.stride).zip(input.chunks_exact(state.lanes)) {
            row[..state.lanes].copy_from_slice(values);
        }
        if state.stride == 1 {
            return self.step_one_lane(state);
        }
        let rows = Rows::Whole(wiring.neurons());
        let step = Step { network: self.network, isa: self.isa, lanes: state.stride, rows, tiles: None };
        let [before, after] = &mut state.rates;
        let before: Option<&[f32]> = if state.started { Some(before) } else { None };
        if wiring.rectified() {
            step.forward(before, &state.input, &mut state.activations, after);
        } else {
            step.forward(before, &state.input, after, &mut []);
            state.activations.copy_from_slice(after);
        }
        step.readout(&state.activations, &mut state.readout);
        state.rates.swap(0, 1);
        state.started = true;
    }

    fn step_one_lane(&self, state: &mut State) {
        let [before, after] = &mut state.rates;
        let before: Option<&[f32]> = if state.started { Some(before) } else { None };
        let (activations, readout) = (&mut *state.activations, &mut *state.readout);
        let (events, sums) = (&mut *state.events, &mut *state.sums);
        if self.network.wiring.rectified() {
            let output = Output { activations, rates: after, readout, events, sums };
            self.one_lane.step(self.network, self.isa, before, &state.input, output);
        } else {
            let output = Output { activations: after, rates: &mut [], readout, events, sums };
            self.one_lane.step(self.network, self.isa, before, &state.input, output);
            activations.copy_from_slice(after);
        }
        state.rates.swap(0, 1);
        state.started = true;
    }
}

impl State {
    /// Lanes in use.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Floats from one neuron to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// r of one neuron in one lane.
    ///
    /// # Panics
    /// If there is no such neuron or lane. The same holds for [`output`](Self::output).
    pub fn rate(&self, neuron: usize, lane: usize) -> f32 {
        self.at(&self.rates[0], neuron, lane)
    }

    /// y of output `k` in one lane.
    pub fn output(&self, k: usize, lane: usize) -> f32 {
        self.at(&self.readout, k, lane)
    }

    /// r, `[neurons, stride]`: what the neurons send.
    pub fn rates(&self) -> &[f32] {
        &self.rates[0]
    }

    /// r, to change before the next step (to start from somewhere else, to silence neurons).
    pub fn rates_mut(&mut self) -> &mut [f32] {
        self.started = true;
        &mut self.rates[0]
    }

    /// a, `[neurons, stride]`.
    pub fn activations(&self) -> &[f32] {
        &self.activations
    }

    /// y, `[outputs, stride]`.
    pub fn readout(&self) -> &[f32] {
        &self.readout
    }

    fn at(&self, buffer: &[f32], row: usize, lane: usize) -> f32 {
        let rows = buffer.len() / self.stride;
        assert!(row < rows && lane < self.lanes, "row {row} of {rows}, lane {lane} of {}", self.lanes);
        buffer[row * self.stride + lane]
    }

    /// Back to rest: rates 0.
    pub fn reset(&mut self) {
        for buffer in [&mut self.input, &mut self.activations, &mut self.readout] {
            buffer.fill(0.0);
        }
        self.rates.iter_mut().for_each(|rates| rates.fill(0.0));
        self.started = false;
    }
}
