//! Keys: made, found by their secret, revoked.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Idempotency, Service, not_found};
use crate::domain::key::{Caller, CreatedKey, Key, NewKey, Scope};
use crate::domain::page::{Page, PageQuery};
use crate::error::{Code, Context, Error, FieldError, Result};

/// Every secret begins so, which lets secret scanners find one that leaked.
const PREFIX: &str = "act_";
/// So many characters of a secret are shown in lists.
const SHOWN: usize = 12;

impl Service {
    /// Who a secret belongs to.
    ///
    /// # Errors
    /// [`Code::Unauthorised`], the same for a wrong, an expired and a revoked one.
    pub async fn authenticate(&self, secret: &str) -> Result<Caller> {
        let sha256: [u8; 32] = Sha256::digest(secret).into();
        let found = match self.0.cache.key(&sha256) {
            Some(found) => Some(found),
            None => {
                let epoch = self.0.cache.epoch();
                let found = self.store().find_key(&sha256).await?.map(Arc::new);
                if let Some(found) = &found {
                    self.0.cache.keep_key(epoch, sha256, found.clone());
                }
                found
            }
        };
        let found = found
            .filter(|found| found.0.expires_at.is_none_or(|at| at > chrono::Utc::now()))
            .ok_or_else(|| {
                Error::new(
                    Code::Unauthorised,
                    "the key is unknown, expired or revoked; make one with 'actuary keys create'",
                )
            })?;
        let seed = Sha256::new().chain_update("actuary seed ").chain_update(secret).finalize();
        let (key, project) = &*found;
        let (project, scopes) = (project.clone(), key.scopes.clone());
        Ok(Caller { key: key.id, project, scopes, seed: seed.into() })
    }

    /// Makes a key.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad name, no scope or a bad time.
    pub async fn create_key(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        mut new: NewKey,
    ) -> Result<CreatedKey> {
        check(&new)?;
        let mut scopes = Vec::new();
        for scope in std::mem::take(&mut new.scopes) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        new.scopes = scopes;
        // What is kept for a repeated request is a nonce: only with the caller's own secret does
        // it give the new one, so that the database never holds a secret.
        let nonce = random()?;
        let secret = derive(caller, &nonce);
        let project = caller.project.clone();
        let created = self
            .once(caller, once, |tx| {
                Box::pin(async move {
                    let key = insert(tx, &project, &new, &secret).await?;
                    Ok(CreatedKey { key, secret: nonce })
                })
            })
            .await?;
        let secret = derive(caller, &created.secret);
        Ok(CreatedKey { secret, ..created })
    }

    /// The operator, who owns the machine and needs no key: a caller of the default project whose
    /// doings stand in histories under a key that has no secret.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no random bytes.
    pub fn operator(&self) -> Result<Caller> {
        let seed = Sha256::digest(random()?).into();
        let scopes = Scope::ALL.to_vec();
        Ok(Caller { key: OPERATOR, project: "default".into(), scopes, seed })
    }

    /// Makes the first key, which may do everything; None when there was one already.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub async fn create_first_key(&self) -> Result<Option<CreatedKey>> {
        if self.store().has_admin_key().await? {
            return Ok(None);
        }
        let name = "first".to_owned();
        let new = NewKey { name, scopes: Scope::ALL.to_vec(), expires_in_hours: None };
        let operator = self.operator()?;
        Ok(Some(self.create_key(&operator, None, new).await?))
    }

    /// Keys of the caller's project, newest first.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a bad page.
    pub async fn list_keys(&self, caller: &Caller, query: &PageQuery) -> Result<Page<Key>> {
        self.store().list_keys(&caller.project, query).await
    }

    /// Revokes a key: from now on it opens nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn revoke_key(&self, caller: &Caller, id: Uuid) -> Result<Key> {
        let mut tx = self.store().begin().await?;
        let key = tx.revoke_key(&caller.project, id).await?;
        let key = key.ok_or_else(|| not_found("key", &id.to_string()))?;
        tx.commit().await?;
        self.0.cache.forget();
        Ok(key)
    }
}

/// The row that stands for the operator in histories.
const OPERATOR: Uuid = Uuid::from_u128(1);

async fn insert(
    tx: &mut crate::store::Tx,
    project: &str,
    new: &NewKey,
    secret: &str,
) -> Result<Key> {
    let sha256 = Sha256::digest(secret);
    let prefix = &secret[..SHOWN.min(secret.len())];
    tx.insert_key(
        project,
        &new.name,
        &new.scopes,
        new.expires_in_hours,
        (prefix, sha256.as_slice()),
    )
    .await
}

/// 256 random bits as text.
fn random() -> Result<String> {
    let mut bytes = [0u8; 32];
    OsRng.try_fill_bytes(&mut bytes).context("asking the system for random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A secret of 256 bits that only the holder of the caller's secret can derive from the nonce.
fn derive(caller: &Caller, nonce: &str) -> String {
    let digest = Sha256::new().chain_update(caller.seed).chain_update(nonce).finalize();
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(digest))
}

fn check(new: &NewKey) -> Result<()> {
    let mut errors = Vec::new();
    if !(1..=100).contains(&new.name.chars().count()) || new.name.chars().any(char::is_control) {
        errors.push(FieldError::new("/name", "a name has 1 to 100 printable characters"));
    }
    if new.scopes.is_empty() {
        let scopes = Scope::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ");
        errors.push(FieldError::new("/scopes", format!("name at least one of {scopes}")));
    }
    if new.expires_in_hours.is_some_and(|hours| hours == 0 || hours > 87_600) {
        errors.push(FieldError::new("/expires_in_hours", "take 1 to 87,600 hours"));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::fields(Code::InvalidRequest, "this key can't be made", errors))
}
