//! A request with an Idempotency-Key takes effect once, however often it is sent.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;

use super::Service;
use crate::domain::key::Caller;
use crate::error::{Context, Result};
use crate::store::{Earlier, Tx};

/// An Idempotency-Key with what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    /// SHA-256 over the method, the path with its query, and the body (of uploads: without it).
    pub fingerprint: [u8; 32],
}

/// What is done within a transaction.
pub(super) type Work<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

impl Service {
    /// What was answered to the same request before. To be asked before anything is checked that
    /// may have changed since.
    pub(super) async fn kept<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
    ) -> Result<Option<T>> {
        let Some(Idempotency { key, fingerprint }) = once else { return Ok(None) };
        let mut tx = self.store().begin().await?;
        let found = tx.hold_idempotency_key(caller.key, key, fingerprint).await?;
        // The key is free again when this returns: a transaction that is only dropped ends later.
        tx.roll_back().await?;
        match found {
            Earlier::None => Ok(None),
            Earlier::Answer(kept) => {
                serde_json::from_str(kept.get()).map(Some).context("reading a kept answer")
            }
        }
    }

    /// Does `work` in one transaction together with keeping its answer; a second time it gives the
    /// answer that was kept.
    pub(super) async fn once<T, F>(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        work: F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T> + Send,
    {
        let mut tx = self.store().begin().await?;
        let Some(Idempotency { key, fingerprint }) = once else {
            let answer = work(&mut tx).await?;
            tx.commit().await?;
            return Ok(answer);
        };
        if let Earlier::Answer(kept) = tx.hold_idempotency_key(caller.key, key, fingerprint).await?
        {
            tx.roll_back().await?;
            return serde_json::from_str(kept.get()).context("reading a kept answer");
        }
        let answer = match work(&mut tx).await {
            Ok(answer) => answer,
            Err(error) => {
                // So that whoever tries again at once does not meet this attempt.
                tx.roll_back().await?;
                return Err(error);
            }
        };
        let kept = to_raw_value(&answer).context("keeping an answer")?;
        tx.keep_answer(caller.key, key, fingerprint, &kept).await?;
        tx.commit().await?;
        Ok(answer)
    }
}
