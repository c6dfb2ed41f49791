//! Windows that a version is looked at over.

use super::{Foretold, Windows, row_parts};
use crate::domain::model::Task;
use crate::domain::version::Version;
use crate::domain::window::WindowSpec;
use crate::engine::features::FittedFeatures;
use crate::engine::parts::Part;
use crate::engine::train::held_out::{Held, Wanted, drawn, of_dataset, of_its_own};
use crate::engine::train::target::{Target, Truth};
use crate::engine::windows::{AllSeries, Window, cut};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// As [`crate::engine::train::held_out::held_out`], of a version that reads windows.
pub(in crate::engine::train) fn held_out(
    frame: &Frame,
    version: &Version,
    window: &WindowSpec,
    features: &FittedFeatures,
    wanted: Wanted,
) -> Result<Held> {
    let sequence = features
        .sequence()
        .ok_or_else(|| Error::internal("finding windows", "the features are of a table"))?;
    let all = AllSeries::read(frame, window, Code::InvalidSpec).map_err(of_dataset)?;
    let foretold = match version.signature.task {
        Task::Forecast => {
            let names = sequence.series.iter().map(|series| series.name.as_str());
            let series = names.map(|name| Ok((name.to_owned(), frame.numbers(name)?)));
            Some(Foretold::Series(series.collect::<Result<_>>().map_err(of_dataset)?))
        }
        _ if wanted.truth || wanted.own => {
            let target = Target::of_signature(frame, &version.signature)?;
            let mut places = vec![None; frame.rows()];
            target.rows.iter().enumerate().for_each(|(place, &row)| places[row] = Some(place));
            Some(Foretold::Target(Box::new(target), places))
        }
        _ => None,
    };
    let part = match wanted.own {
        true => row_parts(frame, &of_its_own(version), window, &all)?.of_rows(frame.rows()),
        false => vec![Part::Test; frame.rows()],
    };
    let known = match &foretold {
        Some(foretold) => foretold.is_known(frame.rows()),
        None => vec![true; frame.rows()],
    };
    let shape = sequence.shape();
    let mut found = cut(&all, shape, window.stride as usize, &part, &known);
    let cut_out = std::mem::take(&mut found.test);
    found.test = drawn(cut_out.len(), wanted).into_iter().map(|at| cut_out[at]).collect();
    let windows = Windows { frame, all, part, found };
    let of = &windows.found.test;
    let inputs = features.windows(frame, &windows.all, of).map_err(of_dataset)?;
    let row = |w: &Window| windows.all.series[w.series].rows[w.start + shape.ahead];
    let rows: Vec<usize> = of.iter().map(row).collect();
    let (truth, ahead) = match &foretold {
        None => (None, None),
        Some(Foretold::Series(series)) => {
            let ahead = windows.series_targets(of, series, sequence);
            (Some(Truth::Series), Some(ahead))
        }
        Some(Foretold::Target(target, places)) => {
            let places: Vec<usize> = rows.iter().filter_map(|row| places[*row]).collect();
            (Some(target.truth.take(&places)), None)
        }
    };
    let warnings = windows.left_out();
    Ok(Held { frame: frame.take(&rows)?, rows, inputs, truth, ahead, warnings })
}

/// The last time among the rows that a version which reads windows was trained and chosen on, in microseconds
/// since 1970 or as a number: those of its training and validation part, found again in the frame that it was
/// trained on. What it forecasts of later rows is out of its sample.
///
/// # Errors
/// [`Code::InvalidSpec`] where the frame can't be parted as it was then; [`Error::Internal`] for a version of
/// a table.
pub fn known_until(frame: &Frame, version: &Version) -> Result<f64> {
    let spec = of_its_own(version);
    let (Some(window), true) = (&version.signature.window, spec.window.is_some()) else {
        return Err(Error::internal("parting series", "the version reads no windows"));
    };
    let all = AllSeries::read(frame, window, Code::InvalidSpec)?;
    let parts = row_parts(frame, &spec, window, &all)?.of_rows(frame.rows());
    let learnt = (0..frame.rows()).filter(|row| parts[*row] != Part::Test);
    let last = learnt.map(|row| all.times[row]).max_by(f64::total_cmp);
    last.ok_or_else(|| Error::internal("parting series", "no row was learnt from"))
}
