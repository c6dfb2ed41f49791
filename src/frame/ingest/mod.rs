//! Uploaded files to stored datasets: types are inferred over the whole file, everything that
//! does not fit is named with its place, and memory stays bounded whatever the file holds.
//!
//! | file | what it does |
//! |---|---|
//! | `source` | opens the upload, tells how far it was read |
//! | `dialect`, `records` | CSV: its delimiter, its records |
//! | `csv`, `json`, `parquet`, `form` | one format each: infer in a first pass, convert in a second |
//! | `columns` | checks names, applies declared types |
//! | `faults` | gathers what does not fit |
//! | `nearly` | tells of columns that are text for a few cells |
//! | `sink`, `encoder` | typed columns to Parquet, with their statistics |

mod columns;
mod csv;
mod dialect;
mod encoder;
mod faults;
mod form;
mod json;
mod nearly;
mod parquet;
mod records;
mod sink;
mod source;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::domain::dataset::DataFormat;
use crate::domain::job::IngestionProgress;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::error::{Context, Result};

/// Most columns of a dataset.
pub const MAX_COLUMNS: usize = 2_048;
/// Most bytes of one record, line or text.
pub const MAX_RECORD: usize = 16 << 20;

/// What an upload became.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    pub rows: u64,
    pub columns: Vec<ColumnSummary>,
}

/// Told now and then how far a pass over the file is; its error ends the ingestion.
pub type OnProgress<'a> = &'a mut dyn FnMut(IngestionProgress) -> Result<()>;

/// Where the Parquet of an ingestion goes; a path is a file.
pub trait Output {
    /// An empty place to write to. What was written before is void.
    ///
    /// # Errors
    /// Where there is no room for it.
    fn begin(&self) -> Result<Box<dyn Write + Send>>;
}

impl<P: AsRef<Path>> Output for P {
    fn begin(&self) -> Result<Box<dyn Write + Send>> {
        let file = File::create(self).context("creating a dataset's file")?;
        Ok(Box::new(file))
    }
}

/// Reads the uploaded file `input` and writes it to `output` as one Parquet file of the column
/// types, piece by piece. `types` declares the type of columns whose inferred type would be wrong. After
/// an error `output` may hold a part of a file, which is of no use. Files without a name may lie in
/// `temp_dir` meanwhile, as large as what is read.
///
/// CSV: the delimiter is one of `,`, `;`, tab and `|`; the first line names the columns; blank
/// lines are skipped; `NA`, `null` and their like are missing values, quoted or not; text with
/// leading zeros stays text. JSON lines: values have the type that JSON gives them, texts that
/// are all ISO times are times, and a key that is absent is a missing value. Parquet: flat
/// columns; NaN is a missing value, bytes are images. In all three a column whose texts all begin
/// as base64 of a PNG or a JPEG does holds images. Forms: see [`form`]. Every image is decoded
/// once, so that what is stored can be.
///
/// # Errors
/// [`Code::InvalidData`](crate::error::Code::InvalidData) naming lines and columns, up to twenty
/// of them; [`Code::InvalidRequest`](crate::error::Code::InvalidRequest) where `types` names a
/// column that is not there; whatever `progress` returns.
pub fn ingest(
    input: &Path,
    format: DataFormat,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    temp_dir: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    match format {
        DataFormat::Csv => csv::ingest(input, types, output, progress),
        DataFormat::JsonLines => json::ingest(input, types, output, progress),
        DataFormat::Parquet => parquet::ingest(input, types, output, temp_dir, progress),
        DataFormat::Form => form::ingest(input, types, output, temp_dir, progress),
    }
}

/// The names of an upload's columns, where its beginning or end tells them.
///
/// # Errors
/// As [`ingest`], of what names them.
pub fn column_names(input: &Path, format: DataFormat) -> Result<Option<Vec<String>>> {
    match format {
        DataFormat::Csv => csv::column_names(input).map(Some),
        DataFormat::Parquet => parquet::column_names(input).map(Some),
        // Any line may have another one.
        DataFormat::JsonLines | DataFormat::Form => Ok(None),
    }
}

#[cfg(test)]
mod tests;
