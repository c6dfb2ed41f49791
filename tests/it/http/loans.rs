//! Loans over HTTP: policies, assessments, loan books, expected losses, refused applicants.

mod books;

use std::fmt::Write as _;

use actuary::domain::key::Scope;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const POLICY: &str = "/api/v1/loans/policies/consumer";

/// Applications of which the poor and the young default; region and amount tell nothing. Every tenth was
/// refused, and has no outcome.
pub(super) fn loans(rows: u32) -> String {
    let mut text = "income,age,region,amount,debt,days,months,default\n".to_owned();
    for row in 0..rows {
        let noise = row.wrapping_mul(2_654_435_761) >> 8;
        let (income, age) = (15_000 + noise % 70_000, 20 + noise / 97 % 50);
        let risk = 100_u32.saturating_sub(income / 1_000 + age / 2);
        let default = match (row % 10, noise / 7 % 100 < risk) {
            (0, _) => "",
            (_, true) => "yes",
            (_, false) => "no",
        };
        let region = ["north", "south"][(noise / 100 % 2) as usize];
        let (amount, debt) = (1_000 + noise / 3 % 20_000, noise / 11 % 30_000);
        let (days, months) = ([0, 0, 0, 0, 35, 0, 0, 95][(row % 8) as usize], 6 + row % 48);
        writeln!(text, "{income},{age},{region},{amount},{debt},{days},{months},{default}")
            .unwrap();
    }
    text
}

pub(super) async fn trained() -> Served {
    let served = Served::start().await;
    let all = loans(1_500);
    let with_outcome: Vec<&str> = all.lines().filter(|line| !line.ends_with(',')).collect();
    served.upload("loans", &with_outcome.join("\n")).await;
    served.upload("applications", &all).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "yes",
                      "features": ["income", "age", "region"], "network": {"kind": "mlp"},
                      "epochs": 15});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    served
}

pub(super) fn terms() -> Value {
    json!({
        "model": "risk", "version": 1,
        "cut_offs": {"unit": "probability", "approve": 0.3, "decline": 0.5},
        "columns": [{"name": "amount", "type": "float64"}, {"name": "debt", "type": "float64"}],
        "rules": [
            {"id": "DEBT", "text": "Debt is high against income.", "outcome": "refer", "stage": "after",
             "when": {"column": "debt", "over": "income", "is": ">", "value": 0.5}},
            {"id": "AGE", "text": "You are under 21.", "outcome": "decline",
             "when": {"column": "age", "is": "<", "value": 21}}
        ],
        "pricing": {"loss_given_default": 0.4, "amount": "amount", "term_months": 24,
                    "funding": 0.03, "margin": 0.02, "most_rate": 0.25},
        "limit": {"most": 20_000, "expected_loss": 700, "step": 100},
        "changeable": {"income": {"max": 90_000, "direction": "increase", "step": 500}}
    })
}

pub(super) async fn keep(served: &Served, terms: &Value) -> Response {
    served.post(&format!("{POLICY}/versions")).json(terms).send().await.unwrap()
}

async fn assess(served: &Served, body: Value) -> Response {
    served.post(&format!("{POLICY}/assessments")).json(&body).send().await.unwrap()
}

async fn assessed(served: &Served, body: Value) -> Value {
    json(assess(served, body).await, StatusCode::OK).await
}

async fn get(served: &Served, path: &str) -> Value {
    json(served.get(path).send().await.unwrap(), StatusCode::OK).await
}

fn applicant(income: u32, age: Value, debt: Value) -> Value {
    json!({"income": income, "age": age, "region": "north", "amount": 5_000, "debt": debt})
}

/// A rich one, a poor one, one with debts, a young one, and one whose age nobody knows.
fn applicants() -> Value {
    json!([
        applicant(84_000, json!(60), json!(1_000)),
        applicant(16_000, json!(24), json!(1_000)),
        applicant(84_000, json!(60), json!(60_000)),
        applicant(84_000, json!(19), json!(0)),
        applicant(84_000, Value::Null, json!(0))
    ])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn applicants_are_decided_on_by_rules_score_and_price() {
    let served = trained().await;
    let made = json(keep(&served, &terms()).await, StatusCode::CREATED).await;
    assert_eq!((&made["policy"], &made["version"]), (&json!("consumer"), &json!(1)));
    let answer = assessed(&served, json!({"rows": applicants(), "record": true})).await;
    let one = |at: usize| &answer["assessments"][at];
    let decisions: Vec<&str> = (0..5).map(|at| one(at)["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["approve", "decline", "refer", "decline", "refer"], "{answer}");
    assert_eq!(answer["decisions"], json!({"approve": 1, "refer": 2, "decline": 2}));

    let approved = one(0);
    assert_eq!(approved["reasons"], Value::Null, "{approved}");
    let pd = number(&approved["pd"]);
    let points = 600.0 - 20.0 / 2_f64.ln() * (50_f64.ln() - ((1.0 - pd) / pd).ln());
    assert!((number(&approved["points"]) - points).abs() < 1e-9);
    assert!((number(&approved["expected_loss"]) - pd * 0.4 * 5_000.0).abs() < 1e-9);
    let offer = &approved["offer"];
    assert!((number(&offer["rate"]) - (0.05 + pd * 0.4)).abs() < 1e-12);
    let limit = (700.0 / (pd * 0.4)).min(20_000.0) / 100.0;
    assert_eq!((number(&offer["limit"]), &offer["covers"]), (limit.floor() * 100.0, &json!(true)));
    let interval = &approved["pd_interval"];
    assert_eq!(interval["kind"], "calibration_bin");
    assert!(
        number(&interval["low"]) < number(&interval["high"]) && number(&interval["rows"]) > 0.0
    );

    let poor = one(1);
    assert_eq!((&poor["offer"], &poor["rules"]), (&Value::Null, &Value::Null), "{poor}");
    let reasons = poor["reasons"].as_array().unwrap();
    assert!((1..=4).contains(&reasons.len()));
    assert_eq!((&reasons[0]["source"], &reasons[0]["code"]), (&json!("score"), &json!("income")));
    assert!(number(&reasons[0]["contribution"]) > 0.0);

    let indebted = one(2);
    assert_eq!(indebted["pd"], approved["pd"], "the model does not read debt");
    let reason = &indebted["reasons"][0];
    let told = (&reason["source"], &reason["text"], &reason["columns"]);
    assert_eq!(
        told,
        (&json!("rule"), &json!("Debt is high against income."), &json!(["debt", "income"]))
    );
    assert!(indebted["offer"]["rate"].is_number(), "if a person approves");

    let young = one(3);
    assert_eq!((&young["pd"], &young["points"]), (&Value::Null, &Value::Null), "not scored");
    assert_eq!(young["reasons"][0]["text"], "You are under 21.");
    assert_eq!(young["rules"], json!([{"id": "AGE", "stage": "before", "outcome": "decline"}]));

    let ageless = one(4);
    assert!(ageless["pd"].is_number(), "{ageless}");
    assert_eq!(ageless["rules"][0]["missing"], true);
    assert!(
        ageless["reasons"][0]["text"].as_str().unwrap().starts_with("It can't be told from age")
    );

    let cut_off = number(&answer["basis"]["cut_off"]);
    assert!((cut_off - 0.3).abs() < 1e-12 && answer["basis"]["holds"] == true, "{answer}");
    records_are_made_again(&served, &answer).await;
    changes_change_the_decision(&served).await;
    wrong_requests_are_told_where(&served).await;
}

async fn records_are_made_again(served: &Served, answer: &Value) {
    let path = format!("/api/v1/loans/assessments/{}", answer["id"].as_str().unwrap());
    let record = get(served, &path).await;
    assert_eq!((&record["assessments"], &record["rows"]), (&answer["assessments"], &applicants()));
    assert_eq!((&record["policy_version"], &record["version"]), (&json!(1), &json!(1)));
    // A table and a milder version of the policy that came later change nothing of it.
    let entries = json!([{"code": "R01", "columns": ["income"], "text": "Income."}]);
    let table = served.post("/api/v1/models/risk/reason-tables").json(&json!({"entries": entries}));
    json(table.send().await.unwrap(), StatusCode::CREATED).await;
    let mut milder = terms();
    milder["cut_offs"] = json!({"unit": "points", "approve": 402, "decline": 390});
    let made = json(keep(served, &milder).await, StatusCode::CREATED).await;
    assert_eq!(made["version"], 2);
    let replay = served.post(&format!("{path}/replay")).send().await.unwrap();
    let replay = json(replay, StatusCode::OK).await;
    for same in ["identical", "same_decisions", "same_reasons"] {
        assert_eq!(replay[same], true, "{same}: {replay}");
    }
    assert_eq!(replay["max_difference"], 0.0);
    // No score is too low now, but no rate within its bounds covers the risk.
    let newest = assessed(served, json!({"rows": [applicants()[1]]})).await;
    assert_eq!((&newest["policy_version"], &newest["decisions"]["refer"]), (&json!(2), &json!(1)));
    let reason = &newest["assessments"][0]["reasons"][0];
    assert_eq!((&reason["source"], &reason["code"]), (&json!("price"), &json!("RATE")), "{newest}");
    assert_eq!(newest["assessments"][0]["offer"]["rate"], Value::Null);
    let listed = get(served, &format!("{POLICY}/versions?limit=1")).await;
    assert_eq!(
        (&listed["items"][0]["version"], &listed["items"][0]["rules"]),
        (&json!(2), &json!(2))
    );
    assert!(listed["next_cursor"].is_string());
    let policies = get(served, "/api/v1/loans/policies").await;
    assert_eq!(policies["items"][0]["latest_version"], 2);
    assert_eq!(
        get(served, &format!("{POLICY}/versions/1")).await["terms"]["rules"][1]["id"],
        "AGE"
    );
    // What was recorded holds its version.
    let delete = served.request(reqwest::Method::DELETE, "/api/v1/models/risk/versions/1");
    let refused = problem(delete.send().await.unwrap(), 409, "in_use").await;
    assert!(refused["detail"].as_str().unwrap().contains("recorded assessment"), "{refused}");
}

async fn changes_change_the_decision(served: &Served) {
    // One more poor and one who would be refused whatever he earned.
    let rows = json!([
        applicant(26_000, json!(40), json!(1_000)),
        applicant(26_000, json!(40), json!(80_000)),
        applicant(84_000, json!(60), json!(0))
    ]);
    let body = json!({"rows": rows, "version": 1, "counterfactuals": true});
    let answer = assessed(served, body.clone()).await;
    let changes = |at: usize| answer["assessments"][at]["changes"].as_array().unwrap().clone();
    let first = changes(0).first().cloned().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(
        (&first["changes"][0]["column"], &first["decision"]),
        (&json!("income"), &json!("approve"))
    );
    assert!(number(&first["pd"]) <= 0.3);
    let mut richer = rows[0].clone();
    richer["income"] = first["changes"][0]["to"].clone();
    let again = assessed(served, json!({"rows": [richer], "version": 1})).await;
    assert_eq!(again["assessments"][0]["pd"], first["pd"]);
    // Rules are looked at again after a change: debts of 80,000 are above half of any income here.
    let rule_holds = changes(1).iter().all(|change| change["decision"] == "refer");
    assert!(rule_holds && !changes(1).is_empty(), "{answer}");
    assert_eq!(answer["assessments"][2]["changes"], Value::Null);
    assert_eq!(assessed(served, body).await, answer, "nothing is drawn");
}

async fn wrong_requests_are_told_where(served: &Served) {
    let wrong =
        json!({"rows": [{"income": "x", "age": 30, "region": "north", "amount": 1, "dept": 2}]});
    let refused = problem(assess(served, wrong).await, 422, "invalid_rows").await;
    assert_eq!(pointers(&refused), ["/rows/0/debt", "/rows/0/dept", "/rows/0/income"]);
    let none = problem(assess(served, json!({"rows": []})).await, 422, "invalid_request").await;
    assert_eq!(pointers(&none), ["/rows"]);
    let version = json!({"rows": applicants(), "version": 9});
    problem(assess(served, version).await, 404, "not_found").await;
    let many: Vec<Value> = (0..1_001).map(|_| applicant(1, json!(1), json!(1))).collect();
    let refused =
        problem(assess(served, json!({"rows": many})).await, 422, "invalid_request").await;
    assert!(refused["detail"].as_str().unwrap().contains("in parts"), "{refused}");
    let mut terms = terms();
    terms["version"] = json!("challenger");
    let refused = problem(keep(served, &terms).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/version"]);
    terms["version"] = json!(1);
    terms["cut_offs"] = json!({"unit": "points", "approve": 900, "decline": 500});
    let refused = problem(keep(served, &terms).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/cut_offs/approve"], "nobody would be approved");
    terms["adverse"] = json!("x");
    let refused = problem(keep(served, &terms).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/adverse"], "{refused}");
    terms.as_object_mut().unwrap().remove("adverse");
    terms["cut_offs"] = json!({"unit": "probability", "approve": 0.3, "decline": 0.2});
    terms["rules"][0]["when"]["over"] = json!("incme");
    terms["limit"]["step"] = json!(0);
    terms["reasons"] = json!({"table": 7});
    terms["changeable"] = json!({"incom": {}});
    let refused = problem(keep(served, &terms).await, 422, "invalid_request").await;
    let wanted = [
        "/cut_offs/decline",
        "/rules/0/when/over",
        "/limit/step",
        "/reasons/table",
        "/changeable/incom",
    ];
    assert_eq!(pointers(&refused), wanted, "{refused}");
    let key = served.key(&[Scope::Predict]).await.secret;
    let versions = format!("{POLICY}/versions");
    let create = served.bare(reqwest::Method::POST, &versions).bearer_auth(key).json(&terms);
    problem(create.send().await.unwrap(), 403, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adverse_class_may_be_the_negative_one() {
    let served = Served::start().await;
    let text: String = loans(1_500)
        .lines()
        .filter(|line| !line.ends_with(','))
        .fold(String::new(), |text, line| text + line + "\n");
    served.upload("loans", &text).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "positive_class": "no",
                      "features": ["income", "age", "region"], "network": {"kind": "mlp"},
                      "epochs": 15});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let mut terms = terms();
    terms["adverse"] = json!("yes");
    json(keep(&served, &terms).await, StatusCode::CREATED).await;
    let answer = assessed(&served, json!({"rows": applicants()})).await;
    let poor = &answer["assessments"][1];
    let rich = &answer["assessments"][0];
    assert_eq!((&rich["decision"], &poor["decision"]), (&json!("approve"), &json!("decline")));
    assert!(number(&poor["pd"]) > 0.5 && number(&rich["pd"]) < 0.3);
    assert!(number(&poor["points"]) < number(&rich["points"]));
    assert_eq!(poor["reasons"][0]["code"], "income", "{poor}");
    assert!((number(&answer["basis"]["cut_off"]) - 0.7).abs() < 1e-12);
    let interval = &poor["pd_interval"];
    assert!(number(&interval["low"]) > 0.3 && number(&interval["high"]) <= 1.0, "{interval}");
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_expected_by_stage() {
    let served = Served::start().await;
    let loan = |days: u32| {
        json!({"pd": 0.05, "loss_given_default": 0.45, "drawn": 10_000.0, "remaining_months": 36,
               "effective_rate": 0.0, "days_past_due": days, "amortisation": "bullet"})
    };
    let ask = async |body: &Value| {
        served.post("/api/v1/loans/expected-losses").json(body).send().await.unwrap()
    };
    let loans = json!({"loans": [loan(0), loan(30), loan(90)]});
    let answer = json(ask(&loans).await, StatusCode::OK).await;
    let provisions: Vec<f64> = (0..3).map(|at| number(&answer["loans"][at]["provision"])).collect();
    let life = (1.0 - 0.95_f64.powi(3)) * 4_500.0;
    for (found, wanted) in provisions.iter().zip([225.0, life, 4_500.0]) {
        assert!((found - wanted).abs() < 1e-8, "{provisions:?}");
    }
    assert_eq!(answer["stages"][1]["stage"], "underperforming");
    assert!(answer["note"].as_str().unwrap().contains("not an accounting opinion"));
    let mut wrong = loans.clone();
    wrong["loans"][1]["drawn"] = json!(-1);
    wrong["scenarios"] = json!([{"name": "a", "weight": 0.4}]);
    let refused = problem(ask(&wrong).await, 422, "invalid_request").await;
    assert_eq!(pointers(&refused), ["/scenarios", "/loans/1/drawn"]);
}
