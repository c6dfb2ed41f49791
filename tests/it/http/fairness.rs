//! Fairness over HTTP: a known bias is found, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/models/risk/analyses";

/// Loans that the poor default on; women of these are paid less, and nothing else is of their gender.
fn loans(rows: u32) -> String {
    let mut text = "income,gender,age,branch,officer,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761) >> 12;
        let gender = if row % 3 == 0 { "female" } else { "male" };
        let income = 15_000 + mixed % 70_000 + if row % 3 == 0 { 0 } else { 25_000 };
        let default =
            if mixed / 70_000 % 10 < 1 + 8 * u32::from(income < 45_000) { "yes" } else { "no" };
        let (age, officer) = (20 + row % 60, row % 12);
        writeln!(text, "{income},{gender},{age},one,number {officer},{default}").unwrap();
    }
    text
}

async fn trained() -> Served {
    let served = Served::start().await;
    served.upload("loans", &loans(1500)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "features": ["income"], "network": {"kind": "mlp"}, "epochs": 10,
                      "baselines": false});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

/// The job of a request once it has ended.
async fn ended(served: &Served, request: &Value) -> Value {
    let job = served.post(PATH).json(request).send().await.unwrap();
    let at = job.headers()["location"].to_str().unwrap().to_owned();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    json(served.get(&at).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_bias_is_found_in_what_the_version_does_not_read() {
    let served = trained().await;
    let asked = json!({"version": 1, "analysis": {"kind": "fairness", "column": "gender"}});
    let done = ended(&served, &asked).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    let found = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    let result = &found["result"];
    assert_eq!((&result["kind"], &result["favourable"]), (&json!("fairness"), &json!("no")));
    assert_eq!(
        (&result["figures"]["reference"], &result["with_outcome"]),
        (&json!("male"), &found["rows"])
    );
    let [female, male] = result["figures"]["groups"].as_array().unwrap().as_slice() else {
        panic!("{found}")
    };
    assert_eq!((&female["name"], &male["name"]), (&json!("female"), &json!("male")));
    let number = |of: &Value| of.as_f64().unwrap();
    let rate = |of: &Value| number(&of["selection_rate"]["value"]);
    assert_eq!(female["impact"]["below_four_fifths"], true, "{female}");
    assert!((number(&female["impact"]["ratio"]) - rate(female) / rate(male)).abs() < 1e-12);
    assert!(number(&female["impact"]["interval"]["high"]) < 0.9, "{female}");
    assert!(number(&female["impact"]["p_value"]) < 1e-3, "{female}");
    let difference = number(&result["figures"]["demographic_parity_difference"]["value"]);
    assert!((difference - (rate(male) - rate(female))).abs() < 1e-12, "{result}");
    assert!(number(&male["auc"]) > 0.6 && male["calibration"]["expected_error"].is_number());
    assert!(result["notice"].as_str().unwrap().contains("not a legal opinion"));
    assert!(result["verdict"][0].as_str().unwrap().contains("below four fifths"), "{result}");
    what_can_not_be_compared_is_said(&served).await;
}

async fn what_can_not_be_compared_is_said(served: &Served) {
    served.upload("incomes", "income\n20000\n90000\n30000\n").await;
    served.work_off().await;
    let with = |more: Value| {
        let mut analysis = json!({"kind": "fairness", "column": "gender"});
        analysis.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"version": 1, "analysis": analysis})
    };
    let mut elsewhere = with(json!({}));
    elsewhere["dataset"] = json!({"name": "incomes"});
    for (request, pointer, word) in [
        (with(json!({"column": "income"})), "/analysis/column", "the version reads income"),
        (with(json!({"column": "gendre"})), "/analysis/column", "did you mean gender?"),
        (with(json!({"column": "branch"})), "/analysis/column", "one group"),
        (with(json!({"column": "age"})), "/analysis/bins", "where its groups end"),
        (with(json!({"favourable": "maybe"})), "/analysis/favourable", "maybe"),
        (with(json!({"threshold": 2})), "/analysis/threshold", "probability"),
        (with(json!({"reference": "mal"})), "/analysis/reference", "did you mean male?"),
        (
            with(json!({"column": "age", "bins": [30, 50], "reference": "under 31"})),
            "/analysis/reference",
            "did you mean under 30?",
        ),
        (elsewhere, "/analysis/column", "no column gender"),
    ] {
        let answer = served.post(PATH).json(&request).send().await.unwrap();
        let refused = problem(answer, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    // What only the rows tell ends the job, with the place of the mistake.
    let failed = ended(served, &with(json!({"column": "officer", "reference": "number 12"}))).await;
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("invalid_request"))
    );
    assert_eq!(failed["error"]["errors"][0]["pointer"], "/analysis/reference", "{failed}");
    let binned = with(json!({"column": "age", "bins": [30, 50], "reference": "under 30"}));
    assert_eq!(ended(served, &binned).await["state"], "done");
}
