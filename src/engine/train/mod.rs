//! From a table and a specification to a version.

mod check;
mod checkpoint;
mod fit;
mod hooks;
mod loss;
mod optimiser;
mod plan;
mod prepare;
mod report;
mod target;

use burn::backend::cuda::CudaDevice;
use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::{Dispatch, DispatchDevice};

pub use self::check::{check_columns, check_spec};
use self::fit::{Fit, Problem, fit};
pub use self::hooks::{CheckpointPolicy, Control, EpochReport, Hooks};
use self::prepare::{Prepared, prepare};
use crate::domain::model::Task;
use crate::domain::training::{ClassWeights, TrainingSpec};
use crate::domain::version::{EpochLoss, Metrics, PartRows, Signature};
use crate::engine::device::Device;
use crate::engine::features::FittedFeatures;
use crate::engine::infer::LoadedModel;
use crate::engine::networks::Network;
use crate::engine::networks::parameters::{Builder, parameters};
use crate::engine::weights;
use crate::error::Result;
use crate::frame::Frame;

/// A trained version, all but its number and where it is kept.
#[derive(Debug)]
pub struct Trained {
    /// The specification as it was carried out, every default filled in.
    pub spec: TrainingSpec,
    pub signature: Signature,
    pub features: FittedFeatures,
    /// Of the test part, as the stored weights answer.
    pub metrics: Metrics,
    pub curve: Vec<EpochLoss>,
    /// Safetensors, one f32 tensor per parameter by its path: `hidden.0.weight` `[inputs, units]`,
    /// `hidden.0.bias`, ..., `output.weight`, `output.bias`.
    pub weights: Vec<u8>,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: u32,
    pub rows: PartRows,
    /// Trainable numbers.
    pub parameters: u64,
    /// `cpu` or `cuda:N`, with the SIMD level.
    pub device: String,
    /// What was noticed and gone on with.
    pub warnings: Vec<String>,
    /// Of training, without reading and preparing the data.
    pub seconds: f64,
}

/// A validation loss above this share of that of always answering the same is warned about.
const HARDLY_BETTER: f64 = 0.995;

/// Trains a version on the rows of a table. `resume` is what a checkpoint of the same training
/// held: on one build and SIMD level of a CPU it then ends in the same bits as if it had never
/// been interrupted.
///
/// The learning rate rises over the first twentieth of the planned steps, then falls to 0 along a
/// cosine; gradients are clipped to a global norm of 1; the weights of the epoch with the lowest
/// validation loss are kept. Class weights are scaled so that a row weighs 1 on average.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming the fields that the data refute,
/// [`crate::error::Code::DeviceUnavailable`], [`crate::error::Code::Diverged`] when a loss or a
/// weight is not finite, [`crate::error::Code::Cancelled`] when the hooks say so.
pub fn train(
    frame: &Frame,
    spec: &TrainingSpec,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Trained> {
    check_spec(spec)?;
    let prepared = prepare(frame, spec)?;
    let problem = &prepared.problem;
    let parameters = count_parameters(problem)?;
    let device = Device::for_work(&spec.device, parameters * problem.recipe.batch_size as u64 * 3)?;
    let fitted = run(device, problem, resume, hooks)?;
    finish(prepared, fitted, device, parameters)
}

/// The one place where a device becomes a backend: everything generic is compiled once for each.
///
/// A GPU is reached through burn's `Dispatch`, whose operations are compiled with burn: with its
/// CUDA backend itself every kernel would be compiled into this crate, for minutes.
fn run(
    device: Device,
    problem: &Problem,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Fit> {
    match device {
        Device::Cpu => fit::<Autodiff<Flex>>(&FlexDevice, problem, resume, hooks),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(CudaDevice::new(number));
            fit::<Dispatch>(&device, problem, resume, hooks)
        }
    }
}

fn count_parameters(problem: &Problem) -> Result<u64> {
    let device = FlexDevice;
    let mut builder = Builder::<Flex>::zeros(&device);
    let outputs = problem.train.targets.width;
    let network = Network::new(&problem.recipe.network, &problem.layout, outputs, &mut builder);
    Ok(parameters(&network)?.values().map(|p| p.values.len() as u64).sum())
}

/// Threshold and metrics, of the model as it will be served.
fn finish(prepared: Prepared, fitted: Fit, device: Device, parameters: u64) -> Result<Trained> {
    let Prepared { mut spec, problem, test, features, inputs, classes, rows, mut warnings } =
        prepared;
    let Problem { task, positive, validation, guess, .. } = problem;
    let weights = weights::encode(&fitted.weights)?;
    let mut signature = Signature {
        task,
        inputs,
        target: spec.target.clone(),
        positive_class: spec.positive_class.clone(),
        classes,
        threshold: None,
    };
    let model = LoadedModel::load(&signature, &spec, features.clone(), &weights)?;
    if let (Task::Binary, Some(positive), Some(truth)) =
        (task, positive, validation.truth.classes())
    {
        let scores = model.score(&validation.inputs)?.values;
        let scores = report::positive_scores(&scores, positive);
        let truth = report::is_positive(truth, positive);
        let (threshold, warning) = report::threshold(&spec.threshold, &scores, &truth);
        signature.threshold = Some(threshold);
        warnings.extend(warning);
    }
    let answers = model.score(&test.0)?.values;
    let metrics = report::metrics(
        task,
        &signature.classes,
        positive,
        signature.threshold,
        &answers,
        &test.1,
    )?;
    let best = fitted.curve.iter().map(|l| l.validation_loss).fold(f64::INFINITY, f64::min);
    if best > HARDLY_BETTER * guess && spec.class_weights == ClassWeights::None {
        warnings.push(format!(
            "the validation loss {best:.4} is hardly better than the {guess:.4} of always answering \
             the same: the columns tell little of the target, or training went wrong"
        ));
    }
    spec.device = device.name();
    Ok(Trained {
        spec,
        signature,
        features,
        metrics,
        curve: fitted.curve,
        weights,
        best_epoch: fitted.best_epoch,
        rows,
        parameters,
        device: device.description(),
        warnings,
        seconds: fitted.seconds,
    })
}

#[cfg(test)]
mod tests;
