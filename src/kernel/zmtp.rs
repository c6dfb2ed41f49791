//! ZMTP 3.0 as Jupyter's clients speak it to a kernel: the greeting, the NULL handshake, and frames.
//! RFC 23 of ZeroMQ is the reference.
//!
//! Anybody who reaches the port may send anything, before a signature is looked at: no length is
//! believed, and nothing is kept that has not come.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// Bytes of what a peer says of itself.
const MAX_READY: u64 = 4096;
/// Bytes that a peer may want back (RFC 37).
const MAX_PING: usize = 16;
/// Frames of a message.
const MAX_FRAMES: usize = 64;
/// Signature, version 3.0, mechanism, role, filler.
const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12] = b'N';
    greeting[13] = b'U';
    greeting[14] = b'L';
    greeting[15] = b'L';
    greeting
};

/// What a socket is, which says who may talk to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Router,
    Publisher,
    Reply,
}

impl Kind {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Router => b"ROUTER",
            Self::Publisher => b"XPUB",
            Self::Reply => b"REP",
        }
    }

    fn accepts(self, peer: &[u8]) -> bool {
        match self {
            Self::Router => matches!(peer, b"DEALER" | b"REQ" | b"ROUTER"),
            Self::Publisher => matches!(peer, b"SUB" | b"XSUB"),
            Self::Reply => matches!(peer, b"REQ" | b"DEALER"),
        }
    }
}

/// What a peer sends once hands are shaken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Vec<Bytes>),
    /// It wants these bytes back in a [`pong`].
    Ping(Bytes),
}

/// Opens a connection.
///
/// # Errors
/// When the other side goes away or does not speak the protocol.
pub(super) async fn shake_hands<S>(stream: &mut S, kind: Kind) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&GREETING).await?;
    let mut greeting = [0; GREETING.len()];
    stream.read_exact(&mut greeting).await?;
    let [0xff, _, _, _, _, _, _, _, _, 0x7f, major, _, mechanism @ ..] = greeting else {
        return Err(invalid("not a greeting"));
    };
    if major < 3 || !mechanism.starts_with(b"NULL\0") {
        return Err(invalid("another version or mechanism"));
    }
    let mut ready = BytesMut::new();
    ready.put_slice(b"\x05READY");
    ready.put_slice(b"\x0bSocket-Type");
    ready.put_u32(kind.name().len() as u32);
    ready.put_slice(kind.name());
    let mut bytes = BytesMut::new();
    put_frame(&mut bytes, COMMAND, &ready);
    stream.write_all(&bytes).await?;
    let (flags, body) = read_frame(stream, MAX_READY).await?;
    let properties = body.strip_prefix(b"\x05READY").filter(|_| flags & COMMAND != 0);
    let peer = properties.and_then(|properties| property(properties, b"socket-type"));
    match peer {
        Some(peer) if kind.accepts(peer) => Ok(()),
        _ => Err(invalid("a socket that does not fit")),
    }
}

/// The value of a property; names are the same in any case.
fn property<'a>(mut left: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    loop {
        let (length, rest) = left.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        left = rest;
    }
}

/// The next message, of at most so many bytes. Not to be given up between: what was read of it would be
/// lost.
///
/// # Errors
/// When the other side goes away or does not speak the protocol.
pub(super) async fn read(reader: &mut (impl AsyncRead + Unpin), most: u64) -> io::Result<Incoming> {
    let mut frames = Vec::new();
    let mut room = most;
    loop {
        let (flags, body) = read_frame(reader, room).await?;
        if flags & COMMAND != 0 {
            // Other commands are for sockets of later versions.
            match body.strip_prefix(b"\x04PING") {
                Some([_, _, context @ ..]) if frames.is_empty() => {
                    if context.len() > MAX_PING {
                        return Err(invalid("too much to give back"));
                    }
                    return Ok(Incoming::Ping(body.slice_ref(context)));
                }
                _ => continue,
            }
        }
        room = room.saturating_sub(body.len() as u64);
        frames.push(body);
        if flags & MORE == 0 {
            return Ok(Incoming::Message(frames));
        }
        if frames.len() >= MAX_FRAMES {
            return Err(invalid("too many frames"));
        }
    }
}

/// Flags and body of a frame of at most `room` bytes.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin), room: u64) -> io::Result<(u8, Bytes)> {
    let flags = reader.read_u8().await?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(invalid("unknown flags"));
    }
    let length = match flags & LONG {
        0 => u64::from(reader.read_u8().await?),
        _ => reader.read_u64().await?,
    };
    if length > room {
        return Err(invalid("too long"));
    }
    // Grows as bytes come.
    let mut body = Vec::new();
    let came = reader.take(length).read_to_end(&mut body).await?;
    match came as u64 == length {
        true => Ok((flags, body.into())),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A message as it goes over the wire.
pub(super) fn message<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut bytes = BytesMut::new();
    let mut frames = frames.into_iter().peekable();
    while let Some(frame) = frames.next() {
        let flags = if frames.peek().is_some() { MORE } else { 0 };
        put_frame(&mut bytes, flags, frame);
    }
    bytes.freeze()
}

/// The answer to a ping.
pub(super) fn pong(context: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    put_frame(&mut bytes, COMMAND, &[b"\x04PONG", context].concat());
    bytes.freeze()
}

fn put_frame(bytes: &mut BytesMut, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(length) => bytes.put_slice(&[flags, length]),
        Err(_) => {
            bytes.put_u8(flags | LONG);
            bytes.put_u64(body.len() as u64);
        }
    }
    bytes.put_slice(body);
}

fn invalid(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: u64 = 64 << 20;

    fn now<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    fn ready(kind: &str) -> Vec<u8> {
        let body = [
            b"\x05READY\x08Identity\0\0\0\0\x0bSocket-Type\0\0\0".as_slice(),
            &[kind.len() as u8],
            kind.as_bytes(),
        ];
        let body = body.concat();
        [&[COMMAND, body.len() as u8], body.as_slice()].concat()
    }

    fn handshake(kind: Kind, sent: &[u8]) -> io::Result<()> {
        now(async {
            let (mut ours, mut theirs) = tokio::io::duplex(1 << 12);
            theirs.write_all(sent).await.unwrap();
            theirs.shutdown().await.unwrap();
            shake_hands(&mut ours, kind).await
        })
    }

    #[test]
    fn only_sockets_that_fit_are_let_in() {
        let hello = |kind: &str| [GREETING.as_slice(), &ready(kind)].concat();
        assert!(handshake(Kind::Router, &hello("DEALER")).is_ok());
        assert!(handshake(Kind::Publisher, &hello("SUB")).is_ok());
        assert!(handshake(Kind::Reply, &hello("REQ")).is_ok());
        assert!(handshake(Kind::Router, &hello("SUB")).is_err());
        assert!(handshake(Kind::Publisher, &hello("DEALER")).is_err());
        let mut curve = hello("DEALER");
        curve[12..17].copy_from_slice(b"CURVE");
        assert!(handshake(Kind::Router, &curve).is_err());
        let mut old = hello("DEALER");
        old[10] = 1;
        assert!(handshake(Kind::Router, &old).is_err());
    }

    #[test]
    fn a_length_that_is_announced_is_not_believed() {
        for length in [MOST + 1, 1 << 46, u64::MAX] {
            let sent = [&[LONG], length.to_be_bytes().as_slice()].concat();
            let error = now(read(&mut sent.as_slice(), MOST)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
        let short = [&[LONG], MOST.to_be_bytes().as_slice(), b"abc"].concat();
        let error = now(read(&mut short.as_slice(), MOST)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn endless_frames_are_refused() {
        let sent = [MORE, 0].repeat(MAX_FRAMES + 1);
        assert!(now(read(&mut sent.as_slice(), MOST)).is_err());
    }

    #[test]
    fn a_ping_is_answered_with_its_context() {
        let sent = b"\x04\x09\x04PING\0\x0aab";
        assert_eq!(now(read(&mut sent.as_slice(), MOST)).unwrap(), Incoming::Ping("ab".into()));
        assert_eq!(pong(b"ab"), b"\x04\x07\x04PONGab".as_slice());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..8),
        ) {
            let bytes = message(frames.iter().map(Vec::as_slice));
            let frames: Vec<Bytes> = frames.into_iter().map(Bytes::from).collect();
            prop_assert_eq!(now(read(&mut &*bytes, MOST)).unwrap(), Incoming::Message(frames));
        }

        #[test]
        fn nonsense_ends_in_an_error_or_a_message(
            sent in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = now(read(&mut sent.as_slice(), MOST));
            let _ = property(&sent, b"socket-type");
            let _ = handshake(Kind::Router, &[GREETING.as_slice(), &sent].concat());
        }
    }
}
