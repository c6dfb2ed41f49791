//! `actuary run`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::repl::{Connected, Connection, run_one};
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};
use crate::repl::Script;

#[derive(Args)]
pub(super) struct Run {
    #[command(flatten)]
    connection: Connection,
    /// The script, or - for standard input. Printed are what print() gives and the value of the
    /// last expression, if the script ends with one
    #[arg(value_name = "FILE", required_unless_present = "code")]
    file: Option<PathBuf>,
    /// Run this text instead of a file
    #[arg(short, value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
}

pub(super) async fn run(config: &Config, run: Run) -> Result<ExitCode> {
    // Read first: a script that is not there needs no server.
    let script = match (run.code, run.file) {
        (Some(source), _) => Script { name: "-c".to_owned(), source },
        (None, Some(file)) => read(&file)?,
        (None, None) => return Err(Error::new(Code::InvalidRequest, "there is no script to run")),
    };
    carry_out(config, &run.connection, script).await
}

/// Runs a script and ends.
pub(super) async fn carry_out(
    config: &Config,
    connection: &Connection,
    script: Script,
) -> Result<ExitCode> {
    let connected = Connected::open(config, connection).await?;
    run_one(connected, script).await
}

fn read(file: &Path) -> Result<Script> {
    if file == Path::new("-") {
        let mut source = String::new();
        std::io::stdin().read_to_string(&mut source).context("reading standard input")?;
        return Ok(Script { name: "standard input".to_owned(), source });
    }
    let source = std::fs::read_to_string(file).map_err(|error| {
        let detail = format!("{} can't be read: {error}", file.display());
        Error::new(Code::InvalidRequest, detail)
    })?;
    Ok(Script { name: file.display().to_string(), source })
}
