//! Names of things: checked once, where they enter.

use crate::error::{Code, Error, Result};

/// Longest name of a dataset, model, alias or key, in bytes.
pub const MAX_NAME: usize = 100;
/// Nothing is sought that is near a longer text: likeness takes time by the product of both lengths.
const MAX_SOUGHT: usize = 200;

/// Checks a name: a letter or digit, then letters, digits, `.`, `_` or `-`, at most
/// [`MAX_NAME`] bytes. `pointer` says where the name stood.
///
/// # Errors
/// [`Code::InvalidRequest`] with the pointer and the rule.
pub fn check_name(pointer: &str, name: &str) -> Result<()> {
    let first_ok = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest_ok =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if first_ok && rest_ok && name.len() <= MAX_NAME {
        return Ok(());
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Err(Error::field(
        Code::InvalidRequest,
        pointer,
        format!(
            "'{shown}' is not a name: take a letter or digit, then letters, digits, '.', '_' or '-', at most {MAX_NAME} in all"
        ),
    ))
}

/// The candidate nearest to `name`, when it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_SOUGHT {
        return None;
    }
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|c| c.len() <= MAX_SOUGHT)
        .map(|c| (likeness(&lower, &c.to_lowercase()), c))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

/// From 0 to 1. One slip of the finger is near, also in a word too short for the general measure, which is above
/// 0.9 for it in one of 10 letters and more.
fn likeness(name: &str, candidate: &str) -> f64 {
    let is_short = (3..20).contains(&name.chars().count());
    let is_slip = is_short && strsim::damerau_levenshtein(name, candidate) == 1;
    let general = strsim::jaro_winkler(name, candidate);
    if is_slip { general.max(0.9) } else { general }
}

/// `; did you mean X?` when a candidate is near, else nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |c| format!("; did you mean {c}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "loans-2026.v1", "7up", &"x".repeat(100)] {
            assert!(check_name("/name", good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".hidden", "a/b", "a b", "ü", "a\0", &"x".repeat(101)] {
            assert!(check_name("/name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_near_name_is_suggested() {
        assert_eq!(did_you_mean("incom", ["age", "income"]), "; did you mean income?");
        assert_eq!(did_you_mean("mpl", ["linear", "mlp"]), "; did you mean mlp?");
        assert_eq!(did_you_mean("zzz", ["age", "income"]), "");
        let long = "x".repeat(MAX_SOUGHT);
        assert_eq!(nearest(&long, [long.as_str()]), Some(long.as_str()));
        let longer = long + "x";
        assert_eq!(nearest(&longer, [longer.as_str()]), None);
        assert_eq!(nearest("age", [longer.as_str(), "age"]), Some("age"));
    }
}
