//! The shell channel: requests that are carried out one after the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::execution::{self, Went};
use super::message::Request;
use super::socket::Received;
use super::wire::unreadable;
use super::{Kernel, control, place};
use crate::repl::{Session, documentation, is_open};

/// Cells that the history keeps.
const HISTORY: usize = 1000;
/// After a cell has failed, what was asked before it comes within this time.
const GRACE: Duration = Duration::from_millis(20);
/// However much comes.
const MOST_GRACE: Duration = Duration::from_secs(1);

/// Carries out what front ends ask, on the thread that may use the session.
pub(super) struct Shell {
    session: Session,
    kernel: Kernel,
    runtime: Handle,
    received: mpsc::Receiver<Received>,
    /// Requests that came before a cell failed; those to execute a cell are not carried out.
    behind_failure: VecDeque<Request>,
    /// Number and text of cells.
    history: VecDeque<(u32, String)>,
}

/// A place in a text.
#[derive(Deserialize)]
struct At {
    code: String,
    /// In characters.
    cursor_pos: usize,
}

impl Shell {
    pub(super) fn new(
        session: Session,
        kernel: Kernel,
        runtime: Handle,
        received: mpsc::Receiver<Received>,
    ) -> Self {
        let (behind_failure, history) = (VecDeque::new(), VecDeque::new());
        Self { session, kernel, runtime, received, behind_failure, history }
    }

    /// Works until the end; gives the exit code.
    pub(super) fn run(mut self) -> u8 {
        loop {
            if let Some(request) = self.behind_failure.pop_front() {
                if let Some(code) = self.carry_out(&request, true) {
                    return code;
                }
                continue;
            }
            let Some(received) = self.next() else { return 0 };
            if let Some(request) = self.kernel.wire.open(received)
                && let Some(code) = self.carry_out(&request, false)
            {
                return code;
            }
        }
    }

    /// What comes next; none when the kernel is to end.
    fn next(&mut self) -> Option<Received> {
        let Self { runtime, kernel, received, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = kernel.ending.cancelled() => None,
                next = received.recv() => next,
            }
        })
    }

    /// Carries a request out, `busy` before and `idle` after it. Gives an exit code when it was
    /// the last.
    fn carry_out(&mut self, request: &Request, is_behind_failure: bool) -> Option<u8> {
        let (runtime, wire) = (self.runtime.clone(), self.kernel.wire.clone());
        // Before anybody is told of it: what comes from now on is meant for it.
        self.kernel.interrupt.clear();
        runtime.block_on(wire.status(request, "busy"));
        let mut exit = None;
        let content = match request.kind.as_str() {
            "execute_request" if is_behind_failure => Some(json!({"status": "aborted"})),
            "execute_request" => {
                let Went { answer, exit: code } = self.execute(request);
                exit = code;
                Some(answer)
            }
            "shutdown_request" => {
                runtime.block_on(control::shut_down(&self.kernel, request));
                exit = Some(0);
                None
            }
            _ => self.answer(request),
        };
        runtime.block_on(async {
            if let Some(content) = content {
                wire.reply(request, &content).await;
            }
            wire.status(request, "idle").await;
        });
        exit
    }

    fn execute(&mut self, request: &Request) -> Went {
        let asked: execution::Execute = match request.content() {
            Ok(asked) => asked,
            Err(error) => return Went { answer: unreadable(&error), exit: None },
        };
        let number = self.session.next_number();
        let is_kept = asked.store_history && !asked.silent && !asked.code.trim().is_empty();
        if is_kept {
            self.history.push_back((number, asked.code.clone()));
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        let wire = &self.kernel.wire;
        // An end that was asked for just now is not forgotten by this.
        if self.kernel.ending.is_cancelled() {
            return Went { answer: json!({"status": "aborted"}), exit: Some(0) };
        }
        let went = execution::carry_out(&mut self.session, &self.runtime, wire, request, &asked);
        let failed = went.answer.get("status").and_then(Json::as_str) == Some("error");
        if failed && asked.stop_on_error {
            // Before the answer is sent: what comes after it may have been asked knowing it.
            let (end, received) = (Instant::now() + MOST_GRACE, &mut self.received);
            self.runtime.block_on(async {
                while Instant::now() < end
                    && let Ok(Some(received)) = timeout(GRACE, received.recv()).await
                {
                    self.behind_failure.extend(wire.open(received));
                }
            });
        }
        went
    }

    /// The answer to any other request; none where there is none.
    fn answer(&self, request: &Request) -> Option<Json> {
        let answer = match request.kind.as_str() {
            "kernel_info_request" => Ok(control::info()),
            "complete_request" => request.content().map(|at| self.complete(&at)),
            "inspect_request" => request.content().map(|at| inspect(&at)),
            "is_complete_request" => request.content().map(|code| is_complete(&code)),
            "history_request" => request.content().map(|asked| self.past(&asked)),
            "comm_info_request" => Ok(json!({"status": "ok", "comms": {}})),
            "comm_open" => {
                self.refuse_comm(request);
                return None;
            }
            _ => return None,
        };
        Some(answer.unwrap_or_else(|error| unreadable(&error)))
    }

    fn complete(&self, At { code, cursor_pos }: &At) -> Json {
        let end = place::byte_of(code, *cursor_pos);
        let before = code.get(..end).unwrap_or(code);
        let (start, matches) = self.session.complete(before);
        json!({
            "status": "ok",
            "matches": matches,
            "cursor_start": place::character_of(before, start),
            "cursor_end": place::character_of(before, end),
            "metadata": {},
        })
    }

    /// The cells that are asked for. Each is of the one session that there is, 0.
    fn past(&self, asked: &Past) -> Json {
        let all = self.history.iter();
        let found: Vec<&(u32, String)> = match asked.hist_access_type.as_str() {
            "tail" => all.skip(self.history.len().saturating_sub(asked.n)).collect(),
            "range" => {
                let numbers = asked.start..asked.stop.unwrap_or(i64::MAX);
                all.filter(|(number, _)| numbers.contains(&i64::from(*number))).collect()
            }
            _ => Vec::new(),
        };
        let entry = |(number, source): &(u32, String)| match asked.output {
            // What they gave is not kept here.
            true => json!([0, number, [source, null]]),
            false => json!([0, number, source]),
        };
        json!({"status": "ok", "history": found.into_iter().map(entry).collect::<Vec<_>>()})
    }

    /// There is nothing here that widgets could talk to.
    fn refuse_comm(&self, request: &Request) {
        #[derive(Deserialize)]
        struct Open {
            comm_id: String,
        }
        if let Ok(Open { comm_id }) = request.content() {
            let content = json!({"comm_id": comm_id, "data": {}});
            let closed = self.kernel.wire.publish(&request.header, "comm_close", &content);
            self.runtime.block_on(closed);
        }
    }
}

/// Which cells of the past are asked for.
#[derive(Deserialize)]
struct Past {
    hist_access_type: String,
    #[serde(default)]
    output: bool,
    /// Of `tail`.
    #[serde(default)]
    n: usize,
    /// Of `range`, the last not included.
    #[serde(default)]
    start: i64,
    #[serde(default)]
    stop: Option<i64>,
}

/// The help on what the cursor is at.
fn inspect(At { code, cursor_pos }: &At) -> Json {
    let text = place::names_at(code, *cursor_pos).into_iter().find_map(documentation);
    let data = text.as_ref().map_or_else(|| json!({}), |text| json!({"text/plain": text}));
    json!({"status": "ok", "found": text.is_some(), "data": data, "metadata": {}})
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Whether more lines are expected.
fn is_complete(Code { code }: &Code) -> Json {
    match is_open(code) {
        true => json!({"status": "incomplete", "indent": place::indent_after(code)}),
        false => json!({"status": "complete"}),
    }
}
