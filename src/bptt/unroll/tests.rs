//! Gradients of whole sequences in `f64` against central differences, for every cell.

use daleian_kernels::{Activation, Aligned, Isa, Reads};

use super::Unroll;
use crate::cell::testing::leaky;
use crate::cell::{ActivationName, CellSpec, ReadName};
use crate::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use crate::network::{Matrices, Network, Wiring};

const NEURONS: usize = 7;
const CHANNELS: usize = 2;
const OUTPUTS: usize = 2;
const STEPS: usize = 5;
const USED: usize = 3;
/// Of a difference; its error is about the square.
const WIDTH: f64 = 1e-5;

fn wiring(cell: CellSpec, readout: ActivationName) -> Wiring {
    let population = [PopulationSpec::new("exc", NEURONS, Sign::Excitatory)];
    let connectome = Connectome::from_rules(&population, &[ConnectionSpec::probability(0.5)], 3).unwrap();
    let builder = Network::builder(&connectome).cell(cell).input(CHANNELS).readout(OUTPUTS);
    builder.output_activation(readout).wiring().unwrap()
}

/// Numbers in [-1, 1) that fill their significands, another list for each `seed`.
fn numbers(len: usize, seed: u64) -> Vec<f64> {
    let number = |k: u64| {
        let mixed = (k + 1000 * seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64 / 2f64.powi(52) - 1.0
    };
    (0..len as u64).map(number).collect()
}

/// `[rows, lanes]` of each step, 0 in lanes of padding.
fn series(rows: usize, seed: u64) -> Vec<Aligned<f64>> {
    let step = |t: usize| {
        let mut out = Aligned::<f64>::zeroed(rows * 16);
        for (row, values) in numbers(rows * USED, 100 * seed + t as u64).chunks(USED).enumerate() {
            out[row * 16..][..USED].copy_from_slice(values);
        }
        out
    };
    (0..STEPS).map(step).collect()
}

struct Problem {
    wiring: Wiring,
    values: Matrices<Vec<f64>>,
    inputs: Vec<Aligned<f64>>,
    /// The loss is Σ c y² / 2 + Σ d r, with these c and d.
    of_outputs: Vec<Aligned<f64>>,
    of_rates: Vec<Aligned<f64>>,
}

impl Problem {
    fn new(wiring: Wiring) -> Self {
        let values = Matrices {
            recurrent: numbers(wiring.recurrent().nnz(), 1),
            bias: numbers(NEURONS, 2),
            input: numbers(NEURONS * CHANNELS, 3),
            readout: numbers(OUTPUTS * NEURONS, 4),
            readout_bias: numbers(OUTPUTS, 5),
        };
        let (inputs, of_outputs, of_rates) = (series(CHANNELS, 6), series(OUTPUTS, 7), series(NEURONS, 8));
        Self { wiring, values, inputs, of_outputs, of_rates }
    }

    fn unroll(&self) -> Unroll<'_, f64> {
        let values = self.values.as_ref().map(|values| &**values);
        Unroll { wiring: &self.wiring, values, isa: Isa::available()[0], first_sequence: 4 }
    }

    fn loss(&self) -> f64 {
        let passed = self.unroll().forward(USED, &self.inputs);
        let of_step = |t: usize| {
            let outputs = passed.outputs(t).iter().zip(&*self.of_outputs[t]);
            let rates = passed.rates(t).iter().zip(&*self.of_rates[t]);
            outputs.map(|(y, c)| c * y * y / 2.0).sum::<f64>() + rates.map(|(r, d)| d * r).sum::<f64>()
        };
        (0..STEPS).map(of_step).sum()
    }

    fn gradient(&self) -> Matrices<Aligned<f64>> {
        let passed = self.unroll().forward(USED, &self.inputs);
        assert_eq!(passed.lanes(), 16);
        let by_outputs = |t: usize| passed.outputs(t).iter().zip(&*self.of_outputs[t]).map(|(y, c)| c * y).collect();
        let by_outputs: Vec<Aligned<f64>> = (0..STEPS).map(by_outputs).collect();
        self.unroll().backward(&passed, &self.inputs, &by_outputs, Some(&self.of_rates))
    }

    /// Every derivative against the difference of two losses.
    fn check(mut self, what: &str) {
        let gradient = self.gradient();
        let flat = |matrices: Matrices<&[f64]>| -> Vec<f64> {
            let Matrices { recurrent, bias, input, readout, readout_bias } = matrices;
            [recurrent, bias, input, readout, readout_bias].concat()
        };
        let gradient = flat(gradient.as_ref().map(|values| &**values));
        let mut checked = 0;
        for which in 0..5 {
            let len = vector(&mut self.values, which).len();
            for k in 0..len {
                let mut at = |change: f64| {
                    vector(&mut self.values, which)[k] += change;
                    let loss = self.loss();
                    vector(&mut self.values, which)[k] -= change;
                    loss
                };
                let want = (at(WIDTH) - at(-WIDTH)) / (2.0 * WIDTH);
                let got = gradient[checked];
                assert!((got - want).abs() <= 1e-7 * (want.abs() + 0.1), "{what}: {got} of {which}/{k} is not {want}");
                checked += 1;
            }
        }
        assert_eq!(checked, gradient.len());
        assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > checked / 2, "{what}: most derivatives are seen");
    }
}

fn vector(values: &mut Matrices<Vec<f64>>, which: usize) -> &mut Vec<f64> {
    let Matrices { recurrent, bias, input, readout, readout_bias } = values.as_mut();
    [recurrent, bias, input, readout, readout_bias].into_iter().nth(which).expect("five of them")
}

#[test]
fn gradients_of_elman_are_those_of_differences() {
    use ActivationName::{Identity, Relu, Sigmoid, Softplus, Tanh};
    for activation in [Tanh, Relu, Sigmoid, Softplus, Identity] {
        for rectified in [false, true] {
            for readout in [ReadName::State, ReadName::Rate] {
                let cell = CellSpec { activation, rectified, readout: Some(readout), ..CellSpec::default() };
                let g = if rectified { Tanh } else { Identity };
                Problem::new(wiring(cell, g)).check(&format!("{cell:?}"));
            }
        }
    }
    assert_eq!(Activation::ALL.len(), 5);
}

#[test]
fn gradients_of_a_cell_with_everything_are_those_of_differences() {
    for reads in [Reads::State, Reads::Rate] {
        let wiring = wiring(CellSpec::default(), ActivationName::Identity).with_cell(leaky(NEURONS, reads));
        Problem::new(wiring).check(&format!("leaky, read by {reads:?}"));
    }
}
