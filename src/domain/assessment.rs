//! Assessments of loans: what is asked, what is decided, what is kept.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::counterfactual::ColumnChange;
use super::dataset::DatasetRef;
use super::loan::{LoanStage, StagingRules};
use super::policy::{RuleOutcome, RuleStage};
use super::prediction::{Row, unique_rows};
use super::reason::{ReasonBaseline, ReasonDirections, ReasonMethod};

/// Most rows of a request, all of which may need reasons.
pub const MAX_ASSESSED: usize = 1_000;
/// Most rows of a dataset that a job assesses.
pub const MAX_PORTFOLIO: u64 = 1_000_000;

/// Applicants to be assessed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessmentRequest {
    /// A row for each applicant: the columns that the model reads, and those that the policy names.
    #[serde(default, deserialize_with = "unique_rows")]
    #[schema(min_items = 1, max_items = 1000, required = true)]
    pub rows: Option<Vec<Row>>,
    /// Number of the policy's version; the newest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
    /// Whether it is kept as an append-only record before it leaves.
    #[serde(default)]
    pub record: bool,
    /// Whether it is searched what would change decisions, among what the policy says is changeable; at
    /// most 100 rows then.
    #[serde(default)]
    pub counterfactuals: bool,
}

/// The answer to an [`AssessmentRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentResponse {
    /// One for each row in the order of the rows.
    pub assessments: Vec<Assessment>,
    /// How many were decided how.
    pub decisions: DecisionCounts,
    pub policy: String,
    /// Number of the policy's version.
    pub policy_version: u32,
    pub model: String,
    /// The version that scored.
    pub version: u32,
    /// By what the reasons of scores were found; absent where no score fell short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<ReasonBasis>,
    /// Under which the answer is kept, when it was recorded: `/api/v1/loans/assessments/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct DecisionCounts {
    pub approve: u64,
    pub refer: u64,
    pub decline: u64,
}

impl DecisionCounts {
    pub fn add(&mut self, decision: Decision) {
        *match decision {
            Decision::Approve => &mut self.approve,
            Decision::Refer => &mut self.refer,
            Decision::Decline => &mut self.decline,
        } += 1;
    }
}

/// What is decided on an application, from the best on.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    #[default]
    Approve,
    /// A person decides.
    Refer,
    Decline,
}

impl Decision {
    pub const ALL: [Decision; 3] = [Self::Approve, Self::Refer, Self::Decline];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refer => "refer",
            Self::Decline => "decline",
        }
    }
}

/// What is decided on one applicant, and why. Who is declined before the model has no score.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// The worst of what the rules, the score and the price say.
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    /// Probability of default, over the policy's horizon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pd: Option<f64>,
    /// Absent of versions that carry no calibration of test rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pd_interval: Option<PdInterval>,
    /// Exposure at default, in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<f64>,
    /// PD x LGD x exposure, in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_loss: Option<f64>,
    /// What can be offered to who is not declined; of who is referred, if a person approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// The hard rules that hold, or that nobody can say of whether they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<FiredRule>,
    /// Why it was not approved, at most four: the rules' texts first, then those of the score.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<AssessmentReason>,
    /// What would change a decision that the score made, where that was asked: the smallest change first.
    /// Each was assessed again; empty where none was found within the policy's bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<AssessmentChange>>,
}

/// Between which shares those defaulted whom the version gave about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PdInterval {
    pub kind: PdIntervalKind,
    pub low: f64,
    pub high: f64,
    /// Test rows that it is of.
    pub rows: u64,
}

/// What an interval of a probability is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PdIntervalKind {
    /// The 95 % Wilson interval of the share that defaulted among the version's test rows of the applicant's
    /// calibration bin (a fifteenth of them). It is of the bin, not of the one applicant, and may lie beside
    /// the probability where the version is not calibrated; it knows nothing of times to come.
    CalibrationBin,
}

/// What can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// The largest amount within the policy's limits, in money; absent where the policy has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Whether the limit covers the amount that was asked for; a person has to decide where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<bool>,
    /// The rate of a year; absent where it would be above the greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The rate that covers all costs.
    pub required_rate: f64,
    /// The part of it for the expected loss of a year.
    pub loss_rate: f64,
    /// Instalment of a month for the amount that was asked for, or for the limit where that is less; where
    /// rate and term are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalment: Option<f64>,
}

/// A hard rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiredRule {
    pub id: String,
    pub stage: RuleStage,
    /// `refer` where it could not be told whether the rule holds.
    pub outcome: RuleOutcome,
    /// Whether a value that it needs is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

/// A reason of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentReason {
    pub source: ReasonSource,
    /// The rule's id, or the code of the reason table, or the column's name.
    #[schema(example = "R01")]
    pub code: String,
    pub text: String,
    pub columns: Vec<String>,
    /// What the columns add to the log odds of a default, compared with approved applicants near the cut-off;
    /// of scores alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contribution: Option<f64>,
}

/// What a reason is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonSource {
    Rule,
    Score,
    /// No rate within the policy's bounds, no amount or less than was asked for, or a value that they need is missing.
    Price,
}

/// By what the reasons of scores were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonBasis {
    /// The probability of the positive class at which the policy approves.
    pub cut_off: f64,
    pub method: ReasonMethod,
    /// When a value is held against what approved applicants nearest the cut-off have.
    #[serde(default)]
    pub directions: ReasonDirections,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    pub baseline: ReasonBaseline,
    /// Whether all contributions add up.
    pub holds: bool,
}

/// A change after which another decision is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentChange {
    pub changes: Vec<ColumnChange>,
    /// Sum of the costs of the changes.
    pub cost: f64,
    /// What is decided after them, rules and price among it.
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pd: Option<f64>,
}

/// A recorded assessment. Records are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentRecord {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// The key that asked.
    pub key: Uuid,
    pub policy: String,
    pub policy_version: u32,
    pub model: String,
    pub version: u32,
    pub rows: Vec<Row>,
    pub assessments: Vec<Assessment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<ReasonBasis>,
}

/// A recorded assessment made again by the same versions of the policy and the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentReplay {
    pub id: Uuid,
    /// Whether everything is the same, every number to the bit; what would change decisions is left out.
    pub identical: bool,
    pub same_decisions: bool,
    /// Whether the reasons have the same codes and texts in the same order.
    pub same_reasons: bool,
    /// Greatest difference of a probability of default.
    pub max_difference: f64,
    /// What is answered now.
    pub assessments: Vec<Assessment>,
}

/// A dataset whose rows are assessed under a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanPortfolioRequest {
    /// Its columns are those that the model reads, those that the policy names, and any others.
    pub dataset: DatasetRef,
    /// Number of the policy's version; the newest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub version: Option<u32>,
    /// Name of another dataset, which gets what is found as its next version: all columns, and behind them
    /// decision, points, pd, exposure, expected_loss, limit, rate, rules, reasons and reason_texts; with
    /// staging also stage and provision.
    #[schema(example = "loans-assessed")]
    pub into: String,
    /// What the names of the new columns begin with, where the dataset has columns of these names.
    #[serde(default)]
    #[schema(max_length = 40, example = "loan_")]
    pub prefix: String,
    /// Puts each loan into its stage of impairment, and adds what is set aside for it; needs pricing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging: Option<LoanPortfolioStaging>,
}

/// Where the dataset says what stages need. Losses are discounted at one rate; loans are annuities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanPortfolioStaging {
    /// Column with the days that a payment is late.
    pub days_past_due: String,
    /// Column with the twelve-month probability of default when the loan was made; by days alone when
    /// absent, and where a row has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origination_pd: Option<String>,
    /// Column with the months that are left; loans in stage 3 need none.
    pub remaining_months: String,
    /// Effective interest rate of a year.
    #[schema(example = 0.08)]
    pub effective_rate: f64,
    #[serde(default)]
    pub rules: StagingRules,
}

/// What came out for a portfolio.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct LoanPortfolioSummary {
    pub decisions: Vec<DecisionTotal>,
    /// Of all whose amount is known, in money; that of the rows, of stages and of those without one add up to it.
    pub exposure: f64,
    /// Of all that were scored, in money.
    pub expected_loss: f64,
    /// How many have so many points, by the decision.
    pub points: Vec<PointsBin>,
    /// By stage, where stages were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTotal>,
    /// Loans without a stage, where stages were asked for: without days past due (from 0 on), exposure,
    /// probability of default (of now, from 0 to 1 of the origination) or months left that hold. Nothing is set aside for
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstaged: Option<UnstagedTotal>,
}

/// What was decided how often.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionTotal {
    pub decision: Decision,
    pub count: u64,
    pub share: f64,
    pub exposure: f64,
    pub expected_loss: f64,
}

/// Applicants with `low` points or more, below `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PointsBin {
    pub low: f64,
    pub high: f64,
    pub decisions: DecisionCounts,
}

/// Loans that have no stage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct UnstagedTotal {
    pub count: u64,
    /// Of those whose exposure is known.
    pub exposure: f64,
}

/// Loans of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageTotal {
    pub stage: LoanStage,
    pub count: u64,
    pub exposure: f64,
    /// What is set aside, in money.
    pub provision: f64,
}
