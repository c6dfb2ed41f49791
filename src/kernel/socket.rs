//! A bound ZeroMQ socket: its connections, what they send, and what is sent to them.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::message::Signer;
use super::zmtp::{self, Incoming, Kind};
use crate::error::{Context, Result};

/// Who connects must say who it is within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Who takes no bytes for so long is cut off. Until then, whoever sends to it waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nor is it waited for longer in all, until it has taken everything once.
const MOST_WAITED: Duration = Duration::from_secs(60);
/// Messages that wait to be written to a peer.
const QUEUE: usize = 64;
/// Topics of a subscriber, and bytes of one.
const MAX_TOPICS: usize = 64;
const MAX_TOPIC: usize = 256;
/// Connections of a socket: more are closed at once.
const MAX_PEERS: usize = 32;
/// After a failure to accept: no file descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is connected. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    queue: mpsc::Sender<Outgoing>,
    topics: Arc<Mutex<Vec<Bytes>>>,
    /// How long others have waited for it since it had taken everything.
    waited: Arc<Mutex<Duration>>,
    /// Ends its connection.
    cut: CancellationToken,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Bytes,
    written: Option<oneshot::Sender<()>>,
}

impl Peer {
    fn new(queue: mpsc::Sender<Outgoing>) -> Self {
        let (topics, waited) = (Arc::default(), Arc::default());
        Self { queue, topics, waited, cut: CancellationToken::new() }
    }

    /// One that is never written to.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self::new(mpsc::channel(1).0)
    }

    /// Sends a message as [`zmtp::message`] gives it; nothing happens when the peer has gone.
    pub(super) async fn send(&self, bytes: Bytes) {
        let _ = self.queue.send(Outgoing { bytes, written: None }).await;
    }

    /// Sends a message, or drops it where many wait already.
    pub(super) fn offer(&self, bytes: Bytes) {
        let _ = self.queue.try_send(Outgoing { bytes, written: None });
    }

    /// Sends a message, and waits for a peer that takes little; one that has been waited for too long
    /// is cut off.
    async fn send_or_cut(&self, bytes: Bytes) {
        let all_taken = self.queue.capacity() == self.queue.max_capacity();
        let began = Instant::now();
        let sent = timeout(PATIENCE, self.send(bytes)).await;
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        *waited = if all_taken { Duration::ZERO } else { *waited + began.elapsed() };
        if sent.is_err() || *waited > MOST_WAITED {
            self.cut.cancel();
        }
    }

    /// Waits until everything before is written.
    async fn flush(&self) {
        let (written, wait) = oneshot::channel();
        let _ = self.queue.send(Outgoing { bytes: Bytes::new(), written: Some(written) }).await;
        let _ = wait.await;
    }

    fn wants(&self, topic: &[u8]) -> bool {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.iter().any(|wanted| topic.starts_with(wanted))
    }

    /// Takes what a subscriber says; gives the topic that it is told of from now on.
    pub(super) fn subscribe(&self, frames: &[Bytes]) -> Option<Bytes> {
        let [frame] = frames else { return None };
        let (verb, topic) = (frame.first()?, frame.slice(1..));
        if topic.len() > MAX_TOPIC {
            return None;
        }
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        match verb {
            1 if topics.len() < MAX_TOPICS => {
                topics.push(topic.clone());
                Some(topic)
            }
            0 => {
                let at = topics.iter().position(|known| *known == topic)?;
                topics.remove(at);
                None
            }
            _ => None,
        }
    }
}

/// A message, and who sent it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) peer: Peer,
    pub(super) frames: Vec<Bytes>,
}

/// A socket that others connect to, open as long as one of its clones is kept.
#[derive(Clone)]
pub(super) struct Socket {
    peers: Peers,
    _open: Arc<DropGuard>,
}

type Peers = Arc<Mutex<HashMap<u64, Peer>>>;

impl Socket {
    /// Binds an address and puts what comes into `inbox`: messages of at most `most` bytes, and where
    /// there is a `signer` only those that it knows.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::error::Error::Internal) when the address can't be bound.
    pub(super) async fn bind(
        kind: Kind,
        address: (&str, u16),
        (most, signer): (u64, Option<Arc<Signer>>),
        inbox: mpsc::Sender<Received>,
    ) -> Result<Self> {
        let (host, port) = address;
        let listener = TcpListener::bind(address).await;
        let listener = listener.context(format!("listening at {host}:{port}"))?;
        let (peers, closed) = (Peers::default(), CancellationToken::new());
        let room = Arc::new(Semaphore::new(MAX_PEERS));
        let (shared, closing) = (peers.clone(), closed.clone());
        let port = Port { kind, most, signer, inbox, peers: shared, room, closed: closing };
        tokio::spawn(port.accept(listener));
        Ok(Self { peers, _open: Arc::new(closed.drop_guard()) })
    }

    /// Sends to all who want the topic, one after the other.
    pub(super) async fn publish(&self, topic: &[u8], bytes: &Bytes) {
        for peer in self.peers() {
            if peer.wants(topic) {
                peer.send_or_cut(bytes.clone()).await;
            }
        }
    }

    /// Waits until everything is written.
    pub(super) async fn flush(&self) {
        for peer in self.peers() {
            peer.flush().await;
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// What the connections of a socket share.
#[derive(Clone)]
struct Port {
    kind: Kind,
    most: u64,
    signer: Option<Arc<Signer>>,
    inbox: mpsc::Sender<Received>,
    peers: Peers,
    room: Arc<Semaphore>,
    closed: CancellationToken,
}

impl Port {
    async fn accept(self, listener: TcpListener) {
        let mut id = 0;
        loop {
            let accepted = tokio::select! {
                () = self.closed.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let Ok(place) = self.room.clone().try_acquire_owned() else { continue };
            id += 1;
            let (port, id) = (self.clone(), id);
            tokio::spawn(async move {
                tokio::select! {
                    () = port.closed.cancelled() => {}
                    // Why a connection ends is of no use to anybody.
                    _ = port.serve(stream, id) => {}
                }
                port.peers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                drop(place);
            });
        }
    }

    async fn serve(&self, mut stream: TcpStream, id: u64) -> io::Result<()> {
        stream.set_nodelay(true)?;
        timeout(HANDSHAKE, zmtp::shake_hands(&mut stream, self.kind)).await??;
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let peer = Peer::new(queue);
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).insert(id, peer.clone());
        let (reader, writer) = stream.into_split();
        let cut = peer.cut.clone();
        tokio::select! {
            () = cut.cancelled() => Ok(()),
            ended = self.listen(reader, peer) => ended,
            ended = write(writer, outgoing) => ended,
        }
    }

    async fn listen(&self, reader: impl AsyncRead + Unpin, peer: Peer) -> io::Result<()> {
        let mut reader = tokio::io::BufReader::new(reader);
        loop {
            match zmtp::read(&mut reader, self.most).await? {
                Incoming::Ping(context) => peer.offer(zmtp::pong(&context)),
                // Before it waits with others: anybody may send anything.
                Incoming::Message(frames)
                    if self.signer.as_ref().is_some_and(|signer| !signer.knows(&frames)) => {}
                Incoming::Message(frames) => {
                    let received = Received { peer: peer.clone(), frames };
                    // Read on where nobody wants it any more: to close over unread bytes would
                    // cost the peer what was sent to it last.
                    let _ = self.inbox.send(received).await;
                }
            }
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut outgoing: mpsc::Receiver<Outgoing>,
) -> io::Result<()> {
    while let Some(Outgoing { mut bytes, written }) = outgoing.recv().await {
        while bytes.has_remaining() {
            timeout(PATIENCE, writer.write_buf(&mut bytes)).await??;
        }
        if let Some(written) = written {
            // Who waited may have gone.
            let _ = written.send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn topics_are_prefixes() {
        let peer = Peer::nobody();
        assert!(!peer.wants(b"status"));
        assert_eq!(peer.subscribe(&["\u{1}sta".into()]), Some("sta".into()));
        assert!(peer.wants(b"status") && !peer.wants(b"stream"));
        assert_eq!(peer.subscribe(&["\u{0}sta".into()]), None);
        assert!(!peer.wants(b"status"));
        for nonsense in [vec![], vec![Bytes::new()], vec!["\u{2}a".into()], vec!["\u{1}".into(); 2]]
        {
            assert_eq!(peer.subscribe(&nonsense), None);
        }
        for _ in 0..2 * MAX_TOPICS {
            peer.subscribe(&["\u{1}a".into()]);
        }
        assert_eq!(peer.topics.lock().unwrap().len(), MAX_TOPICS);
    }

    #[tokio::test]
    async fn only_so_many_are_connected_at_once() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = ("127.0.0.1", port);
        let (inbox, _came) = mpsc::channel(1);
        let _socket = Socket::bind(Kind::Router, address, (1 << 20, None), inbox).await.unwrap();
        // The greeting is what a peer is told first.
        let is_greeted =
            async |stream: &mut TcpStream| stream.read_exact(&mut [0; 10]).await.is_ok();
        let mut peers = Vec::new();
        for _ in 0..MAX_PEERS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert!(is_greeted(&mut stream).await);
            peers.push(stream);
        }
        let mut one_more = TcpStream::connect(address).await.unwrap();
        assert!(!is_greeted(&mut one_more).await);
        peers.pop();
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Its place is free once the server has seen that the last one has gone.
            if is_greeted(&mut stream).await {
                return;
            }
        }
    }

    #[tokio::test]
    async fn a_bad_peer_is_cut_off_and_the_next_is_served() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = ("127.0.0.1", port);
        let (inbox, mut came) = mpsc::channel(1);
        let _socket = Socket::bind(Kind::Router, address, (1 << 20, None), inbox).await.unwrap();
        let mut hello = vec![0; 64];
        (hello[0], hello[9], hello[10]) = (0xff, 0x7f, 3);
        hello[12..16].copy_from_slice(b"NULL");
        hello.extend_from_slice(b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER");
        let connect = async |sent: &[u8]| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&hello).await.unwrap();
            stream.write_all(sent).await.unwrap();
            stream
        };
        let huge = [[2].as_slice(), (1_u64 << 46).to_be_bytes().as_slice()].concat();
        for bad in [huge.as_slice(), b"\xff\xff\xff"] {
            let mut stream = connect(bad).await;
            let mut all = Vec::new();
            // The end of the stream, or that it was reset.
            let _ = stream.read_to_end(&mut all).await;
        }
        let mut good = connect(b"\x01\x01a\x00\x01b").await;
        let received = came.recv().await.unwrap();
        assert_eq!(received.frames, ["a", "b"]);
        received.peer.send(zmtp::message([b"c".as_slice()])).await;
        let mut answer = vec![0; 64 + 28 + 2 + 3];
        good.read_exact(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"\x00\x01c"));
    }
}
