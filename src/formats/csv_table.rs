//! A CSV file with a header, plain or gzipped, read row by row; every complaint names file, row and column.
//!
//! Columns are found by name, in any order; others are ignored. Text is trimmed. Empty lines are passed over.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// The first bytes of a gzipped file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An open file, after its header.
pub(crate) struct Table {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    header: Vec<String>,
    record: ByteRecord,
}

/// A column that the header has.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    at: usize,
}

/// One row.
pub(crate) struct Row<'a> {
    path: &'a Path,
    header: &'a [String],
    record: &'a ByteRecord,
    /// The line of the file it starts in, counted from 1, as an editor shows it.
    pub line: u64,
}

impl Table {
    /// Opens the file and reads its header; `wanted` is how the header should look, for the error of a file without.
    pub fn open(path: &Path, wanted: &str) -> Result<Self> {
        let cannot_read = |error| Error::io(path, "read", error);
        let mut file = BufReader::new(File::open(path).map_err(|error| Error::io(path, "open", error))?);
        let gzipped = file.fill_buf().map_err(cannot_read)?.starts_with(&GZIP);
        let text: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        // Lines end at '\n' for the reader, which leaves a '\r' to be trimmed, and the last line ends too: so the
        // number of a row's line can be had from where the reader stands after it.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(Box::new(text.chain(&b"\n"[..])) as Box<dyn Read>);
        let mut table = Self { path: path.into(), reader, header: Vec::new(), record: ByteRecord::new() };
        if table.advance()?.is_none() {
            return Err(Error::content(path, format!("the file is empty; expected a header `{wanted}` and rows")));
        }
        table.header = table.record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        Ok(table)
    }

    /// The names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Result<Column> {
        self.optional_column(name)?.ok_or_else(|| {
            Error::content(&self.path, format!("column `{name}` is missing; the header is `{}`", self.header.join(",")))
        })
    }

    /// The column of that name, if there is one.
    pub fn optional_column(&self, name: &str) -> Result<Option<Column>> {
        let mut found = (0..self.header.len()).filter(|&at| self.header[at] == name);
        let column = found.next().map(|at| Column { at });
        if found.next().is_some() {
            let problem = format!("column `{name}` is there twice; the header is `{}`", self.header.join(","));
            return Err(Error::content(&self.path, problem));
        }
        Ok(column)
    }

    /// The next row, with as many fields as the header.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        let Some(line) = self.advance()? else { return Ok(None) };
        if self.record.len() != self.header.len() {
            let (fields, columns) = (self.record.len(), self.header.len());
            let problem = format!("row {line}: has {fields} fields, but the header has {columns}");
            return Err(Error::content(&self.path, problem));
        }
        Ok(Some(Row { path: &self.path, header: &self.header, record: &self.record, line }))
    }

    /// Reads the next record that is not an empty line, and says in which line it starts.
    fn advance(&mut self) -> Result<Option<u64>> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            let more = more.map_err(|error| Error::io(&self.path, "read", error.into()))?;
            if !more {
                return Ok(None);
            }
            if self.record.len() > 1 || !self.record[0].trim_ascii().is_empty() {
                let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
                return Ok(Some(self.reader.position().line() - 1 - inside));
            }
        }
    }
}

impl<'a> Row<'a> {
    /// What stands in `column`, trimmed.
    ///
    /// # Errors
    /// If there is nothing, or it is not UTF-8.
    pub fn text(&self, column: Column) -> Result<&'a str> {
        match self.text_or_empty(column)? {
            "" => Err(self.error(column, "is empty")),
            text => Ok(text),
        }
    }

    /// What stands in `column`, trimmed; it may be nothing.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text_or_empty(&self, column: Column) -> Result<&'a str> {
        let bytes = self.record[column.at].trim_ascii();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| self.error(column, format!("\"{}\" is not UTF-8", bytes.escape_ascii())))?;
        Ok(text.trim())
    }

    /// The finite number in `column`. `-0` is read as 0.
    pub fn number(&self, column: Column) -> Result<f32> {
        let text = self.text(column)?;
        match text.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number + 0.0),
            Ok(_) => Err(self.error(column, format!("{text:?} is not a finite number (of 32 bits)"))),
            Err(_) => Err(self.error(column, format!("{text:?} is not a number"))),
        }
    }

    /// An error that names this row and `column`.
    pub fn error(&self, column: Column, problem: impl std::fmt::Display) -> Error {
        Error::content(self.path, format!("row {}, column `{}`: {problem}", self.line, self.header[column.at]))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Line, `a` and `b` of each row; or the message without the path.
    fn read(bytes: &[u8]) -> Result<Vec<(u64, String, f32)>, String> {
        let file = file(bytes);
        let rows = || -> Result<_> {
            let mut table = Table::open(file.path(), "a,b")?;
            let (a, b) = (table.column("a")?, table.column("b")?);
            let mut rows = vec![];
            while let Some(row) = table.next_row()? {
                rows.push((row.line, row.text(a)?.to_owned(), row.number(b)?));
            }
            Ok(rows)
        };
        rows().map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", file.path().display())).expect("the error names the file").to_owned()
        })
    }

    fn row(line: u64, a: &str, b: f32) -> (u64, String, f32) {
        (line, a.into(), b)
    }

    #[test]
    fn finds_columns_in_any_order_and_trims() {
        let want = Ok(vec![row(2, "x y", 1.5), row(3, "é", -2.0)]);
        assert_eq!(read("b , c,a\n1.5,,  x y \n-2, 7,é".as_bytes()), want);
        assert_eq!(read(&[b"a,b,c\nx y,1.5,\xff\n", "é,-2,\n".as_bytes()].concat()), want);
        assert_eq!(read("\u{feff}a,b\r\nx y,1.5\r\n\"é\",\"-2\"\r\n".as_bytes()), want);
    }

    #[test]
    fn counts_lines_as_an_editor_does() {
        for end in ["\n", "\r\n"] {
            let text = ["", "a,b", "x,1", "", "  ", "\"two", "lines\",2", "y,3", "z,4"].join(end);
            let two_lines = format!("two{end}lines");
            let want = vec![row(3, "x", 1.0), row(6, &two_lines, 2.0), row(8, "y", 3.0), row(9, "z", 4.0)];
            assert_eq!(read(text.as_bytes()), Ok(want.clone()));
            assert_eq!(read(format!("{text}{end}").as_bytes()), Ok(want));
        }
    }

    #[test]
    fn reads_gzip_by_its_first_bytes() {
        let gzip = |text: &str| {
            let mut encoder = GzEncoder::new(vec![], flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let whole = [gzip("a,b\nx,1\n"), gzip("y,2\n")].concat();
        assert_eq!(read(&whole), Ok(vec![row(2, "x", 1.0), row(3, "y", 2.0)]));
        let cut = read(&whole[..20]).unwrap_err();
        assert!(cut.contains("cannot read"), "{cut}");
    }

    #[test]
    fn refuses_what_is_not_a_table() {
        for text in ["", "\n\r\n  \n"] {
            let problem = read(text.as_bytes()).unwrap_err();
            assert_eq!(problem, "the file is empty; expected a header `a,b` and rows");
        }
        assert_eq!(read(b"A;b\n1;2\n"), Err("column `a` is missing; the header is `A;b`".into()));
        assert_eq!(read(b"b,a,b\n"), Err("column `b` is there twice; the header is `b,a,b`".into()));
        assert_eq!(read(b"a,b\nx,1\n\ny\n"), Err("row 4: has 1 fields, but the header has 2".into()));
        assert_eq!(read(b"a,b\r\nx,1,2\r\n"), Err("row 2: has 3 fields, but the header has 2".into()));
    }

    #[test]
    fn refuses_wrong_fields() {
        let field = |text: &[u8]| read(&[b"a,b\nx,1\n", text].concat()).unwrap_err();
        assert_eq!(field(b" ,1\n"), "row 3, column `a`: is empty");
        assert_eq!(field(b"x,\n"), "row 3, column `b`: is empty");
        assert_eq!(field(b"x,1e\n"), "row 3, column `b`: \"1e\" is not a number");
        for number in ["nan", "-inf", "1e39"] {
            let problem = field(format!("x,{number}\n").as_bytes());
            assert_eq!(problem, format!("row 3, column `b`: {number:?} is not a finite number (of 32 bits)"));
        }
        assert_eq!(field(b"caf\xe9,1\n"), "row 3, column `a`: \"caf\\xe9\" is not UTF-8");
        assert!(read(b"a,b\nx,-0\n").unwrap()[0].2.is_sign_positive());
    }

    #[test]
    fn refuses_what_it_cannot_open() {
        let folder = tempfile::tempdir().unwrap();
        let problem = |path: &Path| Table::open(path, "a").err().expect("an error").to_string();
        assert!(problem(&folder.path().join("none.csv")).contains("none.csv: cannot open"));
        assert!(problem(folder.path()).contains("cannot"));
    }
}
