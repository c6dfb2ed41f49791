//! Columns of a dataset by what each tells of an outcome.

use std::collections::HashSet;

use actuary_finance::scorecard::Options;

use super::Service;
use super::scorecards::{Labelled, labelled, strength, trend};
use super::turns::{PATIENCE, patiently_or};
use crate::domain::binning::{
    BinningAnswer, BinningRequest, ColumnBin, ColumnBinning, MAX_COLUMNS, MAX_VALUES,
    UnbinnedColumn,
};
use crate::domain::dataset::{DatasetRef, DatasetVersion};
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::schema::ColumnType;
use crate::domain::scorecard::BinTrend;
use crate::engine::{BinnedTable, FittedSource, bin_columns};
use crate::error::{Code, Error, FieldError, Result};
use crate::frame::read_parquet;

/// What is said while columns are binned for others.
pub(super) const BUSY: &str = "columns are being binned for others: ask again in a few seconds";
/// Most faults that are named.
const MAX_ERRORS: usize = 100;

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
        let asked = &request.dataset;
        let found =
            self.store().get_dataset_version(&caller.project, &asked.name, asked.version).await?;
        let (dataset, content) = found.ok_or_else(|| {
            let detail = match asked.version {
                None => format!("there is no dataset {}; upload it first", asked.name),
                Some(version) => format!("there is no version {version} of dataset {}", asked.name),
            };
            Error::field(Code::InvalidRequest, "/dataset", detail)
        })?;
        let columns = checked(&request, &dataset)?;
        let turn = self.0.binning.take().await?;
        let file = self.spool(content).await?;
        let too_long = || {
            let detail = "binning takes longer than a minute: name fewer columns";
            Error::field(Code::InvalidRequest, "/columns", detail)
        };
        let number = dataset.version;
        patiently_or(turn, PATIENCE, too_long, move |stop| {
            let mut names = columns.clone();
            names.push(request.target.clone());
            let frame = read_parquet(file, Some(&names))?;
            let mut go_on = || match stop() {
                true => Err(Error::new(Code::Cancelled, "nobody waits any more")),
                false => Ok(()),
            };
            let made = bin_columns(&frame, &request, &columns, &mut go_on)?;
            Ok(answer(made, request, number))
        })
        .await
    }
}

/// The columns that are meant, in their order.
fn checked(request: &BinningRequest, dataset: &DatasetVersion) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    let mut add = |pointer: String, detail: String| errors.push(FieldError::new(pointer, detail));
    let kind = |name: &str| dataset.columns.iter().find(|c| c.name == name).map(|c| c.kind);
    let unknown = |name: &str| {
        let near = did_you_mean(name, dataset.columns.iter().map(|column| column.name.as_str()));
        format!("{} has no column {name}{near}", dataset.dataset)
    };
    let options = [
        Options { bins: request.bins as usize, ..Options::default() },
        Options { least_share: request.least_share, ..Options::default() },
    ];
    for fault in options.iter().filter_map(|options| options.check().err()) {
        add(fault.pointer.to_string(), fault.detail);
    }
    if kind(&request.target).is_none() {
        add("/target".to_owned(), unknown(&request.target));
    }
    let columns = match &request.columns {
        Some(columns) => columns.clone(),
        None => dataset
            .columns
            .iter()
            .map(|c| &c.name)
            .filter(|n| **n != request.target)
            .cloned()
            .collect(),
    };
    let count = columns.len();
    if !(1..=MAX_COLUMNS).contains(&count) {
        add("/columns".to_owned(), format!("name 1 to {MAX_COLUMNS} columns, not {count}"));
    }
    let mut seen = HashSet::new();
    for (at, name) in columns.iter().enumerate().take(MAX_COLUMNS) {
        let pointer = format!("/columns/{at}");
        if *name == request.target {
            add(pointer, format!("{name} is the target, which tells all of itself: leave it out"));
        } else if !seen.insert(name) {
            add(pointer, format!("{name} is named twice"));
        } else if kind(name).is_none() {
            add(pointer, unknown(name));
        }
    }
    let trends = request.trends.keys().map(|name| ("trends", name, None));
    let edges = request.edges.iter().map(|(name, edges)| ("edges", name, Some(edges)));
    for (list, name, edges) in trends.chain(edges) {
        let pointer = format!("/{list}/{}", name.replace('~', "~0").replace('/', "~1"));
        let is_number = matches!(kind(name), Some(ColumnType::Int64 | ColumnType::Float64));
        let is_ordered =
            is_number || (kind(name) == Some(ColumnType::Timestamp) && list == "trends");
        if !columns.contains(name) {
            add(pointer, format!("{name} is none of the columns that are binned"));
        } else if !is_ordered {
            add(pointer, format!("{name} is no number, which is cut at edges: leave it out"));
        } else if let Some(edges) = edges {
            let options = Options { edges: Some(edges.clone()), ..Options::default() };
            if let Err(fault) = options.check() {
                add(pointer, fault.detail);
            } else if request.trends.contains_key(name) {
                let detail = "is cut at given edges, whatever the trend: leave one of the two out";
                add(pointer, format!("{name} {detail}"));
            }
        }
    }
    let values = dataset.rows.saturating_mul(count as u64 + 1);
    if values > MAX_VALUES {
        let detail = format!("{values} values are more than {MAX_VALUES}: name fewer columns");
        add("/columns".to_owned(), detail);
    }
    told(errors)?;
    Ok(columns)
}

fn told(mut errors: Vec<FieldError>) -> Result<()> {
    let count = errors.len();
    errors.truncate(MAX_ERRORS);
    let detail = match errors.as_slice() {
        [] => return Ok(()),
        [only] => only.detail.clone(),
        _ => format!("{count} fields are wrong"),
    };
    Err(Error::fields(Code::InvalidRequest, detail, errors))
}

fn answer(made: BinnedTable, request: BinningRequest, version: u32) -> BinningAnswer {
    let is_cut = |name: &str| request.edges.contains_key(name);
    let mut columns: Vec<ColumnBinning> = made
        .columns
        .iter()
        .map(|(name, source, binning)| ColumnBinning {
            column: name.clone(),
            iv: binning.iv,
            strength: strength(binning.strength()),
            trend: match *source {
                FittedSource::Category | FittedSource::Boolean => BinTrend::Free,
                _ if is_cut(name) => BinTrend::Free,
                _ => trend(binning.trend),
            },
            bins: labelled(*source, binning).into_iter().map(bin).collect(),
        })
        .collect();
    columns.sort_by(|a, b| b.iv.total_cmp(&a.iv));
    let mut warnings = Vec::new();
    if made.without_target > 0 {
        warnings.push(format!(
            "{} rows without a {} are left out",
            made.without_target, request.target
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
        left_out: made
            .left_out
            .into_iter()
            .map(|(column, reason)| UnbinnedColumn { column, reason })
            .collect(),
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
