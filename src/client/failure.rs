//! What a failed request means.

use reqwest::Response;
use serde::Deserialize;

use crate::error::{Code, Error, FieldError};

/// Why an attempt failed, and whether another may succeed.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) passing: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, passing: false }
    }
}

/// A problem document (RFC 9457) as far as it matters here.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

impl Failure {
    /// The request did not get through. `known`: this server has answered before.
    pub(super) fn transport(url: &str, error: reqwest::Error, known: bool) -> Self {
        if error.is_builder() {
            return Error::internal("making a request", error).into();
        }
        let cause = root(&error);
        let refused = error.is_connect();
        let detail = if refused {
            format!(
                "no Actuary answers at {url} ({cause}): start one with 'actuary serve', or check \
                 the address"
            )
        } else if error.is_timeout() {
            format!("{url} did not answer in time; its log may say why")
        } else {
            format!("the connection to {url} was lost ({cause}); try again")
        };
        let passing = known || !refused;
        Self { error: Error::new(Code::Unavailable, detail), passing }
    }

    /// The server answered that it failed.
    pub(super) async fn of(response: Response) -> Self {
        let status = response.status();
        let url = response.url().clone();
        let body = response.bytes().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_slice::<Problem>(&body) else {
            let error = Error::internal(
                format!("{url} answered {status}"),
                "there is no problem document in it: is this an Actuary, or a proxy before one?",
            );
            return Self { error, passing: status == 503 };
        };
        let number = problem.request_id.as_deref().unwrap_or("unknown");
        let code = serde_json::from_value::<Code>(problem.code.as_str().into());
        let error = match code {
            Ok(Code::Internal) | Err(_) => Error::internal(
                format!("{url} answered {status}"),
                format!("{} ({}, request {number})", problem.detail, problem.code),
            ),
            Ok(code) => Error::fields(code, problem.detail, problem.errors),
        };
        let passing = matches!(
            error.code(),
            Code::Unavailable | Code::TooManyRequests | Code::IdempotencyConflict
        );
        Self { error, passing }
    }
}

/// The innermost reason, which is the one that tells.
fn root(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
