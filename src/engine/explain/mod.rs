//! Why a version answers as it does: what each input adds to an answer, compared with rows that the
//! version carries.

mod background;
mod gradients;
mod layered;
mod paths;
mod quantity;
mod texts;

use std::borrow::Cow;

pub(crate) use self::background::background;
use self::gradients::Differentiable;
use self::paths::{Integrated, References, Steps, go_on, integrated};
pub use self::quantity::Quantity;
use super::features::{FittedFeatures, Layout, Matrix, names_of_words};
use super::weights;
use crate::domain::explanation::MAX_EXPLAINED;
use crate::domain::model::Task;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Reference rows of expected gradients, of those that are kept.
const REFERENCES: usize = 64;
/// From each of them, and from the one of integrated gradients.
const EXPECTED: Steps = Steps { first: 4, most: 256 };
const INTEGRATED: Steps = Steps { first: 32, most: 4096 };

/// Numbers that are attributed to at once, at most.
const NUMBERS: usize = 1 << 21;

/// How an answer is attributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributing {
    /// The mean over ways from reference rows (Erion et al. 2021).
    Expected,
    /// One way, from the mean of what is read of reference rows (Sundararajan et al. 2017).
    Integrated,
}

/// A version with the gradients of its answers.
#[derive(Debug)]
pub struct Explainer {
    features: FittedFeatures,
    layout: Layout,
    networks: Differentiable,
    /// `[rows, inputs]`; no rows where texts are read.
    references: Matrix,
    average: Matrix,
}

/// What each column adds to an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributed {
    /// Whose newest window it is, where several series are told apart.
    pub entity: Option<String>,
    /// The quantity of the row, and what it is compared with.
    pub value: f64,
    pub base: f64,
    /// How far the attributions are from adding up to the difference, and whether that is near enough.
    pub gap: f64,
    pub holds: bool,
    /// Points between rows at which gradients were taken.
    pub points: usize,
    /// In the order in which they are read.
    pub columns: Vec<AttributedColumn>,
    /// Rows, columns of the picture whose pixels are the parts of its one column.
    pub picture: Option<(usize, usize)>,
}

/// What a column adds.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributedColumn {
    pub name: String,
    pub attribution: f64,
    /// Of its steps, the oldest first; of its words; or of its pixels, row after row. They add up to
    /// the column's.
    pub parts: Vec<f64>,
    /// The words, where it is a text.
    pub words: Vec<String>,
}

impl Explainer {
    /// Of what was stored of a version.
    ///
    /// # Errors
    /// As [`super::LoadedModel::load`], and [`Code::InvalidData`] when the background is of another
    /// version.
    pub fn load(
        signature: &Signature,
        spec: &TrainingSpec,
        features: FittedFeatures,
        weights: &[u8],
        background: &[u8],
    ) -> Result<Self> {
        let network = spec.network.as_ref().ok_or_else(|| {
            Error::new(Code::InvalidData, "the version's specification names no network")
        })?;
        let count = spec.ensemble.as_ref().map_or(1, |e| (e.folds * e.seeds) as usize);
        let weights = weights::parted(weights::decode(weights)?, count)?;
        let layout = features.layout();
        let outputs = layout.outputs(signature.task, signature.classes.len());
        let networks = Differentiable::new(network, &layout, outputs, &weights)?;
        let references = background::decode(background, layout.width())?;
        let average = average(&references);
        Ok(Self { features, layout, networks, references, average })
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> u64 {
        (4 * (self.networks.size() + self.references.data.len())) as u64
    }

    /// The quantity that stands for an output of a regression or a forecast, in its column's unit.
    pub fn number(&self, task: Task, output: usize) -> Quantity {
        let series = || {
            let sequence = self.features.sequence()?;
            let levels = self.layout.sequence().2.map_or(1, |ahead| ahead.levels);
            let of = output / levels % sequence.series.len().max(1);
            sequence.series.get(of).map(|series| &series.scale)
        };
        let scale = match task {
            Task::Forecast => series(),
            _ => self.features.target(),
        };
        let (factor, offset) = scale.map_or((1.0, 0.0), |scale| (scale.deviation, scale.mean));
        Quantity::Number { output, factor, offset }
    }

    /// Attributes the answers to the rows of a frame, or to the newest window of each of its series:
    /// of each the quantity that `of` gives of its number.
    ///
    /// # Errors
    /// As [`super::LoadedModel::predict`]; [`Code::InvalidRequest`] for more than so many answers, or
    /// numbers that are attributed to; [`Code::Cancelled`] when `stop` says so;
    /// [`Error::Internal`] when an answer or an attribution is not finite.
    pub fn explain(
        &self,
        frame: &Frame,
        method: Attributing,
        of: &dyn Fn(usize) -> Quantity,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Attributed>> {
        let (inputs, entities) = match self.features.sequence() {
            Some(_) => {
                let newest = self.features.newest(frame)?;
                (newest.inputs, newest.entities)
            }
            None => (self.features.transform(frame)?, vec![None; frame.rows()]),
        };
        check_size(&inputs)?;
        let texts = match self.layout {
            Layout::Text { .. } => self.features.names().next().map(|name| frame.texts(name)),
            _ => None,
        };
        let texts = texts.transpose()?;
        let (references, steps) = match method {
            Attributing::Expected => (self.references(), EXPECTED),
            Attributing::Integrated => (Cow::Borrowed(self.average.data.as_slice()), INTEGRATED),
        };
        let width = self.layout.width();
        let compared = References::new(&self.networks, &references, width)?;
        let mut bases: Vec<(Quantity, f64)> = Vec::new();
        let mut attributed = Vec::with_capacity(inputs.rows);
        let rows = inputs.data.chunks_exact(inputs.width.max(1)).zip(entities).enumerate();
        for (number, (row, entity)) in rows {
            go_on(stop)?;
            let of = of(number);
            let integrated = match &self.layout {
                Layout::Text { .. } => {
                    texts::integrated(&self.networks, row, of, INTEGRATED, stop)?
                }
                _ => {
                    let known = bases.iter().find(|(quantity, _)| *quantity == of);
                    let base = match known {
                        Some((_, base)) => *base,
                        None => {
                            let base = self.base(&references, of)?;
                            bases.push((of, base));
                            base
                        }
                    };
                    integrated(&self.networks, row, (&compared, base), of, steps, stop)?
                }
            };
            let numbers = [integrated.value, integrated.base];
            if !numbers.iter().chain(&integrated.attributions).all(|n| n.is_finite()) {
                return Err(Error::internal("explaining", "an attribution is not finite"));
            }
            let text = texts.as_ref().and_then(|texts| texts[number]);
            attributed.push(self.folded(integrated, entity, text));
        }
        Ok(attributed)
    }

    fn references(&self) -> Cow<'_, [f32]> {
        let numbers = self.references.rows.min(REFERENCES) * self.references.width;
        Cow::Borrowed(&self.references.data[..numbers])
    }

    /// The mean quantity of reference rows.
    fn base(&self, references: &[f32], of: Quantity) -> Result<f64> {
        let values = self.networks.values(references, self.layout.width(), of)?;
        crate::stats::mean(&values)
            .ok_or_else(|| Error::new(Code::InvalidData, "the version carries no reference rows"))
    }

    /// What inputs add, put together by columns.
    fn folded(&self, of: Integrated, entity: Option<String>, text: Option<&str>) -> Attributed {
        let Integrated { attributions, value, base, points, .. } = &of;
        let column = |name: &str, parts: Vec<f64>, words: Vec<String>| AttributedColumn {
            name: name.to_owned(),
            attribution: parts.iter().sum(),
            parts,
            words,
        };
        let names = || self.features.names();
        let mut picture = None;
        let columns = match &self.layout {
            Layout::Table(_) => self
                .features
                .spans()
                .map(|(name, span)| AttributedColumn {
                    name: name.to_owned(),
                    attribution: attributions[span].iter().sum(),
                    parts: Vec::new(),
                    words: Vec::new(),
                })
                .collect(),
            Layout::Image(shape) => {
                let pixels = shape.height * shape.width;
                picture = Some((shape.height, shape.width));
                let pixel = |at: usize| {
                    (0..shape.channels).map(|channel| attributions[channel * pixels + at]).sum()
                };
                let parts: Vec<f64> = (0..pixels).map(pixel).collect();
                names().map(|name| column(name, parts.clone(), Vec::new())).collect()
            }
            Layout::Text { words, .. } => {
                let words = names_of_words(text.unwrap_or_default(), *words);
                let words: Vec<String> = words.into_iter().take(attributions.len()).collect();
                names().map(|name| column(name, attributions.clone(), words.clone())).collect()
            }
            Layout::Sequence { channels, .. } => {
                let series = self.features.sequence().map_or(&[][..], |s| &s.series);
                let own = series.iter().enumerate().map(|(at, s)| (s.name.as_str(), at..at + 1));
                let beside = self
                    .features
                    .spans()
                    .map(|(name, span)| (name, span.start + series.len()..span.end + series.len()));
                own.chain(beside)
                    .map(|(name, span)| {
                        let steps = attributions.chunks_exact(*channels);
                        let parts = steps.map(|step| step[span.clone()].iter().sum()).collect();
                        column(name, parts, Vec::new())
                    })
                    .collect()
            }
        };
        Attributed {
            entity,
            value: *value,
            base: *base,
            gap: of.gap(),
            holds: of.holds(),
            points: *points,
            columns,
            picture,
        }
    }
}

/// What is attributed to is bounded: all of it is in memory, and in the answer.
fn check_size(inputs: &Matrix) -> Result<()> {
    let refuse = |detail| Err(Error::field(Code::InvalidRequest, "/rows", detail));
    if inputs.rows > MAX_EXPLAINED {
        let rows = inputs.rows;
        return refuse(format!("{rows} answers are more than {MAX_EXPLAINED}: ask in parts"));
    }
    let most = (NUMBERS / inputs.width.max(1)).max(1);
    if inputs.rows > most {
        let detail = format!(
            "the version reads {} numbers of each row, and {} rows of so many are too much at once: send \
             {most} at most",
            inputs.width, inputs.rows
        );
        return refuse(detail);
    }
    Ok(())
}

/// The mean of rows, as one row; none of none.
fn average(rows: &Matrix) -> Matrix {
    let mut sums = vec![0.0_f64; rows.width];
    for row in rows.data.chunks_exact(rows.width.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    let count = rows.rows.max(1) as f64;
    let data = if rows.rows == 0 { Vec::new() } else { sums };
    let data: Vec<f32> = data.into_iter().map(|sum| (sum / count) as f32).collect();
    Matrix { rows: usize::from(rows.rows > 0), width: rows.width, data }
}

#[cfg(test)]
mod tests;
