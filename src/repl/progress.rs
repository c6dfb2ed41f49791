//! A job's progress as a line below the page, where there is a terminal; else nothing.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::text::{grouped, shortened};
use crate::domain::job::{
    self, AnalysisProgress, AssessmentProgress, JobEvent, JobEventKind, TrainingProgress,
};

/// Where the terminal does not say how wide it is.
const WIDTH: usize = 80;
/// Lengths of the bar, of which the longest is taken that there is room for.
const BARS: [u32; 4] = [20, 12, 6, 0];
/// A line is drawn at most so often a second.
const DRAWS: u8 = 20;
/// Columns that are left free.
const FREE: usize = 4;

/// The terminal of standard error, as if it were a little narrower: a line is filled up to its
/// end, and the `^C` that the terminal echoes behind it would begin a new one and leave it there.
#[derive(Debug)]
struct Narrow;

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        u16::try_from(width()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{n}A")) }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{n}B")) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{n}C")) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{n}D")) }
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(&format!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        io::stderr().write_all(text.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Columns that a line may take.
fn width() -> usize {
    let there = comfy_table::Table::new().use_stderr().width().map_or(WIDTH, usize::from);
    there.saturating_sub(FREE)
}

/// Goes when it is dropped.
pub struct Progress {
    line: ProgressBar,
    what: String,
}

impl Progress {
    /// Begins to show the progress of a job; `what` says of which.
    pub fn start(what: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::term_like_with_hz(Box::new(Narrow), DRAWS)
        } else {
            ProgressDrawTarget::hidden()
        };
        let line = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(" {spinner} {msg}") {
            line.set_style(style);
        }
        line.set_message(what.to_owned());
        line.enable_steady_tick(Duration::from_millis(120));
        Self { line, what: what.to_owned() }
    }

    /// Shows what an event tells.
    pub fn note(&self, event: &JobEvent) {
        // The line begins with a spinner.
        let room = width().saturating_sub(self.what.chars().count() + 4);
        if let Some(text) = progress_line(event, room) {
            self.line.set_message(format!("{} {text}", self.what));
        }
    }
}

/// What an event tells of a job's progress, in at most `room` characters; none where it tells of
/// something else.
pub fn progress_line(event: &JobEvent, room: usize) -> Option<String> {
    let JobEventKind::Progress(event) = &event.event else { return None };
    let text = match &event.progress {
        job::Progress::Ingestion(p) => format!("{} {} rows", p.stage, grouped(p.rows)),
        job::Progress::Training(p) => training(p, room),
        job::Progress::Analysis(p) => analysis(p),
        job::Progress::Assessment(p) => assessment(p),
    };
    Some(shortened(&text, room))
}

/// `importance 41 %`.
pub(super) fn analysis(p: &AnalysisProgress) -> String {
    match (p.done * 100).checked_div(p.total) {
        None => p.stage.clone(),
        Some(share) => format!("{} {share} %", p.stage),
    }
}

/// `4,000 of 30,000 rows`.
pub(super) fn assessment(p: &AssessmentProgress) -> String {
    format!("{} of {} rows", grouped(p.done), grouped(p.total))
}

/// `tabm (1/3) epoch 11/24 ━━━━━━━── loss 0.4271 score 0.7831 212k rows/s 0:09 left`.
fn training(p: &TrainingProgress, room: usize) -> String {
    let metric = p.last.validation_metric.map(|m| format!(" score {m:.4}")).unwrap_or_default();
    let left = p.seconds_left.max(0.0).round() as u64;
    let figures = format!(
        "loss {:.4}{metric} {}k rows/s {}:{:02} left",
        p.last.validation_loss,
        grouped((p.rows_per_second / 1e3).round() as u64),
        left / 60,
        left % 60
    );
    // Which of the trainings of the job, when there are several.
    let run = match p.runs {
        0 | 1 => String::new(),
        runs => format!("{} ({}/{runs}) ", p.run, p.run_number),
    };
    let line = |length: u32| {
        let full = (p.epoch * length).checked_div(p.epochs).unwrap_or(0).min(length);
        let bar: String = (0..length).map(|at| if at < full { '━' } else { '─' }).collect();
        let gap = if bar.is_empty() { "" } else { " " };
        format!("{run}epoch {}/{} {bar}{gap}{figures}", p.epoch, p.epochs)
    };
    let fitting = BARS.into_iter().map(line).find(|line| line.chars().count() <= room);
    fitting.unwrap_or_else(|| line(0))
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::version::EpochLoss;

    #[test]
    fn a_line_fits_a_narrow_terminal_and_uses_a_wide_one() {
        let last = EpochLoss {
            epoch: 11,
            train_loss: 0.4,
            validation_loss: 0.42714,
            validation_metric: Some(0.78312),
        };
        let mut progress = TrainingProgress {
            run: "mlp".into(),
            run_number: 1,
            runs: 1,
            epoch: 12,
            epochs: 24,
            last,
            best_epoch: 9,
            rows_per_second: 212_300.0,
            seconds_left: 69.4,
            search: None,
        };
        let end = "loss 0.4271 score 0.7831 212k rows/s 1:09 left";
        let bar = |full: usize, rest: usize| format!("{}{}", "━".repeat(full), "─".repeat(rest));
        assert_eq!(training(&progress, 120), format!("epoch 12/24 {} {end}", bar(10, 10)));
        assert_eq!(training(&progress, 66), format!("epoch 12/24 {} {end}", bar(3, 3)));
        assert_eq!(training(&progress, 60), format!("epoch 12/24 {end}"));
        progress.runs = 3;
        assert_eq!(training(&progress, 73), format!("mlp (1/3) epoch 12/24 {end}"));
    }
}
