//! Blobs on their way out: chunks are asked for ahead of whoever reads, so that PostgreSQL sends some while
//! those before are hashed.

use std::io::Write;
use std::ops::Range;
use std::pin::Pin;
use std::vec::IntoIter;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use sha2::Sha256;
use sha2::digest::DynDigest;
use sqlx::postgres::{PgRow, PgValue};
use sqlx::{PgPool, Row as _, Value as _, ValueRef};
use tokio_util::task::AbortOnDropHandle;

use super::{CHUNK, Store};
use crate::error::{Context, Error, Result};
use crate::store::connect::database_error;
use crate::store::unsigned;

/// How far it is read ahead.
struct Ahead {
    /// Chunks of a statement.
    chunks: u16,
    /// Statements whose chunks arrive or wait at once, where the pool has several times as many connections.
    statements: usize,
}

/// Where the reader is this machine, and where it is a client, of which there may be many and slow ones.
const LOCAL: Ahead = Ahead { chunks: 4, statements: 4 };
const REMOTE: Ahead = Ahead { chunks: 1, statements: 2 };
/// Bytes of a chunk that arrive as one value: it is copied as it is received, which a cache makes cheap
/// where it fits.
const PIECE: i32 = 128 * 1024;

/// The pieces of some chunks, in their order.
type Arrival = Result<Vec<Bytes>>;
type Arrivals = Pin<Box<dyn Stream<Item = Arrival> + Send>>;

impl Store {
    /// Reads a blob from its start, at the pace of a client. Must be read within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no such blob.
    pub async fn read_blob(&self, id: i64) -> Result<BlobReader> {
        let proof = self.proof_of(id).await?;
        let arrivals = self.arrivals(&proof, &REMOTE);
        Ok(BlobReader { proof, arrivals, pieces: Vec::new().into_iter() })
    }

    /// Copies a blob to where it is read on this machine, verified: when this returns well, `out` has
    /// all of it, and nothing else.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is missing, its bytes don't have its hash, or `out` fails.
    pub async fn copy_blob<W: Write + Send + 'static>(&self, id: i64, out: W) -> Result<W> {
        let proof = self.proof_of(id).await?;
        self.copy(proof, out).await
    }

    async fn copy<W: Write + Send + 'static>(&self, mut proof: Proof, mut out: W) -> Result<W> {
        let mut arrivals = self.arrivals(&proof, &LOCAL);
        while let Some(pieces) = arrivals.try_next().await? {
            let keep = move || {
                for piece in pieces {
                    proof.add(&piece);
                    out.write_all(&piece).context("keeping what was read of a blob")?;
                }
                Ok::<_, Error>((proof, out))
            };
            // Meanwhile the next ones arrive.
            let kept = tokio::task::spawn_blocking(keep).await.context("waiting for a blob")?;
            (proof, out) = kept?;
        }
        proof.check().map(|()| out)
    }

    /// A whole blob, verified; for those that are small by nature (weights, checkpoints).
    ///
    /// # Errors
    /// [`Error::Internal`] when it is missing or its bytes don't have its hash.
    pub async fn load_blob(&self, id: i64) -> Result<Vec<u8>> {
        let proof = self.proof_of(id).await?;
        let bytes = Vec::with_capacity(usize::try_from(proof.size).unwrap_or(0));
        self.copy(proof, bytes).await
    }

    /// Reads every complete blob and holds it against both of its hashes. Returns their number and bytes.
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
            let mut proof = self.proof_of(*id).await?;
            if proof.hashes.iter().all(|hash| hash.wanted != proof.sha256) {
                proof.hashes.push(Hash::new::<Sha256>(&proof.sha256));
            }
            bytes += proof.size;
            self.copy(proof, std::io::sink()).await?;
        }
        Ok((ids.len() as u64, bytes))
    }

    async fn proof_of(&self, id: i64) -> Result<Proof> {
        let row =
            sqlx::query!(r#"SELECT sha256 AS "sha256!", blake3, size FROM blob WHERE id = $1"#, id)
                .fetch_one(&self.pool)
                .await
                .map_err(database_error("finding a blob"))?;
        let hash = match row.blake3 {
            Some(blake3) => Hash::new::<blake3::Hasher>(&blake3),
            None => Hash::new::<Sha256>(&row.sha256),
        };
        let size = unsigned(row.size);
        Ok(Proof { id, sha256: row.sha256, size, read: 0, hashes: vec![hash] })
    }

    /// The chunks of a blob in their order, those of each statement together. Each statement is sent by a task
    /// of its own, which gives its connection back when they are there: a reader that is slow holds up none.
    fn arrivals(&self, proof: &Proof, ahead: &Ahead) -> Arrivals {
        let (pool, id) = (self.pool.clone(), proof.id);
        let count = i32::try_from(proof.size.div_ceil(CHUNK as u64)).unwrap_or(i32::MAX);
        let chunks = i32::from(ahead.chunks);
        // Others have to find a connection, too.
        let most = self.pool.options().get_max_connections() as usize / 4;
        let at_once = ahead.statements.min(most).max(1);
        let statements = (0..count).step_by(chunks.unsigned_abs() as usize).map(move |from| {
            let wanted = from..from.saturating_add(chunks);
            AbortOnDropHandle::new(tokio::spawn(arrival(pool.clone(), id, wanted)))
        });
        let arrivals = stream::iter(statements)
            .buffered(at_once)
            .map(|arrival| arrival.context("waiting for chunks of a blob")?);
        Box::pin(arrivals)
    }
}

/// Reads a blob piece by piece and verifies it at the end. A connection is held only while chunks
/// arrive, of which a few are in memory; nothing is left of it when it is dropped.
pub struct BlobReader {
    proof: Proof,
    arrivals: Arrivals,
    /// Of what arrived last.
    pieces: IntoIter<Bytes>,
}

impl BlobReader {
    pub fn size(&self) -> u64 {
        self.proof.size
    }

    /// The next piece; None at the end. Length and hash are checked before anything of the last chunks
    /// is given: who passes it on has then passed on everything, and can't say any more that it was
    /// damaged.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored bytes are not those that were stored.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.pieces.len() == 0 {
            let Some(pieces) = self.arrivals.try_next().await? else {
                return self.proof.check().map(|()| None);
            };
            pieces.iter().for_each(|piece| self.proof.add(piece));
            if self.proof.read >= self.proof.size {
                self.proof.check()?;
            }
            self.pieces = pieces.into_iter();
        }
        Ok(self.pieces.next())
    }
}

/// What a blob has to be, and what has come of it.
struct Proof {
    id: i64,
    sha256: Vec<u8>,
    size: u64,
    read: u64,
    hashes: Vec<Hash>,
}

struct Hash {
    hasher: Box<dyn DynDigest + Send>,
    wanted: Vec<u8>,
}

impl Hash {
    fn new<H: DynDigest + Default + Send + 'static>(wanted: &[u8]) -> Self {
        Self { hasher: Box::<H>::default(), wanted: wanted.to_vec() }
    }

    fn holds(&self) -> bool {
        *self.hasher.box_clone().finalize() == *self.wanted
    }
}

impl Proof {
    fn add(&mut self, piece: &[u8]) {
        self.read += piece.len() as u64;
        self.hashes.iter_mut().for_each(|hash| hash.hasher.update(piece));
    }

    /// Whether all has arrived, as it was stored.
    fn check(&self) -> Result<()> {
        if self.read == self.size && self.hashes.iter().all(Hash::holds) {
            return Ok(());
        }
        Err(Error::internal(
            format!("reading blob {}", hex::encode(&self.sha256)),
            "the stored bytes don't have its hash: the database is damaged",
        ))
    }
}

const READING: &str = "reading chunks of a blob";

/// The pieces of some chunks; fewer where one is missing.
async fn arrival(pool: PgPool, blob: i64, chunks: Range<i32>) -> Arrival {
    // No macro: it would copy each piece out of its row.
    let rows = sqlx::query(
        "SELECT substr(data, 1 + start, $4) FROM
            (SELECT data, generate_series(0, octet_length(data) - 1, $4) AS start
             FROM blob_chunk WHERE blob = $1 AND position >= $2 AND position < $3
             ORDER BY position) AS piece",
    )
    .bind(blob)
    .bind(chunks.start)
    .bind(chunks.end)
    .bind(PIECE)
    .fetch(&pool);
    let pieces = rows.and_then(async |row| piece(&row)).try_collect();
    pieces.await.map_err(database_error(READING))
}

/// The bytes of a piece, which stay where they were received.
fn piece(row: &PgRow) -> Result<Bytes, sqlx::Error> {
    struct Held(PgValue);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            self.0.as_ref().as_bytes().unwrap_or_default()
        }
    }
    let value = row.try_get_raw(0)?;
    // Looked at once whether there are any.
    value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Bytes::from_owner(Held(ValueRef::to_owned(&value))))
}
