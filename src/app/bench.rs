//! What `actuary bench` measures below the command line.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{App, Backend, Database, url_of};
use crate::config::Config;
use crate::error::Result;
use crate::frame::{Frame, Values};
use crate::http;
use crate::http::bench::Peers;

/// A server of the interface and its peers over a running program's service: one thread, any free
/// port of this machine. Ends with the returned handle's `stop`.
///
/// # Errors
/// When no port can be bound.
pub fn serve_bench(app: &App, peers: Peers) -> Result<(String, http::Handle)> {
    let settings = http::HttpSettings {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        workers: Some(1),
        ..http::HttpSettings::default()
    };
    let server = http::bench::bind(settings, app.service().clone(), peers)?;
    let (url, handle) = (url_of(server.address(), false), server.handle());
    tokio::spawn(server.run());
    Ok((url, handle))
}

/// Columns of numbers as an Arrow IPC stream.
///
/// # Errors
/// [`crate::error::Error::Internal`] when their lengths differ.
pub fn arrow_stream(rows: usize, columns: Vec<(String, Vec<f64>)>) -> Result<Vec<u8>> {
    let values = |numbers: Vec<f64>| Values::Float64(numbers.into_iter().map(Some).collect());
    let columns = columns.into_iter().map(|(name, numbers)| (name, values(numbers)));
    Frame::new(rows, columns.collect())?.to_stream()
}

/// How long the database takes to start, by itself.
///
/// # Errors
/// As [`Backend::own`].
pub async fn time_database(config: &Config) -> Result<Duration> {
    let start = Instant::now();
    let database = Database::own(config).await?;
    let took = start.elapsed();
    database.close().await.map(|()| took)
}

impl Backend {
    /// Where another process finds the database, while this one has it.
    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Keeps bytes as a model's weights are kept; to be found by the number that is returned.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn keep_blob(&self, bytes: &[u8]) -> Result<i64> {
        let mut writer = self.store.write_blob().await?;
        writer.write(bytes).await?;
        let written = writer.complete().await?;
        let mut tx = self.store.begin().await?;
        let kept = tx.finish_blob(&written).await?;
        tx.commit().await?;
        Ok(kept.id)
    }

    /// Reads them as a model's weights are read: verified.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when they are not what was kept.
    pub async fn load_blob(&self, id: i64) -> Result<Vec<u8>> {
        self.store.load_blob(id).await
    }
}
