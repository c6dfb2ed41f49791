//! Blobs are verified before what is damaged can be taken for good.

use actuary::error::Code;
use actuary::store::{Blob, Store};
use sqlx::PgPool;

use crate::support::database;

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
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + CHUNK / 2] {
        let bytes = bytes(length);
        let blob = store_bytes(&store, &bytes).await;
        assert_eq!(blob.size, length as u64);
        assert_eq!(read(&store, blob.id).await, (bytes.clone(), None));
        assert_eq!(store_bytes(&store, &bytes).await, blob, "the same bytes are the same blob");
    }
    let blobs: i64 =
        sqlx::query_scalar("SELECT count(*) FROM blob").fetch_one(&database.pool).await.unwrap();
    assert_eq!(blobs, 5);
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
