//! Searches over HTTP: refused where they can't be, told as they go, kept with the version.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Loans whose default follows their income, with some noise.
fn loans(rows: u32) -> String {
    let mut text = "income,region,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761);
        let income = 1000 + mixed % 4000;
        let default = u8::from(mixed >> 8 & 1023 < (5000 - income) / 5);
        let region = ["north", "south", "east"][row as usize % 3];
        writeln!(text, "{income},{region},{default}").unwrap();
    }
    text
}

fn asked(space: Value) -> Value {
    json!({
        "dataset": {"name": "loans"}, "target": "default", "epochs": 4, "batch_size": 64,
        "network": {"kind": "mlp", "hidden": [8]}, "baselines": false,
        "optimiser": {"kind": "adamw", "learning_rate": 1e-6},
        "search": {"minutes": 5, "trials": 9, "space": space}
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_a_job_whose_leaderboard_is_kept_with_the_version() {
    let served = Served::start().await;
    served.upload("loans", &loans(400)).await;
    served.work_off().await;
    let rate = json!({"by": "log_uniform", "low": 0.001, "high": 0.1});
    let space = json!({
        "/optimiser/learning_rate": rate,
        "/network/hidden": {"by": "choice", "values": [[8], [16], [8, 8]]}
    });
    let path = "/api/v1/models/risk/versions";
    let job = served.post(path).json(&asked(space.clone())).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let told = &done["progress"]["search"];
    assert_eq!((&told["begun"], &told["trials"]), (&json!(9), &json!(9)), "{done}");
    assert!(told["leaders"][0]["value"].is_number(), "{told}");

    let location = done["result"]["location"].as_str().unwrap();
    let version = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    let search = &version["search"];
    assert_eq!((&search["ended"], &search["monitor"]), (&json!("trials"), &json!("loss")));
    assert_eq!(search["spec"]["space"], space);
    assert_eq!(search["spec"]["eta"], 3);
    let trials = search["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 9, "{search}");
    let winner = &trials[0];
    assert_eq!((&winner["number"], &winner["state"]), (&search["winner"], &json!("whole")));
    assert_ne!(winner["number"], 0, "1e-6 is far too slow: {search}");
    let spec = &version["provenance"]["spec"];
    for (pointer, value) in winner["values"].as_object().unwrap() {
        assert_eq!(spec.pointer(pointer).unwrap().to_string(), value.to_string(), "{pointer}");
    }
    assert_eq!(spec["search"], search["spec"]);

    // Its specification is taken as it stands: the winner is then the first of the trials.
    let again = served.post("/api/v1/models/again/versions").json(spec).send().await.unwrap();
    json(again, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let again = "/api/v1/models/again/versions/1";
    let again = json(served.get(again).send().await.unwrap(), StatusCode::OK).await;
    let first = again["search"]["trials"].as_array().unwrap().iter().find(|t| t["number"] == 0);
    assert_eq!(first.unwrap()["rungs"][0], winner["rungs"][0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_can_not_be_is_told_where() {
    let served = Served::start().await;
    served.upload("loans", &loans(100)).await;
    served.work_off().await;
    let choice = |values: Value| json!({"by": "choice", "values": values});
    for (space, wrong) in [
        (
            json!({"/optimiser/learning_rate": {"by": "uniform", "low": 1.0, "high": 0.1}}),
            "/search/space/~1optimiser~1learning_rate",
        ),
        (json!({"/target": choice(json!(["income"]))}), "/search/space/~1target"),
        (
            json!({"/network": choice(json!([{"kind": "linear"}, {"kind": "cnn"}]))}),
            "/search/space/~1network/values/1",
        ),
        (json!({"/network/hiden": choice(json!([[8]]))}), "/search/space/~1network~1hiden"),
    ] {
        let request = served.post("/api/v1/models/risk/versions").json(&asked(space.clone()));
        let refused = problem(request.send().await.unwrap(), 422, "invalid_spec").await;
        assert_eq!(pointers(&refused), [wrong], "{space} {refused}");
    }
    let unknown = json!({"/batch_size": {"by": "normal", "mean": 3}});
    let request = served.post("/api/v1/models/risk/versions").json(&asked(unknown));
    let refused = problem(request.send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/search/space"], "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("log_uniform"), "{refused}");
}
