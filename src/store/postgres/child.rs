//! How a process becomes PostgreSQL. The program executes itself with a hidden subcommand, which
//! gives up root, ties its life to its parent's, and then executes PostgreSQL in its place: all
//! of it safe code, since it does not run between fork and exec.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getegid, geteuid, getppid, setgid, setuid};

use super::account::{Account, name_of};
use super::unavailable;
use crate::error::{Context, Error, Result};

/// The subcommand that must be routed to [`become_postgres`].
pub const SUBCOMMAND: &str = "internal-postgres";

/// What PostgreSQL may see of this process's environment: nothing secret, and no `PG*` variable
/// or locale that would change how it starts.
const ENVIRONMENT: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "TZ"];

/// A command that runs `program` as `account`. Must be spawned by a thread that lives as long as
/// the program is to run. `dir` has to be within the account's reach.
pub(super) fn command(executable: &Path, account: &Account, dir: &Path, program: &Path) -> Command {
    let mut command = Command::new(executable);
    command
        .arg(SUBCOMMAND)
        .arg(std::process::id().to_string())
        .arg(account.uid.to_string())
        .arg(account.gid.to_string())
        .arg(dir)
        .arg(program)
        .env_clear()
        .current_dir("/")
        // Its own group: an interrupt at the terminal is for this program, which stops in order.
        .process_group(0)
        .stdin(Stdio::null());
    for name in ENVIRONMENT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The hidden subcommand, `args` being what follows its name. Returns only when it failed.
pub fn become_postgres(args: impl IntoIterator<Item = OsString>) -> Error {
    match execute(args.into_iter()) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn execute(mut args: impl Iterator<Item = OsString>) -> Result<Infallible> {
    let parent = number(args.next())?;
    let uid = Uid::from_raw(number(args.next())?);
    let gid = Gid::from_raw(number(args.next())?);
    let (Some(dir), Some(program)) = (args.next(), args.next()) else {
        return Err(misused());
    };
    drop_to(uid, gid)?;
    die_with_parent()?;
    if u32::try_from(getppid().as_raw()).ok() != Some(parent) {
        return Err(unavailable("The process that was to own PostgreSQL has ended"));
    }
    check_reach(Path::new(&dir), uid)?;
    umask(Mode::from_bits_truncate(0o077));
    let failed = Command::new(&program).args(args).exec();
    Err(failed).context(format!("executing {}", PathBuf::from(program).display()))
}

fn number(arg: Option<OsString>) -> Result<u32> {
    arg.as_deref().and_then(OsStr::to_str).and_then(|arg| arg.parse().ok()).ok_or_else(misused)
}

fn misused() -> Error {
    unavailable(format!("{SUBCOMMAND} is for this program's own use"))
}

/// Becomes the user for good: the real, effective and saved identity, and no other group.
fn drop_to(uid: Uid, gid: Gid) -> Result<()> {
    if geteuid() == uid {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    nix::unistd::setgroups(&[gid]).context("leaving root's groups")?;
    setgid(gid).context(format!("entering group {gid}"))?;
    setuid(uid).context(format!("becoming user {uid}"))?;
    if geteuid() != uid || getegid() != gid || setuid(Uid::from_raw(0)).is_ok() {
        return Err(unavailable("Root's rights could not be given up"));
    }
    Ok(())
}

/// Asks for SIGINT, PostgreSQL's fast shutdown, when the parent's thread ends. The request does
/// not outlive a change of user, so it comes after it.
fn die_with_parent() -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGINT)
        .context("asking to end with the parent")?;
    Ok(())
}

/// Whether the user can enter the directory and all above it; PostgreSQL itself would only say
/// that something is denied.
fn check_reach(dir: &Path, uid: Uid) -> Result<()> {
    let mut above: Vec<&Path> = dir.ancestors().collect();
    above.reverse();
    for dir in above {
        // Looking at "." needs the right to search the directory itself.
        if let Err(error) = std::fs::metadata(dir.join(".")) {
            return Err(unavailable(format!(
                "User {user}, whom PostgreSQL runs as, can't enter {dir} ({error}): choose a data \
                 directory elsewhere, such as /var/lib/actuary, or run `chmod o+x {dir}`",
                user = name_of(uid),
                dir = dir.display()
            )));
        }
    }
    Ok(())
}
