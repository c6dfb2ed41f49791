//! Reason tables as CSV: `code,columns,when,text,language`, a line for each entry.
//!
//! `columns` are names joined by `;`. `when` is `high`, `low`, `missing`, empty, or `in` and categories
//! joined by `;`. Names that hold a `;` or begin or end with a space are written as a JSON list.

use csv::{ReaderBuilder, StringRecord, Terminator, Trim, WriterBuilder};

use crate::domain::reason::{MAX_ENTRIES, ReasonCondition, ReasonEntry, ReasonValue};
use crate::error::{Code, Context, Error, FieldError, Result};

const HEADER: [&str; 5] = ["code", "columns", "when", "text", "language"];
/// Columns that may be left out.
const OPTIONAL: [&str; 2] = ["when", "language"];

/// The entries of a table with the lines on which they stand, counted from 1.
///
/// # Errors
/// [`Code::InvalidRequest`] naming each line that can't be read, or what is wrong with the header.
pub fn read_reason_entries(bytes: &[u8]) -> Result<Vec<(ReasonEntry, u64)>> {
    let refuse =
        |errors| Err(Error::fields(Code::InvalidRequest, "the reason table can't be read", errors));
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(bytes);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return refuse(vec![FieldError::new("line 1", error.to_string())]),
    };
    let places = match places(&header) {
        Ok(places) => places,
        Err(error) => return refuse(vec![error]),
    };
    let (mut entries, mut errors) = (Vec::new(), Vec::new());
    for record in reader.records().take(MAX_ENTRIES + 1) {
        let read = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            FieldError::new(format!("line {line}"), format!("can't be read: {error}"))
        });
        match read.and_then(|record| entry(&record, &places)) {
            Ok(entry) => entries.push(entry),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(entries) } else { refuse(errors) }
}

/// Where each column of [`HEADER`] stands.
fn places(header: &StringRecord) -> std::result::Result<[Option<usize>; 5], FieldError> {
    let mut places = [None; 5];
    for (at, name) in header.iter().enumerate() {
        let Some(known) = HEADER.iter().position(|known| known.eq_ignore_ascii_case(name)) else {
            let detail = format!("'{name}' is none of {}", HEADER.join(", "));
            return Err(FieldError::new("line 1", detail));
        };
        if places[known].replace(at).is_some() {
            return Err(FieldError::new("line 1", format!("{name} stands twice")));
        }
    }
    for (name, place) in HEADER.iter().zip(&places) {
        if place.is_none() && !OPTIONAL.contains(name) {
            let detail = format!("has no column {name}: the header is {}", HEADER.join(","));
            return Err(FieldError::new("line 1", detail));
        }
    }
    Ok(places)
}

fn entry(
    record: &StringRecord,
    places: &[Option<usize>; 5],
) -> std::result::Result<(ReasonEntry, u64), FieldError> {
    let line = record.position().map_or(0, csv::Position::line);
    let cell = |at: usize| places[at].and_then(|place| record.get(place)).unwrap_or_default();
    let bad = |at: usize, detail: &str| {
        FieldError::new(format!("line {line}, column {}", HEADER[at]), detail)
    };
    let not_listed = "is no JSON list of texts";
    let when = match cell(2).trim() {
        "" => None,
        text => Some(match (ReasonValue::parse(text), text.strip_prefix("in ")) {
            (Some(value), _) => ReasonCondition::Is(value),
            (None, Some(values)) => {
                ReasonCondition::OneOf(listed(values).ok_or_else(|| bad(2, not_listed))?)
            }
            (None, None) => {
                return Err(bad(2, "is none of high, low, missing, or: in north;south"));
            }
        }),
    };
    let language = Some(cell(4)).filter(|language| !language.is_empty()).map(str::to_owned);
    let columns = listed(cell(1)).ok_or_else(|| bad(1, not_listed))?;
    let (code, text) = (cell(0).to_owned(), cell(3).to_owned());
    Ok((ReasonEntry { code, columns, when, text, language }, line))
}

fn listed(text: &str) -> Option<Vec<String>> {
    if text.trim_start().starts_with('[')
        && let Ok(names) = serde_json::from_str(text)
    {
        return Some(names);
    }
    if text.is_empty() {
        return Some(Vec::new());
    }
    Some(text.split(';').map(|name| name.trim().to_owned()).collect())
}

fn joined(names: &[String]) -> Result<String> {
    let is_plain = |name: &String| {
        !name.is_empty() && !name.contains(';') && !name.starts_with('[') && name.trim() == name
    };
    match names.iter().all(is_plain) {
        true => Ok(names.join(";")),
        false => serde_json::to_string(names).context("writing names"),
    }
}

/// Entries as [`read_reason_entries`] reads them.
///
/// # Errors
/// Internal, when they can't be written.
pub fn write_reason_entries(entries: &[ReasonEntry]) -> Result<Vec<u8>> {
    const WRITING: &str = "writing a reason table";
    let mut writer =
        WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(HEADER).context(WRITING)?;
    for ReasonEntry { code, columns, when, text, language } in entries {
        let when = match when {
            None => String::new(),
            Some(ReasonCondition::Is(value)) => value.as_str().to_owned(),
            Some(ReasonCondition::OneOf(values)) => format!("in {}", joined(values)?),
        };
        let language = language.as_deref().unwrap_or_default();
        let cells = [code, &joined(columns)?, &when, text, language];
        writer.write_record(cells).context(WRITING)?;
    }
    writer.into_inner().map_err(|error| error.to_string()).context(WRITING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<ReasonEntry> {
        let entry = |code: &str, columns: &[&str], when, text: &str| ReasonEntry {
            code: code.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            when,
            text: text.to_owned(),
            language: None,
        };
        let one_of = |values: &[&str]| {
            Some(ReasonCondition::OneOf(values.iter().map(|v| (*v).to_owned()).collect()))
        };
        vec![
            entry("R01", &["PAY_0", "PAY_2"], None, "Late payments, in \"recent\" months."),
            entry("R02", &["a;b", " c "], None, "Ünusual; columns."),
            entry("R03", &["[x]"], Some(ReasonCondition::Is(ReasonValue::High)), "High."),
            entry("R04", &["region"], one_of(&["north", "south"]), "Region."),
            entry("R05", &["region"], one_of(&["a;b"]), "Region."),
            entry("R06", &["region"], one_of(&["in high", ""]), "Region."),
            ReasonEntry {
                language: Some("es-MX".to_owned()),
                ..entry("R07", &["age"], Some(ReasonCondition::Is(ReasonValue::Missing)), "Edad.")
            },
        ]
    }

    #[test]
    fn what_is_written_reads_as_the_same_table() {
        let bytes = write_reason_entries(&table()).unwrap();
        let read = read_reason_entries(&bytes).unwrap();
        assert_eq!(read.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>(), table());
        assert_eq!(read.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn two_columns_of_the_header_may_be_left_out_and_excels_mark_too() {
        let read = read_reason_entries(
            "\u{feff}text, columns ,code\r\nLate.,PAY_0; PAY_2,R1\r\n".as_bytes(),
        );
        let read = read.unwrap();
        assert_eq!((read[0].0.code.as_str(), read[0].0.columns.len()), ("R1", 2));
        assert_eq!(read[0].0.columns[1], "PAY_2");
    }

    #[test]
    fn what_can_t_be_read_is_named_by_its_line() {
        for (text, place, word) in [
            ("code,columns\n", "line 1", "no column text"),
            ("code,columns,text,txet\n", "line 1", "'txet' is none of"),
            ("code,columns,text,code\n", "line 1", "twice"),
            ("code,columns,text,when\nR,a,b,hgih\n", "line 2, column when", "high, low"),
            ("code,columns,text\nR,a\n", "line 2", "can't be read"),
        ] {
            let error = read_reason_entries(text.as_bytes()).unwrap_err();
            let Error::Problem { errors, .. } = error else { panic!("{error}") };
            assert_eq!(errors[0].pointer, place, "{text}");
            assert!(errors[0].detail.contains(word), "{errors:?}");
        }
    }
}
