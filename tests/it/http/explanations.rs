//! Explanations over HTTP: of a table, of several classes, of windows, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Loans that the poor default on, wherever they live.
fn loans(rows: u32) -> String {
    let mut text = "income,region,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 16;
        let income = 15_000 + noise % 70_000;
        let default = if noise % 100 + income / 1_500 < 60 { "yes" } else { "no" };
        let region = ["north", "south"][(noise / 100 % 2) as usize];
        writeln!(text, "{income},{region},{default}").unwrap();
    }
    text
}

async fn train(served: &Served, model: &str, spec: Value) {
    let job = served.post(&format!("/api/v1/models/{model}/versions")).json(&spec);
    json(job.send().await.unwrap(), StatusCode::ACCEPTED).await;
    served.work_off().await;
}

async fn explain(served: &Served, model: &str, body: Value) -> reqwest::Response {
    let path = format!("/api/v1/models/{model}/explanations");
    served.post(&path).json(&body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_explained_by_what_the_version_carries() {
    let served = Served::start().await;
    served.upload("loans", &loans(600)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "network": {"kind": "mlp"}, "epochs": 10});
    train(&served, "risk", spec).await;
    let poor = json!({"income": 16_000, "region": "north"});
    let body = json!({"rows": [poor, {"income": 84_000, "region": "south"}], "version": 1});
    let answer = json(explain(&served, "risk", body.clone()).await, StatusCode::OK).await;
    assert_eq!((&answer["model"], &answer["version"]), (&json!("risk"), &json!(1)));
    assert_eq!(answer["method"], "expected_gradients");
    let [poor, rich] = answer["explanations"].as_array().unwrap().as_slice() else { panic!() };
    for one in [poor, rich] {
        assert_eq!((&one["class"], &one["scale"]), (&json!("yes"), &json!("log_odds")));
        assert_eq!(one["holds"], true, "{one}");
        let number = |value: &Value| value.as_f64().unwrap();
        let sum: f64 =
            one["attributions"].as_array().unwrap().iter().map(|a| number(&a["attribution"])).sum();
        let gap = (sum - (number(&one["value"]) - number(&one["base"]))).abs();
        assert!((gap - number(&one["gap"])).abs() < 1e-9, "{one}");
    }
    assert_eq!(poor["attributions"][0]["column"], "income");
    assert_eq!(poor["attributions"][0]["value"], 16_000);
    assert!(poor["attributions"][0]["attribution"].as_f64().unwrap() > 0.5, "{poor}");
    assert!(rich["attributions"][0]["attribution"].as_f64().unwrap() < -0.5, "{rich}");
    // The probability is the one that is predicted, and the same is answered again.
    let predicted = served.post("/api/v1/models/risk/predictions").json(&body).send().await;
    let predicted = json(predicted.unwrap(), StatusCode::OK).await;
    let probability = predicted["predictions"][0]["probabilities"]["yes"].as_f64().unwrap();
    assert!((poor["probability"].as_f64().unwrap() - probability).abs() < 1e-5, "{poor}");
    let again = json(explain(&served, "risk", body.clone()).await, StatusCode::OK).await;
    assert_eq!(again, answer);
    // The other class is the same with the other sign.
    let mut other = body.clone();
    other["class"] = json!("no");
    let other = json(explain(&served, "risk", other).await, StatusCode::OK).await;
    let of = |answer: &Value| answer["explanations"][0]["attributions"][0]["attribution"].as_f64();
    assert!((of(&other).unwrap() + of(&answer).unwrap()).abs() < 1e-4);
    wrong_requests_are_told_where(&served).await;
}

async fn wrong_requests_are_told_where(served: &Served) {
    let row = json!({"income": 16_000, "region": "north"});
    let many: Vec<Value> = (0..1_001).map(|_| row.clone()).collect();
    for (body, pointer, word) in [
        (json!({"version": 1}), "/rows", "no rows"),
        (json!({"version": 1, "rows": many}), "/rows", "1000 answers"),
        (json!({"version": 1, "rows": [row], "class": "yse"}), "/class", "did you mean yes?"),
        (json!({"version": 1, "rows": [row], "forecast": {}}), "/forecast", "does not forecast"),
    ] {
        let refused = problem(explain(served, "risk", body).await, 422, "invalid_request");
        let refused = refused.await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    let unknown = explain(served, "risk", json!({"version": 9, "rows": [row]})).await;
    problem(unknown, 404, "not_found").await;
    let wrong = json!({"version": 1, "rows": [{"income": "much", "region": "north"}]});
    let refused = problem(explain(served, "risk", wrong).await, 422, "invalid_rows").await;
    assert_eq!(pointers(&refused), ["/rows/0/income"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_a_forecast_is_explained_by_the_steps_before() {
    let served = Served::start().await;
    let mut csv = "day,rate\n".to_owned();
    for day in 0..200 {
        let (month, of_month) = (1 + day / 28, 1 + day % 28);
        let rate = 3.0 + (f64::from(day) / 5.0).sin();
        writeln!(csv, "2025-{month:02}-{of_month:02},{rate:.4}").unwrap();
    }
    served.upload("rates", &csv).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "rates"}, "target": "rate",
                      "window": {"time": "day", "look_back": 10, "horizon": 3}});
    train(&served, "rate", spec).await;
    let rows: Vec<Value> =
        (1..=12).map(|d| json!({"day": format!("2026-01-{d:02}T00:00:00Z"), "rate": 3.0 + 0.1 * f64::from(d)})).collect();
    let body = json!({"rows": rows, "version": 1, "forecast": {"step": 2}});
    let answer = json(explain(&served, "rate", body.clone()).await, StatusCode::OK).await;
    let one = &answer["explanations"][0];
    assert_eq!((&one["scale"], one["holds"] == true), (&json!("target"), true), "{one}");
    assert_eq!(one["attributions"][0]["steps"].as_array().unwrap().len(), 10);
    let forecast = json!({"rows": rows, "version": 1});
    let forecast = served.post("/api/v1/models/rate/forecasts").json(&forecast).send().await;
    let forecast = json(forecast.unwrap(), StatusCode::OK).await;
    let value = forecast["forecasts"][0]["steps"][1]["value"].as_f64().unwrap();
    assert!((one["value"].as_f64().unwrap() - value).abs() < 1e-3, "{one} {value}");
    for (field, value, word) in [
        ("step", json!(4), "not from 1 to 3"),
        ("target", json!("rat"), "did you mean rate?"),
        ("quantile", json!(0.9), "a mean"),
    ] {
        let mut body = body.clone();
        body["forecast"] = json!({ field: value });
        let refused = problem(explain(&served, "rate", body).await, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [format!("/forecast/{field}")]);
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(word), "{refused}");
    }
}

/// The log odds are those before the temperature, the probability is the one that is served.
#[tokio::test(flavor = "multi_thread")]
async fn several_calibrated_classes_are_explained_with_the_probability_that_is_served() {
    let served = Served::start().await;
    let mut csv = "a,b,kind\n".to_owned();
    for row in 0..600_u32 {
        let (a, b) = (row % 20, row * 7 % 30);
        let chance = row.wrapping_mul(2_654_435_761) >> 28;
        let kind = ["low", "middle", "top"][((a + b + chance) / 22).min(2) as usize];
        writeln!(csv, "{a},{b},{kind}").unwrap();
    }
    served.upload("grid", &csv).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "grid"}, "target": "kind", "epochs": 10,
                      "network": {"kind": "mlp"}, "calibration": "temperature"});
    train(&served, "kind", spec).await;
    let version = served.get("/api/v1/models/kind/versions/1").send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    assert_eq!(version["calibration"]["kind"], "temperature");
    assert_eq!(version["signature"]["calibrator"]["kind"], "temperature");
    let of = &version["metrics"]["calibration"];
    assert!(of["reliability"]["bins"].as_array().unwrap().len() > 3, "{of}");
    assert!(of["before"]["log_loss"].as_f64().unwrap() > 0.0, "{of}");
    let body = json!({"rows": [{"a": 3, "b": 4}, {"a": 19, "b": 25}], "version": 1});
    let predicted = served.post("/api/v1/models/kind/predictions").json(&body).send().await;
    let predicted = json(predicted.unwrap(), StatusCode::OK).await;
    for class in [None, Some("middle")] {
        let mut body = body.clone();
        if let Some(class) = class {
            body["class"] = json!(class);
        }
        let answer = json(explain(&served, "kind", body).await, StatusCode::OK).await;
        for row in 0..2 {
            let (one, of) = (&answer["explanations"][row], &predicted["predictions"][row]);
            let class = class.unwrap_or_else(|| of["label"].as_str().unwrap());
            assert_eq!((&one["class"], &one["holds"]), (&json!(class), &json!(true)));
            assert_eq!(one["probability"], of["probabilities"][class]);
        }
    }
}
