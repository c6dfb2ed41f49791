//! The minimum of a smooth function of a few variables: BFGS (Nocedal and Wright 2006, chapter 6), with
//! differences for gradients.

use nalgebra::{DMatrix, DVector};

const STEPS: usize = 200;
/// Of a difference quotient, relative to its variable.
const DIFFERENCE: f64 = 1e-5;
/// A step that gains less ends the search once a fresh start gains no more either.
const GAIN: f64 = 1e-11;
const SUFFICIENT: f64 = 1e-4;
const HALVINGS: usize = 40;

/// Where a search ended.
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    pub(super) value: f64,
    /// Whether nothing was left to gain before the steps ran out.
    pub(super) has_converged: bool,
}

/// The step of a difference quotient at a value.
pub(super) fn difference(value: f64) -> f64 {
    DIFFERENCE * value.abs().max(1.0)
}

fn gradient(of: &mut impl FnMut(&[f64]) -> f64, at: &DVector<f64>) -> DVector<f64> {
    let mut point: Vec<f64> = at.iter().copied().collect();
    DVector::from_fn(at.len(), |i, _| {
        let (x, step) = (point[i], difference(point[i]));
        point[i] = x + step;
        let above = of(&point);
        point[i] = x - step;
        let below = of(&point);
        point[i] = x;
        (above - below) / (2.0 * step)
    })
}

/// Goes down from a point at which `of` is finite; what is not finite is never entered.
pub(super) fn minimise(mut of: impl FnMut(&[f64]) -> f64, start: &[f64]) -> Minimum {
    let mut at = DVector::from_column_slice(start);
    let mut value = of(start);
    let mut slope = gradient(&mut of, &at);
    let identity = DMatrix::identity(start.len(), start.len());
    let mut inverse = identity.clone();
    let (mut is_fresh, mut has_converged) = (true, false);
    for _ in 0..STEPS {
        let mut direction = -(&inverse * &slope);
        let mut descent = direction.dot(&slope);
        if !descent.is_finite() || descent >= 0.0 {
            inverse = identity.clone();
            direction = -slope.clone();
            descent = direction.dot(&slope);
            is_fresh = true;
        }
        let mut length = if is_fresh { (1.0 / direction.norm()).min(1.0) } else { 1.0 };
        let mut found = None;
        for _ in 0..HALVINGS {
            let there = &at + &direction * length;
            let reached = of(there.as_slice());
            if reached.is_finite() && reached <= value + SUFFICIENT * length * descent {
                found = Some((there, reached));
                break;
            }
            length *= 0.5;
        }
        let gain = found.as_ref().map_or(0.0, |(_, reached)| value - reached);
        if let Some((there, reached)) = found {
            let next = gradient(&mut of, &there);
            update(&mut inverse, &(&there - &at), &(&next - &slope), is_fresh);
            (at, value, slope) = (there, reached, next);
        }
        if gain > GAIN * value.abs().max(1.0) {
            is_fresh = false;
        } else if is_fresh {
            has_converged = slope.iter().all(|part| part.is_finite());
            break;
        } else {
            // Once more along the gradient itself, lest a bad approximation end the search.
            inverse = identity.clone();
            is_fresh = true;
        }
    }
    Minimum { point: at.iter().copied().collect(), value, has_converged }
}

/// Learns the curvature along a step.
fn update(inverse: &mut DMatrix<f64>, step: &DVector<f64>, turn: &DVector<f64>, is_fresh: bool) {
    let along = step.dot(turn);
    if !along.is_finite() || along <= 1e-14 {
        return;
    }
    let n = step.len();
    if is_fresh {
        *inverse = DMatrix::identity(n, n) * (along / turn.dot(turn));
    }
    let identity = DMatrix::<f64>::identity(n, n);
    let left = &identity - step * turn.transpose() / along;
    *inverse = &left * &*inverse * left.transpose() + step * step.transpose() / along;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let valley = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimise(valley, &[-1.2, 1.0]);
        assert!(found.has_converged && found.value < 1e-8, "{}", found.value);
        assert!(found.point.iter().all(|x| (x - 1.0).abs() < 1e-3), "{:?}", found.point);
    }

    #[test]
    fn what_is_not_defined_is_not_entered() {
        let found = minimise(|x| x[0] - x[0].ln(), &[5.0]);
        assert!((found.point[0] - 1.0).abs() < 1e-4);
    }
}
