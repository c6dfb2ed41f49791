//! Losses of a book of loans by one common factor.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::dataset::DatasetRef;
use crate::domain::prediction::VersionRef;

/// What may be lost of which loans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditLossRequest {
    /// The loans. Either this or `book`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100_000)]
    pub exposures: Option<Vec<CreditExposure>>,
    /// A dataset of loans. Either this or `exposures`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<CreditBook>,
    /// Share that is lost at default, where a loan does not say it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub loss_given_default: Option<f64>,
    /// Correlation of any two borrowers' assets, where a loan does not say it itself. The Basel framework has
    /// 0.12 to 0.24 for companies, 0.15 for mortgages, 0.04 for credit cards, 0.03 to 0.16 for other retail.
    #[schema(minimum = 0, maximum = 0.99, example = 0.15)]
    pub correlation: f64,
    #[serde(default = "defaults::levels")]
    #[schema(max_items = 10)]
    pub levels: Vec<f64>,
    /// At most 1,000,000, and 250,000,000 over the number of loans.
    #[serde(default = "defaults::simulations")]
    #[schema(minimum = 1000, maximum = 1_000_000)]
    pub simulations: u32,
    #[serde(default, deserialize_with = "crate::domain::whole::seed")]
    #[schema(maximum = 9_007_199_254_740_991u64)]
    pub seed: u64,
}

/// A loan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditExposure {
    /// What the loan is called in the answer; its number, counted from 1, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[schema(minimum = 0, maximum = 1)]
    pub default_probability: f64,
    /// What is owed at default.
    #[schema(minimum = 0)]
    pub exposure: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub loss_given_default: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.99)]
    pub correlation: Option<f64>,
}

/// A dataset with a loan in each row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditBook {
    pub dataset: DatasetRef,
    /// The column of what is owed at default.
    #[schema(example = "balance")]
    pub exposure: String,
    /// The column of probabilities of default. Either this or `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_probability: Option<String>,
    /// A model of two classes that tells them, of the columns that it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<CreditModel>,
    /// The column of shares lost at default; the request's for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_given_default: Option<String>,
    /// The column of correlations; the request's for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// The column that names each loan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A model that tells probabilities of default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditModel {
    #[schema(example = "default-risk")]
    pub name: String,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// The class that is default; the version's positive class when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

mod defaults {
    pub(super) fn levels() -> Vec<f64> {
        vec![0.95, 0.99, 0.999]
    }
    pub(super) fn simulations() -> u32 {
        20_000
    }
}

/// The answer to a [`CreditLossRequest`]; losses are in the unit of the exposures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreditLossAnswer {
    pub loans: u64,
    /// The sum of what is owed at default.
    pub exposure: f64,
    /// Probability of default times loss given default times exposure, summed: exact.
    pub expected_loss: f64,
    /// The mean of the simulations, with its standard error: how far they are from that.
    pub simulated_loss: f64,
    pub simulated_error: f64,
    /// Standard deviation of the loss.
    pub deviation: f64,
    pub figures: Vec<CreditLossFigure>,
    /// Losses that are not exceeded with some probabilities, for a picture of the whole.
    pub percentiles: Vec<LossPercentile>,
    /// The sum of squared shares of what may be lost: 1 / n for n loans alike, 1 for a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concentration: Option<f64>,
    /// Those that add most to the loss of a large pool at the greatest level, at most ten.
    pub largest: Vec<LoanContribution>,
    pub simulations: u64,
    pub seed: u64,
    /// The snapshot that was read, where loans stand in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
    /// The version that told probabilities of default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    pub assumptions: Vec<String>,
    pub warnings: Vec<String>,
}

/// Figures at one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreditLossFigure {
    pub level: f64,
    pub value_at_risk: f64,
    /// That holds the true one with a probability of 95 %, by how many simulations there were; absent where
    /// too few lie beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    pub expected_shortfall: f64,
    pub shortfall_error: f64,
    /// The value at risk beyond the expected loss: what capital is for. Below 0 where the value at risk of a low
    /// level is less than the expected loss.
    pub unexpected_loss: f64,
    /// The value at risk of infinitely many small loans of the same risks, in closed form.
    pub large_pool: f64,
}

/// A loss that is not exceeded with a probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LossPercentile {
    pub probability: f64,
    pub loss: f64,
}

/// A loan that adds much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoanContribution {
    pub name: String,
    pub exposure: f64,
    pub default_probability: f64,
    /// Its part in the loss of a large pool.
    pub loss: f64,
}
