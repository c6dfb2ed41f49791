//! Requests as they go over the wire, with everything that can become of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long one request may take, and how long one that must be answered is repeated.
const TIMEOUT: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A connection to the server, wherever it serves at the moment.
#[derive(Clone)]
pub(super) struct Wire {
    http: reqwest::Client,
    address: watch::Receiver<String>,
    key: String,
}

/// A request, which can be sent again.
#[derive(Clone)]
pub(super) struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What the server answered. A 503 is none: what was asked may or may not have happened.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) etag: Option<String>,
    pub(super) body: Bytes,
}

impl Request {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>, value: &Value) -> Self {
        Self::new(Method::POST, path).body("application/json", value.to_string())
    }

    /// A POST without a body.
    pub(super) fn act(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn put(path: impl Into<String>, value: &Value) -> Self {
        Self::new(Method::PUT, path).body("application/json", value.to_string())
    }

    pub(super) fn upload(path: impl Into<String>, csv: &str) -> Self {
        Self::new(Method::POST, path).body("text/csv", csv.to_owned())
    }

    fn body(mut self, media_type: &'static str, body: String) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE, media_type)
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn once(self, key: &str) -> Self {
        self.header(HeaderName::from_static("idempotency-key"), key)
    }

    pub(super) fn if_match(self, revision: u64) -> Self {
        self.header(IF_MATCH, &format!("\"{revision}\""))
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: {text}", self.status))
    }

    /// The answer to what must have succeeded.
    pub(super) fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Whether a request with the same Idempotency-Key is just being answered.
    fn is_twin(&self) -> bool {
        self.status == StatusCode::CONFLICT && self.json()["code"] == "idempotency_conflict"
    }
}

impl Wire {
    pub(super) fn new(address: watch::Receiver<String>, key: &str) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().tls_certs_only([]).no_proxy().timeout(TIMEOUT);
        Self { http: builder.build().unwrap(), address, key: key.to_owned() }
    }

    /// The same with another key.
    pub(super) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Sends a request; None when nobody can say whether it was carried out.
    pub(super) async fn send(&self, request: &Request) -> Option<Answer> {
        let url = format!("{}{}", *self.address.borrow(), request.path);
        let response = self
            .http
            .request(request.method.clone(), url)
            .headers(request.headers.clone())
            .bearer_auth(&self.key)
            .body(request.body.clone())
            .send()
            .await
            .ok()?;
        let status = response.status();
        let etag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        let etag = etag.map(str::to_owned);
        let body = response.bytes().await.ok()?;
        let answer = Answer { status, etag, body };
        let unknown = status == StatusCode::SERVICE_UNAVAILABLE || answer.is_twin();
        (!unknown).then_some(answer)
    }

    /// Sends a request until it is answered. Returns how often it was sent, too.
    pub(super) async fn insist(&self, request: &Request) -> (Answer, u64) {
        let deadline = Instant::now() + PATIENCE;
        for sent in 1.. {
            if let Some(answer) = self.send(request).await {
                return (answer, sent);
            }
            assert!(Instant::now() < deadline, "no answer within {PATIENCE:?}: {}", request.path);
            sleep(PAUSE).await;
        }
        unreachable!("it is answered or given up");
    }

    /// Reads something that is there.
    pub(super) async fn read(&self, path: impl Into<String>) -> Answer {
        self.insist(&Request::get(path)).await.0.expect(StatusCode::OK)
    }

    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.send(&Request::get("/readyz")).await;
        answer.is_some_and(|answer| answer.status == StatusCode::OK)
    }

    /// All items of a list, page by page.
    pub(super) async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = format!("{path}?limit=100");
        loop {
            let mut page = self.read(next).await.json();
            let Value::Array(more) = page["items"].take() else { panic!("{page}") };
            items.extend(more);
            let Some(cursor) = page["next_cursor"].as_str() else { return items };
            next = format!("{path}?limit=100&cursor={cursor}");
        }
    }
}
