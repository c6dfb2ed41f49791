//! What several want at once is made once: a large version, by each of those who ask for it, would fill the memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tracing::Instrument;

use crate::error::{Code, Context, Error, Result};

/// What is being made, by its key.
pub(super) struct Flights<K, V>(Arc<Mutex<Under<K, V>>>);

/// What is under way.
type Under<K, V> = HashMap<K, Weak<Flight<V>>>;

/// Lives for as long as somebody waits for it. Whoever holds the lock makes what is wanted.
type Flight<V> = tokio::sync::Mutex<Stage<V>>;

enum Stage<V> {
    Open,
    Made(V),
    /// What a server that is too busy answers, for all: each of them would only make it busier.
    Busy(Code, String),
    /// By each for itself, as each would wait for all before it to fail.
    Failed,
}

impl<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + 'static> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Gives what `make` does, or what it has given somebody else whom another still waits for: the key says all
    /// that it depends on. It goes on where whoever asked leaves, or stays and is not asked any more, as a connection
    /// whose client takes no answers: others wait for it too.
    ///
    /// # Errors
    /// Those of `make`; [`Error::Internal`] when it panics.
    pub(super) async fn join(
        &self,
        key: K,
        make: impl Future<Output = Result<V>> + Send + 'static,
    ) -> Result<V> {
        let flight = self.flight(key.clone());
        let under = self.0.clone();
        let joined = async move {
            let mut stage = flight.lock().await;
            match &*stage {
                Stage::Open => {}
                Stage::Made(value) => return Ok(value.clone()),
                Stage::Busy(code, detail) => return Err(Error::new(*code, detail)),
                Stage::Failed => {
                    drop(stage);
                    return make.await;
                }
            }
            let made = make.await;
            *stage = match &made {
                Ok(value) => Stage::Made(value.clone()),
                Err(busy) if matches!(busy.code(), Code::Unavailable | Code::TooManyRequests) => {
                    Stage::Busy(busy.code(), busy.to_string())
                }
                Err(_) => Stage::Failed,
            };
            if made.is_err() {
                // Who comes later begins anew, however many are still to be told.
                forget(&under, &key, &flight);
            }
            made
        };
        tokio::spawn(joined.in_current_span()).await.context("waiting for another task")?
    }

    fn flight(&self, key: K) -> Arc<Flight<V>> {
        let mut flights = locked(&self.0);
        flights.retain(|_, flight| flight.strong_count() > 0);
        flights.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let flight = Arc::new(Flight::new(Stage::Open));
            flights.insert(key, Arc::downgrade(&flight));
            flight
        })
    }
}

fn locked<K, V>(under: &Mutex<Under<K, V>>) -> MutexGuard<'_, Under<K, V>> {
    under.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget<K: Eq + Hash, V>(under: &Mutex<Under<K, V>>, key: &K, flight: &Arc<Flight<V>>) {
    let mut flights = locked(under);
    if flights.get(key).is_some_and(|known| ptr::eq(known.as_ptr(), Arc::as_ptr(flight))) {
        flights.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::Barrier;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    /// Counts how often something is made.
    #[derive(Clone, Default)]
    struct Maker(Arc<AtomicUsize>);

    impl Maker {
        async fn make(self) -> Result<usize> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            for _ in 0..10 {
                yield_now().await;
            }
            Ok(number)
        }

        fn made(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    async fn within<T>(future: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(10), future).await.unwrap()
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_what_is_made_once() {
        let (flights, maker) = (Flights::new(), Maker::default());
        let ask = |key| flights.join(key, maker.clone().make());
        let answers = within(join_all([ask("a"), ask("a"), ask("b"), ask("a")])).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [0, 0, 1, 0]);
        assert_eq!(ask("a").await.unwrap(), 2, "nobody waits any more");
        assert_eq!(flights.0.lock().unwrap().len(), 1, "what is over is forgotten");
    }

    #[tokio::test]
    async fn whoever_asked_first_may_leave_or_stay_without_being_asked() {
        for leaves in [true, false] {
            let (flights, maker) = (Flights::new(), Maker::default());
            let mut first = Box::pin(flights.join((), maker.clone().make()));
            assert!(first.as_mut().now_or_never().is_none());
            yield_now().await;
            assert_eq!(maker.made(), 1, "it has begun");
            let first = (!leaves).then_some(first);
            let second = within(flights.join((), maker.clone().make())).await;
            assert_eq!((second.unwrap(), maker.made()), (0, 1), "leaves: {leaves}");
            if let Some(first) = first {
                assert_eq!(within(first).await.unwrap(), 0);
            }
        }
    }

    #[tokio::test]
    async fn after_one_has_failed_the_others_try_side_by_side() {
        let (flights, others) = (Flights::new(), Arc::new(Barrier::new(3)));
        let make = |number: usize| {
            let others = others.clone();
            async move {
                if number == 0 {
                    yield_now().await;
                } else {
                    // One after the other they would wait for each other here for ever.
                    others.wait().await;
                }
                Err::<usize, _>(Error::new(Code::NotFound, format!("fault {number}")))
            }
        };
        let asked = join_all((0..4).map(|number| flights.join((), make(number))));
        let faults: Vec<_> =
            within(asked).await.into_iter().map(|a| a.unwrap_err().to_string()).collect();
        assert_eq!(faults, ["fault 0", "fault 1", "fault 2", "fault 3"]);
    }

    #[tokio::test]
    async fn a_busy_server_is_not_made_busier() {
        for code in [Code::Unavailable, Code::TooManyRequests] {
            let (flights, maker) = (Flights::new(), Maker::default());
            let fails = {
                let maker = maker.clone();
                async move {
                    maker.make().await?;
                    Err(Error::new(code, "try again"))
                }
            };
            let (first, second) = within(async {
                tokio::join!(flights.join((), fails), flights.join((), maker.clone().make()))
            })
            .await;
            let (first, second) = (first.unwrap_err(), second.unwrap_err());
            assert_eq!((first.code(), second.code(), maker.made()), (code, code, 1));
            assert_eq!(first.to_string(), second.to_string());
            assert_eq!(within(flights.join((), maker.clone().make())).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn who_comes_after_a_failure_begins_anew_while_others_are_told() {
        for code in [Code::Unavailable, Code::NotFound] {
            let (flights, maker) = (Flights::new(), Maker::default());
            let fails = async move { Err(Error::new(code, "a fault")) };
            // Holds on to the flight, as one whose task has not run yet.
            let flight = flights.flight(());
            within(flights.join((), fails)).await.unwrap_err();
            assert!(!matches!(*flight.lock().await, Stage::Open));
            let ask = || flights.join((), maker.clone().make());
            let (first, second) = within(async { tokio::join!(ask(), ask()) }).await;
            assert_eq!((first.unwrap(), second.unwrap(), maker.made()), (0, 0, 1), "{code:?}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_that_of_one() {
        let (flights, maker) = (Flights::new(), Maker::default());
        let panics = async {
            yield_now().await;
            panic!("a fault")
        };
        let (first, second) = within(async {
            tokio::join!(flights.join((), panics), flights.join((), maker.clone().make()))
        })
        .await;
        assert!(matches!(first, Err(Error::Internal { .. })));
        assert_eq!(second.unwrap(), 0);
    }
}
