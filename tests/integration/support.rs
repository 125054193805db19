//! What several promises need: small networks, data, trainers, and how to compare bits.

use daleian::Isa;
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::data::Data;
use daleian::network::{InputBlock, Network, ParameterId, Parameters, ReadoutBlock};
use daleian::task::{FlipFlop, Task};

/// The instruction set that the tests run with.
pub fn isa() -> Isa {
    Isa::choose().unwrap()
}

/// Excitatory, inhibitory and unconstrained neurons, connected by one rule.
pub fn connectome(sizes: [usize; 3], connection: ConnectionSpec, seed: u64) -> Connectome {
    let named = [("exc", Sign::Excitatory), ("inh", Sign::Inhibitory), ("free", Sign::Unconstrained)];
    let populations: Vec<PopulationSpec> =
        named.iter().zip(sizes).map(|(&(name, sign), size)| PopulationSpec::new(name, size, sign)).collect();
    Connectome::from_rules(&populations, &[connection], seed).unwrap()
}

/// A network of the default cell with dense input and readout.
pub fn network(connectome: &Connectome, channels: usize, outputs: usize, seed: u64) -> Network {
    Network::builder(connectome).input(channels).readout(outputs).seed(seed).build().unwrap()
}

/// A flip-flop of one channel.
pub fn flip_flop(steps: usize, train_samples: usize, test_samples: usize) -> Data {
    FlipFlop { channels: 1, steps, probability: 0.2, train_samples, test_samples, samples: daleian::task::Drawn::Fixed }
        .generate(7)
        .unwrap()
}

/// The bits of every parameter, in the order of [`ParameterId::COMMON`].
pub fn bits(parameters: &Parameters) -> Vec<Vec<u32>> {
    ParameterId::COMMON.map(|name| parameters[name].iter().map(|x| x.to_bits()).collect()).into()
}

/// How channels and outputs meet neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// All of them all.
    Dense,
    /// The first one the first type of neurons alone, and so on.
    Population,
}

impl Blocks {
    pub fn of(self, connectome: &Connectome) -> (Vec<InputBlock>, Vec<ReadoutBlock>) {
        let types = connectome.neuron_table().types();
        let names = types.iter().map(|group| group.name.as_str()).enumerate();
        match self {
            Self::Dense => Default::default(),
            Self::Population => (
                names.clone().map(|(k, name)| InputBlock::new([k], name)).collect(),
                names.map(|(k, name)| ReadoutBlock::new([k], name)).collect(),
            ),
        }
    }
}
