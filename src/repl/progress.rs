//! A job's progress as a line below the page, where there is a terminal; else nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::{grouped, shortened};
use crate::domain::job::{self, JobEvent, JobEventKind, TrainingProgress};

/// Where the terminal does not say how wide it is.
const WIDTH: usize = 80;
/// From so many columns on there is room for a long bar.
const WIDE: usize = 100;
/// Columns that are left free: a `^C` that the terminal echoes must not begin a new line.
const FREE: usize = 6;

/// Goes when it is dropped.
pub struct Progress {
    line: ProgressBar,
    what: String,
}

impl Progress {
    /// Begins to show the progress of a job; `what` says of which.
    pub fn start(what: &str) -> Self {
        // Draws nothing where standard error is no terminal.
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(" {spinner} {msg}") {
            line.set_style(style);
        }
        line.set_message(what.to_owned());
        line.enable_steady_tick(Duration::from_millis(120));
        Self { line, what: what.to_owned() }
    }

    /// Shows what an event tells.
    pub fn note(&self, event: &JobEvent) {
        let JobEventKind::Progress(event) = &event.event else { return };
        let width = comfy_table::Table::new().width().map_or(WIDTH, usize::from);
        let text = match &event.progress {
            job::Progress::Ingestion(p) => format!("{} {} rows", p.stage, grouped(p.rows)),
            job::Progress::Training(p) => training(p, width),
        };
        let text = format!("{:<10} {text}", self.what);
        self.line.set_message(shortened(&text, width.saturating_sub(FREE)));
    }
}

/// `epoch 11/24 ━━━━━━━── loss 0.4271 score 0.7831 212k rows/s 0:09 left`.
fn training(p: &TrainingProgress, width: usize) -> String {
    let length = if width < WIDE { 6 } else { 20 };
    let full = (p.epoch * length).checked_div(p.epochs).unwrap_or(0).min(length) as usize;
    let bar = format!("{}{}", "━".repeat(full), "─".repeat(length as usize - full));
    let metric = p.last.validation_metric.map(|m| format!(" score {m:.4}")).unwrap_or_default();
    let left = p.seconds_left.max(0.0).round() as u64;
    format!(
        "epoch {}/{} {bar} loss {:.4}{metric} {}k rows/s {}:{:02} left",
        p.epoch,
        p.epochs,
        p.last.validation_loss,
        grouped((p.rows_per_second / 1e3).round() as u64),
        left / 60,
        left % 60
    )
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
        let progress = TrainingProgress {
            epoch: 12,
            epochs: 24,
            last,
            best_epoch: 9,
            rows_per_second: 212_300.0,
            seconds_left: 69.4,
        };
        let line = training(&progress, 80);
        let end = "loss 0.4271 score 0.7831 212k rows/s 1:09 left";
        assert_eq!(line, format!("epoch 12/24 ━━━─── {end}"));
        assert!(line.chars().count() + 11 + 3 + 2 <= 80);
        assert!(training(&progress, 120).contains(&"━".repeat(10)));
    }
}
