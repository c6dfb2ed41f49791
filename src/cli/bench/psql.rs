//! psql's side of what goes into and out of the database.

use std::time::{Duration, Instant};

use crate::app::Psql;
use crate::error::{Code, Context, Error, Result};

/// How long psql takes for some commands, its own start included, and what it prints.
///
/// # Errors
/// [`Code::Unavailable`] with what psql says when a command fails.
pub(super) async fn psql(database: &Psql, commands: Vec<String>) -> Result<(Duration, String)> {
    let mut command = database.command();
    command.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]);
    for text in commands {
        command.args(["--command", &text]);
    }
    let running = move || {
        let start = Instant::now();
        let output = command.output().context("starting psql")?;
        if output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            return Ok((start.elapsed(), said));
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::new(Code::Unavailable, format!("psql can't do its part: {said}")))
    };
    tokio::task::spawn_blocking(running).await.context("waiting for psql")?
}

/// The time that psql's `\timing` has printed last: of the command alone.
///
/// # Errors
/// [`Error::Internal`] when it has printed none.
pub(super) fn timed(said: &str) -> Result<Duration> {
    let last = said.lines().filter_map(|line| line.strip_prefix("Time: ")).next_back();
    let milliseconds = last.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    milliseconds
        .map(|milliseconds| Duration::from_secs_f64(milliseconds / 1e3))
        .ok_or_else(|| Error::internal("measuring psql", format!("it told no time: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_counts() {
        let said = "Timing is on.\nTime: 7.250 ms\nTime: 1234.500 ms (00:01.235)\n";
        assert_eq!(timed(said).unwrap(), Duration::from_micros(1_234_500));
        assert!(timed("COPY 100\n").is_err());
    }
}
