//! Predictions whose rows or answers are Arrow streams.

use std::sync::Arc;

use actuary::client::Client;
use actuary::domain::prediction::{ARROW_STREAM, VersionRef};
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int16Array,
    RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Float64Type, Int8Type};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const RISK: &str = "/api/v1/models/risk/predictions";
const INCOME: &str = "/api/v1/models/income/predictions";

/// A server with a classifier and a regression of the same columns, each its champion.
async fn served() -> Served {
    let served = Served::start().await;
    let row = |i: usize| {
        let region = ["north", "south", "west"][i % 3];
        let (age, owner) = (18 + i * 7 % 60, i.is_multiple_of(2));
        let grade = if age > 40 { "good" } else { "bad" };
        let income = age * 100 + i % 13;
        format!("{income}.5,{age},{owner},{region},2026-01-{:02}T10:00:00Z,{grade}\n", 1 + i % 28)
    };
    let rows: String = (0..300).map(row).collect();
    served.upload("loans", &format!("income,age,owner,region,opened,grade\n{rows}")).await;
    served.work_off().await;
    for (model, target, others) in [("risk", "grade", "income"), ("income", "income", "grade")] {
        let spec = json!({"dataset": {"name": "loans"}, "target": target, "epochs": 2, "seed": 1,
            "features": ["age", "owner", "region", "opened", others],
            "network": {"kind": "mlp", "hidden": [8], "dropout": 0.0}, "baselines": false});
        let path = format!("/api/v1/models/{model}/versions");
        let queued = served.post(&path).json(&spec).send().await.unwrap();
        json(queued, StatusCode::ACCEPTED).await;
        served.work_off().await;
        let champion = format!("/api/v1/models/{model}/aliases/champion");
        let moved = served.request(Method::PUT, &champion).header("if-none-match", "*");
        json(moved.json(&json!({"version": 1})).send().await.unwrap(), StatusCode::OK).await;
    }
    served
}

fn stream(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

/// The rows of [`as_json`].
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let regions: DictionaryArray<Int8Type> =
        [Some("north"), None, Some("east")].into_iter().collect();
    let opened =
        TimestampNanosecondArray::from(vec![Some(1_769_817_600_000_000_000), None, Some(0)]);
    vec![
        ("age", Arc::new(Int16Array::from(vec![Some(41), None, Some(60)])) as ArrayRef),
        ("owner", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("region", Arc::new(regions)),
        ("opened", Arc::new(opened.with_timezone("Europe/Berlin"))),
        ("income", Arc::new(Float32Array::from(vec![4100.5, 2000.25, f32::NAN]))),
    ]
}

fn as_json() -> Value {
    json!({"rows": [
        {"age": 41, "owner": true, "region": "north", "opened": "2026-01-31", "income": 4100.5},
        {"age": null, "owner": false, "region": null, "opened": null, "income": 2000.25},
        {"age": 60, "owner": null, "region": "east", "opened": "1970-01-01", "income": null},
    ]})
}

fn ask(served: &Served, path: &str, body: Bytes) -> RequestBuilder {
    served.post(path).header(CONTENT_TYPE, ARROW_STREAM).body(body)
}

/// The one batch of an answer.
async fn answered(response: Response) -> RecordBatch {
    assert_eq!(response.headers()[CONTENT_TYPE], ARROW_STREAM);
    assert_eq!(response.status(), StatusCode::OK);
    batch(&response.bytes().await.unwrap())
}

fn batch(bytes: &[u8]) -> RecordBatch {
    let mut batches = StreamReader::try_new(bytes, None).unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

/// Holds an answer as Arrow against the same one as JSON, bit for bit.
fn check_same(batch: &RecordBatch, json: &Value) {
    let rows = json["predictions"].as_array().unwrap();
    assert_eq!(batch.num_rows(), rows.len());
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let found = |row: &Value| match field.name().strip_prefix("probabilities.") {
            Some(class) => row["probabilities"][class].as_f64(),
            None => row[field.name()].as_f64(),
        };
        for (at, row) in rows.iter().enumerate() {
            if field.name() == "label" {
                assert_eq!(column.as_string::<i32>().value(at), row["label"]);
                continue;
            }
            let number = column.as_primitive::<Float64Type>().value(at);
            assert_eq!(found(row).map(f64::to_bits), Some(number.to_bits()), "{field} {at}");
        }
    }
    let expected = rows[0]["probabilities"].as_object().map_or(1, |classes| classes.len() + 1);
    assert_eq!(batch.num_columns(), expected);
    assert_eq!(schema.metadata()["model"], json["model"].as_str().unwrap());
    assert_eq!(schema.metadata()["version"], json["version"].to_string());
    assert_eq!(schema.metadata().get("id").map(String::as_str), json["id"].as_str());
    let threshold = schema.metadata().get("threshold").map(|t| t.parse::<f64>().unwrap());
    assert_eq!(threshold, json["threshold"].as_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_answers_are_the_same_in_both_forms() {
    let served = served().await;
    for (path, dropped) in [(RISK, "grade"), (INCOME, "income")] {
        let (mut rows, mut columns) = (as_json(), columns());
        if dropped == "income" {
            for row in rows["rows"].as_array_mut().unwrap() {
                row.as_object_mut().unwrap().remove("income");
                row["grade"] = json!("good");
            }
            columns.retain(|(name, _)| *name != "income");
            columns.push(("grade", Arc::new(StringArray::from(vec!["good"; 3]))));
        }
        let body = stream(columns);
        let by_json = served.post(path).json(&rows).send().await.unwrap();
        let by_json = json(by_json, StatusCode::OK).await;
        let by_arrow = ask(&served, path, body.clone()).send().await.unwrap();
        assert_eq!(json(by_arrow, StatusCode::OK).await, by_json);
        let from_json = served.post(path).json(&rows).header(ACCEPT, ARROW_STREAM);
        check_same(&answered(from_json.send().await.unwrap()).await, &by_json);
        let both = ask(&served, path, body).header(ACCEPT, ARROW_STREAM);
        check_same(&answered(both.send().await.unwrap()).await, &by_json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_named() {
    let served = served().await;
    let mut wrong = columns();
    wrong[0] = ("aeg", wrong[0].1.clone());
    wrong[1] = ("owner", Arc::new(StringArray::from(vec!["yes"; 3])));
    let found = ask(&served, RISK, stream(wrong)).send().await.unwrap();
    let found = problem(found, 422, "invalid_rows").await;
    assert_eq!(pointers(&found), ["/columns/age", "/columns/owner", "/columns/aeg"], "{found}");
    let mut infinite = columns();
    infinite[4].1 = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY, f64::NEG_INFINITY]));
    let found = ask(&served, RISK, stream(infinite)).send().await.unwrap();
    let found = problem(found, 422, "invalid_rows").await;
    assert_eq!(pointers(&found), ["/columns/income/1", "/columns/income/2"], "{found}");

    // As JSON a column that stands twice is told as well.
    let twice = r#"{"rows":[{"age":1,"owner":true,"region":"west","opened":null,"age":2}]}"#;
    let request = served.post(RISK).header(CONTENT_TYPE, "application/json").body(twice);
    let found = problem(request.send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["/rows/0/age"], "{found}");

    let good = stream(columns());
    let broken = good.slice(..good.len() / 2);
    problem(ask(&served, RISK, broken).send().await.unwrap(), 400, "malformed_request").await;
    let json_body = Bytes::from_static(b"{\"rows\": []}");
    problem(ask(&served, RISK, json_body).send().await.unwrap(), 400, "malformed_request").await;
    let none: Vec<_> =
        columns().into_iter().map(|(name, array)| (name, array.slice(0, 0))).collect();
    let none =
        problem(ask(&served, RISK, stream(none)).send().await.unwrap(), 422, "invalid_request")
            .await;
    assert_eq!(pointers(&none), ["/rows"]);
    let file =
        served.post(RISK).header(CONTENT_TYPE, "application/vnd.apache.arrow.file").body(good);
    let file = problem(file.send().await.unwrap(), 415, "unsupported_media_type").await;
    assert!(file["detail"].as_str().unwrap().contains(ARROW_STREAM), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_belongs_to_streams_and_accept_to_both() {
    let served = served().await;
    let body = || stream(columns());
    for version in ["1", "champion"] {
        let named = ask(&served, &format!("{RISK}?version={version}&record=false"), body());
        let named = json(named.send().await.unwrap(), StatusCode::OK).await;
        assert_eq!((&named["version"], &named["id"]), (&json!(1), &Value::Null));
    }
    for (version, status, code) in [("champoin", 404, "not_found"), ("7", 404, "not_found")] {
        let path = format!("{RISK}?version={version}");
        let found = problem(ask(&served, &path, body()).send().await.unwrap(), status, code).await;
        assert!(pointers(&found).iter().all(|p| *p == "query version"), "{found}");
    }
    let maybe = ask(&served, &format!("{RISK}?record=maybe"), body()).send().await.unwrap();
    let maybe = problem(maybe, 422, "invalid_request").await;
    assert_eq!(pointers(&maybe), ["query record"]);
    for query in ["version=1", "record=true"] {
        let beside = served.post(&format!("{RISK}?{query}")).json(&as_json()).send().await.unwrap();
        let beside = problem(beside, 400, "malformed_request").await;
        assert!(beside["detail"].as_str().unwrap().contains("into the body"), "{beside}");
    }
    for accept in ["text/csv", "application/vnd.apache.arrow.file", "application/json;q=0"] {
        let refused =
            served.post(RISK).json(&as_json()).header(ACCEPT, accept).send().await.unwrap();
        problem(refused, 406, "not_acceptable").await;
    }
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json, application/vnd.apache.arrow.stream;q=0.5", "application/json"),
        ("application/json;q=0.5, application/vnd.apache.arrow.stream", ARROW_STREAM),
        ("text/html, application/vnd.apache.arrow.stream;q=0.1", ARROW_STREAM),
    ] {
        let answer = ask(&served, RISK, body()).header(ACCEPT, accept).send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], expected, "{accept}");
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_streams_are_rows_that_can_be_replayed() {
    let served = served().await;
    let path = format!("{RISK}?record=true");
    let once = || ask(&served, &path, stream(columns())).header("idempotency-key", "a");
    let first = json(once().send().await.unwrap(), StatusCode::OK).await;
    // The repeat is the same answer, in whichever form it is wanted.
    assert_eq!(json(once().send().await.unwrap(), StatusCode::OK).await, first);
    let again = once().header(ACCEPT, ARROW_STREAM).send().await.unwrap();
    check_same(&answered(again).await, &first);
    let other = ask(&served, RISK, stream(columns())).header("idempotency-key", "a");
    problem(other.send().await.unwrap(), 422, "idempotency_mismatch").await;

    let kept = format!("/api/v1/predictions/{}", first["id"].as_str().unwrap());
    let record = json(served.get(&kept).send().await.unwrap(), StatusCode::OK).await;
    let mut rows = as_json()["rows"].clone();
    rows[0]["opened"] = json!("2026-01-31T00:00:00Z");
    rows[2]["opened"] = json!("1970-01-01T00:00:00Z");
    assert_eq!(record["rows"], rows);
    assert_eq!(record["predictions"], first["predictions"]);
    let replay = served.post(&format!("{kept}/replay")).send().await.unwrap();
    let replay = json(replay, StatusCode::OK).await;
    assert_eq!((&replay["identical"], &replay["max_difference"]), (&json!(true), &json!(0.0)));
    let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM prediction")
        .fetch_one(&served.database.pool)
        .await
        .unwrap();
    assert_eq!(counted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_sends_and_reads_streams() {
    let served = served().await;
    let client = Client::new(&format!("http://{}", served.address), &served.secret).unwrap();
    let body = stream(columns());
    let version = VersionRef::Alias("champion".into());
    for record in [false, true] {
        let answer =
            client.predict_arrow("risk", body.clone(), Some(&version), record).await.unwrap();
        let answer = batch(&answer);
        assert_eq!(answer.schema().metadata().contains_key("id"), record);
        assert_eq!(answer.num_rows(), 3);
    }
    let missing = client.predict_arrow("risk", body, Some(&VersionRef::Number(9)), false).await;
    assert!(missing.unwrap_err().to_string().contains('9'));
}
