//! `[[population]]`: rows of a configuration become rows of the neuron table.

use std::collections::{BTreeSet, HashMap};

use super::neuron_table::MOST_NEURONS;
use super::{Column, ColumnValue, NeuronTable, PopulationSpec, Words};
use crate::error::{Error, Result};

impl NeuronTable {
    /// The neurons of populations, one population after the other: its name is their `type`, its further keys are
    /// columns, numbers where every population has a number there. A population without a text that others have gets
    /// an empty one.
    ///
    /// # Errors
    /// If there is no population, one is empty, a name is empty or there twice, there are too many neurons, or a
    /// column is wrong ([`NeuronTable::with_column`]); the error names the key.
    pub fn from_populations(populations: &[PopulationSpec]) -> Result<Self> {
        let n = check(populations)?;
        let sizes = || populations.iter().map(|population| population.size);
        let mut signs = reserve(n)?;
        signs.extend(populations.iter().flat_map(|p| std::iter::repeat_n(p.sign, p.size)));
        let mut neurons = Self::new(signs)?;
        let words = |texts: Vec<&str>| -> Result<Words> {
            let (mut words, mut found) = (Words::default(), HashMap::new());
            let mut places = reserve(n)?;
            for (text, size) in texts.into_iter().zip(sizes()) {
                places.extend(std::iter::repeat_n(words.place(text, &mut found), size));
            }
            Ok(words.with_places(places))
        };
        neurons = neurons.with_column("type", words(populations.iter().map(|p| p.name.as_str()).collect())?)?;
        let keys: BTreeSet<&String> = populations.iter().flat_map(|population| population.columns.keys()).collect();
        for key in keys {
            let values: Vec<Option<&ColumnValue>> = populations.iter().map(|p| p.columns.get(key)).collect();
            let column: Column = match numbers(key, &values)? {
                Some(numbers) => {
                    let mut column = reserve(n)?;
                    column.extend(numbers.into_iter().zip(sizes()).flat_map(|(x, size)| std::iter::repeat_n(x, size)));
                    column.into()
                }
                None => {
                    let texts: Vec<String> =
                        values.iter().map(|value| value.map_or_else(String::new, ToString::to_string)).collect();
                    words(texts.iter().map(String::as_str).collect())?.into()
                }
            };
            neurons = neurons.with_column(key, column).map_err(|error| match error {
                Error::Setting { problem, .. } => Error::setting(format!("population.{key}"), problem),
                other => other,
            })?;
        }
        Ok(neurons)
    }
}

/// An empty array with room for one value per neuron.
fn reserve<T>(neurons: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(neurons)
        .map_err(|_| Error::setting("population", format!("{neurons} neurons do not fit in memory; expected fewer")))?;
    Ok(values)
}

/// The numbers of a column without any text.
fn numbers(key: &str, values: &[Option<&ColumnValue>]) -> Result<Option<Vec<f32>>> {
    if values.iter().flatten().any(|value| matches!(value, ColumnValue::Text(_))) || key == "region" {
        return Ok(None);
    }
    let number = |(at, value): (usize, &Option<&ColumnValue>)| {
        let number = match value {
            Some(ColumnValue::Whole(number)) => *number as f32,
            Some(ColumnValue::Number(number)) => *number as f32,
            _ => {
                let problem = "is missing; expected a number in every population, as another one has it";
                return Err(Error::setting(format!("population[{at}].{key}"), problem));
            }
        };
        Ok(number + 0.0)
    };
    values.iter().enumerate().map(number).collect::<Result<_>>().map(Some)
}

impl std::fmt::Display for ColumnValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The number of neurons of populations that are right.
fn check(populations: &[PopulationSpec]) -> Result<usize> {
    if populations.is_empty() {
        return Err(Error::setting("population", "there is none; expected at least one population of one neuron"));
    }
    let mut names = HashMap::with_capacity(populations.len());
    let mut end = 0usize;
    for (at, PopulationSpec { name, size, .. }) in populations.iter().enumerate() {
        let key = |field: &str| format!("population[{at}].{field}");
        if name.trim().is_empty() {
            return Err(Error::setting(key("name"), "is empty; expected a name that no other population has"));
        }
        if let Some(before) = names.insert(name, at) {
            let problem = format!("population[{before}] is called {name:?} already; names must be unique");
            return Err(Error::setting(key("name"), problem));
        }
        if *size == 0 {
            return Err(Error::setting(key("size"), format!("population {name:?} has 0 neurons; expected at least 1")));
        }
        end = end.checked_add(*size).filter(|&end| end <= MOST_NEURONS).ok_or_else(|| {
            let problem =
                format!("with {size} neurons in {name:?} there are more than {MOST_NEURONS}, the most supported");
            Error::setting(key("size"), problem)
        })?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::connectome::Sign;

    #[test]
    fn refuses_wrong_populations() {
        let build = |specs: &[PopulationSpec]| NeuronTable::from_populations(specs).unwrap_err().to_string();
        let text = build(&[]);
        assert!(text.contains("`population`") && text.contains("there is none"), "{text}");
        let text =
            build(&[PopulationSpec::new("a", 1, Sign::Excitatory), PopulationSpec::new("b", 0, Sign::Excitatory)]);
        assert!(text.contains("`population[1].size`") && text.contains("\"b\" has 0 neurons"), "{text}");
        let text = build(&[PopulationSpec::new(" ", 1, Sign::Excitatory)]);
        assert!(text.contains("`population[0].name`: is empty"), "{text}");
        let text = build(&[
            PopulationSpec::new("a", 1, Sign::Excitatory),
            PopulationSpec::new("b", 1, Sign::Excitatory),
            PopulationSpec::new("a", 1, Sign::Inhibitory),
        ]);
        assert!(text.contains("`population[2].name`: population[0] is called \"a\" already"), "{text}");
        for size in [1 << 31, usize::MAX] {
            let text = build(&[
                PopulationSpec::new("a", 1, Sign::Excitatory),
                PopulationSpec::new("b", size, Sign::Excitatory),
            ]);
            assert!(text.contains("`population[1].size`") && text.contains("more than 2147483647"), "{text}");
        }
    }

    #[test]
    fn further_keys_are_columns() {
        let toml = "[[population]]\nname = \"a\"\nsize = 2\nsign = 1\ntau = 20\nregion = 17\nnote = \"x\"\n\
                    [[population]]\nname = \"b\"\nsize = 1\nsign = \"I\"\ntau = 0.5\nregion = 18\n";
        let read = |text: &str| {
            toml::from_str::<BTreeMap<String, Vec<PopulationSpec>>>(text).unwrap().remove("population").unwrap()
        };
        let specs = read(toml);
        let neurons = NeuronTable::from_populations(&specs).unwrap();
        let columns: Vec<_> =
            neurons.columns().map(|(name, column)| (name, [0, 1, 2].map(|i| column.value(i)))).collect();
        let texts = |texts: [&str; 3]| texts.map(String::from);
        assert_eq!(
            columns,
            [
                ("type", texts(["a", "a", "b"])),
                ("note", texts(["x", "x", ""])),
                ("region", texts(["17", "17", "18"])),
                ("tau", texts(["20", "20", "0.5"])),
            ]
        );
        assert!(neurons.column("region").unwrap().numbers().is_none());
        assert_eq!(
            specs[0],
            PopulationSpec { columns: specs[0].columns.clone(), ..PopulationSpec::new("a", 2, Sign::Excitatory) }
        );
        let written = toml::to_string(&BTreeMap::from([("population", &specs)])).unwrap();
        assert_eq!(read(&written), specs);
        let missing = [
            PopulationSpec::new("a", 1, Sign::Excitatory).with("tau", 2.0),
            PopulationSpec::new("b", 1, Sign::Excitatory),
        ];
        let problem = NeuronTable::from_populations(&missing).unwrap_err().to_string();
        assert!(problem.starts_with("`population[1].tau`: is missing"), "{problem}");
        let reserved = [PopulationSpec::new("a", 1, Sign::Excitatory).with("id", "x")];
        let problem = NeuronTable::from_populations(&reserved).unwrap_err().to_string();
        assert!(problem.starts_with("`population.id`"), "{problem}");
    }
}
