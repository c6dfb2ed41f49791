//! A table's prices as a grid of times and assets, in which a missing price is NaN.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Form, Span, check_dates, refuse, refuse_all, shown_time};
use crate::domain::name::did_you_mean;
use crate::domain::prices::{MAX_ASSETS, PriceValues, ReturnKind};
use crate::error::{FieldError, Result};
use crate::frame::Frame;

/// Names that a refusal lists at most.
const NAMED: usize = 10;

/// A row for each time, a column for each asset.
pub(super) struct Grid {
    pub(super) times: Vec<f64>,
    pub(super) assets: Vec<String>,
    pub(super) values: Vec<f64>,
}

/// Times of a table's rows, each of which needs one.
fn times(frame: &Frame, form: &Form) -> Result<Vec<f64>> {
    let times = frame.numbers(&form.time)?;
    match times.iter().position(|time| !time.is_finite()) {
        None => Ok(times),
        Some(row) => {
            let detail = format!(
                "{} is missing in row {row} (counted from 0); every row needs its time",
                form.time
            );
            Err(refuse("time", detail))
        }
    }
}

/// Reads a table with a column for each asset.
pub(super) fn wide(frame: &Frame, form: &Form, assets: &[String], span: &Span) -> Result<Grid> {
    let all = times(frame, form)?;
    let mut rows: Vec<usize> = (0..all.len()).filter(|row| span.holds(all[*row])).collect();
    rows.sort_by(|a, b| all[*a].total_cmp(&all[*b]));
    check_dates(rows.len())?;
    if let Some(pair) = rows.windows(2).find(|pair| all[pair[0]] == all[pair[1]]) {
        let detail = format!(
            "two rows have the time {}; where each row has the price of one asset, name the columns \
             in asset and price",
            shown_time(all[pair[0]], form.is_timestamp)
        );
        return Err(refuse("time", detail));
    }
    let mut values = vec![f64::NAN; rows.len() * assets.len()];
    for (at, asset) in assets.iter().enumerate() {
        let column = frame.numbers(asset)?;
        for (to, row) in rows.iter().enumerate() {
            values[to * assets.len() + at] = column[*row];
        }
    }
    let times = rows.iter().map(|row| all[*row]).collect();
    Ok(Grid { times, assets: assets.to_vec(), values })
}

/// Reads a table with a row for each price.
pub(super) fn long(
    frame: &Frame,
    form: &Form,
    (asset, price): (&str, &str),
    span: &Span,
    wanted: Option<&[String]>,
) -> Result<Grid> {
    let all = times(frame, form)?;
    let names = frame.labels(asset)?;
    let prices = frame.numbers(price)?;
    if let Some(row) = names.iter().position(Option::is_none) {
        let detail =
            format!("{asset} is missing in row {row} (counted from 0); every price is of an asset");
        return Err(refuse("asset", detail));
    }
    let known: BTreeSet<&str> = names.iter().flatten().map(String::as_str).collect();
    let assets = chosen(&known, wanted)?;
    let place: HashMap<&str, usize> =
        assets.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let row_of = |row: usize| {
        let at = names[row].as_deref().and_then(|name| place.get(name))?;
        span.holds(all[row]).then_some((row, *at))
    };
    let rows: Vec<(usize, usize)> = (0..all.len()).filter_map(row_of).collect();
    let mut times: Vec<f64> = rows.iter().map(|(row, _)| all[*row]).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    check_dates(times.len())?;
    let date: BTreeMap<u64, usize> =
        times.iter().enumerate().map(|(at, time)| (key(*time), at)).collect();
    let mut values = vec![f64::NAN; times.len() * assets.len()];
    let mut is_there = vec![false; values.len()];
    for (row, at) in rows {
        let cell = date[&key(all[row])] * assets.len() + at;
        if std::mem::replace(&mut is_there[cell], true) {
            let time = shown_time(all[row], form.is_timestamp);
            let detail = format!("two rows have {} at {time}; keep one of them", assets[at]);
            return Err(refuse("asset", detail));
        }
        values[cell] = prices[row];
    }
    Ok(Grid { times, assets, values })
}

/// A time as what it is found by.
fn key(time: f64) -> u64 {
    // 0 and -0 are one time.
    (time + 0.0).to_bits()
}

/// The assets that are read of those that there are.
fn chosen(known: &BTreeSet<&str>, wanted: Option<&[String]>) -> Result<Vec<String>> {
    let Some(wanted) = wanted else {
        if known.len() > MAX_ASSETS {
            let detail = format!(
                "the dataset has {} assets, and at most {MAX_ASSETS} are read: name those to read",
                known.len()
            );
            return Err(refuse("assets", detail));
        }
        return Ok(known.iter().map(|name| (*name).to_owned()).collect());
    };
    let unknown = wanted.iter().enumerate().filter(|(_, name)| !known.contains(name.as_str()));
    let errors = unknown
        .map(|(at, name)| {
            let near = did_you_mean(name, known.iter().copied());
            let detail = format!("the dataset has no asset {name}{near}");
            FieldError::new(format!("/prices/assets/{at}"), detail)
        })
        .collect();
    refuse_all(errors)?;
    Ok(wanted.to_vec())
}

/// Refuses values that no price or return can have.
pub(super) fn check_values(
    grid: &Grid,
    holds: PriceValues,
    kind: ReturnKind,
    is_timestamp: bool,
) -> Result<()> {
    let is_bad = |value: f64| match (holds, kind) {
        (_, _) if value.is_nan() => false,
        (PriceValues::Prices, _) => value <= 0.0 || value.is_infinite(),
        (PriceValues::Returns, ReturnKind::Simple) => value <= -1.0 || value.is_infinite(),
        (PriceValues::Returns, ReturnKind::Log) => value.is_infinite(),
    };
    let width = grid.assets.len();
    let Some(first) = grid.values.iter().position(|value| is_bad(*value)) else { return Ok(()) };
    let count = grid.values.iter().filter(|value| is_bad(**value)).count();
    let (asset, value) = (&grid.assets[first % width], grid.values[first]);
    let time = shown_time(grid.times[first / width], is_timestamp);
    let rule = match (holds, kind) {
        (PriceValues::Prices, _) => "a price is a finite number above 0",
        (PriceValues::Returns, ReturnKind::Simple) => "a simple return is a number above -1",
        (PriceValues::Returns, ReturnKind::Log) => "a return is a finite number",
    };
    let more = if count > 1 { format!(" ({count} values are so)") } else { String::new() };
    Err(refuse("values", format!("{asset} is {value} at {time}{more}; {rule}")))
}

/// Some of the names, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    text
}
