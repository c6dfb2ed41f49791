//! Finished folds, kept as one JSON object a line.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use actuary::error::{Code, Context, Error, Result};
use serde::{Deserialize, Serialize};

/// A fold that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fold {
    pub(crate) set: String,
    /// SHA-256 of the data: other data, other folds.
    pub(crate) sha256: String,
    pub(crate) folds: u32,
    pub(crate) fold: u32,
    /// Of the training.
    #[serde(default)]
    pub(crate) seed: u64,
    pub(crate) metric: String,
    pub(crate) value: f64,
    pub(crate) seconds: f64,
}

/// What has been done already.
///
/// # Errors
/// [`Code::InvalidRequest`] when the file holds something else.
pub(crate) fn load(path: Option<&Path>) -> Result<Vec<Fold>> {
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path).context(format!("reading {}", path.display()))?;
    let fold = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            let place = format!("{}, line {}", path.display(), number + 1);
            Error::field(Code::InvalidRequest, place, format!("this is no finished fold: {error}"))
        })
    };
    text.lines().enumerate().map(fold).collect()
}

/// Adds a fold.
///
/// # Errors
/// [`Error::Internal`] when the file can't be written.
pub(crate) fn add(path: Option<&Path>, fold: &Fold) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut line = serde_json::to_string(fold).context("writing a finished fold")?;
    line.push('\n');
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .context(format!("writing {}", path.display()))
}
