//! Texts in rows as CSV.

use crate::error::{Context, Error, Result};

/// A line of headings and one for each row (RFC 4180, lines ended by LF).
///
/// # Errors
/// [`Error::Internal`] for a row that has not as many texts as there are headings.
pub fn texts_as_csv(headings: &[String], rows: &[Vec<String>]) -> Result<String> {
    const WRITING: &str = "writing CSV";
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(headings).context(WRITING)?;
    for row in rows {
        csv.write_record(row).context(WRITING)?;
    }
    let bytes = csv.into_inner().map_err(|error| Error::internal(WRITING, error.to_string()))?;
    String::from_utf8(bytes).context(WRITING)
}
