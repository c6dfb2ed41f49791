//! Blobs are verified before what is damaged can be taken for good.

use actuary::error::Code;
use actuary::store::{Blob, Store};
use sqlx::PgPool;

use crate::support::{database, pool_of};

const CHUNK: usize = 1 << 20;

async fn store_bytes(store: &Store, bytes: &[u8]) -> Blob {
    let mut writer = store.write_blob().await.unwrap();
    // In pieces that are no chunks.
    for piece in bytes.chunks(300_000) {
        writer.write(piece).await.unwrap();
    }
    let written = writer.complete().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let named = tx.finish_blob(&written).await.unwrap();
    tx.commit().await.unwrap();
    named
}

/// What a reader gets before the end, or before it learns of the damage.
async fn read(store: &Store, id: i64) -> (Vec<u8>, Option<String>) {
    let mut reader = store.read_blob(id).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        match reader.next().await {
            Ok(Some(chunk)) => bytes.extend(chunk),
            Ok(None) => return (bytes, None),
            Err(error) => return (bytes, Some(error.to_string())),
        }
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn blobs_come_back_as_they_were_and_are_stored_once() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    // The last ones take several statements, and end with one.
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + CHUNK / 2, 16 * CHUNK, 19 * CHUNK] {
        let bytes = bytes(length);
        let blob = store_bytes(&store, &bytes).await;
        assert_eq!(blob.size, length as u64);
        assert!(read(&store, blob.id).await == (bytes.clone(), None), "{length}");
        assert!(store.load_blob(blob.id).await.unwrap() == bytes, "{length}");
        assert_eq!(store_bytes(&store, &bytes).await, blob, "the same bytes are the same blob");
    }
    let blobs: i64 =
        sqlx::query_scalar("SELECT count(*) FROM blob").fetch_one(&database.pool).await.unwrap();
    assert_eq!(blobs, 7);
}

/// As many statements are under way as a server's pool allows.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_ahead_comes_in_its_order() {
    let database = database().await;
    let store = Store::new(pool_of(16, &database.url).await);
    let bytes = bytes(21 * CHUNK + 5);
    let blob = store_bytes(&store, &bytes).await;
    let loads = (0..3).map(|_| store.load_blob(blob.id));
    for read in futures_util::future::join_all(loads).await {
        assert!(read.unwrap() == bytes);
    }
    assert!(read(&store, blob.id).await == (bytes.clone(), None));
    // What is left of it is neither given nor in the way.
    let mut left = store.read_blob(blob.id).await.unwrap();
    left.next().await.unwrap().unwrap();
    drop(left);
    let statement = "DELETE FROM blob_chunk WHERE blob = $1 AND position = 9";
    damage(&database.pool, statement, blob.id).await;
    store.load_blob(blob.id).await.unwrap_err();
    assert!(read(&store, blob.id).await.1.unwrap().contains("the database is damaged"));
}

/// Chunks don't wait for the disk: a PostgreSQL that was killed may have lost them, and be back.
#[tokio::test]
async fn a_blob_that_has_lost_a_chunk_is_not_named() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    for lost in [0, 1, 2] {
        let mut writer = store.write_blob().await.unwrap();
        writer.write(&bytes(2 * CHUNK + 7)).await.unwrap();
        let written = writer.complete().await.unwrap();
        sqlx::query("DELETE FROM blob_chunk WHERE blob = $1 AND position = $2")
            .bind(written.id)
            .bind(lost)
            .execute(&database.pool)
            .await
            .unwrap();
        let mut tx = store.begin().await.unwrap();
        let error = tx.finish_blob(&written).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
    assert_eq!(store.verify_blobs().await.unwrap(), (0, 0));
}

async fn damage(pool: &PgPool, statement: &'static str, id: i64) {
    sqlx::query(statement).bind(id).execute(pool).await.unwrap();
}

#[tokio::test]
async fn damage_is_found_before_the_last_chunk_is_given() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    for (number, statement) in [
        "UPDATE blob_chunk SET data = overlay(data PLACING '\\xff'::bytea FROM 9)
            WHERE blob = $1 AND position = 0",
        "UPDATE blob_chunk SET data = overlay(data PLACING '\\xff'::bytea FROM 9)
            WHERE blob = $1 AND position = 2",
        "UPDATE blob_chunk SET data = data || '\\x00'::bytea WHERE blob = $1 AND position = 2",
        "UPDATE blob_chunk SET position = 7 WHERE blob = $1 AND position = 2",
        "DELETE FROM blob_chunk WHERE blob = $1 AND position = 1",
    ]
    .into_iter()
    .enumerate()
    {
        let blob = store_bytes(&store, &bytes(2 * CHUNK + 1000 + number)).await;
        damage(&database.pool, statement, blob.id).await;
        let (given, error) = read(&store, blob.id).await;
        assert!(error.unwrap().contains("the database is damaged"), "{statement}");
        assert!((given.len() as u64) < blob.size, "{statement}: it looks complete");
        store.load_blob(blob.id).await.unwrap_err();
    }
}

/// Those that were kept before blobs had a BLAKE3.
#[tokio::test]
async fn blobs_of_before_are_verified_by_sha_256() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    let bytes = bytes(5 * CHUNK);
    let id = store_bytes(&store, &bytes).await.id;
    damage(&database.pool, "UPDATE blob SET blake3 = NULL WHERE id = $1", id).await;
    assert!(store.load_blob(id).await.unwrap() == bytes);
    assert!(read(&store, id).await == (bytes.clone(), None));
    assert_eq!(store.verify_blobs().await.unwrap(), (1, bytes.len() as u64));
    // They get one when the same bytes are kept once more.
    let again = store_bytes(&store, &bytes).await;
    assert!(again.id == id && again.blake3.is_some());
    assert!(store.load_blob(id).await.unwrap() == bytes);
    damage(&database.pool, "UPDATE blob SET blake3 = NULL WHERE id = $1", id).await;
    damage(
        &database.pool,
        "UPDATE blob_chunk SET data = overlay(data PLACING '\\xff'::bytea FROM 9)
            WHERE blob = $1 AND position = 2",
        id,
    )
    .await;
    store.load_blob(id).await.unwrap_err();
    assert!(read(&store, id).await.1.unwrap().contains("the database is damaged"));
}

/// Blobs are found by it, though they are not read by it.
#[tokio::test]
async fn a_wrong_sha_256_is_found_when_all_are_verified() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    let blob = store_bytes(&store, &bytes(CHUNK + 1)).await;
    store.verify_blobs().await.unwrap();
    damage(
        &database.pool,
        "UPDATE blob SET sha256 = overlay(sha256 PLACING '\\x0000'::bytea FROM 1) WHERE id = $1",
        blob.id,
    )
    .await;
    store.load_blob(blob.id).await.unwrap();
    assert_eq!(store.verify_blobs().await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn readers_that_wait_or_leave_hold_no_connection() {
    let database = database().await;
    let (pool, store) = (&database.pool, Store::new(database.pool.clone()));
    let bytes = bytes(9 * CHUNK);
    let blob = store_bytes(&store, &bytes).await;
    let mut readers = Vec::new();
    for _ in 0..2 * pool.options().get_max_connections() {
        let mut reader = store.read_blob(blob.id).await.unwrap();
        let first = reader.next().await.unwrap().unwrap();
        assert!(!first.is_empty() && first == bytes[..first.len()]);
        readers.push((reader, first.to_vec()));
    }
    // What was asked for ahead is there, and none asks for more.
    store.ping().await.unwrap();
    let (mut kept, mut all) = readers.pop().unwrap();
    drop(readers);
    for _ in 0..2 * pool.options().get_max_connections() {
        store.ping().await.unwrap();
        assert!(store.load_blob(blob.id).await.unwrap() == bytes);
    }
    while let Some(piece) = kept.next().await.unwrap() {
        all.extend(piece);
    }
    assert!(all == bytes);
}

#[tokio::test]
async fn a_copy_that_can_not_be_kept_fails() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let database = database().await;
    let store = Store::new(database.pool.clone());
    let blob = store_bytes(&store, &bytes(20 * CHUNK)).await;
    assert!(store.copy_blob(blob.id, Full(20 * CHUNK)).await.is_ok());
    let Err(error) = store.copy_blob(blob.id, Full(3 * CHUNK)).await else {
        panic!("it was kept");
    };
    assert_eq!(error.code(), Code::Internal);
    let Err(error) = store.read_blob(blob.id + 1).await else { panic!("there is none") };
    assert_eq!(error.code(), Code::Internal);
}

#[tokio::test]
async fn a_writer_says_when_a_chunk_was_refused() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    let mut writer = store.write_blob().await.unwrap();
    store.discard_blob(writer.id()).await.unwrap();
    writer.write(&bytes(CHUNK)).await.unwrap();
    assert_eq!(writer.complete().await.unwrap_err().code(), Code::Internal);
    let mut writer = store.write_blob().await.unwrap();
    store.discard_blob(writer.id()).await.unwrap();
    assert_eq!(writer.write(&bytes(2 * CHUNK)).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn a_sweep_takes_what_nothing_refers_to_but_not_what_is_being_written() {
    let database = database().await;
    let store = Store::new(database.pool.clone());
    let lost = store_bytes(&store, b"lost").await;
    let mut writer = store.write_blob().await.unwrap();
    writer.write(b"begun").await.unwrap();
    assert_eq!(store.sweep_blobs().await.unwrap(), (1, lost.size));
    let written = writer.complete().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let named = tx.finish_blob(&written).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(read(&store, named.id).await, (b"begun".to_vec(), None));
}
