//! Three rows scored: the safest, the one nearest the threshold, the riskiest.

use super::super::output::{aligned, print};
use super::Run;
use crate::domain::prediction::{Prediction, PredictionRequest, PredictionResponse, Row};
use crate::domain::version::Version;
use crate::error::{Error, Result};

/// So many rows are scored to choose from.
const CANDIDATES: u32 = 200;

/// Scores the last rows, shows three of them and gives back the last one shown.
pub(super) async fn show(run: &Run<'_>, version: &Version, dataset: u32, rows: u64) -> Result<Row> {
    let offset = rows.saturating_sub(u64::from(CANDIDATES));
    let preview =
        run.client.preview_dataset(&run.input.dataset, dataset, offset, CANDIDATES).await?;
    let inputs = &version.signature.inputs;
    let rows: Vec<Row> = preview
        .into_iter()
        .map(|mut row| {
            row.retain(|name, _| inputs.iter().any(|input| input.name == *name));
            row
        })
        .collect();
    let request = PredictionRequest { rows: Some(rows.clone()), ..PredictionRequest::default() };
    let answer = run.client.predict(&version.model, &request).await?;
    let chosen = choose(&answer, version);
    let mut table = vec![heading(run, version)];
    for &index in &chosen {
        if let Some(prediction) = answer.predictions.get(index) {
            let number = offset + index as u64 + 1;
            table.push(line(run, version, &answer, number, prediction));
        }
    }
    let indented: String = aligned(&table).lines().map(|l| format!("   {l}\n")).collect();
    print(&indented)?;
    chosen
        .last()
        .and_then(|&index| rows.into_iter().nth(index))
        .ok_or_else(|| Error::internal("scoring rows", "the dataset has none"))
}

/// What rows are ordered by: the probability of the positive class, else of the label, else the
/// value.
fn score(prediction: &Prediction, version: &Version) -> f64 {
    let class = version.signature.positive_class.as_ref().or(prediction.label.as_ref());
    let probability =
        prediction.probabilities.as_ref().zip(class).and_then(|(p, class)| p.get(class));
    probability.copied().or(prediction.value).unwrap_or(f64::NAN)
}

fn choose(answer: &PredictionResponse, version: &Version) -> Vec<usize> {
    let scores: Vec<f64> = answer.predictions.iter().map(|p| score(p, version)).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let at = |index: &usize| scores.get(*index).copied().unwrap_or(f64::NAN);
    order.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let middle = match answer.threshold {
        Some(threshold) => order
            .iter()
            .min_by(|a, b| (at(a) - threshold).abs().total_cmp(&(at(b) - threshold).abs())),
        None => order.get(order.len() / 2),
    };
    let mut chosen: Vec<usize> =
        [order.first(), middle, order.last()].into_iter().flatten().copied().collect();
    chosen.dedup();
    chosen
}

fn heading(run: &Run<'_>, version: &Version) -> Vec<String> {
    let signature = &version.signature;
    let (row, p, answer) = match (&signature.positive_class, signature.threshold) {
        _ if run.input.is_generated() => {
            ("applicant", format!("p({})", signature.target), "decision")
        }
        (Some(class), _) => ("row", format!("p({} = {class})", signature.target), "answer"),
        (None, _) if signature.classes.is_empty() => ("row", signature.target.clone(), ""),
        (None, _) => ("row", "probability".to_owned(), signature.target.as_str()),
    };
    let answer = match signature.threshold {
        Some(threshold) => format!("{answer} at {threshold:.2}"),
        None => answer.to_owned(),
    };
    vec![row.to_owned(), p, answer, "answered by".to_owned()]
}

fn line(
    run: &Run<'_>,
    version: &Version,
    answer: &PredictionResponse,
    number: u64,
    prediction: &Prediction,
) -> Vec<String> {
    let label = prediction.label.clone().unwrap_or_default();
    let decision = if run.input.is_generated() {
        let declined = version.signature.positive_class.as_ref() == Some(&label);
        if declined { "decline".to_owned() } else { "accept".to_owned() }
    } else {
        label
    };
    let score = score(prediction, version);
    let score = if prediction.value.is_some() { format!("{score}") } else { format!("{score:.3}") };
    vec![format!("#{number}"), score, decision, format!("{} {}", answer.model, answer.version)]
}
