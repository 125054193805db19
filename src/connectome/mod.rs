//! Populations, signs, edge lists and connection rules: what becomes a pattern and the signs of its columns.

mod sign;
mod spec;

pub use sign::Sign;
pub use spec::{ConnectionSpec, Contradictions, Duplicates, EdgeListSpec, PopulationSpec, RuleName};
