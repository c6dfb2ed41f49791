//! Why a version answers as it does: what each input adds to an answer, compared with rows that the
//! version carries.

mod applicants;
mod background;
mod baseline;
mod gradients;
mod instead;
mod layered;
mod paths;
mod players;
mod quantity;
mod shapley;
mod texts;
mod way;

use std::borrow::Cow;
use std::sync::OnceLock;

use self::applicants::Applicants;
pub(crate) use self::applicants::Drawn;
pub use self::applicants::{SHOWN, carried};
use self::background::Carried;
pub(crate) use self::background::background;
pub use self::baseline::{Adverse, Baseline, Typical, beyond, frequent, most_lack};
use self::gradients::Differentiable;
pub use self::instead::{Standing, Swap};
use self::paths::{Integrated, go_on};
use self::players::{Player, players, told_as_one};
pub use self::quantity::Quantity;
use self::shapley::Asker;
use self::way::{Errors, Way};
use super::features::{FittedFeatures, Layout, Matrix, names_of_words};
use super::weights;
use crate::domain::explanation::MAX_EXPLAINED;
use crate::domain::model::Task;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Reference rows of expected gradients and Shapley values, of those that are kept.
const REFERENCES: usize = 64;
/// Numbers that are attributed to at once, at most.
const NUMBERS: usize = 1 << 21;

/// How an answer is attributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributing {
    /// The mean over ways from reference rows (Erion et al. 2021).
    Expected,
    /// One way, from the mean of what is read of reference rows (Sundararajan et al. 2017).
    Integrated,
    /// Shapley values of columns and groups of them.
    Shapley,
}

/// What is to be attributed, and how.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: Attributing,
    /// The quantity of each answer by its number.
    pub of: &'a dyn Fn(usize) -> Quantity,
    /// Columns that are told as one.
    pub groups: &'a [Vec<String>],
    /// With whom answers are compared, for reasons; with the version's reference rows when absent.
    pub against: Option<&'a Baseline>,
}

impl<'a> Asked<'a> {
    /// Column by column, compared with the version's reference rows.
    pub fn by(method: Attributing, of: &'a dyn Fn(usize) -> Quantity) -> Self {
        Self { method, of, groups: &[], against: None }
    }
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
    applicants: Option<Applicants>,
    /// Log odds of the positive class of the applicants, or of the reference rows where there are none.
    logits: OnceLock<Vec<f64>>,
    /// Of a row, about.
    multiply_adds: f64,
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
    /// Of a group the names joined by ` + `.
    pub name: String,
    /// The columns of a group; empty of one column.
    pub columns: Vec<String>,
    pub attribution: f64,
    /// Of a Shapley value that can tell.
    pub standard_error: Option<f64>,
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
        let Carried { references, applicants } = background::decode(background, layout.width())?;
        let average = average(&references);
        let numbers = weights.iter().flat_map(|of| of.values()).map(|weights| weights.values.len());
        let multiply_adds = shapley::work(network, &layout, numbers.sum());
        let logits = OnceLock::new();
        Ok(Self {
            features,
            layout,
            networks,
            references,
            average,
            applicants,
            logits,
            multiply_adds,
        })
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> u64 {
        let numbers = self.networks.size() + self.references.data.len();
        let applicants = self.applicants.as_ref().map_or(0, Applicants::bytes);
        (4 * numbers + applicants) as u64
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
    /// of each the quantity that is asked for.
    ///
    /// # Errors
    /// As [`super::LoadedModel::predict`]; [`Code::InvalidRequest`] for more than so many answers, or
    /// numbers that are attributed to, and for groups and methods that don't go with what is read;
    /// [`Code::Cancelled`] when `stop` says so;
    /// [`Error::Internal`] when an answer or an attribution is not finite.
    pub fn explain(
        &self,
        frame: &Frame,
        asked: &Asked<'_>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Attributed>> {
        let players = self.players(asked)?;
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
        let mut way = Way::new(self, asked, &players)?;
        if asked.method == Attributing::Shapley {
            let references = way.references.len() / self.layout.width().max(1);
            let asker = match asked.against {
                Some(_) => Asker::Reasons,
                None => Asker::Explanation,
            };
            let counts = (inputs.rows, players.len());
            shapley::check_work(asker, counts, references, self.multiply_adds)?;
        }
        let mut attributed = Vec::with_capacity(inputs.rows);
        let rows = inputs.data.chunks_exact(inputs.width.max(1)).zip(entities).enumerate();
        for (number, (row, entity)) in rows {
            go_on(stop)?;
            let (integrated, errors) = way.attributed(row, (asked.of)(number), stop)?;
            let numbers = [integrated.value, integrated.base];
            if !numbers.iter().chain(&integrated.attributions).all(|n| n.is_finite()) {
                return Err(Error::internal("explaining", "an attribution is not finite"));
            }
            let text = texts.as_ref().and_then(|texts| texts[number]);
            attributed.push(self.folded(integrated, entity, text, (&players, errors.as_ref())));
        }
        Ok(attributed)
    }

    /// The columns and groups that are told apart; none of pictures and texts.
    fn players(&self, asked: &Asked<'_>) -> Result<Vec<Player>> {
        let players = players(&self.features, &self.layout, asked.groups)?;
        if asked.method == Attributing::Shapley && players.is_empty() {
            let detail = "Shapley values are of columns, and a picture or a text is one: ask for \
                          expected_gradients or integrated_gradients, which tell pixels and words";
            return Err(Error::field(Code::InvalidRequest, "/method", detail));
        }
        Ok(players)
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

    /// What inputs add, put together by columns; or what each player adds, with their standard errors.
    fn folded(
        &self,
        of: Integrated,
        entity: Option<String>,
        text: Option<&str>,
        (players, errors): (&[Player], Option<&Errors>),
    ) -> Attributed {
        let mut picture = None;
        let columns = match errors {
            Some(errors) => self.of_players(&of.attributions, errors, players),
            None => told_as_one(self.by_columns(&of.attributions, text, &mut picture), players),
        };
        Attributed {
            entity,
            value: of.value,
            base: of.base,
            gap: of.gap(),
            holds: of.holds(),
            points: of.points,
            columns,
            picture,
        }
    }

    fn of_players(
        &self,
        values: &[f64],
        errors: &Errors,
        players: &[Player],
    ) -> Vec<AttributedColumn> {
        let names = self.columns();
        let told = |(at, (player, value)): (usize, (&Player, &f64))| {
            let members: Vec<&str> =
                player.columns.iter().filter_map(|column| names.get(*column).copied()).collect();
            let standard_error = errors.as_ref().and_then(|errors| errors.get(at)).copied();
            AttributedColumn { attribution: *value, standard_error, ..players::named(&members) }
        };
        players.iter().zip(values).enumerate().map(told).collect()
    }

    /// What the inputs of each column add.
    fn by_columns(
        &self,
        attributions: &[f64],
        text: Option<&str>,
        picture: &mut Option<(usize, usize)>,
    ) -> Vec<AttributedColumn> {
        let column = |name: &str, parts: Vec<f64>, words: Vec<String>| AttributedColumn {
            attribution: parts.iter().sum(),
            parts,
            words,
            ..players::named(&[name])
        };
        let names = || self.features.names();
        match &self.layout {
            Layout::Table(_) => self
                .features
                .spans()
                .map(|(name, span)| AttributedColumn {
                    attribution: attributions[span].iter().sum(),
                    ..players::named(&[name])
                })
                .collect(),
            Layout::Image(shape) => {
                let pixels = shape.height * shape.width;
                *picture = Some((shape.height, shape.width));
                let pixel = |at: usize| {
                    (0..shape.channels).map(|channel| attributions[channel * pixels + at]).sum()
                };
                let parts: Vec<f64> = (0..pixels).map(pixel).collect();
                names().map(|name| column(name, parts.clone(), Vec::new())).collect()
            }
            Layout::Text { words, .. } => {
                let words = names_of_words(text.unwrap_or_default(), *words);
                let words: Vec<String> = words.into_iter().take(attributions.len()).collect();
                names().map(|name| column(name, attributions.to_vec(), words.clone())).collect()
            }
            Layout::Sequence { channels, .. } => players::columns(&self.features, &self.layout)
                .into_iter()
                .map(|(name, span)| {
                    let steps = attributions.chunks_exact(*channels);
                    let parts = steps.map(|step| step[span.clone()].iter().sum()).collect();
                    column(name, parts, Vec::new())
                })
                .collect(),
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
