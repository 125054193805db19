//! What a configuration says of input and readout: blocks of connections between channels or outputs and neurons.

use serde::{Deserialize, Serialize};

use crate::connectome::Selection;
use crate::error::{Error, Result};
use crate::ranges::{above_zero, check};

/// Which pairs of a block are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlockRule {
    /// All.
    #[default]
    Dense,
    /// The first channel or output with the first neuron, the second with the second, and so on: there are as many of each.
    OneToOne,
    /// Each pair with the same probability, from the seed.
    Probability,
}

/// Numbers of channels or outputs, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of numbers such as [0, 2], or a range such as \"0..3\" (0, 1 and 2)")]
pub enum Numbers {
    /// These.
    List(Vec<usize>),
    /// `"a..b"`: from a to below b.
    Range(String),
}

/// Uniform weights at the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockInit {
    /// Weights lie within `gain / sqrt(fan)` of 0. For an input `fan` is the number of neurons of the network, for a
    /// readout the number of neurons that the output reads.
    pub gain: f64,
}

/// A block of either kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// What stands on the other side of the neurons, none: all.
    pub units: Option<&'a Numbers>,
    pub units_key: &'static str,
    pub neurons: &'a Selection,
    pub neurons_key: &'static str,
    pub ids: &'a [String],
    pub fraction: Option<f64>,
    pub rule: BlockRule,
    pub probability: Option<f64>,
    pub trained: bool,
    pub init: Option<BlockInit>,
    pub value: Option<f64>,
}

/// The two kinds of blocks differ in two names alone.
macro_rules! block {
    ($(#[$about:meta])* $name:ident, $(#[$about_units:meta])* $units:ident, $(#[$about_neurons:meta])* $neurons:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct $name {
            $(#[$about_units])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $units: Option<Numbers>,
            $(#[$about_neurons])*
            #[serde(default, skip_serializing_if = "Selection::is_all")]
            pub $neurons: Selection,
            /// The neurons of these ids, in this order, instead of a selection.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub ids: Vec<String>,
            /// This share of the neurons, drawn from the seed: above 0, at most 1. Left out: all of them.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub fraction: Option<f64>,
            /// Which pairs are connected.
            #[serde(default)]
            pub rule: BlockRule,
            /// For the rule `probability`: above 0, at most 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub probability: Option<f64>,
            /// Whether the weights are trained, or keep their start.
            #[serde(default = "crate::defaults::yes")]
            pub trained: bool,
            /// Uniform weights at the start; left out: with gain 1.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub init: Option<BlockInit>,
            /// All weights of the block start at this value, instead.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub value: Option<f64>,
        }

        impl Default for $name {
            /// All of them with all neurons.
            fn default() -> Self {
                Self {
                    $units: None,
                    $neurons: Selection::all(),
                    ids: Vec::new(),
                    fraction: None,
                    rule: BlockRule::Dense,
                    probability: None,
                    trained: true,
                    init: None,
                    value: None,
                }
            }
        }

        impl $name {
            /// The numbers of channels or outputs, and the neurons, by a dense rule.
            pub fn new(numbers: impl Into<Numbers>, neurons: impl Into<Selection>) -> Self {
                Self { $units: Some(numbers.into()), $neurons: neurons.into(), ..Self::default() }
            }

            pub(super) fn block(&self) -> Block<'_> {
                Block {
                    units: self.$units.as_ref(),
                    units_key: stringify!($units),
                    neurons: &self.$neurons,
                    neurons_key: stringify!($neurons),
                    ids: &self.ids,
                    fraction: self.fraction,
                    rule: self.rule,
                    probability: self.probability,
                    trained: self.trained,
                    init: self.init,
                    value: self.value,
                }
            }

            /// Checks what can be checked without a network. `key` names the block in errors.
            ///
            /// # Errors
            /// [`Error::Setting`] with the key of the first setting that is wrong, and what is expected.
            pub fn validate(&self, key: &str) -> Result<()> {
                self.block().validate(key)
            }
        }
    };
}

block! {
    /// One `[[input]]`: which channels reach which neurons. All blocks together make U.
    InputBlock,
    /// The channels; left out: all.
    channels,
    /// The neurons that they reach; left out: all.
    to
}

block! {
    /// One `[[readout]]`: which outputs read which neurons. All blocks together make V.
    ReadoutBlock,
    /// The outputs; left out: all.
    outputs,
    /// The neurons that they read; left out: all.
    from
}

impl Block<'_> {
    pub fn validate(&self, key: &str) -> Result<()> {
        let key = |field: &str| format!("{key}.{field}");
        if !self.ids.is_empty() && !self.neurons.is_all() {
            let problem = format!("there is `{}` too; expected one of the two", self.neurons_key);
            return Err(Error::setting(key("ids"), problem));
        }
        for (field, share) in [("fraction", self.fraction), ("probability", self.probability)] {
            if let Some(share) = share {
                check(&key(field), share > 0.0 && share <= 1.0, share, "above 0, at most 1")?;
            }
        }
        match (self.rule, self.probability) {
            (BlockRule::Probability, None) => {
                Err(Error::setting(key("probability"), "is left out; expected for the rule `probability`"))
            }
            (BlockRule::Dense | BlockRule::OneToOne, Some(_)) => {
                Err(Error::setting(key("probability"), "expected only with the rule `probability`"))
            }
            _ => Ok(()),
        }?;
        if let Some(init) = self.init {
            above_zero(&key("init.gain"), init.gain)?;
            if self.value.is_some() {
                return Err(Error::setting(key("value"), "there is `init` too; expected one of the two"));
            }
        }
        match self.value {
            Some(value) => {
                check(&key("value"), (value as f32).is_finite(), value, "a finite number in single precision")
            }
            None => Ok(()),
        }
    }

    /// Whether every channel or output meets every neuron.
    pub fn is_whole(&self) -> bool {
        let everyone = self.units.is_none() && self.neurons.is_all() && self.ids.is_empty() && self.fraction.is_none();
        everyone && self.rule == BlockRule::Dense
    }
}

impl Numbers {
    /// The numbers, of `count` that there are. `what` names them in errors.
    ///
    /// # Errors
    /// What is wrong, if one is not there or twice, or there is none.
    pub(super) fn resolve(&self, count: usize, what: &str) -> Result<Vec<u32>, String> {
        let there = || format!("there are {count} {what}, from 0 to {}", count - 1);
        let numbers: Vec<u32> = match self {
            Self::List(list) => {
                let number = |&number: &usize| match number < count {
                    true => Ok(number as u32),
                    false => Err(format!("{number}; {}", there())),
                };
                list.iter().map(number).collect::<Result<_, _>>()?
            }
            Self::Range(text) => {
                let ends = text
                    .split_once("..")
                    .map(|(start, end)| (start.trim().parse::<usize>(), end.trim().parse::<usize>()));
                let Some((Ok(start), Ok(end))) = ends else {
                    return Err(format!("{text:?} is no range; expected one such as \"0..3\" (0, 1 and 2)"));
                };
                if start >= end || end > count {
                    return Err(format!("{text:?}; expected a range within 0..{count}: {}", there()));
                }
                (start as u32..end as u32).collect()
            }
        };
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{} is named twice; expected once", twice[0]));
        }
        if numbers.is_empty() {
            return Err(format!("there is none; {}", there()));
        }
        Ok(numbers)
    }
}

impl<const K: usize> From<[usize; K]> for Numbers {
    fn from(numbers: [usize; K]) -> Self {
        Self::List(numbers.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_hand() {
        let range = |text: &str| Numbers::Range(text.into()).resolve(4, "channels");
        assert_eq!(range("1..3").unwrap(), [1, 2]);
        assert_eq!(range(" 0 .. 4 ").unwrap(), [0, 1, 2, 3]);
        assert_eq!(Numbers::from([3, 0]).resolve(4, "channels").unwrap(), [3, 0]);
        for text in ["3..5", "2..2", "3..1"] {
            assert!(range(text).unwrap_err().ends_with("within 0..4: there are 4 channels, from 0 to 3"), "{text}");
        }
        for text in ["", "1", "a..b", "-1..2", "0..99999999999999999999999"] {
            assert!(range(text).unwrap_err().contains("is no range; expected one such as"), "{text}");
        }
        let list = |list: &[usize]| Numbers::List(list.into()).resolve(4, "channels").unwrap_err();
        assert_eq!(list(&[0, 4]), "4; there are 4 channels, from 0 to 3");
        assert_eq!(list(&[1, 0, 1]), "1 is named twice; expected once");
        assert!(list(&[]).starts_with("there is none"));
    }

    #[test]
    fn goes_through_toml_and_wrong_settings_are_named() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Holder {
            input: Vec<InputBlock>,
        }
        let read = |text: &str| toml::from_str::<Holder>(&format!("[[input]]\n{text}"));
        let block = &read("channels = \"0..2\"\nto = { type = \"exc\" }\nfraction = 0.5\ntrained = false\nvalue = 2")
            .unwrap()
            .input[0];
        let want = InputBlock::new(Numbers::Range("0..2".into()), "exc");
        assert_eq!(*block, InputBlock { fraction: Some(0.5), trained: false, value: Some(2.0), ..want.clone() });
        let holder = Holder { input: vec![block.clone(), want] };
        assert_eq!(toml::from_str::<Holder>(&toml::to_string(&holder).unwrap()).unwrap(), holder);
        assert!(read("outputs = [0]").unwrap_err().to_string().contains("unknown field `outputs`"));
        for (text, says) in [
            ("fraction = 0.0", "`input[0].fraction`: 0; expected above 0, at most 1"),
            ("fraction = nan", "`input[0].fraction`: NaN"),
            ("rule = \"probability\"", "`input[0].probability`: is left out"),
            ("rule = \"probability\"\nprobability = 1.5", "`input[0].probability`: 1.5"),
            ("probability = 0.5", "`input[0].probability`: expected only with"),
            ("ids = [\"a\"]\nto = \"exc\"", "`input[0].ids`: there is `to` too"),
            ("init = { gain = 0.0 }", "`input[0].init.gain`: 0; "),
            ("init = { gain = 1.0 }\nvalue = 1.0", "`input[0].value`: there is `init` too"),
            ("value = 1e60", "`input[0].value`: "),
        ] {
            let error = read(text).unwrap().input[0].validate("input[0]").unwrap_err().to_string();
            assert!(error.contains(says), "{error} does not say: {says}");
        }
    }
}
