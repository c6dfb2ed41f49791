//! How well answers come true, by any of the metrics of a task.

use crate::domain::analysis::AnalysisMetric;
use crate::domain::model::Task;
use crate::domain::version::Signature;
use crate::engine::features::FittedFeatures;
use crate::engine::train::{Held, Truth};
use crate::error::{Error, Result};
use crate::stats;

/// What answers are held against.
pub(super) enum Measured<'a> {
    Binary {
        truth: Vec<bool>,
        threshold: f64,
        classes: [String; 2],
        positive: usize,
    },
    Multiclass {
        truth: &'a [usize],
        classes: &'a [String],
    },
    Regression(&'a [f64]),
    /// Scaled numbers, each answered by so many levels, of which one is the point.
    Forecast {
        truth: Vec<f64>,
        levels: usize,
        median: usize,
    },
}

impl<'a> Measured<'a> {
    pub(super) fn new(
        signature: &'a Signature,
        features: &FittedFeatures,
        held: &'a Held,
    ) -> Result<Self> {
        let missing = || Error::internal("measuring answers", "the rows have no truth");
        match (signature.task, held.truth.as_ref().ok_or_else(missing)?) {
            (Task::Binary, Truth::Classes(truth)) => {
                let [first, second] = signature.classes.as_slice() else { return Err(missing()) };
                let positive = signature.positive_class.as_ref();
                let positive = positive
                    .and_then(|positive| signature.classes.iter().position(|c| c == positive))
                    .unwrap_or(1);
                Ok(Self::Binary {
                    truth: truth.iter().map(|class| *class == positive).collect(),
                    threshold: signature.threshold.unwrap_or(0.5),
                    classes: [first.clone(), second.clone()],
                    positive,
                })
            }
            (Task::Multiclass, Truth::Classes(truth)) => {
                Ok(Self::Multiclass { truth, classes: &signature.classes })
            }
            (Task::Regression, Truth::Numbers(truth)) => Ok(Self::Regression(truth)),
            (Task::Forecast, Truth::Series) => {
                let ahead = features.layout().sequence().2.ok_or_else(missing)?;
                let truth = held.ahead.as_ref().ok_or_else(missing)?;
                let truth = truth.data.iter().map(|y| f64::from(*y)).collect();
                Ok(Self::Forecast { truth, levels: ahead.levels, median: ahead.median })
            }
            _ => Err(missing()),
        }
    }

    /// The metric of answers, as [`super::Work::answered`] gives them; none where it is not defined for
    /// the rows.
    ///
    /// # Errors
    /// [`Error::Internal`] for answers to other rows.
    pub(super) fn value(&self, metric: AnalysisMetric, answers: &[f64]) -> Result<Option<f64>> {
        use AnalysisMetric as M;
        Ok(match self {
            Self::Binary { truth, threshold, classes, positive } => {
                let scores: Vec<f64> = answers.iter().skip(*positive).step_by(2).copied().collect();
                let found = stats::binary_metrics(&scores, truth, *threshold, classes, *positive)?;
                match metric {
                    M::LogLoss => Some(found.log_loss),
                    M::Auc => found.auc,
                    M::PrAuc => found.pr_auc,
                    M::Brier => Some(found.brier),
                    M::Ks => found.ks,
                    M::Gini => found.gini,
                    M::Accuracy => Some(found.accuracy),
                    M::MacroF1 => found.macro_f1,
                    M::R2 | M::Rmse | M::Mae | M::Mse => None,
                }
            }
            Self::Multiclass { truth, classes } => {
                let found = stats::multiclass_metrics(answers, classes, truth)?;
                match metric {
                    M::LogLoss => Some(found.log_loss),
                    M::Auc => found.auc,
                    M::Brier => Some(found.brier),
                    M::Accuracy => Some(found.accuracy),
                    M::MacroF1 => Some(found.macro_f1),
                    M::PrAuc | M::Ks | M::Gini | M::R2 | M::Rmse | M::Mae | M::Mse => None,
                }
            }
            Self::Regression(truth) => of_numbers(metric, answers, truth)?,
            Self::Forecast { truth, levels, median } => {
                let points: Vec<f64> =
                    answers.iter().skip(*median).step_by(*levels).copied().collect();
                of_numbers(metric, &points, truth)?
            }
        })
    }
}

fn of_numbers(metric: AnalysisMetric, answers: &[f64], truth: &[f64]) -> Result<Option<f64>> {
    let found = stats::regression_metrics(answers, truth)?;
    Ok(match metric {
        AnalysisMetric::Rmse => Some(found.rmse),
        AnalysisMetric::Mse => Some(found.rmse * found.rmse),
        AnalysisMetric::Mae => Some(found.mae),
        AnalysisMetric::R2 => found.r2,
        _ => None,
    })
}
