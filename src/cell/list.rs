//! Every cell there is, by the name that a configuration gives it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cell, CellSpec, elman};

macro_rules! cells {
    ($($(#[$about:meta])* $name:ident => $build:path;)*) => {
        /// Which equations a neuron has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum CellKind {
            $($(#[$about])* $name,)*
        }

        impl CellSpec {
            /// The cell that this describes.
            pub(crate) fn build(&self) -> Arc<dyn Cell> {
                match self.kind {
                    $(CellKind::$name => $build(self),)*
                }
            }
        }
    };
}

cells! {
    /// `a = phi(z)`, `r = rho(a)`: the paper's.
    Elman => elman::build;
}
