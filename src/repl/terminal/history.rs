//! What was typed, kept across sessions, readable by its user only.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustyline::Config;
use rustyline::history::{FileHistory, History};

use crate::error::{Context, Result};

/// Entries that are kept.
pub(super) const ENTRIES: usize = 10_000;
/// What every key begins with.
const KEY: &str = "act_";

/// Makes the file where there is none, and closes it to others.
///
/// # Errors
/// [`Error::Internal`](crate::error::Error::Internal) when it can't be written.
pub(super) fn prepare(file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).context(format!("making {}", folder.display()))?;
    }
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    opened.context(format!("opening {}", file.display()))?;
    std::fs::set_permissions(file, Permissions::from_mode(0o600))
        .context(format!("closing {} to others", file.display()))
}

/// What earlier sessions typed, the oldest first; nothing where nothing is kept.
///
/// # Errors
/// [`Error::Internal`](crate::error::Error::Internal) when the file can't be read.
pub(in crate::repl) fn past(file: &Path) -> Result<Vec<String>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let all = Config::builder().max_history_size(ENTRIES).context("reading the history")?.build();
    let mut kept = FileHistory::with_config(&all);
    kept.load(file).context(format!("reading {}", file.display()))?;
    Ok(kept.iter().cloned().collect())
}

/// Whether a cell may be kept: none that may hold a key is.
pub(super) fn may_keep(cell: &str) -> bool {
    !cell.trim().is_empty() && !holds_key(cell)
}

/// Whether a text may hold a key.
pub(in crate::repl) fn holds_key(text: &str) -> bool {
    text.contains(KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_comes_back_and_not_only_the_last_hundred() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history");
        let lines: Vec<String> = (0..250).map(|at| format!("x = {at}")).collect();
        std::fs::write(&file, format!("#V2\n{}\n", lines.join("\n"))).unwrap();
        assert_eq!(past(&file).unwrap(), lines);
        assert!(past(&dir.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn the_file_is_its_users_alone_and_holds_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/actuary/history");
        prepare(&file).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        prepare(&file).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(may_keep("load(\"x.csv\")"));
        assert!(!may_keep("k = \"act_0123456789\""));
        assert!(!may_keep(" \n"));
    }
}
