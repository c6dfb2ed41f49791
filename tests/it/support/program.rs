//! The program as processes of its own.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// The program, with nothing in its environment that a developer may have set.
pub(crate) fn actuary(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_actuary"));
    unset_settings(&mut command);
    command.arg("--data-dir").arg(data_dir);
    command
}

/// Takes what a developer may have set out of a program's environment.
pub(crate) fn unset_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_setting = text.starts_with("ACTUARY_") && !text.starts_with("ACTUARY_POSTGRES_");
        if is_setting || text.contains("DATABASE_URL") || text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
}

/// A server or a worker; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Program {
    /// Starts it; what it logs is added to a file.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, log: log.to_owned() }
    }

    /// Waits until it says that it is at work. Returns that line.
    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended: {}", std::fs::read_to_string(&self.log).unwrap());
        line
    }

    /// Waits until a server serves. Returns its URL.
    pub(crate) fn url(&mut self) -> String {
        let line = self.first_line();
        let url = line.strip_prefix("serving ").and_then(|rest| rest.split(' ').next());
        url.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Its children that carry jobs out.
    pub(crate) fn jobs(&self) -> Vec<Pid> {
        let is_job = |pid: &Pid| command_line(*pid).contains("internal-job");
        children(self.pid()).into_iter().filter(is_job).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal).unwrap();
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to end and waits for it.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn command_line(pid: Pid) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The running processes by their parent.
fn families() -> BTreeMap<Pid, Vec<Pid>> {
    let mut families: BTreeMap<Pid, Vec<Pid>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Name and brackets, state, parent; a zombie has ended.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        if let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse))
            && state != "Z"
        {
            families.entry(Pid::from_raw(parent)).or_default().push(Pid::from_raw(pid));
        }
    }
    families
}

/// The running children of a process.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    families().remove(&parent).unwrap_or_default()
}

/// A process and all that descend from it, the eldest first.
pub(crate) fn family(eldest: Pid) -> Vec<Pid> {
    let families = families();
    let mut all = vec![eldest];
    let mut next = 0;
    while next < all.len() {
        all.extend(families.get(&all[next]).into_iter().flatten());
        next += 1;
    }
    all
}

/// Ends processes at once; one that has ended meanwhile is fine.
pub(crate) fn kill_at_once(processes: &[Pid]) {
    for process in processes {
        let _ = signal::kill(*process, Signal::SIGKILL);
    }
}
