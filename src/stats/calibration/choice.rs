//! Which calibrator to take, by what each loses on rows that it was not fitted on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{class_counts, fit_isotonic, fit_platt, fit_temperature};
use crate::domain::calibration::{
    CalibrationCandidate, CalibrationChoice, Calibrator, CalibratorKind, TemperatureScaling,
};
use crate::stats::{mean, standard_deviation};

/// Probabilities are kept this far from 0 before their logarithm is taken, as in the metrics.
const LOG_LOSS_FLOOR: f64 = 1e-15;

/// Isotonic regression has as many values as it likes: below so many rows of a class it follows
/// chance.
const ISOTONIC_FROM: u64 = 1000;

impl CalibratorKind {
    const ALL: [Self; 4] = [Self::None, Self::Temperature, Self::Platt, Self::Isotonic];

    fn fit(self, logits: &[f64], truth: &[bool]) -> Option<Calibrator> {
        match self {
            Self::None => Some(Calibrator::Temperature(TemperatureScaling { temperature: 1.0 })),
            Self::Temperature => fit_temperature(logits, truth),
            Self::Platt => fit_platt(logits, truth),
            Self::Isotonic => fit_isotonic(logits, truth),
        }
    }
}

/// The calibrator of a kind, fitted on all rows; that of [`CalibratorKind::None`] changes nothing.
///
/// `None` if a class is missing, a logit is not finite or of a size that the fit overflows at, or the
/// lengths differ.
pub fn fit_calibrator(kind: CalibratorKind, logits: &[f64], truth: &[bool]) -> Option<Calibrator> {
    kind.fit(logits, truth)
}

/// Mean log-loss of the rows, each by a calibrator fitted on the folds that it is not in.
///
/// The folds are drawn by the seed, each class dealt out evenly. `None` below two folds or two rows
/// of a class, for a logit that is not finite (or so great that a fit overflows), or lengths that
/// differ.
pub fn cross_fitted_log_loss(
    logits: &[f64],
    truth: &[bool],
    kind: CalibratorKind,
    folds: usize,
    seed: u64,
) -> Option<f64> {
    let fold_of = deal(logits, truth, folds, seed)?;
    mean(&row_losses(logits, truth, kind, &fold_of)?)
}

/// Chooses the simplest calibrator that is no more than one standard error (of the paired
/// difference) worse than the best by cross-fitted log-loss (the rule of Breiman et al. 1984).
///
/// Beside the choice stands the calibrator, fitted on all rows; none where the logits are best left as
/// they are. From the simplest on: none, temperature, Platt, isotonic; the last only from 1,000 rows of each
/// class on. `None` as for [`cross_fitted_log_loss`].
pub fn choose_calibrator(
    logits: &[f64],
    truth: &[bool],
    folds: usize,
    seed: u64,
) -> Option<(CalibrationChoice, Option<Calibrator>)> {
    let (positives, negatives) = class_counts(logits, truth)?;
    let is_many = positives.min(negatives) >= ISOTONIC_FROM;
    let fold_of = deal(logits, truth, folds, seed)?;
    let mut losses = Vec::new();
    for kind in CalibratorKind::ALL {
        if kind != CalibratorKind::Isotonic || is_many {
            let of_rows = row_losses(logits, truth, kind, &fold_of)?;
            losses.push((kind, mean(&of_rows)?, of_rows));
        }
    }
    let best = losses.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let mut candidates = Vec::new();
    for (kind, log_loss, of_rows) in &losses {
        let differences: Vec<f64> = of_rows.iter().zip(&best.2).map(|(a, b)| a - b).collect();
        candidates.push(CalibrationCandidate {
            kind: *kind,
            log_loss: *log_loss,
            excess: log_loss - best.1,
            standard_error: standard_deviation(&differences)? / (truth.len() as f64).sqrt(),
        });
    }
    let kind = candidates.iter().find(|c| c.excess <= c.standard_error)?.kind;
    let calibrator = match kind {
        CalibratorKind::None => None,
        kind => Some(kind.fit(logits, truth)?),
    };
    Some((CalibrationChoice { kind, candidates }, calibrator))
}

/// The fold of each row. Every part that is left without a fold has rows of both classes.
fn deal(logits: &[f64], truth: &[bool], folds: usize, seed: u64) -> Option<Vec<usize>> {
    let (positives, negatives) = class_counts(logits, truth)?;
    if folds < 2 || positives < 2 || negatives < 2 {
        return None;
    }
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    // Stable: within each class the order stays that of chance. One deal for both classes in turn
    // makes the folds equally large too.
    order.sort_by_key(|row| truth[*row]);
    let mut fold_of = vec![0; truth.len()];
    for (turn, row) in order.into_iter().enumerate() {
        fold_of[row] = turn % folds;
    }
    Some(fold_of)
}

/// The log-loss of each row.
fn row_losses(
    logits: &[f64],
    truth: &[bool],
    kind: CalibratorKind,
    fold_of: &[usize],
) -> Option<Vec<f64>> {
    let mut losses = vec![0.0; truth.len()];
    for fold in 0..=fold_of.iter().copied().max()? {
        let others = || (0..truth.len()).filter(|row| fold_of[*row] != fold);
        let fitted_logits: Vec<f64> = others().map(|row| logits[row]).collect();
        let fitted_truth: Vec<bool> = others().map(|row| truth[row]).collect();
        let calibrator = kind.fit(&fitted_logits, &fitted_truth)?;
        for row in (0..truth.len()).filter(|row| fold_of[*row] == fold) {
            let probability = calibrator.apply(logits[row])?;
            let of_truth = if truth[row] { probability } else { 1.0 - probability };
            losses[row] = -of_truth.clamp(LOG_LOSS_FLOOR, 1.0 - LOG_LOSS_FLOOR).ln();
        }
    }
    Some(losses)
}
