//! Analyses of models over HTTP: what is found, kept and listed, and what is refused.

use std::fmt::Write as _;
use std::time::Duration;

use actuary::service::runs::Queue;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/models/risk/analyses";

/// Loans that the poor default on, wherever they live.
fn loans(rows: u32) -> String {
    let mut text = "income,region,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761) >> 12;
        let income = 15_000 + mixed % 70_000;
        let default =
            if mixed / 70_000 % 10 < 1 + 8 * u32::from(income < 40_000) { "yes" } else { "no" };
        let region = ["north", "south"][(row * 7 % 13 % 2) as usize];
        writeln!(text, "{income},{region},{default}").unwrap();
    }
    text
}

async fn trained() -> Served {
    let served = Served::start().await;
    served.upload("loans", &loans(1200)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "network": {"kind": "mlp"}, "epochs": 10, "baselines": false});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

/// What a request leads to.
async fn made(served: &Served, request: &Value) -> Value {
    let job = served.post(PATH).json(request).send().await.unwrap();
    let at = job.headers()["location"].to_str().unwrap().to_owned();
    let job = json(job, StatusCode::ACCEPTED).await;
    assert_eq!((&job["kind"], &job["subject"]), (&json!("analysis"), &json!("risk")));
    served.work_off().await;
    let done = json(served.get(&at).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let progress = &done["progress"];
    assert_eq!((&progress["kind"], &progress["done"]), (&json!("analysis"), &progress["total"]));
    let location = done["result"]["location"].as_str().unwrap();
    let found = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&found["job"], &found["id"]), (&done["id"], &done["result"]["id"]));
    assert_eq!((&found["model"], &found["version"]), (&json!("risk"), &json!(1)));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn importance_is_kept_and_listed_and_outlives_its_version() {
    let served = trained().await;
    let asked = json!({"version": 1, "analysis": {"kind": "importance", "metric": "auc"}});
    let found = made(&served, &asked).await;
    let version = served.get("/api/v1/models/risk/versions/1").send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    assert_eq!(found["rows"], version["metrics"]["n"]);
    assert_eq!(found["dataset"], "loans");
    let result = &found["result"];
    assert_eq!((&result["kind"], &result["metric"]), (&json!("importance"), &json!("auc")));
    assert_eq!(result["base"], version["metrics"]["auc"]);
    let [income, region] = result["columns"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!(income["columns"], json!(["income"]));
    let number = |of: &Value, name: &str| of[name].as_f64().unwrap();
    assert!(number(income, "mean") > 10.0 * number(income, "standard_error"), "{income}");
    assert!(number(region, "mean").abs() < 0.1 * number(income, "mean"), "{found}");
    // The same again, over the rows of a dataset too, and all of them in a list.
    let again = made(&served, &asked).await;
    assert_eq!(again["result"], found["result"]);
    let over = json!({"version": 1, "dataset": {"name": "loans"}, "rows": 500,
        "analysis": {"kind": "importance"}});
    let over = made(&served, &over).await;
    assert_eq!((&over["rows"], &over["dataset_version"]), (&json!(500), &json!(1)));
    let page = |query: &str| served.get(&format!("{PATH}?{query}")).send();
    let first = json(page("limit=2&kind=importance").await.unwrap(), StatusCode::OK).await;
    let ids = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(ids(&first), [over["id"].clone(), again["id"].clone()], "{first}");
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = json(page(&format!("limit=2&cursor={cursor}")).await.unwrap(), StatusCode::OK).await;
    assert_eq!(ids(&rest), [found["id"].clone()], "{rest}");
    let unknown = page("kind=fortune").await.unwrap();
    problem(unknown, 422, "invalid_request").await;
    what_is_deleted_stays_analysed(&served, &found).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_was_learnt_is_seen_and_read() {
    let served = trained().await;
    let over = json!({"name": "loans", "version": 1});
    let asked = json!({"version": 1, "dataset": over,
        "analysis": {"kind": "dependence", "columns": ["income", "region"], "points": 8, "lines": 3,
                     "pairs": [["region", "income"]]}});
    let found = made(&served, &asked).await;
    assert_eq!(found["rows"], 1200);
    let result = &found["result"];
    assert_eq!(result["class"], "yes");
    let [income, region] = result["columns"].as_array().unwrap().as_slice() else { panic!() };
    let means = |of: &Value| -> Vec<f64> {
        of["points"].as_array().unwrap().iter().map(|p| p["mean"].as_f64().unwrap()).collect()
    };
    let (of_income, of_region) = (means(income), means(region));
    assert!(of_income[0] - of_income[7] > 0.4, "the poor default: {income}");
    assert!((of_region[0] - of_region[1]).abs() < 0.1, "wherever they live: {region}");
    assert_eq!(income["lines"].as_array().unwrap().len(), 3);
    assert!(income["points"][0]["value"].is_i64() && region["points"][0]["value"].is_string());
    assert_eq!(result["pairs"][0]["means"].as_array().unwrap().len(), 2);

    let asked =
        json!({"version": 1, "dataset": over, "analysis": {"kind": "surrogate", "depth": 2}});
    let found = made(&served, &asked).await;
    let tree = &found["result"]["tree"];
    assert!(tree["fidelity"]["agreement"].as_f64().unwrap() > 0.9, "{tree}");
    assert_eq!(tree["fidelity"]["is_faithful"], true, "{tree}");
    let root = &tree["nodes"][0]["split"];
    assert_eq!(root["column"], "income", "{tree}");
    let bound = root["below"].as_f64().unwrap();
    assert!((30_000.0..50_000.0).contains(&bound), "{tree}");
    assert!(tree["rules"][0]["conditions"][0].as_str().unwrap().starts_with("income <"), "{tree}");
    assert_eq!(found["result"]["linear"]["terms"][0]["column"], "income");
}

/// A run that is broken off leaves nothing, and the next one finds what an unbroken one finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_ends_in_the_same_numbers() {
    let served = trained().await;
    let asked = json!({"version": 1, "dataset": {"name": "loans"}, "seed": 5,
        "analysis": {"kind": "importance", "repeats": 200}});
    let whole = made(&served, &asked).await;
    let job =
        served.post(PATH).header("idempotency-key", "once").json(&asked).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    let queue = Queue::connect(&served.database.url).await.unwrap();
    let run = queue.claim("killed", Duration::from_secs(60)).await.unwrap().unwrap();
    let claim = served.service.load_run(run).await.unwrap().unwrap();
    let broken = tokio::time::timeout(Duration::from_millis(30), served.service.carry_out(claim));
    assert!(broken.await.is_err(), "it was done before it could be broken off");
    queue.release(run).await.unwrap();
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let found = served.get(done["result"]["location"].as_str().unwrap()).send().await.unwrap();
    let found = json(found, StatusCode::OK).await;
    assert_eq!(found["result"], whole["result"]);
    // Asked once more by the same key it is the same job, which made one analysis.
    let again = served.post(PATH).header("idempotency-key", "once").json(&asked).send().await;
    assert_eq!(json(again.unwrap(), StatusCode::ACCEPTED).await["id"], job["id"]);
    let listed = json(served.get(PATH).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
}

async fn what_is_deleted_stays_analysed(served: &Served, found: &Value) {
    for path in ["/api/v1/models/risk/versions/1", "/api/v1/datasets/loans/versions/1"] {
        let gone = served.request(reqwest::Method::DELETE, path).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT, "{path}");
    }
    let path = format!("{PATH}/{}", found["id"].as_str().unwrap());
    let kept = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(kept, *found);
    let elsewhere = path.replace("/risk/", "/other/");
    problem(served.get(&elsewhere).send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_analysed_is_said() {
    let served = trained().await;
    served.upload("people", "income,region\n20000,north\n30000,south\n").await;
    served.upload("texts", "income,region,default\nhigh,north,yes\nlow,south,no\n").await;
    served.work_off().await;
    let importance = json!({"kind": "importance"});
    for (request, pointer, word) in [
        (json!({"analysis": {"kind": "importance", "metric": "rmse"}}), "/analysis/metric", "auc"),
        (
            json!({"analysis": {"kind": "importance", "groups": [["incom"]]}}),
            "/analysis/groups/0/0",
            "did you mean income?",
        ),
        (
            json!({"analysis": {"kind": "importance", "groups": [["income"], ["income"]]}}),
            "/analysis/groups/1/0",
            "once",
        ),
        (json!({"analysis": importance, "rows": 0}), "/rows", "2"),
        (json!({"analysis": {"kind": "dependence"}}), "/analysis/columns", "name the columns"),
        (
            json!({"analysis": {"kind": "dependence", "columns": ["regio"]}}),
            "/analysis/columns/0",
            "did you mean region?",
        ),
        (
            json!({"analysis": {"kind": "surrogate", "class": "perhaps"}}),
            "/analysis/class",
            "perhaps",
        ),
        (json!({"analysis": {"kind": "surrogate", "depth": 0}}), "/analysis/depth", "1 to 8"),
        (json!({"analysis": importance, "dataset": {"name": "none"}}), "/dataset", "none"),
        (json!({"analysis": importance, "dataset": {"name": "people"}}), "/dataset", "default"),
        (json!({"analysis": importance, "dataset": {"name": "texts"}}), "/dataset", "int64"),
    ] {
        let mut request = request;
        request["version"] = json!(1);
        let answer = served.post(PATH).json(&request).send().await.unwrap();
        let found = problem(answer, 422, "invalid_request").await;
        assert_eq!(pointers(&found), [pointer], "{found}");
        assert!(found["detail"].as_str().unwrap().contains(word), "{found}");
    }
    for (body, word) in [
        (json!({"version": 1, "analysis": {"kind": "fortune"}}), "fortune"),
        (json!({"version": 1, "analysis": {"kind": "importance", "metric": "luck"}}), "luck"),
        (json!({"version": 1, "analysis": {"kind": "importance", "repeat": 3}}), "repeat"),
    ] {
        let answer = served.post(PATH).json(&body).send().await.unwrap();
        let found = problem(answer, 422, "invalid_request").await;
        assert!(found["detail"].as_str().unwrap().contains(word), "{found}");
    }
    let no_champion = served.post(PATH).json(&json!({"analysis": importance})).send().await;
    problem(no_champion.unwrap(), 404, "not_found").await;
    let reader = served.key(&[actuary::domain::key::Scope::Read]).await;
    let refused = served.bare(reqwest::Method::POST, PATH).bearer_auth(&reader.secret);
    problem(refused.json(&json!({"analysis": importance})).send().await.unwrap(), 403, "forbidden")
        .await;
}
