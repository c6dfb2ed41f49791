//! Datasets: loaded, looked at.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Object, alloc, object_of, rows};
use super::{AT_ONCE, folder, name_and_number, no_such};
use crate::client::{Client, Source, outcome};
use crate::domain::dataset::{DataFormat, DatasetVersion};
use crate::domain::job::JobResult;
use crate::domain::name::{MAX_NAME, check_name, did_you_mean};
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::domain::prediction::Row;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Context as _, Error, Result};

/// Most rows that are fetched at once.
const PAGE: u32 = 1_000;
/// Most rows that are fetched for a look or for predictions.
pub(super) const MOST_ROWS: u64 = 10_000;

/// `load(source, name=None, types=None)`.
pub(super) fn load<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let source = arguments.needed("source")?;
    let loaded = match (object_of(source), source.unpack_str()) {
        (Some(Object::Dataset(dataset)), _) => dataset.clone(),
        (Some(Object::Frame(frame)), _) => {
            let name = arguments.text("name")?.ok_or_else(|| {
                arguments.wrong("name", "is needed for a frame: what is the dataset to be called?")
            })?;
            let source = Source::Bytes(frame.to_parquet()?.into());
            upload(arguments, context, (name, DataFormat::Parquet), source)?
        }
        (_, Some(text)) => match source_of(text)? {
            Some((path, format)) => upload_file(arguments, context, path, format)?,
            None => {
                for name in ["name", "types"] {
                    if arguments.get(name).is_some() {
                        let problem = format!("is for a file, and '{text}' is a dataset's name");
                        return Err(arguments.wrong(name, &problem));
                    }
                }
                let (name, number) = name_and_number(text);
                context.wait(find(&context.client(), name, number))?
            }
        },
        _ => return Err(arguments.unlike("source", "a path, a dataset's name or a frame", source)),
    };
    alloc(Object::Dataset(loaded), eval)
}

/// The file or the folder of images that a text names, where it names one, and its format.
///
/// # Errors
/// As [`file_of`] gives them.
fn source_of(text: &str) -> Result<Option<(PathBuf, DataFormat)>> {
    let path = path_of(text);
    match text.contains('/') && path.is_dir() {
        true => Ok(Some((path, DataFormat::Form))),
        false => file_of(text),
    }
}

pub(in crate::repl) fn path_of(text: &str) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None => PathBuf::from(text),
    }
}

/// The file that a text names, where it names one, and its format by its ending.
///
/// # Errors
/// [`Code::InvalidRequest`] for a path whose format is not known.
pub(super) fn file_of(text: &str) -> Result<Option<(PathBuf, DataFormat)>> {
    let path = path_of(text);
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let format = match ending.as_str() {
        "csv" | "tsv" => DataFormat::Csv,
        "jsonl" | "ndjson" => DataFormat::JsonLines,
        "parquet" => DataFormat::Parquet,
        _ if !text.contains('/') && !path.is_file() => return Ok(None),
        _ => {
            return Err(Error::new(
                Code::InvalidRequest,
                format!(
                    "the format of {text} is not known by its ending: it has to be .csv, .tsv, \
                     .jsonl, .ndjson (one JSON object a line) or .parquet, or a folder of images"
                ),
            ));
        }
    };
    match path.metadata() {
        Ok(found) if found.is_file() => Ok(Some((path, format))),
        Ok(_) => Err(unreadable(&path, "it is no file")),
        Err(error) => Err(unreadable(&path, &error.to_string())),
    }
}

fn unreadable(path: &Path, why: &str) -> Error {
    let place = if path.is_absolute() {
        path.display().to_string()
    } else {
        let here = std::env::current_dir().unwrap_or_default();
        format!("{} (in {})", path.display(), here.display())
    };
    Error::new(Code::InvalidRequest, format!("{place} can't be read: {why}"))
}

fn upload_file(
    arguments: &Arguments<'_>,
    context: &Context,
    path: PathBuf,
    format: DataFormat,
) -> Result<DatasetVersion> {
    let name = match arguments.text("name")? {
        Some(name) => name.to_owned(),
        None => valid_name(&path.file_stem().unwrap_or_default().to_string_lossy()),
    };
    let source = match format {
        DataFormat::Form => Source::Form(folder::parts(&path)?),
        _ => Source::File(path),
    };
    upload(arguments, context, (&name, format), source)
}

/// Makes a source the next version of a dataset.
fn upload(
    arguments: &Arguments<'_>,
    context: &Context,
    (name, format): (&str, DataFormat),
    source: Source,
) -> Result<DatasetVersion> {
    check_name("name", name)?;
    let types = types(arguments)?;
    let job = context.change(context.client().upload_dataset(name, format, &types, source))?;
    match outcome(context.follow(&job)?)? {
        JobResult::DatasetVersion(made) => {
            context.wait(context.client().get_dataset_version(name, made.version))
        }
        _ => Err(Error::internal("loading a file", "its job made something else")),
    }
}

/// Columns and the types that they are to have.
fn types(arguments: &Arguments<'_>) -> Result<Vec<(String, ColumnType)>> {
    let wanted = match arguments.json("types")? {
        None => return Ok(Vec::new()),
        Some(Json::Object(wanted)) => wanted,
        Some(_) => return Err(arguments.wrong("types", "must be a dict of column to type")),
    };
    let known = || ColumnType::ALL.iter().map(|kind| kind.as_str());
    let pair = |(column, kind): (String, Json)| match kind.as_str().map(ColumnType::parse) {
        Some(Some(kind)) => Ok((column, kind)),
        _ => {
            let text = kind.as_str().unwrap_or_default();
            let names: Vec<&str> = known().collect();
            let problem = format!(
                "{column}: the type is one of {}{}",
                names.join(", "),
                did_you_mean(text, known())
            );
            Err(arguments.wrong("types", &problem))
        }
    };
    wanted.into_iter().map(pair).collect()
}

/// Only what a name may have, and not too much of it.
pub(super) fn valid_name(text: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let text: String = text.chars().map(|c| if known(c) { c } else { '-' }).collect();
    let start = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    start.chars().take(MAX_NAME).collect()
}

/// A dataset of the server; the newest version when no number is given.
pub(super) async fn find(
    client: &Client,
    name: &str,
    number: Option<u32>,
) -> Result<DatasetVersion> {
    let number = match number {
        Some(number) => number,
        None => match client.get_dataset(name).await {
            Ok(found) => found.latest_version,
            Err(error) if error.code() == Code::NotFound => {
                let query = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
                let there = client.list_datasets(&query).await?.items;
                let near = did_you_mean(name, there.iter().map(|d| d.name.as_str()));
                return Err(no_such(format!(
                    "there is no dataset {name}{near} (a file's name ends in .csv, .jsonl or \
                     .parquet; datasets() lists what there is)"
                )));
            }
            Err(error) => return Err(error),
        },
    };
    client.get_dataset_version(name, number).await
}

/// The dataset that an argument names.
pub(super) fn dataset_of(arguments: &Arguments<'_>, context: &Context) -> Result<DatasetVersion> {
    dataset_in(arguments, context, "dataset")
}

fn dataset_in(
    arguments: &Arguments<'_>,
    context: &Context,
    argument: &str,
) -> Result<DatasetVersion> {
    let value = arguments.needed(argument)?;
    match (object_of(value), value.unpack_str()) {
        (Some(Object::Dataset(dataset)), _) => Ok(dataset.clone()),
        (_, Some(text)) => {
            if file_of(text)?.is_some() {
                let problem = format!("{text} is a file; load(\"{text}\") makes it a dataset");
                return Err(arguments.wrong(argument, &problem));
            }
            let (name, number) = name_and_number(text);
            context.wait(find(&context.client(), name, number))
        }
        _ => Err(arguments.unlike(argument, "a dataset or its name", value)),
    }
}

/// The same; a frame is uploaded under a name, once for the same rows.
pub(super) fn dataset_or_rows(
    arguments: &Arguments<'_>,
    context: &Context,
    name: &str,
) -> Result<DatasetVersion> {
    rows_in(arguments, context, ("dataset", name))
}

/// The same of another argument.
pub(super) fn rows_in(
    arguments: &Arguments<'_>,
    context: &Context,
    (argument, name): (&str, &str),
) -> Result<DatasetVersion> {
    let value = arguments.needed(argument)?;
    let Some(Object::Frame(frame)) = object_of(value) else {
        return dataset_in(arguments, context, argument);
    };
    let bytes = frame.to_parquet()?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let before = context.uploaded.borrow().get(&sha256).cloned();
    if let Some((name, number)) = before {
        let found = context.wait(context.client().get_dataset_version(&name, number));
        match found {
            // It was deleted since, or is another server's.
            Err(error) if error.code() == Code::NotFound => {}
            found => return found,
        }
    }
    let name = valid_name(&format!("{name}-rows"));
    let made =
        upload(arguments, context, (&name, DataFormat::Parquet), Source::Bytes(bytes.into()))?;
    context.uploaded.borrow_mut().insert(sha256, (made.dataset.clone(), made.version));
    context.print(&format!("the frame is dataset {} {} now", made.dataset, made.version));
    Ok(made)
}

/// `dataset(name, version=None)`.
pub(super) fn dataset<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let text = arguments.text("name")?.unwrap_or_default();
    let (name, number) = name_and_number(text);
    let given = arguments.number("version", 1..=u64::from(u32::MAX))?;
    let number = given.and_then(|n| u32::try_from(n).ok()).or(number);
    let found = context.wait(find(&context.client(), name, number))?;
    alloc(Object::Dataset(found), eval)
}

/// `datasets(limit=50)`.
pub(super) fn datasets<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let client = &context.client();
    let query = page(arguments, 50)?;
    let found: Vec<DatasetVersion> = context.wait(async {
        let listed = client.list_datasets(&query).await?.items;
        stream::iter(listed)
            .map(|d| async move { client.get_dataset_version(&d.name, d.latest_version).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    })?;
    let values: Vec<Value<'v>> = found
        .into_iter()
        .map(|dataset| alloc(Object::Dataset(dataset), eval))
        .collect::<Result<_>>()?;
    Ok(eval.heap().alloc(values))
}

/// The first page of a list, as long as its `limit` says.
pub(super) fn page(arguments: &Arguments<'_>, default: u32) -> Result<PageQuery> {
    let limit = arguments.number("limit", 1..=u64::from(MAX_LIMIT))?;
    let limit = limit.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    Ok(PageQuery { limit: Some(limit), cursor: None })
}

/// `head(dataset, n=10, offset=0)`.
pub(super) fn head<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let n = arguments.number("n", 1..=MOST_ROWS)?.unwrap_or(10);
    let offset = arguments.number("offset", 0..=u64::from(u32::MAX))?.unwrap_or(0);
    let (rows, _) = part(arguments, context, offset, n)?;
    Ok(eval.heap().alloc(rows))
}

/// `row(dataset, number)`.
pub(super) fn row<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let number = arguments.number("number", 0..=u64::from(u32::MAX))?;
    let number = number.ok_or_else(|| arguments.wrong("number", "must not be None"))?;
    let (rows, all) = part(arguments, &*context()?, number, 1)?;
    let row = rows.into_iter().next().ok_or_else(|| {
        let problem = format!("there is no row {number}: {all} rows are counted from 0");
        arguments.wrong("number", &problem)
    })?;
    Ok(eval.heap().alloc(row))
}

/// So many rows of a dataset or a frame as dicts, and how many it has.
fn part(
    arguments: &Arguments<'_>,
    context: &Context,
    offset: u64,
    n: u64,
) -> Result<(Vec<Json>, u64)> {
    if let Some(Object::Frame(frame)) = arguments.get("dataset").and_then(object_of) {
        let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
        let part = frame.part(number(offset), number(n))?;
        let rows = rows(&part)?.into_iter().map(Json::Object).collect();
        return Ok((rows, frame.rows() as u64));
    }
    let dataset = dataset_of(arguments, context)?;
    if offset >= dataset.rows {
        return Ok((Vec::new(), dataset.rows));
    }
    let rows = context.wait(rows_of(&context.client(), &dataset, offset, n))?;
    // In the order of the dataset's columns.
    let ordered = rows.into_iter().map(|mut row| {
        let cell = |name: &String| {
            let cell = row.remove(name).unwrap_or_default();
            Ok((name.clone(), serde_json::to_value(cell).context("reading a row")?))
        };
        let cells = dataset.columns.iter().map(|column| &column.name).map(cell);
        Ok(Json::Object(cells.collect::<Result<_>>()?))
    });
    Ok((ordered.collect::<Result<_>>()?, dataset.rows))
}

/// Rows of a dataset, fetched piece by piece.
pub(super) async fn rows_of(
    client: &Client,
    dataset: &DatasetVersion,
    offset: u64,
    n: u64,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    while (rows.len() as u64) < n {
        let left = u32::try_from(n - rows.len() as u64).unwrap_or(PAGE).min(PAGE);
        let from = offset + rows.len() as u64;
        let piece = client.preview_dataset(&dataset.dataset, dataset.version, from, left).await?;
        let is_last = piece.len() < left as usize;
        rows.extend(piece);
        if is_last {
            break;
        }
    }
    Ok(rows)
}

/// `describe(value)`.
pub(super) fn describe<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let value = arguments.needed("value")?;
    let rows = match (object_of(value), value.unpack_str()) {
        (Some(object), _) => object.described()?,
        (None, Some(text)) => {
            let context = &*context()?;
            let (name, number) = name_and_number(text);
            let found = context.wait(find(&context.client(), name, number))?;
            Object::Dataset(found).described()?
        }
        _ => {
            let wanted = "a dataset, frame, model, version, job or predictions";
            return Err(arguments.unlike("value", wanted, value));
        }
    };
    let rows: Vec<Json> = rows.into_iter().map(Json::Object).collect();
    Ok(eval.heap().alloc(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_file_or_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        for name in ["a.CSV", "a.jsonl", "a.xlsx"] {
            std::fs::write(path(name), "x").unwrap();
        }
        let format = |name: &str| file_of(&path(name)).unwrap().unwrap().1;
        assert_eq!([format("a.CSV"), format("a.jsonl")], [DataFormat::Csv, DataFormat::JsonLines]);
        assert!(file_of("loans").unwrap().is_none());
        assert!(file_of("loans 3").unwrap().is_none());
        let refused = |text: &str| file_of(text).unwrap_err().to_string();
        assert!(refused(&path("a.xlsx")).contains(".ndjson"));
        assert!(refused("none.csv").contains("none.csv (in /"), "{}", refused("none.csv"));
    }

    #[test]
    fn any_file_gives_a_name() {
        for text in ["Größe (2)", "loans.v1", "_private", "a b"] {
            assert!(check_name("name", &valid_name(text)).is_ok(), "{}", valid_name(text));
        }
        assert_eq!(valid_name("Größe (2)"), "Gr--e--2-");
    }
}
