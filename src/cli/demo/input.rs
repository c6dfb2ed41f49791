//! What the demonstration trains on: generated loans, or the user's own file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::column_names;
use crate::app::loan_book::{self, LoanBook};
use crate::client::Source;
use crate::domain::dataset::DataFormat;
use crate::domain::name::did_you_mean;
use crate::domain::version::{Metrics, Version};
use crate::error::{Code, Error, Result};

/// The flag that names the column to predict.
const TARGET: &str = "--target";

/// The same loans each time, so that two runs can be compared.
const SEED: u64 = 1;

pub(super) struct Input {
    pub(super) dataset: String,
    pub(super) model: String,
    pub(super) target: String,
    pub(super) format: DataFormat,
    pub(super) source: Source,
    /// How the rows are parted, when not at random.
    pub(super) parts: Option<Value>,
    /// The generated loans, whose true probabilities are known.
    book: Option<LoanBook>,
}

impl Input {
    /// Generated loans. The newest test, as they would in life.
    pub(super) fn generated(rows: usize) -> Result<Self> {
        let book = loan_book::generate(rows, SEED);
        let mut csv = Vec::new();
        book.write_csv(&mut csv)?;
        Ok(Self {
            dataset: "demo-loans".to_owned(),
            model: "demo-default".to_owned(),
            target: loan_book::TARGET.to_owned(),
            format: DataFormat::Csv,
            source: Source::Bytes(csv.into()),
            parts: Some(json!({"by": "time", "column": loan_book::COLUMNS[0]})),
            book: Some(book),
        })
    }

    /// The user's own file.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] when it can't be read, or is known to have no such column;
    /// [`Code::InvalidData`] when what names its columns does not.
    pub(super) fn of_file(path: PathBuf, target: String) -> Result<Self> {
        let format = format_of(&path).map_err(|error| {
            let detail = format!("{} can't be read: {error}", path.display());
            Error::new(Code::InvalidRequest, detail)
        })?;
        if let Some(columns) = column_names(&path, format)?
            && !columns.contains(&target)
        {
            let hint = did_you_mean(&target, columns.iter().map(String::as_str));
            let detail = format!("{} has no column {target}{hint}", path.display());
            return Err(Error::field(Code::InvalidRequest, TARGET, detail));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            dataset: format!("demo-{}", name_of(&stem)),
            model: format!("demo-{}", name_of(&target)),
            target,
            format,
            source: Source::File(path),
            parts: None,
            book: None,
        })
    }

    pub(super) fn is_generated(&self) -> bool {
        self.book.is_some()
    }

    /// The AUC that the true probabilities reach on the rows which the version was tested on: the
    /// last, since the oldest trained.
    pub(super) fn best_auc(&self, version: &Version) -> Option<f64> {
        let Metrics::Binary(metrics) = &version.metrics else { return None };
        let tested = usize::try_from(metrics.n).ok()?;
        self.book.as_ref()?.best_auc_of_last(tested)
    }
}

/// An error of the specification in the command's words: what is wrong with the target, once.
pub(super) fn in_words_of_the_command(error: Error) -> Error {
    match error {
        Error::Problem { code, mut errors, .. } if matches!(errors.as_slice(), [only] if only.pointer == "/target") => {
            Error::field(code, TARGET, errors.pop().map(|only| only.detail).unwrap_or_default())
        }
        other => other,
    }
}

/// By its ending, else by how it begins.
pub(in crate::cli) fn format_of(path: &Path) -> std::io::Result<DataFormat> {
    let mut begin = [0; 256];
    let length = File::open(path)?.read(&mut begin)?;
    let begin = begin.get(..length).unwrap_or_default();
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    Ok(match ending.as_str() {
        "csv" | "tsv" => DataFormat::Csv,
        "jsonl" | "ndjson" => DataFormat::JsonLines,
        "parquet" => DataFormat::Parquet,
        _ if begin.starts_with(b"PAR1") => DataFormat::Parquet,
        _ if begin.trim_ascii_start().starts_with(b"{") => DataFormat::JsonLines,
        _ => DataFormat::Csv,
    })
}

/// Only what a name may have, and not too much of it.
fn name_of(text: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(known).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::check_name;
    use crate::error::FieldError;

    #[test]
    fn a_format_is_known_by_ending_or_content() {
        let dir = tempfile::tempdir().unwrap();
        let format = |name: &str, content: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            format_of(&path).unwrap()
        };
        assert_eq!(format("a.CSV", "{"), DataFormat::Csv);
        assert_eq!(format("a.jsonl", ""), DataFormat::JsonLines);
        assert_eq!(format("a", " \n{\"a\":1}"), DataFormat::JsonLines);
        assert_eq!(format("b", "PAR1..."), DataFormat::Parquet);
        assert_eq!(format("a.data", "a;b"), DataFormat::Csv);
        assert!(format_of(&dir.path().join("none.csv")).is_err());
    }

    #[test]
    fn a_target_that_the_file_lacks_is_told_once_by_its_flag() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("houses.csv");
        std::fs::write(&path, "size;price\n1;2\n").unwrap();
        let problem = |error: Error| match error {
            Error::Problem { detail, errors, .. } => (detail, errors),
            other => panic!("{other}"),
        };
        let wrong = Input::of_file(path.clone(), "prize".to_owned()).err().unwrap();
        let (detail, errors) = problem(wrong);
        assert!(
            detail.ends_with("houses.csv has no column prize; did you mean price?"),
            "{detail}"
        );
        assert_eq!(errors, [FieldError::new("--target", &detail)]);
        assert!(Input::of_file(path, "price".to_owned()).is_ok());
        let told = vec![FieldError::new("/target", "has one value")];
        let told = Error::fields(Code::InvalidSpec, "/target: has one value", told);
        let (detail, errors) = problem(in_words_of_the_command(told));
        assert_eq!(detail, "has one value");
        assert_eq!(errors, [FieldError::new("--target", "has one value")]);
    }

    #[test]
    fn any_file_and_target_give_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Größe (2).csv");
        std::fs::write(&path, "a;default.payment next\n1;2\n").unwrap();
        let input = Input::of_file(path, "default.payment next".to_owned()).unwrap();
        assert_eq!(
            (input.dataset.as_str(), input.model.as_str()),
            ("demo-gr--e--2-", "demo-default-payment-next")
        );
        assert!(check_name("", &input.dataset).is_ok() && check_name("", &input.model).is_ok());
    }
}
