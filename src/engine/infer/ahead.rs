//! One row ahead, again and again: what a version would have forecast of each row of a series.

use super::{CHUNK_NUMBERS, LoadedModel};
use crate::engine::features::FittedSequence;
use crate::engine::windows::{AllSeries, Window};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Most windows that are scored between two looks at whether anybody still waits.
const AT_ONCE: usize = 256;

/// What was forecast of one row by the rows before it.
#[derive(Debug, Clone, PartialEq)]
pub struct OneAhead {
    /// Of the row that is forecast: microseconds since 1970 or a number.
    pub time: f64,
    /// Where it stands in the frame.
    pub row: usize,
    /// `[columns, levels]`, each in its column's unit; all finite.
    pub values: Vec<f64>,
}

/// How series are read, a frame's series, and each window with the row that it is of.
type Ahead<'a> = (&'a FittedSequence, AllSeries, Vec<(Window, usize)>);

impl LoadedModel {
    /// Forecasts each row whose time is wanted by the rows just before it, which alone are read for that. A
    /// row that too few stand before is left out. For versions without a gap.
    ///
    /// # Errors
    /// As [`LoadedModel::forecast`]; [`Code::InvalidRows`] at `/rows` for rows of several series; what
    /// `go_on` says, which is asked before each batch of windows.
    pub fn one_ahead(
        &self,
        frame: &Frame,
        is_wanted: impl Fn(f64) -> bool,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Vec<OneAhead>> {
        let (sequence, all, windows) = self.ahead(frame, is_wanted)?;
        let look_back = sequence.look_back();
        let steps = self.features.steps(frame, &all, sequence)?;
        let width = sequence.series.len() * self.levels;
        let mut made = Vec::with_capacity(windows.len());
        let at_once = (CHUNK_NUMBERS / (look_back * steps.width).max(1)).clamp(1, AT_ONCE);
        for batch in windows.chunks(at_once) {
            go_on()?;
            let cut: Vec<Window> = batch.iter().map(|(window, _)| *window).collect();
            let scored = self.score(&sequence.gathered(&steps, &all, &cut))?;
            let answers = scored.values.chunks_exact(scored.width.max(1));
            made.extend(batch.iter().zip(answers).map(|((_, row), values)| OneAhead {
                time: all.times[*row],
                row: *row,
                values: values[..width].to_vec(),
            }));
        }
        Ok(made)
    }

    /// The times that [`LoadedModel::one_ahead`] would forecast, in no order.
    ///
    /// # Errors
    /// Those of its rows.
    pub fn times_ahead(&self, frame: &Frame, is_wanted: impl Fn(f64) -> bool) -> Result<Vec<f64>> {
        let (_, all, windows) = self.ahead(frame, is_wanted)?;
        Ok(windows.iter().map(|(_, row)| all.times[*row]).collect())
    }

    /// Numbers that one row of a window becomes.
    pub fn numbers_of_row(&self) -> usize {
        self.features.sequence().map_or(0, |sequence| self.features.channels(sequence))
    }

    /// The windows just before each row whose time is wanted, with that row.
    fn ahead(&self, frame: &Frame, is_wanted: impl Fn(f64) -> bool) -> Result<Ahead<'_>> {
        let Some(sequence) = self.features.sequence() else {
            return Err(Error::internal("forecasting", "the features are of a table"));
        };
        let all = AllSeries::read(frame, &sequence.window, Code::InvalidRows)?;
        let mut names: Vec<_> = all.series.iter().map(|series| &series.entity).collect();
        names.dedup();
        if names.len() > 1 {
            let detail = format!("the rows are of {} series: send those of one", names.len());
            return Err(Error::field(Code::InvalidRows, "/rows", detail));
        }
        let mut windows = Vec::new();
        for (series, stretch) in all.series.iter().enumerate() {
            let ahead = stretch.rows.iter().skip(sequence.look_back()).enumerate();
            let wanted = ahead.filter(|(_, row)| is_wanted(all.times[**row]));
            windows.extend(wanted.map(|(start, row)| (Window { series, start }, *row)));
        }
        Ok((sequence, all, windows))
    }
}
