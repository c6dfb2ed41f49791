//! Risk over HTTP: figures from prices that stand in a dataset, and what is refused.

use std::fmt::Write as _;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const STOCKS: [&str; 3] = ["ash", "birch", "cedar"];

/// About a normal number, always the same.
fn drawn(of: u32) -> f64 {
    let part = |n: u32| {
        let mixed = (of * 31 + n * 7919).wrapping_mul(2_654_435_761);
        f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 12) / f64::from(1 << 20)
    };
    (0..12).map(part).sum::<f64>() - 6.0
}

fn day(at: usize) -> String {
    let time = chrono::DateTime::from_timestamp(1_483_228_800 + 86_400 * at as i64, 0).unwrap();
    time.format("%Y-%m-%d").to_string()
}

/// Prices of three stocks, a row for each date.
fn prices(days: usize) -> Vec<[f64; 3]> {
    let mut price = [20.0, 50.0, 100.0];
    (0..days)
        .map(|at| {
            let common = drawn(at as u32);
            for (stock, price) in price.iter_mut().enumerate() {
                let own = drawn(100_000 * (stock as u32 + 1) + at as u32);
                *price *= 1.0 + 0.01 * (0.6 * common + own);
                *price = (*price * 1e4).round() / 1e4;
            }
            price
        })
        .collect()
}

fn long(prices: &[[f64; 3]]) -> String {
    let mut text = "date,name,close\n".to_owned();
    for (at, row) in prices.iter().enumerate().rev() {
        for (stock, price) in STOCKS.iter().zip(row) {
            writeln!(text, "{},{stock},{price}", day(at)).unwrap();
        }
    }
    text
}

fn asked(dataset: &str) -> Value {
    json!({"dataset": {"name": dataset}, "asset": "name", "price": "close"})
}

async fn ask(served: &Served, what: &str, body: &Value) -> reqwest::Response {
    served.post(&format!("/api/v1/risk/{what}")).json(body).send().await.unwrap()
}

async fn answer(served: &Served, what: &str, body: &Value) -> Value {
    json(ask(served, what, body).await, StatusCode::OK).await
}

async fn refused(served: &Served, what: &str, body: &Value, expected: &[&str]) -> Value {
    let problem = problem(ask(served, what, body).await, 422, "invalid_request").await;
    assert_eq!(pointers(&problem), expected, "{problem}");
    problem
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The portfolio's returns as they are by the prices.
fn returns(prices: &[[f64; 3]], weights: [f64; 3]) -> Vec<f64> {
    let pairs = prices.windows(2);
    pairs.map(|p| (0..3).map(|s| weights[s] * (p[1][s] / p[0][s] - 1.0)).sum()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portfolio_is_assessed_by_every_method() {
    let served = Served::start().await;
    let prices = prices(421);
    served.upload("stocks", &long(&prices)).await;
    served.work_off().await;
    let body = json!({
        "prices": asked("stocks"),
        "holdings": {"positions": {"ash": 100.0, "cedar": 20.0}},
        "levels": [0.95, 0.9999],
        "stress": {
            "windows": [{"name": "spring", "from": day(60), "to": day(80)}],
            "scenarios": [{"name": "crash", "assets": {"ash": -0.5}, "groups": {"trees": -0.1}}],
            "groups": {"ash": "trees", "cedar": "trees"}
        }
    });
    let found = answer(&served, "assessments", &body).await;
    let last = prices[420];
    let value = 100.0 * last[0] + 20.0 * last[2];
    let weights = [100.0 * last[0] / value, 0.0, 20.0 * last[2] / value];
    assert!((number(&found["value"]) - value).abs() < 1e-9);
    assert!((number(&found["weights"]["ash"]) - weights[0]).abs() < 1e-12);
    assert_eq!(found["dataset"], json!({"name": "stocks", "version": 1}));
    assert_eq!((&found["observations"], &found["to"]), (&json!(420), &json!(day(420))));
    assert_eq!(found["methods"].as_array().unwrap().len(), 8);
    let of = |name: &str| {
        let all = found["methods"].as_array().unwrap();
        all.iter().find(|method| method["method"] == name).unwrap().clone()
    };
    // 21 of 420 returns are worse at 0.95.
    let mut sorted = returns(&prices, weights);
    sorted.sort_by(f64::total_cmp);
    let historical = of("historical");
    let figure = &historical["figures"][0];
    assert!((number(&figure["value_at_risk"]) + sorted[21]).abs() < 1e-12, "{figure}");
    let shortfall = -sorted[..21].iter().sum::<f64>() / 21.0;
    assert!((number(&figure["expected_shortfall"]) - shortfall).abs() < 1e-12);
    assert!((number(&figure["amount"]) - value * number(&figure["value_at_risk"])).abs() < 1e-6);
    assert!(
        number(&figure["interval"][0]) < -sorted[21]
            && -sorted[21] < number(&figure["interval"][1])
    );
    assert_eq!(historical["figures"].as_array().unwrap().len(), 1, "0.9999 is beyond 420 returns");
    assert!(historical["warnings"].to_string().contains("10000 would be needed"), "{historical}");
    for method in ["gaussian", "ewma", "garch", "garch_t", "filtered_historical"] {
        let var = number(&of(method)["figures"][0]["value_at_risk"]);
        assert!((0.3..3.0).contains(&(var / -sorted[21])), "{method} {var}");
        assert!(!of(method)["assumptions"].as_array().unwrap().is_empty());
    }
    // What assets add is the whole.
    for part in found["contributions"].as_array().unwrap() {
        let level = number(&part["level"]);
        let method = of(part["method"].as_str().unwrap());
        let figures = method["figures"].as_array().unwrap();
        let Some(figure) = figures.iter().find(|f| number(&f["level"]) == level) else { continue };
        let sum: f64 =
            part["assets"].as_array().unwrap().iter().map(|a| number(&a["value_at_risk"])).sum();
        assert!((sum - number(&figure["value_at_risk"])).abs() < 1e-12, "{part}");
    }
    let stress = found["stress"].as_array().unwrap();
    let named = |name: &str| stress.iter().find(|one| one["name"] == name).unwrap();
    let held: f64 =
        [0, 2].iter().map(|s| weights[*s] * (prices[80][*s] / prices[59][*s] - 1.0)).sum();
    assert!((number(&named("spring")["loss"]) + held).abs() < 1e-12);
    let crash = weights[0] * 0.5 + weights[2] * 0.1;
    assert!((number(&named("crash")["loss"]) - crash).abs() < 1e-12);
    assert!((number(&named("worst row")["loss"]) + sorted[0]).abs() < 1e-12);
    assert_eq!(answer(&served, "assessments", &body).await, found);
    wrong_portfolios_are_told_where(&served).await;
}

async fn wrong_portfolios_are_told_where(served: &Served) {
    let with = |field: &str, value: Value| {
        let mut body = json!({"prices": asked("stocks")});
        body[field] = value;
        body
    };
    let body = with("holdings", json!({"weights": {"ash": 0.5, "birc": 0.5, "b/c": 1}}));
    let told = refused(
        served,
        "assessments",
        &body,
        &["/holdings/weights/b~1c", "/holdings/weights/birc"],
    );
    assert!(told.await.to_string().contains("did you mean birch?"));
    let mut all = with("levels", json!([0.4, 0.99, 0.99]));
    all["horizon"] = json!(0);
    all["methods"] = json!(["network", "historical", "historical"]);
    all["settings"] = json!({"decay": 1.0});
    all["window"] = json!(10);
    let wrong = [
        "/levels/0",
        "/levels/2",
        "/horizon",
        "/methods/2",
        "/network",
        "/window",
        "/settings/decay",
    ];
    refused(served, "assessments", &all, &wrong).await;
    let nothing = with("holdings", json!({"weights": {"ash": 0.0}}));
    refused(served, "assessments", &nothing, &["/holdings/weights"]).await;
    let short = with(
        "stress",
        json!({"windows": [{"name": "x", "from": "2010-01-01", "to": "2010-02-01"}]}),
    );
    refused(served, "assessments", &short, &["/stress/windows/0"]).await;
    let scenario = json!({"name": "x", "assets": {"oak": -0.1}, "groups": {"banks": -0.1}});
    let unheld = with("stress", json!({"scenarios": [scenario]}));
    let wrong = ["/stress/scenarios/0/assets", "/stress/scenarios/0/groups"];
    refused(served, "assessments", &unheld, &wrong).await;
    let none = json!({"prices": {"dataset": {"name": "bonds"}}});
    refused(served, "assessments", &none, &["/prices/dataset"]).await;
    let few = json!({"prices": {"dataset": {"name": "stocks"}, "asset": "name", "price": "close",
                                "to": day(20)}});
    refused(served, "assessments", &few, &["/prices"]).await;
}

/// No forecast changes when all that comes after its day does.
#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_knows_no_future() {
    let served = Served::start().await;
    let prices = prices(420);
    served.upload("stocks", &long(&prices)).await;
    let mut poisoned = prices.clone();
    let day_of_poison = 360;
    for (at, row) in poisoned.iter_mut().enumerate().skip(day_of_poison) {
        let factor = if at % 2 == 0 { 0.5 } else { 3.0 };
        row.iter_mut().for_each(|price| *price = (*price * factor * 1e4).round() / 1e4);
    }
    served.upload("poisoned", &long(&poisoned)).await;
    served.work_off().await;
    let body = |dataset: &str| {
        json!({"prices": asked(dataset), "level": 0.95, "window": 250, "refit_every": 30,
               "start": day(300), "series": true,
               "methods": ["historical", "filtered_historical", "gaussian", "ewma", "garch", "garch_t"]})
    };
    let clean = answer(&served, "backtests", &body("stocks")).await;
    let dirty = answer(&served, "backtests", &body("poisoned")).await;
    let times = clean["series"]["times"].as_array().unwrap();
    assert_eq!((&times[0], times.len()), (&json!(day(300)), 120));
    // The forecast of the poisoned day is made before it.
    let before = day_of_poison - 300 + 1;
    for (method, forecasts) in clean["series"]["value_at_risk"].as_object().unwrap() {
        let forecasts = forecasts.as_array().unwrap();
        let others = dirty["series"]["value_at_risk"][method].as_array().unwrap();
        assert_eq!(forecasts[..before], others[..before], "{method}");
        assert_ne!(forecasts[before..], others[before..], "{method}");
    }
    let returns: Vec<f64> =
        clean["series"]["returns"].as_array().unwrap().iter().map(number).collect();
    for method in clean["methods"].as_array().unwrap() {
        let result = &method["result"];
        let name = method["method"].as_str().unwrap();
        let forecasts = clean["series"]["value_at_risk"][name].as_array().unwrap();
        let beyond = returns.iter().zip(forecasts).filter(|(r, v)| -**r > number(v)).count();
        assert_eq!(result["exceedances"], beyond as u64);
        assert_eq!(result["exceeded"].as_array().unwrap().len(), beyond);
        let transitions = result["transitions"].as_array().unwrap();
        assert_eq!(transitions.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 119);
        for test in ["kupiec", "independence", "conditional_coverage"] {
            assert!((0.0..=1.0).contains(&number(&result[test]["p_value"])), "{result}");
        }
        assert!(result.get("traffic_light").is_none());
    }
    let mut early = body("stocks");
    early["start"] = json!(day(100));
    let told = refused(&served, "backtests", &early, &["/start"]).await;
    assert!(told.to_string().contains(&day(251)), "{told}");
    let mut wrong = body("stocks");
    wrong["methods"] = json!(["network"]);
    wrong["weights"] = json!({"oak": 1.0});
    refused(&served, "backtests", &wrong, &["/network"]).await;
    wrong["methods"] = json!(["ewma"]);
    refused(&served, "backtests", &wrong, &["/weights/oak"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_networks_quantile_is_its_value_at_risk() {
    let served = Served::start().await;
    let prices = prices(420);
    served.upload("stocks", &long(&prices)).await;
    let mut text = "date,move\n".to_owned();
    for (at, value) in returns(&prices, [1.0 / 3.0; 3]).iter().enumerate() {
        writeln!(text, "{},{value}", day(at + 1)).unwrap();
    }
    served.upload("returns", &text).await;
    served.work_off().await;
    let spec = json!({
        "dataset": {"name": "returns"}, "target": "move", "epochs": 2,
        "window": {"time": "date", "look_back": 20, "horizon": 2, "quantiles": [0.05, 0.5]}
    });
    let job = served.post("/api/v1/models/tail/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let network =
        json!({"model": "tail", "version": 1, "dataset": {"name": "returns"}, "means": "return"});
    let mut body = json!({
        "prices": asked("stocks"), "levels": [0.95, 0.99], "methods": ["historical"], "network": network
    });
    let found = answer(&served, "assessments", &body).await;
    let forecast = served.post("/api/v1/models/tail/forecasts");
    let forecast = forecast.json(&json!({"dataset": {"name": "returns"}, "version": 1}));
    let forecast = json(forecast.send().await.unwrap(), StatusCode::OK).await;
    let quantile = number(&forecast["forecasts"][0]["steps"][0]["quantiles"]["0.05"]);
    let network = &found["methods"][1];
    assert_eq!(network["method"], "network");
    let figures = network["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 1, "{network}");
    assert_eq!(number(&figures[0]["value_at_risk"]), -quantile);
    assert!(figures[0]["expected_shortfall"].is_null());
    let warnings = network["warnings"].to_string();
    assert!(warnings.contains("0.99 is left out: it needs the quantile 0.01"), "{warnings}");
    assert!(!warnings.contains("the prices end"), "{warnings}");
    assert!(network["parameters"].get("test_share_below_0.05").is_some(), "{network}");
    a_networks_past_is_backtested(&served, &prices).await;
    // Quantiles of two rows don't add up, and the medians are no volatilities.
    body["horizon"] = json!(2);
    let longer = answer(&served, "assessments", &body).await;
    assert!(longer["methods"][1]["refused"].as_str().unwrap().contains("one row ahead"));
    body["network"]["target"] = json!("moves");
    let told = refused(&served, "assessments", &body, &["/network/target"]).await;
    assert!(told.to_string().contains("did you mean move?"));
    body["network"] =
        json!({"model": "nobody", "dataset": {"name": "returns"}, "means": "volatility"});
    refused(&served, "assessments", &body, &["/network/model"]).await;
}

/// The version was trained and chosen on 335 of 419 rows: the last 84 days are out of its sample.
async fn a_networks_past_is_backtested(served: &Served, prices: &[[f64; 3]]) {
    let network =
        json!({"model": "tail", "version": 1, "dataset": {"name": "returns"}, "means": "return"});
    let mut body = json!({
        "prices": asked("stocks"), "level": 0.95, "window": 250, "methods": ["historical"],
        "network": network, "series": true
    });
    let found = answer(served, "backtests", &body).await;
    assert_eq!((&found["from"], &found["days"]), (&json!(day(336)), &json!(84)), "{found}");
    let told = json!({"model": "tail", "version": 1, "dataset": {"name": "returns", "version": 1},
                      "target": "move", "look_back": 20,
                      "trained_until": day(335)});
    assert_eq!(found["network"], told);
    let made = found["series"]["value_at_risk"]["network"].as_array().unwrap();
    // A day's forecast is what the version says of the rows before that day.
    let whole = returns(prices, [1.0 / 3.0; 3]);
    for at in [336, 380, 419] {
        let row = |day_of: usize| json!({"date": format!("{}T00:00:00Z", day(day_of)), "move": whole[day_of - 1]});
        let rows: Vec<Value> = (at - 20..at).map(row).collect();
        let forecast = served.post("/api/v1/models/tail/forecasts");
        let forecast = forecast.json(&json!({"rows": rows, "version": 1})).send().await.unwrap();
        let forecast = json(forecast, StatusCode::OK).await;
        let quantile = number(&forecast["forecasts"][0]["steps"][0]["quantiles"]["0.05"]);
        assert!((number(&made[at - 336]) + quantile).abs() < 1e-9, "{at}");
    }
    let assumed = found["assumptions"].to_string();
    assert!(
        assumed.contains("figures of the other methods are made of the 250 returns"),
        "{assumed}"
    );
    assert!(!assumed.contains("can't be seen from here"), "returns are compared: {assumed}");
    let method = &found["methods"][1];
    let beyond = whole[335..].iter().zip(made).filter(|(r, v)| -**r > number(v)).count();
    assert_eq!(
        (&method["method"], &method["result"]["exceedances"]),
        (&json!("network"), &json!(beyond))
    );
    assert!(method["result"].get("shortfall").is_none(), "{method}");
    assert!(method["result"].get("warnings").is_none(), "{method}");
    // Another portfolio's returns are not what it forecasts.
    body["weights"] = json!({"ash": 1.0});
    let other = answer(served, "backtests", &body).await;
    let warned = other["methods"][1]["result"]["warnings"].to_string();
    assert!(warned.contains("move is not the portfolio's return on"), "{warned}");
    // By itself it needs no window of returns; days that it has learnt from are refused.
    body["methods"] = json!(["network"]);
    body["window"] = json!(10_000);
    body["start"] = json!(day(400));
    let alone = answer(served, "backtests", &body).await;
    assert_eq!(alone["days"], 20);
    assert!(!alone["assumptions"].to_string().contains("10000 returns"), "{alone}");
    body["start"] = json!(day(335));
    let told = refused(served, "backtests", &body, &["/start"]).await;
    assert!(told.to_string().contains(&day(336)), "{told}");
    body["start"] = Value::Null;
    body["level"] = json!(0.99);
    let lacking = answer(served, "backtests", &body).await;
    let why = lacking["methods"][0]["refused"].as_str().unwrap();
    assert!(why.contains("needs the quantile 0.01"), "{why}");
    body["network"]["means"] = json!("volatility");
    let none = answer(served, "backtests", &body).await;
    let result = &none["methods"][0];
    assert!(result["refused"].as_str().is_some_and(|why| why.contains("volatility of")), "{none}");
    a_history_with_a_hole_is_refused(served, &whole, body).await;
}

/// Prices of days that the history lacks, or none after what it has learnt.
async fn a_history_with_a_hole_is_refused(served: &Served, whole: &[f64], mut body: Value) {
    let mut text = "date,move\n".to_owned();
    for at in (1..=419).filter(|at| *at != 390) {
        writeln!(text, "{},{}", day(at), whole[at - 1]).unwrap();
    }
    served.upload("holed", &text).await;
    served.work_off().await;
    body["network"] =
        json!({"model": "tail", "version": 1, "dataset": {"name": "holed"}, "means": "return"});
    body["level"] = json!(0.95);
    let told = refused(served, "backtests", &body, &["/network/dataset"]).await;
    assert!(told.to_string().contains(&day(390)), "{told}");
    body["prices"]["to"] = json!(day(300));
    refused(served, "backtests", &body, &["/network/version"]).await;
}

/// What a version forecasts of a volatility, its second column, is the deviation of a normal loss.
#[tokio::test(flavor = "multi_thread")]
async fn a_networks_volatility_is_backtested() {
    let served = Served::start().await;
    let prices = prices(420);
    served.upload("stocks", &long(&prices)).await;
    let whole = returns(&prices, [1.0 / 3.0; 3]);
    let spread = |at: usize| 0.006 + 0.001 * drawn(at as u32 + 7).abs();
    let mut text = "date,move,spread\n".to_owned();
    for (at, value) in whole.iter().enumerate() {
        writeln!(text, "{},{value},{}", day(at + 1), spread(at + 1)).unwrap();
    }
    served.upload("returns", &text).await;
    served.work_off().await;
    let spec = json!({
        "dataset": {"name": "returns"}, "target": "move", "epochs": 2,
        "window": {"time": "date", "look_back": 20, "horizon": 2, "targets": ["spread"],
                   "quantiles": [0.05, 0.5]}
    });
    let job = served.post("/api/v1/models/swings/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let body = json!({
        "prices": asked("stocks"), "level": 0.95, "methods": ["network"], "series": true,
        "network": {"model": "swings", "version": 1, "dataset": {"name": "returns"},
                    "target": "spread", "means": "volatility"}
    });
    let found = answer(&served, "backtests", &body).await;
    assert_eq!((&found["from"], &found["days"]), (&json!(day(336)), &json!(84)), "{found}");
    let made = found["series"]["value_at_risk"]["network"].as_array().unwrap();
    // The 0.95 quantile of a normal number, and its density there over 0.05.
    let (quantile, shortfall) = (1.644_853_626_951_472_2, 2.062_712_807_507_426);
    for at in [336, 380, 419] {
        let row = |at: usize| json!({"date": format!("{}T00:00:00Z", day(at)), "move": whole[at - 1], "spread": spread(at)});
        let rows: Vec<Value> = (at - 20..at).map(row).collect();
        let forecast = served.post("/api/v1/models/swings/forecasts");
        let forecast = forecast.json(&json!({"rows": rows, "version": 1})).send().await.unwrap();
        let forecast = json(forecast, StatusCode::OK).await;
        let of = forecast["forecasts"].as_array().unwrap().iter().find(|f| f["target"] == "spread");
        let volatility = number(&of.unwrap()["steps"][0]["value"]);
        assert!(
            volatility > 0.0 && (number(&made[at - 336]) - quantile * volatility).abs() < 1e-9,
            "{at}"
        );
    }
    let result = &found["methods"][0]["result"];
    let beyond = whole[335..].iter().zip(made).filter(|(r, v)| -**r > number(v));
    let excess: Vec<f64> = beyond.map(|(r, v)| -r / (number(v) / quantile * shortfall)).collect();
    assert_eq!(result["exceedances"], excess.len(), "{result}");
    let z2 = 1.0 - excess.iter().sum::<f64>() / (84.0 * 0.05);
    assert!((number(&result["shortfall"]["z2"]) - z2).abs() < 1e-9, "{result}");
    // Nobody can compare a volatility with the portfolio's, which is said; a day ahead nothing adds up.
    let assumed = found["assumptions"].to_string();
    assert!(assumed.contains("spread is of this very portfolio, which can't be seen"), "{assumed}");
    assert!(assumed.contains("with the volatility spread that swings 1 forecasts"), "{assumed}");
    assert!(!assumed.contains("variances add up") && !assumed.contains("each day's"), "{assumed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_of_loans_loses_as_its_probabilities_say() {
    let served = Served::start().await;
    let mut text = "income,owed,pd,default\n".to_owned();
    for row in 0..600_u32 {
        let income = 20_000 + 100 * (row * 7 % 300);
        let bad = f64::from(income) + 8_000.0 * drawn(row) < 27_000.0;
        writeln!(
            text,
            "{income},{},{},{}",
            1_000 + row,
            0.01 + f64::from(row % 5) / 50.0,
            u8::from(bad)
        )
        .unwrap();
    }
    served.upload("loans", &text).await;
    served.work_off().await;
    let spec = json!({"dataset": {"name": "loans"}, "target": "default", "network": {"kind": "linear"},
                      "features": ["income"], "epochs": 5});
    let job = served.post("/api/v1/models/risk/versions").json(&spec).send().await.unwrap();
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let book =
        json!({"dataset": {"name": "loans"}, "exposure": "owed", "default_probability": "pd"});
    let mut body = json!({"book": book, "correlation": 0.15, "loss_given_default": 0.5,
                          "levels": [0.95, 0.99], "simulations": 4000, "seed": 3});
    let of_column = answer(&served, "credit-losses", &body).await;
    let expected: f64 =
        (0..600).map(|row| 0.5 * f64::from(1_000 + row) * (0.01 + f64::from(row % 5) / 50.0)).sum();
    assert!((number(&of_column["expected_loss"]) - expected).abs() < 1e-6);
    let off = (number(&of_column["simulated_loss"]) - expected).abs();
    assert!(off < 5.0 * number(&of_column["simulated_error"]), "{of_column}");
    assert!(of_column.get("version").is_none());
    assert_eq!(of_column["dataset"], json!({"name": "loans", "version": 1}));
    for figure in of_column["figures"].as_array().unwrap() {
        let [var, pool] = ["value_at_risk", "large_pool"].map(|name| number(&figure[name]));
        assert!((0.9..1.1).contains(&(var / pool)), "{figure}");
    }
    assert_eq!(answer(&served, "credit-losses", &body).await, of_column);
    // By a model's probabilities, which predictions give, too.
    body["book"] = json!({"dataset": {"name": "loans"}, "exposure": "owed",
                          "model": {"name": "risk", "version": 1, "class": "1"}});
    let of_model = answer(&served, "credit-losses", &body).await;
    assert_eq!(of_model["version"], 1);
    let rows: Vec<Value> =
        (0..600_u32).map(|row| json!({"income": 20_000 + 100 * (row * 7 % 300)})).collect();
    let scored = served.post("/api/v1/models/risk/predictions");
    let scored = scored.json(&json!({"rows": rows, "version": 1})).send().await.unwrap();
    let scored = json(scored, StatusCode::OK).await;
    let predictions = scored["predictions"].as_array().unwrap().iter().enumerate();
    let expected: f64 = predictions
        .map(|(row, p)| 0.5 * (1_000 + row) as f64 * number(&p["probabilities"]["1"]))
        .sum();
    assert!((number(&of_model["expected_loss"]) / expected - 1.0).abs() < 1e-9);
    wrong_books_are_told_where(&served, body).await;
}

async fn wrong_books_are_told_where(served: &Served, mut body: Value) {
    body["book"]["model"]["class"] = json!("2");
    refused(served, "credit-losses", &body, &["/book/model/class"]).await;
    body["book"] =
        json!({"dataset": {"name": "loans"}, "exposure": "owd", "default_probability": "default"});
    let told = refused(served, "credit-losses", &body, &["/book/exposure"]).await;
    assert!(told.to_string().contains("did you mean owed?"));
    // What is owed is no probability.
    body["book"] =
        json!({"dataset": {"name": "loans"}, "exposure": "owed", "default_probability": "owed"});
    let told = problem(ask(served, "credit-losses", &body).await, 422, "invalid_request").await;
    assert_eq!(pointers(&told)[0], "/book/default_probability");
    let loan = |probability: f64| json!({"default_probability": probability, "exposure": 100.0});
    let mut sent = json!({"exposures": [loan(0.1), loan(1.5), loan(-0.1)], "correlation": 0.2,
                          "loss_given_default": 0.4});
    let wrong = ["/exposures/1/default_probability", "/exposures/2/default_probability"];
    refused(served, "credit-losses", &sent, &wrong).await;
    // One loan is no large pool, but where nothing is uncertain.
    for (probability, warned) in [(0.1, true), (0.0, false), (1.0, false)] {
        sent["exposures"] = json!([loan(probability)]);
        let told = answer(served, "credit-losses", &sent).await["warnings"].to_string();
        assert_eq!(told.contains("few loans"), warned, "{probability} {told}");
    }
    sent["exposures"] = json!([loan(0.1)]);
    sent["simulations"] = json!(999);
    refused(served, "credit-losses", &sent, &["/simulations"]).await;
    sent["simulations"] = json!(1000);
    sent["loss_given_default"] = Value::Null;
    refused(served, "credit-losses", &sent, &["/loss_given_default"]).await;
    sent["exposures"] = Value::Null;
    sent["correlation"] = json!(1.0);
    refused(served, "credit-losses", &sent, &["/correlation", "/exposures"]).await;
}
