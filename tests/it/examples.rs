//! The examples that need nothing but a shell and curl, as they stand.

use std::path::Path;
use std::process::Command;

use crate::support::{Scratch, actuary, unset_settings};

fn path(example: &str) -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/").to_owned() + example
}

fn runs(script: &str, says: &[&str]) {
    let mut command = Command::new("bash");
    unset_settings(&mut command);
    command.arg(path(script)).env("ACTUARY_BIN", env!("CARGO_BIN_EXE_actuary"));
    says_all(&mut command, says);
}

fn says_all(command: &mut Command, says: &[&str]) {
    let output = command.output().unwrap();
    let (said, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{log}");
    for wanted in says {
        assert!(said.contains(wanted), "{wanted}:\n{said}\n{log}");
    }
}

#[test]
fn the_operator_backs_up_and_restores() {
    runs("operator/run.sh", &["✓ schema", "every SHA-256 right", r#""model":"demo-default""#]);
}

#[test]
fn the_auditor_finds_who_decided_and_the_same_answer() {
    runs("auditor/run.sh", &[r#""version":1"#, r#""identical":true"#, r#""max_difference":0.0"#]);
}

#[test]
fn texts_are_told_apart() {
    runs(
        "texts/run.sh",
        &[r#""kind":"text_cnn""#, r#""label":"down""#, r#""label":"up""#, "macro_f1"],
    );
}

#[test]
fn every_network_is_tried_once() {
    let kinds = [
        "linear",
        "mlp",
        "tabm",
        "transformer",
        "scorecard",
        "monotone",
        "lenet",
        "cnn",
        "text_cnn",
        "text_attention",
        "lstm",
        "attention",
        "nlinear",
        "dlinear",
    ];
    let says = kinds.map(|kind| format!("{kind} has "));
    runs("networks/run.sh", &says.each_ref().map(String::as_str));
}

#[test]
fn the_analyst_explores_compares_and_promotes() {
    let scratch = Scratch::new("examples-analyst");
    let mut demo = actuary(scratch.path());
    says_all(
        demo.args(["demo", "--rows", "1500"]),
        &["actuary repl", "explore, train and compare"],
    );
    let mut advised = actuary(scratch.path());
    advised.args(["run", &path("analyst/advise.star")]);
    says_all(&mut advised, &["linear would take", "expected", "advised 1"]);
    let mut explored = actuary(scratch.path());
    explored.args(["run", &path("analyst/explore.star")]);
    says_all(
        &mut explored,
        &["better on rows that neither has seen", "champion of explored", "5 rows by"],
    );
    let mut simpler = actuary(scratch.path());
    simpler.args(["run", &path("analyst/simplify.star")]);
    says_all(
        &mut simpler,
        &["8 bits for each weight of version 1", "pruned by 70 %", "taught by", "times smaller, "],
    );
    let mut optimisers = actuary(scratch.path());
    optimisers.args(["run", &path("analyst/optimisers.star")]);
    says_all(&mut optimisers, &["momentum at", "adam at", "as far as sgd in epoch"]);
    let mut explained = actuary(scratch.path());
    explained.args(["run", &path("analyst/explain.star")]);
    says_all(
        &mut explained,
        &[
            "3 answers by demo-default 1",
            "letters for 60 applicants",
            "2 rows by demo-default 1",
            "importance for demo-default 1",
            "dependence for demo-default 1",
            "surrogate for demo-default 1",
            "not a legal opinion",
            "debt_to_income increasing, late_payments_12m increasing",
        ],
    );
    let mut risked = actuary(scratch.path());
    risked.args(["run", &path("analyst/risk.star")]);
    says_all(
        &mut risked,
        &[
            "risk of 3 assets   at 0.99 ",
            "filtered_historical: returns over their volatility",
            "plot of parts of the",
            "shares fall by a third: 264000 of 1000000 lost",
            "499 days from 402",
            "plot of filtered_historical at 0.99",
            "losses of 1,500 loans",
        ],
    );
    let mut searched = actuary(scratch.path());
    searched.args(["run", &path("analyst/search.star")]);
    says_all(
        &mut searched,
        &[
            "trial  state",
            "to its end",
            "best of 9 configurations",
            "the same again: True",
            "searched 1",
        ],
    );
}

#[test]
fn the_analyst_seeks_a_portfolio() {
    let scratch = Scratch::new("examples-invest");
    let mut invested = actuary(scratch.path());
    invested.args(["run", &path("analyst/invest.star")]);
    says_all(
        &mut invested,
        &[
            "max_utility: ",
            "excluded by the profile",
            "not known: taxes",
            "tech by the view",
            "12 portfolios of 5 assets",
            "7 strategies from 2020-",
            "not personal advice",
        ],
    );
}

/// On prices of its own: a row for each price, three stocks, one of which lacks some.
#[test]
fn the_investor_sees_whether_values_at_risk_hold() {
    let scratch = Scratch::new("examples-investor");
    let noise = |row: u32| f64::from(row.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20);
    let mut text = "date,name,close\n".to_owned();
    let mut price = [30.0, 60.0, 90.0];
    for row in 0..300_u32 {
        let day =
            chrono::DateTime::from_timestamp(1_420_070_400 + 86_400 * i64::from(row), 0).unwrap();
        for (at, name) in ["ash", "birch", "cedar"].into_iter().enumerate() {
            let drawn: f64 = (0..6).map(|n| noise(97 * row + 31 * at as u32 + 1009 * n + 5)).sum();
            price[at] *= 1.0 + 0.01 * (drawn - 3.0);
            if !(name == "cedar" && row % 50 == 9) {
                text.push_str(&format!("{},{name},{:.4}\n", day.format("%Y-%m-%d"), price[at]));
            }
        }
    }
    let data = scratch.path().join("prices.csv");
    std::fs::write(&data, text).unwrap();
    let mut command = actuary(scratch.path());
    command.args(["run", &path("investor/var.star"), "-p", "window=100", "-p"]);
    command.arg(format!("data={}", data.display()));
    says_all(
        &mut command,
        &[
            "2 stocks with all of 300 prices",
            "historical: ",
            "Kupiec p ",
            "plot of filtered_historical",
            "of 2 stocks (",
        ],
    );
}

#[test]
fn the_analyst_forecasts_and_hears_what_that_is_worth() {
    let scratch = Scratch::new("examples-forecast");
    let mut forecast = actuary(scratch.path());
    forecast.args(["run", &path("analyst/forecast.star")]);
    says_all(
        &mut forecast,
        &[
            "made-rate 1   MSE",
            "beats the random walk (Diebold-Mariano p",
            "% of the test values (95 % interval",
            "1 forecast by made-rate 1",
            "made-close 1 does not beat the random walk (Diebold-Mariano p",
            "rolling_origin for made-rate 1   MSE",
            "from 40 origins, 2 trainings",
            "/api/v1/risk/assessments",
            "POST /api/v1/risk/backtests",
        ],
    );
}

#[test]
fn the_lender_decides_tells_and_prices() {
    let scratch = Scratch::new("examples-lender");
    let mut demo = actuary(scratch.path());
    says_all(demo.args(["demo", "--rows", "1500"]), &["actuary repl"]);
    let mut decided = actuary(scratch.path());
    decided.args(["run", &path("lender/policy.star")]);
    says_all(
        &mut decided,
        &[
            "demo-consumer 1   by demo-default champion   approve from 535 points",
            "600 rows by demo-consumer 1",
            "points by outcome, demo-consumer 1",
            "cumulative gain, demo-consumer 1",
            "Declined:",
            "recorded as",
            "1,500 rows by demo-consumer 1",
            "stage 1: ",
            "not an accounting opinion",
        ],
    );
}

/// A notebook's cells and the text that they gave.
fn gave(notebook: &Path) -> String {
    let text = std::fs::read_to_string(notebook).unwrap();
    let notebook: serde_json::Value = serde_json::from_str(&text).unwrap();
    notebook["cells"].as_array().unwrap().iter().map(|cell| cell["outputs"].to_string()).collect()
}

/// Files as small as the notebooks can do with.
fn write_small_data(scratch: &Scratch) {
    let noise = |row: u32| f64::from(row.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20);
    let mut loans = "income,age,collections_fee,default\n".to_owned();
    let mut prices = "date,close\n".to_owned();
    let mut news = "text,sentiment\n".to_owned();
    let mut price = 100.0;
    let mut stocks = "date,calm,fair,wild\n".to_owned();
    let mut closes = [50.0, 80.0, 20.0];
    for row in 0..400 {
        let (income, bad) =
            (15_000.0 + 70_000.0 * noise(row), noise(row) + noise(7 * row + 1) < 0.8);
        let fee = if bad { "30" } else { "" };
        loans.push_str(&format!("{income:.0},{},{fee},{}\n", 20 + row % 50, u8::from(bad)));
        price *= 1.0 + 0.02 * (noise(3 * row + 5) - 0.5);
        let day =
            chrono::DateTime::from_timestamp(1_420_070_400 + 86_400 * i64::from(row), 0).unwrap();
        let day = day.format("%Y-%m-%d");
        prices.push_str(&format!("{day},{price:.4}\n"));
        for (at, close) in closes.iter_mut().enumerate() {
            let (size, own) = (0.01 * (at + 1) as f64, noise(11 * row + 17 * at as u32 + 3));
            *close *= 1.0 + size * (0.5 * noise(5 * row + 7) + own - 0.74);
        }
        stocks.push_str(&format!("{day},{:.4},{:.4},{:.4}\n", closes[0], closes[1], closes[2]));
        let (word, mood) = if bad { ("fall", "negative") } else { ("rise", "positive") };
        news.push_str(&format!("profits of company {row} {word} in the quarter,{mood}\n"));
    }
    for (name, text) in
        [("loans.csv", loans), ("prices.csv", prices), ("news.csv", news), ("stocks.csv", stocks)]
    {
        std::fs::write(scratch.path().join(name), text).unwrap();
    }
}

#[test]
fn the_notebooks_run_on_small_data() {
    let scratch = Scratch::new("notebooks");
    let file = |name: &str| scratch.path().join(name);
    write_small_data(&scratch);
    for (notebook, data, says) in [
        (
            "credit",
            "loans.csv",
            &["alone tells default", "champion of credit-notebook", "are labelled right"][..],
        ),
        (
            "volatility",
            "prices.csv",
            &["random_walk: mean squared error", "<svg", "1 forecast by volatility-notebook 1"],
        ),
        (
            "risk",
            "stocks.csv",
            &[
                "risk of 3 assets",
                "<svg",
                "backtest at 0.95",
                "by 2 methods",
                "of 3 methods pass",
                "network at 0.95: ",
            ],
        ),
        (
            "lending",
            "loans.csv",
            &["by lending-notebook champion", "<svg", "Not approved:", "expected loss"],
        ),
        (
            "portfolio",
            "stocks.csv",
            &["min_variance: 3 of 3 assets", "not known: taxes", "7 strategies from", "<svg"],
        ),
        ("sentiment", "news.csv", &["<svg", "of the headlines aside are right", "negative"]),
    ] {
        let output = file(&format!("{notebook}.ipynb"));
        let mut command = actuary(scratch.path());
        command
            .args(["run", &path(&format!("notebooks/{notebook}.star"))])
            .args(if notebook == "portfolio" { &[][..] } else { &["-p", "epochs=2"] })
            .arg("-p")
            .arg(format!("data={}", file(data).display()))
            .arg("--output")
            .arg(&output);
        says_all(&mut command, &[]);
        let gave = gave(&output);
        for wanted in says {
            assert!(gave.contains(wanted), "{notebook}: {wanted}\n{gave}");
        }
    }
}

/// With the Python that JUPYTER_PYTHON names, or python3, where that has Jupyter's client.
#[test]
fn jupyter_speaks_to_the_kernel() {
    let python = std::env::var("JUPYTER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import jupyter_client, nbclient"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: {python} has no jupyter_client and nbclient, and the kernel is not tried"
        );
        return;
    }
    let mut command = Command::new(python);
    unset_settings(&mut command);
    command.arg(path("notebooks/kernel.py")).arg(env!("CARGO_BIN_EXE_actuary"));
    says_all(&mut command, &["all held"]);
}
