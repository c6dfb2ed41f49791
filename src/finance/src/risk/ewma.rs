//! Exponentially weighted variance (RiskMetrics 1996).

/// Squares that a start is made of.
pub const DAYS_OF_BACKCAST: usize = 75;
const BACKCAST_DECAY: f64 = 0.94;

/// The variance with which a recursion begins: the first 75 squares, the earlier the heavier, by 0.94 a
/// step, as the package arch has it. 0 of nothing.
pub fn backcast(residuals: &[f64]) -> f64 {
    let (mut weight, mut weights, mut sum) = (1.0, 0.0, 0.0);
    for residual in residuals.iter().take(DAYS_OF_BACKCAST) {
        sum += weight * residual * residual;
        weights += weight;
        weight *= BACKCAST_DECAY;
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// `v[t + 1] = decay v[t] + (1 - decay) r[t]^2` from `v[0] = start`: one more than there are returns, the last
/// of which is the forecast.
pub fn ewma(returns: &[f64], decay: f64, start: f64) -> Vec<f64> {
    let mut variances = Vec::with_capacity(returns.len() + 1);
    let mut variance = start;
    variances.push(variance);
    for value in returns {
        variance = decay * variance + (1.0 - decay) * value * value;
        variances.push(variance);
    }
    variances
}
