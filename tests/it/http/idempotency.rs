//! A request with an Idempotency-Key takes effect once.

use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

async fn create(served: &Served, key: &str, name: &str) -> Response {
    let wanted = json!({"name": name, "scopes": ["read"]});
    let request = served.post("/api/v1/keys").header("idempotency-key", key).json(&wanted);
    request.send().await.unwrap()
}

async fn count(served: &Served) -> usize {
    let list = json(served.get("/api/v1/keys").send().await.unwrap(), StatusCode::OK).await;
    list["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_answer() {
    let served = Served::start().await;
    let first = json(create(&served, "a-1", "x").await, StatusCode::CREATED).await;
    let second = json(create(&served, "a-1", "x").await, StatusCode::CREATED).await;
    assert_eq!(first, second);
    assert_eq!(count(&served).await, 2);
    problem(create(&served, "a-1", "y").await, 422, "idempotency_mismatch").await;
    let elsewhere = served.post("/api/v1/models/m/versions").header("idempotency-key", "a-1");
    let spec = json!({"dataset": {"name": "none"}, "target": "y"});
    let response = elsewhere.json(&spec).send().await.unwrap();
    assert!(response.status().is_client_error());
    assert_eq!(count(&served).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_at_once_make_one_thing() {
    let served = Served::start().await;
    let answers = join_all((0..8).map(|_| create(&served, "twin", "x"))).await;
    let mut made: Vec<Value> = Vec::new();
    for answer in answers {
        match answer.status() {
            StatusCode::CREATED => made.push(json(answer, StatusCode::CREATED).await),
            _ => drop(problem(answer, 409, "idempotency_conflict").await),
        }
    }
    assert!(!made.is_empty());
    assert!(made.iter().all(|m| m["id"] == made[0]["id"]), "{made:?}");
    assert_eq!(count(&served).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_keeps_nothing() {
    let served = Served::start().await;
    problem(create(&served, "again", "").await, 422, "invalid_request").await;
    json(create(&served, "again", "x").await, StatusCode::CREATED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_recognised_by_its_bytes() {
    let served = Served::start().await;
    let upload = |body: &'static str| {
        let request = served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv");
        request.header("idempotency-key", "u").body(body).send()
    };
    let first = json(upload("a\n1\n").await.unwrap(), StatusCode::ACCEPTED).await;
    let second = json(upload("a\n1\n").await.unwrap(), StatusCode::ACCEPTED).await;
    assert_eq!(first["id"], second["id"]);
    problem(upload("a\n2\n").await.unwrap(), 422, "idempotency_mismatch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused() {
    let served = Served::start().await;
    for bad in ["", "a b", "ü", &"x".repeat(256)] {
        let body = problem(create(&served, bad, "x").await, 422, "invalid_request").await;
        assert_eq!(pointers(&body), ["header Idempotency-Key"], "{bad}");
    }
    let twice = served.post("/api/v1/keys").header("idempotency-key", "a");
    let twice =
        twice.header("idempotency-key", "b").json(&json!({"name": "x", "scopes": ["read"]}));
    problem(twice.send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(count(&served).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_even_when_what_it_named_is_gone() {
    let served = Served::start().await;
    let rows: String = (0..200).map(|i| format!("{},{}\n", i % 17, u8::from(i % 17 > 8))).collect();
    served.upload("loans", &format!("x,y\n{rows}")).await;
    served.work_off().await;
    let train = || {
        let spec = json!({"dataset": {"name": "loans"}, "target": "y", "epochs": 1,
            "network": {"kind": "linear"}});
        let request = served.post("/api/v1/models/risk/versions").header("idempotency-key", "t");
        request.json(&spec).send()
    };
    let queued = json(train().await.unwrap(), StatusCode::ACCEPTED).await;
    served.work_off().await;
    let champion = "/api/v1/models/risk/aliases/champion";
    let to = served.request(Method::PUT, champion).header("if-none-match", "*");
    let moved = to.json(&json!({"version": 1})).send().await.unwrap();
    let tag = moved.headers()["etag"].to_str().unwrap().to_owned();
    json(moved, StatusCode::OK).await;
    let predict = || {
        let request = served.post("/api/v1/models/risk/predictions").header("idempotency-key", "p");
        request.json(&json!({"rows": [{"x": 3}], "record": true})).send()
    };
    let answered = json(predict().await.unwrap(), StatusCode::OK).await;

    let gone = served.request(Method::DELETE, champion).header("if-match", tag);
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    for path in ["/api/v1/models/risk/versions/1", "/api/v1/datasets/loans/versions/1"] {
        let gone = served.request(Method::DELETE, path).send().await.unwrap();
        let (status, body) = (gone.status(), gone.text().await.unwrap());
        // A version with recorded predictions stays, and with it its data.
        assert!(status.is_success() || status == StatusCode::CONFLICT, "{path}: {body}");
    }
    sqlx::query("UPDATE dataset SET name = 'elsewhere'")
        .execute(&served.database.pool)
        .await
        .unwrap();
    assert_eq!(json(train().await.unwrap(), StatusCode::ACCEPTED).await, queued);
    assert_eq!(json(predict().await.unwrap(), StatusCode::OK).await, answered);
    let unkept = served.post("/api/v1/models/risk/predictions").json(&json!({"rows": [{"x": 3}]}));
    problem(unkept.send().await.unwrap(), 404, "not_found").await;
}

/// Looking for an earlier answer must have let go of the key before the work takes hold of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_key_never_meets_itself() {
    let served = Served::start().await;
    served.upload("loans", "x,y\n1,0\n2,1\n3,0\n4,1\n").await;
    served.work_off().await;
    for number in 0..40 {
        let spec = json!({"dataset": {"name": "loans"}, "target": "y", "epochs": 1});
        let request = served.post("/api/v1/models/risk/versions").json(&spec);
        let request = request.header("idempotency-key", format!("fresh-{number}"));
        json(request.send().await.unwrap(), StatusCode::ACCEPTED).await;
    }
}
