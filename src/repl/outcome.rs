//! What a cell gave, and what is told while it runs.

use super::fault::Fault;
use super::table::Table;
use crate::domain::job::{Job, JobEvent};

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
}

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub text: String,
    /// The same as a table, where that is the better form.
    pub table: Option<Table>,
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
    /// A job goes on.
    fn job(&self, update: JobUpdate<'_>);
}
