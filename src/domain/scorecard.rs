//! Points scorecards: how they are made, and the table that one is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A points scorecard (binary tables): each column is cut into bins, a bin counts by its weight of
/// evidence, `ln((good_i / good) / (bad_i / bad))`, and a logistic regression weighs the columns. It is fitted
/// exactly, without steps by gradients, on a CPU, and is calibrated as it stands: what says how other
/// networks learn (`optimiser`, `epochs`, `ensemble`, `search`, ...) is refused. The positive class is the bad
/// outcome. Cuts are those of a tree of at most 20 leaves, merged so that the information value of the
/// column is the greatest that `bins` and the trend allow; missing values are a bin of their own. A category
/// that no training row had counts as the rare ones do, and as the average of all rows where there are none;
/// so does a missing value where no training row missed one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScorecardNetwork {
    /// Most bins of a column, beside that of missing values; 6 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2, maximum = 20)]
    pub bins: Option<u32>,
    /// Fewest rows of a bin, as a share of the training rows that have a value; 0.05 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, maximum = 0.5)]
    pub least_share: Option<f64>,
    /// Which way the share of the positive class goes from bin to bin, for numbers and timestamps;
    /// `auto` for those that are not named. Columns that are `monotone` go their way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"age": "valley"}))]
    pub trends: BTreeMap<String, BinTrend>,
    /// Where a number is cut, instead of where that is best: 1 to 50 edges that ascend. A value at an edge
    /// lies above it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"income": [15000, 30000, 60000]}))]
    pub edges: BTreeMap<String, Vec<f64>>,
    /// A column of a lesser information value is left out, unless its `edges` are given; 0.02 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10)]
    pub min_iv: Option<f64>,
    /// Penalty: half of it times the sum of the squared coefficients is added to the sum of the log
    /// losses; 1 when absent, 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub l2: Option<f64>,
    /// What becomes of a column that speaks against its own bins once the others are known; `leave_out`
    /// when absent. One that is `monotone` is left out in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_signs: Option<WrongSigns>,
}

impl ScorecardNetwork {
    pub fn bins(&self) -> u32 {
        self.bins.unwrap_or(6)
    }

    pub fn least_share(&self) -> f64 {
        self.least_share.unwrap_or(0.05)
    }

    pub fn min_iv(&self) -> f64 {
        self.min_iv.unwrap_or(0.02)
    }

    pub fn l2(&self) -> f64 {
        self.l2.unwrap_or(1.0)
    }

    pub fn wrong_signs(&self) -> WrongSigns {
        self.wrong_signs.unwrap_or_default()
    }

    /// The same with every default filled in.
    pub fn filled(&self) -> Self {
        Self {
            bins: Some(self.bins()),
            least_share: Some(self.least_share()),
            min_iv: Some(self.min_iv()),
            l2: Some(self.l2()),
            wrong_signs: Some(self.wrong_signs()),
            ..self.clone()
        }
    }
}

/// Which way the share of the positive class goes from bin to bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BinTrend {
    /// Rising or falling, whichever tells more.
    #[default]
    Auto,
    Rising,
    Falling,
    /// Rising up to one bin, falling behind it.
    Peak,
    /// Falling up to one bin, rising behind it.
    Valley,
    /// Any way.
    Free,
}

/// What becomes of a column whose coefficient has the sign that its weights of evidence should not have:
/// its points would then rise where its rows are worse, which nobody can be told as a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WrongSigns {
    /// It is left out, one column after the other, the farthest from the right sign first.
    #[default]
    LeaveOut,
    Keep,
}

/// The scale of points, and whose they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScorecardQuery {
    /// Points at odds of `odds` to one for the favourable class.
    #[param(default = 600.0, minimum = -1_000_000.0, maximum = 1_000_000.0)]
    pub points: f64,
    /// So many points more stand for twice the odds.
    #[param(default = 20.0, exclusive_minimum = 0, maximum = 1_000_000.0)]
    pub points_to_double: f64,
    /// Of the favourable class, to one.
    #[param(default = 50.0, exclusive_minimum = 0, maximum = 1_000_000_000.0)]
    pub odds: f64,
    /// Whether points are whole numbers.
    #[param(default = true)]
    pub rounded: bool,
    /// The class whose probability falls as points rise, as a policy's `adverse` names it; the positive one
    /// when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "1")]
    pub adverse: Option<String>,
}

impl Default for ScorecardQuery {
    fn default() -> Self {
        Self { points: 600.0, points_to_double: 20.0, odds: 50.0, rounded: true, adverse: None }
    }
}

/// A version as a table of points: the score of a row is the sum of the points of the bins that it is in,
/// one of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scorecard {
    #[schema(example = "default-card")]
    pub model: String,
    #[schema(example = 1)]
    pub version: u32,
    /// The class whose probability falls as points rise, and of which all rates are.
    #[schema(example = "1")]
    pub adverse_class: String,
    /// The other one.
    #[schema(example = "0")]
    pub favourable_class: String,
    pub points: f64,
    pub points_to_double: f64,
    pub odds: f64,
    /// Whether points are whole numbers: a score is then up to half a point for each column away from
    /// that of the probability.
    pub rounded: bool,
    /// Of the log odds of the adverse class.
    pub intercept: f64,
    pub intercept_error: Option<f64>,
    /// The score where all bins have a weight of evidence of 0; it is part of the bins' points, in equal
    /// parts for each column. Not rounded.
    pub base_points: f64,
    pub least_score: f64,
    pub greatest_score: f64,
    /// Training rows of either class.
    pub favourable_rows: u64,
    pub adverse_rows: u64,
    /// Those with a coefficient, in the order in which they are read.
    pub columns: Vec<ScorecardColumn>,
    /// Columns that were binned and have no coefficient, since the others made it one of the wrong sign.
    pub left_out: Vec<String>,
}

/// A column of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorecardColumn {
    #[schema(example = "income")]
    pub column: String,
    /// Information value.
    #[schema(example = 0.21)]
    pub iv: f64,
    pub strength: InformationStrength,
    /// Of the weight of evidence in the log odds of the adverse class: below 0 where it has its right sign,
    /// and near -1 where other columns tell nothing of the same.
    #[schema(example = -0.93)]
    pub coefficient: f64,
    #[schema(example = 0.08)]
    pub standard_error: Option<f64>,
    /// Of the share of the adverse class; `free` of categories and booleans.
    pub trend: BinTrend,
    /// In their order, missing values last.
    pub bins: Vec<ScorecardBin>,
}

/// A bin of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorecardBin {
    /// For people: `15000 to 30000`, `car, house`, `missing`.
    #[schema(example = "15000 to 30000")]
    pub label: String,
    /// From this value on (numbers; of timestamps days since 1970); absent of the first bin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Up to, but without, this value; absent of the last bin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// The categories in it (texts, and `false` and `true`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether rare categories, and those that no training row had, are in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rare: bool,
    /// Whether it is that of missing values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_missing: bool,
    /// Training rows.
    #[schema(example = 4210)]
    pub rows: u64,
    /// Share of the adverse class among them; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.12)]
    pub adverse_rate: Option<f64>,
    /// Weight of evidence: above 0 where fewer are of the adverse class than among all rows. Half a row is
    /// added to both classes of a bin that has none of one.
    #[schema(example = 0.44)]
    pub woe: f64,
    #[schema(example = 83.0)]
    pub points: f64,
}

/// What an information value says, by the usual rule of thumb (Siddiqi 2006).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InformationStrength {
    /// Below 0.02.
    None,
    /// Below 0.1.
    Weak,
    /// Below 0.3.
    Medium,
    /// Below 0.5.
    Strong,
    /// From 0.5 on: is it known before the outcome?
    Suspect,
}

impl InformationStrength {
    /// As the table names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weak => "weak",
            Self::Medium => "medium",
            Self::Strong => "strong",
            Self::Suspect => "suspect",
        }
    }
}
