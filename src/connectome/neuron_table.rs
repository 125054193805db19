//! The neuron table: one row per neuron, with its sign and whatever else is known about it.

use std::collections::HashMap;

use super::Sign;
use crate::error::{Error, Result};

/// The most neurons that a pattern can index.
pub(super) const MOST_NEURONS: usize = i32::MAX as usize;

/// Column names that the table itself and the files keep for their own use.
const RESERVED: [&str; 3] = ["index", "id", "sign"];

/// Neurons, in the order of the rows and columns of W: a sign each, at will an id, and any number of named columns.
///
/// The columns `type` (the cell type), `region` and `tau` have a known meaning; all others travel along as they are. A
/// column called `population` is read as `type`.
///
/// Always true: there is at least one neuron; ids are not empty and no two are equal; every column has one value per
/// neuron and a name of its own; numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct NeuronTable {
    ids: Option<Vec<String>>,
    signs: Vec<Sign>,
    columns: Vec<(String, Column)>,
}

/// One value per neuron.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// Words, each kept once.
    Text(Words),
    /// Numbers, all of them finite.
    Numbers(Vec<f32>),
}

/// Text with few different values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// The different words, in the order of the first neuron that has them.
    names: Vec<String>,
    /// Of each neuron the place of its word in `names`.
    places: Vec<u32>,
}

/// Neurons that have the same value in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The value that they have in common.
    pub name: String,
    /// Their numbers, ascending; at least one.
    pub neurons: Vec<u32>,
    /// Their sign, if they all have the same.
    pub sign: Option<Sign>,
}

impl NeuronTable {
    /// Neurons of these signs, without ids and columns.
    ///
    /// # Errors
    /// If there is none, or there are more than 2³¹ - 1.
    pub fn new(signs: Vec<Sign>) -> Result<Self> {
        if signs.is_empty() {
            return Err(Error::setting("neurons", "there is none; expected at least one"));
        }
        if signs.len() > MOST_NEURONS {
            let problem = format!("there are {}; expected at most {MOST_NEURONS}", signs.len());
            return Err(Error::setting("neurons", problem));
        }
        Ok(Self { ids: None, signs, columns: Vec::new() })
    }

    /// The same neurons with ids, in their order.
    ///
    /// # Errors
    /// If there is not one per neuron, one is empty, or two are equal.
    pub fn with_ids(mut self, ids: Vec<String>) -> Result<Self> {
        self.check_length("ids", ids.len())?;
        let mut seen = HashMap::with_capacity(ids.len());
        for (neuron, id) in ids.iter().enumerate() {
            if id.is_empty() {
                return Err(Error::setting("ids", format!("neuron {neuron} has an empty one")));
            }
            if let Some(before) = seen.insert(id, neuron) {
                return Err(Error::setting("ids", format!("neurons {before} and {neuron} are both called {id:?}")));
            }
        }
        drop(seen);
        self.ids = Some(ids);
        Ok(self)
    }

    /// The same neurons with one more column.
    ///
    /// # Errors
    /// If it has not one value per neuron, a number is not finite, or its name is empty, reserved (`index`, `id`,
    /// `sign`), or that of a column that is there already.
    pub fn with_column(mut self, name: impl Into<String>, column: impl Into<Column>) -> Result<Self> {
        let (name, column) = (known_name(name.into()), column.into());
        let wrong = |problem: String| Err(Error::setting(format!("neurons.{name}"), problem));
        if name.trim().is_empty() || RESERVED.contains(&name.as_str()) {
            return wrong(format!("{name:?} cannot be the name of a column; expected another"));
        }
        // these would be two tensors of one name in a model file
        if name.ends_with(".bytes") || name.ends_with(".offsets") {
            return wrong("expected a name that does not end in `.bytes` or `.offsets`".into());
        }
        if self.column(&name).is_some() {
            return wrong("there are two columns of this name; expected one (`population` is read as `type`)".into());
        }
        self.check_length(&format!("neurons.{name}"), column.len())?;
        if let Column::Numbers(numbers) = &column
            && let Some(at) = numbers.iter().position(|number| !number.is_finite())
        {
            return wrong(format!("neuron {at} has {}, not a finite number", numbers[at]));
        }
        self.columns.push((name, column));
        Ok(self)
    }

    fn check_length(&self, key: &str, got: usize) -> Result<()> {
        if got == self.len() {
            return Ok(());
        }
        Err(Error::setting(key, format!("there are {got} for {} neurons: expected one per neuron", self.len())))
    }

    /// Number of neurons.
    #[expect(clippy::len_without_is_empty, reason = "a table has at least one neuron")]
    pub fn len(&self) -> usize {
        self.signs.len()
    }

    /// What the neurons are called where they come from, if anything.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    /// The number of each neuron by its id; `None` where neurons have no ids.
    pub(crate) fn by_id(&self) -> Option<HashMap<&str, u32>> {
        self.ids().map(|ids| ids.iter().map(String::as_str).zip(0..).collect())
    }

    /// What `neuron` is called; its number where neurons have no ids.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn id(&self, neuron: usize) -> String {
        assert!(neuron < self.len(), "neuron {neuron} of {}", self.len());
        self.ids.as_ref().map_or_else(|| neuron.to_string(), |ids| ids[neuron].clone())
    }

    /// The sign of everything that each neuron sends.
    pub fn signs(&self) -> &[Sign] {
        &self.signs
    }

    /// The columns besides id and sign, in their order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// The column of that name; `population` is another word for `type`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let name = if name == "population" { "type" } else { name };
        self.columns().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    /// The neurons by their value in a column, in the order in which the values first appear; `None` if there is no
    /// such column.
    pub fn groups(&self, column: &str) -> Option<Vec<Group>> {
        let groups = match self.column(column)? {
            Column::Text(words) => {
                let mut neurons = vec![Vec::new(); words.names.len()];
                words.places.iter().zip(0..).for_each(|(&place, neuron)| neurons[place as usize].push(neuron));
                words.names.iter().cloned().zip(neurons).collect()
            }
            Column::Numbers(numbers) => {
                let mut places = HashMap::new();
                let mut groups: Vec<(String, Vec<u32>)> = Vec::new();
                for (&number, neuron) in numbers.iter().zip(0..) {
                    // 0 and -0 are one value
                    let place = *places.entry((number + 0.0).to_bits()).or_insert(groups.len());
                    if place == groups.len() {
                        groups.push(((number + 0.0).to_string(), Vec::new()));
                    }
                    groups[place].1.push(neuron);
                }
                groups
            }
        };
        Some(groups.into_iter().map(|(name, neurons)| self.group(name, neurons)).collect())
    }

    /// The neurons by their type; all of them in one group called `all` where the table has no types.
    pub fn types(&self) -> Vec<Group> {
        let all = || vec![self.group("all".into(), (0..self.len() as u32).collect())];
        self.groups("type").unwrap_or_else(all)
    }

    fn group(&self, name: String, neurons: Vec<u32>) -> Group {
        let mut signs = neurons.iter().map(|&neuron| self.signs[neuron as usize]);
        let first = signs.next();
        let sign = first.filter(|first| signs.all(|sign| sign == *first));
        Group { name, neurons, sign }
    }
}

#[cfg(test)]
impl Group {
    /// Neurons that follow each other, for tests.
    pub(crate) fn range(name: &str, neurons: std::ops::Range<usize>, sign: i8) -> Self {
        let neurons = neurons.map(|neuron| neuron as u32).collect();
        Self { name: name.into(), neurons, sign: sign.to_string().parse().ok() }
    }
}

impl Column {
    /// Number of neurons.
    #[expect(clippy::len_without_is_empty, reason = "a table has at least one neuron")]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(words) => words.places.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// The value of `neuron`, as text.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn value(&self, neuron: usize) -> String {
        match self {
            Self::Text(words) => words.get(neuron).into(),
            Self::Numbers(numbers) => numbers[neuron].to_string(),
        }
    }

    /// Its numbers, if it has numbers.
    pub fn numbers(&self) -> Option<&[f32]> {
        match self {
            Self::Text(_) => None,
            Self::Numbers(numbers) => Some(numbers),
        }
    }
}

impl From<Words> for Column {
    fn from(words: Words) -> Self {
        Self::Text(words)
    }
}

impl From<Vec<f32>> for Column {
    fn from(numbers: Vec<f32>) -> Self {
        Self::Numbers(numbers)
    }
}

impl Words {
    /// The different words, in the order of the first neuron that has them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Of each neuron the place of its word in [`Self::names`].
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// The word of `neuron`.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn get(&self, neuron: usize) -> &str {
        &self.names[self.places[neuron] as usize]
    }

    /// Adds the word of one more neuron; `found` keeps the places of the words so far.
    pub(crate) fn push(&mut self, word: &str, found: &mut HashMap<String, u32>) {
        let place = self.place(word, found);
        self.places.push(place);
    }

    /// The place of a word among the names, where it is put if it is new.
    pub(super) fn place(&mut self, word: &str, found: &mut HashMap<String, u32>) -> u32 {
        found.get(word).copied().unwrap_or_else(|| {
            let place = self.names.len() as u32;
            self.names.push(word.into());
            found.insert(word.into(), place);
            place
        })
    }

    /// The same names with the place of each neuron's among them.
    pub(super) fn with_places(self, places: Vec<u32>) -> Self {
        Self { places, ..self }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Words {
    /// One word per neuron; a word may be empty.
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Self {
        let (mut found, mut out) = (HashMap::new(), Self::default());
        words.into_iter().for_each(|word| out.push(word.as_ref(), &mut found));
        out
    }
}

/// The name that a column has in a table.
fn known_name(name: String) -> String {
    if name == "population" { "type".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two excitatory neurons of one type, and one of each sign of another.
    fn table() -> NeuronTable {
        let signs = vec![Sign::Excitatory, Sign::Inhibitory, Sign::Excitatory, Sign::Excitatory];
        let table = NeuronTable::new(signs).unwrap();
        let table = table.with_column("population", ["pyr", "mixed", "mixed", "pyr"].into_iter().collect::<Words>());
        table.unwrap().with_column("tau", vec![20.0, 10.0, 10.0, 0.5]).unwrap()
    }

    fn problem(table: Result<NeuronTable>) -> String {
        table.unwrap_err().to_string()
    }

    #[test]
    fn groups_by_hand() {
        let table = table();
        let group = |name: &str, neurons: &[u32], sign| Group { name: name.into(), neurons: neurons.into(), sign };
        let types = [group("pyr", &[0, 3], Some(Sign::Excitatory)), group("mixed", &[1, 2], None)];
        assert_eq!(table.types(), types);
        assert_eq!(table.groups("type").unwrap(), table.groups("population").unwrap());
        let taus = [
            group("20", &[0], Some(Sign::Excitatory)),
            group("10", &[1, 2], None),
            group("0.5", &[3], Some(Sign::Excitatory)),
        ];
        assert_eq!(table.groups("tau").unwrap(), taus);
        assert_eq!(table.groups("region"), None);
        let untyped = NeuronTable::new(vec![Sign::Unconstrained; 2]).unwrap();
        assert_eq!(untyped.types(), [group("all", &[0, 1], Some(Sign::Unconstrained))]);
    }

    #[test]
    fn says_what_was_put_in() {
        let table = table();
        assert_eq!((table.len(), table.ids(), table.id(2).as_str()), (4, None, "2"));
        let columns: Vec<_> = table.columns().map(|(name, column)| (name, column.value(2))).collect();
        assert_eq!(columns, [("type", "mixed".into()), ("tau", "10".into())]);
        assert_eq!(table.column("tau").unwrap().numbers().unwrap(), [20.0, 10.0, 10.0, 0.5]);
        assert_eq!(table.column("type").unwrap().numbers(), None);
    }

    #[test]
    fn ids_are_one_per_neuron_and_unique() {
        let ids = |ids: [&str; 4]| table().with_ids(ids.map(String::from).to_vec());
        assert_eq!(ids(["a", "b", "c", "d"]).unwrap().id(2), "c");
        assert!(problem(table().with_ids(vec!["a".into()])).contains("there are 1 for 4 neurons"));
        assert!(problem(ids(["a", "b", "", "d"])).contains("neuron 2 has an empty one"));
        assert!(problem(ids(["a", "b", "c", "b"])).contains("neurons 1 and 3 are both called \"b\""));
    }

    #[test]
    fn refuses_wrong_columns() {
        let with = |name: &str, numbers: &[f32]| problem(table().with_column(name, numbers.to_vec()));
        assert!(with("depth", &[1.0]).contains("`neurons.depth`: there are 1 for 4 neurons"));
        assert!(with("depth", &[1.0, 2.0, f32::NAN, 0.0]).contains("`neurons.depth`: neuron 2 has NaN"));
        assert!(with("population", &[0.0; 4]).contains("`neurons.type`: there are two columns"));
        for name in ["", " ", "id", "index", "sign", "type.bytes", "x.offsets"] {
            assert!(with(name, &[0.0; 4]).contains("name"), "{name}");
        }
        assert!(problem(NeuronTable::new(vec![])).contains("`neurons`: there is none"));
    }
}
