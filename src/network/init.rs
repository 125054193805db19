//! Parameters at the start, drawn from named streams.

use daleian_kernels::Aligned;
use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::builder::Sources;
use super::connection_blocks::Block;
use super::{
    BIAS, Fan, INPUT, InitSpec, InitWeights, InputBlock, Parameters, READOUT, READOUT_BIAS, RECURRENT, ReadoutBlock,
    Wiring,
};
use crate::connectome::{Connectome, Sign};
use crate::error::{Error, Result};
use crate::random::{Purpose, stream};

/// Draws the parameters.
///
/// W: uniform in (0, g/√fan) for excitatory columns, (-g/√fan, 0) for inhibitory, (-g/√fan, g/√fan) for
/// unconstrained ones, with gain g (the paper: g = 1, fan = n); or the weights of the connectome; balanced where
/// `init` says so. U: uniform in ±g/√n, or the value of its block. b: the sum of two draws from ±1/√n, as torch's recurrent
/// layer has two biases that act as their sum. V: uniform in ±g/√(entries of the row), or the value of its block; c: in
/// ±1/√(entries of the row), torch's default for a linear layer. Of U and V, g is the gain of the block.
///
/// # Errors
/// If the weights should come from a connectome that has none.
pub(super) fn draw(
    wiring: &Wiring,
    sources: &Sources,
    connectome: &Connectome,
    init: &InitSpec,
    seed: u64,
) -> Result<Parameters> {
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
    let mut rng = stream(seed, Purpose::InputWeights, 0);
    let starts = starts(wiring.input_blocks().iter().map(InputBlock::block), root_n);
    let entries = 0..wiring.input().nnz();
    let input: Vec<f32> = entries.map(|at| starts[sources.input.block_of(at)].draw(&mut rng)).collect();
    let mut rng = stream(seed, Purpose::Readout, 0);
    let mut readout = Vec::with_capacity(wiring.readout().nnz());
    let mut readout_bias = Vec::with_capacity(wiring.outputs());
    for row in 0..wiring.outputs() {
        let entries = wiring.readout().entries(row);
        // an output may read nothing where pairs are drawn
        let spread = 1.0 / (entries.len().max(1) as f64).sqrt();
        let starts = self::starts(wiring.readout_blocks().iter().map(ReadoutBlock::block), spread);
        readout.extend(entries.map(|at| starts[sources.readout.block_of(at)].draw(&mut rng)));
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

/// What the entries of a block start with.
enum Start {
    Uniform(Uniform<f64>),
    Value(f32),
}

impl Start {
    fn draw(&self, rng: &mut dyn Rng) -> f32 {
        match self {
            Self::Uniform(uniform) => uniform.sample(rng) as f32,
            Self::Value(value) => *value,
        }
    }
}

/// The start of each block, where uniform weights of gain 1 are within `spread` of 0.
fn starts<'a>(blocks: impl Iterator<Item = Block<'a>>, spread: f64) -> Vec<Start> {
    let start = |block: Block| match block.value {
        // no -0.0
        Some(value) => Start::Value(value as f32 + 0.0),
        None => {
            let spread = spread * block.init.map_or(1.0, |init| init.gain);
            Start::Uniform(Uniform::new(-spread, spread).expect("a finite spread above 0"))
        }
    };
    blocks.map(start).collect()
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
    use crate::network::Network;

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
        let network = Network::builder(&connectome).input(1).readout(1).init(init).build().unwrap();
        assert_eq!(network.parameters()[RECURRENT][..], [0.5, 1.0, -1.5, 5.0, 1.0, -1.0, 3.0]);
        // drawn weights: every row with both sides adds up to 0 without the unconstrained column
        let drawn = recurrent(network.wiring(), &InitSpec { balance: true, ..InitSpec::default() }, 1);
        assert!((drawn[0] + drawn[1] + drawn[2]).abs() < 1e-6 && (drawn[4] + drawn[5]).abs() < 1e-6, "{drawn:?}");
        let plain = recurrent(network.wiring(), &InitSpec::default(), 1);
        assert_eq!((drawn[3], drawn[6]), (plain[3], plain[6]));
    }
}
