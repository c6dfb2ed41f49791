//! Counterfactuals over HTTP: what is found holds, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// Loans that the poor default on, more so where they are renters and in the north.
fn loans(rows: u32) -> String {
    let mut text = "income,debt,age,region,owner,since,default\n".to_owned();
    for row in 0..rows {
        let noise =
            |of: u32| (row.wrapping_mul(2_654_435_761).wrapping_add(of * 40_503) >> 9) % 1000;
        let income = 15_000 + noise(1) * 70;
        let debt = f64::from(noise(2)) / 10.0;
        let region = ["east", "north", "south"][(noise(3) % 3) as usize];
        let owner = noise(4) % 2 == 0;
        let risk = 60_000.0 - f64::from(income)
            + 300.0 * debt
            + if region == "north" { 9_000.0 } else { 0.0 }
            + if owner { -9_000.0 } else { 0.0 };
        let default = if risk > f64::from(noise(5)) * 30.0 - 15_000.0 { "yes" } else { "no" };
        let (age, day) = (20 + noise(6) % 50, 1 + noise(7) % 28);
        writeln!(text, "{income},{debt},{age},{region},{owner},2025-01-{day:02},{default}")
            .unwrap();
    }
    text
}

async fn train(served: &Served, model: &str, spec: Value) {
    let job = served.post(&format!("/api/v1/models/{model}/versions")).json(&spec);
    json(job.send().await.unwrap(), StatusCode::ACCEPTED).await;
    served.work_off().await;
}

async fn ask(served: &Served, model: &str, what: &str, body: &Value) -> reqwest::Response {
    let path = format!("/api/v1/models/{model}/{what}");
    served.post(&path).json(body).send().await.unwrap()
}

async fn risk() -> Served {
    let served = Served::start().await;
    served.upload("loans", &loans(1200)).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "network": {"kind": "mlp"}, "epochs": 15});
    train(&served, "risk", spec).await;
    served
}

fn row(at: u32) -> Value {
    let noise = |of: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(of * 7919) >> 7) % 1000;
    let region = ["east", "north", "south"][(noise(4) % 3) as usize];
    json!({"income": 16_000 + noise(1) * 60, "debt": f64::from(noise(2)) / 10.0, "age": 25 + noise(3) % 40,
           "region": region, "owner": noise(5) % 2 == 0,
           "since": "2025-01-03"})
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Every alternative changes what it may, as it may, and is answered otherwise: when the row is asked for
/// as any other, too.
#[tokio::test(flavor = "multi_thread")]
async fn alternatives_obey_their_bounds_and_flip_the_answer() {
    let served = risk().await;
    let rows: Vec<Value> = (0..30).map(row).collect();
    let change = json!({
        "income": {"max": 90_000, "min": 10_000, "direction": "increase", "step": 500},
        "debt": {"direction": "decrease"},
        "region": {"values": ["south", "east"]},
        "owner": {"values": [true]}
    });
    let goal = json!({"class": "no"});
    let body = json!({"rows": rows, "version": 1, "change": change, "goal": goal});
    let answer = json(ask(&served, "risk", "counterfactuals", &body).await, StatusCode::OK).await;
    let again = json(ask(&served, "risk", "counterfactuals", &body).await, StatusCode::OK).await;
    assert_eq!(answer, again);
    let found = answer["counterfactuals"].as_array().unwrap();
    let own = json!({"rows": rows, "version": 1});
    let own = json(ask(&served, "risk", "predictions", &own).await, StatusCode::OK).await;
    let (mut changed, mut wanted) = (Vec::new(), Vec::new());
    let mut seen = [0; 3];
    for ((row, one), own) in rows.iter().zip(found).zip(own["predictions"].as_array().unwrap()) {
        assert_eq!(&one["prediction"], own);
        assert_eq!(one["goal"], goal);
        let alternatives = one["alternatives"].as_array().unwrap();
        match one["outcome"].as_str().unwrap() {
            "already_met" => {
                seen[0] += 1;
                assert!(
                    own["label"] == "no" && alternatives.is_empty() && one.get("nearest").is_none()
                );
            }
            "found" => {
                seen[1] += 1;
                assert!(own["label"] == "yes" && (1..=3).contains(&alternatives.len()), "{one}");
            }
            _ => {
                seen[2] += 1;
                assert_eq!(one["nearest"]["prediction"]["label"], "yes");
            }
        }
        let costs: Vec<f64> = alternatives.iter().map(|one| number(&one["cost"])).collect();
        assert!(costs.windows(2).all(|pair| pair[0] <= pair[1]), "{costs:?}");
        for alternative in alternatives {
            changed.push(check_changes(row, alternative));
            wanted.push(alternative["prediction"].clone());
            assert_eq!(alternative["prediction"]["label"], "no");
        }
    }
    assert!(seen[0] > 2 && seen[1] > 5, "{seen:?}");
    let body = json!({"rows": changed, "version": 1});
    let scored = json(ask(&served, "risk", "predictions", &body).await, StatusCode::OK).await;
    assert_eq!(scored["predictions"], Value::from(wanted));
    goals_and_outcomes(&served).await;
    wrong_requests_are_told_where(&served).await;
}

/// The row with the changes of an alternative, each of which is checked.
fn check_changes(row: &Value, alternative: &Value) -> Value {
    let mut changed = row.clone();
    let changes = alternative["changes"].as_array().unwrap();
    assert!((1..=3).contains(&changes.len()), "{alternative}");
    let costs: f64 = changes.iter().map(|change| number(&change["cost"])).sum();
    assert!((costs - number(&alternative["cost"])).abs() < 1e-9);
    for change in changes {
        let column = change["column"].as_str().unwrap();
        assert_eq!(change["from"], row[column]);
        let to = &change["to"];
        match column {
            "income" => {
                let to = to.as_i64().unwrap();
                assert!(to % 500 == 0 && to <= 90_000 && to > row["income"].as_i64().unwrap());
            }
            "debt" => {
                let (from, to) = (number(&row["debt"]), number(to));
                assert!((0.0..from).contains(&to), "{change}");
                // A power of ten next below a hundredth of how far the training rows lie apart.
                assert!((to * 10.0 - (to * 10.0).round()).abs() < 1e-9, "{change}");
            }
            "region" => assert!(["south", "east"].contains(&to.as_str().unwrap())),
            "owner" => assert_eq!((&row["owner"], to), (&json!(false), &json!(true))),
            other => panic!("{other} is not marked"),
        }
        changed[column] = to.clone();
    }
    changed
}

async fn goals_and_outcomes(served: &Served) {
    let poor = json!({"income": 40_000, "debt": 20.0, "age": 30, "region": "south", "owner": false,
                      "since": "2025-01-03"});
    let ask = async |change: Value, goal: Value, row: &Value| {
        let body = json!({"rows": [row], "version": 1, "change": change, "goal": goal});
        let answer = ask(served, "risk", "counterfactuals", &body).await;
        json(answer, StatusCode::OK).await["counterfactuals"][0].clone()
    };
    let p = |one: &Value| number(&one["probabilities"]["yes"]);
    // A probability below the threshold, too, is reached or not.
    let one = ask(json!({"income": {"max": 95_000}}), json!({"below": 0.3}), &poor).await;
    let best = &one["alternatives"][0];
    assert!(one["outcome"] == "found" && p(&best["prediction"]) < 0.3, "{one}");
    assert_eq!(one["goal"], json!({"class": "yes", "below": 0.3}));
    let to = best["changes"][0]["to"].as_i64().unwrap();
    assert!(best["changes"][0]["cost"].as_f64().unwrap() > 1.0);
    // One less is not enough.
    let less = json!({"income": {"max": to - 1}});
    let one = ask(less, json!({"below": 0.3}), &poor).await;
    assert_eq!((&one["outcome"], &one["alternatives"]), (&json!("none_within_bounds"), &json!([])));
    assert_eq!(one["nearest"]["changes"][0]["to"].as_i64().unwrap(), to - 1);
    assert!(p(&one["nearest"]["prediction"]) >= 0.3);
    // Of two classes the one that is not answered.
    let one = ask(json!({"income": {"max": 95_000}}), json!({}), &poor).await;
    assert_eq!((&one["goal"]["class"], &one["outcome"]), (&json!("no"), &json!("found")));
    // What is missing stays so.
    let mut unknown = poor.clone();
    unknown["income"] = Value::Null;
    let one = ask(json!({"income": {"max": 95_000}}), json!({"below": 0.0001}), &unknown).await;
    assert_eq!(one["outcome"], "none_within_bounds");
    assert_eq!(one["nearest"]["changes"], json!([]));
}

async fn wrong_requests_are_told_where(served: &Served) {
    let row = row(1);
    for (change, pointer, word) in [
        (json!({}), "/change", "no column"),
        (json!({"incom": {}}), "/change/incom", "did you mean income?"),
        (json!({"default": {}}), "/change/default", "predicts"),
        (json!({"since": {}}), "/change/since", "is a time"),
        (json!({"income": {"min": 5, "max": 4}}), "/change/income/min", "above max"),
        (json!({"income": {"step": 0}}), "/change/income/step", "not above 0"),
        (json!({"income": {"step": 0.5}}), "/change/income/step", "no whole number"),
        (json!({"debt": {"step": -1}}), "/change/debt/step", "not above 0"),
        (json!({"debt": {"scale": 0}}), "/change/debt/scale", "not above 0"),
        (json!({"debt": {"step": 1e-300}}), "/change/debt/step", "too small"),
        (json!({"debt": {"min": 1e308}}), "/change/debt/min", "too large"),
        (
            json!({"debt": {"min": 0.1, "max": 0.4, "step": 0.5}}),
            "/change/debt/step",
            "no multiple",
        ),
        (json!({"income": {"min": 5.1, "max": 5.2}}), "/change/income/max", "no multiple of 1"),
        (json!({"income": {"max": 20}}), "/rows/0/income", "widen"),
        (json!({"income": {"values": [1]}}), "/change/income/values", "min, max"),
        (json!({"region": {"min": 1}}), "/change/region/min", "values"),
        (json!({"region": {"values": []}}), "/change/region/values", "no value"),
        (json!({"region": {"values": ["north", "sout"]}}), "/change/region/values/1", "south"),
        (json!({"owner": {"values": [1]}}), "/change/owner/values/0", "true or false"),
        (json!({"owner": {"direction": "increase"}}), "/change/owner/direction", "values"),
    ] {
        let body = json!({"rows": [row], "version": 1, "change": change});
        let refused = ask(served, "risk", "counterfactuals", &body).await;
        let refused = problem(refused, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    let many: Vec<Value> = (0..101).map(|_| row.clone()).collect();
    let change = json!({"income": {}});
    for (body, pointers_) in [
        (json!({"version": 1, "change": change}), vec!["/rows"]),
        (json!({"version": 1, "rows": many, "change": change}), vec!["/rows"]),
        (
            json!({"version": 1, "rows": [row], "change": change, "max_changes": 0}),
            vec!["/max_changes"],
        ),
        (
            json!({"version": 1, "rows": [row], "change": change, "alternatives": 11}),
            vec!["/alternatives"],
        ),
        (
            json!({"version": 1, "rows": [row], "change": change, "goal": {"class": "yse"}}),
            vec!["/goal/class"],
        ),
        (
            json!({"version": 1, "rows": [row], "change": {"a": {}, "b": {}}}),
            vec!["/change/a", "/change/b"],
        ),
    ] {
        let refused = ask(served, "risk", "counterfactuals", &body).await;
        let refused = problem(refused, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), pointers_, "{refused}");
    }
    let unknown = json!({"rows": [row], "version": 9, "change": change});
    problem(ask(served, "risk", "counterfactuals", &unknown).await, 404, "not_found").await;
    let wrong = json!({"rows": [{"income": "much"}], "version": 1, "change": change});
    problem(ask(served, "risk", "counterfactuals", &wrong).await, 422, "invalid_rows").await;
}

/// A class of several, a number, and versions whose rows can't change alone.
#[tokio::test(flavor = "multi_thread")]
async fn other_tasks_have_goals_of_their_own() {
    let served = Served::start().await;
    let mut csv = "a,b,day,kind,value\n".to_owned();
    for row in 0..400_u32 {
        let (a, b) = (row % 20, row / 20);
        let kind = ["low", "middle", "top"][((a + b) / 14).min(2) as usize];
        let day = format!("{}-{:02}-{:02}", 2024 + row / 336, 1 + row / 28 % 12, 1 + row % 28);
        writeln!(csv, "{}.5,{b},{day},{kind},{}", a, 10 * a + b).unwrap();
    }
    served.upload("grid", &csv).await;
    served.work_off().await;
    let spec = |target: &str, features: Value| {
        json!({"dataset": {"name": "grid"}, "target": target, "features": features,
               "network": {"kind": "mlp"}, "epochs": 30})
    };
    train(&served, "kind", spec("kind", json!(["a", "b"]))).await;
    train(&served, "value", spec("value", json!(["a", "b"]))).await;
    let window = json!({"dataset": {"name": "grid"}, "target": "value", "epochs": 1,
                        "window": {"time": "day", "look_back": 5, "horizon": 1}});
    train(&served, "series", window).await;
    let body = json!({"rows": [{"a": 0.5, "b": 1}], "version": 1, "change": {"a": {"max": 19.5}, "b": {"step": 2}},
                      "goal": {"class": "middle"}});
    let answer = json(ask(&served, "kind", "counterfactuals", &body).await, StatusCode::OK).await;
    let one = &answer["counterfactuals"][0];
    assert_eq!(one["outcome"], "found", "{one}");
    for alternative in one["alternatives"].as_array().unwrap() {
        assert_eq!(alternative["prediction"]["label"], "middle");
        for change in alternative["changes"].as_array().unwrap() {
            assert!(change["column"] == "a" || change["to"].as_i64().unwrap() % 2 == 0, "{change}");
        }
    }
    let mut of_number = body.clone();
    of_number["goal"] = json!({"at_least": 60.0});
    let answer =
        json(ask(&served, "value", "counterfactuals", &of_number).await, StatusCode::OK).await;
    let one = &answer["counterfactuals"][0];
    assert_eq!(one["outcome"], "found", "{one}");
    assert!(number(&one["alternatives"][0]["prediction"]["value"]) >= 60.0);
    assert!(number(&one["prediction"]["value"]) < 60.0);
    for (model, goal, pointer) in [
        ("kind", json!({}), "/goal/class"),
        ("value", json!({}), "/goal"),
        ("series", json!({}), "/version"),
    ] {
        let mut body = body.clone();
        body["goal"] = goal;
        let refused = ask(&served, model, "counterfactuals", &body).await;
        let refused = problem(refused, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
    }
}
