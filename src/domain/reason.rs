//! Reasons of an adverse answer: what is asked, what is answered, and the operator's tables of codes and
//! sentences.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

mod check;

pub use check::{TableColumn, check_table};

/// Most reasons of an answer.
pub const MAX_REASONS: u32 = 4;
/// Most entries of a table.
pub const MAX_ENTRIES: usize = 1_000;

/// Whether the reasons of adverse answers are wanted, and which.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReasonsWanted {
    Whether(bool),
    As(ReasonOptions),
}

impl ReasonsWanted {
    /// How they are wanted; None where they are not.
    pub fn options(&self) -> Option<ReasonOptions> {
        match self {
            Self::Whether(false) => None,
            Self::Whether(true) => Some(ReasonOptions::default()),
            Self::As(options) => Some(options.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for ReasonsWanted {
    /// By hand, so that a wrong field of the options is named.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = ReasonsWanted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or an object")
            }

            fn visit_bool<E>(self, whether: bool) -> Result<ReasonsWanted, E> {
                Ok(ReasonsWanted::Whether(whether))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<ReasonsWanted, M::Error> {
                let options = ReasonOptions::deserialize(MapAccessDeserializer::new(map));
                options.map(ReasonsWanted::As)
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// How reasons are found and worded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonOptions {
    /// At most so many for each answer; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4)]
    pub max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<ReasonMethod>,
    /// Number of the model's reason table; the newest one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub table: Option<u32>,
    /// The class that is adverse: the positive one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adverse: Option<String>,
    /// A language of the table, as its entries name it; that of its first entry when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "en")]
    pub language: Option<String>,
}

/// How an adverse answer is attributed to columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonMethod {
    /// The mean over straight ways from each row of the baseline.
    #[default]
    ExpectedGradients,
    /// Shapley values of columns and of the table's groups against the baseline, of which at most 100
    /// rows are used: exact for up to 12 of them, sampled with a fixed seed above.
    Shapley,
}

/// When a reason says which way a value lies: by an entry for high or low values, or by a sentence of what
/// approved applicants nearest the cut-off have; by an entry for missing values or categories too. Else it is told
/// by an entry for all values, or by its value alone, in the same place among the reasons, since what it adds is
/// the same. Columns that are told as one are high, or low, where those of them that are so are found to hurt
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonDirections {
    /// Where the value lies beyond both the median and the mean of the baseline: records of earlier
    /// programs, which say nothing of it.
    #[default]
    Placed,
    /// Where, beside that, the row with the baseline's median in its place (with what most of the baseline
    /// have, for categories and missing values) was scored, the log odds of the adverse class were lower by a
    /// twentieth of what the column adds at least, and its probability was lower as it is served, too.
    Scored,
}

/// Why answers are adverse: the factors whose share in the log odds of the adverse class is furthest above
/// what those of approved applicants near the cut-off have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reasons {
    /// One list for each row, the strongest reason first; empty where the answer is favourable.
    pub rows: Vec<Vec<Reason>>,
    /// The class that is adverse.
    pub adverse_class: String,
    /// The probability of the positive class at which answers change.
    pub cut_off: f64,
    pub method: ReasonMethod,
    /// When a value is held against what approved applicants nearest the cut-off have.
    #[serde(default)]
    pub directions: ReasonDirections,
    /// At most so many for each answer.
    pub max: u32,
    /// The reason table that gave codes and texts; absent where the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// In which language the texts are, where the table says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// With whom adverse answers are compared; absent where no answer is adverse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<ReasonBaseline>,
    /// Whether the contributions of every adverse answer add up, as `holds` of an explanation says.
    pub holds: bool,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The table's, or the column's name where the table has no entry for it.
    #[schema(example = "R01")]
    pub code: String,
    pub text: String,
    /// The columns that it is of.
    pub columns: Vec<String>,
    /// What they add to the log odds of the adverse class (before these are calibrated), compared with the
    /// baseline.
    pub contribution: f64,
}

/// The approved applicants with whom an adverse answer is compared: those nearest the cut-off, not all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonBaseline {
    /// SHA-256 of its rows as the network reads them: f32, little endian, row after row.
    pub id: String,
    /// Rows of it.
    pub rows: u32,
    pub rule: BaselineRule,
    pub source: BaselineSource,
    /// Rows of the source, from which it was chosen.
    pub chosen_from: u32,
}

/// How the rows of a baseline are chosen among those that are answered favourably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineRule {
    /// Those nearest to the cut-off, all within half of what doubles the odds: 100 to 256.
    NearCutOff,
    /// The nearest 100, or all where there are fewer: too few are so near.
    Nearest,
}

/// Which rows a version carries for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineSource {
    /// Up to 4,096 training rows with the values of their columns.
    Applicants,
    /// The 256 reference rows of explanations: versions of earlier programs carry no others, and texts tell
    /// nothing of what the approved have.
    ReferenceRows,
}

/// A reason table to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReasonTable {
    #[schema(min_items = 1, max_items = 1000)]
    pub entries: Vec<ReasonEntry>,
}

/// Which code and sentence stand for a column, or for columns that are told as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonEntry {
    #[schema(min_length = 1, max_length = 40, example = "R01")]
    pub code: String,
    /// One column, or several whose contributions are summed to one reason. Several need an entry for all values:
    /// told where neither high nor low ones alone hurt, it should name what counted, and compare it with nobody's.
    #[schema(min_items = 1, max_items = 100)]
    pub columns: Vec<String>,
    /// For which values it is; for all others when absent. Of several columns `high` or `low` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ReasonCondition>,
    /// A plain sentence.
    #[schema(min_length = 1, max_length = 500)]
    pub text: String,
    /// The language of the text; for any language when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 2, max_length = 35, example = "en")]
    pub language: Option<String>,
}

/// Values of a column: `high` or `low` against both the median and the mean of the baseline, which are the approved
/// applicants nearest the cut-off and not all of them; `missing`; or a list of categories, which are compared as
/// numbers where the column is one. Each of them only where the answer with the baseline's median instead, or with
/// what most of it have, is less adverse: else the entry for all values is taken. Of columns that are told as one,
/// `high` is where one or more of them are, and the answer with the baseline's medians in place of these alone is less
/// adverse; `low` likewise; of both that by which the answer eases more. A sentence for it should be true of one
/// column as of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReasonCondition {
    Is(ReasonValue),
    OneOf(Vec<String>),
}

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonValue {
    High,
    Low,
    Missing,
}

impl ReasonValue {
    pub const ALL: &[ReasonValue] = &[Self::High, Self::Low, Self::Missing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Missing => "missing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }
}

/// A category of a column of numbers as it is compared: `2.0`, `2` and `+2` are one; None of what is no
/// finite number.
pub fn number_category(text: &str) -> Option<String> {
    // Whole numbers beyond 2^53 keep all digits.
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.to_string());
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    // -0 is 0.
    Some((number + 0.0).to_string())
}

impl<'de> Deserialize<'de> for ReasonCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Value::deserialize(deserializer)? {
            Value::String(text) => ReasonValue::parse(&text).map(Self::Is),
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    Value::Bool(_) | Value::Number(_) => Some(item.to_string()),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Self::OneOf),
            _ => None,
        };
        let wanted = "must be \"high\", \"low\", \"missing\" or a list of categories";
        read.ok_or_else(|| D::Error::custom(wanted))
    }
}

/// A reason table as it is kept: never changed, its numbers count up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonTable {
    #[schema(example = "default-risk")]
    pub model: String,
    #[schema(example = 1)]
    pub number: u32,
    pub entries: Vec<ReasonEntry>,
    pub created_at: DateTime<Utc>,
    /// The key that made it.
    pub created_by: Uuid,
}

/// A reason table in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReasonTableSummary {
    pub number: u32,
    /// How many.
    pub entries: u32,
    pub created_at: DateTime<Utc>,
    /// The key that made it.
    pub created_by: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_wanted_by_a_word_or_by_options() {
        let read = |text| serde_json::from_str::<ReasonsWanted>(text);
        assert_eq!(read("true").unwrap().options(), Some(ReasonOptions::default()));
        assert_eq!(read("false").unwrap().options(), None);
        let options = read(r#"{"max": 2, "method": "shapley"}"#).unwrap().options().unwrap();
        assert_eq!((options.max, options.method), (Some(2), Some(ReasonMethod::Shapley)));
        let wrong = read(r#"{"maxi": 2}"#).unwrap_err().to_string();
        assert!(wrong.contains("unknown field `maxi`"), "{wrong}");
        assert!(read("3").unwrap_err().to_string().contains("true, false or an object"));
    }

    #[test]
    fn a_number_is_one_category_however_it_is_written() {
        for text in ["2", "2.0", "+2", "2e0", "002"] {
            assert_eq!(number_category(text).as_deref(), Some("2"), "{text}");
        }
        assert_eq!(number_category("-0.0").as_deref(), Some("0"));
        assert_eq!(number_category("0.25").as_deref(), Some("0.25"));
        let large = "9007199254740993";
        assert_eq!(number_category(large).as_deref(), Some(large));
        for text in ["", "two", "2,0", "NaN", "inf", " 2"] {
            assert_eq!(number_category(text), None, "{text}");
        }
    }

    #[test]
    fn a_condition_is_a_word_or_categories() {
        let read = |text| serde_json::from_str::<ReasonCondition>(text);
        assert_eq!(read("\"low\"").unwrap(), ReasonCondition::Is(ReasonValue::Low));
        let several = ReasonCondition::OneOf(vec!["a".to_owned(), "2".to_owned()]);
        assert_eq!(read("[\"a\", 2]").unwrap(), several);
        for text in ["\"hgih\"", "3", "[[]]", "null"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("high"), "{error}");
        }
    }
}
