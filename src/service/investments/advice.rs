//! A portfolio with its reasons, and how far it hangs on the history.

use actuary_finance::investments::{
    History, Market, Portfolio, block_length, interval, optimise, resampled, summed_drawdown,
    tail_loss, turnover,
};

use super::estimates::{Believed, Known, LEVEL, market, objective};
use super::profile::{Rules, check_goal, refuse_all};
use super::wording::{self, Told, percent};
use super::{Universe, problem, stopped, unmet, work};
use crate::domain::investment::{
    CovarianceKind, Estimate, Estimates, Holding, MAX_RESAMPLES, MeanKind, NOTICE, Outcomes,
    Outlook, PortfolioGoal, PortfolioRequest, PortfolioResponse, Resampling, UsedViews,
};
use crate::error::{FieldError, Result};
use crate::stats::quantiles;

/// Share of the drawn histories within an interval of weights; with which others hold the truth.
const WITHIN: f64 = 0.9;
/// Paths of a holding over the horizon, and periods of all of them together.
const PATHS: u64 = 1_000;
const MOST_STEPS: u64 = 5_000_000;
/// Numbers of the draws of paths, which no history has.
const PATHS_FROM: u64 = 1 << 32;

/// Checks what the universe alone does not tell.
///
/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming every bad field, and a request that would take too long.
pub(super) fn check(request: &PortfolioRequest, universe: &Universe, rules: &Rules) -> Result<()> {
    let mut errors = Vec::new();
    check_goal(&request.goal, "/goal", &mut errors);
    check_estimates(&request.estimates, request.views.is_some(), &mut errors);
    if request.resamples > MAX_RESAMPLES {
        let detail = format!("{} is more than {MAX_RESAMPLES}", request.resamples);
        errors.push(FieldError::new("/resamples", detail));
    }
    if request.block.is_some_and(|block| block == 0 || block as usize > universe.times.len()) {
        let detail =
            format!("a block has 1 to {} returns, as many as there are", universe.times.len());
        errors.push(FieldError::new("/block", detail));
    }
    refuse_all(errors)?;
    let each = work::seconds(
        (universe.assets.len(), universe.times.len()),
        &request.goal,
        rules,
        rules.constraints.trading.is_some(),
    );
    let possible = (work::MOST_SECONDS / each - 1.0).max(0.0).floor();
    let all = each * (1.0 + f64::from(request.resamples));
    let way_out = match possible > 0.0 {
        true => format!("ask for at most {possible} resamples, or fewer assets or dates"),
        false => "name fewer assets, or begin at a later date".to_owned(),
    };
    let pointer = if possible > 0.0 { "/resamples" } else { "/prices/assets" };
    work::check(all, universe, pointer, &way_out)
}

/// Checks how is estimated.
pub(super) fn check_estimates(estimates: &Estimates, views: bool, errors: &mut Vec<FieldError>) {
    if let Some(decay) = estimates.decay {
        if estimates.covariance != CovarianceKind::Ewma {
            errors.push(FieldError::new("/estimates/decay", "belongs to ewma: leave it out"));
        } else if !(decay > 0.0 && decay < 1.0) {
            let detail = format!("{decay} is not between 0 and 1; 0.94 is usual for days");
            errors.push(FieldError::new("/estimates/decay", detail));
        }
    }
    if views && estimates.mean == MeanKind::Sample {
        let detail = "views take the place of the history's means: leave it out";
        errors.push(FieldError::new("/estimates/mean", detail));
    }
}

/// Seeks the portfolio of a request.
///
/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming each constraint that can't be met, and after a minute.
pub(super) fn advise(
    request: &PortfolioRequest,
    universe: &Universe,
    rules: &Rules,
    known: &Known,
    stop: &mut dyn FnMut() -> bool,
) -> Result<PortfolioResponse> {
    let assets = &universe.assets;
    let views = known.views.as_ref();
    let (market, shrinkage) = market(&universe.history, &request.estimates, rules.free, views)
        .map_err(|fault| problem(fault, assets))?;
    let found = optimise(&market, &rules.constraints, objective(&request.goal, rules))
        .map_err(|why| unmet(why, rules, &market, assets))?;
    let drawn = Drawn::of(request, universe, rules, views, (&market, &found.weights), stop)?;
    let level = request.goal.level.or(request.profile.limits.cvar.as_ref().map(|tail| tail.level));
    let outlook = |weights: &[f64]| outlook(&market, rules, weights, level.unwrap_or(LEVEL));
    let mut portfolio = outlook(&found.weights)?;
    portfolio.expected_return = drawn.of_return(portfolio.expected_return.value);
    portfolio.volatility = drawn.of_volatility(portfolio.volatility.value);
    let invested = |held: &&Vec<f64>| (held.iter().sum::<f64>() - 1.0).abs() < 1e-6;
    let current = rules.current.as_ref().filter(invested).map(|held| outlook(held)).transpose()?;
    let outcomes = outcomes(request, universe, &found.weights, portfolio.cost, drawn.block);
    let mut about = universe.about.clone();
    about.shrinkage = shrinkage;
    let used = views.map(|believed| used_views(believed, &market, universe, request, rules));
    Ok(PortfolioResponse {
        notice: NOTICE.to_owned(),
        goal: request.goal.clone(),
        estimates: request.estimates.clone(),
        holdings: holdings(&market, universe, rules, &request.goal, &found, &drawn),
        equal_weight: outlook(&rules.equal())?,
        current,
        starts_from: rules.starts_from(),
        binding: wording::bindings(&found, rules, &request.goal),
        moved: found.moved,
        unknown: unknown(request, universe, rules, views, &portfolio, &drawn, &outcomes),
        outcomes,
        portfolio,
        views: used.transpose().map_err(|fault| problem(fault, assets))?,
        resampling: Resampling {
            resamples: request.resamples,
            failed: drawn.failed,
            block: drawn.block as u32,
            seed: request.seed,
            level: WITHIN,
        },
        universe: about,
    })
}

/// What came of histories that were drawn anew.
struct Drawn {
    /// Of the history that they are drawn from.
    periods: usize,
    block: usize,
    failed: u32,
    /// Of each history the best weights, where there are any.
    weights: Vec<Vec<f64>>,
    /// Of the portfolio that was found, by the estimates of each history, a year.
    returns: Vec<f64>,
    volatilities: Vec<f64>,
    /// What the best weights of each history are expected to earn more than the portfolio that was found, in that
    /// history beyond what they are by the history as it was, a year: so much of an expected return is luck of the
    /// history that weights were chosen by (Efron 1983). Against the same portfolio, how good a history was cancels.
    optimism: Vec<f64>,
}

impl Drawn {
    fn of(
        request: &PortfolioRequest,
        universe: &Universe,
        rules: &Rules,
        views: Option<&Believed>,
        (as_it_was, found): (&Market, &[f64]),
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Self> {
        let periods = universe.history.periods();
        let block = request.block.map_or_else(|| block_length(periods), |block| block as usize);
        let mut drawn = Self {
            periods,
            block,
            failed: 0,
            weights: Vec::new(),
            returns: Vec::new(),
            volatilities: Vec::new(),
            optimism: Vec::new(),
        };
        let objective = objective(&request.goal, rules);
        for draw in 0..u64::from(request.resamples) {
            if stop() {
                return Err(stopped());
            }
            let places = resampled(periods, periods, block, request.seed, draw);
            let history: History = universe.history.at(&places);
            let Ok((market, _)) = market(&history, &request.estimates, rules.free, views) else {
                drawn.failed += 1;
                continue;
            };
            drawn.returns.push(market.expected(found) * rules.year);
            drawn.volatilities.push(market.volatility(found) * rules.year.sqrt());
            match optimise(&market, &rules.constraints, objective) {
                Ok(portfolio) => {
                    let weights = portfolio.weights;
                    let more =
                        |by: &Market| (by.expected(&weights) - by.expected(found)) * rules.year;
                    drawn.optimism.push(more(&market) - more(as_it_was));
                    drawn.weights.push(weights);
                }
                Err(_) => drawn.failed += 1,
            }
        }
        Ok(drawn)
    }

    /// The mean optimism, where it is a figure that matters, and more than the noise of so many draws.
    fn luck(&self) -> Option<f64> {
        let count = self.optimism.len() as f64;
        let mean = self.optimism.iter().sum::<f64>() / count;
        let squares: f64 = self.optimism.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        (count >= 10.0 && mean > 0.0005 && mean > 2.0 * error).then_some(mean)
    }

    fn of_return(&self, value: f64) -> Estimate {
        let ends = interval(value, &self.returns, WITHIN, self.periods, self.block);
        Estimate { value, low: ends.map(|ends| ends.0), high: ends.map(|ends| ends.1) }
    }

    /// By logarithms, whose distribution is the same on both sides, for what can't fall below 0.
    fn of_volatility(&self, value: f64) -> Estimate {
        let drawn: Vec<f64> = self.volatilities.iter().map(|one| one.ln()).collect();
        let ends = interval(value.ln(), &drawn, WITHIN, self.periods, self.block);
        Estimate { value, low: ends.map(|ends| ends.0.exp()), high: ends.map(|ends| ends.1.exp()) }
    }

    /// With the share of the weights that were drawn: there is no true one that an interval could miss. None of
    /// hardly any.
    fn of_weight(&self, asset: usize, value: f64) -> Estimate {
        let drawn: Vec<f64> = self.weights.iter().map(|weights| weights[asset]).collect();
        let tail = (1.0 - WITHIN) / 2.0;
        let ends = if drawn.len() < 10 { None } else { quantiles(&drawn, &[tail, 1.0 - tail]) };
        let end = |at: usize| ends.as_ref().map(|ends| ends[at]);
        Estimate { value, low: end(0), high: end(1) }
    }
}

fn outlook(market: &Market, rules: &Rules, weights: &[f64], level: f64) -> Result<Outlook> {
    let plain = |value: f64| Estimate { value, low: None, high: None };
    let (expected, volatility) = (market.expected(weights), market.volatility(weights));
    let earned = market.history.earned(weights);
    let turnover = turnover(&rules.held(), weights);
    Ok(Outlook {
        expected_return: plain(expected * rules.year),
        volatility: plain(volatility * rules.year.sqrt()),
        sharpe: (volatility > 0.0)
            .then(|| (expected - rules.free) / volatility * rules.year.sqrt()),
        cvar: tail_loss(&earned, level).map_err(|fault| problem(fault, &[]))?,
        drawdown: summed_drawdown(&earned),
        turnover,
        cost: turnover * rules.cost,
    })
}

fn holdings(
    market: &Market,
    universe: &Universe,
    rules: &Rules,
    goal: &PortfolioGoal,
    found: &Portfolio,
    drawn: &Drawn,
) -> Vec<Holding> {
    let weights = &found.weights;
    let shared = market.shared(weights);
    let volatility = market.volatility(weights);
    let variance = volatility * volatility;
    let shares = market.contributions(weights);
    let excess = market.expected(weights) - market.free;
    let mut holdings: Vec<Holding> = (0..weights.len())
        .map(|at| {
            let own = market.covariance[(at, at)].sqrt();
            let is_risky = variance > 0.0;
            let beta = if is_risky { shared[at] / variance } else { 0.0 };
            let told = Told {
                weight: weights[at],
                correlation: (is_risky && own > 0.0).then(|| shared[at] / (own * volatility)),
                beta,
                risk_share: shares[at],
                volatility: own * rules.year.sqrt(),
                expected: market.mean[at] * rules.year,
                needed: (market.free + beta * excess) * rules.year,
            };
            Holding {
                asset: universe.assets[at].clone(),
                weight: drawn.of_weight(at, weights[at]),
                current: rules.current.as_ref().map_or(0.0, |held| held[at]),
                standing: wording::standing(at, weights[at], rules),
                reason: wording::reason(at, &told, rules, goal),
                risk_share: shares[at],
                expected_return: told.expected,
                volatility: told.volatility,
            }
        })
        .collect();
    holdings.sort_by(|a, b| b.weight.value.total_cmp(&a.weight.value));
    holdings
}

/// Paths of the portfolio over the horizon, drawn from what it would have earned.
fn outcomes(
    request: &PortfolioRequest,
    universe: &Universe,
    weights: &[f64],
    cost: f64,
    block: usize,
) -> Outcomes {
    let earned = universe.history.earned(weights);
    let horizon = request.profile.horizon;
    let paths = (MOST_STEPS / u64::from(horizon)).clamp(100, PATHS);
    let mut ends: Vec<f64> = (0..paths)
        .map(|path| {
            let places =
                resampled(earned.len(), horizon as usize, block, request.seed, PATHS_FROM + path);
            // Whoever has nothing left earns nothing more, and owes no more than that.
            let grown = |wealth: f64, at: &usize| (wealth * (1.0 + earned[*at])).max(0.0);
            places.iter().fold((1.0 - cost).max(0.0), grown) - 1.0
        })
        .collect();
    ends.sort_by(f64::total_cmp);
    let at = quantiles(&ends, &[0.05, 0.5, 0.95]).unwrap_or_else(|| vec![0.0; 3]);
    let losses = ends.iter().filter(|end| **end < 0.0).count();
    Outcomes {
        horizon,
        paths: paths as u32,
        low: at[0],
        median: at[1],
        high: at[2],
        loss_share: losses as f64 / paths as f64,
    }
}

/// What was believed, with the returns that the market implies.
fn used_views(
    believed: &Believed,
    market: &Market,
    universe: &Universe,
    request: &PortfolioRequest,
    rules: &Rules,
) -> actuary_finance::Result<UsedViews> {
    use actuary_finance::investments::{Doubt, implied_returns};
    let (plain, _) =
        super::estimates::market(&universe.history, &request.estimates, market.free, None)?;
    let prior =
        implied_returns(&plain.covariance, &believed.market, believed.aversion, market.free);
    let mut used = believed.used.clone();
    let named = universe.assets.iter().cloned();
    used.prior = named.zip(prior.iter().map(|mean| mean * rules.year)).collect();
    for (shown, view) in used.views.iter_mut().zip(&believed.views) {
        let own = believed.tau * plain.volatility(&view.weights).powi(2);
        let variance = match view.doubt {
            Doubt::Confidence(confidence) => own * (1.0 / confidence - 1.0),
            Doubt::Variance(variance) => variance,
        };
        shown.error = variance.sqrt() * rules.year;
    }
    Ok(used)
}

/// What the answer does not know.
fn unknown(
    request: &PortfolioRequest,
    universe: &Universe,
    rules: &Rules,
    views: Option<&Believed>,
    portfolio: &Outlook,
    drawn: &Drawn,
    outcomes: &Outcomes,
) -> Vec<String> {
    let years = universe.times.len() as f64 / rules.year;
    let mut told = vec![format!(
        "{:.1} years of history leave the mean return of this portfolio uncertain by {} a year (one standard error)",
        years,
        percent(portfolio.volatility.value / years.sqrt())
    )];
    let by_return = views.is_none() && wording::seeks_return(&request.goal);
    if let Some(luck) = drawn.luck().filter(|_| by_return) {
        told.push(format!(
            "how much of the expected return is luck of the history that weights were chosen by: what weights \
             chosen by histories drawn anew gain on these in their own is {} a year more than in this one",
            percent(luck)
        ));
    }
    let (assets, returns) = (universe.assets.len(), universe.times.len());
    if request.estimates.covariance == CovarianceKind::Sample && returns <= assets + 1 {
        told.push(format!(
            "the risk itself: by the sample covariance of {returns} returns of {assets} assets some weights have \
             none at all, which is so of this history alone: take ledoit_wolf, or fewer assets"
        ));
    }
    if drawn.failed > 0 {
        told.push(format!(
            "for {} of {} histories drawn anew the constraints could not be met, so that the intervals of weights are \
             those of the others: the constraints hang on this one history",
            drawn.failed, request.resamples
        ));
    }
    if request.resamples < 20 {
        told.push(
            "how far the weights hang on the history: ask for 20 resamples or more".to_owned(),
        );
    }
    if universe.times.len() < request.profile.horizon as usize {
        told.push(format!(
            "a history of {} returns has not seen a horizon of {}: its paths are put together from shorter ones",
            universe.times.len(),
            outcomes.horizon
        ));
    }
    if let Some(believed) = views {
        told.extend(of_views(believed));
    }
    told.extend(of_universe(universe));
    told
}

fn of_views(believed: &Believed) -> Vec<String> {
    let mut told = Vec::new();
    if believed.used.beats_random_walk == Some(false) {
        told.push(format!(
            "whether {} {} knows anything: it does not beat the random walk on its test part",
            believed.used.model.as_deref().unwrap_or("the model"),
            believed.used.version.unwrap_or_default()
        ));
    }
    if believed.pooled {
        told.push(
            "how far the model's forecasts of each asset were off: its version knows it of all series together, which \
             stands here in proportion to each asset's variance"
                .to_owned(),
        );
    }
    if !believed.without.is_empty() && believed.used.model.is_some() {
        let some: Vec<&str> = believed.without.iter().take(5).map(String::as_str).collect();
        told.push(format!(
            "the model has no view on {} of the assets ({})",
            believed.without.len(),
            some.join(", ")
        ));
    }
    told
}

/// What no history of prices tells.
pub(super) fn of_universe(universe: &Universe) -> Vec<String> {
    let mut told = Vec::new();
    if universe.about.filled > 0 {
        told.push(format!(
            "{} missing prices, for which the last known ones stand",
            universe.about.filled
        ));
    }
    if !universe.about.dropped_assets.is_empty() {
        told.push(format!(
            "{} assets that lack prices and were left out",
            universe.about.dropped_assets.len()
        ));
    }
    told.push(
        "assets that are gone and so not in the universe, which makes its past look better than it was".to_owned(),
    );
    told.push("taxes, liquidity, and whatever prices don't show".to_owned());
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luck_is_told_where_it_is_more_than_the_noise_of_the_draws() {
        let luck = |optimism: Vec<f64>| {
            let (weights, returns, volatilities) = (Vec::new(), Vec::new(), Vec::new());
            Drawn { periods: 60, block: 1, failed: 0, weights, returns, volatilities, optimism }
                .luck()
        };
        let swinging = |mean: f64| {
            (0..100).map(|at| if at % 2 == 0 { mean - 0.1 } else { mean + 0.1 }).collect()
        };
        // One standard error is 0.01.
        assert_eq!(luck(swinging(0.015)), None);
        assert!((luck(swinging(0.03)).unwrap() - 0.03).abs() < 1e-12);
        assert_eq!(luck(swinging(-0.03)), None);
        assert_eq!(
            (luck(vec![0.0; 100]), luck(vec![0.2; 9]), luck(Vec::new())),
            (None, None, None)
        );
    }
}
