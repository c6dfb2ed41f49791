//! How the answers change with a column.

use serde_json::{Map, Value as Json};

use super::super::super::table::Table;
use super::super::super::text::figure;
use super::{json_of, shown};
use crate::domain::analysis::{
    ColumnDependence, DependencePoint, DependenceResult, PairDependence,
};
use crate::domain::name::did_you_mean;
use crate::domain::schema::{Cell, ColumnType};
use crate::error::{Context as _, Result};
use crate::frame::parse_timestamp;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

const MICROSECONDS: f64 = 1e6;

/// `income, age: p(yes), on average 0.22`; of pairs with how many points of each column.
pub(super) fn text(found: &DependenceResult) -> String {
    let columns = found.columns.iter().map(|column| column.column.clone());
    let pairs = found.pairs.iter().map(|pair| {
        format!("{} ({} × {} points)", named(pair), pair.first.len(), pair.second.len())
    });
    let names: Vec<String> = columns.chain(pairs).collect();
    format!("{}: {}, on average {}", names.join(", "), what(found), figure(found.mean))
}

/// `income × age`.
fn named(pair: &PairDependence) -> String {
    pair.columns.join(" × ")
}

/// What the answers are.
fn what(found: &DependenceResult) -> String {
    found.class.as_ref().map_or_else(|| "answer".to_owned(), |class| format!("p({class})"))
}

/// The points of each column.
pub(super) fn points(found: &DependenceResult) -> Result<Map<String, Json>> {
    let of = |column: &ColumnDependence| {
        let points = serde_json::to_value(&column.points).context("reading the points")?;
        Ok((column.column.clone(), points))
    };
    found.columns.iter().map(of).collect()
}

pub(super) fn described(found: &DependenceResult) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for column in &found.columns {
        for point in &column.points {
            rows.push(Map::from_iter([
                ("column".to_owned(), column.column.clone().into()),
                ("value".to_owned(), json_of(&point.value)),
                ("mean".to_owned(), point.mean.into()),
                ("low".to_owned(), point.low.into()),
                ("high".to_owned(), point.high.into()),
            ]));
        }
    }
    for pair in &found.pairs {
        each(pair, |first, second, mean| {
            let names = pair.columns.iter().cloned();
            let mut row: Map<String, Json> = names.zip([first, second].map(json_of)).collect();
            row.insert("mean".to_owned(), mean.into());
            rows.push(row);
        });
    }
    rows
}

fn each(pair: &PairDependence, mut of: impl FnMut(&Cell, &Cell, f64)) {
    for (first, means) in pair.first.iter().zip(&pair.means) {
        for (second, mean) in pair.second.iter().zip(means) {
            of(first, second, *mean);
        }
    }
}

/// Of one column its points, of one pair the means of all combinations; of several, between which values
/// the means lie.
pub(super) fn table(found: &DependenceResult) -> Table {
    match (found.columns.as_slice(), found.pairs.as_slice()) {
        ([one], []) => {
            let columns = [
                (one.column.as_str(), one.kind.is_numeric()),
                ("mean", true),
                ("low", true),
                ("high", true),
            ];
            let row = |point: &DependencePoint| {
                let figures = [point.mean, point.low, point.high].map(figure);
                std::iter::once(shown(&point.value)).chain(figures).collect()
            };
            Table::new(&columns, one.points.iter().map(row).collect())
        }
        ([], [pair]) => {
            let heading = pair.columns.join(" \\ ");
            let names: Vec<String> =
                std::iter::once(heading).chain(pair.second.iter().map(shown)).collect();
            let columns: Vec<(&str, bool)> =
                names.iter().enumerate().map(|(at, name)| (name.as_str(), at > 0)).collect();
            let row = |(first, means): (&Cell, &Vec<f64>)| {
                std::iter::once(shown(first)).chain(means.iter().map(|m| figure(*m))).collect()
            };
            Table::new(&columns, pair.first.iter().zip(&pair.means).map(row).collect())
        }
        (columns, pairs) => {
            let span = |name: String, means: &mut dyn Iterator<Item = f64>| {
                let (low, high) = means
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), m| (l.min(m), h.max(m)));
                vec![name, figure(low), figure(high), figure(high - low)]
            };
            let single = columns.iter().map(|column| {
                span(column.column.clone(), &mut column.points.iter().map(|point| point.mean))
            });
            let double = pairs
                .iter()
                .map(|pair| span(named(pair), &mut pair.means.iter().flatten().copied()));
            let headings =
                [("column", false), ("lowest mean", true), ("highest", true), ("apart", true)];
            Table::new(&headings, single.chain(double).collect())
        }
    }
}

/// That of a column, or of a pair of columns, which is named by both or by either.
pub(super) fn plot(
    title: &str,
    found: &DependenceResult,
    wanted: Option<&str>,
) -> Result<Plot, String> {
    let column = match wanted {
        None => found.columns.first(),
        Some(name) => found.columns.iter().find(|column| column.column == name),
    };
    let pair = match wanted {
        None => found.pairs.first(),
        Some(name) => found
            .pairs
            .iter()
            .find(|pair| named(pair) == name || pair.columns.iter().any(|column| column == name)),
    };
    match (column, pair) {
        (Some(column), _) => Ok(of_column(title, found, column)),
        (None, Some(pair)) => Ok(of_pair(title, found, pair)),
        (None, None) => {
            let columns = found.columns.iter().map(|column| column.column.clone());
            let names: Vec<String> = columns.chain(found.pairs.iter().map(named)).collect();
            let near = did_you_mean(wanted.unwrap_or_default(), names.iter().map(String::as_str));
            Err(format!("is one of {}{near}", names.join(", ")))
        }
    }
}

/// A field for each two values, as strong as the mean answer.
fn of_pair(title: &str, found: &DependenceResult, pair: &PairDependence) -> Plot {
    let axis = |at: usize, values: &[Cell]| Axis {
        label: pair.columns.get(at).cloned().unwrap_or_default(),
        scale: Scale::Category(values.iter().map(shown).collect()),
    };
    let (mut points, mut values) = (Vec::new(), Vec::new());
    for (first, means) in pair.means.iter().enumerate() {
        for (second, mean) in means.iter().enumerate() {
            points.push((first as f64, second as f64));
            values.push(*mean);
        }
    }
    Plot {
        title: format!("{title}, {} by {}", what(found), pair.columns.join(" and ")),
        x: axis(0, &pair.first),
        y: axis(1, &pair.second),
        layers: vec![Layer { name: what(found), mark: Mark::Fields { values }, points }],
    }
}

/// The line with its band, over those of single rows; of categories bars.
fn of_column(title: &str, found: &DependenceResult, column: &ColumnDependence) -> Plot {
    let title = format!("{title}, {} by {}", what(found), column.column);
    let label = match found.centred {
        true => format!("change of {}", what(found)),
        false => what(found),
    };
    let y = Axis { label: label.clone(), scale: Scale::Number };
    let is_time = column.kind == ColumnType::Timestamp;
    if !is_time && !column.kind.is_numeric() {
        let named = column.points.iter().map(|point| (shown(&point.value), point.mean)).collect();
        return super::bars(title, (&column.column, &label), named);
    }
    let x: Vec<f64> = column.points.iter().map(|point| number(&point.value)).collect();
    let with = |values: &mut dyn Iterator<Item = f64>| -> Vec<(f64, f64)> {
        x.iter().copied().zip(values).collect()
    };
    let mean = with(&mut column.points.iter().map(|point| point.mean));
    let low = with(&mut column.points.iter().map(|point| point.low));
    let upper = column.points.iter().map(|point| point.high).collect();
    let mut rows = Vec::new();
    for line in &column.lines {
        rows.extend(with(&mut line.answers.iter().copied()));
        // So that the next one begins anew.
        rows.push((f64::NAN, f64::NAN));
    }
    let layer = |name: &str, mark, points| Layer { name: name.to_owned(), mark, points };
    let mut layers =
        vec![layer("mean", Mark::Line, mean), layer("95 % of the mean", Mark::Band { upper }, low)];
    if !rows.is_empty() {
        layers.push(layer("single rows", Mark::Thin, rows));
    }
    let scale = if is_time { Scale::Time } else { Scale::Number };
    Plot { title, x: Axis { label: column.column.clone(), scale }, y, layers }
}

/// A number, or a time in seconds since 1970 in UTC.
fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Int(number) => *number as f64,
        Cell::Float(number) => *number,
        Cell::Text(time) => {
            parse_timestamp(time.as_bytes()).map_or(f64::NAN, |time| time as f64 / MICROSECONDS)
        }
        Cell::Null | Cell::Bool(_) => f64::NAN,
    }
}
