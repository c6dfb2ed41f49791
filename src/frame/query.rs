//! Queries in SQL over frames, by DataFusion.

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::{Frame, arrow_schema, arrow_type, column_type};
use crate::domain::name::did_you_mean;
use crate::domain::schema::{Column, ColumnType};
use crate::error::{Code, Error, Result};

/// What a query over frames answers; each frame is a table by its name. Names of columns keep their
/// case; those that are no plain words stand in double quotes. The query can only read.
///
/// # Errors
/// [`Code::InvalidRequest`] with what is wrong with the query, and a name that is near where one is
/// unknown.
pub async fn query(sql: &str, frames: &[(&str, &Frame)]) -> Result<Frame> {
    ask(sql, frames, SessionConfig::new()).await
}

/// The same, with rows in the order of the frame's as long as the query does not put them in another:
/// on one thread, since several hand in what they have when it is there.
///
/// # Errors
/// As [`query`].
pub async fn query_in_order(sql: &str, frames: &[(&str, &Frame)]) -> Result<Frame> {
    ask(sql, frames, SessionConfig::new().with_target_partitions(1)).await
}

async fn ask(sql: &str, frames: &[(&str, &Frame)], config: SessionConfig) -> Result<Frame> {
    let mut config = config.with_information_schema(false);
    config.options_mut().sql_parser.enable_ident_normalization = false;
    let context = SessionContext::new_with_config(config);
    for (name, frame) in frames {
        context
            .register_batch(TableReference::bare(*name), frame.batch()?.clone())
            .map_err(|error| refused(&error, sql, frames))?;
    }
    let reads =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let answer = async {
        let answer = context.sql_with_options(sql, reads).await?;
        let schema = answer.schema().inner().clone();
        let batches = answer.collect().await?;
        Ok(concat_batches(&schema, &batches)?)
    };
    let batch = answer.await.map_err(|error: DataFusionError| refused(&error, sql, frames))?;
    typed(&batch)
}

/// A batch whose columns have the types that frames have.
fn typed(batch: &RecordBatch) -> Result<Frame> {
    let mut columns: Vec<Column> = Vec::with_capacity(batch.num_columns());
    let mut arrays = Vec::with_capacity(batch.num_columns());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let name = field.name().clone();
        if columns.iter().any(|column| column.name == name) {
            let detail = format!("two columns of the answer are named {name}: name one by AS");
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        let kind = kind_of(field.data_type()).ok_or_else(|| {
            let detail = format!(
                "column {name} of the answer is of type {}, which no column here can be: CAST it",
                field.data_type()
            );
            Error::new(Code::InvalidRequest, detail)
        })?;
        let array = cast(array, &arrow_type(kind)).map_err(|error| {
            Error::new(Code::InvalidRequest, format!("column {name} of the answer: {error}"))
        })?;
        columns.push(Column { name, kind, nullable: true });
        arrays.push(array);
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let batch = RecordBatch::try_new_with_options(arrow_schema(&columns), arrays, &options)
        .map_err(|error| Error::internal("reading an answer", error.to_string()))?;
    Ok(Frame::of(columns.into(), batch))
}

/// The type of a column that holds such values.
fn kind_of(data_type: &DataType) -> Option<ColumnType> {
    if let Some(kind) = column_type(data_type) {
        return Some(kind);
    }
    match data_type {
        // Of nothing but what is missing.
        DataType::Null => Some(ColumnType::String),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => Some(ColumnType::Int64),
        DataType::Float16 | DataType::Float32 => Some(ColumnType::Float64),
        data_type if data_type.is_decimal() => Some(ColumnType::Float64),
        DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::String),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            Some(ColumnType::Timestamp)
        }
        DataType::LargeBinary | DataType::BinaryView => Some(ColumnType::Image),
        _ => None,
    }
}

/// What DataFusion says, without its layers, and what may have been meant.
fn refused(error: &DataFusionError, sql: &str, frames: &[(&str, &Frame)]) -> Error {
    let text = match error.find_root() {
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
            return Error::new(Code::InvalidRequest, format!("the query can't be read: {text}"));
        }
        DataFusionError::SchemaError(error, _) => error.to_string(),
        DataFusionError::Plan(text) | DataFusionError::Execution(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.lines().next().unwrap_or_default().trim_end_matches('.');
    let detail = if let Some(rest) = text.strip_prefix("No field named ") {
        let name = rest.split(". ").next().unwrap_or(rest).trim_matches('"');
        let name = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
        let columns = frames.iter().flat_map(|(_, frame)| frame.columns());
        let mut said =
            unknown("column", name, columns.map(|column| column.name.as_str()).collect());
        if sql.contains(&format!("\"{name}\"")) && !said.contains("did you mean") {
            said.push_str(&format!("; a text stands in single quotes: '{name}'"));
        }
        said
    } else if let Some((name, _)) =
        text.split_once("' not found").filter(|(name, _)| name.starts_with("table '"))
    {
        let name = name.rsplit('.').next().unwrap_or(name);
        unknown("frame", name, frames.iter().map(|(name, _)| *name).collect())
    } else if text.contains("Divide by zero") {
        "a whole number is divided by 0: a / nullif(b, 0) is missing where b is 0".to_owned()
    } else if text.contains(" not supported: ") {
        format!("a query can only read: {text}")
    } else {
        text.to_owned()
    };
    Error::new(Code::InvalidRequest, detail)
}

/// Says that a thing is not there, and what is.
fn unknown(what: &str, name: &str, known: Vec<&str>) -> String {
    let near = match did_you_mean(name, known.iter().copied()) {
        near if near.is_empty() && !known.is_empty() => format!("; there are {}", known.join(", ")),
        near => near,
    };
    format!("there is no {what} {name}{near}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Values;

    fn loans() -> Frame {
        let grade = ["a", "b", "a", "c"].map(|g| Some(g.to_owned())).to_vec();
        Frame::new(
            4,
            vec![
                ("grade".into(), Values::String(grade)),
                ("Amount".into(), Values::Int64(vec![Some(10), Some(20), None, Some(40)])),
                ("paid back".into(), Values::Bool(vec![Some(true), None, Some(false), Some(true)])),
                ("day".into(), Values::Timestamp(vec![Some(0), Some(86_400_000_000), None, None])),
            ],
        )
        .unwrap()
    }

    async fn asked(sql: &str) -> Result<Frame> {
        query(sql, &[("loans", &loans())]).await
    }

    #[tokio::test]
    async fn groups_are_counted_and_averaged() {
        let sql = "SELECT grade, avg(Amount) AS mean, count(*) AS n, sum(Amount) AS all \
                   FROM loans GROUP BY grade ORDER BY grade";
        let found = asked(sql).await.unwrap();
        assert_eq!(found.texts("grade").unwrap(), [Some("a"), Some("b"), Some("c")]);
        assert_eq!(found.numbers("mean").unwrap(), [10.0, 20.0, 40.0]);
        assert_eq!(found.numbers("n").unwrap(), [2.0, 1.0, 1.0]);
        let kinds: Vec<ColumnType> = found.columns().iter().map(|c| c.kind).collect();
        use ColumnType::{Float64, Int64, String};
        assert_eq!(kinds, [String, Float64, Int64, Int64]);
    }

    #[tokio::test]
    async fn many_rows_keep_their_order() {
        let numbers = (0..50_000).map(Some).collect();
        let frame = Frame::new(50_000, vec![("n".into(), Values::Int64(numbers))]).unwrap();
        let sql = "SELECT n, n * 2 AS m FROM f WHERE n % 3 > 0";
        let found = query_in_order(sql, &[("f", &frame)]).await.unwrap();
        let found = found.numbers("n").unwrap();
        assert_eq!(found.len(), 33_333);
        assert!(found.is_sorted(), "rows that stood one below the other are apart");
    }

    #[tokio::test]
    async fn every_type_comes_back_and_no_rows_are_an_answer() {
        let found = asked("SELECT * FROM loans WHERE Amount > 15 OR Amount IS NULL").await.unwrap();
        assert_eq!(found.rows(), 3);
        assert_eq!(found.columns(), loans().columns());
        assert_eq!(found.timestamps("day").unwrap()[0], Some(86_400_000_000));
        let none = asked("SELECT \"paid back\" FROM loans WHERE Amount > 99").await.unwrap();
        assert_eq!((none.rows(), none.columns().len()), (0, 1));
        let wide = asked("SELECT CAST(1 AS SMALLINT) AS a, 1.5 AS b, NULL AS c").await.unwrap();
        assert_eq!(wide.numbers("a").unwrap(), [1.0]);
        assert_eq!(wide.numbers("b").unwrap(), [1.5]);
    }

    #[tokio::test]
    async fn what_can_not_be_answered_is_said() {
        let said = async |sql: &str| asked(sql).await.unwrap_err().to_string();
        let near = said("SELECT Amont FROM loans").await;
        assert!(near.contains("there is no column Amont") && near.contains("Amount"), "{near}");
        let twice = said("SELECT grade, grade FROM loans").await;
        assert!(twice.contains("grade"), "{twice}");
        let table = said("SELECT * FROM lones").await;
        assert_eq!(table, "there is no frame lones; did you mean loans?");
        assert!(said("SELECT 1 +").await.starts_with("the query can't be read: Expected"));
        for sql in ["CREATE TABLE t AS SELECT 1", "DROP TABLE loans", "nonsense", ""] {
            let error = asked(sql).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest, "{sql}: {error}");
        }
        let wrote = said("COPY loans TO '/tmp/x.csv'").await;
        assert!(wrote.starts_with("a query can only read"), "{wrote}");
    }
}
