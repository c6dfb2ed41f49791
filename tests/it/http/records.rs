//! Recorded predictions: kept as they were asked and answered, by many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actuary::error::Code;
use actuary::service::{Question, Service, ServiceSettings};
use actuary::store::connect::{PoolSettings, connect};
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

const PATIENCE: Duration = Duration::from_secs(60);
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
    let mut recording = Store::new(pool.clone()).recording(PATIENCE);
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
    assert_eq!((refused.code(), references().await), (Code::NotFound, 1), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_lost_is_replaced() {
    let served = served().await;
    let pool = &served.database.pool;
    let record = new_record(pool).await;
    let mut recording = Store::new(pool.clone()).recording(PATIENCE);
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
async fn a_database_that_does_not_answer_is_not_waited_for() {
    let served = served().await;
    let record = new_record(&served.database.pool).await;
    let silent = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(8); RETURN NULL; END';
        CREATE TRIGGER silent AFTER INSERT ON prediction FOR EACH ROW WHEN (NEW.threshold = 0.25)
            EXECUTE FUNCTION wait()";
    sqlx::raw_sql(silent).execute(&served.database.pool).await.unwrap();
    let store = Store::new(pool_of(1, &served.database.url).await);
    let mut recording = store.recording(PATIENCE);
    // What it refers to is there, so that nobody waits for it.
    recording.record(&[record()]).await.unwrap();
    recording.rest();
    let mut recording = store.recording(Duration::from_millis(200));
    let unheard = NewRecord { threshold: Some(0.25), ..record() };
    let refused = recording.record(&[unheard]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(recording.held().is_none(), "the connection is given up");
    // The one that the pool may have is another one then.
    let began = Instant::now();
    store.recording(PATIENCE).record(&[record()]).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_lock_for_long_is_to_try_again() {
    let served = served().await;
    let pool = &served.database.pool;
    let record = new_record(pool).await;
    let settings =
        PoolSettings { lock_timeout: Duration::from_millis(50), ..PoolSettings::default() };
    let mut recording =
        Store::new(connect(&served.database.url, &settings).await.unwrap()).recording(PATIENCE);
    let mut other = pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE prediction").execute(&mut *other).await.unwrap();
    let refused = recording.record(&[record()]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.to_string().contains("too busy"), "{refused}");
    other.rollback().await.unwrap();
    recording.record(&[record()]).await.unwrap();
}

/// Waits until so many wait for a lock in the database.
async fn waits_for_a_lock(pool: &PgPool, number: i64) {
    let query = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = async || sqlx::query_scalar::<_, i64>(query).fetch_one(pool).await.unwrap();
    let until = async {
        while waits().await != number {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), until).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_deleted_beside_its_first_record_is_either_gone_or_in_use() {
    let served = served().await;
    let pool = &served.database.pool;
    let body = r#"{"rows": [{"x": 1, "region": "n"}], "version": 1, "record": true}"#;
    let plain = body.replace("true", "false");
    let ask = |body: &str| {
        let asked = served.post(PREDICTIONS).header(CONTENT_TYPE, "application/json");
        tokio::spawn(asked.body(body.to_owned()).send())
    };
    let record = (new_record(pool).await)();

    // The deletion is first; the version is in memory by now.
    json(ask(&plain).await.unwrap().unwrap(), StatusCode::OK).await;
    let mut deletion = pool.begin().await.unwrap();
    sqlx::raw_sql("DELETE FROM model_version").execute(&mut *deletion).await.unwrap();
    let asked = ask(body);
    waits_for_a_lock(pool, 1).await;
    deletion.commit().await.unwrap();
    let gone = problem(asked.await.unwrap().unwrap(), 404, "not_found").await;
    assert!(gone["detail"].as_str().unwrap().contains("was deleted before"), "{gone}");

    // Of another model: its record is first.
    let spec = json!({"dataset": {"name": "loans"}, "target": "y", "epochs": 1,
        "network": {"kind": "linear"}});
    let queued = served.post("/api/v1/models/other/versions").json(&spec).send().await.unwrap();
    json(queued, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let model: i64 =
        sqlx::query_scalar("SELECT model FROM model_version").fetch_one(pool).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO prediction_reference (project, key, model, version) VALUES ($1, $2, $3, 1)",
    )
    .bind(&record.project)
    .bind(record.key)
    .bind(model)
    .execute(&mut *tx)
    .await
    .unwrap();
    let deleted = served.request(Method::DELETE, "/api/v1/models/other/versions/1").send();
    let deleted = tokio::spawn(deleted);
    waits_for_a_lock(pool, 1).await;
    tx.commit().await.unwrap();
    let held = problem(deleted.await.unwrap().unwrap(), 409, "in_use").await;
    assert!(held["detail"].as_str().unwrap().contains("recorded predictions"), "{held}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_version_answers_no_more() {
    let served = served().await;
    let ask = async || {
        let body = r#"{"rows": [{"x": 1, "region": "n"}], "version": 1}"#;
        let asked = served.post(PREDICTIONS).header(CONTENT_TYPE, "application/json").body(body);
        asked.send().await.unwrap()
    };
    json(ask().await, StatusCode::OK).await;
    let gone = served.request(Method::DELETE, "/api/v1/models/risk/versions/1").send().await;
    assert_eq!(gone.unwrap().status(), StatusCode::NO_CONTENT);
    problem(ask().await, 404, "not_found").await;
}

/// A service of its own beside the server, with so many connections, one of which hears what changes.
async fn beside(served: &Served, connections: u32) -> Service {
    let store = Store::new(pool_of(connections, &served.database.url).await);
    let settings = ServiceSettings {
        model_cache_bytes: 64 << 20,
        ..ServiceSettings::for_child(std::env::temp_dir())
    };
    Service::new(store, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_loaded_once_for_many() {
    let served = served().await;
    let pool = &served.database.pool;
    let service = beside(&served, 6).await;
    let caller = service.authenticate(&served.secret).await.unwrap();
    let mut held = pool.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE blob_chunk").execute(&mut *held).await.unwrap();
    let asked: Vec<_> = (0..4)
        .map(|x| {
            let body = json!({"rows": [{"x": x, "region": "n"}], "version": 1});
            let question = Question::Rows(serde_json::from_value(body).unwrap());
            let (service, caller) = (service.clone(), caller.clone());
            tokio::spawn(async move {
                service.predict(&caller, None, "risk", question).await.map(|found| found.version)
            })
        })
        .collect();
    waits_for_a_lock(pool, 1).await;
    // Time for those who would come after it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    waits_for_a_lock(pool, 1).await;
    held.rollback().await.unwrap();
    for asked in asked {
        assert_eq!(asked.await.unwrap().unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_memory_answers_without_a_query_and_heeds_changes_within_a_second() {
    let served = served().await;
    let (service, pool) = (beside(&served, 4).await, &served.database.pool);
    let alias = "/api/v1/models/risk/aliases/mine";
    let moved = served
        .request(Method::PUT, alias)
        .header("if-none-match", "*")
        .json(&json!({"version": 1}))
        .send()
        .await
        .unwrap();
    assert!(moved.status().is_success(), "{}", moved.status());
    let ask = || async {
        let caller = service.authenticate(&served.secret).await?;
        let body = json!({"rows": [{"x": 1, "region": "n"}], "version": "mine"});
        let question = Question::Rows(serde_json::from_value(body).unwrap());
        service.predict(&caller, None, "risk", question).await
    };
    let tables =
        "LOCK TABLE project, key, model, model_version, alias, blob, blob_chunk, job, dataset,
        dataset_version, policy, policy_version, reason_table, prediction, prediction_reference";
    // Nothing is kept in memory before the service hears what changes.
    let mut attempts = 0;
    let held = loop {
        assert_eq!(ask().await.unwrap().id, None);
        let mut held = pool.begin().await.unwrap();
        sqlx::raw_sql(tables).execute(&mut *held).await.unwrap();
        // A query would wait for the lock.
        if tokio::time::timeout(Duration::from_secs(2), ask()).await.is_ok() {
            break held;
        }
        held.rollback().await.unwrap();
        attempts += 1;
        assert!(attempts < 10, "each time the database was asked");
    };
    for _ in 0..100 {
        tokio::time::timeout(Duration::from_secs(5), ask()).await.unwrap().unwrap();
    }
    held.rollback().await.unwrap();

    let recorded =
        served.request(Method::PATCH, "/api/v1/models/risk").json(&json!({"record": true}));
    assert_eq!(recorded.send().await.unwrap().status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ask().await.unwrap().id.is_some());
    let gone = served.request(Method::DELETE, alias).header("if-match", "*").send().await.unwrap();
    assert!(gone.status().is_success(), "{}", gone.status());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ask().await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_recorded_last_leaves_others_a_connection() {
    let served = served().await;
    let service = beside(&served, 2).await;
    let caller = service.authenticate(&served.secret).await.unwrap();
    let body = json!({"rows": [{"x": 1, "region": "n"}], "version": 1, "record": true});
    let question = Question::Rows(serde_json::from_value(body).unwrap());
    let id = service.predict(&caller, None, "risk", question).await.unwrap().id.unwrap();
    for _ in 0..3 {
        assert_eq!(service.get_prediction(&caller, id).await.unwrap().id, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_record_leave_others_a_connection() {
    let served = served().await;
    let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END';
        CREATE TRIGGER slow AFTER INSERT ON prediction FOR EACH STATEMENT EXECUTE FUNCTION wait()";
    sqlx::raw_sql(slow).execute(&served.database.pool).await.unwrap();
    let service = beside(&served, 2).await;
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
