//! Aliases: moved, rolled back, looked up.

use reqwest::Method;
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use serde::Deserialize;

use super::Client;
use crate::domain::page::{Page, PageQuery};
use crate::domain::version::{Alias, AliasMove, AliasTarget};
use crate::error::{Code, Result};

#[derive(Deserialize)]
struct AliasList {
    items: Vec<Alias>,
}

impl Client {
    /// Every alias of a model.
    ///
    /// # Errors
    /// What the server says.
    pub async fn list_aliases(&self, model: &str) -> Result<Vec<Alias>> {
        let call = self.call(Method::GET, &["models", model, "aliases"])?;
        Ok(self.fetch::<AliasList>(call).await?.items)
    }

    /// Where an alias points; None where it points nowhere.
    ///
    /// # Errors
    /// What the server says.
    pub async fn get_alias(&self, model: &str, alias: &str) -> Result<Option<Alias>> {
        let call = self.call(Method::GET, &["models", model, "aliases", alias])?;
        match self.fetch(call).await {
            Err(error) if error.code() == Code::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// Moves an alias from where it was seen to point, or sets a new one.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`] when it has moved meanwhile, and what else the server says.
    pub async fn move_alias(
        &self,
        model: &str,
        alias: &str,
        target: &AliasTarget,
        seen: Option<&Alias>,
    ) -> Result<Alias> {
        let call = self.call(Method::PUT, &["models", model, "aliases", alias])?.json(target)?;
        let call = match seen {
            Some(seen) => call.header(IF_MATCH, &format!("\"{}\"", seen.revision))?,
            None => call.header(IF_NONE_MATCH, "*")?,
        };
        self.fetch(call).await
    }

    /// Lets an alias point where it pointed before its last move, which is the one that was seen.
    ///
    /// # Errors
    /// What the server says.
    pub async fn roll_back_alias(&self, seen: &Alias) -> Result<Alias> {
        let path = ["models", &seen.model, "aliases", &seen.alias, "rollback"];
        let call = self.call(Method::POST, &path)?;
        self.fetch(call.header(IF_MATCH, &format!("\"{}\"", seen.revision))?).await
    }

    /// Every move of an alias, the newest first.
    ///
    /// # Errors
    /// What the server says.
    pub async fn list_alias_moves(
        &self,
        model: &str,
        alias: &str,
        query: &PageQuery,
    ) -> Result<Page<AliasMove>> {
        self.page(&["models", model, "aliases", alias, "history"], query).await
    }
}
