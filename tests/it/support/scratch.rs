//! Directories that PostgreSQL's user can enter, and settings for clusters within.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use actuary::store::postgres::EmbeddedSettings;

const PREFIX: &str = "actuary-test-";

/// A directory for one test, below one named by this process. It is removed when the test has
/// passed; what dead processes left is removed by the next.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let base = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        static SWEEP: Once = Once::new();
        SWEEP.call_once(|| {
            sweep(&std::env::temp_dir());
            make(&base);
        });
        let dir = base.join(name);
        make(&dir);
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            remove(&self.0);
        }
    }
}

fn make(dir: &Path) {
    std::fs::create_dir_all(dir).expect("a scratch directory");
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Removes the directories of test processes that have ended.
fn sweep(temp: &Path) {
    for entry in std::fs::read_dir(temp).expect("the temporary directory").flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok())
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            for dir in std::fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                remove(&dir.path());
            }
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

/// Removes the directory, and the one of the socket that a killed owner has left.
fn remove(dir: &Path) {
    if let Ok(runtime) = std::fs::read_to_string(dir.join("data/actuary.json"))
        && let Ok(runtime) = serde_json::from_str::<serde_json::Value>(&runtime)
        && let Some(url) = runtime.get("url").and_then(|url| url.as_str())
    {
        let _ = std::fs::remove_dir_all(socket_dir(url));
    }
    let _ = std::fs::remove_dir_all(dir);
}

/// A cluster that is as durable as any, but for its very making.
pub(crate) fn embedded_settings(data_dir: &Path) -> EmbeddedSettings {
    EmbeddedSettings {
        executable: PathBuf::from(env!("CARGO_BIN_EXE_actuary")),
        sync_initdb: false,
        ..EmbeddedSettings::new(data_dir)
    }
}

/// The process that the cluster's `postmaster.pid` names.
pub(crate) fn postmaster_pid(data_dir: &Path) -> u32 {
    let file = data_dir.join("postgres/postmaster.pid");
    let text = std::fs::read_to_string(file).expect("a running cluster");
    text.lines().next().and_then(|line| line.parse().ok()).expect("its process")
}

pub(crate) fn socket_dir(url: &str) -> PathBuf {
    let (_, host) = url.split_once("?host=").expect("a URL of a socket");
    PathBuf::from(host.split('&').next().expect("its directory"))
}
