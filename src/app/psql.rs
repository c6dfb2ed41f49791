//! psql on the database of this machine's settings, for `actuary bench`.

use std::path::PathBuf;
use std::process::Command;

use super::{Backend, Database};
use crate::config::Config;
use crate::domain::key::{NewKey, Scope};
use crate::error::Result;
use crate::store::backup::{client_command, server_major};
use crate::store::connect::connect;
use crate::store::postgres::client_programs;

/// How psql reaches the database that a server runs.
pub struct Psql {
    program: PathBuf,
    url: String,
}

impl Psql {
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached or psql is not
    /// installed.
    pub async fn of(config: &Config) -> Result<Self> {
        let database = Database::open(config).await?;
        let url = database.url.clone();
        let pool = connect(&url, &config.pool).await?;
        let major = server_major(&pool).await;
        pool.close().await;
        database.close().await?;
        let program = client_programs(config.postgres.bin_dir.as_deref(), major?)?.join("psql");
        Ok(Self { program, url })
    }

    /// psql, connected; what it says on standard error is piped.
    pub fn command(&self) -> Command {
        client_command(&self.program, &self.url)
    }
}

/// Makes a key that may do everything for a day, whether a server runs or not.
///
/// # Errors
/// [`crate::error::Code::Unavailable`] when the database can't be reached.
pub async fn create_day_key(config: &Config, name: &str) -> Result<String> {
    let backend = Backend::open(config).await?;
    let new =
        NewKey { name: name.to_owned(), scopes: Scope::ALL.to_vec(), expires_in_hours: Some(24) };
    let created = async {
        let operator = backend.service.operator()?;
        backend.service.create_key(&operator, None, new).await
    };
    let created = created.await;
    backend.close().await?;
    created.map(|created| created.secret)
}
