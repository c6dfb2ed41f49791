//! The user PostgreSQL runs as.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, chown, geteuid};

use super::cluster::Paths;
use super::unavailable;
use crate::error::{Context, Result};

/// Whom root becomes when no user is named, the first that exists.
const DEFAULT_USERS: [&str; 2] = ["actuary", "postgres"];

/// The user PostgreSQL runs as, and whether this process has to become it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) drops: bool,
}

impl Account {
    /// This process's own user; when that is root, the named one, else the one that the cluster
    /// belongs to, else a default.
    pub(super) fn choose(run_as: Option<&str>, paths: &Paths) -> Result<Self> {
        let own = geteuid();
        let owner = std::fs::metadata(&paths.cluster).ok().map(|found| Uid::from(found.uid()));
        let account = match run_as {
            Some(name) => Self::named(name)?.ok_or_else(|| {
                unavailable(format!(
                    "PostgreSQL is to run as user {name}, who does not exist; create it \
                     (useradd --system {name}) or name another"
                ))
            })?,
            None if !own.is_root() => Self::numbered(own)?,
            None => match owner.filter(|owner| !owner.is_root()) {
                Some(owner) => Self::numbered(owner)?,
                None => Self::default_user()?,
            },
        };
        if account.uid.is_root() {
            return Err(unavailable(
                "PostgreSQL refuses to run as root; name another user for it to run as",
            ));
        }
        if !own.is_root() && account.uid != own {
            return Err(unavailable(format!(
                "Only root can run PostgreSQL as another user: start this as root or as {}",
                account.name
            )));
        }
        if let Some(owner) = owner.filter(|owner| *owner != account.uid) {
            return Err(unavailable(format!(
                "{dir} belongs to user {owner} and PostgreSQL is to run as {name}: run \
                 `chown -R {name} {dir}` or start as its owner",
                owner = name_of(owner),
                name = account.name,
                dir = paths.cluster.display()
            )));
        }
        Ok(account)
    }

    fn default_user() -> Result<Self> {
        for name in DEFAULT_USERS {
            if let Some(account) = Self::named(name)? {
                return Ok(account);
            }
        }
        Err(unavailable(
            "PostgreSQL refuses to run as root, and neither user actuary nor user postgres \
             exists; create one: useradd --system actuary",
        ))
    }

    fn named(name: &str) -> Result<Option<Self>> {
        Ok(User::from_name(name).context(format!("looking up user {name}"))?.map(Self::from))
    }

    fn numbered(uid: Uid) -> Result<Self> {
        let found = User::from_uid(uid).context(format!("looking up user {uid}"))?;
        // A container may run as a number that has no name.
        Ok(found.map_or_else(
            || Self {
                name: uid.to_string(),
                uid,
                gid: Gid::from_raw(uid.as_raw()),
                drops: geteuid().is_root(),
            },
            Self::from,
        ))
    }

    /// Makes this user the owner of what this process has just created.
    pub(super) fn give(&self, path: &Path) -> Result<()> {
        if self.drops {
            chown(path, Some(self.uid), Some(self.gid)).context(format!(
                "giving {} to user {}",
                path.display(),
                self.name
            ))?;
        }
        Ok(())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid, gid: user.gid, drops: geteuid().is_root() }
    }
}

/// The user's name, else its number.
pub(super) fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
