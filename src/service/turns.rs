//! Turns: what only so many requests may do at once, since it takes all of a machine, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::content::blocking;
use crate::error::{Code, Context, Error, Result};

/// A request takes no longer: it holds a core for as long.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(30);

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
        self.take_within(WAIT).await
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

/// Works on a thread of its own for as long as whoever asked waits, and no longer than a request may take; `work`
/// looks at `stop` as it goes on, and ends with [`Code::Cancelled`]. That becomes `too_long` for whoever still waits;
/// nobody reads it of whoever has left.
///
/// # Errors
/// Those of `work`, and `too_long`.
pub(super) async fn patiently_or<T: Send + 'static>(
    turn: Turn,
    patience: Duration,
    too_long: impl FnOnce() -> Error,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    let waiting = Waiting::default();
    let has_left = waiting.watched();
    let outcome = blocking(move || {
        let _turn = turn;
        let began = Instant::now();
        let mut stop = || has_left() || began.elapsed() > patience;
        work(&mut stop)
    })
    .await;
    drop(waiting);
    outcome.map_err(|error| match error.code() {
        Code::Cancelled => too_long(),
        _ => error,
    })
}

/// Says that whoever asked has left, once it is dropped.
#[derive(Default)]
struct Waiting(Arc<AtomicBool>);

impl Waiting {
    /// Whether whoever asked has left, as another thread asks it.
    fn watched(&self) -> impl Fn() -> bool + Send + 'static {
        let has_left = self.0.clone();
        move || has_left.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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

    #[tokio::test]
    async fn work_that_takes_too_long_ends_and_whoever_waits_is_told() {
        let turns = Turns::new(1, "others are at it");
        let work = |stop: &mut dyn FnMut() -> bool| match stop() {
            true => Err(Error::new(Code::Cancelled, "stopped")),
            false => Ok(1),
        };
        let too_long = || Error::new(Code::InvalidRequest, "send less");
        let within = async |patience| {
            let turn = turns.take().await.unwrap();
            patiently_or(turn, patience, too_long, work).await
        };
        assert_eq!(within(PATIENCE).await.unwrap(), 1);
        let refused = within(Duration::ZERO).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.to_string().contains("send less")),
            (Code::InvalidRequest, true)
        );
        // Each time the turn was given back.
        assert!(turns.take_within(Duration::ZERO).await.is_ok());
        // What is done for whoever has left ends as well.
        let waiting = Waiting::default();
        let has_left = waiting.watched();
        assert!(!has_left());
        drop(waiting);
        assert!(has_left());
    }
}
