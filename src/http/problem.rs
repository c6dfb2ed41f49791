//! Every error as `application/problem+json` (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Code, Error, FieldError, Kind};

/// Media type of every error.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong (RFC 9457, Problem Details for HTTP APIs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable URI reference of the kind of problem: `/problems/` and the code with hyphens.
    #[schema(format = "uri-reference", example = "/problems/invalid-rows")]
    pub r#type: String,
    /// The kind of problem in a few words; the same for every problem of this type.
    #[schema(example = "Some rows can't be scored")]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What went wrong this time, and the way out.
    pub detail: String,
    /// Path of the request.
    #[schema(format = "uri-reference", example = "/api/v1/models/default-risk/predictions")]
    pub instance: String,
    pub code: Code,
    /// Names the request in the log; the answer's `X-Request-Id`.
    pub request_id: String,
    /// Every bad field at once: a JSON pointer into the body, or `query limit`, `header If-Match`,
    /// `path version`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    pub(super) fn new(error: &Error, instance: &str, request_id: &str) -> Self {
        let code = error.code();
        let (detail, errors) = match error {
            Error::Problem { detail, errors, .. } if status(code).is_client_error() => {
                (detail.clone(), errors.clone())
            }
            _ => (concealed(code).to_owned(), Vec::new()),
        };
        Self {
            r#type: format!("/problems/{}", code.as_str().replace('_', "-")),
            title: code.title().to_owned(),
            status: status(code).as_u16(),
            detail,
            instance: instance.to_owned(),
            code,
            request_id: request_id.to_owned(),
            errors,
        }
    }

    pub(super) fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status).json(self);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.code.kind() {
            Kind::Unauthorised => {
                let scheme = HeaderValue::from_static("Bearer realm=\"actuary\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            Kind::Unavailable | Kind::TooManyRequests => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// What a client is told instead of the reason, which stays in the log.
fn concealed(code: Code) -> &'static str {
    match code.kind() {
        Kind::Unavailable => "The service can't answer now; try again after Retry-After seconds.",
        _ => "The request failed here, not by your doing; the log has the reason under request_id.",
    }
}

/// The HTTP status of a code.
pub(super) fn status(code: Code) -> StatusCode {
    match code.kind() {
        Kind::BadRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthorised => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// An error on its way through actix-web to the gate, which renders it: only the gate knows the
/// request's id.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        status(self.0.code())
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// The error that stands for an answer of actix-web's own.
pub(super) fn foreign(status: StatusCode) -> Error {
    let code = match status {
        StatusCode::NOT_FOUND => Code::RouteNotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::MalformedRequest,
        _ => Code::Internal,
    };
    Error::new(code, code.title())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_error_tells_all() {
        let error = Error::field(Code::InvalidRows, "/rows/0/incom", "no such column");
        let problem = Problem::new(&error, "/p", "r1");
        assert_eq!(problem.r#type, "/problems/invalid-rows");
        assert_eq!((problem.status, problem.detail.as_str()), (422, "no such column"));
        assert_eq!(problem.errors.len(), 1);
        let response = problem.response();
        assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), MEDIA_TYPE);
    }

    #[test]
    fn a_server_error_tells_nothing() {
        for error in [
            Error::internal("reading /secret", std::io::Error::other("password=hunter2")),
            Error::new(Code::Unavailable, "postgres at 10.0.0.3 refused"),
            Error::new(Code::AttemptsExhausted, "child 17 was killed"),
        ] {
            let text = serde_json::to_string(&Problem::new(&error, "/p", "r1")).unwrap();
            assert!(!text.contains("secret") && !text.contains("hunter2"), "{text}");
            assert!(!text.contains("10.0.0.3") && !text.contains("child"), "{text}");
        }
    }

    #[test]
    fn every_code_has_a_status_of_its_kind() {
        for code in Code::ALL {
            assert!(status(*code).is_client_error() || status(*code).is_server_error());
        }
        let busy = Problem::new(&Error::new(Code::Unavailable, ""), "/p", "r1").response();
        assert_eq!(busy.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let stranger = Problem::new(&Error::new(Code::Unauthorised, ""), "/p", "r1").response();
        assert!(stranger.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}
