//! Step a network by hand inside a loop of your own: input in, rates and readout out, no allocation in the step.
//!
//! Here the loop is a small world: the network's output moves a cursor, and the cursor's distance from a target is the
//! network's next input. Sixteen worlds run side by side, one a lane. (The network is untrained, so the cursors drift.)
//!
//! `cargo run --release --example simulate`

use daleian::Isa;
use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::network::Network;

const WORLDS: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let populations =
        [PopulationSpec::new("exc", 400, Sign::Excitatory), PopulationSpec::new("inh", 100, Sign::Inhibitory)];
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::in_degree(50)], 1)?;
    let network = Network::builder(&connectome).input(2).readout(1).build()?;

    let inhibitory = network.wiring().neuron_table().select(&"inh".into())?;

    // Everything that a step needs is allocated here, once. `Isa::choose` asks the processor what it can do.
    let stepper = network.stepper(Isa::choose()?);
    let mut state = network.state(WORLDS);
    let mut cursor = [0.0f32; WORLDS];
    let target: [f32; WORLDS] = std::array::from_fn(|world| world as f32 / 8.0 - 1.0);
    // [channels, lanes]: first the distances of all worlds, then a constant
    let mut input = [0.0f32; 2 * WORLDS];
    input[WORLDS..].fill(1.0);

    for time in 0..100 {
        for world in 0..WORLDS {
            input[world] = target[world] - cursor[world];
        }
        stepper.step(&mut state, &input);
        for (world, cursor) in cursor.iter_mut().enumerate() {
            *cursor += 0.1 * state.output(0, world);
        }
        if time == 50 {
            // The state is yours to change between steps: silence the inhibitory neurons in every world. Row i of a
            // buffer, one float a world and some padding, begins at i * stride.
            let stride = state.stride();
            for &neuron in &inhibitory {
                let neuron = neuron as usize;
                state.rates_mut()[neuron * stride..][..stride].fill(0.0);
            }
        }
        if time % 25 == 0 {
            let mean = state.rates().iter().sum::<f32>() / state.rates().len() as f32;
            println!("step {time:3}: mean rate {mean:.3}, first cursor {:+.3}, last {:+.3}", cursor[0], cursor[15]);
        }
    }
    Ok(())
}
