//! A CSV file in memory, to which a column is added.

use std::path::Path;
use std::process::{Command, Stdio};

use actuary::domain::name::did_you_mean;
use actuary::error::{Code, Context, Error, Result};
use sha2::{Digest, Sha256};

/// More different targets than this are numbers, not classes.
const MAX_CLASSES: usize = 20;

pub(crate) struct Table {
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
    /// SHA-256 of the text, in hexadecimal.
    pub(crate) sha256: String,
}

impl Table {
    /// Reads a file; one that ends in `.gz` is read by `gzip`.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when it can't be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = bytes(path)?;
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
        let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| count(*d)).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(&*text);
        let reading = || format!("reading {}", path.display());
        let header = reader.headers().context(reading())?.clone();
        let rows = reader.records().collect::<Result<_, _>>().context(reading())?;
        Ok(Self { header, rows, sha256: hex::encode(Sha256::digest(&text)) })
    }

    /// The class of every row; one class for all where the column holds numbers.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when there is no such column.
    pub(crate) fn classes(&self, column: &str) -> Result<Vec<String>> {
        let index = self.header.iter().position(|name| name == column).ok_or_else(|| {
            let hint = did_you_mean(column, self.header.iter());
            Error::new(Code::InvalidRequest, format!("there is no column {column}{hint}"))
        })?;
        let classes: Vec<String> =
            self.rows.iter().map(|row| row.get(index).unwrap_or_default().to_owned()).collect();
        let different: std::collections::BTreeSet<&String> = classes.iter().collect();
        let is_number = different.len() > MAX_CLASSES;
        Ok(if is_number { vec![String::new(); classes.len()] } else { classes })
    }

    /// Keeps the rows whose column says this.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when there is no such column.
    pub(crate) fn keep(&mut self, column: &str, value: &str) -> Result<()> {
        let index = self.header.iter().position(|name| name == column).ok_or_else(|| {
            let hint = did_you_mean(column, self.header.iter());
            Error::new(Code::InvalidRequest, format!("there is no column {column}{hint}"))
        })?;
        self.rows.retain(|row| row.get(index) == Some(value));
        Ok(())
    }

    /// Adds the rows of a table of the same columns.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when they are others.
    pub(crate) fn append(&mut self, other: Self) -> Result<()> {
        if other.header != self.header {
            let detail = format!("{:?} are not the columns {:?}", other.header, self.header);
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        self.rows.extend(other.rows);
        Ok(())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn has_column(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// The table as CSV with a column more, of as many rows as it has values.
    ///
    /// # Errors
    /// [`Error::Internal`] when memory can't be written.
    pub(crate) fn with_column(&self, name: &str, values: &[&str]) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: &csv::StringRecord, value: &str| {
            writer.write_record(record.iter().chain([value])).context("writing CSV")
        };
        write(&self.header, name)?;
        for (row, value) in self.rows.iter().zip(values) {
            write(row, value)?;
        }
        writer.into_inner().map_err(|error| Error::internal("writing CSV", error.to_string()))
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |why: String| {
        let detail = format!("{} can't be read: {why}", path.display());
        Error::new(Code::InvalidRequest, detail)
    };
    if path.extension().is_none_or(|ending| ending != "gz") {
        return std::fs::read(path).map_err(|error| unreadable(error.to_string()));
    }
    let gzip = Command::new("gzip").arg("-dc").arg(path).stderr(Stdio::piped()).output();
    let output = gzip.map_err(|error| unreadable(format!("gzip can't be run ({error})")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(unreadable(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
