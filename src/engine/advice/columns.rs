//! What the columns of a table are, and which of them are better left out.

use std::collections::HashSet;

use super::order::Order;
use super::question::Question;
use super::{Findings, go_on};
use crate::domain::advice::FindingCode;
use crate::domain::schema::{Cell, ColumnSummary, ColumnType};
use crate::domain::training::PreprocessingSpec;
use crate::error::Result;
use crate::frame::Frame;
use crate::frame::telling::{SUSPECT_AUC, SUSPECT_CORRELATION, Target};

/// A text of so many words, in so many different forms, is free text.
const WORDS: f64 = 4.0;
const DIFFERENT: f64 = 0.5;
/// Fewer rows tell nothing of a name for each row.
pub(super) const NAMED_ROWS: u64 = 20;
/// A column that alone ranks the classes so well is left out.
const CERTAIN_AUC: f64 = 0.999;
/// The same for a number.
const CERTAIN_CORRELATION: f64 = 0.9999;

/// Looks at the columns. Returns those that the recommended training leaves out.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when `stop` says so.
pub(super) fn look(
    question: &Question<'_>,
    order: &Order,
    frame: &Frame,
    stop: &mut (dyn FnMut() -> bool + Send),
    findings: &mut Findings,
) -> Result<Vec<String>> {
    let columns: Vec<&ColumnSummary> =
        question.candidates().filter(|c| Some(&c.name) != order.time.as_ref()).collect();
    count(&columns, findings);
    missing(question, &columns, findings);
    let mut left_out = Vec::new();
    for column in &columns {
        // Something has to be left to learn from.
        if left_out.len() + 1 >= columns.len() {
            break;
        }
        go_on(stop)?;
        if is_number_of_row(question, column) {
            let text =
                format!("{} numbers the rows and tells nothing: it is left out", column.name);
            let figures = [("rows", question.dataset.rows as f64)];
            findings.reason(FindingCode::Identifier, text, &[&column.name], &figures);
            left_out.push(column.name.clone());
        } else if column.kind == ColumnType::String && look_at_text(column, frame, findings)? {
            left_out.push(column.name.clone());
        }
    }
    leakage((question, frame), &columns, &mut left_out, stop, findings)?;
    Ok(left_out)
}

fn count(columns: &[&ColumnSummary], findings: &mut Findings) {
    let of = |kinds: &[ColumnType]| columns.iter().filter(|c| kinds.contains(&c.kind)).count();
    let numbers = of(&[ColumnType::Int64, ColumnType::Float64]);
    let texts = of(&[ColumnType::String, ColumnType::Bool]);
    let times = of(&[ColumnType::Timestamp]);
    findings.reason(
        FindingCode::Columns,
        format!(
            "{numbers} columns of numbers, {texts} of categories and {times} of times: a table"
        ),
        &[],
        &[("numbers", numbers as f64), ("categories", texts as f64), ("times", times as f64)],
    );
}

fn missing(question: &Question<'_>, columns: &[&ColumnSummary], findings: &mut Findings) {
    let rows = question.dataset.rows.max(1) as f64;
    let mut with: Vec<&&ColumnSummary> = columns.iter().filter(|c| c.nulls > 0).collect();
    with.sort_by_key(|c| std::cmp::Reverse(c.nulls));
    let Some(most) = with.first() else { return };
    let share = most.nulls as f64 / rows;
    let names: Vec<&str> = with.iter().take(5).map(|c| c.name.as_str()).collect();
    findings.reason(
        FindingCode::Missing,
        format!(
            "values are missing in {} columns, most in {} ({:.1} % of its rows): that one is missing \
             is learnt from, no row is dropped",
            with.len(),
            most.name,
            share * 100.0
        ),
        &names,
        &[("columns", with.len() as f64), ("greatest_share", share)],
    );
}

/// Whether whole numbers count the rows: each another one, without a gap.
pub(super) fn is_number_of_row(question: &Question<'_>, column: &ColumnSummary) -> bool {
    let rows = question.dataset.rows;
    let is_distinct = column.distinct == rows || column.distinct_is_lower_bound;
    match (column.kind, &column.min, &column.max) {
        (ColumnType::Int64, Some(Cell::Int(low)), Some(Cell::Int(high))) => {
            let range = high.checked_sub(*low).and_then(|range| u64::try_from(range).ok());
            rows >= NAMED_ROWS && column.nulls == 0 && is_distinct && range == Some(rows - 1)
        }
        _ => false,
    }
}

/// Whether a column is free text, or names its rows.
fn look_at_text(column: &ColumnSummary, frame: &Frame, findings: &mut Findings) -> Result<bool> {
    let texts: Vec<&str> = frame.texts(&column.name)?.into_iter().flatten().collect();
    if texts.is_empty() {
        return Ok(false);
    }
    let different = texts.iter().collect::<HashSet<_>>().len() as f64 / texts.len() as f64;
    let words = texts.iter().map(|t| t.split_whitespace().count()).sum::<usize>() as f64;
    let words = words / texts.len() as f64;
    let figures = [("words", words), ("distinct_share", different)];
    let name = column.name.as_str();
    if words >= WORDS && different >= DIFFERENT {
        let text = format!(
            "{name} is free text of {words:.1} words on average, {:.0} % of them different: as \
             categories it tells nothing, and it is left out; exclude the other columns to have its \
             words read",
            different * 100.0
        );
        findings.reason(FindingCode::FreeText, text, &[name], &figures);
        return Ok(true);
    }
    let is_many = texts.len() as u64 >= NAMED_ROWS;
    if different == 1.0 && is_many {
        let text = format!("{name} has a value of its own in each row looked at: it is left out");
        findings.reason(FindingCode::Identifier, text, &[name], &figures);
        return Ok(true);
    }
    let kept = u64::from(PreprocessingSpec::default().max_categories);
    if column.distinct > kept {
        let text = format!(
            "{name} has {}{} values, of which the {kept} most frequent are kept apart",
            if column.distinct_is_lower_bound { "more than " } else { "" },
            column.distinct
        );
        let figures = [("distinct", column.distinct as f64), ("kept", kept as f64)];
        findings.reason(FindingCode::Cardinality, text, &[name], &figures);
    }
    Ok(false)
}

/// Columns that know the answer.
fn leakage(
    (question, frame): (&Question<'_>, &Frame),
    columns: &[&ColumnSummary],
    left_out: &mut Vec<String>,
    stop: &mut (dyn FnMut() -> bool + Send),
    findings: &mut Findings,
) -> Result<()> {
    let target = Target::read(frame, question.target(), question.task, &question.classes)?;
    let (figure, said, suspect, certain) = match target {
        Target::Classes { .. } => ("auc", "an AUC", SUSPECT_AUC, CERTAIN_AUC),
        Target::Numbers(_) => {
            ("correlation", "a correlation", SUSPECT_CORRELATION, CERTAIN_CORRELATION)
        }
    };
    for column in columns.iter().filter(|c| !left_out.contains(&c.name)).collect::<Vec<_>>() {
        go_on(stop)?;
        let name = column.name.as_str();
        let Some(value) =
            target.told_by(frame, &column.name, column.distinct)?.filter(|v| *v >= suspect)
        else {
            continue;
        };
        let is_certain = value >= certain && left_out.len() + 1 < columns.len();
        let what = match is_certain {
            true => "it is left out; put it back if it is known before the outcome",
            false => "exclude it unless it is known before the outcome",
        };
        let text =
            format!("{name} alone tells {} with {said} of {value:.4}: {what}", question.target());
        let figures = [(figure, value)];
        if is_certain {
            findings.reason(FindingCode::Leakage, text.clone(), &[name], &figures);
            left_out.push(name.to_owned());
        }
        findings.warn(FindingCode::LeakageSuspect, text, &[name], &figures);
    }
    Ok(())
}
