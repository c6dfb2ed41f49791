//! Columns in bins over HTTP: by what they tell of an outcome, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/loans/binnings";

/// Income tells most, the home a little, the day of the week nothing; each customer has a name of its own.
fn loans(rows: u32) -> String {
    let mut text = "income,home,weekday,customer,outcome\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let income = 15_000 + noise % 70_000;
        let home = ["own", "rent"][(noise / 31 % 2) as usize];
        let risk = 100_u32.saturating_sub(income / 800) + 15 * (noise / 31 % 2);
        let outcome = match noise / 7 % 100 {
            _ if row % 100 == 99 => "",
            drawn if drawn < risk => "default",
            _ => "paid",
        };
        let income = if noise % 19 == 0 { String::new() } else { income.to_string() };
        writeln!(text, "{income},{home},{},c{row}x,{outcome}", noise / 53 % 7).unwrap();
    }
    text
}

async fn answer(served: &Served, body: &Value) -> Value {
    json(served.post(PATH).json(body).send().await.unwrap(), StatusCode::OK).await
}

/// What is known after the outcome tells it without error, and is no ordinary column for that.
#[tokio::test(flavor = "multi_thread")]
async fn what_tells_the_classes_apart_is_suspect() {
    let served = Served::start().await;
    let mut text = "cat,num,flag,rest,y\n".to_owned();
    for row in 0..1_000_u32 {
        let bad = row % 4 == 0;
        let (cat, num) = (if bad { "b" } else { "a" }, row % 10 + 20 * u32::from(bad));
        writeln!(text, "{cat},{num},{bad},{},{}", row * 7 % 13, u32::from(bad)).unwrap();
    }
    served.upload("leak", &text).await;
    served.work_off().await;
    let found = answer(&served, &json!({"dataset": {"name": "leak"}, "target": "y"})).await;
    for column in &found["columns"].as_array().unwrap()[..3] {
        let bins = column["bins"].as_array().unwrap().iter().filter(|bin| bin["rows"] != 0);
        assert!(column["strength"] == "suspect" && column["iv"].as_f64() > Some(10.0), "{column}");
        assert!(
            bins.map(|bin| bin["adverse_rate"].as_f64().unwrap()).all(|rate| rate.fract() == 0.0)
        );
    }
    let warning = found["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("3 of the columns (") && warning.contains("apart"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_told_by_what_they_tell() {
    let served = Served::start().await;
    let text = loans(3_000);
    served.upload("loans", &text).await;
    served.work_off().await;
    let mut body = json!({"dataset": {"name": "loans"}, "target": "outcome", "adverse": "default"});
    let found = answer(&served, &body).await;
    assert_eq!(
        (&found["adverse_class"], &found["favourable_class"]),
        (&json!("default"), &json!("paid"))
    );
    assert_eq!((&found["rows"], &found["dataset"]["version"]), (&json!(2_970), &json!(1)));
    assert!(
        found["warnings"][0].as_str().unwrap().starts_with("30 rows without a outcome"),
        "{found}"
    );
    let columns = found["columns"].as_array().unwrap();
    assert_eq!(columns[0]["column"], "income", "{found}");
    let ivs: Vec<f64> = columns.iter().map(|column| column["iv"].as_f64().unwrap()).collect();
    assert!(ivs.windows(2).all(|pair| pair[0] >= pair[1]) && ivs[0] > 0.1, "{ivs:?}");
    let left_out = found["left_out"].as_array().unwrap();
    let customer = left_out.iter().find(|column| column["column"] == "customer").unwrap();
    let reason = "nearly every row has another text (2970 in 2970 rows), as an identifier has";
    assert_eq!(customer["reason"], reason);
    // What somebody counts by hand in a bin of income.
    let income = columns[0]["bins"].as_array().unwrap();
    let all = found["adverse_rows"].as_f64().unwrap();
    let (mut rows, mut iv) = (0, 0.0);
    for bin in income {
        let is_in = |fields: &[&str]| match fields[0].parse::<f64>() {
            Err(_) => bin["is_missing"] == true,
            Ok(value) => {
                bin["is_missing"] != true
                    && bin["from"].as_f64().is_none_or(|from| value >= from)
                    && bin["below"].as_f64().is_none_or(|below| value < below)
            }
        };
        let lines = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let outcomes: Vec<String> =
            lines.filter(|f| is_in(f) && !f[4].is_empty()).map(|f| f[4].to_owned()).collect();
        let bad = outcomes.iter().filter(|outcome| *outcome == "default").count();
        assert_eq!(
            (&bin["rows"], &bin["adverse_rows"]),
            (&json!(outcomes.len()), &json!(bad)),
            "{bin}"
        );
        let (bad, good) = (bad as f64, (outcomes.len() - bad) as f64);
        let woe = ((good / (2_970.0 - all)) / (bad / all)).ln();
        assert!((bin["woe"].as_f64().unwrap() - woe).abs() < 1e-9, "{bin}");
        iv += (good / (2_970.0 - all) - bad / all) * woe;
        rows += outcomes.len();
    }
    assert!(rows == 2_970 && (iv - ivs[0]).abs() < 1e-9, "{rows} {iv}");
    // By the other class weights of evidence have the other sign, and tell as much.
    body["adverse"] = json!("paid");
    body["columns"] = json!(["income"]);
    let turned = answer(&served, &body).await;
    assert!((turned["columns"][0]["iv"].as_f64().unwrap() - ivs[0]).abs() < 1e-9, "{turned}");
    assert_eq!(turned["columns"][0]["trend"], "rising");
    body["edges"] = json!({"income": [30_000, 50_000]});
    let cut = answer(&served, &body).await;
    let bins = cut["columns"][0]["bins"].as_array().unwrap();
    let labels: Vec<&str> = bins.iter().map(|bin| bin["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["below 30000", "30000 to 50000", "50000 or more", "missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_binned_is_told_at_once() {
    let served = Served::start().await;
    served.upload("loans", &loans(300)).await;
    served.work_off().await;
    let refused = async |body: Value, expected: &[&str]| {
        let answer = served.post(PATH).json(&body).send().await.unwrap();
        let problem = problem(answer, 422, "invalid_request").await;
        assert_eq!(pointers(&problem), expected, "{problem}");
        problem.to_string()
    };
    let of = |name: &str| json!({"dataset": {"name": name}, "target": "outcome"});
    refused(of("loan"), &["/dataset"]).await;
    let mut body = of("loans");
    body["columns"] = json!(["incom", "home", "home", "outcome"]);
    body["bins"] = json!(1);
    body["least_share"] = json!(0.9);
    body["trends"] = json!({"home": "rising", "weekday": "rising"});
    let wrong = [
        "/bins",
        "/least_share",
        "/columns/0",
        "/columns/2",
        "/columns/3",
        "/trends/home",
        "/trends/weekday",
    ];
    let told = refused(body, &wrong).await;
    assert!(told.contains("did you mean income?"), "{told}");
    assert!(told.contains("home has no order, which a trend needs"), "{told}");
    let mut body = of("loans");
    body["edges"] = json!({"home": [1, 2], "income": [2, 1], "incomes": [1]});
    let wrong = ["/edges/home", "/edges/income", "/edges/incomes"];
    let told = refused(body, &wrong).await;
    assert!(told.contains("home is no number, which is cut at edges"), "{told}");
    let mut body = of("loans");
    body["columns"] = json!((0..1_001).map(|at| format!("incom{at}")).collect::<Vec<_>>());
    body["trends"] = json!({"weekdays": "rising"});
    refused(body.clone(), &["/columns"]).await;
    // Of so many that are unknown a hundred are named.
    body["columns"] = json!((0..1_000).map(|at| format!("incom{at}")).collect::<Vec<_>>());
    let expected: Vec<String> = (0..100).map(|at| format!("/columns/{at}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    refused(body, &expected).await;
    let mut body = of("loans");
    body["adverse"] = json!("lost");
    refused(body.clone(), &["/adverse"]).await;
    body["adverse"] = Value::Null;
    body["target"] = json!("weekday");
    refused(body.clone(), &["/target"]).await;
    body["columns"] = json!([]);
    refused(body, &["/columns"]).await;
}
