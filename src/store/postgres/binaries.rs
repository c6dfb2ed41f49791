//! Finding an installed PostgreSQL of the right version.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Installed, MIN_MAJOR, unavailable};
use crate::error::Result;

/// Where packages put PostgreSQL, one directory per major version, without being on the PATH.
const PACKAGED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// An installed PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The given directory's, else the newest that is installed. `data` is the major version that
    /// wrote the cluster: no other can read it.
    pub(super) fn find(configured: Option<&Path>, data: Option<u32>) -> Result<Self> {
        let dirs = match configured {
            Some(dir) => vec![dir.to_path_buf()],
            None => candidates(),
        };
        let found: Vec<Self> = dirs.into_iter().filter_map(Self::probe).collect();
        choose(found, configured, data).map_err(unavailable)
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn installed(self) -> Installed {
        Installed { major: self.major, directory: self.dir }
    }

    fn probe(dir: PathBuf) -> Option<Self> {
        if !dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { dir, major })
    }
}

/// See [`super::client_programs`].
pub(super) fn clients(configured: Option<&Path>, server: u32) -> Result<PathBuf> {
    let dirs = match configured {
        Some(dir) => vec![dir.to_path_buf()],
        None => candidates(),
    };
    let major = |dir: &PathBuf| {
        let output = Command::new(dir.join("pg_dump")).arg("--version").output().ok()?;
        dir.join("pg_restore").is_file().then_some(())?;
        parse_major(&String::from_utf8_lossy(&output.stdout))
    };
    let found = dirs.into_iter().filter_map(|dir| Some((major(&dir)?, dir)));
    let fitting = found.filter(|(major, _)| *major >= server).min_by_key(|(major, _)| *major);
    fitting.map(|(_, dir)| dir).ok_or_else(|| {
        unavailable(format!(
            "pg_dump and pg_restore of PostgreSQL {server} or newer are not installed: {}",
            install_clients(server)
        ))
    })
}

/// How this machine's package manager installs PostgreSQL's client programs.
fn install_clients(major: u32) -> String {
    match Path::new("/usr/bin/apt-get").exists() {
        true => format!("run `apt-get install postgresql-client-{major}`"),
        false => format!("install PostgreSQL {major}'s client programs with your package manager"),
    }
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` has major version 15; so has
/// `postgres (PostgreSQL) 15beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL)")?.1.trim_start();
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..digits)?.parse().ok()
}

fn candidates() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path));
    }
    for (parent, prefix, bin) in PACKAGED {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(
            entries
                .filter(|entry| {
                    let name = entry.file_name();
                    let version = name.to_str().and_then(|name| name.strip_prefix(prefix));
                    version.is_some_and(|version| version.parse::<u32>().is_ok())
                })
                .map(|entry| entry.path().join(bin)),
        );
    }
    dirs.retain(|dir| dir.is_absolute());
    dirs
}

/// The one to use, or what to do about there being none.
fn choose(
    found: Vec<Binaries>,
    configured: Option<&Path>,
    data: Option<u32>,
) -> Result<Binaries, String> {
    let mut majors: Vec<u32> = found.iter().map(|binaries| binaries.major).collect();
    majors.sort_unstable();
    majors.dedup();
    let here = majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    if let Some(data) = data {
        return found.into_iter().find(|binaries| binaries.major == data).ok_or_else(|| {
            let here = if here.is_empty() { "none".to_owned() } else { here };
            format!(
                "The data was written by PostgreSQL {data}, which is not installed (installed: \
                 {here}): {}; the data stays as it is",
                install(Some(data))
            )
        });
    }
    // Of the same version, the first that was found.
    let newest = found.into_iter().rev().max_by_key(|binaries| binaries.major);
    match (newest, configured) {
        (Some(newest), _) if newest.major >= MIN_MAJOR => Ok(newest),
        (Some(_), _) => Err(format!(
            "PostgreSQL {MIN_MAJOR} or newer is needed, only {here} is installed: {}",
            install(None)
        )),
        (None, Some(dir)) => Err(format!(
            "{} does not hold PostgreSQL's programs initdb and postgres: name their directory, \
             or leave the setting out to have them found",
            dir.display()
        )),
        (None, None) => Err(format!(
            "PostgreSQL is not installed: {}; or give the URL of a running one as DATABASE_URL",
            install(None)
        )),
    }
}

/// How this machine's package manager installs PostgreSQL.
fn install(major: Option<u32>) -> String {
    let managers = ["/usr/bin/apt-get", "/usr/bin/dnf", "/sbin/apk", "/usr/bin/pacman"];
    let present = managers.into_iter().find(|manager| Path::new(manager).exists());
    install_with(present, major)
}

fn install_with(manager: Option<&str>, major: Option<u32>) -> String {
    let (dashed, plain) = major.map_or_else(Default::default, |m| (format!("-{m}"), m.to_string()));
    match manager {
        Some("/usr/bin/apt-get") => format!("run `apt-get install postgresql{dashed}`"),
        Some("/usr/bin/dnf") => format!("run `dnf install postgresql{plain}-server`"),
        Some("/sbin/apk") => format!("run `apk add postgresql{plain}`"),
        Some("/usr/bin/pacman") => "run `pacman -S postgresql`".to_owned(),
        _ if cfg!(target_os = "macos") => {
            format!("run `brew install postgresql@{}`", major.unwrap_or(17))
        }
        _ => format!("install the PostgreSQL server{dashed} with your package manager"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn installed(majors: &[u32]) -> Vec<Binaries> {
        let dir = |(i, major)| Binaries { dir: PathBuf::from(format!("/{i}")), major };
        majors.iter().copied().enumerate().map(dir).collect()
    }

    #[rstest]
    #[case("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15))]
    #[case("postgres (PostgreSQL) 19beta1", Some(19))]
    #[case("postgres (PostgreSQL) 17", Some(17))]
    #[case("postgres (PostgreSQL) devel", None)]
    #[case("", None)]
    fn the_major_version_is_read(#[case] version: &str, #[case] major: Option<u32>) {
        assert_eq!(parse_major(version), major);
    }

    #[rstest]
    #[case(&[15, 17, 16, 17], None, "/1")]
    #[case(&[15, 17, 16], Some(16), "/2")]
    #[case(&[17, 15, 15], Some(15), "/1")]
    fn the_newest_or_the_data_s_is_chosen(
        #[case] majors: &[u32],
        #[case] data: Option<u32>,
        #[case] dir: &str,
    ) {
        let chosen = choose(installed(majors), None, data).unwrap();
        assert_eq!(chosen.dir, Path::new(dir));
    }

    #[test]
    fn what_is_missing_is_named_with_the_next_step() {
        let none = choose(Vec::new(), None, None).unwrap_err();
        assert!(none.starts_with("PostgreSQL is not installed: "), "{none}");
        let old = choose(installed(&[13, 14]), None, None).unwrap_err();
        assert!(old.starts_with("PostgreSQL 15 or newer is needed, only 13, 14"), "{old}");
        let other = choose(installed(&[17]), None, Some(15)).unwrap_err();
        assert!(other.contains("by PostgreSQL 15, which is not installed (installed: 17)"));
        assert_eq!(
            install_with(Some("/usr/bin/apt-get"), Some(15)),
            "run `apt-get install postgresql-15`"
        );
    }
}
