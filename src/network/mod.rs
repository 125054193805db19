//! Parameters on the pattern; one step, forward and adjoint; the readout.

mod spec;

pub use spec::{ActivationName, Blocks, CellSpec, Fan, InitSpec, InitWeights, InputSpec, ParameterName, ReadoutSpec};
