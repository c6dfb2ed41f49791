//! What a portfolio must keep to.

use crate::{Fault, Result};

/// What a portfolio must keep to. Weights sum to one in any case; all figures are per period.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraints {
    /// Least and greatest weight of each asset; both are 0 of one that is excluded.
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    pub linear: Vec<Linear>,
    pub trading: Option<Trading>,
    /// Greatest standard deviation of a period's return.
    pub volatility: Option<f64>,
    /// Greatest mean loss in the worst periods of the history.
    pub tail: Option<Tail>,
    /// Deepest fall from a high, of sums of the history's returns.
    pub drawdown: Option<f64>,
}

/// Bounds on a weighted sum of weights: a group's share, or an average score.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Of each asset.
    pub factors: Vec<f64>,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

/// What is held, and what it costs to hold something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Trading {
    pub current: Vec<f64>,
    /// Greatest sum of all that is bought and sold, as shares of wealth.
    pub most: Option<f64>,
    /// Of each asset: what trading one unit of it costs, spread over the periods for which it is held.
    pub cost: Vec<f64>,
}

/// A limit on the mean loss beyond a quantile (expected shortfall).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// The worst 1 - level of the periods are meant.
    pub level: f64,
    pub most: f64,
}

/// One of the constraints, by its place in [`Constraints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    LeastWeight(usize),
    MostWeight(usize),
    LeastOf(usize),
    MostOf(usize),
    Turnover,
    Volatility,
    Tail,
    Drawdown,
    /// The return that a portfolio is asked for.
    Return,
}

impl Constraints {
    /// Long only, and nothing else.
    pub fn long_only(assets: usize) -> Self {
        Self {
            lower: vec![0.0; assets],
            upper: vec![1.0; assets],
            linear: Vec::new(),
            trading: None,
            volatility: None,
            tail: None,
            drawdown: None,
        }
    }

    pub fn assets(&self) -> usize {
        self.lower.len()
    }

    /// What it costs to come to hold `weights`, spread over the periods for which they are held.
    pub fn cost(&self, weights: &[f64]) -> f64 {
        self.trading.as_ref().map_or(0.0, |trading| {
            let traded = trading.current.iter().zip(weights).map(|(from, to)| (to - from).abs());
            traded.zip(&trading.cost).map(|(traded, cost)| traded * cost).sum()
        })
    }

    /// The places of the assets that may be held.
    pub fn allowed(&self) -> Vec<usize> {
        (0..self.assets()).filter(|at| self.upper[*at] != 0.0 || self.lower[*at] != 0.0).collect()
    }

    /// # Errors
    /// A [`Fault`] for lengths that differ from the number of assets, for numbers that are not finite, and for
    /// risk limits that are not above 0.
    pub fn check(&self, assets: usize) -> Result<()> {
        let lengths = [self.lower.len(), self.upper.len()].into_iter();
        let lengths = lengths.chain(self.linear.iter().map(|one| one.factors.len()));
        let trading = self.trading.iter().flat_map(|one| [one.current.len(), one.cost.len()]);
        if lengths.chain(trading).any(|length| length != assets) {
            return Err(Fault::new("", format!("each of the {assets} assets needs a number")));
        }
        let numbers = self.lower.iter().chain(&self.upper);
        let numbers = numbers.chain(self.linear.iter().flat_map(|one| &one.factors));
        let numbers =
            numbers.chain(self.linear.iter().flat_map(|one| one.least.iter().chain(&one.most)));
        let trading = self
            .trading
            .iter()
            .flat_map(|one| one.current.iter().chain(&one.cost).chain(&one.most));
        if numbers.chain(trading).any(|number| !number.is_finite()) {
            return Err(Fault::new("", "a bound is not a finite number"));
        }
        let tail = self.tail.map(|tail| tail.most);
        let risks = [("volatility", self.volatility), ("tail", tail), ("drawdown", self.drawdown)];
        for (name, risk) in risks {
            if let Some(risk) = risk.filter(|risk| !(*risk > 0.0 && risk.is_finite())) {
                return Err(Fault::new(
                    format!("/{name}"),
                    format!("a limit of {risk} is not above 0"),
                ));
            }
        }
        if let Some(tail) = self.tail {
            level(tail.level)?;
        }
        Ok(())
    }
}

/// # Errors
/// A [`Fault`] for a level of a tail that is not between 0 and 1.
pub(super) fn level(level: f64) -> Result<()> {
    match level > 0.0 && level < 1.0 {
        true => Ok(()),
        false => {
            Err(Fault::new("/level", format!("{level} is not between 0 and 1: 0.95 is usual")))
        }
    }
}
