//! Whether the rows are texts, one of which is learnt from alone.

use std::collections::HashSet;

use super::columns::{NAMED_ROWS, is_number_of_row};
use super::order::Order;
use super::question::Question;
use super::{Findings, go_on};
use crate::domain::advice::FindingCode;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::engine::features::{is_free_text, words_in};
use crate::error::Result;
use crate::frame::Frame;

/// A column of free text.
struct Text<'a> {
    name: &'a str,
    /// Words of a text on average.
    words: f64,
    /// Share of the texts that are different.
    different: f64,
}

/// The columns that are left out where the rows are texts: where all but times and names of rows is
/// free text, of which the longest is learnt from. None where a network for tables suits better.
pub(super) fn left_out(
    question: &Question<'_>,
    order: &Order,
    frame: &Frame,
    stop: &mut (dyn FnMut() -> bool + Send),
    findings: &mut Findings,
) -> Result<Option<Vec<String>>> {
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    for column in question.candidates().filter(|c| Some(&c.name) != order.time.as_ref()) {
        go_on(stop)?;
        match read(question, column, frame)? {
            Read::Text(text) => texts.push(text),
            Read::Nothing => others.push(column.name.clone()),
            Read::Something => return Ok(None),
        }
    }
    texts.sort_by(|a, b| b.words.total_cmp(&a.words));
    let Some(Text { name, words, different }) = texts.first() else { return Ok(None) };
    others.extend(texts[1..].iter().map(|text| text.name.to_owned()));
    let figures = [("words", *words), ("distinct_share", *different)];
    let beside = match others.as_slice() {
        [] => String::new(),
        others => format!("; {} beside it: a text is learnt from alone", left(others)),
    };
    let text = format!(
        "{name} is free text of {words:.1} words on average, {:.0} % of them different, which a \
         network reads word by word{beside}",
        different * 100.0
    );
    findings.reason(FindingCode::Texts, text, &[name], &figures);
    Ok(Some(others))
}

/// `day is left out`, `day and id are left out`.
fn left(columns: &[String]) -> String {
    let verb = if columns.len() == 1 { "is" } else { "are" };
    format!("{} {verb} left out", columns.join(" and "))
}

/// What there is to read in a column.
enum Read<'a> {
    Text(Text<'a>),
    /// It says when a row was made, or which one it is.
    Nothing,
    Something,
}

fn read<'a>(question: &Question<'_>, column: &'a ColumnSummary, frame: &Frame) -> Result<Read<'a>> {
    if column.kind == ColumnType::Timestamp || is_number_of_row(question, column) {
        return Ok(Read::Nothing);
    }
    if column.kind != ColumnType::String {
        return Ok(Read::Something);
    }
    let values = frame.texts(&column.name)?;
    let known: Vec<&str> = values.iter().flatten().copied().collect();
    let count = known.iter().collect::<HashSet<_>>().len();
    if is_free_text(&values) {
        let words: f64 = known.iter().map(|text| words_in(text)).sum();
        let rows = known.len().max(1) as f64;
        let (words, different) = (words / rows, count as f64 / rows);
        return Ok(Read::Text(Text { name: &column.name, words, different }));
    }
    let is_name = count == known.len() && known.len() as u64 >= NAMED_ROWS;
    Ok(if is_name { Read::Nothing } else { Read::Something })
}
