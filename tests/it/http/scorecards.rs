//! Points scorecards over HTTP: trained, read, answering, explained.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Loans that the poor and the young default on; homes tell a little, and income is missing at times.
fn loans(rows: u32) -> String {
    let mut text = "income,age,home,owner,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let (income, age) = (15_000 + noise % 70_000, 20 + noise / 97 % 50);
        let home = ["own", "rent", "with, others"][(noise / 31 % 3) as usize];
        let risk = 110_u32.saturating_sub(income / 1_000 + age / 2) + 15 * (noise / 31 % 3);
        let default = if noise / 7 % 100 < risk { "yes" } else { "no" };
        let income = if noise % 19 == 0 { String::new() } else { income.to_string() };
        writeln!(text, "{income},{age},\"{home}\",{},{default}", noise / 53 % 2 == 0).unwrap();
    }
    text
}

const VERSIONS: &str = "/api/v1/models/card/versions";

async fn trained(network: Value) -> Served {
    let served = Served::start().await;
    served.upload("loans", &loans(2_500)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
        "monotone": {"income": "decreasing"}, "network": network});
    let job = served.post(VERSIONS).json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

async fn get(served: &Served, path: &str) -> Value {
    json(served.get(path).send().await.unwrap(), StatusCode::OK).await
}

fn rows() -> Value {
    json!([{"income": 16_000, "age": 22, "home": "rent", "owner": true},
           {"income": 84_000, "age": 69, "home": "own", "owner": false},
           {"income": null, "age": 40, "home": "a boat", "owner": null}])
}

/// Points of a row by the table, as somebody with a pencil adds them.
fn by_hand(card: &Value, row: &Value) -> f64 {
    let points = |column: &Value| {
        let value = &row[column["column"].as_str().unwrap()];
        let fits = |bin: &&Value| match value {
            Value::Null => bin["is_missing"] == true,
            Value::Number(number) => {
                let number = number.as_f64().unwrap();
                let within = bin["from"].as_f64().is_none_or(|from| number >= from)
                    && bin["below"].as_f64().is_none_or(|below| number < below);
                within && bin["is_missing"] != true
            }
            value => {
                let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                bin["categories"].as_array().is_some_and(|names| names.contains(&json!(name)))
            }
        };
        let bins = column["bins"].as_array().unwrap();
        let other = || bins.iter().find(|bin| bin["is_rare"] == true);
        bins.iter().find(fits).or_else(other).unwrap()["points"].as_f64().unwrap()
    };
    card["columns"].as_array().unwrap().iter().map(points).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn points_add_up_to_the_answers() {
    let served = trained(json!({"kind": "scorecard", "min_iv": 0.0})).await;
    let version = get(&served, &format!("{VERSIONS}/1")).await;
    assert_eq!(version["provenance"]["spec"]["network"]["bins"], 6);
    assert_eq!(version["calibration"]["kind"], "none");
    assert!(version["metrics"]["auc"].as_f64().unwrap() > 0.65, "{}", version["metrics"]);

    let card = get(&served, &format!("{VERSIONS}/1/scorecard?rounded=false")).await;
    let names: Vec<&str> =
        card["columns"].as_array().unwrap().iter().map(|c| c["column"].as_str().unwrap()).collect();
    assert!(names.starts_with(&["income", "age"]), "{card}");
    let income = &card["columns"][0];
    assert!(income["coefficient"].as_f64().unwrap() < 0.0);
    assert!(income["standard_error"].as_f64().unwrap() > 0.0);
    assert_eq!((&income["trend"], &card["adverse_class"]), (&json!("falling"), &json!("yes")));
    let home = card["columns"].as_array().unwrap().iter().find(|c| c["column"] == "home").unwrap();
    assert_eq!(home["trend"], "free", "categories have no order");
    let bins = income["bins"].as_array().unwrap();
    let (missing, known) = bins.split_last().unwrap();
    assert!(missing["is_missing"] == true && missing["rows"].as_u64().unwrap() > 0);
    let points: Vec<f64> = known.iter().map(|bin| bin["points"].as_f64().unwrap()).collect();
    assert!(points.len() > 1 && points.windows(2).all(|pair| pair[0] < pair[1]), "{points:?}");

    read_by_the_other_class(&served, &card).await;

    // The same scale by the answered probabilities.
    let asked = json!({"rows": rows(), "version": 1, "reasons": true});
    let path = "/api/v1/models/card/predictions";
    let answer = json(served.post(path).json(&asked).send().await.unwrap(), StatusCode::OK).await;
    for (row, prediction) in
        rows().as_array().unwrap().iter().zip(answer["predictions"].as_array().unwrap())
    {
        let p = prediction["probabilities"]["yes"].as_f64().unwrap();
        let score = 600.0 + 20.0 * ((1.0 - p) / p / 50.0).log2();
        let by_hand = by_hand(&card, row);
        assert!((score - by_hand).abs() < 1e-3, "{score} {by_hand} {row}");
        let within = |end: &str| card[end].as_f64().unwrap();
        assert!(within("least_score") <= by_hand && by_hand <= within("greatest_score"));
    }
    let first = &answer["reasons"]["rows"][0][0];
    assert!(first["columns"] == json!(["income"]) || first["columns"] == json!(["age"]), "{first}");

    // An explanation is exact: what a column adds is linear in its weight of evidence.
    let asked = json!({"rows": rows(), "version": 1});
    let path = "/api/v1/models/card/explanations";
    let found = json(served.post(path).json(&asked).send().await.unwrap(), StatusCode::OK).await;
    let explained = found["explanations"].as_array().unwrap();
    let of = |at: usize, name: &str| -> f64 {
        let columns = explained[at]["attributions"].as_array().unwrap();
        let column = columns.iter().find(|c| c["column"] == name).unwrap();
        column["attribution"].as_f64().unwrap()
    };
    let row = |at: usize| rows()[at].clone();
    for name in names {
        let only = |at: usize| {
            let columns = card["columns"].as_array().unwrap().iter();
            let columns: Vec<Value> = columns.filter(|c| c["column"] == name).cloned().collect();
            by_hand(&json!({ "columns": columns }), &row(at))
        };
        let in_points = (only(1) - only(0)) / (20.0 / std::f64::consts::LN_2);
        let apart = of(0, name) - of(1, name);
        assert!((in_points - apart).abs() < 1e-4, "{name}: {in_points} {apart}");
    }
}

/// Who pays may be what a policy looks for: then points say how probably somebody does not.
async fn read_by_the_other_class(served: &Served, card: &Value) {
    let path = format!("{VERSIONS}/1/scorecard?rounded=false&adverse=no");
    let turned = get(served, &path).await;
    assert_eq!(
        (&turned["adverse_class"], &turned["favourable_class"]),
        (&json!("no"), &json!("yes"))
    );
    assert_eq!(turned["adverse_rows"], card["favourable_rows"]);
    let number = |value: &Value| value.as_f64().unwrap();
    let [of, other] = [card, &turned].map(|card| &card["columns"][0]["bins"][0]);
    assert!((number(&of["adverse_rate"]) + number(&other["adverse_rate"]) - 1.0).abs() < 1e-12);
    assert_eq!(number(&of["woe"]), -number(&other["woe"]));
    // At even odds both have the same points, from which one goes up as the other goes down.
    let even = 600.0 - 20.0 * 50_f64.log2();
    for row in rows().as_array().unwrap() {
        let (one, another) = (by_hand(card, row), by_hand(&turned, row));
        assert!((one - even + another - even).abs() < 1e-9, "{one} {another}");
    }
    let path = format!("{VERSIONS}/1/scorecard?adverse=nay");
    let found = problem(served.get(&path).send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["query adverse"]);
    let policy = json!({"model": "card", "version": 1, "adverse": "no",
        "cut_offs": {"unit": "points", "approve": 560, "decline": 500}});
    let path = "/api/v1/loans/policies/payers/versions";
    json(served.post(path).json(&policy).send().await.unwrap(), StatusCode::CREATED).await;
    let asked = json!({ "rows": rows() });
    let path = "/api/v1/loans/policies/payers/assessments";
    let found = json(served.post(path).json(&asked).send().await.unwrap(), StatusCode::OK).await;
    for (row, assessed) in
        rows().as_array().unwrap().iter().zip(found["assessments"].as_array().unwrap())
    {
        assert!((number(&assessed["points"]) - by_hand(&turned, row)).abs() < 1e-3, "{assessed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorecard_is_read_in_other_ways() {
    let served = trained(json!({"kind": "scorecard", "edges": {"age": [30, 50]}})).await;
    let scale = "points=500&points_to_double=50&odds=1";
    let card = get(&served, &format!("{VERSIONS}/1/scorecard?{scale}")).await;
    let age = card["columns"].as_array().unwrap().iter().find(|c| c["column"] == "age").unwrap();
    let labels: Vec<&str> =
        age["bins"].as_array().unwrap().iter().map(|b| b["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["below 30", "30 to 50", "50 or more", "missing"]);
    for bin in age["bins"].as_array().unwrap() {
        let points = bin["points"].as_f64().unwrap();
        assert_eq!(points, points.round(), "{bin}");
    }
    let path = format!("{VERSIONS}/1/scorecard?format=csv");
    let csv = served.get(&path).send().await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv");
    let text = csv.text().await.unwrap();
    assert!(text.starts_with("column,iv,strength,coefficient,"), "{text}");
    let of_age = text.lines().filter(|line| line.starts_with("age,")).count();
    assert_eq!(of_age, 4, "{text}");

    let path = format!("{VERSIONS}/1/scorecard?odds=0&points_to_double=-1");
    let found = problem(served.get(&path).send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["query points_to_double", "query odds"]);
    let path = format!("{VERSIONS}/1/scorecard?rounded=perhaps&points=many");
    let found = problem(served.get(&path).send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["query points", "query rounded"]);
    let missing = served.get(&format!("{VERSIONS}/7/scorecard")).send().await.unwrap();
    problem(missing, 404, "not_found").await;

    // The weights hold the coefficients, and what they are sure of.
    let weights = served.get(&format!("{VERSIONS}/1/weights")).send().await.unwrap();
    let weights = weights.bytes().await.unwrap();
    let header = String::from_utf8_lossy(&weights).into_owned();
    assert!(header.contains("output.weight") && header.contains("output.weight_error"), "{header}");
    // And it is analysed as any version.
    for analysis in [
        json!({"kind": "importance", "repeats": 2}),
        json!({"kind": "surrogate"}),
        json!({"kind": "dependence", "columns": ["income"]}),
    ] {
        let analysis = json!({"version": 1, "analysis": analysis});
        let path = "/api/v1/models/card/analyses";
        let job = served.post(path).json(&analysis).send().await.unwrap();
        json(job, StatusCode::ACCEPTED).await;
    }
    served.work_off().await;
    let analyses = get(&served, "/api/v1/models/card/analyses").await;
    assert_eq!(analyses["items"].as_array().unwrap().len(), 3, "{analyses}");
    let asked = json!({"rows": [{"income": 16_000, "age": 22, "home": "rent"}], "version": 1,
        "change": {"income": {}, "home": {}}});
    let path = "/api/v1/models/card/counterfactuals";
    let found = json(served.post(path).json(&asked).send().await.unwrap(), StatusCode::OK).await;
    let found = &found["counterfactuals"][0];
    assert_eq!(found["outcome"], "found", "{found}");
    let alternative = &found["alternatives"][0];
    assert_eq!(alternative["prediction"]["label"], "no", "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_scorecard_has_no_points() {
    let served = trained(json!({"kind": "linear"})).await;
    let found = served.get(&format!("{VERSIONS}/1/scorecard")).send().await.unwrap();
    let found = problem(found, 422, "invalid_request").await;
    assert!(found["detail"].as_str().unwrap().contains("network scorecard"), "{found}");
}
