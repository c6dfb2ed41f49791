//! One request, which can be sent again.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use serde::Serialize;
use uuid::Uuid;

use super::failure::Failure;
use super::form::{self, FormPart};
use crate::error::{Code, Context, Error, Result};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is sent.
#[derive(Clone)]
pub(super) enum Body {
    Empty,
    Bytes(Bytes),
    /// Read anew each time, and never held whole.
    File(PathBuf),
    /// Its boundary and its parts.
    Form(String, Arc<[FormPart]>),
}

#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Call {
    pub(super) fn new(method: Method, url: Url) -> Self {
        let mut headers = HeaderMap::new();
        if method == Method::POST
            && let Ok(key) = HeaderValue::from_str(&Uuid::new_v4().to_string())
        {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        Self { method, url, headers, body: Body::Empty }
    }

    /// Whether sending it twice does nothing twice: a change under a precondition may have
    /// happened, and would then be refused as if someone else had been faster.
    pub(super) fn repeatable(&self) -> bool {
        matches!(self.method, Method::GET | Method::POST)
    }

    /// Adds to the query what is there.
    pub(super) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value).context("making a header")?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Leaves the `Idempotency-Key` out of a request that changes nothing.
    pub(super) fn pure(mut self) -> Self {
        self.headers.remove(IDEMPOTENCY_KEY);
        self
    }

    pub(super) fn json(self, value: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(value).context("writing a request")?;
        self.body("application/json", Body::Bytes(body.into()))
    }

    pub(super) fn body(mut self, media_type: &str, body: Body) -> Result<Self> {
        self.body = body;
        self.header(CONTENT_TYPE, media_type)
    }

    pub(super) async fn request(&self, http: &reqwest::Client) -> Result<RequestBuilder, Failure> {
        let request =
            http.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        Ok(match &self.body {
            Body::Empty => request,
            Body::Bytes(bytes) => request.body(bytes.clone()),
            Body::Form(boundary, parts) => request.body(form::body(boundary, parts.clone())),
            Body::File(path) => {
                let file = tokio::fs::File::open(path).await.map_err(|error| {
                    let detail = format!("{} can't be read: {error}", path.display());
                    Failure { error: Error::new(Code::InvalidRequest, detail), passing: false }
                })?;
                request.body(reqwest::Body::wrap_stream(form::streamed(file)))
            }
        })
    }
}
