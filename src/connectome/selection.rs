//! Populations: neurons selected by the columns of their table.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Column, NeuronTable, Sign};

/// Values named in an error where the one asked for is not there.
const NAMED: usize = 8;

/// Which neurons: those that have, in each column named, one of the values accepted there. Without a column: all.
///
/// In TOML a string, which is a type (`"SST"`), or a table: `{ type = "SST", region = ["V1", "LM"] }`. In options
/// `SST`, or `type=SST,region=V1|LM`. Besides the columns of the table there are `id` and `sign`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Selection {
    accepted: BTreeMap<String, Vec<String>>,
}

impl Selection {
    /// Every neuron.
    pub fn all() -> Self {
        Self::default()
    }

    /// The neurons of one type.
    pub fn of_type(name: impl Into<String>) -> Self {
        Self::all().and("type", [name])
    }

    /// Those of these neurons that have one of `values` in `column`.
    pub fn and(mut self, column: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let column: String = column.into();
        let column = if column == "population" { "type".into() } else { column };
        self.accepted.insert(column, values.into_iter().map(Into::into).collect());
        self
    }

    /// Whether it selects every neuron of any table.
    pub fn is_all(&self) -> bool {
        self.accepted.is_empty()
    }

    /// The name of the type, if that is all it says.
    pub fn single_type(&self) -> Option<&str> {
        match (self.accepted.len(), self.accepted.get("type").map(Vec::as_slice)) {
            (1, Some([name])) => Some(name),
            _ => None,
        }
    }
}

impl NeuronTable {
    /// The neurons of `selection`, ascending; at least one.
    ///
    /// # Errors
    /// What is wrong, if a column is not there, no neuron has one of the values, or none has all that is asked for.
    pub fn select(&self, selection: &Selection) -> Result<Vec<u32>, String> {
        let mut chosen = vec![true; self.len()];
        for (column, values) in &selection.accepted {
            let accepts = self.accepts(column, values)?;
            chosen.iter_mut().enumerate().for_each(|(neuron, chosen)| *chosen &= accepts[neuron]);
        }
        let neurons: Vec<u32> =
            chosen.iter().zip(0..).filter(|(chosen, _)| **chosen).map(|(_, neuron)| neuron).collect();
        if neurons.is_empty() {
            return Err(format!("no neuron is in `{selection}`: each value is there, but no neuron has all of them"));
        }
        Ok(neurons)
    }

    /// Of each neuron whether it has one of `values` in `column`; every value must be found.
    fn accepts(&self, column: &str, values: &[String]) -> Result<Vec<bool>, String> {
        let mut accepts = vec![false; self.len()];
        for value in values {
            let mut found = false;
            let mut mark = |has: &dyn Fn(usize) -> bool| {
                for (neuron, accepts) in accepts.iter_mut().enumerate() {
                    if has(neuron) {
                        (*accepts, found) = (true, true);
                    }
                }
            };
            match (column, self.column(column)) {
                ("sign", _) => {
                    let sign: Sign = value.parse()?;
                    mark(&|neuron| self.signs()[neuron] == sign);
                }
                ("id", _) => {
                    let ids = self.ids().ok_or("the neurons have no ids; expected a selection by other columns")?;
                    mark(&|neuron| ids[neuron] == *value);
                }
                (_, Some(Column::Text(words))) => {
                    let place = words.names().iter().position(|name| name == value);
                    mark(&|neuron| Some(words.places()[neuron] as usize) == place);
                }
                (_, Some(Column::Numbers(numbers))) => {
                    let wanted: Option<f32> = value.parse().ok();
                    mark(&|neuron| Some(numbers[neuron]) == wanted);
                }
                // neurons without types are all of one
                ("type", None) if value == "all" => mark(&|_| true),
                (_, None) => {
                    let named: Vec<&str> = self.columns().map(|(name, _)| name).chain(["sign"]).collect();
                    return Err(format!("neurons have no column `{column}`; there are {}", listed(&named)));
                }
            }
            if !found {
                let groups = self.groups(column).unwrap_or_default();
                let named: Vec<&str> = match (column, self.ids()) {
                    ("id", Some(ids)) => ids.iter().take(NAMED + 1).map(String::as_str).collect(),
                    _ => groups.iter().map(|group| group.name.as_str()).collect(),
                };
                let there = if named.is_empty() { String::new() } else { format!("; there are {}", listed(&named)) };
                return Err(format!("no neuron has {column} `{value}`{there}"));
            }
        }
        Ok(accepts)
    }
}

/// The first few names, for a message.
fn listed(names: &[&str]) -> String {
    let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

impl From<&str> for Selection {
    /// The neurons of the type of that name.
    fn from(name: &str) -> Self {
        Self::of_type(name)
    }
}

impl fmt::Display for Selection {
    /// As options write it: the name of a type, or `region=V1|LM,type=SST`; `all` for every neuron.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.single_type() {
            return f.write_str(name);
        }
        if self.is_all() {
            return f.write_str("all");
        }
        let parts: Vec<String> =
            self.accepted.iter().map(|(column, values)| format!("{column}={}", values.join("|"))).collect();
        f.write_str(&parts.join(","))
    }
}

impl FromStr for Selection {
    type Err = String;
    /// `SST` (a type), or `type=SST,region=V1|LM`.
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return match text.trim() {
                "" => Err("an empty selection; expected a type, or `column=value`".into()),
                name => Ok(Self::of_type(name)),
            };
        }
        let mut selection = Self::all();
        for part in text.split(',') {
            let (column, values) =
                part.split_once('=').filter(|(column, _)| !column.trim().is_empty()).ok_or_else(|| {
                    format!("{part:?} in {text:?} is no `column=value`; expected `type=SST,region=V1|LM`")
                })?;
            let before = selection.accepted.len();
            selection = selection.and(column.trim(), values.split('|').map(str::trim));
            if selection.accepted.len() == before {
                return Err(format!("column `{}` is twice in {text:?}; expected `column=one|other`", column.trim()));
            }
        }
        Ok(selection)
    }
}

/// A selection as TOML and JSON write it.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a type, or a table of columns such as { type = \"SST\", region = [\"V1\", \"LM\"] }"
)]
enum Written {
    Type(String),
    Columns(BTreeMap<String, Values>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Values {
    One(Value),
    Several(Vec<Value>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Whole(i64),
    Number(f64),
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text,
            Value::Whole(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
        }
    }
}

impl TryFrom<Written> for Selection {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let columns = match written {
            Written::Type(name) => return Ok(Self::of_type(name)),
            Written::Columns(columns) => columns,
        };
        let mut selection = Self::all();
        for (column, values) in columns {
            let values = match values {
                Values::One(value) => vec![value],
                Values::Several(values) => values,
            };
            if values.is_empty() {
                return Err(format!("column `{column}` accepts nothing; expected at least one value"));
            }
            let before = selection.accepted.len();
            selection = selection.and(column, values);
            if selection.accepted.len() == before {
                return Err("`population` is another word for `type`; expected one of them".into());
            }
        }
        Ok(selection)
    }
}

impl From<Selection> for Written {
    fn from(selection: Selection) -> Self {
        if let Some(name) = selection.single_type() {
            return Self::Type(name.into());
        }
        let values = |values: Vec<String>| {
            let mut values: Vec<Value> = values.into_iter().map(Value::Text).collect();
            if values.len() == 1 { Values::One(values.remove(0)) } else { Values::Several(values) }
        };
        Self::Columns(selection.accepted.into_iter().map(|(column, accepted)| (column, values(accepted))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectome::Words;

    /// SST in V1 and LM, PV in V1, SST in AL; layers 2, 4, 4, 5; the second is inhibitory.
    fn table() -> NeuronTable {
        let (e, i) = (Sign::Excitatory, Sign::Inhibitory);
        let words = |words: [&'static str; 4]| words.into_iter().collect::<Words>();
        let table = NeuronTable::new(vec![e, i, e, e]).unwrap();
        let table = table.with_column("type", words(["SST", "SST", "PV", "SST"])).unwrap();
        let table = table.with_column("region", words(["V1", "LM", "V1", "AL"])).unwrap();
        let table = table.with_column("layer", vec![2.0, 4.0, 4.0, 5.0]).unwrap();
        table.with_ids(["a", "b", "c", "d"].map(String::from).to_vec()).unwrap()
    }

    #[test]
    fn selects_by_hand() {
        let table = table();
        for (text, neurons) in [
            ("SST", &[0, 1, 3][..]),
            ("type=SST,region=V1|LM", &[0, 1]),
            ("region = V1, type = PV", &[2]),
            ("layer=4", &[1, 2]),
            ("layer=4.0,sign=E", &[2]),
            ("population=PV", &[2]),
            ("id=d|a", &[0, 3]),
        ] {
            assert_eq!(table.select(&text.parse().unwrap()).unwrap(), neurons, "{text}");
        }
        assert_eq!(table.select(&Selection::all()).unwrap(), [0, 1, 2, 3]);
        let untyped = NeuronTable::new(vec![Sign::Unconstrained; 2]).unwrap();
        assert_eq!(untyped.select(&Selection::of_type("all")).unwrap(), [0, 1]);
    }

    #[test]
    fn says_what_there_is() {
        let problem = |text: &str| table().select(&text.parse().unwrap()).unwrap_err();
        assert_eq!(problem("VIP"), "no neuron has type `VIP`; there are `SST`, `PV`");
        assert_eq!(problem("area=V1"), "neurons have no column `area`; there are `type`, `region`, `layer`, `sign`");
        assert_eq!(problem("layer=x"), "no neuron has layer `x`; there are `2`, `4`, `5`");
        assert_eq!(problem("id=z"), "no neuron has id `z`; there are `a`, `b`, `c`, `d`");
        assert!(problem("sign=2").contains("\"2\" is no sign"));
        assert_eq!(
            problem("type=PV,region=LM"),
            "no neuron is in `region=LM,type=PV`: each value is there, but no neuron has all of them"
        );
        let many = (0..9).map(|i| i.to_string()).collect::<Words>();
        let many = NeuronTable::new(vec![Sign::Excitatory; 9]).unwrap().with_column("type", many).unwrap();
        assert!(many.select(&Selection::of_type("x")).unwrap_err().ends_with("`7`, …"));
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in ["", " ", "type=SST,V1", "=V1", "type=a,population=b"] {
            assert!(text.parse::<Selection>().is_err(), "{text}");
        }
    }

    #[test]
    fn goes_through_toml() {
        #[derive(Serialize, Deserialize)]
        struct Holder {
            pre: Selection,
        }
        let read = |text: &str| toml::from_str::<Holder>(text).map(|holder| holder.pre);
        assert_eq!(read("pre = \"a=b\"").unwrap(), Selection::of_type("a=b"));
        let several = Selection::all().and("region", ["V1", "LM"]).and("layer", ["4"]);
        assert_eq!(read("pre = { region = [\"V1\", \"LM\"], layer = 4 }").unwrap(), several);
        assert_eq!(read("pre = { population = \"SST\" }").unwrap(), Selection::of_type("SST"));
        for selection in [Selection::of_type("a=b"), several, Selection::all()] {
            let text = toml::to_string(&Holder { pre: selection.clone() }).unwrap();
            assert_eq!(read(&text).unwrap(), selection, "{text}");
        }
        for (text, says) in [("pre = 3", "expected a type, or a table"), ("pre = { type = [] }", "accepts nothing")] {
            let problem = read(text).unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
