//! Versions made simpler over HTTP.

use std::fmt::Write as _;

use reqwest::StatusCode;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::server::{Served, json, pointers, problem};

fn loans(rows: u32) -> String {
    let mut text = "income,age,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761);
        let income = 1000 + mixed % 4000;
        let default = u8::from(mixed >> 8 & 1023 < (5000 - income) / 8);
        writeln!(text, "{income},{},{default}", 20 + mixed % 47).unwrap();
    }
    text
}

const PATH: &str = "/api/v1/models/risk/simplifications";

/// The version that a request for a simpler one leads to.
async fn made(served: &Served, request: Value) -> Value {
    let job = served.post(PATH).json(&request).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    assert_eq!((&job["kind"], &job["subject"]), (&json!("simplification"), &json!("risk")));
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    json(served.get(location).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simpler_version_stands_beside_its_parent_and_answers() {
    let served = Served::start().await;
    served.upload("loans", &loans(600)).await;
    served.work_off().await;
    let asked = json!({"dataset": {"name": "loans"}, "target": "default", "epochs": 3,
        "baselines": false});
    let job = served.post("/api/v1/models/risk/versions").json(&asked).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let champion = "/api/v1/models/risk/aliases/champion";
    let to_first = served.request(reqwest::Method::PUT, champion).header("If-None-Match", "*");
    let moved = to_first.json(&json!({"version": 1})).send().await.unwrap();
    assert_eq!(moved.status(), StatusCode::OK);

    let row = json!({"rows": [{"income": 1800, "age": 33}], "version": 1});
    let parent = served.post("/api/v1/models/risk/predictions").json(&row).send().await.unwrap();
    let parent = json(parent, StatusCode::OK).await;
    // Of the champion where nothing else is said.
    for (number, method) in [
        json!({"kind": "quantise"}),
        json!({"kind": "prune", "sparsity": 0.4, "epochs": 2}),
        json!({"kind": "distil", "network": {"kind": "mlp", "hidden": [8]}, "epochs": 3}),
    ]
    .into_iter()
    .enumerate()
    {
        let version = made(&served, json!({ "method": method })).await;
        assert_eq!(version["version"], number + 2);
        let found = &version["simplification"];
        assert_eq!((&found["version"], &found["method"]["kind"]), (&json!(1), &method["kind"]));
        let bytes = ["before", "after"].map(|which| found[which]["bytes"].as_u64().unwrap());
        assert!(bytes[1] < bytes[0], "{found}");
        assert!(found["after"]["row_microseconds"].as_f64().unwrap() > 0.0);
        let row = json!({"rows": [{"income": 1800, "age": 33}], "version": number + 2});
        let path = "/api/v1/models/risk/predictions";
        let ours = json(served.post(path).json(&row).send().await.unwrap(), StatusCode::OK).await;
        let score = |of: &Value| of["predictions"][0]["probabilities"]["1"].as_f64().unwrap();
        assert!((score(&ours) - score(&parent)).abs() < 0.3, "{ours} {parent}");
        assert_eq!(ours["version"], number + 2);
        holds_its_weights(&served, &version).await;
    }
    let missing = served.get("/api/v1/models/risk/versions/9/weights").send().await.unwrap();
    problem(missing, 404, "not_found").await;
}

/// The weights of a version can be taken along, and are those that it names.
async fn holds_its_weights(served: &Served, version: &Value) {
    let path = format!("/api/v1/models/risk/versions/{}/weights", version["version"]);
    let sent = served.get(&path).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    let etag = sent.headers()["etag"].to_str().unwrap().to_owned();
    let name = format!("risk-{}.safetensors", version["version"]);
    assert!(sent.headers()["content-disposition"].to_str().unwrap().contains(&name));
    let bytes = sent.bytes().await.unwrap();
    let sha256 = &version["provenance"]["weights_sha256"];
    assert_eq!(&json!(hex::encode(Sha256::digest(&bytes))), sha256);
    assert_eq!(format!("\"{}\"", sha256.as_str().unwrap()), etag);
    assert!(!SafeTensors::deserialize(&bytes).unwrap().is_empty());
    let again = served.get(&path).header("If-None-Match", etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_made_simpler_is_said() {
    let served = Served::start().await;
    served.upload("loans", &loans(300)).await;
    served.work_off().await;
    let asked = json!({"dataset": {"name": "loans"}, "target": "default", "epochs": 1,
        "network": {"kind": "linear"}});
    let none = served.post(PATH).json(&json!({"method": {"kind": "quantise"}})).send().await;
    problem(none.unwrap(), 404, "not_found").await;
    let job = served.post("/api/v1/models/risk/versions").json(&asked).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    // No champion yet.
    let none = served.post(PATH).json(&json!({"method": {"kind": "quantise"}})).send().await;
    problem(none.unwrap(), 404, "not_found").await;
    for (method, pointer) in [
        (json!({"kind": "distil"}), "/method/network"),
        (json!({"kind": "prune", "sparsity": 2}), "/method/sparsity"),
        (
            json!({"kind": "distil", "network": {"kind": "mlp", "hidden": []}}),
            "/method/network/hidden",
        ),
    ] {
        let request = json!({"version": 1, "method": method});
        let answer = served.post(PATH).json(&request).send().await.unwrap();
        let found = problem(answer, 422, "invalid_spec").await;
        assert_eq!(pointers(&found), [pointer], "{found}");
    }
    let unknown = json!({"version": 1, "method": {"kind": "prune", "sparsety": 0.5}});
    let answer = served.post(PATH).json(&unknown).send().await.unwrap();
    let found = problem(answer, 422, "invalid_request").await;
    assert!(found["detail"].as_str().unwrap().contains("sparsety"), "{found}");
}
