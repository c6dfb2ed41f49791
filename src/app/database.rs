//! The database of a process: its own, another process's, or an external one.

use super::blocking;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::store::postgres::{self, Embedded, Opened};

/// A database that answers. Whoever holds it must [`Database::close`] it.
pub(super) struct Database {
    pub(super) url: String,
    /// Where a server that runs on the same data directory can be reached.
    pub(super) running_at: Option<String>,
    pub(super) is_embedded: bool,
    owned: Option<Box<Embedded>>,
}

impl Database {
    /// The external one, the embedded one of a running owner, or the embedded one as its owner.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] with the next step to take when there is none.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let settings = config.postgres.clone();
        let opened = match &config.database_url {
            Some(_) => None,
            None => Some(blocking(move || postgres::open(&settings)).await?),
        };
        Self::of(config, opened)
    }

    /// The embedded one of a server that runs on the same data directory, where one does.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the owner's files can't be read.
    pub(super) async fn running(config: &Config) -> Result<Option<Self>> {
        if config.database_url.is_some() {
            return Ok(None);
        }
        let settings = config.postgres.clone();
        let attached = blocking(move || postgres::attach(&settings)).await?;
        let serving = attached.filter(|attached| attached.http_address.is_some());
        serving.map(|attached| Self::of(config, Some(Opened::Attached(attached)))).transpose()
    }

    /// As [`Self::open`], but an embedded one as its owner.
    ///
    /// # Errors
    /// [`crate::error::Code::InUse`] when another process owns the data directory, and as
    /// [`Self::open`].
    pub(super) async fn own(config: &Config) -> Result<Self> {
        let settings = config.postgres.clone();
        let opened = match &config.database_url {
            Some(_) => None,
            None => Some(Opened::Owned(blocking(move || Embedded::start(&settings)).await?)),
        };
        Self::of(config, opened)
    }

    fn of(config: &Config, opened: Option<Opened>) -> Result<Self> {
        let is_embedded = opened.is_some();
        let (url, running_at, owned) = match (opened, &config.database_url) {
            (Some(Opened::Owned(embedded)), _) => {
                (embedded.url().to_owned(), None, Some(Box::new(embedded)))
            }
            (Some(Opened::Attached(attached)), _) => (attached.url, attached.http_address, None),
            (None, Some(url)) => (url.clone(), None, None),
            (None, None) => return Err(Error::internal("opening the database", "there is none")),
        };
        Ok(Self { url, running_at, is_embedded, owned })
    }

    /// Tells those who attach where this process serves HTTP.
    ///
    /// # Errors
    /// [`Error::Internal`] when the runtime file can't be written.
    pub(super) fn set_http_address(&mut self, address: String) -> Result<()> {
        match &mut self.owned {
            Some(embedded) => embedded.set_http_address(address),
            None => Ok(()),
        }
    }

    /// Stops it if it is this process's.
    ///
    /// # Errors
    /// [`Error::Internal`] when a thread can't be waited for.
    pub(super) async fn close(self) -> Result<()> {
        let Some(embedded) = self.owned else { return Ok(()) };
        blocking(move || {
            embedded.stop();
            Ok(())
        })
        .await
    }
}
