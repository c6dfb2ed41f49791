//! Metrics and the threshold, from what a model answers.

use super::fit::Part;
use super::target::Truth;
use crate::domain::calibration::{
    CalibrationChoice, CalibrationSpec, Calibrator, CalibratorKind, IsotonicRegression,
};
use crate::domain::model::Task;
use crate::domain::threshold::{ThresholdCost, ThresholdSpec};
use crate::domain::training::Monitor;
use crate::domain::version::Metrics;
use crate::error::{Error, Result};
use crate::stats;

/// Folds in which ways to calibrate are compared.
const CALIBRATION_FOLDS: usize = 5;
const NO_THRESHOLD: &str = "the validation rows set no threshold; it is 0.5";

/// The validation metric of an epoch: AUC, accuracy or R2; none where it is not defined.
/// `logits` is `[rows, outputs]` for the rows of `part`.
pub(super) fn main_metric(
    task: Task,
    positive: Option<usize>,
    logits: &[f64],
    part: &Part,
) -> Option<f64> {
    match (task, &part.truth) {
        (Task::Binary, Truth::Classes(classes)) => {
            stats::auc(logits, &is_positive(classes, positive?))
        }
        (Task::Multiclass, Truth::Classes(classes)) => {
            let width = logits.len().checked_div(classes.len())?;
            let right = logits.chunks_exact(width.max(1)).zip(classes).filter(|(row, class)| {
                let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter().position(|z| *z == greatest) == Some(**class)
            });
            Some(right.count() as f64 / classes.len() as f64)
        }
        // R2 does not depend on the scale that the logits are in.
        (Task::Regression, _) => {
            let truth: Vec<f64> = part.targets.data.iter().map(|y| f64::from(*y)).collect();
            stats::regression_metrics(logits, &truth).ok()?.r2
        }
        _ => None,
    }
}

/// A figure of the validation rows, the higher the better; none where it is not defined.
pub(super) fn monitored(
    monitor: Monitor,
    task: Task,
    positive: Option<usize>,
    logits: &[f64],
    part: &Part,
) -> Option<f64> {
    match (monitor, task, &part.truth) {
        (Monitor::Auc, Task::Binary, _)
        | (Monitor::Accuracy, Task::Multiclass, _)
        | (Monitor::R2, Task::Regression, _) => main_metric(task, positive, logits, part),
        (Monitor::Accuracy, Task::Binary, Truth::Classes(classes)) => {
            let truth = is_positive(classes, positive?);
            let right = logits.iter().zip(&truth).filter(|(z, truth)| (**z > 0.0) == **truth);
            Some(right.count() as f64 / truth.len().max(1) as f64)
        }
        (Monitor::MacroF1, Task::Multiclass, Truth::Classes(classes)) => {
            Some(macro_f1(logits, classes, part.targets.width))
        }
        (Monitor::MacroF1, Task::Binary, Truth::Classes(classes)) => {
            // As two logits, of which the negative class's is 0.
            let logits: Vec<f64> = logits.iter().flat_map(|z| [0.0, *z]).collect();
            let truth = is_positive(classes, positive?);
            let classes: Vec<usize> = truth.iter().map(|truth| usize::from(*truth)).collect();
            Some(macro_f1(&logits, &classes, 2))
        }
        _ => None,
    }
}

/// Unweighted mean of the F1 of the classes at the greatest logit.
fn macro_f1(logits: &[f64], classes: &[usize], width: usize) -> f64 {
    let mut counts = vec![[0.0_f64; 3]; width];
    for (row, &class) in logits.chunks_exact(width.max(1)).zip(classes) {
        let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let said = row.iter().position(|z| *z == greatest).unwrap_or(0);
        counts[said][0] += 1.0;
        counts[class][1] += 1.0;
        counts[class][2] += f64::from(u8::from(said == class));
    }
    let f1 = |[said, there, right]: &[f64; 3]| 2.0 * right / (said + there).max(1.0);
    counts.iter().map(f1).sum::<f64>() / width.max(1) as f64
}

/// Whether each row is of the positive class.
pub(super) fn is_positive(classes: &[usize], positive: usize) -> Vec<bool> {
    classes.iter().map(|class| *class == positive).collect()
}

/// The threshold on the validation rows' scores, with a warning where the data gave none.
pub(super) fn threshold(
    spec: &ThresholdSpec,
    scores: &[f64],
    truth: &[bool],
) -> (f64, Option<String>) {
    match spec {
        ThresholdSpec::Value(threshold) => (threshold.value, None),
        ThresholdSpec::Cost(costs) => {
            let ThresholdCost { false_positive, false_negative, true_positive, true_negative } =
                *costs;
            let all = [false_positive, false_negative, true_positive, true_negative];
            // Divided by the greatest one first, so that huge costs don't overflow.
            let greatest = all.iter().fold(0.0_f64, |greatest, cost| greatest.max(cost.abs()));
            let [false_positive, false_negative, true_positive, true_negative] =
                all.map(|cost| cost / greatest);
            let costs =
                stats::Costs { false_positive, false_negative, true_positive, true_negative };
            stats::cost_threshold(&costs)
                .map_or_else(|| (0.5, Some(NO_THRESHOLD.into())), |threshold| (threshold, None))
        }
        ThresholdSpec::Recall(wanted) => {
            found(stats::threshold_by_recall(scores, truth, wanted.at_least))
        }
        ThresholdSpec::Precision(wanted) => {
            match stats::threshold_by_precision(scores, truth, wanted.at_least) {
                None if truth.contains(&true) => (0.5, Some(never_so_precise(wanted.at_least))),
                operating => found(operating),
            }
        }
        ThresholdSpec::FBeta(wanted) => {
            found(stats::threshold_by_f_beta(scores, truth, wanted.beta))
        }
        ThresholdSpec::Rate(wanted) => {
            let operating = stats::threshold_by_rate(scores, truth, wanted.rate);
            let is_nobody = operating.is_some_and(|operating| operating.counts.rate() == Some(0.0));
            let (threshold, warning) = found(operating);
            let nobody = (is_nobody && wanted.rate > 0.0).then(|| {
                format!(
                    "no validation row is above the threshold: more than {} of them share the highest \
                     probability, and rows of one are never parted",
                    wanted.rate
                )
            });
            (threshold, warning.or(nobody))
        }
        ThresholdSpec::F1 => match stats::threshold_f1(scores, truth) {
            Some(threshold) => (threshold.clamp(0.0, 1.0), None),
            None => (0.5, Some(NO_THRESHOLD.into())),
        },
    }
}

fn never_so_precise(at_least: f64) -> String {
    format!(
        "no threshold has a precision of {at_least} on the validation rows; it is 0.5: ask for less, or \
         for a rate"
    )
}

/// A threshold that was looked for among the validation rows.
fn found(operating: Option<stats::Operating>) -> (f64, Option<String>) {
    match operating {
        // One that labels nobody may be just above 1.
        Some(operating) => (operating.threshold.max(0.0), None),
        None => (0.5, Some(NO_THRESHOLD.into())),
    }
}

/// What logits become.
pub(super) struct Calibrated {
    pub(super) choice: CalibrationChoice,
    /// None where the logistic function alone is best, or the softmax.
    pub(super) calibrator: Option<Calibrator>,
    /// Probabilities of the positive class; none of several classes.
    pub(super) scores: Vec<f64>,
    pub(super) warning: Option<String>,
}

/// Calibrates the logits of validation rows of two classes. Where a class is missing among them, or has
/// one row, they stay as they are.
pub(super) fn calibrated(
    spec: CalibrationSpec,
    logits: &[f64],
    truth: &[bool],
    seed: u64,
) -> Calibrated {
    let chosen = stats::choose_calibrator(logits, truth, CALIBRATION_FOLDS, seed);
    let fit = |kind| stats::fit_calibrator(kind, logits, truth);
    let mut calibrated = settled(spec, chosen, &fit);
    calibrated.calibrator = calibrated.calibrator.map(|calibrator| smoothed(calibrator, truth));
    let score = |logit: &f64| match &calibrated.calibrator {
        Some(calibrator) => calibrator.apply(*logit).unwrap_or(0.5),
        None => crate::engine::infer::sigmoid(*logit),
    };
    calibrated.scores = logits.iter().map(score).collect();
    calibrated
}

/// The same of several classes, `logits` `[rows, classes]`: where fewer than two are among the rows, they
/// stay as they are.
pub(super) fn calibrated_classes(
    spec: CalibrationSpec,
    logits: &[f64],
    classes: usize,
    truth: &[usize],
    seed: u64,
) -> Calibrated {
    let chosen =
        stats::choose_calibrator_multiclass(logits, classes, truth, CALIBRATION_FOLDS, seed);
    let fit = |kind| stats::fit_calibrator_multiclass(kind, logits, classes, truth);
    settled(spec, chosen, &fit)
}

/// What is asked for where it can be fitted, else what was chosen.
fn settled(
    spec: CalibrationSpec,
    chosen: Option<(CalibrationChoice, Option<Calibrator>)>,
    fit: &dyn Fn(CalibratorKind) -> Option<Calibrator>,
) -> Calibrated {
    let nothing = || CalibrationChoice { kind: CalibratorKind::None, candidates: Vec::new() };
    let (choice, calibrator) = chosen.unwrap_or_else(|| (nothing(), None));
    let (kind, calibrator) = match asked(spec) {
        None => (choice.kind, calibrator),
        Some(CalibratorKind::None) => (CalibratorKind::None, None),
        Some(kind) => match fit(kind) {
            Some(calibrator) => (kind, Some(calibrator)),
            None => (CalibratorKind::None, None),
        },
    };
    let warning = asked(spec).filter(|asked| *asked != kind).map(|_| {
        "the validation rows allow no calibration; the probabilities are as they were learnt".into()
    });
    let choice = CalibrationChoice { kind, ..choice };
    Calibrated { choice, calibrator, scores: Vec::new(), warning }
}

/// Isotonic regression ends in blocks of one class, which would be answered by 0 and by 1: as the targets
/// of Platt are, they are held as far from these as so many rows tell.
fn smoothed(calibrator: Calibrator, truth: &[bool]) -> Calibrator {
    let Calibrator::Isotonic(IsotonicRegression { scores, mut values }) = calibrator else {
        return calibrator;
    };
    let positives = truth.iter().filter(|truth| **truth).count() as f64;
    let negatives = truth.len() as f64 - positives;
    let (low, high) = (1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0));
    values.iter_mut().for_each(|value| *value = value.clamp(low, high));
    Calibrator::Isotonic(IsotonicRegression { scores, values })
}

fn asked(spec: CalibrationSpec) -> Option<CalibratorKind> {
    match spec {
        CalibrationSpec::Auto => None,
        CalibrationSpec::None => Some(CalibratorKind::None),
        CalibrationSpec::Temperature => Some(CalibratorKind::Temperature),
        CalibrationSpec::Platt => Some(CalibratorKind::Platt),
        CalibrationSpec::Isotonic => Some(CalibratorKind::Isotonic),
    }
}

/// Metrics of a part. `values` are what the model answers, as `Outputs::values`.
pub(super) fn metrics(
    task: Task,
    classes: &[String],
    positive: Option<usize>,
    threshold: Option<f64>,
    values: &[f64],
    truth: &Truth,
) -> Result<Metrics> {
    Ok(match (task, truth, classes) {
        (Task::Binary, Truth::Classes(truth), [first, second]) => {
            let positive = positive.unwrap_or(1);
            Metrics::Binary(stats::binary_metrics(
                &positive_scores(values, positive),
                &is_positive(truth, positive),
                threshold.unwrap_or(0.5),
                &[first.clone(), second.clone()],
                positive,
            )?)
        }
        (Task::Multiclass, Truth::Classes(truth), classes) => {
            Metrics::Multiclass(stats::multiclass_metrics(values, classes, truth)?)
        }
        (Task::Regression, Truth::Numbers(truth), _) => {
            Metrics::Regression(stats::regression_metrics(values, truth)?)
        }
        _ => return Err(Error::internal("computing metrics", "truth of another task")),
    })
}

/// The positive class's probabilities out of `[rows, 2]`.
pub(super) fn positive_scores(values: &[f64], positive: usize) -> Vec<f64> {
    values.iter().skip(positive).step_by(2).copied().collect()
}
