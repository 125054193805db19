//! File formats: one file per format. They fill tables and decide nothing.
//!
//! To add a format of edges, write one file with its [`EdgeFormat`], and one line in [`EDGES`].

mod csv_edges;
mod csv_neurons;
mod csv_table;
mod edge_list;

use std::path::Path;

use crate::connectome::EdgeTable;
use crate::error::Result;

pub(crate) use csv_table::Table;

/// A format of files of edges.
struct EdgeFormat {
    /// How the names of its files end, in small letters.
    endings: &'static [&'static str],
    /// Reads the edges of a file in its order; the weights only if they are wanted.
    read: fn(&Path, bool) -> Result<EdgeTable>,
}

/// Every format of edges. What ends like none of them is taken to be the first.
static EDGES: [EdgeFormat; 1] = [csv_edges::FORMAT];

/// The format of edges of the file of that name.
fn edges(path: &Path) -> &'static EdgeFormat {
    let name = path.to_string_lossy().to_lowercase();
    EDGES.iter().find(|format| format.endings.iter().any(|ending| name.ends_with(ending))).unwrap_or(&EDGES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_their_endings_and_share_none() {
        for (at, format) in EDGES.iter().enumerate() {
            for ending in format.endings {
                assert!(std::ptr::eq(edges(Path::new(&format!("a/EDGES{ending}"))), &EDGES[at]), "{ending}");
            }
        }
        assert!(std::ptr::eq(edges(Path::new("edges")), &EDGES[0]));
    }
}
