//! Metrics of predicted classes and their probabilities.

use super::ranking::Ranking;
use super::{
    Binning, Z_95, auc, brier_decomposition, calibration_line, reliability, require_probabilities,
    require_rows, top_label_reliability,
};
use crate::domain::calibration::{CalibrationMetrics, TopLabelMetrics};
use crate::domain::version::{BinaryMetrics, ClassMetrics, Interval, MulticlassMetrics};
use crate::error::{Code, Error, Result};

/// Probabilities are kept this far from 0 before their logarithm is taken.
const LOG_LOSS_FLOOR: f64 = 1e-15;

/// Metrics of a binary model.
///
/// `scores` are probabilities of the positive class, `truth` is true for rows of that class, which
/// is `classes[positive_index]`. A row is labelled positive where its score is at least
/// `threshold`. The confusion matrix and the per-class metrics follow the order of `classes`.
///
/// # Errors
/// No rows, a score outside [0, 1], lengths that differ, or a `positive_index` above 1.
pub fn binary_metrics(
    scores: &[f64],
    truth: &[bool],
    threshold: f64,
    classes: &[String; 2],
    positive_index: usize,
) -> Result<BinaryMetrics> {
    require_rows(scores.len(), truth.len())?;
    require_probabilities(scores)?;
    if positive_index > 1 {
        let found = format!("positive class {positive_index} of two");
        return Err(Error::internal("computing metrics", found));
    }
    let ranking = Ranking::new(scores, truth)
        .ok_or_else(|| Error::new(Code::InvalidData, "the scores can't be ranked"))?;

    let class_of = |positive: bool| if positive { positive_index } else { 1 - positive_index };
    let mut confusion = vec![vec![0; 2]; 2];
    let (mut log_loss, mut brier) = (0.0, 0.0);
    for (&score, &positive) in scores.iter().zip(truth) {
        confusion[class_of(positive)][class_of(score >= threshold)] += 1;
        let of_truth = if positive { score } else { 1.0 - score };
        log_loss += negative_log(of_truth);
        brier += (1.0 - of_truth).powi(2);
    }
    let n = scores.len() as f64;
    let auc = ranking.auc();
    let per_class = per_class(&confusion, classes);
    Ok(BinaryMetrics {
        n: scores.len() as u64,
        positives: ranking.positives,
        auc,
        auc_interval: ranking.auc_interval(),
        pr_auc: ranking.average_precision(),
        log_loss: log_loss / n,
        brier: brier / n,
        ks: ranking.kolmogorov_smirnov(),
        gini: auc.map(|auc| 2.0 * auc - 1.0),
        accuracy: correct(&confusion) as f64 / n,
        macro_f1: Some(macro_f1(&per_class)),
        calibration: calibration(scores, truth),
        threshold,
        per_class,
        confusion,
    })
}

/// How well scores of a binary model come true.
fn calibration(scores: &[f64], truth: &[bool]) -> Option<CalibrationMetrics> {
    let (bins, binning) = (Binning::BINS, Binning::Mass);
    let logit = |p: &f64| {
        let p = p.clamp(LOG_LOSS_FLOOR, 1.0 - LOG_LOSS_FLOOR);
        (p / (1.0 - p)).ln()
    };
    let logits: Vec<f64> = scores.iter().map(logit).collect();
    Some(CalibrationMetrics {
        reliability: reliability(scores, truth, bins, binning)?,
        brier: brier_decomposition(scores, truth, bins, binning)?,
        line: calibration_line(&logits, truth),
    })
}

/// Metrics of a model with several classes.
///
/// `probabilities` is row-major, rows x classes; `truth` holds indices into `classes`. The label
/// of a row is its most probable class, the first of equals.
///
/// # Errors
/// No rows or classes, a probability outside [0, 1], lengths that don't fit, or an index in
/// `truth` that is no class.
pub fn multiclass_metrics(
    probabilities: &[f64],
    classes: &[String],
    truth: &[usize],
) -> Result<MulticlassMetrics> {
    let width = classes.len();
    require_rows(probabilities.len(), truth.len() * width)?;
    require_probabilities(probabilities)?;
    if let Some(index) = truth.iter().find(|&&index| index >= width) {
        let found = format!("true class {index} of {width} classes");
        return Err(Error::internal("computing metrics", found));
    }

    let mut confusion = vec![vec![0; width]; width];
    let (mut log_loss, mut brier) = (0.0, 0.0);
    for (row, &class) in probabilities.chunks_exact(width).zip(truth) {
        confusion[class][most_probable(row)] += 1;
        log_loss += negative_log(row[class]);
        brier += row
            .iter()
            .enumerate()
            .map(|(index, p)| (p - f64::from(u8::from(index == class))).powi(2))
            .sum::<f64>();
    }
    let aucs: Vec<f64> = (0..width)
        .filter_map(|class| one_against_rest(probabilities, width, truth, class))
        .collect();
    let n = truth.len() as u64;
    let correct = correct(&confusion);
    let per_class = per_class(&confusion, classes);
    Ok(MulticlassMetrics {
        n,
        auc: super::mean(&aucs),
        log_loss: log_loss / n as f64,
        brier: brier / n as f64,
        accuracy: correct as f64 / n as f64,
        accuracy_interval: wilson(correct, n),
        macro_f1: macro_f1(&per_class),
        calibration: top_label_reliability(
            probabilities,
            width,
            truth,
            Binning::BINS,
            Binning::Mass,
        )
        .map(|reliability| TopLabelMetrics { reliability, before: None }),
        per_class,
        confusion,
    })
}

/// 95 % confidence interval of a share (Wilson 1927, without continuity correction); `None` for
/// no trials or more successes than trials.
pub fn wilson_interval(successes: u64, trials: u64) -> Option<Interval> {
    (trials > 0 && successes <= trials).then(|| wilson(successes, trials))
}

fn wilson(successes: u64, trials: u64) -> Interval {
    wilson_of_share(successes as f64 / trials as f64, trials)
}

/// The same of a share that need not be that of a whole number of successes.
pub(super) fn wilson_of_share(share: f64, trials: u64) -> Interval {
    let n = trials as f64;
    let z2 = Z_95 * Z_95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half_width =
        Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half_width).max(0.0), high: (centre + half_width).min(1.0) }
}

fn negative_log(probability: f64) -> f64 {
    -probability.clamp(LOG_LOSS_FLOOR, 1.0 - LOG_LOSS_FLOOR).ln()
}

fn most_probable(row: &[f64]) -> usize {
    let mut best = 0;
    for (index, p) in row.iter().enumerate() {
        if *p > row[best] {
            best = index;
        }
    }
    best
}

fn one_against_rest(
    probabilities: &[f64],
    width: usize,
    truth: &[usize],
    class: usize,
) -> Option<f64> {
    let scores: Vec<f64> = probabilities.chunks_exact(width).map(|row| row[class]).collect();
    let is_class: Vec<bool> = truth.iter().map(|&index| index == class).collect();
    auc(&scores, &is_class)
}

fn correct(confusion: &[Vec<u64>]) -> u64 {
    confusion.iter().enumerate().map(|(class, row)| row[class]).sum()
}

/// Unweighted mean of the classes' F1.
fn macro_f1(per_class: &[ClassMetrics]) -> f64 {
    per_class.iter().map(|class| class.f1).sum::<f64>() / per_class.len() as f64
}

/// Precision, recall and F1 from a square confusion matrix; 0 where the divisor is 0.
fn per_class(confusion: &[Vec<u64>], classes: &[String]) -> Vec<ClassMetrics> {
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    classes
        .iter()
        .enumerate()
        .map(|(index, class)| {
            let hits = confusion[index][index];
            let support: u64 = confusion[index].iter().sum();
            let predicted: u64 = confusion.iter().map(|row| row[index]).sum();
            ClassMetrics {
                class: class.clone(),
                support,
                precision: ratio(hits, predicted),
                recall: ratio(hits, support),
                f1: ratio(2 * hits, predicted + support),
            }
        })
        .collect()
}
