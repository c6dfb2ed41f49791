//! Blobs: immutable bytes found by their SHA-256, in chunks of 1 MiB (twice as fast to read as
//! one large value), verified whenever they are read.

use sha2::{Digest, Sha256};

use super::connect::database_error;
use super::{Store, Tx, unsigned};
use crate::error::{Code, Error, Result};

const CHUNK: usize = 1 << 20;

/// A complete blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    pub id: i64,
    pub sha256: [u8; 32],
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
    hasher: Sha256,
    buffer: Vec<u8>,
    position: i32,
    size: u64,
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
            hasher: Sha256::new(),
            buffer: Vec::with_capacity(CHUNK),
            position: 0,
            size: 0,
        })
    }

    /// Reads a blob from its start.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no such blob.
    pub async fn read_blob(&self, id: i64) -> Result<BlobReader> {
        let row = sqlx::query!(r#"SELECT sha256 AS "sha256!", size FROM blob WHERE id = $1"#, id)
            .fetch_one(&self.pool)
            .await
            .map_err(database_error("finding a blob"))?;
        Ok(BlobReader {
            store: self.clone(),
            id,
            sha256: row.sha256,
            size: unsigned(row.size),
            hasher: Sha256::new(),
            position: 0,
            read: 0,
        })
    }

    /// A whole blob, verified; for those that are small by nature (weights, checkpoints).
    ///
    /// # Errors
    /// [`Error::Internal`] when it is missing or its bytes don't have its hash.
    pub async fn load_blob(&self, id: i64) -> Result<Vec<u8>> {
        let mut reader = self.read_blob(id).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(reader.size).unwrap_or(0));
        while let Some(chunk) = reader.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
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
            let mut reader = self.read_blob(*id).await?;
            bytes += reader.size();
            while reader.next().await?.is_some() {}
        }
        Ok((ids.len() as u64, bytes))
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

    /// Adds bytes; every full chunk is sent at once.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
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

    async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            // Without a wait for the disk: the commit that names the blob waits for all of them. Where
            // PostgreSQL ends before it and is started again, they may be gone: that commit looks.
            "WITH no_wait AS (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO blob_chunk (blob, position, data) SELECT $1, $2, $3 FROM no_wait",
            self.id,
            self.position,
            &self.buffer
        )
        .execute(&self.store.pool)
        .await
        .map_err(database_error("writing a chunk of a blob"))?;
        self.position += 1;
        self.buffer.clear();
        Ok(())
    }

    /// Sends what is left; the blob then only lacks its name. Done before the transaction that
    /// names it, which stays short.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn complete(mut self) -> Result<Blob> {
        self.flush().await?;
        Ok(Blob { id: self.id, sha256: self.hasher.finalize().into(), size: self.size })
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
            return Ok(earlier);
        }
        let named = sqlx::query!(
            "UPDATE blob SET sha256 = $2, size = $3 WHERE id = $1 AND $3 =
                (SELECT coalesce(sum(octet_length(data)), 0) FROM blob_chunk WHERE blob = $1)",
            written.id,
            &written.sha256,
            i64::try_from(written.size).unwrap_or(i64::MAX)
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
        let row = sqlx::query!("SELECT id, size FROM blob WHERE sha256 = $1 FOR KEY SHARE", sha256)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(database_error("finding a blob"))?;
        Ok(row.map(|r| Blob { id: r.id, sha256: *sha256, size: unsigned(r.size) }))
    }

    async fn drop_blob(&mut self, id: i64) -> Result<()> {
        sqlx::query!("DELETE FROM blob WHERE id = $1", id)
            .execute(&mut *self.0)
            .await
            .map(|_| ())
            .map_err(database_error("dropping a blob"))
    }
}

/// Reads a blob chunk by chunk and verifies it at the end.
pub struct BlobReader {
    store: Store,
    id: i64,
    sha256: Vec<u8>,
    size: u64,
    hasher: Sha256,
    position: i32,
    read: u64,
}

impl BlobReader {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next chunk; None at the end. Length and hash are checked before the last chunk is given:
    /// who passes it on has then passed on everything, and can't say any more that it was damaged.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored bytes are not those that were stored.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = sqlx::query_scalar!(
            "SELECT data FROM blob_chunk WHERE blob = $1 AND position = $2",
            self.id,
            self.position
        )
        .fetch_optional(&self.store.pool)
        .await
        .map_err(database_error("reading a chunk of a blob"))?;
        let Some(chunk) = chunk else { return self.verify().map(|()| None) };
        self.position += 1;
        self.read += chunk.len() as u64;
        self.hasher.update(&chunk);
        if self.read >= self.size {
            self.verify()?;
        }
        Ok(Some(chunk))
    }

    fn verify(&self) -> Result<()> {
        if self.read == self.size && self.hasher.clone().finalize().as_slice() == self.sha256 {
            return Ok(());
        }
        Err(Error::internal(
            format!("reading blob {}", hex::encode(&self.sha256)),
            "the stored bytes don't have this SHA-256: the database is damaged",
        ))
    }
}
