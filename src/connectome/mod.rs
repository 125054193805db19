//! Populations, signs, edge lists and connection rules: what becomes a pattern and the signs of its columns.

mod spec;

use serde::{Deserialize, Serialize};

pub use spec::{ConnectionSpec, Contradictions, Duplicates, EdgeListSpec, PopulationSpec, RuleName};

/// What a neuron does to all that it projects to (Dale's law).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "SignText", into = "i8")]
pub enum Sign {
    /// Every weight it sends is at most 0.
    Inhibitory,
    /// Weights of either sign.
    Unconstrained,
    /// Every weight it sends is at least 0.
    Excitatory,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SignText {
    Number(i64),
    Word(String),
}

impl TryFrom<SignText> for Sign {
    type Error = String;
    fn try_from(text: SignText) -> Result<Self, String> {
        match text {
            SignText::Number(number) => number.to_string().parse(),
            SignText::Word(word) => word.parse(),
        }
    }
}

impl std::str::FromStr for Sign {
    type Err = String;
    /// `-1`, `0`, `1`, `+1`, or `E`, `I`, `exc`, `inh`, `excitatory`, `inhibitory`, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "+1" | "e" | "exc" | "excitatory" => Ok(Self::Excitatory),
            "-1" | "i" | "inh" | "inhibitory" => Ok(Self::Inhibitory),
            "0" => Ok(Self::Unconstrained),
            _ => Err(format!("{text:?} is no sign; one of 1, -1, 0, E, I, exc, inh would be right")),
        }
    }
}

impl From<Sign> for i8 {
    fn from(sign: Sign) -> i8 {
        match sign {
            Sign::Inhibitory => -1,
            Sign::Unconstrained => 0,
            Sign::Excitatory => 1,
        }
    }
}
