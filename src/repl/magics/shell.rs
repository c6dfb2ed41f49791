//! `!command`: only where the session was started so.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::super::evaluator::{Evaluation, Given};
use super::{Carried, invalid, own};
use crate::error::{Context as _, Error, Result};

/// Runs a command of a shell; what it writes is printed line by line as it comes.
pub(in crate::repl) fn shell(evaluation: &Evaluation<'_, '_>, command: &str) -> Carried {
    run(evaluation, command).map(|()| Given::default()).map_err(own)
}

fn run(evaluation: &Evaluation<'_, '_>, command: &str) -> Result<()> {
    let context = evaluation.context;
    if !context.settings.allow_shell {
        let detail = "commands of the shell are off: they run where the session was started with \
                      --allow-shell";
        return Err(invalid(detail));
    }
    if command.is_empty() {
        return Err(invalid("there is no command after the !"));
    }
    let status = context.wait(async {
        // What it says on standard error comes in its place.
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("exec 2>&1\n{command}"))
            .env("ACTUARY_URL", context.client().url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting a shell")?;
        let output =
            child.stdout.take().ok_or_else(|| Error::internal("starting a shell", "no output"))?;
        let mut lines = BufReader::new(output).split(b'\n');
        while let Some(line) = lines.next_segment().await.context("reading a command's output")? {
            context.print(String::from_utf8_lossy(&line).trim_end_matches('\r'));
        }
        child.wait().await.context("waiting for a command")
    })?;
    match status.success() {
        true => Ok(()),
        false => Err(invalid(format!("the command ended with {status}"))),
    }
}
