//! A load generator: the same request over keep-alive connections, one at a time on each.
//!
//! It speaks just enough HTTP/1.1 to cost little beside the server, with which it shares the
//! machine.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::median;
use crate::error::{Context, Error, Result};

/// A request as it goes over the wire, and where to.
#[derive(Debug, Clone)]
pub(super) struct Request {
    address: SocketAddr,
    bytes: Vec<u8>,
}

impl Request {
    /// A JSON body with a key, where one is needed.
    pub(super) fn post(address: SocketAddr, path: &str, key: Option<&str>, body: &[u8]) -> Self {
        Self::post_as("application/json", address, path, key, body)
    }

    /// A body of a media type, in which the answer is wanted too.
    pub(super) fn post_as(
        media_type: &str,
        address: SocketAddr,
        path: &str,
        key: Option<&str>,
        body: &[u8],
    ) -> Self {
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\n{key}Content-Type: {media_type}\r\n\
             Accept: {media_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Self { address, bytes: [head.as_bytes(), body].concat() }
    }

    pub(super) fn get(address: SocketAddr, path: &str) -> Self {
        Self {
            address,
            bytes: format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes(),
        }
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
    /// Of so many answers a second with these latencies.
    pub(super) fn of(per_second: f64, mut latencies: Vec<f64>) -> Self {
        latencies.sort_by(f64::total_cmp);
        Self { per_second, latencies }
    }

    /// The latency, in seconds, that a share of the requests did not exceed.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.latencies.get(at.min(last)).copied().unwrap_or(f64::NAN)
    }
}

/// What the generator does while it waits for answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Idle {
    /// Leaves its core to others that the server needs, as the database.
    Sleeps,
    /// Looks for answers all the time. To wake a core that sleeps costs a server on a virtual machine microseconds
    /// for each answer, the more of them the slower it answers, which is no work of the server's. A single core it
    /// leaves to the server.
    Spins,
}

async fn spin() -> ! {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Sends a request over so many connections for a while, from a thread of its own.
///
/// # Errors
/// [`Error::Internal`] when an answer is not a 200 or a connection is lost.
pub(super) async fn turn(
    request: &Request,
    connections: usize,
    time: Duration,
    idle: Idle,
) -> Result<Turn> {
    let request = request.clone();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let generate = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let load = generate(&request, connections, time);
        runtime.context("starting the load")?.block_on(async move {
            match idle {
                Idle::Spins if cores > 1 => {
                    tokio::select! { turn = load => turn, never = spin() => never }
                }
                _ => load.await,
            }
        })
    };
    tokio::task::spawn_blocking(generate).await.context("waiting for the load")?
}

async fn generate(request: &Request, connections: usize, time: Duration) -> Result<Turn> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(request.address).await.context("connecting")?;
        stream.set_nodelay(true).context("connecting")?;
        clients.push(Client { stream, buffer: Vec::with_capacity(1 << 16) });
    }
    let start = Instant::now();
    let end = start + time;
    let runs = clients.into_iter().map(|client| client.run(request, end));
    let latencies = futures_util::future::try_join_all(runs).await?.concat();
    Ok(Turn::of(latencies.len() as f64 / start.elapsed().as_secs_f64(), latencies))
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
            self.stream.write_all(&request.bytes).await.context("sending a request")?;
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

/// Sends a request at so many moments a second, whatever the answers take, for a while. A latency
/// counts from the moment when its request was due, so that what waits behind a slow answer is not
/// left out.
///
/// # Errors
/// As [`turn`].
pub(super) async fn paced(
    request: &Request,
    connections: usize,
    per_second: f64,
    time: Duration,
) -> Result<Turn> {
    let request = request.clone();
    let send = move || {
        let all = (per_second * time.as_secs_f64()).ceil().max(1.0) as usize;
        let clients: Vec<Blocking> =
            (0..connections).map(|_| Blocking::connect(&request)).collect::<Result<_>>()?;
        let start = Instant::now();
        let latencies = std::thread::scope(|scope| {
            // Timers of the kernel, which are finer than those of tokio.
            let threads: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(first, mut client)| {
                    let request = &request;
                    scope.spawn(move || {
                        let numbers = (first..all).step_by(connections);
                        numbers
                            .map(|number| {
                                let due =
                                    start + Duration::from_secs_f64(number as f64 / per_second);
                                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                                client.ask(request)?;
                                Ok(due.elapsed().as_secs_f64())
                            })
                            .collect::<Result<Vec<f64>>>()
                    })
                })
                .collect();
            threads.into_iter().map(joined).collect::<Result<Vec<_>>>()
        })?;
        let latencies = latencies.concat();
        Ok(Turn::of(latencies.len() as f64 / start.elapsed().as_secs_f64(), latencies))
    };
    tokio::task::spawn_blocking(send).await.context("waiting for the load")?
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| Error::internal("sending the load", "a thread ended"))?
}

/// Sends a request over a connection of its own and waits for its answer.
///
/// # Errors
/// As [`turn`].
pub(super) fn once(request: &Request) -> Result<()> {
    Blocking::connect(request)?.ask(request)
}

/// A connection without a runtime.
struct Blocking {
    stream: std::net::TcpStream,
    buffer: Vec<u8>,
}

impl Blocking {
    fn connect(request: &Request) -> Result<Self> {
        let stream = std::net::TcpStream::connect(request.address).context("connecting")?;
        stream.set_nodelay(true).context("connecting")?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    fn ask(&mut self, request: &Request) -> Result<()> {
        use std::io::{Read as _, Write as _};
        self.stream.write_all(&request.bytes).context("sending a request")?;
        self.buffer.clear();
        let (mut whole, mut part) = (None, [0; 1 << 14]);
        while whole.is_none_or(|whole| self.buffer.len() < whole) {
            let read = self.stream.read(&mut part).context("reading an answer")?;
            if read == 0 {
                return Err(Error::internal("reading an answer", "the connection was closed"));
            }
            self.buffer.extend_from_slice(&part[..read]);
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
    requests: &[Request],
    connections: usize,
    time: Duration,
    rounds: usize,
    idle: Idle,
) -> Result<Vec<Vec<Turn>>> {
    let mut all = vec![Vec::new(); requests.len()];
    for request in requests {
        // Connections, caches and the branch predictor get warm.
        turn(request, connections, time.min(Duration::from_millis(300)), idle).await?;
    }
    for _ in 0..rounds.max(1) {
        for (request, turns) in requests.iter().zip(&mut all) {
            turns.push(turn(request, connections, time, idle).await?);
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
        let turn = Turn::of(1.0, (1..=101).rev().map(f64::from).collect());
        assert_eq!(
            (turn.quantile(0.5), turn.quantile(0.99), turn.quantile(1.0)),
            (51.0, 100.0, 101.0)
        );
    }

    /// A server that takes so long for every answer.
    fn slow(pause: Duration) -> SocketAddr {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 1024];
                while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                    std::thread::sleep(pause);
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn what_waits_behind_a_slow_answer_counts() {
        let address = slow(Duration::from_millis(20));
        let request = Request::post(address, "/x", Some("key"), b"{}");
        once(&request).unwrap();
        // Due every 10 ms and answered in 20: the twentieth waits for 200 ms and more.
        let turn = paced(&request, 1, 100.0, Duration::from_millis(200)).await.unwrap();
        assert_eq!(turn.latencies.len(), 20);
        assert!(turn.quantile(0.0) >= 0.02, "{turn:?}");
        assert!(turn.quantile(1.0) >= 0.2, "{turn:?}");
        assert!(turn.per_second < 51.0, "{turn:?}");
    }
}
