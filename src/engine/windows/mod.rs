//! Windows of series: which rows each reads, which it is held against, and in which part it is.

mod cut;
mod series;
#[cfg(test)]
mod tests;

pub(crate) use self::cut::{Cut, Window, cut};
pub(crate) use self::series::AllSeries;
use crate::domain::model::Task;
use crate::domain::window::WindowSpec;

/// Where in a window things stand, in rows from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows that are read.
    pub(crate) look_back: usize,
    /// The first row that is foretold.
    pub(crate) ahead: usize,
    /// Rows that are foretold.
    pub(crate) targets: usize,
}

impl Shape {
    /// The shape that a specification asks for.
    pub(crate) fn new(spec: &WindowSpec, look_back: usize, task: Task) -> Self {
        let (horizon, gap) = (spec.horizon as usize, spec.gap as usize);
        match task {
            Task::Forecast => Self { look_back, ahead: look_back + gap, targets: horizon },
            // The row of the target: the last one that is read, or so many after it.
            _ => Self { look_back, ahead: (look_back + gap + horizon).max(1) - 1, targets: 1 },
        }
    }

    /// Rows from the first to the last that a window needs.
    pub(crate) fn length(self) -> usize {
        self.look_back.max(self.ahead + self.targets)
    }
}
