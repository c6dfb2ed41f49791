//! Reading bodies: piece by piece, within a size and at a pace, since actix-web alone waits for
//! ever for a body that has stalled.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::extract::{Call, both};
use super::{HttpSettings, json, rows};
use crate::domain::prediction::{ARROW_STREAM, VersionRef};
use crate::error::{Code, Context as _, Error, Result};
use crate::service::Question;

/// Most bytes of a JSON body.
pub(super) const JSON_LIMIT: u64 = 1 << 20;
/// Most bytes of the JSON body of a prediction.
pub(super) const PREDICTION_LIMIT: u64 = 64 << 20;

const JSON: &str = "application/json";
/// Most bytes that are reserved for a body before they are there.
const RESERVED: u64 = 256 << 10;

/// A larger body is parsed on a thread that may be busy for long, and so is one that is scanned
/// the quick way.
const PARSED_AT_ONCE: usize = 128 << 10;
const SCANNED_AT_ONCE: usize = 1 << 20;

/// A JSON body, with its bytes for the Idempotency-Key.
pub(super) struct Json<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

impl Call {
    /// Reads a JSON body.
    ///
    /// # Errors
    /// [`Code::UnsupportedMediaType`], [`Code::TooLarge`], [`Code::RequestTimeout`],
    /// [`Code::MalformedRequest`] where it is not JSON, [`Code::InvalidRequest`] where its fields
    /// don't hold.
    pub(super) async fn json<T>(&mut self, limit: u64) -> Result<Json<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let bytes = self.json_bytes(limit).await?;
        Ok(Json { value: parsed(&bytes, PARSED_AT_ONCE, |bytes| json::parse(bytes)).await?, bytes })
    }

    /// Reads the rows of a prediction and gives them to `predict`, with the body's bytes.
    ///
    /// # Errors
    /// Those of [`Call::json`] and of `predict`; [`Code::MalformedRequest`] where `version` or
    /// `record` stands in the query beside a JSON body.
    pub(super) async fn rows<T>(
        &mut self,
        predict: impl AsyncFn(&Self, Question, &Bytes) -> Result<T>,
    ) -> Result<T> {
        match self.media_type().as_str() {
            JSON => self.check_no_query()?,
            // Boxed, or the future of every JSON body would be as large.
            ARROW_STREAM => return Box::pin(self.stream(predict)).await,
            other => return Err(unsupported(other, &format!("{JSON} or {ARROW_STREAM}"))),
        }
        let bytes = self.bytes(PREDICTION_LIMIT).await?;
        let quick = parsed(&bytes, SCANNED_AT_ONCE, |bytes| Ok(rows::plain(bytes))).await?;
        if let Some(question) = quick {
            match predict(self, question, &bytes).await {
                // The general way finds the places in the body as it was sent.
                Err(error) if error.code() == Code::InvalidRows => {}
                outcome => return outcome,
            }
        }
        Box::pin(async {
            let request = parsed(&bytes, PARSED_AT_ONCE, |bytes| json::parse(bytes)).await?;
            predict(self, Question::Rows(request), &bytes).await
        })
        .await
    }

    /// Refuses beside a JSON body what stands in it.
    fn check_no_query(&self) -> Result<()> {
        let refused = |name: &str| match self.query(name) {
            None => Ok(()),
            Some(_) => {
                let detail =
                    format!("belongs to an Arrow stream; of JSON, put '{name}' into the body");
                Err(Error::field(Code::MalformedRequest, format!("query {name}"), detail))
            }
        };
        both(refused("version"), refused("record")).map(|_| ())
    }

    /// Gives `predict` an Arrow stream, whose version is named in the query.
    async fn stream<T>(
        &mut self,
        predict: impl AsyncFn(&Self, Question, &Bytes) -> Result<T>,
    ) -> Result<T> {
        let truth = |word: &str| match word {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        let record = self.query_word("record", truth, &["true", "false"])?.unwrap_or(false);
        let version = self.query("version").map(|name| VersionRef::Alias(name.to_owned()));
        let bytes = self.bytes(PREDICTION_LIMIT).await?;
        let question = Question::Stream { bytes: bytes.clone(), version, record };
        predict(self, question, &bytes).await.map_err(in_query)
    }

    async fn json_bytes(&mut self, limit: u64) -> Result<Bytes> {
        let media_type = self.media_type();
        if media_type != JSON {
            return Err(unsupported(&media_type, JSON));
        }
        self.bytes(limit).await
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`Code::TooLarge`], [`Code::RequestTimeout`].
    pub(super) async fn bytes(&mut self, limit: u64) -> Result<Bytes> {
        let mut pieces = self.pieces(limit)?;
        // What a client announces is not taken on trust beyond a little.
        let announced = announced(self.request.headers()).unwrap_or(0).min(RESERVED);
        let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = pieces.next().await? else { return Ok(first) };
        let reserved = usize::try_from(announced).unwrap_or(0).max(first.len() + second.len());
        let mut bytes = BytesMut::with_capacity(reserved);
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&second);
        while let Some(piece) = pieces.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// The body's media type without parameters, in lower case; empty where none is given.
    pub(super) fn media_type(&self) -> String {
        let value = self.request.headers().get(header::CONTENT_TYPE);
        let value = value.and_then(|v| v.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body piece by piece, `limit` bytes at most.
    pub(super) fn pieces(&mut self, limit: u64) -> Result<Pieces> {
        let headers = self.request.headers();
        let encoding = headers.get(header::CONTENT_ENCODING);
        if let Some(encoding) = encoding.filter(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            let detail =
                format!("Content-Encoding {encoding:?} is not read: send the body uncompressed");
            return Err(Error::new(Code::UnsupportedMediaType, detail));
        }
        if announced(headers).is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let pace = Pace::new(&self.state.settings);
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        Ok(Pieces { payload, pace, limit, received: 0 })
    }
}

/// Where in the query a field of a JSON body stands beside a stream.
fn in_query(mut error: Error) -> Error {
    if let Error::Problem { errors, .. } = &mut error {
        for error in errors.iter_mut().filter(|error| error.pointer == "/version") {
            error.pointer = "query version".to_owned();
        }
    }
    error
}

/// What `parse` makes of a body: here where it is short, else on a thread that may be busy.
async fn parsed<T: Send + 'static>(
    bytes: &Bytes,
    at_once: usize,
    parse: impl FnOnce(&Bytes) -> Result<T> + Send + 'static,
) -> Result<T> {
    if bytes.len() <= at_once {
        return parse(bytes);
    }
    let bytes = bytes.clone();
    spawn_blocking(move || parse(&bytes)).await.context("parsing a body on another thread")?
}

/// The length that the headers promise.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: u64) -> Error {
    Error::new(Code::TooLarge, format!("a body here may have {limit} bytes at most"))
}

/// That a media type is not read here, and which are.
pub(super) fn unsupported(media_type: &str, wanted: &str) -> Error {
    let given = if media_type.is_empty() { "none".to_owned() } else { format!("'{media_type}'") };
    let detail = format!("Content-Type must be {wanted}; the request's is {given}");
    Error::new(Code::UnsupportedMediaType, detail)
}

/// A body on its way in.
pub(super) struct Pieces {
    payload: Payload,
    pace: Pace,
    limit: u64,
    received: u64,
}

impl Pieces {
    /// The next piece; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let started = Instant::now();
        let patience = self.pace.patience(self.received);
        let Ok(piece) = timeout(patience, self.payload.next()).await else {
            return Err(Error::new(
                Code::RequestTimeout,
                format!("the body stalled after {} bytes: send it again", self.received),
            ));
        };
        self.pace.waited += started.elapsed();
        let Some(piece) = piece.transpose().map_err(unreadable)? else { return Ok(None) };
        self.received = self.received.saturating_add(piece.len() as u64);
        if self.received > self.limit {
            return Err(too_large(self.limit));
        }
        Ok(Some(piece))
    }
}

fn unreadable(error: PayloadError) -> Error {
    Error::new(Code::MalformedRequest, format!("the body broke off: {error}"))
}

/// How long a body may keep us waiting. What we take ourselves to store a piece does not count.
struct Pace {
    idle: Duration,
    bytes_per_second: u64,
    waited: Duration,
}

impl Pace {
    fn new(settings: &HttpSettings) -> Self {
        Self {
            idle: settings.body_idle(),
            bytes_per_second: settings.body_min_bytes_per_second.max(1),
            waited: Duration::ZERO,
        }
    }

    /// How long the next piece may take after `received` bytes: not longer than the idle time,
    /// and not longer than the slowest pace leaves.
    fn patience(&self, received: u64) -> Duration {
        let earned = Duration::from_secs_f64(received as f64 / self.bytes_per_second as f64);
        (self.idle + earned).saturating_sub(self.waited).min(self.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_earned_by_bytes() {
        let seconds = Duration::from_secs;
        let mut pace = Pace { idle: seconds(30), bytes_per_second: 1000, waited: seconds(0) };
        assert_eq!(pace.patience(0), seconds(30));
        pace.waited = seconds(20);
        assert_eq!(pace.patience(0), seconds(10));
        assert_eq!(pace.patience(5_000), seconds(15));
        assert_eq!(pace.patience(1_000_000), seconds(30));
        pace.waited = seconds(40);
        assert_eq!(pace.patience(5_000), seconds(0));
    }
}
