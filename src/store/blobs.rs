//! Blobs: immutable bytes found by their SHA-256, in chunks of 1 MiB (twice as fast to read as
//! one large value), verified by their BLAKE3 whenever they are read. Reading is in `blobs/reading.rs`.

mod reading;

use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::task::JoinHandle;

pub use reading::BlobReader;

use super::connect::database_error;
use super::{Store, Tx, unsigned};
use crate::error::{Code, Context, Error, Result};

const CHUNK: usize = 1 << 20;

/// A complete blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    pub id: i64,
    pub sha256: [u8; 32],
    /// By which it is verified; none of those that were kept before there was one.
    pub blake3: Option<[u8; 32]>,
    pub size: u64,
}

impl Blob {
    pub fn hex(&self) -> String {
        hex::encode(self.sha256)
    }
}

/// Writes a blob chunk by chunk; without [`Tx::finish_blob`] nothing refers to what it wrote and
/// the sweep removes it.
pub struct BlobWriter {
    store: Store,
    id: i64,
    sha256: Sha256,
    blake3: blake3::Hasher,
    buffer: Vec<u8>,
    position: i32,
    size: u64,
    /// The chunk before, on its way; gives its buffer back.
    sent: Option<JoinHandle<Result<Vec<u8>>>>,
}

/// A blob that is dropped with this, if it was not named.
pub struct Unfinished {
    store: Store,
    blob: i64,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (store, blob) = (self.store.clone(), self.blob);
        // Does nothing once the blob has its name. Where there is no runtime any more, the sweep
        // finds it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = store.discard_blob(blob).await {
                    tracing::debug!(%error, "the sweep will remove an unfinished blob");
                }
            });
        }
    }
}

impl Store {
    /// Begins a blob.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn write_blob(&self) -> Result<BlobWriter> {
        let id = sqlx::query_scalar!("INSERT INTO blob DEFAULT VALUES RETURNING id")
            .fetch_one(&self.pool)
            .await
            .map_err(database_error("beginning a blob"))?;
        Ok(BlobWriter {
            store: self.clone(),
            id,
            sha256: Sha256::new(),
            blake3: blake3::Hasher::new(),
            buffer: Vec::with_capacity(CHUNK),
            position: 0,
            size: 0,
            sent: None,
        })
    }

    /// Drops what a writer wrote when this is dropped, unless a transaction has named it by then.
    pub fn discarding(&self, blob: i64) -> Unfinished {
        Unfinished { store: self.clone(), blob }
    }

    /// Drops what a writer wrote, unless a transaction has named it.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn discard_blob(&self, id: i64) -> Result<()> {
        sqlx::query!("DELETE FROM blob WHERE id = $1 AND sha256 IS NULL", id)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(database_error("discarding a blob"))
    }

    /// Removes blobs to which nothing refers and that are not being written (those without a hash
    /// get a day). Returns their number and bytes.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn sweep_blobs(&self) -> Result<(u64, u64)> {
        let row = sqlx::query!(
            r#"WITH swept AS (
                DELETE FROM blob b WHERE id IN (
                    SELECT id FROM blob c
                    WHERE (sha256 IS NOT NULL OR created_at < now() - interval '1 day')
                        AND NOT EXISTS (SELECT FROM job WHERE upload = c.id)
                        AND NOT EXISTS (SELECT FROM job WHERE checkpoint = c.id)
                        AND NOT EXISTS (SELECT FROM dataset_version WHERE content = c.id)
                        AND NOT EXISTS (SELECT FROM model_version WHERE weights = c.id)
                        AND NOT EXISTS (SELECT FROM model_version WHERE background = c.id)
                    FOR UPDATE SKIP LOCKED)
                RETURNING size)
               SELECT count(*) AS "blobs!", coalesce(sum(size), 0)::bigint AS "bytes!" FROM swept"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(database_error("sweeping blobs"))?;
        Ok((unsigned(row.blobs), unsigned(row.bytes)))
    }
}

impl BlobWriter {
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Bytes up to now.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes; every full chunk is sent at once, and stored while the next one is received.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = CHUNK - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Sends the chunk, once the one before is stored.
    async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let free = self.settle().await?.unwrap_or_else(|| Vec::with_capacity(CHUNK));
        let chunk = std::mem::replace(&mut self.buffer, free);
        let (pool, id, position) = (self.store.pool.clone(), self.id, self.position);
        // Of a writer that is dropped the chunk is stored or refused, and goes with its blob.
        self.sent = Some(tokio::spawn(insert(pool, id, position, chunk)));
        self.position += 1;
        Ok(())
    }

    /// Waits until what was sent is stored. Returns its buffer, which is empty now.
    async fn settle(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(sent) = self.sent.take() else { return Ok(None) };
        sent.await.context("waiting for a chunk of a blob")?.map(Some)
    }

    /// Sends what is left; the blob then only lacks its name. Done before the transaction that
    /// names it, which stays short.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn complete(mut self) -> Result<Blob> {
        self.flush().await?;
        self.settle().await?;
        let (sha256, blake3) = (self.sha256.finalize(), self.blake3.finalize());
        Ok(Blob {
            id: self.id,
            sha256: sha256.into(),
            blake3: Some(blake3.into()),
            size: self.size,
        })
    }
}

impl Tx {
    /// Names a completely written blob by its hash. Where the same bytes are stored already, the
    /// earlier blob is returned, kept from the sweep until the commit, and the new one dropped.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached, or was started again
    /// meanwhile and has lost a chunk that it had not written to the disk.
    pub async fn finish_blob(&mut self, written: &Blob) -> Result<Blob> {
        // Two transactions that name the same bytes go one after the other.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", written.hex())
            .execute(&mut *self.0)
            .await
            .map_err(database_error("waiting to name a blob"))?;
        if let Some(earlier) = self.find_blob(&written.sha256).await? {
            self.drop_blob(written.id).await?;
            return match earlier.blake3 {
                Some(_) => Ok(earlier),
                None => self.add_blake3(earlier, written.blake3).await,
            };
        }
        let named = sqlx::query!(
            "UPDATE blob SET sha256 = $2, size = $3, blake3 = $4 WHERE id = $1 AND $3 =
                (SELECT coalesce(sum(octet_length(data)), 0) FROM blob_chunk WHERE blob = $1)",
            written.id,
            &written.sha256,
            i64::try_from(written.size).unwrap_or(i64::MAX),
            written.blake3.as_ref().map(<[u8; 32]>::as_slice)
        )
        .execute(&mut *self.0)
        .await
        .map_err(database_error("naming a blob"))?;
        if named.rows_affected() == 1 {
            Ok(*written)
        } else {
            Err(Error::new(
                Code::Unavailable,
                "a part of it is gone: while it was stored PostgreSQL was started again, or it took \
                 longer than a day; try again",
            ))
        }
    }

    async fn find_blob(&mut self, sha256: &[u8; 32]) -> Result<Option<Blob>> {
        let row = sqlx::query!(
            "SELECT id, size, blake3 FROM blob WHERE sha256 = $1 FOR KEY SHARE",
            sha256
        )
        .fetch_optional(&mut *self.0)
        .await
        .map_err(database_error("finding a blob"))?;
        Ok(row.map(|r| Blob {
            id: r.id,
            sha256: *sha256,
            blake3: r.blake3.and_then(|bytes| bytes.try_into().ok()),
            size: unsigned(r.size),
        }))
    }

    /// Of a blob that was kept before blobs had one.
    async fn add_blake3(&mut self, blob: Blob, blake3: Option<[u8; 32]>) -> Result<Blob> {
        let bytes = blake3.as_ref().map(<[u8; 32]>::as_slice);
        sqlx::query!("UPDATE blob SET blake3 = $2 WHERE id = $1", blob.id, bytes)
            .execute(&mut *self.0)
            .await
            .map_err(database_error("adding a hash to a blob"))?;
        Ok(Blob { blake3, ..blob })
    }

    async fn drop_blob(&mut self, id: i64) -> Result<()> {
        sqlx::query!("DELETE FROM blob WHERE id = $1", id)
            .execute(&mut *self.0)
            .await
            .map(|_| ())
            .map_err(database_error("dropping a blob"))
    }
}

/// Stores a chunk, and gives its buffer back empty.
async fn insert(pool: PgPool, blob: i64, position: i32, mut chunk: Vec<u8>) -> Result<Vec<u8>> {
    sqlx::query!(
        // Without a wait for the disk: the commit that names the blob waits for all of them. Where
        // PostgreSQL ends before it and is started again, they may be gone: that commit looks.
        "WITH no_wait AS (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO blob_chunk (blob, position, data) SELECT $1, $2, $3 FROM no_wait",
        blob,
        position,
        &chunk
    )
    .execute(&pool)
    .await
    .map_err(database_error("writing a chunk of a blob"))?;
    chunk.clear();
    Ok(chunk)
}
