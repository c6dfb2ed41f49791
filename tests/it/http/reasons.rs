//! Reasons of adverse answers over HTTP: tables, requests, records.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::server::{Served, json, pointers, problem};

/// Loans that the poor and the young default on; region tells nothing.
fn loans(rows: u32) -> String {
    let mut text = "income,age,region,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let (income, age) = (15_000 + noise % 70_000, 20 + noise / 97 % 50);
        let risk = 100_u32.saturating_sub(income / 1_000 + age / 2);
        let default = if noise / 7 % 100 < risk { "yes" } else { "no" };
        let region = ["north", "south"][(noise / 100 % 2) as usize];
        writeln!(text, "{income},{age},{region},{default}").unwrap();
    }
    text
}

const TABLES: &str = "/api/v1/models/risk/reason-tables";

/// Loans that the poor and the middle-aged default on: those near a cut-off are of any age, and their median is
/// the worst.
fn loans_of_the_middle_aged(rows: u32) -> String {
    let mut text = "income,age,region,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let (income, age) = (15_000 + noise % 70_000, 20 + noise / 97 % 50);
        let risk = 130_u32.saturating_sub(income / 1_000 + 2 * age.abs_diff(45));
        let default = if noise / 7 % 100 < risk { "yes" } else { "no" };
        let region = ["north", "south"][(noise / 100 % 2) as usize];
        writeln!(text, "{income},{age},{region},{default}").unwrap();
    }
    text
}

async fn trained() -> Served {
    trained_on(&loans(1_500), json!({"network": {"kind": "mlp"}, "epochs": 15})).await
}

async fn trained_on(loans: &str, further: Value) -> Served {
    let served = Served::start().await;
    served.upload("loans", loans).await;
    served.work_off().await;
    let mut spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                          "threshold": {"by": "value", "value": 0.5}});
    spec.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

async fn predict(served: &Served, body: Value) -> Response {
    served.post("/api/v1/models/risk/predictions").json(&body).send().await.unwrap()
}

async fn predicted(served: &Served, body: Value) -> Value {
    json(predict(served, body).await, StatusCode::OK).await
}

fn rows() -> Value {
    json!([{"income": 16_000, "age": 22, "region": "north"},
           {"income": 84_000, "age": 69, "region": "south"},
           {"income": 17_000, "age": null, "region": "north"}])
}

async fn create(served: &Served, entries: Value) -> Response {
    served.post(TABLES).json(&json!({ "entries": entries })).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn adverse_answers_have_reasons_that_are_kept() {
    let served = trained().await;
    let body = json!({"rows": rows(), "version": 1, "reasons": true});
    let answer = predicted(&served, body.clone()).await;
    let labels: Vec<&str> = answer["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["yes", "no", "yes"], "{answer}");
    let reasons = &answer["reasons"];
    assert_eq!((&reasons["adverse_class"], &reasons["cut_off"]), (&json!("yes"), &json!(0.5)));
    assert_eq!((&reasons["table"], &reasons["holds"]), (&Value::Null, &json!(true)), "{reasons}");
    assert_eq!(reasons["baseline"]["source"], "applicants");
    let [poor, rich, unknown] = reasons["rows"].as_array().unwrap().as_slice() else { panic!() };
    assert_eq!(*rich, json!([]));
    let first = &poor[0];
    assert_eq!((&first["code"], &first["columns"]), (&json!("income"), &json!(["income"])));
    let text = first["text"].as_str().unwrap();
    assert!(
        text.starts_with("income is 16,000; approved applicants nearest the cut-off mostly have "),
        "{text}"
    );
    for reasons in [poor, unknown] {
        let reasons = reasons.as_array().unwrap();
        assert!((1..=4).contains(&reasons.len()));
        let adds: Vec<f64> = reasons.iter().map(|r| r["contribution"].as_f64().unwrap()).collect();
        assert!(adds.is_sorted_by(|a, b| a >= b) && adds.iter().all(|a| *a > 0.0), "{adds:?}");
        let mut columns: Vec<String> = reasons.iter().map(|r| r["columns"].to_string()).collect();
        columns.sort();
        columns.dedup();
        assert_eq!(columns.len(), adds.len(), "no column twice");
    }
    assert_eq!(predicted(&served, body).await, answer, "nothing is drawn");
    // Where nobody is refused there is nobody to compare with.
    let favourable = json!({"rows": [rows()[1]], "version": 1, "record": true, "reasons": true});
    let favourable = predicted(&served, favourable).await;
    assert_eq!(favourable["reasons"]["rows"], json!([[]]));
    assert_eq!(favourable["reasons"]["baseline"], Value::Null, "{favourable}");
    let path = format!("/api/v1/predictions/{}/replay", favourable["id"].as_str().unwrap());
    let replay = json(served.post(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&replay["same_reasons"], &replay["identical"]), (&json!(true), &json!(true)));
    records_keep_them(&served).await;
    explanations_come_with_them(&served).await;
    wrong_requests_are_told_where(&served).await;
}

async fn records_keep_them(served: &Served) {
    let get =
        async |path: String| json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    let entries = json!([
        {"code": "R01", "columns": ["income", "age"], "text": "Income and age.", "language": "en"},
        {"code": "R02", "columns": ["region"], "when": ["north"], "text": "Region."}
    ]);
    // Before there is any table.
    let untold = json!({"rows": rows(), "version": 1, "record": true, "reasons": true});
    let untold = predicted(served, untold).await;
    assert_eq!(untold["reasons"]["table"], Value::Null, "{untold}");
    json(create(served, entries).await, StatusCode::CREATED).await;
    let path = format!("/api/v1/predictions/{}/replay", untold["id"].as_str().unwrap());
    let replay = json(served.post(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&replay["same_reasons"], &replay["reasons"]), (&json!(true), &untold["reasons"]));
    for options in [json!({}), json!({"method": "shapley", "max": 1, "language": "en"})] {
        let body = json!({"rows": rows(), "version": 1, "record": true, "reasons": options});
        let answer = predicted(served, body).await;
        let reasons = &answer["reasons"];
        assert_eq!((&reasons["table"], &reasons["language"]), (&json!(1), &json!("en")));
        assert_eq!(reasons["rows"][0][0]["code"], "R01", "{reasons}");
        assert_eq!(reasons["rows"][0][0]["columns"], json!(["income", "age"]));
        let path = format!("/api/v1/predictions/{}", answer["id"].as_str().unwrap());
        assert_eq!(get(path.clone()).await["reasons"], *reasons);
        let replay = served.post(&format!("{path}/replay")).send().await.unwrap();
        let replay = json(replay, StatusCode::OK).await;
        assert_eq!((&replay["same_reasons"], &replay["identical"]), (&json!(true), &json!(true)));
        assert_eq!(replay["reasons"], *reasons);
    }
    // A newer table does not change what an older answer was told by.
    let body = json!({"rows": rows(), "version": 1, "record": true, "reasons": true});
    let answer = predicted(served, body).await;
    let entries = json!([{"code": "R09", "columns": ["income"], "text": "Income."}]);
    json(create(served, entries).await, StatusCode::CREATED).await;
    let path = format!("/api/v1/predictions/{}/replay", answer["id"].as_str().unwrap());
    let replay = json(served.post(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(replay["same_reasons"], true, "{replay}");
    let newest = predicted(served, json!({"rows": rows(), "version": 1, "reasons": true})).await;
    assert_eq!(newest["reasons"]["table"], 2);
    // A record without reasons is as it was.
    let answer = predicted(served, json!({"rows": rows(), "version": 1, "record": true})).await;
    let path = format!("/api/v1/predictions/{}", answer["id"].as_str().unwrap());
    let record = get(path.clone()).await;
    assert!(record.get("reasons").is_none() && answer.get("reasons").is_none(), "{record}");
    let replay = json(served.post(&format!("{path}/replay")).send().await.unwrap(), StatusCode::OK);
    let replay = replay.await;
    assert_eq!((replay.get("same_reasons"), &replay["identical"]), (None, &json!(true)));
}

async fn explanations_come_with_them(served: &Served) {
    let body = json!({"rows": rows(), "version": 1});
    let alone = served.post("/api/v1/models/risk/explanations").json(&body).send().await.unwrap();
    let alone = json(alone, StatusCode::OK).await;
    let mut asked = body.clone();
    asked["explain"] = json!(true);
    let answer = predicted(served, asked).await;
    assert_eq!(answer["explanations"], alone["explanations"]);
    assert!(answer.get("reasons").is_none());
    // By columns of a request, too; the values are those that were sent.
    let columns = json!({"income": [16_000], "age": [22], "region": ["north"]});
    let asked = json!({"columns": columns, "version": 1, "explain": true});
    let answer = predicted(served, asked).await;
    assert_eq!(answer["explanations"][0], alone["explanations"][0]);
    let asked = json!({"rows": rows(), "version": 1, "method": "shapley", "groups": [["income", "region"]]});
    let shapley =
        served.post("/api/v1/models/risk/explanations").json(&asked).send().await.unwrap();
    let shapley = json(shapley, StatusCode::OK).await;
    let one = &shapley["explanations"][0];
    assert_eq!(one["attributions"][0]["column"], "income + region");
    assert_eq!(one["attributions"][0]["columns"], json!(["income", "region"]));
    assert_eq!(one["attributions"][0]["standard_error"], 0.0);
    let number = |value: &Value| value.as_f64().unwrap();
    let sum: f64 =
        one["attributions"].as_array().unwrap().iter().map(|a| number(&a["attribution"])).sum();
    assert!((sum - number(&one["value"]) + number(&one["base"])).abs() < 1e-6, "{one}");
}

async fn wrong_requests_are_told_where(served: &Served) {
    let row = rows()[0].clone();
    let many: Vec<Value> = (0..1_001).map(|_| row.clone()).collect();
    for (field, value, pointer, word) in [
        ("reasons", json!({"max": 5}), "/reasons/max", "1 to 4"),
        ("reasons", json!({"maxi": 1}), "/reasons/maxi", "no such field"),
        ("reasons", json!("yes"), "/reasons", "true, false or an object"),
        ("reasons", json!({"adverse": "yse"}), "/reasons/adverse", "did you mean yes?"),
        ("reasons", json!({"language": "es"}), "/reasons/language", "names no language"),
        ("rows", json!(many), "/rows", "1000 answers"),
    ] {
        let mut body = json!({"rows": [row], "version": 1, "reasons": true});
        body[field] = value;
        let refused = problem(predict(served, body).await, 422, "invalid_request").await;
        assert_eq!(pointers(&refused), [pointer], "{refused}");
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    let body = json!({"rows": [row], "version": 1, "reasons": {"table": 9}});
    let refused = problem(predict(served, body).await, 404, "not_found").await;
    assert_eq!(pointers(&refused), ["/reasons/table"]);
    let body = json!({"rows": [row], "version": 1, "reasons": true});
    let stream = served
        .post("/api/v1/models/risk/predictions")
        .header("accept", "application/vnd.apache.arrow.stream")
        .json(&body);
    let refused = problem(stream.send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/reasons"]);
    // Of the other class those are adverse that were favourable.
    let body = json!({"rows": rows(), "version": 1, "reasons": {"adverse": "no"}});
    let answer = predicted(served, body).await;
    let counts: Vec<bool> = answer["reasons"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().is_empty())
        .collect();
    assert_eq!(counts, [true, false, true]);
}

/// The median of approved applicants nearest the cut-off by column, as sentences tell it to those who are answered
/// adversely.
async fn medians(served: &Served, rows: &[Value], adverse: &str) -> BTreeMap<String, f64> {
    let asked = json!({"rows": rows, "version": 1, "reasons": {"adverse": adverse}});
    let answer = predicted(served, asked).await;
    let rows = answer["reasons"]["rows"].as_array().unwrap().iter();
    let told = rows.flat_map(|row| row.as_array().unwrap()).filter_map(|reason| {
        let text = reason["text"].as_str().unwrap();
        let (told, median) =
            text.split_once("; the median of approved applicants nearest the cut-off is ")?;
        let (column, _) = told.split_once(" is ")?;
        Some((column.to_owned(), median.replace(',', "").parse().unwrap()))
    });
    told.collect()
}

/// A value that is told to be high or low is so on the side that hurts: with the median of the approved in its
/// place the answer is less adverse.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_high_or_low_hurts() {
    let network = json!({"network": {"kind": "mlp"}, "epochs": 30});
    let served = trained_on(&loans_of_the_middle_aged(1_500), network).await;
    let of_age = |at: u32| (0..10).map(move |by: u32| (16_000 + 7_000 * by, 21 + 6 * at));
    let rows: Vec<Value> = (0..9)
        .flat_map(of_age)
        .map(|(income, age)| json!({"income": income, "age": age, "region": "north"}))
        .collect();
    let both: [(_, _, &[&str]); 2] =
        [("yes", 1.0, &["POOR"]), ("no", -1.0, &["RICH", "YOUNG", "OLD"])];
    let mut approved = Vec::new();
    for (adverse, ..) in both {
        approved.push(medians(&served, &rows, adverse).await);
    }
    let entry = |code: &str, column: &str, when: &str| json!({"code": code, "columns": [column], "when": when, "text": format!("{column} is {when}.")});
    let entries = json!([
        entry("POOR", "income", "low"),
        entry("RICH", "income", "high"),
        entry("YOUNG", "age", "low"),
        entry("OLD", "age", "high")
    ]);
    json(create(&served, entries).await, StatusCode::CREATED).await;
    let yes = |answer: &Value, at: usize| {
        answer["predictions"][at]["probabilities"]["yes"].as_f64().unwrap()
    };
    let mut undirected = 0;
    for ((adverse, sign, hurting), medians) in both.into_iter().zip(&approved) {
        let asked = json!({"rows": rows, "version": 1, "reasons": {"adverse": adverse}});
        let answer = predicted(&served, asked).await;
        assert_eq!(answer["reasons"]["directions"], "scored");
        let (mut moved, mut before, mut codes) = (Vec::new(), Vec::new(), Vec::new());
        for (at, reasons) in answer["reasons"]["rows"].as_array().unwrap().iter().enumerate() {
            for reason in reasons.as_array().unwrap() {
                let code = reason["code"].as_str().unwrap();
                let column = reason["columns"][0].as_str().unwrap();
                if code == column {
                    undirected += usize::from(column == "age" && adverse == "yes");
                    continue;
                }
                let mut row = rows[at].clone();
                row[column] = json!(medians[column]);
                moved.push(row);
                before.push(yes(&answer, at));
                codes.push(code.to_owned());
            }
        }
        for code in hurting {
            let count = codes.iter().filter(|told| told == code).count();
            assert!(count >= 3, "{code} is told {count} times: {codes:?}");
        }
        let after = predicted(&served, json!({"rows": moved, "version": 1})).await;
        for (at, before) in before.into_iter().enumerate() {
            let (after, code) = (yes(&after, at), &codes[at]);
            assert!(sign * (before - after) > 0.0, "{code}: {before} {after} {}", moved[at]);
        }
    }
    assert!(undirected >= 3, "nearer to the median is worse: {undirected}");
    older_records_are_told_as_they_were(&served, &rows).await;
    groups_are_high_or_low_where_that_hurts(&served, &rows, &approved).await;
}

/// Columns that are told as one: with the medians of the approved in place of those that are high, or low, alone
/// the answer is less adverse.
async fn groups_are_high_or_low_where_that_hurts(
    served: &Served,
    rows: &[Value],
    approved: &[BTreeMap<String, f64>],
) {
    let entry = |code: &str, when: Option<&str>| json!({"code": code, "columns": ["age", "income"], "when": when, "text": format!("Age and income: {code}.")});
    let entries =
        json!([entry("LOW", Some("low")), entry("HIGH", Some("high")), entry("ANY", None)]);
    json(create(served, entries).await, StatusCode::CREATED).await;
    let yes = |answer: &Value, at: usize| {
        answer["predictions"][at]["probabilities"]["yes"].as_f64().unwrap()
    };
    let mut told = BTreeMap::new();
    for ((adverse, sign), medians) in [("yes", 1.0), ("no", -1.0)].into_iter().zip(approved) {
        let asked = json!({"rows": rows, "version": 1, "reasons": {"adverse": adverse}});
        let answer = predicted(served, asked).await;
        let (mut moved, mut before) = (Vec::new(), Vec::new());
        for (at, reasons) in answer["reasons"]["rows"].as_array().unwrap().iter().enumerate() {
            let mut of_group = reasons.as_array().unwrap().iter();
            let Some(reason) = of_group.find(|reason| reason["columns"][1].is_string()) else {
                continue;
            };
            let code = reason["code"].as_str().unwrap();
            *told.entry(code.to_owned()).or_insert(0) += 1;
            let side = match code {
                "LOW" => -1.0,
                "HIGH" => 1.0,
                _ => continue,
            };
            let mut row = rows[at].clone();
            let mut is_clear = true;
            for (column, near) in [("income", 6_000.0), ("age", 6.0)] {
                let beyond = row[column].as_f64().unwrap() - medians[column];
                // The mean lies near the median, and what is between them is on no side.
                is_clear &= beyond.abs() > near;
                if beyond * side > 0.0 {
                    row[column] = json!(medians[column]);
                }
            }
            assert!(!is_clear || row != rows[at], "{code}: {row}");
            if is_clear {
                moved.push(row);
                before.push(yes(&answer, at));
            }
        }
        let after = predicted(served, json!({"rows": moved, "version": 1})).await;
        for (at, before) in before.into_iter().enumerate() {
            let after = yes(&after, at);
            assert!(sign * (before - after) > 0.0, "{before} {after} {}", moved[at]);
        }
    }
    for code in ["LOW", "HIGH"] {
        assert!(told.get(code).is_some_and(|count| *count >= 3), "{told:?}");
    }
}

/// Records of programs that scored no row a second time say nothing of directions, and are told by the place of
/// a value alone.
async fn older_records_are_told_as_they_were(served: &Served, rows: &[Value]) {
    let asked = json!({"rows": rows, "version": 1, "record": true, "reasons": true});
    let answer = predicted(served, asked).await;
    let id: Uuid = answer["id"].as_str().unwrap().parse().unwrap();
    let replay = async |id: Uuid| {
        let path = format!("/api/v1/predictions/{id}/replay");
        json(served.post(&path).send().await.unwrap(), StatusCode::OK).await
    };
    assert_eq!(replay(id).await["same_reasons"], true);
    // Records are never changed: an older one is written beside.
    let older = async |number: u128, mut reasons: Value| {
        reasons.as_object_mut().unwrap().remove("directions").unwrap();
        let older = Uuid::from_u128(number);
        let copy = "INSERT INTO prediction SELECT (json_populate_record(p, json_build_object('id', $2, \
                    'reasons', $3::json))).* FROM prediction p WHERE id = $1";
        let copy = sqlx::query(copy).bind(id).bind(older).bind(reasons.to_string());
        copy.execute(&served.database.pool).await.unwrap();
        replay(older).await
    };
    let told = |reasons: &Value| -> Vec<String> {
        let rows = reasons["rows"].as_array().unwrap().iter();
        let codes = rows.flat_map(|row| row.as_array().unwrap()).map(|reason| &reason["code"]);
        codes.map(|code| code.as_str().unwrap().to_owned()).collect()
    };
    let is_of_age = |code: &&String| ["YOUNG", "OLD"].contains(&code.as_str());
    let of_age = |reasons: &Value| told(reasons).iter().filter(is_of_age).count();
    let first = older(1, answer["reasons"].clone()).await;
    assert_eq!(
        (&first["reasons"]["directions"], &first["same_reasons"]),
        (&json!("placed"), &json!(false))
    );
    assert!(of_age(&first["reasons"]) > of_age(&answer["reasons"]), "{first}");
    let second = older(2, first["reasons"].clone()).await;
    assert_eq!((&second["reasons"], &second["same_reasons"]), (&first["reasons"], &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_numbered_and_come_back_as_they_went() {
    let served = trained().await;
    let entries = json!([
        {"code": "R01", "columns": ["income"], "when": "low", "text": "Income is low, \"alas\"."},
        {"code": "R02", "columns": ["age", "region"], "text": "Age, region."},
        {"code": "R01", "columns": ["income"], "when": "low", "text": "Ingreso bajo.", "language": "es"}
    ]);
    let created = create(&served, entries.clone()).await;
    assert_eq!(created.headers()["location"], format!("{TABLES}/1"));
    let created = json(created, StatusCode::CREATED).await;
    assert_eq!((&created["number"], &created["entries"]), (&json!(1), &entries));
    let one = format!("{TABLES}/1");
    for request in
        [served.get(&one).header("accept", "text/csv"), served.get(&format!("{one}?format=csv"))]
    {
        let csv = request.send().await.unwrap();
        assert_eq!(csv.headers()["content-type"], "text/csv");
        let csv = csv.text().await.unwrap();
        assert!(csv.starts_with("code,columns,when,text,language\nR01,income,low,"), "{csv}");
        let again = served.post(TABLES).header("content-type", "text/csv").body(csv);
        let again = json(again.send().await.unwrap(), StatusCode::CREATED).await;
        assert_eq!(again["entries"], entries);
    }
    let list = json(served.get(TABLES).send().await.unwrap(), StatusCode::OK).await;
    let numbers: Vec<&Value> =
        list["items"].as_array().unwrap().iter().map(|t| &t["number"]).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(list["items"][0]["entries"], 3);
    let read = json(served.get(&one).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(read, created);
    // The same request again is the same table.
    let repeat = async || {
        let request = served.post(TABLES).header("idempotency-key", "k1");
        json(
            request.json(&json!({ "entries": entries })).send().await.unwrap(),
            StatusCode::CREATED,
        )
        .await
    };
    assert_eq!(repeat().await, repeat().await);
    problem(served.get(&format!("{TABLES}/9")).send().await.unwrap(), 404, "not_found").await;
    let unread = served.get(&one).header("accept", "image/png").send().await.unwrap();
    problem(unread, 406, "not_acceptable").await;
    let text = served.post(TABLES).header("content-type", "text/plain").body("x");
    problem(text.send().await.unwrap(), 415, "unsupported_media_type").await;
    let elsewhere = served.post("/api/v1/models/none/reason-tables");
    let elsewhere = elsewhere.json(&json!({ "entries": entries })).send().await.unwrap();
    problem(elsewhere, 404, "not_found").await;
    faults_are_named(&served).await;
}

async fn faults_are_named(served: &Served) {
    let bad = json!([
        {"code": "R01", "columns": ["incme"], "text": "a"},
        {"code": "R01", "columns": ["age"], "text": " "},
        {"code": "R03", "columns": ["region"], "when": "high", "text": "A"},
        {"code": "R04", "columns": ["income"], "when": ["low", 2], "text": "Income."}
    ]);
    let refused = problem(create(served, bad).await, 422, "invalid_request").await;
    let found = pointers(&refused);
    for pointer in [
        "/entries/0/columns/0",
        "/entries/1/code",
        "/entries/1/text",
        "/entries/2/when",
        "/entries/2/text",
        "/entries/3/when",
    ] {
        assert!(found.contains(&pointer), "{pointer} {refused}");
    }
    assert!(refused.to_string().contains("did you mean income?"));
    let bad = json!([{"code": "R01", "columns": ["age"], "text": "a", "when": "hgih"}]);
    let refused = problem(create(served, bad).await, 422, "invalid_request").await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("\"high\""), "{refused}");
    let csv = "code,columns,text\nR01,age,Age.\nR02,incme,Income.\n";
    let refused = served.post(TABLES).header("content-type", "text/csv").body(csv);
    let refused = problem(refused.send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["line 3, column columns"], "{refused}");
}
