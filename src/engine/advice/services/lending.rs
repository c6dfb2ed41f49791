//! Loan books: a row for each loan, and what became of it.

use super::{TRAIN, lacks, speaks_of, step};
use crate::domain::advice::{Finding, FindingCode, Purpose, ServiceAdvice};
use crate::domain::dataset::DatasetVersion;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::engine::advice::order::Order;
use crate::engine::advice::question::Question;
use crate::engine::train::positive_of;
use crate::error::{Code, Error, Result};

/// Words of columns that loans have.
const OF_LOANS: &[&str] = &[
    "loan*",
    "credit*",
    "income",
    "debt*",
    "dti",
    "installment*",
    "instalment*",
    "interest",
    "term",
    "limit",
    "bal",
    "balance",
    "bill",
    "pay",
    "payment*",
    "late",
    "delinq*",
    "arrears",
    "mortgage*",
    "employment",
    "housing",
    "savings",
    "principal",
    "duration",
    "collateral",
    "fico",
    "utilisation",
    "utilization",
];
/// So many columns of such names make a loan book, or one where the target is named like an outcome.
const COLUMNS: usize = 5;
/// Words of columns that tell what became of a loan.
const OF_OUTCOMES: &[&str] = &[
    "default*",
    "bad",
    "outcome",
    "charged",
    "chargeoff",
    "delinq*",
    "repaid",
    "good",
    "npl",
    "risk",
];
/// Words of columns that tell what is owed.
const OF_EXPOSURE: &[&str] = &[
    "amount",
    "amt",
    "amnt",
    "balance",
    "bal",
    "exposure",
    "ead",
    "principal",
    "limit",
    "outstanding",
];
/// Words of columns that tell of a person what must not decide.
const PROTECTED: &[&str] = &[
    "sex",
    "personal",
    "gender",
    "age",
    "birth*",
    "dob",
    "marriage",
    "marital",
    "married",
    "spouse",
    "race",
    "ethnic*",
    "religion",
    "nationality",
    "national",
    "foreign*",
    "citizen*",
    "disab*",
    "pregnan*",
    "children",
    "dependents",
    "dependants",
    "orientation",
    "skin",
];
/// Outcomes of which fewer hardly tell a calibrated probability from another.
const CALIBRATION: u64 = 100;
/// Rows of which fewer a scorecard explains as well as a network does.
const SCORECARD: u64 = 3_000;

/// Whether the columns are those of loans.
pub(super) fn is_loan_book(question: &Question<'_>) -> bool {
    let of_loans = question.candidates().filter(|c| speaks_of(&c.name, OF_LOANS)).count();
    let is_outcome = speaks_of(question.target(), OF_OUTCOMES);
    of_loans >= COLUMNS || (is_outcome && of_loans >= 1)
}

/// The column that tells what became of each loan, where none is named.
///
/// # Errors
/// [`Code::InvalidSpec`] at `/target` where no column does, or several do.
pub(super) fn outcome(dataset: &DatasetVersion) -> Result<String> {
    let has_two = |c: &&ColumnSummary| c.distinct == 2 && !c.distinct_is_lower_bound;
    let named = dataset.columns.iter().filter(has_two);
    let found: Vec<&str> =
        named.filter(|c| speaks_of(&c.name, OF_OUTCOMES)).map(|c| c.name.as_str()).collect();
    let detail = match found.as_slice() {
        [one] => return Ok((*one).to_owned()),
        [] => {
            "what became of each loan is missing: no column of two values is named like an outcome \
               (default, bad, outcome, repaid); name the column that tells it, or add one"
                .to_owned()
        }
        several => format!("{} may each be the outcome: name the right one", several.join(" and ")),
    };
    Err(Error::field(Code::InvalidSpec, "/target", detail))
}

/// Columns that seem to tell what must not decide on a loan.
fn protected<'q>(question: &'q Question<'_>) -> Vec<&'q str> {
    let names = question.candidates().map(|c| c.name.as_str());
    names.filter(|name| speaks_of(name, PROTECTED)).collect()
}

/// Those of them that the recommended training does not read: where it is loans that are asked for, and
/// something else is left to learn from.
pub(super) fn left_out<'q>(question: &'q Question<'_>) -> Vec<&'q str> {
    let protected = protected(question);
    let is_asked = question.request.purpose == Some(Purpose::Lending);
    match is_asked && protected.len() < question.candidates().count() {
        true => protected,
        false => Vec::new(),
    }
}

pub(super) fn service(question: &Question<'_>, order: &Order) -> ServiceAdvice {
    let target = question.target();
    let probability = match positive_of(&question.classes) {
        Some(class) => format!("the probability that {target} is {class}"),
        None => format!("the probability of {target}"),
    };
    ServiceAdvice {
        purpose: Purpose::Lending,
        path: "/api/v1/loans/policies".to_owned(),
        text: format!(
            "a loan book, whose {target} tells what became of each loan: a policy decides on \
             applications by {probability}, with reasons, expected loss, limit and rate"
        ),
        steps: vec![
            step(TRAIN, "train the recommended network; estimate tells what that takes"),
            step("PUT /api/v1/models/{model}/aliases/champion", "choose the version that decides"),
            step("POST /api/v1/loans/policies", "say where to approve, refer and decline"),
            step(
                "POST /api/v1/loans/policies/{policy}/assessments",
                "assess applications, one or a whole portfolio",
            ),
        ],
        needs_training: true,
        missing: missing(question, order),
    }
}

fn missing(question: &Question<'_>, order: &Order) -> Vec<Finding> {
    let target = question.target();
    let mut missing = Vec::new();
    if let Some((class, rows)) = question.rarest().filter(|(_, rows)| *rows < CALIBRATION) {
        let text = format!(
            "only {rows} loans have the {target} '{class}', and {CALIBRATION} are needed at least for \
             probabilities that can be held against what came true: collect more before limits and \
             rates are made of them"
        );
        let figures = [("rows", rows as f64), ("needed", CALIBRATION as f64)];
        missing.push(lacks(FindingCode::FewDefaults, text, &[target], &figures));
    }
    let protected = protected(question);
    if !protected.is_empty() && left_out(question).is_empty() {
        let text = format!(
            "{} should not be read: leave out (exclude) what a loan must not be decided by, and keep it \
             in the dataset to compare the decisions on groups",
            protected.join(", ")
        );
        let figures = [("columns", protected.len() as f64)];
        missing.push(lacks(FindingCode::ProtectedColumn, text, &protected, &figures));
    }
    let owed = |c: &ColumnSummary| c.kind.is_numeric() && speaks_of(&c.name, OF_EXPOSURE);
    if !question.candidates().any(owed) {
        let text = "no column tells what is owed (amount, balance, limit): expected loss needs an \
                    exposure for each loan, in the dataset or in each assessment";
        missing.push(lacks(FindingCode::NoExposure, text.to_owned(), &[], &[]));
    }
    let has_time =
        order.time.is_some() || question.candidates().any(|c| c.kind == ColumnType::Timestamp);
    if !has_time {
        let text = "no column tells when a loan was applied for: whether the model holds for later \
                    loans can't be tested";
        missing.push(lacks(FindingCode::NoTime, text.to_owned(), &[], &[]));
    }
    let rows = question.known;
    let text = match rows < SCORECARD {
        true => format!(
            "{rows} loans are few: train a points scorecard (weight of evidence and logistic \
             regression) beside the network, which is as exact on so few rows and fully interpretable"
        ),
        false => {
            "where each point of a score has to be explained, train a points scorecard (weight of \
                  evidence and logistic regression) beside the network and compare"
                .to_owned()
        }
    };
    missing.push(lacks(FindingCode::Scorecard, text, &[], &[("rows", rows as f64)]));
    missing
}
