//! The keys `input` and `readout` of a configuration: lists of blocks.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a list of blocks; a single table, as `[readout]` begins one, is refused with what is expected.
pub(super) fn blocks<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(Blocks(PhantomData))
}

struct Blocks<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Blocks<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("blocks, a table in two brackets each")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Vec<T>, A::Error> {
        Err(A::Error::custom(
            "one table; expected blocks, each in two brackets: [[input]], [[readout]]; left out, all channels reach and all \
             outputs read all neurons. The activation of the outputs is that of [output]",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::run::{RunConfig, presets};

    #[test]
    fn a_single_table_is_refused_with_what_is_expected() {
        let text = presets::text("flip-flop").unwrap();
        for key in ["input", "readout"] {
            let single = text.replacen("[output] ", &format!("[{key}]\n[output] "), 1);
            let error = RunConfig::from_toml(&single, "test.toml", "").unwrap_err().to_string();
            assert!(error.contains(&format!("[{key}]")) && error.contains("in two brackets: [[input]]"), "{error}");
            let block = text.replacen("[output] ", &format!("[[{key}]]\n[output] "), 1);
            assert!(RunConfig::from_toml(&block, "test.toml", "").is_ok(), "{key}");
        }
    }
}
