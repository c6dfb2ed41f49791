//! Market risk of portfolios and losses of books of loans.

mod assumptions;
mod backtest;
mod check;
mod credit;
mod methods;
mod network;
mod portfolio;
mod stress;

use std::collections::BTreeMap;

use actuary_finance::Fault;
use actuary_finance::risk::{Contribution, gaussian_contributions, historical_contributions};

use self::portfolio::Portfolio;
pub(super) use self::portfolio::refuse_endless;
use super::Service;
use super::turns::{PATIENCE, Turn, patiently_or};
use crate::domain::key::Caller;
use crate::domain::risk::stress::StressResult;
use crate::domain::risk::{
    AssetContribution, MethodRisk, RiskAssessment, RiskContributions, RiskMethod, RiskRequest,
};
use crate::error::{Code, Error, Result};

/// What is said while others' risks are calculated.
pub(super) const BUSY: &str = "risks are being calculated for others: ask again in a few seconds";

impl Service {
    /// What a portfolio may lose, by each method, with what each asset adds and under stress.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every field that can't hold; [`Code::TooManyRequests`] while others'
    /// risks are calculated.
    pub async fn assess_risk(
        &self,
        caller: &Caller,
        request: RiskRequest,
    ) -> Result<RiskAssessment> {
        check::assessment(&request)?;
        let turn = self.0.calculating.take().await?;
        let portfolio = self.portfolio(caller, &request, turn.clone()).await?;
        let mut of_network = match &request.network {
            Some(network) => {
                Some(self.risk_by_network(caller, network, &request, &portfolio).await?)
            }
            None => None,
        };
        calculated(turn, move |stop| {
            let stressed = stress::results(&portfolio, &request.stress)?;
            let mut methods = Vec::new();
            for method in methods::asked(&request) {
                if stop() {
                    return Err(stopped());
                }
                methods.extend(match method {
                    RiskMethod::Network => of_network.take(),
                    _ => Some(methods::by(method, &portfolio, &request)),
                });
            }
            Ok(answer(methods, stressed, &portfolio, &request))
        })
        .await
    }
}

/// All that is said of a portfolio.
fn answer(
    mut methods: Vec<MethodRisk>,
    stress: Vec<StressResult>,
    portfolio: &Portfolio,
    request: &RiskRequest,
) -> RiskAssessment {
    let returns = &portfolio.returns;
    let count = returns.times.len();
    for figure in methods.iter_mut().flat_map(|method| &mut method.figures) {
        figure.amount = portfolio.value.map(|value| value * figure.value_at_risk);
    }
    // Where returns are all the same every method has said so, and nothing has a part in it.
    // A level that a method leaves out has no parts either.
    let mut contributions = Vec::new();
    for wanted in [RiskMethod::Gaussian, RiskMethod::Historical] {
        let told = methods.iter().filter(|one| one.method == wanted && one.refused.is_none());
        let figures = told.flat_map(|method| &method.figures);
        contributions.extend(figures.map(|figure| parts(wanted, figure.level, portfolio, request)));
    }
    RiskAssessment {
        dataset: portfolio.dataset.clone(),
        from: returns.shown(0),
        to: returns.shown(count - 1),
        observations: count as u64,
        horizon: request.horizon,
        value: portfolio.value,
        weights: portfolio.named_weights(),
        methods,
        contributions,
        stress,
        assumptions: assumptions::of_all(portfolio, &request.prices),
        warnings: portfolio.warnings.clone(),
    }
}

/// What each asset adds.
fn parts(
    method: RiskMethod,
    level: f64,
    portfolio: &Portfolio,
    request: &RiskRequest,
) -> RiskContributions {
    let (values, weights) = (&portfolio.returns.values, &portfolio.weights);
    let horizon = request.horizon as usize;
    let parts = match method {
        RiskMethod::Historical => historical_contributions(values, weights, level, horizon),
        _ => gaussian_contributions(values, weights, level, horizon),
    };
    let assets = portfolio.returns.assets.iter().zip(weights).zip(parts);
    let of = |((asset, weight), part): ((&String, &f64), Contribution)| AssetContribution {
        asset: asset.clone(),
        weight: *weight,
        value_at_risk: part.value_at_risk,
        expected_shortfall: part.expected_shortfall,
        marginal: part.marginal,
    };
    RiskContributions { method, level, assets: assets.map(of).collect() }
}

/// Calculates on a thread of its own for as long as whoever asked waits, a minute at most.
async fn calculated<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    let detail = "calculating takes longer than a minute: ask for fewer methods, a shorter history or fewer \
                  simulations";
    patiently_or(turn, PATIENCE, || Error::new(Code::InvalidRequest, detail), work).await
}

/// What is given up is nobody's fault.
fn stopped() -> Error {
    Error::new(Code::Cancelled, "nobody waits any more")
}

/// A calculation that asks again and again whether to go on.
fn going_on<T>(
    stop: &mut dyn FnMut() -> bool,
    work: impl FnOnce(&mut dyn FnMut() -> actuary_finance::Result<()>) -> actuary_finance::Result<T>,
) -> Result<actuary_finance::Result<T>> {
    let mut is_over = false;
    let made = work(&mut || {
        is_over = is_over || stop();
        if is_over { Err(Fault::new("", "stopped")) } else { Ok(()) }
    });
    if is_over { Err(stopped()) } else { Ok(made) }
}

/// A fault of the calculation in words of the request.
fn refused(fault: Fault) -> Error {
    Error::field(Code::InvalidRequest, fault.pointer, fault.detail)
}

/// A part of a JSON pointer (RFC 6901).
fn pointed(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Named numbers.
fn named(parameters: &[(&'static str, f64)]) -> BTreeMap<String, f64> {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}
