//! Forecasts over HTTP: from the upload to the answer.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Two series of a daily wave, hour by hour.
fn waves(hours: u32) -> String {
    let mut text = "hour,meter,load\n".to_owned();
    for meter in ["north", "south"] {
        for hour in 0..hours {
            let noise = f64::from(hour.wrapping_mul(2_654_435_761) >> 20) / 4096.0;
            let turn = f64::from(hour % 24) / 24.0 * std::f64::consts::TAU;
            let base = if meter == "north" { 50.0 } else { 200.0 };
            let (day, of_day) = (1 + hour / 24, hour % 24);
            let load = base + 10.0 * turn.sin() + noise;
            writeln!(text, "2026-01-{day:02}T{of_day:02}:00:00Z,{meter},{load:.3}").unwrap();
        }
    }
    text
}

async fn trained(served: &Served, model: &str, spec: Value) -> Value {
    let path = format!("/api/v1/models/{model}/versions");
    let job = served.post(&path).json(&spec).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    json(served.get(location).send().await.unwrap(), StatusCode::OK).await
}

fn spec() -> Value {
    json!({
        "dataset": {"name": "load"}, "target": "load",
        "window": {"time": "hour", "entity": "meter", "look_back": 48, "horizon": 6,
                   "quantiles": [0.1, 0.5, 0.9]},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_is_uploaded_trained_on_and_forecast() {
    let served = Served::start().await;
    served.upload("load", &waves(480)).await;
    served.work_off().await;
    let version = trained(&served, "load", spec()).await;
    assert_eq!(version["signature"]["task"], "forecast");
    assert_eq!(version["metrics"]["task"], "forecast");
    assert_eq!(version["metrics"]["beats_random_walk"], true, "{}", version["metrics"]);
    let kinds: Vec<&str> = version["metrics"]["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["random_walk", "drift", "seasonal_naive", "ridge"]);
    let model = served.get("/api/v1/models/load").send().await.unwrap();
    assert_eq!(json(model, StatusCode::OK).await["input_kind"], "sequence");

    let of_dataset = ask(&served, json!({"dataset": {"name": "load"}, "version": 1})).await;
    let of_dataset = json(of_dataset, StatusCode::OK).await;
    let forecasts = of_dataset["forecasts"].as_array().unwrap();
    assert_eq!(forecasts.len(), 2);
    assert_eq!(forecasts[1]["entity"], "south");
    assert_eq!(forecasts[0]["from"], "2026-01-20T23:00:00Z");
    let steps = forecasts[1]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    for step in steps {
        let quantiles = &step["quantiles"];
        let [low, median, high] = ["0.1", "0.5", "0.9"].map(|q| quantiles[q].as_f64().unwrap());
        assert!(low <= median && median <= high && step["value"] == median, "{step}");
        assert!((170.0..230.0).contains(&median), "{step}");
    }
    rows_give_the_same(&served, steps).await;
    wrong_requests_are_told_where(&served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_are_counted_from_the_last_row_that_was_read() {
    let served = Served::start().await;
    served.upload("load", &waves(480)).await;
    served.work_off().await;
    let spec = json!({
        "dataset": {"name": "load"}, "target": "load",
        "window": {"time": "hour", "entity": "meter", "look_back": 48, "horizon": 3, "gap": 5},
    });
    trained(&served, "load", spec).await;
    let asked = json!({"dataset": {"name": "load"}, "version": 1, "horizon": 2});
    let answer = json(ask(&served, asked).await, StatusCode::OK).await;
    for (forecast, base) in answer["forecasts"].as_array().unwrap().iter().zip([50.0, 200.0]) {
        assert_eq!(forecast["from"], "2026-01-20T23:00:00Z");
        let steps = forecast["steps"].as_array().unwrap();
        let numbers: Vec<u64> = steps.iter().map(|s| s["step"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [6, 7], "{forecast}");
        for step in steps {
            // Each number is that of the row that its step names.
            let hour = (23 + step["step"].as_u64().unwrap()) % 24;
            let wave = base + 0.5 + 10.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            assert!((step["value"].as_f64().unwrap() - wave).abs() < 2.0, "{step} {wave}");
        }
    }
}

/// The same history as rows, of one series, gives the same numbers.
async fn rows_give_the_same(served: &Served, steps: &[Value]) {
    let text = waves(480);
    let rows: Vec<Value> = text
        .lines()
        .filter(|line| line.contains("south"))
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            json!({"hour": cells[0], "meter": cells[1], "load": cells[2].parse::<f64>().unwrap()})
        })
        .collect();
    let body = json!({"rows": rows, "version": 1, "horizon": 2, "quantiles": [0.9]});
    let of_rows = json(ask(served, body).await, StatusCode::OK).await;
    let [only] = of_rows["forecasts"].as_array().unwrap().as_slice() else { panic!("{of_rows}") };
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-3;
    for (step, expected) in only["steps"].as_array().unwrap().iter().zip(steps) {
        assert!(near(&step["value"], &expected["value"]), "{step} {expected}");
        assert_eq!(step["quantiles"].as_object().unwrap().len(), 1);
        assert!(near(&step["quantiles"]["0.9"], &expected["quantiles"]["0.9"]));
    }
    assert_eq!(only["steps"].as_array().unwrap().len(), 2);
}

async fn ask(served: &Served, body: Value) -> reqwest::Response {
    served.post("/api/v1/models/load/forecasts").json(&body).send().await.unwrap()
}

async fn wrong_requests_are_told_where(served: &Served) {
    let row = json!({"hour": "2026-01-01T00:00:00Z", "meter": "north", "load": 1.0});
    for (body, code, pointer) in [
        (json!({"rows": [row], "version": 1}), "invalid_rows", "/rows"),
        (
            json!({"rows": [{"hour": 7, "meter": "a"}], "version": 1}),
            "invalid_rows",
            "/rows/0/hour",
        ),
        (json!({"rows": [row, row], "version": 1}), "invalid_rows", "/rows"),
        (
            json!({"dataset": {"name": "load"}, "version": 1, "horizon": 7}),
            "invalid_request",
            "/horizon",
        ),
        (
            json!({"dataset": {"name": "load"}, "version": 1, "quantiles": [0.3]}),
            "invalid_request",
            "/quantiles/0",
        ),
        (json!({"version": 1}), "invalid_request", "/rows"),
    ] {
        let refused = problem(ask(served, body.clone()).await, 422, code).await;
        assert!(pointers(&refused).contains(&pointer), "{body} {refused}");
    }
    problem(ask(served, json!({"dataset": {"name": "load"}})).await, 404, "not_found").await;
    let unknown = ask(served, json!({"dataset": {"name": "no"}, "version": 1})).await;
    problem(unknown, 404, "not_found").await;
    let predicted = served.post("/api/v1/models/load/predictions");
    let predicted = predicted.json(&json!({"rows": [row], "version": 1})).send().await.unwrap();
    problem(predicted, 422, "invalid_request").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_classified_series_by_series() {
    let served = Served::start().await;
    let text = waves(240).replace("load\n", "load,high\n");
    let text: String = text
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("{line}\n"),
            _ => {
                let load: f64 = line.rsplit(',').next().unwrap().parse().unwrap();
                format!("{line},{}\n", load % 50.0 > 5.0 && load % 50.0 < 25.0)
            }
        })
        .collect();
    served.upload("load", &text).await;
    served.work_off().await;
    let spec = json!({
        "dataset": {"name": "load"}, "target": "high", "network": {"kind": "lstm", "hidden": 8},
        "window": {"time": "hour", "entity": "meter", "look_back": 12}, "features": ["load"],
    });
    let version = trained(&served, "high", spec).await;
    assert_eq!(version["signature"]["task"], "binary");
    let rows: Vec<Value> = (0..24)
        .map(|at| {
            let meter = if at < 12 { "south" } else { "north" };
            json!({"hour": format!("2026-01-01T{:02}:00:00Z", at % 12), "meter": meter, "load": 201.0})
        })
        .collect();
    let path = "/api/v1/models/high/predictions";
    let answer = served.post(path).json(&json!({"rows": rows, "version": 1})).send().await.unwrap();
    let answer = json(answer, StatusCode::OK).await;
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 2, "one for each series");
    let short = served.post(path).json(&json!({"rows": rows[..5], "version": 1}));
    let short = problem(short.send().await.unwrap(), 422, "invalid_rows").await;
    assert_eq!(pointers(&short), ["/rows"]);
    let forecast = served.post("/api/v1/models/high/forecasts");
    let forecast = forecast.json(&json!({"rows": rows, "version": 1})).send().await.unwrap();
    assert_eq!(pointers(&problem(forecast, 422, "invalid_request").await), ["/version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_cannot_be_is_refused_before_a_job_is_queued() {
    let served = Served::start().await;
    served.upload("load", &waves(48)).await;
    served.work_off().await;
    let mut bad = spec();
    bad["window"]["time"] = json!("meter");
    bad["window"]["quantiles"] = json!([0.9, 0.1]);
    bad["window"]["targets"] = json!(["lod"]);
    let path = "/api/v1/models/load/versions";
    let refused = served.post(path).json(&bad).send().await.unwrap();
    let refused = problem(refused, 422, "invalid_spec").await;
    assert_eq!(
        pointers(&refused),
        ["/window/quantiles", "/window/quantiles", "/window/entity"],
        "{refused}"
    );
    bad["window"]["quantiles"] = json!([]);
    bad["window"]["entity"] = Value::Null;
    let refused = served.post(path).json(&bad).send().await.unwrap();
    let refused = problem(refused, 422, "invalid_spec").await;
    assert_eq!(pointers(&refused), ["/window/time", "/window/targets/0"], "{refused}");
}
