//! Forecasts of risk as they would have been made, held against what came.

use std::collections::BTreeMap;

use actuary_finance::risk::{
    Backtest, Rolling, TrafficLight, Z2_CRITICAL_5_PERCENT, Z2_CRITICAL_HUNDREDTH_PERCENT, Zone,
    backtest, conditional_coverage, independence, kupiec, traffic_light, z2,
};

use super::network::backtest::Tried;
use super::portfolio::Portfolio;
use super::{assumptions, calculated, check, going_on, methods};
use crate::domain::key::Caller;
use crate::domain::risk::backtest::{
    BacktestResult, BacktestSeries, Exceedance, MAX_FITS, MAX_READS, MethodBacktest, RiskBacktest,
    RiskBacktestRequest, RiskTest, ShortfallTest, TrafficLightResult, TrafficZone,
};
use crate::domain::risk::{Holdings, NetworkTarget, RiskMethod};
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
        let network = match &request.network {
            Some(network) => Some(self.network_to_backtest(caller, network, &portfolio).await?),
            None => None,
        };
        let asked = methods::all(request.methods.as_ref(), request.network.is_some());
        let unseen = network.as_ref().map(|tried| tried.first_unseen(&portfolio)).transpose()?;
        let rolling = rolling(&portfolio, &request, (&asked, unseen))?;
        check_work(&portfolio, &rolling, &asked)?;
        let run = Run { portfolio, request, rolling, network };
        calculated(turn, move |stop| run.carried_out(&asked, stop)).await
    }
}

/// Where forecasts begin. `unseen` is the first day that a network has not learnt from.
fn rolling(
    portfolio: &Portfolio,
    request: &RiskBacktestRequest,
    (asked, unseen): (&[RiskMethod], Option<usize>),
) -> Result<Rolling> {
    let refuse =
        |field: &str, detail| Error::field(Code::InvalidRequest, format!("/{field}"), detail);
    let returns = &portfolio.returns;
    let (window, count) = (request.window as usize, returns.times.len());
    let reads_window = asked.iter().any(|method| *method != RiskMethod::Network);
    if reads_window && count <= window {
        let detail = format!(
            "there are {count} returns, and {window} stand before the first day that is forecast: take \
             a shorter window or a longer history"
        );
        return Err(refuse("window", detail));
    }
    let after_window = if reads_window { window } else { 0 };
    let (least, why) = match unseen {
        Some(unseen) if unseen >= after_window => {
            (unseen, "after all rows that the network has learnt from".to_owned())
        }
        _ => (after_window, format!("after {window} returns")),
    };
    let first = match &request.start {
        None => least,
        Some(start) => {
            let found = returns.first_from(start);
            let found = found.ok_or_else(|| refuse("start", format!("'{start}' is no time")))?;
            if found < least || found >= count {
                let detail = format!(
                    "forecasts can begin from {} ({why}) to {}",
                    returns.shown(least),
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
    let count = asked.iter().filter(|method| **method != RiskMethod::Network).count();
    let reads = days * rolling.window * count;
    let fits = days.div_ceil(rolling.refit_every) * count;
    let refuse =
        |field: &str, detail| Err(Error::field(Code::InvalidRequest, format!("/{field}"), detail));
    if reads > MAX_READS {
        let detail = format!(
            "{days} days times {} returns times {} methods are more than {MAX_READS}: begin later \
             (start), or take a shorter window or fewer methods",
            rolling.window, count
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

/// All that forecasts are made of.
struct Run {
    portfolio: Portfolio,
    request: RiskBacktestRequest,
    rolling: Rolling,
    network: Option<Tried>,
}

impl Run {
    fn carried_out(
        self,
        asked: &[RiskMethod],
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<RiskBacktest> {
        let Self { portfolio, request, rolling, .. } = &self;
        let whole = portfolio.whole();
        let days = whole.len() - rolling.first;
        if let Some(tried) = &self.network {
            tried.check(portfolio, rolling.first)?;
        }
        let mut series = BTreeMap::new();
        let mut results = Vec::new();
        for method in asked {
            results.push(match self.forecasts(*method, &whole, stop)? {
                Err(why) => MethodBacktest { method: *method, refused: Some(why), result: None },
                Ok((made, warnings)) => {
                    let mut result = result(portfolio, &whole, rolling.first, request.level, &made);
                    result.warnings.extend(warnings);
                    series.insert(method.as_str().to_owned(), made.value_at_risk);
                    MethodBacktest { method: *method, refused: None, result: Some(result) }
                }
            });
        }
        let expected = (1.0 - request.level) * days as f64;
        let mut warnings = portfolio.warnings.clone();
        if expected < VAGUE {
            warnings.push(format!(
                "{expected:.1} exceedances are expected of {days} days, of which tests tell little: a \
                 wrong method may well pass"
            ));
        }
        let returns = &portfolio.returns;
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
            assumptions: self.told(asked),
            network: self.network.as_ref().map(|tried| tried.told.clone()),
            warnings,
        })
    }

    /// What a method forecasts of each day with what is to be said of that, or why it does not apply.
    fn forecasts(
        &self,
        method: RiskMethod,
        whole: &[f64],
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<std::result::Result<(Backtest, Vec<String>), String>> {
        let Self { portfolio, request, rolling, .. } = self;
        let Some(calculation) = methods::calculation(method) else {
            let tried = self.network.as_ref();
            let tried =
                tried.ok_or_else(|| Error::internal("backtesting", "there is no network"))?;
            return tried.backtest(portfolio, whole, (rolling.first, request.level), stop);
        };
        let settings = methods::settings(&request.settings, 1);
        let made = going_on(stop, |go_on| {
            backtest(whole, calculation, request.level, &settings, rolling, go_on)
        })?;
        Ok(made.map(|made| (made, Vec::new())).map_err(|fault| fault.detail))
    }

    fn told(&self, asked: &[RiskMethod]) -> Vec<String> {
        let Self { portfolio, request, .. } = self;
        let mut told = Vec::new();
        if asked.iter().any(|method| *method != RiskMethod::Network) {
            let whose = if self.network.is_some() { " of the other methods" } else { "" };
            told.push(format!(
                "each day's figures{whose} are made of the {} returns before it alone; models of variance \
                 are estimated anew every {} days",
                request.window, request.refit_every
            ));
        }
        told.extend([
            "what is held is brought back to the same weights each day, without costs".to_owned(),
            "tests of coverage by their distributions for many days".to_owned(),
        ]);
        if let (Some(tried), Some(network)) = (&self.network, &request.network) {
            let told_of = &tried.told;
            told.push(format!(
                "{} {} forecasts each day from the {} rows of {} before it; all days come after {}, the \
                 last row that it was trained and chosen on",
                told_of.model,
                told_of.version,
                told_of.look_back,
                told_of.dataset.name,
                told_of.trained_until
            ));
            let version = (told_of.model.as_str(), told_of.version);
            let of = assumptions::of_network(network.means, &told_of.target, version, 1);
            // Returns are held against the portfolio's, so that nothing of theirs is taken on trust.
            let count = if network.means == NetworkTarget::Return { 1 } else { of.len() };
            told.extend(of.into_iter().take(count));
        }
        told.extend(assumptions::of_all(portfolio, &request.prices).into_iter().skip(3));
        told
    }
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
    // A network's quantile tells no expected shortfall.
    let shortfall = Some(&made.expected_shortfall).filter(|of| of.len() == losses.len());
    let statistic = shortfall.and_then(|of| z2(&losses, &made.value_at_risk, of, level));
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
