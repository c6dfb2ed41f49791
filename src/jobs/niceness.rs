//! How far a process gives way to others that want the same cores.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use rustix::io::Errno;
use rustix::process::{Pid, getpriority_process, setpriority_process};

use crate::error::{Context, Result};

/// The most that a process can give way.
const MOST: u8 = 19;

/// A nice value from 0, as programs have it, to 19.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Niceness(u8);

impl Default for Niceness {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Display for Niceness {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Niceness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number <= MOST).map(Self);
        number.ok_or_else(|| format!("give a whole number from 0 to {MOST}"))
    }
}

impl Niceness {
    /// Gives it to this process's threads, and to those that they will start. One that gives way
    /// further already stays as it is, since going back takes privileges.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when the system refuses it.
    pub(super) fn take(self) -> Result<()> {
        let failed = || "giving way to other processes";
        loop {
            let mut changed = false;
            // On Linux a priority is a thread's.
            for thread in std::fs::read_dir("/proc/self/task").context(failed())? {
                let name = thread.context(failed())?.file_name();
                let id = name.to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
                let Some(id) = id else { continue };
                changed |= self.take_by(id).context(failed())?;
            }
            // One that was started meanwhile, by one whose turn came later, is found now.
            if !changed {
                return Ok(());
            }
        }
    }

    /// Whether the thread had to be changed.
    fn take_by(self, thread: Pid) -> rustix::io::Result<bool> {
        let wanted = i32::from(self.0);
        let changed = match getpriority_process(Some(thread)) {
            Ok(now) if now >= wanted => Ok(false),
            Ok(_) => setpriority_process(Some(thread), wanted).map(|()| true),
            Err(error) => Err(error),
        };
        match changed {
            // It has ended.
            Err(Errno::SRCH) => Ok(false),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_niceness_is_from_0_to_19() {
        assert_eq!("0".parse(), Ok(Niceness(0)));
        assert_eq!("19".parse(), Ok(Niceness::default()));
        for wrong in ["20", "-1", "", "x", "300"] {
            assert_eq!(wrong.parse::<Niceness>(), Err("give a whole number from 0 to 19".into()));
        }
    }
}
