//! What a function of a cell works with: the server, and Ctrl-C.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use starlark::environment::Globals;
use tokio::runtime::Handle;

use super::functions;
use super::interrupt::Interrupt;
use super::outcome::{JobUpdate, Observer};
use crate::client::Client;
use crate::domain::job::{Job, JobState};
use crate::error::{Code, Error, Result};

/// Lives as long as the evaluator.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    pub(super) interrupt: Interrupt,
    pub(super) globals: Globals,
    /// The one of the cell that runs.
    pub(super) observer: RefCell<Arc<dyn Observer>>,
    pub(super) printed: RefCell<String>,
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
    fn job(&self, _: JobUpdate<'_>) {}
}

impl Context {
    /// The context of this thread's evaluator.
    pub(super) fn install(client: Client, runtime: Handle, interrupt: Interrupt) -> Rc<Self> {
        let context = Rc::new(Self {
            client,
            runtime,
            interrupt,
            globals: functions::globals(),
            observer: RefCell::new(Arc::new(Nobody)),
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
        self.printed.take();
        self.exit.take();
        self.heard.take();
    }

    /// Whether the evaluator is to break the cell off by itself.
    pub(super) fn is_to_end(&self) -> bool {
        self.interrupt.count() > 0 && !self.heard.get()
    }

    fn observer(&self) -> Arc<dyn Observer> {
        self.observer.borrow().clone()
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
            let mut events = self.client.job_events(job.id, 0);
            loop {
                tokio::select! {
                    biased;
                    () = self.interrupt.beyond(0) => {
                        self.heard.set(true);
                        observer.job(JobUpdate::Cancelling(job));
                        return Err(self.cancel(job).await);
                    }
                    event = events.next() => match event? {
                        Some(event) => observer.job(JobUpdate::Event(&event)),
                        None => return self.client.get_job(job.id).await,
                    },
                }
            }
        });
        observer.job(JobUpdate::Left);
        ended
    }

    /// Cancels a job and says what has become of it.
    async fn cancel(&self, job: &Job) -> Error {
        let (kind, id) = (job.kind.as_str(), job.id);
        match self.client.cancel_job(id).await {
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
            let mut events = self.client.job_events(id, 0);
            while events.next().await?.is_some() {}
            self.client.get_job(id).await
        };
        tokio::select! {
            biased;
            () = self.interrupt.beyond(1) => interrupted(format!(
                "interrupted; the server was asked to cancel the {kind} job, whose end was not \
                 waited for: job(\"{id}\")"
            )),
            ended = waiting => match ended {
                Ok(ended) => interrupted(end_of(&ended)),
                Err(error) => interrupted(format!(
                    "interrupted; the server was asked to cancel the {kind} job, but its end is \
                     not known: {error}. See job(\"{id}\")"
                )),
            },
        }
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
