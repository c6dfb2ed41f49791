//! Recorded predictions, and what the same rows are answered now.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::cache::Named;
use super::super::reasons::{Answered, are_same, asked_again};
use super::super::turns::PATIENCE;
use super::super::{Service, not_found};
use crate::domain::key::Caller;
use crate::domain::prediction::{Prediction, PredictionRecord, Replay};
use crate::error::Result;

impl Service {
    /// A recorded answer.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn get_prediction(&self, caller: &Caller, id: Uuid) -> Result<PredictionRecord> {
        let found = self.store().get_prediction(&caller.project, id).await?;
        found.ok_or_else(|| not_found("recorded prediction", &id.to_string()))
    }

    /// Scores a recorded answer's rows again by the version that gave it, and compares.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::TooManyRequests`] where its reasons are not found again in time.
    pub async fn replay_prediction(&self, caller: &Caller, id: Uuid) -> Result<Replay> {
        let record = self.get_prediction(caller, id).await?;
        let name = Named { project: &caller.project, model: &record.model };
        let loaded = self.loaded(name, record.version).await?;
        let frame = loaded.reader.rows(&record.rows)?;
        let outputs = self.0.scorer.score(&loaded, frame.clone()).await?;
        let scores = loaded.naming.named(outputs);
        let reasons = match &record.reasons {
            Some(then) => {
                let turn = self.0.explaining.take().await?;
                let (scores, cut_off) = (&scores, then.cut_off);
                let answered = Answered {
                    frame: &frame,
                    scores,
                    cut_off,
                    told: None,
                    patience: PATIENCE,
                    is_replay: true,
                    is_settled: true,
                    directions: then.directions,
                };
                let options = asked_again(then);
                Some(self.reasons(name, &loaded, answered, &options, turn).await?)
            }
            None => None,
        };
        let same_reasons =
            record.reasons.as_ref().zip(reasons.as_ref()).map(|(then, now)| are_same(then, now));
        let predictions = scores.predictions();
        let same_labels = record.predictions.len() == predictions.len()
            && record.predictions.iter().zip(&predictions).all(|(a, b)| a.label == b.label);
        Ok(Replay {
            id,
            identical: record.predictions == predictions,
            max_difference: max_difference(&record.predictions, &predictions),
            same_labels,
            model: record.model,
            version: record.version,
            predictions,
            same_reasons,
            reasons: reasons.map(Box::new),
        })
    }
}

fn numbers(prediction: &Prediction) -> BTreeMap<&str, f64> {
    let probabilities = prediction.probabilities.iter().flatten();
    let mut numbers: BTreeMap<&str, f64> =
        probabilities.map(|(class, p)| (class.as_str(), *p)).collect();
    if let Some(value) = prediction.value {
        numbers.insert("", value);
    }
    numbers
}

fn max_difference(then: &[Prediction], now: &[Prediction]) -> f64 {
    let differences = then.iter().zip(now).flat_map(|(a, b)| {
        let b = numbers(b);
        numbers(a)
            .into_iter()
            .map(move |(name, value)| b.get(name).map_or(f64::MAX, |now| (value - now).abs()))
    });
    differences.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_the_greatest_of_all_numbers() {
        let with = |p: f64| Prediction {
            probabilities: Some([("a".to_owned(), p), ("b".to_owned(), 1.0 - p)].into()),
            ..Default::default()
        };
        assert_eq!(max_difference(&[with(0.25)], &[with(0.25)]), 0.0);
        assert_eq!(max_difference(&[with(0.25), with(0.5)], &[with(0.25), with(0.75)]), 0.25);
    }
}
