use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::domain::advice::Advice;
use crate::engine::advice::tests::{advised, refused};
use crate::engine::testing::{noise, random_walk, uniform};

/// Loans, of which those with the smallest income default.
fn loans(rows: usize, header: &str, target: &str) -> String {
    let mut text = format!("income,sex,age,{header},{target}\n");
    let (income, chance) = (uniform(rows, 1), uniform(rows, 2));
    for row in 0..rows {
        let bad = income[row] < 0.25 && chance[row] < 0.6;
        let (sex, age) = (["f", "m"][row % 2], 20 + row * 7 % 50);
        writeln!(
            text,
            "{:.2},{sex},{age},{:.2},{}",
            900.0 + income[row],
            chance[row],
            u8::from(bad)
        )
        .unwrap();
    }
    text
}

/// Prices of so many assets, a column each, day by day.
fn universe(assets: usize, days: usize, name: impl Fn(usize) -> String) -> String {
    let names: Vec<String> = (0..assets).map(name).collect();
    let walks: Vec<Vec<f64>> = (0..assets).map(|at| random_walk(days, at as u64 + 1)).collect();
    let mut text = format!("date,{}\n", names.join(","));
    for day in 0..days {
        let date = chrono::DateTime::from_timestamp(86_400 * day as i64, 0).unwrap();
        let row: Vec<String> = walks.iter().map(|walk| format!("{:.3}", walk[day])).collect();
        writeln!(text, "{},{}", date.format("%Y-%m-%d"), row.join(",")).unwrap();
    }
    text
}

fn lacking(advice: &Advice, at: usize) -> Vec<FindingCode> {
    advice.services[at].missing.iter().map(|lack| lack.code).collect()
}

fn purposes(advice: &Advice) -> Vec<Purpose> {
    advice.services.iter().map(|service| service.purpose).collect()
}

#[test]
fn a_loan_book_goes_to_the_policies_and_hears_what_it_lacks() {
    // Without a word on what it is for: columns are not left out then.
    let advice = advised(&loans(400, "term", "defaulted"), json!({"target": "defaulted"}));
    assert_eq!(purposes(&advice), [Purpose::Lending]);
    let service = &advice.services[0];
    assert_eq!(service.path, "/api/v1/loans/policies");
    assert!(service.needs_training && service.steps.len() == 4);
    assert_eq!(
        lacking(&advice, 0),
        [
            FindingCode::FewDefaults,
            FindingCode::ProtectedColumn,
            FindingCode::NoExposure,
            FindingCode::NoTime,
            FindingCode::Scorecard,
        ]
    );
    assert_eq!(service.missing[1].columns, ["sex", "age"]);
    assert!(service.missing[4].text.contains("400 loans are few"), "{:?}", service.missing[4]);
    assert!(advice.spec.features.as_ref().unwrap().contains(&"sex".to_owned()));

    // Asked for as loans, the outcome is found, and what is protected is left out.
    let lending = json!({"target": null, "purpose": "lending"});
    let advice = advised(&loans(400, "loan_amount", "defaulted"), lending.clone());
    assert_eq!(advice.spec.target, "defaulted");
    assert_eq!(advice.spec.features.as_deref().unwrap(), ["income", "loan_amount"]);
    let lacks = lacking(&advice, 0);
    assert!(!lacks.contains(&FindingCode::NoExposure));
    assert!(!lacks.contains(&FindingCode::ProtectedColumn), "they are left out already");
    let reasons: Vec<FindingCode> = advice.reasons.iter().map(|reason| reason.code).collect();
    assert!(
        reasons.contains(&FindingCode::Taken) && reasons.contains(&FindingCode::ProtectedColumn)
    );

    // No outcome, several, or one that is no outcome.
    assert_eq!(refused(&loans(60, "term", "y"), lending), ["/target"]);
    let number = json!({"target": "income", "purpose": "lending"});
    assert_eq!(refused(&loans(60, "term", "y"), number), ["/target"]);
    assert_eq!(refused(&loans(60, "term", "y"), json!({"target": null})), ["/target"]);
    // Rows of two classes that are no loans.
    let advice =
        advised(&loans(200, "height", "won").replace("income", "weight"), json!({"target": "won"}));
    assert_eq!(advice.services, []);
}

#[test]
fn one_history_of_prices_goes_to_the_assessments_of_risk() {
    let text = universe(1, 200, |_| "close".to_owned());
    let advice = advised(&text, json!({"target": "close"}));
    assert_eq!(purposes(&advice), [Purpose::Risk, Purpose::Forecasting]);
    assert_eq!(advice.services[0].path, "/api/v1/risk/assessments");
    assert!(!advice.services[0].needs_training && advice.services[1].needs_training);
    assert_eq!(lacking(&advice, 0), [FindingCode::FewDates, FindingCode::FewDates]);
    let needed = &advice.services[0].missing[0].figures;
    assert_eq!((needed["dates"], needed["needed"]), (200.0, 250.0));
    // Asked for as a universe, it has nothing to choose.
    let advice = advised(&text, json!({"target": null, "purpose": "investing"}));
    assert_eq!(purposes(&advice)[0], Purpose::Investing);
    assert_eq!(lacking(&advice, 0), [FindingCode::OneAsset, FindingCode::FewDates]);
    // Enough dates, and nothing is lacking.
    let advice = advised(&universe(1, 600, |_| "close".to_owned()), json!({"target": "close"}));
    assert_eq!(lacking(&advice, 0), []);
}

#[test]
fn a_universe_goes_to_the_portfolios_wide_or_long() {
    let ticker = |at: usize| format!("AB{}", char::from(b'A' + at as u8));
    let wide = universe(6, 300, ticker);
    for more in [json!({"target": "ABA"}), json!({"target": null, "purpose": "investing"})] {
        let advice = advised(&wide, more);
        assert_eq!(purposes(&advice), [Purpose::Investing, Purpose::Risk, Purpose::Forecasting]);
        assert_eq!(advice.services[0].path, "/api/v1/investments/portfolios");
        assert_eq!(lacking(&advice, 0), []);
        assert!(advice.services[0].text.contains("6 assets at 300 times"));
    }
    let advice = advised(&wide, json!({"target": null, "purpose": "investing"}));
    assert_eq!(advice.spec.target, "ABA");
    assert_eq!(advice.spec.window.as_ref().unwrap().targets.len(), 5);
    // More assets than dates, of which one lacks prices.
    let gappy = universe(26, 25, ticker);
    let gappy: Vec<String> = gappy
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            3..5 => format!("{},", line.rsplit_once(',').unwrap().0),
            _ => line.to_owned(),
        })
        .collect();
    let more = json!({"target": null, "purpose": "investing"});
    let advice = advised(&(gappy.join("\n") + "\n"), more);
    assert_eq!(
        lacking(&advice, 0),
        [FindingCode::MoreAssetsThanDates, FindingCode::FewDates, FindingCode::Gaps]
    );
    let gaps = &advice.services[0].missing[2];
    assert_eq!((gaps.columns.as_slice(), gaps.figures["most"]), (&["ABZ".to_owned()][..], 2.0));

    let mut long = "date,ticker,close\n".to_owned();
    for asset in 0..6_usize {
        for (day, price) in random_walk(280 - 20 * (asset / 5), asset as u64).iter().enumerate() {
            let date = chrono::DateTime::from_timestamp(86_400 * day as i64, 0).unwrap();
            writeln!(long, "{},A{asset},{price:.3}", date.format("%Y-%m-%d")).unwrap();
        }
    }
    let advice = advised(&long, json!({"target": null, "purpose": "investing"}));
    assert_eq!(advice.spec.window.as_ref().unwrap().entity.as_deref(), Some("ticker"));
    assert_eq!(purposes(&advice)[0], Purpose::Investing);
    assert_eq!(lacking(&advice, 0), [FindingCode::Gaps]);
    assert_eq!(advice.services[0].missing[0].columns, ["A5"]);
}

#[test]
fn other_series_are_forecast() {
    let loads = universe(1, 300, |_| "load".to_owned());
    let advice = advised(&loads, json!({"target": "load"}));
    assert_eq!(purposes(&advice), [Purpose::Forecasting]);
    assert_eq!(advice.services[0].path, "/api/v1/models/{model}/forecasts");
    assert_eq!(lacking(&advice, 0), []);
    // Returns are no prices.
    let mut returns = "date,close\n".to_owned();
    for (day, change) in noise(300, 1, 4).remove(0).iter().enumerate() {
        let date = chrono::DateTime::from_timestamp(86_400 * day as i64, 0).unwrap();
        writeln!(returns, "{},{change:.5}", date.format("%Y-%m-%d")).unwrap();
    }
    let advice = advised(&returns, json!({"target": "close", "purpose": "risk"}));
    assert_eq!(lacking(&advice, 0)[0], FindingCode::NotPositive);
    // Without a time there is no series.
    let text = loans(60, "term", "defaulted");
    assert_eq!(refused(&text, json!({"target": null, "purpose": "risk"})), ["/time"]);
}

#[test]
fn names_are_read_by_their_words() {
    assert_eq!(words("CreditAmount"), ["credit", "amount"]);
    assert_eq!(words("LIMIT_BAL"), ["limit", "bal"]);
    assert_eq!(words("default payment.next month"), ["default", "payment", "next", "month"]);
    assert!(speaks_of("applicant_age", &["age"]) && !speaks_of("mortgage", &["age"]));
    assert!(speaks_of("defaulted", &["default*"]) && !speaks_of("faulted", &["default*"]));
}
