//! `actuary backup` and `actuary restore`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::output::{duration, grouped, print};
use crate::app::{self, size};
use crate::config::Config;
use crate::error::Result;

#[derive(Args)]
pub(super) struct BackupFile {
    /// The file with everything; no other file is needed with it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn back_up(config: &Config, to: BackupFile) -> Result<()> {
    let start = Instant::now();
    let made = app::backup(config, to.file.clone(), progress("written")).await?;
    print(&format!(
        "{} · {} · schema {} · {}\nrestore it into an empty data directory: actuary restore {} \
         --data-dir DIRECTORY\n",
        to.file.display(),
        size(made.bytes),
        made.manifest.schema,
        duration(start.elapsed()),
        super::output::shell_word(&to.file.display().to_string()),
    ))
}

pub(super) async fn restore(config: &Config, from: BackupFile) -> Result<()> {
    let start = Instant::now();
    let restored = app::restore(config, from.file, progress("checked")).await?;
    print(&format!(
        "restored the backup of {} (Actuary {}) · {} stored files, {}, every SHA-256 right · {}\n\
         keys are those of the backup; jobs that ran then go on with the next 'actuary serve'\n",
        restored.manifest.created_at.format("%Y-%m-%d %H:%M:%S UTC"),
        restored.manifest.actuary,
        grouped(restored.blobs),
        size(restored.blob_bytes),
        duration(start.elapsed()),
    ))
}

/// Shows bytes on a terminal; else nothing.
fn progress(what: &'static str) -> impl FnMut(u64) + Send + 'static {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(120));
    let cleared = Cleared(bar);
    move |bytes| cleared.0.set_message(format!("{} {what}", size(bytes)))
}

/// Leaves nothing on the screen.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
