//! An encoder of one's own in front of the network and a loss of one's own behind it: the network is one part of a larger
//! model that is trained as a whole.
//!
//! Three latent numbers per trial go through a linear encoder of our own into the four inputs of a recurrent network,
//! which has to answer with the first of them at the end, while few neurons are active. The encoder learns from the
//! derivatives by the inputs, the network from those by its outputs and rates, and Dale's law holds throughout.
//!
//! `cargo run --release --example own_loss`

use std::error::Error;

use daleian::Isa;
use daleian::bptt::{Bptt, FurtherDerivatives, LossDerivatives};
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::network::{Network, ParameterId, RECURRENT};

const TRIALS: usize = 64;
const STEPS: usize = 10;
const LATENTS: usize = 3;
const CHANNELS: usize = 4;
/// How much a mean absolute rate of 1 costs.
const SPARSITY: f32 = 0.01;
const RATE: f32 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let populations =
        [PopulationSpec::new("exc", 40, Sign::Excitatory), PopulationSpec::new("inh", 10, Sign::Inhibitory)];
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::probability(0.2)], 1)?;
    let mut network = Network::builder(&connectome).input(CHANNELS).readout(1).build()?;
    let neurons = network.wiring().neurons();
    let signs: Vec<f32> =
        network.wiring().recurrent().indices().iter().map(|&pre| if pre < 40 { 1.0 } else { -1.0 }).collect();

    // the latent numbers of each trial, and the encoder [CHANNELS, LATENTS]
    let latents: Vec<f32> = (0..TRIALS * LATENTS).map(|k| (k as f32 * 0.7).sin()).collect();
    let mut encoder: Vec<f32> = (0..CHANNELS * LATENTS).map(|k| 0.3 * (k as f32 * 1.3).cos()).collect();

    let mut bptt = Bptt::for_own_loss(&network, Isa::choose()?, TRIALS, STEPS, &ParameterId::COMMON);
    let mut gradients = bptt.gradients(&network);
    let mut inputs = vec![0.0; TRIALS * STEPS * CHANNELS];
    let (mut by_inputs, mut outputs) = (inputs.clone(), vec![0.0; TRIALS * STEPS]);
    let (mut rates, mut by_rates) = (vec![0.0; TRIALS * STEPS * neurons], vec![0.0; TRIALS * STEPS * neurons]);

    let mut losses = Vec::new();
    for round in 0..200 {
        // the encoder: the same inputs at every step of a trial
        for (k, input) in inputs.iter_mut().enumerate() {
            let (trial, channel) = (k / (STEPS * CHANNELS), k % CHANNELS);
            *input = (0..LATENTS).map(|l| encoder[channel * LATENTS + l] * latents[trial * LATENTS + l]).sum();
        }
        bptt.set_inputs(&network, &inputs);
        bptt.forward(&network, Some(&mut rates));
        bptt.outputs(&network, &mut outputs);

        // the loss: a robust error |e| / (1 + |e|) of the last step, and the mean rate; with its derivatives
        let mut by_outputs = vec![0.0; outputs.len()];
        let mut loss = 0.0;
        for trial in 0..TRIALS {
            let last = trial * STEPS + STEPS - 1;
            let error = outputs[last] - latents[trial * LATENTS];
            loss += error.abs() / (1.0 + error.abs()) / TRIALS as f32;
            by_outputs[last] = error.signum() / (1.0 + error.abs()).powi(2) / TRIALS as f32;
        }
        let scale = SPARSITY / rates.len() as f32;
        for (by_rate, rate) in by_rates.iter_mut().zip(&rates) {
            loss += scale * rate.abs();
            *by_rate = scale * if *rate == 0.0 { 0.0 } else { rate.signum() };
        }
        losses.push(loss);
        if round % 50 == 0 {
            println!("round {round}: loss {loss:.4}");
        }

        let derivatives = LossDerivatives { by_outputs: Some(&by_outputs), by_rates: Some(&by_rates) };
        let further = FurtherDerivatives { by_inputs: Some(&mut by_inputs), by_initial: None };
        bptt.backward(&network, &derivatives, further, &mut gradients);

        // plain descent for all of it; then the signs of the synapses
        for (k, by_input) in by_inputs.iter().enumerate() {
            let (trial, channel) = (k / (STEPS * CHANNELS), k % CHANNELS);
            for l in 0..LATENTS {
                encoder[channel * LATENTS + l] -= RATE * by_input * latents[trial * LATENTS + l];
            }
        }
        for id in ParameterId::COMMON {
            network.parameter_mut(id).iter_mut().zip(&gradients[id][..]).for_each(|(w, g)| *w -= RATE * g);
        }
        let weights = network.parameter_mut(RECURRENT).iter_mut().zip(&signs);
        weights.for_each(|(weight, sign)| *weight = if *weight * sign > 0.0 { *weight } else { 0.0 });
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    println!("at the end: loss {last:.4}, sign violations {}", network.sign_violations());
    if last.is_nan() || last > 0.7 * first || network.sign_violations() > 0 {
        return Err(format!("the loss went from {first} to {last}; expected it to fall by a third").into());
    }
    Ok(())
}
