//! CSV: one pass infers the types, a second one converts.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::columns::{check_names, declared, no_rows};
use super::dialect::delimiter;
use super::faults::{Faults, at, fault};
use super::records::{Record, Records};
use super::sink::Sink;
use super::source::{Reporter, open_text};
use super::{Ingested, OnProgress};
use crate::domain::schema::ColumnType;
use crate::error::Result;
use crate::frame::builder::Value;
use crate::frame::cells::{Cells, Guess, Number, misfit, parse_text};

pub(super) fn ingest(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let delimiter = delimiter(input)?;
    let columns = infer(input, delimiter, types, progress)?;
    convert(input, delimiter, columns, output, progress)
}

/// The names and types of the columns.
fn infer(
    input: &Path,
    delimiter: u8,
    types: &[(String, ColumnType)],
    progress: OnProgress<'_>,
) -> Result<Vec<(String, ColumnType)>> {
    let (names, mut records) = open(input, delimiter)?;
    let declared = declared(&names, types)?;
    let mut guesses = vec![Guess::NOTHING; names.len()];
    let mut reporter = Reporter::new(progress, "typing", input)?;
    let mut faults = Faults::default();
    let mut record = Record::default();
    let mut rows = 0;
    while records.read(&mut record)? {
        rows += 1;
        if record.len() == names.len() {
            for (guess, field) in guesses.iter_mut().zip(record.fields()) {
                guess.observe(field);
            }
        } else {
            let detail = format!("has {} fields, and the first line {}", record.len(), names.len());
            faults.add(format!("line {}", record.line), detail)?;
        }
        reporter.reached(rows, records.bytes())?;
    }
    faults.check()?;
    if rows == 0 {
        return Err(no_rows());
    }
    reporter.ended(rows)?;
    let kinds = declared.into_iter().zip(guesses).map(|(d, g)| d.unwrap_or_else(|| g.kind()));
    Ok(names.into_iter().zip(kinds).collect())
}

fn convert(
    input: &Path,
    delimiter: u8,
    columns: Vec<(String, ColumnType)>,
    output: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let (names, mut records) = open(input, delimiter)?;
    let kinds = columns.iter().map(|(_, kind)| *kind).collect::<Vec<_>>();
    let mut sink = Sink::create(output, columns)?;
    let mut reporter = Reporter::new(progress, "writing", input)?;
    let mut faults = Faults::default();
    let mut record = Record::default();
    let mut cells = Cells::default();
    let mut rows = 0;
    while records.read(&mut record)? {
        rows += 1;
        for (column, (field, kind)) in record.fields().zip(&kinds).enumerate() {
            match cells.read(*kind, field) {
                Ok(value) => sink.push(column, value),
                Err(problem) => {
                    sink.push(column, Value::Null);
                    faults.add(at(record.line, &names[column]), problem)?;
                }
            }
        }
        sink.end_row()?;
        reporter.reached(rows, records.bytes())?;
    }
    faults.check()?;
    reporter.ended(rows)?;
    sink.finish()
}

/// The columns' names and the records after them.
fn open(input: &Path, delimiter: u8) -> Result<(Vec<String>, Records<BufReader<File>>)> {
    let mut records = Records::new(open_text(input)?, delimiter);
    let mut header = Record::default();
    if !records.read(&mut header)? {
        return Err(no_rows());
    }
    let line = header.line;
    let place = |column: usize| format!("line {line}, column {}", column + 1);
    let mut names = Vec::with_capacity(header.len());
    for (column, field) in header.fields().enumerate() {
        match parse_text(field) {
            Some(name) => names.push(name.trim().to_owned()),
            None => return Err(fault(place(column), misfit(ColumnType::String, field))),
        }
    }
    let numbers = header.fields().filter(|f| Number::of(f.trim_ascii()).float).count();
    if numbers == names.len() {
        let detail = "the first line must name the columns, and this one holds only numbers";
        return Err(fault(format!("line {line}"), detail));
    }
    check_names(&names, place)?;
    Ok((names, records))
}
