//! `metrics.csv`: one row an epoch.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::write_atomic;

/// What is recorded of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Epochs done, from 1.
    pub epoch: usize,
    /// The learning rate of the epoch.
    pub learning_rate: f64,
    /// Mean over the epoch's steps of the loss with its penalties, before each step.
    pub train_objective: f64,
    /// The same without penalties.
    pub train_loss: f64,
    /// The loss on the test samples, after the epoch.
    pub test_loss: f64,
    /// For classes: share of training samples answered rightly. NaN without classes.
    pub train_accuracy: f64,
    /// For classes: share of test samples answered rightly. NaN without classes.
    pub test_accuracy: f64,
    /// Weights against the sign of their presynaptic neuron.
    pub sign_violations: usize,
    /// Seconds of training so far, pauses left out. The only column that differs from run to run.
    pub seconds: f64,
}

/// Numbers in a row.
pub(super) const COLUMNS: usize = 9;

const NAMES: [&str; COLUMNS] = [
    "epoch",
    "learning_rate",
    "train_objective",
    "train_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
    "sign_violations",
    "seconds",
];

impl Row {
    pub(super) fn to_numbers(self) -> [f64; COLUMNS] {
        [
            self.epoch as f64,
            self.learning_rate,
            self.train_objective,
            self.train_loss,
            self.test_loss,
            self.train_accuracy,
            self.test_accuracy,
            self.sign_violations as f64,
            self.seconds,
        ]
    }

    pub(super) fn from_numbers(x: [f64; COLUMNS]) -> Self {
        Self {
            epoch: x[0] as usize,
            learning_rate: x[1],
            train_objective: x[2],
            train_loss: x[3],
            test_loss: x[4],
            train_accuracy: x[5],
            test_accuracy: x[6],
            sign_violations: x[7] as usize,
            seconds: x[8],
        }
    }
}

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
        Row::from_numbers([epoch as f64, 1e-3, 0.3, 0.1 + 0.2, 1.0 / 3.0, f64::NAN, f64::NAN, 7.0, 0.123_456_789])
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
        assert!(read(&path).unwrap_err().to_string().contains("row 1: the columns epoch,"));
        write(&path, &[row(1), row(2)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("2,0.001", "2,much");
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("row 3, column `learning_rate`: \"much\""), "{error}");
    }
}
