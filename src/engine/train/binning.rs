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
    // Without a copy of all values where every row has an outcome.
    let taken;
    let rows = if bad.len() == frame.rows() {
        frame
    } else {
        taken = frame.take(&target.rows)?;
        &taken
    };
    let scored = Scored { frame: rows, bad: &bad };
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
            Err(reason) => made.left_out.push((name.clone(), of_rows(&reason))),
        }
    }
    Ok(made)
}

/// Why a column is left out, where there are no rows but these, and no settings of a training.
fn of_rows(reason: &str) -> String {
    reason.replace("training rows", "rows").replace(" (min_category_count)", "")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Values;

    /// The last row has no outcome.
    fn frame(rows: i64) -> Frame {
        let outcome = (0..rows).map(|row| (row < 100).then_some(row % 3 == 0));
        let columns = vec![
            ("outcome".to_owned(), Values::Bool(outcome.collect())),
            (
                "income".to_owned(),
                Values::Int64((0..rows).map(|row| Some(row % 3 + row)).collect()),
            ),
            (
                "pair".to_owned(),
                Values::String((0..rows).map(|row| Some(format!("p{}", row / 2))).collect()),
            ),
            ("rare".to_owned(), Values::Bool((0..rows).map(|row| Some(row < 2)).collect())),
        ];
        Frame::new(rows as usize, columns).unwrap()
    }

    fn binned(frame: &Frame) -> BinnedTable {
        let request = serde_json::json!({"dataset": {"name": "loans"}, "target": "outcome"});
        let request = serde_json::from_value(request).unwrap();
        let columns = ["income", "pair", "rare"].map(str::to_owned);
        bin_columns(frame, &request, &columns, &mut || Ok(())).unwrap()
    }

    #[test]
    fn rows_without_an_outcome_change_nothing() {
        let (all, some) = (binned(&frame(100)), binned(&frame(101)));
        assert_eq!((all.without_target, some.without_target), (0, 1));
        assert_eq!(all.columns.len(), 1);
        assert_eq!(BinnedTable { without_target: 0, ..some }, all);
    }

    #[test]
    fn reasons_name_no_setting_of_a_training() {
        let expected = [
            ("pair", "none of its values occurs 5 times in the rows"),
            ("rare", "its rarer value has fewer than 5 rows"),
        ];
        let expected = expected.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        assert_eq!(binned(&frame(100)).left_out, expected);
    }
}
