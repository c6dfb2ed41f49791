//! Training rows that a version carries to choose from whom an adverse answer is compared with, with the
//! values of their columns: a table's that answers with one of two classes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::background::{NUMBERS, take};
use crate::domain::model::Task;
use crate::domain::schema::ColumnType;
use crate::engine::features::{FittedFeatures, Layout, Matrix};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Context, Result};
use crate::frame::Frame;

/// Rows that are kept: about one in 20 of them lies near a cut-off.
const ROWS: usize = 4096;
/// Characters of a category that are carried: they are shown in sentences.
pub const SHOWN: usize = 60;
/// Hexadecimal digits of the hash of a long one.
const HASHED: usize = 32;

/// Rows that were drawn of a table, and what they have in its columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drawn {
    rows: Vec<usize>,
    columns: Vec<KnownColumn>,
}

/// The same as a version carries it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Applicants {
    pub(super) inputs: Matrix,
    pub(super) columns: Vec<KnownColumn>,
}

impl Applicants {
    /// Bytes that they take in memory.
    pub(super) fn bytes(&self) -> usize {
        let of_columns = self.columns.iter().map(|column| column.values.bytes());
        self.inputs.data.len() * size_of::<f32>() + of_columns.sum::<usize>()
    }
}

/// The values of a column, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownColumn {
    pub(super) name: String,
    pub(super) values: KnownValues,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KnownValues {
    Numbers(Vec<Option<f64>>),
    /// Microseconds since 1970 in UTC.
    Times(Vec<Option<i64>>),
    Words {
        words: Vec<String>,
        /// Which of them.
        codes: Vec<Option<u32>>,
    },
}

impl KnownValues {
    fn bytes(&self) -> usize {
        match self {
            Self::Numbers(values) => size_of_val(values.as_slice()),
            Self::Times(values) => size_of_val(values.as_slice()),
            Self::Words { words, codes } => {
                let texts = words.iter().map(|word| size_of::<String>() + word.len());
                size_of_val(codes.as_slice()) + texts.sum::<usize>()
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Times(values) => values.len(),
            Self::Words { codes, .. } => codes.len(),
        }
    }
}

impl Drawn {
    /// Of the rows that a network learns from; none but of a table of two classes.
    ///
    /// # Errors
    /// Internal, when a column is not there.
    pub(crate) fn of(
        frame: &Frame,
        features: &FittedFeatures,
        task: Task,
        seed: u64,
    ) -> Result<Self> {
        let layout = features.layout();
        if task != Task::Binary || !matches!(layout, Layout::Table(_)) {
            return Ok(Self::default());
        }
        let mut rows: Vec<usize> = (0..frame.rows()).collect();
        shuffle(&mut keyed(seed, Purpose::Background, 1, 0), &mut rows);
        rows.truncate(ROWS.min(NUMBERS / layout.width().max(1)));
        let some = frame.take(&rows)?;
        let columns = features.names().map(|name| known(&some, name)).collect::<Result<_>>()?;
        Ok(Self { rows, columns })
    }

    /// With what the networks read of these rows; None of none.
    pub(super) fn among(&self, inputs: &Matrix) -> Option<Applicants> {
        let is_there = !self.rows.is_empty() && self.rows.iter().all(|row| *row < inputs.rows);
        is_there
            .then(|| Applicants { inputs: take(inputs, &self.rows), columns: self.columns.clone() })
    }
}

/// A category as a version carries it: of a long one its beginning and `…`, then what tells it from others that
/// begin so. Versions of earlier programs carry the beginning alone.
pub fn carried(label: &str) -> String {
    match label.char_indices().nth(SHOWN) {
        None => label.to_owned(),
        Some((end, _)) => {
            let hash = hex::encode(Sha256::digest(label));
            format!("{}…{}", &label[..end], &hash[..HASHED])
        }
    }
}

fn known(frame: &Frame, name: &str) -> Result<KnownColumn> {
    let values = match frame.column(name).map(|column| column.kind) {
        Some(ColumnType::Int64 | ColumnType::Float64) => {
            let numbers = frame.numbers(name)?.into_iter();
            KnownValues::Numbers(numbers.map(|n| n.is_finite().then_some(n)).collect())
        }
        Some(ColumnType::Timestamp) => KnownValues::Times(frame.timestamps(name)?),
        _ => {
            let mut words: Vec<String> = Vec::new();
            let mut places = std::collections::HashMap::new();
            let codes = frame.labels(name)?.into_iter().map(|label| {
                let label = carried(&label?);
                let next = u32::try_from(words.len()).ok()?;
                Some(*places.entry(label).or_insert_with_key(|label| {
                    words.push(label.clone());
                    next
                }))
            });
            let codes = codes.collect();
            KnownValues::Words { words, codes }
        }
    };
    Ok(KnownColumn { name: name.to_owned(), values })
}

/// The columns as bytes.
pub(super) fn encode(columns: &[KnownColumn]) -> Result<Vec<u8>> {
    serde_json::to_vec(columns).context("writing the values of applicants")
}

/// None for what are no columns of so many rows.
pub(super) fn decode(bytes: &[u8], rows: usize) -> Option<Vec<KnownColumn>> {
    let columns: Vec<KnownColumn> = serde_json::from_slice(bytes).ok()?;
    let is_whole = |column: &KnownColumn| {
        let codes = match &column.values {
            KnownValues::Words { words, codes } => {
                codes.iter().flatten().all(|code| (*code as usize) < words.len())
            }
            _ => true,
        };
        codes && column.values.len() == rows
    };
    columns.iter().all(is_whole).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Values;

    #[test]
    fn long_categories_that_begin_alike_are_two() {
        let begun = "é".repeat(SHOWN);
        let labels = [&begun, &format!("{begun}a"), &format!("{begun}b"), &format!("{begun}a")];
        let texts = labels.iter().map(|label| Some((*label).clone())).collect();
        let frame = Frame::new(4, vec![("x".to_owned(), Values::String(texts))]).unwrap();
        let KnownValues::Words { words, codes } = known(&frame, "x").unwrap().values else {
            panic!()
        };
        assert_eq!(codes, [Some(0), Some(1), Some(2), Some(1)]);
        assert_eq!(words[0], begun);
        let digits = words[1].strip_prefix(&format!("{begun}…")).unwrap();
        assert_eq!((digits.len(), carried(labels[1])), (HASHED, words[1].clone()));
    }
}
