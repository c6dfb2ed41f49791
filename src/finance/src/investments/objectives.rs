//! Portfolios that are best by an objective, within constraints.

use nalgebra::DVector;

use super::building::Building;
use super::constraints::{Constraints, Limit, level};
use super::hierarchy::hierarchical;
use super::market::{Market, summed_drawdown, tail_loss};
use super::parity::risk_parity;
use super::program::{Program, Row, Solved, Unsolved};
use crate::{Fault, Result};

/// What is sought. All figures are per period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Least variance; what trading costs counts against it in the same figures.
    MinVariance,
    /// Greatest excess over what is earned without risk, after costs, for the risk.
    MaxSharpe,
    /// Greatest return after costs, less half the aversion times the variance.
    MaxUtility { aversion: f64 },
    /// Least variance of those that are expected to earn at least this after costs.
    TargetReturn { least: f64 },
    /// Least mean loss beyond a level, and costs.
    MinTail { level: f64 },
    /// Greatest return after costs.
    MaxReturn,
    /// The same share of the risk for each asset.
    RiskParity,
    /// Hierarchical risk parity.
    Hierarchical,
    /// The same weight for each asset.
    EqualWeight,
}

/// A portfolio that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Portfolio {
    /// They sum to 1.
    pub weights: Vec<f64>,
    /// What the objective's figure would gain by one more unit of room for a limit: of volatility, loss, Sharpe
    /// ratio, utility or return, per period. Those that don't matter are left out, and all where the weights
    /// don't come of a convex program.
    pub prices: Vec<(Limit, f64)>,
    /// Whether the rule's own weights were moved to meet the constraints.
    pub moved: bool,
}

/// Why there is no portfolio.
#[derive(Debug, Clone, PartialEq)]
pub enum Unmet {
    /// The constraints can't be met together: by how much each would have to give way, in its own unit, so
    /// that the sum, each by its span, is least.
    Limits(Vec<(Limit, f64)>),
    Fault(Fault),
}

impl From<Fault> for Unmet {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The portfolio that is best by an objective within constraints.
///
/// # Errors
/// [`Unmet::Limits`] where the constraints can't be met; a [`Fault`] for numbers that make no sense, where nothing
/// is expected to earn more than the risk-free rate, and where no accurate solution is found.
pub fn optimise(
    market: &Market,
    constraints: &Constraints,
    objective: Objective,
) -> Result<Portfolio, Unmet> {
    market.check()?;
    constraints.check(market.assets())?;
    match objective {
        Objective::RiskParity | Objective::Hierarchical | Objective::EqualWeight => {
            by_rule(market, constraints, objective)
        }
        Objective::MaxSharpe => max_sharpe(market, constraints),
        _ => convex(market, constraints, objective),
    }
}

fn convex(
    market: &Market,
    constraints: &Constraints,
    objective: Objective,
) -> Result<Portfolio, Unmet> {
    let mut building = Building::new(market, constraints, false);
    let size = building.size;
    // The unit of the objective in returns per period.
    let unit = match objective {
        Objective::MaxUtility { aversion } => {
            if !(aversion > 0.0 && aversion.is_finite()) {
                let detail =
                    format!("a risk aversion of {aversion} is not above 0: 2 to 10 are usual");
                return Err(Fault::new("/aversion", detail).into());
            }
            building.loss(1.0);
            building.variance(aversion * size);
            building.cost(1.0);
            size
        }
        Objective::MinTail { level: at } => {
            level(at)?;
            for (place, factor) in building.tail(at) {
                building.program.linear[place] += factor;
            }
            building.cost(1.0);
            size
        }
        Objective::MaxReturn => {
            building.loss(1.0);
            building.cost(1.0);
            size
        }
        _ => {
            if let Objective::TargetReturn { least } = objective {
                building.earning(least);
            }
            building.variance(1.0);
            building.cost(1.0 / size);
            size * size
        }
    };
    let solved = solved(&building.program)?;
    let weights = tidy(&solved.x[..market.assets()], constraints);
    // A variance's price becomes that of a volatility.
    let by = match objective {
        Objective::MinVariance | Objective::TargetReturn { .. } => market.volatility(&weights),
        _ => 1.0,
    };
    let prices = told(&solved, if by > 0.0 { unit / by } else { unit });
    Ok(Portfolio { weights, prices, moved: false })
}

/// Solves, or says which limits can't be met.
fn solved(program: &Program) -> Result<Solved, Unmet> {
    program.solve().map_err(|unsolved| {
        unmet(
            program,
            match unsolved {
                Unsolved::Unclear(fault) => fault,
                Unsolved::Infeasible => {
                    let detail =
                        "the constraints leave next to no room: loosen one of them a little";
                    Fault::new("", detail)
                }
            },
        )
    })
}

/// The limits of a program that can't be met, or, where all can, what else is wrong.
fn unmet(program: &Program, otherwise: Fault) -> Unmet {
    match program.misses() {
        Ok(Some(missed)) => Unmet::Limits(missed),
        Ok(None) | Err(_) => otherwise.into(),
    }
}

/// A direction of least risk among those that earn the same excess (Cornuejols and Tutuncu 2006, 8.2): that of the
/// portfolio which earns most, so that directions are about as long as weights.
fn max_sharpe(market: &Market, constraints: &Constraints) -> Result<Portfolio, Unmet> {
    let best = convex(market, constraints, Objective::MaxReturn)?.weights;
    let excess = market.expected(&best) - constraints.cost(&best) - market.free;
    if excess <= 1e-12 {
        let costs = if constraints.cost(&best) > 0.0 {
            ", after costs spread over the horizon,"
        } else {
            ""
        };
        let detail = format!(
            "no portfolio within the constraints is expected to earn more{costs} than the risk-free rate: there is \
             no best Sharpe ratio; ask for the least variance, or say other expected returns"
        );
        return Err(Fault::new("/objective", detail).into());
    }
    let mut building = Building::new(market, constraints, true);
    building.exceeding(market.free, excess);
    building.variance(1.0);
    let scale = market.assets();
    let solved = solved_direction(&building.program, scale)?;
    let sum = solved.x[scale];
    let direction: Vec<f64> = solved.x[..scale].iter().map(|value| value / sum).collect();
    let weights = tidy(&direction, constraints);
    // The value is e^2 / (2 S^2), and a bound counts as often as the direction is long.
    let excess = excess / building.size;
    let sharpe = excess / (2.0 * solved.value).sqrt();
    let prices = told(&solved, sharpe.powi(3) * sum / (excess * excess));
    Ok(Portfolio { weights, prices, moved: false })
}

fn told(solved: &Solved, unit: f64) -> Vec<(Limit, f64)> {
    let greatest = solved.prices.iter().map(|(_, price)| *price).fold(0.0, f64::max);
    let matters = |(_, price): &&(Limit, f64)| *price > 1e-5 * greatest.max(1e-3);
    solved.prices.iter().filter(matters).map(|(limit, price)| (*limit, price * unit)).collect()
}

/// Weights by a rule of its own; where they don't meet the constraints, the nearest that do.
fn by_rule(
    market: &Market,
    constraints: &Constraints,
    objective: Objective,
) -> Result<Portfolio, Unmet> {
    let allowed = constraints.allowed();
    if allowed.is_empty() {
        return Err(Fault::new("", "every asset is excluded").into());
    }
    let part = market.of(&allowed);
    let equal = vec![1.0 / allowed.len() as f64; allowed.len()];
    let of_allowed = match objective {
        Objective::RiskParity => risk_parity(&part.covariance, &equal)?,
        Objective::Hierarchical => hierarchical(&part.covariance),
        _ => equal,
    };
    let mut weights = vec![0.0; market.assets()];
    allowed.iter().zip(of_allowed).for_each(|(at, weight)| weights[*at] = weight);
    if excesses(market, constraints, &weights)?.is_empty() {
        return Ok(Portfolio { weights, prices: Vec::new(), moved: false });
    }
    let weights = match objective {
        Objective::RiskParity => constrained_parity(market, constraints, &allowed)?,
        _ => {
            let mut building = Building::new(market, constraints, false);
            building.near(&weights);
            solved(&building.program)?.x
        }
    };
    let weights = tidy(&weights[..market.assets()], constraints);
    Ok(Portfolio { weights, prices: Vec::new(), moved: true })
}

/// The direction of the least y'Sy/2 - mean ln y within the constraints (Richard and Roncalli 2019).
fn constrained_parity(
    market: &Market,
    constraints: &Constraints,
    allowed: &[usize],
) -> Result<Vec<f64>, Unmet> {
    let mut building = Building::new(market, constraints, true);
    building.variance(1.0);
    let program = &mut building.program;
    let first = program.add(allowed.len());
    for (at, asset) in allowed.iter().enumerate() {
        let logarithm = first + at;
        program.linear[logarithm] = -1.0 / allowed.len() as f64;
        program.exponentials.push([
            Row::working(vec![(logarithm, -1.0)], 0.0),
            Row { fixed: 1.0, ..Row::default() },
            Row::working(vec![(*asset, -1.0)], 0.0),
        ]);
    }
    let scale = market.assets();
    let found = solved_direction(program, scale);
    // Where the weights themselves can't meet the limits, these are what is told.
    let solved = match found {
        Err(fault) => {
            convex(market, constraints, Objective::MinVariance)?;
            return Err(fault.into());
        }
        Ok(solved) => solved,
    };
    let sum = solved.x[scale];
    Ok(solved.x[..scale].iter().map(|value| value / sum).collect())
}

/// A direction that can be brought to weights.
fn solved_direction(program: &Program, scale: usize) -> Result<Solved> {
    match program.solve() {
        Ok(solved) if solved.x[scale] > 1e-9 => Ok(solved),
        Err(Unsolved::Unclear(fault)) => Err(fault),
        Ok(_) | Err(Unsolved::Infeasible) => {
            let detail = "within the constraints there is hardly any portfolio of this kind: an asset that can't \
                          be held has no share of the risk, so exclude it, or loosen a constraint a little";
            Err(Fault::new("/objective", detail))
        }
    }
}

/// By how much weights break each limit, in its own unit; less than 1e-7 is none.
///
/// # Errors
/// A [`Fault`] for a tail of a level that is not between 0 and 1.
pub fn excesses(
    market: &Market,
    constraints: &Constraints,
    weights: &[f64],
) -> Result<Vec<(Limit, f64)>> {
    let mut found = Vec::new();
    for (at, weight) in weights.iter().enumerate() {
        found.push((Limit::LeastWeight(at), constraints.lower[at] - weight));
        found.push((Limit::MostWeight(at), weight - constraints.upper[at]));
    }
    for (at, linear) in constraints.linear.iter().enumerate() {
        let sum: f64 = linear.factors.iter().zip(weights).map(|(f, w)| f * w).sum();
        found.extend(linear.least.map(|least| (Limit::LeastOf(at), least - sum)));
        found.extend(linear.most.map(|most| (Limit::MostOf(at), sum - most)));
    }
    if let Some(trading) = &constraints.trading {
        let turnover = turnover(&trading.current, weights);
        found.extend(trading.most.map(|most| (Limit::Turnover, turnover - most)));
    }
    if let Some(most) = constraints.volatility {
        found.push((Limit::Volatility, market.volatility(weights) - most));
    }
    if constraints.tail.is_some() || constraints.drawdown.is_some() {
        let earned = market.history.earned(weights);
        if let Some(tail) = constraints.tail {
            found.push((Limit::Tail, tail_loss(&earned, tail.level)? - tail.most));
        }
        let deepest = || summed_drawdown(&earned);
        found.extend(constraints.drawdown.map(|most| (Limit::Drawdown, deepest() - most)));
    }
    found.retain(|(_, excess)| *excess > 1e-7);
    Ok(found)
}

/// All that is bought and sold on the way from one portfolio to another, as a share of wealth.
pub fn turnover(from: &[f64], to: &[f64]) -> f64 {
    from.iter().zip(to).map(|(from, to)| (to - from).abs()).sum()
}

/// What the optimiser leaves within its tolerance of a bound is at the bound, and what is next to nothing is
/// nothing.
fn tidy(weights: &[f64], constraints: &Constraints) -> Vec<f64> {
    let bounds = constraints.lower.iter().zip(&constraints.upper);
    let mut tidy: Vec<f64> = weights
        .iter()
        .zip(bounds)
        .map(|(weight, (lower, upper))| match *weight {
            weight if (weight - lower).abs() < 1e-7 => *lower,
            weight if (weight - upper).abs() < 1e-7 => *upper,
            weight if weight.abs() < 1e-7 => 0.0,
            weight => weight,
        })
        .collect();
    let error = 1.0 - DVector::from_column_slice(&tidy).sum();
    // What that moved belongs to those that are at no bound.
    let free: Vec<usize> = (0..tidy.len())
        .filter(|at| tidy[*at] > constraints.lower[*at] && tidy[*at] < constraints.upper[*at])
        .collect();
    let room: f64 = free.iter().map(|at| tidy[*at].abs()).sum();
    for at in free {
        tidy[at] += error * tidy[at].abs() / room.max(f64::MIN_POSITIVE);
    }
    tidy
}
