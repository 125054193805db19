//! Edges in CSV: header `pre,post[,weight]`, or `count` instead of `weight`.

use std::collections::HashMap;
use std::path::Path;

use super::{EdgeFormat, Table};
use crate::connectome::{EdgeFile, EdgeTable, Lines};
use crate::error::{Error, Result};

pub(super) const FORMAT: EdgeFormat = EdgeFormat { endings: &[".csv", ".csv.gz"], read };

/// Reads the edges of a file in its order; the weights only if they are wanted, or nothing is read of them. Other
/// columns are ignored. An id is any text, compared exactly but for spaces around it.
///
/// Memory is that of edges and ids; no text of an edge is kept.
///
/// # Errors
/// If the file cannot be read, has no edge, or an end or a weight is wrong; the error names the row and column.
fn read(path: &Path, weights_wanted: bool) -> Result<EdgeTable> {
    let mut table = Table::open(path, "pre,post[,weight]")?;
    let (pre, post) = (table.column("pre")?, table.column("post")?);
    let mut weight = None;
    for name in ["weight", "count"] {
        if weights_wanted && weight.is_none() {
            weight = table.optional_column(name)?.map(|column| (column, name));
        }
    }
    let mut numbers = HashMap::<String, u32>::new();
    let mut ends = (Vec::new(), Vec::new());
    let mut weights = weight.map(|_| Vec::new());
    let mut lines = Lines::default();
    while let Some(row) = table.next_row()? {
        for (column, ends) in [(pre, &mut ends.0), (post, &mut ends.1)] {
            let id = row.text(column)?;
            let number = match numbers.get(id) {
                Some(&number) => number,
                None => {
                    let number = numbers.len() as u32;
                    numbers.insert(id.into(), number);
                    number
                }
            };
            ends.push(number);
        }
        if let (Some((column, _)), Some(weights)) = (weight, &mut weights) {
            weights.push(row.number(column)?);
        }
        lines.push(row.line);
    }
    if ends.0.is_empty() {
        return Err(Error::content(path, "there is no edge below the header; expected a row each"));
    }
    let mut ids = vec![String::new(); numbers.len()];
    for (id, number) in numbers {
        ids[number as usize] = id;
    }
    let weight = weight.map_or("weight", |(_, name)| name);
    Ok(EdgeTable::named(ids, ends, weights, EdgeFile { path: path.into(), neurons: None, weight, lines }))
}
