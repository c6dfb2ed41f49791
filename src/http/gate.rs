//! The one middleware round everything: names the request, checks the key and its scope before
//! anything else looks at the request, renders every error, and writes one line in the log.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{self, BodySize, BoxBody, MessageBody as _, SizedStream};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, web};
use futures_util::{FutureExt as _, stream};
use tokio_util::context::TokioContext;
use tracing::Instrument as _;
use uuid::Uuid;

use super::problem::{self, Failure, Problem};
use super::routes::{Access, Operation};
use super::templates::Templates;
use super::{State, extract};
use crate::domain::key::{Caller, Scope};
use crate::error::{Code, Error, Result};
use crate::service::Service;
use crate::telemetry::metrics as names;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What is known of a request before its handler runs.
struct Admission {
    request_id: String,
    /// The matched route, for the log; the raw path of an unknown one could be anything.
    template: Rc<str>,
    method: Method,
    instance: String,
    has_body: bool,
    key: Option<Uuid>,
    /// Methods of the route when the request's own is not among them.
    allow: Option<String>,
}

pub(super) async fn gate(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let started = Instant::now();
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Err(Failure(Error::new(Code::Internal, "the server has no state")).into());
    };
    let mut admission = Admission::new(&request);
    let in_flight = InFlight::begin();
    let span = tracing::info_span!("request", request_id = %admission.request_id);
    let answered = async {
        let admitted = admit(&mut request, &state, &mut admission).await;
        let outcome = match admitted {
            Ok(()) => handle(request, next, &admission).await,
            Err(error) => Ok(request.error_response(Failure(error))),
        };
        drop(in_flight);
        outcome.map(|response| finish(response, &admission, started))
    };
    TokioContext::new(answered.instrument(span), state.runtime.clone()).await
}

/// A request that is not answered yet; one whose client leaves is dropped with it.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn begin() -> Self {
        let gauge = metrics::gauge!(names::REQUESTS_IN_FLIGHT);
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

impl Admission {
    fn new(request: &ServiceRequest) -> Self {
        let headers = request.headers();
        Self {
            request_id: request_id(headers),
            template: Templates::of(request),
            method: request.method().clone(),
            instance: request.uri().path().to_owned(),
            has_body: headers.contains_key(header::TRANSFER_ENCODING)
                || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0"),
            key: None,
            allow: None,
        }
    }
}

/// The client's id of the request where it is a plain token, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| plain(id)) {
        Some(id) => id.to_owned(),
        None => new_id().to_string(),
    }
}

/// A new version 7 UUID. Its random bits are the thread's own generator's: to ask the system for
/// them costs as much as all else that is done here.
fn new_id() -> Uuid {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let milliseconds = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid()
}

/// Lets a request through to its handler, or says why not. A stranger learns nothing but which
/// routes are public.
async fn admit(
    request: &mut ServiceRequest,
    state: &State,
    admission: &mut Admission,
) -> Result<()> {
    let route = state.routes.get(&admission.template);
    let public = route.is_some_and(|r| r.iter().all(|o| o.access == Access::Public));
    let caller = if public {
        None
    } else {
        let caller = authenticate(request.headers(), &state.service).await?;
        admission.key = Some(caller.key);
        Some(caller)
    };
    let route = route.ok_or_else(|| {
        let detail = format!("no such route: {}; /docs lists them all", admission.instance);
        Error::new(Code::RouteNotFound, detail)
    })?;
    let method = if admission.method == Method::HEAD { &Method::GET } else { &admission.method };
    let Some(operation) = route.iter().find(|o| o.method == *method) else {
        let allow = allowed(route);
        let detail = format!("{} is not possible here, but {allow}", admission.method);
        admission.allow = Some(allow);
        return Err(Error::new(Code::MethodNotAllowed, detail));
    };
    if let Access::Scope(scope) = operation.access {
        check_scope(caller.as_ref(), scope)?;
    }
    if let Some(known) = &operation.query {
        extract::check_query(request.query_string(), known)?;
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    // A HEAD request takes the way of its GET; the body is left out at the end.
    request.head_mut().method = method.clone();
    Ok(())
}

/// Who sends this key.
///
/// # Errors
/// [`Code::Unauthorised`] where there is none, or not a valid one.
pub(super) async fn authenticate(headers: &HeaderMap, service: &Service) -> Result<Caller> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let secret = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|v| v.split_once(' ')),
        _ => None,
    };
    match secret {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
            service.authenticate(secret.trim()).await
        }
        _ => Err(Error::new(
            Code::Unauthorised,
            "send a key as 'Authorization: Bearer KEY'; `actuary keys create` makes one",
        )),
    }
}

fn check_scope(caller: Option<&Caller>, scope: Scope) -> Result<()> {
    let has = caller.map(|c| c.scopes.as_slice()).unwrap_or_default();
    if has.contains(&scope) {
        return Ok(());
    }
    let has: Vec<&str> = has.iter().map(|s| s.as_str()).collect();
    Err(Error::new(
        Code::Forbidden,
        format!(
            "this needs a key with the scope '{}'; this one has: {}",
            scope.as_str(),
            has.join(", ")
        ),
    ))
}

fn allowed(route: &[Operation]) -> String {
    let mut methods: Vec<&str> = route.iter().map(|o| o.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// Runs the handler. A panic costs this request alone, and is answered like any internal error.
async fn handle(
    request: ServiceRequest,
    next: Next<BoxBody>,
    admission: &Admission,
) -> Result<ServiceResponse, actix_web::Error> {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without text");
            let error = Error::internal(format!("answering {}", admission.template), text);
            log_failure(&error);
            let problem = Problem::new(&error, &admission.instance, &admission.request_id);
            Err(InternalError::from_response("panic", problem.response()).into())
        }
    }
}

/// Renders errors, completes the headers and writes the line of the access log.
fn finish(response: ServiceResponse, admission: &Admission, started: Instant) -> ServiceResponse {
    let mut response = render(response, admission);
    let head = response.response_mut().head_mut();
    if let Ok(id) = HeaderValue::from_str(&admission.request_id) {
        head.headers_mut().insert(REQUEST_ID, id);
    }
    head.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    let key = admission.key.map(|key| key.to_string());
    let route = if admission.template.is_empty() { "unknown" } else { &*admission.template };
    let (status, seconds) = (response.status().as_u16(), started.elapsed().as_secs_f64());
    metrics::histogram!(names::REQUEST_SECONDS, "method" => method_label(&admission.method),
        "route" => route.to_owned(), "status" => status.to_string())
    .record(seconds);
    tracing::info!(
        target: "actuary::access",
        method = %admission.method,
        route,
        status,
        ms = seconds * 1e3,
        key = key.as_deref().unwrap_or("none"),
        "answered"
    );
    if admission.method == Method::HEAD { without_body(response) } else { response }
}

/// A method that a label may hold: a client can send any.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn render(response: ServiceResponse, admission: &Admission) -> ServiceResponse {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let failure = response.response().error().and_then(|e| e.as_error::<Failure>());
    let foreign = failure.is_none().then(|| problem::foreign(status));
    let Some(error) = failure.map(|f| &f.0).or(foreign.as_ref()) else { return response };
    if status.is_server_error() {
        log_failure(error);
    }
    let problem = Problem::new(error, &admission.instance, &admission.request_id);
    let mut rendered = problem.response();
    if let Some(allow) = admission.allow.as_deref().and_then(|a| HeaderValue::from_str(a).ok()) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    if admission.has_body {
        // The rest of the body may be long or may never come: don't wait for it.
        rendered.head_mut().set_connection_type(ConnectionType::Close);
    }
    response.into_response(rendered)
}

/// Writes an error with all its causes, once.
fn log_failure(error: &Error) {
    let mut chain = error.to_string();
    let mut cause = error.source().and_then(StdError::source);
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    tracing::error!(code = error.code().as_str(), error = chain, "a request failed");
}

/// The same answer without its body, but with its length.
fn without_body(response: ServiceResponse) -> ServiceResponse {
    response.map_body(|_, body| match body.size() {
        BodySize::Sized(length) => {
            let nothing = stream::empty::<Result<bytes::Bytes, std::io::Error>>();
            BoxBody::new(SizedStream::new(length, nothing))
        }
        BodySize::None | BodySize::Stream => BoxBody::new(body::None::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        headers
    }

    #[test]
    fn only_a_plain_request_id_is_taken_over() {
        assert_eq!(request_id(&headers("trace-1.a_B")), "trace-1.a_B");
        for odd in ["", "a b", "a\"b", &"x".repeat(129)] {
            let id = request_id(&headers(odd));
            assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 7, "{odd}");
        }
    }

    #[test]
    fn a_scope_is_never_implied_by_another() {
        let caller = |scopes: &[Scope]| Caller {
            key: Uuid::nil(),
            project: "default".into(),
            scopes: scopes.to_vec(),
            seed: [0; 32],
        };
        assert!(check_scope(Some(&caller(&[Scope::Read])), Scope::Read).is_ok());
        let refusal = check_scope(Some(&caller(&[Scope::Admin])), Scope::Train).unwrap_err();
        assert!(refusal.to_string().contains("'train'"), "{refusal}");
        assert!(check_scope(None, Scope::Read).is_err());
    }
}
