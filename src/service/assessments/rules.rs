//! Hard rules, looked at over the rows of a frame.

use std::collections::HashSet;

use crate::domain::assessment::{AssessmentReason, FiredRule, ReasonSource};
use crate::domain::policy::{
    IfMissing, PolicyRule, PolicyTerms, RuleCondition, RuleOperator, RuleOutcome, RuleStage,
};
use crate::domain::schema::{Cell, ColumnType};
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, parse_timestamp};

/// Whether a condition holds for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Holds,
    Fails,
    /// A value that it needs is missing.
    Unknown,
}

/// What the rules of a policy say of the rows of a frame.
pub(super) struct Judged<'a> {
    rules: &'a [PolicyRule],
    /// Of each rule, row by row.
    truths: Vec<Vec<Truth>>,
}

impl<'a> Judged<'a> {
    /// # Errors
    /// [`Code::InvalidRequest`] for a column that is not there, or of another type.
    pub(super) fn new(terms: &'a PolicyTerms, frame: &Frame) -> Result<Self> {
        let truths = terms.rules.iter().map(|rule| truths(&rule.when, frame));
        Ok(Self { rules: &terms.rules, truths: truths.collect::<Result<_>>()? })
    }

    /// The rules of a stage that decide on a row, in their order.
    pub(super) fn fired(&self, stage: RuleStage, row: usize) -> Vec<(FiredRule, AssessmentReason)> {
        let of_stage = self.rules.iter().zip(&self.truths).filter(|(rule, _)| rule.stage == stage);
        of_stage.filter_map(|(rule, truths)| fired(rule, truths.get(row).copied()?)).collect()
    }
}

fn fired(rule: &PolicyRule, truth: Truth) -> Option<(FiredRule, AssessmentReason)> {
    let (outcome, missing) = match (truth, rule.if_missing) {
        (Truth::Holds, _) => (rule.outcome, false),
        (Truth::Unknown, IfMissing::Holds) => (rule.outcome, true),
        (Truth::Unknown, IfMissing::Refer) => (RuleOutcome::Refer, true),
        (Truth::Unknown, IfMissing::Passes) | (Truth::Fails, _) => return None,
    };
    let columns: Vec<String> =
        std::iter::once(rule.when.column.clone()).chain(rule.when.over.clone()).collect();
    let text = match (truth, rule.if_missing) {
        (Truth::Unknown, IfMissing::Refer) => {
            format!("It can't be told from {} whether: {}", columns.join(" and "), rule.text)
        }
        _ => rule.text.clone(),
    };
    let fired = FiredRule { id: rule.id.clone(), stage: rule.stage, outcome, missing };
    let reason = AssessmentReason {
        source: ReasonSource::Rule,
        code: rule.id.clone(),
        text,
        columns,
        contribution: None,
    };
    Some((fired, reason))
}

fn truths(when: &RuleCondition, frame: &Frame) -> Result<Vec<Truth>> {
    let name = when.column.as_str();
    let kind = frame.column(name).map(|column| column.kind);
    let is_compared_as_text = when.over.is_none()
        && matches!(when.is, RuleOperator::Equal | RuleOperator::OneOf | RuleOperator::Missing)
        && matches!(kind, Some(ColumnType::String | ColumnType::Int64));
    if is_compared_as_text {
        return of_labels(when, frame);
    }
    let numbers = match &when.over {
        None => frame.numbers(name)?,
        Some(over) => {
            let pairs = frame.numbers(name)?.into_iter().zip(frame.numbers(over)?);
            pairs.map(|(a, b)| if b > 0.0 { a / b } else { f64::NAN }).collect()
        }
    };
    let bounds: Vec<f64> = operands(when).map(number).collect::<Result<_>>()?;
    let is = |value: f64| -> bool {
        let bound = bounds.first().copied().unwrap_or(f64::NAN);
        match when.is {
            RuleOperator::Below => value < bound,
            RuleOperator::AtMost => value <= bound,
            RuleOperator::Above => value > bound,
            RuleOperator::AtLeast => value >= bound,
            RuleOperator::Equal | RuleOperator::OneOf => bounds.contains(&value),
            RuleOperator::Missing => false,
        }
    };
    let truth = |value: f64| match value.is_finite() {
        true => truth(is(value)),
        false => missing(when),
    };
    Ok(numbers.into_iter().map(truth).collect())
}

/// Texts, and whole numbers, which floats don't tell apart when they are long.
fn of_labels(when: &RuleCondition, frame: &Frame) -> Result<Vec<Truth>> {
    let listed: HashSet<String> = operands(when)
        .map(|cell| match cell {
            Cell::Text(text) => text.clone(),
            Cell::Int(value) => value.to_string(),
            Cell::Float(value) => value.to_string(),
            Cell::Bool(value) => value.to_string(),
            Cell::Null => String::new(),
        })
        .collect();
    let labels = frame.labels(&when.column)?.into_iter();
    Ok(labels
        .map(|label| match label {
            Some(label) => truth(listed.contains(&label)),
            None => missing(when),
        })
        .collect())
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::Holds } else { Truth::Fails }
}

/// A missing value is what one operator asks for, and what no other can compare.
fn missing(when: &RuleCondition) -> Truth {
    match when.is {
        RuleOperator::Missing => Truth::Holds,
        _ => Truth::Unknown,
    }
}

fn operands(when: &RuleCondition) -> impl Iterator<Item = &Cell> {
    when.value.iter().chain(when.values.iter().flatten())
}

fn number(cell: &Cell) -> Result<f64> {
    let found = match cell {
        Cell::Int(value) => Some(*value as f64),
        Cell::Float(value) => Some(*value),
        Cell::Bool(value) => Some(f64::from(u8::from(*value))),
        Cell::Text(text) => parse_timestamp(text.as_bytes()).map(|time| time as f64),
        Cell::Null => None,
    };
    found.ok_or_else(|| Error::new(Code::InvalidRequest, "a rule compares with what is no number"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::frame::Values;

    fn frame() -> Frame {
        let long = 9_007_199_254_740_993;
        Frame::new(
            4,
            vec![
                ("age".into(), Values::Int64(vec![Some(17), Some(18), None, Some(long)])),
                ("debt".into(), Values::Float64(vec![Some(5.0), Some(4.0), Some(1.0), None])),
                (
                    "income".into(),
                    Values::Float64(vec![Some(10.0), Some(10.0), Some(0.0), Some(1.0)]),
                ),
                (
                    "region".into(),
                    Values::String(vec![
                        Some("north".into()),
                        None,
                        Some("".into()),
                        Some("s".into()),
                    ]),
                ),
                ("owner".into(), Values::Bool(vec![Some(true), Some(false), None, Some(true)])),
                (
                    "since".into(),
                    Values::Timestamp(vec![Some(0), Some(86_400_000_000), None, None]),
                ),
            ],
        )
        .unwrap()
    }

    fn said(when: Value) -> String {
        let when: RuleCondition = serde_json::from_value(when).unwrap();
        let letter = |truth: Truth| match truth {
            Truth::Holds => 'y',
            Truth::Fails => 'n',
            Truth::Unknown => '?',
        };
        truths(&when, &frame()).unwrap().into_iter().map(letter).collect()
    }

    #[test]
    fn every_operator_says_what_it_says() {
        let of = |column: &str, is: &str, value: Value| {
            said(json!({"column": column, "is": is, "value": value}))
        };
        assert_eq!(of("age", "<", json!(18)), "yn?n");
        assert_eq!(of("age", "<=", json!(17.5)), "yn?n");
        assert_eq!(of("age", ">=", json!(18)), "ny?y");
        assert_eq!(of("debt", ">", json!(4.0)), "ynn?");
        assert_eq!(of("debt", "=", json!(4)), "nyn?");
        assert_eq!(of("region", "=", json!("north")), "y?nn");
        assert_eq!(of("owner", "=", json!(true)), "yn?y");
        assert_eq!(of("since", ">", json!("1970-01-01T12:00:00Z")), "ny??");
        assert_eq!(said(json!({"column": "region", "is": "missing"})), "nynn");
        assert_eq!(said(json!({"column": "debt", "is": "missing"})), "nnny");
    }

    #[test]
    fn long_numbers_are_told_apart_and_nothing_is_divided_by_nothing() {
        let list = |values: Value| said(json!({"column": "age", "is": "in", "values": values}));
        assert_eq!(list(json!([9_007_199_254_740_992_i64, 18])), "ny?n");
        assert_eq!(list(json!([9_007_199_254_740_993_i64])), "nn?y");
        let ratio = json!({"column": "debt", "over": "income", "is": ">", "value": 0.45});
        assert_eq!(said(ratio), "yn??");
    }

    #[test]
    fn what_is_missing_refers_holds_or_passes() {
        let fired_by = |if_missing: &str| {
            let terms: PolicyTerms = serde_json::from_value(json!({
                "model": "m", "cut_offs": {"unit": "points", "approve": 1, "decline": 1},
                "rules": [{"id": "A", "text": "Too young.", "outcome": "decline",
                    "if_missing": if_missing, "when": {"column": "age", "is": "<", "value": 18}}]
            }))
            .unwrap();
            let frame = frame();
            let judged = Judged::new(&terms, &frame).unwrap();
            let of = |row| judged.fired(RuleStage::Before, row).into_iter().next();
            assert_eq!(of(0).unwrap().0.outcome, RuleOutcome::Decline);
            assert_eq!(of(1), None);
            assert!(judged.fired(RuleStage::After, 0).is_empty());
            of(2).map(|(rule, reason)| (rule.outcome, rule.missing, reason.text))
        };
        let (outcome, missing, text) = fired_by("refer").unwrap();
        assert_eq!((outcome, missing), (RuleOutcome::Refer, true));
        assert_eq!(text, "It can't be told from age whether: Too young.");
        assert_eq!(fired_by("holds"), Some((RuleOutcome::Decline, true, "Too young.".to_owned())));
        assert_eq!(fired_by("passes"), None);
    }
}
