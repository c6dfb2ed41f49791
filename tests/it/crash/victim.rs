//! The server that is killed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use rand::Rng;
use tokio::sync::watch;
use tokio::time::sleep;

use super::wire::Wire;
use crate::support::{Program, actuary, family, kill_at_once, postmaster_pid};

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    Server,
    /// The server, and again while it starts.
    ServerTwice,
    Job,
    Postmaster,
    /// Every process at once, those of PostgreSQL too.
    Everything,
}

impl Blow {
    pub(super) const ALL: [Self; 5] =
        [Self::Server, Self::ServerTwice, Self::Job, Self::Postmaster, Self::Everything];
}

/// A server on its own data directory and embedded cluster.
pub(super) struct Victim {
    data_dir: PathBuf,
    program: Option<Program>,
    /// Where it serves now.
    address: watch::Sender<String>,
    key: String,
    /// The postmaster that was killed, until another is seen.
    dead: Option<u32>,
}

impl Victim {
    pub(super) fn start(data_dir: &Path) -> Self {
        let data_dir = data_dir.join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let mut program = spawn(&data_dir);
        let address = watch::Sender::new(program.url());
        let key = admin_key(&data_dir);
        Self { data_dir, program: Some(program), address, key, dead: None }
    }

    pub(super) fn wire(&self) -> Wire {
        Wire::new(self.address.subscribe(), &self.key)
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("a server")
    }

    fn kill(&mut self) {
        self.program.take().expect("a server").kill();
    }

    /// Starts it again where it is not running, and waits until it serves.
    fn serve(&mut self) {
        let mut program = spawn(&self.data_dir);
        self.address.send_replace(program.url());
        self.program = Some(program);
    }

    pub(super) async fn strike(&mut self, blow: Blow, random: &mut impl Rng) {
        match blow {
            Blow::Server => self.kill(),
            Blow::ServerTwice => {
                self.kill();
                self.program = Some(spawn(&self.data_dir));
                sleep(Duration::from_millis(random.random_range(0..400))).await;
                self.kill();
            }
            // Where no job runs, its server takes its place.
            Blow::Job if self.kill_job().await => return,
            Blow::Job => self.kill(),
            Blow::Postmaster => {
                let pid = postmaster_pid(&self.data_dir);
                kill_at_once(&[Pid::from_raw(pid.cast_signed())]);
                self.dead = Some(pid);
                return;
            }
            Blow::Everything => {
                kill_at_once(&family(self.program().pid()));
                self.kill();
            }
        }
        // Blocks this thread alone: the clients have another, and go on.
        self.serve();
    }

    /// Kills the next job that runs. False when none does soon.
    async fn kill_job(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            let jobs = self.program().jobs();
            if !jobs.is_empty() {
                kill_at_once(&jobs);
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Waits until it can work.
    pub(super) async fn ready(&mut self, limit: Duration) {
        let wire = self.wire();
        let deadline = Instant::now() + limit;
        loop {
            let back = self.dead.is_none_or(|dead| self.postmaster() != Some(dead));
            if back && wire.is_ready().await {
                self.dead = None;
                return;
            }
            assert!(Instant::now() < deadline, "it is ready within {limit:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The recorded one; None while there is none.
    fn postmaster(&self) -> Option<u32> {
        let file = self.data_dir.join("postgres/postmaster.pid");
        std::fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Ends it in order and starts it again.
    pub(super) fn restart(&mut self) {
        let stopped = self.program.take().expect("a server").stop();
        assert!(stopped.success(), "{stopped}");
        self.serve();
    }

    pub(super) fn stop(mut self) {
        let stopped = self.program.take().expect("a server").stop();
        assert!(stopped.success(), "{stopped}");
    }
}

fn spawn(data_dir: &Path) -> Program {
    let mut command = actuary(data_dir);
    command
        .args(["serve", "--address", "127.0.0.1:0", "--slots", "2"])
        .env("ACTUARY_WORKER_LEASE_SECONDS", "3");
    Program::spawn(command, &data_dir.with_file_name("log"))
}

/// A key that may do everything, made beside the running server.
fn admin_key(data_dir: &Path) -> String {
    let mut command: Command = actuary(data_dir);
    command.args(["keys", "create", "--name", "auditor"]);
    for scope in ["read", "predict", "train", "admin"] {
        command.args(["--scope", scope]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
