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
/// unconstrained ones, with gain g (the paper: g = 1, fan = n); or the weights of the connectome; balanced where
/// `init` says so. U: uniform in ±1/√n. b: the sum of two draws from ±1/√n, as torch's recurrent layer has two biases that act as their sum.
/// V and c: uniform in ±1/√(entries of the row), torch's default for a linear layer.
///
/// # Errors
/// If the weights should come from a connectome that has none.
pub(super) fn draw(wiring: &Wiring, connectome: &Connectome, init: &InitSpec, seed: u64) -> Result<Parameters> {
    let n = wiring.neurons();
    let root_n = 1.0 / (n as f64).sqrt();
    let recurrent = match init.weights {
        InitWeights::Edges => {
            let weights = connectome.weights().ok_or_else(|| {
                let problem =
                    "`edges` needs a column `weight` or `count` in the edge list, and not weights = \"unused\"";
                Error::setting("init.weights", problem)
            })?;
            let mut values: Aligned = weights.into();
            if init.balance {
                balance(wiring, &mut values);
            }
            values
        }
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
    if init.balance {
        balance(wiring, &mut values);
    }
    values
}

/// Makes the excitatory and the inhibitory sum of each row agree: see [`InitSpec::balance`].
fn balance(wiring: &Wiring, values: &mut [f32]) {
    let (pattern, signs) = (wiring.recurrent(), wiring.neuron_table().signs());
    for row in 0..pattern.rows() {
        let (columns, weights) = (pattern.row(row), &mut values[pattern.entries(row)]);
        let sum = |side: Sign| -> f64 {
            let of_side = columns.iter().zip(&*weights).filter(|(col, _)| signs[**col as usize] == side);
            of_side.map(|(_, weight)| f64::from(weight.abs())).sum()
        };
        let (excitation, inhibition) = (sum(Sign::Excitatory), sum(Sign::Inhibitory));
        if excitation == 0.0 || inhibition == 0.0 {
            continue;
        }
        let heavier = if excitation > inhibition { Sign::Excitatory } else { Sign::Inhibitory };
        let factor = excitation.min(inhibition) / excitation.max(inhibition);
        for (weight, &col) in weights.iter_mut().zip(columns) {
            if signs[col as usize] == heavier {
                // no -0.0, however small
                *weight = (f64::from(*weight) * factor) as f32 + 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::PopulationSpec;
    use crate::network::{CellSpec, InputSpec, Network, ReadoutSpec};

    /// Two excitatory neurons, an inhibitory and an unconstrained one; row 3 has excitation alone.
    #[test]
    fn balances_each_row_by_hand() {
        let populations = [
            PopulationSpec::new("e", 2, Sign::Excitatory),
            PopulationSpec::new("i", 1, Sign::Inhibitory),
            PopulationSpec::new("u", 1, Sign::Unconstrained),
        ];
        let (post, pre) = ([0, 0, 0, 0, 1, 1, 3], [0, 1, 2, 3, 0, 2, 1]);
        let weights = [2.0, 4.0, -1.5, 5.0, 1.0, -4.0, 3.0];
        let connectome = Connectome::from_edges(&populations, &pre, &post, Some(&weights)).unwrap();
        let init = InitSpec { weights: InitWeights::Edges, balance: true, ..InitSpec::default() };
        let ends = ((1, InputSpec::default()), (1, ReadoutSpec::default()));
        let network = Network::new(&connectome, CellSpec::default(), ends.0, ends.1, &init, 1).unwrap();
        assert_eq!(network.parameters()[RECURRENT][..], [0.5, 1.0, -1.5, 5.0, 1.0, -1.0, 3.0]);
        // drawn weights: every row with both sides adds up to 0 without the unconstrained column
        let drawn = recurrent(network.wiring(), &InitSpec { balance: true, ..InitSpec::default() }, 1);
        assert!((drawn[0] + drawn[1] + drawn[2]).abs() < 1e-6 && (drawn[4] + drawn[5]).abs() < 1e-6, "{drawn:?}");
        let plain = recurrent(network.wiring(), &InitSpec::default(), 1);
        assert_eq!((drawn[3], drawn[6]), (plain[3], plain[6]));
    }
}
