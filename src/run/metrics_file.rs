//! `metrics.csv`: one row per epoch.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::write_atomic;
use crate::train::{COLUMNS, Row};

const NAMES: [&str; COLUMNS] = [
    "epoch",
    "phase",
    "learning_rate",
    "train_objective",
    "train_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
    "sign_violations",
    "seconds",
];

/// Writes all rows; an accuracy that there is not stays empty.
pub(super) fn write(path: &Path, rows: &[Row]) -> Result<()> {
    write_atomic(path, |out| {
        writeln!(out, "{}", NAMES.join(","))?;
        for row in rows {
            let cells = row.to_numbers().map(|x| if x.is_nan() { String::new() } else { x.to_string() });
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    })
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> Result<Vec<Row>> {
    let wrong = |error: csv::Error| Error::content(path, error);
    let file = File::open(path).map_err(|source| Error::io(path, "read", source))?;
    let mut reader = csv::Reader::from_reader(file);
    let head = reader.headers().map_err(wrong)?;
    if head.iter().ne(NAMES) {
        return Err(Error::content(path, format!("row 1: expected the columns {}", NAMES.join(","))));
    }
    let number = |row: usize, column: usize, cell: &str| match cell {
        "" => Ok(f64::NAN),
        cell => cell.parse().map_err(|_| {
            let problem = format!("row {row}, column `{}`: {cell:?}; expected a number", NAMES[column]);
            Error::content(path, problem)
        }),
    };
    let rows = reader.records().zip(2..).map(|(record, row)| {
        let record = record.map_err(wrong)?;
        let mut numbers = [f64::NAN; COLUMNS];
        for (column, cell) in record.iter().enumerate() {
            numbers[column] = number(row, column, cell)?;
        }
        Ok(Row::from_numbers(numbers))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> Row {
        Row::from_numbers([epoch as f64, 1.0, 1e-3, 0.3, 0.1 + 0.2, 1.0 / 3.0, f64::NAN, f64::NAN, 7.0, 0.123_456_789])
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let rows = [row(1), row(2)];
        write(&path, &rows).unwrap();
        let got = read(&path).unwrap();
        assert_eq!(format!("{got:?}"), format!("{rows:?}"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        assert!(read(&path).unwrap_err().to_string().contains("metrics.csv: cannot read"));
        std::fs::write(&path, "epoch,loss\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("row 1: expected the columns epoch,"));
        write(&path, &[row(1), row(2)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("2,1,0.001", "2,1,much");
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("row 3, column `learning_rate`: \"much\""), "{error}");
    }
}
