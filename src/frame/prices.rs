//! Prices and returns of assets out of a table, wide or long.

mod gaps;
mod grid;
#[cfg(test)]
mod tests;

use super::{Frame, format_timestamp, parse_timestamp};
use crate::domain::name::did_you_mean;
use crate::domain::prices::{MAX_ASSETS, MAX_DATES, PriceValues, PricesRequest, ReturnKind};
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, FieldError, Result};

const MICROS_PER_DAY: f64 = 86_400e6;

/// Prices of assets at times, none of them missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// Ascending, each once: microseconds since 1970 or numbers.
    pub times: Vec<f64>,
    pub is_timestamp: bool,
    pub assets: Vec<String>,
    /// Prices, all above 0, or returns: a row for each time with a value for each asset.
    pub values: Vec<f64>,
    pub holds: PriceValues,
    /// Assets that were left out, since they lack prices.
    pub dropped_assets: Vec<String>,
    /// Times that were left out, since an asset lacks its price there.
    pub dropped_dates: usize,
    /// The assets that lacked most prices where times were left out, the worst first.
    pub sparsest: Vec<String>,
    /// Prices that stand for missing ones.
    pub filled: usize,
}

/// Returns of assets from each time to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Returns {
    /// The times at which the returns are complete.
    pub times: Vec<f64>,
    pub is_timestamp: bool,
    pub assets: Vec<String>,
    /// A row for each time with a value for each asset.
    pub values: Vec<f64>,
}

impl Prices {
    /// The returns from each time to the next, one row less; values that are returns stay as they are.
    pub fn returns(&self, kind: ReturnKind) -> Returns {
        let width = self.assets.len();
        let (times, values) = match self.holds {
            PriceValues::Returns => (self.times.clone(), self.values.clone()),
            PriceValues::Prices => {
                let earlier = self.values.iter();
                let later = self.values.iter().skip(width);
                let values = earlier.zip(later).map(|(earlier, later)| match kind {
                    ReturnKind::Simple => later / earlier - 1.0,
                    ReturnKind::Log => (later / earlier).ln(),
                });
                (self.times.iter().skip(1).copied().collect(), values.collect())
            }
        };
        Returns { times, is_timestamp: self.is_timestamp, assets: self.assets.clone(), values }
    }

    /// A time as it is read and written: `2026-01-31`, with its hour where it has one.
    pub fn shown(&self, at: usize) -> String {
        shown_time(self.times[at], self.is_timestamp)
    }
}

impl Returns {
    /// The row and the asset of the first return that is none to calculate with, since its square or a sum of them
    /// would leave what numbers can hold.
    pub fn first_endless(&self) -> Option<(usize, usize)> {
        const GREATEST: f64 = 1e9;
        let found =
            self.values.iter().position(|value| !value.is_finite() || value.abs() > GREATEST)?;
        Some((found / self.assets.len(), found % self.assets.len()))
    }

    /// A time as it is read and written.
    pub fn shown(&self, at: usize) -> String {
        shown_time(self.times[at], self.is_timestamp)
    }

    /// Any time of the same kind as it is read and written.
    pub fn shown_time(&self, time: f64) -> String {
        shown_time(time, self.is_timestamp)
    }

    /// The first row at or after a time as a request writes it, the number of rows where there is none; None
    /// for what is no time.
    pub fn first_from(&self, text: &str) -> Option<usize> {
        let from = moment(text, self.is_timestamp, false)?;
        Some(self.times.partition_point(|time| *time < from))
    }

    /// How many rows there are up to a time, which is included: a date with all its hours.
    pub fn count_to(&self, text: &str) -> Option<usize> {
        let to = moment(text, self.is_timestamp, true)?;
        Some(self.times.partition_point(|time| *time <= to))
    }

    /// The newest rows alone, so many.
    pub fn newest(mut self, rows: usize) -> Self {
        let gone = self.times.len().saturating_sub(rows);
        self.times.drain(..gone);
        self.values.drain(..gone * self.assets.len());
        self
    }

    /// The returns of all assets that are complete at a time.
    pub fn row(&self, at: usize) -> &[f64] {
        let width = self.assets.len();
        &self.values[at * width..(at + 1) * width]
    }

    /// The returns of one asset.
    pub fn column(&self, asset: usize) -> Vec<f64> {
        self.values.iter().skip(asset).step_by(self.assets.len()).copied().collect()
    }
}

fn shown_time(time: f64, is_timestamp: bool) -> String {
    if !is_timestamp {
        return time.to_string();
    }
    let text = format_timestamp(time as i64);
    match text.strip_suffix("T00:00:00Z") {
        Some(date) => date.to_owned(),
        None => text,
    }
}

/// A time as a request writes it; the end of a date is its last moment.
fn moment(text: &str, is_timestamp: bool, is_end: bool) -> Option<f64> {
    if !is_timestamp {
        return text.parse().ok().filter(|value: &f64| value.is_finite());
    }
    let whole_day = is_end && text.len() == 10;
    let micros = parse_timestamp(text.as_bytes())? as f64;
    Some(micros + if whole_day { MICROS_PER_DAY - 1.0 } else { 0.0 })
}

/// Which columns of a table are read.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    time: String,
    is_timestamp: bool,
    layout: Layout,
}

#[derive(Debug, Clone, PartialEq)]
enum Layout {
    /// A column for each asset.
    Wide(Vec<String>),
    Long {
        asset: String,
        price: String,
    },
}

/// The columns that a request reads of a table with these columns.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every field below `/prices` that names no column, or one of another
/// type.
pub fn prices_columns(
    columns: &[(&str, ColumnType)],
    request: &PricesRequest,
) -> Result<Vec<String>> {
    let Form { time, layout, .. } = form(columns, request)?;
    let mut names = vec![time];
    match layout {
        Layout::Wide(assets) => names.extend(assets),
        Layout::Long { asset, price } => names.extend([asset, price]),
    }
    Ok(names)
}

/// Reads prices from a table that has the columns of [`prices_columns`] at least.
///
/// # Errors
/// [`Code::InvalidRequest`] with pointers below `/prices`: an unknown column or asset, two prices of one
/// asset at one time, a price that is not above 0, assets that lack prices where these are refused, fewer
/// than two times, more than can be read.
pub fn prices(frame: &Frame, request: &PricesRequest) -> Result<Prices> {
    let columns: Vec<(&str, ColumnType)> =
        frame.columns().iter().map(|column| (column.name.as_str(), column.kind)).collect();
    let form = form(&columns, request)?;
    let span = Span::read(request, form.is_timestamp)?;
    let grid = match &form.layout {
        Layout::Wide(assets) => grid::wide(frame, &form, assets, &span)?,
        Layout::Long { asset, price } => {
            let wanted = request.assets.as_deref();
            grid::long(frame, &form, (asset, price), &span, wanted)?
        }
    };
    let holds = request.values;
    grid::check_values(&grid, holds, request.returns, form.is_timestamp)?;
    let prices = gaps::closed(grid, request, form.is_timestamp)?;
    let least = if holds == PriceValues::Prices { 2 } else { 1 };
    if prices.times.len() < least || prices.assets.is_empty() {
        let detail = format!(
            "{} times and {} assets are left to read, which are too few: widen from and to, or take \
             another way to deal with what is missing",
            prices.times.len(),
            prices.assets.len()
        );
        return Err(refuse("", detail));
    }
    Ok(prices)
}

/// A fault of one field of the request.
fn refuse(field: &str, detail: impl Into<String>) -> Error {
    let pointer = if field.is_empty() { "/prices".to_owned() } else { format!("/prices/{field}") };
    Error::field(Code::InvalidRequest, pointer, detail)
}

/// All faults of a request.
fn refuse_all(errors: Vec<FieldError>) -> Result<()> {
    match errors.first() {
        None => Ok(()),
        Some(first) => {
            let detail = match errors.len() {
                1 => first.detail.clone(),
                count => format!("{count} fields of prices are wrong"),
            };
            Err(Error::fields(Code::InvalidRequest, detail, errors))
        }
    }
}

/// Finds the columns that are named, or meant.
fn form(columns: &[(&str, ColumnType)], request: &PricesRequest) -> Result<Form> {
    let mut errors = Vec::new();
    let mut add = |field: &str, detail: String| {
        errors.push(FieldError::new(format!("/prices/{field}"), detail));
    };
    let names = || columns.iter().map(|(name, _)| *name);
    let find = |name: &str| columns.iter().find(|(known, _)| *known == name);
    let unknown =
        |name: &str| format!("the dataset has no column {name}{}", did_you_mean(name, names()));
    let time = match &request.time {
        Some(time) => find(time).ok_or_else(|| unknown(time)).and_then(|found| {
            match found.1 == ColumnType::Timestamp || found.1.is_numeric() {
                true => Ok(*found),
                false => Err(format!("{time} is {}, not times or numbers", found.1.as_str())),
            }
        }),
        None => only_timestamp(columns),
    };
    if let Err(detail) = &time {
        add("time", detail.clone());
    }
    let layout = match (&request.asset, &request.price) {
        (None, None) => {
            let time = time.as_ref().map_or("", |found| found.0);
            wide(columns, request.assets.as_deref(), time, &mut add)
        }
        (Some(asset), Some(price)) => {
            match find(asset) {
                None => add("asset", unknown(asset)),
                Some((_, ColumnType::Image)) => add("asset", format!("{asset} holds images")),
                Some(_) => {}
            }
            match find(price) {
                None => add("price", unknown(price)),
                Some((_, kind)) if !kind.is_numeric() => {
                    add("price", format!("{price} is {}, not numbers", kind.as_str()));
                }
                Some(_) => {}
            }
            check_wanted(request.assets.as_deref(), &mut add);
            Layout::Long { asset: asset.clone(), price: price.clone() }
        }
        (asset, _) => {
            let missing = if asset.is_none() { "asset" } else { "price" };
            add(
                missing,
                "asset and price go together: name both columns where each row has one price, \
                 neither where each asset is a column"
                    .to_owned(),
            );
            Layout::Wide(Vec::new())
        }
    };
    refuse_all(errors)?;
    let (time, kind) = time.map_err(|detail| refuse("time", detail))?;
    Ok(Form { time: time.to_owned(), is_timestamp: kind == ColumnType::Timestamp, layout })
}

fn only_timestamp<'a>(
    columns: &[(&'a str, ColumnType)],
) -> std::result::Result<(&'a str, ColumnType), String> {
    let mut found = columns.iter().filter(|(_, kind)| *kind == ColumnType::Timestamp);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(*only),
        (None, _) => Err("the dataset has no column of timestamps: name the one that orders its \
                          rows"
            .to_owned()),
        (Some(one), Some(other)) => Err(format!(
            "{} and {} are both timestamps: name the one that is meant",
            one.0, other.0
        )),
    }
}

/// The columns that are assets, in the order in which they are asked for.
fn wide(
    columns: &[(&str, ColumnType)],
    wanted: Option<&[String]>,
    time: &str,
    add: &mut dyn FnMut(&str, String),
) -> Layout {
    let Some(wanted) = wanted else {
        let is_asset = |(name, kind): &&(&str, ColumnType)| kind.is_numeric() && *name != time;
        let assets: Vec<String> =
            columns.iter().filter(is_asset).map(|(name, _)| (*name).to_owned()).collect();
        match assets.len() {
            0 => add("assets", "the dataset has no column of numbers to be prices".to_owned()),
            1..=MAX_ASSETS => {}
            count => add(
                "assets",
                format!("{count} columns are more than {MAX_ASSETS} assets: name those to read"),
            ),
        }
        return Layout::Wide(assets);
    };
    check_wanted(Some(wanted), add);
    for (at, name) in wanted.iter().enumerate().take(MAX_ASSETS) {
        let field = format!("assets/{at}");
        match columns.iter().find(|(known, _)| known == name) {
            None => {
                let near = did_you_mean(name, columns.iter().map(|(name, _)| *name));
                add(&field, format!("the dataset has no column {name}{near}"));
            }
            Some((_, kind)) if !kind.is_numeric() => {
                add(&field, format!("{name} is {}, not numbers", kind.as_str()));
            }
            Some(_) if name == time => add(&field, format!("{name} is the column of times")),
            Some(_) => {}
        }
    }
    Layout::Wide(wanted.to_vec())
}

/// Checks how many assets are named, and that each is once.
fn check_wanted(wanted: Option<&[String]>, add: &mut dyn FnMut(&str, String)) {
    let Some(wanted) = wanted else { return };
    if wanted.is_empty() || wanted.len() > MAX_ASSETS {
        add("assets", format!("name 1 to {MAX_ASSETS} assets, not {}", wanted.len()));
        return;
    }
    let mut seen = std::collections::HashSet::new();
    for (at, name) in wanted.iter().enumerate() {
        if !seen.insert(name) {
            add(&format!("assets/{at}"), format!("{name} is named twice"));
        }
    }
}

/// The times that are read, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    from: f64,
    to: f64,
}

impl Span {
    fn read(request: &PricesRequest, is_timestamp: bool) -> Result<Self> {
        let mut errors = Vec::new();
        let mut read = |field: &str, text: &Option<String>, otherwise: f64| {
            let Some(text) = text else { return otherwise };
            moment(text, is_timestamp, field == "to").unwrap_or_else(|| {
                let form = if is_timestamp { "a date such as 2026-01-31" } else { "a number" };
                let detail = format!("'{}' is not {form}", super::shown(text));
                errors.push(FieldError::new(format!("/prices/{field}"), detail));
                otherwise
            })
        };
        let from = read("from", &request.from, f64::NEG_INFINITY);
        let to = read("to", &request.to, f64::INFINITY);
        if errors.is_empty() && from > to {
            errors.push(FieldError::new("/prices/to", "lies before from"));
        }
        refuse_all(errors)?;
        Ok(Self { from, to })
    }

    fn holds(&self, time: f64) -> bool {
        time >= self.from && time <= self.to
    }
}

/// Refuses more than can be read.
fn check_dates(dates: usize) -> Result<()> {
    match dates > MAX_DATES {
        true => {
            let detail =
                format!("{dates} times are more than {MAX_DATES}: say a later one in from");
            Err(refuse("from", detail))
        }
        false => Ok(()),
    }
}
