//! Simpler networks beside the one that was asked for: what is it better than, and by how much?

use super::check::is_table_small;
use super::ensemble::{self, Rows};
use super::fit::{Data, Fit};
use super::plan::Recipe;
use super::report::{is_positive, positive_scores};
use super::runs::Chain;
use super::target::Truth;
use crate::domain::model::Task;
use crate::domain::network::{LinearNetwork, MlpNetwork, NetworkSpec};
use crate::domain::training::TrainingSpec;
use crate::domain::version::Baseline;
use crate::error::{Code, Error, Result};
use crate::stats::{self, Difference};

/// The networks that are simpler than one, and a warning for each that is left out: of many classes
/// a linear one for texts may be larger than what it is the baseline of. A forecast is held against
/// what needs no network.
pub(super) fn simpler(network: &NetworkSpec, data: &Data) -> (Vec<NetworkSpec>, Vec<String>) {
    let is_small = |network: &NetworkSpec| is_table_small(network, &data.layout, data.outputs);
    let (simpler, large): (Vec<_>, Vec<_>) =
        simpler_kinds(network, data.task).into_iter().partition(is_small);
    let warning = |network: &NetworkSpec| {
        format!(
            "the {} baseline is left out: a table of a number for each bucket and class would be too \
             large; lessen preprocessing.text.buckets to have it",
            network.kind()
        )
    };
    (simpler, large.iter().map(warning).collect())
}

fn simpler_kinds(network: &NetworkSpec, task: Task) -> Vec<NetworkSpec> {
    if task == Task::Forecast {
        return Vec::new();
    }
    let linear = NetworkSpec::Linear(LinearNetwork {});
    match network {
        NetworkSpec::Linear(_)
        | NetworkSpec::Scorecard(_)
        | NetworkSpec::NLinear(_)
        | NetworkSpec::DLinear(_) => Vec::new(),
        NetworkSpec::Mlp(_)
        | NetworkSpec::Lenet(_)
        | NetworkSpec::Cnn(_)
        | NetworkSpec::TextCnn(_)
        | NetworkSpec::TextAttention(_)
        | NetworkSpec::Lstm(_)
        | NetworkSpec::Attention(_) => vec![linear],
        NetworkSpec::Tabm(_) | NetworkSpec::Monotone(_) | NetworkSpec::Transformer(_) => {
            vec![linear, NetworkSpec::Mlp(MlpNetwork::default())]
        }
    }
}

/// A baseline that was trained.
pub(super) struct Trained {
    pub(super) recipe: Recipe,
    pub(super) fit: Fit,
}

/// Trains one on the same rows. Of one that diverges there is a warning, that it is left out.
///
/// # Errors
/// As [`super::train`], but for divergence.
pub(super) fn train(
    chain: &Chain<'_, '_>,
    network: &NetworkSpec,
    spec: &TrainingSpec,
    rows: Rows<'_>,
) -> Result<std::result::Result<Trained, String>> {
    let Data { layout, train, .. } = rows.parts;
    let name = network.kind();
    let recipe = Recipe::of_baseline(spec, network.clone(), layout, train.inputs.rows);
    match ensemble::one(chain, &format!("{name} baseline"), rows, &recipe, false) {
        Ok(fit) => Ok(Ok(Trained { recipe, fit })),
        Err(error) if error.code() == Code::Diverged => {
            Ok(Err(format!("the {name} baseline is left out: {error}")))
        }
        Err(error) => Err(error),
    }
}

/// What two models answer to the rows of the test part, as `Outputs::values`.
pub(super) struct Answers<'a> {
    pub(super) ours: &'a [f64],
    pub(super) theirs: &'a [f64],
}

/// By how much the first answers better than the second in the main metric of the task.
pub(super) fn difference(
    task: Task,
    positive: Option<usize>,
    answers: &Answers<'_>,
    truth: &Truth,
) -> Option<Difference> {
    match (task, truth) {
        (Task::Binary, Truth::Classes(classes)) => {
            let positive = positive?;
            stats::auc_difference(
                &positive_scores(answers.ours, positive),
                &positive_scores(answers.theirs, positive),
                &is_positive(classes, positive),
            )
        }
        (Task::Multiclass, Truth::Classes(classes)) => {
            let right = |values: &[f64]| -> Vec<f64> {
                let width = values.len() / classes.len().max(1);
                let rows = values.chunks_exact(width.max(1)).zip(classes);
                rows.map(|(row, class)| f64::from(u8::from(greatest(row) == *class))).collect()
            };
            stats::mean_difference(&right(answers.ours), &right(answers.theirs))
        }
        (Task::Regression, Truth::Numbers(numbers)) => {
            let mean = stats::mean(numbers)?;
            let squares = |values: &[f64]| -> Vec<f64> {
                values.iter().zip(numbers).map(|(v, y)| (v - y).powi(2)).collect()
            };
            let variance = stats::mean(&squares(&vec![mean; numbers.len()]))?;
            // A difference of R2 is one of squared errors in units of the variance.
            let scaled = |values: &[f64]| -> Vec<f64> {
                squares(values).into_iter().map(|square| square / variance).collect()
            };
            stats::mean_difference(&scaled(answers.theirs), &scaled(answers.ours))
        }
        _ => None,
    }
}

/// Position of the greatest value, the first one of equals.
fn greatest(row: &[f64]) -> usize {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().position(|value| *value == greatest).unwrap_or(0)
}

/// What is said of a version that is not better than a simpler network, which `is_free` where it is
/// not held to the order that the version keeps to.
pub(super) fn warning(baseline: &Baseline, is_free: bool) -> Option<String> {
    let (value, difference) = (baseline.value?, baseline.difference?);
    let interval = baseline.interval?;
    let Baseline { network, metric, .. } = baseline;
    let free = if is_free { "; the baseline is held to no order" } else { "" };
    let figures = format!(
        "{metric} {:.4} against {value:.4}, a difference of {difference:.4} with a 95 % interval of \
         {:.4} to {:.4}{free}",
        value + difference,
        interval.low,
        interval.high
    );
    if interval.high < 0.0 {
        Some(format!("the {network} baseline answers better on the test rows: {figures}"))
    } else if interval.low <= 0.0 {
        Some(format!("on the test rows it can't be told from the {network} baseline: {figures}"))
    } else {
        None
    }
}

/// # Errors
/// [`Error::Internal`] when nothing was trained.
pub(super) fn first(fits: &[Fit]) -> Result<&Fit> {
    fits.first().ok_or_else(|| Error::internal("training", "no network was trained"))
}
