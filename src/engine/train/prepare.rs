//! From a table and a specification to numbers.

use sha2::{Digest, Sha256};

use super::by_time;
use super::check::{
    Findings, check_kinds, check_layout, check_meaning, check_order, check_table, check_task,
    feature_names, weight_pointer,
};
use super::fit::{Data, Part};
use super::fitted::Fitted;
use super::forecasting::Forecasting;
use super::loss::row_loss;
use super::plan::{Recipe, texts};
use super::prior::Prior;
use super::target::{Target, Truth};
use super::windows;
use crate::domain::calibration::CalibrationSpec;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::schema::{Column, ColumnType};
use crate::domain::training::{ClassWeights, ImageSpec, PartsSpec, TrainingSpec};
use crate::domain::version::{PartRows, Signature};
use crate::engine::explain::Drawn;
use crate::engine::features::{Answer, FittedFeatures, Layout, Matrix, Standard, leakage_warnings};
use crate::engine::parts::{Parts, says_validation};
use crate::error::{Code, Context, Error, Result};
use crate::frame::{Frame, ImageShape};

/// Most numbers in the inputs of all parts, of windows and of texts: 4 bytes each.
pub(super) const MAX_NUMBERS: usize = 500_000_000;

/// A training that only has to be run, and what surrounds it.
pub(super) struct Prepared {
    /// As it is carried out.
    pub(super) spec: TrainingSpec,
    pub(super) recipe: Recipe,
    pub(super) data: Data,
    /// Tells whether a checkpoint is of this job.
    pub(super) fingerprint: String,
    pub(super) test: (Matrix, Truth),
    pub(super) features: FittedFeatures,
    pub(super) inputs: Vec<Column>,
    pub(super) classes: Vec<String>,
    pub(super) rows: PartRows,
    pub(super) warnings: Vec<String>,
    /// What is known of the series (forecasts).
    pub(super) forecasting: Option<Forecasting>,
    /// For the networks that are served, where they are to be refitted.
    pub(super) refit: Option<Refit>,
    /// What class weights do to the logits.
    pub(super) prior: Prior,
    /// Training rows among whom applicants of reasons are looked for.
    pub(super) drawn: Drawn,
}

/// The training and the validation rows together, as if they were the training rows.
pub(super) struct Refit {
    pub(super) data: Data,
    pub(super) features: FittedFeatures,
    inputs: Vec<Column>,
    test: Matrix,
    drawn: Drawn,
}

/// Prepares a training on the rows of a table. `given`: features that were fitted on them before, as
/// of another version; they are fitted when absent.
pub(super) fn prepare(
    frame: &Frame,
    spec: &TrainingSpec,
    given: Option<&FittedFeatures>,
) -> Result<Prepared> {
    if let Some(window) = &spec.window {
        return windows::prepare(frame, spec, window, given);
    }
    let names = checked_names(frame, spec)?;
    let (mut read, mut warnings) = Read::of(frame, spec)?;
    let spec = &TrainingSpec { task: Some(read.target.task), ..spec.clone() };
    let Fitted { features, wide, left_out } = match given {
        Some(features) => {
            read.scale = features.target().copied();
            Fitted::given(&read.frames, features, spec)?
        }
        None => Fitted::of(&read.frames, names.clone(), spec, read.scale, &read.bad())?,
    };
    warnings.extend(left_out);
    let [train, validation, test] = &read.frames;
    let [train_truth, validation_truth, test_truth] = &read.truths;
    let inputs = features.inputs(train);
    let (train, validation) = (
        read.part(&features, train, train_truth.clone())?,
        read.part(&features, validation, validation_truth.clone())?,
    );
    let layout = features.layout();
    let positive = read.target.positive;
    warnings.extend(leakage((&features, &layout), &train.inputs, &train.truth, positive));
    let recipe = Recipe::of(spec, &layout, train.inputs.rows);
    check_layout(&recipe.network, &layout)?;
    check_order(spec, &recipe.network, &layout)?;
    check_meaning(spec, &recipe.network, &layout)?;
    let spec = carried_out(spec, &recipe, &read, names, &layout);
    let outputs = layout.outputs(read.target.task, read.target.classes.len());
    let ensemble = spec.ensemble.clone().unwrap_or_default();
    check_table(&recipe.network, &layout, outputs, &ensemble)?;
    let fingerprint = fingerprint(&spec, &features, read.rows)?;
    let data = read.data(layout, train, validation);
    let refit = match wide.filter(|_| spec.refit == Some(true)) {
        Some((features, all)) => Some(read.refit(features, &all, spec.seed)?),
        None => None,
    };
    let drawn = Drawn::of(&read.frames[0], &features, data.task, spec.seed)?;
    let prior = Prior::of(data.task, data.positive, read.weights.as_deref());
    Ok(Prepared {
        spec,
        recipe,
        data,
        prior,
        fingerprint,
        test: (features.transform(test)?, test_truth.clone()),
        features,
        inputs,
        rows: read.rows,
        classes: read.target.classes,
        warnings,
        forecasting: None,
        refit,
        drawn,
    })
}

/// The rows of a table, part by part: training, validation, test.
pub(super) struct Read {
    target: Target,
    pub(super) frames: [Frame; 3],
    pub(super) truths: [Truth; 3],
    /// Which rows of the frame are test rows.
    pub(super) tested: Vec<usize>,
    rows: PartRows,
    /// Whether it is said which rows validate, and none are drawn.
    says_validation: bool,
    /// Weight of each class, when they differ.
    weights: Option<Vec<f64>>,
    /// How a regression's target is scaled.
    scale: Option<Standard>,
}

impl Read {
    /// Warnings too.
    pub(super) fn of(frame: &Frame, spec: &TrainingSpec) -> Result<(Self, Vec<String>)> {
        let target = Target::read(frame, spec)?;
        check_task(spec, target.task)?;
        let mut warnings: Vec<String> = target.guessed(spec).into_iter().collect();
        let dropped = frame.rows() - target.rows.len();
        let kept;
        let frame = if dropped > 0 {
            warnings.push(format!("{dropped} rows without a target are left out"));
            kept = frame.take(&target.rows)?;
            &kept
        } else {
            frame
        };
        let parts = Parts::split(&spec.parts(), frame, target.truth.classes(), spec.seed)?;
        let says_validation = match spec.parts() {
            PartsSpec::Column(column) => says_validation(frame, &column.column)?,
            PartsSpec::Random(_) | PartsSpec::Time(_) => false,
        };
        let truths = parts.each().map(|rows| target.truth.take(rows));
        warnings.extend(check_truths(&target, truths.each_ref())?);
        let weights = class_weights(spec, &target, &truths[0])?;
        let scale = target_scale(spec, &truths[0])?;
        let [train, validation, test] = parts.each().map(|part| part.len() as u64);
        let rows = PartRows { train, validation, test };
        let frames =
            [frame.take(&parts.train)?, frame.take(&parts.validation)?, frame.take(&parts.test)?];
        let tested = parts.test.iter().map(|row| target.rows[*row]).collect();
        let read = Self { target, frames, truths, tested, rows, says_validation, weights, scale };
        Ok((read, warnings))
    }

    /// Which of the training and then of the validation rows are of the positive class; none where there
    /// is no such class.
    fn bad(&self) -> Vec<bool> {
        let Some(positive) = self.target.positive else { return Vec::new() };
        let [train, validation, _] = &self.truths;
        let classes = [train, validation].into_iter().filter_map(Truth::classes);
        classes.flatten().map(|class| *class == positive).collect()
    }

    fn part(&self, features: &FittedFeatures, frame: &Frame, truth: Truth) -> Result<Part> {
        Ok(Part {
            inputs: features.transform(frame)?,
            targets: targets(&self.target, &truth, self.scale),
            weights: self.weights.as_ref().map(|weights| row_weights(weights, &truth)),
            truth,
        })
    }

    fn data(&self, layout: Layout, train: Part, validation: Part) -> Data {
        let Target { task, positive, classes, .. } = &self.target;
        let (outputs, levels) = (layout.outputs(*task, classes.len()), Vec::new());
        let guess = guess(*task, &train, &validation);
        let (task, positive) = (*task, *positive);
        Data { layout, task, levels, outputs, positive, train, validation, guess }
    }

    /// Of all rows before the test rows, and features that were fitted on them.
    fn refit(&self, features: FittedFeatures, all: &Frame, seed: u64) -> Result<Refit> {
        let [_, validation, test] = &self.frames;
        let [train_truth, validation_truth, _] = &self.truths;
        let train = self.part(&features, all, train_truth.joined(validation_truth))?;
        let validation = self.part(&features, validation, validation_truth.clone())?;
        Ok(Refit {
            data: self.data(features.layout(), train, validation),
            inputs: features.inputs(all),
            test: features.transform(test)?,
            drawn: Drawn::of(all, &features, self.target.task, seed)?,
            features,
        })
    }
}

impl Prepared {
    /// How the rows become numbers of the networks that are served.
    pub(super) fn served_features(&self) -> &FittedFeatures {
        self.refit.as_ref().map_or(&self.features, |refit| &refit.features)
    }

    /// What the networks that are served learn from.
    pub(super) fn served_data(&self) -> &Data {
        self.refit.as_ref().map_or(&self.data, |refit| &refit.data)
    }

    /// Rows among these that a version carries with the values of their columns.
    pub(super) fn served_drawn(&self) -> &Drawn {
        self.refit.as_ref().map_or(&self.drawn, |refit| &refit.drawn)
    }

    /// The test rows as they read them.
    pub(super) fn served_test(&self) -> &Matrix {
        self.refit.as_ref().map_or(&self.test.0, |refit| &refit.test)
    }

    /// What the version takes and answers; a binary one's threshold is still open.
    pub(super) fn signature(&self) -> Signature {
        Signature {
            task: self.data.task,
            inputs: self.refit.as_ref().map_or(&self.inputs, |refit| &refit.inputs).clone(),
            target: self.spec.target.clone(),
            positive_class: self.spec.positive_class.clone(),
            classes: self.classes.clone(),
            threshold: None,
            calibrator: None,
            window: self.spec.window.clone(),
        }
    }
}

/// The columns to predict from.
fn checked_names(frame: &Frame, spec: &TrainingSpec) -> Result<Vec<String>> {
    let columns: Vec<(&str, ColumnType)> =
        frame.columns().iter().map(|c| (c.name.as_str(), c.kind)).collect();
    let mut findings = Findings::default();
    check_kinds(spec, &columns, &mut findings);
    findings.into_result()?;
    Ok(feature_names(spec, &columns))
}

/// The specification with everything that the data decided.
fn carried_out(
    spec: &TrainingSpec,
    recipe: &Recipe,
    read: &Read,
    features: Vec<String>,
    layout: &Layout,
) -> TrainingSpec {
    let mut spec = spec.clone();
    recipe.fill(&mut spec);
    let target = &read.target;
    spec.ensemble = texts::ensemble(&spec, &recipe.network, read.says_validation);
    spec.preprocessing.image = image_size(layout);
    if by_time::is_by_time(&spec, layout) {
        spec.preprocessing.drift = Some(by_time::drift_rule(&spec));
        spec.refit.get_or_insert(true);
    }
    if matches!(layout, Layout::Text { .. }) {
        spec.preprocessing.text.get_or_insert_default();
    }
    if recipe.network.is_scorecard() {
        spec.calibration = CalibrationSpec::None;
    }
    spec.task = Some(target.task);
    spec.features = Some(features);
    spec.exclude = Vec::new();
    spec.parts = Some(spec.parts());
    spec.positive_class = target.positive.and_then(|p| target.classes.get(p).cloned());
    spec
}

/// What images were brought to, as a specification asks for it.
fn image_size(layout: &Layout) -> Option<ImageSpec> {
    let Layout::Image(ImageShape { channels, height, width }) = *layout else { return None };
    let side = |side| u32::try_from(side).ok();
    Some(ImageSpec { height: side(height), width: side(width), channels: side(channels) })
}

/// Fails where a part lacks a class that it can't do without; warns where it can. `truths` are those
/// of the training, the validation and the test part.
pub(super) fn check_truths(target: &Target, truths: [&Truth; 3]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for (name, truth) in ["train", "validation", "test"].into_iter().zip(truths) {
        let Truth::Classes(truth) = truth else { continue };
        let mut seen = vec![false; target.classes.len()];
        truth.iter().for_each(|&class| seen[class] = true);
        for (class, _) in target.classes.iter().zip(seen).filter(|(_, seen)| !seen) {
            let detail = format!("the {name} part has no row of class '{class}'");
            if name == "train" || (name == "validation" && target.task == Task::Binary) {
                let detail = format!("{detail}; move the bounds of the parts or give more data");
                return Err(Error::field(Code::InvalidSpec, "/parts", detail));
            }
            warnings.push(detail);
        }
    }
    Ok(warnings)
}

/// How a regression's target is scaled.
fn target_scale(spec: &TrainingSpec, truth: &Truth) -> Result<Option<Standard>> {
    let Truth::Numbers(numbers) = truth else { return Ok(None) };
    let refuse = || {
        let detail = format!(
            "{} does not vary in the training rows, or its values are too large to standardise",
            spec.target
        );
        Error::field(Code::InvalidSpec, "/target", detail)
    };
    Standard::fit(numbers).ok_or_else(refuse).map(Some)
}

/// What the loss compares the logits with.
pub(super) fn targets(target: &Target, truth: &Truth, scale: Option<Standard>) -> Matrix {
    let width = if target.task == Task::Multiclass { target.classes.len() } else { 1 };
    let data: Vec<f32> = match truth {
        Truth::Classes(classes) if target.task == Task::Binary => {
            classes.iter().map(|c| f32::from(u8::from(Some(*c) == target.positive))).collect()
        }
        Truth::Classes(classes) => {
            let one_hot = |class: &usize| {
                let class = *class;
                (0..width).map(move |c| f32::from(u8::from(c == class)))
            };
            classes.iter().flat_map(one_hot).collect()
        }
        Truth::Series => Vec::new(),
        Truth::Numbers(numbers) => numbers
            .iter()
            .map(|n| scale.map_or(*n, |scale| scale.apply(*n)).clamp(-1e6, 1e6) as f32)
            .collect(),
    };
    Matrix { rows: data.len() / width, width, data }
}

/// Weight of each class, such that training rows weigh 1 on average; none where all weigh the
/// same.
pub(super) fn class_weights(
    spec: &TrainingSpec,
    target: &Target,
    train: &Truth,
) -> Result<Option<Vec<f64>>> {
    let Truth::Classes(truth) = train else { return Ok(None) };
    let mut counts = vec![0.0; target.classes.len()];
    truth.iter().for_each(|&class| counts[class] += 1.0);
    let weights: Vec<f64> = match &spec.class_weights {
        ClassWeights::None => return Ok(None),
        ClassWeights::Balanced => counts.iter().map(|count: &f64| 1.0 / count).collect(),
        ClassWeights::Given(given) => {
            let names = || target.classes.iter().map(String::as_str);
            if let Some(label) = given.weights.keys().find(|l| !names().any(|n| n == *l)) {
                let near = did_you_mean(label, names());
                let detail = format!("'{label}' is no class of {}{near}", spec.target);
                return Err(Error::field(Code::InvalidSpec, weight_pointer(label), detail));
            }
            target.classes.iter().map(|c| given.weights.get(c).copied().unwrap_or(1.0)).collect()
        }
    };
    let sum: f64 = weights.iter().zip(&counts).map(|(w, c)| w * c).sum();
    let mean = sum / truth.len() as f64;
    Ok(Some(weights.into_iter().map(|w| w / mean).collect()))
}

pub(super) fn row_weights(weights: &[f64], truth: &Truth) -> Vec<f32> {
    truth.classes().unwrap_or_default().iter().map(|&class| weights[class] as f32).collect()
}

/// Suspects among the columns whose inputs of each training row these are.
pub(super) fn leakage(
    (features, layout): (&FittedFeatures, &Layout),
    inputs: &Matrix,
    truth: &Truth,
    positive: Option<usize>,
) -> Vec<String> {
    // One pixel or word says little, and there are many.
    if matches!(layout, Layout::Image(_) | Layout::Text { .. }) {
        return Vec::new();
    }
    match (truth, positive) {
        (Truth::Classes(classes), Some(positive)) => {
            let truth = super::report::is_positive(classes, positive);
            leakage_warnings(features, inputs, &Answer::Positive(&truth))
        }
        (Truth::Numbers(numbers), _) => {
            leakage_warnings(features, inputs, &Answer::Number(numbers))
        }
        _ => Vec::new(),
    }
}

/// Validation loss of answering the training rows' class shares, or mean, for every row.
pub(super) fn guess(task: Task, train: &Part, validation: &Part) -> f64 {
    let width = train.targets.width;
    let share = |output: usize| {
        let values = train.targets.data.iter().skip(output).step_by(width);
        values.map(|v| f64::from(*v)).sum::<f64>() / train.inputs.rows as f64
    };
    let logits: Vec<f64> = (0..width)
        .map(share)
        .map(|share| match task {
            Task::Binary => (share / (1.0 - share)).ln(),
            Task::Multiclass => share.ln(),
            Task::Regression | Task::Forecast => share,
        })
        .collect();
    let rows = validation.targets.data.chunks_exact(width);
    let losses = rows.map(|y| row_loss(task, &[], &logits, y));
    losses.sum::<f64>() / validation.inputs.rows as f64
}

/// Tells whether a checkpoint is of this training.
pub(super) fn fingerprint(
    spec: &TrainingSpec,
    features: &FittedFeatures,
    rows: PartRows,
) -> Result<String> {
    let all = serde_json::to_vec(&(spec, features, rows, env!("CARGO_PKG_VERSION")))
        .context("hashing a specification")?;
    Ok(hex::encode(Sha256::digest(all)))
}
