//! `actuary kernel`: the kernel that notebooks of Jupyter run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::arguments::Settings as Flags;
use super::output::print;
use super::repl::{Connected, Connection};
use crate::config::Config;
use crate::error::{Context, Result};
use crate::kernel::{Connection as File, Place, install as write, serve};
use crate::repl::Settings;

#[derive(Subcommand)]
pub(super) enum Kernel {
    /// Tell Jupyter of the kernel, which is started with the options that are given here
    Install(Install),
    /// Serve a front end: what Jupyter calls
    Run(Run),
}

#[derive(Args)]
pub(super) struct Install {
    /// For this user, as when nothing is said
    #[arg(long, conflicts_with = "prefix")]
    user: bool,
    /// Below DIR/share/jupyter: /usr/local, or a virtual environment
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
pub(super) struct Run {
    /// The connection file that Jupyter has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Needs no server and no settings.
pub(super) fn install(install: Install, flags: &Flags) -> Result<()> {
    let place = match (install.user, install.prefix) {
        (false, Some(folder)) => Place::Prefix(folder),
        _ => Place::User,
    };
    let program = std::env::current_exe().context("finding this program")?;
    let options = install.connection.to_pass_on()?;
    let file = write(&place, &program, &flags.to_pass_on()?, &options)?;
    print(&format!("{}\n", file.display()))
}

pub(super) async fn run(config: &Config, run: Run) -> Result<ExitCode> {
    // Looked at first: who started this may be gone before the server is there.
    let parent = std::os::unix::process::parent_id();
    // Read first: a server is not started for nothing.
    let file = File::read(&run.file)?;
    let connected = Connected::open(config, &run.connection).await?;
    let runtime = tokio::runtime::Handle::current();
    let settings = Settings { allow_shell: run.connection.allow_shell, ..Settings::default() };
    connected.use_for(settings, move |session| serve(session, &runtime, &file, parent)).await
}
