//! How outcomes look on a terminal, and plainly where there is none.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::super::fault::Fault;
use super::super::outcome::{JobUpdate, Observer, Shown};
use super::super::progress::Progress;
use super::super::text::grouped;

/// Width of tables where there is no terminal to fit.
const PLAIN_WIDTH: usize = 120;
/// Narrower is not tried.
const LEAST_WIDTH: usize = 20;
/// Lines where there is no terminal.
const PLAIN_HEIGHT: usize = 24;
/// Lines of a plot.
const LEAST_HEIGHT: usize = 10;
const MOST_HEIGHT: usize = 20;
/// A wider plot reads no better.
const MOST_WIDTH: usize = 100;
/// Longest result at the prompt, in characters.
const LONGEST: usize = 4_000;

/// Where outcomes are written.
#[derive(Debug, Clone, Copy)]
pub(in crate::repl) struct Screen {
    out_colours: bool,
    error_colours: bool,
    /// Whether long results are cut.
    cut: bool,
    format: Format,
}

/// How a script's results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As at the prompt.
    #[default]
    Table,
    /// One JSON document a line.
    Json,
    /// Tables as CSV, other values as text.
    Csv,
}

impl Screen {
    /// At the prompt.
    pub(in crate::repl) fn of_prompt() -> Self {
        Self { cut: true, ..Self::of_script(Format::Table) }
    }

    /// Of a script: colours only where there is a terminal that wants them.
    pub(in crate::repl) fn of_script(format: Format) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            out_colours: std::io::stdout().is_terminal() && !refused,
            error_colours: std::io::stderr().is_terminal() && !refused,
            cut: false,
            format,
        }
    }

    /// Shows a result; `number` is the prompt's.
    pub(in crate::repl) fn value(self, number: Option<u32>, shown: &Shown) {
        match (self.format, &shown.json, &shown.table) {
            (Format::Json, Some(json), _) => return print(&json.to_string()),
            (Format::Csv, _, Some(table)) => {
                if let Ok(csv) = table.csv() {
                    return print(csv.trim_end());
                }
            }
            (Format::Csv, _, None) => return print(&shown.text),
            _ => {}
        }
        let width = width();
        let label = number.map(|n| format!("Out[{n}]: ")).unwrap_or_default();
        let indent = label.chars().count();
        let label = self.out("31", &label);
        let strong = |text: &str| self.out("1", text);
        let text = match &shown.table {
            Some(table) => {
                let head = format!("{label}{}", head(shown));
                under(&head, &table.render(width, strong))
            }
            None => format!("{label}{}", flowed(&self.shortened(&shown.text), width, indent)),
        };
        print(&text);
        if let Some(plot) = &shown.plot {
            let (width, height) =
                (width.min(MOST_WIDTH), height().clamp(LEAST_HEIGHT, MOST_HEIGHT));
            print(&plot.braille(width, height, self.out_colours));
        }
    }

    /// Shows a result whole, in a pager where it does not fit the terminal.
    pub(in crate::repl) fn page(self, shown: &Shown) {
        let strong = |text: &str| self.out("1", text);
        let text = match &shown.table {
            Some(table) => under(head(shown), &table.render_whole(strong)),
            None => shown.text.clone(),
        };
        let (width, height) = (width(), height());
        let fits = text.lines().count() < height
            && text.lines().all(|line| line.chars().count() <= width + 8);
        if fits || !std::io::stdout().is_terminal() || paged(&text).is_err() {
            print(&text);
        }
    }

    fn shortened(self, text: &str) -> String {
        let length = text.chars().count();
        if !self.cut || length <= LONGEST {
            return text.to_owned();
        }
        let kept: String = text.chars().take(LONGEST).collect();
        format!("{kept}…\n({} characters; print(_) shows all)", grouped(length as u64))
    }

    /// Shows an error, on standard error.
    pub(in crate::repl) fn fault(self, fault: &Fault) {
        let code = if fault.interrupted { "33" } else { "31" };
        if fault.interrupted && std::io::stderr().is_terminal() {
            // The terminal has echoed a ^C.
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
        let text = fault.render(|text| self.wrapped(self.error_colours, code, text));
        let is_terminal = std::io::stderr().is_terminal();
        self.say(&if is_terminal { folded(&text, width()) } else { text });
    }

    /// Writes a line to standard error.
    pub(in crate::repl) fn say(self, text: &str) {
        // Where not even this can be written, nothing can be said about it.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    pub(super) fn out(self, code: &str, text: &str) -> String {
        self.wrapped(self.out_colours, code, text)
    }

    fn wrapped(self, colours: bool, code: &str, text: &str) -> String {
        if colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What stands above a table: the text of a list or a dict would only repeat it.
fn head(shown: &Shown) -> &str {
    if shown.text.starts_with(['[', '{']) { "" } else { &shown.text }
}

/// A table under its head, where there is one.
fn under(head: &str, table: &str) -> String {
    if head.is_empty() { table.to_owned() } else { format!("{}\n{table}", head.trim_end()) }
}

/// The terminal's width in characters, or a fixed one where there is none.
pub(super) fn width() -> usize {
    let found = if std::io::stdout().is_terminal() {
        comfy_table::Table::new().width().map(usize::from)
    } else {
        None
    };
    found.unwrap_or(PLAIN_WIDTH).max(LEAST_WIDTH)
}

/// The terminal's height in lines, or a fixed one where there is none.
pub(super) fn height() -> usize {
    let found = match std::io::stdout().is_terminal() {
        true => crossterm::terminal::size().ok().map(|(_, lines)| usize::from(lines)),
        false => None,
    };
    found.unwrap_or(PLAIN_HEIGHT)
}

/// Gives a text to the pager and waits until it is read.
fn paged(text: &str) -> std::io::Result<()> {
    let pager = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let pager = pager.unwrap_or_else(|| "less -RS".to_owned());
    let mut child = Command::new("sh").arg("-c").arg(&pager).stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Who leaves the pager before its end has seen enough.
        let _ = writeln!(input, "{text}");
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err(std::io::Error::other("the pager failed")),
    }
}

/// A text whose parts stand three spaces apart, in lines of at most `width`; those after the first
/// begin under it.
fn flowed(text: &str, width: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for part in line.split("   ") {
            let length = indent + current.chars().count() + 3 + part.chars().count();
            if !current.is_empty() && length > width {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push_str("   ");
            }
            current.push_str(part);
        }
        lines.push(current);
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// Folds what is said at spaces, in lines of at most `width`; a cell's own lines stay as they are.
fn folded(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.contains(" | ") || line.chars().count() <= width {
            lines.push(line.to_owned());
            continue;
        }
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let mut current = " ".repeat(indent);
        for (at, word) in line.trim_start().split(' ').enumerate() {
            if at > 0 && current.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::replace(&mut current, " ".repeat(indent + 2)));
            } else if at > 0 {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

/// Writes lines to standard output; a reader that has gone away is no error.
pub(in crate::repl) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Shows what happens while a cell runs.
pub(in crate::repl) struct Watcher {
    screen: Screen,
    bar: Mutex<Option<Progress>>,
}

impl Watcher {
    pub(in crate::repl) fn new(screen: Screen) -> Self {
        Self { screen, bar: Mutex::new(None) }
    }
}

impl Observer for Watcher {
    fn printed(&self, line: &str) {
        print(line);
    }

    fn said(&self, line: &str) {
        self.screen.say(line);
    }

    fn width(&self) -> usize {
        width()
    }

    fn job(&self, update: JobUpdate<'_>) {
        let Ok(mut bar) = self.bar.lock() else { return };
        match update {
            JobUpdate::Started(job) => *bar = Some(Progress::start(job.kind.as_str())),
            JobUpdate::Event(event) => {
                if let Some(bar) = bar.as_ref() {
                    bar.note(event);
                }
            }
            JobUpdate::Cancelling(job) => {
                *bar = None;
                let kind = job.kind.as_str();
                self.screen.say(&format!("cancelling the {kind} job …"));
            }
            JobUpdate::Left => *bar = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_folded_at_spaces() {
        let text = "error: no argument targt; did you mean target?\n  a.b: is not right\n1 | a long line of a cell";
        let expected = "error: no argument\n  targt; did you\n  mean target?\n  a.b: is not right\n1 | a long line of a cell";
        assert_eq!(folded(text, 19), expected);
        assert_eq!(folded(text, 80), text);
    }

    #[test]
    fn parts_flow_to_the_next_line() {
        let text = "default 3   AUC 0.783 (0.774 to 0.792)   n test 6,000\n! warned";
        let flown = flowed(text, 50, 8);
        let expected =
            "default 3   AUC 0.783 (0.774 to 0.792)\n        n test 6,000\n        ! warned";
        assert_eq!(flown, expected);
        assert_eq!(flowed(text, 200, 0), text);
    }
}
