mod fake;

use serde_json::{Value, json};

use self::fake::{Answer, Fake, Request};
use super::*;
use crate::domain::dataset::DataFormat;
use crate::domain::job::{JobEventKind, JobState};
use crate::domain::page::PageQuery;
use crate::domain::prediction::PredictionRequest;
use crate::domain::schema::ColumnType;
use crate::domain::version::AliasTarget;

const ID: &str = "0198c0de-0000-7000-8000-000000000001";

fn job(state: &str) -> Value {
    json!({"id": ID, "kind": "training", "state": state, "subject": "m", "attempts": 1,
           "max_attempts": 3, "created_at": "2026-01-01T00:00:00Z"})
}

fn answer(status: u16, body: &Value) -> Answer {
    (status, "application/json", body.to_string())
}

fn problem(status: u16, code: &str) -> Answer {
    let body = json!({"type": "/problems/x", "title": "t", "status": status, "detail": "why",
                      "instance": "/", "code": code, "request_id": "r7",
                      "errors": [{"pointer": "/rows/0", "detail": "bad"}]});
    (status, "application/problem+json", body.to_string())
}

fn client(server: &Fake) -> Client {
    Client::new(&server.url, "act_secret").unwrap()
}

#[tokio::test]
async fn a_creation_is_repeated_under_the_same_key_until_it_is_answered() {
    let server = Fake::start(|before, _| match before {
        0 => problem(503, "unavailable"),
        1 => problem(409, "idempotency_conflict"),
        _ => answer(202, &job("queued")),
    });
    let types = [("zip".to_owned(), ColumnType::String), ("age".to_owned(), ColumnType::Int64)];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "zip,age\n0815,3\n").unwrap();
    let source = Source::File(file.path().to_owned());
    let job = client(&server).upload_dataset("loans", DataFormat::Csv, &types, source).await;
    assert_eq!(job.unwrap().state, JobState::Queued);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for request in &seen {
        let line = "POST /api/v1/datasets/loans/versions?types=zip%3Astring%2Cage%3Aint64";
        assert_eq!(request.line, line);
        assert_eq!(request.body, "zip,age\n0815,3\n");
        assert_eq!(request.header("authorization"), Some("Bearer act_secret"));
        assert_eq!(request.header("content-type"), Some("text/csv"));
        assert!(request.header("idempotency-key").is_some_and(|key| key.len() == 36));
        assert_eq!(request.header("idempotency-key"), seen[0].header("idempotency-key"));
    }
}

#[tokio::test]
async fn problems_become_errors() {
    let server = Fake::start(|_, request| match request.line.as_str() {
        "POST /api/v1/models/m/predictions" => problem(422, "invalid_rows"),
        "GET /api/v1/models/a" => problem(500, "internal"),
        "GET /api/v1/models/b" => problem(418, "teapot"),
        _ => (502, "text/html", "<html>".to_owned()),
    });
    let client = client(&server);
    let error = client.predict("m", &PredictionRequest::default()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Problem { code: Code::InvalidRows, detail, errors }
            if detail == "why" && errors[0].pointer == "/rows/0"),
        "{error}"
    );
    assert_eq!(server.seen()[0].header("idempotency-key"), None);
    for (name, part) in [("a", "why (internal, request r7)"), ("b", "teapot"), ("c", "proxy")] {
        let error = client.get_model(name).await.unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = client.get_model("../keys").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest);
}

#[tokio::test]
async fn nobody_at_the_address_is_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let before = std::time::Instant::now();
    let client = Client::new(&url, "k").unwrap();
    let error = client.list_models(&PageQuery::default()).await.unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(error.code(), Code::Unavailable);
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("actuary serve"), "{text}");
    for bad in ["127.0.0.1:8080", "ftp://x", "http://h/?q=1", ""] {
        assert_eq!(Client::new(bad, "k").unwrap_err().code(), Code::InvalidRequest, "{bad}");
    }
    assert!(Client::new("http://localhost", "line\nbreak").is_err());
}

#[tokio::test]
async fn an_alias_moves_from_where_it_was_seen() {
    let server = Fake::start(|_, request: &Request| {
        let at = json!({"model": "m", "alias": "champion", "version": 1, "revision": 1,
                        "moved_at": "2026-01-01T00:00:00Z"});
        match (request.line.as_str(), request.header("if-match"), request.header("if-none-match")) {
            ("GET /proxied/api/v1/models/m/aliases/champion", None, None) => {
                problem(404, "not_found")
            }
            (_, None, Some("*")) => answer(200, &at),
            _ => problem(412, "precondition_failed"),
        }
    });
    let client = Client::new(&format!("{}/proxied/", server.url), "k").unwrap();
    assert_eq!(client.get_alias("m", "champion").await.unwrap(), None);
    let target = AliasTarget { version: 1, reason: None };
    let alias = client.move_alias("m", "champion", &target, None).await.unwrap();
    let error = client.move_alias("m", "champion", &target, Some(&alias)).await.unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].line, "PUT /proxied/api/v1/models/m/aliases/champion");
    assert_eq!(seen[1].body, r#"{"version":1}"#);
    assert_eq!(seen[2].header("if-match"), Some("\"1\""));
}

fn event(sequence: u64, event: &Value) -> String {
    let data = json!({"sequence": sequence, "at": "2026-01-01T00:00:00Z", "event": event});
    format!("id: {sequence}\ndata: {data}\n\n")
}

#[tokio::test]
async fn a_broken_stream_of_events_is_taken_up_where_it_broke() {
    let state = |state: &str| json!({"kind": "state", "state": state});
    let log = |text: &str| json!({"kind": "log", "message": text});
    let first = event(1, &state("running")) + &event(2, &log("a")) + "id: 3\ndata: {\"sequ";
    let second = event(2, &log("again")) + &event(3, &log("b")) + &event(4, &state("done"));
    let stream = |body: &str| (200, "text/event-stream", body.to_owned());
    let server = Fake::start(move |_, request| {
        let path = request.line.rsplit('/').next().unwrap();
        match (path, request.header("last-event-id")) {
            ("events", Some("0")) => stream(&first),
            ("events", Some("2")) => stream(&second),
            ("events", other) => panic!("asked from {other:?}"),
            _ => answer(200, &job("failed")),
        }
    });
    let mut seen = Vec::new();
    let id = ID.parse().unwrap();
    let job = client(&server).wait_for_job(id, |event| seen.push(event.clone())).await.unwrap();
    let sequences: Vec<_> = seen.iter().map(|e| e.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert!(matches!(&seen[2].event, JobEventKind::Log(log) if log.message == "b"));
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(outcome(job).unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn a_job_that_has_nothing_more_to_tell_is_not_waited_for() {
    let server = Fake::start(|_, request| {
        if request.line.ends_with("/events") {
            (200, "text/event-stream", ": nothing\n\n".to_owned())
        } else {
            answer(200, &job("done"))
        }
    });
    let mut events = client(&server).job_events(ID.parse().unwrap(), 9);
    assert_eq!(events.next().await.unwrap(), None);
}
