//! The settings file: TOML whose every value remembers its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::settings;
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, FieldError, Result};

/// A settings file that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Text and line of every known key.
    pub(super) values: BTreeMap<String, (String, usize)>,
}

impl File {
    /// Reads a file that must be there.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] with the line of everything that is wrong in it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(
                Code::InvalidRequest,
                format!("the settings file {} can't be read: {error}", path.display()),
            )
        })?;
        let mut file = Self { path: path.to_owned(), values: BTreeMap::new() };
        let table = DeTable::parse(&text).map_err(|error| {
            let line = line_of(&text, error.span().map_or(0, |span| span.start));
            file.refused(vec![FieldError::new(file.place(line), error.message())])
        })?;
        let mut errors = Vec::new();
        file.collect(&text, "", table.get_ref(), &mut errors);
        if errors.is_empty() { Ok(file) } else { Err(file.refused(errors)) }
    }

    /// `actuary.toml, line 3`.
    pub(super) fn place(&self, line: usize) -> String {
        format!("{}, line {line}", self.path.display())
    }

    fn refused(&self, errors: Vec<FieldError>) -> Error {
        let detail = format!("the settings file {} does not hold", self.path.display());
        Error::fields(Code::InvalidRequest, detail, errors)
    }

    fn collect(
        &mut self,
        text: &str,
        prefix: &str,
        table: &DeTable<'_>,
        errors: &mut Vec<FieldError>,
    ) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let line = line_of(text, name.span().start);
            match (value.get_ref(), settings::is_section(&key), settings::find(&key)) {
                (DeValue::Table(inner), true, _) => {
                    self.collect(text, &format!("{key}."), inner, errors);
                }
                (value, false, true) => match scalar(value) {
                    Some(value) => {
                        self.values.insert(key, (value, line));
                    }
                    None => errors.push(FieldError::new(
                        self.place(line),
                        format!("{key} takes a single value, not this {}", value.type_str()),
                    )),
                },
                (_, true, _) => errors.push(FieldError::new(
                    self.place(line),
                    format!("{key} is a section: write [{key}] and its settings below"),
                )),
                (_, false, false) => {
                    let hint =
                        did_you_mean(&key, settings::file_keys().chain(settings::sections()));
                    errors.push(FieldError::new(
                        self.place(line),
                        format!("there is no setting {key}{hint}"),
                    ));
                }
            }
        }
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
