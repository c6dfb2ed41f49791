//! What the functions of lending give: policies, assessments, loan books, expected losses.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure, grouped};
use crate::domain::assessment::{Assessment, AssessmentReason, AssessmentResponse, Decision};
use crate::domain::job::AssessmentJobResult;
use crate::domain::loan::ExpectedLossResponse;
use crate::domain::policy::{CutOffUnit, PolicyRule, PolicyVersion, RuleStage};
use crate::domain::prediction::Row;
use crate::domain::reject::RejectInferenceResult;
use crate::error::Result;
use crate::plot::Plot;

mod plots;

/// A value of lending.
pub(in crate::repl) enum Lending {
    Policy(Box<PolicyVersion>),
    Assessments(Assessments),
    Book(AssessmentJobResult),
    Losses(ExpectedLossResponse),
    Inferred(RejectInferenceResult),
}

/// What was decided on applicants.
pub(in crate::repl) struct Assessments {
    pub(in crate::repl) response: AssessmentResponse,
    pub(in crate::repl) rows: Vec<Row>,
    /// Whether each defaulted, where that is known.
    pub(in crate::repl) outcomes: Option<Vec<Option<bool>>>,
}

impl Lending {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Policy(_) => "policy",
            Self::Assessments(_) => "assessments",
            Self::Book(_) => "loan_book",
            Self::Losses(_) => "expected_losses",
            Self::Inferred(_) => "reject_inference",
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Policy(policy) => policy_text(policy),
            Self::Assessments(assessed) => assessed.text(),
            Self::Book(book) => book_text(book),
            Self::Losses(losses) => {
                let count = counted(losses.loans.len() as u64, "loan");
                let (provision, exposure) = (figure(losses.provision), figure(losses.exposure));
                format!("{count}   {provision} set aside for {exposure}   {}", losses.note)
            }
            Self::Inferred(made) => format!(
                "{} {}   {} refused among {}   drawn to default {:.1} %, accepted {:.1} %\n! {}",
                made.dataset,
                made.version,
                grouped(made.rejected),
                counted(made.rows, "row"),
                100.0 * made.inferred_bad_rate,
                100.0 * made.accepted_bad_rate,
                made.assumption
            ),
        }
    }

    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Policy(_) => &["assess", "assess_book", "scorecard", "describe"],
            Self::Assessments(_) | Self::Book(_) => &["plot", "describe"],
            Self::Losses(_) | Self::Inferred(_) => &["describe"],
        }
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        match self {
            Self::Policy(policy) => super::object(policy.as_ref()),
            Self::Assessments(assessed) => assessed.fields(),
            Self::Book(book) => super::object(book),
            Self::Losses(losses) => super::object(losses),
            Self::Inferred(made) => super::object(made),
        }
    }

    pub(super) fn described(&self) -> Result<Vec<Map<String, Json>>> {
        match self {
            Self::Policy(policy) => match policy.terms.rules.as_slice() {
                [] => terms(policy),
                rules => Ok(rules.iter().map(rule).collect()),
            },
            Self::Assessments(assessed) => Ok(assessed.described()),
            Self::Book(book) => of_each(&book.summary.decisions),
            Self::Losses(losses) => of_each(&losses.loans),
            Self::Inferred(made) => of_each(&made.bands),
        }
    }

    /// At most so many of the first rows.
    pub(super) fn table(&self, shown: usize) -> Option<Table> {
        match self {
            Self::Assessments(assessed) => Some(assessed.table(shown)),
            Self::Losses(losses) => {
                let rows = of_each(&losses.stages).ok()?;
                Some(super::table_of_rows(&rows))
            }
            Self::Policy(policy) if policy.terms.rules.is_empty() => None,
            _ => {
                let rows = self.described().ok()?;
                (!rows.is_empty()).then(|| super::table_of_rows(&rows))
            }
        }
    }

    /// What is drawn of it; an error says what can be.
    pub(in crate::repl) fn plot(&self, what: Option<&str>) -> Result<Plot, String> {
        match (self, what) {
            (Self::Assessments(assessed), None | Some("points")) => plots::points(assessed),
            (Self::Assessments(assessed), Some("gain")) => plots::gain(assessed),
            (Self::Assessments(_), Some(_)) => Err("is 'points' or 'gain'".to_owned()),
            (Self::Book(book), None | Some("points")) => Ok(plots::of_book(book)),
            (Self::Book(_), Some(_)) => Err("is 'points'".to_owned()),
            _ => Err("is of assessments and loan books".to_owned()),
        }
    }
}

fn of_each<T: serde::Serialize>(items: &[T]) -> Result<Vec<Map<String, Json>>> {
    items.iter().map(super::object).collect()
}

/// `consumer 2   by default champion   approve from 560 points, decline below 520   3 rules`.
fn policy_text(policy: &PolicyVersion) -> String {
    let terms = &policy.terms;
    let version = match &terms.version {
        None => "champion".to_owned(),
        Some(version) => match serde_json::to_value(version) {
            Ok(Json::String(alias)) => alias,
            Ok(number) => number.to_string(),
            Err(_) => String::new(),
        },
    };
    let (approve, decline) = (figure(terms.cut_offs.approve), figure(terms.cut_offs.decline));
    let cut_offs = match terms.cut_offs.unit {
        CutOffUnit::Points => format!("approve from {approve} points, decline below {decline}"),
        CutOffUnit::Probability => {
            format!("approve up to a PD of {approve}, decline above {decline}")
        }
    };
    let rules = counted(terms.rules.len() as u64, "rule");
    let (name, number, model) = (&policy.policy, policy.version, &terms.model);
    format!("{name} {number}   by {model} {version}   {cut_offs}   {rules}")
}

/// A row for each of the terms.
fn terms(policy: &PolicyVersion) -> Result<Vec<Map<String, Json>>> {
    let row = |(term, value)| {
        Map::from_iter([("term".to_owned(), Json::String(term)), ("value".to_owned(), value)])
    };
    Ok(super::object(&policy.terms)?.into_iter().map(row).collect())
}

fn rule(rule: &PolicyRule) -> Map<String, Json> {
    let column = match &rule.when.over {
        Some(over) => format!("{} / {over}", rule.when.column),
        None => rule.when.column.clone(),
    };
    let value = match (&rule.when.value, &rule.when.values) {
        (Some(value), _) => format!(" {}", cell(value)),
        (None, Some(values)) if values.len() > 3 => format!(" {} values", values.len()),
        (None, Some(values)) => {
            format!(" {}", values.iter().map(cell).collect::<Vec<_>>().join(", "))
        }
        (None, None) => String::new(),
    };
    let stage = if rule.stage == RuleStage::Before { "before" } else { "after" };
    Map::from_iter([
        ("id".to_owned(), rule.id.clone().into()),
        ("when".to_owned(), format!("{column} {}{value}", rule.when.is.as_str()).into()),
        ("outcome".to_owned(), serde_json::to_value(rule.outcome).unwrap_or_default()),
        ("model".to_owned(), stage.into()),
        ("text".to_owned(), rule.text.clone().into()),
    ])
}

fn cell(value: &crate::domain::schema::Cell) -> String {
    serde_json::to_value(value).map(|value| super::cell_of(&value)).unwrap_or_default()
}

/// `30,000 rows by consumer 1   approve 61.2 %   refer 14.0 %   decline 24.8 %   loans-assessed 1`.
fn book_text(book: &AssessmentJobResult) -> String {
    let shares = book.summary.decisions.iter();
    let shares =
        shares.map(|total| format!("   {} {:.1} %", total.decision.as_str(), 100.0 * total.share));
    let mut text = format!(
        "{} by {} {}{}   {} {}",
        counted(book.rows, "row"),
        book.policy,
        book.policy_version,
        shares.collect::<String>(),
        book.dataset,
        book.version
    );
    if book.summary.exposure > 0.0 {
        let (loss, exposure) = (figure(book.summary.expected_loss), figure(book.summary.exposure));
        text.push_str(&format!("\nexpected loss {loss} on {exposure}"));
    }
    for total in &book.summary.stages {
        let (provision, stage) = (figure(total.provision), total.stage.number());
        let count = counted(total.count, "loan");
        text.push_str(&format!("\nstage {stage}: {count}, {provision} set aside"));
    }
    if let Some(unstaged) = book.summary.unstaged.filter(|unstaged| unstaged.count > 0) {
        let (count, exposure) = (counted(unstaged.count, "loan"), figure(unstaged.exposure));
        text.push_str(&format!("\nno stage: {count}, {exposure} with nothing set aside"));
    }
    text
}

impl Assessments {
    /// `20 rows by consumer 1   12 approve, 3 refer, 5 decline   expected loss 1,204`.
    fn text(&self) -> String {
        let answer = &self.response;
        let counts = answer.decisions;
        let mut text = format!(
            "{} by {} {}   {} approve, {} refer, {} decline",
            counted(answer.assessments.len() as u64, "row"),
            answer.policy,
            answer.policy_version,
            grouped(counts.approve),
            grouped(counts.refer),
            grouped(counts.decline)
        );
        let approved = answer.assessments.iter().filter(|one| one.decision == Decision::Approve);
        let losses: Vec<f64> = approved.filter_map(|one| one.expected_loss).collect();
        if !losses.is_empty() {
            let loss = figure(losses.iter().sum::<f64>());
            text.push_str(&format!("   expected loss of the approved {loss}"));
        }
        if answer.basis.as_ref().is_some_and(|basis| !basis.holds) {
            text.push_str("\n! some contributions did not add up: too coarse to rely on");
        }
        if let Some(id) = answer.id {
            text.push_str(&format!("   recorded as {id}"));
        }
        text
    }

    fn fields(&self) -> Result<Map<String, Json>> {
        let mut fields = super::object(&self.response)?;
        let each = |part: fn(&Assessment) -> Json| -> Json {
            self.response.assessments.iter().map(part).collect::<Vec<Json>>().into()
        };
        fields.insert("outcomes".to_owned(), each(|one| one.decision.as_str().into()));
        fields.insert("points".to_owned(), each(|one| one.points.into()));
        fields.insert("pds".to_owned(), each(|one| one.pd.into()));
        let letters = |one: &Assessment| -> Json {
            one.reasons.iter().map(|r| Json::from(r.text.clone())).collect::<Vec<_>>().into()
        };
        fields.insert("letters".to_owned(), each(letters));
        fields.entry("id").or_insert(Json::Null);
        Ok(fields)
    }

    /// A row for each applicant: what is decided, then what was asked.
    fn described(&self) -> Vec<Map<String, Json>> {
        let pairs = self.response.assessments.iter().zip(&self.rows);
        pairs
            .map(|(one, row)| {
                let offer = one.offer;
                let mut line = Map::from_iter([
                    ("decision".to_owned(), one.decision.as_str().into()),
                    ("score".to_owned(), one.points.into()),
                    ("pd".to_owned(), one.pd.into()),
                    ("expected_loss".to_owned(), one.expected_loss.into()),
                    ("limit".to_owned(), offer.and_then(|offer| offer.limit).into()),
                    ("rate".to_owned(), offer.and_then(|offer| offer.rate).into()),
                    (
                        "reasons".to_owned(),
                        one.reasons.iter().map(told).collect::<Vec<_>>().join("; ").into(),
                    ),
                ]);
                for (name, cell) in row {
                    let cell = serde_json::to_value(cell).unwrap_or_default();
                    line.entry(name.clone()).or_insert(cell);
                }
                line
            })
            .collect()
    }

    /// A line for each applicant and for each further reason; then what would change the decision.
    fn table(&self, shown: usize) -> Table {
        let mut rows = Vec::new();
        for (number, one) in self.response.assessments.iter().enumerate().take(shown) {
            let number_of =
                |value: Option<f64>, shown: fn(f64) -> String| value.map(shown).unwrap_or_default();
            let offer = one.offer;
            let mut line = vec![
                number.to_string(),
                one.decision.as_str().to_owned(),
                number_of(one.points, |points| format!("{points:.1}")),
                number_of(one.pd, |pd| format!("{pd:.4}")),
                number_of(one.expected_loss, figure),
                number_of(offer.and_then(|offer| offer.limit), figure),
                number_of(offer.and_then(|offer| offer.rate), |rate| {
                    format!("{:.2} %", 100.0 * rate)
                }),
            ];
            let changes = one.changes.iter().flatten().map(|change| {
                let changed = change.changes.iter();
                let changed: Vec<String> = changed
                    .map(|c| format!("{} {} in place of {}", c.column, cell(&c.to), cell(&c.from)))
                    .collect();
                format!("{} if {}", change.decision.as_str(), changed.join(", "))
            });
            let mut told = one.reasons.iter().map(told).chain(changes);
            line.push(told.next().unwrap_or_default());
            rows.push(line);
            rows.extend(told.map(|text| {
                let mut further = vec![String::new(); 7];
                further.push(text);
                further
            }));
        }
        let columns = [
            ("row", true),
            ("decision", false),
            ("points", true),
            ("pd", true),
            ("expected loss", true),
            ("limit", true),
            ("rate", true),
            ("reasons", false),
        ];
        Table::new(&columns, rows)
    }
}

/// A column's own name begins its sentence.
fn told(reason: &AssessmentReason) -> String {
    match reason.text.starts_with(&reason.code) {
        true => reason.text.clone(),
        false => format!("{}: {}", reason.code, reason.text),
    }
}
