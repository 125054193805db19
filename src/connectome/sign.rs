//! Dale's law for one neuron: the sign of everything it sends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

impl Sign {
    /// Whether a neuron of this sign may send `weight`. 0 is right for every sign.
    #[inline]
    pub fn allows(self, weight: f32) -> bool {
        match self {
            Self::Inhibitory => weight <= 0.0,
            Self::Unconstrained => true,
            Self::Excitatory => weight >= 0.0,
        }
    }
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

impl FromStr for Sign {
    type Err = String;
    /// `-1`, `0`, `1`, `+1`, or `E`, `I`, `exc`, `inh`, `excitatory`, `inhibitory`, in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "+1" | "e" | "exc" | "excitatory" => Ok(Self::Excitatory),
            "-1" | "i" | "inh" | "inhibitory" => Ok(Self::Inhibitory),
            "0" => Ok(Self::Unconstrained),
            _ => Err(format!("{text:?} is no sign; expected one of 1, -1, 0, E, I, exc, inh")),
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

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inhibitory => "inhibitory",
            Self::Unconstrained => "unconstrained",
            Self::Excitatory => "excitatory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_and_refuses_the_rest() {
        for text in ["1", "+1", "E", "e", " exc ", "Excitatory"] {
            assert_eq!(text.parse(), Ok(Sign::Excitatory), "{text}");
        }
        for text in ["-1", "I", "inh", "INHIBITORY"] {
            assert_eq!(text.parse(), Ok(Sign::Inhibitory), "{text}");
        }
        assert_eq!("0".parse(), Ok(Sign::Unconstrained));
        for text in ["", "2", "-", "ex", "0.5"] {
            let problem = text.parse::<Sign>().unwrap_err();
            assert!(problem.contains(&format!("{text:?} is no sign")) && problem.contains("-1, 0, E, I"), "{problem}");
        }
    }

    #[test]
    fn goes_through_toml_as_a_number() {
        #[derive(Serialize, Deserialize)]
        struct Holder {
            sign: Sign,
        }
        for (text, sign, number) in
            [("-1", Sign::Inhibitory, -1), ("\"E\"", Sign::Excitatory, 1), ("0", Sign::Unconstrained, 0)]
        {
            let holder: Holder = toml::from_str(&format!("sign = {text}")).unwrap();
            assert_eq!((holder.sign, i8::from(holder.sign)), (sign, number));
            assert_eq!(toml::to_string(&holder).unwrap(), format!("sign = {number}\n"));
        }
        assert!(toml::from_str::<Holder>("sign = 2").is_err());
    }

    #[test]
    fn allows_zero_and_its_own_side() {
        assert!(Sign::Excitatory.allows(1.0) && !Sign::Excitatory.allows(-1.0));
        assert!(Sign::Inhibitory.allows(-1.0) && !Sign::Inhibitory.allows(1.0));
        for sign in [Sign::Inhibitory, Sign::Unconstrained, Sign::Excitatory] {
            assert!(sign.allows(0.0) && sign.allows(-0.0));
        }
        assert!(Sign::Unconstrained.allows(1.0) && Sign::Unconstrained.allows(-1.0));
    }
}
