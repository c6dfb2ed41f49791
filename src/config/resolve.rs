//! Finds what counts: flag over environment over file over default.

use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

use super::file::File;
use super::settings::{FILE_SUFFIX, SETTINGS, Setting, VARIABLE_PREFIX, variables};
use super::value::Value;
use super::{Effective, Environment, Flags, Source, set};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, FieldError, Result};

pub(super) struct Resolver<'a> {
    flags: Flags,
    environment: &'a Environment,
    file: File,
    effective: Vec<Effective>,
    errors: Vec<FieldError>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(flags: Flags, environment: &'a Environment, file: Option<File>) -> Self {
        let file = file.unwrap_or_default();
        Self { flags, environment, file, effective: Vec::new(), errors: Vec::new() }
    }

    pub(super) fn read(&mut self, file: File) {
        self.file = file;
    }

    /// The data directory, which comes first: it may hold the file with the rest.
    pub(super) fn data_dir(&mut self, default: fn() -> Result<PathBuf>) -> Result<PathBuf> {
        let mut given: Option<PathBuf> = None;
        self.set("data_dir", &mut given);
        let path = match given {
            Some(path) => path,
            None => default()?,
        };
        // Other processes are told this path, and they may run elsewhere.
        let path = std::path::absolute(&path).unwrap_or(path);
        if let Some(entry) = self.effective.last_mut() {
            entry.value = path.show();
        }
        Ok(path)
    }

    /// Puts what is given for a key over the default that stands in `place`.
    pub(super) fn set<T: Value>(&mut self, key: &'static str, place: &mut T) {
        self.set_by(key, place, T::parse);
    }

    /// The same of a whole number that lies within a range.
    pub(super) fn set_within<T: Value + PartialOrd>(
        &mut self,
        key: &'static str,
        place: &mut T,
        range: impl RangeBounds<T>,
    ) {
        self.set_by(key, place, |text| {
            let parsed = T::parse(text).ok().filter(|number| range.contains(number));
            parsed.ok_or_else(|| wanted(&range))
        });
    }

    fn set_by<T: Value>(
        &mut self,
        key: &'static str,
        place: &mut T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) {
        let Some(setting) = SETTINGS.iter().find(|s| s.key == key) else {
            self.errors.push(FieldError::new(key, "there is no such setting"));
            return;
        };
        let (source, result) = match self.given(setting) {
            None => (Source::Default, Ok(())),
            Some((text, source)) => {
                let result = text.and_then(|text| {
                    let parsed = parse(&text).map_err(|wanted| {
                        let shown = if setting.secret { "this" } else { text.as_str() };
                        format!("{key} can't be '{shown}': {wanted}")
                    })?;
                    *place = parsed;
                    Ok(())
                });
                (source, result)
            }
        };
        if let Err(detail) = result {
            let pointer = match &source {
                Source::Flag => format!("flag for {key}"),
                other => other.to_string(),
            };
            self.errors.push(FieldError::new(pointer, detail));
        }
        let value = place.show().map(|v| if setting.secret { mask(&v) } else { v });
        self.effective.push(Effective { key, value, source });
    }

    /// The text that is given, with its source.
    fn given(&self, setting: &Setting) -> Option<(Result<String, String>, Source)> {
        if let Some(text) = self.flags.values.get(setting.key) {
            return Some((Ok(text.clone()), Source::Flag));
        }
        for variable in setting.env {
            if let Some(text) = set(self.environment, variable) {
                return Some((Ok(text.to_owned()), Source::Environment((*variable).to_owned())));
            }
            if setting.secret {
                let variable = format!("{variable}{}", FILE_SUFFIX.to_ascii_uppercase());
                if let Some(path) = set(self.environment, &variable) {
                    return Some((secret(Path::new(path)), Source::Environment(variable)));
                }
            }
        }
        if let Some((text, line)) = self.file.values.get(setting.key) {
            return Some((Ok(text.clone()), Source::File(self.file.place(*line))));
        }
        let (path, line) = self.file.values.get(&format!("{}{FILE_SUFFIX}", setting.key))?;
        Some((secret(Path::new(path)), Source::File(self.file.place(*line))))
    }

    /// What is to be said of each variable with our prefix that nothing reads.
    pub(super) fn unknown_variables(&self) -> Vec<String> {
        let known: Vec<String> = variables().collect();
        let ours = self.environment.keys().filter(|name| name.starts_with(VARIABLE_PREFIX));
        ours.filter(|name| !known.contains(name))
            .map(|name| {
                let hint = did_you_mean(name, known.iter().map(String::as_str));
                format!("the variable {name} is ignored: there is no such setting{hint}")
            })
            .collect()
    }

    /// Every setting with its source.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming everything that was wrong.
    pub(super) fn finish(self) -> Result<Vec<Effective>> {
        if self.errors.is_empty() {
            return Ok(self.effective);
        }
        Err(Error::fields(Code::InvalidRequest, "some settings do not hold", self.errors))
    }
}

/// A range in words; whole numbers of unsigned types begin at 1 where nothing is said.
fn wanted<T: Value>(range: &impl RangeBounds<T>) -> String {
    let shown = |bound: Bound<&T>| match bound {
        Bound::Included(number) => number.show(),
        _ => None,
    };
    let low = shown(range.start_bound()).unwrap_or_else(|| "1".to_owned());
    match shown(range.end_bound()) {
        Some(high) => format!("give a whole number from {low} to {high}"),
        None => format!("give a whole number from {low} on"),
    }
}

/// The content of a secret's file, without the line end that editors add.
fn secret(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|error| format!("{} can't be read: {error}", path.display()))
}

/// A URL without its password; anything else without anything.
fn mask(secret: &str) -> String {
    const MASK: &str = "***";
    let Some((scheme, rest)) = secret.split_once("://") else { return MASK.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return format!("{scheme}://{MASK}") };
    let user = user.split(':').next().unwrap_or(user);
    // Parameters may hold a password, too.
    let host = host.split('?').next().unwrap_or(host);
    format!("{scheme}://{user}:{MASK}@{host}")
}
