//! What in a file does not fit, gathered so that one run names many places.

use crate::error::{Code, Error, FieldError, Result};
use crate::frame::shown;

/// Places named before reading stops.
const MAX_FAULTS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Faults {
    errors: Vec<FieldError>,
}

impl Faults {
    /// Adds a place.
    ///
    /// # Errors
    /// [`Code::InvalidData`] once there are twenty.
    pub(super) fn add(&mut self, place: String, detail: impl Into<String>) -> Result<()> {
        self.errors.push(FieldError::new(place, detail));
        if self.errors.len() < MAX_FAULTS { Ok(()) } else { Err(self.error()) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// # Errors
    /// [`Code::InvalidData`] when anything was added.
    pub(super) fn check(&mut self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    fn error(&mut self) -> Error {
        let errors = std::mem::take(&mut self.errors);
        let first =
            errors.first().map_or_else(String::new, |e| format!("{}: {}", e.pointer, e.detail));
        let detail = match errors.len() {
            1 => first,
            MAX_FAULTS => {
                format!("{MAX_FAULTS} places or more can't be read; the first is {first}")
            }
            n => format!("{n} places can't be read; the first is {first}"),
        };
        Error::fields(Code::InvalidData, detail, errors)
    }
}

/// A fault after which nothing more can be read.
pub(super) fn fault(place: impl Into<String>, detail: impl Into<String>) -> Error {
    let (place, detail) = (place.into(), detail.into());
    let text = format!("{place}: {detail}");
    Error::fields(Code::InvalidData, text, vec![FieldError::new(place, detail)])
}

/// A cell's place in a file of lines.
pub(super) fn at(line: u64, column: &str) -> String {
    format!("line {line}, column {}", shown(column))
}
