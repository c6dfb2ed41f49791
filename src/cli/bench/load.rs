//! Weights read from the database as a model's are, beside psql's COPY of the same rows.

use std::time::{Duration, Instant};

use super::psql::{psql, timed};
use super::{Load, Place, Row, median};
use crate::app::{Backend, Psql};
use crate::cli::interruptible;
use crate::config::{Config, Flags};
use crate::error::{Error, Result};

const MEGABYTE: usize = 1_000_000;

pub(super) async fn run(flags: &Flags, options: &Load) -> Result<Vec<Row>> {
    let place = Place::new()?;
    let config = place.config(flags)?;
    let backend = interruptible(Backend::own(&config)).await?;
    let result = interruptible(measure(&config, &backend, options)).await;
    let closed = backend.close().await;
    let rows = result?;
    closed.map(|()| rows)
}

async fn measure(config: &Config, backend: &Backend, options: &Load) -> Result<Vec<Row>> {
    let weights = noise(options.megabytes * MEGABYTE);
    let blob = backend.keep_blob(&weights).await?;
    let database = Psql::of(config).await?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    // The first turn fills the database's memory, and is not counted.
    for round in 0..=options.rounds.max(1) {
        let start = Instant::now();
        let read = backend.load_blob(blob).await?;
        let took = start.elapsed();
        if read != weights {
            return Err(Error::internal("measuring", "other weights than were kept"));
        }
        let copied = copy(&database, blob).await?;
        if round > 0 {
            ours.push(took);
            peers.push(copied);
        }
    }
    Ok(vec![row(&ours, &peers, options.megabytes)])
}

fn row(ours: &[Duration], peers: &[Duration], megabytes: usize) -> Row {
    let ratios = ours.iter().zip(peers).map(|(a, b)| b.as_secs_f64() / a.as_secs_f64());
    let rate = |times: &[Duration]| {
        median(times.iter().map(|time| megabytes as f64 / time.as_secs_f64()).collect())
    };
    Row {
        id: "load.weights".to_owned(),
        name: format!("{megabytes} MB of weights read and verified, against psql's COPY"),
        unit: "MB/s",
        ours: rate(ours),
        peer: Some(rate(peers)),
        ratio: Some(median(ratios.collect())),
    }
}

/// How long psql takes to copy the rows of a blob to where nothing is kept, without its own start.
async fn copy(database: &Psql, blob: i64) -> Result<Duration> {
    let rows = format!("SELECT data FROM blob_chunk WHERE blob = {blob} ORDER BY position");
    let commands =
        vec!["\\timing on".to_owned(), format!("\\copy ({rows}) TO '/dev/null' (FORMAT binary)")];
    psql(database, commands).await.and_then(|(_, said)| timed(&said))
}

/// Bytes that can't be compressed, as weights can't.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rates_and_the_ratio_is_of_turns_that_followed_each_other() {
        let seconds = |times: [u64; 3]| times.map(Duration::from_secs);
        let row = row(&seconds([1, 4, 2]), &seconds([1, 1, 1]), 100);
        assert_eq!((row.ours, row.peer, row.ratio), (50.0, Some(100.0), Some(0.5)));
        let noise = noise(1_003);
        assert_eq!(noise.len(), 1_003);
        assert!(noise.iter().collect::<std::collections::BTreeSet<_>>().len() > 200);
    }
}
