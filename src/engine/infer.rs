//! A registered version, ready to answer, in f32, on whatever device: where it was trained does
//! not matter.

mod ahead;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use burn::{Dispatch, DispatchDevice};

pub use self::ahead::OneAhead;
use super::device::{Device, gpu};
use super::features::{FittedFeatures, Known, Layout, Matrix};
use super::networks::members::averaged;
use super::networks::parameters::{Builder, Parameters, parameters, restore};
use super::networks::serving::Serving;
use super::networks::{Network, is_beside, served};
use super::random::{Purpose, keyed, symmetric};
use super::weights;
use crate::domain::calibration::Calibrator;
use crate::domain::model::Task;
use crate::domain::network::NetworkSpec;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Signature;
use crate::error::{Code, Context, Error, Result};
use crate::frame::Frame;

/// Rows that go through the network at once, and numbers of theirs: enough to fill the CPU, few
/// enough to stay in its cache.
const CHUNK: usize = 1024;
const CHUNK_NUMBERS: usize = 1 << 18;
/// Numbers that are made at once of the rows of a request, which may be many of many inputs each.
const READ_NUMBERS: usize = 1 << 22;
/// Numbers of a table that are made quickly enough to be made where a request arrives.
const QUICK_NUMBERS: usize = 1 << 16;
/// Rows on which a device is tried before it may answer, and how far from the CPU's logits its own
/// may lie, relative to its size or to 1.
const PROBES: usize = 64;
const TOLERANCE: f64 = 1e-5;
/// Rows that go through a network at once on a device, others in the place of those that are missing: which
/// kernels it has depends on their number, and only those that were tried may answer. Each has to be
/// compiled and tuned, too.
const SIZES: [usize; 3] = [16, 128, CHUNK];

/// A version's function. It has no state: any number of threads may call it at once.
#[derive(Debug)]
pub struct LoadedModel {
    task: Task,
    classes: usize,
    /// Index of the positive class (binary).
    positive: usize,
    /// What makes probabilities of logits; the logistic function or the softmax where there is none.
    calibrator: Option<Calibrator>,
    features: FittedFeatures,
    /// Logits of a row.
    outputs: usize,
    /// Quantiles of each number of a forecast; 1 where the mean is forecast.
    levels: usize,
    /// Rows that are made numbers of at once; all of them where windows are read.
    read_at_once: usize,
    /// Rows that are made numbers of quickly; none of texts, pictures and windows.
    quick_rows: usize,
    /// Their answers are averaged.
    networks: Vec<Placed>,
}

/// A network where it answers. A GPU is reached through burn's `Dispatch`, as in training.
#[derive(Debug)]
enum Placed {
    Cpu(Serving),
    Elsewhere(Box<(Network<Dispatch>, DispatchDevice)>),
}

/// What a model answers, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// Numbers per row: one per class in the signature's order, 1 for a regression, all of a
    /// forecast's.
    pub width: usize,
    /// `[rows, width]`: the probabilities of the classes, which sum to 1 in each row, or the
    /// predicted number. All finite.
    pub values: Vec<f64>,
}

/// The forecast of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesForecast {
    /// Which series, where several are told apart.
    pub entity: Option<String>,
    /// The last time that was read.
    pub from: String,
    /// `[horizon, columns, levels]`, each in its column's unit; all finite.
    pub values: Vec<f64>,
}

impl LoadedModel {
    /// Puts a version together on the CPU from what was stored of it.
    ///
    /// # Errors
    /// [`Code::InvalidData`] when the weights are no safetensors, don't have the names and shapes
    /// of the network, or hold a number that is not finite.
    pub fn load(
        signature: &Signature,
        spec: &TrainingSpec,
        features: FittedFeatures,
        weights: &[u8],
    ) -> Result<Self> {
        Self::load_on(Device::Cpu, signature, spec, features, weights)
    }

    /// The same by the layers as they were trained, with nothing folded: what folding is measured against.
    ///
    /// # Errors
    /// As [`LoadedModel::load`].
    pub fn load_unfolded(
        signature: &Signature,
        spec: &TrainingSpec,
        features: FittedFeatures,
        weights: &[u8],
    ) -> Result<Self> {
        let (network, weights) = parted(spec, weights)?;
        Self::on_cpu(signature, network, features, &weights, |network, _, _| network)
    }

    /// The same on a device. A GPU answers only after it has agreed with the CPU on random rows:
    /// a driver or a matrix unit that rounds more coarsely must not decide.
    ///
    /// # Errors
    /// As [`LoadedModel::load`]; [`Code::DeviceUnavailable`] when the device disagrees.
    pub fn load_on(
        device: Device,
        signature: &Signature,
        spec: &TrainingSpec,
        features: FittedFeatures,
        weights: &[u8],
    ) -> Result<Self> {
        let (network, weights) = parted(spec, weights)?;
        let model = Self::on_cpu(signature, network, features, &weights, Serving::folded)?;
        match device {
            Device::Cpu => Ok(model),
            Device::Cuda(number) => model.moved(network, &weights, gpu(number)),
        }
    }

    fn on_cpu(
        signature: &Signature,
        network: &NetworkSpec,
        features: FittedFeatures,
        weights: &[Parameters],
        prepare: fn(Serving, &Layout, &Parameters) -> Serving,
    ) -> Result<Self> {
        let classes = signature.classes.len();
        let positive = signature.positive_class.as_ref();
        let positive = positive
            .and_then(|class| signature.classes.iter().position(|c| c == class))
            .unwrap_or(1);
        let layout = features.layout();
        let outputs = layout.outputs(signature.task, classes);
        let placed = weights.iter().map(|weights| {
            // To be sure that the weights are those of the network.
            build::<Flex>(network, &layout, outputs, weights, &FlexDevice)?;
            let serving = Serving::new(network, &layout, outputs, weights)?;
            Ok(Placed::Cpu(prepare(serving, &layout, weights)))
        });
        let networks = placed.collect::<Result<_>>()?;
        let levels = layout.sequence().2.map_or(1, |ahead| ahead.levels);
        let read_at_once = match layout {
            // The rows of a window stand anywhere in the frame.
            Layout::Sequence { .. } => usize::MAX,
            _ => (READ_NUMBERS / layout.width().max(1)).max(1),
        };
        let quick_rows = match layout {
            Layout::Table(_) => QUICK_NUMBERS / layout.width().max(1),
            _ => 0,
        };
        Ok(Self {
            task: signature.task,
            classes,
            positive,
            calibrator: signature.calibrator.clone(),
            features,
            outputs,
            levels,
            read_at_once,
            quick_rows,
            networks,
        })
    }

    /// The same model on another device, after a trial.
    fn moved(
        &self,
        spec: &NetworkSpec,
        weights: &[Parameters],
        device: DispatchDevice,
    ) -> Result<Self> {
        let layout = self.features.layout();
        let outputs = layout.outputs(self.task, self.classes);
        let placed = weights.iter().map(|weights| {
            let network = build(spec, &layout, outputs, weights, &device)?;
            Ok(Placed::Elsewhere(Box::new((network, device.clone()))))
        });
        let moved = Self {
            networks: placed.collect::<Result<_>>()?,
            features: self.features.clone(),
            calibrator: self.calibrator.clone(),
            ..*self
        };
        let probes = probes(&layout, PROBES, 0);
        let wanted = self.logits_of(&probes)?;
        for size in sizes(probes.width) {
            let data: Vec<f32> =
                probes.data.iter().copied().cycle().take(size * probes.width).collect();
            let found = moved.logits_of(&Matrix { rows: size, width: probes.width, data })?;
            let pairs = wanted.iter().cycle().zip(&found);
            // Written so that a NaN counts as disagreement.
            if !pairs.into_iter().all(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0)) {
                return Err(Error::new(
                    Code::DeviceUnavailable,
                    "the device's answers differ from the CPU's by more than 1e-5",
                ));
            }
        }
        Ok(moved)
    }

    /// Multiply-adds of one row, or as many where it is on a device.
    pub fn work(&self) -> u64 {
        let work = self.networks.iter().map(|network| match network {
            Placed::Cpu(network) => network.work() as u64,
            Placed::Elsewhere(_) => u64::MAX,
        });
        work.fold(0, u64::saturating_add)
    }

    /// Memory of what was made of the weights to be faster, beside them.
    pub fn table_bytes(&self) -> u64 {
        let bytes = self.networks.iter().map(|network| match network {
            Placed::Cpu(network) => network.table_bytes() as u64,
            Placed::Elsewhere(_) => 0,
        });
        bytes.sum()
    }

    pub fn is_on_cpu(&self) -> bool {
        self.networks.iter().all(|network| matches!(network, Placed::Cpu(_)))
    }

    /// Scores the rows of a frame, which may have columns besides the signature's inputs.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a column that is not there or has another type;
    /// [`Error::Internal`] when an output is not finite.
    pub fn predict(&self, frame: &Frame) -> Result<Outputs> {
        if frame.rows() <= self.read_at_once {
            return self.score(&self.features.transform(frame)?);
        }
        let mut all = Outputs { width: 0, values: Vec::new() };
        for start in (0..frame.rows()).step_by(self.read_at_once) {
            let part = frame.part(start, self.read_at_once)?;
            let Outputs { width, values } = self.score(&self.features.transform(&part)?)?;
            all.width = width;
            all.values.extend(values);
        }
        Ok(all)
    }

    /// Whether it reads windows of series: what it answers is then of the newest window of each.
    pub fn reads_windows(&self) -> bool {
        self.features.sequence().is_some()
    }

    /// Forecasts of the newest window of each series in a frame.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] for a series that is too short, and for times that don't order it;
    /// [`Error::Internal`] when an output is not finite.
    pub fn forecast(&self, frame: &Frame) -> Result<Vec<SeriesForecast>> {
        let newest = self.features.newest(frame)?;
        let values = self.score(&newest.inputs)?;
        let windows = values.values.chunks_exact(values.width.max(1));
        Ok(newest
            .entities
            .into_iter()
            .zip(newest.times)
            .zip(windows)
            .map(|((entity, from), values)| SeriesForecast {
                entity,
                from,
                values: values.to_vec(),
            })
            .collect())
    }

    /// Validation windows from which its intervals were learnt; None where it carries no intervals.
    pub fn calibrated_on(&self) -> Option<u64> {
        self.features.intervals().map(|intervals| intervals.windows)
    }

    /// Intervals round what [`LoadedModel::forecast`] gives of a series: low and high of each step and
    /// column. None of a coverage that the version does not carry.
    pub fn intervals(&self, forecast: &SeriesForecast, coverage: f64) -> Option<Vec<(f64, f64)>> {
        self.features.intervals_round(&forecast.values, coverage)
    }

    /// What is known of the values that a column had in the training rows; None of one that is not read,
    /// and where windows are read.
    pub fn known(&self, column: &str) -> Option<Known<'_>> {
        self.features.known(column)
    }

    /// The numbers that the network reads of the rows of a frame.
    ///
    /// # Errors
    /// As [`LoadedModel::predict`].
    pub fn inputs(&self, frame: &Frame) -> Result<Matrix> {
        self.features.transform(frame)
    }

    /// Whether a frame's numbers are made so quickly that it need not be done on the thread that
    /// puts them through the network.
    pub fn is_quick(&self, frame: &Frame) -> bool {
        frame.rows() <= self.quick_rows
    }

    /// Logits of the mean answer to inputs, `[rows, outputs]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when a device fails.
    pub fn logits_of(&self, inputs: &Matrix) -> Result<Vec<f64>> {
        let width = inputs.width.max(1);
        let together = chunk(width) * width;
        if (1..=together).contains(&inputs.data.len()) {
            return self.logits(&inputs.data, inputs.width);
        }
        let mut all = Vec::with_capacity(inputs.rows * self.outputs);
        for rows in inputs.data.chunks(together) {
            all.extend(self.logits(rows, inputs.width)?);
        }
        Ok(all)
    }

    pub(crate) fn score(&self, inputs: &Matrix) -> Result<Outputs> {
        let outputs = self.outputs.max(1);
        let width = if self.task == Task::Forecast { outputs } else { self.classes.max(1) };
        let mut values = Vec::with_capacity(inputs.rows * width);
        for row in self.logits_of(inputs)?.chunks_exact(outputs) {
            self.answer(row, &mut values);
        }
        if values.iter().all(|v| v.is_finite()) {
            return Ok(Outputs { width, values });
        }
        Err(Error::internal("scoring", "an output is not finite"))
    }

    /// Logits of the mean answer to rows of `width` inputs, `[rows, outputs]`.
    fn logits(&self, rows: &[f32], width: usize) -> Result<Vec<f64>> {
        let members = self.networks.iter().map(Placed::members).sum();
        let logits = match self.networks.as_slice() {
            [one] => one.logits(rows, width)?,
            several => {
                let mut all = Vec::new();
                for network in several {
                    all.extend(network.logits(rows, width)?);
                }
                all
            }
        };
        Ok(averaged(self.task, &logits, members, self.outputs.max(1)))
    }

    /// The same model with another calibrator.
    pub(crate) fn calibrated(self, calibrator: Option<Calibrator>) -> Self {
        Self { calibrator, ..self }
    }

    pub(crate) fn is_calibrated(&self) -> bool {
        self.calibrator.is_some()
    }

    /// The probabilities of several classes as they were learnt, `[rows, classes]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when a device fails.
    pub(crate) fn uncalibrated(&self, inputs: &Matrix) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(inputs.rows * self.classes);
        for row in self.logits_of(inputs)?.chunks_exact(self.outputs.max(1)) {
            softmax(row, &mut values);
        }
        Ok(values)
    }

    /// Probabilities of the positive class and of the other one.
    fn probabilities(&self, logit: f64) -> (f64, f64) {
        match &self.calibrator {
            None => (sigmoid(logit), sigmoid(-logit)),
            // Where it has no answer the one that is not finite is refused.
            Some(calibrator) => {
                let yes = calibrator.apply(logit).unwrap_or(f64::NAN);
                (yes, 1.0 - yes)
            }
        }
    }

    /// Appends the numbers of one row.
    fn answer(&self, logits: &[f64], values: &mut Vec<f64>) {
        match self.task {
            Task::Binary => {
                let logit = logits[0];
                let (yes, no) = self.probabilities(logit);
                values.extend(if self.positive == 0 { [yes, no] } else { [no, yes] });
            }
            Task::Multiclass => match &self.calibrator {
                None => softmax(logits, values),
                // Where it has no answer those that are not finite are refused.
                Some(calibrator) => {
                    let nothing = || vec![f64::NAN; logits.len()];
                    values.extend(calibrator.apply_to_classes(logits).unwrap_or_else(nothing));
                }
            },
            Task::Regression => {
                let scaled = logits[0];
                values.push(self.features.target().map_or(scaled, |scale| scale.undo(scaled)));
            }
            Task::Forecast => {
                let series = self.features.sequence().map_or(&[][..], |s| &s.series);
                let undone = logits.iter().enumerate().map(|(at, scaled)| {
                    let of = series.get(at / self.levels % series.len().max(1));
                    of.map_or(*scaled, |series| series.scale.undo(*scaled))
                });
                values.extend(undone);
            }
        }
    }
}

impl Placed {
    fn members(&self) -> usize {
        match self {
            Self::Cpu(network) => network.members(),
            Self::Elsewhere(placed) => placed.0.members(),
        }
    }

    /// `[members, rows, outputs]`.
    fn logits(&self, rows: &[f32], width: usize) -> Result<Vec<f32>> {
        match self {
            Self::Cpu(network) => network.logits(rows, width),
            Self::Elsewhere(placed) => filled(rows, width, placed.0.members(), |rows| {
                forward(&placed.0, rows, width, &placed.1)
            }),
        }
    }
}

/// The network of a version, and the weights of each that it consists of.
fn parted<'a>(
    spec: &'a TrainingSpec,
    weights: &[u8],
) -> Result<(&'a NetworkSpec, Vec<Parameters>)> {
    let network = spec.network.as_ref().ok_or_else(|| {
        Error::new(Code::InvalidData, "the version's specification names no network")
    })?;
    let count = spec.ensemble.as_ref().map_or(1, |e| (e.folds * e.seeds) as usize);
    Ok((network, weights::parted(weights::decode(weights)?, count)?))
}

pub(super) fn build<B: Backend>(
    spec: &NetworkSpec,
    layout: &Layout,
    outputs: usize,
    weights: &Parameters,
    device: &B::Device,
) -> Result<Network<B>> {
    let empty = Network::<B>::new(&served(spec), layout, outputs, &mut Builder::zeros(device));
    check_shapes(spec, &parameters(&empty)?, weights)?;
    restore(empty, weights)
}

/// Rows of so many inputs that go through a network at once.
fn chunk(width: usize) -> usize {
    (CHUNK_NUMBERS / width.max(1)).clamp(1, CHUNK)
}

/// [`SIZES`], where so many inputs are read.
fn sizes(width: usize) -> Vec<usize> {
    let mut sizes = SIZES.map(|size| size.min(chunk(width))).to_vec();
    sizes.dedup();
    sizes
}

/// Logits of some rows, `[members, rows, outputs]`, by those of one of [`SIZES`] of rows: zeros stand for
/// what is missing.
fn filled(
    rows: &[f32],
    width: usize,
    members: usize,
    logits: impl Fn(&[f32]) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let count = rows.len() / width.max(1);
    let size = sizes(width).into_iter().find(|size| *size >= count).unwrap_or(count);
    let mut whole = rows.to_vec();
    whole.resize(size * width, 0.0);
    let logits = logits(&whole)?;
    let of_member = logits.len() / members.max(1);
    let of_rows = of_member / size.max(1) * count;
    let each = logits.chunks_exact(of_member.max(1));
    Ok(each.flat_map(|member| member.iter().take(of_rows)).copied().collect())
}

/// Inputs of chance on which a device has to agree with the CPU.
pub(crate) fn probes(layout: &Layout, rows: usize, key: u64) -> Matrix {
    let width = layout.width();
    let bound = match layout {
        Layout::Text { buckets, .. } => *buckets as f32,
        _ => 2.0,
    };
    let mut rng = keyed(key, Purpose::Probe, 0, 0);
    let data = (0..rows * width).map(|_| symmetric(&mut rng, bound)).collect();
    Matrix { rows, width, data }
}

/// Logits of some rows, `[members, rows, outputs]`.
pub(crate) fn forward<B: Backend>(
    network: &Network<B>,
    rows: &[f32],
    width: usize,
    device: &B::Device,
) -> Result<Vec<f32>> {
    let shape = [rows.len() / width.max(1), width];
    let inputs = Tensor::from_data(TensorData::new(rows.to_vec(), shape), device);
    let logits = network.forward(inputs, None).into_data();
    logits.into_vec::<f32>().map_err(|e| format!("{e:?}")).context("reading logits")
}

fn check_shapes(spec: &NetworkSpec, expected: &Parameters, found: &Parameters) -> Result<()> {
    let bad = |detail: String| Err(Error::new(Code::InvalidData, detail));
    for (name, parameter) in expected {
        match found.get(name) {
            None => return bad(format!("the weights lack {name}")),
            Some(found) if found.shape != parameter.shape => {
                return bad(format!(
                    "the weights hold {name} as {:?}, the network needs {:?}",
                    found.shape, parameter.shape
                ));
            }
            Some(_) => {}
        }
    }
    let is_known = |name: &&String| expected.contains_key(*name) || is_beside(spec, name);
    match found.keys().find(|name| !is_known(name)) {
        Some(name) => bad(format!("the weights hold {name}, which the network does not have")),
        None => Ok(()),
    }
}

/// 1 / (1 + exp(-z)); exact to f64 in both tails.
pub(super) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

fn softmax(logits: &[f64], values: &mut Vec<f64>) {
    let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = || logits.iter().map(|z| (*z - greatest).exp());
    let sum: f64 = powers().sum();
    values.extend(powers().map(|p| p / sum));
}

#[cfg(test)]
mod tests;
