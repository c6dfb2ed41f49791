//! What the functions of lending give: policies, assessments, loan books, expected losses.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::{counted, figure, grouped};
use crate::domain::assessment::{Assessment, AssessmentReason, AssessmentResponse, Decision};
use crate::domain::job::AssessmentJobResult;
use crate::domain::loan::ExpectedLossResponse;
use crate::domain::policy::{CutOffUnit, PolicyRule, PolicyVersion, RuleStage};
use crate::domain::prediction::Row;
use crate::domain::reject::{RejectInferenceResult, ScoreBand};
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
            Self::Inferred(made) => made.bands.iter().map(band).collect(),
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
            Self::Policy(policy) => {
                let rows: Vec<_> = policy.terms.rules.iter().map(rule).collect();
                (!rows.is_empty()).then(|| super::table_of_rows(&rows).with_texts())
            }
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

/// A band, with the rate of its accepted beside the one by which outcomes were drawn for its refused.
fn band(band: &ScoreBand) -> Result<Map<String, Json>> {
    let mut row = Map::new();
    for (name, value) in super::object(band)? {
        if name == "rejected" {
            let rate = band.bad as f64 / band.accepted.max(1) as f64;
            row.insert("accepted_bad_rate".to_owned(), rate.into());
        }
        row.insert(name, value);
    }
    Ok(row)
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
        text.push_str(&format!("\nexpected loss {loss} of those scored; exposure {exposure}"));
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

    /// A row for each applicant, his reasons and then what would change the decision one below the other.
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
            let told: Vec<String> = one.reasons.iter().map(told).chain(changes).collect();
            line.push(told.join("\n"));
            rows.push(line);
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
        let mut table = Table::new(&columns, rows).with_texts();
        table.total = self.response.assessments.len() as u64;
        table
    }
}

/// A column's own name begins its sentence.
fn told(reason: &AssessmentReason) -> String {
    match reason.text.starts_with(&reason.code) {
        true => reason.text.clone(),
        false => format!("{}: {}", reason.code, reason.text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assessed(count: usize) -> Assessments {
        let reason = |code: &str, text: &str| json!({"source": "score", "code": code, "text": text, "columns": []});
        let one = json!({"decision": "decline", "points": 512.3, "pd": 0.31, "reasons": [
            reason("R01", "Income is low against what was asked for and against what is owed."),
            reason("R02", "Short history."),
        ]});
        let response = json!({
            "assessments": vec![one; count], "policy": "p", "policy_version": 1, "model": "m", "version": 1,
            "decisions": {"approve": 0, "refer": 0, "decline": count}
        });
        let response = serde_json::from_value(response).unwrap();
        Assessments { response, rows: Vec::new(), outcomes: None }
    }

    #[test]
    fn every_reason_is_read_whole_and_a_row_is_an_applicant() {
        for width in [80, 120] {
            let text = assessed(3).table(20).render(width, str::to_owned);
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let said = "R01: Income is low against what was asked for and against what is owed. R02: Short history.";
            assert_eq!(words.matches(said).count(), 3, "{text}");
            assert!(!text.contains("not shown") && !text.contains(" rows"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
        let text = assessed(1_000).table(20).render(80, str::to_owned);
        assert!(text.ends_with("20 of 1,000 rows"), "{text}");
        let csv = assessed(3).table(20).csv().unwrap();
        assert_eq!(csv.lines().count(), 4, "{csv}");
        assert!(csv.lines().nth(3).is_some_and(|line| line.starts_with("2,decline,")), "{csv}");
    }

    #[test]
    fn a_band_tells_the_rate_of_the_accepted_and_that_of_the_draw() {
        let band: ScoreBand = serde_json::from_value(json!({
            "low": 0.1, "high": 0.2, "accepted": 100, "bad": 8, "rejected": 7, "bad_rate": 0.12,
            "inferred_bad": 1
        }))
        .unwrap();
        let row = super::band(&band).unwrap();
        let names: Vec<&String> = row.keys().collect();
        let rates = ["accepted_bad_rate", "rejected", "drawn_at"];
        assert_eq!(names[4..7], rates, "{names:?}");
        assert_eq!((&row["accepted_bad_rate"], &row["drawn_at"]), (&json!(0.08), &json!(0.12)));
    }
}
