//! The prompt: reads cells from a terminal, or line by line from a pipe, and shows what they give.

mod colours;
mod external;
mod helper;
mod hints;
mod history;
mod indentation;
mod keys;
mod screen;

use std::cell::RefCell;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use super::outcome::Then;
use super::session::Session;
use super::source::is_open;
use crate::error::{Context, Result};
pub(super) use external::edited;
use helper::Typing;
pub(super) use history::{holds_key, past};
use keys::{Ending, Signals};
pub use screen::Format;
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
    let signals = Arc::new(Signals::default());
    let mut lines = editor(&session, terminal, screen, &signals)?;
    let mut initial = String::new();
    loop {
        let number = session.borrow().next_number();
        let prompt = prompt_of(number);
        let typed = match lines.readline_with_initial(&prompt, (&std::mem::take(&mut initial), ""))
        {
            Ok(typed) => typed,
            // Ctrl-C clears the line.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(error).context("reading the terminal"),
        };
        match signals.take_ending() {
            Some(Ending::Cancelled) => continue,
            Some(Ending::Editor) => {
                initial = edited(&typed).unwrap_or_else(|error| {
                    screen.say(&error.to_string());
                    typed.clone()
                });
                continue;
            }
            None => {}
        }
        // What was indented by itself.
        let typed = typed.trim_end();
        if typed.is_empty() {
            continue;
        }
        keep(&mut lines, terminal, typed, screen);
        let label = Some(number);
        let went = evaluate(&mut session.borrow_mut(), typed, label, screen);
        if let Some(code) = went.exit {
            return Ok(code);
        }
        initial = went.initial;
    }
}

/// The prompt of a cell.
fn prompt_of(number: u32) -> String {
    format!("In [{number}]: ")
}

fn editor(
    session: &Rc<RefCell<Session>>,
    terminal: &Terminal,
    screen: Screen,
    signals: &Arc<Signals>,
) -> Result<Lines> {
    let config = Config::builder()
        .max_history_size(history::ENTRIES)
        .context("setting up the history")?
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .auto_add_history(false)
        // The helper knows by itself whether colours are wanted.
        .color_mode(ColorMode::Forced)
        .tab_stop(4)
        .build();
    let mut lines = Lines::with_config(config).context("opening the terminal")?;
    let colours = !screen.out("1", "x").eq("x");
    keys::bind(&mut lines, signals);
    lines.set_helper(Some(Typing::new(session.clone(), colours, signals.clone())));
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

/// How a cell went.
struct Went {
    failed: bool,
    exit: Option<u8>,
    /// What stands at the next prompt.
    initial: String,
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
    let initial = match outcome.then {
        Some(Then::Edit(text)) => text,
        Some(Then::Page(shown)) => {
            screen.page(&shown);
            String::new()
        }
        None => String::new(),
    };
    Went { failed: outcome.fault.is_some(), exit: outcome.exit, initial }
}

/// Cells from a pipe: no prompt, results as a script shows them, and on after an error.
fn pipe(mut session: Session) -> Result<u8> {
    let screen = Screen::of_script(Format::Table);
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
            let went = evaluate(&mut session, &typed, None, screen);
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
