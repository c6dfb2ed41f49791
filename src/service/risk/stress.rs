//! What a portfolio would lose if something happened at once.

use actuary_finance::risk::{Window, shocks_over, worst_windows};

use super::check::Faults;
use super::portfolio::Portfolio;
use crate::domain::name::did_you_mean;
use crate::domain::risk::stress::{
    StressKind, StressRequest, StressResult, StressScenario, StressWindow, StressedAsset,
};
use crate::error::Result;

const SHOWN_ASSETS: usize = 10;

/// Everything that a request wants tried.
pub(super) fn results(portfolio: &Portfolio, request: &StressRequest) -> Result<Vec<StressResult>> {
    check(portfolio, request)?;
    let mut results = Vec::new();
    for StressWindow { name, from, to } in &request.windows {
        if let Some(window) = window(portfolio, from, to) {
            results.push(over(portfolio, name.clone(), StressKind::Window, window));
        }
    }
    let returns = &portfolio.returns;
    for length in &request.worst.lengths {
        let worst = worst_windows(
            &returns.values,
            &portfolio.weights,
            *length as usize,
            request.worst.count as usize,
            portfolio.returns_are_log,
        );
        for (at, found) in worst.into_iter().enumerate() {
            let name = match (request.worst.count, length) {
                (1, 1) => "worst row".to_owned(),
                (1, _) => format!("worst {length} rows"),
                (_, 1) => format!("worst row #{}", at + 1),
                (_, _) => format!("worst {length} rows #{}", at + 1),
            };
            results.push(over(portfolio, name, StressKind::Worst, found.window));
        }
    }
    results.extend(request.scenarios.iter().map(|one| scenario(portfolio, request, one)));
    Ok(results)
}

/// The rows of a named span.
fn window(portfolio: &Portfolio, from: &str, to: &str) -> Option<Window> {
    let (first, count) = (portfolio.returns.first_from(from)?, portfolio.returns.count_to(to)?);
    (first < count).then(|| Window { first, last: count - 1 })
}

/// # Errors
/// [`Code::InvalidRequest`][crate::error::Code] naming spans without a return and shocks of what is not
/// held.
fn check(portfolio: &Portfolio, request: &StressRequest) -> Result<()> {
    let mut faults = Faults::default();
    let returns = &portfolio.returns;
    for (at, StressWindow { from, to, .. }) in request.windows.iter().enumerate() {
        if window(portfolio, from, to).is_none() {
            let detail = format!(
                "there is no return from {from} to {to}: the history has those from {} to {}",
                returns.shown(0),
                returns.shown(returns.times.len() - 1)
            );
            faults.add(format!("/stress/windows/{at}"), detail);
        }
    }
    let names = || returns.assets.iter().map(String::as_str);
    for asset in request.groups.keys().filter(|asset| !returns.assets.contains(asset)) {
        let detail = format!("{asset} is not held{}", did_you_mean(asset, names()));
        faults.add("/stress/groups", detail);
    }
    for (at, scenario) in request.scenarios.iter().enumerate() {
        for asset in scenario.assets.keys().filter(|asset| !returns.assets.contains(asset)) {
            let detail = format!("{asset} is not held{}", did_you_mean(asset, names()));
            faults.add(format!("/stress/scenarios/{at}/assets"), detail);
        }
        let known = || request.groups.values().map(String::as_str);
        for group in scenario.groups.keys().filter(|group| !known().any(|g| g == group.as_str())) {
            let near = did_you_mean(group, known());
            let detail = format!("no asset is of a group {group}{near}; say it in stress.groups");
            faults.add(format!("/stress/scenarios/{at}/groups"), detail);
        }
    }
    faults.told()
}

fn over(portfolio: &Portfolio, name: String, kind: StressKind, window: Window) -> StressResult {
    let returns = &portfolio.returns;
    let width = portfolio.weights.len();
    let shocks = shocks_over(&returns.values, width, window, portfolio.returns_are_log);
    let span = Some((returns.shown(window.first), returns.shown(window.last)));
    result(portfolio, name, kind, span, &shocks)
}

fn scenario(portfolio: &Portfolio, request: &StressRequest, one: &StressScenario) -> StressResult {
    let shock = |asset: &String| {
        let of_group = || request.groups.get(asset).and_then(|group| one.groups.get(group));
        one.assets.get(asset).or_else(of_group).copied().unwrap_or(one.others)
    };
    let shocks: Vec<f64> = portfolio.returns.assets.iter().map(shock).collect();
    result(portfolio, one.name.clone(), StressKind::Scenario, None, &shocks)
}

fn result(
    portfolio: &Portfolio,
    name: String,
    kind: StressKind,
    span: Option<(String, String)>,
    shocks: &[f64],
) -> StressResult {
    let assets = portfolio.returns.assets.iter().zip(&portfolio.weights).zip(shocks);
    let mut assets: Vec<StressedAsset> = assets
        .map(|((asset, weight), shock)| StressedAsset {
            asset: asset.clone(),
            shock: *shock,
            loss: 0.0 - weight * shock,
        })
        .collect();
    let loss: f64 = assets.iter().map(|asset| asset.loss).sum();
    assets.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    assets.truncate(SHOWN_ASSETS);
    let (from, to) = span.unzip();
    let amount = portfolio.value.map(|value| value * loss);
    StressResult { name, kind, from, to, loss, amount, assets }
}
