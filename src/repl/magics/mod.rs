//! What is said to the session rather than in the language of the cells: `%save x.star`, `!ls`,
//! `train?`.

mod asking;
mod catalogue;
mod files;
mod parse;
mod server;
mod shell;
mod timing;

pub(super) use asking::question;
use catalogue::find;
pub(super) use catalogue::names;
pub use catalogue::{Magic, magics};
pub(super) use parse::{Step, steps};
pub(super) use shell::shell;

use super::evaluator::{Evaluation, Given};
use super::fault::Fault;
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, Result};

/// What a magic gives.
type Carried = Result<Given, Box<Fault>>;

/// Whether a notebook needs a magic to come to the same.
pub(super) fn is_work(name: &str) -> bool {
    find(name).is_some_and(|magic| magic.is_work)
}

/// Whether what follows a magic is code, which may also be the rest of the cell.
pub(super) fn takes_code(name: &str) -> bool {
    matches!(name, "time" | "timeit")
}

/// Carries a magic out.
///
/// # Errors
/// What is wrong, without a place where it is the line's own.
pub(super) fn carry_out(evaluation: &Evaluation<'_, '_>, name: &str, rest: &str) -> Carried {
    match name {
        "time" => return timing::time(evaluation, rest),
        "timeit" => return timing::timeit(evaluation, rest),
        "run" => return files::run(evaluation, rest),
        _ => {}
    }
    let given = match name {
        "save" => files::save(evaluation, rest),
        "load" => files::load(evaluation, rest),
        "edit" => files::edit(evaluation, rest),
        "history" => asking::history(evaluation, rest),
        "who" => asking::who(evaluation, rest),
        "last" => asking::last(evaluation, rest),
        "curl" => asking::curl(evaluation, rest),
        "help" => asking::help(evaluation, rest),
        "connect" => server::connect(evaluation, rest),
        "device" => server::device(evaluation, rest),
        "reset" => reset(evaluation, rest),
        _ => {
            let near = did_you_mean(name, names());
            Err(invalid(format!("there is no magic %{name}{near}; %help lists them")))
        }
    };
    given.map_err(own)
}

fn reset(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    nothing_after("reset", rest)?;
    if evaluation.depth > 0 || steps(evaluation.source).len() > 1 {
        return Err(invalid("%reset stands alone in its cell: it forgets what a cell has defined"));
    }
    evaluation.context.reset.set(true);
    Ok(Given::default())
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Code::InvalidRequest, detail)
}

fn own(error: Error) -> Box<Fault> {
    Box::new(Fault::of_own(&error))
}

fn nothing_after(name: &str, rest: &str) -> Result<()> {
    match rest {
        "" => Ok(()),
        _ => Err(invalid(format!("%{name} takes nothing after it, not {rest}"))),
    }
}

/// What follows a magic in words, of which one in quotes may have spaces.
fn words(rest: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut left = rest.trim_start();
    while let Some(first) = left.chars().next() {
        let (word, after) = if first == '"' || first == '\'' {
            let inner = &left[1..];
            let end = inner.find(first).ok_or_else(|| invalid(format!("{left} has no end")))?;
            (&inner[..end], &inner[end + 1..])
        } else {
            left.split_at(left.find(char::is_whitespace).unwrap_or(left.len()))
        };
        found.push(word.to_owned());
        left = after.trim_start();
    }
    Ok(found)
}

/// The one word that may follow a magic.
fn one_word(name: &str, rest: &str) -> Result<Option<String>> {
    let found = words(rest)?;
    match found.as_slice() {
        [] => Ok(None),
        [word] => Ok(Some(word.clone())),
        _ => {
            let usage = find(name).map_or("", |magic| magic.arguments);
            Err(invalid(format!("it is %{name} {usage}, and a name with spaces stands in quotes")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_quoted() {
        assert_eq!(words(" a 'b c'  \"d\"e ").unwrap(), ["a", "b c", "d", "e"]);
        assert!(words("'a").unwrap_err().to_string().contains("no end"));
        assert!(words("").unwrap().is_empty());
    }

    #[test]
    fn every_magic_is_carried_out_by_its_name_and_has_an_example_of_it() {
        for magic in magics() {
            assert!(magic.example.starts_with(&format!("%{}", magic.name)), "{}", magic.name);
            assert!(magic.summary.len() < 90, "{}", magic.name);
        }
    }
}
