//! What may be lost: figures by method, backtests, books of loans.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure};
use crate::domain::name::did_you_mean;
use crate::domain::risk::RiskAssessment;
use crate::domain::risk::backtest::{BacktestResult, RiskBacktest};
use crate::domain::risk::credit::CreditLossAnswer;
use crate::frame::parse_timestamp;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

const MICROSECONDS: f64 = 1e6;
/// A test that says so of right forecasts once in twenty is failed.
const FAILED: f64 = 0.05;

/// `0.0231` as `2.31 %`.
fn percent(share: f64) -> String {
    format!("{} %", figure((share * 1e6).round() / 1e4))
}

/// `risk of 2 assets   99 %: 2.31 % to 3.02 % by 7 methods   1,258 returns to 2018-02-07`.
pub(super) fn text(risk: &RiskAssessment) -> String {
    let level = risk.methods.iter().flat_map(|method| &method.figures).map(|f| f.level);
    let level = level.fold(0.0, f64::max);
    let figures: Vec<f64> = risk
        .methods
        .iter()
        .flat_map(|method| &method.figures)
        .filter(|figure| figure.level == level)
        .map(|figure| figure.value_at_risk)
        .collect();
    let of = format!("risk of {}", counted(risk.weights.len() as u64, "asset"));
    let told = match (
        figures.iter().copied().reduce(f64::min),
        figures.iter().copied().reduce(f64::max),
    ) {
        (Some(low), Some(high)) => format!(
            "at {level} {} to {} over {}, by {}",
            percent(low),
            percent(high),
            counted(u64::from(risk.horizon), "row"),
            counted(figures.len() as u64, "method")
        ),
        _ => "no method applies".to_owned(),
    };
    let returns = counted(risk.observations, "return");
    let warned: String = warnings(risk).iter().map(|warning| format!("\n! {warning}")).collect();
    format!("{of}   {told}   {returns} to {}{warned}", risk.to)
}

/// Those of the portfolio, then those of each method.
fn warnings(risk: &RiskAssessment) -> Vec<String> {
    let of = risk.methods.iter().flat_map(|method| {
        let refused = method.refused.iter().map(|why| format!("does not apply: {why}"));
        let told = refused.chain(method.warnings.iter().cloned());
        told.map(|warning| format!("{}: {warning}", method.method.as_str()))
    });
    risk.warnings.iter().cloned().chain(of).collect()
}

/// A row for each method and level.
pub(super) fn described(risk: &RiskAssessment) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for method in &risk.methods {
        for one in &method.figures {
            let mut row = Map::new();
            row.insert("method".to_owned(), method.method.as_str().into());
            row.insert("level".to_owned(), one.level.into());
            row.insert("value_at_risk".to_owned(), one.value_at_risk.into());
            row.insert("expected_shortfall".to_owned(), one.expected_shortfall.into());
            let [low, high] = one.interval.map_or([None; 2], |ends| ends.map(Some));
            row.insert("low".to_owned(), low.into());
            row.insert("high".to_owned(), high.into());
            if risk.value.is_some() {
                row.insert("amount".to_owned(), one.amount.into());
            }
            rows.push(row);
        }
        if let Some(why) = &method.refused {
            let name = method.method.as_str();
            let row = [("method", name.into()), ("refused", why.clone().into())];
            rows.push(
                row.map(|(name, value): (&str, Json)| (name.to_owned(), value))
                    .into_iter()
                    .collect(),
            );
        }
    }
    rows
}

pub(super) fn table(risk: &RiskAssessment) -> Table {
    let short = |mut row: Map<String, Json>| {
        if row.remove("refused").is_some() {
            row.insert("value_at_risk".to_owned(), Json::Null);
            row.insert("level".to_owned(), Json::Null);
            let name = row["method"].as_str().unwrap_or_default();
            let name = format!("{name} (refused)");
            row.insert("method".to_owned(), name.into());
        }
        row
    };
    let rows: Vec<_> = described(risk).into_iter().map(short).collect();
    super::table_of_rows(&rows)
}

pub(super) fn fields(risk: &RiskAssessment) -> crate::error::Result<Map<String, Json>> {
    let mut fields = super::object(risk)?;
    fields.entry("value").or_insert(Json::Null);
    let mut of = Map::new();
    for method in &risk.methods {
        let levels =
            method.figures.iter().map(|one| (one.level.to_string(), one.value_at_risk.into()));
        of.insert(method.method.as_str().to_owned(), levels.collect::<Map<String, Json>>().into());
    }
    fields.insert("value_at_risk".to_owned(), of.into());
    fields.insert("warnings".to_owned(), warnings(risk).into());
    Ok(fields)
}

/// The value at risk by each method with its interval, or what each asset adds, or stress.
pub(in crate::repl) fn plot(risk: &RiskAssessment, what: Option<&str>) -> Result<Plot, String> {
    let level = risk.methods.iter().flat_map(|m| &m.figures).map(|f| f.level).fold(0.0, f64::max);
    let (title, of, named): (String, &str, Vec<(String, f64)>) = match what.unwrap_or("methods") {
        "methods" => {
            let of = risk.methods.iter().filter_map(|method| {
                let one = method.figures.iter().find(|one| one.level == level)?;
                Some((method.method.as_str().to_owned(), one.value_at_risk))
            });
            (format!("value at risk at {level}"), "method", of.collect())
        }
        "contributions" => {
            let greatest = risk.contributions.iter().map(|c| c.level).fold(0.0, f64::max);
            let found = risk.contributions.iter().find(|c| c.level == greatest);
            let found = found.ok_or("needs the method gaussian or historical among those asked")?;
            let mut parts: Vec<_> =
                found.assets.iter().map(|a| (a.asset.clone(), a.value_at_risk)).collect();
            parts.sort_by(|a, b| b.1.total_cmp(&a.1));
            let title =
                format!("parts of the {} value at risk at {greatest}", found.method.as_str());
            (title, "asset", parts)
        }
        "stress" => {
            let of = risk.stress.iter().map(|one| (one.name.clone(), one.loss));
            ("loss under stress".to_owned(), "span or scenario", of.collect())
        }
        other => {
            let known = ["methods", "contributions", "stress"];
            let near = did_you_mean(other, known);
            return Err(format!("is 'methods', 'contributions' or 'stress'{near}"));
        }
    };
    Ok(super::analyses::bars(title, (of, "share of the value"), named))
}

/// `backtest at 0.99   629 days from 2015-08-10, 6.3 exceedances expected   3 of 8 methods pass`.
pub(super) fn backtest_text(test: &RiskBacktest) -> String {
    let results: Vec<&BacktestResult> =
        test.methods.iter().filter_map(|m| m.result.as_ref()).collect();
    let passed = results.iter().filter(|one| one.conditional_coverage.p_value >= FAILED).count();
    format!(
        "backtest at {}   {} from {}, {:.1} exceedances expected   {passed} of {} pass coverage and \
         independence at 5 %",
        test.level,
        counted(test.days, "day"),
        test.from,
        test.expected,
        counted(results.len() as u64, "method")
    )
}

/// A row for each method.
pub(super) fn backtest_described(test: &RiskBacktest) -> Vec<Map<String, Json>> {
    let row = |method: &crate::domain::risk::backtest::MethodBacktest| {
        let mut row = Map::new();
        let mut put = |name: &str, value: Json| {
            row.insert(name.to_owned(), value);
        };
        put("method", method.method.as_str().into());
        match (&method.result, &method.refused) {
            (Some(one), _) => {
                put("exceedances", one.exceedances.into());
                put("expected", test.expected.into());
                put("kupiec_p", one.kupiec.p_value.into());
                put("independence_p", one.independence.p_value.into());
                put("both_p", one.conditional_coverage.p_value.into());
                put("z2", one.shortfall.map(|s| s.z2).into());
                put("zone", one.traffic_light.map(|l| l.zone.as_str()).into());
                put("mean_var", one.mean_value_at_risk.into());
                put("pinball", one.pinball.into());
            }
            (None, why) => put("refused", why.clone().into()),
        }
        row
    };
    test.methods.iter().map(row).collect()
}

pub(super) fn backtest_table(test: &RiskBacktest) -> Table {
    let short = |mut row: Map<String, Json>| {
        if row.remove("refused").is_some() {
            let name = row["method"].as_str().unwrap_or_default();
            let name = format!("{name} (refused)");
            row.insert("method".to_owned(), name.into());
        }
        row
    };
    let rows: Vec<_> = backtest_described(test).into_iter().map(short).collect();
    super::table_of_rows(&rows)
}

pub(super) fn backtest_fields(test: &RiskBacktest) -> crate::error::Result<Map<String, Json>> {
    let mut fields = super::object(test)?;
    fields.entry("network").or_insert(Json::Null);
    let counted = test.methods.iter().filter_map(|method| {
        let result = method.result.as_ref()?;
        Some((method.method.as_str().to_owned(), Json::from(result.exceedances)))
    });
    fields.insert("exceedances".to_owned(), counted.collect::<Map<String, Json>>().into());
    Ok(fields)
}

/// Returns, the value at risk of a method as a line below them, and the days beyond it.
pub(in crate::repl) fn backtest_plot(
    test: &RiskBacktest,
    what: Option<&str>,
) -> Result<Plot, String> {
    let series = test.series.as_ref().ok_or("the answer has no days to draw")?;
    let names = || series.value_at_risk.keys().map(String::as_str);
    let first = || test.methods.iter().find(|m| m.result.is_some()).map(|m| m.method.as_str());
    let name = what.or_else(first).ok_or("no method has a result")?;
    let forecast = series.value_at_risk.get(name).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        format!("is one of {}{}", known.join(", "), did_you_mean(name, names()))
    })?;
    let times: Vec<Option<f64>> = series
        .times
        .iter()
        .map(|time| parse_timestamp(time.as_bytes()).map(|micros| micros as f64 / MICROSECONDS))
        .collect();
    let is_time = times.iter().all(Option::is_some);
    let x: Vec<f64> = times
        .iter()
        .zip(&series.times)
        .map(|(seconds, time)| match is_time {
            true => seconds.unwrap_or(f64::NAN),
            false => time.parse().unwrap_or(f64::NAN),
        })
        .collect();
    let with = |values: &mut dyn Iterator<Item = f64>| -> Vec<(f64, f64)> {
        x.iter().copied().zip(values).collect()
    };
    let returns = with(&mut series.returns.iter().copied());
    let line = with(&mut forecast.iter().map(|var| -var));
    let beyond = returns.iter().zip(&line).filter(|(day, line)| day.1 < line.1);
    let beyond: Vec<(f64, f64)> = beyond.map(|(day, _)| *day).collect();
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    let count = counted(beyond.len() as u64, "exceedance");
    Ok(Plot {
        title: format!("{name} at {}: {count}, {:.1} expected", test.level, test.expected),
        x: Axis {
            label: "time".to_owned(),
            scale: if is_time { Scale::Time } else { Scale::Number },
        },
        y: Axis { label: "return".to_owned(), scale: Scale::Number },
        layers: vec![
            layer("return", Mark::Line, returns),
            layer("value at risk", Mark::Line, line),
            layer("beyond", Mark::Points, beyond),
        ],
    })
}

/// `losses of 2 loans   expected 355.5, at 0.99 5400 (5400 to 5400)`.
pub(super) fn credit_text(losses: &CreditLossAnswer) -> String {
    let greatest = losses.figures.iter().max_by(|a, b| a.level.total_cmp(&b.level));
    let far = greatest.map_or_else(String::new, |one| {
        let interval = one.interval.map_or_else(String::new, |[low, high]| {
            format!(" ({} to {})", figure(low), figure(high))
        });
        format!(", at {} {}{interval}", one.level, figure(one.value_at_risk))
    });
    format!(
        "losses of {}   {} owed, {} lost on average{far}",
        counted(losses.loans, "loan"),
        figure(losses.exposure),
        figure(losses.expected_loss)
    )
}

/// A row for each level.
pub(super) fn credit_described(losses: &CreditLossAnswer) -> Vec<Map<String, Json>> {
    let row = |one: &crate::domain::risk::credit::CreditLossFigure| {
        let [low, high] = one.interval.map_or([None; 2], |ends| ends.map(Some));
        let fields: [(&str, Json); 7] = [
            ("level", one.level.into()),
            ("value_at_risk", one.value_at_risk.into()),
            ("low", low.into()),
            ("high", high.into()),
            ("expected_shortfall", one.expected_shortfall.into()),
            ("unexpected_loss", one.unexpected_loss.into()),
            ("large_pool", one.large_pool.into()),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    losses.figures.iter().map(row).collect()
}

pub(super) fn credit_table(losses: &CreditLossAnswer) -> Table {
    super::table_of_rows(&credit_described(losses))
}

pub(super) fn credit_fields(losses: &CreditLossAnswer) -> crate::error::Result<Map<String, Json>> {
    let mut fields = super::object(losses)?;
    for name in ["concentration", "dataset", "version"] {
        fields.entry(name).or_insert(Json::Null);
    }
    Ok(fields)
}

/// Which loss is not exceeded with which probability.
pub(in crate::repl) fn credit_plot(losses: &CreditLossAnswer) -> Plot {
    let points = losses.percentiles.iter().map(|p| (p.loss, p.probability)).collect();
    let expected = vec![(losses.expected_loss, 0.0), (losses.expected_loss, 1.0)];
    let layer = |name: &str, points| Layer { name: name.to_owned(), mark: Mark::Line, points };
    Plot {
        title: format!("losses of {}", counted(losses.loans, "loan")),
        x: Axis { label: "loss".to_owned(), scale: Scale::Number },
        y: Axis { label: "probability that it is not exceeded".to_owned(), scale: Scale::Number },
        layers: vec![layer("simulated", points), layer("expected loss", expected)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_warning_has_a_line() {
        let risk: RiskAssessment = serde_json::from_value(json!({
            "dataset": {"name": "prices", "version": 1}, "from": "2013-02-08", "to": "2018-02-07",
            "observations": 1258, "horizon": 1, "weights": {"AAPL": 2.0, "KO": 1.0},
            "methods": [{"method": "garch", "figures": [], "refused": "too few returns", "assumptions": []}],
            "contributions": [], "stress": [], "assumptions": [], "warnings": ["the weights add up to 3"]
        }))
        .unwrap();
        let told = "\n! the weights add up to 3\n! garch: does not apply: too few returns";
        assert!(
            text(&risk).ends_with(&format!("1,258 returns to 2018-02-07{told}")),
            "{}",
            text(&risk)
        );
    }
}
