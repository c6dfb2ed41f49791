//! Records predictions in groups: whatever has queued while the last group was being made durable
//! goes into the next one, so that many answers share one wait for the disk.

use tokio::sync::{mpsc, oneshot};

use crate::error::{Code, Error, Result};
use crate::store::{NewRecord, Store};
use crate::telemetry::metrics as names;

/// Most answers in one group, and most that may wait.
const GROUP: usize = 256;
const QUEUE: usize = 1024;

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
    while orders.recv_many(&mut group, GROUP).await > 0 {
        let (records, waiting): (Vec<_>, Vec<_>) =
            group.drain(..).map(|order| (order.record, order.done)).unzip();
        metrics::histogram!(names::RECORDING_BATCH).record(records.len() as f64);
        let together = write(&store, &records).await;
        for (record, done) in records.iter().zip(waiting) {
            let outcome = match &together {
                Ok(()) => Ok(()),
                Err(error) if error.code() == Code::Unavailable => Err(not_recorded(error)),
                // One that can't be written must not take the others with it.
                Err(_) => {
                    let alone = write(&store, std::slice::from_ref(record)).await;
                    alone.map_err(|error| not_recorded(&error))
                }
            };
            // Who asked may have left.
            let _ = done.send(outcome);
        }
    }
}

fn not_recorded(error: &Error) -> Error {
    tracing::error!(%error, "can't record a prediction");
    Error::new(error.code(), "the prediction could not be recorded, so it is not given; try again")
}

async fn write(store: &Store, records: &[NewRecord]) -> Result<()> {
    let mut tx = store.begin().await?;
    tx.insert_predictions(records).await?;
    tx.commit().await
}
