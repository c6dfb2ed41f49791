//! The efficient frontier: the least risk for each return.

use super::constraints::Constraints;
use super::market::Market;
use super::objectives::{Objective, Portfolio, Unmet, optimise};

/// Portfolios from the least variance to the greatest return, `points` of them at equal distances of return.
/// `stop` is asked before each, and the frontier ends where it says so.
///
/// # Errors
/// Those of [`optimise`].
pub fn frontier(
    market: &Market,
    constraints: &Constraints,
    points: usize,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Vec<Portfolio>, Unmet> {
    let least = optimise(market, constraints, Objective::MinVariance)?;
    let most = optimise(market, constraints, Objective::MaxReturn)?;
    let net = |portfolio: &Portfolio| {
        market.expected(&portfolio.weights) - constraints.cost(&portfolio.weights)
    };
    let (low, high) = (net(&least), net(&most));
    let mut found = vec![least];
    // Where all earn the same, least risk is all there is.
    if high - low <= 1e-12 {
        return Ok(found);
    }
    for point in 1..points.max(2) {
        if stop() {
            break;
        }
        let share = point as f64 / (points.max(2) - 1) as f64;
        // The last is a hair below what can be reached, where there is a portfolio to be found.
        let least = low + (high - low) * share * (1.0 - 1e-7);
        found.push(optimise(market, constraints, Objective::TargetReturn { least })?);
    }
    Ok(found)
}
