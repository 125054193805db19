//! What a parameter is: its name, its shape, and its place in the list of its network.

use std::sync::Arc;

use crate::sparse::Pattern;

/// The place of a parameter in the list of its network, [`Wiring::parameter_list`](super::Wiring::parameter_list).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(usize);

/// W, at the entries of its pattern.
pub const RECURRENT: ParameterId = ParameterId(0);
/// b, one per neuron.
pub const BIAS: ParameterId = ParameterId(1);
/// U, at the entries of its pattern.
pub const INPUT: ParameterId = ParameterId(2);
/// V, at the entries of its pattern.
pub const READOUT: ParameterId = ParameterId(3);
/// c, one per output.
pub const READOUT_BIAS: ParameterId = ParameterId(4);

impl ParameterId {
    /// The five that every network has, in the order of its list. What a cell has of its own comes after them.
    pub const COMMON: [Self; 5] = [RECURRENT, BIAS, INPUT, READOUT, READOUT_BIAS];

    /// The parameter at `place` of a list.
    pub(super) fn new(place: usize) -> Self {
        Self(place)
    }

    /// Its place in the list.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Names of the parameters that every network has, in the order of [`ParameterId::COMMON`].
pub const COMMON_NAMES: [&str; 5] =
    ["recurrent.values", "recurrent.bias", "input.weight", "readout.weight", "readout.bias"];

/// How the values of a parameter are laid out.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One value per entry of a pattern.
    OnPattern(Arc<Pattern>),
    /// An array of these dimensions, the last one contiguous.
    Dense(Vec<usize>),
}

impl Shape {
    /// Number of values.
    pub fn size(&self) -> usize {
        match self {
            Self::OnPattern(pattern) => pattern.nnz(),
            Self::Dense(dimensions) => dimensions.iter().product(),
        }
    }

    /// The dimensions of the array of values.
    pub fn dimensions(&self) -> Vec<usize> {
        match self {
            Self::OnPattern(pattern) => vec![pattern.nnz()],
            Self::Dense(dimensions) => dimensions.clone(),
        }
    }
}

/// One parameter of a network, without its values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name in files, settings and messages, such as `recurrent.bias`.
    pub name: &'static str,
    /// How its values are laid out.
    pub shape: Shape,
    /// Whether training may change it at all: a bias that is switched off is 0 and stays 0.
    pub trainable: bool,
    /// Of each value whether it may be trained; none: all may. Blocks of input and readout can be frozen.
    pub trained: Option<Arc<[bool]>>,
}

impl Parameter {
    /// A parameter that training may change.
    pub fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, trainable: true, trained: None }
    }
}
