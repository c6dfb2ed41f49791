//! A load generator: the same request over keep-alive connections, one at a time on each.
//!
//! It speaks just enough HTTP/1.1 to cost little beside the server, with which it shares the
//! machine.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::median;
use crate::error::{Context, Error, Result};

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(super) struct Request(Vec<u8>);

impl Request {
    pub(super) fn post(address: SocketAddr, path: &str, key: &str, body: &[u8]) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self([head.as_bytes(), body].concat())
    }
}

/// What a turn has shown.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) per_second: f64,
    /// Seconds from a request's first byte out to its answer's last byte in, in order.
    latencies: Vec<f64>,
}

impl Turn {
    /// The latency, in seconds, that a share of the requests did not exceed.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.latencies.get(at.min(last)).copied().unwrap_or(f64::NAN)
    }
}

/// Sends a request over so many connections for a while, from a thread of its own.
///
/// # Errors
/// [`Error::Internal`] when an answer is not a 200 or a connection is lost.
pub(super) async fn turn(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    time: Duration,
) -> Result<Turn> {
    let request = request.clone();
    let generate = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.context("starting the load")?.block_on(generate(
            address,
            &request,
            connections,
            time,
        ))
    };
    tokio::task::spawn_blocking(generate).await.context("waiting for the load")?
}

async fn generate(
    address: SocketAddr,
    request: &Request,
    connections: usize,
    time: Duration,
) -> Result<Turn> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true).context("connecting")?;
        clients.push(Client { stream, buffer: Vec::with_capacity(1 << 16) });
    }
    let start = Instant::now();
    let end = start + time;
    let runs = clients.into_iter().map(|client| client.run(request, end));
    let mut latencies = futures_util::future::try_join_all(runs).await?.concat();
    let elapsed = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    Ok(Turn { per_second: latencies.len() as f64 / elapsed, latencies })
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn run(mut self, request: &Request, end: Instant) -> Result<Vec<f64>> {
        let mut latencies = Vec::new();
        loop {
            let sent = Instant::now();
            if sent >= end {
                return Ok(latencies);
            }
            self.stream.write_all(&request.0).await.context("sending a request")?;
            self.answer().await?;
            latencies.push(sent.elapsed().as_secs_f64());
        }
    }

    /// Reads one answer to its end.
    async fn answer(&mut self) -> Result<()> {
        self.buffer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            let read = self.stream.read_buf(&mut self.buffer).await.context("reading an answer")?;
            if read == 0 {
                return Err(Error::internal("reading an answer", "the connection was closed"));
            }
            if whole.is_none() {
                whole = length(&self.buffer)?;
            }
        }
        Ok(())
    }
}

/// Length of an answer with its head, once the head is there.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    if !text.starts_with("http/1.1 200 ") {
        let status = text.lines().next().unwrap_or_default().to_owned();
        return Err(Error::internal("measuring", format!("the server answered {status}")));
    }
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body = body.and_then(|length| length.trim().parse::<usize>().ok());
    let body = body.ok_or_else(|| Error::internal("measuring", "an answer without a length"))?;
    Ok(Some(head + 4 + body))
}

/// Requests that are measured in turns, so that what else the machine does meets all alike.
///
/// # Errors
/// Those of [`turn`].
pub(super) async fn turns(
    address: SocketAddr,
    requests: &[Request],
    connections: usize,
    time: Duration,
    rounds: usize,
) -> Result<Vec<Vec<Turn>>> {
    let mut all = vec![Vec::new(); requests.len()];
    for request in requests {
        // Connections, caches and the branch predictor get warm.
        turn(address, request, connections, time.min(Duration::from_millis(300))).await?;
    }
    for _ in 0..rounds.max(1) {
        for (request, turns) in requests.iter().zip(&mut all) {
            turns.push(turn(address, request, connections, time).await?);
        }
    }
    Ok(all)
}

/// The middle of a figure over the turns.
pub(super) fn middle(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    median(turns.iter().map(figure).collect())
}

/// The middle of the ratios of turns that followed each other.
pub(super) fn ratio(ours: &[Turn], peer: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    median(ours.iter().zip(peer).map(|(a, b)| figure(a) / figure(b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_length() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(length(head).unwrap(), Some(head.len() + 5));
        assert_eq!(length(&head[..20]).unwrap(), None);
        assert!(length(b"HTTP/1.1 429 Too Many Requests\r\n\r\n").is_err());
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn quantiles_are_of_the_sorted() {
        let turn = Turn { per_second: 1.0, latencies: (1..=101).map(f64::from).collect() };
        assert_eq!(
            (turn.quantile(0.5), turn.quantile(0.99), turn.quantile(1.0)),
            (51.0, 100.0, 101.0)
        );
    }
}
