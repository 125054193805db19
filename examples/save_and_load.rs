//! Save a network as `model.safetensors`, load it again, and look at its weights.
//!
//! scipy reads the same file:
//!
//! ```python
//! from safetensors.numpy import load_file
//! from scipy.sparse import csr_matrix
//! m = load_file("model.safetensors")
//! W = csr_matrix((m["recurrent.values"], m["recurrent.indices"], m["recurrent.indptr"]))
//! ```
//!
//! `cargo run --release --example save_and_load`

use daleian::connectome::{ConnectionSpec, Connectome, PopulationSpec, Sign};
use daleian::network::{Network, RECURRENT};
use daleian::serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let populations =
        [PopulationSpec::new("exc", 80, Sign::Excitatory), PopulationSpec::new("inh", 20, Sign::Inhibitory)];
    let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::probability(0.1)], 1)?;
    let network = Network::builder(&connectome).input(2).readout(3).build()?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    network.save(&path)?;
    println!("wrote {} bytes", std::fs::metadata(&path)?.len());

    let loaded = Network::load(&path)?;
    assert_eq!(loaded.parameters(), network.parameters());

    // Notes of your own can travel along; a run of the command line puts its whole configuration here.
    network.save_with(&path, &json!({ "made-by": "the example" }))?;
    let (_, notes) = Network::load_with(&path)?;
    println!("read it again: {notes}");

    // Row i holds what neuron i hears.
    let pattern = loaded.wiring().recurrent();
    for post in 0..3 {
        println!("neuron {post} hears");
        for entry in pattern.entries(post) {
            let pre = pattern.indices()[entry];
            println!("  neuron {pre} with weight {:+.4}", loaded.parameters()[RECURRENT][entry]);
        }
    }

    // What is wrong with a file is said by name.
    std::fs::write(&path, "not a model")?;
    println!("and a broken file: {}", Network::load(&path).unwrap_err());
    Ok(())
}
