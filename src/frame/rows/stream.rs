//! An Arrow IPC stream to a [`Frame`]: its arrays become those of the frame, or are cast to them,
//! without a value at a time where nothing is wrong with them.

mod fields;
mod messages;
mod values;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::buffer::Buffer;
use bytes::Bytes;

use self::fields::{Source, fits, wanted};
use self::messages::Content;
use super::{Cells, MAX_ERRORS, Misfits, RowReader, escape, missing, shown};
use crate::error::{Code, Error, FieldError, Result};
use crate::frame::Frame;

/// Most bytes of text and images that the values of a stream make together. A dictionary or a view
/// says a long text in a few bytes.
const MAX_TEXT: usize = if cfg!(test) { 1 << 16 } else { 64 << 20 };

/// A column as the stream describes it; where its type is not read, its name and that type's.
type Described = Result<Source, (String, String)>;

impl RowReader {
    /// Rows given as an Arrow IPC stream of the model's inputs, in any order.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] as [`RowReader::columns`] gives it, for columns that are unknown,
    /// missing, there twice or of a type that does not fit, and for every value that does not
    /// (100 at most). [`Code::MalformedRequest`] for what is no such stream;
    /// [`Code::InvalidRequest`] for no rows or more than
    /// [`MAX_ROWS`](crate::domain::prediction::MAX_ROWS); [`Code::TooLarge`] for texts that take
    /// more than 64 MiB.
    pub fn arrow(&self, bytes: Bytes) -> Result<Frame> {
        // Should arrow panic on a malformed stream all the same, that is one more bad stream.
        let read = AssertUnwindSafe(|| self.stream(bytes));
        catch_unwind(read).unwrap_or_else(|_| Err(broken("its batches can't be read")))
    }

    fn stream(&self, bytes: Bytes) -> Result<Frame> {
        let mut positions = Vec::new();
        let Content { rows, columns } = messages::read(Buffer::from(bytes), |described| {
            positions = self.check_described(described)?;
            Ok(())
        })?;
        if rows == 0 {
            let detail = "there are no rows: the stream has none in its batches";
            return Err(Error::field(Code::InvalidRequest, "/rows", detail));
        }
        let mut misfits = Misfits::default();
        let mut bad = vec![false; rows];
        let mut cells = Cells::default();
        let mut left = MAX_TEXT;
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, position) in self.columns.iter().zip(positions) {
            let mut misfit = |at: usize, why: &dyn Fn() -> String| {
                if let Some(bad) = bad.get_mut(at) {
                    *bad = true;
                }
                misfits.add(|| {
                    FieldError::new(format!("/columns/{}/{at}", escape(&column.name)), why())
                });
            };
            arrays.push(values::convert(
                column,
                &columns[position],
                &mut left,
                &mut cells,
                &mut misfit,
            )?);
        }
        misfits.rows = bad.iter().filter(|b| **b).count();
        misfits.finish(rows)?;
        self.assembled(rows, arrays)
    }

    /// Where in the stream each column of the signature is.
    fn check_described(&self, described: &[Described]) -> Result<Vec<usize>> {
        let name = |column: &Described| match column {
            Ok(source) => source.name.clone(),
            Err((name, _)) => name.clone(),
        };
        let names: Vec<String> = described.iter().map(name).collect();
        let pointer = |name: &str| format!("/columns/{}", escape(name));
        let mut errors = Vec::new();
        let mut positions = Vec::with_capacity(self.columns.len());
        for column in self.columns.iter() {
            let Some(position) = names.iter().position(|name| *name == column.name) else {
                errors.push(FieldError::new(pointer(&column.name), missing(column)));
                continue;
            };
            let kind = match &described[position] {
                Ok(source) if fits(column.kind, &source.values) => {
                    positions.push(position);
                    continue;
                }
                Ok(source) => source.values.to_string(),
                Err((_, kind)) => kind.clone(),
            };
            let detail = format!("has the type {}; {}", shown(&kind), wanted(column.kind));
            errors.push(FieldError::new(pointer(&column.name), detail));
        }
        let mut seen = HashSet::new();
        for name in &names {
            if !seen.insert(name.as_str()) {
                errors.push(FieldError::new(pointer(name), "stands twice; send it once"));
            } else if !self.columns.iter().any(|column| column.name == *name) {
                let detail = self.unknown(&name.chars().take(MAX_NAME).collect::<String>());
                errors.push(FieldError::new(pointer(name), detail));
            }
        }
        if errors.is_empty() {
            return Ok(positions);
        }
        errors.truncate(MAX_ERRORS);
        Err(Error::fields(Code::InvalidRows, super::OTHER_COLUMNS, errors))
    }
}

/// So much of an unknown name is compared with those of the model.
const MAX_NAME: usize = 200;

/// That a body is no stream that can be read, and why.
fn broken(why: impl AsRef<str>) -> Error {
    let detail = format!("the body is not an Arrow IPC stream that can be read: {}", why.as_ref());
    Error::new(Code::MalformedRequest, detail)
}

fn too_much_text() -> Error {
    let detail = format!(
        "the texts and images of the stream take more than {} MiB, each repetition counted: send \
         fewer rows at a time",
        MAX_TEXT >> 20
    );
    Error::new(Code::TooLarge, detail)
}

#[cfg(test)]
mod tests;
