//! Advice over HTTP: it is taken as it stands, and what a training took stands beside it.

use std::fmt::Write as _;

use actuary::domain::key::Scope;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Loans with a class, a fee that only those pay who default, and a day in whose order they stand
/// only if `ordered`.
fn loans(rows: u32, ordered: bool) -> String {
    let mut text = "income,region,day,fee,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761);
        let income = 1000 + mixed % 4000;
        let default = u8::from(mixed >> 8 & 1023 < (5000 - income) / 8);
        let day = if ordered { row } else { mixed % 9973 };
        let (month, of_month) = (1 + day / 28 % 12, 1 + day % 28);
        let year = 2020 + day / 336;
        let fee = if default == 1 { "12.5" } else { "" };
        let region = ["north", "south", "east"][row as usize % 3];
        writeln!(text, "{income},{region},{year}-{month:02}-{of_month:02},{fee},{default}")
            .unwrap();
    }
    text
}

async fn advice(served: &Served, request: Value) -> Value {
    let answer = served.post("/api/v1/advice").json(&request).send().await.unwrap();
    json(answer, StatusCode::OK).await
}

fn codes<'a>(advice: &'a Value, of: &str) -> Vec<&'a str> {
    advice[of].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recommended_trains_as_it_stands_and_says_what_it_took() {
    let served = Served::with_rates().await;
    served.upload("loans", &loans(600, true)).await;
    served.work_off().await;
    let request = json!({"dataset": {"name": "loans"}, "target": "default", "exclude": ["fee"]});
    let advised = advice(&served, request).await;
    assert_eq!(advised["network"], "tabm", "{advised}");
    assert_eq!(advised["spec"].get("network"), None, "the later rows decide");
    assert_eq!(advised["spec"]["parts"]["by"], "time");
    assert!(codes(&advised, "reasons").contains(&"time_order"));
    assert_eq!(advised["estimate"]["price"]["currency"], "EUR");
    let amount = advised["estimate"]["price"]["amount"].as_f64().unwrap();
    let seconds = advised["estimate"]["device_seconds"].as_f64().unwrap();
    assert!((amount - seconds / 3600.0 * 0.5).abs() < 1e-9, "{advised}");
    for other in advised["alternatives"].as_array().unwrap() {
        assert!(other["estimate"]["memory_bytes"].as_u64().unwrap() > 1 << 20, "{other}");
        assert!(other["why_not"].as_str().unwrap().len() > 20, "{other}");
    }

    let path = "/api/v1/models/risk/versions";
    let job = served.post(path).json(&advised["spec"]).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(done["estimate"]["device"], "cpu");
    assert_eq!(done["estimate"]["price"]["currency"], "EUR");
    let location = done["result"]["location"].as_str().unwrap();
    let version = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    let cost = &version["provenance"]["cost"];
    let [seconds, trained] = ["seconds", "device_seconds"].map(|f| cost[f].as_f64().unwrap());
    assert!(seconds > trained && trained > 0.0, "{cost}");
    assert!(cost["memory_bytes"].as_u64().unwrap() > 1 << 20, "{cost}");
    assert_eq!(cost["price"]["currency"], "EUR");
    let spec = &version["provenance"]["spec"];
    assert_eq!(spec["features"], advised["spec"]["features"]);
    let served = [&spec["network"]["kind"]];
    let beside = version["baselines"].as_array().unwrap().iter().map(|b| &b["network"]);
    let mut trained: Vec<&str> = served.into_iter().chain(beside).flat_map(Value::as_str).collect();
    trained.sort_unstable();
    assert_eq!(trained, ["linear", "mlp", "tabm"], "all three, of which one is served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_finds_what_is_not_named_and_the_service_that_suits() {
    let served = Served::start().await;
    let mut text = "date,close\n".to_owned();
    let mut close = 100.0;
    for day in 0..200_u32 {
        close += f64::from(day.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20) - 0.5;
        let (month, of_month) = (1 + day / 28 % 12, 1 + day % 28);
        writeln!(text, "2025-{month:02}-{of_month:02},{close:.3}").unwrap();
    }
    served.upload("prices", &text).await;
    served.upload("loans", &loans(300, true)).await;
    served.work_off().await;
    let asked = json!({"dataset": {"name": "prices"}, "purpose": "risk"});
    let advised = advice(&served, asked).await;
    assert_eq!(
        (&advised["task"], &advised["spec"]["target"]),
        (&json!("forecast"), &json!("close"))
    );
    let [risk, forecasts] = advised["services"].as_array().unwrap().as_slice() else {
        panic!("{advised}")
    };
    assert_eq!(risk["path"], "/api/v1/risk/assessments");
    assert_eq!(forecasts["path"], "/api/v1/models/{model}/forecasts");
    assert_eq!(codes(risk, "missing"), ["few_dates", "few_dates"]);
    assert!(advised["estimate"]["seconds"].as_f64().unwrap() > 0.0);

    let advised =
        advice(&served, json!({"dataset": {"name": "loans"}, "purpose": "lending"})).await;
    assert_eq!(advised["services"][0]["path"], "/api/v1/loans/policies");
    assert!(codes(&advised["services"][0], "missing").contains(&"no_exposure"), "{advised}");
    let nothing = served.post("/api/v1/advice").json(&json!({"dataset": {"name": "prices"}}));
    let refused = problem(nothing.send().await.unwrap(), 422, "invalid_spec").await;
    assert_eq!(pointers(&refused), ["/target"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leak_and_an_order_that_is_lost_are_warned_about() {
    let served = Served::start().await;
    served.upload("loans", &loans(600, false)).await;
    served.work_off().await;
    let request = json!({"dataset": {"name": "loans", "version": 1}, "target": "default"});
    let advised = advice(&served, request).await;
    assert_eq!(codes(&advised, "warnings"), ["random_split", "leakage_suspect"], "{advised}");
    let leak = &advised["warnings"][1];
    assert_eq!((&leak["columns"], &leak["figures"]["auc"]), (&json!(["fee"]), &json!(1.0)));
    assert_eq!(advised["spec"]["features"], json!(["income", "region", "day"]));
    assert!(advised["estimate"].get("price").is_none(), "no rate is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_told_where() {
    let served = Served::start().await;
    let mut text = loans(60, true).replace("default\n", "default,same,none\n");
    text = text
        .lines()
        .map(|line| match line.ends_with("none") {
            true => format!("{line}\n"),
            false => format!("{line},7,\n"),
        })
        .collect();
    served.upload("loans", &text).await;
    served.work_off().await;
    for (change, wrong) in [
        (json!({"dataset": {"name": "lones"}}), vec!["/dataset"]),
        (json!({"dataset": {"name": "loans", "version": 9}}), vec!["/dataset"]),
        (json!({"target": "defualt"}), vec!["/target"]),
        (json!({"target": "none"}), vec!["/target"]),
        (json!({"target": "same"}), vec!["/target"]),
        (json!({"target": "day"}), vec!["/target"]),
        (
            json!({"time": "region", "entity": "nobody", "minutes": -1}),
            vec!["/minutes", "/time", "/entity"],
        ),
        (json!({"task": "regression", "target": "region"}), vec!["/task"]),
        (json!({"task": "forecast"}), vec!["/time"]),
    ] {
        let mut request = json!({"dataset": {"name": "loans"}, "target": "default"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = served.post("/api/v1/advice").json(&request).send().await.unwrap();
        let refused = problem(refused, 422, "invalid_spec").await;
        assert_eq!(pointers(&refused), wrong, "{change} {refused}");
    }
    let unknown = json!({"dataset": {"name": "loans"}, "target": "default", "minute": 3});
    let refused = served.post("/api/v1/advice").json(&unknown).send().await.unwrap();
    problem(refused, 422, "invalid_request").await;
    let key = served.key(&[Scope::Read, Scope::Predict]).await;
    let request = served.client.post(format!("http://{}/api/v1/advice", served.address));
    let refused = request.bearer_auth(key.secret).json(&json!({})).send().await.unwrap();
    problem(refused, 403, "forbidden").await;
}
