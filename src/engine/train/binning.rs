//! Columns of a table in bins against an outcome of two classes, without a model.

use std::collections::BTreeSet;

use actuary_finance::scorecard::Binning;

use super::target::Target;
use crate::domain::binning::BinningRequest;
use crate::domain::model::Task;
use crate::domain::schema::ColumnType;
use crate::domain::scorecard::{BinTrend, ScorecardNetwork};
use crate::domain::training::TrainingSpec;
use crate::engine::features::{FittedFeatures, FittedSource, Scored};
use crate::error::{Code, Context, Error, FieldError, Result};
use crate::frame::Frame;

/// Columns in bins.
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedTable {
    pub adverse: String,
    pub favourable: String,
    /// Rows with an outcome, and those without.
    pub rows: usize,
    pub without_target: usize,
    pub adverse_rows: usize,
    /// In the order in which they were asked for.
    pub columns: Vec<(String, FittedSource, Binning)>,
    /// Columns of which there are no bins, and why.
    pub left_out: Vec<(String, String)>,
}

/// Bins the columns of a frame, which has the target, too. `go_on` is asked before each column.
///
/// # Errors
/// [`Code::InvalidRequest`] at `/target` for one that is not of two classes, and at `/adverse` for none of
/// them; what `go_on` says.
pub fn bin_columns(
    frame: &Frame,
    request: &BinningRequest,
    columns: &[String],
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<BinnedTable> {
    check_outcome(frame, &request.target)?;
    let spec = serde_json::json!({
        "dataset": request.dataset, "target": request.target, "task": Task::Binary,
        "positive_class": request.adverse
    });
    let spec: TrainingSpec = serde_json::from_value(spec).context("reading a target")?;
    let target = Target::read(frame, &spec).map_err(of_request)?;
    let classes = target.truth.classes().unwrap_or_default();
    let positive = target.positive.filter(|_| target.classes.len() == 2);
    let positive =
        positive.ok_or_else(|| Error::internal("binning columns", "the target has no class"))?;
    let bad: Vec<bool> = classes.iter().map(|class| *class == positive).collect();
    let rows = frame.take(&target.rows)?;
    let scored = Scored { frame: &rows, bad: &bad };
    let mut made = BinnedTable {
        adverse: target.classes[positive].clone(),
        favourable: target.classes[1 - positive].clone(),
        rows: bad.len(),
        without_target: frame.rows() - bad.len(),
        adverse_rows: bad.iter().filter(|bad| **bad).count(),
        columns: Vec::new(),
        left_out: Vec::new(),
    };
    for name in columns {
        go_on()?;
        let is_number = rows
            .column(name)
            .is_some_and(|column| column.kind.is_numeric() || column.kind == ColumnType::Timestamp);
        let card = card(request, is_number.then_some(name));
        match FittedFeatures::bin_column(&scored, name, &card, &spec.preprocessing)? {
            Ok((source, binning)) => made.columns.push((name.clone(), source, binning)),
            // Here are no rows but these.
            Err(reason) => {
                made.left_out.push((name.clone(), reason.replace("training rows", "rows")));
            }
        }
    }
    Ok(made)
}

/// # Errors
/// [`Code::InvalidRequest`] at `/target` for one that has not two values.
fn check_outcome(frame: &Frame, target: &str) -> Result<()> {
    let labels = frame.labels(target)?;
    let distinct: BTreeSet<&str> = labels.iter().flatten().map(String::as_str).collect();
    let count = distinct.len();
    if count == 2 {
        return Ok(());
    }
    let detail = format!(
        "{target} has {count} different values, and an outcome has two: name another column, or make one \
         that says whether the outcome is the adverse one"
    );
    Err(Error::field(Code::InvalidRequest, "/target", detail))
}

/// What a scorecard would say of a column, where no information value is too small.
fn card(request: &BinningRequest, number: Option<&String>) -> ScorecardNetwork {
    let BinningRequest { bins, least_share, trend, trends, edges, .. } = request;
    let own = |name: &String| trends.get(name).copied().unwrap_or(*trend);
    let trends = number.map(|name| (name.clone(), own(name)));
    ScorecardNetwork {
        bins: Some(*bins),
        least_share: Some(*least_share),
        trends: trends.into_iter().filter(|(_, trend)| *trend != BinTrend::Auto).collect(),
        edges: edges.clone(),
        min_iv: Some(0.0),
        ..ScorecardNetwork::default()
    }
}

/// A fault of a training's target as one of the request's.
fn of_request(error: Error) -> Error {
    let Error::Problem { detail, errors, .. } = error else { return error };
    let moved = |error: FieldError| {
        let pointer = match error.pointer.as_str() {
            "/positive_class" => "/adverse",
            _ => "/target",
        };
        FieldError::new(pointer, error.detail)
    };
    Error::fields(Code::InvalidRequest, detail, errors.into_iter().map(moved).collect::<Vec<_>>())
}
