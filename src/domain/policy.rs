//! Credit policies: how the answers of a model become decisions on loans.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::counterfactual::Changeable;
use super::prediction::VersionRef;
use super::reason::ReasonMethod;
use super::schema::{Cell, ColumnType};

/// Most rules of a policy, most further columns, and most values of one list.
pub const MAX_RULES: usize = 100;
pub const MAX_COLUMNS: usize = 200;
pub const MAX_VALUES: usize = 10_000;
/// Longest horizon of a probability of default, in months.
pub const MAX_HORIZON: u32 = 120;

/// What a credit policy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTerms {
    /// Name of a model of two classes over a table.
    #[schema(example = "default-risk")]
    pub model: String,
    /// A version's number, or an alias, which is followed when it moves; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// The class of those who don't pay; the positive one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adverse: Option<String>,
    /// Over how many months the model's probability of default goes: what its target says.
    #[serde(default = "twelve")]
    #[schema(minimum = 1, maximum = 120, default = 12)]
    pub horizon_months: u32,
    #[serde(default)]
    pub scale: PointsScale,
    pub cut_offs: CutOffs,
    /// Columns beyond those that the model reads, for rules and for pricing. Each may be null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200)]
    pub columns: Vec<PolicyColumn>,
    /// Hard rules. All that hold are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub rules: Vec<PolicyRule>,
    /// Without it there are no expected losses and no offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// How much may be lent; needs pricing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitTerms>,
    #[serde(default)]
    pub reasons: PolicyReasons,
    /// What an applicant can change, and how, where it is asked what would change a decision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changeable: BTreeMap<String, Changeable>,
}

fn twelve() -> u32 {
    12
}

/// The scale of points: `points` at odds of `odds` to one for paying, and `points_to_double` more for each
/// doubling of the odds. Probabilities beyond 1e-9 and 1 - 1e-9 have the points of these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PointsScale {
    #[schema(default = 600)]
    pub points: f64,
    #[schema(exclusive_minimum = 0, default = 20)]
    pub points_to_double: f64,
    #[schema(exclusive_minimum = 0, default = 50)]
    pub odds: f64,
}

impl Default for PointsScale {
    fn default() -> Self {
        Self { points: 600.0, points_to_double: 20.0, odds: 50.0 }
    }
}

/// Where decisions change. In points: approved at or above `approve`, declined below `decline`. As a
/// probability of default: approved at or below `approve`, declined above `decline`. Between the two an
/// application is referred to a person; equal, none is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CutOffs {
    pub unit: CutOffUnit,
    pub approve: f64,
    pub decline: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutOffUnit {
    Points,
    Probability,
}

/// A column that the model does not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyColumn {
    #[schema(min_length = 1, max_length = 200, example = "debt")]
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

/// A hard rule, which no score outweighs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Names it, once in a policy.
    #[schema(min_length = 1, max_length = 40, example = "AGE")]
    pub id: String,
    /// What an applicant is told: a plain sentence.
    #[schema(min_length = 1, max_length = 500, example = "You are under 18 years old.")]
    pub text: String,
    #[serde(default)]
    pub stage: RuleStage,
    pub outcome: RuleOutcome,
    pub when: RuleCondition,
    #[serde(default)]
    pub if_missing: IfMissing,
}

/// When a rule is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleStage {
    /// Before the model: who is declined by it is not scored.
    #[default]
    Before,
    /// After the model: a score is told beside it.
    After,
}

/// What a rule that holds leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    Decline,
    Refer,
}

/// What a rule means for an applicant of whom a value that it compares is missing, or is divided by
/// what is not above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfMissing {
    /// The application is referred: nobody can say whether the rule holds.
    #[default]
    Refer,
    /// As if it held.
    Holds,
    /// As if it did not.
    Passes,
}

/// When a rule holds: `{"column": "age", "is": "<", "value": 18}`, a ratio of two columns as
/// `{"column": "debt", "over": "income", "is": ">", "value": 0.45}`, a list as
/// `{"column": "tax_id", "is": "in", "values": ["0815"]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCondition {
    /// One that the model reads, or one of the policy's columns.
    #[schema(example = "age")]
    pub column: String,
    /// The column is divided by this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    pub is: RuleOperator,
    /// What it is compared with; not with `in` and `missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Cell>,
    /// With `in` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10_000)]
    pub values: Option<Vec<Cell>>,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum RuleOperator {
    #[serde(rename = "<")]
    Below,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    Above,
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "in")]
    OneOf,
    #[serde(rename = "missing")]
    Missing,
}

impl RuleOperator {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Equal => "=",
            Self::OneOf => "in",
            Self::Missing => "missing",
        }
    }
}

/// What a loan is expected to lose, and what it has to cost. Costs are shares of the amount for a year:
/// 0.03 is 3 %. The rate that is offered is funding + expected loss (PD within a year x LGD) +
/// capital ratio x cost of capital + margin, within its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pricing {
    /// Share of the exposure that is lost in a default (LGD).
    #[schema(minimum = 0, maximum = 1, example = 0.45)]
    pub loss_given_default: f64,
    /// Column with the amount that is asked for or drawn, in money.
    #[schema(example = "amount")]
    pub amount: String,
    /// Column with what may be drawn besides; the exposure at default is amount + `credit_conversion` x
    /// undrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undrawn: Option<String>,
    /// Share of what is undrawn that is drawn by the time of a default (CCF).
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub credit_conversion: f64,
    /// Column with the months of the loan. Either this or `term_months`, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// Months of every loan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 600)]
    pub term_months: Option<u32>,
    #[schema(example = 0.03)]
    pub funding: f64,
    #[schema(example = 0.02)]
    pub margin: f64,
    /// Share of the amount that is held as capital.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub capital_ratio: f64,
    /// What capital costs above the funding.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub cost_of_capital: f64,
    /// The least rate that is offered.
    #[serde(default)]
    #[schema(minimum = 0, default = 0)]
    pub least_rate: f64,
    /// The greatest. Who would have to pay more is referred.
    #[schema(example = 0.2)]
    pub most_rate: f64,
}

/// The largest amount is the one at which every bound that is given still holds. Who asks for more is
/// referred, with the reason LIMIT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitTerms {
    /// In money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub most: Option<f64>,
    /// Most expected loss, PD x LGD x (amount + credit_conversion x undrawn), in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub expected_loss: Option<f64>,
    /// Needs the term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instalment: Option<InstalmentLimit>,
    /// Limits are whole multiples of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0, example = 100)]
    pub step: Option<f64>,
}

/// The instalments of a month, at the rate that is offered, are at most a share of the income less other
/// debts' instalments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstalmentLimit {
    /// Column with the income of a month.
    pub income: String,
    #[schema(exclusive_minimum = 0, maximum = 1, example = 0.4)]
    pub share: f64,
    /// Column with what other debts cost in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debts: Option<String>,
}

/// How reasons are found and worded; as for predictions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyReasons {
    /// At most so many for each applicant, those of rules among them; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4)]
    pub max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<ReasonMethod>,
    /// Number of the model's reason table; the newest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub table: Option<u32>,
    /// A language of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "en")]
    pub language: Option<String>,
}

/// A policy as it is kept: never changed, its versions count up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersion {
    #[schema(example = "consumer")]
    pub policy: String,
    #[schema(example = 1)]
    pub version: u32,
    pub terms: PolicyTerms,
    pub created_at: DateTime<Utc>,
    /// The key that made it.
    pub created_by: Uuid,
}

/// A version of a policy in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionSummary {
    pub version: u32,
    pub model: String,
    /// How many.
    pub rules: u32,
    pub created_at: DateTime<Utc>,
    /// The key that made it.
    pub created_by: Uuid,
}

/// A name under which versions of a policy are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    #[schema(example = "consumer")]
    pub name: String,
    /// Number of the newest version, which decides where none is named.
    pub latest_version: u32,
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn little_has_to_be_said_and_nothing_else_may_be() {
        let least = json!({"model": "risk", "cut_offs": {"unit": "points", "approve": 560, "decline": 520}});
        let terms: PolicyTerms = serde_json::from_value(least).unwrap();
        assert_eq!((terms.horizon_months, terms.scale), (12, PointsScale::default()));
        let again: PolicyTerms =
            serde_json::from_value(serde_json::to_value(&terms).unwrap()).unwrap();
        assert_eq!(again, terms);
        let rule = |more| {
            let mut rule = json!({"id": "AGE", "text": "Too young.", "outcome": "decline",
                "when": {"column": "age", "is": "<", "value": 18}});
            rule["when"]["is"] = more;
            serde_json::from_value::<PolicyRule>(rule).map(|rule| rule.when.is)
        };
        for operator in ["<", "<=", ">", ">=", "=", "in", "missing"] {
            assert_eq!(rule(operator.into()).unwrap().as_str(), operator);
        }
        assert!(rule("!=".into()).is_err());
    }
}
