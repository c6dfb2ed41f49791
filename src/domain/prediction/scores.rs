//! Answers as columns of numbers, and the words that they are written in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{SerializeMap as _, SerializeSeq as _, SerializeStruct as _};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Prediction, PredictionResponse};
use crate::domain::explanation::Explanation;
use crate::domain::reason::Reasons;

/// What is answered to some rows, as columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// The classes in the order of their names; empty where a number is predicted.
    classes: Arc<[String]>,
    /// Which class is answered, row by row; empty where a number is predicted.
    labels: Vec<u32>,
    /// `[rows, classes]` probabilities, or one number a row.
    values: Vec<f64>,
}

impl Scores {
    /// Numbers, one a row.
    pub fn numbers(values: Vec<f64>) -> Self {
        Self { values, ..Self::default() }
    }

    /// `[rows, classes]` probabilities of classes in any order, and the position among them of the
    /// one that is answered in each row.
    pub fn probabilities(classes: &Arc<[String]>, labels: Vec<u32>, values: Vec<f64>) -> Self {
        if classes.is_sorted() {
            return Self { classes: classes.clone(), labels, values };
        }
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by(|&a, &b| classes[a].cmp(&classes[b]));
        let sorted = order.iter().map(|&at| classes[at].clone()).collect();
        let mut places = vec![0_u32; classes.len()];
        for (place, &at) in (0_u32..).zip(&order) {
            places[at] = place;
        }
        let labels = labels.into_iter().map(|at| places[at as usize]).collect();
        let rows = values.chunks_exact(classes.len());
        let values = rows.flat_map(|row| order.iter().map(|&at| row[at])).collect();
        Self { classes: sorted, labels, values }
    }

    /// Number of answers.
    pub fn rows(&self) -> usize {
        self.values.len() / self.classes.len().max(1)
    }

    /// The classes in the order of their names; none where a number is predicted.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class that is answered in each row; none where a number is predicted.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|&at| self.classes[at as usize].as_str())
    }

    /// The probabilities of a class by its place, or with 0 the numbers that are predicted.
    pub fn column(&self, place: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(place).step_by(self.classes.len().max(1)).copied()
    }

    /// Row by row.
    pub fn predictions(&self) -> Vec<Prediction> {
        if self.classes.is_empty() {
            let number = |&value: &f64| Prediction { value: Some(value), ..Prediction::default() };
            return self.values.iter().map(number).collect();
        }
        let row = |(row, label): (&[f64], &str)| Prediction {
            probabilities: Some(self.classes.iter().cloned().zip(row.iter().copied()).collect()),
            label: Some(label.to_owned()),
            value: None,
        };
        self.values.chunks_exact(self.classes.len()).zip(self.labels()).map(row).collect()
    }
}

/// Answers that were kept row by row.
impl TryFrom<Vec<Prediction>> for Scores {
    type Error = String;

    fn try_from(predictions: Vec<Prediction>) -> Result<Self, String> {
        let differ = || "the rows of the answer have different fields".to_owned();
        let first = predictions.first().and_then(|first| first.probabilities.as_ref());
        let Some(classes) = first.map(|first| first.keys().cloned().collect::<Vec<_>>()) else {
            let values = predictions.into_iter().map(|row| row.value);
            return values.collect::<Option<_>>().map(Self::numbers).ok_or_else(differ);
        };
        let mut labels = Vec::with_capacity(predictions.len());
        let mut values = Vec::with_capacity(predictions.len() * classes.len());
        for row in predictions {
            let probabilities: BTreeMap<String, f64> = row.probabilities.ok_or_else(differ)?;
            if !probabilities.keys().eq(&classes) {
                return Err(differ());
            }
            values.extend(probabilities.into_values());
            let label = row.label.ok_or_else(differ)?;
            let place = classes.binary_search(&label).map_err(|_| differ())?;
            labels.push(u32::try_from(place).map_err(|_| differ())?);
        }
        Ok(Self { classes: classes.into(), labels, values })
    }
}

/// As a list of [`Prediction`]s, to the byte.
impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows()))?;
        if self.classes.is_empty() {
            self.values.iter().try_for_each(|value| rows.serialize_element(&Number { value }))?;
            return rows.end();
        }
        let values = self.values.chunks_exact(self.classes.len());
        for (values, label) in values.zip(self.labels()) {
            let probabilities = Probabilities { classes: &self.classes, values };
            rows.serialize_element(&Class { probabilities, label })?;
        }
        rows.end()
    }
}

#[derive(Serialize)]
struct Number<'a> {
    value: &'a f64,
}

#[derive(Serialize)]
struct Class<'a> {
    probabilities: Probabilities<'a>,
    label: &'a str,
}

struct Probabilities<'a> {
    classes: &'a [String],
    values: &'a [f64],
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.classes.len()))?;
        for (class, value) in self.classes.iter().zip(self.values) {
            map.serialize_entry(class, value)?;
        }
        map.end()
    }
}

/// A [`PredictionResponse`] whose predictions are columns. It reads and writes the same JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "PredictionResponse")]
pub struct ScoredResponse {
    pub scores: Scores,
    pub threshold: Option<f64>,
    pub model: String,
    pub version: u32,
    pub id: Option<Uuid>,
    /// Boxed, since most answers have none.
    pub further: Option<Box<Further>>,
}

/// What is told beside the answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Further {
    pub reasons: Option<Box<Reasons>>,
    pub explanations: Option<Vec<Explanation>>,
}

impl TryFrom<PredictionResponse> for ScoredResponse {
    type Error = String;

    fn try_from(response: PredictionResponse) -> Result<Self, String> {
        let PredictionResponse {
            predictions,
            threshold,
            model,
            version,
            id,
            reasons,
            explanations,
        } = response;
        let has_further = reasons.is_some() || explanations.is_some();
        let further = has_further.then(|| Box::new(Further { reasons, explanations }));
        Ok(Self { scores: predictions.try_into()?, threshold, model, version, id, further })
    }
}

impl Serialize for ScoredResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { scores, threshold, model, version, id, further } = self;
        let mut fields = serializer.serialize_struct("PredictionResponse", 7)?;
        fields.serialize_field("predictions", scores)?;
        if let Some(threshold) = threshold {
            fields.serialize_field("threshold", threshold)?;
        }
        fields.serialize_field("model", model)?;
        fields.serialize_field("version", version)?;
        if let Some(id) = id {
            fields.serialize_field("id", id)?;
        }
        if let Some(further) = further {
            if let Some(reasons) = &further.reasons {
                fields.serialize_field("reasons", reasons)?;
            }
            if let Some(explanations) = &further.explanations {
                fields.serialize_field("explanations", explanations)?;
            }
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(scores: Scores, threshold: Option<f64>, id: Option<Uuid>) -> ScoredResponse {
        let model = "risk".to_owned();
        ScoredResponse { scores, threshold, model, version: 7, id, further: None }
    }

    /// The same answer row by row.
    fn by_rows(scored: &ScoredResponse) -> PredictionResponse {
        PredictionResponse {
            predictions: scored.scores.predictions(),
            threshold: scored.threshold,
            model: scored.model.clone(),
            version: scored.version,
            id: scored.id,
            reasons: scored.further.as_ref().and_then(|further| further.reasons.clone()),
            explanations: scored.further.as_ref().and_then(|f| f.explanations.clone()),
        }
    }

    fn classes() -> Scores {
        let classes = ["ü \"b\"", "10", "9"].map(String::from).into();
        let values = vec![0.25, 0.5, 0.25, 1.0 / 3.0, 1e-300, 2.0 / 3.0];
        Scores::probabilities(&classes, vec![1, 2], values)
    }

    #[test]
    fn what_is_written_from_columns_are_the_bytes_of_the_rows() {
        for scored in [
            response(classes(), None, Some(Uuid::nil())),
            response(Scores::numbers(vec![1.0, -0.1, 1e21, 5e-324]), None, None),
            response(
                Scores::probabilities(
                    &["0", "1"].map(String::from).into(),
                    vec![0],
                    vec![0.9, 0.1],
                ),
                Some(0.5),
                None,
            ),
            response(Scores::numbers(Vec::new()), Some(0.25), Some(Uuid::max())),
            ScoredResponse {
                further: Some(Box::new(Further { reasons: None, explanations: Some(Vec::new()) })),
                ..response(Scores::numbers(vec![1.0]), None, None)
            },
        ] {
            let text = serde_json::to_string(&scored).unwrap();
            assert_eq!(text, serde_json::to_string(&by_rows(&scored)).unwrap());
            let read: ScoredResponse = serde_json::from_str(&text).unwrap();
            assert_eq!(read, scored, "{text}");
        }
    }

    #[test]
    fn classes_come_in_the_order_of_their_names() {
        let scores = classes();
        assert_eq!(
            (scores.rows(), scores.classes()),
            (2, &["10", "9", "ü \"b\""].map(String::from)[..])
        );
        assert_eq!(scores.labels().collect::<Vec<_>>(), ["10", "9"]);
        assert_eq!(scores.column(0).collect::<Vec<_>>(), [0.5, 1e-300]);
        assert_eq!(scores.column(2).collect::<Vec<_>>(), [0.25, 1.0 / 3.0]);
        let first = &scores.predictions()[0];
        assert_eq!((first.label.as_deref(), first.value), (Some("10"), None));
        assert_eq!(first.probabilities.as_ref().unwrap()["ü \"b\""], 0.25);
    }

    #[test]
    fn an_answer_whose_rows_differ_is_none() {
        let with = |classes: &[&str], label: &str| Prediction {
            probabilities: Some(classes.iter().map(|c| ((*c).to_owned(), 0.5)).collect()),
            label: Some(label.to_owned()),
            value: None,
        };
        let number = Prediction { value: Some(1.0), ..Prediction::default() };
        for rows in [
            vec![with(&["a", "b"], "a"), with(&["a"], "a")],
            vec![with(&["a", "b"], "c")],
            vec![with(&["a", "b"], "a"), number.clone()],
            vec![number, with(&["a", "b"], "a")],
        ] {
            assert!(Scores::try_from(rows).is_err());
        }
    }
}
