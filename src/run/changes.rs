//! Settings of a configuration changed by their dotted names: `optimizer.learning-rate=0.01`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::RunConfig;
use crate::error::{Error, Result};

/// One setting and its new value.
///
/// As text it is `key=value`: the key dotted, the elements of a list by their number, counted from 1 (`phase.2.density`);
/// the value as in TOML, where words need no quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    key: String,
    value: Value,
}

impl FromStr for Change {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::setting(text, "expected key=value, as in optimizer.learning-rate=0.01");
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let key = key.trim();
        if key.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        let value = value.trim();
        // a word without quotes is no TOML
        let parsed = toml::from_str::<Table>(&format!("value = {value}")).ok().filter(|table| table.len() == 1);
        let value = parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| value.into());
        Ok(Self { key: key.into(), value })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl Change {
    /// Puts the value into `table`; tables on the way that are not there are made.
    fn apply(&self, table: &mut Table) -> Result<()> {
        let wrong = |problem: String| Error::setting(&self.key, problem);
        let mut parts = self.key.split('.').peekable();
        let first = parts.next().expect("a key has a part");
        let mut place = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
        let mut before = first.to_string();
        for part in parts {
            place = match place {
                Value::Table(table) => table.entry(part).or_insert_with(|| Value::Table(Table::new())),
                Value::Array(list) => {
                    let count = list.len();
                    let at = part.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                    at.and_then(|at| list.get_mut(at)).ok_or_else(|| {
                        wrong(format!("`{before}` is a list of {count}; expected a number from 1 to {count} behind it"))
                    })?
                }
                _ => return Err(wrong(format!("`{before}` is a value; expected no key behind it"))),
            };
            before = format!("{before}.{part}");
        }
        *place = self.value.clone();
        Ok(())
    }
}

/// The configuration of TOML text with `changes`, not validated.
pub(super) fn changed(text: &str, changes: &[Change], source: &Path) -> Result<RunConfig> {
    let mut table: Table = toml::from_str(text).map_err(|error| Error::content(source, error))?;
    for change in changes {
        change.apply(&mut table)?;
    }
    RunConfig::deserialize(table).map_err(|error| {
        // what was wrong before is told with its place in the text
        if let Err(error) = toml::from_str::<RunConfig>(text) {
            return Error::content(source, error);
        }
        let all: Vec<String> = changes.iter().map(ToString::to_string).collect();
        Error::setting(all.join(", "), error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::OptimizerSpec;
    use crate::run::presets;

    fn with(changes: &[&str]) -> Result<RunConfig> {
        let changes = changes.iter().map(|text| text.parse()).collect::<Result<Vec<Change>>>()?;
        RunConfig::from_toml_with(presets::text("flip-flop").unwrap(), &changes, "test.toml", "")
    }

    #[test]
    fn settings_are_changed() {
        let config =
            with(&["optimizer={kind = \"sgd\", learning-rate = 1.0}", "optimizer.momentum=0.5", "name=two words"])
                .unwrap();
        assert_eq!((config.optimizer, config.name.as_str()), (OptimizerSpec::sgd(1.0, 0.5), "two words"));
        let config = with(&["population.2.size=30", "clip-norm = 2", "constraint=none"]).unwrap();
        assert_eq!((config.population[1].size, config.clip_norm), (30, Some(2.0)));
        assert_eq!(config.constraint, crate::constraint::Constraint::None);
    }

    #[test]
    fn wrong_changes_are_named() {
        for (change, says) in [
            ("seed", "`seed`: expected key=value"),
            ("=3", "`=3`: expected key=value"),
            ("a..b=3", "`a..b=3`: expected key=value"),
            ("seed.more=3", "`seed.more`: `seed` is a value"),
            ("population.3.size=3", "`population.3.size`: `population` is a list of 2; expected a number from 1 to 2"),
            ("optimizer.rate=3", "`optimizer.rate=3`: "),
            ("seed=one", "`seed=\"one\"`: "),
            ("batch=0", "test.toml: `batch`: 0; expected at least 1"),
        ] {
            let error = with(&[change]).expect_err(change).to_string();
            assert!(error.starts_with(says), "{change}: {error}");
        }
        let error = RunConfig::from_toml_with("name = 3", &["seed=3".parse().unwrap()], "a.toml", "").unwrap_err();
        assert!(error.to_string().starts_with("a.toml: TOML parse error"), "{error}");
    }
}
