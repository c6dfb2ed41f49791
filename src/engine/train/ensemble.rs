//! Several networks of one recipe, whose answers are averaged: of other seeds, or each validated on
//! another fold of the rows (cross-fitting).

use std::borrow::Cow;

use super::fit::{Data, Fit, Part};
use super::plan::Recipe;
use super::runs::Chain;
use crate::domain::network::NetworkSpec;
use crate::domain::training::EnsembleSpec;
use crate::engine::features::Matrix;
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Result};

/// A best epoch among so many of the last ones tells that more would have helped.
const LAST_EPOCHS: u32 = 2;

/// Networks that were validated on the same rows.
pub(super) struct Fold {
    pub(super) fits: Vec<Fit>,
    /// Which of the training and the validation rows, counted through, validated them; none where
    /// it is the job's own part. Their numbers alone are kept, or each fold would hold the job's
    /// rows once more until the end.
    pub(super) rows: Option<Vec<usize>>,
}

impl Fold {
    /// The rows that validated its networks, of those of the job.
    pub(super) fn validation<'a>(&self, data: &'a Data) -> Cow<'a, Part> {
        match &self.rows {
            Some(rows) => Cow::Owned(gather([&data.train, &data.validation], rows)),
            None => Cow::Borrowed(&data.validation),
        }
    }
}

/// The rows of a job.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) parts: &'a Data,
    /// With the validation rows among the training rows, where networks are to be refitted.
    pub(super) all: Option<&'a Data>,
}

/// The networks of an ensemble, each a chain of its own.
pub(super) struct Ensemble<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) recipe: &'a Recipe,
    /// Of folds and seeds there is one at least.
    pub(super) size: EnsembleSpec,
    /// Whether one whose best epoch is among the last is trained once more for twice as many, and
    /// the better one kept.
    pub(super) may_prolong: bool,
}

impl Ensemble<'_> {
    pub(super) fn networks(&self) -> usize {
        (self.size.folds * self.size.seeds) as usize
    }

    /// Trains one of its networks; those of a fold have numbers that follow each other.
    ///
    /// # Errors
    /// As [`super::train`].
    pub(super) fn train(&self, chain: &Chain<'_, '_>, number: usize) -> Result<Fit> {
        let Self { rows, recipe, ref size, may_prolong } = *self;
        let (fold, seed) = (number as u32 / size.seeds, number as u32 % size.seeds);
        let own = self.rows_of(fold).map(|validating| refold(rows.parts, &validating));
        let rows = match &own {
            Some(own) => Rows { parts: own, all: None },
            None => rows,
        };
        let seed_of_it = recipe.seed.wrapping_add(number as u64);
        let is_alone = self.networks() == 1;
        let recipe = Recipe { seed: seed_of_it, is_alone, ..recipe.clone() };
        one(chain, &name(&recipe.network, size, fold, seed), rows, &recipe, may_prolong)
    }

    /// The rows that validate a fold; none where it is the job's own part.
    fn rows_of(&self, fold: u32) -> Option<Vec<usize>> {
        let EnsembleSpec { folds, .. } = self.size;
        (folds > 1).then(|| rows_of_fold(self.rows.parts, self.recipe.seed, fold, folds))
    }

    /// Its networks, in the order of their numbers, by folds.
    pub(super) fn folds(&self, fits: Vec<Fit>) -> Vec<Fold> {
        let mut fits = fits.into_iter();
        let seeds = self.size.seeds as usize;
        let fold =
            |fold| Fold { fits: fits.by_ref().take(seeds).collect(), rows: self.rows_of(fold) };
        (0..self.size.folds).map(fold).collect()
    }
}

fn name(network: &NetworkSpec, ensemble: &EnsembleSpec, fold: u32, seed: u32) -> String {
    let mut name = network.kind().to_owned();
    if ensemble.folds > 1 {
        name.push_str(&format!(", fold {} of {}", fold + 1, ensemble.folds));
    }
    if ensemble.seeds > 1 {
        name.push_str(&format!(", seed {} of {}", seed + 1, ensemble.seeds));
    }
    name
}

/// Trains one network, and refits it where that is wanted.
pub(super) fn one(
    chain: &Chain<'_, '_>,
    name: &str,
    rows: Rows<'_>,
    recipe: &Recipe,
    may_prolong: bool,
) -> Result<Fit> {
    let (fit, recipe) = longest(chain, name, rows.parts, recipe, may_prolong)?;
    let Some(all) = rows.all else { return Ok(fit) };
    let name = format!("{name}, validation rows too");
    let again = chain.run(&name, all, &recipe.again(fit.best_epoch))?;
    let seconds = fit.seconds + again.seconds;
    let diverged = fit.diverged.or(again.diverged);
    Ok(Fit { refitted: Some(again.weights), seconds, diverged, ..fit })
}

/// What it was trained to, and by which recipe.
fn longest(
    chain: &Chain<'_, '_>,
    name: &str,
    data: &Data,
    recipe: &Recipe,
    may_prolong: bool,
) -> Result<(Fit, Recipe)> {
    let first = chain.run(name, data, recipe)?;
    let has_converged = first.best_epoch + LAST_EPOCHS <= recipe.epochs;
    if !may_prolong || has_converged || first.diverged.is_some() {
        return Ok((first, recipe.clone()));
    }
    let longer = Recipe { epochs: recipe.epochs * 2, ..recipe.clone() };
    chain.plan_another();
    match chain.run(&format!("{name}, twice the epochs"), data, &longer) {
        Ok(second) if second.validation_loss() < first.validation_loss() => {
            Ok((Fit { seconds: first.seconds + second.seconds, ..second }, longer))
        }
        Ok(second) => {
            Ok((Fit { seconds: first.seconds + second.seconds, ..first }, recipe.clone()))
        }
        Err(error) if error.code() == Code::Diverged => Ok((first, recipe.clone())),
        Err(error) => Err(error),
    }
}

/// The rows of one of so many folds of the training and validation rows together, ascending; every
/// class is spread alike over the folds.
pub(super) fn rows_of_fold(data: &Data, seed: u64, fold: u32, folds: u32) -> Vec<usize> {
    let parts = [&data.train, &data.validation];
    let rows: usize = parts.iter().map(|part| part.inputs.rows).sum();
    let class = |row: usize| {
        let (part, row) = place(parts, row);
        part.truth.classes().and_then(|classes| classes.get(row)).copied().unwrap_or(0)
    };
    let mut of_fold = vec![0; rows];
    let classes = (0..rows).map(class).max().map_or(0, |most| most + 1);
    for wanted in 0..classes {
        let mut stratum: Vec<usize> = (0..rows).filter(|row| class(*row) == wanted).collect();
        shuffle(&mut keyed(seed, Purpose::Folds, wanted as u64, 0), &mut stratum);
        for (row, fold) in stratum.into_iter().zip((0..folds).cycle()) {
            of_fold[row] = fold;
        }
    }
    (0..rows).filter(|row| of_fold[*row] == fold).collect()
}

/// The training and validation rows together, split so that these validate.
pub(super) fn refold(data: &Data, validating: &[usize]) -> Data {
    let parts = [&data.train, &data.validation];
    let rows: usize = parts.iter().map(|part| part.inputs.rows).sum();
    let mut is_training = vec![true; rows];
    validating.iter().for_each(|&row| is_training[row] = false);
    let training: Vec<usize> = (0..rows).filter(|row| is_training[*row]).collect();
    let (train, validation) = (gather(parts, &training), gather(parts, validating));
    let (layout, levels) = (data.layout.clone(), data.levels.clone());
    Data { layout, levels, train, validation, ..*data }
}

/// The part that a row of both is in, and its number there.
fn place(parts: [&Part; 2], row: usize) -> (&Part, usize) {
    let [first, second] = parts;
    match row.checked_sub(first.inputs.rows) {
        None => (first, row),
        Some(row) => (second, row),
    }
}

fn gather(parts: [&Part; 2], rows: &[usize]) -> Part {
    let matrix = |of: &dyn Fn(&Part) -> &Matrix| {
        let width = of(parts[0]).width;
        let mut data = Vec::with_capacity(rows.len() * width);
        for &row in rows {
            let (part, row) = place(parts, row);
            data.extend_from_slice(&of(part).data[row * width..(row + 1) * width]);
        }
        Matrix { rows: rows.len(), width, data }
    };
    let weight = |row: &usize| {
        let (part, row) = place(parts, *row);
        part.weights.as_ref().and_then(|weights| weights.get(row)).copied()
    };
    let (first, second) = (&parts[0].truth, &parts[1].truth);
    Part {
        inputs: matrix(&|part| &part.inputs),
        targets: matrix(&|part| &part.targets),
        weights: rows.iter().map(weight).collect(),
        truth: first.joined(second).take(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::Task;
    use crate::domain::network::LinearNetwork;
    use crate::domain::training::TrainingSpec;
    use crate::engine::device::Device;
    use crate::engine::features::{Group, Layout};
    use crate::engine::testing::{Record, frame, noise, spec, uniform};
    use crate::engine::train::prepare::prepare;
    use crate::engine::train::runs::Runs;
    use crate::engine::train::target::Truth;
    use crate::engine::train::trial::Settled;
    use crate::frame::Values;

    fn part(rows: std::ops::Range<usize>) -> Part {
        let values: Vec<f32> = rows.clone().map(|row| row as f32).collect();
        let inputs = Matrix { rows: values.len(), width: 1, data: values };
        let classes: Vec<usize> = rows.map(|row| usize::from(row % 5 == 0)).collect();
        let targets = classes.iter().map(|class| *class as f32).collect();
        let targets = Matrix { rows: classes.len(), width: 1, data: targets };
        Part { inputs, targets, weights: None, truth: Truth::Classes(classes) }
    }

    #[test]
    fn a_fold_keeps_no_rows_but_their_numbers() {
        let truth = uniform(60, 2).into_iter().map(|u| Some(u < 0.4));
        let frame = frame(&noise(60, 2, 1), Values::Bool(truth.collect()));
        let spec = TrainingSpec {
            network: Some(NetworkSpec::Linear(LinearNetwork {})),
            epochs: Some(1),
            ..spec("y")
        };
        let prepared = prepare(&frame, &spec, None).unwrap();
        let mut hooks = Record::default();
        let mut runs = Runs::new(
            Settled { device: Device::Cpu, notice: None },
            String::new(),
            3,
            None,
            &mut hooks,
        );
        let ensemble = Ensemble {
            rows: Rows { parts: &prepared.data, all: None },
            recipe: &prepared.recipe,
            size: EnsembleSpec { folds: 3, seeds: 1 },
            may_prolong: false,
        };
        let fits = runs.each(3, |chain, number| ensemble.train(chain, number)).unwrap();
        let folds = ensemble.folds(fits);
        let mut kept = Vec::new();
        for Fold { fits, rows } in folds {
            assert_eq!(fits.len(), 1);
            kept.extend(rows.unwrap());
        }
        kept.sort_unstable();
        assert_eq!(kept, (0..48).collect::<Vec<_>>(), "each row that is not tested on, once");
    }

    #[test]
    fn every_row_validates_once_and_classes_are_spread() {
        let data = Data {
            layout: Layout::Table(vec![Group::Flag(0)]),
            task: Task::Binary,
            levels: Vec::new(),
            outputs: 1,
            positive: Some(1),
            train: part(0..80),
            validation: part(80..100),
            guess: 1.0,
        };
        let mut seen = Vec::new();
        for fold in 0..4 {
            let rows = rows_of_fold(&data, 3, fold, 4);
            let folded = refold(&data, &rows);
            let kept = Fold { fits: Vec::new(), rows: Some(rows) }.validation(&data).into_owned();
            assert_eq!(kept.inputs, folded.validation.inputs);
            assert_eq!(kept.targets, folded.validation.targets);
            assert_eq!(kept.truth.classes(), folded.validation.truth.classes());
            assert_eq!((folded.train.inputs.rows, folded.validation.inputs.rows), (75, 25));
            assert_eq!(folded.validation.targets.data.iter().sum::<f32>(), 5.0);
            for part in [&folded.train, &folded.validation] {
                for (row, value) in part.inputs.data.iter().enumerate() {
                    let class = usize::from((*value as usize).is_multiple_of(5));
                    assert_eq!(part.truth.classes().unwrap()[row], class);
                    assert_eq!(part.targets.data[row], class as f32);
                }
            }
            seen.extend(folded.validation.inputs.data);
        }
        seen.sort_unstable_by(f32::total_cmp);
        assert_eq!(seen, (0..100).map(|row| row as f32).collect::<Vec<_>>());
    }
}
