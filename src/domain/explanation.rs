//! Explanations of answers: what is asked, what is answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::prediction::{Row, VersionRef, unique_rows};
use super::schema::Cell;

/// Most rows in one request.
pub const MAX_EXPLAINED: usize = 1_000;

/// Rows whose answers are to be explained, and by which version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplanationRequest {
    /// As for predictions; of a version that reads windows, the newest rows of each series.
    #[serde(default, deserialize_with = "unique_rows")]
    #[schema(max_items = 100_000, required = true)]
    pub rows: Option<Vec<Row>>,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    #[serde(default)]
    pub method: ExplanationMethod,
    /// The class whose probability is explained. When absent: the positive class of two, of several
    /// the one that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Which number of a forecast is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ExplainedStep>,
    /// Columns of tables and windows that are told as one, such as `[["PAY_0", "PAY_2"]]`; all others stand
    /// alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub groups: Vec<Vec<String>>,
}

/// How an answer is attributed to its inputs. Texts are always compared with a text of no words, on one
/// straight way from words that are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplanationMethod {
    /// The mean over straight ways (in what the network reads of the columns) from reference rows (Erion et al. 2021): 64 training rows that the
    /// version carries (fewer of more than 16,384 inputs), the same for every request.
    #[default]
    ExpectedGradients,
    /// One straight way, from what is read of the average reference row (Sundararajan et al. 2017).
    IntegratedGradients,
    /// Shapley values of columns, or of groups of them (tables and windows): what each adds to the mean
    /// answer to the same reference rows, on average over the orders in which they may be added. Exact for
    /// up to 12 of them, above by KernelSHAP (Lundberg and Lee 2017) with a fixed seed and a standard error.
    Shapley,
}

/// A number of a forecast.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainedStep {
    /// The column; the first one that is forecast when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Rows ahead, as `step` in a forecast; the first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub step: Option<u32>,
    /// One of the version's levels; the median, or the mean, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
}

/// The answer to an [`ExplanationRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationResponse {
    /// One for each row in the order of the rows; of a version that reads windows, one for the newest
    /// window of each series.
    pub explanations: Vec<Explanation>,
    pub method: ExplanationMethod,
    pub model: String,
    /// The version that is explained.
    pub version: u32,
}

/// What the inputs add to one answer: they lead from `base` to `value`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Which series, where the version tells several apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The class whose probability is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    pub scale: ExplanationScale,
    /// What is explained, on its scale.
    pub value: f64,
    /// The same of what it is compared with: the mean of reference rows, their average row, or a text
    /// of no words.
    pub base: f64,
    /// The probability of the class as it is predicted, where one is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// By how much the attributions miss `value - base`.
    pub gap: f64,
    /// Whether the gap is at most 0.001 of that difference and 0.0001 beside, of log odds or of standard
    /// deviations of the target in the training rows. Where it is not, the
    /// attributions are too coarse to be relied on.
    pub holds: bool,
    /// Points between rows at which gradients were taken: doubled until it holds, or a limit. Of Shapley
    /// values, rows that were scored.
    pub points: u64,
    /// In the order in which the version reads its columns.
    pub attributions: Vec<ColumnAttribution>,
}

/// The scale on which attributions add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplanationScale {
    /// The logarithm of the odds of a class, `log(p / (1 - p))`, before they are calibrated.
    LogOdds,
    /// The unit of what is predicted.
    Target,
}

/// What one column adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnAttribution {
    /// Its name; of a group the names joined by ` + `.
    pub column: String,
    /// The columns of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// As it was sent; absent where it was not, and of windows, pictures and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Cell>,
    pub attribution: f64,
    /// Of a Shapley value: its standard error by the coalitions that were drawn; 0 where all were counted,
    /// absent where too few were drawn to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Of each step of a window, the oldest first; not told by Shapley values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
    /// Of each word of a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordAttribution>,
    /// Of each pixel of a picture, as the version reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelAttributions>,
}

/// What one word adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WordAttribution {
    /// As it is read: in small letters; links, tickers and numbers as `<url>`, `<tick>` and `<num>`.
    pub word: String,
    pub attribution: f64,
}

/// What each pixel adds, row after row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PixelAttributions {
    pub height: u32,
    pub width: u32,
    /// `height * width` numbers.
    pub values: Vec<f64>,
}
