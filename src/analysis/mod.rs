//! Numbers about weights and outputs, in time and memory proportional to the stored synapses.

mod block_grid;
mod degrees;
mod histogram;
mod signals;
pub mod spanning_tree;
pub mod tree_overlap;
mod weights;

pub use block_grid::{BlockGrid, PopulationBand, block_grid};
pub use degrees::{Degrees, in_degrees, out_degrees};
pub use histogram::{Histogram, histogram, histogram_between};
pub use signals::{Strip, extremes, softmax, strip};
pub use weights::{
    BlockMeans, PRESENT, SignPart, WeightDistribution, WeightSummary, block_means, largest_magnitude,
    weight_distribution, weight_summary,
};
