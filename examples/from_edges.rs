//! Build a network from a list of edges, train it on a small task, watch the loss fall.
//!
//! `cargo run --release --example from_edges`

use daleian::Isa;
use daleian::bptt::LossName;
use daleian::connectome::{Connectome, PopulationSpec, Sign};
use daleian::network::Network;
use daleian::optim::OptimizerSpec;
use daleian::task::{FlipFlop, Task};
use daleian::train::{TrainSettings, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Neurons 0 to 31 excite, 32 to 39 inhibit. The edges are a ring with shortcuts: each neuron hears the one before
    // it, the one 7 before it and one of the inhibitory neurons. Edge k goes from pre[k] to post[k].
    let neurons = 40;
    let populations =
        [PopulationSpec::new("exc", 32, Sign::Excitatory), PopulationSpec::new("inh", 8, Sign::Inhibitory)];
    let (mut pre, mut post) = (Vec::new(), Vec::new());
    for neuron in 0..neurons {
        for from in [(neuron + neurons - 1) % neurons, (neuron + neurons - 7) % neurons, 32 + (neuron + 3) % 8] {
            let known = pre.iter().zip(&post).any(|edge| edge == (&from, &neuron));
            if !known {
                pre.push(from);
                post.push(neuron);
            }
        }
    }
    let connectome = Connectome::from_edges(&populations, &pre, &post, None)?;

    // Remember the last pulse on one channel.
    let task = FlipFlop {
        channels: 1,
        steps: 20,
        probability: 0.1,
        train_samples: 800,
        test_samples: 200,
        samples: daleian::task::Drawn::Fixed,
    };
    let seed = 1;
    let data = task.generate(seed)?;

    let network = Network::builder(&connectome).input(1).readout(1).seed(seed).build()?;
    println!("{neurons} neurons, {} synapses", network.wiring().recurrent().nnz());

    let settings = TrainSettings::new(LossName::Mse, 100, OptimizerSpec::adam(0.005));
    let mut trainer = Trainer::new(network, data, settings, Isa::choose()?)?;
    println!("epoch   0: test loss {:.4}", trainer.test().loss);
    for epoch in 1..=30 {
        trainer.epoch()?;
        if epoch % 5 == 0 {
            println!("epoch {epoch:3}: test loss {:.4}", trainer.test().loss);
        }
    }
    println!("weights against the sign of their neuron: {}", trainer.network().sign_violations());
    Ok(())
}
