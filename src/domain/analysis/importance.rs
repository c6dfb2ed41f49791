//! Permutation importance: how much worse a version answers when a column is shuffled.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::model::Task;

/// Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019) of each column that the
/// version reads, or of columns that are shuffled together. Of windows a column's whole stretches are
/// exchanged between windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportanceSpec {
    /// What is held against the metric of the rows as they are; `log_loss` of classes, `rmse` of a
    /// number and `mse` of a forecast when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<AnalysisMetric>,
    /// How often each column is shuffled.
    #[serde(default = "defaults::repeats")]
    #[schema(minimum = 2, maximum = 1_000)]
    pub repeats: u32,
    /// Columns that are shuffled together, since they tell the same: a column stands in one group at
    /// most, and alone where it stands in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Vec<String>>,
}

impl Default for ImportanceSpec {
    fn default() -> Self {
        Self { metric: None, repeats: defaults::repeats(), groups: Vec::new() }
    }
}

mod defaults {
    pub(super) fn repeats() -> u32 {
        10
    }
}

/// A figure of how well a version answers, as its `metrics` have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisMetric {
    LogLoss,
    Auc,
    PrAuc,
    Brier,
    Ks,
    Gini,
    Accuracy,
    MacroF1,
    R2,
    /// Of a forecast in standard deviations of what is forecast.
    Rmse,
    Mae,
    Mse,
}

impl AnalysisMetric {
    /// The metrics of a task, the first of which is taken where none is named.
    pub fn of(task: Task) -> &'static [Self] {
        match task {
            Task::Binary => &[
                Self::LogLoss,
                Self::Auc,
                Self::PrAuc,
                Self::Brier,
                Self::Ks,
                Self::Gini,
                Self::Accuracy,
                Self::MacroF1,
            ],
            Task::Multiclass => {
                &[Self::LogLoss, Self::Auc, Self::Brier, Self::Accuracy, Self::MacroF1]
            }
            Task::Regression => &[Self::Rmse, Self::Mae, Self::Mse, Self::R2],
            Task::Forecast => &[Self::Mse, Self::Mae, Self::Rmse],
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::LogLoss => "log_loss",
            Self::Auc => "auc",
            Self::PrAuc => "pr_auc",
            Self::Brier => "brier",
            Self::Ks => "ks",
            Self::Gini => "gini",
            Self::Accuracy => "accuracy",
            Self::MacroF1 => "macro_f1",
            Self::R2 => "r2",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Mse => "mse",
        }
    }

    pub fn sense(self) -> MetricSense {
        match self {
            Self::LogLoss | Self::Brier | Self::Rmse | Self::Mae | Self::Mse => {
                MetricSense::LowerIsBetter
            }
            Self::Auc
            | Self::PrAuc
            | Self::Ks
            | Self::Gini
            | Self::Accuracy
            | Self::MacroF1
            | Self::R2 => MetricSense::HigherIsBetter,
        }
    }
}

/// Whether a metric is better the higher or the lower it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricSense {
    HigherIsBetter,
    LowerIsBetter,
}

/// What each column matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportanceResult {
    pub metric: AnalysisMetric,
    pub sense: MetricSense,
    /// The metric of the rows as they are.
    pub base: f64,
    pub repeats: u32,
    /// The most important first.
    pub columns: Vec<ColumnImportance>,
}

/// What a column, or a group of columns, matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnImportance {
    /// The columns that were shuffled together; mostly one.
    pub columns: Vec<String>,
    /// By how much the metric gets worse, in its own unit; about 0 where the columns tell nothing, or
    /// nothing that others don't tell too.
    pub mean: f64,
    /// Over the repeats, with n - 1.
    pub standard_deviation: f64,
    /// Of the mean, by the shuffling alone and not by the choice of the rows.
    pub standard_error: f64,
}
