//! Aliases over HTTP: preconditions, rollback, history.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};
use crate::openapi::{described, operations};

const CHAMPION: &str = "/api/v1/models/default-risk/aliases/champion";

/// A model with versions that nobody trained.
async fn with_versions(count: i32) -> Served {
    let served = Served::start().await;
    served.upload("loans", "x,default\n1,0\n2,1\n").await;
    served.work_off().await;
    let document = described();
    let operation = operations(&document)
        .into_iter()
        .find(|(_, _, o)| o["operationId"] == "get_model_version")
        .unwrap()
        .2;
    let example = &operation["responses"]["200"]["content"]["application/json"]["example"];
    let pool = &served.database.pool;
    let blob: i64 = sqlx::query_scalar(
        "INSERT INTO blob (sha256, size) VALUES (decode(repeat('ab', 32), 'hex'), 0) RETURNING id",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let model: i64 = sqlx::query_scalar(
        "INSERT INTO model (project, name, task, input_kind, last_version) \
         VALUES ('default', 'default-risk', 'binary', 'tabular', $1) RETURNING id",
    )
    .bind(count)
    .fetch_one(pool)
    .await
    .unwrap();
    for version in 1..=count {
        let mut description: Value = example.clone();
        description["version"] = json!(version);
        sqlx::query(
            "WITH made AS (INSERT INTO job (id, project, kind, state, subject, spec, finished_at) \
                 VALUES (gen_random_uuid(), 'default', 'training', 'done', 'default-risk', '{}', now()) \
                 RETURNING id) \
             INSERT INTO model_version \
                 (model, version, description, features, weights, dataset, dataset_version, job) \
             SELECT $1, $2, $3, '{}', $4, d.id, 1, made.id FROM made, dataset d",
        )
        .bind(model)
        .bind(version)
        .bind(&description)
        .bind(blob)
        .execute(pool)
        .await
        .unwrap();
    }
    served
}

async fn put(served: &Served, version: u32, condition: Option<(&str, &str)>) -> reqwest::Response {
    let mut request = served.request(Method::PUT, CHAMPION).json(&json!({"version": version}));
    if let Some((name, value)) = condition {
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_needs_to_know_what_it_moves() {
    let served = with_versions(2).await;
    problem(put(&served, 1, None).await, 428, "precondition_required").await;
    problem(put(&served, 1, Some(("if-match", "*"))).await, 412, "precondition_failed").await;
    problem(put(&served, 1, Some(("if-match", "\"1\""))).await, 412, "precondition_failed").await;
    let made = put(&served, 1, Some(("if-none-match", "*"))).await;
    assert_eq!(made.headers()["etag"], "\"1\"");
    assert_eq!(json(made, StatusCode::OK).await["version"], 1);

    let taken = put(&served, 2, Some(("if-none-match", "*"))).await;
    problem(taken, 412, "precondition_failed").await;
    for foreign in ["W/\"1\"", "\"one\"", "\"1\", \"2\""] {
        let refused = put(&served, 2, Some(("if-match", foreign))).await;
        problem(refused, 412, "precondition_failed").await;
    }
    for odd in ["1", "\"1", "one"] {
        let refused = put(&served, 2, Some(("if-match", odd))).await;
        let body = problem(refused, 422, "invalid_request").await;
        assert_eq!(pointers(&body), ["header If-Match"], "{odd}");
    }
    let moved = put(&served, 2, Some(("if-match", "\"1\""))).await;
    assert_eq!(moved.headers()["etag"], "\"2\"");
    problem(put(&served, 1, Some(("if-match", "\"1\""))).await, 412, "precondition_failed").await;
    assert_eq!(put(&served, 1, Some(("if-match", "*"))).await.status(), StatusCode::OK);
    problem(put(&served, 9, Some(("if-match", "*"))).await, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_promote_at_once_one_wins() {
    let served = with_versions(2).await;
    put(&served, 1, Some(("if-none-match", "*"))).await;
    let known = Some(("if-match", "\"1\""));
    let (one, two) = tokio::join!(put(&served, 1, known), put(&served, 2, known));
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_a_new_entry_of_the_history() {
    let served = with_versions(2).await;
    put(&served, 1, Some(("if-none-match", "*"))).await;
    let path = format!("{CHAMPION}/rollback");
    problem(served.post(&path).send().await.unwrap(), 428, "precondition_required").await;
    let nothing = served.post(&path).header("if-match", "\"1\"").send().await.unwrap();
    problem(nothing, 412, "precondition_failed").await;
    put(&served, 2, Some(("if-match", "\"1\""))).await;
    let between = chrono::Utc::now().to_rfc3339();
    let rollback = || served.post(&path).header("if-match", "\"2\"").header("idempotency-key", "r");
    let back = json(rollback().send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&back["version"], &back["revision"]), (&json!(1), &json!(3)));
    let again = json(rollback().send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(again, back, "a repeat does not roll back further");
    let late = served.post(&path).header("if-match", "\"2\"").send().await.unwrap();
    problem(late, 412, "precondition_failed").await;

    let history = format!("{CHAMPION}/history?limit=2");
    let history = json(served.get(&history).send().await.unwrap(), StatusCode::OK).await;
    let moves: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["version"].as_u64().unwrap())
        .collect();
    assert_eq!(moves, [1, 2]);
    assert!(history["next_cursor"].is_string());
    // The '+' of an offset is taken as it stands, too.
    let then = format!("{CHAMPION}/history/at?time={between}");
    let then = json(served.get(&then).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(then["version"], 2);
    let before = served.get(&format!("{CHAMPION}/history/at?time=2001-01-01T00:00:00Z"));
    problem(before.send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_a_deleted_version_says_so() {
    let served = with_versions(2).await;
    put(&served, 1, Some(("if-none-match", "*"))).await;
    put(&served, 2, Some(("if-match", "\"1\""))).await;
    let deleted = served.request(Method::DELETE, "/api/v1/models/default-risk/versions/1");
    assert_eq!(deleted.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let back = served.post(&format!("{CHAMPION}/rollback")).header("if-match", "\"2\"");
    let body = problem(back.send().await.unwrap(), 412, "precondition_failed").await;
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("version 1") && detail.contains("deleted"), "{detail}");
    assert!(detail.ends_with("by PUT"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_read_by_its_tag_and_removed() {
    let served = with_versions(1).await;
    problem(served.get(CHAMPION).send().await.unwrap(), 404, "not_found").await;
    put(&served, 1, Some(("if-none-match", "*"))).await;
    let found = served.get(CHAMPION).send().await.unwrap();
    assert_eq!(found.headers()["etag"], "\"1\"");
    let same = served.get(CHAMPION).header("if-none-match", "\"1\"").send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let list = served.get("/api/v1/models/default-risk/aliases").send().await.unwrap();
    assert_eq!(json(list, StatusCode::OK).await["items"][0]["alias"], "champion");
    let versions = served.get("/api/v1/models/default-risk/versions").send().await.unwrap();
    assert_eq!(json(versions, StatusCode::OK).await["items"][0]["aliases"], json!(["champion"]));

    let version = "/api/v1/models/default-risk/versions/1";
    let held = served.request(Method::DELETE, version).send().await.unwrap();
    problem(held, 409, "in_use").await;
    let bare = served.request(Method::DELETE, CHAMPION).send().await.unwrap();
    problem(bare, 428, "precondition_required").await;
    let gone = served.request(Method::DELETE, CHAMPION).header("if-match", "\"1\"");
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(served.get(CHAMPION).send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_model_are_changed() {
    let served = with_versions(1).await;
    let path = "/api/v1/models/default-risk";
    let change = served.request(Method::PATCH, path).json(&json!({"record": true}));
    assert_eq!(json(change.send().await.unwrap(), StatusCode::OK).await["record"], true);
    let version = served.get("/api/v1/models/default-risk/versions/1").send().await.unwrap();
    assert_eq!(json(version, StatusCode::OK).await["version"], 1);
}
