//! The neurons of an edge list: from a file of their own (`id,population,sign`), or those that the edges name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use super::{PopulationSpec, Sign};
use crate::error::{Error, Result};
use crate::formats::Table;

/// The population of neurons that no file says anything about.
const UNNAMED: &str = "all";

/// Neurons by id.
#[derive(Debug, Default)]
pub(super) struct Neurons {
    numbers: HashMap<String, u32>,
    /// From a file: that file, and the populations in the order of their neurons.
    listed: Option<(PathBuf, Vec<PopulationSpec>)>,
}

/// Neurons in their final order.
#[derive(Debug)]
pub(super) struct Numbered {
    pub ids: Vec<String>,
    pub populations: Vec<PopulationSpec>,
    /// The final number of each number given out before; none: they are final.
    pub renumbered: Option<Vec<u32>>,
}

impl Neurons {
    /// Reads the file. Populations come in the order they first appear in, and the neurons of each in the file's
    /// order.
    ///
    /// # Errors
    /// If the file cannot be read, has no neuron, a double id, a bad sign, or a population of two signs.
    pub fn read(path: &Path) -> Result<Self> {
        let mut table = Table::open(path, "id,population,sign")?;
        let (id, population, sign) = (table.column("id")?, table.column("population")?, table.column("sign")?);
        let mut populations: Vec<PopulationSpec> = Vec::new();
        // By name: its place in the list, and the row that it first appeared in.
        let mut known = HashMap::<String, (usize, u64)>::new();
        let mut numbers = HashMap::<String, u32>::new();
        // Of each neuron, in the file's order: its population and its row.
        let mut neurons: Vec<(usize, u64)> = Vec::new();
        while let Some(row) = table.next_row()? {
            let name = row.text(population)?;
            let its_sign: Sign = row.text(sign)?.parse().map_err(|problem| row.error(sign, problem))?;
            let (at, first_row) = match known.get(name) {
                Some(&found) => found,
                None => {
                    populations.push(PopulationSpec { name: name.into(), size: 0, sign: its_sign });
                    known.insert(name.into(), (populations.len() - 1, row.line));
                    (populations.len() - 1, row.line)
                }
            };
            if populations[at].sign != its_sign {
                let problem = format!(
                    "population {name:?} is {its_sign} here, but {} in row {first_row}; all neurons of a population \
                     must have one sign",
                    populations[at].sign
                );
                return Err(row.error(sign, problem));
            }
            match numbers.entry(row.text(id)?.into()) {
                Entry::Vacant(entry) => drop(entry.insert(neurons.len() as u32)),
                Entry::Occupied(entry) => {
                    let (_, before) = neurons[*entry.get() as usize];
                    return Err(
                        row.error(id, format!("{:?} is in row {before} already; ids must be unique", entry.key()))
                    );
                }
            }
            populations[at].size += 1;
            neurons.push((at, row.line));
        }
        if neurons.is_empty() {
            return Err(Error::content(path, "there is no neuron; expected a row each"));
        }

        let mut next = 0;
        let mut starts: Vec<u32> = Vec::with_capacity(populations.len());
        for population in &populations {
            starts.push(next);
            next += population.size as u32;
        }
        let grouped: Vec<u32> = neurons
            .iter()
            .map(|&(population, _)| {
                starts[population] += 1;
                starts[population] - 1
            })
            .collect();
        numbers.values_mut().for_each(|number| *number = grouped[*number as usize]);
        Ok(Self { numbers, listed: Some((path.into(), populations)) })
    }

    /// The number of the neuron called `id`. Without a file, one that is new gets the next number.
    ///
    /// # Errors
    /// With a file: what is wrong, if it does not have `id`.
    pub fn number(&mut self, id: &str) -> Result<u32, String> {
        match (self.numbers.get(id), &self.listed) {
            (Some(&number), _) => Ok(number),
            (None, Some((path, _))) => Err(format!("{id:?} is not among the ids in {}", path.display())),
            (None, None) => {
                let number = self.numbers.len() as u32;
                self.numbers.insert(id.into(), number);
                Ok(number)
            }
        }
    }

    /// Gives the neurons their final order: the file's, by population; without a file, by number if every id is a
    /// whole number, else in the order they were asked for.
    pub fn finish(self) -> Numbered {
        let mut ids = vec![String::new(); self.numbers.len()];
        for (id, number) in self.numbers {
            ids[number as usize] = id;
        }
        if let Some((_, populations)) = self.listed {
            return Numbered { ids, populations, renumbered: None };
        }
        let populations = vec![PopulationSpec { name: UNNAMED.into(), size: ids.len(), sign: Sign::Unconstrained }];
        let values: Option<Vec<i128>> = ids.iter().map(|id| id.parse().ok()).collect();
        let renumbered = values.map(|values| {
            let mut order: Vec<u32> = (0..ids.len() as u32).collect();
            order.sort_by_key(|&old| values[old as usize]);
            let mut renumbered = vec![0; order.len()];
            order.iter().zip(0..).for_each(|(&old, new)| renumbered[old as usize] = new);
            ids = order.iter().map(|&old| std::mem::take(&mut ids[old as usize])).collect();
            renumbered
        });
        Numbered { ids, populations, renumbered }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<Neurons, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Neurons::read(file.path()).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", file.path().display())).expect("the error names the file").to_owned()
        })
    }

    #[test]
    fn groups_by_population_in_order_of_appearance() {
        let mut neurons =
            read("sign,soma,id,population\nI,5,i1,inh\nE,5,e1,exc\n-1,5,i2,inh\n1,5,e0,exc\n0,5,x,\"mixed, all\"\n")
                .unwrap();
        assert_eq!(["i1", "i2", "e1", "e0", "x"].map(|id| neurons.number(id).unwrap()), [0, 1, 2, 3, 4]);
        assert!(neurons.number("E1").unwrap_err().contains("\"E1\" is not among the ids in "));
        let numbered = neurons.finish();
        assert_eq!(numbered.ids, ["i1", "i2", "e1", "e0", "x"]);
        let population = |name: &str, size, sign| PopulationSpec { name: name.into(), size, sign };
        let want = [
            population("inh", 2, Sign::Inhibitory),
            population("exc", 2, Sign::Excitatory),
            population("mixed, all", 1, Sign::Unconstrained),
        ];
        assert_eq!(numbered.populations, want);
        assert_eq!(numbered.renumbered, None);
    }

    #[test]
    fn refuses_what_is_wrong() {
        let problem = |text: &str| read(text).unwrap_err();
        assert!(problem("").contains("a header `id,population,sign`"));
        assert_eq!(problem("id,population,sign\n"), "there is no neuron; expected a row each");
        assert_eq!(problem("id,cell_type,sign\n"), "column `population` is missing; the header is `id,cell_type,sign`");
        let head = "id,population,sign\na,exc,E\n";
        assert_eq!(
            problem(&format!("{head}b,exc,E\na,exc,E\n")),
            "row 4, column `id`: \"a\" is in row 2 already; ids must be unique"
        );
        assert!(
            problem(&format!("{head}b,exc,2\n")).starts_with("row 3, column `sign`: \"2\" is no sign; expected one of")
        );
        assert_eq!(
            problem(&format!("{head}b,inh,I\nc,exc,I\n")),
            "row 4, column `sign`: population \"exc\" is inhibitory here, but excitatory in row 2; all neurons of a \
             population must have one sign"
        );
        assert_eq!(problem(&format!("{head}b,,E\n")), "row 3, column `population`: is empty");
        assert_eq!(problem(&format!("{head} ,exc,E\n")), "row 3, column `id`: is empty");
    }

    #[test]
    fn without_a_file_whole_numbers_are_sorted_by_value() {
        let numbered = |ids: &[&str]| {
            let mut neurons = Neurons::default();
            ids.iter().for_each(|id| drop(neurons.number(id)));
            neurons.finish()
        };
        let by_value = numbered(&["10", "9", "720575940628857210", "9", "-3"]);
        assert_eq!(by_value.ids, ["-3", "9", "10", "720575940628857210"]);
        assert_eq!(by_value.renumbered.unwrap(), [2, 1, 3, 0]);
        let by_appearance = numbered(&["10", "9", "a", "10"]);
        assert_eq!(by_appearance.ids, ["10", "9", "a"]);
        assert_eq!(by_appearance.renumbered, None);
        assert_eq!((by_appearance.populations[0].name.as_str(), by_appearance.populations[0].size), ("all", 3));
    }
}
