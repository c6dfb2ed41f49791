//! Versions that keep to an order over HTTP.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Risk falls with income, but for a while, and bends with age.
fn loans(rows: u32) -> String {
    let mut text = "income,age,region,grade,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761);
        let income = 1000 + mixed % 4000;
        let low = (5000 - income) / 8 + if (2000..2500).contains(&income) { 0 } else { 100 };
        let default = u8::from(mixed >> 8 & 1023 < low);
        let (region, grade) = (["n", "s"][row as usize % 2], ["a", "b", "c"][row as usize % 3]);
        writeln!(text, "{income},{},{region},{grade},{default}", 20 + mixed % 47).unwrap();
    }
    text
}

async fn refused(served: &Served, change: &Value) -> Value {
    let mut asked = json!({"dataset": {"name": "loans"}, "target": "default"});
    asked.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let response = served.post("/api/v1/models/risk/versions").json(&asked).send().await.unwrap();
    problem(response, 422, "invalid_spec").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_kept_is_refused_with_the_way_out() {
    let served = Served::start().await;
    served.upload("loans", &loans(120)).await;
    served.work_off().await;
    let rising = |name: &str| json!({ name: "increasing" });
    for (change, pointer, says) in [
        (json!({"monotone": rising("incme")}), "/monotone/incme", "did you mean income?"),
        (json!({"monotone": rising("region")}), "/monotone/region", "make numbers of it"),
        (json!({"monotone": rising("default")}), "/monotone/default", "is the target"),
        (json!({"monotone": rising("age"), "exclude": ["age"]}), "/monotone/age", "excluded"),
        (
            json!({"monotone": rising("age"), "features": ["income"]}),
            "/monotone/age",
            "add it to these",
        ),
        (json!({"monotone": rising("age"), "target": "grade"}), "/monotone", "several classes"),
        (
            json!({"monotone": rising("age"), "network": {"kind": "mlp"}}),
            "/network",
            "take monotone, linear or scorecard",
        ),
        (json!({"network": {"kind": "monotone"}}), "/network", "or take tabm"),
    ] {
        let found = refused(&served, &change).await;
        assert_eq!(pointers(&found), [pointer], "{change} {found}");
        assert!(found.to_string().contains(says), "{change} {found}");
    }
    let upwards = json!({"dataset": {"name": "loans"}, "target": "default",
        "monotone": {"age": "upwards"}});
    let response = served.post("/api/v1/models/risk/versions").json(&upwards).send().await.unwrap();
    let found = problem(response, 422, "invalid_request").await;
    assert!(found.to_string().contains("decreasing"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_says_its_order_and_keeps_to_it() {
    let served = Served::start().await;
    served.upload("loans", &loans(700)).await;
    served.work_off().await;
    let order = json!({"income": "decreasing"});
    let asked = json!({"dataset": {"name": "loans"}, "target": "default", "epochs": 3,
        "monotone": order, "baselines": false});
    let job = served.post("/api/v1/models/risk/versions").json(&asked).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let version = served.get("/api/v1/models/risk/versions/1").send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    assert_eq!(version["provenance"]["spec"]["monotone"], order);
    assert_eq!(version["provenance"]["spec"]["network"]["kind"], "monotone");
    let rows: Vec<Value> = (0..41)
        .map(|at| json!({"income": 500 + 130 * at, "age": 40, "region": "n", "grade": "b"}))
        .collect();
    let asked = json!({"rows": rows, "version": 1});
    let answered =
        served.post("/api/v1/models/risk/predictions").json(&asked).send().await.unwrap();
    let answered = json(answered, StatusCode::OK).await;
    let scores: Vec<f64> = answered["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prediction| prediction["probabilities"]["1"].as_f64().unwrap())
        .collect();
    assert_eq!(scores.len(), 41);
    assert!(scores.windows(2).all(|pair| pair[1] <= pair[0] + 1e-6), "{scores:?}");
    assert!(scores[0] > scores[40] + 0.01, "{scores:?}");
}
