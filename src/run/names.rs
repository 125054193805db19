//! Names of the files of a run folder.

/// Every setting, resolved.
pub const CONFIG: &str = "config.toml";
/// One row per epoch.
pub const METRICS: &str = "metrics.csv";
/// The trained network.
pub const MODEL: &str = "model.safetensors";
/// The network that the run started from, where it was a model (with the moments that it began with, if any), had weights
/// from a file, or is pruned: what cannot be drawn again from the seed.
pub const START: &str = "start.safetensors";
/// The network, the optimizer and the position.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Which neuron each row and column of W is.
pub const NEURONS: &str = "neurons.csv";
/// What the run came to.
pub const SUMMARY: &str = "summary.json";
/// Drawings.
pub const FIGURES: &str = "figures";
