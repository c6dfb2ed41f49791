//! Predictions of rows, datasets and local files.

use std::fs::File;
use std::path::Path;

use serde_json::Value as Json;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::{Context, context};
use super::super::objects::{Object, Predictions, alloc, object_of};
use super::super::text::grouped;
use super::data::{MOST_ROWS, file_of, find, rows_of};
use super::models::{reference, resolve};
use super::{model_argument, name_and_number};
use crate::domain::dataset::{DataFormat, DatasetVersion};
use crate::domain::prediction::{PredictionRequest, Row, VersionRef};
use crate::domain::version::Version;
use crate::error::{Code, Context as _, Error, Result};
use crate::frame;

/// `predict(model, rows, version=None, record=False, explain=False, reasons=False)`.
pub(super) fn predict<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let record = arguments.flag("record", false)?;
    let explain = arguments.flag("explain", false)?;
    let reasons = arguments.json("reasons")?;
    let reasons = reasons.map(|reasons| arguments.typed("reasons", reasons)).transpose()?;
    let asked = AskedRows::of(arguments, context)?;
    let request = PredictionRequest {
        rows: Some(asked.rows.clone()),
        version: asked.number(),
        record,
        explain,
        reasons,
        ..PredictionRequest::default()
    };
    let client = context.client();
    let answer = client.predict(&asked.model, &request);
    let response = if record { context.change(answer) } else { context.wait(answer) }?;
    let positive_class = asked.version.signature.positive_class;
    let predictions = Predictions { response, rows: asked.rows, positive_class };
    alloc(Object::Predictions(predictions), eval)
}

/// What a call asks of a version: its arguments `model`, `version` and `rows`.
pub(super) struct AskedRows {
    pub(super) model: String,
    pub(super) version: Version,
    /// With the columns that the version reads.
    pub(super) rows: Vec<Row>,
}

impl AskedRows {
    pub(super) fn of(arguments: &Arguments<'_>, context: &Context) -> Result<Self> {
        let (model, number) = model_argument(arguments, "model")?;
        let wanted = reference(arguments, "version")?.or(number.map(VersionRef::Number));
        let rows = rows(arguments, context)?;
        let version = context.wait(resolve(&context.client(), &model, wanted.as_ref()))?;
        let rows = rows.read_by(context, &version)?;
        Ok(Self { model, version, rows })
    }

    /// The version's number, so that what answers is what the columns were chosen by, wherever an alias has
    /// moved meanwhile.
    pub(super) fn number(&self) -> Option<VersionRef> {
        Some(VersionRef::Number(self.version.version))
    }
}

/// The rows that a call names.
pub(super) enum Rows {
    /// Typed out, or taken from a dataset: a column that neither knows is a mistake.
    Given(Vec<Row>),
    /// Of a dataset or a file, which may have more columns than the model reads.
    Found(Vec<Row>),
}

impl Rows {
    /// With the columns that a version reads.
    pub(super) fn read_by(self, context: &Context, version: &Version) -> Result<Vec<Row>> {
        let inputs: Vec<&str> = version.signature.inputs.iter().map(|i| i.name.as_str()).collect();
        Ok(match self {
            Self::Given(rows) if reads_all(&rows, &inputs) => rows,
            Self::Given(rows) => {
                let spare = context.wait(spare(context, version))?;
                dropping(rows, |name| !inputs.contains(&name) && spare.iter().any(|s| s == name))
            }
            Self::Found(rows) => dropping(rows, |name| !inputs.contains(&name)),
        })
    }
}

pub(super) fn rows(arguments: &Arguments<'_>, context: &Context) -> Result<Rows> {
    let value = arguments.needed("rows")?;
    if let Some(object) = object_of(value) {
        return match object {
            Object::Dataset(dataset) => fetched(arguments, context, dataset),
            Object::Frame(frame) => {
                check_number(arguments, frame.rows() as u64)?;
                Ok(Rows::Found(frame.to_rows()?))
            }
            _ => Err(arguments.unlike("rows", "rows, a frame, a dataset or a file", value)),
        };
    }
    if let Some(text) = value.unpack_str() {
        return match file_of(text)? {
            Some((path, format)) => read(arguments, &path, format).map(Rows::Found),
            None => {
                let (name, number) = name_and_number(text);
                let dataset = context.wait(find(&context.client(), name, number))?;
                fetched(arguments, context, &dataset)
            }
        };
    }
    let rows = match arguments.json("rows")? {
        Some(Json::Array(rows)) => rows,
        Some(row @ Json::Object(_)) => vec![row],
        _ => return Err(arguments.unlike("rows", "a dict or a list of dicts", value)),
    };
    let read = |(at, row): (usize, Json)| {
        serde_json::from_value::<Row>(row)
            .map_err(|error| arguments.wrong("rows", &format!("row {at}: {error}")))
    };
    rows.into_iter().enumerate().map(read).collect::<Result<_>>().map(Rows::Given)
}

fn fetched(arguments: &Arguments<'_>, context: &Context, dataset: &DatasetVersion) -> Result<Rows> {
    check_number(arguments, dataset.rows)?;
    context.wait(rows_of(&context.client(), dataset, 0, dataset.rows)).map(Rows::Found)
}

fn check_number(arguments: &Arguments<'_>, rows: u64) -> Result<()> {
    if rows <= MOST_ROWS {
        return Ok(());
    }
    let problem = format!(
        "it has {} rows, and at most {} are scored at once; take some by head(dataset, n, offset)",
        grouped(rows),
        grouped(MOST_ROWS)
    );
    Err(arguments.wrong("rows", &problem))
}

/// The rows of a local file, typed as an upload would be.
fn read(arguments: &Arguments<'_>, path: &Path, format: DataFormat) -> Result<Vec<Row>> {
    let context = context()?;
    let typed = tempfile::NamedTempFile::new().context("making a temporary file")?;
    let at = |error: Error| match error {
        Error::Problem { code, detail, errors } => {
            Error::fields(code, format!("{}: {detail}", path.display()), errors)
        }
        other => other,
    };
    let table = frame::ingest(path, format, &[], &typed.path(), &std::env::temp_dir(), &mut |_| {
        context.go_on()
    })
    .map_err(at)?;
    check_number(arguments, table.rows)?;
    let file = File::open(typed.path()).context("reading a temporary file")?;
    let rows = usize::try_from(table.rows).context("counting rows")?;
    let rows = frame::preview(file, 0, rows)?;
    if rows.is_empty() {
        let detail = format!("{} has no rows", path.display());
        return Err(Error::new(Code::InvalidData, detail));
    }
    Ok(rows)
}

fn reads_all(rows: &[Row], inputs: &[&str]) -> bool {
    rows.iter().flat_map(Row::keys).all(|name| inputs.contains(&name.as_str()))
}

/// Columns that a row of the data has though the model does not read them: its target, and those
/// that the training left out. Any other is a mistake, which the server names.
pub(super) async fn spare(context: &Context, version: &Version) -> Result<Vec<String>> {
    let mut names = vec![version.signature.target.clone()];
    let trained_on = &version.provenance.spec.dataset;
    if let Some(number) = trained_on.version {
        match context.client().get_dataset_version(&trained_on.name, number).await {
            Ok(dataset) => names.extend(dataset.columns.into_iter().map(|column| column.name)),
            // It was deleted since.
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

pub(super) fn dropping(rows: Vec<Row>, unwanted: impl Fn(&str) -> bool) -> Vec<Row> {
    rows.into_iter()
        .map(|mut row| {
            row.retain(|name, _| !unwanted(name));
            row
        })
        .collect()
}
