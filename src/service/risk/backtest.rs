//! Forecasts of risk as they would have been made, held against what came.

use std::collections::BTreeMap;

use actuary_finance::risk::{
    Backtest, Rolling, TrafficLight, Z2_CRITICAL_5_PERCENT, Z2_CRITICAL_HUNDREDTH_PERCENT, Zone,
    backtest, conditional_coverage, independence, kupiec, traffic_light, z2,
};

use super::portfolio::Portfolio;
use super::{assumptions, calculated, check, going_on, methods};
use crate::domain::key::Caller;
use crate::domain::risk::backtest::{
    BacktestResult, BacktestSeries, Exceedance, MAX_FITS, MAX_READS, MethodBacktest, RiskBacktest,
    RiskBacktestRequest, RiskTest, ShortfallTest, TrafficLightResult, TrafficZone,
};
use crate::domain::risk::{Holdings, RiskMethod};
use crate::error::{Code, Error, Result};
use crate::service::Service;
use crate::stats::mean_pinball;

const SHOWN_EXCEEDANCES: usize = 100;
/// The level at which a supervisor counts.
const BASEL_LEVEL: f64 = 0.99;
/// With fewer exceedances expected the tests tell little.
const VAGUE: f64 = 5.0;

impl Service {
    /// Forecasts the risk of each day of the past by the days before it, and tests these forecasts.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every field that can't hold; [`Code::TooManyRequests`] while others'
    /// risks are calculated.
    pub async fn backtest_risk(
        &self,
        caller: &Caller,
        request: RiskBacktestRequest,
    ) -> Result<RiskBacktest> {
        check::backtest(&request)?;
        let turn = self.0.calculating.take().await?;
        let holdings = Holdings { weights: request.weights.clone(), ..Holdings::default() };
        let held = (&holdings, "");
        let portfolio = self.held(caller, &request.prices, held, None, turn.clone()).await?;
        let rolling = rolling(&portfolio, &request)?;
        let asked = request.methods.clone();
        let asked = asked.unwrap_or_else(|| RiskMethod::OF_HISTORY.to_vec());
        check_work(&portfolio, &rolling, &asked)?;
        calculated(turn, move |stop| run(&portfolio, &request, &rolling, &asked, stop)).await
    }
}

/// Where forecasts begin.
fn rolling(portfolio: &Portfolio, request: &RiskBacktestRequest) -> Result<Rolling> {
    let refuse =
        |field: &str, detail| Error::field(Code::InvalidRequest, format!("/{field}"), detail);
    let returns = &portfolio.returns;
    let (window, count) = (request.window as usize, returns.times.len());
    if count <= window {
        let detail = format!(
            "there are {count} returns, and {window} stand before the first day that is forecast: take \
             a shorter window or a longer history"
        );
        return Err(refuse("window", detail));
    }
    let first = match &request.start {
        None => window,
        Some(start) => {
            let found = returns.first_from(start);
            let found = found.ok_or_else(|| refuse("start", format!("'{start}' is no time")))?;
            if found < window || found >= count {
                let detail = format!(
                    "forecasts can begin from {} (after {window} returns) to {}",
                    returns.shown(window),
                    returns.shown(count - 1)
                );
                return Err(refuse("start", detail));
            }
            found
        }
    };
    Ok(Rolling { window, refit_every: request.refit_every as usize, first })
}

/// Refuses what would take too long before it begins.
fn check_work(portfolio: &Portfolio, rolling: &Rolling, asked: &[RiskMethod]) -> Result<()> {
    let days = portfolio.returns.times.len() - rolling.first;
    let reads = days * rolling.window * asked.len();
    let fits = days.div_ceil(rolling.refit_every) * asked.len();
    let refuse =
        |field: &str, detail| Err(Error::field(Code::InvalidRequest, format!("/{field}"), detail));
    if reads > MAX_READS {
        let detail = format!(
            "{days} days times {} returns times {} methods are more than {MAX_READS}: begin later \
             (start), or take a shorter window or fewer methods",
            rolling.window,
            asked.len()
        );
        return refuse("window", detail);
    }
    if fits > MAX_FITS {
        let detail =
            format!("models would be estimated up to {fits} times, and {MAX_FITS} at most are");
        return refuse("refit_every", detail);
    }
    Ok(())
}

fn run(
    portfolio: &Portfolio,
    request: &RiskBacktestRequest,
    rolling: &Rolling,
    asked: &[RiskMethod],
    stop: &mut dyn FnMut() -> bool,
) -> Result<RiskBacktest> {
    let returns = &portfolio.returns;
    let whole = portfolio.whole();
    let days = whole.len() - rolling.first;
    let settings = methods::settings(&request.settings, 1);
    let mut series = BTreeMap::new();
    let mut results = Vec::new();
    for method in asked {
        let Some(calculation) = methods::calculation(*method) else { continue };
        let made = going_on(stop, |go_on| {
            backtest(&whole, calculation, request.level, &settings, rolling, go_on)
        })?;
        results.push(match made {
            Err(fault) => {
                MethodBacktest { method: *method, refused: Some(fault.detail), result: None }
            }
            Ok(made) => {
                let result = result(portfolio, &whole, rolling.first, request.level, &made);
                series.insert(method.as_str().to_owned(), made.value_at_risk);
                MethodBacktest { method: *method, refused: None, result: Some(result) }
            }
        });
    }
    let expected = (1.0 - request.level) * days as f64;
    let mut warnings = portfolio.warnings.clone();
    if expected < VAGUE {
        warnings.push(format!(
            "{expected:.1} exceedances are expected of {days} days, of which tests tell little: a wrong \
             method may well pass"
        ));
    }
    let shown = (rolling.first..whole.len()).map(|at| returns.shown(at));
    Ok(RiskBacktest {
        dataset: portfolio.dataset.clone(),
        level: request.level,
        window: request.window,
        refit_every: request.refit_every,
        from: returns.shown(rolling.first),
        to: returns.shown(whole.len() - 1),
        days: days as u64,
        expected,
        weights: portfolio.named_weights(),
        methods: results,
        series: request.series.then(|| BacktestSeries {
            times: shown.collect(),
            returns: whole[rolling.first..].to_vec(),
            value_at_risk: series,
        }),
        assumptions: told(portfolio, request),
        warnings,
    })
}

fn told(portfolio: &Portfolio, request: &RiskBacktestRequest) -> Vec<String> {
    let mut told = vec![
        format!(
            "each day's figures are made of the {} returns before it alone; models of variance are \
             estimated anew every {} days",
            request.window, request.refit_every
        ),
        "what is held is brought back to the same weights each day, without costs".to_owned(),
        "tests of coverage by their distributions for many days".to_owned(),
    ];
    told.extend(assumptions::of_all(portfolio, &request.prices).into_iter().skip(3));
    told
}

/// Counts and tests.
fn result(
    portfolio: &Portfolio,
    whole: &[f64],
    first: usize,
    level: f64,
    made: &Backtest,
) -> BacktestResult {
    let losses: Vec<f64> = whole[first..].iter().map(|value| -value).collect();
    let count = made.exceeded.iter().filter(|exceeded| **exceeded).count();
    let unconditional = kupiec(count, losses.len(), level);
    let following = independence(&made.exceeded);
    let both = conditional_coverage(&unconditional, &following.test);
    let test = |of: actuary_finance::risk::LikelihoodRatio| RiskTest {
        statistic: of.statistic,
        p_value: of.p_value,
    };
    let day = |at: usize| Exceedance {
        time: portfolio.returns.shown(first + at),
        loss: losses[at],
        value_at_risk: made.value_at_risk[at],
    };
    let days: Vec<usize> = (0..losses.len()).filter(|at| made.exceeded[*at]).collect();
    let newest = &days[days.len().saturating_sub(SHOWN_EXCEEDANCES)..];
    let statistic = z2(&losses, &made.value_at_risk, &made.expected_shortfall, level);
    let light = traffic_light(&made.exceeded).filter(|_| level == BASEL_LEVEL);
    let mut warnings = Vec::new();
    if made.unconverged > 0 {
        warnings.push(format!(
            "{} of {} estimations ended before they converged",
            made.unconverged, made.fits
        ));
    }
    let quantiles: Vec<f64> = made.value_at_risk.iter().map(|var| -var).collect();
    BacktestResult {
        exceedances: count as u64,
        kupiec: test(unconditional),
        independence: test(following.test),
        transitions: following.transitions.map(|days| days as u64),
        conditional_coverage: test(both),
        shortfall: statistic.map(|z2| ShortfallTest {
            z2,
            critical_5_percent: Z2_CRITICAL_5_PERCENT,
            critical_hundredth_percent: Z2_CRITICAL_HUNDREDTH_PERCENT,
        }),
        traffic_light: light.map(basel),
        mean_value_at_risk: made.value_at_risk.iter().sum::<f64>() / losses.len() as f64,
        pinball: mean_pinball(&quantiles, &whole[first..], 1.0 - level).unwrap_or(0.0),
        exceeded: newest.iter().map(|at| day(*at)).collect(),
        warnings,
    }
}

fn basel(light: TrafficLight) -> TrafficLightResult {
    TrafficLightResult {
        exceptions: light.exceptions as u64,
        zone: match light.zone {
            Zone::Green => TrafficZone::Green,
            Zone::Yellow => TrafficZone::Yellow,
            Zone::Red => TrafficZone::Red,
        },
        multiplier: light.multiplier,
    }
}
