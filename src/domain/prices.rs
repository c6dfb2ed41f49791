//! Prices of assets: where they stand in a dataset, and what is to be made of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dataset::DatasetRef;

/// Most assets and dates of one request, and most values of both together.
pub const MAX_ASSETS: usize = 1_000;
pub const MAX_DATES: usize = 10_000;
pub const MAX_PRICES: usize = 10_000_000;

/// Which columns of a dataset are the prices of which assets.
///
/// In the long form, each row has the price of one asset at one time: name the columns `asset` and
/// `price`. In the wide form, each row is one time and each asset a column: leave both out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PricesRequest {
    pub dataset: DatasetRef,
    /// The column of times: timestamps or numbers. The only column of timestamps when absent. Rows may
    /// stand in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "date")]
    pub time: Option<String>,
    /// Long form: the column that names the asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "name")]
    pub asset: Option<String>,
    /// Long form: the column of prices. Adjusted for splits and dividends, or what these do to a price
    /// is taken for a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "close")]
    pub price: Option<String>,
    /// The assets that are read, in this order. All when absent: columns of numbers in their order, names
    /// of the long form in alphabetical order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    pub assets: Option<Vec<String>>,
    /// The first time that is read: a date, a moment in time, or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2016-01-01")]
    pub from: Option<String>,
    /// The last time that is read; a date is meant with all its hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2017-12-31")]
    pub to: Option<String>,
    /// How returns are made of prices.
    #[serde(default)]
    pub returns: ReturnKind,
    /// What the values are.
    #[serde(default)]
    pub values: PriceValues,
    /// What is done where an asset has no price at a time at which another has one.
    #[serde(default)]
    pub missing: MissingPrices,
}

/// How returns are made of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnKind {
    /// `p / q - 1`: the return of a portfolio is the weighted sum of these.
    #[default]
    Simple,
    /// `ln(p / q)`: adds up over time, but over assets only about.
    Log,
}

/// What the values of a dataset of prices are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriceValues {
    #[default]
    Prices,
    /// Returns already, of the kind that `returns` says.
    Returns,
}

/// What is done where an asset has no price at a time at which another has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingPrices {
    /// The request is refused, and the assets are named.
    #[default]
    Refuse,
    /// Assets that lack a price are left out.
    DropAssets,
    /// Times at which an asset lacks its price are left out: the return over them is that from the time
    /// before to the time after.
    DropDates,
    /// The last known price stands, which is a return of 0, and a larger one afterwards.
    ForwardFill,
}

impl MissingPrices {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::DropAssets => "drop_assets",
            Self::DropDates => "drop_dates",
            Self::ForwardFill => "forward_fill",
        }
    }
}
