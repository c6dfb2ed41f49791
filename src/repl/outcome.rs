//! What a cell gave, and what is told while it runs.

use serde_json::Value as Json;

use super::fault::Fault;
use super::table::Table;
use crate::domain::job::{Job, JobEvent};
use crate::plot::Plot;

/// Characters of a line where no terminal says how many it has.
pub(super) const WIDTH: usize = 100;
/// Characters and lines of a plot.
const PLOT: (usize, usize) = (80, 18);

/// What evaluating one cell gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The cell's number, from 1.
    pub number: u32,
    /// The value of the last expression, unless it is None or hidden by a `;`.
    pub value: Option<Shown>,
    /// A dataset, a version or another object that its last statement gave a name to, which a
    /// prompt shows since it is what the cell was for.
    pub assigned: Option<Shown>,
    /// What it printed, in whole lines.
    pub printed: String,
    pub fault: Option<Fault>,
    /// The cell asked for the session's end, with this exit code.
    pub exit: Option<u8>,
    /// What a prompt is to do next.
    pub then: Option<Then>,
}

/// What a cell asks of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Show a result whole, in a pager where it is longer than the terminal.
    Page(Box<Shown>),
    /// Put a text at the next prompt, to be changed.
    Edit(String),
}

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What fits a look.
    #[default]
    Short,
    /// As much as anybody reads.
    Page,
    /// All rows, and the value as JSON.
    Whole,
}

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shown {
    pub text: String,
    /// The same as a table, where that is the better form.
    pub table: Option<Table>,
    pub plot: Option<Plot>,
    /// Where it is shown whole.
    pub json: Option<Json>,
}

impl Shown {
    /// All that is shown of it, tables and plots within `width` characters.
    pub(super) fn lines(&self, width: usize) -> String {
        // The text of a list or a dict would only repeat its table.
        let repeats = self.table.is_some() && self.text.starts_with(['[', '{']);
        let mut parts = Vec::new();
        if !repeats {
            parts.push(self.text.clone());
        }
        parts.extend(self.table.as_ref().map(|table| table.render(width, str::to_owned)));
        let (most, height) = PLOT;
        let plot = self.plot.as_ref().map(|plot| plot.braille(width.min(most), height, false));
        parts.extend(plot);
        parts.join("\n")
    }
}

/// What happens to a job that a cell waits for.
#[derive(Debug)]
pub enum JobUpdate<'a> {
    Started(&'a Job),
    Event(&'a JobEvent),
    /// It was interrupted, and the server is asked to cancel the job.
    Cancelling(&'a Job),
    /// It is not waited for any more.
    Left,
}

/// Told what happens while a cell runs, on the thread that runs it.
pub trait Observer: Send + Sync {
    /// A line was printed.
    fn printed(&self, line: &str);
    /// Something that is not the cell's own: a server that does not answer.
    fn said(&self, line: &str);
    /// A job goes on.
    fn job(&self, update: JobUpdate<'_>);
    /// How wide the tables may be that it is told.
    fn width(&self) -> usize {
        WIDTH
    }
}
