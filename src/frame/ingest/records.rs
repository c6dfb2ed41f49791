//! Records of a CSV file (RFC 4180, and what is found in the wild: any delimiter, any line end,
//! blank lines, text after a closing quote).
//!
//! Own code rather than the csv crate's reader, which has no limit on the size of a record, takes
//! a quote that is never closed for the end of the last field, and counts lines so that the place
//! of an error would be off after blank lines. A test holds both to the same fields.

use std::io::BufRead;

use super::faults::fault;
use super::{MAX_COLUMNS, MAX_RECORD};
use crate::error::{Context, Result};

/// One record: its fields without quotes, in one buffer.
#[derive(Debug, Default)]
pub(super) struct Record {
    data: Vec<u8>,
    /// End of each field in `data`.
    ends: Vec<usize>,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let field = &self.data[start..end];
            start = end;
            field
        })
    }

    fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.data.len());
    }
}

/// Where in a record the reader is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// At the beginning of a line, nothing of a record read yet.
    Line,
    /// At the beginning of a later field.
    Field,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or the first of two.
    Closed,
}

/// Reads record after record.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    scan: Scan,
    bytes: u64,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        let scan =
            Scan { delimiter, state: State::Line, line: 1, quote_line: 1, after_return: false };
        Self { input, scan, bytes: 0 }
    }

    /// Bytes read up to now.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next record; false at the end of the file.
    ///
    /// # Errors
    /// [`Code::InvalidData`](crate::error::Code::InvalidData) naming the line for a record that is
    /// too large or has too many fields, and for a quote that is never closed.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool> {
        record.clear();
        self.scan.state = State::Line;
        loop {
            let chunk = self.input.fill_buf().context("reading an upload")?;
            if chunk.is_empty() {
                return self.scan.end(record);
            }
            let (used, ended) = self.scan.chunk(chunk, record);
            self.input.consume(used);
            self.bytes += used as u64;
            check(record)?;
            if ended {
                return Ok(true);
            }
        }
    }
}

/// # Errors
/// [`Code::InvalidData`](crate::error::Code::InvalidData) where a record is over a limit.
fn check(record: &Record) -> Result<()> {
    let place = || format!("line {}", record.line);
    if record.data.len() > MAX_RECORD {
        let detail = format!("is longer than {} MiB", MAX_RECORD >> 20);
        return Err(fault(place(), detail));
    }
    if record.ends.len() > MAX_COLUMNS {
        let detail = format!("has more than {MAX_COLUMNS} fields, the most that a dataset has");
        return Err(fault(place(), detail));
    }
    Ok(())
}

#[derive(Debug)]
struct Scan {
    delimiter: u8,
    state: State,
    /// The line that is being read, from 1.
    line: u64,
    /// The line of the last opening quote.
    quote_line: u64,
    /// Whether the last line ended with a carriage return, which a line feed may follow.
    after_return: bool,
}

impl Scan {
    /// Adds what a chunk holds of a record: the bytes used, and whether the record ended.
    fn chunk(&mut self, chunk: &[u8], record: &mut Record) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.state {
                State::Quoted => {
                    at += self.quoted(&chunk[at..], record);
                    continue;
                }
                State::Closed if byte == b'"' => {
                    record.data.push(byte);
                    self.state = State::Quoted;
                }
                State::Line | State::Field if byte == b'"' => {
                    self.begin(record);
                    self.quote_line = self.line;
                    self.state = State::Quoted;
                }
                _ if byte == self.delimiter => {
                    self.begin(record);
                    record.end_field();
                    self.state = State::Field;
                }
                _ if byte == b'\n' || byte == b'\r' => {
                    at += 1;
                    if self.end_line(byte, record) {
                        return (at, true);
                    }
                    continue;
                }
                _ => {
                    self.begin(record);
                    at += self.plain(&chunk[at..], record);
                    continue;
                }
            }
            at += 1;
        }
        (at, false)
    }

    /// Marks where a record begins.
    fn begin(&mut self, record: &mut Record) {
        if self.state == State::Line {
            record.line = self.line;
            self.after_return = false;
        }
    }

    /// Whether the line's end is a record's.
    fn end_line(&mut self, byte: u8, record: &mut Record) -> bool {
        let second_half = byte == b'\n' && self.after_return && self.state == State::Line;
        self.after_return = byte == b'\r';
        if second_half {
            return false;
        }
        self.line += 1;
        if self.state == State::Line {
            return false;
        }
        record.end_field();
        true
    }

    fn plain(&mut self, rest: &[u8], record: &mut Record) -> usize {
        let stop = |b: &u8| *b == self.delimiter || *b == b'\n' || *b == b'\r';
        let length = rest.iter().position(stop).unwrap_or(rest.len());
        record.data.extend_from_slice(&rest[..length]);
        self.state = State::Plain;
        length
    }

    fn quoted(&mut self, rest: &[u8], record: &mut Record) -> usize {
        let quote = rest.iter().position(|b| *b == b'"');
        let length = quote.unwrap_or(rest.len());
        let text = &rest[..length];
        self.line += text.iter().filter(|b| **b == b'\n').count() as u64;
        record.data.extend_from_slice(text);
        if quote.is_none() {
            return length;
        }
        self.state = State::Closed;
        length + 1
    }

    /// What the end of the file makes of a record.
    fn end(&self, record: &mut Record) -> Result<bool> {
        match self.state {
            State::Line => Ok(false),
            State::Quoted => Err(fault(
                format!("line {}", self.quote_line),
                "a quote is opened and never closed; close it, or write \"\" for a quote in a text",
            )),
            State::Field | State::Plain | State::Closed => {
                record.end_field();
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;

    /// Records with their lines, read through a buffer of so many bytes.
    fn read(text: &[u8], delimiter: u8, buffer: usize) -> Result<Vec<(u64, Vec<Vec<u8>>)>> {
        let input = BufReader::with_capacity(buffer, Cursor::new(text));
        let mut records = Records::new(input, delimiter);
        let mut record = Record::default();
        let mut all = Vec::new();
        while records.read(&mut record)? {
            all.push((record.line, record.fields().map(<[u8]>::to_vec).collect()));
        }
        assert_eq!(records.bytes(), text.len() as u64);
        Ok(all)
    }

    fn shown(text: &str) -> Vec<(u64, Vec<String>)> {
        let all = read(text.as_bytes(), b',', 3).unwrap().into_iter();
        let text = |f: Vec<u8>| String::from_utf8(f).unwrap();
        all.map(|(line, fields)| (line, fields.into_iter().map(text).collect())).collect()
    }

    fn lines(text: &str) -> Vec<u64> {
        shown(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn fields_are_split_and_unquoted() {
        let fields = |text| shown(text).into_iter().flat_map(|(_, f)| f).collect::<Vec<_>>();
        assert_eq!(fields("a,b\n"), ["a", "b"]);
        assert_eq!(fields("a,b"), ["a", "b"]);
        assert_eq!(fields("a,"), ["a", ""]);
        assert_eq!(fields(",\n"), ["", ""]);
        assert_eq!(fields("\"a,b\",\"say \"\"hi\"\"\"\n"), ["a,b", "say \"hi\""]);
        assert_eq!(fields("\"\"\n"), [""]);
        assert_eq!(fields("\"x\ny\",5\" pipe\n"), ["x\ny", "5\" pipe"]);
        assert_eq!(fields("\"a\"b,c\n"), ["ab", "c"]);
        assert_eq!(fields(""), Vec::<String>::new());
    }

    #[test]
    fn lines_are_counted_over_blank_lines_and_quoted_line_ends() {
        assert_eq!(lines("a\nb\nc"), [1, 2, 3]);
        assert_eq!(lines("a\r\nb\r\nc\r\n"), [1, 2, 3]);
        assert_eq!(lines("a\rb\rc"), [1, 2, 3]);
        assert_eq!(lines("\n\na\n\nb\n\n"), [3, 5]);
        assert_eq!(lines("\r\n\r\na\r\n\r\nb\r\n"), [3, 5]);
        assert_eq!(lines("a\n\"x\ny\nz\"\nb"), [1, 2, 5]);
        assert_eq!(lines("\"a\r\nb\"\r\nc"), [1, 3]);
    }

    fn problem(text: &[u8]) -> String {
        match read(text, b',', 4096) {
            Err(Error::Problem { detail, .. }) => detail,
            other => panic!("expected an error, got {} records", other.unwrap().len()),
        }
    }

    #[test]
    fn a_quote_that_stays_open_is_named_by_its_line() {
        let detail = problem(b"a,b\n1,2\n3,\"4\n5,6\n");
        assert!(detail.starts_with("line 3: a quote is opened and never closed"), "{detail}");
    }

    #[test]
    fn records_over_a_limit_are_named_by_their_line() {
        let mut text = b"a\n".to_vec();
        text.resize(MAX_RECORD + 10, b'x');
        assert_eq!(problem(&text), "line 2: is longer than 16 MiB");
        let text = b",".repeat(1_000_000);
        assert!(problem(&text).starts_with("line 1: has more than 2048 fields"));
    }

    proptest! {
        /// Any bytes of the kind that matters give the fields that the csv crate finds.
        #[test]
        fn fields_are_those_of_the_csv_crate(
            text in "([a,;\"\n]|\r\n|é){0,40}",
            delimiter in prop_oneof![Just(b','), Just(b';')],
            buffer in 1_usize..9,
        ) {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .from_reader(text.as_bytes());
            let expected = reader
                .byte_records()
                .map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
                .collect::<Vec<_>>();
            match read(text.as_bytes(), delimiter, buffer) {
                Ok(found) => {
                    let found = found.into_iter().map(|(_, f)| f).collect::<Vec<_>>();
                    prop_assert_eq!(found, expected);
                }
                Err(error) => prop_assert!(error.to_string().contains("never closed")),
            }
        }
    }
}
