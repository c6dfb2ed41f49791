//! Blobs on their way out: chunks are asked for ahead of whoever reads, as many as there is room for,
//! so that PostgreSQL sends one while the one before is hashed.

use std::io::Write;
use std::ops::Range;
use std::vec::IntoIter;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgRow, PgValue};
use sqlx::{PgPool, Row as _, Value as _, ValueRef};
use tokio::sync::mpsc::{self, PermitIterator};
use tokio_util::task::AbortOnDropHandle;

use super::Store;
use crate::error::{Context, Error, Result};
use crate::store::connect::database_error;
use crate::store::unsigned;

/// Chunks of one statement where the reader is this machine, and where it is a client, of which
/// there may be many and slow ones. Twice as many are held at most.
const LOCAL: i32 = 8;
const REMOTE: i32 = 2;
/// Bytes of a chunk that arrive as one value: it is copied as it is received, which a cache makes cheap
/// where it fits.
const PIECE: i32 = 128 * 1024;

/// The pieces of a chunk, in their order; none after the last chunk.
type Arrival = Result<Vec<Bytes>>;

impl Store {
    /// Reads a blob from its start, at the pace of a client. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no such blob.
    pub async fn read_blob(&self, id: i64) -> Result<BlobReader> {
        let proof = self.proof_of(id).await?;
        let (sender, chunks) = channel(REMOTE);
        tokio::spawn(fetch(self.pool.clone(), id, REMOTE, sender));
        Ok(BlobReader { proof, chunks, pieces: Vec::new().into_iter() })
    }

    /// Copies a blob to where it is read on this machine, verified: when this returns well, `out` has
    /// all of it, and nothing else.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is missing, its bytes don't have its hash, or `out` fails.
    pub async fn copy_blob<W: Write + Send + 'static>(&self, id: i64, out: W) -> Result<W> {
        let proof = self.proof_of(id).await?;
        self.copy(id, proof, out).await
    }

    async fn copy<W: Write + Send + 'static>(
        &self,
        id: i64,
        mut proof: Proof,
        mut out: W,
    ) -> Result<W> {
        let (sender, mut chunks) = channel(LOCAL);
        // On a thread of the runtime's own, which reads as soon as something arrives. It ends when nobody
        // waits any more, and then the other does.
        let _fetch =
            AbortOnDropHandle::new(tokio::spawn(fetch(self.pool.clone(), id, LOCAL, sender)));
        let copy = move || loop {
            let pieces = proof.take(chunks.blocking_recv())?;
            if pieces.is_empty() {
                return Ok(out);
            }
            for piece in pieces {
                out.write_all(&piece).context("keeping what was read of a blob")?;
            }
        };
        tokio::task::spawn_blocking(copy).await.context("waiting for a blob")?
    }

    /// A whole blob, verified; for those that are small by nature (weights, checkpoints).
    ///
    /// # Errors
    /// [`Error::Internal`] when it is missing or its bytes don't have its hash.
    pub async fn load_blob(&self, id: i64) -> Result<Vec<u8>> {
        let proof = self.proof_of(id).await?;
        let bytes = Vec::with_capacity(usize::try_from(proof.size).unwrap_or(0));
        self.copy(id, proof, bytes).await
    }

    /// Reads every complete blob and holds it against its hash. Returns their number and bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] naming the first whose bytes are not those that were stored.
    pub async fn verify_blobs(&self) -> Result<(u64, u64)> {
        let ids = sqlx::query_scalar!("SELECT id FROM blob WHERE sha256 IS NOT NULL ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(database_error("listing blobs"))?;
        let mut bytes = 0;
        for id in &ids {
            let proof = self.proof_of(*id).await?;
            bytes += proof.size;
            self.copy(*id, proof, std::io::sink()).await?;
        }
        Ok((ids.len() as u64, bytes))
    }

    async fn proof_of(&self, id: i64) -> Result<Proof> {
        let row = sqlx::query!(r#"SELECT sha256 AS "sha256!", size FROM blob WHERE id = $1"#, id)
            .fetch_one(&self.pool)
            .await
            .map_err(database_error("finding a blob"))?;
        let size = unsigned(row.size);
        Ok(Proof { sha256: row.sha256, size, hasher: Sha256::new(), read: 0 })
    }
}

/// Reads a blob piece by piece and verifies it at the end. A connection is held only while chunks
/// arrive, of which a few are in memory; nothing is left of it when it is dropped.
pub struct BlobReader {
    proof: Proof,
    chunks: mpsc::Receiver<Arrival>,
    /// Of the chunk that arrived last.
    pieces: IntoIter<Bytes>,
}

impl BlobReader {
    pub fn size(&self) -> u64 {
        self.proof.size
    }

    /// The next piece; None at the end. Length and hash are checked before anything of the last chunk
    /// is given: who passes it on has then passed on everything, and can't say any more that it was
    /// damaged.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored bytes are not those that were stored.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.pieces.len() == 0 {
            let arrival = self.chunks.recv().await;
            self.pieces = self.proof.take(arrival)?.into_iter();
        }
        Ok(self.pieces.next())
    }
}

/// What a blob has to be, and what has come of it.
struct Proof {
    sha256: Vec<u8>,
    size: u64,
    hasher: Sha256,
    read: u64,
}

impl Proof {
    /// What has arrived, unless it completes or ends something else than was stored.
    fn take(&mut self, arrival: Option<Arrival>) -> Arrival {
        let broken = || Error::internal("reading a blob", "it was broken off");
        let pieces = arrival.ok_or_else(broken)??;
        for piece in &pieces {
            self.read += piece.len() as u64;
            self.hasher.update(piece);
        }
        if self.read >= self.size || pieces.is_empty() {
            self.check()?;
        }
        Ok(pieces)
    }

    fn check(&self) -> Result<()> {
        if self.read == self.size && self.hasher.clone().finalize().as_slice() == self.sha256 {
            return Ok(());
        }
        Err(Error::internal(
            format!("reading blob {}", hex::encode(&self.sha256)),
            "the stored bytes don't have this SHA-256: the database is damaged",
        ))
    }
}

/// With room for two statements: what the one gave is read while the other's chunks arrive.
fn channel(window: i32) -> (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>) {
    mpsc::channel(2 * room_of(window))
}

/// Each chunk of a statement, and the end or what went wrong.
fn room_of(window: i32) -> usize {
    window.unsigned_abs() as usize + 1
}

/// Sends the chunks of a blob in their order, so many by one statement, until the last one, an error
/// or a reader that is gone.
async fn fetch(pool: PgPool, blob: i64, window: i32, sender: mpsc::Sender<Arrival>) {
    let (mut from, mut connection) = (0, None);
    loop {
        // Room first: a reader that is slow to make it holds up no connection, and no statement
        // reaches the limit of its time.
        let mut room = match sender.try_reserve_many(room_of(window)) {
            Ok(room) => room,
            Err(_) => {
                connection = None;
                let Ok(room) = sender.reserve_many(room_of(window)).await else { return };
                room
            }
        };
        let ended = async {
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(pool.acquire().await.map_err(database_error(READING))?),
            };
            fill(connection, blob, from..from + window, &mut room).await
        };
        let last = match ended.await {
            Ok(false) => {
                from += window;
                continue;
            }
            Ok(true) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        send(&mut room, last);
        return;
    }
}

const READING: &str = "reading chunks of a blob";

fn send(room: &mut PermitIterator<'_, Arrival>, arrival: Arrival) {
    if let Some(place) = room.next() {
        place.send(arrival);
    }
}

/// Fills the room with chunks. Returns whether the blob ends within them.
async fn fill(
    connection: &mut PgConnection,
    blob: i64,
    chunks: Range<i32>,
    room: &mut PermitIterator<'_, Arrival>,
) -> Result<bool> {
    // No macro: it would copy each piece out of its row.
    let mut rows = sqlx::query(
        "SELECT position, start, substr(data, 1 + start, $4) FROM
            (SELECT position, data, generate_series(0, octet_length(data) - 1, $4) AS start
             FROM blob_chunk WHERE blob = $1 AND position >= $2 AND position < $3
             ORDER BY position) AS piece",
    )
    .bind(blob)
    .bind(chunks.start)
    .bind(chunks.end)
    .bind(PIECE)
    .fetch(connection);
    let (mut next, mut pieces) = (chunks.start, Vec::new());
    while let Some(row) = rows.try_next().await.map_err(database_error(READING))? {
        let (position, start, piece) = piece(&row).map_err(database_error(READING))?;
        if start == 0 && !pieces.is_empty() {
            send(room, Ok(std::mem::take(&mut pieces)));
            next += 1;
        }
        if position != next {
            // What follows a gap is no part of what was stored.
            return Ok(true);
        }
        pieces.push(piece);
    }
    if !pieces.is_empty() {
        send(room, Ok(pieces));
        next += 1;
    }
    Ok(next < chunks.end)
}

/// A piece: its chunk's position, where it starts there, and its bytes, which stay where they were
/// received.
fn piece(row: &PgRow) -> Result<(i32, i32, Bytes), sqlx::Error> {
    struct Held(PgValue);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            self.0.as_ref().as_bytes().unwrap_or_default()
        }
    }
    let value = row.try_get_raw(2)?;
    // Looked at once whether there are any.
    value.as_bytes().map_err(sqlx::Error::Decode)?;
    let bytes = Bytes::from_owner(Held(ValueRef::to_owned(&value)));
    Ok((row.try_get(0)?, row.try_get(1)?, bytes))
}
