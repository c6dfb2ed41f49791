//! What a function of a cell works with: the server, and Ctrl-C.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use starlark::environment::Globals;
use tokio::runtime::Handle;

use super::functions;
use super::interrupt::Interrupt;
use super::outcome::{JobUpdate, Observer};
use super::session::Settings;
use super::transcript::Transcript;
use crate::client::{Client, Sent};
use crate::domain::job::{Job, JobEvent, JobEventKind, JobState, Progress};
use crate::domain::version::EpochLoss;
use crate::error::{Code, Error, Result};

/// Lives as long as the evaluator.
pub(super) struct Context {
    client: RefCell<Client>,
    pub(super) runtime: Handle,
    pub(super) interrupt: Interrupt,
    pub(super) globals: Globals,
    /// The one of the cell that runs.
    pub(super) observer: RefCell<Arc<dyn Observer>>,
    pub(super) printed: RefCell<String>,
    pub(super) settings: Settings,
    pub(super) transcript: RefCell<Transcript>,
    /// The requests of the last cell that made some.
    pub(super) sent: RefCell<Vec<Sent>>,
    /// Where trainings run that do not say; as the server has it where there is none.
    pub(super) device: RefCell<Option<String>>,
    /// Rows that were uploaded to be learnt from, by their SHA-256: the dataset and its version.
    pub(super) uploaded: RefCell<HashMap<[u8; 32], (String, u32)>>,
    /// Files that this session has saved itself in.
    pub(super) saved: RefCell<HashSet<PathBuf>>,
    /// The running cell wants all names to be forgotten.
    pub(super) reset: Cell<bool>,
    /// The exit code that the running cell asks for.
    pub(super) exit: Cell<Option<u8>>,
    /// A function has heard the interrupt, and its error says what came of it.
    heard: Cell<bool>,
}

thread_local! {
    /// An evaluator has a thread of its own, and this is its context.
    static CURRENT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
}

/// The context of the running call.
///
/// # Errors
/// [`Error::Internal`] on a thread that is no evaluator's.
pub(super) fn context() -> Result<Rc<Context>> {
    CURRENT.with_borrow(|current| {
        let current = current.clone();
        current.ok_or_else(|| Error::internal("calling a function", "it has no context"))
    })
}

/// Of no cell.
struct Nobody;

impl Observer for Nobody {
    fn printed(&self, _: &str) {}
    fn said(&self, _: &str) {}
    fn job(&self, _: JobUpdate<'_>) {}
}

impl Context {
    /// The context of this thread's evaluator.
    pub(super) fn install(
        client: Client,
        runtime: Handle,
        interrupt: Interrupt,
        settings: Settings,
    ) -> Rc<Self> {
        let context = Rc::new(Self {
            client: RefCell::new(client),
            runtime,
            interrupt,
            globals: functions::globals(),
            observer: RefCell::new(Arc::new(Nobody)),
            settings,
            transcript: RefCell::default(),
            sent: RefCell::default(),
            device: RefCell::default(),
            uploaded: RefCell::default(),
            saved: RefCell::default(),
            reset: Cell::default(),
            printed: RefCell::default(),
            exit: Cell::default(),
            heard: Cell::default(),
        });
        CURRENT.set(Some(context.clone()));
        context
    }

    /// Makes ready for a cell.
    pub(super) fn begin(&self, observer: Arc<dyn Observer>) {
        self.observer.replace(observer);
        self.listen_to(&self.client());
        self.printed.take();
        self.exit.take();
        self.heard.take();
    }

    /// Whether the evaluator is to break the cell off by itself.
    pub(super) fn is_to_end(&self) -> bool {
        self.interrupt.count() > 0 && !self.heard.get()
    }

    pub(super) fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    /// Tells the cell's observer what a client has trouble with, and remembers its requests.
    fn listen_to(&self, client: &Client) {
        let told = self.observer();
        client.on_trouble(move |what| told.said(what));
        client.remember();
    }

    /// Talks to another server from now on.
    pub(super) fn connect(&self, client: Client) {
        self.listen_to(&client);
        self.client.replace(client);
    }

    /// To be asked by work of its own that takes long.
    ///
    /// # Errors
    /// [`Code::Cancelled`] when it was interrupted.
    pub(super) fn go_on(&self) -> Result<()> {
        match self.is_to_end() {
            true => Err(interrupted("interrupted")),
            false => Ok(()),
        }
    }

    fn observer(&self) -> Arc<dyn Observer> {
        self.observer.borrow().clone()
    }

    /// How wide the tables may be that a cell prints.
    pub(super) fn width(&self) -> usize {
        self.observer().width()
    }

    /// Prints a text of one or more lines.
    pub(super) fn print(&self, text: &str) {
        self.observer().printed(text);
        let mut printed = self.printed.borrow_mut();
        printed.push_str(text);
        printed.push('\n');
    }

    /// Carries a request out that changes nothing.
    ///
    /// # Errors
    /// What it says, or [`Code::Cancelled`] when it was interrupted.
    pub(super) fn wait<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        self.unless_interrupted(request, "interrupted")
    }

    /// Carries a request out that changes something, which an interrupt does not undo.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub(super) fn change<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let detail = "interrupted; the server may have carried it out: look before you repeat it";
        self.unless_interrupted(request, detail)
    }

    fn unless_interrupted<T>(
        &self,
        request: impl Future<Output = Result<T>>,
        detail: &str,
    ) -> Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.beyond(0) => {
                    self.heard.set(true);
                    Err(interrupted(detail))
                }
                result = request => result,
            }
        })
    }

    /// Waits until a job has ended. An interrupt cancels it on the server, and then waits for
    /// that end; a second one only ends the waiting.
    ///
    /// # Errors
    /// [`Code::Cancelled`] when it was interrupted, saying what has become of the job; else what
    /// the server says. A job that failed is no error here.
    pub(super) fn follow(&self, job: &Job) -> Result<Job> {
        let observer = self.observer();
        observer.job(JobUpdate::Started(job));
        let ended = self.runtime.block_on(async {
            let mut events = self.client().job_events(job.id, 0);
            let mut learnt = Learnt::default();
            loop {
                tokio::select! {
                    biased;
                    () = self.interrupt.beyond(0) => {
                        self.heard.set(true);
                        observer.job(JobUpdate::Cancelling(job));
                        return Err(self.cancel(job, &learnt).await);
                    }
                    event = events.next() => match event? {
                        Some(event) => {
                            learnt.note(&event);
                            observer.job(JobUpdate::Event(&event));
                        }
                        None => return self.client().get_job(job.id).await,
                    },
                }
            }
        });
        observer.job(JobUpdate::Left);
        ended
    }

    /// Cancels a job and says what has become of it.
    async fn cancel(&self, job: &Job, learnt: &Learnt) -> Error {
        let (kind, id) = (job.kind.as_str(), job.id);
        match self.client().cancel_job(id).await {
            Ok(_) => {}
            Err(error) if error.code() == Code::JobEnded => {}
            Err(error) => {
                return interrupted(format!(
                    "interrupted, but the {kind} job could not be cancelled: {error}. It may \
                     still run: cancel(\"{id}\")"
                ));
            }
        }
        let waiting = async {
            let mut events = self.client().job_events(id, 0);
            while events.next().await?.is_some() {}
            self.client().get_job(id).await
        };
        tokio::select! {
            biased;
            () = self.interrupt.beyond(1) => interrupted(format!(
                "interrupted; the server was asked to cancel the {kind} job, whose end was not \
                 waited for: job(\"{id}\")"
            )),
            ended = waiting => match ended {
                Ok(ended) => interrupted(format!("{}{}", end_of(&ended), learnt.text())),
                Err(error) => interrupted(format!(
                    "interrupted; the server was asked to cancel the {kind} job, but its end is \
                     not known: {error}. See job(\"{id}\")"
                )),
            },
        }
    }
}

/// How far a training had come.
#[derive(Default)]
struct Learnt {
    run: String,
    epochs: (u32, u32),
    best: Option<EpochLoss>,
}

impl Learnt {
    fn note(&mut self, event: &JobEvent) {
        let JobEventKind::Progress(event) = &event.event else { return };
        let Progress::Training(progress) = &event.progress else { return };
        if self.run != progress.run {
            *self = Self { run: progress.run.clone(), ..Self::default() };
        }
        self.epochs = (progress.epoch, progress.epochs);
        if progress.best_epoch == progress.last.epoch {
            self.best = Some(progress.last.clone());
        }
    }

    /// `; mlp had learnt for 12 of 24 epochs, best in epoch 9: loss 0.4271, score 0.7831`.
    fn text(&self) -> String {
        let Some(best) = &self.best else { return String::new() };
        let score = best.validation_metric.map(|score| format!(", score {score:.4}"));
        format!(
            "; {} had learnt for {} of {} epochs, best in epoch {}: loss {:.4}{}",
            self.run,
            self.epochs.0,
            self.epochs.1,
            best.epoch,
            best.validation_loss,
            score.unwrap_or_default()
        )
    }
}

/// What an interrupted job came to.
fn end_of(job: &Job) -> String {
    let kind = job.kind.as_str();
    match job.state {
        JobState::Cancelled => format!("interrupted; the {kind} job was cancelled on the server"),
        JobState::Done => format!(
            "interrupted, but the {kind} job was done before it could be cancelled: wait(\"{}\") \
             gives what it made",
            job.id
        ),
        state => format!("interrupted; the {kind} job is {}: job(\"{}\")", state.as_str(), job.id),
    }
}

pub(super) fn interrupted(detail: impl Into<String>) -> Error {
    Error::new(Code::Cancelled, detail)
}
