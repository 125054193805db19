//! One step at a time, inside somebody else's loop.

use std::sync::Arc;

use daleian_kernels::{Aligned, Event, Isa, MAX_LANES, WIDTH};

use super::Network;
use super::one_lane::{OneLane, Output, Plan, Room};
use super::step::{After, Before, Rows, Step};
use crate::cell::noise::Moment;

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
    /// Of the step before last and the last. The former is empty where a step reads no states before it: where rates are kept
    /// apart and the cell does not read its own.
    states: [Aligned; 2],
    /// Of the same steps; empty where rates are the states.
    rates: [Aligned; 2],
    readout: Aligned,
    /// Empty where the cell has none.
    noise: Aligned,
    /// The sequence in lane 0, and the step that comes next in it: which noise there is.
    sequence: u64,
    time: u64,
    /// Where active neurons are listed, while they are few; empty with several lanes.
    events: Vec<Event>,
    /// Where their effects are summed, a range of neurons for each thread; empty with several lanes.
    sums: Aligned,
}

impl Network {
    /// Runs this network step by step with the instructions of `isa`.
    ///
    /// Keeps W in the form that is fastest for one lane: [`OneLane::EventDriven`] where neurons can be silent (as those of
    /// `elman` where rates are rectified, or phi is relu), else [`OneLane::Sliced`]. To make that takes about as long as a few
    /// steps. A simulation of several lanes, or one with no memory to spare, asks for [`OneLane::Plain`] by
    /// [`stepper_with`](Self::stepper_with).
    pub fn stepper(&self, isa: Isa) -> Stepper<'_> {
        let silent = self.wiring.dynamics().can_be_silent();
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
        let cell = wiring.dynamics();
        let kernels = cell.single().kernels;
        let neurons = |wanted| Aligned::zeros(if wanted { wiring.neurons() * stride } else { 0 });
        let apart = !kernels.sends_state();
        let room = if lanes == 1 { Room::of(wiring) } else { Room::default() };
        State {
            lanes,
            stride,
            started: false,
            input: Aligned::zeros(wiring.channels() * stride),
            states: [neurons(!apart || kernels.reads_state()), neurons(true)],
            rates: [neurons(apart), neurons(apart)],
            readout: Aligned::zeros(wiring.outputs() * stride),
            noise: neurons(cell.noise().is_some()),
            sequence: 0,
            time: 0,
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
        assert_eq!(state.states[1].len(), wiring.neurons() * state.stride, "a state of this network");
        for (row, values) in state.input.chunks_exact_mut(state.stride).zip(input.chunks_exact(state.lanes)) {
            row[..state.lanes].copy_from_slice(values);
        }
        let kernels = wiring.dynamics().single().kernels;
        let moment = Moment { first: state.sequence, used: state.lanes, step: state.time };
        let (sent, started) = (kernels.sends_state(), state.started);
        // the last step is the one before this
        if !state.states[0].is_empty() {
            state.states.swap(0, 1);
        }
        state.rates.swap(0, 1);
        let ([states_before, states], [rates_before, rates]) = (&mut state.states, &mut state.rates);
        let before = Before {
            rates: started.then_some(if sent { &**states_before } else { &**rates_before }),
            states: (started && kernels.reads_state()).then_some(&**states_before),
        };
        let (readout, noise) = (&mut *state.readout, &mut *state.noise);
        if state.stride == 1 {
            let (events, sums) = (&mut *state.events, &mut *state.sums);
            let output = Output { states, rates, readout, events, sums, noise };
            self.one_lane.step(self.network, self.isa, before, &state.input, moment, output);
        } else {
            let (rows, values) = (Rows::Whole(wiring.neurons()), self.network.parameters.matrices());
            let step = Step { wiring, values, isa: self.isa, lanes: state.stride, rows, tiles: None };
            step.forward(before, &state.input, moment, After { states, memo: &mut [], rates, noise });
            let read = if wiring.dynamics().reads_rates_apart() { rates } else { states };
            step.readout(read, readout);
        }
        state.started = true;
        state.time += 1;
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
        self.at(self.rates(), neuron, lane)
    }

    /// y of output `k` in one lane.
    pub fn output(&self, k: usize, lane: usize) -> f32 {
        self.at(&self.readout, k, lane)
    }

    /// r, `[neurons, stride]`: what the neurons send.
    pub fn rates(&self) -> &[f32] {
        if self.rates[1].is_empty() { &self.states[1] } else { &self.rates[1] }
    }

    /// r, to change before the next step (to start from somewhere else, to silence neurons).
    pub fn rates_mut(&mut self) -> &mut [f32] {
        self.started = true;
        if self.rates[1].is_empty() { &mut self.states[1] } else { &mut self.rates[1] }
    }

    /// The states of the neurons, `[neurons, stride]`: a of `elman`.
    pub fn activations(&self) -> &[f32] {
        &self.states[1]
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

    /// Back to rest: states and rates 0.
    pub fn reset(&mut self) {
        self.input.fill(0.0);
        self.readout.fill(0.0);
        self.states.iter_mut().chain(&mut self.rates).for_each(|buffer| buffer.fill(0.0));
        (self.started, self.time) = (false, 0);
    }

    /// Which noise a cell that has any is given from here on: the lanes hold sequence `first` and those after it, at their
    /// first step.
    pub fn set_sequence(&mut self, first: u64) {
        (self.sequence, self.time) = (first, 0);
    }
}
