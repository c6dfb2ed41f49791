//! What a cell says while it runs, published as it comes.
//!
//! The evaluator speaks on its own thread, line by line, at times from within a future. So what it
//! says goes into a buffer, which a task empties a few times a second: many short lines make few
//! messages. A cell that says more than can be sent waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::wire::Wire;
use crate::repl::{JobUpdate, Observer, progress_line};

/// What comes within this time goes into one message.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes that wait; with more, the cell waits.
const ROOM: usize = 1 << 20;
/// A cell does not wait longer for room.
const PATIENCE: Duration = Duration::from_secs(30);
/// Characters of a line of progress.
const WIDTH: usize = 100;
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// Publishes what one cell says.
pub(super) struct Watch {
    watcher: Arc<Watcher>,
    task: JoinHandle<()>,
    over: CancellationToken,
}

impl Watch {
    /// Begins; `parent` is the header of the cell's request.
    pub(super) fn begin(runtime: &Handle, wire: &Arc<Wire>, parent: &Bytes) -> Self {
        let watcher = Arc::new(Watcher::default());
        let over = CancellationToken::new();
        let task = publish(watcher.clone(), wire.clone(), parent.clone(), over.clone());
        Self { watcher, task: runtime.spawn(task), over }
    }

    /// Whom the evaluator is to tell.
    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        self.watcher.clone()
    }

    /// Publishes what is left. What is said from now on is nobody's.
    pub(super) async fn end(self) {
        self.over.cancel();
        // A panic of it has nothing to add.
        let _ = self.task.await;
        self.watcher.close();
    }
}

async fn publish(watcher: Arc<Watcher>, wire: Arc<Wire>, parent: Bytes, over: CancellationToken) {
    let display = uuid::Uuid::new_v4().to_string();
    loop {
        // Asked before the look, so that nothing said before the end is missed.
        let is_last = over.is_cancelled();
        for said in watcher.take() {
            let (kind, content) = match said {
                Said::Text { stream, text } => ("stream", json!({"name": stream, "text": text})),
                Said::Progress { is_new, job, text } => {
                    let kind = if is_new { "display_data" } else { "update_display_data" };
                    let content = json!({
                        "data": {"text/plain": text},
                        "metadata": {},
                        "transient": {"display_id": format!("{display}-{job}")},
                    });
                    (kind, content)
                }
            };
            wire.publish(&parent, kind, &content).await;
        }
        if is_last {
            return;
        }
        let news = async {
            watcher.news.notified().await;
            tokio::time::sleep(PAUSE).await;
        };
        tokio::select! {
            () = news => {}
            () = over.cancelled() => {}
        }
    }
}

/// Keeps what is said until it is published.
#[derive(Default)]
struct Watcher {
    buffer: Mutex<Buffer>,
    /// Something was said.
    news: Notify,
    /// Something was taken.
    taken: Condvar,
}

#[derive(Default)]
struct Buffer {
    said: Vec<Said>,
    bytes: usize,
    /// Jobs up to now.
    jobs: u32,
    /// What is being waited for, such as `train`.
    what: &'static str,
    is_closed: bool,
}

enum Said {
    Text {
        stream: &'static str,
        text: String,
    },
    /// The one line of a job, which the next takes the place of.
    Progress {
        is_new: bool,
        job: u32,
        text: String,
    },
}

impl Watcher {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Said> {
        let mut buffer = self.buffer();
        buffer.bytes = 0;
        self.taken.notify_all();
        std::mem::take(&mut buffer.said)
    }

    fn close(&self) {
        let mut buffer = self.buffer();
        buffer.is_closed = true;
        buffer.said.clear();
        self.taken.notify_all();
    }

    fn text(&self, stream: &'static str, line: &str) {
        let is_full = |buffer: &mut Buffer| buffer.bytes > ROOM && !buffer.is_closed;
        let waited = self.taken.wait_timeout_while(self.buffer(), PATIENCE, is_full);
        let (mut buffer, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if buffer.is_closed {
            return;
        }
        buffer.bytes += line.len() + 1;
        match buffer.said.last_mut() {
            Some(Said::Text { stream: last, text }) if *last == stream => {
                text.push_str(line);
                text.push('\n');
            }
            _ => buffer.said.push(Said::Text { stream, text: format!("{line}\n") }),
        }
        drop(buffer);
        self.news.notify_one();
    }

    fn progress(&self, buffer: &mut Buffer, is_new: bool, text: String) {
        let job = buffer.jobs;
        match buffer.said.last_mut() {
            Some(Said::Progress { job: last, text: before, .. }) if *last == job => *before = text,
            _ => buffer.said.push(Said::Progress { is_new, job, text }),
        }
        self.news.notify_one();
    }
}

impl Observer for Watcher {
    fn printed(&self, line: &str) {
        self.text(STDOUT, line);
    }

    fn said(&self, line: &str) {
        self.text(STDERR, line);
    }

    fn job(&self, update: JobUpdate<'_>) {
        let mut buffer = self.buffer();
        if buffer.is_closed {
            return;
        }
        match update {
            JobUpdate::Started(job) => {
                buffer.jobs += 1;
                buffer.what = job.kind.as_str();
                let text = format!("{} …", buffer.what);
                self.progress(&mut buffer, true, text);
            }
            JobUpdate::Event(event) => {
                if let Some(text) = progress_line(event, WIDTH) {
                    let text = format!("{} {text}", buffer.what);
                    self.progress(&mut buffer, false, text);
                }
            }
            JobUpdate::Cancelling(job) => {
                drop(buffer);
                self.said(&format!("cancelling the {} job …", job.kind.as_str()));
            }
            JobUpdate::Left => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_stream_are_joined_and_keep_their_order() {
        let watcher = Watcher::default();
        for (stream, line) in [(STDOUT, "a"), (STDOUT, "b"), (STDERR, "c"), (STDOUT, "")] {
            watcher.text(stream, line);
        }
        let texts: Vec<_> = watcher
            .take()
            .into_iter()
            .map(|said| match said {
                Said::Text { stream, text } => (stream, text),
                Said::Progress { .. } => panic!("no job"),
            })
            .collect();
        let expected = [(STDOUT, "a\nb\n"), (STDERR, "c\n"), (STDOUT, "\n")];
        assert_eq!(texts, expected.map(|(stream, text)| (stream, text.to_owned())));
        assert!(watcher.take().is_empty());
    }

    #[test]
    fn of_a_job_only_the_newest_line_waits() {
        let watcher = Watcher::default();
        let mut buffer = watcher.buffer();
        buffer.jobs = 1;
        watcher.progress(&mut buffer, true, "started".to_owned());
        watcher.progress(&mut buffer, false, "epoch 1".to_owned());
        drop(buffer);
        let said = watcher.take();
        let [Said::Progress { is_new: true, text, .. }] = said.as_slice() else {
            panic!("one line");
        };
        assert_eq!(text, "epoch 1");
    }

    #[test]
    fn what_is_said_after_the_end_is_dropped_without_a_wait() {
        let watcher = Watcher::default();
        watcher.text(STDOUT, &"x".repeat(ROOM + 1));
        watcher.close();
        watcher.text(STDOUT, "late");
        assert!(watcher.take().is_empty());
    }

    #[test]
    fn a_cell_that_says_too_much_waits_until_something_is_taken() {
        let watcher = Arc::new(Watcher::default());
        watcher.text(STDOUT, &"x".repeat(ROOM + 1));
        let speaker = watcher.clone();
        let thread = std::thread::spawn(move || speaker.text(STDOUT, "next"));
        let mut texts = String::new();
        while !thread.is_finished() || !watcher.buffer().said.is_empty() {
            for said in watcher.take() {
                if let Said::Text { text, .. } = said {
                    assert!(text.len() <= ROOM + 2, "no more than fits");
                    texts.push_str(&text);
                }
            }
        }
        thread.join().unwrap();
        assert!(texts.ends_with("x\nnext\n"));
    }
}
