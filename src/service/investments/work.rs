//! How long a request will take, so that what can't be done in a minute is refused before it begins.

use super::Universe;
use super::profile::Rules;
use crate::domain::investment::{ObjectiveKind, PortfolioGoal};
use crate::error::{Code, Error, Result};

/// A request that would take longer is refused; half of what it may take, since others work, too.
pub(super) const MOST_SECONDS: f64 = 30.0;

/// Seconds to seek one portfolio of so many assets out of so many returns, about. The factors were measured on two
/// busy cores: 500 assets with 1,000 returns (`examples/bench/min_variance.py`), 100 with 1,258 whose CVaR or
/// drawdown counts, and 20 to 300 with up to 1,000 groups of all of them. `trades` says whether what is traded matters.
pub(super) fn seconds(
    (assets, returns): (usize, usize),
    goal: &PortfolioGoal,
    rules: &Rules,
    trades: bool,
) -> f64 {
    let (n, t) = (assets as f64, returns as f64);
    let estimate = 1e-9 * t * n * n + 2e-9 * n * n * n;
    let constraints = &rules.constraints;
    let trades = if trades { 2.0 } else { 1.0 };
    let dense = 6e-9 * n * n * n + 4e-7 * n * n + 2e-5 * n;
    let limited = if constraints.volatility.is_some() { 3.0 } else { 1.0 };
    let scenarios = 4e-8 * t * n * n + 1e-6 * t * n;
    let tail = constraints.tail.is_some() || goal.objective == ObjectiveKind::MinCvar;
    let fall = constraints.drawdown.is_some();
    // Each group ties all its assets to each other.
    let group = |factors: &[f64]| {
        let size = factors.iter().filter(|factor| **factor != 0.0).count() as f64;
        4e-8 * size * size + 3e-5
    };
    let groups: f64 = constraints.linear.iter().map(|linear| group(&linear.factors)).sum();
    let count = f64::from(u8::from(tail)) + f64::from(u8::from(fall));
    // The best ratio asks first for the best return.
    let twice = if goal.objective == ObjectiveKind::MaxSharpe { 2.0 } else { 1.0 };
    estimate + twice * (dense * trades * limited + groups + count * scenarios)
}

/// Refuses what takes too long; `way_out` says what would help.
///
/// # Errors
/// [`Code::InvalidRequest`].
pub(super) fn check(seconds: f64, universe: &Universe, pointer: &str, way_out: &str) -> Result<()> {
    if seconds <= MOST_SECONDS {
        return Ok(());
    }
    let detail = format!(
        "{} assets with {} returns would take about {:.0} seconds, and a request may take {MOST_SECONDS}: {way_out}",
        universe.assets.len(),
        universe.times.len(),
        seconds.ceil()
    );
    Err(Error::field(Code::InvalidRequest, pointer, detail))
}

#[cfg(test)]
mod tests {
    use super::super::profile::rules;
    use super::*;
    use crate::domain::investment::{AssetGroup, InvestorProfile, RiskLimits};

    fn plain_names(count: u32) -> Vec<String> {
        (0..count).map(|at| at.to_string()).collect()
    }

    #[test]
    fn more_takes_longer() {
        let names = plain_names(10);
        let plain = rules(&InvestorProfile::default(), &names).unwrap();
        let limits = RiskLimits { drawdown: Some(0.2), ..RiskLimits::default() };
        let limited =
            rules(&InvestorProfile { limits, ..InvestorProfile::default() }, &names).unwrap();
        let goal = PortfolioGoal::default();
        let tail = PortfolioGoal { objective: ObjectiveKind::MinCvar, ..PortfolioGoal::default() };
        let few = seconds((100, 1000), &goal, &plain, false);
        assert!(few < 0.1, "{few}");
        assert!(seconds((500, 1000), &goal, &plain, false) > 10.0 * few);
        assert!(seconds((100, 2000), &goal, &plain, false) > few);
        assert!(seconds((100, 1000), &goal, &plain, true) > few);
        assert!(seconds((100, 1000), &tail, &plain, false) > 3.0 * few);
        assert!(seconds((100, 1000), &goal, &limited, false) > 3.0 * few);
        let group = AssetGroup { assets: names, max: Some(0.9), ..AssetGroup::default() };
        let groups = (0..1000).map(|at| (at.to_string(), group.clone())).collect();
        let grouped = InvestorProfile { groups, ..InvestorProfile::default() };
        let grouped = rules(&grouped, &plain_names(10)).unwrap();
        assert!(
            seconds((10, 1000), &goal, &grouped, false)
                > 3.0 * seconds((10, 1000), &goal, &plain, false)
        );
    }
}
