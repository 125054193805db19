//! The ways to train that the paper compares, as settings of one configuration.

use super::RunConfig;
use crate::constraint::Constraint;

/// A way to train under (or without) Dale's law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// No constraint after the sign-structured start; rates are not rectified.
    Conventional,
    /// The naive rectifier after each step; rates are not rectified.
    Rectified,
    /// Dale's backprop; rates are rectified.
    Dale,
}

impl Method {
    /// All, in the order of tables and figures.
    pub const ALL: [Self; 3] = [Self::Conventional, Self::Rectified, Self::Dale];

    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conventional => "conventional",
            Self::Rectified => "rectified",
            Self::Dale => "dale",
        }
    }

    /// Makes `config` train this way.
    pub fn apply(self, config: &mut RunConfig) {
        (config.constraint, config.cell.rectified) = match self {
            Self::Conventional => (Constraint::None, false),
            Self::Rectified => (Constraint::Rectified, false),
            Self::Dale => (Constraint::Dale, true),
        };
    }
}
