//! Loans that were made: their stage of impairment, and what they are expected to lose.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::assessment::StageTotal;

/// Most loans of a request, and most scenarios.
pub const MAX_LOANS: usize = 10_000;
pub const MAX_SCENARIOS: usize = 20;

/// Loans, when one has come into another stage, and which futures may come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedLossRequest {
    #[schema(min_items = 1, max_items = 10_000)]
    pub loans: Vec<Loan>,
    #[serde(default)]
    pub rules: StagingRules,
    /// Futures whose weights add up to 1; the one that is expected alone when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub scenarios: Vec<LossScenario>,
}

/// A loan. Its probability of default is given as `pd` or as `pd_by_year`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Loan {
    /// Told again in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id: Option<String>,
    /// Probability of default within twelve months; the hazard stays the same for the rest of the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub pd: Option<f64>,
    /// Term structure: the probability of default within one year, two years and so on, cumulated; after
    /// the last the hazard stays that of the last year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 50)]
    pub pd_by_year: Option<Vec<f64>>,
    /// Probability of default within twelve months when the loan was made; by days past due alone when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub origination_pd: Option<f64>,
    /// Share of the exposure that is lost in a default (LGD).
    #[schema(minimum = 0, maximum = 1)]
    pub loss_given_default: f64,
    /// What is owed, in money.
    #[schema(minimum = 0)]
    pub drawn: f64,
    /// What may be drawn besides.
    #[serde(default)]
    #[schema(minimum = 0, default = 0)]
    pub undrawn: f64,
    /// Share of it that is drawn by the time of a default (CCF).
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub credit_conversion: f64,
    /// 1 at least, but for loans in stage 3.
    #[schema(minimum = 0, maximum = 600)]
    pub remaining_months: u32,
    /// Effective interest rate of a year, at which losses are discounted.
    pub effective_rate: f64,
    #[serde(default)]
    #[schema(default = 0)]
    pub days_past_due: u32,
    #[serde(default)]
    pub amortisation: Repayment,
}

/// How a loan is paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repayment {
    /// By equal instalments of interest and repayment together.
    #[default]
    Annuity,
    /// By equal repayments.
    Linear,
    /// All of it at the end.
    Bullet,
}

/// When a loan comes into another stage. The days are those of the standard, which presumes them and lets
/// them be rebutted; what a significant rise of a probability is, is the lender's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StagingRules {
    /// Stage 2 from so many days past due on.
    #[serde(deserialize_with = "crate::domain::whole::days")]
    #[schema(maximum = 36_525, default = 30)]
    pub significant_days: u32,
    /// Stage 3 from so many on.
    #[serde(deserialize_with = "crate::domain::whole::days")]
    #[schema(maximum = 36_525, default = 90)]
    pub impaired_days: u32,
    /// Stage 2 where the probability of default is at least so many times that of the origination,
    #[schema(minimum = 1, default = 2)]
    pub ratio: f64,
    /// and above it by so much at least.
    #[schema(minimum = 0, maximum = 1, default = 0.01)]
    pub increase: f64,
}

impl Default for StagingRules {
    fn default() -> Self {
        Self { significant_days: 30, impaired_days: 90, ratio: 2.0, increase: 0.01 }
    }
}

/// A future that may come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LossScenario {
    #[schema(max_length = 100, example = "downturn")]
    pub name: String,
    #[schema(minimum = 0, maximum = 1)]
    pub weight: f64,
    /// What the probability of a default in each month is multiplied by, up to 1.
    #[serde(default = "one")]
    #[schema(minimum = 0, maximum = 100, default = 1)]
    pub pd_factor: f64,
    /// What the loss given default is multiplied by, up to 1.
    #[serde(default = "one")]
    #[schema(minimum = 0, maximum = 100, default = 1)]
    pub loss_factor: f64,
}

fn one() -> f64 {
    1.0
}

/// A stage of impairment (IFRS 9, 5.5).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LoanStage {
    /// 1: twelve months of expected loss.
    Performing,
    /// 2: the risk has risen significantly; the loss of the whole life.
    Underperforming,
    /// 3: in default.
    Impaired,
}

impl LoanStage {
    pub const ALL: [LoanStage; 3] = [Self::Performing, Self::Underperforming, Self::Impaired];

    /// 1, 2 or 3.
    pub fn number(self) -> u8 {
        match self {
            Self::Performing => 1,
            Self::Underperforming => 2,
            Self::Impaired => 3,
        }
    }
}

/// The answer to an [`ExpectedLossRequest`]. Illustrative, not an accounting opinion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExpectedLossResponse {
    /// One for each loan in the order of the loans.
    pub loans: Vec<LoanLoss>,
    /// By stage, from the first on; stages without loans are left out.
    pub stages: Vec<StageTotal>,
    /// Sums over all loans, in money.
    pub exposure: f64,
    pub provision: f64,
    pub note: String,
}

/// What a loan is expected to lose, discounted to now, in money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoanLoss {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub stage: LoanStage,
    /// Drawn + credit conversion x undrawn.
    pub exposure: f64,
    /// By defaults within twelve months.
    pub twelve_months: f64,
    /// By defaults at any time.
    pub lifetime: f64,
    /// What the stage asks for: twelve months in the first, the whole life else.
    pub provision: f64,
}
