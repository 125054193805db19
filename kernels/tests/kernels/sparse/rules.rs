//! A rule of one's own with all that a rule can have: constants, noise, its own state, a memo and a derivative that goes from
//! state to state.

use std::ops::Range;

use daleian_kernels::{
    Activation, Adjoint, Adjoints, Backward, CellKernels, Derivatives, Element, Forward, ForwardVector, Given, Isa,
    Lanes, NewStates, NewVectors, OneLaneKernels, Operand, Pattern, Product, Reads, Recurrent, RowProduct, Rows, Rule,
    Stepped,
};

use crate::support::{Numbers, refuses};

/// s' = α tanh(z) + (1 - α) s + noise, r = β s; the memo is tanh(z).
#[derive(Clone, Copy)]
struct Leaky;

/// β.
const SENT: f64 = 0.5;

impl<E: Element> Rule<E> for Leaky {
    const CONSTANTS: usize = 1;
    const READS_STATE: bool = true;
    const KEEPS_MEMO: bool = true;
    const CARRIES_BACK: bool = true;

    fn sends_state(&self) -> bool {
        false
    }

    #[inline(always)]
    fn forward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Given<L::V, G>) -> Stepped<L::V, G> {
        let memo = Activation::Tanh.of(l, given.z);
        let mut state = given.state;
        for g in 0..G {
            let moved = l.mul_add(given.constants[0], l.sub(memo[g], state[g]), state[g]);
            state[g] = l.add(moved, given.noise[g]);
        }
        Stepped { state, memo }
    }

    #[inline(always)]
    fn rate<L: Lanes<E = E>, const G: usize>(&self, l: L, state: [L::V; G]) -> [L::V; G] {
        state.map(|s| l.mul(s, l.splat(E::of(SENT))))
    }

    #[inline(always)]
    fn through_rate<L: Lanes<E = E>, const G: usize>(&self, l: L, _: [L::V; G], by_rate: [L::V; G]) -> [L::V; G] {
        by_rate.map(|by| l.mul(by, l.splat(E::of(SENT))))
    }

    #[inline(always)]
    fn backward<L: Lanes<E = E>, const G: usize>(&self, l: L, given: Derivatives<L::V, G>) -> Backward<L::V, G> {
        let (alpha, one) = (given.constants[0], l.splat(E::ONE));
        let slope = Activation::Tanh.slope(l, given.memo);
        let (mut delta, mut carried) = (given.by_state, given.carried);
        for g in 0..G {
            let by_state = l.add(given.by_state[g], given.carried[g]);
            delta[g] = l.mul(l.mul(alpha, slope[g]), by_state);
            carried[g] = l.mul(l.sub(one, alpha), by_state);
        }
        Backward { delta, carried }
    }
}

const N: usize = 19;
const LANES: usize = 32;
/// Rows that are computed, so that what is per row of the matrix and what is per row of the call are told apart.
const ROWS: Range<usize> = 2..N;

struct Numbered {
    alpha: Vec<f64>,
    before: Vec<f64>,
    noise: Vec<f64>,
    carried: Vec<f64>,
    bias: Vec<f64>,
    dy: Vec<f64>,
    values: Vec<f64>,
}

impl Numbered {
    fn new() -> Self {
        let mut numbers = Numbers(31);
        let mut fill = |len: usize| -> Vec<f64> { numbers.fill(len, false).iter().map(|&x| f64::from(x)).collect() };
        let size = ROWS.len() * LANES;
        let alpha = fill(N).into_iter().map(|x| 0.5 + 0.25 * x).collect();
        let (before, noise, carried) = (fill(size), fill(size), fill(size));
        Self { alpha, before, noise, carried, bias: fill(N), dy: fill(LANES), values: fill(N) }
    }
}

fn run<E: Element>(isa: Isa, reads: Reads) {
    let of = |x: &[f64]| x.iter().map(|&x| E::of(x)).collect::<Vec<E>>();
    let case = Numbered::new();
    let kernels: &dyn CellKernels<E> = &Leaky;
    assert!(kernels.reads_state() && kernels.keeps_memo() && kernels.carries_back() && !kernels.sends_state());
    let (alpha, before, noise, bias) = (of(&case.alpha), of(&case.before), of(&case.noise), of(&case.bias));
    let size = ROWS.len() * LANES;
    let (mut s, mut memo, mut r) =
        (vec![E::of(f64::NAN); size], vec![E::of(f64::NAN); size], vec![E::of(f64::NAN); size]);
    let constants = [&alpha[..], &[]];
    let call = Forward::new(&ROWS, LANES, Product::Zero, &bias);
    let call = Forward { constants, before: Some(&before), noise: Some(&noise), ..call };
    kernels.forward(isa, &call, NewStates { states: &mut s, memo: Some(&mut memo), rates: Some(&mut r) });
    let (mut states, mut delta, mut carried) = (s.clone(), vec![E::of(f64::NAN); size], of(&case.carried));
    let (pattern, values, dy) = (Pattern::dense(N, 1), of(&case.values), of(&case.dy));
    let readout = Some(Operand { pattern: &pattern, values: &values, states: &dy });
    let call = Adjoint { reads, constants, memo: Some(&memo), ..Adjoint::new(&ROWS, LANES, Product::Zero, readout) };
    kernels.adjoint(isa, &call, Adjoints { states: &mut states, delta: &mut delta, carried: &mut carried });
    let bound = if size_of::<E>() == 4 { 1e-6 } else { 1e-15 };
    let close = |got: E, want: f64| assert!((got.to_f64() - want).abs() <= bound, "{got:?} is not {want} on {isa}");
    for (at, row) in ROWS.flat_map(|row| [row; LANES]).enumerate() {
        let (alpha, p) = (case.alpha[row], case.bias[row].tanh());
        let state = (1.0 - alpha) * case.before[at] + alpha * p + case.noise[at];
        close(s[at], state);
        close(memo[at], p);
        close(r[at], SENT * state);
        assert_eq!(states[at], r[at]);
        let through = if reads == Reads::Rate { SENT } else { 1.0 };
        let by_state = through * case.values[row] * case.dy[at % LANES] + case.carried[at];
        close(delta[at], alpha * (1.0 - p * p) * by_state);
        close(carried[at], (1.0 - alpha) * by_state);
    }
}

#[test]
fn a_leaky_rule_by_hand() {
    for reads in [Reads::State, Reads::Rate] {
        for isa in Isa::available() {
            run::<f32>(isa, reads);
        }
        run::<f64>(Isa::available()[0], reads);
    }
}

#[test]
fn one_lane_by_hand() {
    let of = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
    let case = Numbered::new();
    let (alpha, bias, values) = (of(&case.alpha), of(&case.bias), of(&case.values));
    let (before, noise) = (of(&case.before[..ROWS.len()]), of(&case.noise[..ROWS.len()]));
    let pattern = Pattern::dense(N, 1);
    for isa in Isa::available() {
        let (mut s, mut r) = ([f32::NAN; ROWS.end - ROWS.start], [f32::NAN; ROWS.end - ROWS.start]);
        let product = RowProduct { rows: Rows::Pattern(&pattern), values: &values, states: &[0.5] };
        let call = ForwardVector::new(&ROWS, Recurrent::Full(product), &bias);
        let call = ForwardVector { constants: [&alpha, &[]], before: Some(&before), noise: Some(&noise), ..call };
        let out = NewVectors { sums: &mut [], states: &mut s, rates: Some(&mut r) };
        OneLaneKernels::forward_vector(&Leaky, isa, &call, out);
        for (at, row) in ROWS.enumerate() {
            let (alpha, p) = (case.alpha[row], (case.bias[row] + 0.5 * case.values[row]).tanh());
            let want = (1.0 - alpha) * case.before[at] + alpha * p + case.noise[at];
            assert!((f64::from(s[at]) - want).abs() <= 1e-6, "row {row} on {isa}");
            assert_eq!(r[at], 0.5 * s[at]);
        }
    }
}

#[test]
fn missing_numbers_are_a_broken_contract() {
    let isa = Isa::available()[0];
    let forward = |alpha: usize, before: usize, noise: usize, memo: usize| {
        let (bias, alpha, before, noise) = ([0.0f32; 3], vec![0.5; alpha], vec![0.0; before], vec![0.0; noise]);
        let call = Forward::new(&(1..3), 16, Product::Zero, &bias);
        let call = Forward { constants: [&alpha, &[]], before: Some(&before), noise: Some(&noise), ..call };
        let out = NewStates { states: &mut [0.0; 32], memo: Some(&mut vec![0.0; memo]), rates: None };
        CellKernels::forward(&Leaky, isa, &call, out);
    };
    forward(3, 32, 32, 32);
    refuses("one of each constant a row", || forward(2, 32, 32, 32));
    refuses("states before are [rows, lanes]", || forward(3, 31, 32, 32));
    refuses("noise are [rows, lanes]", || forward(3, 32, 48, 32));
    refuses("the memo is [rows, lanes]", || forward(3, 32, 32, 16));
    let adjoint = |by_rates: usize, memo: Option<usize>, carried: usize| {
        let (by_rates, memo) = (vec![0.0f32; by_rates], memo.map(|len| vec![0.0; len]));
        let call = Adjoint::new(&(1..3), 16, Product::Zero, None);
        let call = Adjoint { constants: [&[0.5; 3], &[]], by_rates: Some(&by_rates), memo: memo.as_deref(), ..call };
        let out = Adjoints { states: &mut [0.0; 32], delta: &mut [0.0; 32], carried: &mut vec![0.0; carried] };
        CellKernels::adjoint(&Leaky, isa, &call, out);
    };
    adjoint(32, Some(32), 32);
    refuses("derivatives by rates are [rows, lanes]", || adjoint(16, Some(32), 32));
    refuses("the memo is [rows, lanes]", || adjoint(32, None, 32));
    refuses("carried derivatives are [rows, lanes]", || adjoint(32, Some(32), 0));
}
