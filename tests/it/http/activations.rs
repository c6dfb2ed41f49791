//! Activations over HTTP: of rows and of a dataset, attention, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

fn loans(rows: u32) -> String {
    let mut text = "income,region,default\n".to_owned();
    for row in 0..rows {
        let mixed = row.wrapping_mul(2_654_435_761) >> 12;
        let income = 15_000 + mixed % 70_000;
        let default =
            if mixed / 70_000 % 10 < 1 + 8 * u32::from(income < 40_000) { "yes" } else { "no" };
        let region = ["north", "south"][(row % 2) as usize];
        writeln!(text, "{income},{region},{default}").unwrap();
    }
    text
}

async fn trained(network: Value) -> Served {
    let served = Served::start().await;
    served.upload("loans", &loans(600)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "network": network, "epochs": 3, "baselines": false,
                      "ensemble": {"folds": 1}});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

async fn ask(served: &Served, body: &Value) -> reqwest::Response {
    served.post("/api/v1/models/risk/activations").json(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_rows_lead_to_what_is_predicted() {
    let served = trained(json!({"kind": "mlp", "hidden": [8]})).await;
    let rows = json!([{"income": 20_000, "region": "north"}, {"income": 80_000, "region": null}]);
    let body = json!({"version": 1, "rows": rows});
    let answer = json(ask(&served, &body).await, StatusCode::OK).await;
    assert_eq!((&answer["model"], &answer["version"]), (&json!("risk"), &json!(1)));
    let predicted = served.post("/api/v1/models/risk/predictions").json(&body).send().await;
    let predicted = json(predicted.unwrap(), StatusCode::OK).await;
    let version = served.get("/api/v1/models/risk/versions/1").send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    let is_calibrated = version["signature"].get("calibrator").is_some_and(|c| !c.is_null());
    for (row, predicted) in answer["activations"]
        .as_array()
        .unwrap()
        .iter()
        .zip(predicted["predictions"].as_array().unwrap())
    {
        let layers = row["layers"].as_array().unwrap();
        let hidden = layers[0]["values"].as_array().unwrap();
        assert_eq!((&layers[0]["layer"], hidden.len()), (&json!("hidden.0"), 8));
        assert!(hidden.iter().all(|v| v.as_f64().unwrap() >= 0.0), "{row}");
        let logit = row["outputs"][0].as_f64().unwrap();
        let probability = predicted["probabilities"]["yes"].as_f64().unwrap();
        let apart = (1.0 / (1.0 + (-logit).exp()) - probability).abs();
        assert!(is_calibrated || apart < 1e-6, "{row} {predicted}");
        assert!(row.get("attention").is_none(), "{row}");
    }
    for (more, pointer, word) in [
        (json!({"rows": []}), "/rows", "no rows"),
        (json!({"layers": ["hidden"]}), "/layers/0", "did you mean hidden.0"),
        (json!({"rows": vec![rows[0].clone(); 201]}), "/rows", "more than 200"),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = problem(ask(&served, &body).await, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    let wrong = json!({"version": 1, "rows": [{"income": "much", "region": null}]});
    let refused = problem(ask(&served, &wrong).await, 422, "invalid_rows").await;
    assert_eq!(pointers(&refused), ["/rows/0/income"], "{refused}");
    let unknown = json!({"version": 9, "rows": rows});
    problem(ask(&served, &unknown).await, 404, "not_found").await;
    of_the_dataset(&served).await;
}

/// The job's statistics name rows of the dataset.
async fn of_the_dataset(served: &Served) {
    let path = "/api/v1/models/risk/analyses";
    let asked = json!({"version": 1, "analysis": {"kind": "activations", "strongest": 2}});
    let mut wrong = asked.clone();
    wrong["analysis"]["layers"] = json!(["hidden", "hidden.0", "hiden.0"]);
    let refused = served.post(path).json(&wrong).send().await.unwrap();
    let refused = problem(refused, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/analysis/layers/0", "/analysis/layers/2"], "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("its layers: hidden.0"), "{refused}");
    for (count, faults) in [(101, 1), (100, 20)] {
        wrong["analysis"]["layers"] = json!(vec!["hiden"; count]);
        let refused = served.post(path).json(&wrong).send().await.unwrap();
        let refused = problem(refused, 422, "invalid_request").await;
        let found = pointers(&refused);
        let first = if faults == 1 { "/analysis/layers" } else { "/analysis/layers/0" };
        assert_eq!((found.len(), found[0]), (faults, first), "{refused}");
    }
    let job = served.post(path).json(&asked).send().await.unwrap();
    let at = job.headers()["location"].to_str().unwrap().to_owned();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let done = json(served.get(&at).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    let found = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    let hidden = &found["result"]["layers"][0];
    assert_eq!(
        (&hidden["layer"], &hidden["units"], &hidden["n"]),
        (&json!("hidden.0"), &json!(8), &found["rows"])
    );
    assert!(found["result"]["verdict"].as_str().unwrap().contains("of 8 units"), "{found}");
    let units = hidden["all"].as_array().unwrap();
    let strongest = units.iter().flat_map(|unit| unit["strongest"].as_array().unwrap());
    assert!(strongest.clone().count() > 2, "{hidden}");
    assert!(strongest.clone().all(|row| row["row"].as_u64().unwrap() < 600), "{hidden}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_is_answered_as_maps_and_as_flow() {
    let served = trained(json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 2})).await;
    let body = json!({"version": 1, "rows": [{"income": 20_000, "region": "north"}]});
    let answer = json(ask(&served, &body).await, StatusCode::OK).await;
    let row = &answer["activations"][0];
    let keys = json!(["answer", "income", "region"]);
    let sum =
        |line: &Value| line.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).sum::<f64>();
    let maps = row["attention"].as_array().unwrap();
    assert_eq!(maps.len(), 2, "{row}");
    for map in maps {
        assert_eq!((&map["keys"], &map["queries"]), (&keys, &keys));
        let lines = map["heads"].as_array().unwrap().iter().flat_map(|h| h.as_array().unwrap());
        assert_eq!(lines.clone().count(), 2 * 3);
        assert!(lines.clone().all(|line| (sum(line) - 1.0).abs() < 1e-5), "{map}");
    }
    let flow = &row["flow"][0];
    assert_eq!(flow["places"], keys);
    assert!((sum(&flow["to_answer"]) - 1.0).abs() < 1e-6, "{flow}");
    let mut without = body.clone();
    without["attention"] = json!(false);
    let answer = json(ask(&served, &without).await, StatusCode::OK).await;
    assert!(answer["activations"][0].get("attention").is_none(), "{answer}");
}
