//! What a handler reads from a request besides its body. Every place is named in the errors.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::State;
use super::problem::Failure;
use crate::domain::key::Caller;
use crate::domain::name::{check_name, did_you_mean};
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::error::{Code, Error, FieldError, Result};
use crate::service::{Idempotency, Service};

/// Longest wait that `Prefer: wait=N` gets.
pub(super) const MAX_WAIT_SECONDS: u64 = 60;
const MAX_CURSOR: usize = 500;
const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An admitted request: who asks, and accessors of what was asked.
pub(super) struct Call {
    pub(super) state: web::Data<State>,
    pub(super) caller: Caller,
    pub(super) request: HttpRequest,
    pub(super) payload: Payload,
    query: Vec<(String, String)>,
}

impl FromRequest for Call {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<State>>().cloned();
        let caller = request.extensions().get::<Caller>().cloned();
        let (Some(state), Some(caller)) = (state, caller) else {
            let error = Error::new(Code::Internal, "a handler was reached without the gate");
            return ready(Err(Failure(error)));
        };
        let query = pairs(request.query_string()).map_err(Failure);
        ready(query.map(|query| Self {
            state,
            caller,
            request: request.clone(),
            payload: payload.take(),
            query,
        }))
    }
}

impl Call {
    pub(super) fn service(&self) -> &Service {
        &self.state.service
    }

    /// A name in the path by its place in the template.
    pub(super) fn name(&self, place: &str) -> Result<&str> {
        let name = self.segment(place);
        check_name(&format!("path {place}"), name)?;
        Ok(name)
    }

    fn segment(&self, place: &str) -> &str {
        self.request.match_info().get(place).unwrap_or_default()
    }

    /// The path's version.
    pub(super) fn version(&self) -> Result<u32> {
        self.place("version")
    }

    /// Another number in the path by its place in the template.
    pub(super) fn place(&self, place: &str) -> Result<u32> {
        number(&format!("path {place}"), self.segment(place), 1..=i32::MAX.unsigned_abs())
    }

    /// An identifier in the path by its place in the template.
    pub(super) fn id(&self, place: &str) -> Result<Uuid> {
        let text = self.segment(place);
        Uuid::try_parse(text).map_err(|_| {
            let detail = format!("'{}' is not an id (a UUID)", shown(text));
            Error::field(Code::InvalidRequest, format!("path {place}"), detail)
        })
    }

    /// A query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A number among the query parameters.
    pub(super) fn query_number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.query(name).map(|text| number(&format!("query {name}"), text, range)).transpose()
    }

    /// A real number among the query parameters, which is finite.
    pub(super) fn query_real(&self, name: &str) -> Result<Option<f64>> {
        let Some(text) = self.query(name) else { return Ok(None) };
        let parsed = text.parse().ok().filter(|number: &f64| number.is_finite());
        parsed.map(Some).ok_or_else(|| {
            let detail = format!("'{}' is no number", shown(text));
            Error::field(Code::InvalidRequest, format!("query {name}"), detail)
        })
    }

    /// One of a few words among the query parameters.
    pub(super) fn query_word<T: Copy>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
        words: &[&str],
    ) -> Result<Option<T>> {
        let Some(text) = self.query(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| {
            let hint = did_you_mean(text, words.iter().copied());
            let detail = format!("'{}' is none of {}{hint}", shown(text), words.join(", "));
            Error::field(Code::InvalidRequest, format!("query {name}"), detail)
        })
    }

    /// A required time among the query parameters (RFC 3339).
    pub(super) fn query_time(&self, name: &str) -> Result<DateTime<Utc>> {
        let pointer = format!("query {name}");
        let Some(text) = self.query(name) else {
            return Err(Error::field(Code::InvalidRequest, pointer, "is required"));
        };
        // An offset's '+' that was not percent-encoded has become a space.
        let parsed = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
        parsed.map(|time| time.to_utc()).map_err(|_| {
            let detail =
                format!("'{}' is not a time like 2026-03-03T14:02:00Z (RFC 3339)", shown(text));
            Error::field(Code::InvalidRequest, pointer, detail)
        })
    }

    /// Which page of a list is wanted.
    pub(super) fn page(&self) -> Result<PageQuery> {
        let cursor = self.query("cursor");
        if cursor.is_some_and(|c| c.len() > MAX_CURSOR) {
            let detail = "is not a cursor that this server gave";
            return Err(Error::field(Code::InvalidRequest, "query cursor", detail));
        }
        let limit = self.query_number("limit", 1..=MAX_LIMIT)?;
        Ok(PageQuery { limit, cursor: cursor.map(str::to_owned) })
    }

    /// The Idempotency-Key with what it stands for: method, path, query and `body`, which is
    /// empty for an upload, since the service compares uploads by what was stored.
    pub(super) fn once(&self, body: &[u8]) -> Result<Option<Idempotency>> {
        let Some(key) = self.header(&IDEMPOTENCY_KEY)? else { return Ok(None) };
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let detail = "must be 1 to 255 visible ASCII characters, such as a UUID";
            let pointer = "header Idempotency-Key";
            return Err(Error::field(Code::InvalidRequest, pointer, detail));
        }
        let mut hash = Sha256::new();
        for part in [self.request.method().as_str(), self.request.path()] {
            hash.update(part);
            hash.update(b"\n");
        }
        hash.update(self.request.query_string());
        hash.update(b"\n");
        hash.update(body);
        Ok(Some(Idempotency { key: key.to_owned(), fingerprint: hash.finalize().into() }))
    }

    /// How long `Prefer: wait=N` asks to wait, [`MAX_WAIT_SECONDS`] at most. A preference that
    /// can't be read is no preference (RFC 7240).
    pub(super) fn wait(&self) -> Option<Duration> {
        let values = self.request.headers().get_all(PREFER);
        let seconds = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|preference| preference.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
            .and_then(|(_, value)| value.trim().trim_matches('"').parse::<u64>().ok())?;
        (seconds > 0).then(|| Duration::from_secs(seconds.min(MAX_WAIT_SECONDS)))
    }

    /// A header that may stand once.
    pub(super) fn header(&self, name: &HeaderName) -> Result<Option<&str>> {
        let mut values = self.request.headers().get_all(name);
        let problem = |detail: &str| {
            let shown = if *name == IDEMPOTENCY_KEY { "Idempotency-Key" } else { name.as_str() };
            Error::field(Code::InvalidRequest, format!("header {shown}"), detail)
        };
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                value.to_str().map(Some).map_err(|_| problem("must be visible ASCII characters"))
            }
            (Some(_), Some(_)) => Err(problem("stands twice; send it once")),
        }
    }

    /// Whether the client has this representation already (`If-None-Match`).
    pub(super) fn has_fresh(&self, etag: &str) -> bool {
        let values = self.request.headers().get_all(header::IF_NONE_MATCH);
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim())
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    }
}

/// A whole number within a range.
fn number<T>(pointer: &str, text: &str, range: RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + Display,
{
    let parsed = text.parse().ok().filter(|n| range.contains(n));
    // "+7" parses too, but a resource has one name.
    parsed.filter(|_| text.bytes().all(|b| b.is_ascii_digit())).ok_or_else(|| {
        let (low, high) = (range.start(), range.end());
        let detail = format!("'{}' is not a whole number from {low} to {high}", shown(text));
        Error::field(Code::InvalidRequest, pointer, detail)
    })
}

/// What of a client's text an error repeats.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Both, or every bad field of both.
pub(super) fn both<A, B>(one: Result<A>, other: Result<B>) -> Result<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (
            Err(Error::Problem { code, errors: mut all, .. }),
            Err(Error::Problem { errors: further, .. }),
        ) if !all.is_empty() && !further.is_empty() => {
            all.extend(further);
            Err(Error::fields(code, format!("{} parameters don't hold", all.len()), all))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>> {
    let parsed = web::Query::<Vec<(String, String)>>::from_query(query);
    parsed
        .map(web::Query::into_inner)
        .map_err(|e| Error::new(Code::MalformedRequest, format!("the query can't be read: {e}")))
}

/// Checks that every query parameter is known, stands once and can be stored.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every one that does not hold.
pub(super) fn check_query(query: &str, known: &[String]) -> Result<()> {
    if query.is_empty() {
        return Ok(());
    }
    let pairs = pairs(query)?;
    let mut errors = Vec::new();
    for (at, (name, value)) in pairs.iter().enumerate() {
        let earlier = pairs.iter().take(at).any(|(n, _)| n == name);
        let detail = if !known.contains(name) {
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            Some(format!("no such parameter{hint}"))
        } else if earlier {
            Some("stands twice; send it once".to_owned())
        } else if value.contains('\0') {
            Some("holds the character U+0000, which can't be stored".to_owned())
        } else {
            None
        };
        errors.extend(detail.map(|d| FieldError::new(format!("query {}", shown(name)), d)));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Error::fields(Code::InvalidRequest, "the query parameters don't hold", errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form_and_a_range() {
        let version = |text| number("path version", text, 1..=i32::MAX.unsigned_abs());
        assert_eq!(version("7").unwrap(), 7);
        assert_eq!(version("2147483647").unwrap(), 2_147_483_647);
        for bad in ["0", "2147483648", "99999999999999999999", "-1", "+7", "1.0", "", "abc"] {
            let error = version(bad).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest, "{bad}");
        }
    }

    #[test]
    fn the_bad_fields_of_both_are_named() {
        let bad = |name: &str| number(&format!("query {name}"), "x", 1..=9u32);
        assert_eq!(both(Ok::<_, Error>(1), Ok::<_, Error>("a")).unwrap(), (1, "a"));
        let error = both(both(bad("a"), Ok::<_, Error>(1)), bad("c")).unwrap_err();
        let Error::Problem { code, errors, .. } = &error else { panic!("{error}") };
        let pointers: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!((*code, pointers), (Code::InvalidRequest, vec!["query a", "query c"]));
        let detail = both(bad("a"), Ok::<_, Error>(1)).unwrap_err().to_string();
        assert!(detail.contains("whole number from 1 to 9"), "{detail}");
    }

    #[test]
    fn every_bad_query_parameter_is_named_at_once() {
        let known = ["limit".to_owned(), "cursor".to_owned()];
        assert!(check_query("limit=5&cursor=a", &known).is_ok());
        assert!(check_query("", &known).is_ok());
        let bad = check_query("limt=5&limit=1&limit=2&cursor=%00", &known).unwrap_err();
        let Error::Problem { errors, .. } = bad else { panic!("{bad}") };
        let pointers: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["query limt", "query limit", "query cursor"]);
        assert_eq!(errors[0].detail, "no such parameter; did you mean limit?");
    }
}
