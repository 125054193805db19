//! Train recurrent networks wired like brains: sparse connectivity fixed by anatomy, and Dale's law.
//!
//! A connectome says which synapses exist and which neurons excite or inhibit. `daleian` stores and computes those
//! synapses alone, trains their weights by backpropagation through time, and after each step clamps every weight to
//! the sign of the neuron that sends it (Dale's backprop, after Balwani, Wang, Najafi, Choi, "Constructing
//! biologically constrained RNNs via Dale's backpropagation and topologically-informed pruning", Science Advances
//! 2025). Memory and time grow with the number of synapses, never with the square of the number of neurons.
//!
//! # One step
//!
//! ```text
//! z_t = W r_{t-1} + U x_t + b
//! a_t = phi(z_t)                 phi: tanh, relu, sigmoid, softplus, identity
//! r_t = rho(a_t)                 rho: identity, or rectify: max(a, 0)
//! y_t = g(V a_t + c)             g: identity or tanh
//! ```
//!
//! `W[post, pre]` is sparse: its row is the postsynaptic neuron, its column the presynaptic one. Rates start at 0. The
//! loss is the mean squared error over all steps, or the cross-entropy of the last one or of each; or one of your own.
//!
//! # Build a network from edges
//!
//! ```
//! use daleian::connectome::{Connectome, PopulationSpec, Sign};
//! use daleian::network::Network;
//!
//! // neurons 0, 1 and 2 excite, neuron 3 inhibits; edge k goes from pre[k] to post[k]
//! let populations = [PopulationSpec::new("exc", 3, Sign::Excitatory), PopulationSpec::new("inh", 1, Sign::Inhibitory)];
//! let pre = [0, 1, 2, 3, 0];
//! let post = [1, 2, 3, 0, 3];
//! let connectome = Connectome::from_edges(&populations, &pre, &post, None)?;
//!
//! // 2 inputs, 1 output, weights drawn from seed 7
//! let network = Network::builder(&connectome).input(2).readout(1).seed(7).build()?;
//! assert_eq!(network.wiring().recurrent().nnz(), 5);
//! assert_eq!(network.sign_violations(), 0);
//! # Ok::<(), daleian::Error>(())
//! ```
//!
//! # Train it
//!
//! ```
//! use daleian::Isa;
//! use daleian::bptt::LossName;
//! # use daleian::connectome::{Connectome, ConnectionSpec, PopulationSpec, Sign};
//! # use daleian::network::Network;
//! use daleian::optim::OptimizerSpec;
//! use daleian::task::{FlipFlop, Task};
//! use daleian::train::{TrainSettings, Trainer};
//!
//! # let populations = [PopulationSpec::new("exc", 16, Sign::Excitatory), PopulationSpec::new("inh", 4, Sign::Inhibitory)];
//! # let connectome = Connectome::from_rules(&populations, &[ConnectionSpec::probability(0.3)], 1)?;
//! # let network = Network::builder(&connectome).input(1).readout(1).build()?;
//! // `network` has one input and one output; your own samples are a `data::Dataset`
//! let data = FlipFlop { channels: 1, steps: 10, probability: 0.2, train_samples: 200, test_samples: 50, samples: daleian::task::Drawn::Fixed }.generate(1)?;
//! let settings = TrainSettings::new(LossName::Mse, 50, OptimizerSpec::adam(0.01));
//! let mut trainer = Trainer::new(network, data, settings, Isa::choose()?)?;
//! let before = trainer.test().loss;
//! for _ in 0..5 {
//!     trainer.epoch()?;
//! }
//! assert!(trainer.test().loss < before);
//! assert_eq!(trainer.network().sign_violations(), 0);
//! let network = trainer.into_network();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Save and load it
//!
//! ```
//! use daleian::network::Network;
//! # use daleian::connectome::{Connectome, ConnectionSpec, PopulationSpec, Sign};
//! # let connectome = Connectome::from_rules(&[PopulationSpec::new("exc", 9, Sign::Excitatory)], &[ConnectionSpec::all()], 1)?;
//! # let network = Network::builder(&connectome).input(1).readout(1).build()?;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.safetensors");
//!
//! // scipy and torch read the file as it is
//! network.save(&path)?;
//! let loaded = Network::load(&path)?;
//! assert_eq!(loaded.parameters(), network.parameters());
//!
//! // any JSON travels along
//! network.save_with(&path, &daleian::serde_json::json!({ "note": "trained today" }))?;
//! let (_, notes) = Network::load_with(&path)?;
//! assert_eq!(notes["note"], "trained today");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Step it by hand
//!
//! Inside a loop of your own: input in, rates and readout out, up to 64 independent lanes side by side. A step
//! allocates nothing.
//!
//! ```
//! use daleian::Isa;
//! # use daleian::connectome::{Connectome, ConnectionSpec, PopulationSpec, Sign};
//! # use daleian::network::Network;
//! # let connectome = Connectome::from_rules(&[PopulationSpec::new("exc", 9, Sign::Excitatory)], &[ConnectionSpec::all()], 1)?;
//! # let network = Network::builder(&connectome).input(2).readout(1).build()?;
//!
//! let stepper = network.stepper(Isa::choose()?);
//! let mut state = network.state(3); // three lanes, at rest
//! for t in 0..10 {
//!     // [channels, lanes]: channel 0 of each lane, then channel 1
//!     let input = [0.1 * t as f32, 0.2, 0.3, 1.0, 1.0, 1.0];
//!     stepper.step(&mut state, &input);
//!     // of neuron 4 and output 0 in the third lane; `rates` and `readout` give all at once
//!     let (rate, output) = (state.rate(4, 2), state.output(0, 2));
//!     assert!(rate >= 0.0 && output.is_finite());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//!
//! * Whatever comes from outside (files, settings, sizes of data) and is wrong is an [`Error`] that names the file, the
//!   row or the key, and what is expected. A broken contract in a call, such as a slice of the wrong length, panics
//!   with the words of the contract; each function says under *Panics* what it demands.
//! * The same seed gives the same bits for any number of threads, and a run that was stopped or killed and
//!   [resumed](run::Run::resume) ends with the same files (but for times) as one that never was. Between instruction sets results
//!   agree to rounding.
//! * NaN is never hidden: training stops at the first loss that is not finite.
//! * This crate has no unsafe code; the kernels that need it are in `daleian_kernels`, and an [`Isa`] is the proof that
//!   the processor has what they use.
//!
//! # Where to go next
//!
//! * A whole run from a configuration, with checkpoints, metrics and figures: [`run::Run`] and [`run::RunConfig`].
//! * Wiring from CSV files or drawn by rules: [`connectome::Connectome::from_edge_list`] and
//!   [`from_rules`](connectome::Connectome::from_rules).
//! * Recorded data in numpy's files: [`data::npz`]; samples from memory: [`data::Dataset`]; from elsewhere, epoch by epoch:
//!   [`data::Source`].
//! * Gradients alone, for an optimizer of your own: [`bptt::Bptt`]; of a loss of your own, behind an encoder of your own:
//!   [`bptt::Bptt::backward`] and the example `own_loss`.
//! * Numbers about weights: [`analysis`]; drawings of them: [`figure`].
//! * Programs to start from: `from_edges`, `save_and_load`, `simulate`, `own_data` and `own_loss` in the folder `examples`.
//! * The rooms know only those before them: [`sparse`], [`connectome`], [`cell`], [`network`], [`bptt`], [`optim`],
//!   [`constraint`], [`prune`], [`data`], [`task`], [`train`], [`analysis`], [`figure`], [`run`], [`reproduce`],
//!   [`bench`](mod@bench), [`inspect`](mod@inspect).
#![forbid(unsafe_code)]

mod caches;
mod defaults;
pub mod error;
pub mod exec;
pub mod files;
pub mod random;
mod ranges;
mod tree;

pub mod sparse;

pub mod connectome;
mod formats;

pub mod cell;
pub mod network;

pub mod bptt;
pub mod constraint;
pub mod data;
pub mod optim;
pub mod prune;
pub mod task;
pub mod train;

pub mod analysis;
#[cfg(feature = "plot")]
pub mod figure;

pub mod run;

#[cfg(feature = "cli")]
pub mod bench;
pub mod inspect;
#[cfg(feature = "plot")]
pub mod reproduce;

pub use daleian_kernels::Isa;
pub use error::{Error, Result};
pub use exec::Exec;
/// The JSON of [`Network::save_with`](network::Network::save_with) and
/// [`load_with`](network::Network::load_with).
pub use serde_json;
