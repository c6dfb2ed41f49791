//! A table beside the images: what belongs to each, found by its file's name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::FILE;
use super::parts::nameless;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Context, Error, Result};
use crate::frame::builder::Value;
use crate::frame::cells::Cells;
use crate::frame::ingest::faults::{Faults, fault};
use crate::frame::ingest::{csv, json};
use crate::frame::{read_parquet, shown};

/// A table's text, kept in a file.
pub(super) struct Source {
    is_json: bool,
    path: PathBuf,
    /// Holds the file open, which has no name.
    _file: File,
}

impl Source {
    pub(super) fn keep(start: &[u8], mut rest: impl Read, temp_dir: &Path) -> Result<Self> {
        let (mut file, path) = nameless(temp_dir)?;
        file.write_all(start).context("keeping a table")?;
        std::io::copy(&mut rest, &mut file).context("keeping a table")?;
        let is_json = start.trim_ascii_start().starts_with(b"{");
        Ok(Self { is_json, path, _file: file })
    }
}

/// A table that was read.
pub(super) struct Table {
    /// All columns but the files' names, as text.
    columns: Vec<(String, ColumnType, Vec<Option<String>>)>,
    rows: HashMap<String, Row>,
}

struct Row {
    number: usize,
    used: bool,
}

impl Table {
    pub(super) fn read(
        source: Source,
        types: &[(String, ColumnType)],
        temp_dir: &Path,
    ) -> Result<Self> {
        let (file, path) = nameless(temp_dir)?;
        let read = if source.is_json { json::ingest } else { csv::ingest };
        read(&source.path, types, &path, &mut |_| Ok(())).map_err(of_the_table)?;
        let frame = read_parquet(file, None)?;
        if frame.column(FILE).is_none() {
            let detail = "has no column file, by which the images are found";
            return Err(fault("the table", detail));
        }
        let mut faults = Faults::default();
        let mut rows = HashMap::new();
        for (number, name) in frame.labels(FILE)?.into_iter().enumerate() {
            let place = format!("row {} of the table", number + 1);
            match name.map(|name| rows.entry(name)) {
                None => faults.add(place, "names no file")?,
                Some(Entry::Vacant(row)) => drop(row.insert(Row { number, used: false })),
                Some(Entry::Occupied(row)) => {
                    let detail = format!("names the file {} a second time", shown(row.key()));
                    faults.add(place, detail)?;
                }
            }
        }
        faults.check()?;
        let columns = frame.columns().iter().filter(|column| column.name != FILE);
        let columns = columns.map(|c| Ok((c.name.clone(), c.kind, frame.labels(&c.name)?)));
        Ok(Self { columns: columns.collect::<Result<_>>()?, rows })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.0.as_str())
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = ColumnType> {
        self.columns.iter().map(|column| column.1)
    }

    /// Tells `push` the values of an image by the table's columns.
    ///
    /// # Errors
    /// Why there are none; the values told are missing then.
    pub(super) fn push(
        &mut self,
        file: Option<&str>,
        cells: &mut Cells,
        mut push: impl FnMut(usize, Value<'_>),
    ) -> Result<(), String> {
        let row = match file.map(|file| self.rows.get_mut(file)) {
            Some(Some(row)) if !row.used => {
                row.used = true;
                Ok(row.number)
            }
            Some(Some(_)) => Err("has the file name of an earlier part; rename one".to_owned()),
            Some(None) => Err("has no row in the table: no file there has its name".to_owned()),
            None => Err("has no file name, by which the table could find it".to_owned()),
        };
        for (at, (_, kind, values)) in self.columns.iter().enumerate() {
            let value = row.as_ref().ok().and_then(|row| values[*row].as_deref());
            match (kind, value) {
                (_, None) => push(at, Value::Null),
                (ColumnType::String, Some(text)) => push(at, Value::Text(text)),
                (kind, Some(text)) => push(at, cells.read(*kind, text.as_bytes())?),
            }
        }
        row.map(|_| ())
    }

    /// The files that no image has had, in the order of the table.
    pub(super) fn unused(&self) -> impl Iterator<Item = String> {
        let mut unused: Vec<_> = self.rows.iter().filter(|(_, row)| !row.used).collect();
        unused.sort_unstable_by_key(|(_, row)| row.number);
        unused.into_iter().map(|(name, _)| shown(name))
    }
}

/// An error of reading the table, saying so.
fn of_the_table(error: Error) -> Error {
    match error {
        Error::Problem { code: code @ Code::InvalidData, detail, errors } => {
            Error::fields(code, format!("the table of labels: {detail}"), errors)
        }
        other => other,
    }
}
