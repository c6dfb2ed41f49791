//! Investment advice over HTTP: from the upload of prices to a portfolio, a backtest and a frontier.

use std::fmt::Write as _;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const ASSETS: [&str; 5] = ["calm", "fair", "loud", "twin", "wild"];

/// Prices of five assets that move with one market, and each by itself; `after` changes what comes from a day on.
fn prices(days: u32, after: Option<u32>) -> String {
    let noise = |day: u32, asset: u32| {
        let mixed = (day * 31 + asset * 7 + 1).wrapping_mul(2_654_435_761);
        f64::from((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 12) / 524_288.0 - 1.0
    };
    let mut text = "date,name,close\n".to_owned();
    let mut values = [100.0_f64; 5];
    for day in 0..days {
        let market = noise(day, 99) * 0.01;
        for (at, name) in ASSETS.iter().enumerate() {
            let own = noise(day, at as u32) * 0.004 * (at + 1) as f64;
            let mut change = 0.0002 * (at + 1) as f64 + market * (0.4 + 0.3 * at as f64) + own;
            if after.is_some_and(|after| day >= after) {
                change *= -4.0;
            }
            values[at] *= 1.0 + change;
            let (year, month, of_month) = (2024 + day / 336, 1 + day / 28 % 12, 1 + day % 28);
            writeln!(text, "{year}-{month:02}-{of_month:02},{name},{:.6}", values[at]).unwrap();
        }
    }
    text
}

async fn started() -> Served {
    let served = Served::start().await;
    served.upload("stocks", &prices(300, None)).await;
    served.work_off().await;
    served
}

fn of(dataset: &str) -> Value {
    json!({"dataset": {"name": dataset}, "asset": "name", "price": "close"})
}

async fn ask(served: &Served, what: &str, body: &Value) -> Response {
    served.post(&format!("/api/v1/investments/{what}")).json(body).send().await.unwrap()
}

async fn answered(served: &Served, what: &str, body: &Value) -> Value {
    json(ask(served, what, body).await, StatusCode::OK).await
}

fn holding<'a>(answer: &'a Value, asset: &str) -> &'a Value {
    answer["holdings"].as_array().unwrap().iter().find(|one| one["asset"] == asset).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_becomes_a_portfolio_with_its_reasons() {
    let served = started().await;
    let request = json!({
        "prices": of("stocks"),
        "profile": {
            "exclude": ["wild"], "max_weight": 0.6, "cost": 0.002, "max_turnover": 1.5,
            "current": {"loud": 0.5, "twin": 0.5}, "risk_free_rate": 0.01,
            "groups": {"plain": {"assets": ["calm", "fair"], "max": 0.6}},
            "scores": {"esg": {"values": {"calm": 3.0, "fair": 9.0, "loud": 6.0, "twin": 5.0}, "min": 5.0}}
        },
        "resamples": 30, "seed": 5
    });
    let answer = answered(&served, "portfolios", &request).await;
    let holdings = answer["holdings"].as_array().unwrap();
    let weight = |asset: &str| number(&holding(&answer, asset)["weight"]["value"]);
    let sum: f64 = ASSETS.iter().map(|asset| weight(asset)).sum();
    assert!((sum - 1.0).abs() < 1e-9 && holdings.len() == 5, "{answer}");
    assert_eq!(weight("wild"), 0.0);
    assert_eq!(holding(&answer, "wild")["standing"], "excluded");
    assert!((weight("calm") + weight("fair") - 0.6).abs() < 1e-6, "{answer}");
    let score =
        3.0 * weight("calm") + 9.0 * weight("fair") + 6.0 * weight("loud") + 5.0 * weight("twin");
    assert!(score > 5.0 - 1e-6);
    let risk: f64 = holdings.iter().map(|one| number(&one["risk_share"])).sum();
    assert!((risk - 1.0).abs() < 1e-9);
    // What holds it back is told where it stands, with what it costs.
    let binding = &answer["binding"][0];
    assert_eq!(binding["pointer"], "/profile/groups/plain/max", "{answer}");
    assert!(number(&binding["price"]) > 0.0 && binding["gains"] == "volatility");
    // An asset that is held has a range, and the portfolio's return is far less known than its risk.
    let portfolio = &answer["portfolio"];
    let range = |one: &Value| number(&one["high"]) - number(&one["low"]);
    assert!(range(&holding(&answer, "fair")["weight"]) > 0.0, "{answer}");
    assert!(
        range(&portfolio["expected_return"]) > 2.0 * range(&portfolio["volatility"]),
        "{answer}"
    );
    assert!(
        number(&portfolio["volatility"]["value"])
            < number(&answer["current"]["volatility"]["value"])
    );
    let turnover = number(&portfolio["turnover"]);
    assert!(
        (number(&portfolio["cost"]) - 0.002 * turnover).abs() < 1e-12 && turnover <= 1.5 + 1e-6
    );
    assert_eq!(answer["resampling"]["block"], 7);
    assert!(answer["notice"].as_str().unwrap().contains("not personal advice"));
    assert!(answer["unknown"].to_string().contains("standard error"), "{answer}");
    assert_eq!(answer["starts_from"], "current");
    let outcomes = &answer["outcomes"];
    assert!(number(&outcomes["low"]) < number(&outcomes["median"]), "{answer}");
    assert!(number(&outcomes["median"]) < number(&outcomes["high"]), "{answer}");
    assert_eq!(answer, answered(&served, "portfolios", &request).await);
    let mut other = request.clone();
    other["seed"] = json!(6);
    let other = answered(&served, "portfolios", &other).await;
    assert_eq!(
        holding(&other, "fair")["weight"]["value"],
        holding(&answer, "fair")["weight"]["value"]
    );
    assert_ne!(other["holdings"], answer["holdings"]);
    for objective in ["max_sharpe", "max_utility", "min_cvar", "risk_parity", "hrp", "equal_weight"]
    {
        let mut other = request.clone();
        (other["goal"], other["resamples"]) = (json!({"objective": objective}), json!(0));
        let other = answered(&served, "portfolios", &other).await;
        let of_group =
            ["calm", "fair"].iter().map(|asset| number(&holding(&other, asset)["weight"]["value"]));
        assert!(of_group.sum::<f64>() < 0.6 + 1e-6, "{objective} {other}");
        assert!(other["portfolio"]["volatility"]["low"].is_null(), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_cannot_be_met_are_named_with_what_they_miss() {
    let served = started().await;
    let refused = async |profile: Value, goal: Value| {
        let request = json!({"prices": of("stocks"), "profile": profile, "goal": goal});
        problem(ask(&served, "portfolios", &request).await, 422, "invalid_request").await
    };
    let plain = json!({"objective": "min_variance"});
    let score = json!({"scores": {"esg": {"values": {"calm": 1, "fair": 2, "loud": 3, "twin": 4, "wild": 5},
                                          "min": 6.5}}});
    let found = refused(score, plain.clone()).await;
    assert_eq!(pointers(&found), ["/profile/scores/esg/min"]);
    let detail = found["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("misses it by 1.5") && detail.contains("at most 5 "), "{detail}");
    let found =
        refused(json!({"limits": {"volatility": 0.01}}), json!({"objective": "max_return"})).await;
    assert_eq!(pointers(&found), ["/profile/limits/volatility"]);
    let found = refused(json!({"max_weight": 0.1}), plain.clone()).await;
    assert_eq!(pointers(&found), ["/profile/max_weight"]);
    assert!(
        found["errors"][0]["detail"].as_str().unwrap().contains("raise it to 0.2 or"),
        "{found}"
    );
    let found = refused(json!({"max_weight": 0.0}), plain.clone()).await;
    assert_eq!(pointers(&found), ["/profile/max_weight"]);
    let target = json!({"objective": "target_return", "target_return": 9.0});
    assert_eq!(pointers(&refused(json!({}), target).await), ["/goal/target_return"]);
    let found = refused(json!({"risk_free_rate": 9.0}), json!({"objective": "max_sharpe"})).await;
    assert_eq!(pointers(&found), ["/goal/objective"]);
    // Everything that is wrong is told at once.
    let wrong = json!({
        "exclude": ["clam"], "bounds": {"fair": {"min": 0.5, "max": 0.4}}, "cost": 2.0, "horizon": 0,
        "groups": {"empty": {"assets": []}}, "scores": {"a/b": {"values": {"calm": 1.0}, "min": 0.5}},
        "current": {"calm": 1.5}
    });
    let found = refused(wrong, plain).await;
    let mut named = pointers(&found);
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "/profile/bounds/fair",
            "/profile/cost",
            "/profile/current",
            "/profile/exclude/0",
            "/profile/groups/empty",
            "/profile/groups/empty/assets",
            "/profile/horizon",
            "/profile/scores/a~1b/values"
        ]
    );
    assert!(found.to_string().contains("did you mean calm?"), "{found}");
    wrong_requests_are_told_where(&served).await;
}

async fn wrong_requests_are_told_where(served: &Served) {
    let mut few = of("stocks");
    few["to"] = json!("2024-01-03");
    for (what, body, pointer) in [
        ("portfolios", json!({"prices": of("stocks"), "resamples": 1001}), "/resamples"),
        ("portfolios", json!({"prices": of("stocks"), "goal": {"level": 0.9}}), "/goal/level"),
        ("portfolios", json!({"prices": of("stocks"), "views": {}}), "/views"),
        ("portfolios", json!({"prices": of("nothing")}), "/prices/dataset"),
        ("portfolios", json!({"prices": few}), "/prices"),
        ("frontiers", json!({"prices": few}), "/prices"),
        ("frontiers", json!({"prices": of("stocks"), "points": 1}), "/points"),
        ("backtests", json!({"prices": of("stocks"), "strategies": []}), "/strategies"),
        (
            "backtests",
            json!({"prices": of("stocks"), "strategies": [{}], "window": 299}),
            "/window",
        ),
        (
            "backtests",
            json!({"prices": of("stocks"), "strategies": [{"name": "cash"}]}),
            "/strategies/0/name",
        ),
    ] {
        let found = problem(ask(served, what, &body).await, 422, "invalid_request").await;
        assert_eq!(pointers(&found), [pointer], "{found}");
    }
}

/// Names are looked up only as far as they may be as many, and told only as far as anybody reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_unknown_names_is_refused_at_once() {
    let served = started().await;
    let refused = async |profile: Value| {
        let request = json!({"prices": of("stocks"), "profile": profile});
        problem(ask(&served, "portfolios", &request).await, 422, "invalid_request").await
    };
    let crowd: Vec<String> = (0..1_001).map(|at| format!("nobody{at}")).collect();
    let found = refused(json!({"exclude": crowd})).await;
    assert_eq!(pointers(&found), ["/profile/exclude"]);
    let found = refused(json!({"exclude": crowd[..500]})).await;
    assert_eq!(found["errors"].as_array().unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_decision_of_a_backtest_knows_what_came_after_it() {
    let served = started().await;
    served.upload("poisoned", &prices(300, Some(200))).await;
    served.work_off().await;
    let request = |dataset: &str| {
        json!({
            "prices": of(dataset), "profile": {"max_weight": 0.5, "cost": 0.001}, "window": 100, "every": 20,
            "strategies": [
                {"goal": {"objective": "min_variance"}}, {"goal": {"objective": "hrp"}},
                {"name": "bold", "goal": {"objective": "max_utility", "risk_aversion": 3}}
            ]
        })
    };
    let answer = answered(&served, "backtests", &request("stocks")).await;
    let poisoned = answered(&served, "backtests", &request("poisoned")).await;
    let names: Vec<&str> = answer["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["min_variance", "hrp", "bold", "equal_weight", "buy_and_hold", "cash"]);
    // Of 299 returns the first 100 are looked at, one passes before the trade, and the rest is earned.
    assert_eq!(answer["dates"].as_array().unwrap().len(), 198);
    for (before, after) in std::iter::zip(
        answer["strategies"].as_array().unwrap(),
        poisoned["strategies"].as_array().unwrap(),
    ) {
        let trades = |one: &Value| one["rebalancings"].as_array().unwrap().clone();
        let last = "2024-08-04";
        let mut known = 0;
        for (a, b) in std::iter::zip(trades(before), trades(after)) {
            if a["decided"].as_str().unwrap() < last {
                assert_eq!(a["weights"], b["weights"], "{}", before["name"]);
                known += 1;
            }
        }
        let decided = !matches!(before["name"].as_str(), Some("buy_and_hold" | "cash"));
        assert!(!decided || known >= 5, "{} {known}", before["name"]);
        assert_eq!(
            before["wealth"].as_array().unwrap()[..90],
            after["wealth"].as_array().unwrap()[..90]
        );
        let is_cash = before["name"] == "cash";
        assert_eq!(before["wealth"] == after["wealth"], is_cash, "{}", before["name"]);
    }
    let of = |at: usize| &answer["strategies"][at]["performance"];
    assert!(number(&of(0)["annual_volatility"]) < number(&of(3)["annual_volatility"]));
    assert!(number(&of(4)["annual_turnover"]) < number(&of(3)["annual_turnover"]));
    assert!(number(&of(0)["deflated_sharpe"]) <= number(&of(0)["probabilistic_sharpe"]));
    assert!(of(3)["deflated_sharpe"].is_null() && answer["trials"] == 3);
    let first = &answer["strategies"][3]["rebalancings"][0];
    assert_eq!((&first["turnover"], &first["cost"]), (&json!(1.0), &json!(0.001)));
    assert!(first["decided"].as_str() < first["traded"].as_str());
    // Where nothing meets the profile, what is held goes on, and it is told why.
    let mut calm = request("stocks");
    calm["profile"]["limits"] = json!({"volatility": 0.001});
    let calm = answered(&served, "backtests", &calm).await;
    let kept = calm["strategies"][0]["rebalancings"][0]["kept"].as_str().unwrap();
    assert!(kept.starts_with("volatility has to be at most"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_by_expected_returns_pays_for_it_and_is_partly_luck() {
    let served = started().await;
    // Weights that are chosen by expected returns are chosen by their errors too, which is told.
    let mut eager =
        json!({"prices": of("stocks"), "goal": {"objective": "max_return"}, "resamples": 60});
    eager["estimates"] = json!({"mean": "sample"});
    let eager = answered(&served, "portfolios", &eager).await;
    assert!(eager["unknown"].to_string().contains("luck of the history"), "{eager}");
    // Where no return is sought, there is no such luck.
    for objective in ["equal_weight", "min_variance"] {
        let mut other =
            json!({"prices": of("stocks"), "goal": {"objective": objective}, "resamples": 60});
        other["estimates"] = json!({"mean": "sample"});
        let other = answered(&served, "portfolios", &other).await;
        assert!(!other["unknown"].to_string().contains("luck of the history"), "{other}");
    }
    // What the investor has to buy costs, wherever the money is now.
    let dear = json!({
        "prices": of("stocks"), "profile": {"cost": 0.4, "max_weight": 0.9},
        "goal": {"objective": "target_return", "target_return": 0.1}
    });
    let found = problem(ask(&served, "portfolios", &dear).await, 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["/goal/target_return"]);
    let detail = found["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("the expected return after costs misses it"), "{detail}");
    // A purchase of everything, over a horizon that is a year.
    assert!(detail.contains("after costs of 0.4 a year: lower it"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_keeps_to_its_turnover_and_loses_no_more_than_all() {
    let served = started().await;
    let request = || {
        json!({
            "prices": of("stocks"), "profile": {"max_weight": 0.5, "cost": 0.001}, "window": 100, "every": 20,
            "strategies": [
                {"goal": {"objective": "min_variance"}}, {"goal": {"objective": "hrp"}},
                {"name": "bold", "goal": {"objective": "max_utility", "risk_aversion": 3}}
            ]
        })
    };
    // No strategy is asked to do what no weights could.
    let mut impossible = request();
    impossible["profile"]["groups"] = json!({"a": {"assets": ["calm", "fair"], "max": 0.2}, "b": {"assets": ["loud", "twin", "wild"], "max": 0.5}});
    let found = ask(&served, "backtests", &impossible).await;
    let found = problem(found, 422, "invalid_request").await;
    assert!(pointers(&found)[0].starts_with("/profile/groups/"), "{found}");
    // What is held drifts until the trade, which then is no larger than it may be.
    let mut slow = request();
    slow["profile"]["max_turnover"] = json!(0.05);
    slow["lag"] = json!(15);
    let mut quick = slow.clone();
    quick["profile"].as_object_mut().unwrap().remove("max_turnover");
    let slow = answered(&served, "backtests", &slow).await;
    let later = |answer: &Value| -> Vec<Value> {
        let asked = answer["strategies"].as_array().unwrap()[..3].iter();
        let each = asked.flat_map(|one| one["rebalancings"].as_array().unwrap()[1..].to_vec());
        each.collect()
    };
    let trades = later(&slow);
    assert!(trades.iter().all(|one| number(&one["turnover"]) <= 0.05 + 1e-9), "{trades:?}");
    let at_its_limit =
        |one: &Value| number(&one["turnover"]) >= 0.05 - 1e-9 && one["kept"].is_null();
    assert!(trades.iter().any(at_its_limit), "{trades:?}");
    // What was cut short says what it wanted, and is counted.
    let cut: Vec<&Value> = trades.iter().filter(|one| !one["wanted_turnover"].is_null()).collect();
    assert!(!cut.is_empty() && cut.iter().all(|one| at_its_limit(one)), "{cut:?}");
    assert!(cut.iter().all(|one| number(&one["wanted_turnover"]) > 0.05), "{cut:?}");
    let told = format!("had not cut {} of their trades short", cut.len());
    assert!(slow["unknown"].to_string().contains(&told), "{} {}", slow["unknown"], cut.len());
    // Without the limit the same request trades more.
    let quick = answered(&served, "backtests", &quick).await;
    let trades = later(&quick);
    assert!(trades.iter().any(|one| number(&one["turnover"]) > 0.05 + 1e-9), "{trades:?}");
    assert!(trades.iter().all(|one| one["wanted_turnover"].is_null()), "{trades:?}");
    // Who borrows and loses it has nothing left.
    let mut bold = request();
    bold["profile"] = json!({"min_weight": -1, "max_weight": 2, "cost": 0.3, "horizon": 10000});
    bold["estimates"] = json!({"mean": "sample"});
    bold["strategies"] = json!([{"goal": {"objective": "max_return"}}]);
    let bold = answered(&served, "backtests", &bold).await;
    let ruined = &bold["strategies"][0];
    assert!(ruined["ruined"].is_string() && bold["strategies"][1]["ruined"].is_null(), "{ruined}");
    assert_eq!(ruined["wealth"].as_array().unwrap().last(), Some(&json!(0.0)));
    let performance = &ruined["performance"];
    assert_eq!(performance["annual_return"], -1.0);
    for ratio in ["sharpe", "sortino", "probabilistic_sharpe", "deflated_sharpe"] {
        assert!(performance[ratio].is_null(), "{ratio} {performance}");
    }
    // What was traded until then counts for that time alone.
    let lost = ruined["wealth"].as_array().unwrap().iter().position(|one| *one == 0.0).unwrap();
    let trades = ruined["rebalancings"].as_array().unwrap().iter();
    let traded: f64 = trades.map(|one| number(&one["turnover"])).sum();
    let expected = traded / ((lost + 1) as f64 / 252.0);
    assert!((number(&performance["annual_turnover"]) / expected - 1.0).abs() < 1e-9, "{ruined}");
    // And the zeros that follow calm nothing.
    let wealth = ruined["wealth"].as_array().unwrap()[..=lost].iter().map(number);
    let before = std::iter::once(1.0).chain(wealth.clone());
    let mut returns: Vec<f64> = before.zip(wealth).map(|(from, to)| to / from - 1.0).collect();
    returns.push(0.0);
    let until = actuary_finance::investments::performance(&returns, 0.0, 252.0).unwrap();
    for (name, figure) in
        [("annual_volatility", until.annual_volatility), ("cvar", Some(until.tail_loss))]
    {
        let told = performance[name].as_f64();
        let is_close = told.zip(figure).map_or(told == figure, |(a, b)| (a / b - 1.0).abs() < 1e-9);
        assert!(is_close, "{name} {figure:?} {performance}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frontier_rises_and_views_move_it() {
    let served = started().await;
    let request = json!({"prices": of("stocks"), "profile": {"max_weight": 0.5}, "points": 7});
    let plain = answered(&served, "frontiers", &request).await;
    let points = plain["points"].as_array().unwrap();
    assert!(points.len() == 7 && plain["assets"].as_array().unwrap().len() == 5, "{plain}");
    let rises =
        |name: &str| points.windows(2).all(|two| number(&two[0][name]) < number(&two[1][name]));
    assert!(rises("expected_return") && rises("volatility"), "{plain}");
    let best = plain["best_sharpe"].as_u64().unwrap() as usize;
    assert!(points.iter().all(|point| number(&point["sharpe"]) <= number(&points[best]["sharpe"])));
    // Where trading costs something, the best is that after costs, which is another one somewhere.
    let mut others = 0;
    for (cost, kept) in
        [0.01, 0.03, 0.06].into_iter().flat_map(|c| [(c, ["calm", "fair"]), (c, ["loud", "wild"])])
    {
        let current = json!({kept[0]: 0.5, kept[1]: 0.5});
        let profile = json!({"max_weight": 0.5, "cost": cost, "current": current});
        let dear = json!({"prices": of("stocks"), "points": 15, "profile": profile});
        let dear = answered(&served, "frontiers", &dear).await;
        let points = dear["points"].as_array().unwrap();
        let net = |point: &Value| {
            let held = |asset: &str| if kept.contains(&asset) { 0.5 } else { 0.0 };
            let weight = |asset: &str| point["weights"][asset].as_f64().unwrap_or(0.0);
            let traded: f64 = ASSETS.iter().map(|asset| (weight(asset) - held(asset)).abs()).sum();
            (number(&point["expected_return"]) - cost * traded) / number(&point["volatility"])
        };
        let greatest = |of: &dyn Fn(&Value) -> f64| {
            (0..points.len()).max_by(|a, b| of(&points[*a]).total_cmp(&of(&points[*b]))).unwrap()
        };
        let best = dear["best_sharpe"].as_u64().unwrap() as usize;
        assert!(net(&points[best]) > net(&points[greatest(&net)]) - 1e-9, "{dear}");
        println!("{cost} {kept:?}: {} points, {best}", points.len());
        others += usize::from(best != greatest(&|point| number(&point["sharpe"])));
    }
    assert!(others > 0, "costs change nothing");
    let views =
        json!({"given": [{"assets": {"wild": 1, "calm": -1}, "return": 0.4, "confidence": 0.8}]});
    let request = json!({
        "prices": of("stocks"), "goal": {"objective": "max_utility"}, "views": views, "resamples": 0
    });
    let answer = answered(&served, "portfolios", &request).await;
    let used = &answer["views"];
    let prior = |asset: &str| number(&used["prior"][asset]);
    let posterior = |asset: &str| number(&holding(&answer, asset)["expected_return"]);
    let spread = posterior("wild") - posterior("calm");
    assert!(prior("wild") - prior("calm") < spread && spread < 0.4, "{answer}");
    assert!(number(&used["views"][0]["error"]) > 0.0 && used["model"].is_null(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_models_forecasts_are_views_and_as_honest_as_it_is() {
    let served = started().await;
    let spec = json!({
        "dataset": {"name": "stocks"}, "target": "close", "epochs": 2,
        "window": {"time": "date", "entity": "name", "look_back": 20, "horizon": 5}
    });
    let job = served.post("/api/v1/models/prices/versions").json(&spec).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let version = served.get(done["result"]["location"].as_str().unwrap()).send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    let request = json!({
        "prices": of("stocks"), "goal": {"objective": "max_utility"}, "resamples": 0,
        "views": {"model": "prices", "version": 1}
    });
    let answer = answered(&served, "portfolios", &request).await;
    let used = &answer["views"];
    assert_eq!(
        (&used["model"], &used["version"], &used["horizon"]),
        (&json!("prices"), &json!(1), &json!(5))
    );
    let beats = version["metrics"]["beats_random_walk"].as_bool().unwrap();
    assert_eq!(used["beats_random_walk"], beats);
    assert_eq!(answer["unknown"].to_string().contains("does not beat the random walk"), !beats);
    // The view is the forecast, in the unit of a year's return.
    let asked = json!({"dataset": {"name": "stocks"}, "version": 1});
    let forecast =
        served.post("/api/v1/models/prices/forecasts").json(&asked).send().await.unwrap();
    let forecast = json(forecast, StatusCode::OK).await;
    let forecasts = forecast["forecasts"].as_array().unwrap();
    let calm = forecasts.iter().find(|one| one["entity"] == "calm").unwrap();
    let csv = prices(300, None);
    let last = csv.lines().rev().find(|line| line.contains(",calm,")).unwrap();
    let last: f64 = last.rsplit(',').next().unwrap().parse().unwrap();
    let expected = (number(&calm["steps"][4]["value"]) / last - 1.0) / 5.0 * 252.0;
    let views = used["views"].as_array().unwrap();
    let view = views.iter().find(|one| one["assets"]["calm"] == 1.0).unwrap();
    assert!(
        (number(&view["return"]) - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{view} {expected}"
    );
    // Each as uncertain as the forecasts of this very asset were, however dear or cheap it is.
    let known = version["metrics"]["by_series"].as_array().unwrap();
    let of = |asset: &str| known.iter().find(|one| one["entity"] == asset).unwrap();
    let relative = |asset: &str| number(&of(asset)["relative_mse"]);
    let windows: f64 = known.iter().map(|one| number(&one["n"])).sum();
    // Few windows count for less than those of all, each for the variance of its own asset's returns.
    let spread = |asset: &str| {
        let of_asset = csv.lines().filter(|line| line.contains(&format!(",{asset},")));
        let prices: Vec<f64> =
            of_asset.map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
        let returns: Vec<f64> = prices.windows(2).map(|two| two[1] / two[0] - 1.0).collect();
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        returns.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / returns.len() as f64
    };
    let sum = |asset: &&str| number(&of(asset)["n"]) * relative(asset) / spread(asset);
    let all = ASSETS.iter().map(sum).sum::<f64>() / windows;
    let target = &version["metrics"]["by_target"][0];
    let pooled = ASSETS.iter().map(|asset| number(&of(asset)["n"]) * relative(asset)).sum::<f64>();
    assert!((number(&target["relative_mse"]) / (pooled / windows) - 1.0).abs() < 1e-9, "{target}");
    for asset in ASSETS {
        let view = views.iter().find(|one| one["assets"][asset] == 1.0).unwrap();
        let apart = (number(&of(asset)["n"]) / 5.0).max(1.0);
        let variance = (apart * relative(asset) + 10.0 * all * spread(asset)) / (apart + 10.0);
        let expected = variance.sqrt() / 5.0 * 252.0;
        assert!((number(&view["error"]) / expected - 1.0).abs() < 1e-9, "{view} {expected}");
    }
    assert!(views.len() == 5 && relative("calm") < relative("wild"), "{known:?}");
    what_has_no_views(&served, &request).await;
}

async fn what_has_no_views(served: &Served, request: &Value) {
    // A model of other columns, or of none, has no views here.
    for (views, pointer) in [
        (json!({"model": "nobody"}), "/views/model"),
        (json!({"model": "prices", "version": 9}), "/views/model"),
        (json!({"version": 1}), "/views"),
    ] {
        let mut other = request.clone();
        other["views"] = views;
        let found = problem(ask(served, "portfolios", &other).await, 422, "invalid_request").await;
        assert!(pointers(&found).contains(&pointer), "{found}");
    }
    let mut early = request.clone();
    early["prices"]["to"] = json!("2024-06-01");
    let found = problem(ask(served, "portfolios", &early).await, 422, "invalid_request").await;
    assert_eq!(pointers(&found), ["/prices/to"]);
}
