//! Expected returns out of past ones.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::History;

/// How expected returns are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeanMethod {
    /// The mean of the sample: noise, for the most part, unless the history is very long.
    Sample,
    /// The sample's means, moved towards the mean of all of them, the further the less they differ from it for
    /// their noise (an estimator of the kind of James and Stein; Jorion 1986, Bayes-Stein).
    Shrunk,
    /// None is known.
    Zero,
}

/// Expected returns per period. `covariance` is that of the same history.
pub fn means(history: &History, covariance: &DMatrix<f64>, method: MeanMethod) -> Vec<f64> {
    let sample: Vec<f64> = history.matrix().column_iter().map(|column| column.mean()).collect();
    match method {
        MeanMethod::Sample => sample,
        MeanMethod::Zero => vec![0.0; sample.len()],
        MeanMethod::Shrunk => {
            let count = sample.len() as f64;
            let centre = sample.iter().sum::<f64>() / count;
            let away =
                DVector::from_iterator(sample.len(), sample.iter().map(|mean| mean - centre));
            let distance = away.dot(&solved(covariance, &away));
            let pull = (count + 2.0) / (history.periods() as f64 * distance + count + 2.0);
            sample.iter().map(|mean| (1.0 - pull) * mean + pull * centre).collect()
        }
    }
}

/// S^-1 v; where fewer dates than assets leave no inverse, by what there is of one.
fn solved(covariance: &DMatrix<f64>, vector: &DVector<f64>) -> DVector<f64> {
    if let Some(factor) = covariance.clone().cholesky() {
        return factor.solve(vector);
    }
    let eigen = covariance.clone().symmetric_eigen();
    let least = eigen.eigenvalues.amax() * 1e-12;
    let mut turned = eigen.eigenvectors.tr_mul(vector);
    for (value, by) in turned.iter_mut().zip(eigen.eigenvalues.iter()) {
        *value = if *by > least { *value / by } else { 0.0 };
    }
    eigen.eigenvectors * turned
}
