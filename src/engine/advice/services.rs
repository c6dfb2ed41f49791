//! Which service of the program suits the data, and what they lack for it.

mod lending;
mod markets;

use self::lending::outcome;
use self::markets::Prices;
use super::order::Order;
use super::question::Question;
use super::{Findings, finding};
use crate::domain::advice::{
    AdviceRequest, Finding, FindingCode, Purpose, ServiceAdvice, ServiceStep,
};
use crate::domain::dataset::DatasetVersion;
use crate::domain::model::Task;
use crate::domain::schema::{Cell, ColumnSummary, ColumnType};
use crate::error::{Code, Error, Result};

pub(super) use self::markets::further_prices;

/// What trains a version, on the way to all that needs one.
const TRAIN: &str = "POST /api/v1/models/{model}/versions";

/// The request with what its purpose tells of columns that it does not name.
///
/// # Errors
/// [`Code::InvalidSpec`] at `/target` where no column suits.
pub(super) fn completed(
    dataset: &DatasetVersion,
    request: &AdviceRequest,
    findings: &mut Findings,
) -> Result<AdviceRequest> {
    let mut request = request.clone();
    match request.purpose {
        None if request.target.is_none() => {
            let detail = "name the column to predict, or a purpose (lending, risk, investing or \
                          forecasting) by which it can be found";
            return Err(Error::field(Code::InvalidSpec, "/target", detail));
        }
        None => {}
        Some(Purpose::Lending) if request.target.is_none() => {
            let name = outcome(dataset)?;
            taken(&name, "the outcome of each loan", findings);
            request.target = Some(name);
        }
        Some(Purpose::Lending) => {}
        Some(Purpose::Risk | Purpose::Investing | Purpose::Forecasting) => {
            markets::complete(dataset, &mut request, findings)?;
        }
    }
    Ok(request)
}

fn taken(name: &str, what: &str, findings: &mut Findings) {
    let text = format!("{name} is taken for {what}, since no other column is named");
    findings.reason(FindingCode::Taken, text, &[name], &[]);
}

/// The services, the one that suits best first.
///
/// # Errors
/// [`Code::InvalidSpec`] at `/target` for loans without an outcome of two values; [`Error::Internal`]
/// where a column can't be read.
pub(super) fn advise(question: &Question<'_>, order: &Order) -> Result<Vec<ServiceAdvice>> {
    let asked = question.request.purpose;
    if asked == Some(Purpose::Lending) && question.task != Task::Binary {
        let detail = format!(
            "{} is no outcome of a loan: lending needs a column of two values that tells whether it was \
             repaid",
            question.target()
        );
        return Err(Error::field(Code::InvalidSpec, "/target", detail));
    }
    if order.is_series() {
        let prices = Prices::read(question, order)?;
        let main = asked.filter(|p| *p != Purpose::Lending).unwrap_or_else(|| prices.purpose());
        return Ok(markets::services(question, &prices, main));
    }
    let is_book = question.task == Task::Binary && lending::is_loan_book(question);
    match asked {
        Some(Purpose::Lending) => Ok(vec![lending::service(question, order)]),
        None if is_book => Ok(vec![lending::service(question, order)]),
        _ => Ok(Vec::new()),
    }
}

/// Columns that are left out, with those that must not decide on a loan, where it is loans that are
/// asked for.
pub(super) fn with_protected(
    question: &Question<'_>,
    mut left_out: Vec<String>,
    findings: &mut Findings,
) -> Vec<String> {
    let found: Vec<String> = lending::left_out(question)
        .into_iter()
        .map(str::to_owned)
        .filter(|name| !left_out.contains(name))
        .collect();
    let others = question.candidates().filter(|c| !left_out.contains(&c.name)).count();
    if found.is_empty() {
        return left_out;
    }
    // Something has to be left to learn from.
    if found.len() >= others {
        let text = format!(
            "nothing but {} is left to learn from, by which in many countries a loan must not be decided: \
             give other columns",
            found.join(", ")
        );
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        findings.warn(FindingCode::ProtectedColumn, text, &names, &[]);
        return left_out;
    }
    let text = format!(
        "{} {} left out: in many countries a loan must not be decided by what {} to tell; compare \
         outcomes by {} afterwards (analyses of kind fairness)",
        found.join(", "),
        if found.len() == 1 { "is" } else { "are" },
        if found.len() == 1 { "it seems" } else { "they seem" },
        if found.len() == 1 { "it" } else { "them" },
    );
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    findings.reason(FindingCode::ProtectedColumn, text, &names, &[]);
    left_out.extend(found);
    left_out
}

/// The words of a column's name: `CreditAmount` and `credit_amount` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower) {
            words.push(String::new());
        }
        before_is_lower = c.is_lowercase();
        if let Some(last) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether one of a name's words is among these, or begins with one that ends in `*`.
fn speaks_of(name: &str, of: &[&str]) -> bool {
    let is = |word: &String| {
        of.iter().any(|known| match known.strip_suffix('*') {
            Some(stem) => word.starts_with(stem),
            None => word == known,
        })
    };
    words(name).iter().any(is)
}

/// Whether a column's values are all numbers above 0.
fn is_positive(column: &ColumnSummary) -> bool {
    let least = match column.min {
        Some(Cell::Int(least)) => least as f64,
        Some(Cell::Float(least)) => least,
        _ => return false,
    };
    matches!(column.kind, ColumnType::Int64 | ColumnType::Float64) && least > 0.0
}

fn step(request: &str, text: &str) -> ServiceStep {
    ServiceStep { request: request.to_owned(), text: text.to_owned() }
}

fn lacks(code: FindingCode, text: String, columns: &[&str], figures: &[(&str, f64)]) -> Finding {
    finding(code, text, columns, figures)
}

#[cfg(test)]
mod tests;
