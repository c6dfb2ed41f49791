//! Ways to say how much a portfolio may lose, from one series of its returns.

use super::distributions::normal_quantile;
use super::ewma::{backcast, ewma};
use super::garch::{GarchFit, GarchKind, GarchParameters, fit};
use super::moments::Moments;
use super::precision::{Precision, bootstrap_error, gaussian_error};
use super::predictive::{Predictive, Shape, monotone_domain, tail_count};
use crate::{Fault, Result};

/// Fewer returns are refused by every method.
pub const LEAST_OBSERVATIONS: usize = 50;
/// With fewer observations in the tail a figure is hardly known.
const VAGUE: f64 = 10.0;

/// How a distribution of the next return is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The returns as they were, each as likely.
    Historical,
    /// Returns over their volatility at the time, times the volatility now (Hull and White 1998).
    FilteredHistorical,
    /// Normal, with the mean and deviation of the sample.
    Gaussian,
    /// The same, bent by skewness and kurtosis.
    CornishFisher,
    /// Normal around 0, with an exponentially weighted variance.
    Ewma,
    Garch,
    GarchStudent,
    GjrGarch,
}

/// What volatility returns are filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Ewma,
    Garch,
}

/// What the methods leave open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Of [`Method::Ewma`], in (0, 1).
    pub decay: f64,
    /// Of [`Method::FilteredHistorical`].
    pub filter: Filter,
    /// Periods, 1 at least.
    pub horizon: usize,
    /// Of what is drawn.
    pub seed: u64,
}

/// One level's figures, as fractions of the value; a loss is positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    pub level: f64,
    pub value_at_risk: f64,
    pub expected_shortfall: f64,
    /// Of the value at risk.
    pub precision: Precision,
}

/// What one method says.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessed {
    pub figures: Vec<Figure>,
    /// Names and values of what was estimated.
    pub parameters: Vec<(&'static str, f64)>,
    pub warnings: Vec<String>,
}

impl Method {
    /// The model of variance that it has to estimate.
    pub(super) fn garch(self, filter: Filter) -> Option<GarchKind> {
        match self {
            Self::Garch => Some(GarchKind::Normal),
            Self::GarchStudent => Some(GarchKind::Student),
            Self::GjrGarch => Some(GarchKind::Leverage),
            Self::FilteredHistorical if filter == Filter::Garch => Some(GarchKind::Normal),
            _ => None,
        }
    }
}

/// Estimates what a method has to estimate by iteration; None where there is nothing.
pub(super) fn estimated(
    returns: &[f64],
    method: Method,
    settings: &Settings,
) -> Result<Option<GarchFit>> {
    method.garch(settings.filter).map(|kind| fit(returns, kind)).transpose()
}

/// The distribution of the return over the horizon after the last of these returns.
pub(super) fn predictive(
    returns: &[f64],
    method: Method,
    settings: &Settings,
    garch: Option<&GarchParameters>,
) -> Result<Predictive> {
    let moments = moments(returns)?;
    let h = settings.horizon as f64;
    let iid =
        |shape| Predictive { place: moments.mean * h, scale: moments.deviation * h.sqrt(), shape };
    Ok(match (method, garch) {
        (Method::Historical, _) => {
            Predictive { place: 0.0, scale: h.sqrt(), shape: empirical(returns.to_vec()) }
        }
        (Method::Gaussian, _) => iid(Shape::Normal),
        (Method::CornishFisher, _) => {
            // Of a sum of independent returns; what holds for one holds for it.
            monotone_domain(moments.skewness, moments.excess_kurtosis)?;
            iid(Shape::CornishFisher {
                skewness: moments.skewness / h.sqrt(),
                excess_kurtosis: moments.excess_kurtosis / h,
            })
        }
        (Method::Ewma, _) => {
            let (variances, _) = filtered_by_ewma(returns, settings.decay)?;
            Predictive { place: 0.0, scale: (last(&variances) * h).sqrt(), shape: Shape::Normal }
        }
        (Method::FilteredHistorical, None) => {
            let (variances, residuals) = filtered_by_ewma(returns, settings.decay)?;
            let scale = (last(&variances) * h).sqrt();
            Predictive { place: 0.0, scale, shape: empirical(residuals) }
        }
        (_, Some(parameters)) => by_garch(returns, method, settings, parameters, &moments),
        (Method::Garch | Method::GarchStudent | Method::GjrGarch, None) => {
            return Err(Fault::new("", "the model of variance was not estimated"));
        }
    })
}

fn by_garch(
    returns: &[f64],
    method: Method,
    settings: &Settings,
    parameters: &GarchParameters,
    moments: &Moments,
) -> Predictive {
    let centred: Vec<f64> = returns.iter().map(|value| value - moments.mean).collect();
    let variances = parameters.variances(returns, backcast(&centred));
    let shape = match (method, parameters.nu) {
        (Method::FilteredHistorical, _) => {
            let pairs = returns.iter().zip(&variances);
            empirical(pairs.map(|(value, v)| (value - parameters.mu) / v.sqrt()).collect())
        }
        (_, Some(nu)) => Shape::Student(nu),
        (_, None) => Shape::Normal,
    };
    Predictive {
        place: parameters.mu * settings.horizon as f64,
        scale: parameters.variance_over(last(&variances), settings.horizon).sqrt(),
        shape,
    }
}

fn moments(returns: &[f64]) -> Result<Moments> {
    if returns.len() < LEAST_OBSERVATIONS {
        let detail = format!(
            "there are {} returns, and {LEAST_OBSERVATIONS} at least are needed: take a longer history",
            returns.len()
        );
        return Err(Fault::new("", detail));
    }
    let flat = "the returns are all the same: there is no risk to measure";
    Moments::of(returns).ok_or_else(|| Fault::new("", flat))
}

fn empirical(mut values: Vec<f64>) -> Shape {
    values.sort_by(f64::total_cmp);
    Shape::Empirical(values)
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(f64::NAN)
}

/// The variances, one more than returns, and the returns over their deviations.
fn filtered_by_ewma(returns: &[f64], decay: f64) -> Result<(Vec<f64>, Vec<f64>)> {
    let variances = ewma(returns, decay, backcast(returns));
    if variances.iter().any(|variance| *variance <= f64::MIN_POSITIVE) {
        let detail = "the returns begin with so many zeros that there is no variance to begin with";
        return Err(Fault::new("", detail));
    }
    let residuals = returns.iter().zip(&variances).map(|(r, v)| r / v.sqrt()).collect();
    Ok((variances, residuals))
}

/// What one method says of the return that follows these, at some levels in (0.5, 1).
///
/// Over several periods variances add up: those of a GARCH model step by step towards their mean; of the
/// others each is like the first, and the historical loss grows by the square root of time.
///
/// # Errors
/// A [`Fault`] for too few returns, for such as are all the same, and where the method does not apply.
pub fn assess(
    returns: &[f64],
    method: Method,
    levels: &[f64],
    settings: &Settings,
) -> Result<Assessed> {
    let garch = estimated(returns, method, settings)?;
    let parameters = garch.as_ref().map(|garch| &garch.parameters);
    let predictive = predictive(returns, method, settings, parameters)?;
    let moments = moments(returns)?;
    let mut warnings = Vec::new();
    let mut figures = Vec::new();
    for level in levels {
        let tail = tail_count(returns.len(), *level);
        if matches!(predictive.shape, Shape::Empirical(_)) {
            if tail < 1.0 {
                warnings.push(format!(
                    "{level} is left out: {} observations have none beyond it, and {} would be needed",
                    returns.len(),
                    needed(*level)
                ));
                continue;
            }
            if tail < VAGUE {
                warnings.push(format!("only {tail:.1} observations lie beyond {level}"));
            }
        }
        let value_at_risk = predictive.value_at_risk(*level);
        let estimation =
            Estimation { returns, method, settings, moments: &moments, garch: garch.as_ref() };
        let precision = estimation.precision(&predictive, *level, value_at_risk);
        if precision == Precision::default() {
            warnings.push(format!(
                "no interval can be given at {level}: {}",
                match garch {
                    Some(_) => "a parameter lies at its bound",
                    None => "too few observations lie beyond it",
                }
            ));
        }
        let expected_shortfall = predictive.expected_shortfall(*level);
        figures.push(Figure { level: *level, value_at_risk, expected_shortfall, precision });
    }
    if garch.as_ref().is_some_and(|garch| !garch.has_converged) {
        warnings.push("the search for the greatest likelihood ended before it converged".into());
    }
    let parameters = told(&predictive, method, settings, &moments, garch.as_ref());
    Ok(Assessed { figures, parameters, warnings })
}

/// How many observations it takes for one to lie beyond a level.
pub(super) fn needed(level: f64) -> f64 {
    // A level is no exact number: 1 - 0.9999 is a little less than 0.0001.
    (1.0 / (1.0 - level) - 1e-6).ceil()
}

/// What a figure was estimated of.
struct Estimation<'a> {
    returns: &'a [f64],
    method: Method,
    settings: &'a Settings,
    moments: &'a Moments,
    garch: Option<&'a GarchFit>,
}

impl Estimation<'_> {
    fn precision(&self, predictive: &Predictive, level: f64, figure: f64) -> Precision {
        let Self { returns, method, settings, moments, garch } = self;
        let h = settings.horizon as f64;
        let z = normal_quantile(1.0 - level);
        let error = match (method, garch) {
            (Method::Historical | Method::FilteredHistorical, _) => {
                return Precision::of_order_statistics(predictive, level);
            }
            (Method::Gaussian, _) => Some(gaussian_error(moments, returns.len(), z, h)),
            (Method::CornishFisher, _) => bootstrap_error(returns, settings.seed, |drawn| {
                let shape = Shape::CornishFisher {
                    skewness: drawn.skewness / h.sqrt(),
                    excess_kurtosis: drawn.excess_kurtosis / h,
                };
                let (place, scale) = (drawn.mean * h, drawn.deviation * h.sqrt());
                Predictive { place, scale, shape }.value_at_risk(level)
            }),
            (Method::Ewma, _) => filtered_by_ewma(returns, settings.decay)
                .ok()
                .and_then(|(_, residuals)| Moments::of(&residuals))
                .map(|shape| {
                    // Half the relative error of a mean of squares whose weights fade.
                    let weights = (1.0 - settings.decay) / (1.0 + settings.decay);
                    0.5 * figure.abs() * ((shape.excess_kurtosis + 2.0) * weights).sqrt()
                }),
            (_, Some(garch)) => garch.standard_error(returns, |parameters| {
                by_garch(returns, *method, settings, parameters, moments).value_at_risk(level)
            }),
            (_, None) => None,
        };
        Precision::around(figure, error)
    }
}

/// Names and values of what a method estimated.
fn told(
    predictive: &Predictive,
    method: Method,
    settings: &Settings,
    moments: &Moments,
    garch: Option<&GarchFit>,
) -> Vec<(&'static str, f64)> {
    let mut told = Vec::new();
    match method {
        Method::Historical => {}
        Method::Gaussian => told.extend([("mean", moments.mean), ("deviation", moments.deviation)]),
        Method::CornishFisher => told.extend([
            ("mean", moments.mean),
            ("deviation", moments.deviation),
            ("skewness", moments.skewness),
            ("excess_kurtosis", moments.excess_kurtosis),
        ]),
        _ => told.push(("volatility", predictive.scale)),
    }
    match garch {
        Some(garch) => {
            let GarchParameters { mu, omega, alpha, gamma, beta, nu } = garch.parameters;
            told.extend([("mu", mu), ("omega", omega), ("alpha", alpha), ("beta", beta)]);
            if method == Method::GjrGarch {
                told.push(("gamma", gamma));
            }
            told.extend(nu.map(|nu| ("nu", nu)));
            told.push(("log_likelihood", garch.log_likelihood));
        }
        None if matches!(method, Method::Ewma | Method::FilteredHistorical) => {
            told.push(("decay", settings.decay));
        }
        None => {}
    }
    told
}
