//! File formats: one file per format. They fill tables and decide nothing.

mod csv_table;

pub(crate) use csv_table::{Lines, Table};
