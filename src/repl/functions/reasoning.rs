//! Reasons of adverse answers, and the tables that they are told by.

use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Object, Told, alloc};
use super::data::path_of;
use super::predicting::AskedRows;
use super::{model_argument, no_such};
use crate::domain::page::PageQuery;
use crate::domain::prediction::PredictionRequest;
use crate::domain::reason::{MAX_REASONS, NewReasonTable, ReasonOptions, ReasonsWanted};
use crate::error::{Code, Error, Result};

/// Most bytes of a file.
const MOST_BYTES: u64 = 1 << 20;

/// `reasons(model, rows, max=4, method="expected_gradients", table=None, adverse=None, language=None,
/// version=None, record=False)`.
pub(super) fn reasons<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let method = arguments.json("method")?;
    let whole = |name: &str, most: u64| -> Result<Option<u32>> {
        let number = arguments.number(name, 1..=most)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let options = ReasonOptions {
        max: whole("max", u64::from(MAX_REASONS))?,
        method: method.map(|method| arguments.typed("method", method)).transpose()?,
        table: whole("table", u64::from(i32::MAX.unsigned_abs()))?,
        adverse: arguments.text("adverse")?.map(str::to_owned),
        language: arguments.text("language")?.map(str::to_owned),
    };
    let record = arguments.flag("record", false)?;
    let asked = AskedRows::of(arguments, context)?;
    let request = PredictionRequest {
        version: asked.number(),
        rows: Some(asked.rows),
        record,
        reasons: Some(Box::new(ReasonsWanted::As(options))),
        ..PredictionRequest::default()
    };
    let client = context.client();
    let answer = client.predict(&asked.model, &request);
    let response = if record { context.change(answer) } else { context.wait(answer) }?;
    let positive_class = asked.version.signature.positive_class;
    alloc(Object::Reasons(Box::new(Told { response, positive_class })), eval)
}

/// `reason_table(model, entries=None, number=None)`.
pub(super) fn reason_table<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (model, _) = model_argument(arguments, "model")?;
    let number = arguments.number("number", 1..=u64::from(i32::MAX.unsigned_abs()))?;
    let number = number.and_then(|number| u32::try_from(number).ok());
    let client = context.client();
    let table = match arguments.get("entries") {
        Some(_) if number.is_some() => {
            return Err(arguments.wrong("number", "is given by the server to a new table"));
        }
        Some(value) => match value.unpack_str() {
            Some(path) => {
                let csv = read(path)?;
                context.change(client.import_reason_table(&model, csv.into()))?
            }
            None => {
                let entries = arguments.json("entries")?.unwrap_or_default();
                let entries = arguments.typed("entries", entries)?;
                let new = NewReasonTable { entries };
                context.change(client.create_reason_table(&model, &new))?
            }
        },
        None => {
            let number = match number {
                Some(number) => number,
                None => {
                    let query = PageQuery { limit: Some(1), cursor: None };
                    let newest = context.wait(client.list_reason_tables(&model, &query))?;
                    let newest = newest.items.first().map(|table| table.number);
                    newest.ok_or_else(|| {
                        no_such(format!(
                            "model {model} has no reason table: import one with entries"
                        ))
                    })?
                }
            };
            context.wait(client.get_reason_table(&model, number))?
        }
    };
    alloc(Object::ReasonTable(table), eval)
}

fn read(text: &str) -> Result<Vec<u8>> {
    let path = path_of(text);
    let refuse = |detail: String| Error::new(Code::InvalidRequest, detail);
    let unreadable =
        |error: std::io::Error| refuse(format!("{} can't be read: {error}", path.display()));
    let size = std::fs::metadata(&path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(refuse(format!("{} is larger than a reason table may be", path.display())));
    }
    std::fs::read(&path).map_err(unreadable)
}
