//! What `postmaster.pid` means. PostgreSQL refuses to start while the process it names lives,
//! which after a crash or in a restarted container may be one that has nothing to do with it.
//! The file is never deleted from here: that would race with PostgreSQL's own care for it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is known about the process that the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// No file, or its process has ended.
    Nobody,
    /// A process of PostgreSQL on this very directory.
    Postgres(u32),
    /// The number has gone to some other process.
    Stranger(u32),
}

/// Who holds the cluster. Where there is no `/proc`, PostgreSQL decides alone.
pub(super) fn holder(cluster: &Path) -> Holder {
    let Some(pid) = recorded_pid(cluster) else {
        return Holder::Nobody;
    };
    let proc = Path::new("/proc").join(pid.to_string());
    if !proc.exists() {
        Holder::Nobody
    } else if is_postgres_on(&proc, cluster) {
        Holder::Postgres(pid)
    } else {
        Holder::Stranger(pid)
    }
}

/// The first line of `postmaster.pid`; a standalone backend writes its number negated.
fn recorded_pid(cluster: &Path) -> Option<u32> {
    let pid: i32 = line(cluster, 0)?.parse().ok()?;
    Some(pid.unsigned_abs())
}

/// Whether the file is this process's, and says that it takes connections. To ask by connecting
/// before that would only fill the log.
pub(super) fn is_ready(cluster: &Path, pid: u32) -> bool {
    is_in_state(cluster, pid, "ready")
}

/// Whether the file is this process's, and says that it shuts down.
pub(super) fn is_stopping(cluster: &Path, pid: u32) -> bool {
    is_in_state(cluster, pid, "stopping")
}

fn is_in_state(cluster: &Path, pid: u32, state: &str) -> bool {
    recorded_pid(cluster) == Some(pid) && line(cluster, 7).is_some_and(|found| found == state)
}

fn line(cluster: &Path, number: usize) -> Option<String> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    text.lines().nth(number).map(|line| line.trim().to_owned())
}

/// Every process of PostgreSQL works in its data directory. One that has ended but was not reaped
/// has no working directory and no command line any more.
fn is_postgres_on(proc: &Path, cluster: &Path) -> bool {
    let is_postgres =
        std::fs::read_to_string(proc.join("comm")).is_ok_and(|name| name.trim() == "postgres");
    if !is_postgres {
        return false;
    }
    match (std::fs::metadata(proc.join("cwd")), std::fs::metadata(cluster)) {
        (Ok(cwd), Ok(cluster)) => cwd.dev() == cluster.dev() && cwd.ino() == cluster.ino(),
        // A restricted container may not let us look: the command line is open to all.
        _ => std::fs::read(proc.join("cmdline")).is_ok_and(|line| {
            line.split(|byte| *byte == 0).any(|arg| arg == cluster.as_os_str().as_encoded_bytes())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_went_to_another_process_is_a_stranger() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(holder(temp.path()), Holder::Nobody);
        let own = std::process::id();
        std::fs::write(temp.path().join("postmaster.pid"), format!("{own}\n/data\n")).unwrap();
        assert_eq!(holder(temp.path()), Holder::Stranger(own));
        std::fs::write(temp.path().join("postmaster.pid"), format!("-{own}\n")).unwrap();
        assert_eq!(recorded_pid(temp.path()), Some(own));
        std::fs::write(temp.path().join("postmaster.pid"), "").unwrap();
        assert_eq!(holder(temp.path()), Holder::Nobody);
    }

    #[test]
    fn states_are_those_of_the_server_that_was_started() {
        let temp = tempfile::tempdir().unwrap();
        let write = |state: &str| {
            let text = format!("42\n/data\n1700000000\n5432\n/run/x\n\n  1  2\n{state}\n");
            std::fs::write(temp.path().join("postmaster.pid"), text).unwrap();
        };
        assert!(!is_ready(temp.path(), 42));
        write("starting");
        assert!(!is_ready(temp.path(), 42));
        write("ready   ");
        assert!(is_ready(temp.path(), 42) && !is_stopping(temp.path(), 42));
        assert!(!is_ready(temp.path(), 43));
        write("stopping");
        assert!(is_stopping(temp.path(), 42) && !is_ready(temp.path(), 42));
        assert!(!is_stopping(temp.path(), 43));
    }

    #[test]
    fn a_number_of_nobody_is_nobody() {
        let temp = tempfile::tempdir().unwrap();
        // Above the highest number that Linux gives out.
        std::fs::write(temp.path().join("postmaster.pid"), "2000000000\n").unwrap();
        assert_eq!(holder(temp.path()), Holder::Nobody);
    }
}
