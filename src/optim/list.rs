//! The optimizers that a configuration can name.

use serde::{Deserialize, Serialize};

use super::Optimizer;
use crate::error::Result;
use crate::ranges::above_zero;

/// Makes [`OptimizerSpec`] from the list of optimizers: `kind` in a configuration is the name in kebab-case.
macro_rules! optimizers {
    ($($(#[$attribute:meta])* $file:ident::$name:ident,)*) => {
        /// Which optimizer, with its settings.
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum OptimizerSpec {
            $($(#[$attribute])* #[doc = concat!("See [`", stringify!($name), "`](super::", stringify!($name), ").")]
            $name(super::$file::$name),)*
        }

        impl OptimizerSpec {
            /// The optimizer itself.
            pub fn optimizer(&self) -> &dyn Optimizer {
                match self {
                    $($(#[$attribute])* Self::$name(optimizer) => optimizer,)*
                }
            }
        }
    };
}

optimizers! {
    adam::Adam,
    sgd::Sgd,
    #[cfg(test)] tests::Averaged,
    #[cfg(test)] tests::Plain,
}

impl OptimizerSpec {
    /// Adam with this learning rate and torch's other defaults.
    pub fn adam(learning_rate: f64) -> Self {
        Self::Adam(super::Adam::new(learning_rate))
    }

    /// Gradient descent with this learning rate and momentum (0: none).
    pub fn sgd(learning_rate: f64, momentum: f64) -> Self {
        Self::Sgd(super::Sgd { learning_rate, momentum })
    }

    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer().learning_rate()
    }

    /// Checks that every number is within its range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) with the key of the first that is not, and what is expected.
    pub fn validate(&self) -> Result<()> {
        above_zero("optimizer.learning-rate", self.learning_rate())?;
        self.optimizer().validate()
    }
}
