//! The prompt: reads cells from a terminal, or line by line from a pipe, and shows what they give.

mod helper;
mod history;
mod screen;

use std::cell::RefCell;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::session::Session;
use super::source::is_open;
use crate::error::{Context, Result};
use helper::Typing;
pub(super) use screen::{Screen, Watcher};

/// What a prompt needs.
pub struct Terminal {
    /// Said first.
    pub greeting: String,
    /// Where what was typed is kept; nowhere when absent.
    pub history: Option<PathBuf>,
}

/// Evaluates cells until the user ends the session. Gives the exit code: what `exit()` said, else
/// 0; from a pipe 1 when a cell failed.
///
/// # Errors
/// [`Error::Internal`](crate::error::Error::Internal) when the terminal can't be read.
pub fn run_terminal(session: Session, terminal: &Terminal) -> Result<u8> {
    let screen = Screen::of_prompt();
    if std::io::stdin().is_terminal() {
        screen::print(&terminal.greeting);
        prompt(session, terminal, screen)
    } else {
        pipe(session)
    }
}

type Lines = Editor<Typing, FileHistory>;

fn prompt(session: Session, terminal: &Terminal, screen: Screen) -> Result<u8> {
    let session = Rc::new(RefCell::new(session));
    let mut lines = editor(&session, terminal, screen)?;
    loop {
        let number = session.borrow().next_number();
        let typed = match lines.readline(&format!("In [{number}]: ")) {
            Ok(typed) => typed,
            // Ctrl-C clears the line.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(error).context("reading the terminal"),
        };
        let cell = cell_of(&typed);
        if cell.trim().is_empty() {
            continue;
        }
        keep(&mut lines, terminal, &typed, screen);
        let label = Some(number);
        if let Some(code) = evaluate(&mut session.borrow_mut(), &cell, label, screen).exit {
            return Ok(code);
        }
    }
}

fn editor(session: &Rc<RefCell<Session>>, terminal: &Terminal, screen: Screen) -> Result<Lines> {
    let config = Config::builder()
        .max_history_size(history::ENTRIES)
        .context("setting up the history")?
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .auto_add_history(false)
        .tab_stop(4)
        .build();
    let mut lines = Lines::with_config(config).context("opening the terminal")?;
    let colours = !screen.out("1", "x").eq("x");
    lines.set_helper(Some(Typing { session: session.clone(), colours }));
    if let Some(file) = &terminal.history {
        let loaded = history::prepare(file)
            .and_then(|()| lines.load_history(file).context("reading the history"));
        if let Err(error) = loaded {
            screen.say(&format!("the history is not kept: {error}"));
        }
    }
    Ok(lines)
}

/// Keeps what was typed, at once: a session may end in any way.
fn keep(lines: &mut Lines, terminal: &Terminal, typed: &str, screen: Screen) {
    if !history::may_keep(typed) {
        return;
    }
    let added = lines.add_history_entry(typed.trim_end());
    let Some(file) = &terminal.history else { return };
    let saved = added.and_then(|_| lines.append_history(file));
    if let Err(error) = saved {
        screen.say(&format!("the history is not kept: {error}"));
    }
}

/// What is typed means: `train?` is `help("train")`, `quit` and `exit` end the session.
fn cell_of(typed: &str) -> String {
    let line = typed.trim();
    match line {
        "exit" | "quit" => return "exit()".to_owned(),
        "help" | "?" => return "help()".to_owned(),
        _ => {}
    }
    let is_name = |text: &str| {
        let mut letters = text.chars();
        letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && letters.all(|c| c.is_alphanumeric() || c == '_' || c == '.')
    };
    match line.strip_suffix('?').or_else(|| line.strip_prefix('?')) {
        Some(name) if is_name(name.trim()) => format!("help({})", name.trim()),
        _ => typed.to_owned(),
    }
}

/// How a cell went.
struct Went {
    failed: bool,
    exit: Option<u8>,
}

fn evaluate(session: &mut Session, cell: &str, label: Option<u32>, screen: Screen) -> Went {
    // What was meant for the cell before.
    session.interrupt().clear();
    let outcome = session.evaluate(None, cell, Arc::new(Watcher::new(screen)));
    let assigned = outcome.assigned.as_ref().filter(|_| label.is_some());
    if let Some(shown) = outcome.value.as_ref().or(assigned) {
        screen.value(label, shown);
    }
    if let Some(fault) = &outcome.fault {
        screen.fault(fault);
    }
    Went { failed: outcome.fault.is_some(), exit: outcome.exit }
}

/// Cells from a pipe: no prompt, results as a script shows them, and on after an error.
fn pipe(mut session: Session) -> Result<u8> {
    let screen = Screen::of_script();
    let mut cell = String::new();
    let mut failed = false;
    let mut input = std::io::stdin().lock();
    loop {
        let read = input.read_line(&mut cell).context("reading standard input")?;
        let complete = !is_open(cell.strip_suffix('\n').unwrap_or(&cell));
        if read > 0 && !complete {
            continue;
        }
        let typed = std::mem::take(&mut cell);
        if !typed.trim().is_empty() {
            let went = evaluate(&mut session, &cell_of(&typed), None, screen);
            failed |= went.failed;
            if let Some(code) = went.exit {
                return Ok(code);
            }
        }
        if read == 0 {
            return Ok(u8::from(failed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_cells() {
        for (typed, cell) in [
            ("train?", "help(train)"),
            ("?train", "help(train)"),
            ("m.promote?", "help(m.promote)"),
            ("exit", "exit()"),
            ("\"what?\"", "\"what?\""),
            ("1 if x else 2?", "1 if x else 2?"),
        ] {
            assert_eq!(cell_of(typed), cell);
        }
    }
}
