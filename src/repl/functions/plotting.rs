//! Plots of frames, of trainings, and of versions side by side.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{
    Comparison, Object, activated, alloc, analysed, backtest_plot, binned, carded, credit_plot,
    curves, explained, forecasted, is_number, object_of, reliability, risk_plot, waterfall,
};
use super::frames::{columns, known, this};
use super::jobs::{id_of, past};
use super::models::{resolve, with_champion};
use super::{AT_ONCE, model_of};
use crate::domain::job::{JobEventKind, Progress};
use crate::domain::prediction::VersionRef;
use crate::domain::schema::ColumnType;
use crate::domain::version::{BinaryMetrics, Metrics, MulticlassMetrics};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::plot::{Axis, Layer, Mark, Plot, Scale, histogram};

/// Most series in one plot.
const SERIES: usize = 8;
/// Most bars.
const BARS: usize = 60;
/// Bins of histograms that are laid over each other.
const BINS: usize = 30;
const MICROSECONDS: f64 = 1e6;

/// The numbers of a column, times in seconds since 1970 UTC.
fn numbers(frame: &Frame, name: &str) -> Result<Vec<f64>> {
    match frame.column(name).map(|column| column.kind) {
        Some(ColumnType::Timestamp) => {
            let seconds = |time: Option<i64>| time.map_or(f64::NAN, |t| t as f64 / MICROSECONDS);
            Ok(frame.timestamps(name)?.into_iter().map(seconds).collect())
        }
        Some(kind) if is_number(kind) || kind == ColumnType::Bool => frame.numbers(name),
        _ => {
            let detail = format!("{name} holds no numbers, which a plot needs here");
            Err(Error::new(Code::InvalidRequest, detail))
        }
    }
}

fn axis(frame: &Frame, name: &str) -> Axis {
    let is_time = frame.column(name).is_some_and(|column| column.kind == ColumnType::Timestamp);
    let scale = if is_time { Scale::Time } else { Scale::Number };
    Axis { label: name.to_owned(), scale }
}

/// A column that an argument names.
fn column<'v>(arguments: &Arguments<'v>, name: &str, frame: &Frame) -> Result<&'v str> {
    let column = arguments.text(name)?.unwrap_or_default();
    known(frame, column).map(|()| column)
}

/// The rows of each value of the column `by`, the most frequent first; all rows where there is none.
fn parts(arguments: &Arguments<'_>, frame: &Frame) -> Result<Vec<(String, Vec<usize>)>> {
    if arguments.get("by").is_none() {
        return Ok(vec![(String::new(), (0..frame.rows()).collect())]);
    }
    let by = column(arguments, "by", frame)?;
    let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (row, label) in frame.labels(by)?.into_iter().enumerate() {
        let label = label.unwrap_or_else(|| "missing".to_owned());
        let at = *places.entry(label.clone()).or_insert_with(|| {
            parts.push((label, Vec::new()));
            parts.len() - 1
        });
        if let Some((_, rows)) = parts.get_mut(at) {
            rows.push(row);
        }
    }
    if parts.len() > SERIES {
        let problem = format!("has {} values, and a plot shows at most {SERIES}", parts.len());
        return Err(arguments.wrong("by", &problem));
    }
    parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    Ok(parts)
}

/// `hist(frame, column, bins=None, by=None)`.
pub(super) fn hist<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let name = column(arguments, "column", &frame)?;
    let bins = arguments.number("bins", 1..=200)?.map(|bins| bins as usize);
    let values = numbers(&frame, name)?;
    if arguments.get("by").is_none() {
        let mut plot = histogram(name, name, &values, bins);
        plot.x = axis(&frame, name);
        return alloc(Object::Plot(plot), eval);
    }
    // Shares, so that groups of different sizes can be held against each other.
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let bins = bins.unwrap_or(BINS);
    let width = ((high - low) / bins as f64).max(f64::MIN_POSITIVE);
    let layers = parts(arguments, &frame)?.into_iter().map(|(name, rows)| {
        let mut counts = vec![0_u64; bins];
        for value in rows.iter().filter_map(|row| values.get(*row)).filter(|v| v.is_finite()) {
            let bin = (((value - low) / width) as usize).min(bins - 1);
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        let all = counts.iter().sum::<u64>().max(1) as f64;
        let middle = |bin: usize| low + (bin as f64 + 0.5) * width;
        let points =
            counts.iter().enumerate().map(|(bin, n)| (middle(bin), *n as f64 / all)).collect();
        Layer { name, mark: Mark::Line, points }
    });
    let plot = Plot {
        title: format!("{name} by {}", arguments.text("by")?.unwrap_or_default()),
        x: axis(&frame, name),
        y: Axis { label: "share".to_owned(), scale: Scale::Number },
        layers: layers.collect(),
    };
    alloc(Object::Plot(plot), eval)
}

/// `scatter(frame, x, y, by=None)`.
pub(super) fn scatter<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let (x, y) = (column(arguments, "x", &frame)?, column(arguments, "y", &frame)?);
    let (xs, ys) = (numbers(&frame, x)?, numbers(&frame, y)?);
    let layers = parts(arguments, &frame)?.into_iter().map(|(name, rows)| Layer {
        name,
        mark: Mark::Points,
        points: rows.iter().filter_map(|row| Some((*xs.get(*row)?, *ys.get(*row)?))).collect(),
    });
    let layers = layers.collect();
    let title = format!("{y} by {x}");
    let plot = Plot { title, x: axis(&frame, x), y: axis(&frame, y), layers };
    alloc(Object::Plot(plot), eval)
}

/// `line(frame, x, y, by=None)`.
pub(super) fn line<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let x = column(arguments, "x", &frame)?;
    let wanted = columns(arguments, "y", &frame)?;
    if wanted.len() > SERIES {
        let problem = format!("are {} columns, and a plot shows at most {SERIES}", wanted.len());
        return Err(arguments.wrong("y", &problem));
    }
    if wanted.len() > 1 && arguments.get("by").is_some() {
        return Err(arguments.wrong("by", "goes with one column y"));
    }
    let xs = numbers(&frame, x)?;
    let parts = parts(arguments, &frame)?;
    let mut layers = Vec::new();
    for y in &wanted {
        let ys = numbers(&frame, y)?;
        for (part, rows) in &parts {
            let mut points: Vec<(f64, f64)> =
                rows.iter().filter_map(|row| Some((*xs.get(*row)?, *ys.get(*row)?))).collect();
            points.retain(|(x, _)| x.is_finite());
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let name = if part.is_empty() { y } else { part };
            layers.push(Layer { name: name.clone(), mark: Mark::Line, points });
        }
    }
    let y = match wanted.as_slice() {
        [one] => axis(&frame, one),
        _ => Axis { label: String::new(), scale: Scale::Number },
    };
    let plot = Plot { title: wanted.join(", "), x: axis(&frame, x), y, layers };
    alloc(Object::Plot(plot), eval)
}

/// `bar(frame, x, y)`.
pub(super) fn bar<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let (x, y) = (column(arguments, "x", &frame)?, column(arguments, "y", &frame)?);
    if frame.rows() > BARS {
        let problem = format!(
            "has {} rows, and a plot shows at most {BARS} bars: group or take the first ones",
            frame.rows()
        );
        return Err(arguments.wrong("frame", &problem));
    }
    let names = frame.labels(x)?.into_iter().map(|l| l.unwrap_or_else(|| "missing".to_owned()));
    let points = numbers(&frame, y)?.into_iter().enumerate().map(|(at, y)| (at as f64, y));
    let plot = Plot {
        title: format!("{y} by {x}"),
        x: Axis { label: x.to_owned(), scale: Scale::Category(names.collect()) },
        y: axis(&frame, y),
        layers: vec![Layer {
            name: y.to_owned(),
            mark: Mark::Bars { width: 0.8 },
            points: points.collect(),
        }],
    };
    alloc(Object::Plot(plot), eval)
}

/// `plot(of, what="losses", row=None)`.
pub(super) fn plot<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let wrong = |problem: String| arguments.wrong("what", &problem);
    let context = &*context()?;
    let value = arguments.needed("of")?;
    let plot = match object_of(value) {
        Some(Object::Version(trained)) => {
            let version = &trained.version;
            let title = format!("{} {}", version.model, version.version);
            let of_classes = format!("{title}, reliability");
            match arguments.text("what")? {
                None | Some("losses") => {
                    let title = format!("{title}, losses");
                    curves(title, &version.curve, Some(version.provenance.best_epoch))
                }
                Some("reliability") => match &version.metrics {
                    Metrics::Binary(BinaryMetrics { calibration: Some(calibration), .. }) => {
                        reliability(of_classes, &calibration.reliability)
                    }
                    Metrics::Multiclass(MulticlassMetrics { calibration: Some(of), .. }) => {
                        reliability(of_classes, &of.reliability)
                    }
                    _ => {
                        let problem =
                            "is of versions that answer classes, of this program or later";
                        return Err(arguments.wrong("what", problem));
                    }
                },
                Some(_) => {
                    return Err(arguments.wrong("what", "is 'losses' or 'reliability'"));
                }
            }
        }
        Some(Object::Job(_)) => of_job(arguments, context)?,
        Some(Object::Explanations(answer)) => match arguments.number("row", 0..=u64::MAX)? {
            None => explained(answer),
            Some(row) => {
                let one = usize::try_from(row).ok().and_then(|row| answer.explanations.get(row));
                let one = one.ok_or_else(|| {
                    let count = answer.explanations.len();
                    arguments.wrong("row", &format!("{row} is none of its {count}, counted from 0"))
                })?;
                waterfall(format!("{} {}, row {row}", answer.model, answer.version), one)
            }
        },
        Some(Object::Forecasts(answer)) => {
            forecasted(answer, arguments.number("row", 0..=u64::MAX)?)
                .map_err(|problem| arguments.wrong("row", &problem))?
        }
        Some(Object::Activations(answer)) => {
            activated(answer, arguments.text("what")?).map_err(wrong)?
        }
        Some(Object::Analysis(analysis)) => {
            analysed(analysis, arguments.text("what")?).map_err(wrong)?
        }
        Some(Object::Risk(risk)) => risk_plot(risk, arguments.text("what")?).map_err(wrong)?,
        Some(Object::RiskBacktest(test)) => {
            backtest_plot(test, arguments.text("what")?).map_err(wrong)?
        }
        Some(Object::CreditLosses(losses)) => credit_plot(losses),
        Some(Object::Binning(found)) => binned(found, arguments.text("what")?).map_err(wrong)?,
        Some(Object::Scorecard(card)) => carded(card, arguments.text("what")?).map_err(wrong)?,
        Some(Object::Lending(lending)) => lending.plot(arguments.text("what")?).map_err(wrong)?,
        Some(Object::Investment(answer)) => answer.plot(arguments.text("what")?).map_err(wrong)?,
        _ => {
            let wanted = "a version, a training job, forecasts, a scorecard, explanations, activations, an \
                          analysis, assessments, a loan book, or what bin(), risk(), backtest_risk(), credit_losses(), \
                          invest(), walk_forward() and frontier() give";
            return Err(arguments.unlike("of", wanted, value));
        }
    };
    alloc(Object::Plot(plot), eval)
}

/// The newest of a job's trainings, up to now.
fn of_job(arguments: &Arguments<'_>, context: &Context) -> Result<Plot> {
    let id = id_of(arguments, "of")?;
    let (mut name, mut losses, mut best) = (String::new(), Vec::new(), None);
    for event in context.wait(past(&context.client(), id))? {
        let JobEventKind::Progress(event) = event.event else { continue };
        let Progress::Training(progress) = event.progress else { continue };
        if progress.run != name {
            name = progress.run;
            losses = Vec::new();
        }
        best = Some(progress.best_epoch);
        losses.push(progress.last);
    }
    if losses.is_empty() {
        let detail = "no epoch of this job is over yet, or it is no training";
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    Ok(curves(format!("{name}, losses"), &losses, best))
}

/// `compare(*versions)`.
pub(super) fn compare<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    use futures_util::{StreamExt, TryStreamExt, stream};
    let context = &*context()?;
    if !(2..=SERIES).contains(&arguments.more().len()) {
        let detail = format!("compare() takes 2 to {SERIES} versions: compare(m1, \"default 2\")");
        return Err(Error::new(Code::InvalidRequest, detail));
    }
    let wanted = arguments.more().iter().map(|value| model_of(arguments, "versions", *value));
    let wanted: Vec<(String, Option<u32>)> = wanted.collect::<Result<_>>()?;
    let client = context.client();
    let one = |(model, number): (String, Option<u32>)| {
        let client = client.clone();
        async move {
            let wanted = number.map(VersionRef::Number);
            let version = resolve(&client, &model, wanted.as_ref()).await?;
            with_champion(&client, version).await
        }
    };
    let found = stream::iter(wanted).map(one).buffered(AT_ONCE).try_collect();
    let versions = context.wait(found)?;
    alloc(Object::Comparison(Comparison(versions)), eval)
}
