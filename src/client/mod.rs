//! A typed client of this program's own HTTP interface: what the terminal front ends speak.
//!
//! Reads and creations are repeated when the connection is lost or the server is not available
//! for a moment; a creation carries an `Idempotency-Key`, so that it happens once.

mod activations;
mod advice;
mod aliases;
mod analyses;
mod assessments;
mod binnings;
mod call;
mod content;
mod counterfactuals;
mod datasets;
mod events;
mod explanations;
mod failure;
mod forecasts;
mod form;
mod investments;
mod jobs;
mod keys;
mod loans;
mod models;
mod page;
mod policies;
mod predictions;
mod reasons;
mod risk;
mod scorecards;
mod sent;
mod simplifications;
mod sse;
mod versions;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

use crate::domain::name::check_name;
use crate::error::{Code, Context, Error, Result};
use call::Call;
use failure::Failure;

pub use content::Content;
pub use datasets::Source;
pub use events::Events;
pub use form::FormPart;
pub use jobs::outcome;
pub use sent::Sent;

/// Pauses before a request is repeated.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Requests that are remembered, and most bytes of a body.
const KEPT: usize = 100;
const KEPT_BYTES: usize = 4 << 20;

/// A server and a key for it; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.url()).finish()
    }
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    /// A server that has answered before is worth waiting for.
    answered: AtomicBool,
    /// Where they are remembered.
    sent: Mutex<Option<VecDeque<Sent>>>,
    trouble: Mutex<Option<Trouble>>,
}

/// Is told when a server does not answer for the moment, and when it does again.
type Trouble = Box<dyn Fn(&str) + Send>;

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a URL that is none or a key that can't be one.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        let base = parse(url)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
            Error::field(Code::InvalidRequest, "key", "the key has characters that no key has")
        })?;
        bearer.set_sensitive(true);
        let agent = HeaderValue::from_static(concat!("actuary/", env!("CARGO_PKG_VERSION")));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer), (USER_AGENT, agent)]);
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(120));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        // One provider for the process; that another part has installed it already is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if base.scheme() == "http" {
            // Where no certificate will be looked at, none need be installed on the machine.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().context("making an HTTP client")?;
        Ok(Self(Arc::new(Inner {
            http,
            base,
            answered: AtomicBool::new(false),
            sent: Mutex::default(),
            trouble: Mutex::default(),
        })))
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        self.0.base.as_str().trim_end_matches('/')
    }

    /// Tells `trouble`, once each time, that a request is tried again and that it got through.
    pub fn on_trouble(&self, trouble: impl Fn(&str) + Send + 'static) {
        if let Ok(mut told) = self.0.trouble.lock() {
            *told = Some(Box::new(trouble));
        }
    }

    fn say(&self, what: &str) {
        if let Ok(told) = self.0.trouble.lock()
            && let Some(told) = told.as_ref()
        {
            told(what);
        }
    }

    /// From now on remembers what is sent, for [`Self::take_sent`].
    pub fn remember(&self) {
        self.0.sent.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }

    /// What was sent since this was asked last, the oldest first: at most the last [`KEPT`] requests,
    /// each once however often it was tried, and bodies up to [`KEPT_BYTES`].
    pub fn take_sent(&self) -> Vec<Sent> {
        let mut sent = self.0.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.as_mut().map(|sent| sent.drain(..).collect()).unwrap_or_default()
    }

    fn note(&self, call: &Call) {
        let mut sent = self.0.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sent) = sent.as_mut() else { return };
        if sent.len() == KEPT {
            sent.pop_front();
        }
        sent.push_back(Sent::new(call, KEPT_BYTES));
    }

    /// A call of a path below `/api/v1`.
    fn call(&self, method: Method, path: &[&str]) -> Result<Call> {
        for segment in path {
            check_name("name", segment)?;
        }
        let mut url = self.0.base.clone();
        url.path_segments_mut()
            .map_err(|()| not_a_url(self.url()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        Ok(Call::new(method, url))
    }

    /// Sends a call and reads the answer.
    async fn fetch<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let bytes = self.repeat(&call, || self.read(&call)).await?;
        serde_json::from_slice(&bytes)
            .context(format!("reading the answer of {}", call.url.as_str()))
    }

    /// Sends a call and leaves the body to be read.
    async fn open(&self, call: &Call) -> Result<reqwest::Response> {
        self.repeat(call, || self.send(call)).await
    }

    async fn repeat<T, F>(&self, call: &Call, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.note(call);
        let mut pauses = PAUSES.into_iter();
        let mut said = false;
        loop {
            let failure = match attempt().await {
                Ok(answer) => {
                    if said {
                        self.say(&format!("{} answers again", self.url()));
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            match pauses.next() {
                Some(pause) if failure.passing && call.repeatable() => {
                    if !said {
                        self.say(&format!("{}: trying again", failure.error));
                        said = true;
                    }
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(failure.error),
            }
        }
    }

    async fn read(&self, call: &Call) -> Result<bytes::Bytes, Failure> {
        let response = self.send(call).await?;
        response.bytes().await.map_err(|e| Failure::transport(self.url(), e, true))
    }

    async fn send(&self, call: &Call) -> Result<reqwest::Response, Failure> {
        let request = call.request(&self.0.http).await?;
        let response = request.send().await.map_err(|error| {
            let known = self.0.answered.load(Ordering::Relaxed);
            Failure::transport(self.url(), error, known)
        })?;
        self.0.answered.store(true, Ordering::Relaxed);
        if response.status().is_success() { Ok(response) } else { Err(Failure::of(response).await) }
    }
}

fn parse(url: &str) -> Result<Url> {
    let base = Url::parse(url).map_err(|_| not_a_url(url))?;
    let usable = matches!(base.scheme(), "http" | "https")
        && base.has_host()
        && base.query().is_none()
        && base.fragment().is_none();
    if usable { Ok(base) } else { Err(not_a_url(url)) }
}

fn not_a_url(url: &str) -> Error {
    Error::field(
        Code::InvalidRequest,
        "url",
        format!("'{url}' is not the URL of a server; give one such as http://127.0.0.1:8080"),
    )
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
