//! Whether the rows have an order: a time by which they are split, or series that are forecast.

use super::Findings;
use super::question::Question;
use super::services::further_prices;
use crate::domain::advice::FindingCode;
use crate::domain::model::Task;
use crate::domain::schema::ColumnType;
use crate::domain::window::WindowSpec;
use crate::engine::windows::AllSeries;
use crate::error::{Code, Context, Error, Result};

/// Rows of which a smaller share goes back in time stand in its order.
const BACKWARD: f64 = 0.01;
/// A value that follows the one before it so closely is of a series.
const AUTOCORRELATION: f64 = 0.5;
/// The first and the last rows differ by more standard errors than chance explains.
const MOVED: f64 = 6.0;
/// A window for a forecast reads at most so many rows, and a quarter of the longest series.
const LOOK_BACK: usize = 336;

/// How the rows are ordered.
pub(super) struct Order {
    /// The column by which rows are split.
    pub(super) time: Option<String>,
    /// What is forecast of which series.
    pub(super) series: Option<SeriesOrder>,
}

/// Series, and the windows that suit them.
pub(super) struct SeriesOrder {
    pub(super) all: AllSeries,
    pub(super) window: WindowSpec,
}

impl Order {
    pub(super) fn is_series(&self) -> bool {
        self.series.is_some()
    }

    /// # Errors
    /// [`Code::InvalidSpec`] at `/time` or `/entity` where the rows make no series.
    pub(super) fn find(question: &Question<'_>, findings: &mut Findings) -> Result<Self> {
        let request = question.request;
        let time = match &request.time {
            Some(time) => Some(time.clone()),
            None => in_order_of(question)?,
        };
        let Some(time) = time else {
            without_time(question, findings)?;
            return Ok(Self { time: None, series: None });
        };
        if let Some(series) = series(question, &time, findings)? {
            return Ok(Self { time: Some(time), series: Some(series) });
        }
        let how = if request.time.is_some() { "as asked" } else { "the rows stand in its order" };
        findings.reason(
            FindingCode::TimeOrder,
            format!(
                "{time} orders the rows ({how}): the oldest train, the newest test, as later rows \
                 are what the model will meet"
            ),
            &[&time],
            &[("rows", question.known as f64)],
        );
        Ok(Self { time: Some(time), series: None })
    }
}

/// A timestamp without gaps in whose order the rows stand.
fn in_order_of(question: &Question<'_>) -> Result<Option<String>> {
    for column in times(question).filter(|c| c.nulls == 0 && c.distinct > 2) {
        let values = question.keys.numbers(&column.name)?;
        let back = |values: &[f64], sign: f64| {
            let pairs = values.windows(2);
            let steps = pairs.filter(|w| (w[1] - w[0]) * sign < 0.0).count();
            steps as f64 <= BACKWARD * values.len() as f64
        };
        if back(&values, 1.0) || back(&values, -1.0) {
            return Ok(Some(column.name.clone()));
        }
    }
    Ok(None)
}

fn times<'q>(
    question: &'q Question<'_>,
) -> impl Iterator<Item = &'q crate::domain::schema::ColumnSummary> {
    question.candidates().filter(|c| c.kind == ColumnType::Timestamp)
}

/// What is to be said where the rows will be split at random.
fn without_time(question: &Question<'_>, findings: &mut Findings) -> Result<()> {
    if question.image().is_some() {
        return Ok(());
    }
    let excluded = question.request.exclude.iter().filter_map(|name| question.column(name));
    let left_out = excluded.filter(|c| c.kind == ColumnType::Timestamp);
    if let Some(column) = times(question).chain(left_out).next() {
        let text = format!(
            "{} is a time, and the rows are split at random: if they came about in its order, say \
             time, else the test rows tell too much of good",
            column.name
        );
        let figures = [("rows", question.known as f64)];
        findings.warn(FindingCode::RandomSplit, text, &[&column.name], &figures);
        return Ok(());
    }
    let Some((first, last, errors)) = moved(question)? else { return Ok(()) };
    let target = question.target();
    let of = match question.rarest() {
        Some((class, _)) => format!("the share of '{class}'"),
        None => format!("the mean of {target}"),
    };
    let text = format!(
        "{of} is {first:.4} in the first fifth of the rows and {last:.4} in the last: they may be in \
         the order of a time or of {target}, and a split at random hides what changes with it"
    );
    let figures = [("first", first), ("last", last), ("standard_errors", errors)];
    findings.warn(FindingCode::RandomSplit, text, &[target], &figures);
    Ok(())
}

/// Mean of the target, or share of its rarest class, in the first and the last fifth of the rows,
/// where these differ by more than chance.
fn moved(question: &Question<'_>) -> Result<Option<(f64, f64, f64)>> {
    let target = question.target();
    let values: Vec<f64> = match question.rarest() {
        Some((class, _)) => {
            let labels = question.keys.labels(target)?;
            let is = |label: String| f64::from(u8::from(label == class));
            labels.into_iter().flatten().map(is).collect()
        }
        None => question.keys.numbers(target)?.into_iter().filter(|v| v.is_finite()).collect(),
    };
    let fifth = values.len() / 5;
    let (first, last) = (&values[..fifth], &values[values.len() - fifth..]);
    let (Some(a), Some(b)) = (crate::stats::mean(first), crate::stats::mean(last)) else {
        return Ok(None);
    };
    let Some(deviation) = crate::stats::standard_deviation(&values).filter(|d| *d > 0.0) else {
        return Ok(None);
    };
    let errors = (b - a).abs() / (deviation * (2.0 / fifth as f64).sqrt());
    Ok((errors > MOVED).then_some((a, b, errors)))
}

/// The series that are forecast, where they are what the target is of.
fn series(
    question: &Question<'_>,
    time: &str,
    findings: &mut Findings,
) -> Result<Option<SeriesOrder>> {
    let request = question.request;
    let is_asked = request.task == Some(Task::Forecast);
    let may_be = is_asked || (request.task.is_none() && question.task == Task::Regression);
    if !may_be {
        return Ok(None);
    }
    let mut window: WindowSpec =
        serde_json::from_value(serde_json::json!({ "time": time, "horizon": request.horizon }))
            .context("writing a window")?;
    window.entity.clone_from(&request.entity);
    window.targets = further_prices(question, time);
    let all = match AllSeries::read(&question.keys, &window, Code::InvalidSpec) {
        Ok(all) => all,
        // Several rows at a time are no series.
        Err(_) if !is_asked && request.entity.is_none() => return Ok(None),
        Err(error) => return Err(of_request(error)),
    };
    let correlation = autocorrelation(&all, &question.keys.numbers(question.target())?);
    let is_alone = question.candidates().all(|c| {
        c.name == time
            || Some(&c.name) == request.entity.as_ref()
            || window.targets.contains(&c.name)
    });
    let follows = correlation.is_some_and(|r| r >= AUTOCORRELATION);
    if !(is_asked || request.entity.is_some() || is_alone || follows) {
        return Ok(None);
    }
    let look_back = LOOK_BACK.min(all.longest() / 4).max(1);
    window.look_back = u32::try_from(look_back).ok();
    let count = all.series.len() as f64;
    let r = correlation.unwrap_or(0.0);
    findings.reason(
        FindingCode::Series,
        format!(
            "{} has one value at each {time}{}, and follows the one before it with a correlation of \
             {r:.2}: its next values are forecast from the last {look_back}",
            question.target(),
            match &request.entity {
                Some(entity) => format!(" of each {entity}"),
                None => String::new(),
            }
        ),
        &[question.target(), time],
        &[
            ("autocorrelation", r),
            ("series", count),
            ("longest", all.longest() as f64),
            ("look_back", look_back as f64),
        ],
    );
    Ok(Some(SeriesOrder { all, window }))
}

/// An error of a window as one of the request.
fn of_request(error: Error) -> Error {
    match error {
        Error::Problem { code, detail, mut errors } => {
            for error in &mut errors {
                error.pointer = error.pointer.replace("/window", "");
            }
            Error::Problem { code, detail, errors }
        }
        other => other,
    }
}

/// Correlation of a value with the one before it in its series.
fn autocorrelation(all: &AllSeries, values: &[f64]) -> Option<f64> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for series in &all.series {
        for pair in series.rows.windows(2) {
            let (a, b) = (values[pair[0]], values[pair[1]]);
            if a.is_finite() && b.is_finite() {
                before.push(a);
                after.push(b);
            }
        }
    }
    crate::stats::correlation(&before, &after)
}
