//! Reasons in plain words: of weights, of constraints that bind, and of those that can't be met.

use std::collections::BTreeMap;

use actuary_finance::investments::{Limit, Market, Portfolio};

use super::profile::Rules;
use crate::domain::investment::{Binding, ObjectiveKind, PortfolioGoal, Standing};
use crate::error::FieldError;

/// A weight this near to a bound is at it.
const NEAR: f64 = 1e-6;

/// What is missed of each limit, by the field that it stands in; `held` are the weights that trades begin with.
pub(super) fn missed(
    missed: &[(Limit, f64)],
    rules: &Rules,
    held: &[f64],
    market: &Market,
) -> Vec<FieldError> {
    let mut by_field: BTreeMap<String, Vec<(Limit, f64)>> = BTreeMap::new();
    for (limit, by) in missed {
        by_field.entry(rules.pointer(*limit)).or_default().push((*limit, by * rules.unit(*limit)));
    }
    let mut errors: Vec<(f64, FieldError)> = by_field
        .into_iter()
        .map(|(pointer, limits)| {
            let sum: f64 = limits.iter().map(|(_, by)| by).sum();
            let detail = match limits.as_slice() {
                [(limit, by)] => missed_one(*limit, *by, rules, held, market),
                many => {
                    let names = many.iter().take(5).map(|(limit, _)| rules.named(*limit));
                    let names = names.collect::<Vec<_>>().join(", ");
                    let most = many.iter().map(|(_, by)| *by).fold(0.0, f64::max);
                    let bound = bound(many[0].0, rules);
                    let sign = if matches!(many[0].0, Limit::LeastWeight(_)) { -1.0 } else { 1.0 };
                    format!(
                        "{} assets ({names}{}) would have to pass it by {} together: set it to {}",
                        many.len(),
                        if many.len() > 5 { ", ..." } else { "" },
                        figure(sum),
                        figure(bound + sign * most)
                    )
                }
            };
            (sum, FieldError::new(pointer, detail))
        })
        .collect();
    errors.sort_by(|a, b| b.0.total_cmp(&a.0));
    errors.into_iter().map(|(_, error)| error).collect()
}

fn missed_one(limit: Limit, by: f64, rules: &Rules, held: &[f64], market: &Market) -> String {
    let (name, bound) = (rules.named(limit), bound(limit, rules));
    let floor = matches!(limit, Limit::LeastWeight(_) | Limit::LeastOf(_) | Limit::Return);
    let bound = match limit {
        // The goal's own figure is not among the rules.
        Limit::Return => {
            let (greatest, cost) = best_asset(rules, held, market);
            return format!(
                "{name}{} misses it by {} a year under the other constraints; the best single asset is expected to \
                 earn {}{}: lower it, or loosen what stands against it",
                if rules.cost > 0.0 { " after costs" } else { "" },
                figure(by),
                figure(greatest),
                after_costs(cost)
            );
        }
        _ => bound,
    };
    let (reached, way) = match floor {
        true => (bound - by, "lower"),
        false => (bound + by, "raise"),
    };
    let (least, side) = if floor { ("at least", "at most") } else { ("at most", "at least") };
    let bought = match limit {
        Limit::Turnover if held.iter().all(|weight| *weight == 0.0) => {
            " (without current there is only cash, and everything has to be bought)"
        }
        _ => "",
    };
    format!(
        "{name} has to be {least} {}, and is {side} {} under the other constraints{bought}, which misses it by {}: \
         {way} it to that, or loosen what stands against it",
        figure(bound),
        figure(reached),
        figure(by)
    )
}

/// What the single asset that earns most is expected to earn in a year after costs, and what these are: all of what
/// is held becomes that asset.
fn best_asset(rules: &Rules, held: &[f64], market: &Market) -> (f64, f64) {
    let all: f64 = held.iter().map(|weight| weight.abs()).sum();
    let of = |at: usize| {
        let traded = all - held[at].abs() + (1.0 - held[at]).abs();
        let cost = traded * rules.cost / f64::from(rules.horizon);
        ((market.mean[at] - cost) * rules.year, cost * rules.year)
    };
    let each = (0..held.len()).filter(|at| !rules.is_excluded(*at)).map(of);
    each.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
}

/// Costs of a year, which a return is after.
fn after_costs(cost: f64) -> String {
    match cost > 0.0 {
        true => format!(" after costs of {} a year", figure(cost)),
        false => String::new(),
    }
}

/// The bound of a limit as the request says it.
fn bound(limit: Limit, rules: &Rules) -> f64 {
    let constraints = &rules.constraints;
    let bound = match limit {
        Limit::LeastWeight(at) => Some(constraints.lower[at]),
        Limit::MostWeight(at) => Some(constraints.upper[at]),
        Limit::LeastOf(at) => constraints.linear[at].least,
        Limit::MostOf(at) => constraints.linear[at].most,
        Limit::Turnover => constraints.trading.as_ref().and_then(|trading| trading.most),
        Limit::Volatility => constraints.volatility,
        Limit::Tail => constraints.tail.map(|tail| tail.most),
        Limit::Drawdown => constraints.drawdown,
        Limit::Return => None,
    };
    bound.unwrap_or(0.0) * rules.unit(limit)
}

/// Whether a bound of a weight holds anyway, since all weights sum to 1 and the others have bounds of their own:
/// to loosen it changes nothing.
fn is_implied(limit: Limit, rules: &Rules) -> bool {
    let (lower, upper) = (&rules.constraints.lower, &rules.constraints.upper);
    let rest = |bounds: &[f64], at: usize| 1.0 - (bounds.iter().sum::<f64>() - bounds[at]);
    match limit {
        Limit::MostWeight(at) => upper[at] >= rest(lower, at) - NEAR,
        Limit::LeastWeight(at) => lower[at] <= rest(upper, at) + NEAR,
        _ => false,
    }
}

/// The constraints that hold a portfolio back, those that cost most first.
pub(super) fn bindings(portfolio: &Portfolio, rules: &Rules, goal: &PortfolioGoal) -> Vec<Binding> {
    let (gains, factor, sense) = match goal.objective {
        ObjectiveKind::MaxSharpe => ("sharpe", rules.year.sqrt(), "raise the Sharpe ratio"),
        ObjectiveKind::MaxUtility => ("utility", rules.year, "raise the utility"),
        ObjectiveKind::MaxReturn => ("return", rules.year, "raise the expected return"),
        ObjectiveKind::MinCvar => ("cvar", 1.0, "lower the CVaR"),
        _ => ("volatility", rules.year.sqrt(), "lower the volatility"),
    };
    let mut found: Vec<Binding> = portfolio
        .prices
        .iter()
        // That nothing is sold short is told of each asset.
        .filter(|(limit, _)| !matches!(limit, Limit::LeastWeight(at) if rules.constraints.lower[*at] == 0.0))
        .filter(|(limit, _)| !matches!(limit, Limit::MostWeight(at) if rules.is_excluded(*at)))
        .filter(|(limit, _)| !is_implied(*limit, rules))
        .map(|(limit, price)| {
            let price = 0.01 * price * factor / rules.unit(*limit);
            let bound = match limit {
                Limit::Return => goal.target_return.unwrap_or(0.0),
                _ => bound(*limit, rules),
            };
            let floor = matches!(limit, Limit::LeastWeight(_) | Limit::LeastOf(_) | Limit::Return);
            let (held, less) = if floor { ("at least", "less") } else { ("at most", "more") };
            let costs = match limit {
                Limit::Return => rules.constraints.cost(&portfolio.weights) * rules.year,
                _ => 0.0,
            };
            let says = format!(
                "{}{} is held to {held} {}: 0.01 {less} would {sense} by about {}",
                rules.named(*limit),
                after_costs(costs),
                figure(bound),
                figure(price)
            );
            let pointer = rules.pointer(*limit);
            Binding { pointer, price: Some(price), gains: Some(gains.to_owned()), says }
        })
        .collect();
    if portfolio.moved {
        found.push(Binding {
            pointer: "/profile".to_owned(),
            price: None,
            gains: None,
            says: format!(
                "the weights that {} alone gives don't meet the profile: these are {} that do",
                goal.objective.as_str(),
                match goal.objective {
                    ObjectiveKind::RiskParity => "the weights with risk shares as even as can be",
                    _ => "the nearest weights",
                }
            ),
        });
    }
    found.sort_by(|a, b| b.price.unwrap_or(0.0).total_cmp(&a.price.unwrap_or(0.0)));
    found
}

/// What is told of one asset.
pub(super) struct Told {
    pub(super) weight: f64,
    /// Of the asset with the portfolio; None where one of the two does not move.
    pub(super) correlation: Option<f64>,
    pub(super) beta: f64,
    pub(super) risk_share: f64,
    /// A year.
    pub(super) volatility: f64,
    pub(super) expected: f64,
    /// What the asset's risk would need, a year, by what the portfolio earns for its own.
    pub(super) needed: f64,
}

pub(super) fn standing(asset: usize, weight: f64, rules: &Rules) -> Standing {
    let (lower, upper) = (rules.constraints.lower[asset], rules.constraints.upper[asset]);
    match weight {
        _ if rules.is_excluded(asset) => Standing::Excluded,
        weight if upper - weight < NEAR && upper > NEAR => Standing::AtMax,
        weight if weight - lower < NEAR && lower.abs() > NEAR => Standing::AtMin,
        weight if weight.abs() < NEAR => Standing::NotHeld,
        _ => Standing::Free,
    }
}

/// Whether weights hang on expected returns.
pub(super) fn seeks_return(goal: &PortfolioGoal) -> bool {
    matches!(
        goal.objective,
        ObjectiveKind::MaxSharpe
            | ObjectiveKind::MaxUtility
            | ObjectiveKind::MaxReturn
            | ObjectiveKind::TargetReturn
    )
}

/// Why an asset has its weight.
pub(super) fn reason(asset: usize, told: &Told, rules: &Rules, goal: &PortfolioGoal) -> String {
    let (lower, upper) = (rules.constraints.lower[asset], rules.constraints.upper[asset]);
    let mut facts = format!("volatility {} a year", percent(told.volatility));
    if let Some(correlation) = told.correlation {
        facts.push_str(&format!(", correlation with the portfolio {correlation:.2}"));
    }
    let by_return = seeks_return(goal);
    let earns = match by_return {
        true => format!(", expected to earn {} a year", percent(told.expected)),
        false => String::new(),
    };
    match standing(asset, told.weight, rules) {
        Standing::Excluded => "excluded by the profile".to_owned(),
        Standing::AtMax => format!("at its greatest weight {}; {facts}{earns}", figure(upper)),
        Standing::AtMin => format!("at its least weight {}; {facts}{earns}", figure(lower)),
        Standing::NotHeld if by_return => format!(
            "{facts}{earns}, where {} would pay for its risk at the portfolio's own rate",
            percent(told.needed)
        ),
        Standing::NotHeld if told.correlation.is_none() => facts,
        Standing::NotHeld => format!(
            "{facts}: it moves {:.2} times as far as the portfolio, which a little of it would not calm",
            told.beta
        ),
        Standing::Free => {
            format!(
                "{} of the risk for {} of the wealth; {facts}{earns}",
                percent(told.risk_share),
                percent(told.weight)
            )
        }
    }
}

/// A number as it is read: four digits that matter.
pub(super) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::profile::rules;
    use super::*;
    use crate::domain::investment::InvestorProfile;

    #[test]
    fn what_is_missed_is_told_by_what_is_held_and_after_costs() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let profile = InvestorProfile {
            max_turnover: Some(0.1),
            cost: 0.01,
            horizon: 126,
            exclude: vec!["c".to_owned()],
            ..InvestorProfile::default()
        };
        let rules = rules(&profile, &names).unwrap();
        let mut market = Market::unknown(3).unwrap();
        let told = |limit: Limit, held: &[f64], market: &Market| {
            missed(&[(limit, 0.1)], &rules, held, market).remove(0).detail
        };
        let (cash, invested) = ([0.0; 3], [0.0, 1.0, 0.0]);
        assert!(told(Limit::Turnover, &cash, &market).contains("there is only cash"));
        assert!(!told(Limit::Turnover, &invested, &market).contains("cash"));
        // 10.08 % and 7.56 % a year; to buy one costs 1 % twice a year, to sell the other to buy it 2 %.
        market.mean = vec![0.0004, 0.0003, 0.1];
        let best = "the best single asset is expected to earn 0.0808 after costs of 0.02 a year:";
        assert!(told(Limit::Return, &cash, &market).contains(best));
        let best = "the best single asset is expected to earn 0.0756:";
        assert!(told(Limit::Return, &invested, &market).contains(best));
    }

    /// A bound that holds anyway holds nothing back.
    #[test]
    fn what_the_sum_of_weights_implies_is_no_bound() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let of = |profile: serde_json::Value, limit: Limit| {
            let profile: InvestorProfile = serde_json::from_value(profile).unwrap();
            is_implied(limit, &rules(&profile, &names).unwrap())
        };
        use serde_json::json;
        let most = Limit::MostWeight(0);
        assert!(of(json!({}), most) && of(json!({"max_weight": 1.01}), most));
        assert!(!of(json!({"max_weight": 0.99}), most));
        let others = json!({"max_weight": 0.6, "bounds": {"b": {"min": 0.4}}});
        assert!(of(others.clone(), most) && !of(others, Limit::MostWeight(1)));
        assert!(!of(json!({"min_weight": 0.1}), Limit::LeastWeight(0)));
        let rest = json!({"max_weight": 0.4, "min_weight": 0.2});
        assert!(of(rest, Limit::LeastWeight(0)), "1 - 2 x 0.4");
        assert!(of(json!({"exclude": ["b", "c"]}), most));
    }

    #[test]
    fn figures_have_four_digits_that_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.3, "0.3"),
            (0.123_456, "0.1235"),
            (-0.000_123_456, "-0.0001235"),
            (1234.5, "1234"),
            (12.0, "12"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(figure(value), text, "{value}");
        }
        assert_eq!(percent(0.1234), "12.3 %");
    }
}
