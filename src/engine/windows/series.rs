//! The rows of a table as series: told apart by entity, put in the order of time.

use std::collections::HashMap;

use crate::domain::schema::ColumnType;
use crate::domain::window::WindowSpec;
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, format_timestamp};

/// Steps that differ from the usual one by more than half of it are uneven; so many may be without
/// a warning.
const UNEVEN_SHARE: f64 = 0.05;

/// An unbroken stretch of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What the entity column says; none where all rows are one series.
    pub(crate) entity: Option<String>,
    /// Positions in the frame, in the order of time.
    pub(crate) rows: Vec<usize>,
}

/// All series of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AllSeries {
    /// In the order in which the entities come in the table, the stretches of one in their order.
    pub(crate) series: Vec<Series>,
    /// Of each row of the frame: microseconds or a number.
    pub(crate) times: Vec<f64>,
    /// The median time between two rows of one series; none where no series has two rows.
    pub(crate) usual_step: Option<f64>,
    /// Share of the steps that are uneven.
    uneven: f64,
    is_timestamp: bool,
}

impl AllSeries {
    /// Reads the series of a frame.
    ///
    /// # Errors
    /// `code` with the pointer of the field, of the rows where it is [`Code::InvalidRows`]: a column that is not there or of another type, a row
    /// without its time or entity, two rows of one series at the same time.
    pub(crate) fn read(frame: &Frame, spec: &WindowSpec, code: Code) -> Result<Self> {
        let refuse = |field: &str, detail| match code {
            Code::InvalidRows => Error::field(code, "/rows", detail),
            _ => Error::field(code, format!("/window/{field}"), detail),
        };
        let kind = frame.column(&spec.time).map(|c| c.kind);
        if !kind.is_some_and(|k| k == ColumnType::Timestamp || k.is_numeric()) {
            let detail =
                format!("{} has to be a column of timestamps or numbers to order by", spec.time);
            return Err(refuse("time", detail));
        }
        let is_timestamp = kind == Some(ColumnType::Timestamp);
        let times = frame.numbers(&spec.time)?;
        if let Some(row) = times.iter().position(|t| !t.is_finite()) {
            let missing = times.iter().filter(|t| !t.is_finite()).count();
            let detail = format!(
                "{} is missing in {missing} rows, the first of them {row} (counted from 0); every \
                 row needs its time",
                spec.time
            );
            return Err(refuse("time", detail));
        }
        let entities = match &spec.entity {
            None => vec![None; frame.rows()],
            Some(column) => {
                let labels = frame.labels(column)?;
                if let Some(row) = labels.iter().position(Option::is_none) {
                    let detail = format!(
                        "{column} is missing in row {row} (counted from 0); every row needs to say \
                         which series it is of"
                    );
                    return Err(refuse("entity", detail));
                }
                labels
            }
        };
        let mut all = Self::grouped(entities, times, is_timestamp);
        if let Some((entity, time)) = all.repeated() {
            let of = entity.map_or_else(String::new, |entity| format!(" of {entity}"));
            let detail = format!(
                "two rows{of} have the time {time}; a series has one row at a time: remove one, or \
                 name in entity the column that tells them apart"
            );
            return Err(refuse("time", detail));
        }
        all.measure();
        if let (Some(most), Some(usual)) = (spec.max_pause, all.usual_step) {
            all.break_at(most * usual);
        }
        Ok(all)
    }

    fn grouped(entities: Vec<Option<String>>, times: Vec<f64>, is_timestamp: bool) -> Self {
        let mut found: HashMap<Option<String>, usize> = HashMap::new();
        let mut series: Vec<Series> = Vec::new();
        for (row, entity) in entities.into_iter().enumerate() {
            let at = *found.entry(entity).or_insert_with_key(|entity| {
                series.push(Series { entity: entity.clone(), rows: Vec::new() });
                series.len() - 1
            });
            series[at].rows.push(row);
        }
        for series in &mut series {
            series.rows.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        }
        Self { series, times, usual_step: None, uneven: 0.0, is_timestamp }
    }

    /// A series and the time at which it has two rows.
    fn repeated(&self) -> Option<(Option<&str>, String)> {
        self.series.iter().find_map(|series| {
            let pair = series.rows.windows(2).find(|w| self.times[w[0]] == self.times[w[1]])?;
            Some((series.entity.as_deref(), self.shown(pair[0])))
        })
    }

    /// The time of a row as it is read and written.
    pub(crate) fn shown(&self, row: usize) -> String {
        let time = self.times[row];
        if self.is_timestamp { format_timestamp(time as i64) } else { time.to_string() }
    }

    fn measure(&mut self) {
        let times = &self.times;
        let mut steps: Vec<f64> = self
            .series
            .iter()
            .flat_map(|series| series.rows.windows(2).map(|w| times[w[1]] - times[w[0]]))
            .collect();
        if steps.is_empty() {
            return;
        }
        let middle = steps.len() / 2;
        let usual = *steps.select_nth_unstable_by(middle, f64::total_cmp).1;
        let uneven = steps.iter().filter(|step| (*step - usual).abs() > usual / 2.0).count();
        self.uneven = uneven as f64 / steps.len() as f64;
        self.usual_step = Some(usual);
    }

    fn break_at(&mut self, longest: f64) {
        let mut broken = Vec::new();
        for series in &self.series {
            let is_near = |a: &usize, b: &usize| self.times[*b] - self.times[*a] <= longest;
            broken.extend(
                series
                    .rows
                    .chunk_by(is_near)
                    .map(|rows| Series { entity: series.entity.clone(), rows: rows.to_vec() }),
            );
        }
        self.series = broken;
    }

    /// What is worth knowing of the times.
    pub(crate) fn warnings(&self, spec: &WindowSpec) -> Vec<String> {
        if self.uneven <= UNEVEN_SHARE || spec.max_pause.is_some() {
            return Vec::new();
        }
        vec![format!(
            "{:.0} % of the steps of {} differ from the usual one by more than half of it; every \
             row counts as one step all the same: window.max_pause ends series at long pauses",
            100.0 * self.uneven,
            spec.time
        )]
    }

    /// Rows in a season, by the usual step of a timestamp: an hour has days, a day weeks, a week,
    /// a month and a quarter years. 1 where there is none.
    pub(crate) fn season(&self) -> usize {
        const HOUR: f64 = 3_600e6;
        let Some(step) = self.usual_step.filter(|_| self.is_timestamp) else { return 1 };
        let is_about = |hours: f64| (step / (hours * HOUR) - 1.0).abs() < 0.1;
        [(1.0, 24), (24.0, 7), (168.0, 52), (730.5, 12), (2191.5, 4)]
            .into_iter()
            .find(|(hours, _)| is_about(*hours))
            .map_or_else(|| self.season_of_minutes(step), |(_, season)| season)
    }

    /// Steps within an hour have days, as long as these are not too long.
    fn season_of_minutes(&self, step: f64) -> usize {
        let per_day = 86_400e6 / step;
        let is_whole = (per_day - per_day.round()).abs() < 1e-9;
        if is_whole && (24.0..=1440.0).contains(&per_day) { per_day as usize } else { 1 }
    }

    /// Rows of the longest series.
    pub(crate) fn longest(&self) -> usize {
        self.series.iter().map(|s| s.rows.len()).max().unwrap_or(0)
    }
}
