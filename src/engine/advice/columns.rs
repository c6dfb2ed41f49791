//! What the columns of a table are, and which of them are better left out.

use std::collections::{HashMap, HashSet};

use super::Findings;
use super::order::Order;
use super::question::Question;
use crate::domain::advice::FindingCode;
use crate::domain::model::Task;
use crate::domain::schema::{Cell, ColumnSummary, ColumnType};
use crate::domain::training::PreprocessingSpec;
use crate::error::Result;
use crate::frame::Frame;
use crate::stats;

/// A text of so many words, in so many different forms, is free text.
const WORDS: f64 = 4.0;
const DIFFERENT: f64 = 0.5;
/// Fewer rows tell nothing of a name for each row.
pub(super) const NAMED_ROWS: u64 = 20;
/// A column that alone ranks the classes so well is suspect; one that does better is left out.
const SUSPECT_AUC: f64 = 0.95;
const CERTAIN_AUC: f64 = 0.999;
/// The same for a number.
const SUSPECT_CORRELATION: f64 = 0.99;
const CERTAIN_CORRELATION: f64 = 0.9999;
/// Whole numbers of so few values are looked at as codes, too.
const CODES: usize = 50;

/// Looks at the columns. Returns those that the recommended training leaves out.
pub(super) fn look(
    question: &Question<'_>,
    order: &Order,
    frame: &Frame,
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
    leakage(question, &columns, frame, &mut left_out, findings)?;
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
    question: &Question<'_>,
    columns: &[&ColumnSummary],
    frame: &Frame,
    left_out: &mut Vec<String>,
    findings: &mut Findings,
) -> Result<()> {
    let target = Target::read(question, frame)?;
    let (figure, said, suspect, certain) = match target {
        Target::Classes { .. } => ("auc", "an AUC", SUSPECT_AUC, CERTAIN_AUC),
        Target::Numbers(_) => {
            ("correlation", "a correlation", SUSPECT_CORRELATION, CERTAIN_CORRELATION)
        }
    };
    for column in columns.iter().filter(|c| !left_out.contains(&c.name)).collect::<Vec<_>>() {
        let name = column.name.as_str();
        let Some(value) = target.told_by(frame, column)?.filter(|v| *v >= suspect) else {
            continue;
        };
        let is_certain = value >= certain && left_out.len() + 1 < columns.len();
        let what = match is_certain {
            true => "it is left out; put it back if it is known before the outcome",
            false => "exclude it unless it is known before the outcome",
        };
        let text = format!(
            "{name} alone tells {} with {said} of {value:.4}: {what}",
            question.request.target
        );
        let figures = [(figure, value)];
        if is_certain {
            findings.reason(FindingCode::Leakage, text.clone(), &[name], &figures);
            left_out.push(name.to_owned());
        }
        findings.warn(FindingCode::LeakageSuspect, text, &[name], &figures);
    }
    Ok(())
}

/// What is predicted, in the rows looked at.
enum Target {
    /// For each class that is told from the others, whether each row is of it.
    Classes {
        each: Vec<Vec<bool>>,
        rows: Vec<usize>,
    },
    Numbers(Vec<f64>),
}

impl Target {
    fn read(question: &Question<'_>, frame: &Frame) -> Result<Self> {
        let name = &question.request.target;
        if question.task == Task::Regression {
            return Ok(Self::Numbers(frame.numbers(name)?));
        }
        let labels = frame.labels(name)?;
        let rows: Vec<usize> = (0..labels.len()).filter(|&r| labels[r].is_some()).collect();
        // One of two classes tells of both.
        let told = match question.task {
            Task::Binary => 1,
            _ => question.classes.len(),
        };
        let is = |class: &String| rows.iter().map(|&r| labels[r].as_ref() == Some(class)).collect();
        Ok(Self::Classes { each: question.classes.keys().take(told).map(is).collect(), rows })
    }

    /// How well a column alone tells it: the greatest AUC of a class, at least 0.5, or the absolute
    /// correlation. What a category tells is learnt on one half of the rows and tried on the other.
    fn told_by(&self, frame: &Frame, column: &ColumnSummary) -> Result<Option<f64>> {
        let name = &column.name;
        let codes = match column.kind {
            ColumnType::Image => return Ok(None),
            ColumnType::String | ColumnType::Bool => Some(frame.labels(name)?),
            ColumnType::Int64 if column.distinct <= CODES as u64 => Some(frame.labels(name)?),
            _ => None,
        };
        let numbers = match column.kind {
            ColumnType::String => None,
            _ => Some(frame.numbers(name)?),
        };
        Ok(match self {
            Self::Numbers(truth) => numbers.and_then(|numbers| {
                let pairs =
                    numbers.iter().zip(truth).filter(|(x, y)| x.is_finite() && y.is_finite());
                let (x, y): (Vec<f64>, Vec<f64>) = pairs.map(|(x, y)| (*x, *y)).unzip();
                stats::correlation(&x, &y).map(f64::abs)
            }),
            Self::Classes { each, rows } => {
                let of_class = |truth: &Vec<bool>| {
                    let by_number = numbers.as_ref().and_then(|numbers| {
                        // That a value is missing may tell as much.
                        let value =
                            |&r: &usize| if numbers[r].is_finite() { numbers[r] } else { f64::MIN };
                        stats::auc(&rows.iter().map(value).collect::<Vec<_>>(), truth)
                    });
                    let by_code = codes.as_ref().and_then(|codes| auc_of_codes(codes, rows, truth));
                    let two_sided = |auc: f64| auc.max(1.0 - auc);
                    by_number.into_iter().chain(by_code).map(two_sided).reduce(f64::max)
                };
                each.iter().filter_map(of_class).reduce(f64::max)
            }
        })
    }
}

/// AUC on the odd rows of the rates that the codes have on the even ones.
fn auc_of_codes(codes: &[Option<String>], rows: &[usize], truth: &[bool]) -> Option<f64> {
    let mut rates: HashMap<&Option<String>, (f64, f64)> = HashMap::new();
    for (row, is) in rows.iter().zip(truth).step_by(2) {
        let (of_class, all) = rates.entry(&codes[*row]).or_default();
        *of_class += f64::from(u8::from(*is));
        *all += 1.0;
    }
    let overall = truth.iter().filter(|is| **is).count() as f64 / truth.len().max(1) as f64;
    // A code that is seen once tells little: it is drawn towards what all say.
    let rate = |code| rates.get(code).map_or(overall, |(is, all)| (is + overall) / (all + 1.0));
    let tried = || rows.iter().zip(truth).skip(1).step_by(2);
    let scores: Vec<f64> = tried().map(|(row, _)| rate(&codes[*row])).collect();
    stats::auc(&scores, &tried().map(|(_, is)| *is).collect::<Vec<_>>())
}
