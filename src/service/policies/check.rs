//! Whether a policy can be used as it stands: by itself, and by the version that scores for it.

use std::collections::BTreeSet;

use actuary_finance::{Fault, Scaling};

use super::super::assessments::{LEAST_PD, MAX_MONEY, costs, scaling};
use super::super::scorecards::beyond;
use super::kind_of;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::policy::{
    CutOffUnit, MAX_COLUMNS, MAX_HORIZON, MAX_RULES, MAX_VALUES, PolicyRule, PolicyTerms,
    RuleCondition, RuleOperator,
};
use crate::domain::schema::{Cell, ColumnType};
use crate::domain::version::Signature;
use crate::error::FieldError;
use crate::frame::parse_timestamp;

const MAX_ID: usize = 40;
const MAX_TEXT: usize = 500;
const MAX_NAME: usize = 200;

/// Whether a version can score for a policy at all.
pub(super) fn is_for(signature: &Signature) -> Result<(), FieldError> {
    let detail = if signature.task != Task::Binary {
        "answers other than with one of two classes: a policy needs a probability of default"
    } else if signature.window.is_some() {
        "reads windows of series: a policy decides on rows"
    } else if signature.inputs.iter().any(|input| input.kind == ColumnType::Image) {
        "reads images: a policy decides on the columns of a table"
    } else {
        return Ok(());
    };
    Err(FieldError::new("/model", detail))
}

/// All that is wrong with terms, by the signature of the version that scores.
pub(super) fn faults(terms: &PolicyTerms, signature: &Signature) -> Vec<FieldError> {
    let mut checks = Checks { terms, signature, errors: Vec::new() };
    if let Err(fault) = is_for(signature) {
        checks.errors.push(fault);
    } else if let Some(adverse) = terms.adverse.as_ref().filter(|a| !signature.classes.contains(a))
    {
        let near = did_you_mean(adverse, signature.classes.iter().map(String::as_str));
        checks.add("/adverse", format!("the version knows no class {adverse}{near}"));
    }
    if !(1..=MAX_HORIZON).contains(&terms.horizon_months) {
        let months = terms.horizon_months;
        checks.add("/horizon_months", format!("{months} is not from 1 to {MAX_HORIZON}"));
    }
    checks.cut_offs();
    checks.columns();
    checks.rules();
    checks.pricing();
    checks.limit();
    checks.errors
}

struct Checks<'a> {
    terms: &'a PolicyTerms,
    signature: &'a Signature,
    errors: Vec<FieldError>,
}

impl Checks<'_> {
    fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, detail));
    }

    fn fault(&mut self, below: &str, checked: Result<(), Fault>) {
        if let Err(fault) = checked {
            self.add(format!("{below}{}", fault.pointer), fault.detail);
        }
    }

    fn within(&mut self, pointer: &str, value: f64, (least, most): (f64, f64)) {
        if !(least..=most).contains(&value) {
            self.add(pointer, format!("{value} is not from {least} to {most}"));
        }
    }

    fn cut_offs(&mut self) {
        let scaling: Scaling = scaling(&self.terms.scale);
        if let Err(fault) = scaling.check() {
            return self.add(format!("/scale{}", fault.pointer), fault.detail);
        }
        let beyond = beyond(&scaling);
        if !beyond.is_empty() {
            for (field, detail) in beyond {
                self.add(format!("/scale/{field}"), detail);
            }
            return;
        }
        let cut_offs = self.terms.cut_offs;
        let (least, most) = match cut_offs.unit {
            CutOffUnit::Probability => (LEAST_PD, 1.0 - LEAST_PD),
            CutOffUnit::Points => (scaling.points_of(1.0 - LEAST_PD), scaling.points_of(LEAST_PD)),
        };
        for (pointer, value) in
            [("/cut_offs/approve", cut_offs.approve), ("/cut_offs/decline", cut_offs.decline)]
        {
            if !(least..=most).contains(&value) {
                let detail = match cut_offs.unit {
                    CutOffUnit::Probability => format!("{value} is no probability between 0 and 1"),
                    CutOffUnit::Points => format!(
                        "{value} is beyond the scale, whose points go from {least:.0} to {most:.0}"
                    ),
                };
                self.add(pointer, detail);
            }
        }
        match cut_offs.unit {
            CutOffUnit::Points if cut_offs.decline > cut_offs.approve => self.add(
                "/cut_offs/decline",
                "is above approve: declined are those with fewer points than decline",
            ),
            CutOffUnit::Probability if cut_offs.decline < cut_offs.approve => self.add(
                "/cut_offs/decline",
                "is below approve: declined are those whose probability of default is above decline",
            ),
            _ => {}
        }
    }

    fn columns(&mut self) {
        let columns = &self.terms.columns;
        if columns.len() > MAX_COLUMNS {
            let count = columns.len();
            self.add("/columns", format!("{count} columns are more than {MAX_COLUMNS}"));
        }
        for (at, column) in columns.iter().enumerate().take(MAX_COLUMNS) {
            let pointer = |field: &str| format!("/columns/{at}/{field}");
            let name = &column.name;
            if !is_plain(name, MAX_NAME) {
                self.add(pointer("name"), format!("must be a name of 1 to {MAX_NAME} characters"));
            } else if self.signature.inputs.iter().any(|input| input.name == *name) {
                self.add(
                    pointer("name"),
                    format!("{name} is read by the model: leave it out here"),
                );
            } else if columns.iter().take(at).any(|earlier| earlier.name == *name) {
                self.add(pointer("name"), format!("{name} stands twice"));
            }
            if column.kind == ColumnType::Image {
                self.add(pointer("type"), "no rule can compare an image");
            }
        }
    }

    /// The type of a column that is there.
    fn kind(&mut self, pointer: &str, name: &str) -> Option<ColumnType> {
        let kind = kind_of(self.terms, self.signature, name);
        if kind.is_none() {
            let inputs = self.signature.inputs.iter().map(|input| input.name.as_str());
            let own = self.terms.columns.iter().map(|column| column.name.as_str());
            let near = did_you_mean(name, inputs.chain(own));
            self.add(
                pointer,
                format!("{name} is no input of the model and none of the policy's columns{near}"),
            );
        }
        kind
    }

    fn number(&mut self, pointer: &str, name: &str) {
        if let Some(kind) = self.kind(pointer, name).filter(|kind| !kind.is_numeric()) {
            self.add(pointer, format!("{name} is a {}, where a number is needed", kind.as_str()));
        }
    }

    fn rules(&mut self) {
        let rules = &self.terms.rules;
        if rules.len() > MAX_RULES {
            self.add("/rules", format!("{} rules are more than {MAX_RULES}", rules.len()));
        }
        let mut seen = BTreeSet::new();
        for (at, rule) in rules.iter().enumerate().take(MAX_RULES) {
            if !seen.insert(rule.id.as_str()) {
                self.add(format!("/rules/{at}/id"), format!("{} names another rule too", rule.id));
            }
            self.rule(&format!("/rules/{at}"), rule);
        }
    }

    fn rule(&mut self, pointer: &str, rule: &PolicyRule) {
        let detail = |most| {
            format!(
                "must be 1 to {most} characters, none of them blank at an end or a control character"
            )
        };
        if !is_plain(&rule.id, MAX_ID) {
            self.add(format!("{pointer}/id"), detail(MAX_ID));
        }
        if !is_plain(&rule.text, MAX_TEXT) {
            self.add(format!("{pointer}/text"), detail(MAX_TEXT));
        }
        let when = format!("{pointer}/when");
        let kind = self.kind(&format!("{when}/column"), &rule.when.column);
        if let Some(over) = &rule.when.over {
            self.number(&format!("{when}/over"), over);
            if *over == rule.when.column {
                let detail = format!("{over} over itself is always 1: name another column");
                self.add(format!("{when}/over"), detail);
            }
            if kind.is_some_and(|kind| !kind.is_numeric()) {
                let detail = format!("{} is no number that could be divided", rule.when.column);
                self.add(format!("{when}/column"), detail);
                return;
            }
        }
        if let Some(kind) = kind {
            // A ratio of whole numbers is none.
            let kind = if rule.when.over.is_some() { ColumnType::Float64 } else { kind };
            self.operands(&when, &rule.when, kind);
        }
    }

    fn operands(&mut self, pointer: &str, when: &RuleCondition, kind: ColumnType) {
        let wants = match when.is {
            RuleOperator::Missing => (false, false),
            RuleOperator::OneOf => (false, true),
            _ => (true, false),
        };
        for (field, is_given, is_wanted) in
            [("value", when.value.is_some(), wants.0), ("values", when.values.is_some(), wants.1)]
        {
            let pointer = format!("{pointer}/{field}");
            match (is_given, is_wanted) {
                (true, false) => self.add(pointer, format!("goes not with {}", when.is.as_str())),
                (false, true) => self.add(pointer, format!("is needed with {}", when.is.as_str())),
                _ => {}
            }
        }
        let is_ordered = kind.is_numeric() || kind == ColumnType::Timestamp;
        let orders =
            !matches!(when.is, RuleOperator::Missing | RuleOperator::OneOf | RuleOperator::Equal);
        if orders && !is_ordered {
            let detail = format!(
                "{} is a {}, which is neither more nor less: compare with = or in",
                when.column,
                kind.as_str()
            );
            return self.add(format!("{pointer}/is"), detail);
        }
        if let Some(value) = &when.value
            && !fits(kind, value)
        {
            self.add(format!("{pointer}/value"), format!("is no {}", kind.as_str()));
        }
        let values = when.values.as_deref().unwrap_or_default();
        if when.values.is_some() && !(1..=MAX_VALUES).contains(&values.len()) {
            let detail = format!("must have 1 to {MAX_VALUES} values");
            return self.add(format!("{pointer}/values"), detail);
        }
        let misfit = values.iter().position(|value| !fits(kind, value));
        if let Some(at) = misfit {
            self.add(format!("{pointer}/values/{at}"), format!("is no {}", kind.as_str()));
        }
    }

    fn pricing(&mut self) {
        let Some(pricing) = &self.terms.pricing else { return };
        self.number("/pricing/amount", &pricing.amount);
        if let Some(undrawn) = &pricing.undrawn {
            self.number("/pricing/undrawn", undrawn);
        }
        if let Some(term) = &pricing.term {
            self.number("/pricing/term", term);
            if pricing.term_months.is_some() {
                self.add("/pricing/term_months", "term and term_months say the same: name one");
            }
        }
        if let Some(months) = pricing.term_months {
            self.within("/pricing/term_months", f64::from(months), (1.0, 600.0));
        }
        self.within("/pricing/loss_given_default", pricing.loss_given_default, (0.0, 1.0));
        self.within("/pricing/credit_conversion", pricing.credit_conversion, (0.0, 1.0));
        self.fault("/pricing", costs(pricing).check());
    }

    fn limit(&mut self) {
        let Some(limit) = &self.terms.limit else { return };
        let Some(pricing) = &self.terms.pricing else {
            return self.add("/limit", "needs pricing, by which losses and instalments are known");
        };
        for (field, value) in
            [("most", limit.most), ("expected_loss", limit.expected_loss), ("step", limit.step)]
        {
            if value.is_some_and(|value| !(value > 0.0 && value <= MAX_MONEY)) {
                self.add(format!("/limit/{field}"), "must be an amount above 0");
            }
        }
        if let (Some(most), Some(step)) = (limit.most, limit.step)
            && step > most
        {
            let detail = format!("{step} is above most, {most}: no limit but 0 would be left");
            self.add("/limit/step", detail);
        }
        if limit.most.is_none() && limit.expected_loss.is_none() && limit.instalment.is_none() {
            self.add("/limit", "bounds nothing: give most, expected_loss or instalment");
        }
        if let Some(instalment) = &limit.instalment {
            self.number("/limit/instalment/income", &instalment.income);
            if let Some(debts) = &instalment.debts {
                self.number("/limit/instalment/debts", debts);
            }
            if !(instalment.share > 0.0 && instalment.share <= 1.0) {
                self.add("/limit/instalment/share", "must be above 0 and at most 1");
            }
            if pricing.term.is_none() && pricing.term_months.is_none() {
                self.add(
                    "/limit/instalment",
                    "needs the loan's months: give pricing term or term_months",
                );
            }
        }
    }
}

/// Whether a value can be compared with those of a column.
fn fits(kind: ColumnType, value: &Cell) -> bool {
    match (kind, value) {
        (ColumnType::Int64 | ColumnType::Float64, Cell::Int(_))
        | (ColumnType::String, Cell::Text(_))
        | (ColumnType::Bool, Cell::Bool(_)) => true,
        (ColumnType::Float64, Cell::Float(value)) => value.is_finite(),
        // Compared by order alone, a bound may lie between two whole numbers.
        (ColumnType::Int64, Cell::Float(value)) => value.is_finite(),
        (ColumnType::Timestamp, Cell::Text(text)) => parse_timestamp(text.as_bytes()).is_some(),
        _ => false,
    }
}

/// A text of so many characters that reads as it is written.
fn is_plain(text: &str, most: usize) -> bool {
    let count = text.chars().count();
    (1..=most).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn signature() -> Signature {
        serde_json::from_value(json!({
            "task": "binary", "target": "default", "classes": ["0", "1"], "positive_class": "1",
            "inputs": [
                {"name": "income", "type": "float64", "nullable": true},
                {"name": "age", "type": "int64", "nullable": true},
                {"name": "region", "type": "string", "nullable": true}
            ]
        }))
        .unwrap()
    }

    fn terms() -> Value {
        json!({
            "model": "risk", "cut_offs": {"unit": "points", "approve": 560, "decline": 520},
            "columns": [{"name": "debt", "type": "float64"}, {"name": "amount", "type": "float64"},
                        {"name": "tax_id", "type": "string"}, {"name": "since", "type": "timestamp"}],
            "rules": [
                {"id": "AGE", "text": "You are under 18.", "outcome": "decline",
                 "when": {"column": "age", "is": "<", "value": 18}},
                {"id": "DTI", "text": "Debt is high.", "outcome": "refer", "stage": "after",
                 "when": {"column": "debt", "over": "income", "is": ">", "value": 0.45}},
                {"id": "LIST", "text": "Listed.", "outcome": "decline",
                 "when": {"column": "tax_id", "is": "in", "values": ["0815"]}},
                {"id": "NEW", "text": "New.", "outcome": "refer",
                 "when": {"column": "since", "is": ">=", "value": "2026-01-01"}},
                {"id": "REGION", "text": "No region.", "outcome": "refer",
                 "when": {"column": "region", "is": "missing"}}
            ],
            "pricing": {"loss_given_default": 0.45, "amount": "amount", "term_months": 36,
                        "funding": 0.03, "margin": 0.02, "most_rate": 0.2},
            "limit": {"most": 50000, "expected_loss": 400,
                      "instalment": {"income": "income", "share": 0.4, "debts": "debt"}}
        })
    }

    fn pointers(terms: Value) -> Vec<String> {
        let terms: PolicyTerms = serde_json::from_value(terms).unwrap();
        faults(&terms, &signature()).into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn terms_that_hold_are_taken() {
        assert_eq!(pointers(terms()), Vec::<String>::new());
    }

    #[test]
    fn every_fault_has_its_place() {
        for (pointer, value) in [
            ("/adverse", json!("2")),
            ("/horizon_months", json!(0)),
            ("/scale/odds", json!(0)),
            ("/cut_offs/approve", json!(5_000)),
            ("/cut_offs/decline", json!(570)),
            ("/columns/0/name", json!("income")),
            ("/columns/1/type", json!("image")),
            ("/rules/1/id", json!("AGE")),
            ("/rules/0/text", json!(" ")),
            ("/rules/0/when/column", json!("agee")),
            ("/rules/0/when/value", json!("18")),
            ("/rules/1/when/over", json!("region")),
            ("/rules/1/when/over", json!("debt")),
            ("/rules/2/when/is", json!(">")),
            ("/rules/2/when/values/0", json!(815)),
            ("/rules/3/when/value", json!("yesterday")),
            ("/pricing/amount", json!("region")),
            ("/pricing/loss_given_default", json!(1.5)),
            ("/pricing/most_rate", json!(-1)),
            ("/limit/expected_loss", json!(0)),
            ("/limit/step", json!(50_001)),
            ("/limit/instalment/share", json!(2)),
        ] {
            let mut wrong = terms();
            let (parent, last) = pointer.rsplit_once('/').unwrap();
            match wrong.pointer_mut(parent) {
                Some(Value::Array(items)) => items[last.parse::<usize>().unwrap()] = value,
                Some(parent) => parent[last] = value,
                None => wrong["scale"] = json!({"odds": value}),
            }
            let found = pointers(wrong);
            assert!(found.iter().any(|found| found == pointer), "{pointer}: {found:?}");
        }
    }

    #[test]
    fn a_scale_has_the_bounds_of_a_scorecard() {
        let mut wrong = terms();
        wrong["scale"] = json!({"points": 1e300, "points_to_double": 1e7, "odds": 1e10});
        assert_eq!(pointers(wrong), ["/scale/points", "/scale/points_to_double", "/scale/odds"]);
    }

    #[test]
    fn what_needs_something_else_says_so() {
        let mut without = terms();
        without.as_object_mut().unwrap().remove("pricing");
        assert_eq!(pointers(without), ["/limit"]);
        let mut without = terms();
        without["pricing"].as_object_mut().unwrap().remove("term_months");
        assert_eq!(pointers(without), ["/limit/instalment"]);
        let mut twice = terms();
        twice["rules"][4]["when"]["value"] = json!("north");
        assert_eq!(pointers(twice), ["/rules/4/when/value"]);
        let mut of_two = signature();
        of_two.task = Task::Regression;
        let terms: PolicyTerms = serde_json::from_value(terms()).unwrap();
        assert_eq!(faults(&terms, &of_two)[0].pointer, "/model");
    }
}
