//! Parameters at the start, drawn from named streams.

use daleian_kernels::Aligned;
use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::{BIAS, Fan, INPUT, InitSpec, InitWeights, Parameters, READOUT, READOUT_BIAS, RECURRENT, Wiring};
use crate::connectome::{Connectome, Sign};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream};

/// Draws the parameters.
///
/// W: uniform in (0, g/√fan) for excitatory columns, (-g/√fan, 0) for inhibitory, (-g/√fan, g/√fan) for
/// unconstrained ones, with gain g (the paper: g = 1, fan = n); or the weights of the connectome. U: uniform in
/// ±1/√n. b: the sum of two draws from ±1/√n, as torch's recurrent layer has two biases that act as their sum.
/// V and c: uniform in ±1/√(entries of the row), torch's default for a linear layer.
///
/// # Errors
/// If the weights should come from a connectome that has none.
pub(super) fn draw(wiring: &Wiring, connectome: &Connectome, init: &InitSpec, seed: u64) -> Result<Parameters> {
    let n = wiring.neurons();
    let root_n = 1.0 / (n as f64).sqrt();
    let recurrent = match init.weights {
        InitWeights::Edges => connectome
            .weights()
            .ok_or_else(|| Error::setting("init.weights", "`edges` needs a `weight` column in the edge list"))?
            .into(),
        InitWeights::Uniform => recurrent(wiring, init, seed),
    };
    let around_zero = |count: usize, spread: f64, rng: &mut dyn Rng| -> Vec<f32> {
        let uniform = Uniform::new(-spread, spread).expect("a finite spread above 0");
        (0..count).map(|_| uniform.sample(rng) as f32).collect()
    };
    let bias = if wiring.cell().bias {
        let mut rng = stream(seed, Purpose::RecurrentBias, 0);
        let (first, second) = (around_zero(n, root_n, &mut rng), around_zero(n, root_n, &mut rng));
        first.iter().zip(&second).map(|(a, b)| a + b).collect()
    } else {
        Aligned::zeros(n)
    };
    let input = around_zero(wiring.input().nnz(), root_n, &mut stream(seed, Purpose::InputWeights, 0));
    let mut rng = stream(seed, Purpose::Readout, 0);
    let mut readout = Vec::with_capacity(wiring.readout().nnz());
    let mut readout_bias = Vec::with_capacity(wiring.outputs());
    for row in 0..wiring.outputs() {
        let fan = wiring.readout().row(row).len();
        let spread = 1.0 / (fan as f64).sqrt();
        readout.extend(around_zero(fan, spread, &mut rng));
        readout_bias.extend(around_zero(1, spread, &mut rng));
    }
    let mut parameters = Parameters::zeros(wiring, |_| false);
    for (id, values) in [
        (RECURRENT, recurrent),
        (BIAS, bias),
        (INPUT, input.into()),
        (READOUT, readout.into()),
        (READOUT_BIAS, readout_bias.into()),
    ] {
        parameters[id] = values;
    }
    Ok(parameters)
}

/// The uniform W of [`draw`] once more, as it was before any step.
pub(crate) fn recurrent(wiring: &Wiring, init: &InitSpec, seed: u64) -> Aligned {
    let pattern = wiring.recurrent();
    let signs = wiring.neuron_table().signs();
    let unit = Uniform::new(0.0f64, 1.0).expect("0 is below 1");
    let mut rng = stream(seed, Purpose::RecurrentWeights, 0);
    let mut values = Aligned::zeros(pattern.nnz());
    for row in 0..pattern.rows() {
        let entries = pattern.row(row);
        let fan = match init.fan {
            Fan::Neurons => pattern.rows(),
            Fan::InDegree => entries.len(),
        };
        let spread = init.gain / (fan as f64).sqrt();
        for (value, &col) in values[pattern.entries(row)].iter_mut().zip(entries) {
            let u = unit.sample(&mut rng);
            let drawn = match signs[col as usize] {
                Sign::Excitatory => u * spread,
                Sign::Inhibitory => -u * spread,
                Sign::Unconstrained => (2.0 * u - 1.0) * spread,
            };
            // no -0.0, whatever was drawn
            *value = drawn as f32 + 0.0;
        }
    }
    values
}
