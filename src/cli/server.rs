//! What a command talks to that needs no address: the server of this data directory, or one of its
//! own in this process.

use crate::app::{App, Backend};
use crate::config::Config;
use crate::domain::key::{CreatedKey, NewKey, Scope};
use crate::error::{Code, Error, Result};

/// A key that a command makes for itself does not live long.
pub(super) const KEY_HOURS: u32 = 24;

/// A server of this data directory.
pub(super) enum Server {
    /// Started for the command.
    Own(Box<App>),
    /// It was there already; with a way to its database, until that is let go.
    Running(Option<Box<Backend>>, String),
}

impl Server {
    /// The running server of this data directory, else one in this process on a free loopback
    /// port, with a worker.
    ///
    /// # Errors
    /// What keeps a server from starting.
    pub(super) async fn start(config: &Config) -> Result<Self> {
        // To find that it is taken takes a second, in which its owner may be ending.
        if let Some(backend) = Backend::running(config).await? {
            match backend.running_at().map(str::to_owned) {
                Some(url) => return Ok(Self::Running(Some(Box::new(backend)), url)),
                None => backend.close().await?,
            }
        }
        let mut own = config.clone();
        own.http.address = ([127, 0, 0, 1], 0).into();
        (own.http.tls_cert, own.http.tls_key) = (None, None);
        own.worker_enabled = true;
        match App::start(&own).await {
            Ok(app) => Ok(Self::Own(Box::new(app))),
            Err(error) if error.code() == Code::InUse => {
                let backend = Backend::open(config).await?;
                match backend.running_at().map(str::to_owned) {
                    Some(url) => Ok(Self::Running(Some(Box::new(backend)), url)),
                    None => backend.close().await.and(Err(error)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Ends what was started.
    ///
    /// # Errors
    /// The first step that failed.
    pub(super) async fn end(self) -> Result<()> {
        match self {
            Self::Own(app) => app.stop().await,
            Self::Running(Some(backend), _) => backend.close().await,
            Self::Running(None, _) => Ok(()),
        }
    }

    /// Closes the connections to the database of a server that is there: who waits at a prompt needs
    /// none.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub(super) async fn let_go(&mut self) -> Result<()> {
        match self {
            Self::Running(backend, _) => match backend.take() {
                Some(backend) => backend.close().await,
                None => Ok(()),
            },
            Self::Own(_) => Ok(()),
        }
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Own(app) => app.url(),
            Self::Running(_, url) => url.clone(),
        }
    }

    /// The first admin key, when this start made it.
    pub(super) fn first_key(&self) -> Option<&CreatedKey> {
        match self {
            Self::Own(app) => app.first_key(),
            Self::Running(backend, _) => backend.as_ref()?.first_key.as_ref(),
        }
    }

    /// Makes a key that may do everything for [`KEY_HOURS`].
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub(super) async fn create_key(&self, name: &str) -> Result<CreatedKey> {
        let service = match self {
            Self::Own(app) => app.service(),
            Self::Running(Some(backend), _) => &backend.service,
            Self::Running(None, _) => {
                return Err(Error::internal("making a key", "the database was let go"));
            }
        };
        let new = NewKey {
            name: name.to_owned(),
            scopes: Scope::ALL.to_vec(),
            expires_in_hours: Some(KEY_HOURS),
        };
        service.create_key(&service.operator()?, None, new).await
    }
}
