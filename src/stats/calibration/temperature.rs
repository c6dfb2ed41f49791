//! Temperature scaling: one factor for all logits.

use super::{class_counts, sigmoid};
use crate::domain::calibration::{Calibrator, TemperatureScaling};

/// Bounds of the temperature: logits of separable classes have no best one.
const COLDEST: f64 = 0.05;
const HOTTEST: f64 = 20.0;

/// More steps than halving alone takes from bound to bound.
const MAX_STEPS: usize = 200;

/// The temperature in [0.05, 20] that minimises the log-loss of sigmoid(logit / temperature) (Guo
/// et al. 2017); 1 where all temperatures are equally good.
///
/// `None` if a class is missing, a logit is not finite, or the lengths differ.
pub fn fit_temperature(logits: &[f64], truth: &[bool]) -> Option<Calibrator> {
    class_counts(logits, truth)?;
    let scale = greatest_size(logits);
    let rows: Vec<(f64, bool)> =
        logits.iter().map(|z| z / scale).zip(truth.iter().copied()).collect();
    let temperature = best_temperature(|steepness| {
        let factor = (steepness * scale).min(f64::MAX);
        let (mut slope, mut curvature) = (0.0, 0.0);
        for (z, positive) in &rows {
            let (right, wrong) = (sigmoid(factor * z), sigmoid(-factor * z));
            slope += z * if *positive { -wrong } else { right };
            curvature += z * z * right * wrong;
        }
        (slope, curvature * scale)
    });
    Some(Calibrator::Temperature(TemperatureScaling { temperature }))
}

/// The temperature in [0.05, 20] that minimises the log-loss of softmax(logits / temperature); 1
/// where all temperatures are equally good.
///
/// `logits` is row-major, rows x `classes`; `truth` holds each row's class. `None` below two
/// classes or unless two are seen, for a logit that is not finite, lengths that don't fit, or a
/// class out of range.
pub fn fit_temperature_multiclass(
    logits: &[f64],
    classes: usize,
    truth: &[usize],
) -> Option<Calibrator> {
    let first = *truth.first()?;
    let fits = truth.len().checked_mul(classes) == Some(logits.len())
        && truth.iter().all(|class| *class < classes)
        && logits.iter().all(|z| z.is_finite());
    if !fits || truth.iter().all(|class| *class == first) {
        return None;
    }
    let scale = greatest_size(logits);
    let mut distances: Vec<f64> = logits.iter().map(|z| z / scale).collect();
    for row in distances.chunks_exact_mut(classes) {
        let greatest = row.iter().copied().fold(f64::MIN, f64::max);
        row.iter_mut().for_each(|z| *z -= greatest);
    }
    let temperature = best_temperature(|steepness| {
        let factor = (steepness * scale).min(f64::MAX);
        let (mut slope, mut curvature) = (0.0, 0.0);
        for (row, class) in distances.chunks_exact(classes).zip(truth) {
            let (mean, variance) = moments(row, factor);
            slope += mean - row[*class];
            curvature += variance;
        }
        (slope, curvature * scale)
    });
    Some(Calibrator::Temperature(TemperatureScaling { temperature }))
}

/// Mean and variance of a row's logits under their own softmax; the greatest of them is 0.
fn moments(row: &[f64], factor: f64) -> (f64, f64) {
    let (mut weights, mut mean) = (0.0, 0.0);
    for z in row {
        let weight = (factor * z).exp();
        weights += weight;
        mean += weight * z;
    }
    mean /= weights;
    let squares: f64 = row.iter().map(|z| (factor * z).exp() * (z - mean).powi(2)).sum();
    (mean, squares / weights)
}

/// What logits are divided by so that no sum of them overflows.
fn greatest_size(logits: &[f64]) -> f64 {
    let greatest = logits.iter().fold(0.0_f64, |size, z| size.max(z.abs()));
    if greatest > 0.0 { greatest } else { 1.0 }
}

/// Minimises a convex function of 1 / temperature, given by its first two derivatives (up to a
/// common factor): Newton's method, with halving where a step leaves the bracket or closes in too
/// slowly.
fn best_temperature(derivatives: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut low, mut high) = (1.0 / HOTTEST, 1.0 / COLDEST);
    let (mut slope, mut curvature) = derivatives(1.0);
    if slope == 0.0 {
        return 1.0;
    }
    if derivatives(low).0 >= 0.0 {
        return HOTTEST;
    }
    if derivatives(high).0 <= 0.0 {
        return COLDEST;
    }
    let (mut at, mut last) = (1.0, high - low);
    for _ in 0..MAX_STEPS {
        if slope > 0.0 {
            high = at;
        } else {
            low = at;
        }
        let mut step = -slope / curvature;
        // A step of 0 is one of an overflow: the slope is not 0.
        let is_inside = step != 0.0 && low < at + step && at + step < high;
        if !(is_inside && step.abs() < last / 2.0) {
            step = low + (high - low) / 2.0 - at;
        }
        at += step;
        last = step.abs();
        if last <= 1e-15 * at {
            break;
        }
        (slope, curvature) = derivatives(at);
        if slope == 0.0 {
            break;
        }
    }
    1.0 / at
}
