//! Names and types of an upload's columns.

use std::collections::HashSet;

use super::MAX_COLUMNS;
use super::faults::Faults;
use crate::domain::name::did_you_mean;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, FieldError, Result};

/// Longest name of a column in bytes.
const MAX_NAME: usize = 256;

/// Checks names that were trimmed. `place` says where the column at a position is named.
///
/// # Errors
/// [`Code::InvalidData`] naming the columns that have no name, one that another column has, one
/// that is too long or holds control characters; also for more than [`MAX_COLUMNS`].
pub(super) fn check_names(names: &[String], place: impl Fn(usize) -> String) -> Result<()> {
    if names.len() > MAX_COLUMNS {
        let detail =
            format!("the file has {} columns, and a dataset at most {MAX_COLUMNS}", names.len());
        return Err(Error::new(Code::InvalidData, detail));
    }
    let mut faults = Faults::default();
    let mut known = HashSet::new();
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() {
            faults.add(place(at), "has no name; give it one")?;
        } else if name.len() > MAX_NAME {
            faults.add(place(at), format!("has a name of more than {MAX_NAME} bytes"))?;
        } else if name.contains(char::is_control) {
            faults.add(place(at), "has control characters in its name")?;
        } else if !known.insert(name) {
            let detail = format!("is named {name}, as an earlier column is; rename one");
            faults.add(place(at), detail)?;
        }
    }
    faults.check()
}

/// The declared type of each column, None where it is to be inferred.
///
/// # Errors
/// [`Code::InvalidRequest`] naming the declared columns that are not there or declared twice.
pub(super) fn declared(
    names: &[String],
    types: &[(String, ColumnType)],
) -> Result<Vec<Option<ColumnType>>> {
    let mut kinds = vec![None; names.len()];
    let mut errors = Vec::new();
    for (name, kind) in types {
        let pointer = || format!("/types/{name}");
        match names.iter().position(|n| n == name) {
            Some(at) if kinds[at].is_some() => {
                errors.push(FieldError::new(pointer(), "is declared twice"));
            }
            Some(at) => kinds[at] = Some(*kind),
            None => {
                let hint = did_you_mean(name, names.iter().map(String::as_str));
                let detail = format!("the file has no column {name}{hint}");
                errors.push(FieldError::new(pointer(), detail));
            }
        }
    }
    match errors.first() {
        None => Ok(kinds),
        Some(first) => {
            let detail =
                format!("the declared types don't fit: {}: {}", first.pointer, first.detail);
            Err(Error::fields(Code::InvalidRequest, detail, errors))
        }
    }
}

/// The refusal of a file without rows.
pub(super) fn no_rows() -> Error {
    Error::new(Code::InvalidData, "the file has no rows")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn problem(result: Result<impl std::fmt::Debug>) -> (Code, String, Vec<FieldError>) {
        match result.unwrap_err() {
            Error::Problem { code, detail, errors } => (code, detail, errors),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn bad_names_are_all_named() {
        let all = names(&["a", "", "b", "a", "x\ty", &"n".repeat(257)]);
        let (code, detail, errors) = problem(check_names(&all, |at| format!("column {}", at + 1)));
        assert_eq!(code, Code::InvalidData);
        assert_eq!(
            detail,
            "4 places can't be read; the first is column 2: has no name; give it one"
        );
        let places = errors.iter().map(|e| e.pointer.as_str()).collect::<Vec<_>>();
        assert_eq!(places, ["column 2", "column 4", "column 5", "column 6"]);
        assert_eq!(errors[1].detail, "is named a, as an earlier column is; rename one");
        assert!(check_names(&names(&["a", "b c", "d/e", "é"]), |_| String::new()).is_ok());
    }

    #[test]
    fn too_many_columns_are_refused() {
        let many = (0..=MAX_COLUMNS).map(|i| i.to_string()).collect::<Vec<_>>();
        let (_, detail, _) = problem(check_names(&many, |_| String::new()));
        assert_eq!(detail, "the file has 2049 columns, and a dataset at most 2048");
        assert!(check_names(&many[1..], |_| String::new()).is_ok());
    }

    #[test]
    fn declared_columns_must_be_there_once() {
        let known = names(&["age", "income"]);
        let of = |t: &[(&str, ColumnType)]| {
            let types = t.iter().map(|(n, k)| ((*n).to_owned(), *k)).collect::<Vec<_>>();
            declared(&known, &types)
        };
        let kinds = of(&[("income", ColumnType::String)]).unwrap();
        assert_eq!(kinds, [None, Some(ColumnType::String)]);
        let bad =
            [("incom", ColumnType::Int64), ("age", ColumnType::Int64), ("age", ColumnType::String)];
        let (code, _, errors) = problem(of(&bad));
        assert_eq!(code, Code::InvalidRequest);
        assert_eq!(errors[0].detail, "the file has no column incom; did you mean income?");
        assert_eq!(errors[1].detail, "is declared twice");
    }
}
