//! The delimiter of a CSV file.

use std::io::Read;
use std::path::Path;

use super::records::{Record, Records};
use super::source::open_text;
use crate::error::{Context, Result};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const SAMPLE_BYTES: u64 = 1 << 20;
const SAMPLE_RECORDS: usize = 100;

/// How a file's beginning looks when split at one delimiter.
#[derive(Debug, Clone, Copy)]
struct Split {
    delimiter: u8,
    /// Fields of the first record.
    columns: usize,
    /// Records with another number of fields.
    ragged: usize,
}

/// The delimiter that splits the first records of a file most evenly.
///
/// # Errors
/// As [`open_text`] gives them.
pub(super) fn delimiter(path: &Path) -> Result<u8> {
    let mut sample = Vec::new();
    let input = open_text(path)?;
    input.take(SAMPLE_BYTES).read_to_end(&mut sample).context("reading an upload")?;
    Ok(choose(&DELIMITERS.map(|delimiter| split(&sample, delimiter))))
}

/// The split into most columns among the even ones. When none into two columns or more is even,
/// the header decides, so that the error is about the lines that differ from it. A file of one
/// column is read by a delimiter that does not occur.
fn choose(splits: &[Split]) -> u8 {
    let wide = splits.iter().filter(|s| s.columns > 1);
    let best = wide.min_by_key(|s| (s.ragged, std::cmp::Reverse(s.columns)));
    let best = best.or_else(|| splits.iter().min_by_key(|s| s.ragged));
    best.map_or(b',', |s| s.delimiter)
}

fn split(sample: &[u8], delimiter: u8) -> Split {
    let mut records = Records::new(sample, delimiter);
    let mut record = Record::default();
    let mut widths = Vec::new();
    // An open quote or a huge record is told later, by the pass over the whole file.
    while widths.len() < SAMPLE_RECORDS && records.read(&mut record).unwrap_or(false) {
        widths.push(record.len());
    }
    let cut = sample.len() as u64 == SAMPLE_BYTES && records.bytes() == SAMPLE_BYTES;
    if cut && widths.len() > 1 {
        widths.pop();
    }
    let columns = widths.first().copied().unwrap_or(0);
    Split { delimiter, columns, ragged: widths.iter().filter(|w| **w != columns).count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> char {
        char::from(choose(&DELIMITERS.map(|d| split(text.as_bytes(), d))))
    }

    #[test]
    fn the_delimiter_is_the_one_that_splits_evenly() {
        for (text, expected) in [
            ("a,b\n1,2\n", ','),
            ("a;b\n1,5;2,5\n", ';'),
            ("a\tb\n1,5\t2;5\n", '\t'),
            ("a|b|c\n1|2|3\n", '|'),
            ("a;b\n\"x;y\";2\n\"p,q;r\";3\n", ';'),
            ("a,b;c\n1,2;3\n4,5;6,7;8\n", ','),
            ("name;note, long\nx;a, b\ny;c\n", ';'),
            ("a,b,c\n1,2\n3,4,5\n", ','),
            ("a\n1\n2\n", ','),
            ("note\none, two\nthree\n", ';'),
            ("a", ','),
        ] {
            assert_eq!(chosen(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_sample_that_ends_within_a_record_is_judged_without_it() {
        let mut text = "a,b,c\n".to_owned();
        while text.len() < SAMPLE_BYTES as usize {
            text.push_str(&format!("{},2,3\n", "x".repeat(100_000)));
        }
        text.truncate(SAMPLE_BYTES as usize);
        let split = split(text.as_bytes(), b',');
        assert_eq!((split.columns, split.ragged), (3, 0));
    }
}
