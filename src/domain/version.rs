//! Versions of a model, and the aliases that point at them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::calibration::{CalibrationChoice, CalibrationMetrics, Calibrator, TopLabelMetrics};
use super::cost::Cost;
use super::forecast::ForecastMetrics;
use super::model::Task;
use super::schema::Column;
use super::search::SearchRecord;
use super::simplification::Simplification;
use super::tagged::deserialize_tagged;
use super::training::{ClassWeights, TrainingSpec};
use super::window::WindowSpec;
use crate::error::FieldError;

/// One trained, immutable version of a model: a pure function of its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    #[schema(example = "default-risk")]
    pub model: String,
    #[schema(example = 1)]
    pub version: u32,
    pub signature: Signature,
    pub metrics: Metrics,
    /// Losses epoch by epoch.
    pub curve: Vec<EpochLoss>,
    /// Simpler networks, trained on the same rows, and how much better this version answers.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
    /// How its probabilities were calibrated (binary, multiclass); versions of earlier programs were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationChoice>,
    /// The configurations among which this one was found, where it was searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchRecord>,
    /// From which version it was made simpler, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simplification: Option<Simplification>,
    #[serde(deserialize_with = "settled")]
    pub provenance: Provenance,
    /// What the training noticed and went on with.
    pub warnings: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// A version in a list: without its curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    pub model: String,
    pub version: u32,
    pub task: Task,
    pub network: String,
    /// The test part's main metric: AUC, accuracy, R2 or, of a forecast, the scaled MSE.
    pub metric: String,
    pub value: Option<f64>,
    /// Aliases that point at it.
    pub aliases: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// What goes in and what comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    pub task: Task,
    pub inputs: Vec<Column>,
    pub target: String,
    /// The classes in the order of the probabilities; empty for regression and forecast.
    pub classes: Vec<String>,
    /// The class whose probability is held against the threshold (binary).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive_class: Option<String>,
    /// Smallest probability of the positive class that is answered by its label (binary).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// What makes a probability of the logit of the positive class (binary), or probabilities of the
    /// logits of all classes (multiclass, a temperature); the logistic function or the softmax alone when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrator: Option<Calibrator>,
    /// How rows become windows, every default filled in (sequences).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSpec>,
}

/// What all versions of a model answer alike, as far as it is known of one to come: whoever asks the
/// model must not be told something else when an alias moves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers<'a> {
    pub task: Option<Task>,
    /// The column that is foretold.
    pub target: Option<&'a str>,
    /// In any order. Two have to be the same; of several some have to.
    pub classes: Option<&'a [String]>,
    pub positive_class: Option<&'a str>,
}

impl Answers<'_> {
    /// Why these can't be answers of the model whose newest version has this signature: the field of a
    /// training's specification, and what to do.
    pub fn conflict(&self, model: &str, newest: &Signature) -> Option<FieldError> {
        let conflict = |pointer: &str, what: String| {
            let detail = format!("model {model} {what}; take another name for this one");
            Some(FieldError::new(pointer, detail))
        };
        if let Some(task) = self.task.filter(|task| *task != newest.task) {
            let (is, other) = (newest.task.as_str(), task.as_str());
            return conflict("/task", format!("is for {is}, and this training for {other}"));
        }
        if let Some(target) = self.target.filter(|target| *target != newest.target) {
            let what = format!("foretells {}, and this training {target}", newest.target);
            return conflict("/target", what);
        }
        let sorted = |classes: &[String]| {
            let mut classes = classes.to_vec();
            classes.sort_unstable();
            classes
        };
        // One of several classes may come or go with newer rows; of two nothing is left as it was.
        let are_others = |classes: &[String]| match newest.task {
            Task::Multiclass => !classes.iter().any(|class| newest.classes.contains(class)),
            _ => sorted(classes) != sorted(&newest.classes),
        };
        if let Some(classes) = self.classes.filter(|classes| are_others(classes)) {
            let (is, other) = (shown(&newest.classes), shown(classes));
            let what = format!("tells the classes {is} apart, and this training {other}");
            return conflict("/target", what);
        }
        match (self.positive_class, newest.positive_class.as_deref()) {
            (Some(class), Some(known)) if class != known => {
                let what = format!(
                    "gives the probability of '{known}' as that of the positive class, and this \
                     training that of '{class}': say positive_class '{known}'"
                );
                let detail = format!("model {model} {what}, or take another name for this one");
                Some(FieldError::new("/positive_class", detail))
            }
            _ => None,
        }
    }
}

/// Classes in an error, which must not become endless.
fn shown(classes: &[String]) -> String {
    const MOST: usize = 10;
    let named: Vec<String> = classes
        .iter()
        .take(MOST)
        .map(|class| format!("'{}'", class.chars().take(40).collect::<String>()))
        .collect();
    let more = if classes.len() > MOST { " and others" } else { "" };
    format!("{}{more}", named.join(", "))
}

impl Signature {
    /// What its version answers.
    pub fn answers(&self) -> Answers<'_> {
        Answers {
            task: Some(self.task),
            target: Some(&self.target),
            classes: Some(&self.classes),
            positive_class: self.positive_class.as_deref(),
        }
    }

    /// The columns that are forecast.
    pub fn forecast_columns(&self) -> Vec<&str> {
        let further = self.window.iter().flat_map(|w| &w.targets).map(String::as_str);
        std::iter::once(self.target.as_str()).chain(further).collect()
    }
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Provenance {
    /// The specification as it was carried out, every default filled in.
    pub spec: TrainingSpec,
    /// SHA-256 of the dataset snapshot's Parquet.
    pub dataset_sha256: String,
    /// SHA-256 of the weights (safetensors).
    pub weights_sha256: String,
    pub rows: PartRows,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: u32,
    /// `cpu` or `cuda:N`, with the SIMD level.
    pub device: String,
    /// Version of the program and its commit, when known.
    pub code_version: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Whether its networks answer, before calibration, as if all rows weighed the same, whatever
    /// `class_weights` they learnt with; not so of versions of earlier programs that learnt with some, nor of
    /// what is pruned or quantised of them.
    #[serde(default)]
    pub class_weights_taken_back: bool,
    /// Seconds of training.
    pub seconds: f64,
    /// What its training took in all; unknown of the oldest versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The job that made it.
    pub job: Uuid,
    /// The key that asked for it.
    pub created_by: Uuid,
}

/// Versions of earlier programs don't say whether class weights were taken back. Where all rows weighed the same
/// there was nothing to take back.
fn settled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Provenance, D::Error> {
    let mut provenance = Provenance::deserialize(deserializer)?;
    provenance.class_weights_taken_back |= match &provenance.spec.class_weights {
        ClassWeights::None => true,
        ClassWeights::Balanced => false,
        ClassWeights::Given(given) => given.weights.values().all(|weight| *weight == 1.0),
    };
    Ok(provenance)
}

/// Another network, trained on the same rows, against which a version is held: a simpler one, or one
/// that was not worth more than the simpler one that is served. None is held to what is `monotone`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Baseline {
    /// Name of its network.
    #[schema(example = "linear")]
    pub network: String,
    /// The main metric: AUC, accuracy or R2.
    #[schema(example = "auc")]
    pub metric: String,
    /// Its main metric on the test rows.
    pub value: Option<f64>,
    /// The version's main metric less the baseline's: above 0 the version is better.
    pub difference: Option<f64>,
    /// 95 % confidence interval of the difference, the rows of the two taken in pairs.
    pub interval: Option<Interval>,
    /// Trainable numbers.
    pub parameters: u64,
    /// Seconds of training.
    pub seconds: f64,
}

/// Rows in each part, or windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartRows {
    pub train: u64,
    pub validation: u64,
    pub test: u64,
}

/// Loss and main validation metric of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EpochLoss {
    /// Counted from 1.
    pub epoch: u32,
    pub train_loss: f64,
    pub validation_loss: f64,
    /// AUC, accuracy or R2 of the validation rows; none where it is not defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_metric: Option<f64>,
}

/// Metrics of the test part, which training never saw.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Metrics {
    Binary(BinaryMetrics),
    Multiclass(MulticlassMetrics),
    Regression(RegressionMetrics),
    Forecast(ForecastMetrics),
}

deserialize_tagged! { Metrics by "task":
    "binary" => Binary(BinaryMetrics),
    "multiclass" => Multiclass(MulticlassMetrics),
    "regression" => Regression(RegressionMetrics),
    "forecast" => Forecast(ForecastMetrics),
}

impl Metrics {
    /// Name and value of the metric that a list shows.
    pub fn main(&self) -> (&'static str, Option<f64>) {
        match self {
            Self::Binary(m) => ("auc", m.auc),
            Self::Multiclass(m) => ("accuracy", Some(m.accuracy)),
            Self::Regression(m) => ("r2", m.r2),
            Self::Forecast(m) => ("mse", Some(m.mse)),
        }
    }
}

/// Metrics of a binary model. Those that need both classes are absent where the part has only one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BinaryMetrics {
    /// Rows that were scored.
    pub n: u64,
    /// Rows of the positive class.
    pub positives: u64,
    /// Area under the ROC curve, ties by mid-rank.
    pub auc: Option<f64>,
    /// 95 % confidence interval of the AUC (DeLong).
    pub auc_interval: Option<Interval>,
    /// Average precision.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Kolmogorov-Smirnov: greatest distance of the two classes' distributions of the score.
    pub ks: Option<f64>,
    /// 2 AUC - 1.
    pub gini: Option<f64>,
    /// Share of right labels at the threshold.
    pub accuracy: f64,
    /// Unweighted mean of the two classes' F1 at the threshold; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// How well the probabilities come true; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationMetrics>,
    pub threshold: f64,
    pub confusion: Vec<Vec<u64>>,
    /// In the order of the signature's classes.
    pub per_class: Vec<ClassMetrics>,
}

/// Metrics of a model with three or more classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MulticlassMetrics {
    pub n: u64,
    /// Mean of the one-against-rest AUCs of the classes for which it is defined.
    pub auc: Option<f64>,
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    /// Mean squared distance of the probabilities to the one-hot truth, summed over classes.
    pub brier: f64,
    pub accuracy: f64,
    /// 95 % confidence interval of the accuracy (Wilson).
    pub accuracy_interval: Interval,
    /// Unweighted mean of the classes' F1.
    pub macro_f1: f64,
    /// How often the most probable class comes true; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<TopLabelMetrics>,
    /// Row = true class, column = predicted class, in the order of the signature's classes.
    pub confusion: Vec<Vec<u64>>,
    pub per_class: Vec<ClassMetrics>,
}

/// Metrics of a model that predicts a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegressionMetrics {
    pub n: u64,
    /// Share of the variance explained; absent where the truth does not vary.
    pub r2: Option<f64>,
    /// Root of the mean squared error, in the target's unit.
    pub rmse: f64,
    /// 95 % confidence interval of the RMSE (delta method).
    pub rmse_interval: Option<Interval>,
    /// Mean absolute error, in the target's unit.
    pub mae: f64,
}

/// Precision, recall and F1 of one class at the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassMetrics {
    pub class: String,
    /// Rows of this class.
    pub support: u64,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A name that points at a version: `champion`, `challenger` or any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alias {
    pub model: String,
    #[schema(example = "champion")]
    pub alias: String,
    pub version: u32,
    /// Counts the moves; its ETag.
    pub revision: u64,
    pub moved_at: DateTime<Utc>,
}

/// Where an alias is to point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    #[schema(minimum = 1, example = 1)]
    pub version: u32,
    /// Why it moves; kept in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

/// One move of an alias. The history is only ever added to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AliasMove {
    pub alias: String,
    pub revision: u64,
    /// None: the alias was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    pub moved_at: DateTime<Utc>,
    /// The key that moved it.
    pub moved_by: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_answers_stays() {
        let signature: Signature = serde_json::from_value(serde_json::json!({
            "task": "binary", "inputs": [], "target": "default", "classes": ["0", "1"],
            "positive_class": "1"
        }))
        .unwrap();
        let own = signature.answers();
        let (other, swapped) = (["a".to_owned(), "b".to_owned()], ["1".to_owned(), "0".to_owned()]);
        for (answers, pointer) in [
            (own, None),
            (Answers::default(), None),
            (Answers { classes: Some(&swapped), ..own }, None),
            (Answers { task: Some(Task::Regression), ..own }, Some("/task")),
            (Answers { target: Some("sex"), ..own }, Some("/target")),
            (Answers { classes: Some(&other), ..own }, Some("/target")),
            (Answers { positive_class: Some("0"), ..own }, Some("/positive_class")),
        ] {
            let conflict = answers.conflict("race", &signature);
            assert_eq!(conflict.as_ref().map(|c| c.pointer.as_str()), pointer, "{answers:?}");
            assert!(conflict.is_none_or(|c| c.detail.contains("another name")));
        }
        let several = Signature { task: Task::Multiclass, positive_class: None, ..signature };
        let more = ["0".to_owned(), "1".to_owned(), "2".to_owned()];
        let grown = Answers { classes: Some(&more), ..several.answers() };
        assert_eq!(grown.conflict("race", &several), None);
        let foreign = Answers { classes: Some(&other), ..several.answers() };
        assert_eq!(foreign.conflict("race", &several).unwrap().pointer, "/target");
    }
}
