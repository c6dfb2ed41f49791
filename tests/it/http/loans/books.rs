//! Whole datasets: loan books under a policy, and outcomes of the refused.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::server::{Served, json, pointers, problem};
use super::{POLICY, get, keep, number, terms, trained};

async fn book(served: &Served, body: &Value) -> Response {
    served.post(&format!("{POLICY}/portfolios")).json(body).send().await.unwrap()
}

/// The job as it has ended.
async fn ended(served: &Served, job: &Value) -> Value {
    served.work_off().await;
    let job = get(served, &format!("/api/v1/jobs/{}", job["id"].as_str().unwrap())).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

async fn rows(served: &Served, dataset: &str, limit: u32) -> Vec<Value> {
    let path = format!("/api/v1/datasets/{dataset}/versions/1/rows?limit={limit}");
    get(served, &path).await["rows"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_assessed_as_its_applicants_are() {
    let served = trained().await;
    json(keep(&served, &terms()).await, StatusCode::CREATED).await;
    let staging =
        json!({"days_past_due": "days", "remaining_months": "months", "effective_rate": 0.08});
    let body = json!({"dataset": {"name": "applications"}, "into": "assessed", "staging": staging});
    let job = json(book(&served, &body).await, StatusCode::ACCEPTED).await;
    assert_eq!((&job["kind"], &job["subject"]), (&json!("assessment"), &json!("consumer")));
    let result = ended(&served, &job).await["result"].clone();
    assert_eq!(
        (&result["rows"], &result["location"]),
        (&json!(1_500), &json!("/api/v1/datasets/assessed/versions/1"))
    );
    let found = rows(&served, "assessed", 300).await;
    // What is written of rows is what they are answered when they are asked for.
    let asked: Vec<Value> = found
        .iter()
        .map(|row| {
            let names = ["income", "age", "region", "amount", "debt"];
            names
                .iter()
                .map(|name| ((*name).to_owned(), row[*name].clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    let path = format!("{POLICY}/assessments");
    let answer = served.post(&path).json(&json!({"rows": asked})).send().await.unwrap();
    let answer = json(answer, StatusCode::OK).await;
    for (row, one) in found.iter().zip(answer["assessments"].as_array().unwrap()) {
        for name in ["decision", "points", "pd", "expected_loss"] {
            assert_eq!(row[name], one[name], "{name}");
        }
        assert_eq!(number(&row["exposure"]), number(&row["amount"]), "declined by a rule or not");
        assert_eq!(row["limit"], one["offer"]["limit"]);
        let codes: Vec<&str> = one["reasons"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|r| r["code"].as_str().unwrap())
            .collect();
        assert_eq!(row["reasons"].as_str().unwrap_or_default(), codes.join("; "));
        let stage = match (&row["pd"], number(&row["days"])) {
            (_, days) if days >= 90.0 => json!(3),
            (Value::Null, _) => Value::Null,
            (_, days) if days >= 30.0 => json!(2),
            _ => json!(1),
        };
        assert_eq!(row["stage"], stage);
        if stage == json!(3) {
            assert!((number(&row["provision"]) - 0.4 * number(&row["amount"])).abs() < 1e-6);
        }
    }
    summary_adds_up(&result["summary"]);
    let made = get(&served, "/api/v1/datasets/assessed/versions/1").await;
    let origin = &made["source"]["origin"];
    assert_eq!(origin["dataset"], json!({"name": "applications", "version": 1}));
    assert_eq!(origin["how"], "assessed by policy consumer 1, model risk 1");
    let mut again = body.clone();
    again["dataset"] = json!({"name": "assessed"});
    let refused = problem(book(&served, &again).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused).iter().filter(|p| **p == "/prefix").count(), 12);
    assert!(pointers(&refused).contains(&"/into"), "{refused}");
    again["into"] = json!("applications");
    again["prefix"] = json!("second_");
    again["staging"]["days_past_due"] = json!("day");
    let refused = problem(book(&served, &again).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/staging/days_past_due"]);
    again["staging"] = Value::Null;
    let job = json(book(&served, &again).await, StatusCode::ACCEPTED).await;
    let result = ended(&served, &job).await["result"].clone();
    assert_eq!((&result["version"], &result["summary"]["stages"]), (&json!(2), &Value::Null));
}

fn summary_adds_up(summary: &Value) {
    let totals = summary["decisions"].as_array().unwrap();
    let sum = |field: &str| totals.iter().map(|total| number(&total[field])).sum::<f64>();
    assert_eq!(sum("count"), 1_500.0);
    assert!((sum("share") - 1.0).abs() < 1e-12);
    assert!((sum("expected_loss") - number(&summary["expected_loss"])).abs() < 1e-6);
    let exposure = number(&summary["exposure"]);
    assert!((sum("exposure") - exposure).abs() < 1e-6);
    let of_stages: f64 =
        summary["stages"].as_array().unwrap().iter().map(|total| number(&total["exposure"])).sum();
    let of_others = number(&summary["unstaged"]["exposure"]);
    assert!((of_stages + of_others - exposure).abs() < 1e-6, "{summary}");
    let scored: f64 = summary["points"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|bin| bin["decisions"].as_object().unwrap().values().map(number))
        .sum();
    let staged: f64 =
        summary["stages"].as_array().unwrap().iter().map(|total| number(&total["count"])).sum();
    // Of who is declined before the model nothing is known but how late a payment is.
    let unstaged = summary["unstaged"]["count"].as_f64().unwrap_or_default();
    assert!(scored > 1_000.0 && staged >= scored, "{scored} and {staged}");
    assert_eq!(staged + unstaged, 1_500.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refused_get_outcomes_that_say_that_they_were_drawn() {
    let served = trained().await;
    let ask = async |body: &Value| {
        served.post("/api/v1/loans/reject-inferences").json(body).send().await.unwrap()
    };
    let body = json!({"dataset": {"name": "applications"}, "model": "risk", "version": 1,
                      "into": "inferred", "factor": 1.5, "seed": 3});
    let job = json(ask(&body).await, StatusCode::ACCEPTED).await;
    let result = ended(&served, &job).await["result"].clone();
    assert_eq!((&result["accepted"], &result["rejected"]), (&json!(1_350), &json!(150)));
    let bands = result["bands"].as_array().unwrap();
    assert_eq!(bands.len(), 10);
    for band in bands {
        let rate = (1.5 * number(&band["bad"]) / number(&band["accepted"])).min(1.0);
        assert!((number(&band["drawn_at"]) - rate).abs() < 1e-12, "{band}");
    }
    assert!(result["assumption"].as_str().unwrap().contains("1.5 times as often"), "{result}");
    let found = rows(&served, "inferred", 1_000).await;
    for (at, row) in found.iter().enumerate() {
        assert_eq!(row["inferred"], json!(at % 10 == 0));
        assert!(["yes", "no"].contains(&row["default"].as_str().unwrap()));
    }
    for (wrong, pointer) in [
        (json!({"model": "nobody"}), "/model"),
        (json!({"version": "nobody"}), "/version"),
        (json!({"seed": 9_007_199_254_740_992_u64}), "/seed"),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = problem(ask(&body).await, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
    }
    // The same seed draws the same.
    let mut again = body.clone();
    again["into"] = json!("again");
    let job = json(ask(&again).await, StatusCode::ACCEPTED).await;
    ended(&served, &job).await;
    assert_eq!(rows(&served, "again", 1_000).await, found);
    // Whoever is taken for the default is one of the classes.
    again["adverse"] = json!("maybe");
    let refused = problem(ask(&again).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/adverse"]);
    again["adverse"] = json!("yes");
    again["into"] = json!("applications");
    let refused = problem(ask(&again).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/into"], "{refused}");
    again["into"] = json!("again");
    again["dataset"] = json!({"name": "loans"});
    again["factor"] = json!(0);
    let refused = problem(ask(&again).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/dataset", "/factor"]);
}
