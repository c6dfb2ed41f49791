//! Scripts: a text is one cell, run to its end. Standard output gets what it prints and the value
//! of its last expression; errors go to standard error.

use std::sync::Arc;

use super::session::Session;
use super::terminal::{Screen, Watcher};

/// What a shell calls a program that was interrupted by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// What is run.
#[derive(Debug, Clone)]
pub struct Script {
    /// Stands in errors: the file, or `-c`.
    pub name: String,
    pub source: String,
}

/// Runs a script. Gives the exit code: 0, what `exit()` said, 1 after an error, 130 after an
/// interrupt.
pub fn run_script(session: &mut Session, script: &Script) -> u8 {
    let screen = Screen::of_script();
    let watcher = Arc::new(Watcher::new(screen));
    let outcome = session.evaluate(Some(&script.name), &script.source, watcher);
    if let Some(shown) = &outcome.value {
        screen.value(None, shown);
    }
    match (&outcome.fault, outcome.exit) {
        (_, Some(code)) => code,
        (Some(fault), None) => {
            screen.fault(fault);
            if fault.interrupted { INTERRUPTED } else { 1 }
        }
        (None, None) => 0,
    }
}
