//! Aliases: moved with a precondition, rolled back, and their history.

use chrono::{DateTime, Utc};

use super::versions::no_version;
use super::{Idempotency, Service, not_found};
use crate::domain::key::Caller;
use crate::domain::name::check_name;
use crate::domain::page::{Page, PageQuery};
use crate::domain::version::{Alias, AliasMove, AliasTarget};
use crate::error::{Code, Error, Result};
use crate::store::{ModelRow, Tx};

/// What the caller believes of an alias before it moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// It has this revision.
    Revision(u64),
    /// It points at nothing yet.
    Absent,
    /// Nothing was said, which is refused: two who promote at once must not overwrite each other.
    Missing,
}

impl Precondition {
    fn check(self, alias: &str, found: Option<(u64, Option<u32>)>) -> Result<()> {
        let held = match (self, found) {
            (Self::Missing, _) => {
                return Err(Error::new(
                    Code::PreconditionRequired,
                    format!(
                        "say what {alias} is now: If-Match with its ETag, or If-None-Match: * when \
                         it points at nothing yet"
                    ),
                ));
            }
            (Self::Revision(wanted), Some((revision, Some(_)))) => wanted == revision,
            (Self::Revision(_), _) => false,
            (Self::Absent, found) => found.is_none_or(|(_, version)| version.is_none()),
        };
        if held {
            return Ok(());
        }
        let now = match found {
            Some((revision, Some(version))) => {
                format!("it points at version {version}, revision {revision}")
            }
            _ => "it points at nothing".to_owned(),
        };
        Err(Error::new(Code::PreconditionFailed, format!("{alias} has moved: {now}")))
    }
}

impl Service {
    /// Aliases of a model by name.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn list_aliases(&self, caller: &Caller, model: &str) -> Result<Vec<Alias>> {
        self.get_model(caller, model).await?;
        self.store().list_aliases(&caller.project, model).await
    }

    /// An alias.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_alias(&self, caller: &Caller, model: &str, alias: &str) -> Result<Alias> {
        let aliases = self.list_aliases(caller, model).await?;
        aliases
            .into_iter()
            .find(|a| a.alias == alias)
            .ok_or_else(|| not_found("alias", &format!("{alias} of model {model}")))
    }

    /// Points an alias at a version.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::PreconditionRequired`],
    /// [`Code::InvalidRequest`] for a bad name.
    pub async fn move_alias(
        &self,
        caller: &Caller,
        model: &str,
        alias: &str,
        target: AliasTarget,
        precondition: Precondition,
    ) -> Result<Alias> {
        check_name("/alias", alias)?;
        if alias.bytes().all(|b| b.is_ascii_digit()) {
            let detail = "an alias needs a letter: numbers name versions";
            return Err(Error::field(Code::InvalidRequest, "/alias", detail));
        }
        if target.reason.as_ref().is_some_and(|reason| reason.chars().count() > 1000) {
            let detail = "a reason has at most 1,000 characters";
            return Err(Error::field(Code::InvalidRequest, "/reason", detail));
        }
        let mut tx = self.store().begin().await?;
        let row = hold_model(&mut tx, caller, model).await?;
        precondition.check(alias, tx.get_alias(row.id, alias).await?)?;
        if !tx.hold_version(row.id, target.version).await? {
            return Err(no_version(model, target.version));
        }
        let moved = tx
            .move_alias(row.id, alias, Some(target.version), caller.key, target.reason.as_deref())
            .await?;
        tx.commit().await?;
        self.0.cache.forget();
        Ok(alias_of(model, moved))
    }

    /// Makes an alias point at nothing; its history stays.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::PreconditionRequired`].
    pub async fn remove_alias(
        &self,
        caller: &Caller,
        model: &str,
        alias: &str,
        precondition: Precondition,
    ) -> Result<()> {
        let mut tx = self.store().begin().await?;
        let row = hold_model(&mut tx, caller, model).await?;
        let found = tx.get_alias(row.id, alias).await?;
        if found.is_none_or(|(_, version)| version.is_none()) {
            return Err(not_found("alias", &format!("{alias} of model {model}")));
        }
        precondition.check(alias, found)?;
        tx.move_alias(row.id, alias, None, caller.key, None).await?;
        tx.commit().await?;
        self.0.cache.forget();
        Ok(())
    }

    /// Points an alias at the version before its last move, as a new move.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::PreconditionFailed`], also when there is no version to go back
    /// to; [`Code::PreconditionRequired`].
    pub async fn roll_back_alias(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        alias: &str,
        precondition: Precondition,
    ) -> Result<Alias> {
        let (by, name, alias) = (caller.clone(), model.to_owned(), alias.to_owned());
        let moved = self
            .once(caller, once, |tx| {
                Box::pin(async move {
                    let row = hold_model(tx, &by, &name).await?;
                    let found = tx.get_alias(row.id, &alias).await?;
                    if found.is_none() {
                        return Err(not_found("alias", &format!("{alias} of model {name}")));
                    }
                    precondition.check(&alias, found)?;
                    let previous =
                        tx.previous_of_alias(row.id, &alias).await?.ok_or_else(|| {
                            Error::new(
                                Code::PreconditionFailed,
                                format!("{alias} pointed at nothing before its last move"),
                            )
                        })?;
                    if !tx.hold_version(row.id, previous).await? {
                        return Err(Error::new(
                            Code::PreconditionFailed,
                            format!(
                                "{alias} pointed at version {previous} before its last move, which \
                                 was deleted since: move the alias to another version by PUT"
                            ),
                        ));
                    }
                    tx.move_alias(row.id, &alias, Some(previous), by.key, Some("rollback")).await
                })
            })
            .await?;
        self.0.cache.forget();
        Ok(alias_of(model, moved))
    }

    /// Moves of an alias, newest first.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidRequest`] for a bad page.
    pub async fn list_alias_moves(
        &self,
        caller: &Caller,
        model: &str,
        alias: &str,
        query: &PageQuery,
    ) -> Result<Page<AliasMove>> {
        self.get_model(caller, model).await?;
        self.store().list_alias_moves(&caller.project, model, alias, query).await
    }

    /// The move that was in force at an instant: which version decided then.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the alias did not exist then.
    pub async fn alias_at(
        &self,
        caller: &Caller,
        model: &str,
        alias: &str,
        at: DateTime<Utc>,
    ) -> Result<AliasMove> {
        self.get_model(caller, model).await?;
        let found = self.store().alias_at(&caller.project, model, alias, at).await?;
        found.ok_or_else(|| not_found("move of alias", &format!("{alias} of {model} up to {at}")))
    }
}

async fn hold_model(tx: &mut Tx, caller: &Caller, model: &str) -> Result<ModelRow> {
    let row = tx.hold_model(&caller.project, model).await?;
    row.ok_or_else(|| not_found("model", model))
}

fn alias_of(model: &str, moved: AliasMove) -> Alias {
    Alias {
        model: model.to_owned(),
        alias: moved.alias,
        version: moved.version.unwrap_or(0),
        revision: moved.revision,
        moved_at: moved.moved_at,
    }
}
