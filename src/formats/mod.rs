//! File formats: one file per format. They fill tables and decide nothing.

mod csv_edges;
mod csv_neurons;
mod csv_table;
mod edge_list;

pub(crate) use csv_table::Table;
