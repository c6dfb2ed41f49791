//! Forecasts: a line for each step of each series.

use serde_json::{Map, Value as Json};

use super::super::table::Table;
use super::super::text::counted;
use crate::domain::forecast::{Forecast, ForecastResponse};
use crate::error::Result;
use crate::plot::{Axis, Layer, Mark, Plot, Scale};

/// Series that a plot can keep apart.
const MOST_DRAWN: usize = 6;

/// `2 forecasts by vix 3   does not beat the random walk (Diebold-Mariano p = 0.41) on its test part`,
/// and below how the intervals did.
pub(super) fn text(answer: &ForecastResponse) -> String {
    let count = counted(answer.forecasts.len() as u64, "forecast");
    let verdict = &answer.against_random_walk.text;
    let mut text = format!("{count} by {} {}   {verdict}", answer.model, answer.version);
    for measured in &answer.intervals {
        text.push_str(&format!("\n  {}", measured.text()));
    }
    text
}

pub(super) fn fields(answer: &ForecastResponse) -> Result<Map<String, Json>> {
    let mut fields = super::object(answer)?;
    let values: Vec<Vec<f64>> =
        answer.forecasts.iter().map(|f| f.steps.iter().map(|s| s.value).collect()).collect();
    fields.insert("values".to_owned(), values.into());
    Ok(fields)
}

/// A row for each step of each series.
pub(super) fn described(answer: &ForecastResponse) -> Vec<Map<String, Json>> {
    let mut rows = Vec::new();
    for forecast in &answer.forecasts {
        for step in &forecast.steps {
            let mut row = Map::new();
            if let Some(entity) = &forecast.entity {
                row.insert("series".to_owned(), entity.clone().into());
            }
            row.insert("column".to_owned(), forecast.target.clone().into());
            row.insert("step".to_owned(), step.step.into());
            row.insert("value".to_owned(), step.value.into());
            for (level, value) in &step.quantiles {
                row.insert(format!("q{level}"), (*value).into());
            }
            for (coverage, interval) in &step.intervals {
                let percent = percent(coverage);
                row.insert(format!("{percent} low"), interval.low.into());
                row.insert(format!("{percent} high"), interval.high.into());
            }
            rows.push(row);
        }
    }
    rows
}

/// `0.9` as `90 %`.
fn percent(coverage: &str) -> String {
    match coverage.parse::<f64>() {
        Ok(share) => format!("{} %", (1000.0 * share).round() / 10.0),
        Err(_) => coverage.to_owned(),
    }
}

/// At most so many of the first rows.
pub(super) fn table(answer: &ForecastResponse, shown: usize) -> Table {
    let mut rows = described(answer);
    let total = rows.len() as u64;
    rows.truncate(shown);
    let mut table = super::table_of_rows(&rows);
    table.total = total;
    table
}

/// The values by their steps, with the intervals that were asked for as bands: of one forecast, counted from 0,
/// or of the first few.
///
/// # Errors
/// A sentence where there is no such forecast.
pub(in crate::repl) fn plot(
    answer: &ForecastResponse,
    row: Option<u64>,
) -> std::result::Result<Plot, String> {
    let drawn: Vec<&Forecast> = match row {
        None => answer.forecasts.iter().take(MOST_DRAWN).collect(),
        Some(row) => {
            let one = usize::try_from(row).ok().and_then(|row| answer.forecasts.get(row));
            let count = answer.forecasts.len();
            vec![one.ok_or_else(|| format!("{row} is none of its {count}, counted from 0"))?]
        }
    };
    let layers = drawn.iter().flat_map(|forecast| layers(forecast)).collect();
    let axis = |label: &str| Axis { label: label.to_owned(), scale: Scale::Number };
    let y = match drawn.as_slice() {
        [one] => axis(&one.target),
        _ => axis("value"),
    };
    let title = format!("{} {}, forecast", answer.model, answer.version);
    Ok(Plot { title, x: axis("rows ahead"), y, layers })
}

/// One forecast: a band for each coverage, the widest first, then its line.
fn layers(forecast: &Forecast) -> Vec<Layer> {
    let name = match &forecast.entity {
        Some(entity) => format!("{entity} {}", forecast.target),
        None => forecast.target.clone(),
    };
    let x = |step: u32| f64::from(step);
    // Keys of 0.8, 0.9 and 0.95 ascend.
    let coverages = forecast.steps.first().map(|step| step.intervals.keys().rev());
    let bands = coverages.into_iter().flatten().map(|coverage| {
        let each =
            || forecast.steps.iter().filter_map(|s| Some((x(s.step), s.intervals.get(coverage)?)));
        Layer {
            name: format!("{name}, {}", percent(coverage)),
            mark: Mark::Band { upper: each().map(|(_, interval)| interval.high).collect() },
            points: each().map(|(x, interval)| (x, interval.low)).collect(),
        }
    });
    let points: Vec<(f64, f64)> = forecast.steps.iter().map(|s| (x(s.step), s.value)).collect();
    // A single step makes no line.
    let mark = if points.len() > 1 { Mark::Line } else { Mark::Points };
    bands.chain([Layer { name: name.clone(), mark, points }]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> ForecastResponse {
        serde_json::from_value(serde_json::json!({
            "forecasts": [{"target": "close", "from": "t", "steps": [
                {"step": 1, "value": 2.0, "intervals": {
                    "0.8": {"low": 1.5, "high": 2.5}, "0.95": {"low": 1.0, "high": 3.0}}},
                {"step": 2, "value": 2.1, "intervals": {
                    "0.8": {"low": 1.4, "high": 2.8}, "0.95": {"low": 0.5, "high": 3.7}}}]}],
            "model": "vix", "version": 2, "beats_random_walk": false,
            "against_random_walk": {"beats": false,
                "text": "does not beat the random walk (Diebold-Mariano p = 0.41)"},
            "intervals": [{"coverage": 0.95, "method": "absolute_residual", "calibrated_on": 400,
                "covered": 0.93, "interval": {"low": 0.9, "high": 0.952}, "trials": 300,
                "mean_width": 0.7, "adaptive": {"covered": 0.948, "rate": 0.005, "unbounded": 0.0}}]
        }))
        .unwrap()
    }

    #[test]
    fn the_short_form_says_what_it_is_worth() {
        assert_eq!(
            text(&answer()),
            "1 forecast by vix 2   does not beat the random walk (Diebold-Mariano p = 0.41)\n  95 % \
             intervals covered 93.0 % of the test values (95 % interval 90.0 % to 95.2 %), \
             adaptive ones 94.8 %"
        );
        let rows = described(&answer());
        assert_eq!(
            (rows[1]["80 % low"].as_f64(), rows[0]["95 % high"].as_f64()),
            (Some(1.4), Some(3.0))
        );
    }

    #[test]
    fn each_coverage_has_its_band_and_the_widest_lies_lowest() {
        let drawn = plot(&answer(), None).unwrap();
        assert_eq!(drawn.layers[0].name, "close, 95 %");
        assert_eq!(drawn.layers[0].points, [(1.0, 1.0), (2.0, 0.5)]);
        assert_eq!(drawn.layers[0].mark, Mark::Band { upper: vec![3.0, 3.7] });
        assert_eq!(drawn.layers[1].name, "close, 80 %");
        assert_eq!(drawn.layers[1].points, [(1.0, 1.5), (2.0, 1.4)]);
        assert_eq!(drawn.layers[1].mark, Mark::Band { upper: vec![2.5, 2.8] });
        assert_eq!(drawn.layers[2].points, [(1.0, 2.0), (2.0, 2.1)]);
        assert_eq!(drawn.layers.len(), 3);
        assert_eq!(plot(&answer(), Some(0)).unwrap().y.label, "close");
        assert!(plot(&answer(), Some(1)).unwrap_err().contains("1 is none of its 1"));
    }
}
