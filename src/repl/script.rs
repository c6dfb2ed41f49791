//! Scripts and notebooks, run to their end. Standard output gets what cells print and the values of
//! their last expressions; errors go to standard error.

use std::sync::Arc;

use super::document::Document;
use super::session::Session;
use super::terminal::{Format, Screen, Watcher};

/// What a shell calls a program that was interrupted by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs a document, whose cells keep what they give. Gives the exit code: 0, what `exit()` said, 1
/// after an error, 130 after an interrupt; cells behind that are not run.
pub fn run_script(session: &mut Session, document: &mut Document, format: Format) -> u8 {
    let screen = Screen::of_script(format);
    document.clear();
    for at in document.code_cells() {
        let (name, source) = document.cell(at);
        let watcher = Arc::new(Watcher::new(screen));
        let outcome = session.evaluate(Some(&name), &source, watcher);
        document.keep(at, &outcome);
        if let Some(shown) = &outcome.value {
            screen.value(None, shown);
        }
        if let Some(super::Then::Page(shown)) = &outcome.then {
            screen.page(shown);
        }
        match (&outcome.fault, outcome.exit) {
            (_, Some(code)) => return code,
            (Some(fault), None) => {
                screen.fault(fault);
                return if fault.interrupted { INTERRUPTED } else { 1 };
            }
            (None, None) => {}
        }
    }
    0
}
