//! Binnings: columns of a dataset in bins of weights of evidence, by what each tells of an outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dataset::DatasetRef;
use super::scorecard::{BinTrend, InformationStrength};

/// Most columns of one request, and most values that are read for it.
pub const MAX_COLUMNS: usize = 1_000;
pub const MAX_VALUES: u64 = 50_000_000;
/// Most bytes of texts that are read for one request.
pub const MAX_TEXT: u64 = 1 << 30;

/// Columns of a dataset, and the outcome of two classes against which they are binned. Of a column of texts the
/// 64 most frequent values of at least 5 rows each are categories, and the others one together; of a boolean
/// column each value needs 5 rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BinningRequest {
    pub dataset: DatasetRef,
    /// The column of the outcome, of two classes. Rows without it are left out.
    #[schema(example = "default")]
    pub target: String,
    /// The class of which rates are and that weights of evidence speak against; when absent the one that a
    /// model's first training would call positive: `1` (but beside a greater number), `true`, `yes` or `y`, else the rarer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    pub adverse: Option<String>,
    /// The columns; all but the target when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 1000, example = json!(["income", "home"]))]
    pub columns: Option<Vec<String>>,
    /// Most bins of a column, beside that of missing values.
    #[serde(default = "defaults::bins")]
    #[schema(minimum = 2, maximum = 20, default = 6)]
    pub bins: u32,
    /// Fewest rows of a bin, as a share of the rows that have a value.
    #[serde(default = "defaults::least_share")]
    #[schema(exclusive_minimum = 0, maximum = 0.5, default = 0.05)]
    pub least_share: f64,
    /// Which way the share of the adverse class goes from bin to bin of a number or timestamp; one way by
    /// default.
    #[serde(default)]
    pub trend: BinTrend,
    /// The same of one column, in place of `trend`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"age": "valley"}))]
    pub trends: BTreeMap<String, BinTrend>,
    /// Where a number is cut, instead of where that is best: 1 to 50 edges that ascend. A value at an edge
    /// lies above it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"income": [15000, 30000, 60000]}))]
    pub edges: BTreeMap<String, Vec<f64>>,
}

mod defaults {
    pub(super) fn bins() -> u32 {
        6
    }
    pub(super) fn least_share() -> f64 {
        0.05
    }
}

/// The answer to a [`BinningRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BinningAnswer {
    /// The snapshot that was read.
    pub dataset: DatasetRef,
    #[schema(example = "default")]
    pub target: String,
    #[schema(example = "1")]
    pub adverse_class: String,
    #[schema(example = "0")]
    pub favourable_class: String,
    /// Rows with an outcome, and those of the adverse class among them.
    pub rows: u64,
    pub adverse_rows: u64,
    /// By their information value, the greatest first; of one value in their order.
    pub columns: Vec<ColumnBinning>,
    /// Columns of which there are no bins, and why.
    pub left_out: Vec<UnbinnedColumn>,
    pub warnings: Vec<String>,
}

/// A column in bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnBinning {
    #[schema(example = "income")]
    pub column: String,
    /// Information value: the sum of those of its bins.
    #[schema(example = 0.21)]
    pub iv: f64,
    pub strength: InformationStrength,
    /// Of the share of the adverse class; `free` of categories and booleans.
    pub trend: BinTrend,
    /// In their order, missing values last; with those that no row is in.
    pub bins: Vec<ColumnBin>,
}

/// A bin of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnBin {
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
    /// Whether rare categories, and those that no row had, are in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rare: bool,
    /// Whether it is that of missing values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_missing: bool,
    #[schema(example = 4210)]
    pub rows: u64,
    /// Those of the adverse class.
    #[schema(example = 505)]
    pub adverse_rows: u64,
    /// Their share; absent where there are no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.12)]
    pub adverse_rate: Option<f64>,
    /// Weight of evidence, `ln((favourable / all favourable) / (adverse / all adverse))`: above 0 where fewer are
    /// of the adverse class than among all rows. Half a row is added to both classes of a bin that has none
    /// of one.
    #[schema(example = 0.44)]
    pub woe: f64,
    /// What it adds to the information value.
    #[schema(example = 0.034)]
    pub iv: f64,
}

/// A column without bins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnbinnedColumn {
    #[schema(example = "customer_id")]
    pub column: String,
    #[schema(example = "nearly every row has another text")]
    pub reason: String,
}
