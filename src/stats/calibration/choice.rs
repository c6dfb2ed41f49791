//! Which calibrator to take, by what each loses on rows that it was not fitted on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{class_counts, fit_isotonic, fit_platt, fit_temperature, fit_temperature_multiclass};
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
            Self::None => Some(AS_LEARNT),
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

/// The same of several classes, which only a temperature can calibrate; see
/// [`fit_temperature_multiclass`].
pub fn fit_calibrator_multiclass(
    kind: CalibratorKind,
    logits: &[f64],
    classes: usize,
    truth: &[usize],
) -> Option<Calibrator> {
    match kind {
        CalibratorKind::None => Some(AS_LEARNT),
        CalibratorKind::Temperature => fit_temperature_multiclass(logits, classes, truth),
        CalibratorKind::Platt | CalibratorKind::Isotonic => None,
    }
}

/// Chooses the simplest calibrator that is no more than one standard error (of the paired
/// difference) worse than the best by cross-fitted log-loss (the rule of Breiman et al. 1984).
///
/// Each row is scored by a calibrator fitted on the folds that it is not in; these are drawn by the
/// seed, each class dealt out evenly. Beside the choice stands the calibrator, fitted on all rows; none
/// where the logits are best left as they are. From the simplest on: none, temperature, Platt, isotonic;
/// the last only from 1,000 rows of each class on. `None` below two folds or two rows of a class, for a
/// logit that is not finite (or so great that a fit overflows), or lengths that differ.
pub fn choose_calibrator(
    logits: &[f64],
    truth: &[bool],
    folds: usize,
    seed: u64,
) -> Option<(CalibrationChoice, Option<Calibrator>)> {
    let (positives, negatives) = class_counts(logits, truth)?;
    if folds < 2 || positives < 2 || negatives < 2 {
        return None;
    }
    let is_many = positives.min(negatives) >= ISOTONIC_FROM;
    let kinds = CalibratorKind::ALL;
    let kinds = kinds.into_iter().filter(|kind| *kind != CalibratorKind::Isotonic || is_many);
    let fit = |kind: CalibratorKind, rows: &[usize]| {
        let logits: Vec<f64> = rows.iter().map(|row| logits[*row]).collect();
        let truth: Vec<bool> = rows.iter().map(|row| truth[*row]).collect();
        kind.fit(&logits, &truth)
    };
    let of_truth = |calibrator: &Calibrator, row: usize| {
        let probability = calibrator.apply(logits[row])?;
        Some(if truth[row] { probability } else { 1.0 - probability })
    };
    let fold_of =
        deal(&truth.iter().map(|truth| usize::from(*truth)).collect::<Vec<_>>(), folds, seed);
    chosen(kinds, &fold_of, &fit, &of_truth)
}

/// The same of several classes: the logits as they are, or a temperature.
///
/// `logits` is row-major, rows x `classes`; `truth` holds each row's class. A temperature is no candidate
/// unless two classes are seen wherever a fold is left out. `None` below two folds, and as for
/// [`fit_temperature_multiclass`].
pub fn choose_calibrator_multiclass(
    logits: &[f64],
    classes: usize,
    truth: &[usize],
    folds: usize,
    seed: u64,
) -> Option<(CalibrationChoice, Option<Calibrator>)> {
    if folds < 2 || fit_temperature_multiclass(logits, classes, truth).is_none() {
        return None;
    }
    let of_row = |row: usize| &logits[row * classes..(row + 1) * classes];
    let fit = |kind: CalibratorKind, rows: &[usize]| {
        let logits: Vec<f64> = rows.iter().flat_map(|row| of_row(*row)).copied().collect();
        let truth: Vec<usize> = rows.iter().map(|row| truth[*row]).collect();
        fit_calibrator_multiclass(kind, &logits, classes, &truth)
    };
    let of_truth = |calibrator: &Calibrator, row: usize| {
        calibrator.apply_to_classes(of_row(row))?.get(truth[row]).copied()
    };
    let kinds = [CalibratorKind::None, CalibratorKind::Temperature];
    chosen(kinds.into_iter(), &deal(truth, folds, seed), &fit, &of_truth)
}

/// A calibrator that changes nothing.
const AS_LEARNT: Calibrator = Calibrator::Temperature(TemperatureScaling { temperature: 1.0 });

/// The choice among kinds by the cross-fitted loss of each row. `fit` gets a kind and the rows to fit it
/// on, `of_truth` gives the probability of a row's own class.
fn chosen(
    kinds: impl Iterator<Item = CalibratorKind>,
    fold_of: &[usize],
    fit: &dyn Fn(CalibratorKind, &[usize]) -> Option<Calibrator>,
    of_truth: &dyn Fn(&Calibrator, usize) -> Option<f64>,
) -> Option<(CalibrationChoice, Option<Calibrator>)> {
    let (mut losses, mut calibrators) = (Vec::new(), Vec::new());
    let all: Vec<usize> = (0..fold_of.len()).collect();
    for kind in kinds {
        // One that can't be fitted to some of the rows is no candidate, but the others still are.
        let of_rows = row_losses(fold_of, &|rows| fit(kind, rows), of_truth);
        if let (Some(of_rows), Some(calibrator)) = (of_rows, fit(kind, &all)) {
            losses.push((kind, mean(&of_rows)?, of_rows));
            calibrators.push(calibrator);
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
            standard_error: standard_deviation(&differences)? / (fold_of.len() as f64).sqrt(),
        });
    }
    let taken = candidates.iter().position(|c| c.excess <= c.standard_error)?;
    let kind = candidates[taken].kind;
    let calibrator = (kind != CalibratorKind::None).then(|| calibrators.swap_remove(taken));
    Some((CalibrationChoice { kind, candidates }, calibrator))
}

/// The fold of each row: every part that is left without a fold has rows of each class that has two.
fn deal(truth: &[usize], folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    // Stable: within each class the order stays that of chance. One deal for all classes in turn
    // makes the folds equally large too.
    order.sort_by_key(|row| truth[*row]);
    let mut fold_of = vec![0; truth.len()];
    for (turn, row) in order.into_iter().enumerate() {
        fold_of[row] = turn % folds;
    }
    fold_of
}

/// The log-loss of each row, by a calibrator of the folds that it is not in.
fn row_losses(
    fold_of: &[usize],
    fit: &dyn Fn(&[usize]) -> Option<Calibrator>,
    of_truth: &dyn Fn(&Calibrator, usize) -> Option<f64>,
) -> Option<Vec<f64>> {
    let mut losses = vec![0.0; fold_of.len()];
    for fold in 0..=fold_of.iter().copied().max()? {
        let (own, others): (Vec<usize>, Vec<usize>) =
            (0..fold_of.len()).partition(|row| fold_of[*row] == fold);
        let calibrator = fit(&others)?;
        for row in own {
            let probability = of_truth(&calibrator, row)?;
            losses[row] = -probability.clamp(LOG_LOSS_FLOOR, 1.0 - LOG_LOSS_FLOOR).ln();
        }
    }
    Some(losses)
}
