//! Intervals of forecasts over HTTP, with what was measured of them, and forecasts from origin after
//! origin.

use std::fmt::Write as _;
use std::time::Duration;

use actuary::service::runs::Queue;
use actuary::store::Store;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// A series whose every value keeps a half of the one before, day by day.
fn steady(days: u32) -> String {
    let mut text = "day,rate\n".to_owned();
    let mut rate = 10.0;
    for day in 0..days {
        let noise = f64::from(day.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20) - 0.5;
        rate = 5.0 + 0.5 * rate + noise;
        writeln!(text, "{day},{rate:.5}").unwrap();
    }
    text
}

async fn done(served: &Served, path: &str, body: &Value) -> Value {
    let job = served.post(path).json(body).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
}

async fn made(served: &Served, path: &str, body: &Value) -> Value {
    let done = done(served, path, body).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    let made = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    // A training ends with what its forecasts are worth.
    let verdict = done["result"].get("against_random_walk");
    assert_eq!(verdict, made.pointer("/metrics/against_random_walk"), "{done}");
    made
}

async fn trained(days: u32, parts: Value) -> (Served, Value) {
    let served = Served::start().await;
    served.upload("rates", &steady(days)).await;
    served.work_off().await;
    let spec = json!({
        "dataset": {"name": "rates"}, "target": "rate", "task": "forecast", "epochs": 2,
        "baselines": false, "window": {"time": "day", "look_back": 6, "horizon": 2}, "parts": parts,
    });
    let version = made(&served, "/api/v1/models/rates/versions", &spec).await;
    (served, version)
}

async fn ask(served: &Served, more: &Value) -> reqwest::Response {
    let mut body = json!({"dataset": {"name": "rates"}, "version": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    served.post("/api/v1/models/rates/forecasts").json(&body).send().await.unwrap()
}

fn number(of: &Value, path: &str) -> f64 {
    of.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} of {of}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn intervals_come_with_what_was_measured_of_them() {
    let parts = json!({"by": "time", "column": "day", "validation": 0.3, "test": 0.3});
    let (served, version) = trained(1_000, parts).await;
    let measured = &version["metrics"]["intervals"];
    assert_eq!(measured.as_array().unwrap().len(), 3, "{version}");
    assert_eq!(number(measured, "/1/coverage"), 0.9);
    assert!((number(measured, "/1/covered") - 0.9).abs() < 0.06, "{measured}");
    let plain = json(ask(&served, &json!({})).await, StatusCode::OK).await;
    assert!(
        plain.get("intervals").is_none()
            && plain["forecasts"][0]["steps"][0].get("intervals").is_none()
    );

    let asked = json!({"intervals": [0.95, 0.8], "horizon": 1});
    let answer = json(ask(&served, &asked).await, StatusCode::OK).await;
    let step = &answer["forecasts"][0]["steps"][0];
    assert_eq!(answer["forecasts"][0]["steps"].as_array().unwrap().len(), 1);
    let value = number(step, "/value");
    let width = |coverage: &str| {
        let of = &step["intervals"][coverage];
        let (low, high) = (number(of, "/low"), number(of, "/high"));
        assert!(low < value && value < high, "{step}");
        high - low
    };
    assert!(width("0.8") < width("0.95"));
    // What was measured is the version's own, in the order in which it was asked for.
    for (at, of) in [(0, 2), (1, 0)] {
        for name in ["coverage", "covered", "interval", "trials", "adaptive", "calibrated_on"] {
            assert_eq!(answer["intervals"][at][name], measured[of][name], "{answer}");
        }
    }
    let one = json(ask(&served, &json!({"coverage": 0.8})).await, StatusCode::OK).await;
    assert_eq!(one["forecasts"][0]["steps"][0]["intervals"]["0.8"], step["intervals"]["0.8"]);
    // A forecast of noise round its mean is better than repeating the last value, and says so.
    let verdict = &answer["against_random_walk"];
    assert_eq!(verdict, &version["metrics"]["against_random_walk"]);
    let text = verdict["text"].as_str().unwrap();
    assert!(text.starts_with("beats the random walk (Diebold-Mariano p "), "{text}");
    assert!(number(verdict, "/p_value") < 0.05 && number(verdict, "/statistic") < 0.0, "{verdict}");

    for (more, at) in [
        (json!({"coverage": 0.7}), vec!["/coverage"]),
        (json!({"coverage": 0.9, "intervals": [0.8]}), vec!["/intervals"]),
        (json!({"intervals": []}), vec!["/intervals"]),
        (json!({"intervals": [0.5, 0.9, 2.0]}), vec!["/intervals/0", "/intervals/2"]),
    ] {
        let refused = problem(ask(&served, &more).await, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), at, "{more} {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_an_earlier_program_says_what_to_do() {
    let (served, version) = trained(300, Value::Null).await;
    assert!(version["metrics"]["intervals"].is_array());
    // As it was kept before there were intervals; it is not loaded yet.
    let done = sqlx::query(
        "UPDATE model_version SET features = (features::jsonb #- '{sequence,intervals}')::json,
         description = (description::jsonb #- '{metrics,intervals}'
                                           #- '{metrics,against_random_walk}')::json",
    )
    .execute(&served.database.pool)
    .await
    .unwrap();
    assert_eq!(done.rows_affected(), 1);
    let refused = ask(&served, &json!({"coverage": 0.9})).await;
    let refused = problem(refused, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/coverage"]);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("train it again"), "{detail}");
    // The verdict is made of the figures that it has.
    let plain = json(ask(&served, &json!({})).await, StatusCode::OK).await;
    assert_eq!(plain["against_random_walk"], version["metrics"]["against_random_walk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coverage_that_too_few_windows_tell_of_is_refused_with_their_number() {
    let parts = json!({"by": "time", "column": "day", "validation": 0.15, "test": 0.25});
    let (served, version) = trained(80, parts).await;
    assert_eq!(version["provenance"]["rows"]["validation"], 11);
    let both = json!({"intervals": [0.9, 0.95]});
    let refused = problem(ask(&served, &both).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/intervals/1"]);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("need 19 validation windows") && detail.contains("had 11"), "{detail}");
    json(ask(&served, &json!({"coverage": 0.9})).await, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forecasts_are_made_from_origin_after_origin() {
    let (served, version) = trained(300, Value::Null).await;
    let path = "/api/v1/models/rates/analyses";
    let asked = json!({"version": 1, "analysis": {"kind": "rolling_origin", "origins": 6,
        "refit_every": 3}});
    let found = made(&served, path, &asked).await;
    let result = &found["result"];
    assert_eq!((&result["kind"], &result["refits"]), (&json!("rolling_origin"), &json!(2)));
    assert_eq!((&found["rows"], &result["step"]), (&json!(6), &json!(2)));
    let origins = result["origins"].as_array().unwrap();
    // Days are numbers; the last origin is followed by the two that are foretold from it.
    let from: Vec<&str> = origins.iter().map(|origin| origin["from"].as_str().unwrap()).collect();
    assert_eq!(from, ["287", "289", "291", "293", "295", "297"]);
    let kinds: Vec<&Value> =
        result["baselines"].as_array().unwrap().iter().map(|of| &of["kind"]).collect();
    assert_eq!(kinds, ["random_walk", "drift", "ridge"]);
    assert!(result["against_random_walk"]["text"].as_str().unwrap().contains("random walk"));
    assert_eq!(result["intervals"].as_array().unwrap().len(), 3, "{result}");
    let page = served.get(&format!("{path}?kind=rolling_origin")).send().await.unwrap();
    let page = json(page, StatusCode::OK).await;
    assert_eq!(page["items"][0]["id"], found["id"]);
    // The same over a dataset that is named gives the same.
    let mut over = asked.clone();
    over["dataset"] = json!({"name": "rates"});
    let again = made(&served, path, &over).await;
    assert_eq!(again["result"]["origins"], result["origins"]);

    for (spec, at) in [
        (
            json!({"origins": 1, "validation": 0.9}),
            vec!["/analysis/origins", "/analysis/validation"],
        ),
        (json!({"origins": 150}), vec!["/analysis/origins"]),
        (json!({"training": "sliding", "training_rows": 295}), vec!["/analysis/training_rows"]),
    ] {
        let mut analysis = spec.clone();
        analysis["kind"] = json!("rolling_origin");
        let body = json!({"version": 1, "analysis": analysis});
        let refused = served.post(path).json(&body).send().await.unwrap();
        let refused = problem(refused, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), at, "{spec} {refused}");
    }
    assert_eq!(version["metrics"]["task"], "forecast");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_from_the_origins_that_are_over() {
    let (served, _) = trained(300, Value::Null).await;
    let path = "/api/v1/models/rates/analyses";
    let asked = json!({"version": 1, "analysis": {"kind": "rolling_origin", "origins": 3}});
    let whole = made(&served, path, &asked).await["result"]["origins"].clone();
    let from = |origins: &Value| -> Vec<Value> {
        origins.as_array().unwrap().iter().map(|origin| origin["from"].clone()).collect()
    };
    let whole = from(&whole);
    assert_eq!(whole.len(), 3);
    // One training is over, which had nothing to tell: what is gone on with lacks its origin. What can't be
    // read is no reason to fail.
    let nothing = json!({"deviations": [1.0], "origins": [], "covered": {}, "baselines": [],
                         "windows": 0, "refits": 0, "seconds": 0.0});
    let over = json!({"over": 1, "gathered": nothing}).to_string();
    for (kept, expected) in [(over, &whole[1..]), ("{".to_owned(), &whole[..])] {
        let job = served.post(path).json(&asked).send().await.unwrap();
        let at = job.headers()["location"].to_str().unwrap().to_owned();
        json(job, StatusCode::ACCEPTED).await;
        let store = Store::new(served.database.pool.clone());
        let queue = Queue::connect(&served.database.url).await.unwrap();
        let run = queue.claim("one that is shut down", Duration::from_secs(60)).await;
        let run = run.unwrap().unwrap();
        let mut writer = store.write_blob().await.unwrap();
        writer.write(kept.as_bytes()).await.unwrap();
        let written = writer.complete().await.unwrap();
        assert!(store.run_checkpoint(run, &written).await.unwrap());
        queue.release(run).await.unwrap();
        served.work_off().await;
        let done = json(served.get(&at).send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(done["state"], "done", "{done}");
        let location = done["result"]["location"].as_str().unwrap();
        let found = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(from(&found["result"]["origins"]), expected, "{found}");
    }
}
