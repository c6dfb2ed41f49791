//! Records predictions in groups: whatever has queued while the last group was being made durable
//! goes into the next one, so that many answers share one wait for the disk.
//!
//! Clients that were answered together ask again one after the other. Where the disk is slow, the
//! first of them would go into a group alone, and all others wait for it: there a group waits a
//! little for as many as were there before.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use tokio::time::{Instant, timeout_at};

use crate::error::{Code, Error, Result};
use crate::store::{NewRecord, Store};
use crate::telemetry::metrics as names;

/// Most answers in one group, and most that may wait.
const GROUP: usize = 256;
const QUEUE: usize = 1024;
/// Most bytes in one group, unless it is of one answer: the database takes so much at once, and half of it
/// is soon written.
const GROUP_BYTES: usize = 16 << 20;
/// So long a connection is held: whoever waits for one comes before the next group then.
const HOLD: Duration = Duration::from_millis(50);
/// A commit that takes longer is worth a wait; timers are no finer.
const SLOW: Duration = Duration::from_millis(1);

pub(super) struct Recorder(mpsc::Sender<Order>);

struct Order {
    record: NewRecord,
    done: oneshot::Sender<Result<()>>,
}

impl Recorder {
    pub(super) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(store, receiver));
        Self(sender)
    }

    /// Records an answer; when this returns well, it is durable.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it could not be, or too many wait already.
    pub(super) async fn record(&self, record: NewRecord) -> Result<()> {
        let unavailable =
            || Error::new(Code::Unavailable, "predictions can't be recorded now; try again");
        let (done, outcome) = oneshot::channel();
        self.0.try_send(Order { record, done }).map_err(|_| unavailable())?;
        outcome.await.map_err(|_| unavailable())?
    }
}

async fn run(store: Store, mut orders: mpsc::Receiver<Order>) {
    let mut group = Vec::with_capacity(GROUP);
    let mut pace = Pace::default();
    let mut recording = store.recording();
    while !group.is_empty() || orders.recv_many(&mut group, GROUP).await > 0 {
        pace.gather(&mut orders, &mut group).await;
        let sizes = group.iter().map(|order| order.record.bytes());
        let (records, waiting): (Vec<_>, Vec<_>) =
            group.drain(..fitting(sizes)).map(|order| (order.record, order.done)).unzip();
        metrics::histogram!(names::RECORDING_BATCH).record(records.len() as f64);
        let began = Instant::now();
        let together = recording.record(&records).await;
        pace.note(began.elapsed(), records.len() + orders.len());
        for (record, done) in records.iter().zip(waiting) {
            let outcome = match &together {
                Ok(()) => Ok(()),
                Err(error) if error.code() == Code::Unavailable => Err(not_recorded(error)),
                // One that can't be written must not take the others with it.
                Err(_) => {
                    let alone = recording.record(std::slice::from_ref(record)).await;
                    alone.map_err(|error| not_recorded(&error))
                }
            };
            // Who asked may have left.
            let _ = done.send(outcome);
        }
        if (group.is_empty() && orders.is_empty()) || recording.held() >= HOLD {
            recording.rest();
        }
    }
}

/// How many of the first go into one group.
fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut room = GROUP_BYTES;
    let fit = sizes.take_while(|size| match room.checked_sub(*size) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    });
    fit.count().max(1)
}

/// How long groups take, and how many ask.
#[derive(Default)]
struct Pace {
    /// What a commit takes, of late.
    commit: Duration,
    /// Answers that were to be recorded when the last group was durable: its own, and those that had
    /// queued meanwhile. As many are there again soon, where clients wait for their answers.
    present: usize,
}

impl Pace {
    fn note(&mut self, commit: Duration, present: usize) {
        self.commit = if self.commit.is_zero() { commit } else { (self.commit * 3 + commit) / 4 };
        self.present = present.min(GROUP);
    }

    /// Fills a group that has begun with those that are expected, for half a commit at most: so long
    /// would the first of them have waited anyway, had it come while another group was written.
    async fn gather(&self, orders: &mut mpsc::Receiver<Order>, group: &mut Vec<Order>) {
        if self.commit < SLOW {
            return;
        }
        let until = Instant::now() + self.commit / 2;
        while let Some(missing) = self.present.checked_sub(group.len()).filter(|n| *n > 0) {
            match timeout_at(until, orders.recv_many(group, missing)).await {
                Ok(more) if more > 0 => {}
                _ => return,
            }
        }
    }
}

fn not_recorded(error: &Error) -> Error {
    tracing::error!(%error, "can't record a prediction");
    Error::new(error.code(), "the prediction could not be recorded, so it is not given; try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        let record = NewRecord {
            id: uuid::Uuid::now_v7(),
            project: "p".into(),
            key: uuid::Uuid::nil(),
            model: 1,
            version: 1,
            rows: "[]".into(),
            predictions: "[]".into(),
            threshold: None,
            reasons: None,
        };
        Order { record, done: oneshot::channel().0 }
    }

    #[test]
    fn a_group_is_as_large_as_the_database_takes_well() {
        let fit = |sizes: &[usize]| fitting(sizes.iter().copied());
        assert_eq!(fit(&[1, 2, 3]), 3);
        assert_eq!(fit(&[GROUP_BYTES - 1, 1, 1]), 2);
        assert_eq!(fit(&[GROUP_BYTES * 2, 1]), 1, "alone, if nothing else helps");
        assert_eq!(fit(&[1, GROUP_BYTES, 1]), 1);
    }

    async fn gathered(pace: &Pace, queued: usize) -> (usize, Duration) {
        let (sender, mut orders) = mpsc::channel(QUEUE);
        for _ in 0..queued {
            sender.try_send(order()).ok();
        }
        let (mut group, began) = (vec![order()], Instant::now());
        pace.gather(&mut orders, &mut group).await;
        (group.len(), began.elapsed())
    }

    #[tokio::test]
    async fn a_group_waits_for_those_who_were_there_and_not_for_long() {
        let commit = Duration::from_millis(40);
        let mut pace = Pace::default();
        assert_eq!(gathered(&pace, 5).await.0, 1, "nothing is known yet");
        pace.note(commit, 4);
        let (group, took) = gathered(&pace, 5).await;
        assert!(group == 4 && took < commit / 2, "{group} after {took:?}");
        let (group, took) = gathered(&pace, 1).await;
        assert!(group == 2 && took >= commit / 2, "{group} after {took:?}");
        pace.note(commit, 1);
        assert_eq!(gathered(&pace, 5).await.0, 1, "who is alone waits for nobody");
        let mut quick = Pace::default();
        quick.note(SLOW / 2, 4);
        assert_eq!(gathered(&quick, 5).await.0, 1, "a quick disk is not waited for");
    }
}
