//! A job's events as they come, over as many connections as it takes.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::sse::Parser;
use super::{Client, PAUSES};
use crate::domain::job::{JobEvent, JobEventKind};
use crate::error::{Code, Context, Error, Result};

/// The server says something at least every 15 seconds; a line that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(45);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The events of one job in their order, each once.
#[derive(Debug)]
pub struct Events {
    client: Client,
    id: Uuid,
    last: u64,
    connection: Option<(reqwest::Response, Parser)>,
    ready: VecDeque<JobEvent>,
    /// Connections since the last event that brought none.
    idle: usize,
    ended: bool,
}

impl Events {
    pub(super) fn new(client: Client, id: Uuid, after: u64) -> Self {
        let ready = VecDeque::new();
        Self { client, id, last: after, connection: None, ready, idle: 0, ended: false }
    }

    /// The next event; None once the job has ended.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the server can't be reached any more, and what it says.
    pub async fn next(&mut self) -> Result<Option<JobEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.idle = 0;
                self.last = event.sequence;
                if let JobEventKind::State(state) = &event.event {
                    self.ended = state.state.has_ended();
                }
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            match &mut self.connection {
                None => self.connect().await?,
                Some((response, parser)) => match timeout(SILENCE, response.chunk()).await {
                    Ok(Ok(Some(bytes))) => {
                        let messages = parser.push(&bytes)?;
                        self.take(&messages)?;
                    }
                    Ok(Ok(None) | Err(_)) | Err(_) => self.reconnect().await?,
                },
            }
        }
    }

    async fn connect(&mut self) -> Result<()> {
        let call = self
            .client
            .call(Method::GET, &["jobs", &self.id.to_string(), "events"])?
            .header(ACCEPT, "text/event-stream")?
            .header(LAST_EVENT_ID, &self.last.to_string())?;
        let response = self.client.open(&call).await?;
        self.connection = Some((response, Parser::default()));
        Ok(())
    }

    /// A stream that ends without an event may have nothing more to tell.
    async fn reconnect(&mut self) -> Result<()> {
        self.connection = None;
        if self.client.get_job(self.id).await?.state.has_ended() && self.idle > 0 {
            self.ended = true;
            return Ok(());
        }
        let pause = PAUSES.get(self.idle).ok_or_else(|| {
            let detail = format!("{} ends the stream of events every time", self.client.url());
            Error::new(Code::Unavailable, detail)
        })?;
        self.idle += 1;
        sleep(*pause).await;
        Ok(())
    }

    fn take(&mut self, messages: &[String]) -> Result<()> {
        for message in messages {
            let event: JobEvent = serde_json::from_str(message)
                .context(format!("reading an event of job {}", self.id))?;
            let last = self.ready.back().map_or(self.last, |e| e.sequence);
            if event.sequence > last {
                self.ready.push_back(event);
            }
        }
        Ok(())
    }
}
