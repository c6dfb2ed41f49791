//! What leaves as an Arrow IPC stream: answers, and frames.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;

use super::Frame;
use super::parquet::cell;
use crate::domain::prediction::{Row, ScoredResponse};
use crate::error::{Context, Result};

/// Bytes of a stream besides its values, about: its schema, the head of its batch, its end.
const HEAD: usize = 1 << 11;
/// Bytes of a value, about.
const VALUE: usize = 12;

/// Answers as a stream of one batch: `label` and `probabilities.CLASS` for each class in the order
/// of their names, or `value`; the schema's metadata are `model`, `version` and, where there are
/// such, `threshold` and `id`.
///
/// # Errors
/// [`crate::error::Error::Internal`] when it can't be written.
pub fn write_answers(response: &ScoredResponse) -> Result<Vec<u8>> {
    let scores = &response.scores;
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    if scores.classes().is_empty() {
        fields.push(Field::new("value", DataType::Float64, false));
        arrays.push(Arc::new(Float64Array::from_iter_values(scores.column(0))));
    } else {
        fields.push(Field::new("label", DataType::Utf8, false));
        arrays.push(Arc::new(StringArray::from_iter_values(scores.labels())));
    }
    for (place, class) in scores.classes().iter().enumerate() {
        fields.push(Field::new(format!("probabilities.{class}"), DataType::Float64, false));
        arrays.push(Arc::new(Float64Array::from_iter_values(scores.column(place))));
    }
    let said = [
        ("model", Some(response.model.clone())),
        ("version", Some(response.version.to_string())),
        // The shortest text that is read as the same number.
        ("threshold", response.threshold.map(|threshold| format!("{threshold:?}"))),
        ("id", response.id.map(|id| id.to_string())),
    ];
    let metadata: HashMap<String, String> =
        said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    write(&RecordBatch::try_new(schema, arrays).context("putting answers together")?)
}

impl Frame {
    /// All rows as an Arrow IPC stream of one batch.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when it can't be written.
    pub fn to_stream(&self) -> Result<Vec<u8>> {
        write(self.batch()?)
    }

    /// The rows as they are written in JSON.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] where no arrays can be made of them.
    pub fn to_rows(&self) -> Result<Vec<Row>> {
        let arrays = self.batch()?.columns();
        let row = |at| {
            let columns = self.columns.iter().zip(arrays);
            columns.map(|(column, array)| (column.name.clone(), cell(array, at))).collect()
        };
        Ok((0..self.rows()).map(row).collect())
    }
}

fn write(batch: &RecordBatch) -> Result<Vec<u8>> {
    const WRITING: &str = "writing an Arrow stream";
    let bytes = Vec::with_capacity(batch.num_rows() * batch.num_columns() * VALUE + HEAD);
    let mut writer = StreamWriter::try_new(bytes, &batch.schema()).context(WRITING)?;
    writer.write(batch).context(WRITING)?;
    writer.into_inner().context(WRITING)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Float64Type;
    use arrow::ipc::reader::StreamReader;
    use uuid::Uuid;

    use super::*;
    use crate::domain::prediction::Scores;
    use crate::frame::Values;

    fn batch(bytes: &[u8]) -> RecordBatch {
        let mut batches = StreamReader::try_new(bytes, None).unwrap();
        let batch = batches.next().unwrap().unwrap();
        assert!(batches.next().is_none());
        batch
    }

    #[test]
    fn answers_are_columns_with_their_version_beside_them() {
        let classes = ["yes", "no"].map(String::from).into();
        let values = vec![0.9, 0.1, 0.2, 0.8];
        let scores = Scores::probabilities(&classes, vec![0, 1], values);
        let (model, id) = ("risk".to_owned(), Some(Uuid::nil()));
        let answer =
            ScoredResponse { scores, threshold: Some(0.1), model, version: 3, id, further: None };
        let read = batch(&write_answers(&answer).unwrap());
        let schema = read.schema();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["label", "probabilities.no", "probabilities.yes"]);
        assert_eq!(
            read.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
            ["yes", "no"]
        );
        assert_eq!(*read.column(2).as_primitive::<Float64Type>().values(), [0.9, 0.2]);
        let said =
            ["model", "version", "threshold", "id"].map(|name| schema.metadata()[name].as_str());
        assert_eq!(said, ["risk", "3", "0.1", "00000000-0000-0000-0000-000000000000"]);
    }

    #[test]
    fn numbers_are_one_column() {
        let scores = Scores::numbers(vec![1.5, -2.0]);
        let answer = ScoredResponse {
            scores,
            threshold: None,
            model: "m".into(),
            version: 1,
            id: None,
            further: None,
        };
        let read = batch(&write_answers(&answer).unwrap());
        assert_eq!(
            *read.column_by_name("value").unwrap().as_primitive::<Float64Type>().values(),
            [1.5, -2.0]
        );
        assert_eq!((read.num_columns(), read.schema().metadata().len()), (1, 2));
    }

    #[test]
    fn a_frame_is_written_whole() {
        let columns = vec![
            ("a".to_owned(), Values::Float64(vec![Some(1.0), None])),
            ("t".to_owned(), Values::Timestamp(vec![Some(0), Some(1)])),
        ];
        let frame = Frame::new(2, columns).unwrap();
        assert_eq!(batch(&frame.to_stream().unwrap()), *frame.batch().unwrap());
        let rows = serde_json::to_string(&frame.to_rows().unwrap()).unwrap();
        let second = r#"{"a":null,"t":"1970-01-01T00:00:00.000001Z"}"#;
        assert_eq!(rows, format!(r#"[{{"a":1.0,"t":"1970-01-01T00:00:00Z"}},{second}]"#));
    }
}
