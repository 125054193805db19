//! What both benches run on: networks of a given size and density, and random numbers.

use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, RuleName, Sign};
use daleian::random::{Purpose, stream};
use rand::RngExt;

/// The seed of everything that is drawn.
pub const SEED: u64 = 1;

/// `neurons` neurons, four fifths excitatory and the rest inhibitory, each pair connected with probability `density`.
pub fn connectome(neurons: usize, density: f64) -> Connectome {
    let excitatory = neurons * 4 / 5;
    let population = |name: &str, size, sign| PopulationSpec { name: name.into(), size, sign };
    let everywhere = ConnectionSpec {
        pre: None,
        post: None,
        rule: RuleName::Probability,
        probability: Some(density),
        in_degree: None,
        mean_degree: None,
        sigma: None,
        autapses: true,
    };
    Connectome::from_rules(
        &[population("exc", excitatory, Sign::Excitatory), population("inh", neurons - excitatory, Sign::Inhibitory)],
        &[everywhere],
        SEED,
    )
    .expect("a connectome drawn by one rule")
}

/// `count` numbers, uniform between -1 and 1, none of them 0. Different `index`, different numbers.
pub fn random(count: usize, index: u32) -> Vec<f32> {
    let mut rng = stream(SEED, Purpose::TrainSamples, index);
    let mut number = || {
        let x = 2.0 * rng.random::<f32>() - 1.0;
        if x == 0.0 { 0.5 } else { x }
    };
    (0..count).map(|_| number()).collect()
}
