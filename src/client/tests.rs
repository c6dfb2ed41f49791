use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use serde_json::json;
use wiremock::matchers::{body_json, header, header_exists, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::domain::dataset::DataFormat;
use crate::domain::job::{JobEventKind, JobState};
use crate::domain::page::PageQuery;
use crate::domain::prediction::PredictionRequest;
use crate::domain::schema::ColumnType;
use crate::domain::version::AliasTarget;

const ID: &str = "0198c0de-0000-7000-8000-000000000001";

fn job(state: &str) -> serde_json::Value {
    json!({"id": ID, "kind": "training", "state": state, "subject": "m", "attempts": 1,
           "max_attempts": 3, "created_at": "2026-01-01T00:00:00Z"})
}

fn problem(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"type": "/problems/x", "title": "t", "status": status, "detail": "why",
                      "instance": "/", "code": code, "request_id": "r7",
                      "errors": [{"pointer": "/rows/0", "detail": "bad"}]});
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

async fn server() -> (MockServer, Client) {
    let server = MockServer::start().await;
    let client = Client::new(&server.uri(), "act_secret").unwrap();
    (server, client)
}

#[tokio::test]
async fn a_creation_is_repeated_under_the_same_key_until_it_is_answered() {
    let (server, client) = server().await;
    let keys = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = keys.clone();
    Mock::given(method("POST"))
        .and(path("/api/v1/datasets/loans/versions"))
        .and(query_param("types", "zip:string,age:int64"))
        .and(header("authorization", "Bearer act_secret"))
        .and(header("content-type", "text/csv"))
        .respond_with(move |request: &Request| {
            let mut keys = seen.lock().unwrap();
            keys.push(request.headers["idempotency-key"].clone());
            match keys.len() {
                1 => problem(503, "unavailable"),
                2 => problem(409, "idempotency_conflict"),
                _ => ResponseTemplate::new(202).set_body_json(job("queued")),
            }
        })
        .mount(&server)
        .await;
    let types = [("zip".to_owned(), ColumnType::String), ("age".to_owned(), ColumnType::Int64)];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "zip,age\n0815,3\n").unwrap();
    let source = Source::File(file.path().to_owned());
    let job = client.upload_dataset("loans", DataFormat::Csv, &types, source).await.unwrap();
    assert_eq!(job.state, JobState::Queued);
    let keys = keys.lock().unwrap();
    assert!(keys.len() == 3 && keys.iter().all(|k| *k == keys[0]), "{keys:?}");
    let last = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(last.body, b"zip,age\n0815,3\n");
}

#[tokio::test]
async fn problems_become_errors() {
    let (server, client) = server().await;
    Mock::given(path("/api/v1/models/m/predictions"))
        .respond_with(problem(422, "invalid_rows"))
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/models/a")).respond_with(problem(500, "internal")).mount(&server).await;
    Mock::given(path("/api/v1/models/b")).respond_with(problem(418, "teapot")).mount(&server).await;
    let gateway = ResponseTemplate::new(502).set_body_string("<html>");
    Mock::given(path("/api/v1/models/c")).respond_with(gateway).mount(&server).await;
    let error = client.predict("m", &PredictionRequest::default()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Problem { code: Code::InvalidRows, detail, errors }
            if detail == "why" && errors[0].pointer == "/rows/0"),
        "{error}"
    );
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
    assert!(Client::new("https://localhost", "line\nbreak").is_err());
}

#[tokio::test]
async fn an_alias_moves_from_where_it_was_seen() {
    let server = MockServer::start().await;
    let at = |revision: u64| {
        json!({"model": "m", "alias": "champion", "version": 1, "revision": revision,
               "moved_at": "2026-01-01T00:00:00Z"})
    };
    let put = || Mock::given(method("PUT")).and(path("/proxied/api/v1/models/m/aliases/champion"));
    put()
        .and(header("if-none-match", "*"))
        .and(body_json(json!({"version": 1})))
        .respond_with(ResponseTemplate::new(200).set_body_json(at(1)))
        .mount(&server)
        .await;
    put()
        .and(header("if-match", "\"1\""))
        .respond_with(problem(412, "precondition_failed"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(header_exists("authorization"))
        .respond_with(problem(404, "not_found"))
        .mount(&server)
        .await;
    let client = Client::new(&format!("{}/proxied/", server.uri()), "act_secret").unwrap();
    assert_eq!(client.get_alias("m", "champion").await.unwrap(), None);
    let target = AliasTarget { version: 1, reason: None };
    let alias = client.move_alias("m", "champion", &target, None).await.unwrap();
    assert_eq!(alias.revision, 1);
    let error = client.move_alias("m", "champion", &target, Some(&alias)).await.unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
}

fn event(sequence: u64, event: &serde_json::Value) -> String {
    let data = json!({"sequence": sequence, "at": "2026-01-01T00:00:00Z", "event": event});
    format!("id: {sequence}\ndata: {data}\n\n")
}

#[tokio::test]
async fn a_broken_stream_of_events_is_taken_up_where_it_broke() {
    let (server, client) = server().await;
    let connections = AtomicUsize::new(0);
    let (running, done) = (json!({"kind": "state", "state": "running"}), json!({"kind": "state", "state": "done"}));
    let log = |text: &str| json!({"kind": "log", "message": text});
    let first = event(1, &running) + &event(2, &log("a")) + "id: 3\ndata: {\"sequ";
    let second = event(2, &log("again")) + &event(3, &log("b")) + &event(4, &done);
    Mock::given(path(format!("/api/v1/jobs/{ID}/events")))
        .respond_with(move |request: &Request| {
            let last = request.headers["last-event-id"].to_str().unwrap();
            let (wanted, body) = match connections.fetch_add(1, Ordering::Relaxed) {
                0 => ("0", &first),
                _ => ("2", &second),
            };
            assert_eq!(last, wanted);
            ResponseTemplate::new(200).set_body_raw(body.as_str(), "text/event-stream")
        })
        .expect(2)
        .mount(&server)
        .await;
    Mock::given(path(format!("/api/v1/jobs/{ID}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(job("failed")))
        .mount(&server)
        .await;
    let mut seen = Vec::new();
    let id = ID.parse().unwrap();
    let job = client.wait_for_job(id, |event| seen.push(event.clone())).await.unwrap();
    let sequences: Vec<_> = seen.iter().map(|e| e.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert!(matches!(&seen[2].event, JobEventKind::Log(log) if log.message == "b"));
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(outcome(job).unwrap_err().code(), Code::Internal);
}
