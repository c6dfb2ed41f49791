//! The one error type and the one table of codes. Knows no HTTP and no SQL.
//!
//! [`Error::Problem`] is meant for whoever asked: its text names the place, the problem and the
//! way out. [`Error::Internal`] is meant for the log: its text never leaves the process.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One bad field of an input, named by a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where in the request: `/rows/2/age`, `/target`; for an uploaded file `line 7, column age`.
    pub pointer: String,
    /// What is wrong there and what would be right.
    pub detail: String,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller can do something about it.
    #[error("{detail}")]
    Problem { code: Code, detail: String, errors: Vec<FieldError> },
    /// Only the operator can do something about it.
    #[error("{context}: {source}")]
    Internal { context: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::Problem { code, detail: detail.into(), errors: Vec::new() }
    }

    /// A problem that names every bad field at once.
    pub fn fields(code: Code, detail: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self::Problem { code, detail: detail.into(), errors }
    }

    /// One bad field.
    pub fn field(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Problem {
            code,
            detail: detail.clone(),
            errors: vec![FieldError::new(pointer, detail)],
        }
    }

    /// Wraps a foreign error that no caller can mend; `context` says what was being done.
    pub fn internal(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal { context: context.into(), source: source.into() }
    }

    /// The code that the caller sees.
    pub fn code(&self) -> Code {
        match self {
            Self::Problem { code, .. } => *code,
            Self::Internal { .. } => Code::Internal,
        }
    }
}

/// Adds to a foreign error what was being done when it came.
pub trait Context<T> {
    fn context(self, context: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Context<T> for Result<T, E> {
    fn context(self, context: impl Into<String>) -> Result<T> {
        self.map_err(|e| Error::internal(context, e))
    }
}

/// What a front end makes of a code: HTTP a status, the CLI an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    Unauthorised,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Timeout,
    Conflict,
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    Unprocessable,
    PreconditionRequired,
    TooManyRequests,
    Internal,
    Unavailable,
}

macro_rules! codes {
    ($($variant:ident, $name:literal, $kind:ident, $title:literal;)*) => {
        /// Stable names of everything that can go wrong; new ones are added, none is renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum Code {
            $(#[doc = $title] #[serde(rename = $name)] $variant,)*
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            pub fn kind(self) -> Kind {
                match self { $(Code::$variant => Kind::$kind,)* }
            }
        }
    };
}

codes! {
    InvalidRequest, "invalid_request", Unprocessable, "The request is not valid";
    MalformedRequest, "malformed_request", BadRequest, "The request can't be read";
    InvalidRows, "invalid_rows", Unprocessable, "Some rows can't be scored";
    InvalidData, "invalid_data", Unprocessable, "The data can't be read";
    InvalidSpec, "invalid_spec", Unprocessable, "The training specification does not hold";
    DeviceUnavailable, "device_unavailable", Unprocessable, "The requested device is not there";
    Diverged, "diverged", Unprocessable, "Training diverged";
    Unauthorised, "unauthorised", Unauthorised, "A valid key is needed";
    Forbidden, "forbidden", Forbidden, "The key lacks a scope";
    NotFound, "not_found", NotFound, "No such resource";
    RouteNotFound, "route_not_found", NotFound, "No such route";
    MethodNotAllowed, "method_not_allowed", MethodNotAllowed, "The route has no such method";
    NotAcceptable, "not_acceptable", NotAcceptable, "No such representation";
    RequestTimeout, "request_timeout", Timeout, "The request came too slowly";
    AlreadyExists, "already_exists", Conflict, "The name is taken";
    InUse, "in_use", Conflict, "The resource is in use";
    JobEnded, "job_ended", Conflict, "The job has ended";
    IdempotencyConflict, "idempotency_conflict", Conflict, "A request with this Idempotency-Key is running";
    IdempotencyMismatch, "idempotency_mismatch", Unprocessable, "The Idempotency-Key was used for another request";
    PreconditionFailed, "precondition_failed", PreconditionFailed, "The resource has changed meanwhile";
    PreconditionRequired, "precondition_required", PreconditionRequired, "If-Match or If-None-Match is needed";
    TooLarge, "too_large", TooLarge, "The body is too large";
    UnsupportedMediaType, "unsupported_media_type", UnsupportedMediaType, "The media type is not supported";
    TooManyRequests, "too_many_requests", TooManyRequests, "Too many requests";
    Cancelled, "cancelled", Conflict, "The job was cancelled";
    AttemptsExhausted, "attempts_exhausted", Internal, "The job failed three times";
    Unavailable, "unavailable", Unavailable, "The service is not available now";
    Internal, "internal", Internal, "Something went wrong here";
}
