//! Tables whose later rows validate: columns that say when, and how much network is worth it.
//!
//! The rows that are to be answered come later still. What the training rows can't tell of them is
//! not learnt from, and of networks that do alike the simplest is served.

use super::baselines::{self, Answers};
use super::ensemble::Fold;
use super::finish::loaded;
use super::fit::Fit;
use super::plan::Recipe;
use super::prepare::Prepared;
use super::target::Truth;
use crate::domain::model::Task;
use crate::domain::training::{
    DriftRule, EnsembleSpec, LossSpec, PartsSpec, Precision, TrainingSpec,
};
use crate::engine::features::{Drift, FittedFeatures, Layout, Matrix, drifted};
use crate::error::Result;
use crate::stats::Difference;

/// Whether a specification parts a table by time.
pub(super) fn is_by_time(spec: &TrainingSpec, layout: &Layout) -> bool {
    matches!((spec.parts(), layout), (PartsSpec::Time(_), Layout::Table(_)))
}

/// What becomes of columns that have drifted.
pub(super) fn drift_rule(spec: &TrainingSpec) -> DriftRule {
    let unless_named = match spec.features {
        Some(_) => DriftRule::Keep,
        None => DriftRule::LeaveOut,
    };
    spec.preprocessing.drift.unwrap_or(unless_named)
}

/// The columns that are left out as they have drifted between the training and the validation rows,
/// of which these are the inputs, and a warning for each that has drifted.
pub(super) fn left_out(
    rule: DriftRule,
    features: &FittedFeatures,
    train: &Matrix,
    validation: &Matrix,
) -> (Vec<String>, Vec<String>) {
    let drifts = drifted(features, train, validation);
    let is_all = drifts.len() == features.names().count();
    let leaves_out = rule == DriftRule::LeaveOut && !is_all;
    let warning = |Drift { column, distance }: &Drift| {
        let what = format!(
            "column {column} tells when a row was made: its values in the later validation rows are \
             other ones (total variation distance {distance:.2} of 1)"
        );
        match leaves_out {
            true => format!("{what}; it is left out, name it in 'features' to keep it"),
            false => format!("{what}; what follows from its next values can't be learnt"),
        }
    };
    let warnings = drifts.iter().map(warning).collect();
    let columns = drifts.into_iter().filter(|_| leaves_out).map(|drift| drift.column);
    (columns.collect(), warnings)
}

/// Whether it is left open which of the networks for a table is served: one was neither named nor
/// described.
pub(super) fn is_open(spec: &TrainingSpec, layout: &Layout) -> bool {
    let ensemble = spec.ensemble.clone().unwrap_or_default();
    is_by_time(spec, layout)
        && spec.baselines
        && spec.search.is_none()
        // The simpler ones are held to no order.
        && spec.monotone.is_empty()
        && spec.network.is_none()
        && spec.optimiser.is_none()
        && spec.schedule.is_none()
        && spec.gradient_clip.is_none()
        && spec.average.is_none()
        && spec.epochs.is_none()
        && spec.batch_size.is_none()
        && spec.patience.is_none()
        && spec.precision == Precision::F32
        && spec.loss == LossSpec::default()
        && ensemble == EnsembleSpec::default()
}

/// A specification as it was carried out, but for what decides that one of these networks is
/// chosen: all else stays filled in.
pub(crate) fn left_open(spec: TrainingSpec) -> TrainingSpec {
    TrainingSpec {
        baselines: true,
        network: None,
        optimiser: None,
        schedule: None,
        gradient_clip: None,
        average: None,
        epochs: None,
        batch_size: None,
        patience: None,
        loss: LossSpec::default(),
        ensemble: None,
        ..spec
    }
}

/// A network that was trained, and what it answers to the validation rows.
struct Candidate {
    recipe: Recipe,
    fit: Fit,
    answers: Vec<f64>,
}

/// Lets the simplest network be served that the later rows can't tell from the best one, or where
/// they can't tell the best one from guessing, the simplest of all: one standard of proof for every
/// bit of size (the rule of one standard error, Breiman et al. 1984, for a 95 % interval). `simple`
/// come in the order of their size. The others become its baselines. Says why, where it is not
/// the largest.
pub(super) fn choose(
    prepared: &mut Prepared,
    folds: &mut Vec<Fold>,
    simple: &mut Vec<baselines::Trained>,
) -> Result<Option<String>> {
    let Some(largest) = folds.pop().and_then(|mut fold| fold.fits.pop()) else { return Ok(None) };
    let mut candidates = Vec::new();
    let smaller = simple.drain(..).map(|trained| (trained.recipe, trained.fit));
    for (recipe, fit) in smaller.chain([(prepared.recipe.clone(), largest)]) {
        let model = loaded(prepared, &prepared.features, &recipe, &[&fit.weights])?;
        let answers = model.score(&prepared.data.validation.inputs)?.values;
        candidates.push(Candidate { recipe, fit, answers });
    }
    let answers: Vec<&[f64]> = candidates.iter().map(|c| c.answers.as_slice()).collect();
    let guess = guess(prepared);
    let (chosen, proof) = simplest(&answers, &guess, |ours, theirs| {
        let answers = Answers { ours, theirs };
        let data = &prepared.data;
        baselines::difference(data.task, data.positive, &answers, &data.validation.truth)
    });
    let largest = candidates.len() - 1;
    let name = |index: usize| candidates[index].recipe.network.kind();
    let why = (chosen != largest).then(|| {
        let served = name(chosen);
        match proof {
            Proof::NoneBeatsGuessing => format!(
                "no network is better than guessing on the later validation rows: the simplest, \
                 {served}, is served; name a network to have another"
            ),
            Proof::NoneBeatsIt => format!(
                "{served} is served, as no larger network is proven better on the later validation \
                 rows; name a network to have another"
            ),
        }
    });
    for (index, Candidate { recipe, fit, .. }) in candidates.into_iter().enumerate() {
        if index == chosen {
            recipe.fill(&mut prepared.spec);
            prepared.recipe = recipe;
            folds.push(Fold { fits: vec![fit], rows: None });
        } else {
            simple.push(baselines::Trained { recipe, fit });
        }
    }
    Ok(why)
}

/// Why a candidate is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    NoneBeatsGuessing,
    NoneBeatsIt,
}

/// Which of some candidates, the simplest first, is chosen by their answers to the same rows;
/// `difference` says by how much the first answers better than the second.
fn simplest(
    candidates: &[&[f64]],
    guess: &[f64],
    difference: impl Fn(&[f64], &[f64]) -> Option<Difference>,
) -> (usize, Proof) {
    let proven = |ours: &[f64], theirs: &[f64]| {
        let interval = difference(ours, theirs).and_then(|difference| difference.interval);
        interval.is_some_and(|interval| interval.low > 0.0)
    };
    let better = |best: usize, index: usize| {
        let gain = difference(candidates[index], candidates[best]);
        if gain.is_some_and(|gain| gain.value > 0.0) { index } else { best }
    };
    let best = (0..candidates.len()).fold(0, better);
    if !proven(candidates[best], guess) {
        return (0, Proof::NoneBeatsGuessing);
    }
    let chosen = (0..best).find(|&index| !proven(candidates[best], candidates[index]));
    (chosen.unwrap_or(best), Proof::NoneBeatsIt)
}

/// What is answered to every validation row by who knows the training rows' target alone.
fn guess(prepared: &Prepared) -> Vec<f64> {
    let data = &prepared.data;
    let (train, rows) = (&data.train.truth, data.validation.inputs.rows);
    let row = match (data.task, train) {
        (Task::Regression, Truth::Numbers(numbers)) => {
            vec![crate::stats::mean(numbers).unwrap_or(0.0)]
        }
        (_, Truth::Classes(classes)) => {
            let mut shares = vec![0.0; prepared.classes.len()];
            classes.iter().for_each(|&class| shares[class] += 1.0 / classes.len() as f64);
            shares
        }
        _ => Vec::new(),
    };
    row.repeat(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::uniform;
    use crate::stats;

    fn truth() -> Vec<bool> {
        uniform(2000, 1).into_iter().map(|u| u < 0.3).collect()
    }

    /// Scores that know the truth to a degree.
    fn scores(knowledge: f64, seed: u64) -> Vec<f64> {
        let noise = uniform(2000, seed);
        let know = |(is, noise): (bool, f64)| knowledge * f64::from(u8::from(is)) + noise;
        truth().into_iter().zip(noise).map(know).collect()
    }

    fn chosen(candidates: &[Vec<f64>]) -> (usize, Proof) {
        let candidates: Vec<&[f64]> = candidates.iter().map(Vec::as_slice).collect();
        simplest(&candidates, &vec![0.3; 2000], |ours, theirs| {
            stats::auc_difference(ours, theirs, &truth())
        })
    }

    #[test]
    fn the_simplest_is_served_that_nothing_proves_worse() {
        let (poor, good) = (scores(0.2, 2), scores(0.6, 3));
        assert_eq!(chosen(&[poor.clone(), good.clone()]), (1, Proof::NoneBeatsIt));
        assert_eq!(chosen(&[good.clone(), poor.clone()]), (0, Proof::NoneBeatsIt));
        assert_eq!(chosen(&[poor, good.clone(), scores(0.61, 4)]), (1, Proof::NoneBeatsIt));
        let blind = [scores(0.0, 5), scores(0.0, 6), scores(-0.3, 7)];
        assert_eq!(chosen(&blind), (0, Proof::NoneBeatsGuessing));
        assert_eq!(chosen(&[good]), (0, Proof::NoneBeatsIt));
    }
}
