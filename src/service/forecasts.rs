//! Forecasts: of series whose newest rows are sent, or stand in a dataset.

mod coverage;

use std::sync::Arc;

use self::coverage::{coverages, measured};
use super::cache::Named;
use super::content::blocking;
use super::loaded::Loaded;
use super::turns::Turn;
use super::{Service, not_found};
use crate::domain::dataset::DatasetRef;
use crate::domain::forecast::{
    Forecast, ForecastInterval, ForecastRequest, ForecastResponse, ForecastStep,
};
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::prediction::MAX_ROWS;
use crate::domain::version::Metrics;
use crate::domain::window::WindowSpec;
use crate::engine::SeriesForecast;
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, read_parquet};

/// Most rows of a dataset that is read for a forecast.
pub(super) const MAX_DATASET_ROWS: u64 = 1_000_000;
/// So many rows are forecast from without waiting for a turn.
const FEW_ROWS: usize = 10_000;
/// What is said while long histories are read for other requests.
pub(super) const BUSY: &str = "forecasts from long histories are being made for others: ask again in \
                               a few seconds, or send the newest rows only";

/// What of a version's forecast is wanted.
struct Wanted {
    horizon: usize,
    /// Rows between the last one that is read and the first that is forecast.
    gap: u32,
    /// Level and place among those of the version.
    levels: Vec<(f64, usize)>,
    /// Of the intervals.
    coverages: Vec<f64>,
}

impl Service {
    /// Forecasts series by a version of a model.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be read, and a series that is too
    /// short; [`Code::InvalidRequest`] for a model that does not forecast, a longer horizon or
    /// other quantiles than its version's, and a dataset that lacks its columns;
    /// [`Code::NotFound`] for an unknown model, version, alias or dataset;
    /// [`Code::TooManyRequests`] while others forecast from long histories.
    pub async fn forecast(
        &self,
        caller: &Caller,
        model: &str,
        request: ForecastRequest,
    ) -> Result<ForecastResponse> {
        check_shape(&request)?;
        let name = Named { project: &caller.project, model };
        let loaded = self.loaded_as(name, request.version.as_ref()).await?;
        let version = &loaded.version;
        let window = version.signature.window.as_ref();
        let window =
            window.filter(|_| version.signature.task == Task::Forecast).ok_or_else(|| {
                let detail = format!(
                    "version {} of model {model} does not forecast; ask for predictions, or train \
                     one with a window and a number as its target",
                    version.version
                );
                Error::field(Code::InvalidRequest, "/version", detail)
            })?;
        let wanted = Wanted::of(&request, window, &loaded)?;
        let turn = match &request.rows {
            Some(rows) if rows.len() <= FEW_ROWS => None,
            _ => Some(self.0.forecasting.take().await?),
        };
        let frame = match (&request.rows, &request.dataset) {
            (Some(rows), _) => loaded.reader.rows(rows)?,
            (None, Some(dataset)) => self.history(caller, dataset, &loaded, turn.clone()).await?,
            (None, None) => return Err(no_history()),
        };
        let columns = version.signature.forecast_columns();
        let model = loaded.clone();
        let asked = wanted.coverages.clone();
        let series = blocking(move || {
            let _turn = turn;
            let series = model.model.forecast(&frame)?;
            let round = |one: &SeriesForecast| {
                asked.iter().filter_map(|coverage| model.model.intervals(one, *coverage)).collect()
            };
            let intervals: Vec<Intervals> = series.iter().map(round).collect();
            Ok(series.into_iter().zip(intervals).collect::<Vec<_>>())
        })
        .await;
        let series = match &request.dataset {
            Some(_) => series.map_err(of_dataset)?,
            None => series?,
        };
        let mut forecasts = Vec::new();
        for (series, intervals) in &series {
            forecasts.extend(wanted.said((series, intervals), &columns, window)?);
        }
        let Metrics::Forecast(metrics) = &version.metrics else {
            return Err(Error::internal("forecasting", "the version has metrics of another task"));
        };
        Ok(ForecastResponse {
            forecasts,
            model: version.model.clone(),
            version: version.version,
            beats_random_walk: metrics.beats_random_walk,
            against_random_walk: metrics.verdict(),
            intervals: measured(metrics, &wanted.coverages),
        })
    }

    /// The columns that a version reads, out of a dataset.
    pub(super) async fn history(
        &self,
        caller: &Caller,
        asked: &DatasetRef,
        loaded: &Arc<Loaded>,
        turn: Option<Turn>,
    ) -> Result<Frame> {
        let refuse = |detail| Error::field(Code::InvalidRequest, "/dataset", detail);
        let found =
            self.store().get_dataset_version(&caller.project, &asked.name, asked.version).await?;
        let (dataset, content) = found.ok_or_else(|| not_found("dataset", &asked.name))?;
        if dataset.rows > MAX_DATASET_ROWS {
            return Err(refuse(format!(
                "{} has {} rows, and at most {MAX_DATASET_ROWS} are read for a forecast: send the \
                 newest in rows",
                asked.name, dataset.rows
            )));
        }
        let inputs = &loaded.version.signature.inputs;
        for input in inputs {
            let column = dataset.columns.iter().find(|c| c.name == input.name);
            let problem = match column {
                None => "is not there".to_owned(),
                Some(column) if column.kind != input.kind => {
                    format!("is {}, not {}", column.kind.as_str(), input.kind.as_str())
                }
                Some(_) => continue,
            };
            let (name, of) = (&input.name, &asked.name);
            return Err(refuse(format!("column {name} of {of} {problem}; the version reads it")));
        }
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let file = self.spool(content).await?;
        blocking(move || {
            let _turn = turn;
            read_parquet(file, Some(&names))
        })
        .await
    }
}

/// What is wrong with rows that nobody sent.
pub(super) fn of_dataset(error: Error) -> Error {
    match error {
        Error::Problem { code: Code::InvalidRows, detail, .. } => {
            Error::field(Code::InvalidRows, "/dataset", detail)
        }
        other => other,
    }
}

fn no_history() -> Error {
    let detail = "there is no history: send the newest rows, or name a dataset";
    Error::field(Code::InvalidRequest, "/rows", detail)
}

/// Checks what can be checked before a model is known.
fn check_shape(request: &ForecastRequest) -> Result<()> {
    let rows = match (&request.rows, &request.dataset) {
        (Some(_), Some(_)) => {
            let detail = "rows and dataset are two ways to say the same: send one of them";
            return Err(Error::field(Code::InvalidRequest, "/dataset", detail));
        }
        (None, Some(_)) => return Ok(()),
        (Some(rows), None) => rows.len(),
        (None, None) => 0,
    };
    if rows == 0 {
        return Err(no_history());
    }
    if rows > MAX_ROWS {
        let detail = format!("{rows} rows are more than {MAX_ROWS}: send the newest ones");
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    Ok(())
}

/// Of each coverage that is asked for, low and high of each step and column.
type Intervals = Vec<Vec<(f64, f64)>>;

impl Wanted {
    fn of(request: &ForecastRequest, window: &WindowSpec, loaded: &Loaded) -> Result<Self> {
        let coverages = coverages(request, &loaded.version, loaded.model.calibrated_on())?;
        Ok(Self { coverages, ..Self::within(request, window)? })
    }

    /// All but the intervals.
    fn within(request: &ForecastRequest, window: &WindowSpec) -> Result<Self> {
        let most = window.horizon;
        let horizon = request.horizon.unwrap_or(most);
        if !(1..=most).contains(&horizon) {
            let detail = format!(
                "{horizon} is not from 1 to {most}, what the version forecasts; train one with a \
                 longer horizon for more"
            );
            return Err(Error::field(Code::InvalidRequest, "/horizon", detail));
        }
        let known = &window.quantiles;
        let asked = request.quantiles.as_ref().unwrap_or(known);
        let place = |(i, level): (usize, &f64)| {
            let place = known.iter().position(|k| k == level);
            place.map(|place| (*level, place)).ok_or_else(|| {
                let levels: Vec<String> = known.iter().map(f64::to_string).collect();
                let has = match levels.is_empty() {
                    true => "forecasts no quantiles: train one with window.quantiles".to_owned(),
                    false => format!("forecasts the quantiles {}", levels.join(", ")),
                };
                let detail = format!("{level} is none of the version's, which {has}");
                Error::field(Code::InvalidRequest, format!("/quantiles/{i}"), detail)
            })
        };
        let levels = asked.iter().enumerate().map(place).collect::<Result<_>>()?;
        Ok(Self { horizon: horizon as usize, gap: window.gap, levels, coverages: Vec::new() })
    }

    /// A series' forecasts in the words of the answer, one for each column.
    ///
    /// # Errors
    /// [`Error::Internal`] where the model has answered another number of values.
    fn said(
        &self,
        (series, intervals): (&SeriesForecast, &Intervals),
        columns: &[&str],
        window: &WindowSpec,
    ) -> Result<Vec<Forecast>> {
        let known = &window.quantiles;
        // Where no quantile is forecast, the mean stands alone.
        let median = known.iter().position(|level| *level == 0.5).unwrap_or(0);
        let levels = known.len().max(1);
        let expected = window.horizon as usize * columns.len() * levels;
        if series.values.len() != expected {
            let found = format!("{} values where {expected} are forecast", series.values.len());
            return Err(Error::internal("forecasting", found));
        }
        let cells = expected / levels;
        if intervals.len() != self.coverages.len() || intervals.iter().any(|i| i.len() != cells) {
            return Err(Error::internal("forecasting", "the version lacks intervals that it has"));
        }
        let interval = |of: &Vec<(f64, f64)>, cell: usize| {
            let (low, high) = of[cell];
            ForecastInterval { low, high }
        };
        let number = |step: usize, column: usize, level: usize| {
            series.values[(step * columns.len() + column) * levels + level]
        };
        let step = |column: usize, step: usize| ForecastStep {
            step: self.gap + step as u32 + 1,
            value: number(step, column, median),
            quantiles: self
                .levels
                .iter()
                .map(|(level, place)| (level.to_string(), number(step, column, *place)))
                .collect(),
            intervals: self
                .coverages
                .iter()
                .zip(intervals)
                .map(|(level, of)| (level.to_string(), interval(of, step * columns.len() + column)))
                .collect(),
        };
        let forecast = |(column, name): (usize, &&str)| Forecast {
            entity: series.entity.clone(),
            target: (*name).to_owned(),
            from: series.from.clone(),
            steps: (0..self.horizon).map(|at| step(column, at)).collect(),
        };
        Ok(columns.iter().enumerate().map(forecast).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> WindowSpec {
        serde_json::from_str(r#"{"time": "t", "horizon": 3, "quantiles": [0.1, 0.5, 0.9]}"#)
            .unwrap()
    }

    fn wanted(request: &str) -> Result<Wanted> {
        let request: ForecastRequest = serde_json::from_str(request).unwrap();
        check_shape(&request)?;
        Wanted::within(&request, &window())
    }

    #[test]
    fn what_is_wanted_is_among_what_there_is() {
        let all = wanted(r#"{"dataset": {"name": "d"}}"#).unwrap();
        assert_eq!((all.horizon, all.levels.len()), (3, 3));
        let some = wanted(r#"{"rows": [{}], "horizon": 2, "quantiles": [0.9]}"#).unwrap();
        assert_eq!((some.horizon, some.levels.as_slice()), (2, &[(0.9, 2)][..]));
        for (request, pointer) in [
            (r#"{}"#, "/rows"),
            (r#"{"rows": []}"#, "/rows"),
            (r#"{"rows": [{}], "dataset": {"name": "d"}}"#, "/dataset"),
            (r#"{"rows": [{}], "horizon": 4}"#, "/horizon"),
            (r#"{"rows": [{}], "horizon": 0}"#, "/horizon"),
            (r#"{"rows": [{}], "quantiles": [0.1, 0.2]}"#, "/quantiles/1"),
        ] {
            let Err(Error::Problem { errors, .. }) = wanted(request) else { panic!("{request}") };
            assert_eq!(errors[0].pointer, pointer, "{request}");
        }
    }
    #[test]
    fn each_value_is_that_of_its_step_column_and_level() {
        let wanted = wanted(r#"{"rows": [{}], "horizon": 2, "quantiles": [0.9]}"#).unwrap();
        let series = |values: usize| SeriesForecast {
            entity: None,
            from: "t".into(),
            values: (0..values).map(|value| value as f64).collect(),
        };
        let said = wanted.said((&series(18), &Vec::new()), &["a", "b"], &window()).unwrap();
        let b: Vec<_> =
            said[1].steps.iter().map(|s| (s.step, s.value, s.quantiles["0.9"])).collect();
        assert_eq!((said.len(), said[1].target.as_str()), (2, "b"));
        assert_eq!(b, [(1, 4.0, 5.0), (2, 10.0, 11.0)]);
        let gap = WindowSpec { gap: 5, ..window() };
        let wanted = Wanted::within(&ForecastRequest::default(), &gap).unwrap();
        let said = wanted.said((&series(9), &Vec::new()), &["a"], &gap).unwrap();
        assert_eq!(said[0].steps.iter().map(|s| s.step).collect::<Vec<_>>(), [6, 7, 8]);
        // Another number of values is no answer of zeros.
        for values in [0, 17, 19] {
            let error = wanted.said((&series(values), &Vec::new()), &["a", "b"], &gap).unwrap_err();
            assert!(matches!(error, Error::Internal { .. }), "{error}");
        }
    }
}
