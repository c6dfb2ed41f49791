//! Frames, plots, reason tables and scorecards as files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::objects::{Object, object_of};
use super::data::path_of;
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, write_csv, write_reason_entries, write_scorecard};
use crate::plot::Plot;

/// Pixels of a plot.
const SIZE: (u32, u32) = (900, 540);

/// `save(value, path)`.
pub(super) fn save<'v>(
    arguments: &Arguments<'v>,
    _: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let value = arguments.needed("value")?;
    let path = path_of(arguments.text("path")?.unwrap_or_default());
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match (object_of(value), ending.as_str()) {
        (Some(Object::Frame(frame)), "csv") => save_csv(frame, &path)?,
        (Some(Object::Frame(frame)), "parquet") => write(&path, &frame.to_parquet()?)?,
        (Some(Object::Frame(_)), _) => {
            return Err(arguments.wrong("path", "of a frame ends in .csv or .parquet"));
        }
        (Some(Object::ReasonTable(table)), "csv") => {
            write(&path, &write_reason_entries(&table.entries)?)?;
        }
        (Some(Object::ReasonTable(_)), _) => {
            return Err(arguments.wrong("path", "of a reason table ends in .csv"));
        }
        (Some(Object::Scorecard(card)), "csv") => write(&path, &write_scorecard(card)?)?,
        (Some(Object::Scorecard(_)), _) => {
            return Err(arguments.wrong("path", "of a scorecard ends in .csv"));
        }
        (Some(Object::Plot(plot)), "svg") => write(&path, svg(plot)?.as_bytes())?,
        (Some(Object::Plot(_)), _) => return Err(arguments.wrong("path", "of a plot ends in .svg")),
        _ => {
            return Err(arguments.unlike(
                "value",
                "a frame, a plot, a reason table or a scorecard",
                value,
            ));
        }
    }
    Ok(Value::new_none())
}

pub(in crate::repl) fn svg(plot: &Plot) -> Result<String> {
    plot.svg(SIZE.0, SIZE.1).map_err(|error| Error::internal("drawing a plot", error))
}

fn save_csv(frame: &Frame, path: &Path) -> Result<()> {
    let rows = bytes::Bytes::from(frame.to_parquet()?);
    let mut file = BufWriter::new(create(path)?);
    write_csv(rows, &mut file)?;
    file.flush().map_err(|error| unwritable(path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    create(path)?.write_all(bytes).map_err(|error| unwritable(path, &error))
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::InvalidRequest, format!("{} can't be written: {error}", path.display()))
}
