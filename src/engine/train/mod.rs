//! From a table and a specification to a version.

mod augment;
mod average;
mod baselines;
mod binning;
mod by_time;
mod check;
mod checkpoint;
mod ensemble;
mod estimate;
mod finish;
mod fit;
mod fitted;
mod footprint;
mod forecasting;
mod held_out;
mod hooks;
mod loss;
mod optimiser;
mod plan;
mod precision;
mod prepare;
mod prior;
mod probe;
mod rehearsal;
mod report;
mod rolling;
mod runs;
mod schedule;
mod scorecard;
mod search;
mod simplify;
mod start;
mod table;
mod target;
mod trial;
mod windows;

use std::time::{Duration, Instant};

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;

pub use self::binning::{BinnedTable, bin_columns};
pub(crate) use self::by_time::left_open;
pub use self::check::{check_columns, check_spec, known_task};
use self::ensemble::{Ensemble, Rows};
use self::estimate::{Job, Paced};
use self::finish::Finish;
use self::fit::{Data, Fit, Problem};
pub(crate) use self::footprint::floats;
pub(crate) use self::held_out::{Held, Wanted, held_out};
pub use self::hooks::{CheckpointPolicy, Control, EpochReport, Hooks, LastFinite, Relieved};
#[cfg(test)]
pub(crate) use self::loss::{Loss, batch_loss};
#[cfg(test)]
pub(crate) use self::optimiser::Optimiser;
pub(crate) use self::plan::Recipe;
use self::prepare::{Prepared, prepare};
pub(crate) use self::probe::{Probed, Sample, probe};
pub use self::rehearsal::{Drawn, Rehearsal, elementwise_times};
pub(crate) use self::rolling::{Block, Fitted, Foretold, fit_block};
use self::runs::{Runs, side_by_side};
pub use self::scorecard::ScorecardWeights;
use self::search::Found;
pub use self::simplify::{Parent, check_simplification, simplify};
pub use self::target::told_apart;
pub(crate) use self::target::{Truth, positive_of};
pub use self::windows::known_until;
use crate::domain::calibration::CalibrationChoice;
use crate::domain::cost::Cost;
use crate::domain::network::NetworkSpec;
use crate::domain::search::SearchRecord;
use crate::domain::simplification::Simplification;
use crate::domain::training::{EnsembleSpec, TrainingSpec};
use crate::domain::version::{Baseline, EpochLoss, Metrics, PartRows, Signature};
use crate::engine::device::{Device, peak_memory};
use crate::engine::features::FittedFeatures;
use crate::engine::infer::LoadedModel;
use crate::engine::networks::parameters::{Builder, Parameters, parameters};
use crate::engine::networks::{Network, multiply_adds};
use crate::error::Result;
use crate::frame::Frame;

/// A trained version, all but its number and where it is kept.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The specification as it was carried out, every default filled in.
    pub spec: TrainingSpec,
    pub signature: Signature,
    pub features: FittedFeatures,
    /// Of the test part, as the stored weights answer.
    pub metrics: Metrics,
    pub baselines: Vec<Baseline>,
    /// The configurations among which it was found, where it was searched for.
    pub search: Option<SearchRecord>,
    /// Of the first network, where several are averaged.
    pub curve: Vec<EpochLoss>,
    /// Safetensors, one f32 tensor per parameter by its path in the network, which each network
    /// documents: `hidden.0.weight`; of several networks, `networks.0.hidden.0.weight`.
    pub weights: Vec<u8>,
    /// What is read of the training rows that answers are explained against, as safetensors.
    pub background: Vec<u8>,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: u32,
    pub rows: PartRows,
    /// Trainable numbers.
    pub parameters: u64,
    /// Whether what class weights added to its logits, if any, is not in them any more.
    pub class_weights_taken_back: bool,
    /// `cpu` or `cuda:N`, with the SIMD level.
    pub device: String,
    /// What was noticed and gone on with.
    pub warnings: Vec<String>,
    /// Of training without baselines, reading and preparing the data.
    pub seconds: f64,
    /// In which the device trained, baselines included.
    pub device_seconds: f64,
    /// Of the clock, at least, however often it was interrupted: less than these where networks were
    /// trained side by side.
    pub least_seconds: f64,
    /// How its probabilities were calibrated (binary, multiclass).
    pub calibration: Option<CalibrationChoice>,
    /// From which version it was made, where it was made of one.
    pub simplification: Option<Simplification>,
}

impl Trained {
    /// The model as it is served, on the CPU.
    ///
    /// # Errors
    /// As [`LoadedModel::load`].
    pub fn model(&self) -> Result<LoadedModel> {
        LoadedModel::load(&self.signature, &self.spec, self.features.clone(), &self.weights)
    }
}

/// A validation loss above this share of that of always answering the same is warned about.
const HARDLY_BETTER: f64 = 0.995;
/// How long the steps of one network are measured before a job begins.
const ESTIMATING: Duration = Duration::from_millis(400);

/// Trains a version on the rows of a table, and simpler networks beside it. `resume` is what a
/// checkpoint of the same job held: on one build and SIMD level of a CPU it then ends in the same
/// bits as if it had never been interrupted.
///
/// The weights of the best epoch are kept: that of the lowest validation loss, or of the greatest
/// figure that the specification names. Class weights are scaled so that a row weighs 1 on average.
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
    train_from(frame, spec, None, resume, hooks)
}

/// As [`train`], from the weights on that the specification's `start` stands for, as
/// [`LastFinite`] has them; random ones where there are none.
///
/// # Errors
/// As [`train`]; [`crate::error::Code::InvalidSpec`] where the weights don't fit the network.
pub fn train_from(
    frame: &Frame,
    spec: &TrainingSpec,
    start: Option<&[u8]>,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Trained> {
    check_spec(spec)?;
    let began = Instant::now();
    let mut prepared = prepare(frame, spec, None)?;
    if let Some(start) = start {
        start::begin_with(&mut prepared, start)?;
    }
    carry_out(&mut prepared, spec, resume, hooks, began)
}

/// Trains what was prepared since `began`.
fn carry_out(
    prepared: &mut Prepared,
    spec: &TrainingSpec,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
    began: Instant,
) -> Result<Trained> {
    let preparing = began.elapsed().as_secs_f64();
    let Prepared { recipe, data, .. } = &*prepared;
    let parameters = count_parameters(recipe, data)?;
    let work = multiply_adds(&recipe.network, &data.layout, parameters);
    let device = precision::device(spec, recipe, data, work * recipe.batch_size as u64 * 3)?;
    let before = Runs::settled_before(resume, &prepared.fingerprint);
    let problem = Problem { data, recipe };
    let settled = trial::settled(device, &spec.device, &problem, before, hooks)?;
    let device = settled.device;
    prepared.warnings.extend(settled.notice.clone());
    let ensemble = size_of(prepared);
    if resume.is_none() {
        let (simpler, _) = simpler(prepared);
        let threads = side_by_side(hooks, device);
        hooks.estimate(&mut || {
            estimate(prepared, spec, &simpler, device, (preparing, parameters), threads)
        })?;
    }
    let at_once = side_by_side(hooks, device);
    let fingerprint = prepared.fingerprint.clone();
    let mut runs = Runs::new(settled, fingerprint, planned(prepared), resume, hooks);
    let found = search::search(&mut runs, prepared, spec)?;
    let Prepared { recipe, data, .. } = &*prepared;
    let (simpler, left_out) = simpler(prepared);
    // Of several folds none is trained on the rows that the search had.
    let is_ready = ensemble.folds == 1;
    if let Some(Found { fit, stretches, .. }) = &found {
        runs.plan(planned(prepared));
        runs.leave_search(*stretches, Some(fit).filter(|_| is_ready))?;
    }
    let rows = Rows { parts: data, all: prepared.refit.as_ref().map(|refit| &refit.data) };
    let may_prolong = spec.epochs.is_none() && recipe.network.has_members();
    let ensemble = Ensemble { rows, recipe, size: ensemble, may_prolong };
    let networks = ensemble.networks();
    let learnt =
        runs.each(networks + simpler.len(), |chain, number| match number.checked_sub(networks) {
            None => ensemble.train(chain, number).map(Learnt::Own),
            Some(beside) => {
                let trained = baselines::train(chain, &simpler[beside], spec, rows)?;
                Ok(Learnt::Simpler(trained.map(Box::new)))
            }
        })?;
    let (mut fits, mut simple, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for learnt in learnt {
        match learnt {
            Learnt::Own(fit) => fits.push(fit),
            Learnt::Simpler(Ok(trained)) => simple.push(*trained),
            Learnt::Simpler(Err(warning)) => warnings.push(warning),
        }
    }
    let mut folds = ensemble.folds(fits);
    if by_time::is_open(spec, &data.layout) {
        warnings.extend(by_time::choose(prepared, &mut folds, &mut simple)?);
    }
    prepared.warnings.extend(left_out);
    prepared.warnings.extend(warnings);
    let parameters = count_parameters(&prepared.recipe, prepared.served_data())?;
    let finish = Finish { prepared, folds: &folds, device, parameters, served: None };
    let mut trained = finish.version(&simple)?;
    let chains = networks + simple.len();
    trained.least_seconds = trained.device_seconds / at_once.min(chains) as f64;
    if let Some(Found { record, fit, warning, .. }) = found {
        let searching = record.seconds - if is_ready { fit.seconds } else { 0.0 };
        trained.device_seconds += searching;
        trained.least_seconds += searching;
        trained.warnings.extend(warning);
        trained.search = Some(record);
    }
    Ok(trained)
}

/// What one of a job's networks has come to.
enum Learnt {
    Own(Fit),
    Simpler(std::result::Result<Box<baselines::Trained>, String>),
}

/// Folds and seeds, one of each at least.
fn size_of(prepared: &Prepared) -> EnsembleSpec {
    let EnsembleSpec { folds, seeds } = prepared.spec.ensemble.clone().unwrap_or_default();
    EnsembleSpec { folds: folds.max(1), seeds: seeds.max(1) }
}

/// The simpler networks that are trained beside it, and what is said of those that are not.
fn simpler(Prepared { spec, recipe, data, .. }: &Prepared) -> (Vec<NetworkSpec>, Vec<String>) {
    match spec.baselines {
        true => baselines::simpler(&recipe.network, data),
        false => (Vec::new(), Vec::new()),
    }
}

/// Trainings that a job will ask for, but for those of a search.
fn planned(prepared: &Prepared) -> usize {
    let EnsembleSpec { folds, seeds } = size_of(prepared);
    let networks = (folds * seeds) as usize + simpler(prepared).0.len();
    networks * (1 + usize::from(prepared.refit.is_some()))
}

/// What is expected of a job whose rows are prepared.
fn estimate(
    prepared: &Prepared,
    spec: &TrainingSpec,
    simpler: &[NetworkSpec],
    device: Device,
    (preparing, parameters): (f64, u64),
    threads: usize,
) -> Result<Cost> {
    let Prepared { recipe, data, rows, .. } = prepared;
    let ensemble = size_of(prepared);
    let measure = |recipe: Recipe| Paced::measure(data, recipe, device, ESTIMATING, &mut || false);
    let network = measure(recipe.clone())?;
    let beside = simpler
        .iter()
        .map(|s| {
            measure(Recipe::of_baseline(spec, s.clone(), &data.layout, data.train.inputs.rows))
        })
        .collect::<Result<Vec<_>>>()?;
    // A step of each network has been held by now; what comes on top are weights that are kept, and
    // the rows of one fold, which are let go when it is over.
    let networks = u64::from(ensemble.folds * ensemble.seeds);
    let at_once = (threads as u64).min(networks);
    // Of each that is trained at once: its weights, gradients, moments, best weights, checkpoint.
    let weights = parameters * 4 * (networks + 4 + 8 * (at_once - 1));
    let width = data.layout.width() + data.train.targets.width;
    let rows_of_fold = match ensemble.folds {
        1 => 0,
        _ => (rows.train + rows.validation) * width as u64 * 4 * at_once,
    };
    let search = spec.search.as_ref();
    let kept = search.map_or(0, |asked| search::kept_bytes(asked, parameters));
    let job = Job {
        rows: *rows,
        ensemble: &ensemble,
        refits: prepared.refit.is_some(),
        search,
        preparing,
        device,
        threads,
        memory_bytes: peak_memory()? + weights + rows_of_fold + kept,
    };
    Ok(job.cost(&network, beside.iter()))
}

fn count_parameters(recipe: &Recipe, data: &Data) -> Result<u64> {
    Ok(zeros(recipe, data)?.values().map(|p| p.values.len() as u64).sum())
}

/// The parameters of a recipe's network, none of them set.
fn zeros(recipe: &Recipe, data: &Data) -> Result<Parameters> {
    let device = FlexDevice;
    let mut builder = Builder::<Flex>::zeros(&device);
    let layout = recipe.layout(&data.layout);
    let network = Network::new(&recipe.network, &layout, data.outputs, &mut builder);
    parameters(&network)
}

#[cfg(test)]
mod tests;
