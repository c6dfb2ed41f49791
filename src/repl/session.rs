//! A session: cells, one after the other, on a thread of its own. What they define lives there
//! until the session ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::runtime::Handle;

use super::completion::Completed;
use super::context::Context;
use super::evaluator;
use super::fault::Fault;
use super::interrupt::Interrupt;
use super::outcome::{Detail, Observer, Outcome};
use crate::client::Client;
use crate::error::{Context as _, Result};

/// Deep recursion of a cell must not end the process: the evaluator counts calls, and this is
/// enough for so many.
const STACK: usize = 256 << 20;

/// What the evaluator's thread is asked.
pub(super) enum Request {
    /// One that is not `noted` is in no history, and has no number of its own.
    Cell {
        number: u32,
        name: String,
        source: String,
        observer: Arc<dyn Observer>,
        noted: bool,
    },
    Complete {
        before: String,
    },
}

/// What it answers.
pub(super) enum Answer {
    Cell(Box<Outcome>),
    Completed(Completed),
}

/// What a session may do, and for whom.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether `!command` runs one.
    pub allow_shell: bool,
    /// Whether somebody sits at a prompt, where a text can be put to be changed.
    pub is_prompt: bool,
    pub detail: Detail,
    /// Where earlier sessions are kept.
    pub history: Option<PathBuf>,
}

/// Evaluates cells. Knows no terminal: what happens meanwhile goes to an [`Observer`].
pub struct Session {
    interrupt: Interrupt,
    /// Cells up to now.
    number: u32,
    requests: Option<Sender<Request>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    /// A session on a server. `runtime` carries its requests out; the session itself must not be
    /// used on a thread of that runtime, since it blocks.
    ///
    /// # Errors
    /// [`Error::Internal`](crate::error::Error::Internal) when no thread can be started.
    pub fn new(client: Client, runtime: Handle, settings: Settings) -> Result<Self> {
        let interrupt = Interrupt::default();
        let (requests, requested) = channel();
        let (answer, answers) = channel();
        let heard = interrupt.clone();
        let thread = std::thread::Builder::new()
            .name("evaluator".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let context = Context::install(client, runtime, heard, settings);
                evaluator::run(&context, &requested, &answer);
            })
            .context("starting the evaluator")?;
        let (requests, thread) = (Some(requests), Some(thread));
        Ok(Self { interrupt, number: 0, requests, answers, thread })
    }

    /// What breaks a running cell off, from another thread.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// The number of the next cell, from 1.
    pub fn next_number(&self) -> u32 {
        self.number + 1
    }

    /// Evaluates a cell. `name` stands in errors; `In [n]` when there is none.
    pub fn evaluate(
        &mut self,
        name: Option<&str>,
        source: &str,
        observer: Arc<dyn Observer>,
    ) -> Outcome {
        let outcome = self.cell(name, source, observer, true);
        self.number = outcome.number;
        outcome
    }

    /// Evaluates a cell that leaves no trace but the names that it defines.
    pub fn evaluate_silently(&mut self, source: &str, observer: Arc<dyn Observer>) -> Outcome {
        self.cell(None, source, observer, false)
    }

    fn cell(
        &self,
        name: Option<&str>,
        source: &str,
        observer: Arc<dyn Observer>,
        noted: bool,
    ) -> Outcome {
        let number = self.next_number();
        let name = name.map_or_else(|| format!("In [{number}]"), str::to_owned);
        let source = source.to_owned();
        match self.ask(Request::Cell { number, name, source, observer, noted }) {
            Some(Answer::Cell(outcome)) => *outcome,
            _ => {
                let fault = Fault::plain(
                    "the evaluator has ended: what the cells defined is lost; start a new session",
                );
                Outcome { number, fault: Some(fault), ..Outcome::default() }
            }
        }
    }

    /// What may stand at the end of `before`: where it begins, and the candidates.
    pub fn complete(&self, before: &str) -> (usize, Vec<String>) {
        match self.ask(Request::Complete { before: before.to_owned() }) {
            Some(Answer::Completed(found)) => (found.start, found.candidates),
            _ => (before.len(), Vec::new()),
        }
    }

    fn ask(&self, request: Request) -> Option<Answer> {
        self.requests.as_ref()?.send(request).ok()?;
        self.answers.recv().ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported as the cell's error.
            let _ = thread.join();
        }
    }
}
