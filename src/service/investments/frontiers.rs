//! The efficient frontier of a universe.

use actuary_finance::investments::{Market, Portfolio, frontier};

use super::advice::{check_estimates, of_universe};
use super::estimates::{Known, market};
use super::profile::{Rules, refuse_all};
use super::{Universe, problem, stopped, unmet, work};
use crate::domain::investment::{
    AssetRisk, FrontierPoint, FrontierRequest, FrontierResponse, MAX_POINTS, NOTICE, PortfolioGoal,
};
use crate::error::{FieldError, Result};

/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming every bad field, and a request that would take too long.
pub(super) fn check(request: &FrontierRequest, universe: &Universe, rules: &Rules) -> Result<()> {
    let mut errors = Vec::new();
    check_estimates(&request.estimates, request.views.is_some(), &mut errors);
    if !(2..=MAX_POINTS).contains(&request.points) {
        let detail = format!("{} points are not from 2 to {MAX_POINTS}", request.points);
        errors.push(FieldError::new("/points", detail));
    }
    refuse_all(errors)?;
    let goal = PortfolioGoal::default();
    let each = work::seconds(
        (universe.assets.len(), universe.times.len()),
        &goal,
        rules,
        rules.constraints.trading.is_some(),
    );
    let way_out = "ask for fewer points, assets or dates";
    work::check(each * f64::from(request.points), universe, "/points", way_out)
}

/// Traces the frontier of a request.
///
/// # Errors
/// As [`super::advice::advise`].
pub(super) fn trace(
    request: &FrontierRequest,
    universe: &Universe,
    rules: &Rules,
    known: &Known,
    stop: &mut dyn FnMut() -> bool,
) -> Result<FrontierResponse> {
    let assets = &universe.assets;
    let views = known.views.as_ref();
    let (market, shrinkage) = market(&universe.history, &request.estimates, rules.free, views)
        .map_err(|fault| problem(fault, assets))?;
    let mut is_stopped = false;
    let mut watched = || {
        is_stopped = is_stopped || stop();
        is_stopped
    };
    let found = frontier(&market, &rules.constraints, request.points as usize, &mut watched)
        .map_err(|why| unmet(why, rules, &market, assets))?;
    if is_stopped {
        return Err(stopped());
    }
    let points: Vec<FrontierPoint> =
        found.iter().map(|portfolio| point(portfolio, &market, universe, rules)).collect();
    // The points are sought after costs, and so is the best of them.
    let sharpe = |at: &usize| {
        let weights = &found[*at].weights;
        let net = market.expected(weights) - rules.constraints.cost(weights) - rules.free;
        let volatility = market.volatility(weights);
        if volatility > 0.0 { net / volatility } else { f64::NEG_INFINITY }
    };
    let best = (0..points.len()).max_by(|a, b| sharpe(a).total_cmp(&sharpe(b)));
    let best_sharpe = best.filter(|at| sharpe(at) > 0.0).map(|at| at as u32);
    let own = |at: usize| AssetRisk {
        asset: assets[at].clone(),
        expected_return: market.mean[at] * rules.year,
        volatility: (market.covariance[(at, at)] * rules.year).sqrt(),
    };
    let mut about = universe.about.clone();
    about.shrinkage = shrinkage;
    let mut unknown = vec![
        "how far the frontier hangs on this one history: portfolios near its upper end most of all, since they take \
         errors of expected returns for chances"
            .to_owned(),
    ];
    unknown.extend(of_universe(universe));
    Ok(FrontierResponse {
        notice: NOTICE.to_owned(),
        points,
        best_sharpe,
        assets: (0..assets.len()).map(own).collect(),
        starts_from: rules.starts_from(),
        unknown,
        universe: about,
    })
}

fn point(
    portfolio: &Portfolio,
    market: &Market,
    universe: &Universe,
    rules: &Rules,
) -> FrontierPoint {
    let weights = &portfolio.weights;
    let (expected, volatility) = (market.expected(weights), market.volatility(weights));
    let held = universe.assets.iter().zip(weights).filter(|(_, weight)| weight.abs() > 1e-6);
    FrontierPoint {
        expected_return: expected * rules.year,
        volatility: volatility * rules.year.sqrt(),
        sharpe: (volatility > 0.0)
            .then(|| (expected - rules.free) / volatility * rules.year.sqrt()),
        weights: held.map(|(asset, weight)| (asset.clone(), *weight)).collect(),
    }
}
