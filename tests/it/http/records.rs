//! Recorded predictions: kept as they were asked and answered, by many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actuary::error::Code;
use actuary::service::{Question, Service, ServiceSettings};
use actuary::store::{NewRecord, Store};
use futures_util::future::join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::server::{Served, json, problem};
use crate::support::pool_of;

const PREDICTIONS: &str = "/api/v1/models/risk/predictions";

/// A server with version 1 of a model.
async fn served() -> Served {
    let served = Served::start().await;
    let row = |i: usize| format!("{}.5,{},{}\n", i % 17, ["n", "s"][i % 2], u8::from(i % 17 > 8));
    let rows: String = (0..200).map(row).collect();
    served.upload("loans", &format!("x,region,y\n{rows}")).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "y", "epochs": 1,
        "network": {"kind": "linear"}});
    let queued = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(queued, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

async fn recorded(served: &Served, body: String) -> Value {
    let asked = served.post(PREDICTIONS).header(CONTENT_TYPE, "application/json").body(body);
    json(asked.send().await.unwrap(), StatusCode::OK).await
}

/// The rows and the predictions of a record as the database holds them.
async fn stored(served: &Served, id: &Value) -> (String, String) {
    let query = "SELECT rows::text, predictions::text FROM prediction WHERE id = $1";
    let id: Uuid = id.as_str().unwrap().parse().unwrap();
    sqlx::query_as(query).bind(id).fetch_one(&served.database.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_kept_as_they_were_sent() {
    let served = served().await;
    let rows = [
        // The quick way takes what was sent, with every digit of its numbers.
        (
            r#""rows": [{"x": 5.250, "region": "n"}, {"x":1E1,"region":null}]"#,
            r#"[{"x": 5.250, "region": "n"}, {"x":1E1,"region":null}]"#,
        ),
        // What has escapes goes the general way.
        (r#""rows": [{"x": 5.250, "region": "\u006e"}]"#, r#"[{"region":"n","x":5.25}]"#),
        (
            r#""columns": {"x": [0.1, 2], "region": ["s", "a \"b\""]}"#,
            r#"[{"region":"s","x":0.1},{"region":"a \"b\"","x":2}]"#,
        ),
        (
            r#""columns": {"x": [0.10, 2], "region": ["s", "n"]}"#,
            r#"[{"region":"s","x":0.1},{"region":"n","x":2}]"#,
        ),
    ];
    for (asked, kept) in rows {
        let body = format!("{{{asked}, \"version\": 1, \"record\": true}}");
        let answer = recorded(&served, body.clone()).await;
        let (rows, predictions) = stored(&served, &answer["id"]).await;
        assert_eq!(rows, kept);
        assert_eq!(serde_json::from_str::<Value>(&predictions).unwrap(), answer["predictions"]);

        let path = format!("/api/v1/predictions/{}/replay", answer["id"].as_str().unwrap());
        let replay = served.post(&path).send().await.unwrap();
        assert_eq!(json(replay, StatusCode::OK).await["identical"], true, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_at_once_has_a_record_of_its_own() {
    let served = served().await;
    let ask = |x: usize| {
        let body = format!(
            "{{\"rows\": [{{\"x\": {x}, \"region\": \"n\"}}], \"version\": 1, \"record\": true}}"
        );
        recorded(&served, body)
    };
    let answers = join_all((0..100).map(ask)).await;
    for (x, answer) in answers.iter().enumerate() {
        let (rows, predictions) = stored(&served, &answer["id"]).await;
        assert_eq!(rows, format!("[{{\"x\": {x}, \"region\": \"n\"}}]"));
        assert_eq!(serde_json::from_str::<Value>(&predictions).unwrap(), answer["predictions"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_records_refer_to_stays() {
    let served = served().await;
    let pool = &served.database.pool;
    let body = r#"{"rows": [{"x": 1, "region": "n"}], "version": 1, "record": true}"#;
    for _ in 0..2 {
        recorded(&served, body.to_owned()).await;
    }
    let references: Vec<(i32, String)> =
        sqlx::query_as("SELECT version, project FROM prediction_reference")
            .fetch_all(pool)
            .await
            .unwrap();
    assert_eq!(references, [(1, "default".to_owned())]);
    let gone = served.request(Method::DELETE, "/api/v1/models/risk/versions/1").send().await;
    let held = problem(gone.unwrap(), 409, "in_use").await;
    assert!(
        held["detail"].as_str().unwrap().ends_with("is held by recorded predictions"),
        "{held}"
    );
    for statement in ["DELETE FROM model_version", "DELETE FROM key", "DELETE FROM project"] {
        let refused = sqlx::query(statement).execute(pool).await.unwrap_err().to_string();
        assert!(refused.contains("foreign key"), "{refused}");
    }
}

/// Makes records of the one version that there is.
async fn new_record(pool: &PgPool) -> impl Fn() -> NewRecord {
    let (model, version): (i64, i32) =
        sqlx::query_as("SELECT model, version FROM model_version").fetch_one(pool).await.unwrap();
    let (key, project): (Uuid, String) =
        sqlx::query_as("SELECT id, project FROM key LIMIT 1").fetch_one(pool).await.unwrap();
    move || NewRecord {
        id: Uuid::now_v7(),
        project: project.clone(),
        key,
        model,
        version: u32::try_from(version).unwrap(),
        rows: "[{}]".to_owned(),
        predictions: "[{\"value\": 1.50}]".to_owned(),
        threshold: None,
        reasons: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_holds_nothing() {
    let served = served().await;
    let pool = &served.database.pool;
    let record = new_record(pool).await;
    let references = async || -> i64 {
        let query = "SELECT count(*) FROM prediction_reference";
        sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
    };
    let mut recording = Store::new(pool.clone()).recording();
    for _ in 0..2 {
        let broken = NewRecord { rows: "[{]".to_owned(), ..record() };
        let refused = recording.record(&[record(), broken]).await.unwrap_err();
        assert_eq!((refused.code(), references().await), (Code::Internal, 0), "{refused}");
    }
    // By a connection that has recorded nothing, and by one that has.
    for _ in 0..2 {
        recording.record(&[record(), record()]).await.unwrap();
        assert_eq!(references().await, 1);
    }
    let unknown = NewRecord { version: 2, ..record() };
    let refused = recording.record(&[unknown]).await.unwrap_err();
    assert_eq!((refused.code(), references().await), (Code::Internal, 1), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_lost_is_replaced() {
    let served = served().await;
    let pool = &served.database.pool;
    let record = new_record(pool).await;
    let mut recording = Store::new(pool.clone()).recording();
    recording.record(&[record(), record()]).await.unwrap();
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%INSERT INTO prediction (%'
                AND pid <> pg_backend_pid()) AS ended",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(ended, 1);
    let lost = recording.record(&[record()]).await.unwrap_err();
    assert_eq!(lost.code(), Code::Unavailable, "{lost}");
    recording.record(&[record()]).await.unwrap();
    recording.rest();
    recording.record(&[record()]).await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM prediction").fetch_one(pool).await.unwrap();
    assert_eq!(kept, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_record_leave_others_a_connection() {
    let served = served().await;
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END';
        CREATE TRIGGER slow AFTER INSERT ON prediction FOR EACH STATEMENT EXECUTE FUNCTION wait()";
    sqlx::raw_sql(slow).execute(&served.database.pool).await.unwrap();
    // One of the two hears what changes.
    let store = Store::new(pool_of(2, &served.database.url).await);
    let settings = ServiceSettings {
        model_cache_bytes: 64 << 20,
        ..ServiceSettings::for_child(std::env::temp_dir())
    };
    let service = Service::new(store, settings);
    let caller = service.authenticate(&served.secret).await.unwrap();
    let body = json!({"rows": [{"x": 1, "region": "n"}], "version": 1, "record": true});
    let record = {
        let (service, caller) = (service.clone(), caller.clone());
        move || {
            let question = Question::Rows(serde_json::from_value(body.clone()).unwrap());
            let (service, caller) = (service.clone(), caller.clone());
            async move { service.predict(&caller, None, "risk", question).await.unwrap().id }
        }
    };
    let first = record().await.unwrap();
    let (is_over, recorded) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let recording = (0..8).map(|_| {
        let (record, is_over, recorded) = (record.clone(), is_over.clone(), recorded.clone());
        // They come back too late to be waited for and before the next group is written: some always wait.
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                record().await.unwrap();
                recorded.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        })
    });
    let recording: Vec<_> = recording.collect();
    while recorded.load(Ordering::Relaxed) < 16 {
        assert!(!recording.iter().any(JoinHandle::is_finished), "beside {recorded:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(service.get_prediction(&caller, first).await.map(|found| found.id));
    }
    is_over.store(true, Ordering::Relaxed);
    join_all(recording).await.into_iter().for_each(Result::unwrap);
    assert!(answers.iter().all(Result::is_ok), "{answers:?} beside {recorded:?}");
}
