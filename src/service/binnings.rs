//! Columns of a dataset by what each tells of an outcome.

use std::collections::{HashMap, HashSet};

use actuary_finance::scorecard::Options;

use super::Service;
use super::scorecards::{Labelled, labelled, strength, trend};
use super::turns::{PATIENCE, patiently_or};
use crate::domain::binning::{
    BinningAnswer, BinningRequest, ColumnBin, ColumnBinning, MAX_COLUMNS, MAX_TEXT, MAX_VALUES,
    UnbinnedColumn,
};
use crate::domain::dataset::{DatasetRef, DatasetVersion};
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::schema::ColumnType;
use crate::engine::{BinnedTable, bin_columns};
use crate::error::{Code, Context, Error, FieldError, Result};
use crate::frame::{read_parquet, stored_text};

/// What is said while columns are binned for others.
pub(super) const BUSY: &str = "columns are being binned for others: ask again in a few seconds";
/// Most faults that are named.
const MAX_ERRORS: usize = 100;
/// Most unknown columns for which another is sought that may be meant.
const MAX_SOUGHT: usize = 20;
/// Why a column is left out that is not even read.
const IMAGES: &str = "it holds images, of which there are no bins";

impl Service {
    /// Columns of a dataset in bins of weights of evidence against an outcome, by their information value.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every field that can't hold, and where it takes longer than a minute;
    /// [`Code::TooManyRequests`] while others bin columns.
    pub async fn bin_columns(
        &self,
        caller: &Caller,
        request: BinningRequest,
    ) -> Result<BinningAnswer> {
        let (dataset, content) =
            self.named_dataset(caller, &request.dataset, Code::InvalidRequest, "/dataset").await?;
        let meant = checked(&request, &dataset)?;
        let turn = self.0.binning.take().await?;
        let file = self.spool(content).await?;
        let too_long = || {
            let detail = "binning takes longer than a minute: name fewer columns";
            Error::field(Code::InvalidRequest, "/columns", detail)
        };
        let number = dataset.version;
        patiently_or(turn, PATIENCE, too_long, move |stop| {
            let Meant { columns, left_out } = meant;
            let mut names = columns.clone();
            names.push(request.target.clone());
            check_text(stored_text(file.try_clone().context("opening a dataset")?, &names)?)?;
            let frame = read_parquet(file, Some(&names))?;
            let mut go_on = || match stop() {
                true => Err(Error::new(Code::Cancelled, "nobody waits any more")),
                false => Ok(()),
            };
            let made = bin_columns(&frame, &request, &columns, &mut go_on)?;
            Ok(answer(made, left_out, request, number))
        })
        .await
    }
}

/// The columns that are binned, in their order, and those that are left out before a value is read.
#[derive(Debug, PartialEq)]
struct Meant {
    columns: Vec<String>,
    left_out: Vec<UnbinnedColumn>,
}

/// What is known of a dataset's columns, and how many were sought in vain.
struct Known<'a> {
    dataset: &'a DatasetVersion,
    kinds: HashMap<&'a str, ColumnType>,
    sought: usize,
}

impl<'a> Known<'a> {
    fn of(dataset: &'a DatasetVersion) -> Self {
        let kinds = dataset.columns.iter().map(|column| (column.name.as_str(), column.kind));
        Self { dataset, kinds: kinds.collect(), sought: 0 }
    }

    fn kind(&self, name: &str) -> Option<ColumnType> {
        self.kinds.get(name).copied()
    }

    /// What is said of a column that there is not, and of the first of them which may be meant: to look for that
    /// takes long.
    fn unknown(&mut self, name: &str) -> String {
        self.sought += 1;
        let all = self.dataset.columns.iter().map(|column| column.name.as_str());
        let near = if self.sought <= MAX_SOUGHT { did_you_mean(name, all) } else { String::new() };
        format!("{} has no column {name}{near}", self.dataset.dataset)
    }
}

/// # Errors
/// [`Code::InvalidRequest`] naming all that can't hold, where the columns are so few that all is looked at.
fn checked(request: &BinningRequest, dataset: &DatasetVersion) -> Result<Meant> {
    let target = &request.target;
    let mut known = Known::of(dataset);
    let mut errors = Vec::new();
    let options = [
        Options { bins: request.bins as usize, ..Options::default() },
        Options { least_share: request.least_share, ..Options::default() },
    ];
    for fault in options.iter().filter_map(|options| options.check().err()) {
        errors.push(FieldError::new(fault.pointer, fault.detail));
    }
    match known.kind(target) {
        None => errors.push(FieldError::new("/target", known.unknown(target))),
        Some(ColumnType::Image) => {
            let detail =
                format!("{target} holds images, and an outcome has two values: name another");
            errors.push(FieldError::new("/target", detail));
        }
        Some(_) => {}
    }
    let others = || dataset.columns.iter().map(|c| &c.name).filter(|name| *name != target);
    let count = request.columns.as_ref().map_or_else(|| others().count(), Vec::len);
    if !(1..=MAX_COLUMNS).contains(&count) {
        let detail = format!("name 1 to {MAX_COLUMNS} columns, not {count}");
        errors.push(FieldError::new("/columns", detail));
        return Err(told(errors));
    }
    let columns = request.columns.clone().unwrap_or_else(|| others().cloned().collect());
    let mut seen = HashSet::new();
    for (at, name) in columns.iter().enumerate() {
        let detail = if name == target {
            format!("{name} is the target, which tells all of itself: leave it out")
        } else if !seen.insert(name.as_str()) {
            format!("{name} is named twice")
        } else if known.kind(name).is_none() {
            known.unknown(name)
        } else {
            continue;
        };
        errors.push(FieldError::new(format!("/columns/{at}"), detail));
    }
    check_cuts(request, &known, &seen, &mut errors);
    let (images, columns): (Vec<String>, Vec<String>) =
        columns.into_iter().partition(|name| known.kind(name) == Some(ColumnType::Image));
    let values = dataset.rows.saturating_mul(columns.len() as u64 + 1);
    if values > MAX_VALUES {
        let detail = format!("{values} values are more than {MAX_VALUES}: name fewer columns");
        errors.push(FieldError::new("/columns", detail));
    }
    if !errors.is_empty() {
        return Err(told(errors));
    }
    let left_out = |column| UnbinnedColumn { column, reason: IMAGES.to_owned() };
    Ok(Meant { columns, left_out: images.into_iter().map(left_out).collect() })
}

/// Finds what can't hold of the trends and edges of columns.
fn check_cuts(
    request: &BinningRequest,
    known: &Known<'_>,
    columns: &HashSet<&str>,
    errors: &mut Vec<FieldError>,
) {
    let trends = request.trends.keys().map(|name| ("trends", name, None));
    let edges = request.edges.iter().map(|(name, edges)| ("edges", name, Some(edges)));
    for (list, name, edges) in trends.chain(edges) {
        let kind = known.kind(name);
        let is_number = matches!(kind, Some(ColumnType::Int64 | ColumnType::Float64));
        let has_order = is_number || kind == Some(ColumnType::Timestamp);
        let options = Options { edges: edges.cloned(), ..Options::default() };
        let detail = if !columns.contains(name.as_str()) {
            format!("{name} is none of the columns that are binned")
        } else if edges.is_none() && !has_order {
            format!("{name} has no order, which a trend needs: leave it out")
        } else if edges.is_some() && !is_number {
            format!("{name} is no number, which is cut at edges: leave it out")
        } else if let Err(fault) = options.check() {
            fault.detail
        } else if edges.is_some() && request.trends.contains_key(name) {
            format!("{name} is cut at given edges, whatever the trend: leave one of the two out")
        } else {
            continue;
        };
        let pointer = format!("/{list}/{}", name.replace('~', "~0").replace('/', "~1"));
        errors.push(FieldError::new(pointer, detail));
    }
}

/// # Errors
/// [`Code::InvalidRequest`] where more would be read than is held for one request.
fn check_text(bytes: u64) -> Result<()> {
    if bytes <= MAX_TEXT {
        return Ok(());
    }
    let detail = format!(
        "the columns hold {} MiB of texts, and at most {} are read: name fewer columns",
        bytes >> 20,
        MAX_TEXT >> 20
    );
    Err(Error::field(Code::InvalidRequest, "/columns", detail))
}

fn told(mut errors: Vec<FieldError>) -> Error {
    let count = errors.len();
    errors.truncate(MAX_ERRORS);
    let detail = match errors.as_slice() {
        [only] => only.detail.clone(),
        _ => format!("{count} fields are wrong"),
    };
    Error::fields(Code::InvalidRequest, detail, errors)
}

fn answer(
    made: BinnedTable,
    mut left_out: Vec<UnbinnedColumn>,
    request: BinningRequest,
    version: u32,
) -> BinningAnswer {
    let mut columns: Vec<ColumnBinning> = made
        .columns
        .iter()
        .map(|(name, source, binning)| ColumnBinning {
            column: name.clone(),
            iv: binning.iv,
            strength: strength(binning.strength()),
            trend: trend(*source, binning),
            bins: labelled(*source, binning).into_iter().map(bin).collect(),
        })
        .collect();
    columns.sort_by(|a, b| b.iv.total_cmp(&a.iv));
    let unbinned = made.left_out.into_iter();
    left_out.extend(unbinned.map(|(column, reason)| UnbinnedColumn { column, reason }));
    let mut warnings = Vec::new();
    if made.without_target > 0 {
        warnings.push(format!(
            "{} rows without a {} are left out",
            made.without_target, request.target
        ));
    }
    let separating = made.columns.iter().filter(|(_, _, binning)| binning.separates());
    let separating: Vec<&str> = separating.map(|(name, ..)| name.as_str()).collect();
    if !separating.is_empty() {
        warnings.push(format!(
            "{} of the columns ({}) tell the two classes apart without error: are they known before the outcome?",
            separating.len(),
            separating.iter().take(10).copied().collect::<Vec<_>>().join(", ")
        ));
    }
    BinningAnswer {
        dataset: DatasetRef { name: request.dataset.name, version: Some(version) },
        target: request.target,
        adverse_class: made.adverse,
        favourable_class: made.favourable,
        rows: made.rows as u64,
        adverse_rows: made.adverse_rows as u64,
        columns,
        left_out,
        warnings,
    }
}

fn bin(of: Labelled) -> ColumnBin {
    ColumnBin {
        rows: of.bin.rows(),
        adverse_rows: of.bin.bad,
        adverse_rate: of.bin.bad_rate(),
        woe: of.bin.woe,
        iv: of.bin.iv,
        label: of.label,
        from: of.from,
        below: of.below,
        categories: of.categories,
        is_rare: of.is_rare,
        is_missing: of.is_missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_up_to_a_bound() {
        assert!(check_text(MAX_TEXT).is_ok());
        let error = check_text(MAX_TEXT + (1 << 20)).unwrap_err();
        assert!(error.to_string().contains("1025 MiB"), "{error}");
    }
}
