//! What turns columns into numbers: fitted on training rows only, kept inside the version, so
//! that a row is scored as it was trained on. One file per kind of column.

mod bins;
mod block;
mod boolean;
mod category;
mod drift;
mod image;
mod intervals;
mod known;
mod leakage;
mod numeric;
mod scale;
mod sequence;
mod text;
mod timestamp;
mod woe;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::block::Block;
use self::boolean::Boolean;
use self::category::Category;
use self::image::Image;
use self::numeric::{Numeric, Together};
pub(crate) use self::scale::Standard;
use self::text::Text;
use self::timestamp::Timestamp;
use self::woe::Woe;
use crate::domain::model::{InputKind, Task};
use crate::domain::monotone::Direction;
use crate::domain::schema::{Column, ColumnType};
use crate::domain::training::{PreprocessingSpec, TextSpec};
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, ImageShape};

pub(crate) use self::drift::{Drift, drifted};
pub(crate) use self::intervals::{FittedCoverage, FittedIntervals};
pub use self::known::{Known, KnownCategory, KnownNumber};
pub(crate) use self::leakage::{Answer, leakage_warnings};
pub(crate) use self::sequence::{FittedSequence, FittedSeries};
pub(crate) use self::text::{is_free_text, names_of_words, words_in};
pub use self::woe::BinnedColumn;
pub(crate) use self::woe::Scored;

/// A dense matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub width: usize,
    /// `rows * width` values.
    pub data: Vec<f32>,
}

impl Matrix {
    /// Some of its rows.
    pub(crate) fn each<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = &'a [f32]> {
        rows.iter().map(|row| &self.data[row * self.width..(row + 1) * self.width])
    }
}

/// What the numbers of a row of inputs mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layout {
    /// The columns of a table, in order.
    Table(Vec<Group>),
    /// The pixels of a picture, `[channel, row, column]`.
    Image(ImageShape),
    /// The rows of a table of so many that the words of a text are made of: counted from 1, the
    /// first of each word below 0, and 0 behind the last of at most so many words.
    Text { width: usize, words: usize, buckets: usize },
    /// A window: the channels of its first step, of its second and so on. What is to be forecast
    /// are the first channels.
    Sequence { steps: usize, channels: usize, ahead: Option<Ahead> },
}

/// What is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// Steps.
    pub(crate) horizon: usize,
    /// Series, which are the first channels of a window.
    pub(crate) series: usize,
    /// Quantiles; 1 where the mean is forecast.
    pub(crate) levels: usize,
    /// Which of them is the median.
    pub(crate) median: usize,
}

/// Inputs of one column that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Group {
    /// A scaled number, and the edges of its bins: ascending, none beyond which it lies; empty
    /// where no bins were asked for or it has one value.
    Number { input: usize, edges: Vec<f32> },
    /// The same of a number with which the answer may go one way only. A code that follows it is of the
    /// same column, and knows no order.
    Ordered { input: usize, edges: Vec<f32>, direction: Direction },
    /// 0 or 1.
    Flag(usize),
    /// At most one of them is 1: which category it is.
    Category(Range<usize>),
    /// At most one of them is 1: which of the frequent values the number of the same column is.
    Code(Range<usize>),
}

impl Layout {
    /// The columns of a table; none of anything else.
    pub(crate) fn groups(&self) -> &[Group] {
        match self {
            Self::Table(groups) => groups,
            Self::Image(_) | Self::Text { .. } | Self::Sequence { .. } => &[],
        }
    }

    /// The same without any order.
    pub(crate) fn free(&self) -> Self {
        let Self::Table(groups) = self else { return self.clone() };
        let free = |group: &Group| match group.clone() {
            Group::Ordered { input, edges, .. } => Group::Number { input, edges },
            other => other,
        };
        Self::Table(groups.iter().map(free).collect())
    }

    /// Number of inputs.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Table(groups) => groups.iter().map(Group::width).sum(),
            Self::Image(shape) => shape.channels * shape.height * shape.width,
            Self::Text { width, .. } => *width,
            Self::Sequence { steps, channels, .. } => steps * channels,
        }
    }

    /// Number of logits of a network for a task of so many classes.
    pub(crate) fn outputs(&self, task: Task, classes: usize) -> usize {
        match (task, self) {
            (Task::Forecast, Self::Sequence { ahead: Some(ahead), .. }) => {
                ahead.horizon * ahead.series * ahead.levels
            }
            (Task::Multiclass, _) => classes,
            _ => 1,
        }
    }

    /// Steps, channels of each, and what is forecast; all other inputs are steps of one channel.
    pub(crate) fn sequence(&self) -> (usize, usize, Option<Ahead>) {
        match self {
            Self::Table(_) | Self::Image(_) | Self::Text { .. } => (self.width(), 1, None),
            Self::Sequence { steps, channels, ahead } => (*steps, *channels, *ahead),
        }
    }
}

impl Group {
    /// Position of its first input.
    fn first(&self) -> usize {
        match self {
            Self::Number { input, .. } | Self::Ordered { input, .. } | Self::Flag(input) => *input,
            Self::Category(range) | Self::Code(range) => range.start,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Ordered { .. } | Self::Flag(_) => 1,
            Self::Category(range) | Self::Code(range) => range.len(),
        }
    }
}

/// How the columns of a frame become the inputs of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeatures {
    columns: Vec<FittedColumn>,
    /// How a regression's target was scaled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Standard>,
    /// How rows become windows, where it is windows that are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<FittedSequence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FittedColumn {
    name: String,
    encoder: Encoder,
    /// Which way the answer may go with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Direction>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoder {
    Numeric(Numeric),
    Category(Category),
    Boolean(Boolean),
    Timestamp(Timestamp),
    Image(Image),
    Text(Text),
    Woe(Box<Woe>),
}

/// What a column of a scorecard holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FittedSource {
    Number,
    Category,
    Boolean,
    /// In days since 1970.
    Timestamp,
}

impl FittedFeatures {
    /// Fits every named column on the rows of `frame`, which are the training rows. Columns that
    /// tell nothing are left out, with a warning each. Numbers get up to `bins` bins. With those that are
    /// `monotone`, the answer may go one way only.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] when no column is left.
    pub(crate) fn fit(
        frame: &Frame,
        names: &[String],
        spec: &PreprocessingSpec,
        bins: usize,
        target: Option<Standard>,
        monotone: &BTreeMap<String, Direction>,
    ) -> Result<(Self, Vec<String>)> {
        let mut columns = Vec::new();
        let mut warnings = Vec::new();
        for name in names {
            let order = monotone.get(name).copied();
            match fit_column(frame, name, spec, bins, order.is_some())? {
                Ok(encoder) => columns.push(FittedColumn { name: name.clone(), encoder, order }),
                Err(reason) => warnings.push(format!("column {name} is left out: {reason}")),
            }
        }
        if columns.is_empty() {
            let detail = format!("no column is left to predict from: {}", warnings.join("; "));
            return Err(Error::field(Code::InvalidSpec, "/features", detail));
        }
        Ok((Self { columns, target, sequence: None }, warnings))
    }

    /// Fits the one column of texts that is learnt from. A warning says what of the longest is cut
    /// off.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] when no training row has a text.
    pub(crate) fn fit_text(
        frame: &Frame,
        name: &str,
        spec: TextSpec,
        target: Option<Standard>,
    ) -> Result<(Self, Option<String>)> {
        let (encoder, cut) = Text::fit(&frame.texts(name)?, spec).map_err(|reason| {
            let detail = format!("{name} can't be learnt from: {reason}");
            Error::field(Code::InvalidSpec, "/features", detail)
        })?;
        let encoder = Encoder::Text(encoder);
        let column = FittedColumn { name: name.to_owned(), encoder, order: None };
        let warning = cut.map(|cut| format!("column {name}: {cut}"));
        Ok((Self { columns: vec![column], target, sequence: None }, warning))
    }

    /// Fits windows: the columns that are read beside what is forecast, if there are any, on the
    /// training rows.
    ///
    /// # Errors
    /// As [`FittedFeatures::fit`].
    pub(crate) fn fit_sequence(
        frame: &Frame,
        names: &[String],
        spec: &PreprocessingSpec,
        target: Option<Standard>,
        sequence: FittedSequence,
    ) -> Result<(Self, Vec<String>)> {
        let (mut fitted, warnings) = if names.is_empty() && !sequence.series.is_empty() {
            (Self { columns: Vec::new(), target, sequence: None }, Vec::new())
        } else {
            // Networks that read windows have no use for bins.
            Self::fit(frame, names, spec, 0, target, &BTreeMap::new())?
        };
        fitted.sequence = Some(sequence);
        Ok((fitted, warnings))
    }

    /// How rows become windows, where it is windows that are read.
    pub(crate) fn sequence(&self) -> Option<&FittedSequence> {
        self.sequence.as_ref()
    }

    /// What kind of input the columns are.
    pub fn input_kind(&self) -> InputKind {
        match self.layout() {
            Layout::Table(_) => InputKind::Tabular,
            Layout::Image(_) => InputKind::Image,
            Layout::Text { .. } => InputKind::Text,
            Layout::Sequence { .. } => InputKind::Sequence,
        }
    }

    /// The same numbers, with which the answer may go any way.
    pub(crate) fn free(&self) -> Self {
        let mut free = self.clone();
        free.columns.iter_mut().for_each(|column| column.order = None);
        free
    }

    /// Number of inputs of the network.
    pub fn width(&self) -> usize {
        self.layout().width()
    }

    /// Number of inputs that the columns of one row make.
    fn columns_width(&self) -> usize {
        self.columns.iter().map(|c| c.encoder.width()).sum()
    }

    /// The columns that are encoded, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    /// How a regression's target was scaled.
    pub fn target(&self) -> Option<&Standard> {
        self.target.as_ref()
    }

    /// Each column's name with its inputs' positions.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.columns.iter().scan(0, |start, column| {
            let range = *start..*start + column.encoder.width();
            *start = range.end;
            Some((column.name.as_str(), range))
        })
    }

    /// Each column that is read with all of its inputs: of windows, those of every step, what is
    /// forecast first.
    pub(crate) fn inputs_of_columns(&self) -> Vec<(&str, Vec<usize>)> {
        let Some(sequence) = &self.sequence else {
            return self.spans().map(|(name, span)| (name, span.collect())).collect();
        };
        let (steps, channels, _) = self.sequence_layout(sequence).sequence();
        let series = sequence.series.iter().enumerate();
        let series = series.map(|(at, series)| (series.name.as_str(), at..at + 1));
        let before = sequence.series.len();
        let beside =
            self.spans().map(|(name, span)| (name, span.start + before..span.end + before));
        let mut columns: Vec<(&str, Vec<usize>)> = Vec::new();
        for (name, span) in series.chain(beside) {
            let inputs =
                (0..steps).flat_map(|step| span.clone().map(move |at| step * channels + at));
            match columns.iter_mut().find(|(known, _)| *known == name) {
                // What is forecast may be read beside itself.
                Some((_, known)) => known.extend(inputs),
                None => columns.push((name, inputs.collect())),
            }
        }
        columns
    }

    /// What the inputs mean.
    pub(crate) fn layout(&self) -> Layout {
        if let Some(sequence) = &self.sequence {
            return self.sequence_layout(sequence);
        }
        // A picture is learnt from alone.
        if let [FittedColumn { encoder: Encoder::Image(image), .. }] = self.columns.as_slice() {
            return Layout::Image(image.shape());
        }
        if let [FittedColumn { encoder: Encoder::Text(text), .. }] = self.columns.as_slice() {
            let (width, words, buckets) = (text.width(), text.words(), text.buckets());
            return Layout::Text { width, words, buckets };
        }
        let mut groups = Vec::new();
        let mut offset = 0;
        for column in &self.columns {
            match column.order {
                Some(direction) => column.encoder.ordered(offset, direction, &mut groups),
                None => column.encoder.groups(offset, &mut groups),
            }
            offset += column.encoder.width();
        }
        Layout::Table(groups)
    }

    /// The inputs of the rows of a frame, which may have columns besides those that are read.
    /// Missing, unseen, huge and infinite values all become finite inputs. Where windows are read,
    /// they are the newest of each series, in the order in which the series come.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a column that is not there or has another type;
    /// [`Code::InvalidRows`] for rows that make no window.
    pub fn transform(&self, frame: &Frame) -> Result<Matrix> {
        if self.sequence.is_some() {
            return self.newest(frame).map(|newest| newest.inputs);
        }
        let (rows, width) = (frame.rows(), self.columns_width());
        let mut matrix = Matrix { rows, width, data: vec![0.0; rows * width] };
        self.encode_columns(frame, &mut matrix, 0)?;
        Ok(matrix)
    }

    /// Writes what the columns of each row make into a matrix, from `offset` on. Of many rows the
    /// numbers of some are written before those of the next, which stay in the nearest cache: as far as
    /// they need not be copied first, which would take room for all of them. Of few, the numbers of all
    /// columns are scaled together.
    fn encode_columns(&self, frame: &Frame, matrix: &mut Matrix, offset: usize) -> Result<()> {
        const ROWS: usize = 256;
        const FEW: usize = 16;
        let (mut offset, width) = (offset, matrix.width);
        let mut numbers = Vec::new();
        let few = if frame.rows() < FEW { frame.rows() } else { 0 };
        let mut together = Together::with_capacity(few * self.columns.len());
        for (position, FittedColumn { name, encoder, .. }) in self.columns.iter().enumerate() {
            let block = Block { data: &mut matrix.data, width, offset };
            match encoder {
                Encoder::Numeric(numeric) if frame.rows() > ROWS => {
                    match frame.numbers_near(position, name)? {
                        Cow::Borrowed(values) => numbers.push((numeric, values, offset)),
                        Cow::Owned(values) => numeric.encode(&values, block),
                    }
                }
                Encoder::Numeric(numeric) if few > 0 => {
                    let values = frame.numbers_near(position, name)?;
                    numeric.encode_few(&values, block, &mut together);
                }
                _ => encoder.encode(frame, position, name, block)?,
            }
            offset += encoder.width();
        }
        together.write(&mut matrix.data);
        if numbers.is_empty() {
            return Ok(());
        }
        for (data, first) in matrix.data.chunks_mut(ROWS * width).zip((0..).step_by(ROWS)) {
            for (numeric, values, offset) in &numbers {
                let values = values.get(first..).unwrap_or_default();
                let block = Block { data: &mut *data, width, offset: *offset };
                numeric.encode(&values[..values.len().min(ROWS)], block);
            }
        }
        Ok(())
    }

    /// The signature's inputs: the columns that are read, as `frame` types them.
    pub(crate) fn inputs(&self, frame: &Frame) -> Vec<Column> {
        if let Some(sequence) = &self.sequence {
            return self.sequence_inputs(sequence, frame);
        }
        self.names()
            .filter_map(|name| frame.column(name))
            .map(|c| Column {
                name: c.name.clone(),
                kind: c.kind,
                // There is nothing to answer about a picture that is not there.
                nullable: c.kind != ColumnType::Image,
            })
            .collect()
    }
}

/// Fits one column; the inner error says why it tells nothing.
fn fit_column(
    frame: &Frame,
    name: &str,
    spec: &PreprocessingSpec,
    bins: usize,
    is_ordered: bool,
) -> Result<std::result::Result<Encoder, String>> {
    let kind = frame.column(name).map(|c| c.kind);
    Ok(match kind {
        Some(ColumnType::Int64 | ColumnType::Float64) => {
            let whole = kind == Some(ColumnType::Int64);
            Numeric::fit(&frame.numbers(name)?, whole, spec, bins).map(Encoder::Numeric)
        }
        Some(ColumnType::Bool) => Boolean::fit(&frame.numbers(name)?).map(Encoder::Boolean),
        Some(ColumnType::String) => Category::fit(&frame.texts(name)?, spec).map(Encoder::Category),
        Some(ColumnType::Timestamp) => {
            let times = frame.timestamps(name)?;
            Timestamp::fit(&times, spec.scaling, bins, is_ordered).map(Encoder::Timestamp)
        }
        Some(ColumnType::Image) => {
            Ok(Encoder::Image(Image::fit(name, &frame.images(name)?, spec.image.as_ref())?))
        }
        None => {
            return Err(Error::new(Code::InvalidSpec, format!("there is no column {name}")));
        }
    })
}

impl Encoder {
    fn width(&self) -> usize {
        match self {
            Self::Numeric(e) => e.width(),
            Self::Category(e) => e.width(),
            Self::Boolean(e) => e.width(),
            Self::Timestamp(e) => e.width(),
            Self::Image(e) => e.width(),
            Self::Text(e) => e.width(),
            Self::Woe(_) => 1,
        }
    }

    /// What its inputs mean, the first of which is at `offset`.
    fn groups(&self, offset: usize, groups: &mut Vec<Group>) {
        match self {
            Self::Numeric(e) => e.groups(offset, groups),
            Self::Category(e) => groups.push(Group::Category(offset..offset + e.width())),
            Self::Boolean(e) => groups.extend((offset..offset + e.width()).map(Group::Flag)),
            Self::Timestamp(e) => e.groups(offset, groups),
            Self::Image(_) | Self::Text(_) => {}
            Self::Woe(_) => groups.push(Group::Number { input: offset, edges: Vec::new() }),
        }
    }

    /// The same of a column with which the answer may go one way only.
    fn ordered(&self, offset: usize, direction: Direction, groups: &mut Vec<Group>) {
        // Its bins keep to the order: whichever way that goes, the probability falls with the evidence.
        if let Self::Woe(_) = self {
            let (edges, direction) = (Vec::new(), Direction::Decreasing);
            groups.push(Group::Ordered { input: offset, edges, direction });
            return;
        }
        if let Self::Boolean(e) = self {
            let edges = vec![0.0, 1.0];
            groups.push(Group::Ordered { input: offset, edges, direction });
            groups.extend((offset + 1..offset + e.width()).map(Group::Flag));
            return;
        }
        let first = groups.len();
        self.groups(offset, groups);
        for group in &mut groups[first..] {
            if let Group::Number { input, edges } = group {
                let (input, edges) = (*input, std::mem::take(edges));
                *group = Group::Ordered { input, edges, direction };
            }
        }
    }

    fn encode(&self, frame: &Frame, hint: usize, name: &str, block: Block<'_>) -> Result<()> {
        match self {
            Self::Numeric(e) => e.encode(&frame.numbers_near(hint, name)?, block),
            Self::Category(e) => e.encode(&frame.texts(name)?, block),
            Self::Boolean(e) => e.encode(&frame.numbers(name)?, block),
            Self::Timestamp(e) => e.encode(&frame.timestamps(name)?, block),
            Self::Image(e) => e.encode(&frame.images(name)?, block)?,
            Self::Text(e) => e.encode(&frame.texts(name)?, block),
            Self::Woe(e) => e.encode(frame, hint, name, block)?,
        }
        Ok(())
    }
}

const CONSTANT: &str = "it has one value in all training rows";
const EMPTY: &str = "it has no value in any training row";

#[cfg(test)]
mod tests;
