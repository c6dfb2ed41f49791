//! Looks at everything that a server needs, changes nothing, and says what to do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde::Serialize;
use sysinfo::{Disks, MemoryRefreshKind, RefreshKind, System};

use super::blocking;
use crate::config::Config;
use crate::engine::{DeviceWish, device_memory, devices};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::connect::{Migrations, boot_check, check_migrations, connect};
use crate::store::postgres::{self, Attached};

/// Free space under which a disk is full soon, and under which it is full.
const LITTLE_DISK: u64 = 5 << 30;
const NO_DISK: u64 = 1 << 30;
/// Memory that a server with a training job needs at least.
const MEMORY: u64 = 1 << 30;
/// Difference of two clocks that is noticed.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    /// A server works, but not for long or not well.
    Warning,
    /// A server would not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub health: Health,
    pub finding: String,
    /// What to do about it, where the finding does not say it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn good(what: &'static str, finding: impl Into<String>) -> Self {
        Self { what, health: Health::Good, finding: finding.into(), remedy: None }
    }

    fn warning(what: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (finding, remedy) = (finding.into(), Some(remedy.into()));
        Self { what, health: Health::Warning, finding, remedy }
    }

    fn bad(what: &'static str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { health: Health::Bad, ..Self::warning(what, finding, remedy) }
    }

    /// An error of ours names the way out itself.
    fn of(what: &'static str, error: &Error) -> Self {
        let mut text = error.to_string();
        if let Error::Problem { errors, .. } = error {
            let others = errors.iter().filter(|field| field.detail != text);
            let others: String =
                others.map(|field| format!("; {}: {}", field.pointer, field.detail)).collect();
            text.push_str(&others);
        }
        Self { what, health: Health::Bad, finding: text, remedy: None }
    }
}

/// Looks at everything, in the order in which a start needs it.
///
/// # Errors
/// [`Error::Internal`] when a thread can't be waited for.
pub async fn examine(config: &Config) -> Result<Vec<Finding>> {
    let settings = config.clone();
    let mut findings = blocking(move || {
        let config = &settings;
        Ok(vec![programs(config), data_directory(config), disk("disk", &config.data_dir)])
    })
    .await?;
    if !config.service.temp_dir.starts_with(&config.data_dir) {
        findings.push(disk("temporary files", &config.service.temp_dir));
    }
    findings.push(memory(config));
    let attached = match &config.database_url {
        Some(_) => Ok(None),
        None => {
            let settings = config.postgres.clone();
            blocking(move || postgres::attach(&settings)).await
        }
    };
    let running_at = attached.as_ref().ok().and_then(|a| a.as_ref()?.http_address.clone());
    findings.extend(database(config, attached).await);
    let settings = config.clone();
    let last =
        move || Ok([address(&settings, running_at.as_deref()), computing(settings.models_device)]);
    findings.extend(blocking(last).await?);
    Ok(findings)
}

fn programs(config: &Config) -> Finding {
    const WHAT: &str = "programs";
    if config.database_url.is_some() {
        return Finding::good(WHAT, "none needed: the database is external");
    }
    let server = match postgres::installed(&config.postgres) {
        Ok(server) => server,
        Err(error) => return Finding::of(WHAT, &error),
    };
    match postgres::client_programs(config.postgres.bin_dir.as_deref(), server.major) {
        Ok(_) => Finding::good(
            WHAT,
            format!("PostgreSQL {} in {}", server.major, server.directory.display()),
        ),
        Err(error) => Finding::warning(
            WHAT,
            format!("PostgreSQL {} is there, but no backup can be made", server.major),
            error.to_string(),
        ),
    }
}

fn data_directory(config: &Config) -> Finding {
    const WHAT: &str = "data directory";
    let shown = config.data_dir.display();
    if config.data_dir.exists() && !config.data_dir.is_dir() {
        return Finding::bad(WHAT, format!("{shown} is no directory"), "name another: --data-dir");
    }
    let Some(existing) = existing(&config.data_dir) else {
        return Finding::bad(WHAT, format!("{shown} can't be made"), "name another: --data-dir");
    };
    match nix::unistd::access(&existing, nix::unistd::AccessFlags::W_OK) {
        Err(error) => Finding::bad(
            WHAT,
            format!("{} can't be written: {error}", existing.display()),
            "start as its owner, or name another: --data-dir",
        ),
        Ok(()) if existing == config.data_dir => Finding::good(WHAT, format!("{shown}")),
        Ok(()) => Finding::good(WHAT, format!("{shown}, which the first start makes")),
    }
}

/// The path, or the nearest directory above it that exists.
fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|p| p.is_dir()).map(Path::to_path_buf)
}

fn disk(what: &'static str, path: &Path) -> Finding {
    let disks = Disks::new_with_refreshed_list();
    let real = existing(path).and_then(|p| p.canonicalize().ok()).unwrap_or(path.to_path_buf());
    let holding = disks.iter().filter(|disk| real.starts_with(disk.mount_point()));
    let Some(disk) = holding.max_by_key(|disk| disk.mount_point().as_os_str().len()) else {
        return Finding::warning(
            what,
            format!("the disk of {} is not known", path.display()),
            "look at its free space with df",
        );
    };
    let free = disk.available_space();
    let text = format!(
        "{} of {} free on {}",
        size(free),
        size(disk.total_space()),
        disk.mount_point().display()
    );
    const REMEDY: &str = "delete what is not needed (old dataset and model versions, old backups), \
                          or move the data directory to a larger disk";
    match free {
        free if free < NO_DISK => Finding::bad(what, text, REMEDY),
        free if free < LITTLE_DISK => Finding::warning(what, text, REMEDY),
        _ => Finding::good(what, text),
    }
}

fn memory(config: &Config) -> Finding {
    const WHAT: &str = "memory";
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    // A container may get less than the machine has.
    let limits = system.cgroup_limits();
    let total = limits.as_ref().map_or(system.total_memory(), |limits| limits.total_memory);
    let free = limits.as_ref().map_or(system.available_memory(), |limits| limits.free_memory);
    let free = free.min(system.available_memory());
    let text = format!("{} of {} available", size(free), size(total));
    if free < MEMORY {
        return Finding::warning(
            WHAT,
            text,
            "a training job may be killed for lack of memory: end other programs, add memory, or \
             run 'actuary worker' on another machine",
        );
    }
    if config.service.model_cache_bytes > total / 2 {
        let limit = size(config.service.model_cache_bytes);
        return Finding::warning(
            WHAT,
            format!("{text}; loaded models may take {limit}"),
            "lower models.cache_bytes to half of the memory or less",
        );
    }
    Finding::good(WHAT, text)
}

async fn database(config: &Config, attached: Result<Option<Attached>>) -> Vec<Finding> {
    const WHAT: &str = "database";
    let (url, place) = match (&config.database_url, attached) {
        (Some(url), _) => (url.clone(), "external PostgreSQL".to_owned()),
        (None, Err(error)) => return vec![Finding::of(WHAT, &error)],
        (None, Ok(Some(running))) => {
            (running.url, format!("embedded PostgreSQL, run by process {}", running.owner_pid))
        }
        (None, Ok(None)) => {
            let made = config.data_dir.join("postgres/PG_VERSION").exists();
            let state = if made { "stopped" } else { "not made yet" };
            let text = format!("embedded PostgreSQL, {state}: 'actuary serve' starts it");
            return vec![Finding::good(WHAT, text)];
        }
    };
    let pool = match connect(&url, &config.pool).await {
        Ok(pool) => pool,
        Err(error) => return vec![Finding::of(WHAT, &error)],
    };
    let mut findings = vec![match boot_check(&pool, config.database_url.is_none()).await {
        Ok(()) => Finding::good(WHAT, place),
        Err(error) => Finding::of(WHAT, &error),
    }];
    let migrations = check_migrations(&pool).await;
    if let Ok(Migrations { applied: 0, .. }) = migrations {
        pool.close().await;
        findings.push(Finding::good("schema", "empty: the first start makes it"));
        return findings;
    }
    findings.push(match migrations {
        Ok(Migrations { missing: 0, .. }) => Finding::good("schema", "as this program needs it"),
        Ok(Migrations { missing, .. }) => Finding::warning(
            "schema",
            format!("{missing} migrations are to be applied, by the next start"),
            "make a backup first: actuary backup FILE",
        ),
        Err(error) => Finding::of("schema", &error),
    });
    let store = Store::new(pool);
    findings.push(clock(&store).await);
    findings.push(keys(&store).await);
    store.close().await;
    findings
}

/// Leases and expiries are the database's time, and rows are dated by it.
async fn clock(store: &Store) -> Finding {
    const WHAT: &str = "clock";
    const REMEDY: &str = "let both machines keep time by NTP, for example: apt-get install chrony";
    let (now, newest) = match store.clock().await {
        Ok(clock) => clock,
        Err(error) => return Finding::of(WHAT, &error),
    };
    let apart = now - Utc::now();
    if let Some(newest) = newest.filter(|newest| *newest > now + CLOCKS_APART) {
        return Finding::bad(
            WHAT,
            format!(
                "the database's clock says {now:.0}, and a job is of {newest:.0}: it went back"
            ),
            REMEDY,
        );
    }
    match apart.abs() > CLOCKS_APART {
        true => Finding::warning(
            WHAT,
            format!("the database's is {} s from this machine's", apart.num_seconds()),
            REMEDY,
        ),
        false => Finding::good(WHAT, now.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
    }
}

async fn keys(store: &Store) -> Finding {
    const WHAT: &str = "keys";
    match store.has_usable_admin_key().await {
        Ok(true) => Finding::good(WHAT, "there is one that may do everything"),
        Ok(false) => Finding::warning(
            WHAT,
            "no key with the scope admin is valid",
            "actuary keys create --name admin --scope read --scope predict --scope train --scope admin",
        ),
        Err(error) => Finding::of(WHAT, &error),
    }
}

fn address(config: &Config, running_at: Option<&str>) -> Finding {
    const WHAT: &str = "address";
    if let Some(url) = running_at {
        return Finding::good(WHAT, format!("a server serves {url}"));
    }
    if let Err(error) = config.http.check() {
        return Finding::of(WHAT, &error);
    }
    let wanted = config.http.address;
    match TcpListener::bind(wanted) {
        Ok(_) => Finding::good(WHAT, format!("{wanted} is free")),
        // Of an external database nothing tells where its servers are.
        Err(_) if lives(wanted) => Finding::good(WHAT, format!("a server serves {wanted}")),
        Err(error) => Finding::bad(
            WHAT,
            format!("{wanted} can't be used: {error}"),
            "end the program that has it, or give another: --address",
        ),
    }
}

/// Whether an Actuary without TLS answers there.
fn lives(address: SocketAddr) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(r#"{"status":"live"}"#))
}

fn computing(models: DeviceWish) -> Finding {
    if let Err(error) = models.resolve() {
        return Finding::bad("devices", error.to_string(), "set models.device to auto or cpu");
    }
    let names = devices().into_iter().map(|d| d.description).collect::<Vec<_>>().join(", ");
    let memory = device_memory();
    let memory = memory
        .iter()
        .map(|(name, used, total)| format!("; {name}: {} of {} in use", size(*used), size(*total)));
    Finding::good("devices", format!("{names}{}", memory.collect::<String>()))
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1536, 5 << 30, 3 << 40].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "5.0 GiB", "3.0 TiB"]);
    }

    #[test]
    fn the_nearest_directory_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(existing(&folder.path().join("a/b")), Some(folder.path().to_path_buf()));
        assert_eq!(disk("disk", &folder.path().join("a/b")).what, "disk");
    }
}
