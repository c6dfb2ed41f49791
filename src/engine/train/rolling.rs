//! One training as it would have been at a time, and what it foretells from then on.

use std::time::Instant;

use super::prepare::Prepared;
use super::{carry_out, check_spec, windows};
use crate::domain::forecast::{BaselineKind, COVERAGES};
use crate::domain::training::TrainingSpec;
use crate::engine::features::FittedFeatures;
use crate::engine::infer::{LoadedModel, SeriesForecast};
use crate::engine::parts::Part;
use crate::engine::train::hooks::Hooks;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Which rows a training may know, and from where it is asked.
pub(crate) struct Block {
    /// The part of each row of the frame: of the test part are those after the time of the training.
    pub(crate) part: Vec<Part>,
    /// Times up to which rows are read by the windows that are forecast from.
    pub(crate) origins: Vec<f64>,
}

/// A forecast of one series from one origin, each number in its column's unit.
pub(crate) struct Foretold {
    pub(crate) origin: f64,
    /// `[horizon, columns]`.
    pub(crate) forecast: Vec<f64>,
    pub(crate) truth: Vec<f64>,
    pub(crate) baselines: Vec<(BaselineKind, Vec<f64>)>,
    /// Of each coverage that the training has intervals of.
    pub(crate) intervals: Vec<(f64, Vec<(f64, f64)>)>,
}

/// What came of one training.
pub(crate) struct Fitted {
    pub(crate) foretold: Vec<Foretold>,
    /// Windows.
    pub(crate) trained_on: u64,
    /// Error of the seasonal naive forecast among the training rows, by column, in its unit.
    pub(crate) naive_error: Vec<Option<f64>>,
    pub(crate) seconds: f64,
}

/// Trains on the rows of a block and forecasts from its origins; None where from none of them a series has all
/// rows that are read and foretold.
///
/// # Errors
/// As [`super::train`].
pub(crate) fn fit_block(
    frame: &Frame,
    spec: &TrainingSpec,
    block: &Block,
    hooks: &mut dyn Hooks,
) -> Result<Option<Fitted>> {
    check_spec(spec)?;
    let began = Instant::now();
    let window = spec.window.as_ref().ok_or_else(|| {
        Error::new(Code::InvalidSpec, "the specification has no window: it does not forecast")
    })?;
    let Some(mut prepared) = windows::prepare_block(frame, spec, window, block)? else {
        return Ok(None);
    };
    let trained = carry_out(&mut prepared, spec, None, hooks, began)?;
    let model = trained.model()?;
    Ok(Some(Fitted {
        foretold: foretold(&prepared, &model, &trained.features)?,
        trained_on: trained.rows.train,
        naive_error: naive_errors(&prepared),
        seconds: began.elapsed().as_secs_f64(),
    }))
}

fn foretold(
    prepared: &Prepared,
    model: &LoadedModel,
    features: &FittedFeatures,
) -> Result<Vec<Foretold>> {
    let (Some(of), Some(sequence)) = (&prepared.forecasting, features.sequence()) else {
        return Err(Error::internal("forecasting from an origin", "nothing is forecast"));
    };
    let inputs = prepared.served_test();
    let (levels, median) = (of.ahead.levels, of.ahead.median);
    let width = of.ahead.horizon * of.ahead.series;
    let answers = model.score(inputs)?.values;
    let undone = |window: usize, scaled: &[f64]| -> Vec<f64> {
        let of_window = &scaled[window * width..][..width];
        let scales = sequence.series.iter().map(|series| series.scale).cycle();
        of_window.iter().zip(scales).map(|(value, scale)| scale.undo(*value)).collect()
    };
    let truth: Vec<f64> = of.truth.data.iter().map(|value| f64::from(*value)).collect();
    let baselines = of.forecasts_of_baselines(inputs);
    let of_window = |(window, values): (usize, &[f64])| {
        let forecast =
            SeriesForecast { entity: None, from: String::new(), values: values.to_vec() };
        Foretold {
            origin: of.origins[window],
            forecast: values.iter().skip(median).step_by(levels).copied().collect(),
            truth: undone(window, &truth),
            baselines: baselines.iter().map(|(kind, all)| (*kind, undone(window, all))).collect(),
            intervals: COVERAGES
                .iter()
                .filter_map(|c| Some((*c, model.intervals(&forecast, *c)?)))
                .collect(),
        }
    };
    Ok(answers.chunks_exact((width * levels).max(1)).enumerate().map(of_window).collect())
}

fn naive_errors(prepared: &Prepared) -> Vec<Option<f64>> {
    let Some(of) = &prepared.forecasting else { return Vec::new() };
    let scales = of.sequence.series.iter().map(|series| series.scale.deviation);
    of.naive_error.iter().zip(scales).map(|(error, of)| error.map(|error| error * of)).collect()
}
