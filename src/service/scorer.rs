//! Scoring: cheap requests where they arrive, costly ones on the one thread that owns the device,
//! which puts together what has queued for the same version and never waits for more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::oneshot;

use super::predictions::Loaded;
use crate::domain::prediction::Prediction;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Parameters times rows up to which scoring is no dearer than handing it over.
const CHEAP: u64 = 4_000_000;
/// Most costly requests that may wait.
const QUEUE: usize = 256;
/// Most rows that are put together.
const BATCH: usize = 8192;

pub(super) struct Scorer(SyncSender<Order>);

struct Order {
    loaded: Arc<Loaded>,
    frame: Frame,
    done: oneshot::Sender<Result<Vec<Prediction>>>,
}

impl Scorer {
    pub(super) fn start() -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        std::thread::spawn(move || run(&receiver));
        Self(sender)
    }

    /// One prediction a row.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when too many costly requests wait.
    pub(super) async fn score(
        &self,
        loaded: &Arc<Loaded>,
        frame: Frame,
    ) -> Result<Vec<Prediction>> {
        let cost = loaded.version.provenance.parameters.saturating_mul(frame.rows() as u64);
        if cost <= CHEAP {
            return predict(loaded, &frame);
        }
        let (done, outcome) = oneshot::channel();
        let order = Order { loaded: loaded.clone(), frame, done };
        self.0.try_send(order).map_err(|_| {
            Error::new(Code::TooManyRequests, "too many predictions wait to be scored; try again")
        })?;
        outcome.await.map_err(|_| Error::internal("scoring", "it panicked"))?
    }
}

fn run(orders: &Receiver<Order>) {
    while let Ok(first) = orders.recv() {
        let mut waiting = vec![first];
        waiting.extend(orders.try_iter());
        while !waiting.is_empty() {
            let batch = take_batch(&mut waiting);
            // Whoever waits is told by the channel that closes; the thread goes on with the next.
            if catch_unwind(AssertUnwindSafe(|| answer(batch))).is_err() {
                tracing::error!("scoring panicked");
            }
        }
    }
}

/// Takes the first order and those behind it for the same version, as long as they fit. Orders
/// whose caller has left are dropped.
fn take_batch(waiting: &mut Vec<Order>) -> Vec<Order> {
    waiting.retain(|order| !order.done.is_closed());
    let mut batch: Vec<Order> = Vec::new();
    let mut rows = 0;
    let mut others = Vec::new();
    for order in waiting.drain(..) {
        let fits = batch.first().is_none_or(|first| {
            Arc::ptr_eq(&first.loaded, &order.loaded) && rows + order.frame.rows() <= BATCH
        });
        if fits {
            rows += order.frame.rows();
            batch.push(order);
        } else {
            others.push(order);
        }
    }
    *waiting = others;
    batch
}

fn answer(batch: Vec<Order>) {
    let together = match batch.as_slice() {
        [] | [_] => None,
        [first, ..] => {
            let frames: Vec<&Frame> = batch.iter().map(|order| &order.frame).collect();
            Frame::concat(&frames).and_then(|frame| predict(&first.loaded, &frame)).ok()
        }
    };
    let mut together = together.map(Vec::into_iter);
    for order in batch {
        let outcome = match &mut together {
            Some(predictions) => Ok(predictions.by_ref().take(order.frame.rows()).collect()),
            // One that can't be scored must not take the others with it.
            None => predict(&order.loaded, &order.frame),
        };
        // Who asked may have left.
        let _ = order.done.send(outcome);
    }
}

/// Scores a frame and says it in the words of the signature.
fn predict(loaded: &Loaded, frame: &Frame) -> Result<Vec<Prediction>> {
    let outputs = loaded.model.predict(frame)?;
    let signature = &loaded.version.signature;
    let positive = signature
        .positive_class
        .as_ref()
        .and_then(|class| signature.classes.iter().position(|c| c == class));
    let label = |probabilities: &[f64]| -> Option<String> {
        let index = match (positive, signature.threshold) {
            (Some(positive), Some(threshold)) => {
                let is_positive = *probabilities.get(positive)? >= threshold;
                if is_positive { positive } else { 1 - positive }
            }
            _ => {
                let first = (0, *probabilities.first()?);
                let greater = |best: (usize, f64), (i, &p): (usize, &f64)| {
                    if p > best.1 { (i, p) } else { best }
                };
                probabilities.iter().enumerate().fold(first, greater).0
            }
        };
        signature.classes.get(index).cloned()
    };
    if signature.classes.is_empty() {
        let value = |&value: &f64| Prediction { value: Some(value), ..Prediction::default() };
        return Ok(outputs.values.iter().map(value).collect());
    }
    let row = |probabilities: &[f64]| Prediction {
        probabilities: Some(
            signature.classes.iter().cloned().zip(probabilities.iter().copied()).collect(),
        ),
        label: label(probabilities),
        value: None,
    };
    Ok(outputs.values.chunks_exact(signature.classes.len()).map(row).collect())
}
