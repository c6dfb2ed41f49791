//! Logistic regression on one logit: Platt's calibrator, and the slope and intercept that show
//! how well a model is calibrated.

use super::{class_counts, sigmoid};
use crate::domain::calibration::{CalibrationLine, Calibrator, PlattScaling};

/// By what the diagonal of the Hessian is raised, and where steps end (Lin, Lin and Weng 2007).
const RIDGE: f64 = 1.0 + 1e-12;
const SHORTEST_STEP: f64 = 1e-10;
const MAX_STEPS: usize = 100;

/// How much loss per row a step may still promise where the fit has arrived, and how much more
/// means that it has failed. The promise does not depend on the unit of the logits.
const ARRIVED: f64 = 1e-26;
const FAILED: f64 = 1e-12;

/// How far rounding may take the loss, as a share of it.
const NOISE: f64 = 1e-13;

/// Halving ends at this width, relative to the value where it is above 1.
const NARROWEST: f64 = 1e-15;

/// Platt's calibrator: logistic regression of the targets (P + 1) / (P + 2) for the P positive rows
/// and 1 / (N + 2) for the N negative ones on the logit, by Newton's method with backtracking (Lin,
/// Lin and Weng 2007).
///
/// The slope is above 0, so that rows keep their order: `None` where the logits point the wrong way, or
/// nowhere, since all rows would get one probability. `None` too if a class is missing, a logit is not
/// finite or of a size that the fit overflows at, or the lengths differ.
pub fn fit_platt(logits: &[f64], truth: &[bool]) -> Option<Calibrator> {
    let (positives, negatives) = class_counts(logits, truth)?;
    let (positives, negatives) = (positives as f64, negatives as f64);
    let high = (positives + 1.0) / (positives + 2.0);
    let low = 1.0 / (negatives + 2.0);
    let targets: Vec<f64> = truth.iter().map(|t| if *t { high } else { low }).collect();
    let (slope, intercept) = regress(logits, &targets)?;
    (slope > 0.0).then_some(Calibrator::Platt(PlattScaling { slope, intercept }))
}

/// Slope and intercepts of the logistic regression of the truth on the logit, by maximum
/// likelihood.
///
/// `None` where the likelihood has no maximum (one logit for all, or a logit that all rows of one
/// class are at or above and all rows of the other at or below), if a class is missing, a logit is
/// not finite or of a size that the fit overflows at, or the lengths differ.
pub fn calibration_line(logits: &[f64], truth: &[bool]) -> Option<CalibrationLine> {
    class_counts(logits, truth)?;
    let range = |class: bool| {
        let of_class = logits.iter().zip(truth).filter(|row| *row.1 == class).map(|row| *row.0);
        of_class
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)))
    };
    let (negatives, positives) = (range(false), range(true));
    if negatives.1 <= positives.0 || positives.1 <= negatives.0 {
        return None;
    }
    let targets: Vec<f64> = truth.iter().map(|t| f64::from(u8::from(*t))).collect();
    let (slope, intercept) = regress(logits, &targets)?;
    let in_the_large = shift(logits, &targets)?;
    Some(CalibrationLine { slope, intercept, in_the_large })
}

/// Loss of a line at standardised logits, per row, with Newton's step from there and the loss that
/// the step promises to take off.
struct Point {
    loss: f64,
    step: [f64; 2],
    promise: f64,
}

impl Point {
    fn new(x: &[f64], targets: &[f64], slope: f64, intercept: f64) -> Self {
        let (mut loss, mut gradient, mut hessian) = (0.0, [0.0; 2], [0.0; 3]);
        let n = x.len() as f64;
        for (x, target) in x.iter().zip(targets) {
            let z = slope * x + intercept;
            // The logarithm of 1 + exp(z), less target * z, without overflow.
            loss += ((-z.abs()).exp().ln_1p() + z.max(0.0) - target * z) / n;
            let (positive, negative) = (sigmoid(z), sigmoid(-z));
            // By the lesser of the two, or a probability near 1 loses its digits.
            let error = if z > 0.0 { (1.0 - target) - negative } else { positive - target } / n;
            let weight = positive * negative / n;
            gradient[0] += x * error;
            gradient[1] += error;
            hessian[0] += weight * x * x;
            hessian[1] += weight * x;
            hessian[2] += weight;
        }
        let ([g, h], [a, b, c]) = (gradient, [hessian[0] * RIDGE, hessian[1], hessian[2] * RIDGE]);
        let determinant = a * c - b * b;
        let step = [(b * h - c * g) / determinant, (b * g - a * h) / determinant];
        Self { loss, step, promise: -(g * step[0] + h * step[1]) }
    }
}

/// Slope and intercept of the logistic regression of `targets` in [0, 1], whose mean is neither 0
/// nor 1; `None` where it does not arrive.
fn regress(logits: &[f64], targets: &[f64]) -> Option<(f64, f64)> {
    let n = logits.len() as f64;
    let share = targets.iter().sum::<f64>() / n;
    let odds = (share / (1.0 - share)).ln();
    if logits.iter().all(|z| *z == logits[0]) {
        return Some((0.0, odds));
    }
    // About their mean and by their size, so that the Hessian stays well conditioned.
    let centre: f64 = logits.iter().map(|z| z / n).sum();
    let scale = logits.iter().fold(0.0_f64, |size, z| size.max((z - centre).abs()));
    let x: Vec<f64> = logits.iter().map(|z| (z - centre) / scale).collect();

    let (mut slope, mut intercept) = (0.0, odds);
    let mut point = Point::new(&x, targets, slope, intercept);
    for _ in 0..MAX_STEPS {
        if point.promise <= ARRIVED {
            break;
        }
        let Some((length, next)) = shorten(&x, targets, (slope, intercept), &point) else {
            break;
        };
        slope += length * point.step[0];
        intercept += length * point.step[1];
        point = next;
    }
    let (slope, intercept) = (slope / scale, intercept - slope / scale * centre);
    let is_fit = point.promise <= FAILED && slope.is_finite() && intercept.is_finite();
    is_fit.then_some((slope, intercept))
}

/// The longest of the step's halves, quarters and so on that takes enough off the loss.
fn shorten(x: &[f64], targets: &[f64], at: (f64, f64), point: &Point) -> Option<(f64, Point)> {
    // Below this, the loss only shows rounding, and a lesser promise has to tell the way forward.
    let noise = NOISE * point.loss.abs();
    let mut length = 1.0;
    while length >= SHORTEST_STEP {
        let next =
            Point::new(x, targets, at.0 + length * point.step[0], at.1 + length * point.step[1]);
        let is_lower = next.loss <= point.loss - 1e-4 * length * point.promise;
        let is_nearer = next.loss <= point.loss + noise && next.promise < point.promise;
        if is_lower && next.loss < point.loss - noise || is_nearer {
            return Some((length, next));
        }
        length /= 2.0;
    }
    None
}

/// The intercept for which the mean of sigmoid(logit + intercept) is that of the targets.
fn shift(logits: &[f64], targets: &[f64]) -> Option<f64> {
    let events: f64 = targets.iter().sum();
    let odds = (events / (targets.len() as f64 - events)).ln();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for z in logits {
        low = low.min(odds - z);
        high = high.max(odds - z);
    }
    // It lies between those that suit the greatest and the least logit alone.
    while high - low > NARROWEST * low.abs().max(high.abs()).max(1.0) {
        let middle = low / 2.0 + high / 2.0;
        if !(low < middle && middle < high) {
            break;
        }
        let expected: f64 = logits.iter().map(|z| sigmoid(z + middle)).sum();
        if expected < events {
            low = middle;
        } else {
            high = middle;
        }
    }
    let middle = low / 2.0 + high / 2.0;
    middle.is_finite().then_some(middle)
}
