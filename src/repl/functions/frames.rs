//! Frames: rows that are explored here, by queries.

use std::io::Write;

use starlark::eval::Evaluator;
use starlark::values::Value;
use starlark::values::list::ListRef;

use super::super::arguments::Arguments;
use super::super::context::{Context, context, interrupted};
use super::super::objects::{Groups, Object, alloc, is_number, object_of};
use super::data::{dataset_of, file_of};
use crate::domain::dataset::{DataFormat, DatasetVersion};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Context as _, Error, Result};
use crate::frame::{Frame, ingest, query, query_in_order, read_parquet};

/// The name of the frame that a function works on, in the query that it becomes.
const THIS: &str = "this";
/// The other one of a join.
const OTHER: &str = "other";
/// Where a row stands in the first frame of a join.
const PLACE: &str = "_place_";
/// Most columns whose correlations are shown.
const MOST_CORRELATED: usize = 40;
/// Most rows of a sample.
const MOST_SAMPLED: u64 = 100_000_000;

/// `frame(source)`.
pub(super) fn frame<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let source = arguments.needed("dataset")?;
    let file = match source.unpack_str() {
        Some(text) => file_of(text)?,
        None => None,
    };
    let made = match (file, object_of(source)) {
        (_, Some(Object::Frame(frame))) => frame.clone(),
        (Some((path, format)), _) => read_file(&path, format)?,
        (None, _) => download(context, &dataset_of(arguments, context)?)?,
    };
    alloc(Object::Frame(made), eval)
}

/// A file as the server would read it.
fn read_file(path: &std::path::Path, format: DataFormat) -> Result<Frame> {
    let directory = tempfile::tempdir().context("making room for a file")?;
    let stored = directory.path().join("frame.parquet");
    let context = context()?;
    ingest(path, format, &[], &stored, directory.path(), &mut |_| context.go_on())?;
    read_parquet(std::fs::File::open(&stored).context("opening what was read")?, None)
}

/// A dataset's rows.
fn download(context: &Context, dataset: &DatasetVersion) -> Result<Frame> {
    let mut file = tempfile::tempfile().context("making room for a dataset")?;
    let (name, version) = (&dataset.dataset, dataset.version);
    context.wait(async {
        let mut content =
            context.client().dataset_content(name, version, DataFormat::Parquet).await?;
        while let Some(piece) = content.next().await? {
            file.write_all(&piece).context("keeping a dataset")?;
        }
        Ok(())
    })?;
    read_parquet(file, None)
}

/// The frame that a function is called on: one, or what [`frame`] makes one of.
pub(super) fn this(arguments: &Arguments<'_>, context: &Context) -> Result<Frame> {
    frame_of(arguments, context, "frame")
}

fn frame_of(arguments: &Arguments<'_>, context: &Context, name: &str) -> Result<Frame> {
    let value = arguments.needed(name)?;
    match object_of(value) {
        Some(Object::Frame(frame)) => Ok(frame.clone()),
        Some(Object::Dataset(dataset)) => download(context, dataset),
        _ => Err(arguments.unlike(
            name,
            "a frame, as frame(\"loans.csv\") gives it, or a dataset",
            value,
        )),
    }
}

/// A column's name as a query has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name or a list of names, of columns that are there.
pub(super) fn columns(arguments: &Arguments<'_>, name: &str, frame: &Frame) -> Result<Vec<String>> {
    let value = arguments.needed(name)?;
    let names = texts(arguments, name, value)?;
    names.iter().try_for_each(|column| known(frame, column)).map(|()| names)
}

fn texts<'v>(arguments: &Arguments<'v>, name: &str, value: Value<'v>) -> Result<Vec<String>> {
    let wanted = "a column's name or a list of names";
    if let Some(text) = value.unpack_str() {
        return Ok(vec![text.to_owned()]);
    }
    let items = ListRef::from_value(value).ok_or_else(|| arguments.unlike(name, wanted, value))?;
    let texts: Option<Vec<String>> =
        items.content().iter().map(|item| item.unpack_str().map(str::to_owned)).collect();
    match texts {
        Some(texts) if !texts.is_empty() => Ok(texts),
        _ => Err(arguments.unlike(name, wanted, value)),
    }
}

pub(super) fn known(frame: &Frame, column: &str) -> Result<()> {
    if frame.column(column).is_some() {
        return Ok(());
    }
    let names = || frame.columns().iter().map(|column| column.name.as_str());
    let near = match did_you_mean(column, names()) {
        near if near.is_empty() => {
            format!("; there are {}", names().collect::<Vec<_>>().join(", "))
        }
        near => near,
    };
    Err(Error::new(Code::InvalidRequest, format!("there is no column {column}{near}")))
}

/// Asks a query over one frame.
fn ask<'v>(frame: &Frame, sql: &str, eval: &mut Evaluator<'v, '_, '_>) -> Result<Value<'v>> {
    let answer = context()?.wait(query(sql, &[(THIS, frame)]))?;
    alloc(Object::Frame(answer), eval)
}

/// The same, with rows in the order of the frame's.
fn ask_in_order<'v>(
    frame: &Frame,
    sql: &str,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let answer = context()?.wait(query_in_order(sql, &[(THIS, frame)]))?;
    alloc(Object::Frame(answer), eval)
}

/// `sql(query)`: over the frames that the session has names for.
pub(super) fn sql<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let text = arguments.text("query")?.unwrap_or_default();
    let module = eval.module();
    let named: Vec<(String, Frame)> = module
        .names()
        .filter_map(|name| match object_of(module.get(name.as_str())?)? {
            Object::Frame(frame) => Some((name.as_str().to_owned(), frame.clone())),
            _ => None,
        })
        .collect();
    let frames: Vec<(&str, &Frame)> = named.iter().map(|(name, f)| (name.as_str(), f)).collect();
    let answer = context()?.wait(query(text, &frames))?;
    alloc(Object::Frame(answer), eval)
}

/// `filter(frame, condition)`.
pub(super) fn filter<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let first = arguments.get("frame").unwrap_or(Value::new_none());
    if object_of(first).is_none() {
        return items(first, arguments, eval);
    }
    let frame = this(arguments, &*context()?)?;
    let condition = arguments.text("condition")?.unwrap_or_default();
    ask_in_order(&frame, &format!("SELECT * FROM {THIS} WHERE {condition}"), eval)
}

/// The items of a list for which a function is true: what Starlark's own `filter` gives.
fn items<'v>(
    function: Value<'v>,
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let value = arguments.needed("condition")?;
    let Some(list) = ListRef::from_value(value) else {
        return Err(arguments.unlike("frame", "a frame or a dataset", function));
    };
    let mut kept = Vec::new();
    for item in list.content().to_vec() {
        let is_kept = match function.is_none() {
            true => item.to_bool(),
            false => {
                let answer = eval.eval_function(function, &[item], &[]);
                if context()?.is_to_end() {
                    return Err(interrupted("interrupted"));
                }
                let failed = |error: starlark::Error| {
                    Error::new(Code::InvalidRequest, error.without_diagnostic().to_string())
                };
                answer.map_err(failed)?.to_bool()
            }
        };
        if is_kept {
            kept.push(item);
        }
    }
    Ok(eval.heap().alloc(kept))
}

/// `select(frame, columns)`.
pub(super) fn select<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let wanted: Vec<String> =
        columns(arguments, "columns", &frame)?.iter().map(|name| quoted(name)).collect();
    ask_in_order(&frame, &format!("SELECT {} FROM {THIS}", wanted.join(", ")), eval)
}

/// `drop(frame, columns)`.
pub(super) fn drop<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let unwanted = columns(arguments, "columns", &frame)?;
    let kept = frame.columns().iter().filter(|column| !unwanted.contains(&column.name));
    let kept: Vec<String> = kept.map(|column| quoted(&column.name)).collect();
    if kept.is_empty() {
        return Err(arguments.wrong("columns", "are all that there are: something has to be left"));
    }
    ask_in_order(&frame, &format!("SELECT {} FROM {THIS}", kept.join(", ")), eval)
}

/// `sort(frame, by, descending=False)`.
pub(super) fn sort<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let order = if arguments.flag("descending", false)? { "DESC" } else { "ASC" };
    let by: Vec<String> = columns(arguments, "by", &frame)?
        .iter()
        .map(|name| format!("{} {order} NULLS LAST", quoted(name)))
        .collect();
    ask(&frame, &format!("SELECT * FROM {THIS} ORDER BY {}", by.join(", ")), eval)
}

/// `group(frame, by)`.
pub(super) fn group<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let by = columns(arguments, "by", &frame)?;
    alloc(Object::Groups(Groups { frame, by }), eval)
}

/// `agg(groups, **values)`.
pub(super) fn agg<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let value = arguments.needed("groups")?;
    let Some(Object::Groups(groups)) = object_of(value) else {
        return Err(arguments.unlike("groups", "what f.group(\"region\") gives", value));
    };
    let by: Vec<String> = groups.by.iter().map(|name| quoted(name)).collect();
    let mut shown = by.clone();
    for (name, value) in arguments.others() {
        let expression = value.unpack_str().ok_or_else(|| {
            arguments.unlike(name, "an expression in SQL, such as \"avg(income)\"", *value)
        })?;
        shown.push(format!("{expression} AS {}", quoted(name)));
    }
    let (by, shown) = (by.join(", "), shown.join(", "));
    let sql = format!("SELECT {shown} FROM {THIS} GROUP BY {by} ORDER BY {by}");
    ask(&groups.frame, &sql, eval)
}

/// `count(column=None)`.
pub(super) fn count<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let of = arguments.text("column")?.map_or_else(|| "*".to_owned(), quoted);
    Ok(eval.heap().alloc(format!("count({of})")))
}

/// `mean(column)`.
pub(super) fn mean<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    expression(arguments, "avg", eval)
}

/// `median(column)`.
pub(super) fn median<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    expression(arguments, "median", eval)
}

/// `sd(column)`.
pub(super) fn sd<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    expression(arguments, "stddev", eval)
}

/// What [`agg`] works out by a function of a column.
fn expression<'v>(
    arguments: &Arguments<'v>,
    function: &str,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let column = quoted(arguments.text("column")?.unwrap_or_default());
    Ok(eval.heap().alloc(format!("{function}({column})")))
}

/// `with_column(frame, name, value)`.
pub(super) fn with_column<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let name = arguments.text("name")?.unwrap_or_default();
    let value = arguments.text("value")?.unwrap_or_default();
    let made = format!("{value} AS {}", quoted(name));
    let mut shown: Vec<String> = frame
        .columns()
        .iter()
        .map(|column| match column.name == name {
            true => made.clone(),
            false => quoted(&column.name),
        })
        .collect();
    if frame.column(name).is_none() {
        shown.push(made);
    }
    ask_in_order(&frame, &format!("SELECT {} FROM {THIS}", shown.join(", ")), eval)
}

/// `join(frame, other, on, how="inner")`.
pub(super) fn join<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = &*context()?;
    let (frame, other) = (this(arguments, context)?, frame_of(arguments, context, "other")?);
    let on = columns(arguments, "on", &frame)?;
    on.iter().try_for_each(|column| known(&other, column))?;
    let how = match arguments.text("how")?.unwrap_or("inner") {
        "inner" => "INNER",
        "left" => "LEFT",
        "outer" => "FULL",
        how => {
            let near = did_you_mean(how, ["inner", "left", "outer"]);
            return Err(arguments.wrong("how", &format!("is 'inner', 'left' or 'outer'{near}")));
        }
    };
    // The columns that both have are those of the first, but what is joined on, which is of either.
    let mut shown: Vec<String> = Vec::new();
    for column in frame.columns() {
        let name = quoted(&column.name);
        shown.push(match on.contains(&column.name) {
            true => format!("coalesce({THIS}.{name}, {OTHER}.{name}) AS {name}"),
            false => format!("{THIS}.{name}"),
        });
    }
    let more = other.columns().iter().filter(|column| frame.column(&column.name).is_none());
    shown.extend(more.map(|column| format!("{OTHER}.{}", quoted(&column.name))));
    let equal: Vec<String> =
        on.iter().map(|name| format!("{THIS}.{0} = {OTHER}.{0}", quoted(name))).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT *, row_number() OVER () AS \"{PLACE}\" FROM {THIS}) AS {THIS} \
         {how} JOIN {OTHER} ON {} ORDER BY {THIS}.\"{PLACE}\" NULLS LAST",
        shown.join(", "),
        equal.join(" AND ")
    );
    let answer = context.wait(query_in_order(&sql, &[(THIS, &frame), (OTHER, &other)]))?;
    alloc(Object::Frame(answer), eval)
}

/// `value_counts(frame, column)`.
pub(super) fn value_counts<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let column = arguments.text("column")?.unwrap_or_default();
    known(&frame, column)?;
    let (name, rows) = (quoted(column), frame.rows().max(1));
    let sql = format!(
        "SELECT {name}, count(*) AS {}, count(*) / CAST({rows} AS DOUBLE) AS {} \
         FROM {THIS} GROUP BY {name} ORDER BY count(*) DESC, {name}",
        quoted(if column == "count" { "rows" } else { "count" }),
        quoted(if column == "share" { "of all" } else { "share" })
    );
    ask(&frame, &sql, eval)
}

/// `corr(frame, columns=None)`.
pub(super) fn corr<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let names: Vec<String> = match arguments.get("columns") {
        Some(_) => columns(arguments, "columns", &frame)?,
        None => {
            let numbers = frame.columns().iter().filter(|column| is_number(column.kind));
            numbers.map(|column| column.name.clone()).collect()
        }
    };
    if names.len() < 2 || names.len() > MOST_CORRELATED {
        let found = names.len();
        let problem =
            format!("2 to {MOST_CORRELATED} columns of numbers are correlated, not {found}");
        return Err(arguments.wrong("columns", &problem));
    }
    let label = if names.iter().any(|name| name == "column") { "\"of\"" } else { "\"column\"" };
    // A row for each column, of whose numbers those are taken that both have.
    let line = |of: &String| {
        let with = |name: &String| match name == of {
            true => format!("CAST(1 AS DOUBLE) AS {}", quoted(name)),
            false => format!("corr({}, {}) AS {}", quoted(of), quoted(name), quoted(name)),
        };
        let cells: Vec<String> = names.iter().map(with).collect();
        let text = of.replace('\'', "''");
        format!("'{text}' AS {label}, {}", cells.join(", "))
    };
    let shown: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let sql =
        one_below_the_other(names.iter().map(line), &format!("{label}, {}", shown.join(", ")));
    ask(&frame, &sql, eval)
}

/// A query whose rows are what each line says, in their order; `shown` names their columns.
fn one_below_the_other(lines: impl Iterator<Item = String>, shown: &str) -> String {
    let lines: Vec<String> = lines
        .enumerate()
        .map(|(at, line)| format!("SELECT {at} AS \"_at_\", {line} FROM {THIS}"))
        .collect();
    format!("SELECT {shown} FROM ({}) ORDER BY \"_at_\"", lines.join(" UNION ALL "))
}

/// `sample(frame, n=10, seed=0)`.
pub(super) fn sample<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    use rand::SeedableRng;
    let frame = this(arguments, &*context()?)?;
    let n = arguments.number("n", 1..=MOST_SAMPLED)?.unwrap_or(10);
    let seed = arguments.number("seed", 0..=u64::MAX)?.unwrap_or(0);
    let n = usize::try_from(n).unwrap_or(usize::MAX).min(frame.rows());
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut rows = rand::seq::index::sample(&mut rng, frame.rows(), n).into_vec();
    rows.sort_unstable();
    alloc(Object::Frame(frame.take(&rows)?), eval)
}

/// What there is to say of a frame's columns, a row a column.
pub(in crate::repl) fn described(frame: &Frame) -> Result<Frame> {
    let line = |column: &crate::domain::schema::Column| {
        let (name, text) = (quoted(&column.name), column.name.replace('\'', "''"));
        let number = |function: &str| match is_number(column.kind) {
            true => format!("CAST({function}({name}) AS DOUBLE)"),
            false => "CAST(NULL AS DOUBLE)".to_owned(),
        };
        format!(
            "'{text}' AS \"column\", '{}' AS \"type\", count(*) - count({name}) AS missing, \
             count(DISTINCT {name}) AS different, {} AS mean, {} AS sd, {} AS min, {} AS median, \
             {} AS max",
            column.kind.as_str(),
            number("avg"),
            number("stddev"),
            number("min"),
            number("median"),
            number("max")
        )
    };
    let shown = "\"column\", \"type\", missing, different, mean, sd, min, median, max";
    let sql = one_below_the_other(frame.columns().iter().map(line), shown);
    context()?.wait(query(&sql, &[(THIS, frame)]))
}
