//! Predictions while the machine has something else to do: a training job, beside a program that
//! only counts, at the lowest priority there is.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::generator::{Idle, Request, Turn, middle, paced, ratio, turn};
use super::model::begin_endless;
use super::{Row, Serve};
use crate::client::Client;
use crate::domain::job::{Job, Progress};
use crate::error::{Code, Context, Error, Result};

/// Of what a server can answer at most.
const SHARE: f64 = 0.2;
/// How long a job may take until it trains.
const PATIENCE: Duration = Duration::from_secs(60);

/// The 99th percentile of predictions at a fifth of the peak rate, while a job trains, beside the
/// same with a spinner in its place.
///
/// # Errors
/// Those of the server; [`Code::Unavailable`] when there is no `nice`.
pub(super) async fn training(client: &Client, request: &Request, options: &Serve) -> Result<Row> {
    let time = Duration::from_secs_f64(options.seconds);
    let peak = turn(request, options.connections, time, Idle::Sleeps).await?.per_second;
    let rate = peak * SHARE;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds.max(1) {
        let job = begin_endless(client).await?;
        let measured = async {
            until_it_trains(client, &job).await?;
            paced(request, options.connections, rate, time).await
        };
        let measured = measured.await;
        client.cancel_job(job.id).await?;
        client.wait_for_job(job.id, |_| {}).await?;
        ours.push(measured?);
        let spinner = Spinner::start()?;
        peers.push(paced(request, options.connections, rate, time).await?);
        drop(spinner);
    }
    Ok(row(&ours, &peers, rate))
}

fn row(ours: &[Turn], peers: &[Turn], rate: f64) -> Row {
    let milliseconds = |turn: &Turn| turn.quantile(0.99) * 1e3;
    let rate = super::super::output::grouped(rate.round() as u64);
    Row {
        id: "serve.training.p99".to_owned(),
        name: format!(
            "99th percentile of {rate} requests/s while a job trains, against a spinner in its place"
        ),
        unit: "ms",
        ours: middle(ours, milliseconds),
        peer: Some(middle(peers, milliseconds)),
        ratio: Some(ratio(ours, peers, milliseconds)),
    }
}

/// Waits for the first epoch of a job.
async fn until_it_trains(client: &Client, job: &Job) -> Result<()> {
    let began = Instant::now();
    loop {
        let job = client.get_job(job.id).await?;
        if matches!(job.progress, Some(Progress::Training(_))) {
            return Ok(());
        }
        if job.state.has_ended() || began.elapsed() > PATIENCE {
            let state = job.state.as_str();
            let detail = format!("the training beside predictions is {state}, and has not begun");
            return Err(Error::new(Code::Unavailable, detail));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A process that does nothing but use a core when nobody else wants it; ended when this is dropped.
struct Spinner(Child);

impl Spinner {
    fn start() -> Result<Self> {
        let mut command = Command::new("nice");
        // Whatever this process has, 39 steps down is the lowest.
        command.args(["-n", "39", "sh", "-c", "while :; do :; done"]);
        let nothing = [Stdio::null(), Stdio::null()];
        let [input, output] = nothing;
        command.stdin(input).stdout(output).spawn().map(Self).context("starting a spinner")
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        // `nice` and the shell become the one process that is killed here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_has_the_lowest_priority_and_ends() {
        let spinner = Spinner::start().unwrap();
        let stat = format!("/proc/{}/stat", spinner.0.id());
        let nice = || {
            let text = std::fs::read_to_string(&stat).ok()?;
            let fields = text.rsplit(')').next()?.split_whitespace();
            fields.skip(16).map(str::to_owned).next()
        };
        let began = Instant::now();
        while nice().as_deref() != Some("19") {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", nice());
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(spinner);
        assert_eq!(nice(), None);
    }

    #[test]
    fn the_row_compares_percentiles_of_turns_that_followed_each_other() {
        let turn = |milliseconds: f64| Turn::of(1.0, vec![milliseconds / 1e3; 5]);
        let row = row(&[turn(2.0), turn(9.0), turn(4.0)], &[turn(1.0), turn(3.0), turn(4.0)], 5e3);
        assert_eq!((row.ours, row.peer, row.ratio), (4.0, Some(3.0), Some(2.0)));
        assert!(row.name.contains("5,000 requests/s"), "{}", row.name);
    }
}
