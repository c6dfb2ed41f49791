//! Records predictions in groups: whatever has queued while the last group was being made durable
//! goes into the next one, so that many answers share one wait for the disk.
//!
//! Clients that were answered together ask again one after the other. Where the disk is slow, the
//! first of them would go into a group alone, and all others wait for it: there a group waits a
//! little for as many as were there before.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{Code, Error, Result};
use crate::store::connect::STATEMENT_TIMEOUT;
use crate::store::{NewRecord, Recording, Store};
use crate::telemetry::metrics as names;

/// Most answers in one group, and most that may wait.
const GROUP: usize = 256;
const QUEUE: usize = 1024;
/// Most bytes in one group, unless it is of one answer: the database takes so much at once, and half of it
/// is soon written.
const GROUP_BYTES: usize = 16 << 20;
/// Most bytes that may wait, unless they are of one answer.
const QUEUE_BYTES: usize = 256 << 20;
/// So long a connection is held, as others are on their way mostly: whoever waits for one has it then.
const HOLD: Duration = Duration::from_millis(50);
/// The database ends statements that take longer than it allows: if nothing has come by then, hardly anything comes
/// any more.
const PATIENCE: Duration = STATEMENT_TIMEOUT.saturating_add(Duration::from_secs(5));
/// A commit that takes longer is worth a wait; timers are no finer.
const SLOW: Duration = Duration::from_millis(1);

pub(super) struct Recorder {
    orders: mpsc::Sender<Order>,
    /// In bytes.
    room: Arc<Semaphore>,
}

struct Order {
    record: NewRecord,
    waiter: Waiter,
    /// What it takes of the queue's bytes.
    _room: OwnedSemaphorePermit,
}

/// Who waits for an outcome, and where.
struct Waiter {
    runtime: Handle,
    done: oneshot::Sender<Result<()>>,
}

thread_local! {
    /// The runtime whose tasks this thread runs, where those enter another one.
    static OWN: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

/// Says that this thread runs the tasks of the current runtime, whatever others they enter.
pub(super) fn this_thread_runs_its_own_tasks() {
    OWN.set(Some(Handle::current()));
}

impl Recorder {
    pub(super) fn start(store: Store) -> Self {
        let (orders, mut receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            // A fault in one group ends with it.
            while AssertUnwindSafe(run(&store, &mut receiver)).catch_unwind().await.is_err() {
                tracing::error!("recording a group of predictions panicked");
            }
        });
        Self { orders, room: Arc::new(Semaphore::new(QUEUE_BYTES)) }
    }

    /// Records an answer; when this returns well, it is durable.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when it could not be, or too many wait already; [`Code::NotFound`] when its version
    /// was deleted meanwhile.
    pub(super) async fn record(&self, record: NewRecord) -> Result<()> {
        let unavailable =
            || Error::new(Code::Unavailable, "predictions can't be recorded now; try again");
        let room = room_for(&self.room, record.bytes()).ok_or_else(unavailable)?;
        let (waiter, outcome) = Waiter::new();
        let order = Order { record, waiter, _room: room };
        self.orders.try_send(order).map_err(|_| unavailable())?;
        outcome.await.map_err(|_| unavailable())?
    }
}

/// A share of the queue's bytes; none where too many wait.
fn room_for(room: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let bytes = u32::try_from(bytes.min(QUEUE_BYTES)).ok()?;
    room.clone().try_acquire_many_owned(bytes).ok()
}

async fn run(store: &Store, orders: &mut mpsc::Receiver<Order>) {
    let mut group = Vec::with_capacity(GROUP);
    let mut pace = Pace::default();
    let mut recording = store.recording(PATIENCE);
    while !group.is_empty() || more(&mut recording, orders, &mut group).await {
        pace.gather(orders, &mut group).await;
        let sizes = group.iter().map(|order| order.record.bytes());
        let (records, waiting): (Vec<_>, Vec<_>) =
            group.drain(..fitting(sizes)).map(|order| (order.record, order.waiter)).unzip();
        metrics::histogram!(names::RECORDING_BATCH).record(records.len() as f64);
        // A wait for a connection says nothing of commits.
        let together = match recording.hold().await {
            Ok(()) => {
                let began = Instant::now();
                let outcome = recording.record(&records).await;
                pace.note(began.elapsed(), records.len() + orders.len());
                outcome
            }
            Err(error) => Err(error),
        };
        match together {
            Ok(()) => tell_all(waiting),
            Err(error) if error.code() == Code::Unavailable => {
                waiting.into_iter().for_each(|waiter| waiter.tell(Err(not_recorded(&error))));
            }
            Err(_) => one_by_one(&mut recording, &records, waiting).await,
        }
        recording.rest_after(HOLD);
    }
}

/// Records a group of which one can't be written: it must not take the others with it.
async fn one_by_one(recording: &mut Recording, records: &[NewRecord], waiting: Vec<Waiter>) {
    for (record, waiter) in records.iter().zip(waiting) {
        let alone = recording.record(slice::from_ref(record)).await;
        recording.rest_after(HOLD);
        let is_away = alone.as_ref().is_err_and(|error| error.code() == Code::Unavailable);
        waiter.tell(alone.map_err(|error| not_recorded(&error)));
        if is_away {
            // The others are told the same as their waiters go; each could wait for as long in vain.
            return;
        }
    }
}

/// Waits until there is something to record, and holds no connection for longer than it may; false when nobody can
/// ask any more.
async fn more(
    recording: &mut Recording,
    orders: &mut mpsc::Receiver<Order>,
    group: &mut Vec<Order>,
) -> bool {
    if let Some(held) = recording.held() {
        match timeout(HOLD.saturating_sub(held), orders.recv_many(group, GROUP)).await {
            Ok(number) => return number > 0,
            Err(_) => recording.rest(),
        }
    }
    orders.recv_many(group, GROUP).await > 0
}

impl Waiter {
    fn new() -> (Self, oneshot::Receiver<Result<()>>) {
        let (done, outcome) = oneshot::channel();
        let runtime = OWN.with_borrow(Option::clone).unwrap_or_else(Handle::current);
        (Self { runtime, done }, outcome)
    }

    fn tell(self, outcome: Result<()>) {
        // Who asked may have left.
        let _ = self.done.send(outcome);
    }
}

/// Tells a group that it is durable. To wake a task of another thread takes a call to the system, to wake one of its
/// own takes none: so each runtime, of which a thread that serves has one, gets a task that tells those who are there.
fn tell_all(group: Vec<Waiter>) {
    let mut runtimes: HashMap<_, (Handle, Vec<_>)> = HashMap::new();
    for Waiter { runtime, done } in group {
        runtimes.entry(runtime.id()).or_insert_with(|| (runtime, Vec::new())).1.push(done);
    }
    for (runtime, group) in runtimes.into_values() {
        runtime.spawn(async {
            for done in group {
                let _ = done.send(Ok(()));
            }
        });
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
    /// would the first of them have waited anyway, had it come while another group was written. A connection is
    /// held meanwhile.
    async fn gather(&self, orders: &mut mpsc::Receiver<Order>, group: &mut Vec<Order>) {
        if self.commit < SLOW {
            return;
        }
        let until = Instant::now() + (self.commit / 2).min(HOLD);
        while let Some(missing) = self.present.checked_sub(group.len()).filter(|n| *n > 0) {
            match timeout_at(until, orders.recv_many(group, missing)).await {
                Ok(more) if more > 0 => {}
                _ => return,
            }
        }
    }
}

fn not_recorded(error: &Error) -> Error {
    if error.code() == Code::NotFound {
        return Error::new(Code::NotFound, format!("{error}, so it is not given"));
    }
    tracing::error!(%error, "can't record a prediction");
    Error::new(error.code(), "the prediction could not be recorded, so it is not given; try again")
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

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
        let room = Arc::new(Semaphore::new(1));
        Order { record, waiter: Waiter::new().0, _room: room_for(&room, 1).unwrap() }
    }

    #[test]
    fn a_group_is_as_large_as_the_database_takes_well() {
        let fit = |sizes: &[usize]| fitting(sizes.iter().copied());
        assert_eq!(fit(&[1, 2, 3]), 3);
        assert_eq!(fit(&[GROUP_BYTES - 1, 1, 1]), 2);
        assert_eq!(fit(&[GROUP_BYTES * 2, 1]), 1, "alone, if nothing else helps");
        assert_eq!(fit(&[1, GROUP_BYTES, 1]), 1);
    }

    #[test]
    fn so_many_bytes_may_wait() {
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let first = room_for(&room, QUEUE_BYTES - 1).unwrap();
        let second = room_for(&room, 1).unwrap();
        assert!(room_for(&room, 1).is_none(), "it is full");
        drop(second);
        assert!(room_for(&room, 2).is_none());
        drop(first);
        let alone = room_for(&room, QUEUE_BYTES * 2);
        assert!(alone.is_some() && room_for(&room, 1).is_none(), "alone, if nothing else helps");
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

    type Outcome = oneshot::Receiver<Result<()>>;

    /// Waits on a thread with a runtime of its own, whose tasks enter the one that is given.
    fn elsewhere(entered: Handle, number: usize) -> Vec<(Waiter, Outcome)> {
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { this_thread_runs_its_own_tasks() });
            let _entered = entered.enter();
            let waiting: Vec<_> = (0..number).map(|_| Waiter::new()).collect();
            let id = runtime.handle().id();
            assert!(waiting.iter().all(|(waiter, _)| waiter.runtime.id() == id));
            // None of its tasks runs: what it is to tell is told by nobody else.
            waiting
        });
        thread.join().unwrap()
    }

    async fn within<T>(future: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(10), future).await.unwrap()
    }

    #[tokio::test]
    async fn all_of_a_group_are_told_whoever_has_left() {
        let (group, mut waiting): (Vec<_>, Vec<_>) = (0..3).map(|_| Waiter::new()).unzip();
        drop(waiting.remove(1));
        tell_all(group);
        // The last first: none depends on another one's being asked.
        for outcome in waiting.into_iter().rev() {
            assert!(matches!(within(outcome).await, Ok(Ok(()))));
        }
    }

    #[tokio::test]
    async fn who_waits_where_nothing_runs_any_more_holds_nobody_up() {
        let (mut group, lost): (Vec<_>, Vec<_>) =
            elsewhere(Handle::current(), 2).into_iter().unzip();
        let (here, outcome) = Waiter::new();
        assert_ne!(here.runtime.id(), group[0].runtime.id());
        group.push(here);
        tell_all(group);
        assert!(matches!(within(outcome).await, Ok(Ok(()))));
        for outcome in lost {
            assert!(within(outcome).await.is_err());
        }
    }
}
