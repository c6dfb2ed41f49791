//! What is run from files, and the session as a file.

use super::super::document::Document;
use super::super::evaluator::{Evaluation, Given};
use super::super::functions::path_of;
use super::super::outcome::Then;
use super::super::terminal::edited;
use super::super::transcript::Entry;
use super::{Carried, invalid, one_word, own, words};
use crate::error::{Context as _, Result};

/// Files that run files that run files.
const DEPTH: usize = 16;

/// `%run FILE`.
pub(super) fn run(evaluation: &Evaluation<'_, '_>, rest: &str) -> Carried {
    if evaluation.depth == DEPTH {
        return Err(own(invalid(format!(
            "{DEPTH} files run each other, and this one would be another"
        ))));
    }
    let document = document(rest).map_err(own)?;
    for at in document.code_cells() {
        let (name, source) = document.cell(at);
        let depth = evaluation.depth + 1;
        Evaluation { name: &name, source: &source, depth, ..*evaluation }.steps()?;
    }
    Ok(Given::default())
}

fn document(rest: &str) -> Result<Document> {
    let file = one_word("run", rest)?.ok_or_else(|| invalid("which file?"))?;
    Document::read(&path_of(&file))
}

/// `%load FILE`.
pub(super) fn load(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    needs_prompt(evaluation, "load")?;
    let document = document(rest)?;
    let text = match document.code_cells().as_slice() {
        [one] => document.cell(*one).1.trim_matches('\n').to_owned(),
        _ => document.text().trim_end().to_owned(),
    };
    Ok(Given { then: Some(Then::Edit(text)), ..Given::default() })
}

fn needs_prompt(evaluation: &Evaluation<'_, '_>, name: &str) -> Result<()> {
    match evaluation.context.settings.is_prompt {
        true => Ok(()),
        false => Err(invalid(format!("%{name} is for the prompt, and there is none here"))),
    }
}

/// `%edit [NUMBER]`.
pub(super) fn edit(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    needs_prompt(evaluation, "edit")?;
    let transcript = evaluation.context.transcript.borrow();
    let text = match one_word("edit", rest)? {
        Some(number) => {
            let found = number.parse().ok().and_then(|number| transcript.find(number));
            found.ok_or_else(|| invalid(format!("there is no cell {number}")))?.source.clone()
        }
        None => {
            let last = transcript.entries().iter().rev().find(|entry| !is_edit(entry));
            last.map(|entry| entry.source.clone()).unwrap_or_default()
        }
    };
    drop(transcript);
    Ok(Given { then: Some(Then::Edit(edited(&text)?)), ..Given::default() })
}

fn is_edit(entry: &Entry) -> bool {
    entry.source.trim_start().starts_with("%edit")
}

/// `%save [-f] FILE [CELLS]`.
pub(super) fn save(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    let context = evaluation.context;
    let words = words(rest)?;
    let (over, words) = match words.split_first() {
        Some((flag, words)) if flag == "-f" => (true, words),
        _ => (false, words.as_slice()),
    };
    let Some((file, numbers)) = words.split_first() else {
        return Err(invalid("it is %save FILE, which ends in .star or .ipynb"));
    };
    let path = std::path::absolute(path_of(file)).context("finding a file")?;
    if path.exists() && !over && !context.saved.borrow().contains(&path) {
        let detail = format!("{file} is there, and this session did not write it: %save -f {file}");
        return Err(invalid(detail));
    }
    let transcript = context.transcript.borrow();
    let chosen: Vec<&Entry> = match numbers {
        [] => transcript.entries().iter().filter(|entry| entry.is_kept()).collect(),
        _ => {
            let wanted = ranges(numbers)?;
            let is_wanted = |entry: &&Entry| {
                wanted.iter().any(|(from, to)| (*from..=*to).contains(&entry.outcome.number))
            };
            transcript.entries().iter().filter(is_wanted).collect()
        }
    };
    let (held, chosen): (Vec<&Entry>, Vec<&Entry>) =
        chosen.into_iter().partition(|entry| entry.holds_key());
    if chosen.is_empty() {
        let detail = match numbers {
            [] => "there is no cell to save yet",
            _ => "there is no cell of these numbers to save",
        };
        return Err(invalid(detail));
    }
    Document::of_entries(chosen.iter().copied()).write(&path)?;
    context.saved.borrow_mut().insert(path);
    let count = super::super::text::counted(chosen.len() as u64, "cell");
    let left = match held.len() {
        0 => String::new(),
        n => format!("; {n} that may hold a key left out"),
    };
    context.print(&format!("{count} in {file}{left}"));
    Ok(Given::default())
}

/// `2-5 9` as pairs of the first and the last.
fn ranges(words: &[String]) -> Result<Vec<(u32, u32)>> {
    let range = |word: &String| {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let pair = from.parse().ok().zip(to.parse().ok());
        pair.ok_or_else(|| {
            invalid(format!("'{word}' is no cell's number and no range such as 2-5"))
        })
    };
    words.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(ranges(&words("2-5 9")).unwrap(), [(2, 5), (9, 9)]);
        assert!(ranges(&words("a")).unwrap_err().to_string().contains("2-5"));
    }
}
