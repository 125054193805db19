//! Which instruction set to use: detected once, then carried as a value.
//!
//! An [`Isa`] is a proof that its instructions exist on this machine: it can only be had from
//! [`Isa::available`] or [`Isa::choose`], which ask the processor. Without one no kernel can be called, so no
//! instruction can be met that the machine lacks.
//!
//! Two environment variables steer the choice:
//! * `DALEIAN_ISA` narrows it to the named set (`avx512`, `avx2` or `portable`);
//! * `DALEIAN_REQUIRE_ISA` names a set that must be present, so that a test run cannot pass by skipping it.

use crate::simd::{Kernel, portable::Portable};
#[cfg(target_arch = "x86_64")]
use crate::simd::{avx2::Avx2, avx512::Avx512};

/// An instruction set that this machine has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

/// Every instruction set that some machine may have, fastest first.
pub const NAMES: [&str; 3] = ["avx512", "avx2", "portable"];

/// Why no instruction set could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// A variable holds a word that names no instruction set.
    #[error("{variable}={value} names no instruction set; expected one of avx512, avx2, portable")]
    Unknown {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The named set is not on this machine.
    #[error("{variable}={value} asks for instructions that this machine lacks; it has {present}")]
    Missing {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// The sets that are present.
        present: String,
    },
}

impl Isa {
    /// The sets that this machine has, fastest first. The last is always the portable one.
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx512::detect().map(|token| Isa(Set::Avx512(token))));
            found.extend(Avx2::detect().map(|token| Isa(Set::Avx2(token))));
        }
        found.push(Isa(Set::Portable(Portable)));
        found
    }

    /// The fastest set of this machine, or the one that `DALEIAN_ISA` names.
    ///
    /// # Errors
    /// If `DALEIAN_ISA` or `DALEIAN_REQUIRE_ISA` names a set that is unknown or absent.
    pub fn choose() -> Result<Isa, IsaError> {
        if let Ok(name) = std::env::var("DALEIAN_REQUIRE_ISA") {
            Isa::named("DALEIAN_REQUIRE_ISA", &name)?;
        }
        match std::env::var("DALEIAN_ISA") {
            Ok(name) => Isa::named("DALEIAN_ISA", &name),
            Err(_) => Ok(Isa::available()[0]),
        }
    }

    /// The set called `name`; `variable` is only for the message.
    fn named(variable: &'static str, name: &str) -> Result<Isa, IsaError> {
        let available = Isa::available();
        if !NAMES.contains(&name) {
            return Err(IsaError::Unknown { variable, value: name.into() });
        }
        available.iter().copied().find(|isa| isa.name() == name).ok_or_else(|| IsaError::Missing {
            variable,
            value: name.into(),
            present: available.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", "),
        })
    }

    /// `avx512`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            Set::Portable(_) => "portable",
        }
    }

    /// Runs `kernel` inside the frame that enables this set's instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(token) => token.frame(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(token) => token.frame(kernel),
            Set::Portable(token) => kernel.run(token),
        }
    }
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_is_always_there_and_names_are_known() {
        let available = Isa::available();
        assert_eq!(available.last().map(|isa| isa.name()), Some("portable"));
        assert!(available.iter().all(|isa| NAMES.contains(&isa.name())));
    }

    #[test]
    fn unknown_names_are_errors() {
        let error = Isa::named("DALEIAN_ISA", "mmx").unwrap_err();
        assert!(error.to_string().contains("DALEIAN_ISA=mmx"));
    }

    /// Fails, never skips, where CI demands a set that the machine lacks.
    #[test]
    fn required_set_is_present() {
        Isa::choose().expect("the instruction set that the environment asks for");
    }
}
