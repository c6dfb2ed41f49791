//! Scoring: cheap requests where they arrive, costly ones on the one thread that owns the device,
//! which puts together what has queued for the same version and never waits for more; where that thread
//! is busy and the CPU scores, moderate ones where they arrive, too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use metrics::{Gauge, Histogram, gauge, histogram};
use tokio::sync::oneshot;

use super::blocking;
use super::loaded::Loaded;
use crate::engine::{Device, Matrix, Outputs};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::telemetry::metrics as names;

/// Multiply-adds up to which scoring is no dearer than handing it over.
const CHEAP: u64 = 4_000_000;
/// Multiply-adds up to which the thread where a request arrived does not wait for one that is busy,
/// where what the network reads is quickly made, too: about a millisecond with wide vectors, in which it
/// answers nobody else.
const MODERATE: u64 = 50_000_000;
/// Most costly requests that may wait.
const QUEUE: usize = 256;
/// Most rows that are put together.
const BATCH: usize = 8192;

pub(super) struct Scorer {
    device: Device,
    work: SyncSender<Work>,
    /// Orders that are not answered.
    open: Arc<AtomicUsize>,
}

/// What the thread does.
enum Work {
    Score(Order),
    /// Something else that needs the device.
    Other(Box<dyn FnOnce() + Send>),
}

struct Order {
    loaded: Arc<Loaded>,
    rows: Rows,
    done: oneshot::Sender<Result<Outputs>>,
    _counted: Counted,
}

enum Rows {
    Columns(Frame),
    /// What the network reads of them, made where the request arrived: one thread scores for all.
    Inputs(Matrix),
}

impl Order {
    fn rows(&self) -> usize {
        match &self.rows {
            Rows::Columns(frame) => frame.rows(),
            Rows::Inputs(inputs) => inputs.rows,
        }
    }

    fn score(&self) -> Result<Outputs> {
        match &self.rows {
            Rows::Columns(frame) => self.loaded.model.predict(frame),
            Rows::Inputs(inputs) => self.loaded.model.score(inputs),
        }
    }
}

/// Counts an order among those that are not answered, for as long as it lives.
struct Counted {
    open: Arc<AtomicUsize>,
    gauge: Gauge,
}

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        let gauge = gauge!(names::SCORING_QUEUE);
        gauge.increment(1);
        open.fetch_add(1, Ordering::Relaxed);
        Self { open: open.clone(), gauge }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.decrement(1);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Scorer {
    /// Starts the thread that owns the device.
    pub(super) fn start(device: Device) -> Self {
        let (work, receiver) = sync_channel(QUEUE);
        std::thread::spawn(move || run(&receiver));
        Self { device, work, open: Arc::default() }
    }

    /// Loads a version of so many parameters on the device on which it is to be scored.
    ///
    /// # Errors
    /// Those of `load`; [`Code::TooManyRequests`] when too many costly requests wait.
    pub(super) async fn load(
        &self,
        parameters: u64,
        load: impl Fn(Device) -> Result<Arc<Loaded>> + Send + 'static,
    ) -> Result<Arc<Loaded>> {
        if parameters <= CHEAP || self.device == Device::Cpu {
            return blocking(move || load(Device::Cpu)).await;
        }
        let (done, outcome) = oneshot::channel();
        let device = self.device;
        self.send(Work::Other(Box::new(move || {
            let loaded = tried(|| load(device)).or_else(|error| match error.code() {
                Code::InvalidData => Err(error),
                _ => {
                    tracing::error!(%error, device = device.name(), "a version is served by the CPU");
                    load(Device::Cpu)
                }
            });
            // Who asked may have left.
            let _ = done.send(loaded);
        })))?;
        outcome.await.map_err(|_| Error::internal("loading a version", "it panicked"))?
    }

    fn send(&self, work: Work) -> Result<()> {
        self.work.try_send(work).map_err(|_| {
            Error::new(Code::TooManyRequests, "too many predictions wait to be scored; try again")
        })
    }

    /// What the model answers to each row.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] when too many costly requests wait.
    pub(super) async fn score(&self, loaded: &Arc<Loaded>, frame: Frame) -> Result<Outputs> {
        let cost = loaded.model.work().saturating_mul(frame.rows() as u64);
        let on_cpu = loaded.model.is_on_cpu();
        let open = self.open.load(Ordering::Relaxed);
        let is_quick = on_cpu && open > 1 && loaded.model.is_quick(&frame);
        if is_here(cost, open, is_quick) {
            return INLINE.time(frame.rows(), || loaded.model.predict(&frame));
        }
        // On a device what has queued is put together as columns; a thread that has little to do makes of
        // them what the network reads.
        let rows = match is_quick {
            true => Rows::Inputs(loaded.model.inputs(&frame)?),
            false => Rows::Columns(frame),
        };
        let (done, outcome) = oneshot::channel();
        let loaded = loaded.clone();
        self.send(Work::Score(Order { loaded, rows, done, _counted: Counted::new(&self.open) }))?;
        outcome.await.map_err(|_| Error::internal("scoring", "it panicked"))?
    }
}

/// Whether so many multiply-adds are done where the request arrived: with one request in work and one
/// behind it, the thread does not want for work. `is_quick` is whether what the network reads is quickly
/// made of the columns.
fn is_here(cost: u64, open: usize, is_quick: bool) -> bool {
    cost <= CHEAP || (open > 1 && is_quick && cost <= MODERATE)
}

fn run(work: &Receiver<Work>) {
    while let Ok(first) = work.recv() {
        let mut waiting = Vec::new();
        for work in std::iter::once(first).chain(work.try_iter()) {
            match work {
                Work::Score(order) => waiting.push(order),
                Work::Other(work) => guarded(work),
            }
        }
        while !waiting.is_empty() {
            let batch = take_batch(&mut waiting);
            let rows = batch.iter().map(Order::rows).sum();
            guarded(|| QUEUED.time(rows, || answer(batch)));
        }
    }
}

/// What is measured of scoring in one place; to look a histogram up costs as much as a short row.
struct Measured {
    seconds: Histogram,
    /// None where each request is scored alone: its rows are measured already.
    rows: Option<Histogram>,
}

impl Measured {
    fn at(place: &'static str) -> Self {
        Self { seconds: histogram!(names::SCORING_SECONDS, "place" => place), rows: None }
    }

    fn time<T>(&self, rows: usize, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let outcome = work();
        self.seconds.record(start.elapsed());
        if let Some(histogram) = &self.rows {
            histogram.record(rows as f64);
        }
        outcome
    }
}

static INLINE: LazyLock<Measured> = LazyLock::new(|| Measured::at("inline"));
static QUEUED: LazyLock<Measured> = LazyLock::new(|| Measured {
    rows: Some(histogram!(names::SCORING_BATCH_ROWS)),
    ..Measured::at("queue")
});

/// Work on a device, whose driver may panic.
fn tried<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::internal("using a device", "it panicked")))
}

/// Whoever waits is told of a panic by the channel that closes; the thread goes on with the next.
fn guarded(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("scoring panicked");
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
            Arc::ptr_eq(&first.loaded, &order.loaded) && rows + order.rows() <= BATCH
        });
        if fits {
            rows += order.rows();
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
        // A CPU does two batches as fast as one, and finds the shorter ones in its cache.
        [first, ..] if first.loaded.model.is_on_cpu() => None,
        [first, ..] => {
            let frames = batch.iter().map(|order| match &order.rows {
                Rows::Columns(frame) => Some(frame),
                Rows::Inputs(_) => None,
            });
            let frames = frames.collect::<Option<Vec<&Frame>>>();
            let frame = frames.and_then(|frames| Frame::concat(&frames).ok());
            frame.and_then(|frame| first.loaded.model.predict(&frame).ok())
        }
    };
    let width = together.as_ref().map_or(0, |outputs| outputs.width);
    let mut together = together.map(|outputs| outputs.values.into_iter());
    for order in batch {
        let outcome = match &mut together {
            Some(values) => {
                let values = values.by_ref().take(order.rows() * width).collect();
                Ok(Outputs { width, values })
            }
            // One that can't be scored must not take the others with it.
            None => order.score(),
        };
        // Who asked may have left.
        let _ = order.done.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::super::scores::Naming;
    use super::*;
    use crate::engine::testing::{Record, frame, noise, spec, version_of};
    use crate::frame::{RowReader, Values};

    /// A version that was learnt from a few drawn rows, and these.
    fn loaded(seed: u64) -> (Arc<Loaded>, Frame) {
        let y = (0..60).map(|row| Some(row % 3 == 0)).collect();
        let frame = frame(&noise(60, 2, seed), Values::Bool(y));
        let mut spec = spec("y");
        spec.epochs = Some(1);
        let trained = crate::engine::train(&frame, &spec, None, &mut Record::default()).unwrap();
        let model = trained.model().unwrap();
        let version = version_of(&trained);
        let naming = Naming::new(&version.signature);
        let reader = RowReader::new(&version.signature.inputs);
        (Arc::new(Loaded { version, model, naming, reader, row: 1, bytes: 0 }), frame)
    }

    fn order(loaded: &Arc<Loaded>, frame: &Frame) -> (Order, oneshot::Receiver<Result<Outputs>>) {
        let (done, outcome) = oneshot::channel();
        let rows = Rows::Columns(frame.clone());
        let order =
            Order { loaded: loaded.clone(), rows, done, _counted: Counted::new(&Arc::default()) };
        (order, outcome)
    }

    #[test]
    fn orders_of_one_version_go_together_as_far_as_they_fit() {
        let ((one, frame), (other, _)) = (loaded(1), loaded(2));
        let many = frame.take(&vec![0; BATCH - 60]).unwrap();
        let asked =
            [(&one, &frame), (&other, &frame), (&one, &frame), (&one, &many), (&one, &frame)];
        let (mut waiting, mut outcomes): (Vec<_>, Vec<_>) =
            asked.iter().map(|(loaded, frame)| order(loaded, frame)).unzip();
        // Who asked third has left.
        drop(outcomes.remove(2));
        let mut rows = Vec::new();
        while !waiting.is_empty() {
            let batch = take_batch(&mut waiting);
            rows.push(batch.iter().map(Order::rows).collect::<Vec<_>>());
            answer(batch);
        }
        assert_eq!(rows, [vec![60, BATCH - 60], vec![60], vec![60]]);
        let alone = [&one, &other, &one, &one].map(|loaded| &loaded.model);
        for ((model, outcome), frame) in
            alone.into_iter().zip(outcomes).zip([&frame, &frame, &many, &frame])
        {
            assert_eq!(outcome.blocking_recv().unwrap().unwrap(), model.predict(frame).unwrap());
        }
    }

    #[test]
    fn who_comes_when_too_many_wait_is_refused() {
        let scorer = Scorer::start(Device::Cuda(0));
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let first = Work::Other(Box::new(move || {
            begun.send(()).unwrap();
            held.recv().unwrap();
        }));
        scorer.send(first).unwrap();
        has_begun.recv().unwrap();
        for _ in 0..QUEUE {
            scorer.send(Work::Other(Box::new(|| {}))).unwrap();
        }
        let refused = scorer.send(Work::Other(Box::new(|| {}))).unwrap_err();
        assert_eq!(refused.code(), Code::TooManyRequests);
        assert!(refused.to_string().contains("try again"), "{refused}");
        go_on.send(()).unwrap();
        // The thread goes on, so that there is room again.
        while scorer.send(Work::Other(Box::new(|| {}))).is_err() {
            std::thread::yield_now();
        }
    }

    fn unavailable(device: Device) -> Result<Arc<Loaded>> {
        Err(Error::new(Code::DeviceUnavailable, device.name()))
    }

    #[test]
    fn what_is_moderate_and_quick_is_scored_here_while_the_thread_is_busy() {
        assert!(is_here(CHEAP, 0, false));
        assert!(is_here(MODERATE, 2, true));
        assert!(!is_here(MODERATE, 1, true));
        // Pictures, or a table of many rows.
        assert!(!is_here(CHEAP + 1, 2, false));
        assert!(!is_here(MODERATE + 1, 2, true));
        let open = Arc::new(AtomicUsize::new(0));
        let counted = [Counted::new(&open), Counted::new(&open)];
        assert_eq!(open.load(Ordering::Relaxed), 2);
        drop(counted);
        assert_eq!(open.load(Ordering::Relaxed), 0);
    }

    /// The thread that owns the device outlives a panic, and whoever waited for it is told.
    #[tokio::test]
    async fn a_panic_ends_one_request_and_not_the_thread() {
        let scorer = Scorer::start(Device::Cuda(0));
        let panicked = scorer.load(CHEAP + 1, |_| panic!("a driver that gives up")).await;
        assert_eq!(panicked.err().map(|e| e.code()), Some(Code::Internal));
        // It goes on: a device that panics or is refused is asked first, then the CPU.
        let panics = |device| match device {
            Device::Cuda(_) => panic!("out of memory"),
            Device::Cpu => unavailable(device),
        };
        let panicked = scorer.load(CHEAP + 1, panics).await;
        assert_eq!(panicked.err().map(|e| e.to_string()), Some("cpu".to_owned()));
        let refused = scorer.load(CHEAP + 1, unavailable).await;
        assert_eq!(refused.err().map(|e| e.to_string()), Some("cpu".to_owned()));
        let small = scorer.load(CHEAP, unavailable).await;
        assert_eq!(small.err().map(|e| e.to_string()), Some("cpu".to_owned()));
    }
}
