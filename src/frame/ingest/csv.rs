//! CSV: the first rows tell the types, and one pass converts all rows as long as they agree. Where one
//! does not, a pass over all of them infers the types and another one converts: the types, and what is
//! said of a file that can't be read, are those of the whole file either way.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::columns::{check_names, declared, no_rows};
use super::dialect::delimiter;
use super::faults::{Faults, at, fault};
use super::nearly::Nearly;
use super::records::{Record, Records};
use super::sink::Sink;
use super::source::{Reporter, open_text};
use super::{Ingested, OnProgress, Output};
use crate::domain::schema::ColumnType;
use crate::error::Result;
use crate::frame::builder::Value;
use crate::frame::cells::{Cells, Guess, Number, misfit, parse_text};

/// Of the first rows, by which the types are expected.
const SAMPLE_BYTES: u64 = if cfg!(test) { 64 } else { 1 << 20 };

pub(super) fn ingest(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let delimiter = delimiter(input)?;
    if let Some(columns) = expected(input, delimiter, types)?
        && let Some(ingested) = convert_expected(input, delimiter, &columns, output, progress)?
    {
        return Ok(ingested);
    }
    in_two_passes(input, delimiter, types, output, progress)
}

fn in_two_passes(
    input: &Path,
    delimiter: u8,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let columns = infer(input, delimiter, types, progress)?;
    let is_declared = |name: &str| types.iter().any(|(declared, _)| declared == name);
    let nearly =
        columns.iter().map(|(name, kind)| *kind == ColumnType::String && !is_declared(name));
    let nearly = Nearly::of(nearly);
    convert(input, delimiter, columns, nearly, output, progress)
}

pub(super) fn column_names(input: &Path) -> Result<Vec<String>> {
    open(input, delimiter(input)?).map(|(names, _)| names)
}

/// What the first rows say of a column.
#[derive(Debug, Clone)]
struct Expected {
    name: String,
    kind: ColumnType,
    is_declared: bool,
    /// Whether any of them has a value; else the type is open.
    is_seen: bool,
}

impl Expected {
    fn is_inferred_text(&self) -> bool {
        self.kind == ColumnType::String && !self.is_declared
    }
}

/// The names of the columns and the types that the first rows have; None where these are not sound.
fn expected(
    input: &Path,
    delimiter: u8,
    types: &[(String, ColumnType)],
) -> Result<Option<Vec<Expected>>> {
    let (names, mut records) = open(input, delimiter)?;
    let declared = declared(&names, types)?;
    let mut guesses = vec![Guess::NOTHING; names.len()];
    let mut record = Record::default();
    while records.bytes() < SAMPLE_BYTES {
        match records.read(&mut record) {
            Ok(true) if record.len() == names.len() => {
                let fields = guesses.iter_mut().zip(record.fields());
                fields.for_each(|(guess, field)| guess.observe(field));
            }
            Ok(false) => break,
            // Told with everything else that is wrong.
            Ok(true) | Err(_) => return Ok(None),
        }
    }
    let each = names.into_iter().zip(declared.into_iter().zip(guesses));
    let column = |(name, (declared, guess)): (String, (Option<ColumnType>, Guess))| Expected {
        name,
        kind: declared.unwrap_or_else(|| guess.kind()),
        is_declared: declared.is_some(),
        is_seen: guess.is_seen(),
    };
    Ok(Some(each.map(column).collect()))
}

/// Converts a file whose rows are all as the first ones said; None where one is not, or can't be read.
fn convert_expected(
    input: &Path,
    delimiter: u8,
    columns: &[Expected],
    output: &dyn Output,
    progress: OnProgress<'_>,
) -> Result<Option<Ingested>> {
    let (_, mut records) = open(input, delimiter)?;
    let described = columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
    let mut sink = Sink::create(output, described)?;
    let mut reporter = Reporter::new(progress, "writing", input)?;
    let mut record = Record::default();
    let mut cells = Cells::default();
    let mut nearly = Nearly::of(columns.iter().map(Expected::is_inferred_text));
    let mut rows = 0;
    loop {
        match records.read(&mut record) {
            Ok(true) if record.len() == columns.len() => {}
            Ok(false) if rows > 0 => break,
            Ok(_) | Err(_) => return Ok(None),
        }
        rows += 1;
        for (at, (field, column)) in record.fields().zip(columns).enumerate() {
            nearly.observe(at, record.line, field);
            let value = match column.is_declared {
                true => cells.read(column.kind, field).ok(),
                false => cells.read_inferred(column.kind, field),
            };
            match value {
                Some(value) if column.is_seen || column.is_declared || value == Value::Null => {
                    sink.push(at, value);
                }
                _ => return Ok(None),
            }
        }
        sink.end_row(true)?;
        reporter.reached(rows, records.bytes())?;
    }
    reporter.ended(rows)?;
    let mut ingested = sink.finish()?;
    nearly.note(&mut ingested);
    Ok(Some(ingested))
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
    mut nearly: Nearly,
    output: &dyn Output,
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
            nearly.observe(column, record.line, field);
            match cells.read(*kind, field) {
                Ok(value) => sink.push(column, value),
                Err(problem) => {
                    sink.push(column, Value::Null);
                    faults.add(at(record.line, &names[column]), problem)?;
                }
            }
        }
        sink.end_row(faults.is_empty())?;
        reporter.reached(rows, records.bytes())?;
    }
    faults.check()?;
    reporter.ended(rows)?;
    let mut ingested = sink.finish()?;
    nearly.note(&mut ingested);
    Ok(ingested)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::frame::read_parquet;

    type Outcome = std::result::Result<(Ingested, Vec<Vec<String>>), String>;

    /// What becomes of a text, and every value of it.
    fn became(
        text: &str,
        types: &[(String, ColumnType)],
        ingest: impl Fn(&Path, &dyn Output) -> Result<Ingested>,
    ) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::write(&input, text).unwrap();
        let ingested = ingest(&input, &output).map_err(|error| format!("{types:?} {error:?}"))?;
        let frame = read_parquet(File::open(&output).unwrap(), None).unwrap();
        let values = frame.columns().iter().map(|column| {
            let (_, array) = (&column.name, frame.texts(&column.name));
            match array {
                Ok(texts) => texts.iter().map(|text| format!("{text:?}")).collect(),
                Err(_) => {
                    let numbers = frame.numbers(&column.name).unwrap();
                    numbers.iter().map(|number| format!("{:?}", number.to_bits())).collect()
                }
            }
        });
        let values = values.collect();
        Ok((ingested, values))
    }

    fn both(text: &str, types: &[(String, ColumnType)]) -> (Outcome, Outcome) {
        let quick = became(text, types, |input, output| {
            super::ingest(input, types, output, &mut |_| Ok(()))
        });
        let slow = became(text, types, |input, output| {
            in_two_passes(input, delimiter(input)?, types, output, &mut |_| Ok(()))
        });
        (quick, slow)
    }

    /// Cells of which each type has some, and some that only look like it.
    const CELLS: [&str; 24] = [
        "1",
        "-7",
        "0",
        "-0",
        "007",
        "123456789012345",
        "1234567890123456",
        "9007199254740993",
        "1.5",
        ".5",
        "-0.25",
        "00.5",
        "1e3",
        "1e999",
        "true",
        "FALSE",
        "yes",
        "2026-01-31",
        "31.01.2026",
        "",
        "NA",
        "x",
        "\"a,b\"",
        " 2 ",
    ];

    #[test]
    fn what_the_first_rows_say_is_held_to() {
        let long = |first: &str, last: &str| {
            format!("a,b\n{}{last},1\n", format!("{first},1\n").repeat(30))
        };
        for (first, last) in
            [("1", "2"), ("1", "1.5"), ("1.5", "x"), ("", "3"), ("true", "0"), ("1", "-0")]
        {
            let (quick, slow) = both(&long(first, last), &[]);
            assert_eq!(quick, slow, "{first} {last}");
            assert!(quick.is_ok());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Types, statistics, values and errors are those of the two passes.
        #[test]
        fn one_pass_does_what_two_do(
            usual in proptest::collection::vec(0..CELLS.len(), 1..4),
            other in (0_usize..60, 0_usize..4, 0..CELLS.len()),
            rows in 1_usize..60,
            declared in proptest::option::of(proptest::sample::select(vec![
                ColumnType::Int64, ColumnType::Float64, ColumnType::String, ColumnType::Bool, ColumnType::Timestamp,
            ])),
        ) {
            let mut text = (0..usual.len()).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
            text.push('\n');
            for row in 0..rows {
                let cells = usual.iter().enumerate().map(|(at, cell)| {
                    CELLS[if (row, at) == (other.0, other.1) { other.2 } else { *cell }]
                });
                text.push_str(&cells.collect::<Vec<_>>().join(","));
                text.push('\n');
            }
            let types: Vec<_> = declared.map(|kind| ("c0".to_owned(), kind)).into_iter().collect();
            let (quick, slow) = both(&text, &types);
            prop_assert_eq!(quick, slow);
        }
    }
}
