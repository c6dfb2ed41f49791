//! Moments and quantiles.

/// Arithmetic mean; `None` for no values or a mean that is not finite.
pub fn mean(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    mean.is_finite().then_some(mean)
}

/// Unbiased sample variance (divisor n - 1); `None` below two values or if it is not finite.
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let variance = squares / (values.len() as f64 - 1.0);
    variance.is_finite().then_some(variance)
}

/// Square root of [`variance`].
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// Pearson's correlation of pairs; `None` where one of the two does not vary or the lengths differ.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let products: f64 = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
    let deviations = standard_deviation(a)? * standard_deviation(b)?;
    let r = products / (deviations * (a.len() as f64 - 1.0));
    r.is_finite().then_some(r)
}

/// The `p`-quantile by linear interpolation between order statistics (type 7 of Hyndman and
/// Fan 1996, the default of NumPy and R).
///
/// `None` for no values, a value that is not finite, or `p` outside [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    quantiles(values, &[p])?.pop()
}

/// Several quantiles for one sort; see [`quantile`].
pub fn quantiles(values: &[f64], ps: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    ps.iter().map(|&p| interpolate(&sorted, p)).collect()
}

fn interpolate(sorted: &[f64], p: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&p) {
        return None;
    }
    let position = p * sorted.len().checked_sub(1)? as f64;
    let below = position.floor();
    let fraction = position - below;
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get(position.ceil() as usize)?;
    // The weighted form can't overflow; clamping keeps it exact where both values are equal.
    Some((low * (1.0 - fraction) + high * fraction).clamp(low, high))
}
