//! Neurons in CSV: header `id,sign`, at will `type`, `region`, `tau` and any further column.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::Table;
use crate::connectome::{Column, Lines, NeuronTable, Sign, Words};
use crate::error::{Error, Result};

/// Columns that are names even where every name is a number.
const NAMES: [&str; 2] = ["type", "region"];

/// Whole numbers up to this are exact in 32 bits; a column with larger ones (ids of other tables) stays text.
const EXACT: f64 = (1u32 << 24) as f64;

/// Reads the neurons of a file in its order. `population` is read as `type`. Of further columns those are numbers
/// whose every value is a number that 32 bits hold; the others are text, which may be empty. Columns without a name and
/// the column `index` (the row number, as `neurons.csv` of a run has it) are left out.
///
/// # Errors
/// If the file cannot be read, has no neuron, an id twice or a wrong sign; the error names the row and column.
pub(super) fn read(path: &Path) -> Result<NeuronTable> {
    let mut table = Table::open(path, "id,sign[,type,…]")?;
    let (id, sign) = (table.column("id")?, table.column("sign")?);
    let kept = |name: &String| !["", "id", "sign", "index"].contains(&name.as_str());
    let names: Vec<String> = table.header().iter().filter(|name| kept(name)).cloned().collect();
    let mut columns = Vec::new();
    for name in names {
        let place = table.column(&name)?;
        let name = if name == "population" { "type".into() } else { name };
        columns.push((name, place, Words::default(), HashMap::<String, u32>::new()));
    }
    let mut numbers = HashMap::<String, u32>::new();
    let (mut signs, mut lines) = (Vec::<Sign>::new(), Lines::default());
    while let Some(row) = table.next_row()? {
        match numbers.entry(row.text(id)?.into()) {
            Entry::Vacant(entry) => drop(entry.insert(signs.len() as u32)),
            Entry::Occupied(entry) => {
                let before = lines.line(*entry.get() as usize);
                return Err(row.error(id, format!("{:?} is in row {before} already; ids must be unique", entry.key())));
            }
        }
        signs.push(row.text(sign)?.parse().map_err(|problem| row.error(sign, problem))?);
        for (name, place, words, found) in &mut columns {
            let text = if name == "type" { row.text(*place)? } else { row.text_or_empty(*place)? };
            words.push(text, found);
        }
        lines.push(row.line);
    }
    if signs.is_empty() {
        return Err(Error::content(path, "there is no neuron; expected a row each"));
    }
    let mut ids = vec![String::new(); signs.len()];
    for (id, number) in numbers {
        ids[number as usize] = id;
    }
    let in_file = |error: Error| match error {
        Error::Setting { problem, .. } => Error::content(path, problem),
        other => other,
    };
    let mut neurons = NeuronTable::new(signs).and_then(|neurons| neurons.with_ids(ids)).map_err(in_file)?;
    for (name, _, words, _) in columns {
        let numbers = if NAMES.contains(&name.as_str()) { None } else { numbers_of(&words) };
        let column = numbers.map_or_else(|| Column::from(words), Column::from);
        neurons = neurons.with_column(name, column).map_err(in_file)?;
    }
    Ok(neurons)
}

/// The numbers, if every word is one that 32 bits hold.
fn numbers_of(words: &Words) -> Option<Vec<f32>> {
    let number = |word: &String| {
        let digits = word.trim_start_matches(['-', '+']).as_bytes();
        let padded = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        let number: f32 = word.parse().ok()?;
        let whole = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'+');
        (!padded && number.is_finite() && (!whole || f64::from(number.abs()) <= EXACT)).then_some(number + 0.0)
    };
    let numbers: Vec<f32> = words.names().iter().map(number).collect::<Option<_>>()?;
    Some(words.places().iter().map(|&place| numbers[place as usize]).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_text(text: &str) -> Result<NeuronTable, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read(file.path()).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", file.path().display())).expect("the error names the file").to_owned()
        })
    }

    #[test]
    fn keeps_the_order_and_every_column() {
        let text = ",sign,tau,root,id,population,side,index\n\
                    0,I,5,720575940628857210,i1,inh,,9\n\
                    1,E,0.5,720575940628857211,e1,\"mixed, all\",left,8\n\
                    2,0,-0,3,x,inh,right,7\n";
        let neurons = read_text(text).unwrap();
        assert_eq!(neurons.ids().unwrap(), ["i1", "e1", "x"]);
        assert_eq!(neurons.signs(), [Sign::Inhibitory, Sign::Excitatory, Sign::Unconstrained]);
        let names: Vec<_> = neurons.columns().map(|(name, _)| name).collect();
        assert_eq!(names, ["tau", "root", "type", "side"]);
        assert_eq!(neurons.column("tau").unwrap().numbers().unwrap(), [5.0, 0.5, 0.0]);
        let values = |name: &str| (0..3).map(|i| neurons.column(name).unwrap().value(i)).collect::<Vec<_>>();
        assert_eq!(values("root"), ["720575940628857210", "720575940628857211", "3"]);
        assert_eq!(
            (values("type"), values("side")),
            (vec!["inh".into(), "mixed, all".into(), "inh".into()], vec![String::new(), "left".into(), "right".into()])
        );
        // a type has several signs
        assert_eq!(neurons.types()[0].sign, None);
    }

    #[test]
    fn names_stay_names() {
        let neurons = read_text("id,sign,type,region,code,layer\na,1,1,17,007,4\nb,1,2,18,1,2.5\n").unwrap();
        let text = |name| neurons.column(name).unwrap().numbers().is_none();
        assert_eq!(["type", "region", "code", "layer"].map(text), [true, true, true, false]);
        assert_eq!(neurons.column("code").unwrap().value(0), "007");
        assert_eq!(read_text("id,sign\na,1\n").unwrap().columns().count(), 0);
    }

    #[test]
    fn refuses_what_is_wrong() {
        let problem = |text: &str| read_text(text).unwrap_err();
        assert!(problem("").contains("a header `id,sign[,type,…]`"));
        assert_eq!(problem("id,population,sign\n"), "there is no neuron; expected a row each");
        assert_eq!(problem("id,cell_type\n"), "column `sign` is missing; the header is `id,cell_type`");
        let head = "id,population,sign\na,exc,E\n";
        assert_eq!(
            problem(&format!("{head}b,exc,E\na,exc,E\n")),
            "row 4, column `id`: \"a\" is in row 2 already; ids must be unique"
        );
        assert!(
            problem(&format!("{head}b,exc,2\n")).starts_with("row 3, column `sign`: \"2\" is no sign; expected one of")
        );
        assert_eq!(problem(&format!("{head}b,,E\n")), "row 3, column `population`: is empty");
        assert_eq!(problem(&format!("{head} ,exc,E\n")), "row 3, column `id`: is empty");
        assert!(problem("id,sign,x,x\na,1,2,3\n").starts_with("column `x` is there twice"));
        assert!(problem("id,sign,type,population\na,1,b,c\n").contains("two columns of this name"));
    }
}
