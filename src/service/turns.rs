//! Turns: what only so many requests may do at once, since it takes all of a machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Context, Error, Result};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many turns at once.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    /// What whoever has waited in vain is told.
    busy: &'static str,
}

/// A turn, which is over when all that hold it are: the request, and what it does on other threads,
/// which goes on where whoever asked has left.
pub(super) type Turn = Arc<OwnedSemaphorePermit>;

impl Turns {
    pub(super) fn new(count: usize, busy: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), busy }
    }

    /// # Errors
    /// [`Code::TooManyRequests`] after half a minute.
    pub(super) async fn take(&self) -> Result<Turn> {
        self.take_within(PATIENCE).await
    }

    /// The same for whoever waits longer, as a job does, or less long.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] after that time.
    pub(super) async fn take_within(&self, patience: Duration) -> Result<Turn> {
        let turn = tokio::time::timeout(patience, self.free.clone().acquire_owned());
        let turn = turn.await.map_err(|_| Error::new(Code::TooManyRequests, self.busy))?;
        Ok(Arc::new(turn.context("waiting for a turn")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_over_when_all_that_hold_it_are() {
        let turns = Turns::new(2, "others are at it");
        let soon = Duration::from_millis(5);
        let (first, _second) = (turns.take().await.unwrap(), turns.take().await.unwrap());
        let on_another_thread = first.clone();
        drop(first);
        let refused = turns.take_within(soon).await.unwrap_err();
        assert_eq!(refused.code(), Code::TooManyRequests);
        assert!(refused.to_string().contains("others are at it"), "{refused}");
        drop(on_another_thread);
        assert!(turns.take_within(soon).await.is_ok());
    }
}
