//! Typed columns to one Parquet file. Memory is bounded by cells and bytes rather than by rows alone, so
//! that wide tables and long texts take no more of it.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::encoder::Encoder;
use super::{Ingested, Output};
use crate::domain::schema::{Column, ColumnSummary, ColumnType, ImageSizes};
use crate::error::{Context, Result};
use crate::frame::arrow_schema;
use crate::frame::builder::{ColumnBuilder, Value};
use crate::frame::image::EncodedImage;
use crate::frame::tally::Tally;

/// Most rows, cells and bytes of texts and images gathered before they are encoded.
const BATCH_ROWS: usize = 8_192;
const BATCH_CELLS: usize = 1 << 18;
const BATCH_TEXT: usize = 8 << 20;

struct SinkColumn {
    name: String,
    builder: ColumnBuilder,
    /// Of images.
    sizes: Option<ImageSizes>,
}

pub(super) struct Sink {
    columns: Vec<SinkColumn>,
    schema: SchemaRef,
    encoder: Encoder,
    batch_rows: usize,
    /// Rows and bytes of texts and images in the builders.
    rows_held: usize,
    text_held: usize,
    rows: u64,
}

impl Sink {
    pub(super) fn create(output: &dyn Output, columns: Vec<(String, ColumnType)>) -> Result<Self> {
        let batch_rows = rows_at_a_time(columns.len());
        let described = columns
            .iter()
            .map(|(name, kind)| Column { name: name.clone(), kind: *kind, nullable: true })
            .collect::<Vec<_>>();
        let schema = arrow_schema(&described);
        let encoder = Encoder::start(output.begin()?, schema.clone(), described);
        let columns = columns
            .into_iter()
            .map(|(name, kind)| SinkColumn {
                name,
                builder: ColumnBuilder::new(kind, batch_rows),
                sizes: None,
            })
            .collect();
        Ok(Self { columns, schema, encoder, batch_rows, rows_held: 0, text_held: 0, rows: 0 })
    }

    /// Adds a value of the column's own type or a null. Each column gets one value per row.
    pub(super) fn push(&mut self, at: usize, value: Value<'_>) {
        let column = &mut self.columns[at];
        match value {
            Value::Text(text) => self.text_held += text.len(),
            Value::Image(image) => {
                self.text_held += image.bytes().len();
                column.sizes = Some(widened(column.sizes, image));
            }
            _ => {}
        }
        column.builder.push(value);
    }

    /// Ends a row. From the first on that is not sound nothing is kept: the file is refused, and only more of
    /// what is wrong is looked for.
    pub(super) fn end_row(&mut self, is_sound: bool) -> Result<()> {
        if !is_sound {
            self.encoder.give_up();
        }
        self.rows += 1;
        self.rows_held += 1;
        if self.rows_held == self.batch_rows || self.text_held >= BATCH_TEXT {
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        let arrays = self.columns.iter_mut().map(|c| c.builder.finish()).collect();
        (self.rows_held, self.text_held) = (0, 0);
        if self.encoder.has_given_up() {
            return Ok(());
        }
        let batch =
            RecordBatch::try_new(self.schema.clone(), arrays).context("gathering columns")?;
        self.encoder.write(batch)
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<Ingested> {
        if self.rows_held > 0 {
            self.encode()?;
        }
        let tallies = self.encoder.finish()?;
        let columns = self.columns.into_iter().zip(tallies);
        let summary = |(column, tally): (SinkColumn, Tally)| ColumnSummary {
            sizes: column.sizes,
            ..tally.finish(column.name)
        };
        Ok(Ingested { rows: self.rows, columns: columns.map(summary).collect() })
    }
}

fn widened(sizes: Option<ImageSizes>, image: &EncodedImage) -> ImageSizes {
    let (height, width, channels) = (image.height(), image.width(), image.channels());
    let one = ImageSizes {
        min_height: height,
        max_height: height,
        min_width: width,
        max_width: width,
        channels,
    };
    sizes.map_or(one, |sizes| ImageSizes {
        min_height: sizes.min_height.min(height),
        max_height: sizes.max_height.max(height),
        min_width: sizes.min_width.min(width),
        max_width: sizes.max_width.max(width),
        channels: sizes.channels.max(channels),
    })
}

/// Rows of so many columns that are held at a time.
pub(super) fn rows_at_a_time(columns: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).min(BATCH_ROWS)
}
