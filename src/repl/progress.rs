//! A job's progress as a bar below the page, where there is a terminal; else nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::grouped;
use crate::domain::job::{self, JobEvent, JobEventKind, TrainingProgress};

/// Goes when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn start(what: &str) -> Self {
        // Draws nothing where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(" {spinner} {prefix:<10} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub fn note(&self, event: &JobEvent) {
        let JobEventKind::Progress(event) = &event.event else { return };
        match &event.progress {
            job::Progress::Ingestion(p) => {
                self.0.set_message(format!("{} {} rows", p.stage, grouped(p.rows)));
            }
            job::Progress::Training(p) => self.training(p),
        }
    }

    fn training(&self, p: &TrainingProgress) {
        let style = ProgressStyle::with_template(
            " {spinner} {prefix:<10} epoch {pos}/{len} {bar:16} {wide_msg}",
        );
        if let Ok(style) = style {
            self.0.set_style(style.progress_chars("━━─"));
        }
        self.0.set_length(u64::from(p.epochs));
        self.0.set_position(u64::from(p.epoch));
        let metric =
            p.last.validation_metric.map(|m| format!("  score {m:.4}")).unwrap_or_default();
        let left = p.seconds_left.max(0.0).round() as u64;
        self.0.set_message(format!(
            "loss {:.4}{metric}  {}k rows/s  {}:{:02} left",
            p.last.validation_loss,
            grouped((p.rows_per_second / 1e3).round() as u64),
            left / 60,
            left % 60
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
