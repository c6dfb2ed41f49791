//! Outcomes are drawn for the refused applicants of a dataset.

use actuary_finance::loans::{Band, Parcelling, parcel};

use super::{Claim, Service, blocking};
use crate::domain::dataset::DatasetOrigin;
use crate::domain::job::{JobResult, RejectInferenceJobSpec};
use crate::domain::reject::{ASSUMPTION, RejectInferenceRequest, RejectInferenceResult, ScoreBand};
use crate::domain::schema::ColumnType;
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, Values};
use crate::service::cache::Named;
use crate::service::rejects::INFERRED;

/// What was drawn.
struct Inferred {
    frame: Frame,
    bands: Vec<Band>,
    accepted: u64,
    rejected: u64,
}

impl Service {
    pub(super) async fn infer_rejects_run(
        &self,
        claim: &Claim,
        job: &RejectInferenceJobSpec,
    ) -> Result<()> {
        let RejectInferenceJobSpec { model_version, request } = job;
        let name = Named { project: &claim.project, model: &request.model };
        let loaded = self.loaded(name, *model_version).await?;
        let frame = self.frame_of(claim, &request.dataset).await?;
        let scored = frame.clone();
        let scorer = loaded.clone();
        let asked = request.clone();
        let inferred = blocking(move || {
            let scores = scorer.naming.named(scorer.model.predict(&scored)?);
            let signature = &scorer.version.signature;
            let (bad, _) = outcomes(signature, &asked);
            let place = scores.classes().iter().position(|class| *class == bad);
            let place = place
                .ok_or_else(|| Error::internal("inferring", format!("there is no class {bad}")))?;
            let probabilities: Vec<f64> = scores.column(place).collect();
            infer(&scored, &probabilities, signature, &asked)
        })
        .await?;
        let adverse = request.adverse.as_ref();
        let origin = DatasetOrigin {
            dataset: request.dataset.clone(),
            how: format!(
                "outcomes of refused applicants drawn by parcelling: model {} {model_version}, \
                 {} bands, factor {}, seed {}{}",
                request.model,
                request.bands,
                request.factor,
                request.seed,
                adverse.map_or_else(String::new, |adverse| format!(", adverse {adverse}"))
            ),
        };
        let Inferred { frame, bands, accepted, rejected } = inferred;
        let derived = self.derive(frame, origin).await?;
        let mut tx = self.store().begin().await?;
        if !tx.hold_run(claim.run).await? {
            return Ok(());
        }
        let dataset = request.into.clone();
        let version = derived.name(&mut tx, claim, &dataset).await?;
        let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
        let result = RejectInferenceResult {
            location: format!("/api/v1/datasets/{dataset}/versions/{version}"),
            dataset,
            version,
            rows: derived.ingested.rows,
            accepted,
            rejected,
            accepted_bad_rate: share(bands.iter().map(|band| band.bad).sum(), accepted),
            inferred_bad_rate: share(bands.iter().map(|band| band.inferred_bad).sum(), rejected),
            bands: bands.iter().map(told).collect(),
            assumption: ASSUMPTION.replace("`factor`", &request.factor.to_string()),
        };
        if tx.finish_run(claim.run, &JobResult::RejectInference(result)).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}

fn told(band: &Band) -> ScoreBand {
    let Band { low, high, accepted, bad, rejected, drawn_at, inferred_bad } = *band;
    ScoreBand { low, high, accepted, bad, rejected, drawn_at, inferred_bad }
}

/// The class of a default, and that of those who pay.
fn outcomes(signature: &Signature, request: &RejectInferenceRequest) -> (String, String) {
    let bad = request.adverse.clone().or(signature.positive_class.clone()).unwrap_or_default();
    let good = signature.classes.iter().find(|class| **class != bad).cloned();
    (bad, good.unwrap_or_default())
}

/// The dataset with an outcome in every row, by the probabilities of a default.
fn infer(
    frame: &Frame,
    probabilities: &[f64],
    signature: &Signature,
    request: &RejectInferenceRequest,
) -> Result<Inferred> {
    let target = signature.target.as_str();
    let (bad, good) = outcomes(signature, request);
    let known = frame.labels(target)?;
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for (outcome, p) in known.iter().zip(probabilities) {
        match outcome {
            Some(outcome) if *outcome == bad => accepted.push((*p, true)),
            Some(outcome) if *outcome == good => accepted.push((*p, false)),
            Some(other) => {
                let detail =
                    format!("{target} is {other:?} somewhere, which the model doesn't know");
                return Err(Error::field(Code::InvalidRequest, "/dataset", detail));
            }
            None => rejected.push(*p),
        }
    }
    let how =
        Parcelling { bands: request.bands as usize, factor: request.factor, seed: request.seed };
    let (bands, drawn) = parcel(&how, &accepted, &rejected)
        .map_err(|fault| Error::field(Code::InvalidRequest, fault.pointer, fault.detail))?;
    let mut drawn = drawn.into_iter();
    let inferred: Vec<Option<bool>> = known.iter().map(|o| Some(o.is_none())).collect();
    let filled: Vec<Option<String>> = known
        .into_iter()
        .map(|outcome| {
            outcome.or_else(|| drawn.next().map(|is_bad| if is_bad { &bad } else { &good }.clone()))
        })
        .collect();
    let kind = frame.column(target).map(|column| column.kind);
    let frame = frame
        .with_values(target, typed(kind, filled)?)?
        .with_columns(vec![(INFERRED.to_owned(), Values::Bool(inferred))])?;
    Ok(Inferred { frame, bands, accepted: accepted.len() as u64, rejected: rejected.len() as u64 })
}

/// Labels as values of a column's type, which they were written from.
fn typed(kind: Option<ColumnType>, labels: Vec<Option<String>>) -> Result<Values> {
    fn parsed<T: std::str::FromStr>(labels: Vec<Option<String>>) -> Result<Vec<Option<T>>> {
        let one = |label: Option<String>| match label {
            Some(label) => label.parse().map(Some).map_err(|_| {
                Error::internal("inferring", format!("{label} is of another type than its column"))
            }),
            None => Ok(None),
        };
        labels.into_iter().map(one).collect()
    }
    match kind {
        Some(ColumnType::Bool) => parsed(labels).map(Values::Bool),
        Some(ColumnType::Int64) => parsed(labels).map(Values::Int64),
        Some(ColumnType::Float64) => parsed(labels).map(Values::Float64),
        _ => Ok(Values::String(labels)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outcomes_fill_the_target_and_say_so() {
        let signature: Signature = serde_json::from_value(json!({
            "task": "binary", "target": "bad", "classes": ["0", "1"], "positive_class": "1",
            "inputs": []
        }))
        .unwrap();
        let request: RejectInferenceRequest = serde_json::from_value(json!({
            "dataset": {"name": "loans"}, "model": "m", "into": "x", "bands": 2, "factor": 100.0
        }))
        .unwrap();
        // Forty accepted, of the worse half a quarter defaults; two refused among them.
        let bad = |row: i64| Some(i64::from(row >= 20 && row % 4 == 0));
        let mut outcomes: Vec<Option<i64>> = (0..40).map(bad).collect();
        outcomes.extend([None, None]);
        let mut probabilities: Vec<f64> = (0..40).map(|row| f64::from(row) / 100.0).collect();
        probabilities.extend([0.0, 0.9]);
        let frame = Frame::new(42, vec![("bad".into(), Values::Int64(outcomes))]).unwrap();
        let found = infer(&frame, &probabilities, &signature, &request).unwrap();
        let filled = found.frame.labels("bad").unwrap();
        assert_eq!(filled[40..], [Some("0".to_owned()), Some("1".to_owned())]);
        assert_eq!(found.frame.column("bad").unwrap().kind, ColumnType::Int64);
        let inferred = found.frame.labels("inferred").unwrap();
        assert_eq!(inferred[39..], ["false", "true", "true"].map(|t| Some(t.to_owned())));
        assert_eq!((found.accepted, found.rejected, found.bands[1].bad), (40, 2, 5));
        // Where the other class is that of a default, it is drawn.
        let adverse = RejectInferenceRequest { adverse: Some("0".to_owned()), ..request.clone() };
        let repaid: Vec<f64> = probabilities.iter().map(|p| 1.0 - p).collect();
        let found = infer(&frame, &repaid, &signature, &adverse).unwrap();
        let bad: u64 = found.bands.iter().map(|band| band.bad).sum();
        let filled = found.frame.labels("bad").unwrap();
        assert_eq!((bad, &filled[40..]), (35, &[Some("0".to_owned()), Some("0".to_owned())][..]));
        let other = RejectInferenceRequest { bands: 3, ..request };
        assert!(infer(&frame, &probabilities, &signature, &other).is_err(), "13 are too few");
    }
}
