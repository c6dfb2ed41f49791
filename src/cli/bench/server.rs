//! A server in a process of its own, so that its start and its memory can be told.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::is_kept;
use super::memory::resident;
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};

/// Asked to end, and waited for, when this is dropped.
pub(super) struct Server {
    process: Child,
    pub(super) url: String,
    /// When it was started.
    pub(super) began: Instant,
    /// Resident memory, in bytes, before any work.
    pub(super) memory: u64,
}

impl Server {
    /// This program as `serve` on the data directory of some settings, on any free port; with an
    /// external database where one is named. Waits until it says that it serves.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it does not.
    pub(super) fn start(config: &Config, database_url: Option<&str>) -> Result<Self> {
        let mut command = Command::new(&config.postgres.executable);
        for (name, _) in std::env::vars_os() {
            if !name.to_str().is_some_and(is_kept) {
                command.env_remove(&name);
            }
        }
        command
            .args(["serve", "--address", "127.0.0.1:0", "--log", "error", "--data-dir"])
            .arg(&config.data_dir)
            .envs(database_url.map(|url| ("DATABASE_URL", url)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let began = Instant::now();
        let process = command.spawn().context("starting a server")?;
        let mut server = Self { process, url: String::new(), began, memory: 0 };
        let mut line = String::new();
        if let Some(out) = server.process.stdout.take() {
            BufReader::new(out).read_line(&mut line).context("starting a server")?;
        }
        let url = line.strip_prefix("serving ").and_then(|rest| rest.split(' ').next());
        server.url = url.map(str::to_owned).ok_or_else(|| {
            Error::new(
                Code::Unavailable,
                "a server could not be started for the measurement: 'actuary doctor' says why",
            )
        })?;
        server.memory = resident(server.id()).map_or(0, |memory| memory.now);
        Ok(server)
    }

    /// The number of its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// # Errors
    /// [`Error::Internal`] when it said no address.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        address(&self.url).map(|(address, _)| address)
    }
}

/// Address and path of a URL of plain HTTP.
///
/// # Errors
/// [`Code::InvalidRequest`] when it is something else, or its host has no address.
pub(super) fn address(url: &str) -> Result<(SocketAddr, String)> {
    use std::net::ToSocketAddrs;
    let refuse = || {
        let detail = format!("'{url}' is no URL like http://127.0.0.1:5000/invocations");
        Error::new(Code::InvalidRequest, detail)
    };
    let rest = url.strip_prefix("http://").ok_or_else(refuse)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let found = host.to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(refuse)?;
    Ok((found, format!("/{path}")))
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        // When it has ended already, there is nothing to wait for.
        if nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).is_ok() {
            let _ = self.process.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_address_and_a_path() {
        let (found, path) = address("http://127.0.0.1:5000/invocations?x=1").unwrap();
        assert_eq!(
            (found.to_string().as_str(), path.as_str()),
            ("127.0.0.1:5000", "/invocations?x=1")
        );
        assert_eq!(address("http://127.0.0.1").unwrap().0.port(), 80);
        for wrong in ["https://127.0.0.1:1/", "127.0.0.1:1", "http://127.0.0.1:x/"] {
            assert!(address(wrong).unwrap_err().to_string().contains(wrong));
        }
    }
}
