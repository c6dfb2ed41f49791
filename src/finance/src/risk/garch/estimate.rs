//! Maximum likelihood, over variables that any number will do for.

use nalgebra::{DMatrix, DVector};

use super::{GarchKind, GarchParameters};
use crate::risk::ewma::backcast;
use crate::risk::minimise::{difference, minimise};
use crate::risk::moments::Moments;
use crate::{Fault, Result};

/// Fewer returns tell nothing of how variance moves.
const LEAST: usize = 100;
/// Fewest degrees of freedom, as arch has it.
const LEAST_FREEDOM: f64 = 2.05;
const MOST_FREEDOM: f64 = 500.0;

/// Estimated parameters, in the unit of the returns.
#[derive(Debug, Clone, PartialEq)]
pub struct GarchFit {
    pub parameters: GarchParameters,
    pub log_likelihood: f64,
    /// With which the recursion begins.
    pub backcast: f64,
    pub has_converged: bool,
    variables: Vec<f64>,
    /// Returns are divided by it before anything else.
    unit: f64,
    kind: GarchKind,
}

/// Estimates a model of at least 100 returns.
///
/// # Errors
/// A [`Fault`] for fewer returns and for such as are all the same.
pub fn fit(returns: &[f64], kind: GarchKind) -> Result<GarchFit> {
    if returns.len() < LEAST {
        let detail =
            format!("GARCH needs {LEAST} returns at least, and there are {}", returns.len());
        return Err(Fault::new("", detail));
    }
    let flat = || Fault::new("", "the returns are all the same: there is no variance to model");
    let moments = Moments::of(returns).ok_or_else(flat)?;
    let unit = moments.deviation;
    let scaled: Vec<f64> = returns.iter().map(|value| value / unit).collect();
    let mean = moments.mean / unit;
    let residuals: Vec<f64> = scaled.iter().map(|value| value - mean).collect();
    let start = backcast(&residuals);
    let n = scaled.len() as f64;
    let loss = |variables: &[f64]| {
        let loss = -parameters(variables, kind).log_likelihood(&scaled, start) / n;
        if loss.is_finite() { loss } else { f64::INFINITY }
    };
    let begin = beginning(mean, kind, loss);
    let found = minimise(loss, &begin);
    let unscaled = rescaled(parameters(&found.point, kind), unit);
    Ok(GarchFit {
        parameters: unscaled,
        log_likelihood: -found.value * n - n * unit.ln(),
        backcast: start * unit * unit,
        has_converged: found.has_converged,
        variables: found.point,
        unit,
        kind,
    })
}

impl GarchFit {
    /// The standard error of a number that is made of the parameters, which were estimated of these
    /// returns: the delta method, robust against other innovations than those assumed (Bollerslev and
    /// Wooldridge 1992). None where a parameter lies at its bound.
    pub fn standard_error(
        &self,
        returns: &[f64],
        of: impl Fn(&GarchParameters) -> f64,
    ) -> Option<f64> {
        let scaled: Vec<f64> = returns.iter().map(|value| value / self.unit).collect();
        let start = self.backcast / (self.unit * self.unit);
        let covariance = covariance(&self.variables, self.kind, &scaled, start)?;
        let mut point = self.variables.clone();
        let slope = DVector::from_fn(point.len(), |i, _| {
            let (x, step) = (point[i], difference(point[i]));
            let mut at = |value| {
                point[i] = value;
                let made = of(&rescaled(parameters(&point, self.kind), self.unit));
                point[i] = x;
                made
            };
            (at(x + step) - at(x - step)) / (2.0 * step)
        });
        let variance = slope.dot(&(&covariance * &slope));
        (variance.is_finite() && variance >= 0.0).then(|| variance.sqrt())
    }
}

/// The parameters in the unit of the returns themselves.
fn rescaled(parameters: GarchParameters, unit: f64) -> GarchParameters {
    GarchParameters {
        mu: parameters.mu * unit,
        omega: parameters.omega * unit * unit,
        ..parameters
    }
}

/// The parameters that variables stand for: the mean, the logarithm of omega, and shares of a whole for
/// alpha, alpha + gamma and beta, so that the persistence stays below 1.
fn parameters(variables: &[f64], kind: GarchKind) -> GarchParameters {
    let shares = |logits: &[f64]| {
        let most = logits.iter().copied().fold(0.0, f64::max);
        let whole: f64 = logits.iter().map(|l| (l - most).exp()).sum::<f64>() + (-most).exp();
        logits.iter().map(|l| (l - most).exp() / whole).collect::<Vec<_>>()
    };
    let (mu, omega) = (variables[0], variables[1].exp());
    match kind {
        GarchKind::Normal | GarchKind::Student => {
            let parts = shares(&variables[2..4]);
            let nu = variables
                .get(4)
                .map(|v| LEAST_FREEDOM + (MOST_FREEDOM - LEAST_FREEDOM) / (1.0 + (-v).exp()));
            GarchParameters { mu, omega, alpha: parts[0], gamma: 0.0, beta: parts[1], nu }
        }
        GarchKind::Leverage => {
            let parts = shares(&variables[2..5]);
            // The persistence is half the answer to gains and half that to losses.
            let (gains, losses) = (2.0 * parts[0], 2.0 * parts[1]);
            let gamma = losses - gains;
            GarchParameters { mu, omega, alpha: gains, gamma, beta: parts[2], nu: None }
        }
    }
}

/// The best point of a grid such as arch begins with.
fn beginning(mean: f64, kind: GarchKind, mut loss: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut best = (f64::INFINITY, Vec::new());
    for alpha in [0.01, 0.05, 0.1, 0.2] {
        for persistence in [0.5, 0.7, 0.9, 0.98_f64] {
            let (beta, rest) = (persistence - alpha, 1.0 - persistence);
            let mut point = vec![mean, rest.ln()];
            match kind {
                GarchKind::Leverage => {
                    let half = (0.25 * alpha / rest).ln();
                    let losses = (0.75 * alpha / rest).ln();
                    point.extend([half, losses, (beta / rest).ln()]);
                }
                GarchKind::Normal => point.extend([(alpha / rest).ln(), (beta / rest).ln()]),
                GarchKind::Student => {
                    let share: f64 = (8.0 - LEAST_FREEDOM) / (MOST_FREEDOM - LEAST_FREEDOM);
                    let logit = (share / (1.0 - share)).ln();
                    point.extend([(alpha / rest).ln(), (beta / rest).ln(), logit]);
                }
            }
            let found = loss(&point);
            if best.1.is_empty() || found < best.0 {
                best = (found, point);
            }
        }
    }
    best.1
}

/// The inverse of the curvature, round the outer product of the scores.
fn covariance(point: &[f64], kind: GarchKind, returns: &[f64], start: f64) -> Option<DMatrix<f64>> {
    let k = point.len();
    // Second differences need a longer step than first ones.
    let steps: Vec<f64> = point.iter().map(|x| 20.0 * difference(*x)).collect();
    let at = |moves: &[(usize, f64)]| {
        let mut moved = point.to_vec();
        for (i, by) in moves {
            moved[*i] += by * steps[*i];
        }
        parameters(&moved, kind)
    };
    let densities =
        |moves: &[(usize, f64)]| at(moves).log_densities(returns, start).collect::<Vec<_>>();
    let total = |moves: &[(usize, f64)]| at(moves).log_likelihood(returns, start);
    let scores: Vec<Vec<f64>> = (0..k)
        .map(|i| {
            let (above, below) = (densities(&[(i, 1.0)]), densities(&[(i, -1.0)]));
            above.iter().zip(below).map(|(a, b)| (a - b) / (2.0 * steps[i])).collect()
        })
        .collect();
    let outer = DMatrix::from_fn(k, k, |i, j| {
        scores[i].iter().zip(&scores[j]).map(|(a, b)| a * b).sum::<f64>()
    });
    let curvature = DMatrix::from_fn(k, k, |i, j| {
        let corner = |a: f64, b: f64| total(&[(i, a), (j, b)]);
        -(corner(1.0, 1.0) - corner(1.0, -1.0) - corner(-1.0, 1.0) + corner(-1.0, -1.0))
            / (4.0 * steps[i] * steps[j])
    });
    let inverse = curvature.cholesky()?.inverse();
    let robust = &inverse * outer * &inverse;
    robust.iter().all(|value| value.is_finite()).then_some(robust)
}
