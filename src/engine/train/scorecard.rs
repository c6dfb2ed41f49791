//! A scorecard's weights: found exactly, by Newton's method, on a CPU.

use std::time::{Duration, Instant};

use actuary_finance::Fault;
use actuary_finance::scorecard::{Logistic, Newton, Problem as Regression, Step, fit_signed};

use super::fit::{Data, Fit, Pace, Part, Problem};
use super::hooks::{Control, EpochReport, Hooks, RunLabel};
use super::loss::row_loss;
use super::report::main_metric;
use crate::domain::network::NetworkSpec;
use crate::domain::scorecard::{ScorecardNetwork, WrongSigns};
use crate::domain::version::EpochLoss;
use crate::engine::features::Group;
use crate::engine::networks::parameters::{Parameter, Parameters};
use crate::engine::networks::{BIAS_ERROR, WEIGHT_ERROR};
use crate::engine::weights;
use crate::error::{Code, Error, Result};

/// Training rows that are measured at most.
const MEASURED: usize = 20_000;

/// What ends a fit early.
enum Ended {
    Fault(Fault),
    Error(Error),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What of a fit is known up to now.
struct Progress {
    curve: Vec<EpochLoss>,
    began: Instant,
    /// Steps planned.
    planned: u32,
    weight_sum: f64,
}

/// Fits a scorecard: each step of Newton's is an epoch, and the last is kept. Where columns are left out
/// for their sign, the epochs are those of the last fit.
///
/// # Errors
/// [`Code::InvalidSpec`] where no coefficients are the best ones; [`Code::Cancelled`].
pub(super) fn fit(
    problem: &Problem<'_>,
    card: &ScorecardNetwork,
    hooks: &mut dyn Hooks,
) -> Result<Fit> {
    let Problem { data, recipe } = *problem;
    let rows = Rows::of(&data.train);
    let regression = rows.regression(card.l2());
    let held = held(data, card);
    let mut progress = Progress {
        curve: Vec::new(),
        began: Instant::now(),
        planned: recipe.epochs,
        weight_sum: data.train.weights.as_ref().map_or(rows.bad.len() as f64, |weights| {
            weights.iter().map(|weight| f64::from(*weight)).sum()
        }),
    };
    let fitted = fit_signed(regression, &held, &mut |newton, step| {
        if hooks.should_stop() {
            return Err(Ended::Error(cancelled()));
        }
        progress.tell(data, newton, step, hooks).map_err(Ended::Error)
    });
    let fitted = fitted.map_err(|ended| match ended {
        Ended::Error(error) => error,
        Ended::Fault(fault) => {
            Error::field(Code::InvalidSpec, format!("/network{}", fault.pointer), fault.detail)
        }
    })?;
    if !fitted.kept.contains(&true) {
        let detail = "no column is left: of each alone the coefficient has the wrong sign in the training \
                      rows; take other columns, or keep these by wrong_signs";
        return Err(Error::field(Code::InvalidSpec, "/network/wrong_signs", detail));
    }
    let best_epoch = progress.curve.len() as u32;
    let seconds = progress.began.elapsed().as_secs_f64();
    let (weights, curve) = (parameters(&fitted), progress.curve);
    Ok(Fit { weights, refitted: None, best_epoch, curve, seconds, diverged: None })
}

/// Which coefficients may not be above 0.
fn held(data: &Data, card: &ScorecardNetwork) -> Vec<bool> {
    let is_held = |group: &Group| {
        card.wrong_signs() == WrongSigns::LeaveOut || matches!(group, Group::Ordered { .. })
    };
    data.layout.groups().iter().map(is_held).collect()
}

impl Progress {
    fn tell(
        &mut self,
        data: &Data,
        newton: &Newton<'_>,
        step: Step,
        hooks: &mut dyn Hooks,
    ) -> Result<()> {
        if newton.steps() == 1 {
            // Of the fit before, from which a column was left out.
            self.curve.clear();
        }
        let (intercept, coefficients) = newton.coefficients();
        let (validation_loss, validation_metric) = validate(data, intercept, &coefficients);
        let epoch = newton.steps() as u32;
        let train_loss = step.loss / self.weight_sum;
        let loss = EpochLoss { epoch, train_loss, validation_loss, validation_metric };
        self.curve.push(loss.clone());
        let epochs = self.planned.max(epoch);
        let each = self.began.elapsed().as_secs_f64() / f64::from(epoch);
        let report = EpochReport {
            run: RunLabel::default(),
            epoch,
            epochs,
            loss,
            best_epoch: epoch,
            rows_per_second: data.train.inputs.rows as f64 / each.max(1e-9),
            seconds_left: each * f64::from(epochs - epoch),
            search: None,
        };
        match hooks.epoch(&report)? {
            Control::Continue => Ok(()),
            Control::Stop => Err(cancelled()),
        }
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the training was cancelled")
}

/// Training rows as they are regressed.
struct Rows {
    inputs: Vec<f64>,
    columns: usize,
    bad: Vec<bool>,
    weights: Option<Vec<f64>>,
}

impl Rows {
    fn of(part: &Part) -> Self {
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect();
        Self {
            inputs: wide(&part.inputs.data),
            columns: part.inputs.width,
            bad: part.targets.data.iter().map(|target| *target > 0.5).collect(),
            weights: part.weights.as_deref().map(wide),
        }
    }

    fn regression(&self, l2: f64) -> Regression<'_> {
        let (inputs, weights) = (&self.inputs, self.weights.as_deref());
        Regression { inputs, columns: self.columns, bad: &self.bad, weights, l2 }
    }
}

/// Loss and main metric of the validation rows.
fn validate(data: &Data, intercept: f64, coefficients: &[f64]) -> (f64, Option<f64>) {
    let part = &data.validation;
    let Part { inputs, targets, weights, .. } = part;
    let rows = inputs.data.chunks_exact(inputs.width.max(1));
    let logit = |row: &[f32]| {
        let terms = row.iter().zip(coefficients).map(|(input, b)| f64::from(*input) * b);
        intercept + terms.sum::<f64>()
    };
    let logits: Vec<f64> = rows.map(logit).collect();
    let (mut sum, mut weight_sum) = (0.0, 0.0);
    for (row, (logit, target)) in logits.iter().zip(&targets.data).enumerate() {
        let weight = weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
        sum += weight * row_loss(data.task, &data.levels, &[*logit], &[*target]);
        weight_sum += weight;
    }
    (sum / weight_sum, main_metric(data.task, data.positive, &logits, part))
}

fn parameters(fitted: &Logistic) -> Parameters {
    let columns = fitted.coefficients.len();
    let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
    let matrix = |values: &[f64]| Parameter { shape: vec![columns, 1], values: narrow(values) };
    let one = |value: f64| Parameter { shape: vec![1], values: narrow(&[value]) };
    Parameters::from([
        ("output.weight".to_owned(), matrix(&fitted.coefficients)),
        ("output.bias".to_owned(), one(fitted.intercept)),
        (WEIGHT_ERROR.to_owned(), matrix(&fitted.errors)),
        (BIAS_ERROR.to_owned(), one(fitted.intercept_error)),
    ])
}

/// What a step of Newton's takes, of which each epoch has one: measured on some of the rows with outcomes of
/// their own, since how long it takes does not depend on these.
///
/// # Errors
/// [`Code::Cancelled`] when `stop` says so.
pub(super) fn pace(
    problem: &Problem<'_>,
    limit: Duration,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Pace> {
    let Data { train, validation, .. } = problem.data;
    let (columns, rows) = (train.inputs.width.max(1), train.inputs.rows.min(MEASURED));
    let inputs: Vec<f64> =
        train.inputs.data[..rows * columns].iter().map(|input| f64::from(*input)).collect();
    let bad: Vec<bool> = (0..rows).map(|row| row % 2 == 0).collect();
    let regression = Regression { inputs: &inputs, columns, bad: &bad, weights: None, l2: 1.0 };
    let began = Instant::now();
    let mut steps = 0_u32;
    if let Ok(mut newton) = Newton::new(regression, &vec![true; columns]) {
        while steps == 0 || began.elapsed() < limit {
            if stop() {
                return Err(cancelled());
            }
            steps += 1;
            if newton.step().is_ok_and(|step| !step.is_last) {
                continue;
            }
            break;
        }
    }
    let training_row = began.elapsed().as_secs_f64() / f64::from(steps.max(1)) / rows.max(1) as f64;
    let measured = Instant::now();
    validate(problem.data, 0.0, &vec![0.0; columns]);
    let validation_row = measured.elapsed().as_secs_f64() / validation.inputs.rows.max(1) as f64;
    Ok(Pace { training_row, validation_row, epoch: 0.0 })
}

/// The scorecard among networks.
pub(super) fn card(network: &NetworkSpec) -> Option<&ScorecardNetwork> {
    match network {
        NetworkSpec::Scorecard(card) => Some(card),
        _ => None,
    }
}

/// What a scorecard's weights say, as they are served.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorecardWeights {
    /// Of the log odds of the positive class.
    pub intercept: f64,
    pub intercept_error: Option<f64>,
    /// Of the columns' weights of evidence, in the order of the inputs; 0 of a column that is left out.
    pub coefficients: Vec<f64>,
    pub errors: Vec<f64>,
}

impl ScorecardWeights {
    /// Reads the weights of a version.
    ///
    /// # Errors
    /// [`Code::InvalidData`] where they are no scorecard's.
    pub fn read(weights: &[u8]) -> Result<Self> {
        let parameters = weights::decode(weights)?;
        let values = |name: &str| -> Option<Vec<f64>> {
            let parameter = parameters.get(name)?;
            Some(parameter.values.iter().map(|value| f64::from(*value)).collect())
        };
        let first = |name: &str| values(name).and_then(|values| values.first().copied());
        let of = || {
            Some(Self {
                intercept: first("output.bias")?,
                intercept_error: first(BIAS_ERROR),
                coefficients: values("output.weight")?,
                errors: values(WEIGHT_ERROR)?,
            })
        };
        of().ok_or_else(|| Error::new(Code::InvalidData, "the weights are no scorecard's"))
    }
}
