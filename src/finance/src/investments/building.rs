//! A portfolio's constraints as rows of a program.

use nalgebra::DMatrix;

use super::constraints::{Constraints, Limit, Trading};
use super::market::Market;
use super::program::{Program, Row};

/// A program whose first variables are the weights, or, with a scale, a direction whose sum is the scale.
///
/// Returns are measured in `size`, so that what the optimiser sees is of the order of one.
pub(super) struct Building<'a> {
    pub(super) program: Program,
    market: &'a Market,
    pub(super) size: f64,
    /// The first of the amounts that are traded, with what a unit of each costs.
    trades: Option<(usize, Vec<f64>)>,
}

impl<'a> Building<'a> {
    pub(super) fn new(market: &'a Market, constraints: &Constraints, direction: bool) -> Self {
        let assets = market.assets();
        let size = (market.covariance.trace() / assets as f64).sqrt();
        let mut program = Program::default();
        program.add(assets);
        program.scale = direction.then(|| program.add(1));
        let whole = (0..assets).map(|asset| (asset, 1.0)).collect();
        program.equal.push(Row::working(whole, 1.0));
        if let Some(scale) = program.scale {
            program.below.push(Row::working(vec![(scale, -1.0)], 0.0));
        }
        let mut building = Self { program, market, size, trades: None };
        building.bounds(constraints);
        if let Some(trading) = &constraints.trading {
            building.trading(trading);
        }
        building.risks(constraints);
        building
    }

    /// A row of a limit in the units of the limit; `span` is what counts as much as a weight of 1.
    fn limit(&mut self, limit: Limit, factors: Vec<(usize, f64)>, bound: f64, span: f64) {
        let row = Row { factors, bound, fixed: 0.0, limit: Some(limit), unit: 1.0, span };
        self.program.below.push(row);
    }

    /// One whose bound is in `size`, as is its span.
    fn risk(&self, limit: Limit, factors: Vec<(usize, f64)>, bound: f64, span: f64) -> Row {
        let (bound, unit) = (bound / self.size, self.size);
        Row { factors, bound, fixed: 0.0, limit: Some(limit), unit, span }
    }

    fn bounds(&mut self, constraints: &Constraints) {
        for (asset, lower) in constraints.lower.iter().enumerate() {
            self.limit(Limit::LeastWeight(asset), vec![(asset, -1.0)], -lower, 1.0);
        }
        for (asset, upper) in constraints.upper.iter().enumerate() {
            self.limit(Limit::MostWeight(asset), vec![(asset, 1.0)], *upper, 1.0);
        }
        for (at, linear) in constraints.linear.iter().enumerate() {
            let (low, high) = ends(&linear.factors);
            let span = if high > low { high - low } else { high.abs().max(1.0) };
            let with = |sign: f64| -> Vec<(usize, f64)> {
                let factors = linear.factors.iter().enumerate();
                factors.filter(|(_, f)| **f != 0.0).map(|(at, f)| (at, sign * f)).collect()
            };
            if let Some(least) = linear.least {
                self.limit(Limit::LeastOf(at), with(-1.0), -least, span);
            }
            if let Some(most) = linear.most {
                self.limit(Limit::MostOf(at), with(1.0), most, span);
            }
        }
    }

    /// Amounts t with -t <= w - w0 <= t.
    fn trading(&mut self, trading: &Trading) {
        let assets = self.market.assets();
        let first = self.program.add(assets);
        for (asset, held) in trading.current.iter().enumerate() {
            for sign in [1.0, -1.0] {
                let factors = vec![(asset, sign), (first + asset, -1.0)];
                self.program.below.push(Row::working(factors, sign * held));
            }
        }
        if let Some(most) = trading.most {
            let all = (0..assets).map(|asset| (first + asset, 1.0)).collect();
            self.limit(Limit::Turnover, all, most, 1.0);
        }
        let cost = trading.cost.iter().map(|cost| cost / self.size).collect();
        self.trades = Some((first, cost));
    }

    fn risks(&mut self, constraints: &Constraints) {
        if let Some(most) = constraints.volatility {
            let factor = root(&self.market.covariance) / self.size;
            let first = self.risk(Limit::Volatility, Vec::new(), most, 1.0);
            let others = factor.row_iter().map(|row| {
                let entries = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
                Row::working(entries.map(|(asset, value)| (asset, -value)).collect(), 0.0)
            });
            let norm = std::iter::once(first).chain(others).collect();
            self.program.norms.push(norm);
        }
        if let Some(tail) = constraints.tail {
            let factors = self.tail(tail.level);
            let row = self.risk(Limit::Tail, factors, tail.most, 2.0);
            self.program.below.push(row);
        }
        if let Some(most) = constraints.drawdown {
            self.drawdown(most);
        }
    }

    /// Factors whose sum is, at its least, the mean loss beyond a level (Rockafellar and Uryasev 2000), in `size`.
    pub(super) fn tail(&mut self, level: f64) -> Vec<(usize, f64)> {
        let history = &self.market.history;
        let periods = history.periods();
        let threshold = self.program.add(1);
        let first = self.program.add(periods);
        for period in 0..periods {
            let mut factors = self.period(period, -1.0);
            factors.extend([(threshold, -1.0), (first + period, -1.0)]);
            self.program.below.push(Row::working(factors, 0.0));
            self.program.below.push(Row::working(vec![(first + period, -1.0)], 0.0));
        }
        let each = 1.0 / ((1.0 - level) * periods as f64);
        let excess = (0..periods).map(|period| (first + period, each));
        std::iter::once((threshold, 1.0)).chain(excess).collect()
    }

    /// Returns of a period times `sign`, in `size`.
    fn period(&self, period: usize, sign: f64) -> Vec<(usize, f64)> {
        let history = &self.market.history;
        let value = |asset| (asset, sign * history.get(period, asset) / self.size);
        (0..history.assets()).map(value).filter(|(_, value)| *value != 0.0).collect()
    }

    /// Sums c of returns and highs h with h >= c, h >= the high before, and h - c at most the limit.
    fn drawdown(&mut self, most: f64) {
        let periods = self.market.history.periods();
        let (sums, highs) = (self.program.add(periods), self.program.add(periods));
        for period in 0..periods {
            let mut sum = self.period(period, -1.0);
            sum.push((sums + period, 1.0));
            let mut higher = vec![(highs + period, -1.0)];
            if period > 0 {
                sum.push((sums + period - 1, -1.0));
                higher.push((highs + period - 1, 1.0));
            }
            self.program.equal.push(Row::working(sum, 0.0));
            self.program.below.push(Row::working(higher, 0.0));
            let above = vec![(sums + period, 1.0), (highs + period, -1.0)];
            self.program.below.push(Row::working(above, 0.0));
            let fall = vec![(highs + period, 1.0), (sums + period, -1.0)];
            let row = self.risk(Limit::Drawdown, fall, most, (periods as f64).sqrt());
            self.program.below.push(row);
        }
    }

    /// At least this return, after costs.
    pub(super) fn earning(&mut self, least: f64) {
        let mut factors: Vec<(usize, f64)> = self.gain(0.0, -1.0);
        factors.extend(self.costs(1.0));
        let (low, high) = ends(&self.market.mean);
        let span = ((high - low) / self.size).max(1e-9);
        let row = self.risk(Limit::Return, factors, -least, span);
        self.program.below.push(row);
    }

    /// What a direction earns beyond `free`, after costs, is at least `excess`.
    pub(super) fn exceeding(&mut self, free: f64, excess: f64) {
        let mut factors = self.gain(free, -1.0);
        factors.extend(self.costs(1.0));
        let fixed = -excess / self.size;
        self.program.below.push(Row { fixed, ..Row::working(factors, 0.0) });
    }

    fn gain(&self, free: f64, sign: f64) -> Vec<(usize, f64)> {
        let mean = self.market.mean.iter().enumerate();
        mean.map(|(asset, mean)| (asset, sign * (mean - free) / self.size)).collect()
    }

    fn costs(&self, sign: f64) -> Vec<(usize, f64)> {
        let each = |(first, cost): &(usize, Vec<f64>)| -> Vec<(usize, f64)> {
            cost.iter().enumerate().map(|(at, cost)| (first + at, sign * cost)).collect()
        };
        self.trades.as_ref().map(each).unwrap_or_default()
    }

    /// Adds `weight` times the variance, halved, to what is minimised.
    pub(super) fn variance(&mut self, weight: f64) {
        let covariance = &self.market.covariance;
        let scale = weight / (self.size * self.size);
        for column in 0..covariance.ncols() {
            for row in 0..=column {
                let value = covariance[(row, column)] * scale;
                if value != 0.0 || row == column {
                    self.program.quadratic.push((row, column, value));
                }
            }
        }
    }

    /// Adds the distance to other weights, squared and halved, to what is minimised.
    pub(super) fn near(&mut self, weights: &[f64]) {
        for (asset, weight) in weights.iter().enumerate() {
            self.program.quadratic.push((asset, asset, 1.0));
            self.program.linear[asset] -= weight;
        }
    }

    /// Adds `weight` times what is expected to be lost to what is minimised.
    pub(super) fn loss(&mut self, weight: f64) {
        for (place, factor) in self.gain(0.0, -weight) {
            self.program.linear[place] += factor;
        }
    }

    /// Adds `weight` times what trading costs to what is minimised.
    pub(super) fn cost(&mut self, weight: f64) {
        for (place, factor) in self.costs(weight) {
            self.program.linear[place] += factor;
        }
    }
}

/// F with F'F = S.
pub(super) fn root(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    if let Some(factor) = covariance.clone().cholesky() {
        return factor.l().transpose();
    }
    // Fewer periods than assets: what is not known of the risk is none.
    let eigen = covariance.clone().symmetric_eigen();
    let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
    DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose()
}

fn ends(numbers: &[f64]) -> (f64, f64) {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    (low, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
