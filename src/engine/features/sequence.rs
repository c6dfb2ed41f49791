//! Windows of series as inputs: the scale of what is forecast, fitted on training rows, and which
//! rows a window reads.

use serde::{Deserialize, Serialize};

use super::{FittedFeatures, FittedIntervals, Matrix, Standard};
use crate::domain::model::Task;
use crate::domain::schema::Column;
use crate::domain::window::WindowSpec;
use crate::engine::features::{Ahead, Layout};
use crate::engine::windows::{AllSeries, Shape, Window};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Scaled values stay within so many standard deviations: far enough to change no honest value,
/// near enough to keep f32 finite.
const MAX_SCALED: f64 = 1e6;

/// How rows become windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedSequence {
    /// Its look-back is filled in.
    pub(crate) window: WindowSpec,
    pub(crate) task: Task,
    /// What is forecast, which is read first; none for other tasks.
    pub(crate) series: Vec<FittedSeries>,
    /// Round what is forecast; versions of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intervals: Option<FittedIntervals>,
}

/// A column that is forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedSeries {
    pub(crate) name: String,
    pub(crate) scale: Standard,
}

impl FittedSequence {
    pub(crate) fn look_back(&self) -> usize {
        self.window.look_back.map_or(1, |steps| steps as usize)
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape::new(&self.window, self.look_back(), self.task)
    }

    /// Windows of rows whose channels are known, as [`FittedFeatures::windows`] gives them.
    pub(crate) fn gathered(&self, steps: &Matrix, all: &AllSeries, windows: &[Window]) -> Matrix {
        let look_back = self.look_back();
        let width = look_back * steps.width;
        let mut data = Vec::with_capacity(windows.len() * width);
        for window in windows {
            for &row in &all.series[window.series].rows[window.start..][..look_back] {
                data.extend_from_slice(&steps.data[row * steps.width..][..steps.width]);
            }
        }
        Matrix { rows: windows.len(), width, data }
    }

    fn ahead(&self) -> Option<Ahead> {
        let levels = &self.window.quantiles;
        (self.task == Task::Forecast).then(|| Ahead {
            horizon: self.window.horizon as usize,
            series: self.series.len(),
            levels: levels.len().max(1),
            median: levels.iter().position(|level| *level == 0.5).unwrap_or(0),
        })
    }
}

/// The newest window of each series, and whose it is.
pub(crate) struct Newest {
    pub(crate) inputs: Matrix,
    pub(crate) entities: Vec<Option<String>>,
    /// The last time that is read, as it is written.
    pub(crate) times: Vec<String>,
}

impl FittedFeatures {
    /// Numbers of each step of a window.
    pub(crate) fn channels(&self, sequence: &FittedSequence) -> usize {
        sequence.series.len() + self.columns_width()
    }

    pub(super) fn sequence_layout(&self, sequence: &FittedSequence) -> Layout {
        Layout::Sequence {
            steps: sequence.look_back(),
            channels: self.channels(sequence),
            ahead: sequence.ahead(),
        }
    }

    /// The columns that a window's rows need.
    pub(super) fn sequence_inputs(&self, sequence: &FittedSequence, frame: &Frame) -> Vec<Column> {
        let window = &sequence.window;
        let keys = std::iter::once(window.time.as_str()).chain(window.entity.as_deref());
        let series = sequence.series.iter().map(|series| series.name.as_str());
        let columns = keys.map(|name| (name, false));
        let columns = columns.chain(series.chain(self.names()).map(|name| (name, true)));
        columns
            .filter_map(|(name, nullable)| Some((frame.column(name)?, nullable)))
            .map(|(c, nullable)| Column { name: c.name.clone(), kind: c.kind, nullable })
            .collect()
    }

    /// Windows of a frame as inputs, one after the other, each the channels of its first step, of
    /// its second and so on. A missing value of what is forecast is read as the last one before it
    /// in its series, and as the mean of the training rows where there is none.
    ///
    /// # Errors
    /// As [`FittedFeatures::transform`].
    pub(crate) fn windows(
        &self,
        frame: &Frame,
        all: &AllSeries,
        windows: &[Window],
    ) -> Result<Matrix> {
        let Some(sequence) = &self.sequence else {
            return Err(Error::internal("making windows", "the features are of a table"));
        };
        Ok(sequence.gathered(&self.steps(frame, all, sequence)?, all, windows))
    }

    /// The channels of each row of a frame, of which any number of windows are made.
    pub(crate) fn steps(
        &self,
        frame: &Frame,
        all: &AllSeries,
        sequence: &FittedSequence,
    ) -> Result<Matrix> {
        let width = self.channels(sequence);
        let mut steps = Matrix { rows: frame.rows(), width, data: vec![0.0; frame.rows() * width] };
        for (channel, series) in sequence.series.iter().enumerate() {
            let values = frame.numbers(&series.name)?;
            for stretch in &all.series {
                let mut last = 0.0;
                for &row in &stretch.rows {
                    if values[row].is_finite() {
                        let scaled = series.scale.apply(values[row]);
                        last = scaled.clamp(-MAX_SCALED, MAX_SCALED) as f32;
                    }
                    steps.data[row * width + channel] = last;
                }
            }
        }
        self.encode_columns(frame, &mut steps, sequence.series.len())?;
        Ok(steps)
    }

    /// The newest window of each series of a frame, in the order in which the series come.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] for a series that is too short, two rows at one time, or a row without
    /// its time.
    pub(crate) fn newest(&self, frame: &Frame) -> Result<Newest> {
        let Some(sequence) = &self.sequence else {
            return Err(Error::internal("making windows", "the features are of a table"));
        };
        let all = AllSeries::read(frame, &sequence.window, Code::InvalidRows)?;
        let look_back = sequence.look_back();
        let mut windows: Vec<Window> = Vec::new();
        for (index, series) in all.series.iter().enumerate() {
            let Some(start) = series.rows.len().checked_sub(look_back) else {
                let is_last = all.series.get(index + 1).is_none_or(|n| n.entity != series.entity);
                if !is_last {
                    continue;
                }
                let of = series.entity.as_ref().map_or_else(String::new, |e| format!(" of {e}"));
                let detail = format!(
                    "{} rows{of} are too few: the version reads {look_back} rows of a series, \
                     without a pause that ends it",
                    series.rows.len()
                );
                return Err(Error::field(Code::InvalidRows, "/rows", detail));
            };
            // Of stretches of one series the last counts.
            let of_last = windows.last().map(|w| &all.series[w.series].entity);
            if of_last == Some(&series.entity) {
                windows.pop();
            }
            windows.push(Window { series: index, start });
        }
        let ends = windows.iter().map(|w| &all.series[w.series]);
        let entities = ends.clone().map(|series| series.entity.clone()).collect();
        let times = ends.filter_map(|series| Some(all.shown(*series.rows.last()?))).collect();
        Ok(Newest { inputs: self.windows(frame, &all, &windows)?, entities, times })
    }
}
