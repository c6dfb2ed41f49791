//! What is asked of the session: its names, its past, its requests.

use std::io::Write;

use starlark::values::Value;

use super::super::evaluator::{Evaluation, Given, LAST, RESULTS, SOURCES};
use super::super::objects::{self, object_of, shown, text_of};
use super::super::outcome::{Detail, Shown, Then};
use super::super::table::Table;
use super::super::terminal::past;
use super::super::text::{counted, shortened, wrapped};
use super::{Carried, Magic, find, invalid, magics, nothing_after, one_word, own};
use crate::error::{Context as _, Result};

/// Characters of a value beside its name.
const GLANCE: usize = 60;

/// `%history [-a] [TEXT]`.
pub(super) fn history(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    let context = evaluation.context;
    let (all, wanted) = match rest.strip_prefix("-a") {
        Some(wanted) if wanted.is_empty() || wanted.starts_with(' ') => (true, wanted.trim()),
        _ => (false, rest),
    };
    let mut found = 0;
    let mut show = |label: &str, source: &str| {
        if source.contains(wanted) {
            let indent = format!("\n{}", " ".repeat(label.len()));
            context.print(&format!("{label}{}", source.trim_end().replace('\n', &indent)));
            found += 1;
        }
    };
    match (all, &context.settings.history) {
        (true, Some(file)) => past(file)?.iter().for_each(|source| show("", source)),
        (true, None) => return Err(invalid("no history is kept across sessions here")),
        (false, _) => {
            for entry in context.transcript.borrow().entries() {
                show(&format!("{:>4}: ", entry.outcome.number), &entry.source);
            }
        }
    }
    if found == 0 && !wanted.is_empty() {
        context.print(&format!("no cell holds {wanted}"));
    }
    Ok(Given::default())
}

/// `%who`.
pub(super) fn who(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    nothing_after("who", rest)?;
    let module = evaluation.module;
    let mut rows: Vec<Vec<String>> = module
        .names()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !name.starts_with('_') && name != RESULTS && name != SOURCES)
        .filter_map(|name| {
            let value = module.get(&name)?;
            let kind = objects::kind(value);
            let text = match kind.as_str() {
                "function" => String::new(),
                _ => shortened(&text_of(value, true), GLANCE),
            };
            Some(vec![name, kind, text])
        })
        .collect();
    rows.sort();
    let table = Table::new(&[("name", false), ("type", false), ("value", false)], rows);
    let text = counted(table.total, "name");
    Ok(Given {
        value: Some(Shown { text, table: Some(table), ..Shown::default() }),
        ..Given::default()
    })
}

/// `%last`.
pub(super) fn last(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    nothing_after("last", rest)?;
    let value =
        evaluation.module.get(LAST).ok_or_else(|| invalid("no cell has given a result yet"))?;
    let whole = Box::new(shown(value, Detail::Page));
    Ok(Given { then: Some(Then::Page(whole)), ..Given::default() })
}

/// `%curl`.
pub(super) fn curl(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    nothing_after("curl", rest)?;
    let context = evaluation.context;
    let sent = context.sent.borrow();
    if sent.is_empty() {
        return Err(invalid("no cell has sent a request yet"));
    }
    for request in sent.iter() {
        context.print(&request.curl(keep)?);
    }
    Ok(Given::default())
}

/// Writes a body to a new file in the current folder.
fn keep(bytes: &[u8], media_type: &str) -> Result<String> {
    const WRITING: &str = "keeping a request's body";
    let ending = match media_type {
        "application/vnd.apache.parquet" => ".parquet",
        "application/vnd.apache.arrow.stream" => ".arrows",
        _ => ".body",
    };
    let mut file = tempfile::Builder::new()
        .prefix("request-")
        .suffix(ending)
        .tempfile_in(".")
        .context(WRITING)?;
    file.write_all(bytes).context(WRITING)?;
    let (_, path) = file.keep().context(WRITING)?;
    Ok(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// `%help [NAME]`.
pub(super) fn help(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    let context = evaluation.context;
    let name = one_word("help", rest)?;
    let text = match name.as_deref().map(|name| name.strip_prefix('%').unwrap_or(name)) {
        None => overview(),
        Some("shortcuts") => shortcuts(),
        Some(name) => match find(name) {
            Some(magic) => of_magic(magic),
            None => return asked(evaluation, name, false),
        },
    };
    context.print(&text);
    Ok(Given::default())
}

/// `name?` and `name??`.
pub(in crate::repl) fn question(
    evaluation: &Evaluation<'_, '_>,
    name: &str,
    more: bool,
) -> Carried {
    let given = match name.strip_prefix('%') {
        Some(name) => help(evaluation, name),
        None => asked(evaluation, name, more),
    };
    given.map_err(own)
}

/// Prints the help of a name; `more` shows what there is to say of a value.
fn asked(evaluation: &Evaluation<'_, '_>, name: &str, more: bool) -> Result<Given> {
    let said = match (name, evaluation.context.transcript.borrow().definition(name)) {
        ("", _) => evaluation.code("help()"),
        (_, Some(text)) => {
            evaluation.context.print(&text);
            return Ok(Given::default());
        }
        (name, None) => evaluation.code(&format!("help({name})")),
    };
    said.map_err(|fault| invalid(fault.message))?;
    let root = name.split('.').next().unwrap_or_default();
    let is_value = |value: Value<'_>| object_of(value).is_some();
    if more && root == name && evaluation.module.get(root).is_some_and(is_value) {
        return evaluation.code(&format!("describe({name})")).map_err(|f| invalid(f.message));
    }
    Ok(Given::default())
}

fn overview() -> String {
    let usage =
        |magic: &Magic| format!("%{} {}", magic.name, magic.arguments).trim_end().to_owned();
    let width = magics().iter().map(|magic| usage(magic).len()).max().unwrap_or(0);
    let mut lines: Vec<String> = magics()
        .iter()
        .map(|magic| format!("  {:<width$}  {}", usage(magic), magic.summary))
        .collect();
    lines.push(format!("  {:<width$}  a command of the shell, with --allow-shell", "!COMMAND"));
    lines.push(format!("  {:<width$}  what NAME is; ?? says more of a value", "NAME?"));
    lines.push(String::new());
    lines.push("help() lists the functions, %help shortcuts the keys.".to_owned());
    lines.join("\n")
}

/// Keys of the prompt, and what they do.
const KEYS: [(&str, &str); 12] = [
    ("Enter", "runs the cell, or goes on in an open block"),
    ("Alt-Enter", "a new line in the cell"),
    ("Up, Down", "a line up or down in the cell, then the cells before and after"),
    ("Ctrl-R", "looks for what was typed before, in earlier sessions too"),
    ("Tab, Shift-Tab", "completes, or indents and unindents a line"),
    ("Right, End, Ctrl-E", "at the end of a line: takes the hint"),
    ("Alt-E, Ctrl-X Ctrl-E", "opens the cell in $EDITOR"),
    ("Ctrl-A, Ctrl-K, Ctrl-U", "to the start; deletes to the end, to the start"),
    ("Ctrl-W, Ctrl-Y", "deletes a word; puts back what was deleted"),
    ("Ctrl-L", "clears the screen"),
    ("Ctrl-C", "clears what is typed; while a cell runs, ends the cell and its job"),
    ("Ctrl-D", "on an empty line: ends the session"),
];

fn shortcuts() -> String {
    let width = KEYS.iter().map(|(keys, _)| keys.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        KEYS.iter().map(|(keys, what)| format!("  {keys:<width$}  {what}")).collect();
    lines.join("\n")
}

fn of_magic(magic: &Magic) -> String {
    let usage = format!("%{} {}", magic.name, magic.arguments);
    let mut text = format!("{}\n  {}", usage.trim_end(), magic.summary);
    if !magic.notes.is_empty() {
        text.push_str(&format!("\n\n{}", wrapped(&format!("  {}", magic.notes), 0, 2)));
    }
    text.push_str(&format!("\n\n  example: {}", magic.example));
    text
}
