//! Explanations of answers.

use std::sync::Arc;

use super::Service;
use super::cache::Named;
use super::content::blocking;
use super::loaded::Loaded;
use super::turns::{PATIENCE, Turn, patiently_or};
use super::versions::no_version;
use crate::domain::explanation::{
    ColumnAttribution, ExplainedStep, Explanation, ExplanationMethod, ExplanationRequest,
    ExplanationResponse, ExplanationScale, MAX_EXPLAINED, PixelAttributions, WordAttribution,
};
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::prediction::{MAX_ROWS, Row};
use crate::domain::version::Signature;
use crate::domain::window::WindowSpec;
use crate::engine::{
    Asked, Attributed, AttributedColumn, Attributing, Explainer, Outputs, Quantity,
};
use crate::error::{Code, Context, Error, Result};
use crate::frame::Frame;

/// What is said while others' answers are explained.
pub(super) const BUSY: &str =
    "many answers are being explained for others: ask again in a few seconds, or for fewer rows";

/// What is explained of each answer.
struct Explained {
    quantity: Quantity,
    class: Option<String>,
}

impl Service {
    /// Explains the answers of a version to rows.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be read; [`Code::InvalidRequest`] for
    /// a class or a step that the version does not answer, and for too many rows;
    /// [`Code::NotFound`] for an unknown model, version or alias, and a version of an earlier
    /// program, which carries no reference rows; [`Code::TooManyRequests`] while others' answers
    /// are explained.
    pub async fn explain(
        &self,
        caller: &Caller,
        model: &str,
        request: ExplanationRequest,
    ) -> Result<ExplanationResponse> {
        let name = Named { project: &caller.project, model };
        let loaded = self.loaded_as(name, request.version.as_ref()).await?;
        let rows = checked(&request, &loaded)?;
        let turn = self.0.explaining.take().await?;
        // Pictures are decoded for long.
        let reading = (loaded.clone(), rows.to_vec());
        let frame = blocking(move || reading.0.reader.rows(&reading.1)).await?;
        let explanations =
            self.explained(name, &loaded, (frame, rows, turn), &Asking::of(&request)).await?;
        let model = model.to_owned();
        let version = loaded.version.version;
        Ok(ExplanationResponse { explanations, method: request.method, model, version })
    }

    /// Explains the answers to rows that are read; `rows` are the same as they were sent.
    ///
    /// # Errors
    /// Those of [`Service::explain`].
    pub(super) async fn explained(
        &self,
        name: Named<'_>,
        loaded: &Arc<Loaded>,
        (frame, rows, turn): (Frame, &[Row], Turn),
        asking: &Asking<'_>,
    ) -> Result<Vec<Explanation>> {
        let explainer = self.explainer(name, loaded.version.version).await?;
        let signature = &loaded.version.signature;
        let asked = asked(asking, signature, &explainer)?;
        // Of several classes what a temperature makes of one depends on all.
        let several = signature.task == Task::Multiclass;
        let answers = match asked.is_none() || (several && signature.calibrator.is_some()) {
            true => Some(self.0.scorer.score(loaded, frame.clone()).await?),
            false => None,
        };
        let explained: Vec<Explained> = match asked {
            Some(one) => vec![one],
            None => answers
                .iter()
                .flat_map(answered)
                .map(|class| Explained {
                    quantity: Quantity::Class(class),
                    class: signature.classes.get(class).cloned(),
                })
                .collect(),
        };
        let method = match asking.method {
            ExplanationMethod::ExpectedGradients => Attributing::Expected,
            ExplanationMethod::IntegratedGradients => Attributing::Integrated,
            ExplanationMethod::Shapley => Attributing::Shapley,
        };
        let quantities: Vec<Quantity> = explained.iter().map(|one| one.quantity).collect();
        let groups = asking.groups.to_vec();
        let attributed = patiently(turn, move |stop| {
            let of = |row: usize| quantities[row.min(quantities.len() - 1)];
            let asked = Asked { groups: &groups, ..Asked::by(method, &of) };
            explainer.explain(&frame, &asked, stop)
        })
        .await?;
        let explanations = attributed.into_iter().enumerate().map(|(row, one)| {
            let of = &explained[row.min(explained.len() - 1)];
            let class = of.class.clone();
            let probability = class.as_ref().map(|class| match &signature.calibrator {
                None => logistic(one.value),
                Some(_) if several => probability(answers.as_ref(), row, of.quantity),
                // It is of the logit of the positive class.
                Some(of) if signature.positive_class.as_ref() == Some(class) => {
                    of.apply(one.value).unwrap_or(f64::NAN)
                }
                Some(of) => 1.0 - of.apply(-one.value).unwrap_or(f64::NAN),
            });
            let row = rows.get(row).filter(|_| signature.window.is_none());
            Explanation { probability, ..said(one, class, row) }
        });
        Ok(explanations.collect())
    }

    /// A version with its gradients, from memory when it is there.
    pub(super) async fn explainer(&self, name: Named<'_>, number: u32) -> Result<Arc<Explainer>> {
        if let Some(explainer) = self.0.cache.explainer(name, number) {
            return Ok(explainer);
        }
        let epoch = self.0.cache.epoch();
        let Named { project, model } = name;
        let servable = self.store().get_servable(project, model, number).await?;
        let servable = servable.ok_or_else(|| no_version(model, number))?;
        let background = servable.background.ok_or_else(|| {
            let version = format!("version {number} of model {model}");
            let detail = format!(
                "{version} was made by a program that kept no reference rows: train it once more \
                 (its specification is in provenance.spec) to have its answers explained"
            );
            Error::new(Code::NotFound, detail)
        })?;
        let key = (servable.model, number);
        let (service, name) = (self.clone(), name.owned());
        let load = async move {
            let weights = service.store().load_blob(servable.weights).await?;
            let background = service.store().load_blob(background).await?;
            let explainer = blocking(move || {
                let features = serde_json::from_str(servable.features.get())
                    .context("reading a version's fitted features")?;
                let (signature, spec) =
                    (&servable.version.signature, &servable.version.provenance.spec);
                Explainer::load(signature, spec, features, &weights, &background).map(Arc::new)
            })
            .await?;
            service.0.cache.keep_explainer(epoch, (&name).into(), number, explainer.clone());
            Ok(explainer)
        };
        self.0.explainers.join(key, load).await
    }
}

/// The number of the class that is answered to each row, or to the newest window of each series.
fn answered(outputs: &Outputs) -> Vec<usize> {
    let greatest = |row: &[f64]| {
        let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
        (0..row.len()).fold(0, better)
    };
    outputs.values.chunks_exact(outputs.width.max(1)).map(greatest).collect()
}

/// The probability of the class of a quantity, as it is served.
fn probability(outputs: Option<&Outputs>, row: usize, of: Quantity) -> f64 {
    let (Some(outputs), Quantity::Class(class)) = (outputs, of) else { return f64::NAN };
    outputs.values.get(row * outputs.width + class).copied().unwrap_or(f64::NAN)
}

/// What is asked of each answer.
pub(super) struct Asking<'a> {
    method: ExplanationMethod,
    class: Option<&'a String>,
    forecast: Option<&'a ExplainedStep>,
    groups: &'a [Vec<String>],
}

impl<'a> Asking<'a> {
    fn of(request: &'a ExplanationRequest) -> Self {
        Self {
            method: request.method,
            class: request.class.as_ref(),
            forecast: request.forecast.as_ref(),
            groups: &request.groups,
        }
    }

    /// Nothing but the answers.
    pub(super) fn plainly() -> Self {
        Self { method: ExplanationMethod::default(), class: None, forecast: None, groups: &[] }
    }
}

/// Explains on a thread of its own for as long as whoever asked waits, and no longer than a request may
/// take; `work` looks at `stop` as it goes on.
///
/// # Errors
/// Those of `work`; [`Code::InvalidRequest`] after a minute.
pub(super) async fn patiently<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T> + Send + 'static,
) -> Result<T> {
    let detail = "explaining takes longer than a minute: send fewer rows, or shorter texts";
    patiently_or(turn, PATIENCE, || Error::field(Code::InvalidRequest, "/rows", detail), work).await
}

/// The rows of a request, as many as may be.
fn checked<'a>(request: &'a ExplanationRequest, loaded: &Loaded) -> Result<&'a [Row]> {
    let rows = request.rows.as_deref().unwrap_or_default();
    if rows.is_empty() {
        let detail = "there are no rows to explain the answers to";
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    let (most, what) = match loaded.version.signature.window {
        // Each window reads many of them.
        Some(_) => (MAX_ROWS, "rows"),
        None => (MAX_EXPLAINED, "answers"),
    };
    if rows.len() > most {
        let detail = format!("{} rows are more than {most} {what}: send them in parts", rows.len());
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    Ok(rows)
}

/// What is explained of every answer; None where it is the class that is answered.
fn asked(
    request: &Asking<'_>,
    signature: &Signature,
    explainer: &Explainer,
) -> Result<Option<Explained>> {
    let refuse =
        |pointer: &str, detail: String| Error::field(Code::InvalidRequest, pointer, detail);
    if let (Some(_), false) = (request.forecast, signature.task == Task::Forecast) {
        return Err(refuse("/forecast", "the version does not forecast".to_owned()));
    }
    let of_class = matches!(signature.task, Task::Binary | Task::Multiclass);
    if let (Some(class), false) = (request.class, of_class) {
        return Err(refuse("/class", format!("the version answers numbers, and no class {class}")));
    }
    let class = match request.class {
        Some(class) => Some(known(class, &signature.classes)?),
        None => None,
    };
    let number =
        |output| Explained { quantity: explainer.number(signature.task, output), class: None };
    Ok(match signature.task {
        Task::Binary => {
            let positive = signature.positive_class.as_ref();
            let class = class.map(|class| &signature.classes[class]).or(positive);
            let negative = class != positive;
            Some(Explained { quantity: Quantity::Positive { negative }, class: class.cloned() })
        }
        Task::Multiclass => class.map(|class| Explained {
            quantity: Quantity::Class(class),
            class: signature.classes.get(class).cloned(),
        }),
        Task::Regression => Some(number(0)),
        Task::Forecast => Some(number(output_of(request.forecast, signature)?)),
    })
}

fn known(class: &str, classes: &[String]) -> Result<usize> {
    classes.iter().position(|known| known == class).ok_or_else(|| {
        let near = did_you_mean(class, classes.iter().map(String::as_str));
        let detail = format!("the version knows no class {class}{near}");
        Error::field(Code::InvalidRequest, "/class", detail)
    })
}

/// The place of a forecast's number among the outputs of its version.
fn output_of(asked: Option<&ExplainedStep>, signature: &Signature) -> Result<usize> {
    let nothing = ExplainedStep::default();
    let asked = asked.unwrap_or(&nothing);
    let refuse = |field: &str, detail: String| {
        Error::field(Code::InvalidRequest, format!("/forecast/{field}"), detail)
    };
    let WindowSpec { horizon, gap, quantiles, .. } = signature
        .window
        .as_ref()
        .ok_or_else(|| Error::internal("explaining a forecast", "the version has no window"))?;
    let columns = signature.forecast_columns();
    let column = match &asked.target {
        None => 0,
        Some(target) => columns.iter().position(|name| name == target).ok_or_else(|| {
            let near = did_you_mean(target, columns.iter().copied());
            refuse("target", format!("the version does not forecast {target}{near}"))
        })?,
    };
    let step = asked.step.unwrap_or(gap + 1);
    let steps = gap + 1..=gap + horizon;
    if !steps.contains(&step) {
        let (first, last) = (steps.start(), steps.end());
        return Err(refuse("step", format!("{step} is not from {first} to {last}")));
    }
    let level = match asked.quantile {
        None => quantiles.iter().position(|level| *level == 0.5).unwrap_or(0),
        Some(level) => quantiles.iter().position(|known| *known == level).ok_or_else(|| {
            let levels: Vec<String> = quantiles.iter().map(f64::to_string).collect();
            let known = match levels.is_empty() {
                true => "it forecasts a mean".to_owned(),
                false => format!("it forecasts {}", levels.join(", ")),
            };
            refuse("quantile", format!("{level} is none of the version's quantiles: {known}"))
        })?,
    };
    let row = (step - gap - 1) as usize;
    Ok((row * columns.len() + column) * quantiles.len().max(1) + level)
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// An explanation in the words of the answer, but for its probability.
fn said(one: Attributed, class: Option<String>, row: Option<&Row>) -> Explanation {
    let scale = match class {
        Some(_) => ExplanationScale::LogOdds,
        None => ExplanationScale::Target,
    };
    let picture = one.picture;
    let column = |column: AttributedColumn| {
        let AttributedColumn { name, columns, attribution, standard_error, parts, words } = column;
        let is_table = parts.is_empty();
        let value = row.filter(|_| is_table).and_then(|row| row.get(&name)).cloned();
        let mut said = ColumnAttribution {
            column: name,
            columns,
            value,
            attribution,
            standard_error,
            steps: Vec::new(),
            words: Vec::new(),
            pixels: None,
        };
        match picture {
            _ if !words.is_empty() => {
                let words = words.into_iter().zip(parts);
                said.words = words
                    .map(|(word, attribution)| WordAttribution { word, attribution })
                    .collect();
            }
            Some((height, width)) => {
                let (height, width) = (height as u32, width as u32);
                said.pixels = Some(PixelAttributions { height, width, values: parts });
            }
            None if row.is_none() => said.steps = parts,
            None => {}
        }
        said
    };
    Explanation {
        entity: one.entity,
        scale,
        value: one.value,
        base: one.base,
        probability: None,
        class,
        gap: one.gap,
        holds: one.holds,
        points: one.points as u64,
        attributions: one.columns.into_iter().map(column).collect(),
    }
}
